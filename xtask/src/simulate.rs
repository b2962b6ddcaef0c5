//! `cargo xtask simulate --seed N`: the simulation once more, from the seed that a failure printed.
//!
//! The seed reaches the tests in `COUNTERSIGN_SEED`; the one that plays it tells its story.

use anyhow::Result;

use crate::Misuse;
use crate::workspace::{self, cargo};

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let seed = parse(arguments)?;
    let mut command = cargo(["test", "-p", "simulation", "--", "--nocapture", "no_seed_breaks_a_law"]);
    workspace::run(command.env("COUNTERSIGN_SEED", seed.to_string()))
}

fn parse(arguments: &[String]) -> Result<u64, Misuse> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = match words.as_slice() {
        ["--seed", number] => number,
        [joined] => joined.strip_prefix("--seed=").unwrap_or_default(),
        _ => "",
    };
    number.parse().map_err(|_| Misuse("`simulate` needs `--seed N`, N a whole number".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_whole_number_after_its_flag() {
        let parsed = |text: &str| {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            parse(&words).ok()
        };
        assert_eq!(parsed("--seed 42"), Some(42));
        assert_eq!(parsed("--seed=42"), Some(42));
        assert_eq!(parsed("42"), None);
        assert_eq!(parsed("--seed x"), None);
        assert_eq!(parsed("--seed"), None);
        assert_eq!(parsed(""), None);
    }
}
