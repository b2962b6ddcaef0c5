//! The log's files after every kind of accident: a cut at any byte, derived files gone, damage, exchange, a second gateway.

use std::path::Path;

use audit::{Kind, Leaf, NOTE_END, SaltSource, SigningKey};
use model::SessionId;

use super::*;

fn key() -> SigningKey {
    SigningKey::from_seed("countersign.test/log", &[7; 32])
}

/// Writes `count` records as the writer would, and a checkpoint over the first `signed`.
fn written(folder: &Path, count: u64, signed: u64) -> Vec<u64> {
    let opened = LogFiles::open(folder, &key().verifying_key()).unwrap();
    let (inlet, mut log, _syncs) = audit::open(0);
    let mut salts = SaltSource::new([1; 32]);
    let mut ends = Vec::new();
    let mut bytes = Vec::new();
    for number in 0..count {
        let leaf = Leaf::new(Kind::Execute, SessionId::from_random([1; 16]), number, Timestamp::from_millis(number));
        let entry = leaf.commit("a", format!("action {number}"), &mut salts).finish().unwrap();
        let _place = inlet.stage(&entry).unwrap();
        bytes.extend(log.poll_batch().unwrap().bytes);
        ends.push(bytes.len() as u64);
    }
    std::fs::write(folder.join(RECORDS), &bytes).unwrap();
    drop(opened);
    let opened = LogFiles::open(folder, &key().verifying_key()).unwrap();
    let root = root_of(signed, &mut opened.files.hash_reader().unwrap()).unwrap();
    let note = key().sign(&Checkpoint { size: signed, root });
    std::fs::write(folder.join(CHECKPOINTS), format!("{note}{NOTE_END}")).unwrap();
    ends
}

fn reopened(folder: &Path) -> Result<OpenedLog, LogError> {
    LogFiles::open(folder, &key().verifying_key())
}

#[test]
fn a_cut_at_any_byte_keeps_every_whole_record_and_tells_what_it_cut() {
    let folder = tempfile::tempdir().unwrap();
    let ends = written(folder.path(), 6, 3);
    let records = std::fs::read(folder.path().join(RECORDS)).unwrap();
    for cut in ends[2]..=ends[5] {
        let end = usize::try_from(cut).unwrap();
        std::fs::write(folder.path().join(RECORDS), &records[..end]).unwrap();
        let opened = reopened(folder.path()).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count() as u64;
        assert_eq!((opened.tree.size(), opened.cut), (whole, cut - opened.length), "cut at {cut}");
        assert_eq!(std::fs::metadata(folder.path().join(RECORDS)).unwrap().len(), opened.length);
    }
}

#[test]
fn a_checkpoint_that_was_torn_while_written_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), 6, 4);
    let path = folder.path().join(CHECKPOINTS);
    let whole = std::fs::read_to_string(&path).unwrap();
    let next = key().sign(&Checkpoint { size: 6, root: leaf_hash(b"never finished") });
    for torn in [1, 20, next.len()] {
        let piece: String = next.chars().take(torn).collect();
        std::fs::write(&path, format!("{whole}{piece}")).unwrap();
        assert_eq!(reopened(folder.path()).unwrap().checkpoint.unwrap().size, 4);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
    }
}

#[test]
fn stored_hashes_that_are_not_those_of_the_records_are_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), 9, 9);
    let path = folder.path().join(HASHES);
    let mut hashes = std::fs::read(&path).unwrap();
    hashes.rotate_left(7);
    std::fs::write(&path, &hashes).unwrap();
    assert_eq!(reopened(folder.path()).unwrap().tree.size(), 9);
}

#[test]
fn a_cut_below_the_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ends = written(folder.path(), 6, 4);
    let records = std::fs::read(folder.path().join(RECORDS)).unwrap();
    let end = usize::try_from(ends[3]).unwrap() - 1;
    std::fs::write(folder.path().join(RECORDS), &records[..end]).unwrap();
    assert!(matches!(reopened(folder.path()), Err(LogError::Truncated { found: 3, signed: 4 })));
}

#[test]
fn derived_files_are_rebuilt_when_they_are_gone_or_short() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), 9, 9);
    for (name, keep) in [(HASHES, 0), (OFFSETS, 0), (HASHES, 33), (OFFSETS, 13), (HASHES, 64), (OFFSETS, 8)] {
        let path = folder.path().join(name);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..keep]).unwrap();
        let opened = reopened(folder.path()).unwrap();
        assert_eq!(opened.tree.size(), 9, "{name} cut to {keep}");
        for index in 0..9 {
            assert_eq!(opened.files.read(index).unwrap().unwrap().index, index);
        }
    }
}

#[test]
fn damage_in_the_middle_is_refused_and_not_cut_away() {
    let folder = tempfile::tempdir().unwrap();
    let ends = written(folder.path(), 6, 2);
    let path = folder.path().join(RECORDS);
    let mut records = std::fs::read(&path).unwrap();
    records[usize::try_from(ends[3]).unwrap() + FRAME_HEADER + 5] ^= 1;
    std::fs::write(&path, &records).unwrap();
    for name in [HASHES, OFFSETS] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    assert!(matches!(reopened(folder.path()), Err(LogError::Damaged(4))));
    assert_eq!(std::fs::read(&path).unwrap(), records);
}

#[test]
fn records_that_are_not_those_signed_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), 6, 6);
    let other = tempfile::tempdir().unwrap();
    written(other.path(), 7, 7);
    for name in [RECORDS, HASHES, OFFSETS] {
        std::fs::copy(folder.path().join(name), other.path().join(name)).unwrap();
    }
    assert!(matches!(reopened(other.path()), Err(LogError::Truncated { .. })));
    let foreign = SigningKey::from_seed("countersign.test/log", &[8; 32]).verifying_key();
    assert!(matches!(LogFiles::open(folder.path(), &foreign), Err(LogError::Checkpoint(_))));
    let note = key().sign(&Checkpoint { size: 6, root: leaf_hash(b"other") });
    std::fs::write(folder.path().join(CHECKPOINTS), format!("{note}{NOTE_END}")).unwrap();
    assert!(matches!(reopened(folder.path()), Err(LogError::Rewritten(6))));
}

#[test]
fn one_gateway_at_a_time_has_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let _held = reopened(folder.path()).unwrap();
    assert!(matches!(reopened(folder.path()), Err(LogError::InUse(_))));
}

#[test]
fn every_record_is_proven_under_the_checkpoint_that_counts_it() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), 7, 5);
    let opened = reopened(folder.path()).unwrap();
    let key = key().verifying_key();
    for index in 0..5 {
        let proven = opened.files.prove(index, &key).unwrap().unwrap();
        let checkpoint = key.verify(&proven.checkpoint).unwrap();
        let leaf = leaf_hash(&proven.record.leaf);
        assert!(verify_inclusion(&leaf, index, checkpoint.size, &proven.path, &checkpoint.root));
    }
    assert!(opened.files.prove(5, &key).unwrap().is_none());
}
