//! The log's sans-IO half: sessions stage records without a lock, one pen drains them in order, and two
//! watermarks (written, synced) turn a [`Staged`] into [`Written`] and [`Recorded`]. Nobody else can make these.
//!
//! `Staged` = has its place; `Written` = handed to the kernel; `Recorded` = durable (invariant 1).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::frame::{FRAME_HEADER, Frame};
use crate::{Entry, RecordName};

/// Opens the in-memory half of a log that holds `size` durable records: for the sessions, the writer and the syncer.
#[must_use]
pub fn open(size: u64) -> (Inlet, Log, Syncs) {
    let marks = Arc::new(Marks {
        next: AtomicU64::new(size),
        written: AtomicU64::new(size),
        synced: AtomicU64::new(size),
        backlog: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
    });
    let (sender, queue) = channel();
    let log = Log { queue, early: BTreeMap::new(), next: size, marks: Arc::clone(&marks) };
    (Inlet { queue: sender, marks: Arc::clone(&marks) }, log, Syncs { marks })
}

/// Where sessions stage records. Cloned freely; takes no lock.
#[derive(Debug, Clone)]
pub struct Inlet {
    queue: Sender<(u64, Vec<u8>)>,
    marks: Arc<Marks>,
}

impl Inlet {
    /// Gives `entry` its place in the log.
    ///
    /// # Errors
    /// If the log has stopped, or its backlog is over the limit. Then nothing may run.
    pub fn stage(&self, entry: &Entry) -> Result<Staged, Unwritable> {
        let mut frame = Vec::with_capacity(FRAME_HEADER + entry.leaf.len() + entry.payload.len());
        Frame { leaf: &entry.leaf, payload: &entry.payload }.write(&mut frame);
        if self.marks.stopped.load(Ordering::Acquire) {
            return Err(Unwritable::Stopped);
        }
        let length = frame.len();
        if self.marks.backlog.fetch_add(length, Ordering::AcqRel) + length > BACKLOG_BYTES {
            self.marks.backlog.fetch_sub(length, Ordering::AcqRel);
            return Err(Unwritable::Behind);
        }
        let index = self.marks.next.fetch_add(1, Ordering::SeqCst);
        // INVARIANT: between taking the index and sending nothing can fail but the writer's end.
        self.queue.send((index, frame)).map_err(|_| Unwritable::Stopped)?;
        Ok(Staged { index, name: entry.name, marks: Arc::clone(&self.marks) })
    }

    /// Records handed to the kernel so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.marks.written.load(Ordering::Acquire)
    }

    /// Durable records so far.
    #[must_use]
    pub fn synced(&self) -> u64 {
        self.marks.synced.load(Ordering::Acquire)
    }

    /// Whether the log can still take records.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.marks.stopped.load(Ordering::Acquire)
    }
}

/// Why a record cannot be written. Without its record, an action does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// A write or a sync failed; the log takes nothing more until the gateway is restarted.
    #[error(
        "the audit log stopped after a failed write: nothing runs until the cause is mended and the gateway restarted"
    )]
    Stopped,
    /// More than the limit waits to be written.
    #[error("the audit log is behind: try again")]
    Behind,
    /// The record is over the limit.
    #[error("the action is too large to be recorded")]
    TooLarge,
}

/// Proof that a record has its place in the log.
#[derive(Debug)]
#[must_use]
pub struct Staged {
    index: u64,
    name: RecordName,
    marks: Arc<Marks>,
}

impl Staged {
    /// The record's index.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Which record it is a proof of.
    #[must_use]
    pub const fn name(&self) -> RecordName {
        self.name
    }

    /// Turns into [`Written`] once the record was handed to the kernel.
    ///
    /// # Errors
    /// Gives itself back while it was not.
    pub fn written(self) -> Result<Written, Self> {
        if self.marks.written.load(Ordering::Acquire) > self.index {
            Ok(Written { index: self.index, name: self.name })
        } else {
            Err(self)
        }
    }

    /// Turns into [`Recorded`] once the record is durable.
    ///
    /// # Errors
    /// Gives itself back while it is not.
    pub fn recorded(self) -> Result<Recorded, Self> {
        if self.marks.synced.load(Ordering::Acquire) > self.index {
            Ok(Recorded { index: self.index, name: self.name })
        } else {
            Err(self)
        }
    }
}

/// Proof that a record reached the kernel: a killed process loses nothing.
#[derive(Debug)]
pub struct Written {
    index: u64,
    name: RecordName,
}

impl Written {
    /// The record's index.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Which record it is a proof of.
    #[must_use]
    pub const fn name(&self) -> RecordName {
        self.name
    }
}

/// Proof that a record is durable.
#[derive(Debug)]
pub struct Recorded {
    index: u64,
    name: RecordName,
}

impl Recorded {
    /// The record's index.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Which record it is a proof of.
    #[must_use]
    pub const fn name(&self) -> RecordName {
        self.name
    }
}

/// The writer's end: gives batches in the order of their places.
#[derive(Debug)]
pub struct Log {
    queue: Receiver<(u64, Vec<u8>)>,
    /// Frames that arrived before an earlier one did; a few at most.
    early: BTreeMap<u64, Vec<u8>>,
    next: u64,
    marks: Arc<Marks>,
}

/// Bytes to append to the log's file, all or nothing of them.
#[derive(Debug)]
#[must_use]
pub struct Batch {
    /// Index behind the last record of the batch.
    pub end: u64,
    /// Whole frames.
    pub bytes: Vec<u8>,
}

impl Log {
    /// All that is staged in unbroken order, up to the batch limit.
    pub fn poll_batch(&mut self) -> Option<Batch> {
        let mut bytes = Vec::new();
        let first = self.next;
        while bytes.len() < BATCH_BYTES {
            if let Some(frame) = self.early.remove(&self.next) {
                bytes.extend_from_slice(&frame);
                self.next += 1;
            } else if let Ok((index, frame)) = self.queue.try_recv() {
                if index == self.next {
                    bytes.extend_from_slice(&frame);
                    self.next += 1;
                } else {
                    self.early.insert(index, frame);
                }
            } else {
                break;
            }
        }
        (self.next > first).then_some(Batch { end: self.next, bytes })
    }

    /// Tells that `batch` was handed to the kernel whole. To be called by whoever has the log's pen alone.
    pub fn handle_written(&mut self, batch: &Batch) {
        // Commit point: from here on a killed process loses none of these records.
        self.marks.written.fetch_max(batch.end, Ordering::AcqRel);
        self.marks.backlog.fetch_sub(batch.bytes.len(), Ordering::AcqRel);
    }

    /// Tells that a write failed: nothing more is staged, and what was staged is never proven.
    pub fn handle_failed(&mut self) {
        self.marks.stopped.store(true, Ordering::Release);
    }
}

/// The syncer's end.
#[derive(Debug, Clone)]
pub struct Syncs {
    marks: Arc<Marks>,
}

impl Syncs {
    /// Records that were handed to the kernel: what a sync started now will make durable.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.marks.written.load(Ordering::Acquire)
    }

    /// Whether something is staged that was not handed to the kernel.
    #[must_use]
    pub fn is_behind_writing(&self) -> bool {
        self.staged() > self.written()
    }

    /// Whether a write or a sync failed.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.marks.stopped.load(Ordering::Acquire)
    }

    /// Records that have, or are about to have, their place.
    #[must_use]
    pub fn staged(&self) -> u64 {
        self.marks.next.load(Ordering::SeqCst)
    }

    /// Durable records.
    #[must_use]
    pub fn synced(&self) -> u64 {
        self.marks.synced.load(Ordering::Acquire)
    }

    /// Tells that a sync started when `written` records were handed over has succeeded. By the log's one syncer alone.
    pub fn handle_synced(&self, written: u64) {
        // Commit point: from here on a crash of the machine loses none of these records.
        self.marks.synced.fetch_max(written, Ordering::AcqRel);
    }

    /// Tells that a sync failed. The kernel may have dropped the pages: the log stops for good.
    pub fn handle_failed(&self) {
        self.marks.stopped.store(true, Ordering::Release);
    }
}

#[derive(Debug)]
struct Marks {
    next: AtomicU64,
    written: AtomicU64,
    synced: AtomicU64,
    backlog: AtomicUsize,
    stopped: AtomicBool,
}

/// Bytes staged and not yet written; over it, actions are refused rather than memory filled.
const BACKLOG_BYTES: usize = 64 << 20;
/// Bytes of a batch, beyond which no further frame is added.
const BATCH_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests;
