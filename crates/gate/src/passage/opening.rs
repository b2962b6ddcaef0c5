//! The first half of the way: an action is decided, then cleared, refused, or put to people in a review.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    Decision, DenyReason, Digest, GroupName, Operation, PresenterId, PrincipalId, Purpose, Requirement, ReviewId,
    Standing, Timestamp, limit,
};

use super::{Held, Kept, Need, Obstacle, Passage, Presented, Refresh, State, Step};
use crate::{Case, Change, Granted, Presenter, Refusal, RefusalKind, Review, is_reachable};

/// What was found when an action that needs people was looked up.
pub(super) struct Found {
    pub(super) review: Option<Review>,
    pub(super) people: BTreeMap<PrincipalId, Standing>,
    pub(super) open_reviews: usize,
    pub(super) grant: Option<Granted>,
}

impl Passage {
    pub(super) fn decide(&mut self, presented: Box<Presented>, now: Timestamp) {
        let kept = self.decisions.get(&presented.statement.operations).cloned();
        let (decision, record) = match kept {
            Some(kept) => (kept.decision, Some(kept.record)),
            None => (Arc::new(self.bearing.decide(&presented.statement.operations, now)), None),
        };
        let digest = self.digest(&presented);
        match (&*decision, presented.obstacle) {
            (Decision::Deny(reason, explained), _) => {
                let refusal = Refusal::denied(reason, explained);
                self.refuse((&presented, &digest), refusal, &decision, now);
            }
            (_, Some(Obstacle::Unsupported(what))) => {
                self.refuse((&presented, &digest), Refusal::unsupported(what), &decision, now);
            }
            (_, _) if presented.purpose == Purpose::DryRun && !self.bearing.target.dry_run => {
                let refusal = Refusal::unsupported("a dry run, which the target does not ask for");
                self.refuse((&presented, &digest), refusal, &decision, now);
            }
            (Decision::Allow(_), _) => self.clear(presented, digest, (&decision, record), now),
            // What is only prepared does not run, and of a dry run nothing stays: people are asked when it is to.
            (Decision::Review(..), _) if presented.purpose != Purpose::Run => {
                self.clear(presented, digest, (&decision, record), now);
            }
            (Decision::Review(..), Some(Obstacle::CannotWait(wherein))) => {
                self.refuse((&presented, &digest), Refusal::cannot_wait(wherein), &decision, now);
            }
            (Decision::Review(requirements, _), None) => {
                let groups = groups_of(requirements);
                let state = State::Opening(presented, requirements.clone(), digest);
                self.refresh(state, Refresh::Opening { digest, groups });
            }
        }
    }

    /// An allowed action: its records, then its clearance.
    fn clear(
        &mut self,
        presented: Box<Presented>,
        digest: Digest,
        (decision, record): (&Arc<Decision>, Option<u64>),
        now: Timestamp,
    ) {
        let Some(statement) = self.statement_record(&presented, now) else { return };
        let decision = match record {
            Some(record) => record,
            None => {
                let record = self.journal.next_sequence();
                let entry = self.journal.decision(decision, now);
                if !self.push_record(entry) {
                    return;
                }
                self.keep(&presented.statement.operations, decision, record, now);
                record
            }
        };
        let plain = !presented.statement.operations.is_empty()
            && presented.statement.operations.iter().all(|operation| operation.verb.is_plain_read());
        let at = (statement, decision);
        let (entry, need) = match presented.purpose {
            Purpose::Prepare => (self.journal.prepare(&digest, at, now), Need::Staged),
            Purpose::DryRun => (self.journal.execute_whole(&presented, &digest, at, now), Need::Recorded),
            Purpose::Run if plain => (self.journal.execute(&digest, at, now), Need::Staged),
            Purpose::Run => (self.journal.execute_whole(&presented, &digest, at, now), Need::Recorded),
        };
        self.record(entry, need, State::Clearing(presented, digest, need));
    }

    /// The number of the statement's record in this session, written now if it is the first time.
    fn statement_record(&mut self, presented: &Presented, now: Timestamp) -> Option<u64> {
        if let Some(number) = self.statements.get(&presented.statement_digest) {
            return Some(*number);
        }
        let number = self.journal.next_sequence();
        let entry = self.journal.statement(presented, now);
        if !self.push_record(entry) {
            return None;
        }
        if self.statements.len() >= KEPT {
            self.statements.clear();
        }
        self.statements.insert(presented.statement_digest, number);
        Some(number)
    }

    fn keep(&mut self, operations: &[Operation], decision: &Arc<Decision>, record: u64, now: Timestamp) {
        if self.bearing.is_timeless(operations, now) {
            if self.decisions.len() >= KEPT {
                self.decisions.clear();
            }
            self.decisions.insert(operations.to_vec(), Kept { decision: Arc::clone(decision), record });
        }
    }

    pub(super) fn refuse(
        &mut self,
        (presented, digest): (&Presented, &Digest),
        refusal: Refusal,
        decision: &Decision,
        now: Timestamp,
    ) {
        let entry = self.journal.refused(presented, digest, (&refusal, decision.explained()), now);
        self.record(entry, Need::Written, State::Refusing(refusal));
    }

    /// Fresh facts for an action that needs people: attach to its open review, or open one.
    pub(super) fn open(
        &mut self,
        presented: Box<Presented>,
        (mut requirements, before): (Vec<Requirement>, Digest),
        found: Found,
        now: Timestamp,
    ) {
        // The facts may have changed since the decision: what holds now is what is asked, and is another action if the
        // target or the lineage is another.
        let decision = self.bearing.decide(&presented.statement.operations, now);
        let digest = self.digest(&presented);
        match &decision {
            Decision::Review(asked, _) if digest != before || groups_of(asked) != groups_of(&requirements) => {
                let (asked, groups) = (asked.clone(), groups_of(asked));
                let state = State::Opening(presented, asked, digest);
                return self.refresh(state, Refresh::Opening { digest, groups });
            }
            Decision::Review(asked, _) => requirements.clone_from(asked),
            Decision::Allow(_) | Decision::Deny(..) => return self.decide(presented, now),
        }
        let presenter = PresenterId::from_random(self.journal.draw());
        let attached = found.review.and_then(|review| {
            let state = review.handle_attach(presenter, self.node, now).ok()?;
            Some(Review { case: review.case, state })
        });
        if let Some(review) = attached {
            let change = Change::AdvanceReview { id: review.case.id, state: Box::new(review.state.clone()) };
            let entry = self.journal.presenter(review.case.id, Some(presenter), &change, now);
            let held = Box::new(Held { presented, digest, review, presenter });
            return self.record(entry, Need::Recorded, State::Asking(held, Box::new(change)));
        }
        if let Some(granted) = found.grant {
            let people = self.bearing.still_countersigning(&granted.review, &granted.people, now);
            let granted = Granted { people, ..granted };
            let case = self.case(&presented, digest, requirements.clone(), now);
            let live = Presenter::Live { id: presenter, node: self.node };
            if let Some(review) = Review::open_under(&granted, case, live, now) {
                return self.open_review((presented, digest), review, presenter, now);
            }
        }
        if found.open_reviews >= limit::PENDING_REVIEWS_PER_ACTOR {
            let refusal = too_many(found.open_reviews);
            return self.refuse((&presented, &digest), refusal, &decision, now);
        }
        let lineage = &self.bearing.standing.actor.lineage;
        if !is_reachable(&requirements, &found.people, lineage) {
            let alone = |asked: &&Requirement| !is_reachable(std::slice::from_ref(*asked), &found.people, lineage);
            let short = requirements.iter().find(alone).or(requirements.first()).cloned();
            return self.refuse_unreachable(&presented, &digest, (short, &decision), now);
        }
        let case = self.case(&presented, digest, requirements, now);
        let review = Review::open(case, Presenter::Live { id: presenter, node: self.node });
        self.open_review((presented, digest), review, presenter, now);
    }

    fn open_review(
        &mut self,
        (presented, digest): (Box<Presented>, Digest),
        review: Review,
        presenter: PresenterId,
        now: Timestamp,
    ) {
        let change = Change::OpenReview { review: Box::new(review.clone()) };
        let entry = self.journal.review_opened(&review.case, &change, now);
        let held = Box::new(Held { presented, digest, review, presenter });
        self.record(entry, Need::Recorded, State::Asking(held, Box::new(change)));
    }

    fn refuse_unreachable(
        &mut self,
        presented: &Presented,
        digest: &Digest,
        (short, decision): (Option<Requirement>, &Decision),
        now: Timestamp,
    ) {
        let Some(Requirement { rule, group, .. }) = short else { return };
        let reason = DenyReason::QuorumUnreachable { rule: rule.id, group };
        let refusal = Refusal::denied(&reason, decision.explained());
        self.refuse((presented, digest), refusal, decision, now);
    }

    fn case(&mut self, presented: &Presented, digest: Digest, requirements: Vec<Requirement>, now: Timestamp) -> Case {
        let expires = requirements.iter().map(|requirement| requirement.expires).min();
        let mut reason = presented.reason.clone();
        reason.truncate(reason.floor_char_boundary(limit::REASON_BYTES));
        Case {
            id: ReviewId::from_random(self.journal.draw()),
            action: self.action(presented),
            digest,
            reason,
            requirements,
            policy: self.bearing.policy.version(),
            opened_at: now,
            expires_at: expires.map_or(now, |expires| now.after(expires)),
            under: None,
        }
    }

    pub(super) fn ask(&mut self, held: Box<Held>) {
        let groups = groups_of(&held.review.case.requirements);
        self.steps.push_back(Step::Ask {
            review: held.review.case.id,
            code: held.review.case.code(),
            expires_at: held.review.case.expires_at,
            presenter: held.presenter,
            groups: groups.into_iter().collect(),
        });
        self.state = State::Holding(held);
    }
}

fn groups_of(requirements: &[Requirement]) -> BTreeSet<GroupName> {
    requirements.iter().map(|requirement| requirement.group.clone()).collect()
}

fn too_many(open: usize) -> Refusal {
    Refusal {
        kind: RefusalKind::TooManyReviews,
        message: format!("you have {open} reviews open, as many as one actor may have"),
        decided: String::new(),
        hint: "wait for some to be settled, or withdraw them".to_owned(),
        review: None,
    }
}

/// Statements and decisions that one session remembers.
const KEPT: usize = 256;
