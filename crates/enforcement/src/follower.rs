//! What follows the log and never delays it: the tree and the signed checkpoints, on a thread of its own, and the search
//! index. Each has a cursor and picks up where it stopped.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use audit::{Checkpoint, NOTE_END, SigningKey};
use store::SearchIndex;

use crate::log::{CHECKPOINTS, LogError, LogFiles, Tail};
use crate::writer::Recorder;

/// How far the followers are.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Records in the newest checkpoint.
    pub(crate) signed: AtomicU64,
    /// Records in the search index.
    pub(crate) indexed: AtomicU64,
}

/// Grows the tree and signs a checkpoint every second while there is something new.
pub(crate) async fn follow_tree(files: LogFiles, recorder: Recorder, key: SigningKey, progress: Arc<Progress>) {
    let mut moved = recorder.watch();
    let mut tail = match Tail::resume(&files) {
        Ok(tail) => tail,
        Err(error) => return tracing::error!(%error, "no checkpoints are signed"),
    };
    let key = Arc::new(key);
    loop {
        let (synced, of_step, key) = (recorder.inlet().synced(), files.clone(), Arc::clone(&key));
        let progress_of = Arc::clone(&progress);
        let step = tokio::task::spawn_blocking(move || {
            let done = tail.read_on().and_then(|()| sign(&of_step, &tail, &key, &progress_of, synced));
            (tail, done)
        });
        let Ok((again, done)) = step.await else { return };
        tail = again;
        if let Err(error) = done {
            tracing::error!(%error, "a checkpoint could not be signed");
            // What was half written is cut, and what was not is read again.
            match Tail::resume(&files) {
                Ok(resumed) => tail = resumed,
                Err(error) => tracing::error!(%error, "the log's derived files could not be mended; tried again"),
            }
        }
        tokio::time::sleep(EVERY).await;
        let behind = progress.signed.load(Ordering::Acquire) < recorder.inlet().written();
        if !behind && (recorder.next(&mut moved).await.is_err()) {
            return;
        }
    }
}

/// Signs what is durable, if it is more than was signed. A record is never signed before it is durable.
fn sign(files: &LogFiles, tail: &Tail, key: &SigningKey, progress: &Progress, synced: u64) -> Result<(), LogError> {
    let size = synced.min(tail.tree.size());
    if size <= progress.signed.load(Ordering::Acquire) {
        return Ok(());
    }
    let root = audit::root_of(size, &mut files.hash_reader()?).map_err(|_| LogError::Rewritten(size))?;
    let note = key.sign(&Checkpoint { size, root });
    let mut file = files.appending(CHECKPOINTS)?;
    let written = file.write_all(format!("{note}{NOTE_END}").as_bytes()).and_then(|()| file.sync_data());
    written.map_err(|error| LogError::Io { path: files.folder.join(CHECKPOINTS), error })?;
    progress.signed.store(size, Ordering::Release);
    Ok(())
}

/// Feeds the search index. While that fails it is told once, and tried again every second.
pub(crate) async fn follow_search(files: LogFiles, recorder: Recorder, index: SearchIndex, progress: Arc<Progress>) {
    let mut moved = recorder.watch();
    let mut pause = SOON;
    loop {
        match feed(&files, &index, &progress).await {
            Ok(count) => {
                pause = SOON;
                if count >= BATCH {
                    continue;
                }
            }
            Err(error) if pause == SOON => {
                pause = EVERY;
                tracing::warn!(%error, "the search index is behind");
            }
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        let behind = progress.indexed.load(Ordering::Acquire) < recorder.inlet().written();
        if !behind && recorder.next(&mut moved).await.is_err() {
            return;
        }
    }
}

/// Adds the next records to the index; returns how many.
async fn feed(
    files: &LogFiles,
    index: &SearchIndex,
    progress: &Progress,
) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    let first = index.cursor().await?;
    progress.indexed.store(first, Ordering::Release);
    let files = files.clone();
    let leaves = tokio::task::spawn_blocking(move || {
        let mut leaves = Vec::new();
        files.read_each(first..first.saturating_add(BATCH), |record| leaves.push(record.leaf))?;
        Ok::<_, LogError>(leaves)
    });
    let leaves = leaves.await??;
    let count = u64::try_from(leaves.len()).unwrap_or(0);
    if count > 0 {
        index.add(first, &leaves).await?;
        progress.indexed.store(first + count, Ordering::Release);
    }
    Ok(count)
}

/// A checkpoint a second is enough for any auditor.
const EVERY: Duration = Duration::from_secs(1);
/// Records are indexed in batches no closer than this.
const SOON: Duration = Duration::from_millis(50);
/// Records indexed at a time.
const BATCH: u64 = 4_096;
