//! One session's way through the gate. An action goes in by [`Passage::present`]; steps come out, one at a time; what
//! became of each goes back in; at the end stands a clearance, a refusal, or a wait for people.
//!
//! All ordering is here: decide, record, persist, ask; and for a release: read afresh, decide again, claim, record, forward.

#![expect(clippy::wildcard_enum_match_arm, reason = "a state that an input does not concern stays as it is")]

mod step;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use audit::{Entry, RecordName, Recorded, Staged, Unwritable, Written};
use model::{
    Action, Bound, Decision, DenyReason, Digest, GroupName, Name, Operation, Outcome, PresenterId, PrincipalId,
    Requirement, Resource, ReviewId, Run, RunId, SessionState, Standing, Statement, Target, Timestamp, Verb, Verdict,
    limit,
};
use policy::{Countersign, PolicySet, Question};

pub use step::{Epoch, Fresh, Need, Payload, Presented, Refresh, RunEnd, Step};

use crate::{
    Applied, Case, Change, Claim, Clearance, Journal, NotCounted, Phase, Presenter, Refusal, RefusalKind, Review,
    ReviewState, is_reachable, is_satisfied,
};

/// One session's way through the gate. Owned by the session's task; takes no lock.
#[derive(Debug)]
pub struct Passage {
    bearing: Bearing,
    journal: Journal,
    /// The node's life, for presenters.
    node: model::SessionId,
    decisions: HashMap<Vec<Operation>, Kept>,
    statements: HashMap<Digest, u64>,
    state: State,
    steps: VecDeque<Step>,
    /// The number of the record whose proof is awaited.
    awaited: Option<u64>,
    /// Presenters that left their reviews open.
    departed: Vec<(ReviewId, PresenterId)>,
}

/// A session that policy does not open, and the record that says so: it is written before the caller is told.
#[derive(Debug)]
pub struct Refused {
    /// What the caller is told.
    pub refusal: Refusal,
    /// Its record.
    pub entry: Result<Entry, Unwritable>,
}

/// Who asks, of which target, under which policy.
#[derive(Debug)]
struct Bearing {
    epoch: Epoch,
    standing: Standing,
    policy: Arc<PolicySet>,
    target: Arc<Target>,
}

/// A decision kept for this session, with the number of its record.
#[derive(Debug, Clone)]
struct Kept {
    decision: Arc<Decision>,
    record: u64,
}

/// Waiting is a state that owns what waits.
#[derive(Debug)]
enum State {
    Idle,
    /// For fresh facts, then to be decided.
    Deciding(Box<Presented>),
    /// For fresh facts, then to be asked about.
    Opening(Box<Presented>, Vec<Requirement>, Digest),
    /// For the record of an allowed action: its place is enough for a plain read alone.
    Clearing(Box<Presented>, Digest, Need),
    /// For the record of a refusal.
    Refusing(Refusal),
    /// For the record of a new review, or of attaching to one; then for the store.
    Asking(Box<Held>, Box<Change>),
    /// For people.
    Holding(Box<Held>),
    /// For fresh facts about the review.
    Waking(Box<Held>),
    /// For the store to give us the claim.
    Claiming(Box<Held>, RunId, Box<ReviewState>),
    /// For the record of the release.
    Releasing(Box<Held>, RunId, Box<Change>),
    /// For fresh facts, because the grounds of the release are stale.
    Confirming(Box<Held>, RunId, Box<Change>, Clearance),
    /// For the store to learn of the release; then it is forwarded.
    Released(Clearance),
    /// For the store to learn of a release that is not forwarded after all.
    Abandoning(Refusal, RunId),
    /// For the record of that, then for the store.
    Abandoned(Refusal, Box<Change>),
    /// For the record of a lapse, then for the store; then a new review is opened.
    Lapsing(Box<Held>, Box<Change>),
}

/// A held action.
#[derive(Debug)]
struct Held {
    presented: Box<Presented>,
    digest: Digest,
    review: Review,
    presenter: PresenterId,
}

impl Passage {
    /// A session's passage. `node` is this life of the node.
    #[must_use]
    pub fn new(journal: Journal, node: model::SessionId, fresh: Fresh) -> Self {
        let Fresh { epoch, standing, policy, target, .. } = fresh;
        Self {
            bearing: Bearing { epoch, standing, policy, target },
            journal,
            node,
            decisions: HashMap::new(),
            statements: HashMap::new(),
            state: State::Idle,
            steps: VecDeque::new(),
            awaited: None,
            departed: Vec::new(),
        }
    }

    /// The session's journal, for what its door records.
    pub const fn journal(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// The actor's standing as of the last refresh.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        &self.bearing.standing
    }

    /// The target as of the last refresh.
    #[must_use]
    pub const fn target(&self) -> &Arc<Target> {
        &self.bearing.target
    }

    /// The policy as of the last refresh.
    #[must_use]
    pub const fn policy(&self) -> &Arc<PolicySet> {
        &self.bearing.policy
    }

    /// The next step, if the machine is not waiting for an answer to the last one.
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// An action comes in. Whatever was held before is let go.
    pub fn present(&mut self, presented: Presented, epoch: Epoch, now: Timestamp) {
        self.let_go();
        if epoch == self.bearing.epoch {
            self.decide(Box::new(presented), now);
        } else {
            self.refresh(State::Deciding(Box::new(presented)), Refresh::Bearing);
        }
    }

    /// The session's first record: `connect` is decided like any operation.
    ///
    /// # Errors
    /// If policy does not let this actor open a session, with the record that says so.
    pub fn open_session(&mut self, door: &str, now: Timestamp) -> Result<Result<Entry, Unwritable>, Box<Refused>> {
        let operation = Operation::new(Verb::Session, Resource::target());
        let decision = self.bearing.decide(std::slice::from_ref(&operation), now);
        let refusal = match &decision {
            Decision::Allow(_) => {
                let Bearing { standing, target, .. } = &self.bearing;
                return Ok(self.journal.session_opened((standing, target), door, &decision, now));
            }
            Decision::Deny(reason, explained) => Refusal::denied(reason, explained),
            Decision::Review(..) => Refusal::cannot_wait("to open a session"),
        };
        let Bearing { standing, target, .. } = &self.bearing;
        let entry = self.journal.session_refused((standing, target), &refusal, &decision, now);
        Err(Box::new(Refused { refusal, entry }))
    }

    /// Facts were read afresh.
    pub fn handle_fresh(&mut self, fresh: Fresh, now: Timestamp) {
        let Fresh { epoch, standing, policy, target, review, people, open_reviews } = fresh;
        if epoch != self.bearing.epoch || policy.version() != self.bearing.policy.version() {
            self.decisions.clear();
        }
        self.bearing = Bearing { epoch, standing, policy, target };
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Deciding(presented) => self.decide(presented, now),
            State::Opening(presented, requirements, digest) => {
                let found = Found { review, people, open_reviews };
                self.open(presented, (requirements, digest), found, now);
            }
            State::Waking(held) => self.wake(held, review, &people, now),
            State::Confirming(held, run, change, clearance) => {
                self.confirm((held, run), (change, clearance), &people, now)
            }
            other => self.state = other,
        }
    }

    /// The last record has its place.
    pub fn handle_staged(&mut self, place: Staged, epoch: Epoch) {
        if self.is_awaited(place.name())
            && let Some(state) = self.take_if_fresh(epoch)
        {
            match state {
                State::Clearing(presented, digest, Need::Staged) => {
                    self.steps.push_back(Step::Forward(Clearance::staged(digest, presented.payload, place)));
                }
                other => self.state = other,
            }
        }
    }

    /// The record of a refusal reached the kernel: it may be told.
    pub fn handle_refusal_written(&mut self, proof: &Written) {
        if !self.is_awaited(proof.name()) {
            return;
        }
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Refusing(refusal) => self.steps.push_back(Step::Refuse(refusal)),
            other => self.state = other,
        }
    }

    /// The last record is durable.
    pub fn handle_recorded(&mut self, proof: &Recorded, epoch: Epoch) {
        if !self.is_awaited(proof.name()) {
            return;
        }
        let Some(state) = self.take_if_fresh(epoch) else { return };
        match state {
            State::Clearing(presented, digest, Need::Recorded) => {
                let clearance = Clearance::recorded(digest, presented.payload, None, proof);
                self.steps.push_back(Step::Forward(clearance));
            }
            State::Asking(held, change) => self.persist((*change).clone(), State::Asking(held, change)),
            State::Releasing(mut held, run, change) => {
                let payload = std::mem::replace(&mut held.presented.payload, Payload(Vec::new()));
                let clearance = Clearance::recorded(held.digest, payload, Some(run), proof);
                if epoch == self.bearing.epoch {
                    self.persist(*change, State::Released(clearance));
                } else {
                    let id = held.review.case.id;
                    self.refresh(State::Confirming(held, run, change, clearance), Refresh::Review(id));
                }
            }
            State::Abandoned(refusal, change) => self.persist((*change).clone(), State::Abandoned(refusal, change)),
            State::Lapsing(held, change) => self.persist((*change).clone(), State::Lapsing(held, change)),
            other => self.state = other,
        }
    }

    /// The store answered.
    pub fn handle_applied(&mut self, applied: Applied, now: Timestamp) {
        match (std::mem::replace(&mut self.state, State::Idle), applied) {
            (State::Asking(held, _), Applied::Applied) if matches!(held.review.state.phase, Phase::Approved { .. }) => {
                let id = held.review.case.id;
                self.refresh(State::Waking(held), Refresh::Review(id));
            }
            (State::Asking(held, _), Applied::Applied) => self.ask(held),
            // Somebody else moved the review we wanted to attach to: look again.
            (State::Asking(held, _), Applied::Lost) => self.decide(held.presented, now),
            (State::Claiming(mut held, run, state), Applied::Applied) => {
                // Commit point: the approval is spent. A crash from here to the record is a failed run, never a second one.
                held.review.state = *state;
                let change = released(&held.review, run, now);
                let entry = self.journal.released(held.review.case.id, run, &change, now);
                self.record(entry, Need::Recorded, State::Releasing(held, run, Box::new(change)));
            }
            (State::Claiming(held, ..) | State::Lapsing(held, _), Applied::Lost) => {
                let id = held.review.case.id;
                self.refresh(State::Waking(held), Refresh::Review(id));
            }
            // The record is durable: whatever the store said, the log is the truth and the clearance stands.
            (State::Released(clearance), _) => self.steps.push_back(Step::Forward(clearance)),
            (State::Abandoning(refusal, run), _) => {
                let detail = refusal.message.clone();
                let end = RunEnd { run: Run::Failed, rows: 0, masked: BTreeMap::new(), detail: detail.clone() };
                let change = Change::EndRun { run, end: Run::Failed, at: now, detail };
                let entry = self.journal.run_ended(Some(run), &end, Some(&change), now);
                self.record(entry, Need::Recorded, State::Abandoned(refusal, Box::new(change)));
            }
            (State::Abandoned(refusal, _), _) => self.steps.push_back(Step::Refuse(refusal)),
            (State::Lapsing(held, _), Applied::Applied) => self.decide(held.presented, now),
            (other, _) => self.state = other,
        }
    }

    /// The log or the store failed: the action does not run.
    pub fn handle_unwritable(&mut self, why: &str) {
        self.let_go();
        self.steps.push_back(Step::Refuse(Refusal::unavailable(why)));
    }

    /// The review moved. `state` and `bound` are read again by the door, on the connection that would run it.
    pub fn handle_wake(&mut self, state: Arc<SessionState>, bound: Option<Vec<Bound>>) {
        if let State::Holding(mut held) = std::mem::replace(&mut self.state, State::Idle) {
            held.presented.state = state;
            if let Some(bound) = bound
                && bound != held.presented.statement.bound
            {
                let mut statement = (*held.presented.statement).clone();
                statement.bound = bound;
                held.presented.statement_digest = statement.digest();
                held.presented.statement = Arc::new(statement);
            }
            let id = held.review.case.id;
            self.refresh(State::Waking(held), Refresh::Review(id));
        }
    }

    /// The caller is gone or cancelled: the machine lets go of what it held. The review itself stays open.
    /// To be called at rest, when no step is under way: a record is never parted from its change.
    pub fn handle_gone(&mut self) -> Option<(ReviewId, PresenterId)> {
        self.let_go();
        self.poll_departed()
    }

    /// A presenter that left its review, to be detached.
    pub fn poll_departed(&mut self) -> Option<(ReviewId, PresenterId)> {
        self.departed.pop()
    }

    /// The review whose record and change are under way: nobody else may record a change of it in between.
    #[must_use]
    pub fn at_stake(&self) -> Option<ReviewId> {
        match &self.state {
            State::Asking(held, _)
            | State::Claiming(held, ..)
            | State::Releasing(held, ..)
            | State::Confirming(held, ..)
            | State::Lapsing(held, _) => Some(held.review.case.id),
            State::Idle
            | State::Deciding(_)
            | State::Opening(..)
            | State::Clearing(..)
            | State::Refusing(_)
            | State::Holding(_)
            | State::Waking(_)
            | State::Released(_)
            | State::Abandoning(..)
            | State::Abandoned(..) => None,
        }
    }

    /// Drops what is under way. Records that were never staged are written again when they are needed.
    fn let_go(&mut self) {
        if !self.steps.is_empty() || self.awaited.is_some() {
            self.statements.clear();
            self.decisions.clear();
        }
        self.steps.clear();
        self.awaited = None;
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Holding(held) | State::Waking(held) | State::Asking(held, _) | State::Claiming(held, ..) => {
                self.depart(&held);
            }
            State::Idle
            | State::Deciding(_)
            | State::Opening(..)
            | State::Clearing(..)
            | State::Refusing(_)
            | State::Releasing(..)
            | State::Confirming(..)
            | State::Released(_)
            | State::Abandoning(..)
            | State::Abandoned(..)
            | State::Lapsing(..) => {}
        }
    }

    fn depart(&mut self, held: &Held) {
        self.departed.push((held.review.case.id, held.presenter));
    }

    /// The record of how a run ended, and the change of the store where a review released it.
    ///
    /// # Errors
    /// If it is too large.
    pub fn handle_run_ended(
        &mut self,
        run: Option<RunId>,
        end: &RunEnd,
        now: Timestamp,
    ) -> Result<(Entry, Option<Change>), Unwritable> {
        let change = run.map(|run| Change::EndRun { run, end: end.run, at: now, detail: end.detail.clone() });
        Ok((self.journal.run_ended(run, end, change.as_ref(), now)?, change))
    }

    fn decide(&mut self, presented: Box<Presented>, now: Timestamp) {
        let kept = self.decisions.get(&presented.statement.operations).cloned();
        let (decision, record) = match kept {
            Some(kept) => (kept.decision, Some(kept.record)),
            None => (Arc::new(self.bearing.decide(&presented.statement.operations, now)), None),
        };
        let digest = self.digest(&presented);
        match &*decision {
            Decision::Allow(_) => self.clear(presented, digest, (&decision, record), now),
            Decision::Deny(reason, explained) => {
                let refusal = Refusal::denied(reason, explained);
                self.refuse((&presented, &digest), refusal, &decision, now);
            }
            Decision::Review(..) if presented.cannot_wait.is_some() => {
                let refusal = Refusal::cannot_wait(presented.cannot_wait.unwrap_or(""));
                self.refuse((&presented, &digest), refusal, &decision, now);
            }
            Decision::Review(requirements, _) => {
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
        let (entry, need) = if plain {
            (self.journal.execute(&digest, (statement, decision), now), Need::Staged)
        } else {
            (self.journal.execute_whole(&presented, &digest, (statement, decision), now), Need::Recorded)
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

    fn refuse(
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
    fn open(
        &mut self,
        presented: Box<Presented>,
        (mut requirements, digest): (Vec<Requirement>, Digest),
        found: Found,
        now: Timestamp,
    ) {
        // The facts may have changed since the decision: what holds now is what is asked.
        let decision = self.bearing.decide(&presented.statement.operations, now);
        match &decision {
            Decision::Review(asked, _) if groups_of(asked) != groups_of(&requirements) => {
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
        }
    }

    fn ask(&mut self, held: Box<Held>) {
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

    /// The review moved: wait on, tell its end, or release.
    fn wake(
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
    fn release(&mut self, held: Box<Held>, people: &BTreeMap<PrincipalId, Standing>, now: Timestamp) {
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
    fn confirm(
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
    fn lapse(&mut self, held: Box<Held>, why: &str, now: Timestamp) {
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

    fn persist(&mut self, change: Change, state: State) {
        self.state = state;
        self.steps.push_back(Step::Persist(change));
    }

    fn refresh(&mut self, state: State, what: Refresh) {
        self.state = state;
        self.steps.push_back(Step::Refresh(what));
    }

    /// Pushes a record whose proof the machine waits for in `state`.
    fn record(&mut self, entry: Result<Entry, Unwritable>, need: Need, state: State) {
        match entry {
            Ok(entry) => {
                self.awaited = Some(entry.name.sequence);
                self.steps.push_back(Step::Record(entry, need));
                self.state = state;
            }
            Err(why) => self.handle_unwritable(&why.to_string()),
        }
    }

    /// Pushes a record that only needs its place.
    fn push_record(&mut self, entry: Result<Entry, Unwritable>) -> bool {
        match entry {
            Ok(entry) => {
                self.steps.push_back(Step::Record(entry, Need::Place));
                true
            }
            Err(why) => {
                self.handle_unwritable(&why.to_string());
                false
            }
        }
    }

    /// Whether `name` is the record whose proof is awaited: a proof of another changes nothing.
    fn is_awaited(&mut self, name: RecordName) -> bool {
        let awaited = name.session == self.journal.session() && self.awaited == Some(name.sequence);
        if awaited {
            self.awaited = None;
        }
        awaited
    }

    /// The state, unless it is an allowed action whose grounds are stale: that one is decided again.
    fn take_if_fresh(&mut self, epoch: Epoch) -> Option<State> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Clearing(presented, ..) if epoch != self.bearing.epoch => {
                self.refresh(State::Deciding(presented), Refresh::Bearing);
                None
            }
            other => Some(other),
        }
    }

    fn digest(&self, presented: &Presented) -> Digest {
        // The bearing's digest needs the whole state; an `Action` without a statement gives it without a copy of the text.
        let bearing = self.empty_action(presented).bearing_digest();
        Action::digest_of(&bearing, &presented.statement_digest, &Action::parameters_digest(&presented.parameters))
    }

    fn action(&self, presented: &Presented) -> Action {
        Action {
            statement: (*presented.statement).clone(),
            parameters: presented.parameters.clone(),
            ..self.empty_action(presented)
        }
    }

    fn empty_action(&self, presented: &Presented) -> Action {
        Action {
            actor: self.bearing.standing.actor.clone(),
            target: self.bearing.target.name.clone(),
            target_version: self.bearing.target.version,
            statement: Statement { text: String::new(), operations: Vec::new(), bound: Vec::new() },
            parameters: Vec::new(),
            state: (*presented.state).clone(),
            reveal: presented.reveal.clone(),
        }
    }
}

impl Bearing {
    fn decide(&self, operations: &[Operation], now: Timestamp) -> Decision {
        self.policy.decide(&Question { standing: &self.standing, target: &self.target, operations, now })
    }

    fn is_timeless(&self, operations: &[Operation], now: Timestamp) -> bool {
        self.policy.is_timeless(&Question { standing: &self.standing, target: &self.target, operations, now })
    }
}

impl Bearing {
    /// Those of `people` whose verdicts policy still lets count, with the strength and age of proof of their verdicts.
    fn still_countersigning(
        &self,
        review: &Review,
        people: &BTreeMap<PrincipalId, Standing>,
        now: Timestamp,
    ) -> BTreeMap<PrincipalId, Standing> {
        let lineage = &review.case.action.actor.lineage;
        let behind = people.values().filter(|person| lineage.contains(person.actor.principal.id));
        let lineage: Vec<Name> = behind.map(|person| person.actor.principal.name.clone()).collect();
        let id = review.case.id.to_string();
        let counts = |verdict: &&Verdict| {
            people.get(&verdict.reviewer).is_some_and(|reviewer| {
                let asked = Countersign {
                    reviewer,
                    review: &id,
                    lineage: &lineage,
                    target: &self.target,
                    channel: verdict.channel,
                    strength: verdict.strength,
                    proof_age: verdict.proof_age,
                    now,
                };
                matches!(self.policy.may_countersign(&asked), Decision::Allow(_))
            })
        };
        let verdicts = review.state.verdicts.iter().filter(counts);
        verdicts.filter_map(|verdict| Some((verdict.reviewer, people.get(&verdict.reviewer)?.clone()))).collect()
    }
}

struct Found {
    review: Option<Review>,
    people: BTreeMap<PrincipalId, Standing>,
    open_reviews: usize,
}

fn released(review: &Review, run: RunId, now: Timestamp) -> Change {
    Change::ReleaseRun {
        run,
        review: review.case.id,
        state: Box::new(review.state.clone()),
        digest: review.case.digest,
        at: now,
    }
}

fn groups_of(requirements: &[Requirement]) -> BTreeSet<GroupName> {
    requirements.iter().map(|requirement| requirement.group.clone()).collect()
}

fn too_many(open: usize) -> Refusal {
    Refusal {
        kind: RefusalKind::TooManyReviews,
        message: format!("you have {open} reviews open, as many as one actor may have"),
        hint: "wait for some to be settled, or withdraw them".to_owned(),
        review: None,
    }
}

/// Statements and decisions that one session remembers.
const KEPT: usize = 256;

#[cfg(test)]
mod tests;
