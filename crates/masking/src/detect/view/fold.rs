//! Folding: signs that look like others, cannot be seen, or are escaped. Bytes that are no UTF-8 stay as they are.

use super::View;

/// `value` without its disguise, if it has any.
pub(super) fn fold(value: &[u8]) -> Option<View> {
    let mut view = View::default();
    let (mut at, mut kept, mut is_folded) = (0, 0, false);
    while let Some(byte) = value.get(at) {
        let rest = value.get(at..).unwrap_or_default();
        let sign = match byte {
            0x80.. => shown(rest),
            0x1b => Some(Sign { length: control(rest), shows: Shows::Nothing }),
            b'\\' => escape(rest),
            b'%' => percent(rest),
            b'&' => entity(rest),
            _ => None,
        };
        let Some(sign) = sign else {
            at += 1;
            continue;
        };
        if let Shows::Itself = sign.shows {
            at += sign.length;
            continue;
        }
        is_folded = true;
        if kept < at {
            view.keep(kept, value.get(kept..at).unwrap_or_default());
        }
        if let Shows::Letter(letter) = sign.shows {
            view.replace(at, sign.length, letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        at += sign.length;
        kept = at;
    }
    if kept < value.len() && is_folded {
        view.keep(kept, value.get(kept..).unwrap_or_default());
    }
    is_folded.then_some(view)
}

/// Some bytes, and what they show.
struct Sign {
    length: usize,
    shows: Shows,
}

enum Shows {
    Itself,
    Nothing,
    Letter(char),
}

/// The letter at the start of `bytes`, which is no ASCII.
fn shown(bytes: &[u8]) -> Option<Sign> {
    let length = match bytes.first()? {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let letter = std::str::from_utf8(bytes.get(..length)?).ok()?.chars().next()?;
    Some(Sign { length, shows: folded(letter) })
}

/// What a letter shows.
fn folded(letter: char) -> Shows {
    let code = u32::from(letter);
    let shows = match code {
        // What cannot be seen, or only strikes through what stands before it.
        0xad | 0x300..=0x36f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180e => return Shows::Nothing,
        0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x20d0..=0x20ff => return Shows::Nothing,
        0xfe00..=0xfe0f | 0xfeff | 0xfff9..=0xfffb | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff => return Shows::Nothing,
        0xa0 | 0x1680 | 0x2000..=0x200a | 0x2028 | 0x2029 | 0x202f | 0x205f | 0x2800 | 0x3000 => ' ',
        0x2010..=0x2015 | 0x2043 | 0x2212 | 0x5be | 0x2e3a | 0x2e3b | 0xfe58 | 0xfe63 | 0x2796 => '-',
        0xb7 | 0x2024 | 0x2027 | 0x2219 | 0x22c5 | 0x3002 | 0xfe52 | 0xff61 => '.',
        0x2044 | 0x2215 | 0x29f8 => '/',
        0xfe6b => '@',
        0xff01..=0xff5e => return letter_of(code - 0xfee0),
        0xb2 | 0xb3 => return letter_of(code - 0xb2 + 0x32),
        0xb9 => '1',
        0x2070 | 0x2074..=0x2079 => return letter_of(code - 0x2070 + 0x30),
        0x2080..=0x2089 => return letter_of(code - 0x2080 + 0x30),
        0x2460..=0x2468 | 0x2776..=0x277e => {
            return letter_of((code & 0xf) % 10 + 0x31 - if code > 0x2470 { 6 } else { 0 });
        }
        0x24ea => '0',
        0x24b6..=0x24cf => return letter_of(code - 0x24b6 + 0x41),
        0x24d0..=0x24e9 => return letter_of(code - 0x24d0 + 0x61),
        0x1d400..=0x1d6a3 => {
            let place = (code - 0x1d400) % 52;
            return letter_of(if place < 26 { place + 0x41 } else { place - 26 + 0x61 });
        }
        0x1d7ce..=0x1d7ff => return letter_of((code - 0x1d7ce) % 10 + 0x30),
        _ => {
            let zero = ZEROS.iter().rfind(|zero| **zero <= code);
            return zero.filter(|zero| code - *zero < 10).map_or(Shows::Itself, |zero| letter_of(code - zero + 0x30));
        }
    };
    Shows::Letter(shows)
}

fn letter_of(code: u32) -> Shows {
    char::from_u32(code).map_or(Shows::Itself, Shows::Letter)
}

/// A control sequence of a terminal (ECMA-48): how long it is.
fn control(bytes: &[u8]) -> usize {
    let ends = |rest: &[u8], is_end: fn(u8) -> bool| {
        rest.iter().take(SEQUENCE).position(|byte| is_end(*byte)).map_or(0, |at| at + 1)
    };
    match bytes {
        [_, b'[', rest @ ..] => 2 + ends(rest, |byte| (0x40..=0x7e).contains(&byte)),
        [_, b']' | b'P' | b'_' | b'^', rest @ ..] => 2 + ends(rest, |byte| matches!(byte, 0x07 | b'\\')),
        [_, _, ..] => 2,
        _ => 1,
    }
}

/// An escape of JSON, or of a program's text.
fn escape(bytes: &[u8]) -> Option<Sign> {
    let letter = |length, letter| Some(Sign { length, shows: Shows::Letter(letter) });
    match bytes.get(1)? {
        b'u' => {
            let high = hex(bytes.get(2..6)?)?;
            if (0xd800..0xdc00).contains(&high)
                && let Some([b'\\', b'u']) = bytes.get(6..8)
                && let Some(low @ 0xdc00..0xe000) = hex(bytes.get(8..12)?)
            {
                return decoded(12, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            }
            decoded(6, high)
        }
        b'x' => decoded(4, hex(bytes.get(2..4)?)?).filter(|_| bytes.get(4..6).is_none_or(|next| hex(next).is_none())),
        b'n' | b'r' | b't' => letter(2, ' '),
        b'"' => letter(2, '"'),
        b'/' => letter(2, '/'),
        b'\\' => letter(2, '\\'),
        _ => None,
    }
}

fn percent(bytes: &[u8]) -> Option<Sign> {
    let code = hex(bytes.get(1..3)?)?;
    // Of letters outside ASCII each byte is escaped by itself: as many as belong together.
    if code < 0x80 {
        return decoded(3, code);
    }
    let mut letter = Vec::with_capacity(4);
    for escape in bytes.get(..12).unwrap_or(bytes).chunks_exact(3) {
        match escape {
            [b'%', digits @ ..] => letter.push(u8::try_from(hex(digits)?).ok()?),
            _ => break,
        }
        if let Ok(text) = std::str::from_utf8(&letter) {
            return decoded(3 * letter.len(), u32::from(text.chars().next()?));
        }
    }
    None
}

/// A reference of HTML, by number or by one of the names of signs that matter here.
fn entity(bytes: &[u8]) -> Option<Sign> {
    let end = bytes.iter().take(12).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(bytes.get(1..end)?).ok()?;
    let code = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        },
        None => ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, letter)| u32::from(*letter))?,
    };
    decoded(end + 1, code)
}

/// A letter that was written by its number, and what it shows.
fn decoded(length: usize, code: u32) -> Option<Sign> {
    let letter = char::from_u32(code)?;
    let shows = match folded(letter) {
        Shows::Itself => Shows::Letter(letter),
        shows @ (Shows::Nothing | Shows::Letter(_)) => shows,
    };
    Some(Sign { length, shows })
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digit = |number: Option<u32>, digit: &u8| Some(number? * 16 + char::from(*digit).to_digit(16)?);
    digits.iter().fold(Some(0), digit)
}

/// Where the ten digits of scripts start, in order.
const ZEROS: &[u32] = &[
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
    0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
    0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450,
    0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11c50, 0x11d50, 0x16a60, 0x16b50, 0x1e140, 0x1e2f0, 0x1e950,
    0x1fbf0,
];
const ENTITIES: &[(&str, char)] = &[
    ("commat", '@'),
    ("period", '.'),
    ("dash", '-'),
    ("hyphen", '-'),
    ("ndash", '-'),
    ("nbsp", ' '),
    ("sol", '/'),
    ("colon", ':'),
    ("lowbar", '_'),
    ("equals", '='),
    ("num", '#'),
    ("plus", '+'),
    ("amp", '&'),
    ("quot", '"'),
    ("apos", '\''),
    ("shy", '\u{ad}'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
    ("lt", '<'),
    ("gt", '>'),
];
/// Bytes of the longest control sequence.
const SEQUENCE: usize = 64;
