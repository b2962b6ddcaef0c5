//! What policy says of an action, and what a review must reach before that changes. Machines decide.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digest, Duration, GroupName, PolicyVersion, Verb};

/// The SHA-256 over a rule's text and annotations: what a verdict was given on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RuleHash(pub Digest);

/// One rule as decisions and reviews name it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RuleRef {
    /// Its `@id`.
    pub id: String,
    /// Its `@title`, or empty.
    pub title: String,
    /// Its hash.
    pub hash: RuleHash,
}

/// What policy says: machines decide.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It runs, with nobody asked.
    Allow(Explained),
    /// It does not run, and nobody is asked.
    Deny(DenyReason, Explained),
    /// It runs if people countersign: every requirement must be met.
    Review(Vec<Requirement>, Explained),
}

impl Decision {
    /// The rules that determined it and the version of their set.
    #[must_use]
    pub const fn explained(&self) -> &Explained {
        match self {
            Self::Allow(explained) | Self::Deny(_, explained) | Self::Review(_, explained) => explained,
        }
    }

    /// The word, lower case.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::Deny(..) => "deny",
            Self::Review(..) => "review",
        }
    }
}

/// Why a decision is what it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// The version of the set that decided.
    pub policy: PolicyVersion,
    /// The determining rules, by id, without repetition.
    pub rules: Vec<RuleRef>,
}

/// Why an action is denied.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenyReason {
    /// A rule forbids it, and people cannot lift that rule.
    Forbidden,
    /// No rule grants it: which operation of it, where that is known.
    NothingGrants(Option<Verb>),
    /// It could not be classified, or a name resolved to nothing, and no rule names that.
    Unknown(String),
    /// Evaluating a rule failed: an error never counts as a yes.
    EvaluationFailed(String),
    /// It holds more operations than the limit.
    TooMany {
        /// How many it holds.
        operations: usize,
    },
    /// A required group has too few people outside the actor's lineage.
    QuorumUnreachable {
        /// The rule whose quorum cannot be met.
        rule: String,
        /// The group that is too small.
        group: GroupName,
    },
    /// Agents and pipelines never change the gateway that holds them, whatever the rules say.
    OwnLeash,
    /// The principal is revoked, or owned by somebody who is.
    Inactive,
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnLeash => f.write_str("agents and pipelines never change the gateway, whatever the rules say"),
            Self::Forbidden => f.write_str("a rule forbids it, and no review can lift that rule"),
            Self::NothingGrants(Some(verb)) => write!(f, "no rule grants `{verb}`"),
            Self::NothingGrants(None) => f.write_str("no rule grants it"),
            Self::Unknown(what) => write!(f, "{what} is not understood, and no rule grants it by name"),
            Self::EvaluationFailed(why) => write!(f, "a rule could not be evaluated: {why}"),
            Self::TooMany { operations } => {
                write!(f, "it holds {operations} operations, more than {}", crate::limit::OPERATIONS)
            }
            Self::QuorumUnreachable { rule, group } => write!(
                f,
                "rule `{rule}` asks for more people of group `{group}` than there are outside the actor's lineage"
            ),
            Self::Inactive => f.write_str("the principal is revoked or its owner is"),
        }
    }
}

/// What one gate rule asks before it is lifted.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Requirement {
    /// The rule that asks.
    pub rule: RuleRef,
    /// Whose members may countersign.
    pub group: GroupName,
    /// How many distinct people.
    pub quorum: u32,
    /// How long the review may stay unanswered.
    pub expires: Duration,
}

/// Whether the verdicts so far meet the requirements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdicts {
    /// Every requirement is met by distinct people.
    Satisfied,
    /// More are needed.
    Short,
}
