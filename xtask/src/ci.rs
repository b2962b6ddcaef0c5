//! `cargo xtask ci`: what CI runs, the same on a laptop.
//!
//! All of `test`, then what needs the network or more tools: cargo-deny, one crypto library.

use std::process::{Output, Stdio};

use anyhow::{Context, Result, bail};

use crate::steps::Steps;
use crate::workspace::{self, cargo};
use crate::{Misuse, test};

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some(first) = arguments.first() {
        return Err(Misuse(format!("`ci` takes no arguments, got `{first}`")).into());
    }
    let mut steps = Steps::start();
    test::everything(&mut steps)?;
    steps.run("deny", deny)?;
    steps.run("one crypto library", no_ring)?;
    steps.finish();
    Ok(())
}

/// Licences, advisories, bans and sources, by `deny.toml`.
fn deny() -> Result<()> {
    if workspace::answer(&mut cargo(["deny", "--version"])).is_none() {
        bail!("cargo-deny is missing; install it with `cargo install --locked cargo-deny`");
    }
    workspace::run(&mut cargo(["deny", "check"]))
}

/// The lock file may list ring; nothing that is built may use it.
fn no_ring() -> Result<()> {
    let output = cargo(["tree", "--workspace", "--target", "all", "-i", "ring"])
        .stderr(Stdio::piped())
        .output()
        .context("could not start `cargo tree`")?;
    judge_tree(&output)
}

fn judge_tree(output: &Output) -> Result<()> {
    let users = String::from_utf8_lossy(&output.stdout);
    if !users.trim().is_empty() {
        bail!("a second crypto library is built in; who brings it:\n{users}");
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && !complaint.contains("did not match any packages") {
        bail!("`cargo tree` failed: {complaint}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn tree(code: i32, stdout: &str, stderr: &str) -> Output {
        Output { status: ExitStatus::from_raw(code << 8), stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn a_tree_that_holds_ring_fails() {
        assert!(judge_tree(&tree(0, "ring v0.17.14\n└── rustls", "")).is_err());
    }

    #[test]
    fn an_empty_tree_or_an_unknown_package_passes() {
        assert!(judge_tree(&tree(0, "", "warning: nothing to print.")).is_ok());
        let unknown = "error: package ID specification `ring` did not match any packages";
        assert!(judge_tree(&tree(101, "", unknown)).is_ok());
    }

    #[test]
    fn a_tree_that_could_not_be_drawn_fails() {
        assert!(judge_tree(&tree(101, "", "error: failed to parse manifest")).is_err());
    }
}
