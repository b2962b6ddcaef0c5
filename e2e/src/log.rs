//! The audit log's files from outside: its records read without an index, and written back changed, as somebody with
//! the disk in hand could. The form: two lengths and a checksum, the leaf, the payload.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A log's folder.
#[derive(Debug, Clone)]
pub struct LogFolder(PathBuf);

/// One record as it lies in the file.
#[derive(Debug, Clone)]
pub struct Record {
    pub index: u64,
    /// Where its frame lies.
    pub place: Range<usize>,
    /// What the tree commits to.
    pub leaf: Value,
    /// What opens the leaf's commitments: a name, its salt, its value.
    pub payload: Value,
}

impl LogFolder {
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The bytes of all records.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(self.path("records")).expect("the log can be read")
    }

    /// Writes these bytes in place of all records.
    pub fn replace(&self, bytes: &[u8]) {
        fs::write(self.path("records"), bytes).expect("the log can be written");
    }

    /// The whole records; what is torn at the end is left out.
    pub fn records(&self) -> Vec<Record> {
        let bytes = self.bytes();
        let (mut records, mut at) = (Vec::new(), 0);
        while let Some((leaf, payload)) = frame_at(&bytes, at) {
            let end = payload.end;
            let json = |part: Range<usize>| serde_json::from_slice(&bytes[part]).unwrap_or(Value::Null);
            let index = records.len() as u64;
            records.push(Record { index, place: at..end, leaf: json(leaf), payload: json(payload) });
            at = end;
        }
        records
    }

    /// The whole records of one kind.
    pub fn of_kind(&self, kind: &str) -> Vec<Record> {
        let mut records = self.records();
        records.retain(|record| record.kind() == kind);
        records
    }

    /// How many records the newest checkpoint counts.
    pub fn signed(&self) -> u64 {
        let text = fs::read_to_string(self.path("checkpoints")).unwrap_or_default();
        let newest = text.split("\n-----\n").map(str::trim_start).filter(|note| note.contains("\n\n")).last();
        newest.and_then(|note| note.lines().nth(1)).map_or(0, |size| size.parse().expect("a checkpoint's size"))
    }
}

impl Record {
    pub fn kind(&self) -> &str {
        self.text("k")
    }

    /// A token of the leaf, or empty.
    pub fn text(&self, name: &str) -> &str {
        self.leaf.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// A value that the payload opens.
    pub fn opened(&self, name: &str) -> &Value {
        &self.payload[name][1]
    }
}

/// Where leaf and payload of the frame at `at` lie, if it is whole.
fn frame_at(bytes: &[u8], at: usize) -> Option<(Range<usize>, Range<usize>)> {
    let length = |from: usize| {
        let four = bytes.get(from..from + 4)?;
        Some(u32::from_be_bytes(four.try_into().expect("four bytes")) as usize)
    };
    let leaf = at + HEADER..at + HEADER + length(at)?;
    let payload = leaf.end..leaf.end + length(at + 4)?;
    (payload.end <= bytes.len()).then_some((leaf, payload))
}

/// A frame with the right lengths and checksum, as the gateway would write it.
pub fn frame(leaf: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut lengths = u32::try_from(leaf.len()).expect("a leaf is short").to_be_bytes().to_vec();
    lengths.extend(u32::try_from(payload.len()).expect("a payload is short").to_be_bytes());
    let hash = Sha256::new().chain_update(&lengths).chain_update(leaf).chain_update(payload).finalize();
    [lengths.as_slice(), &hash[..8], leaf, payload].concat()
}

/// Two lengths of four bytes and a checksum of eight.
const HEADER: usize = 16;
