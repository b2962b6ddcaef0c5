//! One session: drives its passage, step by step, and hands the door a clearance, a hold or a refusal.

use std::collections::BTreeSet;
use std::sync::Arc;

use gate::{Clearance, Fresh, Journal, Need, Passage, Phase, Presented, Refresh, Refusal, RunEnd, Sealed, Step, Way};
use model::{
    Bound, DataClass, Decision, Digest, GroupName, Name, PresenterId, Purpose, ReviewId, Run, RunId, SessionId,
    SessionState, ShortCode, Standing, Statement, Target, Timestamp,
};

use tokio::sync::OwnedMutexGuard;

use crate::Enforcement;
use crate::enforcement::Flight;
use crate::insight::Habits;
use crate::stripe::{Keeping, Kept};
use crate::waker::Moved;

/// What of the target this actor may not see.
#[derive(Debug, Clone)]
struct Hidden {
    declared: Arc<BTreeSet<DataClass>>,
    detected: Arc<BTreeSet<DataClass>>,
}

/// One authenticated connection of an actor to a target.
#[derive(Debug)]
pub struct Session {
    pub(crate) enforcement: Enforcement,
    passage: Passage,
    id: SessionId,
    pub(crate) target: Name,
    /// Index of the last record that is durable.
    last_record: u64,
    flight: Option<Flight>,
    /// The record that waits for its place.
    staging: Option<audit::RecordName>,
    /// Held from the record of a review's change until the store has it.
    settling: Option<(ReviewId, OwnedMutexGuard<Keeping>)>,
    counts: Counts,
    /// Classes that the actor may not see: under which epoch, and when that was decided.
    hidden: Option<(Hidden, gate::Epoch, Timestamp)>,
    /// What was presented last, until it is cleared.
    presented: Option<(Arc<Statement>, Digest)>,
    pub(crate) habits: Habits,
    /// It is the gateway's own asking for reviewers: none of it is its actor's habit.
    pub(crate) is_for_reviewers: bool,
}

#[derive(Debug, Default)]
struct Counts {
    runs: u64,
    refused: u64,
    rows: u64,
    masked: u64,
}

/// What became of an action at the gate.
#[derive(Debug)]
#[must_use]
pub enum Settlement {
    /// Forward it, once.
    Forward(Clearance),
    /// It waits for people: tell the caller, then [`Session::wait`] and [`Session::resume`].
    Held(HeldNotice),
    /// It does not run.
    Refused(Refusal),
}

/// What is heard of a review that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// A verdict on it is being given. It may come to nothing.
    Stirs,
    /// It is no longer pending, or cannot be read.
    Settled,
}

/// What a caller is told when its action is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldNotice {
    /// The review.
    pub review: ReviewId,
    /// The code that people compare.
    pub code: ShortCode,
    /// When it expires unanswered.
    pub expires_at: Timestamp,
    /// Who is asked.
    pub groups: Vec<GroupName>,
    /// This caller, as the review knows it.
    pub presenter: PresenterId,
}

impl Enforcement {
    /// Opens a session: `connect` is decided and recorded like any action.
    ///
    /// # Errors
    /// If policy refuses the session, or it cannot be recorded.
    pub async fn open_session(&self, standing: &Standing, target: &Target, way: Way) -> Result<Session, Refusal> {
        let unavailable = |why: String| Refusal::unavailable(&why);
        let actor = standing.actor.principal.id;
        let fresh: Fresh = self.fresh(actor, &target.name, &Refresh::Bearing).await.map_err(unavailable)?;
        let seed = identity::random().map_err(|error| unavailable(error.to_string()))?;
        let id = SessionId::from_random(identity::random().map_err(|error| unavailable(error.to_string()))?);
        let mut passage = Passage::new(Journal::new(id, seed), self.0.id, fresh);
        let recorder = &self.0.recorder;
        match passage.open_session(way, self.now()) {
            Ok(entry) => {
                let staged = entry.and_then(|entry| recorder.stage(&entry));
                let _place = staged.map_err(|error| unavailable(error.to_string()))?;
            }
            Err(refused) => {
                let staged = refused.entry.and_then(|entry| recorder.stage(&entry));
                let staged = staged.map_err(|error| unavailable(error.to_string()))?;
                recorder.written(staged).await.map_err(|error| unavailable(error.to_string()))?;
                return Err(refused.refusal);
            }
        }
        Ok(Session {
            enforcement: self.clone(),
            passage,
            id,
            target: target.name.clone(),
            last_record: 0,
            flight: None,
            staging: None,
            settling: None,
            counts: Counts::default(),
            hidden: None,
            presented: None,
            habits: Habits::default(),
            is_for_reviewers: way.is_for_reviewers(),
        })
    }
}

impl Session {
    /// The session's id.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// The actor's standing as of the last look.
    #[must_use]
    pub const fn standing(&self) -> &Standing {
        self.passage.standing()
    }

    /// The target as of the last look.
    #[must_use]
    pub const fn target(&self) -> &Arc<Target> {
        self.passage.target()
    }

    /// An action comes in.
    pub async fn present(&mut self, presented: Presented) -> Settlement {
        let (epoch, now) = (self.enforcement.epoch(), self.enforcement.now());
        let statement = (Arc::clone(&presented.statement), presented.statement_digest);
        self.presented = (presented.purpose == Purpose::Run).then_some(statement);
        self.passage.present(presented, epoch, now);
        self.drive().await
    }

    /// The door cannot carry what came in, and it is not even a statement: on the record, then told.
    ///
    /// # Errors
    /// If it cannot be recorded.
    pub async fn refuse_unsupported(&mut self, what: &str) -> Result<Refusal, Refusal> {
        self.counts.refused += 1;
        let refusal = Refusal::unsupported(what);
        let policy = self.passage.policy().version().to_string();
        let tokens = [("refusal", "unsupported".to_owned()), ("policy", policy)];
        let fields = [("reason", refusal.message.clone().into())];
        let journal = self.passage.journal();
        let entry = journal.note(audit::Kind::Refused, &tokens, &fields, self.enforcement.now());
        let staged = entry.and_then(|entry| self.enforcement.stage_of(journal, &entry));
        let written = async { self.enforcement.0.recorder.written(staged?).await };
        written.await.map_err(|error| Refusal::unavailable(&error.to_string()))?;
        Ok(refusal)
    }

    /// The review moved; `state` and `bound` were read again on the connection that would run the action.
    pub async fn resume(&mut self, state: Arc<SessionState>, bound: Option<Vec<Bound>>) -> Settlement {
        self.passage.handle_wake(state, bound);
        self.drive().await
    }

    /// Waits until the review is no longer pending. Dropping this future forgets nothing.
    pub async fn wait(&self, review: ReviewId) {
        while self.wait_for_news(review).await == News::Stirs {}
    }

    /// Waits until the review is no longer pending, or may soon be: a door can ask then what its release will need.
    pub async fn wait_for_news(&self, review: ReviewId) -> News {
        let mut moved = self.enforcement.0.waker.watch(review);
        loop {
            if *moved.borrow_and_update() == Moved::Settled {
                return News::Settled;
            }
            match self.enforcement.0.store.review(review).await {
                Ok(Some(row)) if matches!(row.review.state.phase, Phase::Pending) => {}
                // Settled, gone or unreadable: the gate looks afresh and says what follows.
                Ok(_) | Err(_) => return News::Settled,
            }
            if moved.changed().await.is_err() {
                return News::Settled;
            }
            if *moved.borrow() == Moved::Stirs {
                return News::Stirs;
            }
        }
    }

    /// The caller is gone or cancelled: its presenter detaches, the review stays open.
    pub async fn let_go(&mut self) {
        while let Some(departed) = self.passage.handle_gone() {
            self.enforcement.see_off(departed).await;
        }
    }

    /// Opens a sealed answer once its record is written.
    ///
    /// # Errors
    /// If it never will be: then nothing of the answer may leave.
    pub async fn open<T>(&self, sealed: Sealed<T>) -> Result<T, Refusal> {
        let opened = self.enforcement.0.recorder.when_written(sealed, Sealed::open).await;
        opened.map_err(|error| Refusal::unavailable(&error.to_string()))
    }

    /// The run of an action ended. A plain read that went well is only counted; everything else is recorded.
    ///
    /// # Errors
    /// If the end cannot be recorded: the session must end.
    pub async fn ended(&mut self, run: Option<RunId>, plain: bool, end: &RunEnd) -> Result<(), Refusal> {
        self.counts.runs += 1;
        self.counts.rows = self.counts.rows.saturating_add(end.rows);
        self.counts.masked = self.counts.masked.saturating_add(end.masked.values().sum());
        if plain && run.is_none() && end.run == Run::Succeeded && end.masked.is_empty() {
            return Ok(());
        }
        let unavailable = |why: &dyn std::fmt::Display| Refusal::unavailable(&why.to_string());
        let (entry, change) =
            self.passage.handle_run_ended(run, end, self.enforcement.now()).map_err(|error| unavailable(&error))?;
        let changing = change.map(|change| (change, self.enforcement.take_off()));
        let staged = self.enforcement.stage_of(self.passage.journal(), &entry).map_err(|error| unavailable(&error))?;
        let Some((change, flight)) = changing else { return Ok(()) };
        let node = &self.enforcement.0;
        let record = node.recorder.recorded(staged).await.map_err(|error| unavailable(&error))?.index();
        match node.store.apply(&change, record).await {
            Ok(_) => flight.land(),
            Err(error) => {
                let mut stripe = node.unreviewed.lock().await;
                self.enforcement.keep(&mut stripe, Kept { change, record, flight });
                return Err(unavailable(&error));
            }
        }
        Ok(())
    }

    /// Classes that the target's columns carry and this actor may not see. Decided anew when what decides it has changed,
    /// and every second.
    pub fn hidden_classes(&mut self) -> Arc<BTreeSet<DataClass>> {
        self.hidden().declared
    }

    /// The same for the classes that values of the target are searched for.
    pub fn detected_classes(&mut self) -> Arc<BTreeSet<DataClass>> {
        self.hidden().detected
    }

    fn hidden(&mut self) -> Hidden {
        let (epoch, now) = (self.passage.epoch(), self.enforcement.now());
        if let Some((hidden, of, at)) = &self.hidden
            && *of == epoch
            && now.since(*at).as_millis() < 1_000
        {
            return hidden.clone();
        }
        let (policy, standing, target) = (self.passage.policy(), self.passage.standing(), self.passage.target());
        let is_hidden =
            |class: &&DataClass| !matches!(policy.may_reveal(standing, target, class, now), Decision::Allow(_));
        let declared: BTreeSet<&DataClass> = target.classify.values().collect();
        let all = declared.iter().copied().chain(&target.detect).collect::<BTreeSet<_>>();
        let hidden: BTreeSet<&DataClass> = all.into_iter().filter(is_hidden).collect();
        let declared = Arc::new(hidden.iter().copied().filter(|class| declared.contains(class)).cloned().collect());
        let detected = hidden.into_iter().filter(|class| target.detect.contains(*class)).cloned().collect();
        // A session that sees the same classes goes on with the same set.
        let detected = match &self.hidden {
            Some((before, ..)) if *before.detected == detected => Arc::clone(&before.detected),
            _ => Arc::new(detected),
        };
        let hidden = Hidden { declared, detected };
        self.hidden = Some((hidden.clone(), epoch, now));
        hidden
    }

    /// The same for what is about to be decided: what decides it is read afresh if it has changed since the last look.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn classes_hidden_now(&mut self) -> Result<Arc<BTreeSet<DataClass>>, Refusal> {
        if self.enforcement.epoch() != self.passage.epoch() {
            let actor = self.standing().actor.principal.id;
            let fresh = self.enforcement.fresh(actor, &self.target, &Refresh::Bearing).await;
            self.passage.handle_fresh(fresh.map_err(|why| Refusal::unavailable(&why))?, self.enforcement.now());
        }
        Ok(self.hidden_classes())
    }

    async fn drive(&mut self) -> Settlement {
        let settlement = self.drive_on().await;
        self.settling = None;
        if let Some(flight) = self.flight.take() {
            flight.land();
        }
        while let Some(departed) = self.passage.poll_departed() {
            self.enforcement.see_off(departed).await;
        }
        settlement
    }

    async fn drive_on(&mut self) -> Settlement {
        while let Some(step) = self.passage.poll_step() {
            match step {
                Step::Record(entry, need) => {
                    if let Err(error) = self.record(&entry, need).await {
                        self.flight = None;
                        self.passage.handle_unwritable(&error);
                    }
                }
                Step::Persist(change) => self.persist(&change).await,
                Step::Refresh(what) => {
                    let actor = self.passage.standing().actor.principal.id;
                    match self.enforcement.fresh(actor, &self.target, &what).await {
                        Ok(fresh) => self.passage.handle_fresh(fresh, self.enforcement.now()),
                        Err(why) => self.passage.handle_unwritable(&why),
                    }
                }
                Step::Ask { review, code, expires_at, presenter, groups } => {
                    self.enforcement.tell("review-opened", review, Moved::Perhaps);
                    return Settlement::Held(HeldNotice { review, code, expires_at, groups, presenter });
                }
                Step::Refuse(refusal) => {
                    self.counts.refused += 1;
                    return Settlement::Refused(refusal);
                }
                Step::Forward(clearance) => {
                    if let Some((statement, digest)) = self.presented.take() {
                        self.note_habits(&statement, digest);
                    }
                    return Settlement::Forward(clearance);
                }
            }
        }
        Settlement::Refused(Refusal::unavailable("the gate has no next step"))
    }

    async fn record(&mut self, entry: &audit::Entry, need: Need) -> Result<(), String> {
        self.staging = Some(entry.name);
        let staged = self.stage(entry, need).await.inspect_err(|_| self.passage.journal().take_back(entry.name));
        self.staging = None;
        let staged = staged?;
        let node = Arc::clone(&self.enforcement.0);
        let recorder = &node.recorder;
        let unwritable = |error: audit::Unwritable| error.to_string();
        match need {
            Need::Place => {}
            Need::Staged => self.passage.handle_staged(staged, self.enforcement.epoch()),
            Need::Written => {
                let written = recorder.written(staged).await.map_err(unwritable)?;
                self.passage.handle_refusal_written(&written);
            }
            Need::Recorded => {
                let recorded = recorder.recorded(staged).await.map_err(unwritable)?;
                self.last_record = recorded.index();
                self.passage.handle_recorded(&recorded, self.enforcement.epoch());
            }
        }
        Ok(())
    }

    async fn stage(&mut self, entry: &audit::Entry, need: Need) -> Result<audit::Staged, String> {
        self.settle_alone().await?;
        let flight = (need == Need::Recorded && self.flight.is_none()).then(|| self.enforcement.take_off());
        let staged = self.enforcement.0.recorder.stage(entry);
        match flight {
            Some(flight) if staged.is_err() => flight.land(),
            Some(flight) => self.flight = Some(flight),
            None => {}
        }
        staged.map_err(|error| error.to_string())
    }

    /// Takes the lock of the review at stake, if there is one and it is not held yet; another review's is let go.
    async fn settle_alone(&mut self) -> Result<(), String> {
        let Some(review) = self.passage.at_stake() else { return Ok(()) };
        if self.settling.as_ref().is_none_or(|(held, _)| *held != review) {
            // First: whoever holds one waits for no other.
            self.settling = None;
            let stripe = self.enforcement.settle_alone(review).await.map_err(|error| error.to_string())?;
            self.settling = Some((review, stripe));
        }
        Ok(())
    }

    async fn persist(&mut self, change: &gate::Change) {
        if let Err(why) = self.settle_alone().await {
            return self.passage.handle_unwritable(&why);
        }
        match self.enforcement.0.store.apply(change, self.last_record).await {
            Ok(applied) => {
                self.passage.handle_applied(applied, self.enforcement.now());
                if let gate::Change::AdvanceReview { id, .. } = change {
                    self.enforcement.tell("review-moved", *id, Moved::Perhaps);
                }
            }
            Err(error) => {
                // A claim has no record yet: there is nothing to keep, and whether the store has it shows when it is read.
                let recorded = self.settling.as_mut().zip(self.flight.take_if(|_| !change.is_claim()));
                if let Some(((_, stripe), flight)) = recorded {
                    let kept = Kept { change: change.clone(), record: self.last_record, flight };
                    self.enforcement.keep(stripe, kept);
                }
                self.passage.handle_unwritable(&error.to_string());
            }
        }
    }
}

impl Drop for Session {
    /// The caller is gone: what it waited for is detached, and the session's end recorded with its counts.
    fn drop(&mut self) {
        if let Some(record) = self.staging {
            // The session was cut off before its record had a place.
            self.passage.journal().take_back(record);
        }
        while let Some(departed) = self.passage.handle_gone() {
            self.enforcement.depart(departed);
        }
        let counts = [
            ("runs", self.counts.runs),
            ("refused", self.counts.refused),
            ("rows", self.counts.rows),
            ("masked-cells", self.counts.masked),
        ];
        let entry = self.passage.journal().session_ended(&counts, self.enforcement.now());
        if let Err(error) = entry.and_then(|entry| self.enforcement.0.recorder.stage(&entry)) {
            tracing::warn!(%error, session = %self.id, "the end of a session could not be recorded");
        }
    }
}

impl HeldNotice {
    /// The text every door shows, in its own wrapping.
    #[must_use]
    pub fn message(&self) -> String {
        let groups: Vec<&str> = self.groups.iter().map(Name::as_str).collect();
        format!(
            "held for review {} ({}); asked: {}; expires {}",
            self.code,
            self.review,
            groups.join(", "),
            self.expires_at
        )
    }
}
