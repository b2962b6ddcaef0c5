//! `psql`, the real one: run to its end, or kept open to be talked to while a statement of it waits.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinSet;

use super::Login;
use crate::binary::{self, Ran};
use crate::until;

/// A psql that runs.
#[derive(Debug)]
pub struct Psql {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: Heard,
    stderr: Heard,
    readers: JoinSet<()>,
}

/// What came out of a pipe so far.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Output>>);

#[derive(Debug, Default)]
struct Output {
    bytes: Vec<u8>,
    ended: bool,
}

/// Runs a script to its end; the first error ends it with exit code 3.
pub async fn run(login: &Login, script: &str) -> Ran {
    let mut command = login.client("psql");
    command.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
    binary::run(command, script).await
}

/// Runs one string, whatever it holds, as one message.
pub async fn run_string(login: &Login, sql: &str) -> Ran {
    let mut command = login.client("psql");
    command.args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
    binary::run(command, "").await
}

impl Psql {
    /// A psql that reads statements as they are said, and goes on after an error.
    pub fn open(login: &Login) -> Self {
        Self::start(login, &["-f", "-"])
    }

    /// A psql that runs one string as one message, and ends.
    pub fn string(login: &Login, sql: &str) -> Self {
        Self::start(login, &["-v", "ON_ERROR_STOP=1", "-c", sql])
    }

    fn start(login: &Login, arguments: &[&str]) -> Self {
        let mut command = login.client("psql");
        command.args(["-X", "-A", "-t"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("psql can be run: `cargo xtask setup` installs it");
        let (stdout, stderr) = (Heard::default(), Heard::default());
        let mut readers = JoinSet::new();
        readers.spawn(stdout.clone().listen(process.stdout.take().expect("it is ours")));
        readers.spawn(stderr.clone().listen(process.stderr.take().expect("it is ours")));
        Self { stdin: process.stdin.take(), process, stdout, stderr, readers }
    }

    /// Says something to it.
    pub async fn say(&mut self, script: &str) {
        let stdin = self.stdin.as_mut().expect("it still listens");
        stdin.write_all(format!("{script}\n").as_bytes()).await.expect("it still reads");
        stdin.flush().await.expect("it still reads");
    }

    /// Waits until standard error holds this, and returns all of it.
    pub async fn until_told(&self, words: &str) -> String {
        self.stderr.until(words).await
    }

    /// Waits until standard output holds this, and returns all of it.
    pub async fn until_shown(&self, words: &str) -> String {
        self.stdout.until(words).await
    }

    /// What came out on standard output and standard error so far.
    pub fn heard(&self) -> String {
        format!("{}\n{}", self.stdout.text(), self.stderr.text())
    }

    pub fn pid(&self) -> u32 {
        self.process.id().expect("psql runs")
    }

    /// What Ctrl-C does.
    pub async fn interrupt(&self) {
        let mut kill = Command::new("kill");
        kill.args(["-s", "INT", &self.pid().to_string()]);
        binary::run(kill, "").await.ok();
    }

    /// Kills it by SIGKILL: it says nothing to the server any more.
    pub async fn kill(mut self) {
        self.process.kill().await.expect("it can be killed");
    }

    /// Lets it come to its end.
    pub async fn ended(mut self) -> Ran {
        drop(self.stdin.take());
        let ended = tokio::time::timeout(LIMIT, self.process.wait()).await;
        let status =
            ended.unwrap_or_else(|_| panic!("psql did not end: {}", self.heard())).expect("it can be waited for");
        while self.readers.join_next().await.is_some() {}
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap_or(1));
        Ran { code, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }
}

impl Heard {
    async fn listen(self, mut pipe: impl AsyncRead + Unpin) {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut bytes).await {
            self.0.lock().expect("nobody panics with it").bytes.extend_from_slice(&bytes[..count]);
        }
        self.0.lock().expect("nobody panics with it").ended = true;
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("nobody panics with it").bytes).into_owned()
    }

    /// Fails at once if psql ended without saying it.
    async fn until(&self, words: &str) -> String {
        until(&format!("psql says `{words}`"), async || {
            let ended = self.0.lock().expect("nobody panics with it").ended;
            let text = self.text();
            assert!(!ended || text.contains(words), "psql ended without saying `{words}`: {text}");
            text.contains(words).then_some(text)
        })
        .await
    }
}

/// Longer than the shortest expiry of a review.
const LIMIT: Duration = Duration::from_secs(90);
