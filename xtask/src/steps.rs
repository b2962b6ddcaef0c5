//! A run of named steps: a headline and the time of each, one closing line for all.
//!
//! Writes to stderr, so that what the steps themselves print (test results) is all that stdout holds.
//! The first failing step ends the run.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What has passed so far, and how long it took.
pub(crate) struct Steps {
    started: Instant,
    passed: Vec<(&'static str, Duration)>,
}

impl Steps {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), passed: Vec::new() }
    }

    /// Runs one step; its failure is reported with the step's name and what passed before it.
    pub(crate) fn run<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("== {name}");
        let began = Instant::now();
        let result = work();
        let took = began.elapsed();
        match result {
            Ok(value) => {
                eprintln!("-- {name}: passed in {}\n", seconds(took));
                self.passed.push((name, took));
                Ok(value)
            }
            Err(error) => {
                eprintln!("-- {name}: FAILED after {}", seconds(took));
                Err(error).with_context(|| format!("step `{name}` failed ({})", self.list()))
            }
        }
    }

    /// The closing line of a run in which everything passed.
    pub(crate) fn finish(&self) {
        eprintln!("== {} in {}", self.list(), seconds(self.started.elapsed()));
    }

    fn list(&self) -> String {
        if self.passed.is_empty() {
            return "nothing passed before".to_owned();
        }
        let steps: Vec<String> = self.passed.iter().map(|(name, took)| format!("{name} {}", seconds(*took))).collect();
        format!("passed: {}", steps.join(", "))
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_failing_step_is_named_with_what_passed_before() {
        let mut steps = Steps::start();
        steps.run("first", || Ok(())).unwrap();
        let error = steps.run("second", || Err::<(), _>(anyhow!("no luck"))).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.starts_with("step `second` failed (passed: first "));
        assert!(text.ends_with("no luck"));
    }
}
