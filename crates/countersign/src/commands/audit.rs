//! `countersign audit`: search and show records through the gateway; verify the log offline, with nothing but its
//! files and the public key.

#![expect(clippy::indexing_slicing, reason = "indexing a JSON value gives null for what is not there")]

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ::audit::{Checkpoint, Report, Verifier, VerifyingKey, leaf_hash, notes, verify_inclusion, whole_notes};
use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{AsPerson, tell};
use crate::client::Client;
use crate::terminal::{self, GREEN, RED, paint, shown};

/// Search, show and verify the audit log.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Search records, newest first.
    Search {
        /// A kind, such as `verdict`, `released`, `refused`.
        #[arg(long)]
        kind: Option<String>,
        /// An id of a principal, review, run or session, or a target's name.
        #[arg(long)]
        names: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        person: AsPerson,
    },
    /// Show one record and check its proof under the newest signed checkpoint.
    Show {
        /// The record's index.
        index: u64,
        /// The log's public key, or a file that holds it.
        #[arg(long)]
        key: String,
        #[command(flatten)]
        person: AsPerson,
    },
    /// Verify a log offline: every record, every commitment, every signed checkpoint.
    Verify(Verify),
}

/// Verify a log offline: every record, every commitment, every signed checkpoint.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The log's folder.
    #[arg(long, default_value = "data/log")]
    log: PathBuf,
    /// The log's public key, or a file that holds it.
    #[arg(long, default_value = "keys/log.pub")]
    key: String,
    /// A signed checkpoint kept elsewhere: the log must still contain it. Without one, whoever holds the log's secret
    /// key could have rewritten all of it.
    #[arg(long, value_name = "FILE")]
    witnessed: Option<PathBuf>,
}

impl Audit {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Search { kind, names, limit, person } => {
                let mut query = format!("/api/v1/records?limit={limit}");
                for (name, value) in [("kind", kind), ("names", names)] {
                    if let Some(value) = value {
                        let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
                        anyhow::ensure!(plain, "`{value}` is not a kind, an id or a name");
                        query.push_str(&format!("&{name}={value}"));
                    }
                }
                tell(json, &search(&person.client()?, &query, limit).await?, listed);
            }
            Self::Show { index, key, person } => {
                let key = read_key(&key)?;
                let mut record = person.client()?.get(&format!("/api/v1/records/{index}")).await?;
                let proven = is_proven(&record, &key)?;
                if let Some(fields) = record.as_object_mut() {
                    fields.insert("proven".to_owned(), Value::from(proven));
                }
                tell(json, &record, |record| {
                    let leaf = serde_json::to_string_pretty(&record["leaf"]).unwrap_or_default();
                    format!(
                        "record {index}\n{leaf}\nproof: {}",
                        if record["proven"] == true { "holds" } else { "DOES NOT HOLD" }
                    )
                });
                anyhow::ensure!(record["proven"] == true, "the proof of record {index} does not hold");
            }
            Self::Verify(verify) => {
                let report = verify.check()?;
                tell(json, &summary(&report), |_| told(&report));
                if !report.findings.is_empty() {
                    bail!("the log does not verify");
                }
                if report.size > 0 && report.proven == 0 {
                    bail!("no signed checkpoint counts any record: nothing is proven; give one with `--witnessed`");
                }
            }
        }
        Ok(())
    }
}

/// Whether the record's leaf is counted by the signed checkpoint that came with it.
fn is_proven(record: &Value, key: &VerifyingKey) -> anyhow::Result<bool> {
    let note = record.get("checkpoint").and_then(Value::as_str).context("the answer has no checkpoint")?;
    let checkpoint = key.verify(note)?;
    let proof = record.get("proof").and_then(Value::as_array).into_iter().flatten();
    let proof = proof.map(|hash| shown(Some(hash)).parse()).collect::<Result<Vec<_>, _>>()?;
    let index = record.get("index").and_then(Value::as_u64).context("the answer has no index")?;
    // The leaf's fields come in canonical order, so its text is again what was hashed.
    let leaf = record.get("leaf").context("the answer has no leaf")?.to_string();
    Ok(verify_inclusion(&leaf_hash(leaf.as_bytes()), index, checkpoint.size, &proof, &checkpoint.root))
}

fn read_key(text: &str) -> anyhow::Result<VerifyingKey> {
    let text = match std::fs::read_to_string(text) {
        Ok(read) => read,
        Err(_) => text.to_owned(),
    };
    VerifyingKey::parse(&text).context("`--key` is neither a log's public key nor a file that holds one")
}

impl Verify {
    /// Of this log, with the key in this file.
    pub(super) fn of(log: PathBuf, key: &Path) -> Self {
        Self { log, key: key.display().to_string(), witnessed: None }
    }

    /// Reads and checks the whole log.
    pub(super) fn check(&self) -> anyhow::Result<Report> {
        let key = read_key(&self.key)?;
        let mut checkpoints = read_checkpoints(&self.log.join("checkpoints"), &key)?;
        if let Some(path) = &self.witnessed {
            let witnessed = read_checkpoints(path, &key)?;
            anyhow::ensure!(!witnessed.is_empty(), "`{}` holds no checkpoint of this log", path.display());
            checkpoints.extend(witnessed);
        }
        let path = self.log.join("records");
        let mut file = File::open(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let (mut verifier, mut held) = (Verifier::new(&checkpoints), Vec::new());
        loop {
            let mut chunk = vec![0; 1 << 20];
            let read = file.read(&mut chunk).with_context(|| format!("cannot read `{}`", path.display()))?;
            if read == 0 {
                return Ok(verifier.finish(&held));
            }
            chunk.truncate(read);
            held.append(&mut chunk);
            let used = verifier.handle_bytes(&held);
            held.drain(..used);
            anyhow::ensure!(held.len() < HELD, "the log is damaged: no record ends within {HELD} bytes");
        }
    }
}

fn read_checkpoints(path: &Path, key: &VerifyingKey) -> anyhow::Result<Vec<Checkpoint>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read `{}`", path.display()))?,
    };
    // A file with one note alone, as `/log/checkpoint` gives it, has no mark behind it.
    let whole = Some(whole_notes(&text)).filter(|whole| !whole.is_empty()).unwrap_or(&text);
    let checked = notes(whole).enumerate().map(|(number, note)| {
        key.verify(note).with_context(|| format!("checkpoint {} of `{}` does not verify", number + 1, path.display()))
    });
    checked.collect()
}

fn summary(report: &Report) -> Value {
    let findings: Vec<Value> =
        report.findings.iter().map(|found| json!({"record": found.index, "what": found.what})).collect();
    json!({"records": report.size, "root": report.root.to_string(), "signed": report.proven, "findings": findings})
}

fn told(report: &Report) -> String {
    let mut text = format!("{} records, root {}\n", report.size, report.root);
    text.push_str(&format!("{} of them are counted by signed checkpoints that hold\n", report.proven));
    for found in &report.findings {
        text.push_str(&paint(&format!("record {}: {}\n", found.index, found.what), RED));
    }
    if report.findings.is_empty() && report.proven > 0 {
        text.push_str(&paint("the log verifies\n", GREEN));
        text.push_str("this proves the log against its own key; compare a checkpoint kept elsewhere with --witnessed");
    }
    text
}

/// A search's records, one line each.
/// Pages of a search until there are `limit` records or no more: a page may have fewer, for it looks at a bounded part of
/// the log.
async fn search(client: &Client, query: &str, limit: u32) -> anyhow::Result<Value> {
    let limit = usize::try_from(limit)?;
    let mut page = client.get(query).await?;
    while page["items"].as_array().map_or(0, Vec::len) < limit
        && let Some(next) = page["next"].as_str()
    {
        let mut more = client.get(&format!("{query}&before={next}")).await?;
        let (found, next) = (more["items"].take(), more["next"].take());
        if let (Some(all), Value::Array(found)) = (page["items"].as_array_mut(), found) {
            all.extend(found);
            all.truncate(limit);
        }
        page["next"] = next;
    }
    Ok(page)
}

pub(super) fn listed(page: &Value) -> String {
    let head = ["index", "time", "kind", "what"].map(str::to_owned);
    let items = page.get("items").and_then(Value::as_array);
    let rows: Vec<Vec<String>> = items.into_iter().flatten().map(row).collect();
    if rows.is_empty() { "no such record".to_owned() } else { terminal::table(&head, &rows) }
}

fn row(item: &Value) -> Vec<String> {
    let leaf = &item["leaf"];
    let time = leaf["t"].as_u64().map(|at| model::Timestamp::from_millis(at).to_string()).unwrap_or_default();
    let hidden = ["k", "t", "v", "s", "n", "c"];
    let fields = leaf.as_object().into_iter().flatten().filter(|(name, _)| !hidden.contains(&name.as_str()));
    let what: Vec<String> = fields.map(|(name, value)| format!("{name}={}", shown(Some(value)))).collect();
    vec![shown(item.get("index")), time, shown(leaf.get("k")), what.join(" ")]
}

/// Bytes held back for a record that is not whole yet.
const HELD: usize = 64 << 20;
