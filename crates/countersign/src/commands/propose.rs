//! `countersign propose`: one action, proposed and awaited. For pipelines: the exit code says what became of it.

use anyhow::{Context as _, bail};
use clap::Args;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Where, tell};
use crate::client::Client;
use crate::failure::Problem;
use crate::terminal::{self, shown};

/// What is proposed, by whom.
#[derive(Debug, Args)]
pub(super) struct Propose {
    /// The target.
    target: String,
    /// The statement; `-` reads it from standard input.
    statement: String,
    /// A value for the next placeholder of the statement, as JSON; may be repeated.
    #[arg(long = "value", value_name = "JSON")]
    values: Vec<String>,
    /// Why, for the reviewers.
    #[arg(long, default_value = "")]
    reason: String,
    /// Do not wait for a review: print the action's id and end. Exit code 0 then says that it ran or is held.
    #[arg(long)]
    no_wait: bool,
    /// The agent's or pipeline's token: a file that holds it. Without it, `COUNTERSIGN_TOKEN` is taken.
    #[arg(long, value_name = "FILE")]
    token_file: Option<std::path::PathBuf>,
    #[arg(long, env = "COUNTERSIGN_TOKEN", hide = true, hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    at: Where,
}

impl Propose {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<()> {
        let token = match (&self.token_file, &self.token) {
            (Some(path), _) => {
                std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?
            }
            (None, Some(token)) => token.clone(),
            (None, None) => bail!("whose action is it? set `COUNTERSIGN_TOKEN` or give `--token-file`"),
        };
        let client = Client::bearer(&self.at.url, &SecretString::from(token.trim()))?;
        let statement = match self.statement.as_str() {
            "-" => std::io::read_to_string(std::io::stdin()).context("cannot read the statement")?,
            text => text.to_owned(),
        };
        let value = |text: &String| serde_json::from_str(text).with_context(|| format!("`{text}` is not JSON"));
        let parameters = self.values.iter().map(value).collect::<anyhow::Result<Vec<Value>>>()?;
        let body =
            json!({"target": self.target, "statement": statement, "parameters": parameters, "reason": self.reason});
        let mut report = client.post("/api/v1/actions", &body).await?;
        if shown(report.get("status")) == "pending" && !self.no_wait && !json {
            let at = |path: &str| shown(report.pointer(path));
            eprintln!(
                "held for review {} (asked: {}; expires {})",
                at("/review/code"),
                at("/review/groups"),
                at("/review/expires_at")
            );
        }
        while shown(report.get("status")) == "pending" && !self.no_wait {
            let id = shown(report.get("id"));
            report = client.get(&format!("/api/v1/actions/{id}?wait=60s")).await?;
        }
        let status = shown(report.get("status"));
        if status != "succeeded" && status != "pending" {
            return Err(Problem::of_report(&report).into());
        }
        tell(json, &report, outcome);
        Ok(())
    }
}

/// A result as people read it.
pub(super) fn outcome(report: &Value) -> String {
    let at = |path: &str| shown(report.pointer(path));
    if at("/status") == "pending" {
        return format!("held for review {}\naction {}", at("/review/code"), at("/id"));
    }
    let texts = |value: Option<&Value>| -> Vec<String> {
        value.and_then(Value::as_array).into_iter().flatten().map(|cell| shown(Some(cell))).collect()
    };
    let head = texts(report.pointer("/result/columns"));
    let rows: Vec<Vec<String>> = report
        .pointer("/result/rows")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|row| texts(Some(row)))
        .collect();
    let mut text = if head.is_empty() { String::new() } else { terminal::table(&head, &rows) };
    let masked = report.pointer("/result/masked").and_then(Value::as_object);
    let masked: Vec<String> = masked.into_iter().flatten().map(|(class, cells)| format!("{cells} {class}")).collect();
    if !masked.is_empty() {
        text.push_str(&format!("masked: {}\n", masked.join(", ")));
    }
    if at("/result/truncated") == "true" {
        text.push_str("rows beyond the limit were left out\n");
    }
    text.push_str(&format!("{}: {} rows affected {}", at("/status"), at("/result/rows_affected"), at("/detail")));
    text
}
