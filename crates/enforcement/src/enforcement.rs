//! The node: its log, store, policy and targets, opened together and held together. A start replays what the store has
//! not applied, tells what a crash left uncertain, and refuses a log or store it cannot vouch for (invariant 5).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use audit::{Committed, Entry, Kind, Recorded, SigningKey, Staged, Unwritable, VerifyingKey, open_payload};
use gate::{Change, Epoch, Fresh, Journal, Refresh, RunEnd};
use model::{Clock, Name, PrincipalId, ReviewId, Run, SessionId, Target, Timestamp};
use policy::PolicySet;
use serde_json::Value;
use store::{SearchIndex, Store};
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::follower::{Progress, follow_search, follow_tree};
use crate::log::{LogError, LogFiles, make_private};
use crate::stripe::{STRIPES, Stripe};
use crate::waker::{Moved, Waker};
use crate::writer::{self, Recorder};

/// The node. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Enforcement(pub(crate) Arc<Node>);

/// Where the node keeps its things, and what it enforces.
#[derive(Debug)]
pub struct Settings {
    /// The log's folder.
    pub log: PathBuf,
    /// The store's file.
    pub store: PathBuf,
    /// The search index's file.
    pub search: PathBuf,
    /// The log's secret key.
    pub key: SigningKey,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The active policy.
    pub policy: PolicySet,
    /// The configured targets.
    pub targets: Vec<Target>,
}

/// Why the node does not start.
#[derive(Debug, thiserror::Error)]
pub enum Startup {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// No record can be written.
    #[error("the audit log cannot take its first record: {0}")]
    Unwritable(#[from] Unwritable),
    /// The operating system.
    #[error("the gateway cannot start: {0}")]
    System(#[from] std::io::Error),
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] identity::NoRandomness),
    /// Two targets have one name.
    #[error("two targets are named `{0}`")]
    TwoTargets(Name),
}

/// Something happened that a watching person wants to know.
#[derive(Debug, Clone)]
pub struct Event {
    /// `review-opened` or `review-moved`.
    pub kind: &'static str,
    /// The review.
    pub review: ReviewId,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) store: Store,
    pub(crate) search: SearchIndex,
    pub(crate) recorder: Recorder,
    pub(crate) files: LogFiles,
    pub(crate) verifying_key: VerifyingKey,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) id: SessionId,
    pub(crate) waker: Waker,
    pub(crate) settling: Vec<Arc<Stripe>>,
    /// The stripe of what belongs to no review: the directory, and ends of runs.
    pub(crate) unreviewed: Arc<Stripe>,
    /// Told whenever the store did not take a change and it was kept.
    pub(crate) kept: Notify,
    /// Work that goes on when whoever asked for it has gone.
    work: Mutex<JoinSet<()>>,
    pub(crate) passphrases: Semaphore,
    /// Revocations go one at a time.
    pub(crate) revoking: tokio::sync::Mutex<()>,
    pub(crate) failures: Mutex<crate::directory::Failures>,
    pub(crate) events: broadcast::Sender<Event>,
    /// Presenters that left; as many as sessions that ended, so bounded by them.
    departed: mpsc::UnboundedSender<(ReviewId, model::PresenterId)>,
    policy: Arc<PolicySet>,
    targets: Arc<BTreeMap<Name, Arc<Target>>>,
    epoch: AtomicU64,
    /// Time never goes back behind this, nor behind the log's last record.
    latest: AtomicU64,
    journal: Mutex<Journal>,
    in_flight: InFlight,
    progress: Arc<Progress>,
}

impl Enforcement {
    /// Opens log and store, replays, records the start, and starts what follows the log on `tasks`.
    ///
    /// # Errors
    /// If log or store cannot be vouched for. Then nothing may run.
    pub async fn open(settings: Settings, tasks: &mut JoinSet<()>) -> Result<Self, Startup> {
        let verifying_key = settings.key.verifying_key();
        let opened = LogFiles::open(&settings.log, &verifying_key)?;
        settings.store.parent().map_or(Ok(()), make_private)?;
        let store = Store::open(&settings.store).await?;
        let named = store.names_records_below().await?;
        let size = opened.tree.size();
        if named > size {
            return Err(LogError::StoreAhead { named: named - 1, size }.into());
        }
        let replayed = replay(&opened.files, &store, size).await?;
        let search = SearchIndex::open(&settings.search, size).await?;
        let recorder = writer::start(opened.records, size, opened.length, opened.lock)?;
        let id = SessionId::from_random(identity::random()?);
        let progress = Arc::new(Progress::default());
        progress.signed.store(opened.checkpoint.map_or(0, |checkpoint| checkpoint.size), Ordering::Release);
        let mut targets = BTreeMap::new();
        for target in settings.targets {
            if let Some(twice) = targets.insert(target.name.clone(), Arc::new(target)) {
                return Err(Startup::TwoTargets(twice.name.clone()));
            }
        }
        let (departed, departures) = mpsc::unbounded_channel();
        let node = Node {
            store,
            search: search.clone(),
            recorder: recorder.clone(),
            files: opened.files.clone(),
            verifying_key,
            clock: settings.clock,
            id,
            waker: Waker::default(),
            settling: (0..STRIPES).map(|_| Arc::default()).collect(),
            unreviewed: Arc::default(),
            kept: Notify::default(),
            work: Mutex::default(),
            passphrases: Semaphore::new(PASSPHRASES_AT_ONCE),
            revoking: tokio::sync::Mutex::default(),
            failures: Mutex::default(),
            events: broadcast::channel(1024).0,
            departed,
            policy: Arc::new(settings.policy),
            targets: Arc::new(targets),
            epoch: AtomicU64::new(1),
            latest: AtomicU64::new(opened.last_time.as_millis()),
            journal: Mutex::new(Journal::new(id, identity::random()?)),
            in_flight: InFlight::default(),
            progress: Arc::clone(&progress),
        };
        let enforcement = Self(Arc::new(node));
        enforcement.record_start(opened.cut, replayed).await?;
        enforcement.record_targets().await?;
        enforcement.settle_what_a_crash_left().await?;
        tasks.spawn(follow_tree(opened.files.clone(), recorder.clone(), settings.key, Arc::clone(&progress)));
        tasks.spawn(follow_search(opened.files, recorder, search, progress));
        tasks.spawn(crate::settle::expire(enforcement.clone()));
        tasks.spawn(crate::settle::see_off(enforcement.clone(), departures));
        tasks.spawn(keep_cursor(enforcement.clone()));
        Ok(enforcement)
    }

    async fn record_start(&self, cut: u64, replayed: u64) -> Result<(), Startup> {
        let policy = self.policy();
        let tokens = [("policy", policy.version().to_string()), ("node", self.0.id.to_string())];
        let rules: Vec<Value> =
            policy.rules().iter().map(|rule| Value::from(format!("{} {}", rule.named.id, rule.named.hash.0))).collect();
        let targets: Vec<Value> = self
            .targets()
            .values()
            .map(|target| Value::from(format!("{} {}", target.name, target.version.0)))
            .collect();
        let fields = [
            ("cut-bytes", Value::from(cut)),
            ("replayed", Value::from(replayed)),
            ("rules", Value::from(rules)),
            ("targets", Value::from(targets)),
        ];
        self.note(Kind::Started, &tokens, &fields).await?;
        Ok(())
    }

    /// What is configured becomes what the log last made active, on the record where it differs.
    async fn record_targets(&self) -> Result<(), Startup> {
        let (before, now) = (self.0.store.targets().await?, self.targets());
        let was = |name: &Name| before.get(name).filter(|row| row.removed_at.is_none());
        let gone = before.values().filter(|row| row.removed_at.is_none()).map(|row| &row.target.name);
        let added: Vec<Name> = now.keys().filter(|name| was(name).is_none()).cloned().collect();
        let is_changed = |target: &&Arc<Target>| was(&target.name).is_some_and(|row| row.target != ***target);
        let changed: Vec<Name> = now.values().filter(is_changed).map(|target| target.name.clone()).collect();
        let removed: Vec<Name> = gone.filter(|name| !now.contains_key(*name)).cloned().collect();
        if added.is_empty() && changed.is_empty() && removed.is_empty() {
            return Ok(());
        }
        let at = self.now();
        let change = Change::Targets { targets: now.values().map(|target| Target::clone(target)).collect(), at };
        let moved = [("added", added), ("changed", changed), ("removed", removed)];
        let recorded = self.record(|journal| journal.targets(&moved, &change, at)).await?;
        self.0.store.apply(&change, recorded.index()).await?;
        Ok(())
    }

    /// A claim without a record failed and never ran; a release without an end is uncertain and never runs again by itself.
    async fn settle_what_a_crash_left(&self) -> Result<(), Startup> {
        for review in self.0.store.claims_without_run().await? {
            if let gate::Phase::Claimed { run, at } = review.state.phase {
                let digest = review.case.digest;
                let state = Box::new(review.state.clone());
                let release = Change::ReleaseRun { run, review: review.case.id, state, digest, at };
                self.0.store.apply(&release, self.0.recorder.inlet().synced().saturating_sub(1)).await?;
                self.end_run(run, Run::Failed, "claimed, and never forwarded: the gateway stopped in between").await?;
            }
        }
        for run in self.0.store.unended_runs().await? {
            self.end_run(
                run.id,
                Run::Uncertain,
                "released, and its end was never seen: the gateway stopped in between",
            )
            .await?;
        }
        Ok(())
    }

    async fn end_run(&self, run: model::RunId, end: Run, why: &str) -> Result<(), Startup> {
        let at = self.now();
        let change = Change::EndRun { run, end, at, detail: why.to_owned() };
        let ended = RunEnd { run: end, rows: 0, masked: BTreeMap::new(), detail: why.to_owned() };
        let recorded = self.record(|journal| journal.run_ended(Some(run), &ended, Some(&change), at)).await?;
        self.0.store.apply(&change, recorded.index()).await?;
        Ok(())
    }

    /// The later of the wall clock and the last record's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let wall = self.0.clock.now().as_millis();
        Timestamp::from_millis(self.0.latest.fetch_max(wall, Ordering::AcqRel).max(wall))
    }

    /// The active policy.
    #[must_use]
    pub fn policy(&self) -> Arc<PolicySet> {
        Arc::clone(&self.0.policy)
    }

    /// The configured targets.
    #[must_use]
    pub fn targets(&self) -> Arc<BTreeMap<Name, Arc<Target>>> {
        Arc::clone(&self.0.targets)
    }

    /// The log's public key.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.0.verifying_key
    }

    /// The store, to read from.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Records that a person was shown a review with the actor's own literals.
    ///
    /// # Errors
    /// If it cannot be recorded; then it is not shown.
    pub async fn record_reveal(&self, review: ReviewId, to: PrincipalId) -> Result<(), Unwritable> {
        let tokens = [("review", review.to_string()), ("by", to.to_string())];
        let staged = self.stage(|journal| journal.note(Kind::Revealed, &tokens, &[], self.now()))?;
        self.0.recorder.written(staged).await?;
        Ok(())
    }

    /// A new id for an action.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new_action_id(&self) -> Result<model::ActionId, identity::NoRandomness> {
        Ok(model::ActionId::from_random(identity::random()?))
    }

    /// Keeps a proposal, so that its caller can resume.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn keep_proposal(&self, proposal: &store::Proposal) -> Result<(), store::StoreError> {
        self.0.store.add_proposal(proposal).await
    }

    /// Tells which review a proposal waits for, or how it ended.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn update_proposal(
        &self,
        id: model::ActionId,
        review: Option<ReviewId>,
        ended: Option<&str>,
    ) -> Result<(), store::StoreError> {
        self.0.store.update_proposal(id, review, ended).await
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.0.events.subscribe()
    }

    /// Whether the log takes records: else nothing runs.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.0.recorder.inlet().is_stopped()
    }

    /// Records written, durable, signed and indexed so far: the differences are lags.
    #[must_use]
    pub fn watermarks(&self) -> [(&'static str, u64); 4] {
        let inlet = self.0.recorder.inlet();
        [
            ("written", inlet.written()),
            ("synced", inlet.synced()),
            ("signed", self.0.progress.signed.load(Ordering::Acquire)),
            ("indexed", self.0.progress.indexed.load(Ordering::Acquire)),
        ]
    }

    /// The newest signed checkpoint.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub async fn checkpoint(&self) -> Result<Option<String>, LogError> {
        let files = self.0.files.clone();
        blocking(move || files.newest_note()).await
    }

    /// The record at an index with its proof, once a checkpoint counts it.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub async fn prove(&self, index: u64) -> Result<Option<crate::Proven>, LogError> {
        let (files, key) = (self.0.files.clone(), self.0.verifying_key.clone());
        blocking(move || files.prove(index, &key)).await
    }

    /// A presenter left without a word.
    pub(crate) fn depart(&self, presenter: (ReviewId, model::PresenterId)) {
        // The node is going down: its presenters are detached by its end.
        self.0.departed.send(presenter).unwrap_or_default();
    }

    pub(crate) fn bump(&self) {
        self.0.epoch.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.0.epoch.load(Ordering::Acquire))
    }

    /// Records something the node tells of itself, durably.
    pub(crate) async fn note(
        &self,
        kind: Kind,
        tokens: &[(&'static str, String)],
        fields: &[(&'static str, Value)],
    ) -> Result<Recorded, Unwritable> {
        self.record(|journal| journal.note(kind, tokens, fields, self.now())).await
    }

    /// Stages a record of the node's own and waits until it is durable.
    pub(crate) async fn record(
        &self,
        write: impl FnOnce(&mut Journal) -> Result<Entry, Unwritable>,
    ) -> Result<Recorded, Unwritable> {
        let staged = self.stage(write)?;
        self.0.recorder.recorded(staged).await
    }

    /// Writes and stages a record of the node's own under one lock: no other takes a number in between.
    fn stage(&self, write: impl FnOnce(&mut Journal) -> Result<Entry, Unwritable>) -> Result<Staged, Unwritable> {
        let mut journal = self.0.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = write(&mut journal)?;
        self.stage_of(&mut journal, &entry)
    }

    /// Stages a record; the number of one that the log does not take is given again.
    pub(crate) fn stage_of(&self, journal: &mut Journal, entry: &Entry) -> Result<Staged, Unwritable> {
        self.0.recorder.stage(entry).inspect_err(|_| journal.take_back(entry.name))
    }

    /// Everything a passage may ask to read afresh.
    pub(crate) async fn fresh(&self, actor: PrincipalId, target: &Name, what: &Refresh) -> Result<Fresh, String> {
        // The epoch first: what changes while we read makes it stale, and it is read again.
        let epoch = self.epoch();
        let store = &self.0.store;
        let failed = |error: store::StoreError| error.to_string();
        let review = match what {
            Refresh::Bearing | Refresh::Opening { .. } => None,
            Refresh::Review(id) => {
                Some(store.review(*id).await.map_err(failed)?.ok_or("the review is not in the store")?.review)
            }
        };
        let verdicts = review.iter().flat_map(|review| &review.state.verdicts).map(|verdict| verdict.reviewer);
        let behind = review.iter().flat_map(|review| review.case.action.actor.lineage.people());
        // One look for all: a release waits on it.
        let people = store.standings(verdicts.chain(behind).chain([actor])).await.map_err(failed)?;
        let mut fresh = Fresh {
            epoch,
            standing: people.get(&actor).cloned().ok_or("the actor is not in the store")?,
            policy: self.policy(),
            target: self.targets().get(target).cloned().ok_or("the target is no longer configured")?,
            review: None,
            people: BTreeMap::new(),
            open_reviews: 0,
            grant: None,
        };
        match what {
            Refresh::Bearing => {}
            Refresh::Opening { digest, groups } => {
                let open = store.open_reviews_of_action(digest).await.map_err(failed)?;
                let now = self.now();
                let free = |review: &gate::Review| {
                    let nobody = model::PresenterId::from_random([0; 16]);
                    review.handle_attach(nobody, self.0.id, now).is_ok()
                };
                fresh.review = open.into_iter().find(free);
                fresh.people = store.people_of(groups).await.map_err(failed)?;
                fresh.open_reviews = store.open_reviews_of_actor(actor).await.map_err(failed)?;
                if fresh.review.is_none() {
                    fresh.grant = store.grant_of_action(digest, now).await.map_err(failed)?;
                }
            }
            Refresh::Review(_) => (fresh.review, fresh.people) = (review, people),
        }
        Ok(fresh)
    }

    /// Runs `work` to its end, whether or not the caller stays: a record is never parted from its change.
    ///
    /// # Errors
    /// If the node stops in between.
    pub async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Cut> {
        let (tell, told) = oneshot::channel();
        self.work_aside(async move {
            // The caller may have gone; the work is done all the same.
            tell.send(work.await).unwrap_or_default();
        });
        told.await.map_err(|_| Cut)
    }

    /// Does what nobody waits for. It ends with the node.
    pub fn work_aside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.0.work.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn(work);
    }

    /// Marks that a record is about to be written whose change is not applied yet: the cursor stays below it.
    pub(crate) fn take_off(&self) -> Flight {
        let below = self.0.recorder.inlet().synced();
        let mut in_flight = self.0.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        *in_flight.entry(below).or_default() += 1;
        Flight { all: Arc::clone(&self.0.in_flight), below }
    }

    pub(crate) fn tell(&self, kind: &'static str, review: ReviewId, moved: Moved) {
        self.0.waker.wake(review, moved);
        // Nobody watches: nothing to tell.
        self.0.events.send(Event { kind, review }).unwrap_or_default();
    }
}

/// The node stopped before the work was done.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the gateway is stopping: what became of it is in the records")]
pub struct Cut;

/// The lowest record that may have to be applied again, for each change under way, counted.
type InFlight = Arc<Mutex<BTreeMap<u64, usize>>>;

/// Holds the cursor below a record whose change is not applied yet. One that never lands holds it until the next start,
/// which replays the change.
#[derive(Debug)]
#[must_use]
pub(crate) struct Flight {
    all: InFlight,
    below: u64,
}

impl Flight {
    /// The change is applied, or will never be.
    pub(crate) fn land(self) {
        let mut in_flight = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = in_flight.get_mut(&self.below) {
            *count -= 1;
            if *count == 0 {
                in_flight.remove(&self.below);
            }
        }
    }
}

/// Applies what the log holds and the store has not applied; returns how many changes were looked at.
async fn replay(files: &LogFiles, store: &Store, size: u64) -> Result<u64, Startup> {
    let mut changes = 0;
    for index in store.applied_through().await?..size {
        let files = files.clone();
        let Some(record) = blocking(move || files.read(index)).await? else {
            return Err(LogError::Damaged(index).into());
        };
        let opened = Committed::parse(&record.leaf).and_then(|leaf| open_payload(&leaf, &record.payload));
        let Some(change) = opened.map_err(|_| LogError::Damaged(index))?.remove("change") else { continue };
        let change = serde_json::from_value::<Change>(change).map_err(|_| LogError::Damaged(index))?;
        store.apply(&change, index).await?;
        changes += 1;
    }
    store.set_applied_through(size).await?;
    Ok(changes)
}

/// Keeps the cursor of applied records near the end of the log, and the store's write-ahead log short.
async fn keep_cursor(enforcement: Enforcement) {
    let node = enforcement.0;
    let mut moved = node.recorder.watch();
    let mut last = 0;
    for second in 1_u64.. {
        let synced = node.recorder.inlet().synced();
        let lowest = node.in_flight.lock().unwrap_or_else(PoisonError::into_inner).keys().next().copied();
        let through = lowest.map_or(synced, |lowest| lowest.min(synced));
        if through > last {
            match node.store.set_applied_through(through).await {
                Ok(()) => last = through,
                Err(error) => {
                    tracing::warn!(%error, "the cursor of applied records could not be kept; a start replays more")
                }
            }
        }
        // It syncs, which slows down whoever waits for the disk: not every second.
        if second % FOLD_EVERY == 0
            && let Err(error) = node.store.fold().await
        {
            tracing::warn!(%error, "the store's write-ahead log could not be folded; it grows until it can");
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        if node.recorder.next(&mut moved).await.is_err() {
            return;
        }
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|error| Err(LogError::Io { path: PathBuf::new(), error: std::io::Error::other(error) }))
}

/// Seconds with changes between two folds of the store's write-ahead log.
const FOLD_EVERY: u64 = 10;
/// Passphrases hashed at a time: 19 MiB and a core each.
const PASSPHRASES_AT_ONCE: usize = 2;
