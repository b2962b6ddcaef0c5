//! Base58: numbers in an alphabet without the letters that look alike, here of known lengths. What ends in four bytes of
//! a double SHA-256 (base58check) proves itself; the version in front says what it is.

/// An address in base58check of 20 bytes behind a version of one byte, or of two (Zcash).
pub(super) fn address(token: &[u8]) -> Option<&'static str> {
    match token {
        [b't', b'1' | b'3' | b'm' | b'2', ..] if token.len() == 35 => zcash(token),
        [b'1' | b'2' | b'3' | b'7' | b'9' | b'A' | b'D' | b'L' | b'M' | b'Q' | b'T' | b'X' | b'm' | b'n', ..] => {
            let bytes = decode::<25>(token, digit)?;
            let name = match bytes.first()? {
                0x00 | 0x05 | 0x6f | 0xc4 => "bitcoin",
                0x30 | 0x32 | 0x3a => "litecoin",
                0x1e | 0x16 => "dogecoin",
                0x4c | 0x10 => "dash",
                0x41 => "tron",
                _ => return None,
            };
            is_checked(&bytes).then_some(name)
        }
        _ => None,
    }
}

/// An address of Ripple: base58check in an alphabet of its own.
pub(super) fn ripple(token: &[u8]) -> Option<&'static str> {
    let [b'r', ..] = token else { return None };
    let bytes = decode::<25>(token, ripple_digit)?;
    (bytes.first() == Some(&0) && is_checked(&bytes)).then_some("ripple")
}

/// A private key as wallets import it: 32 bytes, and one more if its public key is compressed.
pub(super) fn private_key(token: &[u8]) -> Option<&'static str> {
    let is_key = |version: Option<&u8>| matches!(version, Some(0x80 | 0xef | 0xb0 | 0x9e | 0xcc));
    let proven = if token.len() == 51 {
        decode::<37>(token, digit).is_some_and(|bytes| is_key(bytes.first()) && is_checked(&bytes))
    } else {
        decode::<38>(token, digit).is_some_and(|bytes| is_key(bytes.first()) && is_checked(&bytes))
    };
    proven.then_some("bitcoin-key")
}

/// An extended key of BIP-32: a public one shows every address of a wallet, a private one spends from them.
pub(super) fn extended_key(token: &[u8]) -> Option<&'static str> {
    let name = match token.get(1..4)? {
        b"pub" => "bitcoin-extended-key",
        b"prv" => "bitcoin-key",
        _ => return None,
    };
    is_checked(&decode::<82>(token, digit)?).then_some(name)
}

/// The number that `text` is, in exactly `N` bytes. Leading zeros count: each is a digit of its own. Five digits are
/// taken at once, into limbs of 32 bits: this runs on every run of letters and digits of such a length.
pub(super) fn decode<const N: usize>(text: &[u8], digit: fn(u8) -> Option<u8>) -> Option<[u8; N]> {
    let mut limbs = [0_u32; LIMBS];
    let used = limbs.get_mut(..N.div_ceil(4))?;
    for chunk in text.chunks(5) {
        let (mut carry, mut scale) = (0_u64, 1_u64);
        for byte in chunk {
            carry = carry * 58 + u64::from(digit(*byte)?);
            scale *= 58;
        }
        for limb in used.iter_mut() {
            carry += u64::from(*limb) * scale;
            let [high @ .., a, b, c, d] = carry.to_be_bytes();
            *limb = u32::from_be_bytes([a, b, c, d]);
            carry = u64::from(u32::from_be_bytes(high));
        }
        if carry != 0 {
            return None;
        }
    }
    let mut bytes = [0; N];
    let mut places = bytes.iter_mut().rev();
    for byte in used.iter().flat_map(|limb| limb.to_le_bytes()) {
        match places.next() {
            Some(place) => *place = byte,
            None if byte == 0 => {}
            None => return None,
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let ones = text.iter().take_while(|byte| digit(**byte) == Some(0)).count();
    (zeros == ones).then_some(bytes)
}

/// Monero's blocks: each eleven characters are eight bytes, and what is left over has its own length.
pub(super) fn blocks(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(80);
    for block in text.chunks(11) {
        let length = match block.len() {
            11 => 8,
            7 => 5,
            _ => return None,
        };
        let mut number: u128 = 0;
        for byte in block {
            number = number * 58 + u128::from(digit(*byte)?);
        }
        if number >> (8 * length) != 0 {
            return None;
        }
        bytes.extend_from_slice(number.to_be_bytes().get(16 - length..)?);
    }
    Some(bytes)
}

/// The value of a character in the alphabet of Bitcoin.
pub(super) fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'1'..=b'9' => Some(byte - b'1'),
        b'A'..=b'H' => Some(byte - b'A' + 9),
        b'J'..=b'N' => Some(byte - b'J' + 17),
        b'P'..=b'Z' => Some(byte - b'P' + 22),
        b'a'..=b'k' => Some(byte - b'a' + 33),
        b'm'..=b'z' => Some(byte - b'm' + 44),
        _ => None,
    }
}

/// The value of a character in the alphabet of Ripple.
pub(super) fn ripple_digit(byte: u8) -> Option<u8> {
    RIPPLE.iter().position(|letter| *letter == byte).and_then(|position| u8::try_from(position).ok())
}

/// Transparent addresses of Zcash have a version of two bytes.
fn zcash(token: &[u8]) -> Option<&'static str> {
    let bytes = decode::<26>(token, digit)?;
    let [first, second, ..] = bytes;
    let known = matches!([first, second], [0x1c, 0xb8 | 0xbd | 0xba] | [0x1d, 0x25]);
    (known && is_checked(&bytes)).then_some("zcash")
}

fn is_checked(bytes: &[u8]) -> bool {
    bytes.split_last_chunk::<4>().is_some_and(|(payload, checksum)| {
        model::sha256(&[model::sha256(&[payload]).as_bytes()]).as_bytes().starts_with(checksum)
    })
}

/// Room for the longest that is decoded: an extended key of 82 bytes.
const LIMBS: usize = 21;

pub(super) const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";
