//! Where the workspace is, and how its own cargo and other programs are run.
//!
//! Every program started here gets no stdin, so that nothing can wait for an answer. A failure names the
//! command line, as a person would type it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// How the product is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    let ours =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    ours.parent().map_or_else(|| ours.clone(), Path::to_path_buf)
}

/// The folder that build results and our logs go to.
pub(crate) fn target_dir() -> PathBuf {
    chosen_target_dir().unwrap_or_else(|| root().join("target"))
}

/// CARGO_TARGET_DIR as the caller meant it: relative to the folder they stand in, not to the root.
fn chosen_target_dir() -> Option<PathBuf> {
    let chosen = std::env::var_os("CARGO_TARGET_DIR")?;
    std::path::absolute(chosen).ok()
}

/// The workspace's cargo, in the root folder, without what the outer cargo said about xtask itself.
pub(crate) fn cargo<I, S>(arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_about_xtask) {
            command.env_remove(name);
        }
    }
    if let Some(folder) = chosen_target_dir() {
        command.env("CARGO_TARGET_DIR", folder);
    }
    command
}

/// `cargo run` describes xtask's package to it; handed on, that would make build scripts run again.
fn is_about_xtask(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_")
        || variable.starts_with("CARGO_MANIFEST_")
        || variable == "CARGO_BIN_NAME"
        || variable == "CARGO_CRATE_NAME"
}

/// Runs a program to its end with output shown; an error if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    let status = command.status().with_context(|| format!("could not start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Runs a program quietly; its stdout, or nothing if it is missing or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What a person would type for this command.
pub(crate) fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy()];
    words.extend(command.get_args().map(OsStr::to_string_lossy));
    words.join(" ")
}

/// Builds the product and returns the absolute path of its binary, as cargo itself tells it.
pub(crate) fn build_countersign(profile: Profile) -> Result<PathBuf> {
    let mut command = cargo(["build", "-p", "countersign", "--bin", "countersign"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    let line = command_line(&command);
    let output = command
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("could not start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` ended with {}", output.status);
    }
    executable(&String::from_utf8_lossy(&output.stdout), "countersign")
        .with_context(|| format!("`{line}` built no binary"))
}

/// The path of the binary target `name` in cargo's JSON messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let ours = message["reason"] == "compiler-artifact" && message["target"]["name"] == name;
        ours.then(|| message["executable"].as_str().map(PathBuf::from))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"model"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"countersign"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"countersign"},"executable":"/t/debug/countersign"}
{"reason":"build-finished","success":true}"#;
        let found = executable(messages, "countersign");
        assert_eq!(found, Some(PathBuf::from("/t/debug/countersign")));
        assert_eq!(executable(messages, "bench"), None);
    }

    #[test]
    fn a_failed_program_is_named_with_its_command_line() {
        let error = run(Command::new("false").arg("--now")).unwrap_err();
        assert!(error.to_string().starts_with("`false --now` ended with"));
    }
}
