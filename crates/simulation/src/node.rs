//! One life of the node: log, epoch, locks and flights, as `crates/enforcement` has them, over the simulated disk and
//! store. It stands in for that crate's driver, step by step and lock by lock; what it gets wrong, the checkers tell.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use audit::{Batch, Entry, Inlet, Log, Recorded, Staged, Syncs, Unwritable, Written};
use gate::{Applied, Change, Epoch, Fresh, Journal, Refresh};
use model::{PresenterId, PrincipalId, ReviewId, SessionId, Timestamp};

use crate::cast::{RULE_SETS, target};
use crate::disk::End;
use crate::flaw::Flaw;
use crate::ground::{Shared, turn};
use crate::store::Store;
use crate::witness::Grounds;

/// One life of the node.
pub(crate) struct Node {
    pub(crate) ground: Shared,
    pub(crate) id: SessionId,
    pub(crate) inlet: Inlet,
    log: RefCell<Log>,
    syncs: Syncs,
    /// What was told to be written and is not.
    late: Cell<Option<Batch>>,
    /// A sync that was started: up to which record, and how long the file was.
    syncing: Cell<Option<(u64, usize)>>,
    epoch: Cell<u64>,
    latest: Cell<u64>,
    pub(crate) journal: RefCell<Journal>,
    locked: RefCell<BTreeSet<u8>>,
    /// Changes that are recorded and that the store has not taken, by stripe.
    unapplied: RefCell<BTreeMap<u8, Vec<(Change, u64)>>>,
    in_flight: RefCell<BTreeMap<u64, usize>>,
    pub(crate) signed: Cell<u64>,
    pub(crate) is_up: Cell<bool>,
}

impl Node {
    pub(crate) fn new(ground: &Shared, size: u64, last: Timestamp) -> Rc<Self> {
        let (inlet, log, syncs) = audit::open(size);
        let id = SessionId::from_random(ground.id());
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(&ground.id());
        Rc::new(Self {
            ground: Rc::clone(ground),
            id,
            inlet,
            log: RefCell::new(log),
            syncs,
            late: Cell::new(None),
            syncing: Cell::new(None),
            epoch: Cell::new(1),
            latest: Cell::new(last.as_millis()),
            journal: RefCell::new(Journal::new(id, seed)),
            locked: RefCell::default(),
            unapplied: RefCell::default(),
            in_flight: RefCell::default(),
            signed: Cell::new(0),
            is_up: Cell::new(false),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.latest.set(self.latest.get().max(self.ground.wall.get()));
        Timestamp::from_millis(self.latest.get())
    }

    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.get())
    }

    /// What decisions rest on has changed.
    pub(crate) fn bump(&self) {
        if !self.ground.has(Flaw::SameEpoch) {
            self.epoch.set(self.epoch.get() + 1);
        }
    }

    /// The writer's turn: hands a batch to the kernel.
    pub(crate) fn write(&self, is_failing: bool) {
        let mut log = self.log.borrow_mut();
        if self.inlet.is_stopped() {
            return;
        }
        if let Some(late) = self.late.take() {
            return self.ground.disk.borrow_mut().write(&late, None).unwrap_or_default();
        }
        let Some(batch) = log.poll_batch() else { return };
        if self.ground.has(Flaw::OpenBeforeWritten) {
            log.handle_written(&batch);
            return self.late.set(Some(batch));
        }
        let mut random = self.ground.random.borrow_mut();
        let written = self.ground.disk.borrow_mut().write(&batch, is_failing.then_some(&mut *random));
        match written {
            Ok(()) => log.handle_written(&batch),
            Err(()) => log.handle_failed(),
        }
    }

    /// The syncer's turn: starts a sync, or ends the one that was started.
    pub(crate) fn sync(&self, is_failing: bool) {
        let Some((written, length)) = self.syncing.take() else {
            let length = self.ground.disk.borrow().bytes.len();
            if self.syncs.written() > self.syncs.synced() && !self.inlet.is_stopped() {
                self.syncing.set(Some((self.syncs.written(), length)));
                if self.ground.has(Flaw::ForwardBeforeDurable) {
                    self.syncs.handle_synced(self.syncs.written());
                }
            }
            return;
        };
        if is_failing {
            return self.syncs.handle_failed();
        }
        if !self.ground.has(Flaw::LyingDisk) || self.ground.happens(900) {
            self.ground.disk.borrow_mut().sync(length);
        }
        self.syncs.handle_synced(written);
        self.ground.see();
    }

    /// The node is gone, in the middle of a write perhaps.
    pub(crate) fn end(&self, end: End) {
        let torn = self.log.borrow_mut().poll_batch().map_or(Vec::new(), |batch| batch.bytes);
        self.ground.disk.borrow_mut().end(end, &torn, &mut self.ground.random.borrow_mut());
    }

    pub(crate) async fn written(&self, mut staged: Staged) -> Result<Written, Unwritable> {
        loop {
            staged = match staged.written() {
                Ok(written) => return Ok(written),
                Err(again) => again,
            };
            self.next().await?;
        }
    }

    pub(crate) async fn recorded(&self, mut staged: Staged) -> Result<Recorded, Unwritable> {
        loop {
            staged = match staged.recorded() {
                Ok(recorded) => return Ok(recorded),
                Err(again) => again,
            };
            self.next().await?;
        }
    }

    /// Waits until a watermark may have moved.
    pub(crate) async fn next(&self) -> Result<(), Unwritable> {
        if self.inlet.is_stopped() {
            return Err(Unwritable::Stopped);
        }
        turn().await;
        Ok(())
    }

    pub(crate) async fn record(&self, entry: Entry) -> Result<Recorded, Unwritable> {
        let staged = self.inlet.stage(&entry)?;
        self.recorded(staged).await
    }

    /// The store takes a change; or fails before or after it did.
    pub(crate) async fn apply(&self, change: &Change, record: u64) -> Result<Applied, String> {
        turn().await;
        let ground = &self.ground;
        let fails = ground.happens(ground.store_faults.get());
        if fails && ground.happens(500) {
            return Err("the store failed before".to_owned());
        }
        let applied = ground.store.borrow_mut().apply(change, record, ground.flaw);
        ground.tell(|| format!("store: {applied:?} {}", brief(change)));
        if ground.happens(100) {
            ground.copy_store();
        }
        turn().await;
        if fails { Err("the store failed after".to_owned()) } else { Ok(applied) }
    }

    /// Reads the store; or fails.
    pub(crate) async fn read<T>(&self, read: impl FnOnce(&Store) -> T) -> Result<T, String> {
        turn().await;
        if self.ground.happens(self.ground.store_faults.get() / 2) {
            return Err("the store cannot be read".to_owned());
        }
        Ok(read(&self.ground.store.borrow()))
    }

    /// Records a change of a review, whose lock is held, or of the directory; then applies it.
    pub(crate) async fn change(&self, entry: Entry, change: &Change) -> Result<Applied, String> {
        let flight = self.take_off();
        let recorded = self.record(entry).await.map_err(|error| error.to_string())?;
        let applied = self.apply(change, recorded.index()).await;
        if applied.is_err() {
            self.owe(change, recorded.index());
        }
        let applied = applied?;
        self.land(flight);
        Ok(applied)
    }

    /// The store did not take a change that is recorded: it is to be applied before the next of the same stripe.
    pub(crate) fn owe(&self, change: &Change, record: u64) {
        if let Some(review) = review_of(change)
            && !self.ground.has(Flaw::ForgetUnapplied)
        {
            let mut unapplied = self.unapplied.borrow_mut();
            unapplied.entry(stripe(review)).or_default().push((change.clone(), record));
        }
    }

    /// Records of one review and their changes go in one order: whoever moves it holds its lock.
    pub(crate) async fn lock(self: &Rc<Self>, review: ReviewId) -> Result<Lock, String> {
        let stripe = stripe(review);
        if self.ground.has(Flaw::NoOrder) {
            return Ok(Lock { node: Rc::clone(self), stripe: u8::MAX });
        }
        while !self.locked.borrow_mut().insert(stripe) {
            turn().await;
        }
        let lock = Lock { node: Rc::clone(self), stripe };
        loop {
            let first = self.unapplied.borrow().get(&stripe).and_then(|owed| owed.first().cloned());
            let Some((change, record)) = first else { return Ok(lock) };
            self.apply(&change, record).await?;
            self.unapplied.borrow_mut().entry(stripe).or_default().remove(0);
        }
    }

    pub(crate) fn take_off(&self) -> u64 {
        let below = self.inlet.synced();
        *self.in_flight.borrow_mut().entry(below).or_default() += 1;
        below
    }

    pub(crate) fn land(&self, flight: u64) {
        let mut in_flight = self.in_flight.borrow_mut();
        if let Some(count) = in_flight.get_mut(&flight) {
            *count -= 1;
            if *count == 0 {
                in_flight.remove(&flight);
            }
        }
    }

    /// Tells the store up to where the log is applied.
    pub(crate) fn keep_cursor(&self) {
        let synced = self.inlet.synced();
        let lowest = self.in_flight.borrow().keys().next().copied();
        let lowest = lowest.filter(|_| !self.ground.has(Flaw::CursorRunsAhead));
        let mut store = self.ground.store.borrow_mut();
        store.applied = store.applied.max(lowest.map_or(synced, |lowest| lowest.min(synced)));
    }

    /// Everything a passage may ask to read afresh; and the grounds as they truly are.
    pub(crate) async fn fresh(&self, actor: PrincipalId, what: &Refresh) -> Result<(Fresh, Grounds), String> {
        // The epoch first: what changes while we read makes it stale, and it is read again.
        let epoch = self.epoch();
        let standing = self.read(|store| store.standing(actor)).await?.ok_or("the actor is not in the store")?;
        let ground = &self.ground;
        let policy = std::sync::Arc::clone(&RULE_SETS[ground.rules.get()].policy);
        let grounds = ground.grounds();
        let (review, people, open_reviews) = match what {
            Refresh::Bearing => (None, BTreeMap::new(), 0),
            Refresh::Opening { digest, groups } => {
                let nobody = PresenterId::from_random([0; 16]);
                let open = self.read(|store| store.open_reviews_of_action(digest)).await?;
                let now = self.now();
                let free = open.into_iter().find(|review| review.handle_attach(nobody, self.id, now).is_ok());
                let people = self.read(|store| store.people_of(groups)).await?;
                (free, people, self.read(|store| store.open_reviews_of_actor(actor).len()).await?)
            }
            Refresh::Review(id) => {
                let review = self.read(|store| store.reviews.get(id).cloned()).await?;
                let review = review.ok_or("the review is not in the store")?;
                let verdicts = review.state.verdicts.iter().map(|verdict| verdict.reviewer);
                let asked = verdicts.chain(review.case.action.actor.lineage.people());
                (Some(review.clone()), self.read(|store| store.standings(asked)).await?, 0)
            }
        };
        let mut fresh = Fresh {
            epoch,
            standing,
            policy,
            target: target(ground.target.get()),
            review,
            people,
            open_reviews,
            grant: None,
        };
        self.spoil(&mut fresh);
        Ok((fresh, grounds))
    }

    fn spoil(&self, fresh: &mut Fresh) {
        if self.ground.has(Flaw::ForgetRevocation) {
            fresh.people.values_mut().for_each(|person| person.active = true);
        }
        if self.ground.has(Flaw::CountLineage) {
            let owner = fresh.standing.owner.as_ref().map(|owner| owner.name.clone());
            let store = self.ground.store.borrow();
            let owner = store.principals.values().find(|known| Some(known.new.name()) == owner.as_ref());
            fresh.standing.actor.lineage = model::Lineage::of(owner.map(|owner| owner.new.principal.id));
        }
    }
}

/// Held from the record of a review's change until the store has it.
pub(crate) struct Lock {
    node: Rc<Node>,
    stripe: u8,
}

impl Lock {
    pub(crate) fn is_of(&self, review: ReviewId) -> bool {
        self.stripe == u8::MAX || self.stripe == stripe(review)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.node.locked.borrow_mut().remove(&self.stripe);
    }
}

fn stripe(review: ReviewId) -> u8 {
    review.as_bytes()[0] % STRIPES
}

fn review_of(change: &Change) -> Option<ReviewId> {
    match change {
        Change::OpenReview { review } => Some(review.case.id),
        Change::AdvanceReview { id, .. } => Some(*id),
        Change::ReleaseRun { review, .. } => Some(*review),
        Change::AddInsights { review, .. } => Some(*review),
        Change::EndRun { .. } | Change::Directory { .. } | Change::Targets { .. } => None,
    }
}

/// A change in a few words.
pub(crate) fn brief(change: &Change) -> String {
    match change {
        Change::OpenReview { review } => format!("open {}", review.case.id),
        Change::AdvanceReview { id, state } => format!("advance {id} to {} {:?}", state.version, state.phase),
        Change::ReleaseRun { run, review, .. } => format!("release {run} of {review}"),
        Change::EndRun { run, end, .. } => format!("end {run} {end}"),
        Change::AddInsights { review, insights } => format!("{} insights for {review}", insights.len()),
        Change::Targets { targets, .. } => format!("{} targets", targets.len()),
        Change::Directory { directory } => format!("directory {directory:?}"),
    }
}

/// Few, so that reviews share them.
const STRIPES: u8 = 8;
