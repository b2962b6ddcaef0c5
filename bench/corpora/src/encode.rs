//! Hex, base64, base58 with its check, bech32 and bech32m, and the base 62 of token checks.

use crate::digest::sha256;
use crate::random::{BASE62, BASE64};

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 with its padding (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0_u32, |word, at| word << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let sign = (word >> (18 - 6 * at) & 63) as usize;
            out.push(if at <= chunk.len() { sign_of(BASE64, sign) } else { '=' });
        }
    }
    out
}

/// Base64 for addresses, without padding (RFC 4648, section 5).
pub(crate) fn base64_url(bytes: &[u8]) -> String {
    base64(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// Base58 of a payload and the four bytes of its check.
pub(crate) fn base58_check(payload: &[u8]) -> String {
    let mut whole = payload.to_vec();
    whole.extend(sha256(&sha256(payload)).iter().take(4));
    base58(&whole)
}

/// Base58 of Bitcoin.
pub(crate) fn base58(bytes: &[u8]) -> String {
    let mut signs: Vec<u32> = Vec::new();
    for &byte in bytes {
        let mut carry = u32::from(byte);
        for sign in &mut signs {
            carry += *sign << 8;
            *sign = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            signs.push(carry % 58);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let zeros = std::iter::repeat_n(0, zeros);
    zeros.chain(signs.into_iter().rev()).map(|sign| sign_of(BASE58, sign as usize)).collect()
}

/// A segregated-witness address (BIP 173, and BIP 350 from version 1 on).
pub(crate) fn segwit(prefix: &str, version: u8, program: &[u8]) -> String {
    let mut values = vec![version];
    let (mut bits, mut held) = (0_u32, 0);
    for &byte in program {
        bits = (bits << 8 | u32::from(byte)) & 0xFFFF;
        held += 8;
        while held >= 5 {
            held -= 5;
            values.push((bits >> held & 31) as u8);
        }
    }
    if held > 0 {
        values.push((bits << (5 - held) & 31) as u8);
    }
    let check = bech32_sum(prefix, &values, 6) ^ if version == 0 { 1 } else { 0x2bc8_30a3 };
    values.extend((0..6).map(|at| (check >> (25 - 5 * at) & 31) as u8));
    let data: String = values.iter().map(|value| sign_of(BECH32, usize::from(*value))).collect();
    format!("{prefix}1{data}")
}

fn bech32_sum(prefix: &str, values: &[u8], zeros: usize) -> u32 {
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    let all = high.chain([0]).chain(low).chain(values.iter().copied()).chain(std::iter::repeat_n(0, zeros));
    all.fold(1_u32, |sum, value| {
        let top = sum >> 25;
        let sum = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        let parts = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        parts.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1).fold(sum, |sum, (_, part)| sum ^ part)
    })
}

/// A number in base 62 with six signs.
pub(crate) fn base62_six(number: u32) -> String {
    (0..6).rev().map(|power| sign_of(BASE62, (u64::from(number) / 62_u64.pow(power) % 62) as usize)).collect()
}

fn sign_of(alphabet: &str, at: usize) -> char {
    alphabet.as_bytes().get(at).copied().map_or('?', char::from)
}

const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::crc32;

    #[test]
    fn base64_follows_the_vectors_of_its_rfc() {
        for (plain, coded) in [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn addresses_follow_published_ones() {
        let genesis = "62e907b15cbf27d5425399ebf6f0fb50ebb88f18";
        let hash: Vec<u8> = (0..20).map(|at| u8::from_str_radix(&genesis[2 * at..2 * at + 2], 16).unwrap()).collect();
        assert_eq!(base58_check(&[&[0], hash.as_slice()].concat()), "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa");
        // BIP 173's first example, and a checksum of BIP 350 that sums to its constant.
        let program = "751e76e8199196d454941c45d1b3a323f1433bd6";
        let hash: Vec<u8> = (0..20).map(|at| u8::from_str_radix(&program[2 * at..2 * at + 2], 16).unwrap()).collect();
        assert_eq!(segwit("bc", 0, &hash), "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4");
        let taproot = segwit("bc", 1, &[7; 32]);
        let values: Vec<u8> = taproot[3..].chars().map(|sign| BECH32.find(sign).unwrap() as u8).collect();
        assert_eq!(bech32_sum("bc", &values, 0), 0x2bc8_30a3);
    }

    #[test]
    fn the_check_of_a_token_is_that_of_a_published_one() {
        assert_eq!(base62_six(crc32(b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ")), "0mLq17");
    }
}
