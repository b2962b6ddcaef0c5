//! What the gateway found out about a held action for those who review it. Nothing is decided by it, and no approval is
//! bound to it: it was so when it was asked.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, Verb};

/// One thing that was found out, or could not be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Insight {
    /// How many rows a table has, as its server estimates.
    Table {
        /// The table, in full.
        table: String,
        /// The estimate.
        rows: u64,
    },
    /// How many rows the statement concerns, as the server's planner estimates with the values that are bound.
    Plan {
        /// The estimate.
        rows: u64,
    },
    /// There is no such estimate.
    NoPlan {
        /// Why.
        why: String,
    },
    /// How many rows the statement changed in a dry run, which was undone.
    DryRun {
        /// As the server counted them.
        rows: u64,
    },
    /// There was no dry run, or it did not come to its end.
    NoDryRun {
        /// Why.
        why: String,
    },
    /// The actor was never let do this here before.
    FirstTime {
        /// What it does.
        verb: Verb,
        /// On what.
        resource: String,
        /// Since when it is known what the actor does.
        since: Timestamp,
    },
}
