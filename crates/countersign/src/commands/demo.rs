//! `countersign demo`: the main story on a throw-away gateway. With `--auto` it plays the person too, checks every step
//! and fails if one is not as told.

#![expect(clippy::indexing_slicing, reason = "indexing a JSON value gives null for what is not there")]

mod shop;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use enforcement::{NewAgent, NewPerson};
use model::{Name, PrincipalKind};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{audit, init, propose, reviews};
use crate::client::Client;
use crate::failure::Problem;
use crate::gateway::{self, Gateway};
use crate::terminal::{BOLD, DIM, GREEN, RED, paint, say, shown};
use crate::{config, terminal};

/// Tell the main story on a throw-away gateway.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Play the person too, check every step, and fail if one is not as told.
    #[arg(long)]
    auto: bool,
}

/// The stage: a gateway in a throw-away folder, an agent, two people.
struct Stage {
    auto: bool,
    folder: PathBuf,
    gateway: Gateway,
    url: String,
    agent: Client,
}

/// What became of an agent's action: its report or its problem.
type Told = anyhow::Result<Value>;

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        ensure!(
            self.auto || std::io::stdin().is_terminal(),
            "the demo asks you to decide, so it needs a terminal; `countersign demo --auto` plays both sides"
        );
        let folder = tempfile::Builder::new().prefix("countersign-demo-").tempdir()?;
        let stage = Stage::set(self.auto, folder.path()).await?;
        stage.opening();
        stage.reads().await?;
        stage.deletion_is_approved().await?;
        stage.export_is_rejected().await?;
        stage.epilogue().await
    }
}

impl Stage {
    async fn set(auto: bool, folder: &Path) -> anyhow::Result<Self> {
        init::lay_out(folder)?;
        let file = folder.join("countersign.toml");
        let settings = std::fs::read_to_string(&file)?.replace("127.0.0.1:7700", "127.0.0.1:0");
        std::fs::write(&file, settings + TARGET)?;
        std::fs::create_dir_all(folder.join("data"))?;
        shop::create(&folder.join("data/shop.db")).await?;
        let config = config::read(&file)?;
        let token = cast(&config).await?;
        let gateway = gateway::start(&config).await?;
        let url = format!("http://{}", gateway.address);
        let agent = Client::bearer(&url, &token)?;
        Ok(Self { auto, folder: folder.to_owned(), gateway, url, agent })
    }

    fn opening(&self) {
        say(&format!("{}\n", paint("Countersign: agents propose, people countersign", BOLD)));
        say(&format!("A gateway runs at {} on a throw-away folder:", self.url));
        say(&format!("  {}", self.folder.display()));
        say("Behind it: a shop's database with customers (e-mail, card, SSN) and orders.");
        say("An AI agent, `shopkeeper`, works there. Ada owns it. Ada and Grace own the shop's data.\n");
    }

    /// Reading within bounds needs nobody, and classified columns come back masked.
    async fn reads(&self) -> anyhow::Result<()> {
        chapter("1", "The agent reads. Policy allows it, nobody is asked; classified columns are masked");
        let statement = "SELECT id, name, email, card FROM customers WHERE id IN (1, 2, 3)";
        let report = self.act(statement, "look up three customers").await?;
        show(&propose::outcome(&report));
        let rows = report.pointer("/result/rows").and_then(Value::as_array).context("no rows")?;
        ensure!(rows.len() == 3, "the agent should see three customers");
        ensure!(
            rows.iter().all(|row| row[2] == "[email]" && row[3] == "[card]"),
            "classified columns should be masked"
        );
        ensure!(!report.to_string().contains("@example"), "an address came through");
        Ok(())
    }

    /// A deletion is held; the owner may not approve it; a colleague does; it runs once.
    async fn deletion_is_approved(&self) -> anyhow::Result<()> {
        chapter("2", "The agent deletes inactive customers. It is held, and asks the owners of the data");
        let statement = "DELETE FROM customers WHERE last_order < '2025-01-01'";
        let reason = "clean up: pre-approved by security, please approve quickly";
        let (held, waiting) = self.held(statement, reason).await?;
        say("  Ada owns the agent. She tries to approve it herself:");
        let own = self.settle(&held, "ada", "approve", "my agent, trust me").await;
        let own = own.err().context("the owner's approval must not count")?;
        show(&format!("  {} {own:#}", paint("refused:", RED)));
        ensure!(
            own.downcast_ref::<Problem>().is_some_and(|problem| problem.kind == "not-counted"),
            "refused for another reason: {own:#}"
        );
        let verdict = self.choose("approve").await?;
        self.settle(&held, "grace", verdict, "checked the list, fine").await?;
        say(&format!("  Grace: {}", paint(verdict, BOLD)));
        let told = answer(waiting).await?;
        if verdict == "approve" {
            let report = told?;
            show(&propose::outcome(&report));
            ensure!(report["result"]["rows_affected"] == shop::INACTIVE, "it should have run once: {report}");
        } else {
            tell_refusal(told)?;
        }
        Ok(())
    }

    /// A bulk export of classified columns is held; it is rejected; nothing leaves.
    async fn export_is_rejected(&self) -> anyhow::Result<()> {
        chapter("3", "The agent exports all customers: an unbounded SELECT of classified columns");
        let (held, waiting) = self.held("SELECT * FROM customers", "a report for marketing").await?;
        let verdict = self.choose("reject").await?;
        self.settle(&held, "grace", verdict, "marketing does not need this").await?;
        say(&format!("  Grace: {}", paint(verdict, BOLD)));
        let told = answer(waiting).await?;
        if verdict == "reject" {
            let problem = tell_refusal(told)?;
            ensure!(problem.kind == "rejected", "the agent should be told that it was rejected: {problem}");
        } else {
            show(&propose::outcome(&told?));
        }
        Ok(())
    }

    async fn epilogue(&self) -> anyhow::Result<()> {
        chapter("4", "Everything is on the record, and the record proves itself");
        let grace = self.person("grace")?;
        let find = |kind: &'static str| format!("/api/v1/records?kind={kind}&limit=10");
        for kind in ["verdict", "verdict-refused", "released", "run-ended"] {
            let page = self.eventually(&grace, &find(kind)).await?;
            show(&audit::listed(&page));
        }
        let (log, key) = (self.folder.join("data/log"), self.folder.join("keys/log.pub"));
        let signed = self.signed(&grace).await?;
        let report = audit::Verify::of(log, &key).check()?;
        say(&format!("  $ countersign audit verify --log {}/data/log", self.folder.display()));
        ensure!(report.findings.is_empty(), "the log does not verify: {:?}", report.findings);
        ensure!(report.proven >= signed, "the verifier confirmed fewer records than are signed");
        show(&format!("  {} {} records, {} signed", paint("the log verifies:", GREEN), report.size, report.proven));
        say(
            "\nThat is the whole loop. Next: `countersign init` for a gateway of your own; the folder above is removed now.",
        );
        ensure!(!self.gateway.tasks.is_empty(), "the gateway stopped");
        Ok(())
    }

    /// The agent proposes and waits for its answer.
    async fn act(&self, statement: &str, reason: &str) -> Told {
        say(&format!("  {} {statement}", paint("shopkeeper>", DIM)));
        let body = json!({"target": "shop", "statement": statement, "reason": reason});
        self.agent.post("/api/v1/actions", &body).await
    }

    /// The agent proposes, is held, and waits on in the background while people look at the review.
    async fn held(&self, statement: &str, reason: &str) -> anyhow::Result<(Value, JoinSet<Told>)> {
        let report = self.act(statement, reason).await?;
        ensure!(report["status"] == "pending", "the action should be held: {report}");
        let id = shown(report.get("id"));
        let review = shown(report.pointer("/review/id"));
        let (agent, url) = (self.agent.again(), format!("/api/v1/actions/{id}?wait=10m"));
        let mut waiting = JoinSet::new();
        waiting.spawn(async move { agent.get(&url).await });
        let shown_review = self.person("grace")?.get(&format!("/api/v1/reviews/{review}")).await?;
        show(&reviews::whole(&shown_review));
        Ok((shown_review, waiting))
    }

    /// A person's verdict, with their passphrase for this verdict alone.
    async fn settle(&self, review: &Value, person: &str, verdict: &str, reason: &str) -> Told {
        let body = json!({"verdict": verdict, "reason": reason, "code": review["code"], "channel": "cli"});
        let path = format!("/api/v1/reviews/{}/verdicts", shown(review.get("id")));
        let client = if self.auto { self.person(person)? } else { self.typed(person)? };
        client.post(&path, &body).await
    }

    fn person(&self, name: &str) -> anyhow::Result<Client> {
        Client::person(&self.url, name, &SecretString::from(passphrase_of(name)))
    }

    /// The person at the terminal types the passphrase.
    fn typed(&self, name: &str) -> anyhow::Result<Client> {
        let prompt = format!("  passphrase of {name} (in this demo: `{}`): ", passphrase_of(name));
        Client::person(&self.url, name, &terminal::passphrase(&prompt, false)?)
    }

    /// What Grace decides: what the story tells with `--auto`, else what you type.
    async fn choose(&self, told: &'static str) -> anyhow::Result<&'static str> {
        if self.auto {
            return Ok(told);
        }
        loop {
            print!("  You are Grace now. [a]pprove or [r]eject? (the story says {told}) ");
            std::io::stdout().flush()?;
            let mut line = String::new();
            ensure!(std::io::stdin().read_line(&mut line)? > 0, "no answer: the demo ends here");
            match line.trim() {
                "a" | "approve" => return Ok("approve"),
                "r" | "reject" => return Ok("reject"),
                _ => say("  please type a or r"),
            }
        }
    }

    /// The search index follows the log: asks until it has caught up.
    async fn eventually(&self, person: &Client, path: &str) -> anyhow::Result<Value> {
        for _ in 0..200 {
            let page = person.get(path).await?;
            if page["items"].as_array().is_some_and(|items| !items.is_empty()) {
                return Ok(page);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        bail!("the search index did not catch up: {path}")
    }

    /// Waits until a checkpoint counts the last record that people saw; returns its size.
    async fn signed(&self, person: &Client) -> anyhow::Result<u64> {
        let page = self.eventually(person, "/api/v1/records?kind=run-ended&limit=1").await?;
        let last = page["items"][0]["index"].as_u64().context("no index")?;
        for _ in 0..200 {
            if person.get(&format!("/api/v1/records/{last}")).await.is_ok() {
                return Ok(last + 1);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        bail!("no checkpoint counts record {last}")
    }
}

/// Ada, Grace and the agent: added before the gateway runs, so that the story starts at once.
async fn cast(config: &config::Config) -> anyhow::Result<SecretString> {
    let mut tasks = JoinSet::new();
    let enforcement = gateway::open(config, &mut tasks).await?;
    for name in ["ada", "grace"] {
        let credential = init::hash(SecretString::from(passphrase_of(name)))?;
        let groups = ["owners".parse::<Name>()?].into();
        let person = NewPerson { name: name.parse()?, groups, credential };
        enforcement.add_person(person, None).await.map_err(anyhow::Error::msg)?;
    }
    let agent = NewAgent {
        kind: PrincipalKind::Agent,
        name: "shopkeeper".parse()?,
        owner: "ada".parse()?,
        groups: ["agents".parse::<Name>()?].into(),
    };
    let minted = enforcement.add_agent(agent, None).await.map_err(anyhow::Error::msg)?;
    let token = SecretString::from(minted.token.reveal());
    tasks.shutdown().await;
    drop(enforcement);
    Ok(token)
}

/// The answer to the agent's waiting call.
async fn answer(mut waiting: JoinSet<Told>) -> anyhow::Result<Told> {
    Ok(waiting.join_next().await.context("the agent's call is gone")??)
}

fn tell_refusal(told: Told) -> anyhow::Result<Problem> {
    let error = told.err().context("the agent should have been refused")?;
    show(&format!("  {} {error:#}", paint("the agent is told:", RED)));
    error.downcast()
}

fn passphrase_of(name: &str) -> String {
    format!("{name}-countersigns")
}

fn chapter(number: &str, title: &str) {
    say(&format!("\n{}", paint(&format!("{number}. {title}"), BOLD)));
}

fn show(text: &str) {
    text.trim_end().lines().for_each(|line| say(&format!("  {line}")));
}

const TARGET: &str = r#"
[[target]]
name = "shop"
kind = "sqlite"
upstream = "sqlite:data/shop.db"
owner = "owners"
labels = { environment = "production" }
[target.classify]
"customers.email" = "email"
"customers.card" = "card"
"customers.ssn" = "ssn"
"#;
