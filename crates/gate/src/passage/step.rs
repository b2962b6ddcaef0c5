//! What goes into a passage and what comes out of it: the action as a door presents it, the steps, the facts read afresh.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use audit::Entry;
use model::{
    DataClass, Digest, GroupName, Parameter, PresenterId, PrincipalId, Purpose, ReviewId, Run, SessionState, ShortCode,
    Standing, Statement, Target, Timestamp,
};
use policy::PolicySet;

use crate::{Change, Clearance, Granted, Refusal, Review};

/// The bytes that a clearance licenses, exactly as they go upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload(pub Vec<u8>);

/// An action as a door presents it.
#[derive(Debug, Clone)]
pub struct Presented {
    /// Text, operations and what names resolve to.
    pub statement: Arc<Statement>,
    /// [`Statement::digest`], computed once for a statement that runs many times.
    pub statement_digest: Digest,
    /// Bound values.
    pub parameters: Vec<Parameter>,
    /// State of the session that changes meaning.
    pub state: Arc<SessionState>,
    /// Classes the actor asked to see.
    pub reveal: BTreeSet<DataClass>,
    /// Why, in the actor's words.
    pub reason: String,
    /// Whether it is to run, or to be prepared for later runs.
    pub purpose: Purpose,
    /// What stands in its way where it is presented.
    pub obstacle: Option<Obstacle>,
    /// The bytes to forward.
    pub payload: Payload,
}

/// What stands in the way of an action at its door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// It cannot wait for a review, such as `inside a transaction`.
    CannotWait(&'static str),
    /// The door cannot carry it, whatever policy says: what, and what to do instead.
    Unsupported(&'static str),
}

/// The version of everything a decision rests on: policy, directory, targets. Any change makes it another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(pub u64);

/// What to do next.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// Read this afresh, then [`crate::Passage::handle_fresh`].
    Refresh(Refresh),
    /// Stage this record; what is needed of it says what to call then.
    Record(Entry, Need),
    /// Apply this change to the store, then [`crate::Passage::handle_applied`].
    Persist(Change),
    /// Tell the caller that it is held, wait until the review moves, then [`crate::Passage::handle_wake`].
    Ask {
        /// The review's id.
        review: ReviewId,
        /// The code that people compare.
        code: ShortCode,
        /// When it expires unanswered.
        expires_at: Timestamp,
        /// Who waits.
        presenter: PresenterId,
        /// Whom it asks.
        groups: Vec<GroupName>,
    },
    /// Tell the caller no.
    Refuse(Refusal),
    /// Forward this.
    Forward(Clearance),
}

/// What must be read afresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refresh {
    /// Standing, policy and target.
    Bearing,
    /// That, an open review of this action, the people of these groups, and the actor's open reviews.
    Opening {
        /// The action's digest.
        digest: Digest,
        /// Groups that are asked.
        groups: BTreeSet<GroupName>,
    },
    /// That, and this review with the standing of everybody who gave a verdict.
    Review(ReviewId),
}

/// What was read afresh.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// The version of all this.
    pub epoch: Epoch,
    /// The actor's standing.
    pub standing: Standing,
    /// The active policy.
    pub policy: Arc<PolicySet>,
    /// The target.
    pub target: Arc<Target>,
    /// The review asked for, or an open one of the same action.
    pub review: Option<Review>,
    /// People of the groups asked, or who gave verdicts.
    pub people: BTreeMap<PrincipalId, Standing>,
    /// Reviews that the actor has open.
    pub open_reviews: usize,
    /// A grant of the same action with a use left.
    pub grant: Option<Granted>,
}

/// What is needed of a record before the machine goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Its place; nothing to call.
    Place,
    /// Its place, then [`crate::Passage::handle_staged`].
    Staged,
    /// That the kernel has it, then [`crate::Passage::handle_refusal_written`].
    Written,
    /// That it is durable, then [`crate::Passage::handle_recorded`].
    Recorded,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnd {
    /// How.
    pub run: Run,
    /// Rows returned or touched.
    pub rows: u64,
    /// Cells masked, by class.
    pub masked: BTreeMap<DataClass, u64>,
    /// What the upstream said, without data: a command tag, a code.
    pub detail: String,
}
