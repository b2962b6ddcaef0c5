//! `cargo xtask fuzz`: libFuzzer on the parsers.
//!
//! Committed inputs (`fuzz/corpus`) are read; what a run finds goes to `fuzz/corpus-work`, which git ignores.
//! Needs the nightly toolchain and cargo-fuzz, and says so when one is missing. The committed inputs alone are
//! replayed by the tests of `fuzz`, on any toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{Misuse, workspace};

/// Which targets to fuzz, and for how long each.
#[derive(Debug, PartialEq)]
struct Plan {
    target: Option<String>,
    seconds: u64,
}

const DEFAULT_SECONDS: u64 = 60;

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let plan = parse(arguments)?;
    let targets = chosen(&plan, targets()?)?;
    need_tools()?;
    for target in targets {
        let work = folder().join("corpus-work").join(&target);
        fs::create_dir_all(&work).with_context(|| format!("could not create {}", work.display()))?;
        let limit = format!("-max_total_time={}", plan.seconds);
        let mut folders = vec![work];
        folders.extend(corpus(&target));
        workspace::run(&mut cargo_fuzz(&target, &folders, &limit))?;
    }
    Ok(())
}

fn folder() -> PathBuf {
    workspace::root().join("fuzz")
}

/// The committed inputs of a target, if it has any.
fn corpus(target: &str) -> Option<PathBuf> {
    Some(folder().join("corpus").join(target)).filter(|folder| folder.is_dir())
}

/// The names of the files in `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>> {
    let folder = folder().join("fuzz_targets");
    let Ok(entries) = fs::read_dir(&folder) else {
        return Err(Misuse("there are no fuzz targets yet: no `fuzz/fuzz_targets`".to_owned()).into());
    };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| target_name(&entry.path())).collect();
    names.sort();
    Ok(names)
}

fn target_name(path: &Path) -> Option<String> {
    if path.extension()? != "rs" {
        return None;
    }
    Some(path.file_stem()?.to_str()?.to_owned())
}

fn chosen(plan: &Plan, targets: Vec<String>) -> Result<Vec<String>, Misuse> {
    match &plan.target {
        None => Ok(targets),
        Some(name) if targets.contains(name) => Ok(vec![name.clone()]),
        Some(name) => Err(Misuse(format!("no fuzz target `{name}`; there are: {}", targets.join(", ")))),
    }
}

/// rustup's cargo, not this workspace's: `+nightly` is rustup's word.
fn nightly<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").args(arguments).current_dir(folder()).stdin(Stdio::null());
    command
}

fn cargo_fuzz(target: &str, folders: &[PathBuf], option: &str) -> Command {
    let mut command = nightly(["fuzz", "run", "--features", "libfuzzer", target]);
    command.args(folders).args(["--", option]);
    // The release profile is for the product: here linking is to be fast, and a crash to be read.
    command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_STRIP", "none");
    command
}

fn need_tools() -> Result<()> {
    if workspace::answer(&mut nightly(["--version"])).is_none() {
        bail!("fuzzing needs the nightly toolchain; install it with `rustup toolchain install nightly`");
    }
    if workspace::answer(&mut nightly(["fuzz", "--version"])).is_none() {
        bail!("fuzzing needs cargo-fuzz; install it with `cargo install --locked cargo-fuzz`");
    }
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Plan, Misuse> {
    let mut plan = Plan { target: None, seconds: DEFAULT_SECONDS };
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if word == "--seconds" {
            plan.seconds = seconds(words.next().unwrap_or_default())?;
        } else if let Some(number) = word.strip_prefix("--seconds=") {
            plan.seconds = seconds(number)?;
        } else if word.starts_with('-') || plan.target.is_some() {
            return Err(Misuse(format!("`fuzz` does not know `{word}`")));
        } else {
            plan.target = Some(word.to_owned());
        }
    }
    Ok(plan)
}

fn seconds(number: &str) -> Result<u64, Misuse> {
    number.parse().map_err(|_| Misuse("`--seconds` needs a whole number".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Plan> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        parse(&words).ok()
    }

    fn plan(target: Option<&str>, seconds: u64) -> Plan {
        Plan { target: target.map(str::to_owned), seconds }
    }

    #[test]
    fn target_and_time_are_both_optional() {
        assert_eq!(parsed(""), Some(plan(None, 60)));
        assert_eq!(parsed("--seconds 5 sql"), Some(plan(Some("sql"), 5)));
        assert_eq!(parsed("sql --seconds=5"), Some(plan(Some("sql"), 5)));
        assert_eq!(parsed("sql http"), None);
        assert_eq!(parsed("--seconds"), None);
        assert_eq!(parsed("--jobs 2"), None);
    }

    #[test]
    fn an_unknown_target_is_refused_with_the_known_ones() {
        let known = vec!["mcp".to_owned(), "sql".to_owned()];
        let all = chosen(&plan(None, 1), known.clone()).unwrap();
        assert_eq!(all, known);
        let refused = chosen(&plan(Some("sqll"), 1), known).unwrap_err();
        assert!(refused.to_string().contains("mcp, sql"));
    }
}
