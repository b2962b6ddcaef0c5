//! Crockford's base 32, the one text form of our random ids and short codes.
//! Decoding accepts lower and upper case and nothing else: an id has one canonical text.

/// The text is not an id: a wrong prefix, length or letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}")]
pub struct InvalidText {
    /// What was expected, such as `review id`.
    pub what: &'static str,
    /// The text as given, cut at 64 characters.
    pub text: String,
}

impl InvalidText {
    pub(crate) fn new(what: &'static str, text: &str) -> Self {
        Self { what, text: text.chars().take(64).collect() }
    }
}

/// Encodes `bytes` most significant bit first; the last letter is padded with zero bits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter((held >> bits) & 31));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(letter((held << (5 - bits)) & 31));
    }
    text
}

/// Decodes exactly 16 bytes from 26 letters, or nothing.
pub(crate) fn decode_16(text: &str) -> Option<[u8; 16]> {
    if text.len() != 26 {
        return None;
    }
    let mut value = 0_u128;
    let mut letters = text.bytes();
    let last = letters.next_back()?;
    for byte in letters {
        value = (value << 5) | u128::from(value_of(byte)?);
    }
    let last = value_of(last)?;
    // 26 letters hold 130 bits; the two that pad must be zero, or an id would have four texts.
    if last & 3 != 0 {
        return None;
    }
    Some(((value << 3) | u128::from(last >> 2)).to_be_bytes())
}

fn letter(value: u32) -> char {
    usize::try_from(value).ok().and_then(|at| ALPHABET.get(at)).map_or('0', |byte| char::from(*byte))
}

fn value_of(byte: u8) -> Option<u8> {
    let byte = byte.to_ascii_lowercase();
    ALPHABET.iter().position(|known| *known == byte).and_then(|at| u8::try_from(at).ok())
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bytes_survive_the_round_trip() {
        for seed in 0..=255_u8 {
            let bytes = [seed.wrapping_mul(37), seed, 0, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, seed ^ 0x5a];
            assert_eq!(decode_16(&encode(&bytes)), Some(bytes));
        }
    }

    #[test]
    fn an_id_has_one_text() {
        let text = encode(&[255; 16]);
        assert!(text.ends_with('w'));
        let padded: String = text.chars().take(25).chain(['x']).collect();
        assert_eq!(decode_16(&padded), None);
    }

    #[test]
    fn letters_outside_the_alphabet_are_refused() {
        assert_eq!(decode_16("iiiiiiiiiiiiiiiiiiiiiiiiii"), None);
        assert_eq!(decode_16("short"), None);
        assert_eq!(decode_16("ééééééééééééé"), None);
    }
}
