//! The log's files: frames, leaves, payloads, and the signed notes beside them.

use audit::{
    Checkpoint, Committed, FRAME_HEADER, Frame, LEAF_BYTES, PAYLOAD_BYTES, Report, SigningKey, Verifier, VerifyingKey,
    notes, open_payload, scan, whole_notes,
};
use model::sha256;

/// A log's bytes as they are; or, if the first byte is even, lines that are framed by turns as leaf and payload, since
/// no mutation finds a checksum. The second byte says where the stream is cut, and what is flipped.
pub fn log(bytes: &[u8]) {
    let [kind, cut, rest @ ..] = bytes else { return };
    let framed = if kind % 2 == 0 { framed(rest) } else { rest.to_vec() };
    let whole = verified(&[&framed]);
    let (front, back) = framed.split_at(usize::from(*cut).min(framed.len()));
    assert_eq!(verified(&[front, back]), whole, "cut at {}", front.len());
    let mut seen = 0_u64;
    let (used, bad) = scan(&framed, |at, frame| {
        seen += 1;
        assert_eq!(framed[at + FRAME_HEADER..at + frame.len()], [frame.leaf, frame.payload].concat());
        leaf(frame);
    });
    assert_eq!((whole.size, used == framed.len()), (seen, bad.is_none()));
    assert!(bad.is_none() || !whole.findings.is_empty(), "what is broken is told");
    if let Some(place) = Some(usize::from(*cut)).filter(|place| *place < used) {
        let mut flipped = framed;
        flipped[place] ^= 1 << (kind % 8);
        assert!(scan(&flipped, |_, _| ()).0 <= place, "a flipped bit is noticed");
    }
}

/// A verifier is given the parts as they come, and what it left unused again with more behind it.
fn verified(parts: &[&[u8]]) -> Report {
    let promised = Checkpoint { size: 2, root: sha256(&[b"root"]) };
    let mut verifier = Verifier::new(&[promised]);
    let mut left = Vec::new();
    for part in parts {
        left.extend_from_slice(part);
        let used = verifier.handle_bytes(&left);
        left.drain(..used);
    }
    verifier.finish(&left)
}

fn leaf(frame: Frame<'_>) {
    let Ok(committed) = Committed::parse(frame.leaf) else { return };
    let again = serde_json::to_vec(&committed.0).expect("a leaf is JSON");
    assert_eq!(again.len(), frame.leaf.len(), "a leaf has one form");
    if let Ok(opened) = open_payload(&committed, frame.payload) {
        let commitments = committed.0.get("c").and_then(|commitments| commitments.as_object());
        let names = commitments.map_or(0, serde_json::Map::len);
        assert!(opened.is_empty() || opened.len() == names, "all that is committed to is opened, and nothing else");
    }
}

/// The frame's form as `docs/audit.md` has it, written here once more.
fn framed(lines: &[u8]) -> Vec<u8> {
    let mut lines = lines.split(|byte| *byte == b'\n');
    let mut out = Vec::new();
    while let Some(leaf) = lines.next().map(|leaf| leaf.get(..LEAF_BYTES).unwrap_or(leaf)) {
        let payload = lines.next().unwrap_or_default();
        let payload = payload.get(..PAYLOAD_BYTES).unwrap_or(payload);
        let length = |part: &[u8]| u32::try_from(part.len()).expect("a short line").to_be_bytes();
        let lengths = [length(leaf), length(payload)].concat();
        let checksum = sha256(&[&lengths, leaf, payload]);
        out.extend_from_slice(&lengths);
        out.extend_from_slice(&checksum.as_bytes()[..8]);
        out.extend_from_slice(leaf);
        out.extend_from_slice(payload);
    }
    out
}

/// A key's text, a note, or a file of notes. If the first byte is even, the rest is signed first: everything but the
/// signature can then be wrong.
pub fn note(bytes: &[u8]) {
    let [kind, rest @ ..] = bytes else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    if let Ok(key) = VerifyingKey::parse(text) {
        assert_eq!(VerifyingKey::parse(&key.to_string()), Ok(key));
    }
    let key = SigningKey::from_seed("countersign.test/log", &[7; 32]);
    let public = key.verifying_key();
    if kind % 2 == 0 {
        let root = sha256(&[text.as_bytes()]);
        let size = text.len() as u64;
        let note = key.sign(&Checkpoint { size, root });
        assert_eq!(public.verify(&note), Ok(Checkpoint { size, root }));
        let forged = format!("{text}{note}");
        assert!(public.verify(&forged).is_err() || text.is_empty(), "what stands in front is signed, too");
        // Signatures of others may stand behind it.
        let more = format!("{note}{}", text.replace("\n\n", "\n"));
        assert_eq!(public.verify(&more), Ok(Checkpoint { size, root }));
    }
    if let Ok(checkpoint) = public.verify(text) {
        let again = key.sign(&checkpoint);
        let lines = |note: &str| note.lines().take(3).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&again), lines(text), "a checkpoint has one form");
    }
    let whole = whole_notes(text);
    assert!(text.starts_with(whole));
    assert_eq!(whole_notes(whole), whole);
    assert!(notes(whole).count() <= notes(text).count());
    notes(text).for_each(|note| drop(public.verify(note)));
}
