//! How a command fails: what happened, what to do next, and the exit code that scripts rely on.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::terminal::shown;

/// The gateway answered with a problem.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct Problem {
    pub(crate) kind: String,
    pub(crate) detail: String,
    pub(crate) hint: String,
    pub(crate) body: Value,
}

impl Problem {
    pub(crate) fn of(body: Value) -> Self {
        let text = |name: &str| shown(body.get(name));
        let kind = text("type").rsplit(':').next().unwrap_or("").to_owned();
        Self { kind, detail: text("detail"), hint: text("hint"), body }
    }

    fn exit_code(&self) -> u8 {
        match self.kind.as_str() {
            "rejected" => 3,
            "expired" => 4,
            "denied" => 5,
            _ => 1,
        }
    }
}

/// Tells the person or the script, on standard error.
pub(crate) fn report(error: &anyhow::Error, json: bool) -> ExitCode {
    let problem = error.downcast_ref::<Problem>();
    if json {
        let body = problem.map_or_else(|| json!({"detail": format!("{error:#}")}), |problem| problem.body.clone());
        eprintln!("{body}");
    } else {
        eprintln!("error: {error:#}");
        if let Some(problem) = problem.filter(|problem| !problem.hint.is_empty()) {
            eprintln!("hint: {}", problem.hint);
        }
    }
    problem.map_or(ExitCode::FAILURE, |problem| ExitCode::from(problem.exit_code()))
}
