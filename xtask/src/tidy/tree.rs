//! The files of the workspace as text, read once for all checks.
//!
//! Paths are relative to the root, with `/`. What is not UTF-8 is not text and is left out.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::code;
use crate::workspace;

/// All text files.
pub(super) struct Tree {
    pub(super) files: Vec<File>,
}

/// One text file.
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
    code: OnceCell<String>,
}

impl Tree {
    /// Reads what git knows or would add; without git, everything but build results.
    pub(super) fn read() -> Result<Self> {
        let root = workspace::root();
        let paths = listed_by_git(&root).map_or_else(|| walk(&root), Ok)?;
        let files = paths.into_iter().filter_map(|path| {
            let text = fs::read_to_string(root.join(&path)).ok()?;
            Some(File::new(path, text))
        });
        Ok(Self { files: files.collect() })
    }

    /// The Rust files that are ours.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File::new((*path).to_owned(), (*text).to_owned());
        Self { files: files.iter().map(file).collect() }
    }
}

const OURS: [&str; 4] = ["crates/", "e2e/", "xtask/", "fuzz/"];

impl File {
    fn new(path: String, text: String) -> Self {
        Self { path, text, code: OnceCell::new() }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs") && OURS.iter().any(|folder| self.path.starts_with(folder))
    }

    /// The file's name without its folder.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The text with comments and the insides of literals blanked out; lines stay where they are.
    pub(super) fn code(&self) -> &str {
        self.code.get_or_init(|| code::code_only(&self.text))
    }
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let mut git = std::process::Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let listed = workspace::answer(&mut git)?;
    let mut paths: Vec<String> = listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    Some(paths)
}

fn walk(root: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let here = root.join(&folder);
        for entry in fs::read_dir(&here).with_context(|| format!("could not read {}", here.display()))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if !entry.file_type()?.is_dir() {
                paths.push(path.to_string_lossy().into_owned());
            } else if entry.file_name() != ".git" && entry.file_name() != "target" {
                folders.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rust_in_our_folders_is_ours() {
        let tree = Tree::of(&[
            ("crates/model/src/lib.rs", ""),
            ("crates/model/Cargo.toml", ""),
            ("docs/example.rs", ""),
            ("xtask/src/main.rs", ""),
        ]);
        let ours: Vec<&str> = tree.rust().map(|file| file.path.as_str()).collect();
        assert_eq!(ours, ["crates/model/src/lib.rs", "xtask/src/main.rs"]);
    }

    #[test]
    fn without_git_this_file_is_found_and_git_itself_is_not() {
        let paths = walk(&workspace::root()).unwrap();
        assert!(paths.iter().any(|path| path == "xtask/src/tidy/tree.rs"));
        assert!(!paths.iter().any(|path| path.starts_with(".git/")));
    }
}
