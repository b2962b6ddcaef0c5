//! A family of secrets: a prefix, and behind it a run of known characters of known length.

use super::placeholder;

/// Secrets of one maker and kind.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) prefix: &'static [u8],
    pub(super) alphabet: Alphabet,
    pub(super) size: Size,
    pub(super) proof: Proof,
}

/// Characters that a secret is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// `0-9a-f`
    Hex,
    /// `A-Z2-7`
    Base32,
    /// `A-Z0-9`
    Upper,
    /// `a-z0-9`
    Lower,
    /// `A-Za-z0-9`
    Base62,
    /// `A-Za-z0-9_-`
    Base64Url,
    /// `A-Za-z0-9+/=`
    Base64,
    /// `A-Za-z0-9_.-`: several parts.
    Parts,
    /// `A-Za-z0-9_.+/=-`: several parts in base64.
    Wide,
}

/// How many characters follow the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// So many, and no letter or digit of the alphabet behind them.
    Exactly(usize),
    /// Of this many to that, and no letter or digit of the alphabet behind them.
    Between(usize, usize),
    /// So many or more, all that there are.
    From(usize),
}

/// What beside prefix, alphabet and size it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing: nobody writes such a prefix otherwise.
    Prefix,
    /// Digits and letters, and of both cases where the alphabet has them: the prefix says little.
    Mixed,
    /// Nothing, but its last six characters are a CRC-32 in base 62; if they are right, what follows does not matter.
    Checksum,
}

/// A family whose prefix says enough.
pub(super) const fn plain(name: &'static str, prefix: &'static str, alphabet: Alphabet, size: Size) -> Family {
    Family { name, prefix: prefix.as_bytes(), alphabet, size, proof: Proof::Prefix }
}

/// A family whose prefix says little.
pub(super) const fn mixed(name: &'static str, prefix: &'static str, alphabet: Alphabet, size: Size) -> Family {
    Family { name, prefix: prefix.as_bytes(), alphabet, size, proof: Proof::Mixed }
}

/// A family with GitHub's checksum.
pub(super) const fn summed(name: &'static str, prefix: &'static str) -> Family {
    let size = Size::Exactly(SUMMED);
    Family { name, prefix: prefix.as_bytes(), alphabet: Alphabet::Base62, size, proof: Proof::Checksum }
}

impl Family {
    /// How many bytes a secret of this family takes at the start of `rest`.
    pub(super) fn length(&self, rest: &[u8]) -> Option<usize> {
        let body = rest.strip_prefix(self.prefix)?;
        if self.proof == Proof::Checksum && body.get(..SUMMED).is_some_and(|body| self.is_proven(body)) {
            return Some(self.prefix.len() + SUMMED);
        }
        let (least, most) = match self.size {
            Size::Exactly(size) => (size, size),
            Size::Between(least, most) => (least, most),
            Size::From(least) => (least, usize::MAX),
        };
        if placeholder::is_monotonous(body) {
            return None;
        }
        // A refusal costs this much and no more, however long the run is.
        let limit = if most == usize::MAX { least.max(HEAD) } else { most + 1 };
        let head = self.alphabet.run(body, limit);
        let judged = body.get(..head.min(most))?;
        let goes_on = head > most && body.get(most).is_some_and(u8::is_ascii_alphanumeric);
        let vague = self.proof == Proof::Mixed && !self.is_mixed(judged);
        if head < least || goes_on || vague || placeholder::is_filler(judged) {
            return None;
        }
        let length = match self.size {
            Size::From(_) => without_full_stops(body.get(..self.alphabet.run(body, LONGEST))?),
            Size::Exactly(_) | Size::Between(..) => judged.len(),
        };
        (length >= least).then_some(self.prefix.len() + length)
    }

    fn is_proven(&self, body: &[u8]) -> bool {
        self.alphabet.run(body, SUMMED) == SUMMED && is_summed(body)
    }

    fn is_mixed(&self, body: &[u8]) -> bool {
        let digit = body.iter().any(u8::is_ascii_digit);
        let upper = body.iter().any(u8::is_ascii_uppercase);
        let lower = body.iter().any(u8::is_ascii_lowercase);
        match self.alphabet {
            Alphabet::Hex | Alphabet::Lower => digit && lower,
            Alphabet::Base32 | Alphabet::Upper => digit && upper,
            Alphabet::Base62 | Alphabet::Base64Url | Alphabet::Base64 | Alphabet::Parts | Alphabet::Wide => {
                digit && upper && lower
            }
        }
    }
}

impl Alphabet {
    /// How many bytes at the start of `bytes` are of it, up to `most`.
    pub(super) fn run(self, bytes: &[u8], most: usize) -> usize {
        let bytes = bytes.get(..most).unwrap_or(bytes);
        bytes.iter().position(|byte| !self.has(*byte)).unwrap_or(bytes.len())
    }

    pub(super) const fn has(self, byte: u8) -> bool {
        match self {
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Base32 => matches!(byte, b'A'..=b'Z' | b'2'..=b'7'),
            Self::Upper => matches!(byte, b'A'..=b'Z' | b'0'..=b'9'),
            Self::Lower => matches!(byte, b'a'..=b'z' | b'0'..=b'9'),
            Self::Base62 => byte.is_ascii_alphanumeric(),
            Self::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Parts => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Wide => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'='),
        }
    }
}

/// The length of `run` without full stops at its end: they end the sentence, not the secret.
fn without_full_stops(run: &[u8]) -> usize {
    run.iter().rposition(|byte| *byte != b'.').map_or(0, |last| last + 1)
}

/// Whether the last six of `body` are the CRC-32 of the others, in base 62.
pub(super) fn is_summed(body: &[u8]) -> bool {
    let Some((random, checksum)) = body.split_last_chunk::<6>() else { return false };
    let number = checksum.iter().try_fold(0_u64, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        Some(number * 62 + u64::from(digit))
    });
    number == Some(u64::from(crc32(random)))
}

/// CRC-32 of ISO 3309, bit by bit: it runs over 30 bytes behind a prefix that hardly ever stands.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let remainder = bytes.iter().fold(u32::MAX, |remainder, byte| {
        (0..8).fold(remainder ^ u32::from(*byte), |remainder, _| {
            let odd = remainder & 1;
            (remainder >> 1) ^ (0xedb8_8320 & odd.wrapping_neg())
        })
    });
    !remainder
}

/// The length behind the prefix of what GitHub and npm issue.
const SUMMED: usize = 36;

/// By how many bytes it is judged whether a run of unknown length is a secret.
const HEAD: usize = 64;

/// The longest secret that is taken in one piece.
const LONGEST: usize = 8_192;
