//! What a person sees and types: passphrases without echo, tables, colour only on a terminal.

use std::io::{IsTerminal, Read as _, Write as _};

use anyhow::{Context as _, bail};
use model::OneLine;
use secrecy::SecretString;
use serde_json::Value;

/// Asks for a passphrase without echo, or takes the first line of standard input if told so. Never stored.
pub(crate) fn passphrase(prompt: &str, from_stdin: bool) -> anyhow::Result<SecretString> {
    if from_stdin {
        let mut text = String::new();
        std::io::stdin().take(2_000).read_to_string(&mut text).context("cannot read the passphrase")?;
        let line = text.lines().next().unwrap_or("").to_owned();
        return Ok(SecretString::from(line));
    }
    if !std::io::stdin().is_terminal() {
        bail!("a passphrase is typed on a terminal; in a script, give it with `--passphrase-stdin`");
    }
    let typed = rpassword::prompt_password(prompt).context("cannot read the passphrase from the terminal")?;
    Ok(SecretString::from(typed))
}

/// Prints a line. Whoever reads may stop reading: that is no error.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").unwrap_or_default();
}

/// Text in a colour, on a terminal.
pub(crate) fn paint(text: &str, code: &str) -> String {
    if is_coloured(&std::io::stdout()) { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Whether colours go there: on a terminal, unless `NO_COLOR` says otherwise (<https://no-color.org>).
#[expect(clippy::disallowed_methods, reason = "the binary reads the environment")]
pub(crate) fn is_coloured(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

pub(crate) const BOLD: &str = "1";
pub(crate) const DIM: &str = "2";
pub(crate) const RED: &str = "31";
pub(crate) const GREEN: &str = "32";
pub(crate) const YELLOW: &str = "33";

/// A value as one word or line. What others wrote reaches the terminal only this way: it cannot pass for lines of ours.
pub(crate) fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => OneLine(text).to_string(),
        Some(Value::Array(items)) => items.iter().map(|item| shown(Some(item))).collect::<Vec<_>>().join(", "),
        Some(other) => OneLine(&other.to_string()).to_string(),
    }
}

/// A table with aligned columns, at most `rows` of it.
pub(crate) fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|name| name.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count()).min(60);
        }
    }
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| {
            let cut: String = cell.chars().take(*width).collect();
            format!("{cut:<width$}")
        });
        format!("  {}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut text = paint(line(head).trim_end(), DIM) + "\n";
    rows.iter().for_each(|row| text.push_str(&line(row)));
    text
}
