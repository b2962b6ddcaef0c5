//! The packages of npm that the end-to-end tests' scripts for node stand on, in the versions that their lock file names.
//!
//! Debian's own drivers for node cannot be installed beside a node that is not Debian's. Nothing of a package is run
//! when it is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace;

/// The folder with `package.json` and its lock file.
pub(super) struct Modules(PathBuf);

impl Modules {
    pub(super) fn of_the_tests() -> Self {
        Self(workspace::root().join("e2e").join("clients"))
    }

    /// Is there what the lock file names?
    pub(super) fn are_there(&self) -> bool {
        let read = |path: &Path| fs::read(path).ok();
        read(&self.installed()).is_some_and(|installed| read(&self.lock()) == Some(installed))
    }

    pub(super) fn install(&self) -> Result<()> {
        eprintln!("setup: installing what {} names with npm", self.lock().display());
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&self.0);
        workspace::run(&mut npm)?;
        // From here on they count as installed.
        fs::copy(self.lock(), self.installed()).context("could not note down what was installed")?;
        Ok(())
    }

    fn lock(&self) -> PathBuf {
        self.0.join("package-lock.json")
    }

    /// A copy of the lock file that was installed.
    fn installed(&self) -> PathBuf {
        self.0.join("node_modules").join(".installed.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_there_until_the_lock_file_changes() {
        let folder = std::env::temp_dir().join(format!("xtask-modules-{}", std::process::id()));
        fs::create_dir_all(folder.join("node_modules")).unwrap();
        let modules = Modules(folder.clone());
        assert!(!modules.are_there());
        fs::write(modules.lock(), "one").unwrap();
        assert!(!modules.are_there());
        fs::copy(modules.lock(), modules.installed()).unwrap();
        assert!(modules.are_there());
        fs::write(modules.lock(), "two").unwrap();
        assert!(!modules.are_there());
        fs::remove_dir_all(folder).unwrap();
    }
}
