//! The log's one pen and its one syncer. Sessions stage records without a lock; whoever first needs to know that its own
//! is written takes the pen and appends all that is staged, in one batch. The syncer, a thread, makes it durable: at once
//! when somebody waits, else within 10 ms. Both tell their watermark, and nobody else does.
//!
//! Writing goes to the page cache. Where the kernel makes a writer wait, nothing could run without its record anyway.

use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use audit::{Entry, Inlet, Log, Recorded, Staged, Syncs, Unwritable, Written};
use tokio::sync::watch;

/// The sessions' side of the log: stage a record, wait for its proof. When the last of its clones goes, the syncer makes
/// durable what was staged, and ends.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    inlet: Inlet,
    desk: Arc<Desk>,
    _ends_the_syncer: Arc<Farewell>,
}

/// What sessions and syncer share.
#[derive(Debug)]
struct Desk {
    pen: Mutex<Pen>,
    syncs: Syncs,
    need: SyncNeed,
    written: watch::Sender<()>,
    synced: watch::Sender<()>,
}

/// Who holds it appends to the log's file.
#[derive(Debug)]
struct Pen {
    file: File,
    length: u64,
    log: Log,
    /// The log's lock lives as long as its pen.
    _lock: File,
}

#[derive(Debug)]
struct Farewell(Arc<Desk>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.need.finish();
    }
}

impl Recorder {
    /// The watermarks.
    pub(crate) const fn inlet(&self) -> &Inlet {
        &self.inlet
    }

    /// Gives a record its place.
    ///
    /// # Errors
    /// If the log takes none.
    pub(crate) fn stage(&self, entry: &Entry) -> Result<Staged, Unwritable> {
        let staged = self.inlet.stage(entry)?;
        self.desk.need.staged();
        Ok(staged)
    }

    /// Waits until the record reached the kernel.
    pub(crate) async fn written(&self, staged: Staged) -> Result<Written, Unwritable> {
        self.when_written(staged, Staged::written).await
    }

    /// Waits until `open`, which gives back what it does not open, opens `sealed`: it needs a record that is staged to be
    /// written.
    pub(crate) async fn when_written<S, T>(
        &self,
        mut sealed: S,
        open: impl Fn(S) -> Result<T, S>,
    ) -> Result<T, Unwritable> {
        let mut moved = None;
        loop {
            match open(sealed) {
                Ok(opened) => return Ok(opened),
                Err(again) => sealed = again,
            }
            if self.desk.write_if_free() {
                continue;
            }
            match &mut moved {
                // Whatever is written from here on is noticed; what was before is looked at once more.
                None => moved = Some(self.desk.written.subscribe()),
                Some(moved) => self.next(moved).await?,
            }
        }
    }

    /// Waits until the record is durable.
    pub(crate) async fn recorded(&self, mut staged: Staged) -> Result<Recorded, Unwritable> {
        let mut moved = self.desk.synced.subscribe();
        self.desk.need.want(staged.index());
        loop {
            moved.mark_unchanged();
            match staged.recorded() {
                Ok(recorded) => return Ok(recorded),
                Err(again) => staged = again,
            }
            self.next(&mut moved).await?;
        }
    }

    /// Waits until a watermark moves or the log stops.
    pub(crate) async fn next(&self, moved: &mut watch::Receiver<()>) -> Result<(), Unwritable> {
        if self.inlet.is_stopped() {
            return Err(Unwritable::Stopped);
        }
        moved.changed().await.map_err(|_| Unwritable::Stopped)
    }

    /// A receiver that changes whenever more is durable.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.desk.synced.subscribe()
    }
}

/// Opens the desk over the log's file, which holds `size` records in `length` bytes, and starts the syncer.
pub(crate) fn start(file: File, size: u64, length: u64, lock: File) -> std::io::Result<Recorder> {
    let (inlet, log, syncs) = audit::open(size);
    let to_sync = file.try_clone()?;
    let desk = Arc::new(Desk {
        pen: Mutex::new(Pen { file, length, log, _lock: lock }),
        syncs,
        need: SyncNeed::default(),
        written: watch::channel(()).0,
        synced: watch::channel(()).0,
    });
    let syncer = Syncer { file: to_sync, desk: Arc::clone(&desk) };
    std::thread::Builder::new().name("log-syncer".to_owned()).spawn(move || syncer.run())?;
    Ok(Recorder { inlet, _ends_the_syncer: Arc::new(Farewell(Arc::clone(&desk))), desk })
}

impl Desk {
    /// Writes what is staged, unless somebody else is writing; tells whether anything was written.
    fn write_if_free(&self) -> bool {
        let mut wrote = false;
        for _ in 0..ROUNDS {
            let mut pen = match self.pen.try_lock() {
                Ok(pen) => pen,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return wrote,
            };
            wrote |= self.write(&mut pen);
            drop(pen);
            // Who found the pen taken just now waits for whoever had it: what came meanwhile is written, too.
            if !self.syncs.is_behind_writing() {
                break;
            }
        }
        wrote
    }

    /// Writes what is staged, in some batches; who stages more meanwhile takes the pen itself. Tells whether anything was written. A pen that failed once
    /// never writes again: what is behind the failed batch would stand at other places than it was given.
    fn write(&self, pen: &mut Pen) -> bool {
        let mut wrote = false;
        for _ in 0..ROUNDS {
            if self.syncs.is_stopped() {
                break;
            }
            let Some(batch) = pen.log.poll_batch() else { break };
            if let Err(error) = pen.file.write_all(&batch.bytes) {
                // Before anything else, which may fail as well: the log is over.
                pen.log.handle_failed();
                // What was written of the batch is no record; a start would cut it too.
                let cut = pen.file.set_len(pen.length);
                tracing::error!(%error, "the audit log cannot be written: nothing runs until the gateway is restarted");
                if let Err(error) = cut {
                    tracing::error!(%error, "the torn end of the audit log could not be cut");
                }
                self.synced.send_replace(());
                self.need.finish();
                self.written.send_replace(());
                return false;
            }
            pen.length += u64::try_from(batch.bytes.len()).unwrap_or(0);
            pen.log.handle_written(&batch);
            self.written.send_replace(());
            wrote = true;
        }
        wrote
    }
}

struct Syncer {
    file: File,
    desk: Arc<Desk>,
}

impl Syncer {
    fn run(self) {
        let syncs = &self.desk.syncs;
        while self.desk.need.wait(|| syncs.staged() > syncs.synced(), syncs.synced()) {
            self.desk.write(&mut self.desk.pen.lock().unwrap_or_else(PoisonError::into_inner));
            if syncs.is_stopped() {
                return;
            }
            let written = syncs.written();
            if written == syncs.synced() {
                // Somebody has a place and was interrupted before it handed its record over.
                std::thread::sleep(GAP);
                continue;
            }
            if let Err(error) = self.file.sync_data() {
                syncs.handle_failed();
                tracing::error!(%error, "the audit log cannot be made durable: nothing runs until the gateway is restarted");
                self.desk.written.send_replace(());
                self.desk.synced.send_replace(());
                return;
            }
            syncs.handle_synced(written);
            self.desk.synced.send_replace(());
        }
    }
}

/// What the syncer sleeps on. It is woken for what it has to do and for nothing else.
#[derive(Debug, Default)]
struct SyncNeed {
    /// The syncer sleeps until something is staged.
    idle: AtomicBool,
    state: Mutex<Wanted>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Wanted {
    /// Somebody waits for records below this.
    urgent: u64,
    /// As of the syncer's last look.
    synced: u64,
    finished: bool,
}

impl SyncNeed {
    /// Something was staged: sessions pass here with each record, and only the first after a rest takes the lock.
    fn staged(&self) {
        if self.idle.swap(false, Ordering::SeqCst) {
            drop(self.lock());
            self.moved.notify_one();
        }
    }

    fn want(&self, index: u64) {
        let mut wanted = self.lock();
        let was_urgent = wanted.urgent > wanted.synced;
        wanted.urgent = wanted.urgent.max(index + 1);
        if !was_urgent {
            self.moved.notify_one();
        }
    }

    fn finish(&self) {
        self.lock().finished = true;
        self.moved.notify_one();
    }

    /// Blocks until a sync is due; `false` if there is nothing left to sync, ever. `is_behind` tells whether something is
    /// staged that is not durable.
    fn wait(&self, is_behind: impl Fn() -> bool, synced: u64) -> bool {
        let mut wanted = self.lock();
        wanted.synced = synced;
        while !wanted.finished {
            // Told before the look: what is staged behind it finds the syncer idle, and wakes it.
            self.idle.store(true, Ordering::SeqCst);
            if is_behind() {
                break;
            }
            wanted = self.moved.wait(wanted).unwrap_or_else(PoisonError::into_inner);
        }
        self.idle.store(false, Ordering::SeqCst);
        // However much is written meanwhile: what was first written is not kept waiting longer.
        let lazy = |wanted: &mut Wanted| wanted.urgent <= synced && !wanted.finished;
        let (wanted, _) = self.moved.wait_timeout_while(wanted, LAZY, lazy).unwrap_or_else(PoisonError::into_inner);
        drop(wanted);
        is_behind()
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Batches that are written at a time, and how often a pen that was put down is taken up again at once: nobody writes for
/// everybody else for long.
const ROUNDS: usize = 4;
/// Before the next look, while a record is missing that has its place.
const GAP: Duration = Duration::from_micros(200);
/// How long a record that nobody waits for may stay unsynced.
const LAZY: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn a_sync_is_due_however_fast_records_come() {
        let (need, staged, done) = (SyncNeed::default(), AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let all = (1..).take(RECORDS).take_while(|end| {
                    staged.store(*end, Ordering::SeqCst);
                    need.staged();
                    std::thread::sleep(LAZY / 50);
                    !done.load(Ordering::Acquire)
                });
                all.count()
            });
            assert!(need.wait(|| staged.load(Ordering::SeqCst) > 0, 0));
            done.store(true, Ordering::Release);
            let records = writer.join().unwrap();
            assert!(records < RECORDS / 10, "{records} records kept it waiting");
        });
    }

    #[test]
    fn who_waits_is_not_kept_waiting_and_the_end_is_told() {
        let need = SyncNeed::default();
        need.want(0);
        assert!(need.wait(|| true, 0));
        need.finish();
        assert!(!need.wait(|| false, 1));
    }

    fn opened(folder: &std::path::Path) -> Recorder {
        let open = |name: &str| File::options().append(true).read(true).create(true).open(folder.join(name)).unwrap();
        start(open("records"), 0, 0, open("lock")).unwrap()
    }

    fn entry(sequence: u64) -> Entry {
        let session = model::SessionId::from_random([1; 16]);
        Entry { name: audit::RecordName { session, sequence }, leaf: vec![b'x'; 40], payload: Vec::new() }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_sessions_each_gets_its_proofs_whoever_writes() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = opened(folder.path());
        let mut sessions = tokio::task::JoinSet::new();
        for number in 0..16 {
            let recorder = recorder.clone();
            sessions.spawn(async move {
                for at in 0..200 {
                    let staged = recorder.stage(&entry(at)).unwrap();
                    let index = staged.index();
                    if (number + at) % 7 == 0 {
                        assert_eq!(recorder.recorded(staged).await.unwrap().index(), index);
                    } else {
                        assert_eq!(recorder.written(staged).await.unwrap().index(), index);
                    }
                }
            });
        }
        sessions.join_all().await;
        assert_eq!(recorder.inlet().written(), 16 * 200);
    }

    /// A log whose file cannot be written any more.
    fn broken(folder: &std::path::Path) -> Recorder {
        std::fs::write(folder.join("records"), b"").unwrap();
        let lock = File::options().append(true).create(true).open(folder.join("lock")).unwrap();
        start(File::open(folder.join("records")).unwrap(), 0, 0, lock).unwrap()
    }

    #[tokio::test]
    async fn after_a_failed_write_nothing_is_ever_proven_and_the_syncer_ends() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = broken(folder.path());
        let all: Vec<_> = (0..3).map(|at| recorder.stage(&entry(at)).unwrap()).collect();
        for staged in all {
            assert!(recorder.written(staged).await.is_err());
        }
        assert!(recorder.stage(&entry(3)).is_err());
        assert!(!recorder.desk.write_if_free());
        assert_eq!((recorder.inlet().written(), recorder.inlet().synced()), (0, 0));
        // Only the recorder holds the desk: its farewell, and itself.
        while Arc::strong_count(&recorder.desk) > 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_durable_soon_and_after_the_last_recorder_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = opened(folder.path());
        let mut synced = recorder.watch();
        let _place = recorder.stage(&entry(0)).unwrap();
        synced.changed().await.unwrap();
        assert_eq!(recorder.inlet().synced(), 1);
        let inlet = recorder.inlet().clone();
        let _place = recorder.stage(&entry(1)).unwrap();
        drop(recorder);
        while synced.changed().await.is_ok() {}
        assert_eq!(inlet.synced(), 2);
    }

    const RECORDS: usize = 5_000;
}
