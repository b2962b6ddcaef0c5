//! A running gateway: started from its site, reached at the address that it prints, stopped, killed and started
//! again. It is killed when it is dropped.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::binary::{self, Ran};
use crate::log::Record;
use crate::postgres::Login;
use crate::site::{Site, passphrase};
use crate::{Caller, Held, until};

/// A gateway that listens.
#[derive(Debug)]
pub struct Gateway {
    pub site: Site,
    pub url: String,
    process: Child,
    nobody: Caller,
    /// Where targets with a listener of their own are reached.
    doors: BTreeMap<String, SocketAddr>,
    /// Held open: a gateway that cannot print would be another thing to test.
    _stdout: Lines<BufReader<ChildStdout>>,
}

impl Gateway {
    /// A fresh site, served.
    pub async fn open() -> Self {
        Site::new().await.serve().await
    }

    /// Starts `command` with what makes it serve this site, and waits until it listens.
    pub async fn start(site: Site, mut command: Command) -> Self {
        let told = std::fs::OpenOptions::new().create(true).append(true).open(site.path("stderr"));
        command.args(["serve", "--config", &site.config()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(told.expect("the gateway's words have a file"));
        let mut process = command.kill_on_drop(true).spawn().expect("the gateway can be run");
        let mut stdout = BufReader::new(process.stdout.take().expect("its output is ours")).lines();
        let mut doors = BTreeMap::new();
        let url = loop {
            let line = tokio::time::timeout(LIMIT, stdout.next_line()).await.expect("the gateway came up in time");
            let line = line.expect("its output can be read").unwrap_or_default();
            if let Some(url) = line.strip_prefix("listening on ") {
                break url.to_owned();
            }
            let Some(door) = door(&line) else {
                panic!("the gateway did not come up: {line:?}\n{}", site.read("stderr"));
            };
            doors.insert(door.0, door.1);
        };
        let url = url.trim().to_owned();
        Self { nobody: Caller::nobody(&url), site, url, process, doors, _stdout: stdout }
    }

    /// Somebody without a credential.
    pub fn nobody(&self) -> Caller {
        self.nobody.clone()
    }

    pub fn person(&self, name: &str) -> Caller {
        self.nobody.person(name, &passphrase(name))
    }

    /// An agent or pipeline of the template.
    #[track_caller]
    pub fn agent(&self, name: &str) -> Caller {
        self.nobody.bearer(self.site.token(name))
    }

    /// The agent of most tests, which ada owns.
    pub fn shopkeeper(&self) -> Caller {
        self.agent("shopkeeper")
    }

    /// Where an agent logs in to a target that has a listener of its own.
    #[track_caller]
    pub fn login(&self, agent: &str, target: &str) -> Login {
        let door = self.doors.get(target).unwrap_or_else(|| panic!("`{target}` has no listener: {:?}", self.doors));
        Login::tcp(*door, agent, self.site.token(agent), target)
    }

    /// The held action that somebody was told of in these words: review, short code and link must be there.
    pub async fn held_in(&self, words: &str) -> Held {
        let review = words.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let review = review.into_iter().find(|word| word.starts_with("rev_"));
        let review = review.unwrap_or_else(|| panic!("no review is named in {words:?}")).to_owned();
        let held = Held { action: String::new(), review, code: String::new() };
        let shown = self.person("grace").review(&held).await.ok();
        let code = shown["code"].as_str().expect("a review has a code").to_owned();
        assert!(words.contains(&code), "the short code {code} is not in {words:?}");
        let link = format!("/reviews/{}", held.review);
        assert!(words.contains("http") && words.contains(&link), "no link to the review in {words:?}");
        Held { code, ..held }
    }

    pub fn pid(&self) -> u32 {
        self.process.id().expect("the gateway runs")
    }

    /// Fails unless the process is still the one that was started.
    #[track_caller]
    pub fn assert_alive(&mut self) {
        let ended = self.process.try_wait().expect("the process can be asked");
        assert!(ended.is_none(), "the gateway ended ({ended:?}):\n{}", self.site.read("stderr"));
    }

    /// Runs a command of the binary against this gateway.
    pub async fn cli(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut command = binary::command();
        command.args(arguments).env("COUNTERSIGN_URL", &self.url);
        binary::run(command, stdin).await
    }

    /// Runs a command of the binary as a person.
    pub async fn cli_as(&self, person: &str, arguments: &[&str]) -> Ran {
        let arguments = [arguments, &["--as", person, "--passphrase-stdin"]].concat();
        self.cli(&arguments, &format!("{}\n", passphrase(person))).await
    }

    /// Runs a command of the binary with an agent's token.
    pub async fn cli_with(&self, token: &str, arguments: &[&str]) -> Ran {
        let mut command = binary::command();
        command.args(arguments).env("COUNTERSIGN_URL", &self.url).env("COUNTERSIGN_TOKEN", token);
        binary::run(command, "").await
    }

    /// Adds a person by the command line, as ada.
    pub async fn add_person(&self, name: &str, groups: &[&str]) {
        let groups = groups.iter().flat_map(|group| ["--group", group]);
        let all: Vec<&str> = ["person", "add", name].into_iter().chain(groups).collect();
        let arguments = [all.as_slice(), &["--as", "ada", "--passphrase-stdin"]].concat();
        self.cli(&arguments, &format!("{}\n{}\n", passphrase("ada"), passphrase(name))).await.ok();
    }

    /// Adds an agent or pipeline by the command line, as ada, and returns its token.
    pub async fn add_agent(&self, name: &str, owner: &str, groups: &[&str], kind: &str) -> String {
        self.add_agent_as("ada", (name, owner, kind), groups).await
    }

    /// Like [`Self::add_agent`], as another administrator, who then stands behind it as its owner does.
    pub async fn add_agent_as(&self, by: &str, (name, owner, kind): (&str, &str, &str), groups: &[&str]) -> String {
        let groups = groups.iter().flat_map(|group| ["--group", group]);
        let mut all: Vec<&str> = ["--json", "agent", "add", name, "--owner", owner].into_iter().chain(groups).collect();
        if kind == "pipeline" {
            all.push("--pipeline");
        }
        let report = self.cli_as(by, &all).await.ok().json();
        let token = report.pointer("/result/rows/0/2").and_then(Value::as_str);
        token.unwrap_or_else(|| panic!("no token in {report}")).to_owned()
    }

    /// Revokes a principal, as ada.
    pub async fn revoke(&self, name: &str) {
        self.person("ada").operate("principal.revoke", json!({"name": name})).await.ok();
    }

    /// Waits until the log says that nobody presents the action of this review.
    pub async fn until_nobody_presents(&self, held: &Held) {
        let log = self.site.log();
        until("the presenter leaves", async || {
            let state = |record: Record| {
                let change = record.opened("change");
                change.pointer("/review/state").or_else(|| change.get("state")).cloned()
            };
            let records = log.records().into_iter().filter(|record| record.text("review") == held.review);
            let last = records.filter_map(state).next_back()?;
            (last["presenter"]["presenter"] == "detached").then_some(())
        })
        .await;
    }

    /// Proposes a statement on the shop that is held, and waits until its caller is gone for good.
    pub async fn hold(&self, agent: &Caller, statement: &str) -> Held {
        let held = agent.held(statement).await;
        self.until_nobody_presents(&held).await;
        held
    }

    /// Waits until a caller presents the action of this review.
    pub async fn until_presented(&self, held: &Held) {
        let log = self.site.log();
        until("somebody presents it", async || {
            let presenters = log.of_kind("presenter");
            let last = presenters.iter().rfind(|record| record.text("review") == held.review)?;
            (!last.text("presenter").is_empty()).then_some(())
        })
        .await;
    }

    /// Waits until a checkpoint counts every record there is.
    pub async fn until_signed(&self) {
        let log = self.site.log();
        until("a checkpoint counts every record", async || (log.signed() == log.records().len() as u64).then_some(()))
            .await;
    }

    /// Sends a signal by its name, such as `TERM`.
    pub async fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.args(["-s", name, &self.pid().to_string()]);
        binary::run(kill, "").await.ok();
    }

    /// Stops it by SIGTERM, as an operator would.
    pub async fn stop(mut self) -> Site {
        self.signal("TERM").await;
        let ended = tokio::time::timeout(LIMIT, self.process.wait()).await.expect("it stops in time");
        let ended = ended.expect("it can be waited for");
        assert!(ended.success(), "{ended}: {}", self.site.read("stderr"));
        self.site
    }

    /// Kills it by SIGKILL: nothing of it gets to say goodbye.
    pub async fn kill(mut self) -> Site {
        self.process.kill().await.expect("it can be killed");
        self.site
    }

    /// Kills it and starts it again.
    pub async fn killed_and_restarted(self) -> Self {
        self.kill().await.serve().await
    }

    /// Stops it and starts it again.
    pub async fn restarted(self) -> Self {
        self.stop().await.serve().await
    }
}

/// `target bank listening on 127.0.0.1:7432`
fn door(line: &str) -> Option<(String, SocketAddr)> {
    let (name, address) = line.strip_prefix("target ")?.split_once(" listening on ")?;
    Some((name.to_owned(), address.trim().parse().ok()?))
}

/// A start or stop takes no longer, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(30);
