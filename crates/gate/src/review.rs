//! A review: the case, the verdicts so far, and what may happen next. Loaded, advanced, written back by compare-and-swap.
//! Every input gives a whole new state or a reason why it does not count; nothing is half done.

use std::collections::BTreeMap;

use model::{
    Action, Decision, Digest, Duration, Grant, OneLine, Outcome, PolicyVersion, PresenterId, PrincipalId,
    PrincipalKind, Requirement, ReviewId, RunId, SessionId, ShortCode, Standing, Timestamp, Verdict, VerdictKind,
    limit, sha256,
};
use serde::{Deserialize, Serialize};

use crate::quorum::{is_entitled, is_satisfied};

/// A review: what is held, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// What never changes.
    pub case: Case,
    /// What does.
    pub state: ReviewState,
}

/// The held action and the terms that reviewers see. Written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The review's id.
    pub id: ReviewId,
    /// The action, whole.
    pub action: Action,
    /// Its digest: what an approval is bound to.
    pub digest: Digest,
    /// Why the actor wants it, in its own words; quoted, never believed.
    pub reason: String,
    /// What must be met, as the reviewers see it.
    pub requirements: Vec<Requirement>,
    /// The policy version that asked.
    pub policy: PolicyVersion,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it expires unanswered: the shortest expiry of its rules.
    pub expires_at: Timestamp,
    /// The grant that it was opened under: nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<Under>,
}

/// A use of a grant: a review that nobody was asked for. Its id follows from the two, so that each use is opened once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Under {
    /// The review that the grant was born from.
    pub grant: ReviewId,
    /// Which use of it; the first was the review's own run.
    pub number: u32,
}

impl Under {
    /// The id of the review that this use is.
    #[must_use]
    pub fn id(self) -> ReviewId {
        let digest = sha256(&[b"countersign use of a grant v1", self.grant.as_bytes(), &self.number.to_be_bytes()]);
        let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *digest.as_bytes();
        ReviewId::from_random(id)
    }
}

/// A grant as it was found for an action: its review, the uses opened so far, and the people behind both.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The review that it was born from.
    pub review: Review,
    /// Uses so far, the review's own run among them.
    pub used: u32,
    /// The standing as of now of those who gave verdicts, and of the actor's lineage.
    pub people: BTreeMap<PrincipalId, Standing>,
}

impl Case {
    /// The code that people compare.
    #[must_use]
    pub fn code(&self) -> ShortCode {
        ShortCode::of(&self.digest, self.id)
    }
}

/// How a review stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewState {
    /// Grows by one with every change; the store swaps only the version it was read at.
    pub version: u64,
    /// Verdicts that count, in order.
    pub verdicts: Vec<Verdict>,
    /// Where it stands.
    pub phase: Phase,
    /// Who waits for it.
    pub presenter: Presenter,
}

impl ReviewState {
    /// What its approvals allow beside the one run, once that was claimed: what all of them do. One rejection ends it.
    #[must_use]
    pub fn grant(&self) -> Option<Grant> {
        let Phase::Claimed { .. } = self.phase else { return None };
        let mut grants =
            self.verdicts.iter().map(|verdict| verdict.grant.filter(|_| verdict.kind == VerdictKind::Approve));
        let first = grants.next()??;
        grants.try_fold(first, |narrowest, grant| Some(narrowest.within(grant?)))
    }
}

/// Where a review stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "phase")]
pub enum Phase {
    /// More verdicts are needed.
    Pending,
    /// Every requirement is met; the presenter may claim it until `claim_by`.
    Approved {
        /// When the last requirement was met.
        at: Timestamp,
        /// When the approval lapses unclaimed.
        claim_by: Timestamp,
    },
    /// Claimed for one run: this happens once.
    Claimed {
        /// The run.
        run: RunId,
        /// When.
        at: Timestamp,
    },
    /// Over without a run.
    Ended {
        /// How.
        outcome: Outcome,
        /// When.
        at: Timestamp,
        /// Why, for people.
        why: String,
    },
}

/// Who waits for the review and would receive the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "presenter")]
pub enum Presenter {
    /// A live caller of the node that was started as `node`.
    Live {
        /// The caller.
        id: PresenterId,
        /// The node's life; after a restart it is another.
        node: SessionId,
    },
    /// Nobody: the review stays open, and nothing runs until the same action is presented again.
    Detached,
}

/// A verdict as it comes in, with what the gate must know to count it.
#[derive(Debug, Clone)]
pub struct Given<'a> {
    /// The verdict.
    pub verdict: Verdict,
    /// The reviewer's standing as of now.
    pub reviewer: &'a Standing,
    /// What policy says of `countersign` for this reviewer, channel and strength.
    pub countersign: &'a Decision,
    /// The standing as of now of everybody who gave a verdict before.
    pub people: &'a BTreeMap<PrincipalId, Standing>,
}

/// Why an input does not change a review.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCounted {
    /// The reviewer is in the actor's lineage.
    #[error("you stand behind this action yourself (you own or sent the actor): nobody countersigns their own")]
    InLineage,
    /// Agents and pipelines never review, and revoked people do not.
    #[error("only active people give verdicts")]
    NotAPerson,
    /// The reviewer is in none of the groups asked.
    #[error("you are in none of the groups that this review asks")]
    NotEntitled,
    /// Policy does not let this verdict count.
    #[error("policy does not let this verdict count: {0}")]
    Policy(String),
    /// The same person said the same before.
    #[error("you already gave this verdict")]
    Repeated,
    /// The review is settled or over.
    #[error("the review is already {0}")]
    Over(&'static str),
    /// Its time is up.
    #[error("its time is up")]
    Expired,
    /// A grant is only given with an approval, and bounded.
    #[error("a grant is for 2 to {} uses within {} hours", limit::GRANT_USES, limit::GRANT_LASTS.as_millis() / 3_600_000)]
    Unbounded,
    /// It holds as many verdicts as it may.
    #[error("the review holds too many verdicts")]
    Full,
    /// Somebody else is presenting the action, or it was presented by another.
    #[error("another caller already waits for this review")]
    Presented,
    /// The review is not approved.
    #[error("the review is not approved")]
    NotApproved,
}

impl Review {
    /// Opens the next use of a grant for the same action, if one is left and its verdicts still meet `requirements`.
    #[must_use]
    pub fn open_under(granted: &Granted, case: Case, presenter: Presenter, now: Timestamp) -> Option<Self> {
        let Granted { review: of, used, people } = granted;
        let grant = of.state.grant().filter(|grant| *used < grant.uses && now < grant.until)?;
        let satisfied = is_satisfied(&case.requirements, &of.state.verdicts, people, &case.action.actor.lineage);
        if of.case.digest != case.digest || !satisfied {
            return None;
        }
        let under = Under { grant: of.case.id, number: used.saturating_add(1) };
        // A use grants nothing itself.
        let verdicts = of.state.verdicts.iter().map(|verdict| Verdict { grant: None, ..verdict.clone() }).collect();
        let phase = Phase::Approved { at: now, claim_by: now.after(CLAIM_WITHIN).min(grant.until) };
        let case = Case { id: under.id(), under: Some(under), ..case };
        Some(Self { case, state: ReviewState { version: 1, verdicts, phase, presenter } })
    }

    /// Opens a review with a live presenter. `requirements` are not empty.
    #[must_use]
    pub fn open(case: Case, presenter: Presenter) -> Self {
        Self { case, state: ReviewState { version: 1, verdicts: Vec::new(), phase: Phase::Pending, presenter } }
    }

    /// A person's verdict.
    ///
    /// # Errors
    /// Why it does not count. A refused verdict is recorded too, and changes nothing.
    pub fn handle_verdict(&self, given: &Given<'_>, now: Timestamp) -> Result<ReviewState, NotCounted> {
        let reviewer = given.reviewer.actor.principal.id;
        let mut verdict = Verdict { reviewer, ..given.verdict.clone() };
        let actor = &self.case.action.actor;
        // Before any other check: no role, group or rule lifts this (invariant 3).
        if actor.lineage.contains(reviewer) || actor.principal.id == reviewer {
            return Err(NotCounted::InLineage);
        }
        if given.reviewer.actor.principal.kind != PrincipalKind::Person || !given.reviewer.active {
            return Err(NotCounted::NotAPerson);
        }
        // Whoever is asked may end what was granted: that only ever stops something.
        let ends_grant = verdict.kind == VerdictKind::Reject && self.state.grant().is_some();
        if !ends_grant {
            self.check_open(now)?;
        }
        if verdict.grant.is_some_and(|grant| !is_bounded(grant, &verdict, now)) {
            return Err(NotCounted::Unbounded);
        }
        if !self.case.requirements.iter().any(|requirement| is_entitled(given.reviewer, requirement)) {
            return Err(NotCounted::NotEntitled);
        }
        match given.countersign {
            Decision::Allow(_) => {}
            Decision::Deny(reason, _) => return Err(NotCounted::Policy(reason.to_string())),
            Decision::Review(..) => return Err(NotCounted::Policy("it would need a review itself".to_owned())),
        }
        let before = self.state.verdicts.iter().find(|earlier| earlier.reviewer == reviewer);
        // A person may still turn an approval into a rejection: that only ever stops something.
        if before.is_some_and(|earlier| earlier.kind == verdict.kind) {
            return Err(NotCounted::Repeated);
        }
        if verdict.kind == VerdictKind::Approve && self.state.verdicts.len() >= limit::VERDICTS {
            return Err(NotCounted::Full);
        }
        verdict.terms = self.case.requirements.iter().map(|requirement| requirement.rule.hash).collect();
        let mut state = self.next();
        if !ends_grant {
            state.phase = self.settled(given, &verdict, now);
        }
        state.verdicts.push(verdict);
        Ok(state)
    }

    /// The phase after `verdict`. One rejection is enough; approval needs every requirement met.
    fn settled(&self, given: &Given<'_>, verdict: &Verdict, now: Timestamp) -> Phase {
        if verdict.kind == VerdictKind::Reject {
            let mut why = format!("rejected by {}", given.reviewer.actor.principal.name);
            if !verdict.reason.is_empty() {
                why.push_str(&format!(": {}", OneLine(&verdict.reason)));
            }
            return Phase::Ended { outcome: Outcome::Rejected, at: now, why };
        }
        let mut verdicts = self.state.verdicts.clone();
        verdicts.push(verdict.clone());
        let mut people = given.people.clone();
        people.insert(verdict.reviewer, given.reviewer.clone());
        if is_satisfied(&self.case.requirements, &verdicts, &people, &self.case.action.actor.lineage) {
            Phase::Approved { at: now, claim_by: now.after(CLAIM_WITHIN) }
        } else {
            Phase::Pending
        }
    }

    /// Time passed.
    ///
    /// # Errors
    /// If nothing is due.
    pub fn handle_time(&self, now: Timestamp) -> Result<ReviewState, NotCounted> {
        match &self.state.phase {
            Phase::Pending if now >= self.case.expires_at => {
                Ok(self.ended(Outcome::Expired, now, "nobody answered in time"))
            }
            Phase::Approved { claim_by, .. } if now >= *claim_by => {
                Ok(self.ended(Outcome::Lapsed, now, "the approval was not claimed in time"))
            }
            Phase::Pending | Phase::Approved { .. } | Phase::Claimed { .. } | Phase::Ended { .. } => {
                Err(NotCounted::NotApproved)
            }
        }
    }

    /// When time next ends it, if it is open.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match &self.state.phase {
            Phase::Pending => Some(self.case.expires_at),
            Phase::Approved { claim_by, .. } => Some(*claim_by),
            Phase::Claimed { .. } | Phase::Ended { .. } => None,
        }
    }

    /// The actor takes it back, or is revoked.
    ///
    /// # Errors
    /// If it is over or already claimed.
    pub fn handle_withdraw(&self, why: &str, now: Timestamp) -> Result<ReviewState, NotCounted> {
        match &self.state.phase {
            Phase::Pending | Phase::Approved { .. } => Ok(self.ended(Outcome::Withdrawn, now, why)),
            Phase::Claimed { .. } => Err(NotCounted::Over("released")),
            Phase::Ended { outcome, .. } => Err(NotCounted::Over(outcome.as_str())),
        }
    }

    /// The same actor presents the same action: it attaches if nobody live waits and nothing was delivered.
    ///
    /// # Errors
    /// If it is over, claimed, or another live caller waits. Then the caller's is a new action.
    pub fn handle_attach(&self, id: PresenterId, node: SessionId, now: Timestamp) -> Result<ReviewState, NotCounted> {
        self.check_unclaimed(now)?;
        if let Presenter::Live { node: living, .. } = self.state.presenter
            && living == node
        {
            return Err(NotCounted::Presented);
        }
        let mut state = self.next();
        state.presenter = Presenter::Live { id, node };
        Ok(state)
    }

    /// The presenter left: its client is gone or cancelled. The review stays open.
    ///
    /// # Errors
    /// If this presenter does not wait here.
    pub fn handle_detach(&self, id: PresenterId) -> Result<ReviewState, NotCounted> {
        match (&self.state.phase, self.state.presenter) {
            (Phase::Pending | Phase::Approved { .. }, Presenter::Live { id: live, .. }) if live == id => {
                let mut state = self.next();
                state.presenter = Presenter::Detached;
                Ok(state)
            }
            _ => Err(NotCounted::Presented),
        }
    }

    /// The presenter claims the approval for one run. `outstanding` is what policy still asks as of now.
    ///
    /// # Errors
    /// If it is not approved, not this presenter's, out of time, or no longer satisfied.
    pub fn handle_claim(&self, claim: &Claim<'_>, now: Timestamp) -> Result<ReviewState, NotCounted> {
        let Phase::Approved { claim_by, .. } = self.state.phase else { return Err(NotCounted::NotApproved) };
        if now >= claim_by {
            return Err(NotCounted::Expired);
        }
        match self.state.presenter {
            Presenter::Live { id, .. } if id == claim.presenter => {}
            Presenter::Live { .. } | Presenter::Detached => return Err(NotCounted::Presented),
        }
        let lineage = &self.case.action.actor.lineage;
        if !is_satisfied(claim.outstanding, &self.state.verdicts, claim.people, lineage) {
            return Err(NotCounted::NotApproved);
        }
        let mut state = self.next();
        state.phase = Phase::Claimed { run: claim.run, at: now };
        Ok(state)
    }

    /// An approval that no longer holds lapses, told why.
    ///
    /// # Errors
    /// If it is not an approval that waits to be claimed.
    pub fn handle_lapse(&self, why: &str, now: Timestamp) -> Result<ReviewState, NotCounted> {
        match self.state.phase {
            Phase::Approved { .. } => Ok(self.ended(Outcome::Lapsed, now, why)),
            Phase::Pending | Phase::Claimed { .. } | Phase::Ended { .. } => Err(NotCounted::NotApproved),
        }
    }

    fn check_open(&self, now: Timestamp) -> Result<(), NotCounted> {
        match &self.state.phase {
            Phase::Pending if now >= self.case.expires_at => Err(NotCounted::Expired),
            Phase::Pending => Ok(()),
            Phase::Approved { .. } => Err(NotCounted::Over("approved")),
            Phase::Claimed { .. } => Err(NotCounted::Over("released")),
            Phase::Ended { outcome, .. } => Err(NotCounted::Over(outcome.as_str())),
        }
    }

    fn check_unclaimed(&self, now: Timestamp) -> Result<(), NotCounted> {
        match &self.state.phase {
            Phase::Approved { claim_by, .. } if now < *claim_by => Ok(()),
            Phase::Approved { .. } => Err(NotCounted::Expired),
            Phase::Pending | Phase::Claimed { .. } | Phase::Ended { .. } => self.check_open(now),
        }
    }

    fn ended(&self, outcome: Outcome, at: Timestamp, why: &str) -> ReviewState {
        let mut state = self.next();
        state.phase = Phase::Ended { outcome, at, why: why.to_owned() };
        state
    }

    fn next(&self) -> ReviewState {
        let mut state = self.state.clone();
        state.version += 1;
        state
    }
}

fn is_bounded(grant: Grant, verdict: &Verdict, now: Timestamp) -> bool {
    verdict.kind == VerdictKind::Approve
        && (2..=limit::GRANT_USES).contains(&grant.uses)
        && now < grant.until
        && grant.until <= now.after(limit::GRANT_LASTS)
}

/// A presenter's claim on an approval.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Who claims.
    pub presenter: PresenterId,
    /// The run it is for.
    pub run: RunId,
    /// What policy still asks as of now.
    pub outstanding: &'a [Requirement],
    /// The standing as of now of everybody who gave a verdict.
    pub people: &'a BTreeMap<PrincipalId, Standing>,
}

/// How long an approval may stay unclaimed.
pub(crate) const CLAIM_WITHIN: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests;
