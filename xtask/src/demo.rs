//! `cargo xtask demo`: from a fresh clone to the running demo in one command.
//!
//! Needs only what building needs, never a server. Becomes the demo: stdio, signals and exit code are its own.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::{self, Purpose};
use crate::workspace::{self, Profile};

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup::ensure(Purpose::Build)?;
    let binary = workspace::build_countersign(Profile::Dev)?;
    let error = Command::new(&binary).arg("demo").args(without_dashes(arguments)).exec();
    Err(error).with_context(|| format!("could not start `{}`", binary.display()))
}

/// `cargo xtask demo -- --auto` means the same as `cargo xtask demo --auto`.
pub(crate) fn without_dashes(arguments: &[String]) -> &[String] {
    match arguments.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_dashes_are_dropped_once() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        assert_eq!(without_dashes(&words("-- --auto")), words("--auto"));
        assert_eq!(without_dashes(&words("-- -- a")), words("-- a"));
        assert_eq!(without_dashes(&words("--auto --")), words("--auto --"));
    }
}
