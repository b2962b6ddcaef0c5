//! SHA-256, Keccak-256 and CRC-32, which the check parts of coins' addresses and of tokens are made with. Written for
//! brevity: nothing secret depends on them.

/// SHA-256 (FIPS 180-4).
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    let mut state: [u32; 8] =
        [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
    let constants = sha256_constants();
    for block in padded.chunks_exact(64) {
        let mut words: Vec<u32> = block
            .chunks_exact(4)
            .map(|bytes| bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte)))
            .collect();
        for at in 16..64 {
            let (a, b) = (words[at - 15], words[at - 2]);
            let a = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let b = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            words.push(words[at - 16].wrapping_add(a).wrapping_add(words[at - 7]).wrapping_add(b));
        }
        let mixed = sha256_rounds(state, &words, &constants);
        for (old, new) in state.iter_mut().zip(mixed) {
            *old = old.wrapping_add(new);
        }
    }
    let mut out = [0; 32];
    for (place, byte) in out.iter_mut().zip(state.iter().flat_map(|word| word.to_be_bytes())) {
        *place = byte;
    }
    out
}

fn sha256_rounds(state: [u32; 8], words: &[u32], constants: &[u32]) -> [u32; 8] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    for (word, constant) in words.iter().zip(constants) {
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let first = h.wrapping_add(s1).wrapping_add(choice).wrapping_add(*constant).wrapping_add(*word);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let second = s0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(first), c, b, a, first.wrapping_add(second));
    }
    [a, b, c, d, e, f, g, h]
}

/// The first 32 bits of the fractions of the cube roots of the first 64 primes, computed in whole numbers.
fn sha256_constants() -> Vec<u32> {
    let primes = (2_u128..).filter(|number| (2..*number).all(|factor| number % factor != 0)).take(64);
    primes
        .map(|prime| {
            // The root of prime * 2^96 has 32 bits behind the point.
            let (mut low, mut high) = (0_u128, 1 << 36);
            while high - low > 1 {
                let middle = (low + high) / 2;
                if middle * middle * middle <= prime << 96 { low = middle } else { high = middle }
            }
            low as u32
        })
        .collect()
}

/// Keccak-256 with the padding of Ethereum, for messages shorter than one block of 136 bytes.
pub(crate) fn keccak256(message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 136];
    for (place, byte) in block.iter_mut().zip(message.iter().take(135)) {
        *place = *byte;
    }
    block[message.len().min(135)] ^= 1;
    block[135] ^= 0x80;
    let mut lanes = [0_u64; 25];
    for (lane, bytes) in lanes.iter_mut().zip(block.chunks_exact(8)) {
        *lane = bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    }
    keccak(&mut lanes);
    let mut out = [0; 32];
    for (place, byte) in out.iter_mut().zip(lanes.iter().flat_map(|lane| lane.to_le_bytes())) {
        *place = byte;
    }
    out
}

fn keccak(lanes: &mut [u64; 25]) {
    let mut register = 1_u8;
    for _ in 0..24 {
        let column = |lanes: &[u64; 25], x: usize| (0..5).fold(0, |sum, y| sum ^ lanes[x + 5 * y]);
        let columns: Vec<u64> = (0..5).map(|x| column(lanes, x)).collect();
        for (at, lane) in lanes.iter_mut().enumerate() {
            *lane ^= columns[(at + 4) % 5] ^ columns[(at + 1) % 5].rotate_left(1);
        }
        let (mut x, mut y, mut current) = (1, 0, lanes[1]);
        for step in 0..24_u32 {
            (x, y) = (y, (2 * x + 3 * y) % 5);
            let moved = current.rotate_left((step + 1) * (step + 2) / 2 % 64);
            current = std::mem::replace(&mut lanes[x + 5 * y], moved);
        }
        for row in lanes.chunks_exact_mut(5) {
            let old = row.to_vec();
            for (at, lane) in row.iter_mut().enumerate() {
                *lane = old[at] ^ (!old[(at + 1) % 5] & old[(at + 2) % 5]);
            }
        }
        for bit in 0..7 {
            if register & 1 == 1 {
                lanes[0] ^= 1 << ((1_u32 << bit) - 1);
            }
            register = if register & 0x80 == 0 { register << 1 } else { register << 1 ^ 0x71 };
        }
    }
}

/// CRC-32 (IEEE 802.3).
pub(crate) fn crc32(message: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for &byte in message {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::hex;

    #[test]
    fn published_vectors_hold() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&sha256(b"abc")), abc);
        let empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        assert_eq!(hex(&keccak256(b"")), empty);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
