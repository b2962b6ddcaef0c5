//! The canonical form of things that approvals and records bind to, its SHA-256, and the short code that people compare.
//! The form is a domain string, then length-prefixed fields in a fixed order; vectors are in `testdata/digest.txt`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::ReviewId;
use crate::base32::{self, InvalidText};

/// A SHA-256 value, 64 lower-case hex digits in text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// A digest from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// SHA-256 of `parts`, one after another.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    Digest(hash.finalize().into())
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(self.0) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let wrong = || InvalidText::new("digest", text);
        if text.len() != 64 {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            if pair.bytes().any(|letter| !matches!(letter, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(wrong());
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Builds a canonical form: a domain, then fields, each with its length in 8 bytes, most significant first.
///
/// Two different sequences of fields never give the same bytes, so a digest names one meaning.
#[derive(Debug)]
#[must_use]
pub struct Canonical(Sha256);

impl Canonical {
    /// Starts the form of `domain`, which names the kind of thing and the version of its form.
    pub fn new(domain: &'static str) -> Self {
        let mut form = Self(Sha256::new());
        form.bytes(domain.as_bytes());
        form
    }

    /// Adds a field of bytes.
    pub fn bytes(&mut self, field: &[u8]) -> &mut Self {
        self.count(field.len());
        self.0.update(field);
        self
    }

    /// Adds a field of text.
    pub fn text(&mut self, field: &str) -> &mut Self {
        self.bytes(field.as_bytes())
    }

    /// Adds a field that may be absent; absent and empty differ.
    pub fn optional(&mut self, field: Option<&[u8]>) -> &mut Self {
        match field {
            Some(field) => self.count(1).bytes(field),
            None => self.count(0),
        }
    }

    /// Adds how many fields follow.
    pub fn count(&mut self, count: usize) -> &mut Self {
        self.0.update(u64::try_from(count).unwrap_or(u64::MAX).to_be_bytes());
        self
    }

    /// Adds the digest of an inner form.
    pub fn inner(&mut self, digest: &Digest) -> &mut Self {
        self.bytes(digest.as_bytes())
    }

    /// The digest of what was added so far.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(self.0.clone().finalize().into())
    }
}

/// Forty bits that a person compares between two surfaces, as `7KQ2-M4XD`.
///
/// Derived from the digest and the review's random id, so that an actor cannot search for an action whose code
/// collides with another's before the review exists.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortCode([u8; 5]);

impl ShortCode {
    /// The code of the review `review` of the action with `digest`.
    #[must_use]
    pub fn of(digest: &Digest, review: ReviewId) -> Self {
        let mut form = Canonical::new("countersign/code/v1");
        form.inner(digest).bytes(review.as_bytes());
        let [a, b, c, d, e, ..] = form.digest().0;
        Self([a, b, c, d, e])
    }
}

impl fmt::Display for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = base32::encode(&self.0).to_ascii_uppercase();
        let (left, right) = text.split_at_checked(4).unwrap_or((&text, ""));
        write!(f, "{left}-{right}")
    }
}

impl fmt::Debug for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_between_fields_changes_the_digest() {
        let digest_of = |fields: &[&str]| {
            let mut form = Canonical::new("test");
            for field in fields {
                form.text(field);
            }
            form.digest()
        };
        assert_ne!(digest_of(&["ab", "c"]), digest_of(&["a", "bc"]));
        assert_ne!(digest_of(&["ab"]), digest_of(&["ab", ""]));
    }

    #[test]
    fn absent_and_empty_differ() {
        let digest_of = |field: Option<&[u8]>| Canonical::new("test").optional(field).digest();
        assert_ne!(digest_of(None), digest_of(Some(b"")));
    }

    #[test]
    fn a_short_code_is_eight_letters_and_depends_on_both_parts() {
        let (one, two) = (sha256(&[b"one"]), sha256(&[b"two"]));
        let review = ReviewId::from_random([1; 16]);
        let code = ShortCode::of(&one, review);
        assert_eq!(code.to_string().len(), 9);
        assert_ne!(code, ShortCode::of(&two, review));
        assert_ne!(code, ShortCode::of(&one, ReviewId::from_random([2; 16])));
    }

    #[test]
    fn a_digest_has_one_text() {
        let digest = sha256(&[b""]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        assert!("+0".repeat(32).parse::<Digest>().is_err());
    }
}
