//! Installing Debian packages with apt-get, without starting a service or creating a database cluster.
//!
//! `install.sh` does it and puts everything else back; here are the rights, the log and what to tell a person
//! who has to do it by hand.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace::{answer, target_dir};

/// How this process may change the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    Root,
    Sudo,
    None,
}

const SCRIPT: &str = include_str!("install.sh");
const LINES_SHOWN: usize = 20;

impl Rights {
    pub(super) fn of_this_process() -> Self {
        if answer(Command::new("id").arg("-u")).as_deref() == Some("0") {
            return Self::Root;
        }
        match answer(Command::new("sudo").args(["-n", "true"])) {
            Some(_) => Self::Sudo,
            None => Self::None,
        }
    }
}

/// Can packages be installed here without asking anybody?
pub(super) fn possible(rights: Rights) -> bool {
    rights != Rights::None && has_apt()
}

/// What a person has to do to get these packages.
pub(super) fn advice(packages: &[&str]) -> String {
    if !has_apt() {
        return format!(
            "install by this system's own means what brings the programs above (in Debian: {})",
            packages.join(" ")
        );
    }
    format!("to install what is missing:\n  {}", by_hand(packages))
}

fn by_hand(packages: &[&str]) -> String {
    format!(
        "sudo apt-get update && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {}",
        packages.join(" ")
    )
}

/// Installs the packages; apt-get's own words go to the log.
pub(super) fn install(packages: &[&str], rights: Rights) -> Result<()> {
    let path = log_file();
    eprintln!("setup: installing {} with apt-get (log: {})", packages.join(" "), path.display());
    let log = open(&path)?;
    let status = script(packages, rights)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()
        .context("could not start the installation")?;
    if !status.success() {
        eprintln!("{}", tail(&fs::read_to_string(&path).unwrap_or_default()));
        bail!("apt-get failed ({status}); its whole output is in {}", path.display());
    }
    Ok(())
}

pub(super) fn log_file() -> PathBuf {
    target_dir().join("xtask").join("setup.log")
}

fn open(path: &Path) -> Result<File> {
    let told = || format!("could not write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(told)?;
    }
    File::create(path).with_context(told)
}

fn script(packages: &[&str], rights: Rights) -> Command {
    let mut command = Command::new("sh");
    if rights == Rights::Sudo {
        command = Command::new("sudo");
        command.args(["-n", "sh"]);
    }
    command.args(["-c", SCRIPT, "install.sh"]).args(packages);
    command
}

fn has_apt() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join("apt-get").is_file())
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests;
