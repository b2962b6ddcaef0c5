//! PostgreSQL's wire protocol, version 3: what a client may say, what becomes of it as actions, and what the server
//! answers. Bytes in, meanings out; no socket.

pub mod action;
pub mod message;
pub mod result;
pub mod value;

use bytes::Bytes;

/// A reader that checks every step: all parsers of this protocol use it, and nothing else looks at bytes.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(crate) fn i16(&mut self) -> Option<i16> {
        self.take(2)?.try_into().ok().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.take(4)?.try_into().ok().map(i32::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// A count of items; a negative one is none at all.
    pub(crate) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.i16()?).ok()
    }

    /// Bytes up to a NUL, which is taken and not returned.
    pub(crate) fn until_nul(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let taken = self.take(end)?;
        self.u8()?;
        Some(taken)
    }

    /// A value with its length in front: `-1` is NULL.
    pub(crate) fn value(&mut self) -> Option<Option<&'a [u8]>> {
        match self.i32()? {
            -1 => Some(None),
            length => Some(Some(self.take(usize::try_from(length).ok()?)?)),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One whole message: its tag, and all of its bytes as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The first byte.
    pub tag: u8,
    /// Tag, length and body.
    pub raw: Bytes,
}

impl Frame {
    /// What stands behind the length.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.raw.get(HEAD..).unwrap_or_default()
    }
}

/// Bytes of a tag and a length.
pub const HEAD: usize = 5;

/// The tag and the length of the whole message, tag included, if its head is there. `None` inside: the length is not one.
#[must_use]
pub fn head(buffer: &[u8]) -> Option<(u8, Option<usize>)> {
    let mut reader = Reader(buffer);
    let (tag, length) = (reader.u8()?, reader.i32()?);
    let whole = usize::try_from(length).ok().filter(|length| *length >= 4).and_then(|length| length.checked_add(1));
    Some((tag, whole))
}

#[cfg(test)]
mod transcripts;
