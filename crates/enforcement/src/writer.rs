//! The log's one writer and one syncer, each a thread. Sessions stage; the writer appends whole batches; the syncer makes
//! them durable, at once when somebody waits, else within 10 ms. Both tell the watermarks, and nobody else does.

use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audit::{Inlet, Log, Recorded, Staged, Syncs, Unwritable, Written};
use tokio::sync::watch;

/// The sessions' side of the log: stage a record, wait for its proof.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    inlet: Inlet,
    moved: watch::Receiver<u64>,
    sync: Arc<SyncNeed>,
}

impl Recorder {
    pub(crate) const fn inlet(&self) -> &Inlet {
        &self.inlet
    }

    /// Waits until the record reached the kernel.
    pub(crate) async fn written(&self, mut staged: Staged) -> Result<Written, Unwritable> {
        let mut moved = self.moved.clone();
        loop {
            moved.mark_unchanged();
            match staged.written() {
                Ok(written) => return Ok(written),
                Err(again) => staged = again,
            }
            self.next(&mut moved).await?;
        }
    }

    /// Waits until the record is durable.
    pub(crate) async fn recorded(&self, mut staged: Staged) -> Result<Recorded, Unwritable> {
        let mut moved = self.moved.clone();
        self.sync.want(staged.index());
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
    pub(crate) async fn next(&self, moved: &mut watch::Receiver<u64>) -> Result<(), Unwritable> {
        if self.inlet.is_stopped() {
            return Err(Unwritable::Stopped);
        }
        moved.changed().await.map_err(|_| Unwritable::Stopped)
    }

    /// A receiver that changes whenever a watermark moves.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.moved.clone()
    }
}

/// Starts the threads over the log's file, which holds `size` records in `length` bytes.
pub(crate) fn start(file: File, size: u64, length: u64, lock: File) -> std::io::Result<Recorder> {
    let (inlet, log, syncs) = audit::open(size);
    let (tell, moved) = watch::channel(0);
    let tell = Arc::new(tell);
    let need = Arc::new(SyncNeed::default());
    let syncer = Syncer { file: file.try_clone()?, syncs, need: Arc::clone(&need), tell: Arc::clone(&tell) };
    let writer = Writer { file, length, log, need: Arc::clone(&need), tell, _lock: lock };
    std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.run())?;
    std::thread::Builder::new().name("log-syncer".to_owned()).spawn(move || syncer.run())?;
    Ok(Recorder { inlet, moved, sync: need })
}

struct Writer {
    file: File,
    length: u64,
    log: Log,
    need: Arc<SyncNeed>,
    tell: Arc<watch::Sender<u64>>,
    /// The log's lock lives as long as its writer.
    _lock: File,
}

impl Writer {
    fn run(mut self) {
        while self.log.wait(Duration::from_secs(60)) {
            while let Some(batch) = self.log.poll_batch() {
                if let Err(error) = self.file.write_all(&batch.bytes) {
                    tracing::error!(%error, "the audit log cannot be written: nothing runs until the gateway is restarted");
                    // What was written of the batch is no record; a start would cut it too.
                    if let Err(error) = self.file.set_len(self.length) {
                        tracing::error!(%error, "the torn end of the audit log could not be cut");
                    }
                    self.log.handle_failed();
                    self.tell.send_modify(|moves| *moves += 1);
                    return self.need.finish();
                }
                self.length += u64::try_from(batch.bytes.len()).unwrap_or(0);
                self.log.handle_written(&batch);
                self.tell.send_modify(|moves| *moves += 1);
                self.need.wrote(batch.end);
            }
        }
        self.need.finish();
    }
}

struct Syncer {
    file: File,
    syncs: Syncs,
    need: Arc<SyncNeed>,
    tell: Arc<watch::Sender<u64>>,
}

impl Syncer {
    fn run(self) {
        while self.need.wait(self.syncs.synced()) {
            let written = self.syncs.written();
            if let Err(error) = self.file.sync_data() {
                tracing::error!(%error, "the audit log cannot be made durable: nothing runs until the gateway is restarted");
                self.syncs.handle_failed();
                self.tell.send_modify(|moves| *moves += 1);
                return;
            }
            self.syncs.handle_synced(written);
            self.tell.send_modify(|moves| *moves += 1);
        }
    }
}

/// What the syncer sleeps on. It is woken for what it has to do and for nothing else.
#[derive(Debug, Default)]
struct SyncNeed {
    state: Mutex<Wanted>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Wanted {
    written: u64,
    /// Somebody waits for records below this.
    urgent: u64,
    /// As of the syncer's last look.
    synced: u64,
    finished: bool,
}

impl SyncNeed {
    fn want(&self, index: u64) {
        let mut wanted = self.lock();
        let was_urgent = wanted.urgent > wanted.synced;
        wanted.urgent = wanted.urgent.max(index + 1);
        if !was_urgent {
            self.moved.notify_one();
        }
    }

    fn wrote(&self, end: u64) {
        let mut wanted = self.lock();
        let was_behind = wanted.written > wanted.synced;
        wanted.written = end;
        if !was_behind {
            self.moved.notify_one();
        }
    }

    fn finish(&self) {
        self.lock().finished = true;
        self.moved.notify_one();
    }

    /// Blocks until a sync is due; `false` if there is nothing left to sync, ever.
    fn wait(&self, synced: u64) -> bool {
        let mut wanted = self.lock();
        wanted.synced = synced;
        let idle = |wanted: &mut Wanted| wanted.written <= synced && !wanted.finished;
        let wanted = self.moved.wait_while(wanted, idle).unwrap_or_else(PoisonError::into_inner);
        // However much is written meanwhile: what was first written is not kept waiting longer.
        let lazy = |wanted: &mut Wanted| wanted.urgent <= synced && !wanted.finished;
        let (wanted, _) = self.moved.wait_timeout_while(wanted, LAZY, lazy).unwrap_or_else(PoisonError::into_inner);
        wanted.written > synced
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a record that nobody waits for may stay unsynced.
const LAZY: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_sync_is_due_however_fast_writes_go_on() {
        let need = SyncNeed::default();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let all = (1..).take(WRITES).take_while(|end| {
                    need.wrote(*end);
                    std::thread::sleep(LAZY / 50);
                    !done.load(Ordering::Acquire)
                });
                all.count()
            });
            assert!(need.wait(0));
            done.store(true, Ordering::Release);
            let writes = writer.join().unwrap();
            assert!(writes < WRITES / 10, "{writes} writes kept it waiting");
        });
    }

    #[test]
    fn who_waits_is_not_kept_waiting_and_the_end_is_told() {
        let need = SyncNeed::default();
        need.want(0);
        need.wrote(1);
        assert!(need.wait(0));
        need.finish();
        assert!(!need.wait(1));
    }

    const WRITES: usize = 5_000;
}
