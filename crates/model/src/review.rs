//! The words of a review's life: what one person said, how the review ended, what became of the action.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Duration, PrincipalId, RuleHash, Timestamp};

/// One reviewer's answer. People give verdicts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// Who gave it.
    pub reviewer: PrincipalId,
    /// What they said.
    pub kind: VerdictKind,
    /// Why, in their words; at most [`crate::limit::REASON_BYTES`].
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Through which channel.
    pub channel: Channel,
    /// How strongly the reviewer proved to be themself.
    pub strength: Strength,
    /// How long before the verdict that proof was given.
    pub proof_age: Duration,
    /// The rules, as hashes, that were among the terms the reviewer saw.
    pub terms: Vec<RuleHash>,
    /// What an approval allows beside the one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
}

/// A bounded standing permission, born from a review: the same action, to the last bit of its digest, may run again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// How often it may run, the run that was asked for among them; at most [`crate::limit::GRANT_USES`].
    pub uses: u32,
    /// When it ends; at most [`crate::limit::GRANT_LASTS`] after the verdict.
    pub until: Timestamp,
}

impl Grant {
    /// What both allow.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self { uses: self.uses.min(other.uses), until: self.until.min(other.until) }
    }
}

/// The two answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictKind {
    /// It may run, as far as this person is concerned.
    Approve,
    /// It must not run. One is enough.
    Reject,
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        })
    }
}

/// How a verdict arrived.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// The command line.
    Cli,
    /// The REST API.
    Api,
    /// The console's pages.
    Console,
}

impl Channel {
    /// The word, as policies read it in `context.channel`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Api => "api",
            Self::Console => "console",
        }
    }
}

/// How strongly a reviewer proved to be themself, 1 (our word only) to 4 (a passkey bound to this verdict).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Strength(pub u8);

impl Strength {
    /// A passphrase typed for this verdict: our own word, no evidence for a third party.
    pub const PASSPHRASE: Self = Self(1);
}

/// How a review ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The requirements were met, and the action was claimed.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// Approved, but not claimed in time or no longer satisfied.
    Lapsed,
    /// The actor took it back, or was revoked.
    Withdrawn,
}

impl Outcome {
    /// The word, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Lapsed => "lapsed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of the action itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Run {
    /// Cleared for the upstream; its end is not known yet.
    Released,
    /// The upstream said it worked.
    Succeeded,
    /// The upstream said it failed, or it was never forwarded.
    Failed,
    /// Forwarded, and its end was never seen. Never tried again by itself.
    Uncertain,
}

impl Run {
    /// The word, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
