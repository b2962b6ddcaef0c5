//! `cargo xtask`: the one entry to setting up, building, checking and running Countersign.
//!
//! Builds alone in seconds, without libclang or any C library: it is what finds and installs them.
//! Knows the workspace's files and the programs around it, nothing of what the product does.

mod arrows;
mod bench;
mod ci;
mod demo;
mod fuzz;
mod help;
mod setup;
mod simulate;
mod steps;
mod test;
mod tidy;
mod workspace;

use std::fmt;
use std::process::ExitCode;

use anyhow::Result;

/// One command of `cargo xtask`: what help says of it, and what it runs.
struct Task {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    example: &'static str,
    run: fn(&[String]) -> Result<()>,
}

/// The caller asked for something that does not exist: told with help, exit code 2.
#[derive(Debug)]
struct Misuse(String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help::all());
        return ExitCode::SUCCESS;
    };
    if is_help(name) || name == "help" {
        print!("{}", help::all());
        return ExitCode::SUCCESS;
    }
    let Some(task) = help::TASKS.iter().find(|task| task.name == name) else {
        eprint!("error: no command `{name}`\n\n{}", help::all());
        return ExitCode::from(2);
    };
    if rest.first().is_some_and(|first| is_help(first)) {
        print!("{}", help::of(task));
        return ExitCode::SUCCESS;
    }
    outcome(task, (task.run)(rest))
}

fn outcome(task: &Task, result: Result<()>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error:#}");
    if error.downcast_ref::<Misuse>().is_some() {
        eprint!("\n{}", help::of(task));
        return ExitCode::from(2);
    }
    ExitCode::FAILURE
}

fn is_help(argument: &str) -> bool {
    argument == "--help" || argument == "-h"
}
