//! The commands of `cargo xtask`, in the order a newcomer needs them, and the help made from them.
//!
//! A command is one row here and one file beside this one; dispatch and help read the same row.

use crate::{Task, bench, ci, demo, fuzz, setup, simulate, test, tidy};

pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "demo",
        arguments: "[ARGS…]",
        about: "Build Countersign and run its demo. Installs only what building needs.
ARGS go to `countersign demo`; the exit code is the demo's.",
        example: "cargo xtask demo --auto",
        run: demo::run,
    },
    Task {
        name: "test",
        arguments: "[ARGS…]",
        about: "Check everything: set-up, format, tidy, clippy, documentation, then all tests.
With ARGS only the tests run, and ARGS go to `cargo test`: a quick loop. The tests find the
built binary in COUNTERSIGN_BIN, unless ARGS name packages without e2e among them.",
        example: "cargo xtask test -p model a_digest",
        run: test::run,
    },
    Task {
        name: "setup",
        arguments: "[--check] [--for build|test]",
        about: "Find the programs and libraries that building or testing needs, and install what is
missing (apt-get as root or with passwordless sudo; otherwise it prints the command line).
Starts no service, creates no database cluster. --check changes nothing.",
        example: "cargo xtask setup --check --for build",
        run: setup::run,
    },
    Task {
        name: "tidy",
        arguments: "",
        about: "The house checks alone: arrows, headers, file length, names, dead files, callers,
lint exceptions, machine paths, ARCHITECTURE.md.",
        example: "cargo xtask tidy",
        run: tidy::run,
    },
    Task {
        name: "ci",
        arguments: "",
        about: "All of `test`, then cargo-deny, and no `ring` in the dependency tree.",
        example: "cargo xtask ci",
        run: ci::run,
    },
    Task {
        name: "bench",
        arguments: "[NAME…] [--rounds N] [--seconds N] [--clients N,N…] [--examples] [--presidio]",
        about: "Build the release binary and measure it against the bars: decisions, records, approvals,
pgbench, streams, idle, masking, or those that are named. --rounds (5) is pgbench's and streams', --seconds
(2) and --clients (1,32) are pgbench's; masking shows what it missed with --examples, and Presidio beside
it with --presidio.",
        example: "cargo xtask bench pgbench --rounds 3",
        run: bench::run,
    },
    Task {
        name: "fuzz",
        arguments: "[TARGET] [--seconds N]",
        about: "Fuzz one target, or each in turn, for N seconds (60). Needs nightly and cargo-fuzz.
What is found new stays in fuzz/corpus-work; fuzz/corpus is what is committed.",
        example: "cargo xtask fuzz sql_postgres --seconds 600",
        run: fuzz::run,
    },
    Task {
        name: "simulate",
        arguments: "--seed N",
        about: "Run the simulation again from the seed that a failure printed.",
        example: "cargo xtask simulate --seed 42",
        run: simulate::run,
    },
];

/// The whole help text: every command with what it does and one example.
pub(crate) fn all() -> String {
    let mut text = String::from(
        "cargo xtask: set up, build, check and run Countersign\n\n\
         New here? `cargo xtask demo` shows the product, `cargo xtask test` checks everything.\n",
    );
    for task in TASKS {
        text.push('\n');
        text.push_str(&of(task));
    }
    text
}

/// The help text of one command.
pub(crate) fn of(task: &Task) -> String {
    let mut text = format!("  cargo xtask {} {}", task.name, task.arguments);
    text.truncate(text.trim_end().len());
    text.push('\n');
    for line in task.about.lines() {
        text.push_str(&format!("      {line}\n"));
    }
    text.push_str(&format!("      e.g. {}\n", task.example));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_shows_every_command_with_its_example() {
        let text = all();
        for task in TASKS {
            assert!(text.contains(&format!("cargo xtask {}", task.name)));
            assert!(text.contains(&format!("e.g. {}", task.example)));
        }
    }

    #[test]
    fn an_example_starts_with_its_own_command() {
        for task in TASKS {
            assert!(task.example.starts_with(&format!("cargo xtask {}", task.name)));
        }
    }
}
