//! The log's files: opened with recovery, read by index, proven. `records` holds the frames; `offsets` and `hashes`
//! are derived from it and rebuilt when they are short; `checkpoints` holds every signed note.
//!
//! A torn write at the end is cut and told; a log shorter than its own checkpoint, or broken in the middle, is refused.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use audit::{
    Appender, BadFrame, Checkpoint, Committed, FRAME_HEADER, Frame, MissingHash, VerifyingKey, inclusion_proof,
    leaf_hash, notes, root_of, stored_count, stored_index, verify_inclusion, whole_notes,
};
use model::{Digest, Timestamp};

/// The log cannot be opened or read. The gateway does not start on a log it cannot vouch for.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system failed.
    #[error("the audit log in `{}` failed: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// Another process has it.
    #[error("the audit log in `{}` is in use by another gateway", .0.display())]
    InUse(PathBuf),
    /// Records that a signed checkpoint counts are gone.
    #[error(
        "the audit log holds {found} records, but a signed checkpoint counts {signed}: records were cut off; restore them, or run `countersign audit verify`"
    )]
    Truncated {
        /// Records found.
        found: u64,
        /// Records signed.
        signed: u64,
    },
    /// Records are not those that were signed.
    #[error(
        "the audit log's first {0} records are not those that its checkpoint signs; run `countersign audit verify`"
    )]
    Rewritten(u64),
    /// A record in the middle is damaged.
    #[error("record {0} of the audit log is damaged and others follow it; run `countersign audit verify`")]
    Damaged(u64),
    /// A checkpoint does not verify under the log's key.
    #[error("the audit log's newest checkpoint does not verify: {0}; is the key in `keys/` the right one?")]
    Checkpoint(#[from] audit::BadNote),
    /// The store names records that the log does not have.
    #[error("the store names record {named}, but the log holds {size}: the log was cut or exchanged; restore the log")]
    StoreAhead {
        /// What the store names.
        named: u64,
        /// What the log holds.
        size: u64,
    },
}

/// One record, read back.
#[derive(Debug, Clone)]
pub struct ReadRecord {
    /// Its index.
    pub index: u64,
    /// What the tree commits to.
    pub leaf: Vec<u8>,
    /// What opens its commitments; empty if it was erased.
    pub payload: Vec<u8>,
}

/// A record with the proof that a signed checkpoint counts it.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The record.
    pub record: ReadRecord,
    /// The audit path.
    pub path: Vec<Digest>,
    /// The signed note.
    pub checkpoint: String,
}

/// The log's files, for whoever reads.
#[derive(Debug, Clone)]
pub(crate) struct LogFiles {
    pub(crate) folder: PathBuf,
}

/// An opened log.
#[derive(Debug)]
pub(crate) struct OpenedLog {
    pub(crate) files: LogFiles,
    pub(crate) records: File,
    /// Bytes of whole records.
    pub(crate) length: u64,
    pub(crate) tree: Appender,
    pub(crate) checkpoint: Option<Checkpoint>,
    /// Time of the last record.
    pub(crate) last_time: Timestamp,
    /// Bytes of a torn write that were cut from the end.
    pub(crate) cut: u64,
    /// Held as long as the log is open.
    pub(crate) lock: File,
}

impl LogFiles {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn io<T>(&self, name: &str, result: io::Result<T>) -> Result<T, LogError> {
        result.map_err(|error| LogError::Io { path: self.path(name), error })
    }

    pub(crate) fn appending(&self, name: &str) -> Result<File, LogError> {
        self.io(name, OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(self.path(name)))
    }

    /// The newest signed note, if there is one.
    pub(crate) fn newest_note(&self) -> Result<Option<String>, LogError> {
        let text = match std::fs::read_to_string(self.path(CHECKPOINTS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => self.io(CHECKPOINTS, read)?,
        };
        Ok(notes(whole_notes(&text)).last().map(str::to_owned))
    }

    /// Cuts what a crash left of a note that was being written.
    fn cut_torn_note(&self) -> Result<(), LogError> {
        let file = self.appending(CHECKPOINTS)?;
        let text = self.io(CHECKPOINTS, std::fs::read_to_string(self.path(CHECKPOINTS)))?;
        let whole = u64::try_from(whole_notes(&text).len()).unwrap_or(0);
        self.io(CHECKPOINTS, file.set_len(whole))
    }

    /// Opens the log, recovering what a crash left.
    pub(crate) fn open(folder: &Path, key: &VerifyingKey) -> Result<OpenedLog, LogError> {
        let files = Self { folder: folder.to_owned() };
        files.io("", make_private(folder))?;
        let lock = files.appending("lock")?;
        if lock.try_lock().is_err() {
            return Err(LogError::InUse(folder.to_owned()));
        }
        files.cut_torn_note()?;
        let checkpoint = files.newest_note()?.map(|note| key.verify(&note)).transpose()?;
        let mut tail = Tail::resume(&files)?;
        tail.read_on()?;
        let size = tail.tree.size();
        if let Some(checkpoint) = checkpoint {
            if size < checkpoint.size {
                return Err(LogError::Truncated { found: size, signed: checkpoint.size });
            }
            let root = root_of(checkpoint.size, &mut files.hash_reader()?);
            if root.ok() != Some(checkpoint.root) {
                return Err(LogError::Rewritten(checkpoint.size));
            }
        }
        let length = tail.position;
        let cut = files.io(RECORDS, tail.records.metadata())?.len() - length;
        if cut > 0 {
            files.io(RECORDS, tail.records.set_len(length))?;
        }
        // What a killed gateway had written counts as durable from here on: the store will name it.
        files.io(RECORDS, tail.records.sync_all())?;
        let last_time = files.read(size.saturating_sub(1))?.and_then(|record| Committed::parse(&record.leaf).ok());
        let last_time = Timestamp::from_millis(last_time.map_or(0, |leaf| leaf.number("t")));
        Ok(OpenedLog { records: tail.records, tree: tail.tree, files, length, checkpoint, last_time, cut, lock })
    }

    /// Reads the stored hash at an index.
    pub(crate) fn hash_reader(&self) -> Result<impl FnMut(u64) -> Result<Digest, MissingHash> + use<>, LogError> {
        let file = self.io(HASHES, File::open(self.path(HASHES)))?;
        Ok(move |at: u64| {
            let mut bytes = [0; 32];
            file.read_exact_at(&mut bytes, at * 32).map_err(|_| MissingHash(at))?;
            Ok(Digest::from_bytes(bytes))
        })
    }

    /// The record at `index`, if the derived files know it yet.
    pub(crate) fn read(&self, index: u64) -> Result<Option<ReadRecord>, LogError> {
        let mut found = None;
        self.read_each(index..index.saturating_add(1), |record| found = Some(record))?;
        Ok(found)
    }

    /// Gives the records of `range`, one after the other, as far as the derived files know them yet.
    pub(crate) fn read_each(&self, range: Range<u64>, mut each: impl FnMut(ReadRecord)) -> Result<(), LogError> {
        let offsets = self.io(OFFSETS, File::open(self.path(OFFSETS)))?;
        let known = self.io(OFFSETS, offsets.metadata())?.len() / 8;
        let mut offset = [0; 8];
        if offsets.read_exact_at(&mut offset, range.start.saturating_mul(8)).is_err() {
            return Ok(());
        }
        let mut records = self.io(RECORDS, File::open(self.path(RECORDS)))?;
        self.io(RECORDS, records.seek(SeekFrom::Start(u64::from_be_bytes(offset))))?;
        let mut records = io::BufReader::new(records);
        for index in range.start..range.end.min(known) {
            let frame = self.io(RECORDS, read_frame(&mut records))?;
            let frame = Frame::read(&frame).map_err(|_| LogError::Damaged(index))?;
            each(ReadRecord { index, leaf: frame.leaf.to_vec(), payload: frame.payload.to_vec() });
        }
        Ok(())
    }

    /// The record at `index` with its proof under the newest checkpoint; `None` if that does not count it yet.
    pub(crate) fn prove(&self, index: u64, key: &VerifyingKey) -> Result<Option<Proven>, LogError> {
        let (Some(record), Some(note)) = (self.read(index)?, self.newest_note()?) else { return Ok(None) };
        let checkpoint = key.verify(&note)?;
        let path = inclusion_proof(index, checkpoint.size, &mut self.hash_reader()?);
        let path = path.map_err(|_| LogError::Rewritten(checkpoint.size))?;
        let Some(path) = path else { return Ok(None) };
        // What does not lead to the signed root is not served as proven.
        if !verify_inclusion(&leaf_hash(&record.leaf), index, checkpoint.size, &path, &checkpoint.root) {
            return Err(LogError::Rewritten(checkpoint.size));
        }
        Ok(Some(Proven { record, path, checkpoint: note }))
    }
}

/// Makes the folder, and those above it, for their owner alone, where there is none.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Reads the bytes of one frame by its own lengths, bounded by the limits of leaf and payload.
fn read_frame(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; FRAME_HEADER];
    file.read_exact(&mut frame)?;
    let length = |from: usize| frame.iter().skip(from).take(4).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let rest = (length(0) + length(4)).min((audit::LEAF_BYTES + audit::PAYLOAD_BYTES) as u64);
    file.take(rest).read_to_end(&mut frame)?;
    Ok(frame)
}

/// Reads records behind those that the derived files know, and grows the derived files.
#[derive(Debug)]
pub(crate) struct Tail {
    records: File,
    offsets: File,
    hashes: File,
    files: LogFiles,
    pub(crate) tree: Appender,
    /// Where the next record begins.
    position: u64,
    held: Vec<u8>,
}

impl Tail {
    /// Picks up where the derived files end; begins anew where they do not fit.
    pub(crate) fn resume(files: &LogFiles) -> Result<Self, LogError> {
        let (records, offsets, hashes) =
            (files.appending(RECORDS)?, files.appending(OFFSETS)?, files.appending(HASHES)?);
        let mut size = files.io(OFFSETS, offsets.metadata())?.len() / 8;
        let held = files.io(HASHES, hashes.metadata())?.len() / 32;
        while size > 0 && stored_count(size) > held {
            size -= 1;
        }
        let tree = Appender::resume(size, &mut files.hash_reader()?).unwrap_or_default();
        let mut tail = Self { records, offsets, hashes, files: files.clone(), position: 0, held: Vec::new(), tree };
        match tail.end_of_last() {
            Some(position) => tail.position = position,
            None => tail.tree = Appender::default(),
        }
        let size = tail.tree.size();
        tail.files.io(OFFSETS, tail.offsets.set_len(size * 8))?;
        tail.files.io(HASHES, tail.hashes.set_len(stored_count(size) * 32))?;
        Ok(tail)
    }

    /// Where the last record known ends, if it is there and whole.
    fn end_of_last(&mut self) -> Option<u64> {
        let Some(last) = self.tree.size().checked_sub(1) else { return Some(0) };
        let mut offset = [0; 8];
        self.offsets.read_exact_at(&mut offset, last * 8).ok()?;
        let offset = u64::from_be_bytes(offset);
        self.records.seek(SeekFrom::Start(offset)).ok()?;
        let frame = read_frame(&mut self.records).ok()?;
        let frame = Frame::read(&frame).ok()?;
        let mut stored = [0; 32];
        self.hashes.read_exact_at(&mut stored, stored_index(0, last) * 32).ok()?;
        if leaf_hash(frame.leaf).as_bytes() != &stored {
            return None;
        }
        Some(offset + u64::try_from(frame.len()).ok()?)
    }

    /// Reads on to the end of what is written. A torn frame at the end is left for later.
    pub(crate) fn read_on(&mut self) -> Result<(), LogError> {
        loop {
            let at = self.position + u64::try_from(self.held.len()).unwrap_or(0);
            let mut chunk = vec![0; CHUNK];
            let read = self.files.io(RECORDS, self.records.read_at(&mut chunk, at))?;
            chunk.truncate(read);
            self.held.extend_from_slice(&chunk);
            let (mut offsets, mut hashes, mut start) = (Vec::new(), Vec::new(), self.position);
            let (used, bad) = audit::scan(&self.held, |_, frame| {
                offsets.extend_from_slice(&start.to_be_bytes());
                start += u64::try_from(frame.len()).unwrap_or(0);
                for hash in self.tree.append(leaf_hash(frame.leaf)) {
                    hashes.extend_from_slice(hash.as_bytes());
                }
            });
            self.position = start;
            self.held.drain(..used);
            self.files.io(HASHES, self.hashes.write_all(&hashes))?;
            self.files.io(OFFSETS, self.offsets.write_all(&offsets))?;
            if bad == Some(BadFrame::Corrupt) && self.another_follows() {
                return Err(LogError::Damaged(self.tree.size()));
            }
            if read < CHUNK || bad == Some(BadFrame::Corrupt) {
                return Ok(());
            }
        }
    }

    /// Whether a whole record stands right behind the damaged one: then this is damage, not a torn write.
    fn another_follows(&self) -> bool {
        let length = |from: usize| {
            self.held.iter().skip(from).take(4).fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte))
        };
        let skip = FRAME_HEADER + length(0) + length(4);
        self.held.get(skip..).is_some_and(|rest| Frame::read(rest).is_ok())
    }
}

pub(crate) const RECORDS: &str = "records";
pub(crate) const OFFSETS: &str = "offsets";
pub(crate) const HASHES: &str = "hashes";
pub(crate) const CHECKPOINTS: &str = "checkpoints";
const CHUNK: usize = 1 << 20;

#[cfg(test)]
mod tests;
