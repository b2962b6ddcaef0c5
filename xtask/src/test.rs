//! `cargo xtask test`: everything a change must pass, in the order in which it fails fastest.
//!
//! With arguments it is the developer's quick loop: the tests alone. The built binary's absolute path is
//! handed to the tests in `COUNTERSIGN_BIN`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::setup::{self, Purpose};
use crate::steps::Steps;
use crate::tidy;
use crate::workspace::{self, Profile, cargo};

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut steps = Steps::start();
    if arguments.is_empty() {
        everything(&mut steps)?;
    } else {
        quick(&mut steps, arguments)?;
    }
    steps.finish();
    Ok(())
}

/// All steps, each in the given run.
pub(crate) fn everything(steps: &mut Steps) -> Result<()> {
    steps.run("setup", || setup::ensure(Purpose::Test))?;
    steps.run("fmt", || workspace::run(&mut cargo(["fmt", "--all", "--check"])))?;
    steps.run("tidy", tidy::check)?;
    steps.run("clippy", || workspace::run(&mut clippy()))?;
    steps.run("doc", || {
        let mut doc = cargo(["doc", "--workspace", "--no-deps"]);
        workspace::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    let binary = steps.run("build", || workspace::build_countersign(Profile::Dev))?;
    steps.run("test", || workspace::run(&mut tests(Some(&binary), &[])))
}

fn quick(steps: &mut Steps, arguments: &[String]) -> Result<()> {
    steps.run("setup", || setup::ensure(Purpose::Test))?;
    let binary = if needs_binary(arguments) {
        Some(steps.run("build", || workspace::build_countersign(Profile::Dev))?)
    } else {
        None
    };
    steps.run("test", || workspace::run(&mut tests(binary.as_deref(), arguments)))
}

fn clippy() -> Command {
    cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn tests(binary: Option<&Path>, arguments: &[String]) -> Command {
    let mut command = cargo(["test"]);
    if packages(arguments).is_empty() {
        command.arg("--workspace");
    }
    command.args(arguments);
    if let Some(binary) = binary.map(PathBuf::from) {
        command.env("COUNTERSIGN_BIN", binary);
    }
    command
}

/// Only e2e runs the built binary: tests of other packages need not wait for it.
fn needs_binary(arguments: &[String]) -> bool {
    let packages = packages(arguments);
    packages.is_empty() || packages.contains(&"e2e")
}

/// The packages that cargo's `-p`/`--package` name in these arguments (before `--`).
fn packages(arguments: &[String]) -> Vec<&str> {
    let mut found = Vec::new();
    let mut words = arguments.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "-p" || word == "--package" {
            found.extend(words.next().map(String::as_str));
        } else if let Some(name) = word.strip_prefix("--package=").or_else(|| word.strip_prefix("-p")) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn without_packages_the_whole_workspace_is_tested() {
        let line = workspace::command_line(&tests(None, &words("a_digest -- --nocapture")));
        assert!(line.ends_with(" test --workspace a_digest -- --nocapture"), "{line}");
    }

    #[test]
    fn a_named_package_is_tested_alone() {
        let line = workspace::command_line(&tests(None, &words("-p model")));
        assert!(line.ends_with(" test -p model"), "{line}");
    }

    #[test]
    fn the_binary_is_built_unless_packages_without_e2e_are_named() {
        assert!(needs_binary(&words("an_expired_review")));
        assert!(needs_binary(&words("-p model --package=e2e")));
        assert!(needs_binary(&words("-- -p")));
        assert!(!needs_binary(&words("-p model --package gate")));
        assert!(!needs_binary(&words("-pmodel")));
    }
}
