//! The built binary: where it is, and how a command of it is run to its end. Every run has a limit; nothing of the
//! caller's environment that the binary reads is handed on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The whole of standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not one JSON document ({error}): {self:?}"))
    }

    /// Fails unless the command succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Fails unless the command ended with `code`.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

/// The binary under test: `COUNTERSIGN_BIN`, or where `cargo build` leaves it.
pub fn path() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/countersign");
    let path = std::env::var_os("COUNTERSIGN_BIN").map_or(built, PathBuf::from);
    assert!(path.is_file(), "`{}` is not there: run `cargo xtask test`, which builds and names it", path.display());
    path
}

/// A command of the binary that sees nothing of our environment but what it needs to run.
pub fn command() -> Command {
    let mut command = Command::new(path());
    let ours = std::env::vars_os().map(|(name, _)| name);
    for name in ours.filter(|name| name.to_string_lossy().starts_with("COUNTERSIGN_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Runs `countersign` with these arguments and this standard input.
pub async fn countersign<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, stdin: &str) -> Ran {
    let mut command = command();
    command.args(arguments);
    run(command, stdin).await
}

/// Runs a command to its end.
pub async fn run(mut command: Command, stdin: &str) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let shown = format!("{command:?}");
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot run {shown}: {error}"));
    if let Some(mut pipe) = child.stdin.take() {
        // A command that ends without reading closes the pipe: its exit code tells.
        pipe.write_all(stdin.as_bytes()).await.unwrap_or_default();
    }
    let ended = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    let output = ended.unwrap_or_else(|_| panic!("{shown} did not end in time")).expect("its output can be read");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
    }
}

/// No command of these tests takes longer.
const LIMIT: Duration = Duration::from_secs(60);
