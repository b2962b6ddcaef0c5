//! `countersign check`: configuration and policies, and whether the classes stand on columns that are there; without
//! starting anything.

use anyhow::ensure;
use clap::Args;
use serde_json::{Value, json};

use super::{WithConfig, tell};
use crate::{classes, config};

/// Validate configuration and policies.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    config: WithConfig,
}

impl Check {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<()> {
        let config = config::read(&self.config.config)?;
        let policies = config.load_policies()?;
        let misplaced = classes::misplaced(&config, &self.config.config).await?;
        ensure!(misplaced.is_empty(), "{}", misplaced.join("\n"));
        let targets: Vec<Value> = config
            .targets
            .iter()
            .map(|at| json!({"name": at.target.name, "kind": at.target.kind, "environment": at.target.environment()}))
            .collect();
        let found = json!({
            "policy": policies.version().to_string(), "rules": policies.rules().len(), "targets": targets,
            "review-groups": policies.review_groups(),
        });
        tell(json, &found, |_| {
            let names: Vec<String> = config
                .targets
                .iter()
                .map(|at| format!("  {} ({}, {})", at.target.name, at.target.kind, at.target.environment()))
                .collect();
            format!(
                "ok: {} rules, policy version {}\ntargets:\n{}",
                policies.rules().len(),
                policies.version(),
                names.join("\n")
            )
        });
        Ok(())
    }
}
