//! How a record lies in a file: two lengths, a checksum, the leaf, the payload.
//! A frame is valid as a whole or not at all, so a torn write is told from a record.

use model::sha256;

/// Bytes in front of a leaf: length of leaf (4), length of payload (4), checksum (8), all most significant first.
pub const FRAME_HEADER: usize = 16;

/// One record as it lies in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the tree commits to.
    pub leaf: &'a [u8],
    /// What opens the leaf's commitments.
    pub payload: &'a [u8],
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// The bytes end before the frame does.
    #[error("the bytes end in the middle of a record")]
    Short,
    /// The lengths or the checksum are wrong.
    #[error("the record's checksum does not match its bytes")]
    Corrupt,
}

impl<'a> Frame<'a> {
    /// Appends the frame to `out`.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let lengths = lengths(self.leaf.len(), self.payload.len());
        out.extend_from_slice(&lengths);
        out.extend_from_slice(&checksum(&lengths, self.leaf, self.payload));
        out.extend_from_slice(self.leaf);
        out.extend_from_slice(self.payload);
    }

    /// Bytes that the whole frame takes.
    #[must_use]
    pub const fn len(&self) -> usize {
        FRAME_HEADER + self.leaf.len() + self.payload.len()
    }

    /// Never: a frame has a header.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Reads the frame at the start of `bytes`.
    ///
    /// # Errors
    /// [`BadFrame::Short`] if `bytes` may be the beginning of a frame, [`BadFrame::Corrupt`] if not.
    pub fn read(bytes: &'a [u8]) -> Result<Self, BadFrame> {
        let (header, rest) = bytes.split_at_checked(FRAME_HEADER).ok_or(BadFrame::Short)?;
        let (lengths, expected) = header.split_at_checked(8).ok_or(BadFrame::Short)?;
        let (leaf_length, payload_length) = lengths.split_at_checked(4).ok_or(BadFrame::Short)?;
        let (leaf_length, payload_length) = (length(leaf_length), length(payload_length));
        if leaf_length == 0 || leaf_length > crate::LEAF_BYTES || payload_length > crate::PAYLOAD_BYTES {
            return Err(BadFrame::Corrupt);
        }
        let (leaf, rest) = rest.split_at_checked(leaf_length).ok_or(BadFrame::Short)?;
        let payload = rest.get(..payload_length).ok_or(BadFrame::Short)?;
        if checksum(lengths, leaf, payload) != expected {
            return Err(BadFrame::Corrupt);
        }
        Ok(Self { leaf, payload })
    }
}

/// Reads frames from the start of `bytes`, giving each with its offset, until they end or one is bad.
///
/// Returns how many bytes were whole frames, and why it stopped if not at the end.
pub fn scan<'a>(bytes: &'a [u8], mut each: impl FnMut(usize, Frame<'a>)) -> (usize, Option<BadFrame>) {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match Frame::read(rest) {
            Ok(frame) => {
                each(at, frame);
                at += frame.len();
            }
            Err(bad) => return (at, Some(bad)),
        }
    }
    (at, None)
}

fn lengths(leaf: usize, payload: usize) -> [u8; 8] {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let ([a, b, c, d], [e, f, g, h]) = (number(leaf), number(payload));
    [a, b, c, d, e, f, g, h]
}

fn length(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte))
}

fn checksum(lengths: &[u8], leaf: &[u8], payload: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *sha256(&[lengths, leaf, payload]).as_bytes();
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_frames() -> Vec<u8> {
        let mut bytes = Vec::new();
        Frame { leaf: b"leaf one", payload: b"payload" }.write(&mut bytes);
        Frame { leaf: b"leaf two", payload: b"" }.write(&mut bytes);
        bytes
    }

    #[test]
    fn a_cut_at_any_byte_keeps_exactly_the_whole_frames() {
        let bytes = two_frames();
        let first = FRAME_HEADER + 15;
        for cut in 0..bytes.len() {
            let mut seen = 0;
            let (valid, bad) = scan(&bytes[..cut], |_, _| seen += 1);
            let whole = usize::from(cut >= first);
            assert_eq!((seen, valid), (whole, whole * first), "cut at {cut}");
            assert_eq!(bad.is_none(), cut == 0 || cut == first, "cut at {cut}");
        }
    }

    #[test]
    fn a_flip_of_any_bit_is_noticed() {
        let bytes = two_frames();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(scan(&flipped, |_, _| ()).1.is_some(), "byte {at} bit {bit}");
            }
        }
    }
}
