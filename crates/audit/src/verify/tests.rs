//! The verifier against logs that somebody truncated, reordered, rewrote, duplicated or forked.

use super::*;
use crate::{Entry, Kind, Leaf, SaltSource};
use model::{SessionId, Timestamp};

fn entries(count: u64) -> Vec<Vec<u8>> {
    let mut salts = SaltSource::new([3; 32]);
    (0..count).map(|n| framed(&entry(n, &mut salts))).collect()
}

fn entry(number: u64, salts: &mut SaltSource) -> Entry {
    Leaf::new(Kind::Execute, SessionId::from_random([1; 16]), number, Timestamp::from_millis(number))
        .commit("action", format!("action {number}"), salts)
        .finish()
        .unwrap()
}

fn framed(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    Frame { leaf: &entry.leaf, payload: &entry.payload }.write(&mut bytes);
    bytes
}

/// Checkpoints as an honest log would have signed them, every four records.
fn checkpoints(frames: &[Vec<u8>]) -> Vec<Checkpoint> {
    let (mut tree, mut checkpoints) = (Appender::default(), Vec::new());
    for frame in frames {
        tree.append(leaf_hash(Frame::read(frame).unwrap().leaf));
        if tree.size().is_multiple_of(4) {
            checkpoints.push(Checkpoint { size: tree.size(), root: tree.root() });
        }
    }
    checkpoints
}

fn verify(checkpoints: &[Checkpoint], frames: &[Vec<u8>]) -> Report {
    let bytes = frames.concat();
    let mut verifier = Verifier::new(checkpoints);
    let used = verifier.handle_bytes(&bytes);
    verifier.finish(&bytes[used..])
}

#[test]
fn an_honest_log_verifies_however_its_bytes_arrive() {
    let frames = entries(10);
    let promised = checkpoints(&frames);
    let bytes = frames.concat();
    for step in [1, 7, 64, bytes.len()] {
        let (mut verifier, mut held) = (Verifier::new(&promised), Vec::new());
        for chunk in bytes.chunks(step) {
            held.extend_from_slice(chunk);
            let used = verifier.handle_bytes(&held);
            held.drain(..used);
        }
        let report = verifier.finish(&held);
        assert_eq!((report.findings.as_slice(), report.size, report.proven), (&[][..], 10, 8), "step {step}");
    }
}

#[test]
fn truncation_is_told_with_the_first_missing_record() {
    let frames = entries(12);
    let report = verify(&checkpoints(&frames), &frames[..7]);
    assert_eq!(report.findings[0].index, 7);
    assert!(report.findings[0].what.contains("cut off"), "{:?}", report.findings);
}

#[test]
fn reordering_rewriting_and_removing_are_told() {
    let honest = entries(12);
    let promised = checkpoints(&honest);
    let mut swapped = honest.clone();
    swapped.swap(5, 6);
    let mut rewritten = honest.clone();
    rewritten[5] = framed(&entry(5, &mut SaltSource::new([9; 32])));
    let mut removed = honest.clone();
    removed.remove(5);
    for (name, frames) in [("swapped", swapped), ("rewritten", rewritten), ("removed", removed)] {
        let report = verify(&promised, &frames);
        assert_eq!(report.findings[0].index, 4, "{name}: {:?}", report.findings);
        assert_eq!(report.proven, 4, "{name}");
    }
}

#[test]
fn a_removed_record_is_told_by_its_place_and_the_parting_once() {
    let honest = entries(12);
    let promised = checkpoints(&honest);
    let mut removed = honest.clone();
    removed.remove(5);
    let told: Vec<(u64, String)> =
        verify(&promised, &removed).findings.into_iter().map(|found| (found.index, found.what)).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].0 == 4 && told[0].1.starts_with("records 4 to 7 are not those"), "{told:?}");
    assert!(told[1].0 == 5 && told[1].1.contains("record 5 of session"), "{told:?}");
    assert!(told[2].0 == 11 && told[2].1.contains("removed at or behind record 4"), "{told:?}");
}

#[test]
fn a_record_that_stands_twice_and_a_hole_are_told_even_without_checkpoints() {
    let mut twice = entries(6);
    twice.push(twice[2].clone());
    assert!(verify(&[], &twice).findings[0].what.contains("stands twice"));
    let mut hole = entries(6);
    hole.remove(2);
    assert!(verify(&[], &hole).findings[0].what.contains("missing"));
}

#[test]
fn a_changed_payload_is_told_by_name() {
    let mut salts = SaltSource::new([3; 32]);
    let mut forged = entry(0, &mut salts);
    forged.payload = String::from_utf8(forged.payload).unwrap().replace("action 0", "action 9").into_bytes();
    let report = verify(&[], &[framed(&forged)]);
    assert!(report.findings[0].what.contains("`action` does not match"), "{:?}", report.findings);
}

#[test]
fn an_erased_payload_still_verifies() {
    let mut salts = SaltSource::new([3; 32]);
    let mut erased = entry(0, &mut salts);
    erased.payload.clear();
    assert_eq!(verify(&[], &[framed(&erased)]).findings, []);
}

#[test]
fn two_checkpoints_of_one_size_with_two_roots_are_a_fork() {
    let frames = entries(4);
    let mut promised = checkpoints(&frames);
    promised.push(Checkpoint { size: 4, root: leaf_hash(b"other") });
    assert!(verify(&promised, &frames).findings.iter().any(|finding| finding.what.contains("forked")));
}
