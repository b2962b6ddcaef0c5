//! Changes of the store: logged first, then applied by compare-and-swap. A record's payload carries its change, so that
//! a start replays what the store has not applied (invariant 5).

use std::collections::BTreeSet;

use model::{
    Digest, GroupName, Insight, Name, Principal, PrincipalId, PrincipalKind, ReviewId, Run, RunId, Target, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{Phase, Review, ReviewState};

/// One change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum Change {
    /// A review was opened.
    OpenReview {
        /// The review.
        review: Box<Review>,
    },
    /// A review moved on. Lost if its version is no longer `state.version - 1`.
    AdvanceReview {
        /// Which.
        id: ReviewId,
        /// How it stands now.
        state: Box<ReviewState>,
    },
    /// A claimed action was released to the upstream.
    ReleaseRun {
        /// The run.
        run: RunId,
        /// The review that released it.
        review: ReviewId,
        /// How the review stands since it was claimed: a store older than the claim learns of it here.
        state: Box<ReviewState>,
        /// The action's digest.
        digest: Digest,
        /// When.
        at: Timestamp,
    },
    /// A run ended. Lost if it had ended before.
    EndRun {
        /// The run.
        run: RunId,
        /// How.
        end: Run,
        /// When.
        at: Timestamp,
        /// What the upstream said, without data: a command tag, a code.
        detail: String,
    },
    /// People, agents or groups changed.
    Directory {
        /// How.
        directory: DirectoryChange,
    },
    /// Something was found out about a held action. Lost if something was before.
    AddInsights {
        /// The review.
        review: ReviewId,
        /// What.
        insights: Vec<Insight>,
    },
    /// The configured targets became these; those that are not among them are no longer configured.
    Targets {
        /// All of them.
        targets: Vec<Target>,
        /// When.
        at: Timestamp,
    },
}

impl Change {
    /// Whether it is a claim: the one change that is stored before it is recorded.
    #[must_use]
    pub fn is_claim(&self) -> bool {
        matches!(self, Self::AdvanceReview { state, .. } if matches!(state.phase, Phase::Claimed { .. }))
    }
}

/// A change of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "directory")]
pub enum DirectoryChange {
    /// A principal was added. Lost if its name was ever used.
    Add {
        /// Who.
        principal: NewPrincipal,
        /// When.
        at: Timestamp,
    },
    /// A principal was revoked for good; its name is not used again.
    Revoke {
        /// Who.
        id: PrincipalId,
        /// When.
        at: Timestamp,
    },
}

/// A principal to add. Secrets come as hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPrincipal {
    /// Id, kind and name.
    pub principal: Principal,
    /// The person who owns it, for agents and pipelines.
    pub owner: Option<PrincipalId>,
    /// Who added it, and saw its token.
    #[serde(default)]
    pub added_by: Option<PrincipalId>,
    /// Groups it belongs to.
    pub groups: BTreeSet<GroupName>,
    /// SHA-256 of an agent's or pipeline's token, or the argon2id string of a person's passphrase.
    pub credential: String,
}

impl NewPrincipal {
    /// Whether an owner is named exactly where one is needed.
    #[must_use]
    pub const fn is_owned_rightly(&self) -> bool {
        match self.principal.kind {
            PrincipalKind::Person => self.owner.is_none(),
            PrincipalKind::Agent | PrincipalKind::Pipeline => self.owner.is_some(),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.principal.name
    }
}

/// What became of a change in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is in force.
    Applied,
    /// Somebody was faster: read again.
    Lost,
}
