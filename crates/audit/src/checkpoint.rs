//! Checkpoints: the size and root of the log as a C2SP signed note (tlog-checkpoint), Ed25519.
//! Without a witness, whoever holds the signing key can rewrite history; a checkpoint proves only what its key signs.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signer as _, Verifier as _};
use model::{Digest, sha256};

/// Size and root of the log, as signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many records the log held.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

/// A note that is not a valid checkpoint of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// Not a signed note of the checkpoint's form.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// Of another log.
    #[error("the checkpoint is of log `{0}`")]
    OtherOrigin(String),
    /// No signature by the expected key verifies.
    #[error("no signature of key `{0}` verifies")]
    BadSignature(String),
}

/// The log's secret key, with the origin that it signs for.
pub struct SigningKey {
    origin: String,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// A key from 256 random bits. `origin` names the log in every checkpoint: one line without `+` or spaces.
    #[must_use]
    pub fn from_seed(origin: &str, seed: &[u8; 32]) -> Self {
        Self { origin: origin.to_owned(), key: ed25519_dalek::SigningKey::from_bytes(seed) }
    }

    /// The public half, to verify with.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey { origin: self.origin.clone(), key: self.key.verifying_key() }
    }

    /// Signs a checkpoint: the note's full text.
    #[must_use]
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let root = BASE64_STANDARD.encode(checkpoint.root.as_bytes());
        let text = format!("{}\n{}\n{root}\n", self.origin, checkpoint.size);
        let mut signature = self.verifying_key().id().to_vec();
        signature.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n\u{2014} {} {}\n", self.origin, BASE64_STANDARD.encode(signature))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, …)", self.origin)
    }
}

/// The log's public key, in text `origin+id+key` as C2SP signed-note has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    origin: String,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifyingKey {
    /// The log it verifies.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    fn id(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = *sha256(&[self.origin.as_bytes(), b"\n", &[ED25519], self.key.as_bytes()]).as_bytes();
        [a, b, c, d]
    }

    /// Reads a key from its text.
    ///
    /// # Errors
    /// If it is not one, or its id is not that of its key.
    pub fn parse(text: &str) -> Result<Self, BadNote> {
        let malformed = || BadNote::Malformed("a verifying key is `origin+id+key`");
        let mut parts = text.trim().splitn(3, '+');
        let (origin, id, key) = (parts.next(), parts.next(), parts.next());
        let (origin, id, key) = (origin.ok_or_else(malformed)?, id.ok_or_else(malformed)?, key.ok_or_else(malformed)?);
        let key = BASE64_STANDARD.decode(key).map_err(|_| malformed())?;
        let (algorithm, key) = key.split_first().ok_or_else(malformed)?;
        let key: [u8; 32] = key.try_into().map_err(|_| malformed())?;
        if *algorithm != ED25519 {
            return Err(BadNote::Malformed("the key's algorithm is not Ed25519"));
        }
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key).map_err(|_| malformed())?;
        let read = Self { origin: origin.to_owned(), key };
        if hex(&read.id()) != id {
            return Err(BadNote::Malformed("the key's id does not match"));
        }
        Ok(read)
    }

    /// Checks a note and returns what it signs.
    ///
    /// # Errors
    /// If it is no checkpoint of this log signed by this key.
    pub fn verify(&self, note: &str) -> Result<Checkpoint, BadNote> {
        let (text, signatures) = note.split_once("\n\n").ok_or(BadNote::Malformed("no signatures"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(BadNote::Malformed("fewer than three lines"));
        };
        if origin != self.origin {
            return Err(BadNote::OtherOrigin(origin.chars().take(128).collect()));
        }
        let size_is_plain = size == "0" || (!size.starts_with('0') && size.bytes().all(|byte| byte.is_ascii_digit()));
        let size = size.parse().ok().filter(|_| size_is_plain).ok_or(BadNote::Malformed("the size is not a number"))?;
        let root = BASE64_STANDARD.decode(root).ok().and_then(|root| <[u8; 32]>::try_from(root).ok());
        let root = Digest::from_bytes(root.ok_or(BadNote::Malformed("the root is not 32 bytes in base64"))?);
        let signed = format!("{text}\n");
        if signatures.lines().any(|line| self.verifies(&signed, line)) {
            Ok(Checkpoint { size, root })
        } else {
            Err(BadNote::BadSignature(self.origin.clone()))
        }
    }

    fn verifies(&self, signed: &str, line: &str) -> bool {
        let Some((name, signature)) = line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' ')) else {
            return false;
        };
        let Ok(signature) = BASE64_STANDARD.decode(signature) else { return false };
        let Some((id, signature)) = signature.split_at_checked(4) else { return false };
        let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return false };
        name == self.origin && id == self.id() && self.key.verify(signed.as_bytes(), &signature).is_ok()
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.origin, hex(&self.id()), BASE64_STANDARD.encode(key))
    }
}

/// What of a checkpoints file was written whole: a crash may leave a piece of a note at the end.
#[must_use]
pub fn whole_notes(text: &str) -> &str {
    text.rfind(NOTE_END).and_then(|at| text.get(..at + NOTE_END.len())).unwrap_or("")
}

/// The signed notes in the text of a checkpoints file, in order.
pub fn notes(text: &str) -> impl Iterator<Item = &str> {
    text.split(NOTE_END).map(|note| note.trim_start_matches('\n')).filter(|note| note.contains("\n\n"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Stands behind each note in a checkpoints file.
pub const NOTE_END: &str = "\n-----\n";
/// The algorithm byte of signed-note for Ed25519.
const ED25519: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> (SigningKey, Checkpoint, String) {
        let key = SigningKey::from_seed("countersign.test/log", &[7; 32]);
        let checkpoint = Checkpoint { size: 42, root: sha256(&[b"root"]) };
        let note = key.sign(&checkpoint);
        (key, checkpoint, note)
    }

    #[test]
    fn a_checkpoint_verifies_under_its_key_in_text_form() {
        let (key, checkpoint, note) = signed();
        let public = VerifyingKey::parse(&key.verifying_key().to_string()).unwrap();
        assert_eq!(public.verify(&note), Ok(checkpoint));
    }

    #[test]
    fn a_changed_checkpoint_does_not_verify() {
        let (key, _, note) = signed();
        let public = key.verifying_key();
        assert!(matches!(public.verify(&note.replace("\n42\n", "\n43\n")), Err(BadNote::BadSignature(_))));
        let other = SigningKey::from_seed("countersign.test/log", &[8; 32]).verifying_key();
        assert!(matches!(other.verify(&note), Err(BadNote::BadSignature(_))));
        let elsewhere = SigningKey::from_seed("elsewhere/log", &[7; 32]).verifying_key();
        assert!(matches!(elsewhere.verify(&note), Err(BadNote::OtherOrigin(_))));
        for wrong in ["", "a\n\nb", "countersign.test/log\n042\nAA==\n\n"] {
            assert!(public.verify(wrong).is_err());
        }
    }

    #[test]
    fn a_file_of_notes_is_split_and_a_torn_one_at_its_end_is_left_out() {
        let (_, _, note) = signed();
        let file = format!("{note}{NOTE_END}{note}{NOTE_END}");
        let torn = format!("{file}{}", note.get(..20).unwrap());
        assert_eq!(whole_notes(&torn), file);
        assert_eq!(notes(whole_notes(&torn)).collect::<Vec<_>>(), [note.as_str(), &note]);
        assert_eq!(notes(whole_notes(&note)).count(), 0);
        assert_eq!(notes(&note).collect::<Vec<_>>(), [note.as_str()]);
    }

    #[test]
    fn the_key_of_the_signed_note_specification_reads() {
        // The example key of C2SP signed-note (also of golang.org/x/mod/sumdb/note).
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(VerifyingKey::parse(text).unwrap().to_string(), text);
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let (text_part, signature) = note.split_once("\n\n").unwrap();
        assert!(VerifyingKey::parse(text).unwrap().verifies(&format!("{text_part}\n"), signature.trim_end()));
    }
}
