//! Encoded runs: base64 in either alphabet, and hexadecimal digits. A run that does not decode to text is none.

use std::ops::Range;

/// The run of letters, digits and the signs of base64 around a token, from `from` on.
pub(in crate::detect) fn around(value: &[u8], start: usize, end: usize, from: usize) -> Range<usize> {
    let before = value.get(from..start).unwrap_or_default();
    let start = start - before.iter().rev().take_while(|byte| is_of_run(**byte)).count();
    let behind = value.get(end..).unwrap_or_default();
    start..end + behind.iter().take_while(|byte| is_of_run(**byte)).count()
}

const fn is_of_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-' | b'=')
}

/// What a run says, if it is text.
pub(super) fn decode(run: &[u8]) -> Option<Vec<u8>> {
    // Behind `\x` or `0x`.
    let digits = run.strip_prefix(b"x").or_else(|| run.strip_prefix(b"0x")).unwrap_or(run);
    let is_hex = digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
    let text = if is_hex { decode_hex(digits)? } else { decode_base64(run)? };
    (text.len() >= SHORTEST).then_some(text)
}

fn decode_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
    let mut text = Vec::new();
    for [high, low] in digits.as_chunks::<2>().0 {
        text.push(Some(digit(*high) << 4 | digit(*low)).filter(|byte| is_text(*byte))?);
    }
    Some(text)
}

fn decode_base64(run: &[u8]) -> Option<Vec<u8>> {
    let end = run.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    let (mut text, mut bits, mut count) = (Vec::new(), 0u32, 0u32);
    for byte in run.get(..end)? {
        bits = bits << 6 | u32::from(sextet(*byte)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            text.push(Some((bits >> count) as u8).filter(|byte| is_text(*byte))?);
        }
    }
    Some(text)
}

/// What a character of base64 stands for, in either alphabet.
pub(in crate::detect) const fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Whether text may hold it: not the controls, but all that UTF-8 is made of.
const fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b | b' '..=b'~' | 0x80..=0xf4)
}

/// Bytes of the shortest text that is worth a look.
const SHORTEST: usize = 6;
