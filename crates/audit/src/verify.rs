//! The offline verifier: reads the log's files from the first byte and says what holds and what is broken first.
//! It needs nothing but the files and the public key; it trusts no index and no stored hash.

use std::collections::{BTreeMap, HashMap};

use model::Digest;

use crate::tree::{Appender, leaf_hash};
use crate::{BadFrame, Checkpoint, Committed, Frame, open_payload};

/// Checks a log as its bytes come in, in order.
#[derive(Debug, Default)]
pub struct Verifier {
    tree: Appender,
    /// Roots that checkpoints promise, by size.
    promised: BTreeMap<u64, Digest>,
    /// Per session: the sequence numbers that are still missing below the highest seen.
    sequences: HashMap<String, Sequence>,
    last_time: u64,
    last_checked: u64,
    /// A checkpoint did not hold: none behind it can.
    parted: bool,
    findings: Vec<Finding>,
}

/// Something that is broken, with the record where it was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Index of the record, from 0; the log's size if a record is missing.
    pub index: u64,
    /// What is wrong.
    pub what: String,
}

/// What the verifier found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Records read.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// Size of the largest checkpoint that was confirmed.
    pub proven: u64,
    /// What is broken, first things first; empty if everything holds.
    pub findings: Vec<Finding>,
}

#[derive(Debug, Default)]
struct Sequence {
    next: u64,
    /// Numbers beyond a hole, with the index at which each stands.
    ahead: BTreeMap<u64, u64>,
}

impl Verifier {
    /// A verifier that holds the log to these checkpoints, whose signatures were already verified.
    #[must_use]
    pub fn new(checkpoints: &[Checkpoint]) -> Self {
        let mut verifier = Self::default();
        for checkpoint in checkpoints {
            let before = verifier.promised.insert(checkpoint.size, checkpoint.root);
            if before.is_some_and(|root| root != checkpoint.root) {
                verifier.find(
                    checkpoint.size,
                    "two signed checkpoints of this size have different roots: the log was forked",
                );
            }
        }
        verifier
    }

    /// Takes the bytes of whole frames and what follows; returns how many bytes it used.
    /// What is left must be given again, with more behind it, or to [`Verifier::finish`].
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> usize {
        let (mut used, mut bad) = (0, None);
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            match Frame::read(rest) {
                Ok(frame) => {
                    used += frame.len();
                    self.handle_frame(frame);
                }
                Err(BadFrame::Short) => break,
                Err(BadFrame::Corrupt) => {
                    bad = Some(BadFrame::Corrupt);
                    break;
                }
            }
        }
        if bad.is_some() && self.findings.is_empty() {
            self.find(
                self.tree.size(),
                "the record's bytes do not match its checksum: it was changed, or its file is damaged",
            );
        }
        used
    }

    fn handle_frame(&mut self, frame: Frame<'_>) {
        let index = self.tree.size();
        match Committed::parse(frame.leaf) {
            Ok(leaf) => {
                if let Err(why) = open_payload(&leaf, frame.payload) {
                    self.find(index, &why);
                }
                self.check_sequence(index, &leaf);
                self.last_time = self.last_time.max(leaf.number("t"));
            }
            Err(why) => self.find(index, &why),
        }
        self.tree.append(leaf_hash(frame.leaf));
        let size = self.tree.size();
        match self.promised.get(&size) {
            Some(root) if *root == self.tree.root() => self.last_checked = size,
            Some(_) if !self.parted => self.find_parting(size),
            Some(_) | None => {}
        }
    }

    /// A record of a session stands in the log once; holes below the last one are told at the end.
    fn check_sequence(&mut self, index: u64, leaf: &Committed) {
        let number = leaf.number("n");
        let sequence = self.sequences.entry(leaf.text("s").to_owned()).or_default();
        if number < sequence.next || sequence.ahead.insert(number, index).is_some() {
            let what = format!("record {number} of session {} stands twice", leaf.text("s"));
            return self.find(index, &what);
        }
        while sequence.ahead.remove(&sequence.next).is_some() {
            sequence.next += 1;
        }
    }

    /// Ends the check. `rest` is what [`Verifier::handle_bytes`] left unused.
    #[must_use]
    pub fn finish(mut self, rest: &[u8]) -> Report {
        let size = self.tree.size();
        if !rest.is_empty() && self.findings.is_empty() {
            self.find(size, "the log ends in the middle of a record");
        }
        if let Some((promised, _)) = self.promised.iter().next_back().filter(|(promised, _)| **promised > size) {
            let what = format!(
                "a signed checkpoint counts {promised} records, the log holds {size}: records were cut off, or removed at or \
                 behind record {}",
                self.last_checked
            );
            self.find(size, &what);
        }
        let holes = self.sequences.iter().filter_map(|(session, sequence)| {
            // A session's records stand in their order: the hole is before the first that stands beyond it.
            let (_, before) = sequence.ahead.first_key_value()?;
            let what = format!("record {} of session {session} is missing", sequence.next);
            Some((*before, what))
        });
        for (index, hole) in holes.collect::<Vec<_>>() {
            self.find(index, &hole);
        }
        self.findings.sort_by_key(|finding| finding.index);
        Report { size, root: self.tree.root(), proven: self.last_checked, findings: self.findings }
    }

    fn find(&mut self, index: u64, what: &str) {
        if self.findings.len() < FINDINGS {
            self.findings.push(Finding { index, what: what.to_owned() });
        }
    }

    /// The log and its checkpoints part between the last checkpoint that held and this one.
    fn find_parting(&mut self, size: u64) {
        self.parted = true;
        let first = self.last_checked;
        let what = format!(
            "records {first} to {} are not those that the signed checkpoint of size {size} counts: at least one was rewritten, \
             reordered, inserted or removed; here the log and its signed checkpoints part",
            size - 1
        );
        self.find(first, &what);
    }
}

/// Findings kept; a log broken in more places is told by these.
const FINDINGS: usize = 100;

#[cfg(test)]
mod tests;
