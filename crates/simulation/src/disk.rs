//! The log's file and its signed notes on a simulated disk: what was written, what of it is durable, and what a killed
//! process, a failed write or a loss of power leaves of the rest.

use audit::{BadFrame, Frame, scan};

use crate::random::Random;

/// What survives the node.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// The file as the next reader finds it.
    pub(crate) bytes: Vec<u8>,
    /// How much of it is durable.
    pub(crate) synced: usize,
    /// Whole records in `bytes`.
    pub(crate) written: u64,
    /// Signed notes, oldest first. Each is durable when it is here.
    pub(crate) notes: Vec<String>,
}

/// How the node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The process is killed: the kernel keeps what it was handed.
    Killed,
    /// The machine loses power: what was not synced may be lost, or half there.
    PowerLost,
}

impl Disk {
    /// Appends whole frames, up to the record `end`; or fails after any part of them and cuts that, if it still can.
    pub(crate) fn write(&mut self, batch: &audit::Batch, failing: Option<&mut Random>) -> Result<(), ()> {
        let Some(random) = failing else {
            self.bytes.extend_from_slice(&batch.bytes);
            self.written = batch.end;
            return Ok(());
        };
        let torn = random.below(batch.bytes.len() + 1);
        if random.happens(500) {
            self.bytes.extend_from_slice(&batch.bytes[..torn]);
        }
        Err(())
    }

    /// A sync that was started when the file had `length` bytes has succeeded.
    pub(crate) fn sync(&mut self, length: usize) {
        self.synced = self.synced.max(length);
    }

    pub(crate) fn durable(&self) -> &[u8] {
        &self.bytes[..self.synced]
    }

    /// The node is gone; `torn` is what it was about to write.
    pub(crate) fn end(&mut self, end: End, torn: &[u8], random: &mut Random) {
        let part = random.below(torn.len() + 1);
        self.bytes.extend_from_slice(&torn[..part]);
        if end == End::PowerLost {
            let kept = self.synced + random.below(self.bytes.len() - self.synced + 1);
            let lost = self.bytes.len() - kept;
            self.bytes.truncate(kept);
            if random.happens(300) {
                // The file grew, and what it was to hold never arrived.
                self.bytes.resize(kept + random.below(lost + 1), 0);
            }
            self.synced = self.synced.min(self.bytes.len());
        }
    }

    /// What a start does first: cuts a torn end. Fails if a record in the middle is damaged.
    pub(crate) fn recover(&mut self) -> Result<u64, String> {
        let mut size = 0;
        let (whole, bad) = scan(&self.bytes, |_, _| size += 1);
        if bad == Some(BadFrame::Corrupt) && whole < self.synced {
            return Err(format!("record {size} is damaged"));
        }
        self.bytes.truncate(whole);
        self.synced = self.synced.min(whole);
        self.written = size;
        Ok(size)
    }

    /// All whole records.
    pub(crate) fn frames(&self) -> Vec<Frame<'_>> {
        let mut frames = Vec::new();
        scan(&self.bytes, |_, frame| frames.push(frame));
        frames
    }
}
