//! The second half: the review moved. Everything is read and decided afresh; then the approval is claimed, recorded and
//! forwarded, or told why not.

use std::collections::BTreeMap;

use model::{Action, Decision, DenyReason, Outcome, PrincipalId, RunId, Standing, Timestamp};

use super::{Held, Need, Passage, Refresh, State, Step};
use crate::{Change, Claim, Clearance, NotCounted, Phase, Refusal, RefusalKind, Review, is_satisfied};

impl Passage {
    /// The review moved: wait on, tell its end, or release.
    pub(super) fn wake(
        &mut self,
        mut held: Box<Held>,
        review: Option<Review>,
        people: &BTreeMap<PrincipalId, Standing>,
        now: Timestamp,
    ) {
        let Some(review) = review else {
            return self.handle_unwritable("the review is not in the store");
        };
        held.review = review;
        let named = (held.review.case.id, held.review.case.code());
        match &held.review.state.phase {
            Phase::Pending => self.ask(held),
            Phase::Approved { .. } => self.release(held, people, now),
            Phase::Claimed { .. } => {
                self.steps.push_back(Step::Refuse(Refusal::ended(Outcome::Approved, "another caller ran it", named)))
            }
            Phase::Ended { outcome, why, .. } => {
                let refusal = Refusal::ended(*outcome, why, named);
                self.steps.push_back(Step::Refuse(refusal));
            }
        }
    }

    /// Everything is evaluated afresh; only then is the approval claimed.
    pub(super) fn release(&mut self, held: Box<Held>, people: &BTreeMap<PrincipalId, Standing>, now: Timestamp) {
        let again = self.action(&held.presented);
        if again.digest() != held.review.case.digest {
            return self.refuse_drift(&held, &again, now);
        }
        let outstanding = match self.bearing.decide(&held.presented.statement.operations, now) {
            Decision::Allow(_) => Vec::new(),
            Decision::Review(requirements, _) => requirements,
            Decision::Deny(reason, _) => return self.lapse(held, &format!("policy now denies it: {reason}"), now),
        };
        let run = RunId::from_random(self.journal.draw());
        let people = self.bearing.still_countersigning(&held.review, people, now);
        let claim = Claim { presenter: held.presenter, run, outstanding: &outstanding, people: &people };
        match held.review.handle_claim(&claim, now) {
            Ok(state) => {
                let change = Change::AdvanceReview { id: held.review.case.id, state: Box::new(state.clone()) };
                self.persist(change, State::Claiming(held, run, Box::new(state)));
            }
            Err(NotCounted::NotApproved) => {
                self.lapse(held, "the rules, or the standing of those who approved, changed since", now);
            }
            Err(why) => {
                self.depart(&held);
                let named = (held.review.case.id, held.review.case.code());
                self.steps.push_back(Step::Refuse(Refusal::ended(Outcome::Lapsed, &why.to_string(), named)));
            }
        }
    }

    /// The grounds moved between the claim and the record of the release: what holds now decides whether it is forwarded.
    pub(super) fn confirm(
        &mut self,
        (held, run): (Box<Held>, RunId),
        (change, clearance): (Box<Change>, Clearance),
        people: &BTreeMap<PrincipalId, Standing>,
        now: Timestamp,
    ) {
        let outstanding = match self.bearing.decide(&held.presented.statement.operations, now) {
            Decision::Allow(_) => Some(Vec::new()),
            Decision::Review(requirements, _) => Some(requirements),
            Decision::Deny(..) => None,
        };
        let people = self.bearing.still_countersigning(&held.review, people, now);
        let (verdicts, actor) = (&held.review.state.verdicts, &held.review.case.action.actor);
        let same = self.action(&held.presented).digest() == held.review.case.digest;
        if same && outstanding.is_some_and(|asked| is_satisfied(&asked, verdicts, &people, &actor.lineage)) {
            return self.persist(*change, State::Released(clearance));
        }
        drop(clearance);
        let why = "the grounds of the approval changed while it was released; it was not forwarded";
        let named = (held.review.case.id, held.review.case.code());
        self.persist(*change, State::Abandoning(Refusal::ended(Outcome::Lapsed, why, named), run));
    }

    fn refuse_drift(&mut self, held: &Held, again: &Action, now: Timestamp) {
        self.depart(held);
        let before = &held.review.case.action;
        let mut drift = before.state.drift(&again.state);
        if before.target_version != again.target_version {
            drift.push("the target's configuration changed".to_owned());
        }
        if before.actor != again.actor {
            drift.push("the actor or its lineage changed".to_owned());
        }
        let names = before.statement.bound.iter().filter(|bound| !again.statement.bound.contains(bound));
        drift.extend(names.map(|bound| format!("{} is no longer {}", bound.name, bound.identity)));
        let names = again.statement.bound.iter().filter(|bound| !before.statement.bound.contains(bound));
        drift.extend(names.map(|bound| format!("{} is now {}", bound.name, bound.identity)));
        let refusal = Refusal {
            kind: RefusalKind::Drifted,
            message: format!("what was approved is not what would run: {}", drift.join("; ")),
            decided: String::new(),
            hint: "put it back and run it again within the time of the approval, or run it again to ask anew"
                .to_owned(),
            review: Some((held.review.case.id, held.review.case.code())),
        };
        let decision = Decision::Deny(
            DenyReason::Forbidden,
            model::Explained { policy: self.bearing.policy.version(), rules: Vec::new() },
        );
        self.refuse((&held.presented, &held.digest), refusal, &decision, now);
    }

    /// An approval that no longer holds lapses; the live presenter gets a new review.
    pub(super) fn lapse(&mut self, held: Box<Held>, why: &str, now: Timestamp) {
        let id = held.review.case.id;
        match held.review.handle_lapse(why, now) {
            Ok(state) => {
                let change = Change::AdvanceReview { id, state: Box::new(state) };
                let entry = self.journal.review_ended(id, Outcome::Lapsed, &change, now);
                self.record(entry, Need::Recorded, State::Lapsing(held, Box::new(change)));
            }
            Err(_) => self.refresh(State::Waking(held), Refresh::Review(id)),
        }
    }
}

/// The change that a release is.
pub(super) fn released(review: &Review, run: RunId, now: Timestamp) -> Change {
    Change::ReleaseRun {
        run,
        review: review.case.id,
        state: Box::new(review.state.clone()),
        digest: review.case.digest,
        at: now,
    }
}
