//! One value of a result, and where it comes from: all that masking needs to know, and nothing of any message.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One value of a result row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell<'a> {
    /// Where its bytes stand in the message that carries it.
    pub span: Span,
    /// Its type as the upstream names it (`text`, `int4`, …).
    pub kind: &'a str,
    /// Where it comes from.
    pub provenance: &'a Provenance,
}

/// A range of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// As a range, to slice with.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// Where a result column comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Provenance {
    /// A plain column that carries no class.
    Clean,
    /// A plain column that carries this class.
    Classified(DataClass),
    /// Not proven to be a plain column: it may hold anything that the statement reads.
    Unproven,
}

/// A class of sensitive data, such as `email`: 1–32 of `a-z 0-9 - _`, starting with a letter.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DataClass(Box<str>);

/// The text is not the name of a class.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a data class: use 1 to 32 of a-z, 0-9, `-` and `_`, starting with a letter")]
pub struct InvalidClass(String);

impl DataClass {
    /// The class as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DataClass {
    type Err = InvalidClass;

    fn from_str(text: &str) -> Result<Self, InvalidClass> {
        let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if starts && text.len() <= 32 && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidClass(text.chars().take(64).collect()))
        }
    }
}

impl TryFrom<String> for DataClass {
    type Error = InvalidClass;

    fn try_from(text: String) -> Result<Self, InvalidClass> {
        text.parse()
    }
}

impl From<DataClass> for String {
    fn from(class: DataClass) -> Self {
        class.0.into()
    }
}

impl fmt::Display for DataClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
