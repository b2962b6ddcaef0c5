//! What is wrong with a policy file, pointing at file, line and column.

use std::fmt;

use miette::Diagnostic;

use crate::SourceFile;

/// One mistake in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    /// The file as it was named at load.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl PolicyError {
    /// A mistake at byte `offset` of `file`.
    pub(crate) fn at(file: &SourceFile, offset: usize, message: impl Into<String>) -> Self {
        let before = file.text.get(..offset).unwrap_or(&file.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            file: file.name.clone(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
            message: message.into(),
        }
    }

    /// A mistake that Cedar found; `shift` is where the text that Cedar read begins in the file.
    pub(crate) fn of(file: &SourceFile, shift: usize, diagnostic: &dyn Diagnostic) -> Self {
        let label = diagnostic.labels().and_then(|mut labels| labels.next());
        let mut message = diagnostic.to_string();
        // Cedar names the rule by its place in the file; the line says it better.
        if let Some((_, rest)) = message.strip_prefix("for policy `").and_then(|rest| rest.split_once("`, ")) {
            message = rest.to_owned();
        }
        if let Some(text) = label.as_ref().and_then(|label| label.label()) {
            message = format!("{message}: {text}");
        }
        if let Some(help) = diagnostic.help() {
            message = format!("{message}; {help}");
        }
        Self::at(file, shift + label.map_or(0, |label| label.offset()), message)
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}
