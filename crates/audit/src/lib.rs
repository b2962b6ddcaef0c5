//! The audit log: records, their place and durability as proofs, the Merkle tree over them, signed checkpoints,
//! inclusion and consistency proofs, and the offline verifier. No IO: bytes and the time come in as arguments.
//! It knows nothing of policies, reviews or protocols: a record is a kind, tokens and commitments.

#![deny(missing_docs)]

mod checkpoint;
mod frame;
mod json;
mod log;
mod record;
mod tree;
mod verify;

pub use checkpoint::{BadNote, Checkpoint, NOTE_END, SigningKey, VerifyingKey, notes, whole_notes};
pub use frame::{BadFrame, FRAME_HEADER, Frame, scan};
pub use log::{Batch, Inlet, Log, Recorded, Staged, Syncs, Unwritable, Written, open};
pub use record::{
    Committed, Entry, Kind, LEAF_BYTES, Leaf, Opened, PAYLOAD_BYTES, RecordName, SaltSource, open_payload,
};
pub use tree::{
    Appender, HashReader, MissingHash, consistency_proof, inclusion_proof, leaf_hash, root_of, stored_count,
    stored_index, verify_consistency, verify_inclusion,
};
pub use verify::{Finding, Report, Verifier};
