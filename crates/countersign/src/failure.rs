//! How a command fails: what happened, what to do next, and the exit code that scripts rely on.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::terminal::shown;

/// The gateway answered with a problem, or an action did not run.
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

    /// An action that is over and did not succeed, as its report tells it.
    pub(crate) fn of_report(report: &Value) -> Self {
        let text = |name: &str| shown(report.get(name));
        let hint = "`countersign audit search` finds what is on the record".to_owned();
        let detail = format!("the action did not run to its end: {}: {}", text("status"), text("detail"));
        Self { kind: text("status"), detail, hint, body: report.clone() }
    }

    fn exit_code(&self) -> u8 {
        match self.kind.as_str() {
            "rejected" => 3,
            "expired" => 4,
            "denied" | "refused" => 5,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_say_what_became_of_an_action() {
        for (kind, code) in [("rejected", 3), ("expired", 4), ("denied", 5), ("lapsed", 1), ("unavailable", 1)] {
            let body = json!({"type": format!("urn:countersign:problem:{kind}"), "detail": "x"});
            assert_eq!(Problem::of(body).exit_code(), code, "{kind}");
        }
        for (status, code) in [("refused", 5), ("failed", 1), ("uncertain", 1), ("released", 1)] {
            assert_eq!(Problem::of_report(&json!({"status": status})).exit_code(), code, "{status}");
        }
    }
}
