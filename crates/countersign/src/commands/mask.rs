//! `countersign mask`: what the detectors make of a file, without a gateway, a target or a rule.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _, stdin, stdout};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use masking::{Carries, Context, Detectors, Masked, Screen};
use model::DataClass;
use serde_json::json;

use super::tell;
use crate::terminal::{BOLD, YELLOW, paint};

/// Mask a file as values on their way to an agent are masked: each line is a value.
///
/// Writes the file with `[class]` in place of what was found. With --explain, says instead where something was found, of
/// which class, and what told it; never the value itself.
///
/// Example: countersign mask --explain sample.jsonl
/// Example: psql -c 'select email from customers' | countersign mask - --class email
#[derive(Debug, Args)]
pub(super) struct Mask {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// Say what would be masked and why, instead of masking it.
    #[arg(long)]
    explain: bool,
    /// Look for this class only; may be repeated.
    #[arg(long = "class", value_name = "CLASS")]
    classes: Vec<DataClass>,
    /// Take every line for a value of a column or key of this name: some numbers are only found beside a word that says
    /// what they are.
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
}

impl Mask {
    pub(super) fn run(self, json: bool) -> anyhow::Result<()> {
        let detectors = Detectors::built_in();
        if let Some(wrong) = self.classes.iter().find(|class| !detectors.classes().contains(class)) {
            let known: Vec<&str> = detectors.classes().iter().map(DataClass::as_str).collect();
            bail!("there is no detector for `{wrong}`: use any of {}", known.join(", "));
        }
        let asked = if self.classes.is_empty() { detectors.classes() } else { &self.classes };
        let mut screen = Screen::new(&asked.iter().cloned().collect());
        let context = self.column.as_ref().map_or_else(Context::default, |name| detectors.context(name));
        let unreadable = || format!("cannot read `{}`", self.file.display());
        let input: Box<dyn BufRead> = match self.file.as_os_str() == "-" {
            true => Box::new(stdin().lock()),
            false => Box::new(BufReader::new(File::open(&self.file).with_context(unreadable)?)),
        };
        if self.explain {
            let mut explained = Explained::default();
            for (number, line) in input.split(b'\n').enumerate() {
                explained.take(number + 1, &line.with_context(unreadable)?, (&mut screen, context));
            }
            explained.tell(json);
            return Ok(());
        }
        let mut output = stdout().lock();
        for line in input.split(b'\n') {
            let line = line.with_context(unreadable)?;
            match screen.mask(&line, context, Carries::Text) {
                Masked::Text(text) => output.write_all(text)?,
                Masked::Keep | Masked::Null => output.write_all(&line)?,
            }
            output.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// Where something was found.
#[derive(Debug)]
struct Place {
    line: usize,
    /// In bytes, from 1.
    column: usize,
    bytes: usize,
    class: DataClass,
    detector: &'static str,
}

/// What was found in a file.
#[derive(Debug, Default)]
struct Explained {
    places: Vec<Place>,
    /// By class and detector.
    counts: BTreeMap<(DataClass, &'static str), u64>,
}

impl Explained {
    fn take(&mut self, line: usize, value: &[u8], (screen, context): (&mut Screen, Context)) {
        screen.finds(value, context);
        for (span, class, detector) in screen.found() {
            *self.counts.entry((class.clone(), detector)).or_default() += 1;
            if self.places.len() < PLACES {
                let (column, bytes) = (span.start + 1, span.len());
                self.places.push(Place { line, column, bytes, class: class.clone(), detector });
            }
        }
    }

    fn tell(&self, json: bool) {
        let place = |place: &Place| {
            let Place { line, column, bytes, class, detector } = place;
            json!({ "line": line, "column": column, "bytes": bytes, "class": class, "detector": detector })
        };
        let count = |((class, detector), count): (&(DataClass, &str), &u64)| json!({ "class": class, "detector": detector, "count": count });
        let whole = json!({
            "found": self.places.iter().map(place).collect::<Vec<_>>(),
            "counts": self.counts.iter().map(count).collect::<Vec<_>>(),
        });
        tell(json, &whole, |_| self.text());
    }

    fn text(&self) -> String {
        let mut lines = Vec::with_capacity(self.places.len());
        for Place { line, column, bytes, class, detector } in &self.places {
            lines.push(format!(
                "{line}:{column}: {} {bytes} bytes, told by {detector}",
                paint(&format!("[{class}]"), YELLOW)
            ));
        }
        let all: u64 = self.counts.values().sum();
        let shown = u64::try_from(self.places.len()).unwrap_or(u64::MAX);
        if shown < all {
            lines.push(format!("… and {} more places", all - shown));
        }
        lines.push(paint(&format!("{all} found"), BOLD));
        lines
            .extend(self.counts.iter().map(|((class, detector), count)| format!("{count:>8}  {class}, by {detector}")));
        lines.join("\n")
    }
}

/// Places that are told one by one.
const PLACES: usize = 10_000;
