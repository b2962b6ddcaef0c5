//! Presidio beside the detectors, on the same rows in the same run: its pattern recognizers without an entity model, in a
//! virtual environment under the target folder.

use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use corpora::{Labelled, Score};
use masking::Detectors;

use super::speed::seconds_a_round;

pub fn measure(detectors: &Detectors) -> anyhow::Result<()> {
    let rows = corpora::dense_rows(super::SEED + 1, ROWS);
    let mut items = corpora::labelled(super::SEED + 1, EACH);
    items.retain(|item| item.spans.iter().all(|label| CLASSES.contains(&label.class)));
    let all: Vec<Labelled> = rows.iter().chain(&items).cloned().collect();
    let answers = ask(&all)?;
    let seconds: f64 = answers.iter().take(rows.len()).map(|answer| answer.seconds).sum();
    println!("\n{:<48} {:>10} {:>12} {:>10}", "rows of 380 bytes with eight values", "MB/s", "rows/s", "ms/row");
    speed("Presidio 2.2.366, patterns only", &rows, seconds);
    speed("ours, all classes", &rows, ours(detectors, &rows));
    println!("\n{:<30} {:>21} {:>21}", "found on the same texts", "Presidio", "ours");
    println!("{:<30} {:>10} {:>10} {:>10} {:>10}   of", "", "recall", "precision", "recall", "precision");
    table("rows", &rows, &answers, detectors);
    let answers = answers.get(rows.len()..).unwrap_or_default();
    table("cells, rows, sentences", &items, answers, detectors);
    Ok(())
}

fn speed(name: &str, rows: &[Labelled], seconds: f64) {
    let (bytes, count) = (rows.iter().map(|row| row.text.len()).sum::<usize>() as f64, rows.len() as f64);
    println!("{name:<48} {:>10.3} {:>12.0} {:>10.4}", bytes / 1e6 / seconds, count / seconds, seconds * 1e3 / count);
}

/// The seconds that one pass over the rows takes.
fn ours(detectors: &Detectors, rows: &[Labelled]) -> f64 {
    let (watch, mut found) = (detectors.watch_all(), Vec::new());
    seconds_a_round(|| {
        for row in rows {
            found.clear();
            detectors.find(row.text.as_bytes(), masking::Context::default(), watch, &mut found);
            std::hint::black_box(&found);
        }
    })
}

/// Recall and precision of both, class by class.
fn table(name: &str, items: &[Labelled], answers: &[Answer], detectors: &Detectors) {
    let mut answers = answers.iter();
    let peer = corpora::score(items, &mut |_, _| answers.next().map(|answer| answer.spans.clone()).unwrap_or_default());
    let ours = corpora::score(items, &mut |value, column| super::find(detectors, value, column));
    for class in CLASSES {
        let figures = |score: &Score| (score.recall(Some(class)), score.precision(Some(class)));
        let ((recall, precision), (our_recall, our_precision)) = (figures(&peer), figures(&ours));
        println!(
            "{:<30} {:>10.3} {:>10.3} {:>10.3} {:>10.3}   {}",
            format!("{class}, {name}"),
            recall.share(),
            precision.share(),
            our_recall.share(),
            our_precision.share(),
            recall.all
        );
    }
}

/// What Presidio answers to one text.
#[derive(Debug, Clone)]
struct Answer {
    seconds: f64,
    spans: Vec<(Range<usize>, String)>,
}

fn ask(items: &[Labelled]) -> anyhow::Result<Vec<Answer>> {
    let python = python()?;
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("Presidio's python does not start")?;
    let (mut input, output) = (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
    let mut lines = BufReader::new(output).lines();
    let mut answers = Vec::new();
    for item in items {
        let asked = serde_json::json!({ "text": item.text, "column": item.context });
        writeln!(input, "{asked}").context("Presidio ended early")?;
        let line = lines.next().context("Presidio ended early")??;
        answers.push(answer(&serde_json::from_str(&line)?).context("Presidio's answer is not as it is known")?);
    }
    drop(input);
    ensure!(child.wait()?.success(), "Presidio failed");
    Ok(answers)
}

fn answer(line: &serde_json::Value) -> Option<Answer> {
    let place = |value: &serde_json::Value| usize::try_from(value.as_u64()?).ok();
    let span = |span: &serde_json::Value| {
        Some((place(span.get(0)?)?..place(span.get(1)?)?, span.get(2)?.as_str()?.to_owned()))
    };
    let spans = line.get("spans")?.as_array()?.iter().map(span).collect::<Option<_>>()?;
    Some(Answer { seconds: line.get("seconds")?.as_f64()?, spans })
}

/// The interpreter of a virtual environment that has Presidio; made once, from the package index.
fn python() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("where is this program?")?;
    let target = program.ancestors().nth(2).context("the program is in no target folder")?;
    let folder = target.join("presidio");
    let python = folder.join("bin/python3");
    let has = |python: &PathBuf| {
        let asked = Command::new(python).args(["-c", "import presidio_analyzer"]).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    if !has(&python) {
        println!("installing presidio-analyzer into {}", folder.display());
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "presidio-analyzer==2.2.366"]))?;
        ensure!(has(&python), "presidio-analyzer is installed and cannot be imported: see `{}`", folder.display());
    }
    Ok(python)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?} does not start"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

const SCRIPT: &str = include_str!("../presidio.py");
const CLASSES: [&str; 6] = ["card", "email", "iban", "ip", "phone", "ssn"];
const ROWS: usize = 400;
const EACH: usize = 4;
