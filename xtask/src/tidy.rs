//! `cargo xtask tidy`: the rules of the house that no compiler lint knows, checked on the files themselves.
//!
//! Each check is one file under `tidy/`: a function from files to findings. Files that git ignores are not
//! looked at; files not yet committed are.

mod architecture;
mod callers;
mod code;
mod dead_files;
mod forbidden;
mod header;
mod length;
mod machine_paths;
mod names;
mod tree;

use std::fmt;

use anyhow::{Result, bail};

use self::tree::Tree;
use crate::{Misuse, arrows};

/// One thing that is wrong, and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, message: String) -> Self {
        Self { path: path.to_owned(), line, message }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match arguments.first() {
        Some(first) => Err(Misuse(format!("`tidy` takes no arguments, got `{first}`")).into()),
        None => check(),
    }
}

/// Runs every check and shows every finding; an error if there is one.
pub(crate) fn check() -> Result<()> {
    let tree = Tree::read()?;
    let mut findings = arrows::check()?;
    for check in CHECKS {
        findings.extend(check(&tree));
    }
    findings.sort();
    findings.dedup();
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings", findings.len());
    }
    eprintln!("tidy: {} files, nothing to say", tree.files.len());
    Ok(())
}

type Check = fn(&Tree) -> Vec<Finding>;

const CHECKS: &[Check] = &[
    header::check,
    length::check,
    names::check,
    dead_files::check,
    callers::check,
    forbidden::check,
    machine_paths::check,
    architecture::check,
];
