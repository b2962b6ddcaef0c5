//! `countersign agent` and `countersign person`: changes of the directory are actions on the gateway itself, decided by
//! policy and recorded like any other.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{AsPerson, init, tell};
use crate::terminal::{self, shown};

/// Add, list and revoke agents and pipelines.
#[derive(Debug, Subcommand)]
pub(super) enum Agent {
    /// Add an agent; its token is shown once.
    Add {
        /// Its name.
        name: String,
        /// The person who owns it, and who can never countersign for it.
        #[arg(long)]
        owner: String,
        /// A group it belongs to; may be repeated.
        #[arg(long = "group")]
        groups: Vec<String>,
        /// It is a pipeline, not an agent.
        #[arg(long)]
        pipeline: bool,
        #[command(flatten)]
        person: AsPerson,
    },
    /// List agents.
    List {
        /// List pipelines instead.
        #[arg(long)]
        pipelines: bool,
        #[command(flatten)]
        person: AsPerson,
    },
    /// Revoke an agent or pipeline for good.
    Revoke {
        /// Its name.
        name: String,
        #[command(flatten)]
        person: AsPerson,
    },
}

/// Add and list people.
#[derive(Debug, Subcommand)]
pub(super) enum Person {
    /// Add a person, who chooses a passphrase here and now.
    Add {
        /// Their name.
        name: String,
        /// A group they belong to; may be repeated.
        #[arg(long = "group")]
        groups: Vec<String>,
        /// Standard input holds two lines: your passphrase, and theirs.
        #[command(flatten)]
        person: AsPerson,
    },
    /// List people.
    List {
        #[command(flatten)]
        person: AsPerson,
    },
    /// Revoke a person for good, and with them the agents they own.
    Revoke {
        /// Their name.
        name: String,
        #[command(flatten)]
        person: AsPerson,
    },
}

impl Agent {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Add { name, owner, groups, pipeline, person } => {
                let operation = if pipeline { "pipeline.add" } else { "agent.add" };
                let arguments = json!({"name": name, "owner": owner, "groups": groups});
                change(&person, json, operation, &arguments).await
            }
            Self::List { pipelines, person } => list(&person, json, if pipelines { "pipeline" } else { "agent" }).await,
            Self::Revoke { name, person } => change(&person, json, "principal.revoke", &json!({"name": name})).await,
        }
    }
}

impl Person {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Add { name, groups, person } => {
                let (client, chosen) = if person.passphrase_stdin {
                    let mut lines = std::io::stdin().lines();
                    let mut line =
                        || lines.next().transpose().map(|line| secrecy::SecretString::from(line.unwrap_or_default()));
                    let (own, chosen) = (line()?, line()?);
                    (crate::client::Client::person(&person.at.url, &person.person, &own)?, chosen)
                } else {
                    let client = person.client()?;
                    let prompt = format!("{name} chooses a passphrase (12 characters or more): ");
                    (client, terminal::passphrase(&prompt, false)?)
                };
                let arguments = json!({"name": name, "groups": groups, "credential": init::hash(chosen)?});
                let body = json!({"target": "countersign", "operation": "person.add", "arguments": arguments});
                let report = client.post("/api/v1/actions", &body).await?;
                tell(json, &report, changed);
                Ok(())
            }
            Self::List { person } => list(&person, json, "person").await,
            Self::Revoke { name, person } => change(&person, json, "principal.revoke", &json!({"name": name})).await,
        }
    }
}

async fn change(person: &AsPerson, json: bool, operation: &str, arguments: &Value) -> anyhow::Result<()> {
    let body = json!({"target": "countersign", "operation": operation, "arguments": arguments});
    let report = person.client()?.post("/api/v1/actions", &body).await?;
    tell(json, &report, changed);
    Ok(())
}

/// What a change of the directory gave: shown once, where it holds a token.
fn changed(report: &Value) -> String {
    let at = |path: &str| shown(report.pointer(path));
    if at("/status") == "pending" {
        return format!("held for review {} (asked: {})", at("/review/code"), at("/review/groups"));
    }
    let columns = report.pointer("/result/columns").and_then(Value::as_array).into_iter().flatten();
    let number = |name: &str| columns.clone().position(|column| column == name);
    let cell = |name: &str| number(name).map(|number| at(&format!("/result/rows/0/{number}")));
    let name = cell("name").unwrap_or_default();
    match cell("token") {
        Some(token) => format!("added {name}\ntoken (shown once): {token}"),
        None => format!("done: {name}"),
    }
}

async fn list(person: &AsPerson, json: bool, kind: &str) -> anyhow::Result<()> {
    let page = person.client()?.get(&format!("/api/v1/principals?kind={kind}")).await?;
    tell(json, &page, |page| {
        let head = ["name", "owner", "groups", "active"].map(str::to_owned);
        let row = |item: &Value| head.iter().map(|name| shown(item.get(name))).collect();
        let rows: Vec<Vec<String>> =
            page.get("items").and_then(Value::as_array).into_iter().flatten().map(row).collect();
        terminal::table(&head, &rows)
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_whom_it_changed() {
        let report =
            |columns: Value, row: Value| json!({"status": "succeeded", "result": {"columns": columns, "rows": [row]}});
        assert_eq!(changed(&report(json!(["name"]), json!(["clerk"]))), "done: clerk");
        assert_eq!(changed(&report(json!(["id", "name"]), json!(["pri_x", "eve"]))), "done: eve");
        let added = changed(&report(json!(["id", "name", "token"]), json!(["pri_x", "clerk", "cst_x"])));
        assert_eq!(added, "added clerk\ntoken (shown once): cst_x");
    }
}
