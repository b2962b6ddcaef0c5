//! One session's way through the gate. An action goes in by [`Passage::present`]; steps come out, one at a time; what
//! became of each goes back in; at the end stands a clearance, a refusal, or a wait for people.
//!
//! All ordering is here: decide, record, persist, ask; and for a release: read afresh, decide again, claim, record, forward.

#![expect(clippy::wildcard_enum_match_arm, reason = "a state that an input does not concern stays as it is")]

mod bearing;
mod opening;
mod release;
mod step;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use audit::{Entry, RecordName, Recorded, Staged, Unwritable, Written};
use model::{
    Action, Bound, Decision, Digest, Operation, PresenterId, Purpose, Requirement, Resource, ReviewId, Run, RunId,
    SessionState, Standing, Target, Timestamp, Verb,
};
use policy::PolicySet;

pub use step::{Epoch, Fresh, Need, Obstacle, Payload, Presented, Refresh, RunEnd, Step};

use bearing::Bearing;
use opening::Found;
use release::released;

use crate::{Applied, Change, Clearance, Journal, Phase, Refusal, Review, ReviewState};

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

/// How an actor came in.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// By which door.
    pub door: &'static str,
    /// From where, if the door knows.
    pub address: Option<SocketAddr>,
}

impl Way {
    /// The gateway itself asks the planner for those who review an action of the actor's.
    pub const ESTIMATE: Self = Self { door: "estimate", address: None };
    /// The gateway itself runs an action of the actor's dry for those who review it.
    pub const DRY_RUN: Self = Self { door: "dry-run", address: None };

    /// Whether it is the gateway itself that comes in, for reviewers.
    #[must_use]
    pub fn is_for_reviewers(&self) -> bool {
        [Self::ESTIMATE.door, Self::DRY_RUN.door].contains(&self.door)
    }
}

/// A session that policy does not open, and the record that says so: it is written before the caller is told.
#[derive(Debug)]
pub struct Refused {
    /// What the caller is told.
    pub refusal: Refusal,
    /// Its record.
    pub entry: Result<Entry, Unwritable>,
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
            bearing: Bearing::new(epoch, standing, policy, target),
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

    /// The version of what decisions rest on, as of the last refresh.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.bearing.epoch
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
    pub fn open_session(&mut self, way: Way, now: Timestamp) -> Result<Result<Entry, Unwritable>, Box<Refused>> {
        let operation = Operation::new(Verb::Session, Resource::target());
        let decision = self.bearing.decide(std::slice::from_ref(&operation), now);
        let refusal = match &decision {
            Decision::Allow(_) => {
                let Bearing { standing, target, .. } = &self.bearing;
                return Ok(self.journal.session_opened((standing, target), way, &decision, now));
            }
            Decision::Deny(reason, explained) => Refusal::denied(reason, explained),
            Decision::Review(..) => Refusal::cannot_wait("to open a session"),
        };
        let Bearing { standing, target, .. } = &self.bearing;
        let entry = self.journal.session_refused((standing, target), way, (&refusal, &decision), now);
        Err(Box::new(Refused { refusal, entry }))
    }

    /// Facts were read afresh.
    pub fn handle_fresh(&mut self, fresh: Fresh, now: Timestamp) {
        let Fresh { epoch, standing, policy, target, review, people, open_reviews, grant } = fresh;
        if epoch != self.bearing.epoch || policy.version() != self.bearing.policy.version() {
            self.decisions.clear();
        }
        self.bearing = Bearing::new(epoch, standing, policy, target);
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Deciding(presented) => self.decide(presented, now),
            State::Opening(presented, requirements, digest) => {
                let found = Found { review, people, open_reviews, grant };
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
                let clearance = match presented.purpose {
                    Purpose::DryRun => Clearance::for_dry_run(digest, presented.payload, proof),
                    Purpose::Run | Purpose::Prepare => Clearance::recorded(digest, presented.payload, None, proof),
                };
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
        for step in self.steps.drain(..) {
            if let Step::Record(entry, _) = step {
                self.journal.take_back(entry.name);
            }
        }
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

    fn digest(&mut self, presented: &Presented) -> Digest {
        let bearing = self.bearing.digest(presented);
        Action::digest_of(&bearing, &presented.statement_digest, &Action::parameters_digest(&presented.parameters))
    }

    fn action(&self, presented: &Presented) -> Action {
        Action {
            statement: (*presented.statement).clone(),
            parameters: presented.parameters.clone(),
            ..self.bearing.action(presented)
        }
    }
}

#[cfg(test)]
mod tests;
