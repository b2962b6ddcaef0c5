//! Schemes: kinds of numbers that are told by their form, their check and the words around them. It knows no text: the
//! scanner finds what has the form, and asks here whether it is one.

/// One scheme of numbers.
#[derive(Debug)]
pub(crate) struct Scheme {
    /// What it is, for those who ask why something was masked: `us-ssn`.
    pub(crate) name: &'static str,
    /// The data class: `ssn`.
    pub(crate) class: &'static str,
    /// One letter a character, without separators: `9` a digit, `A` a letter (either case), `X` a digit or letter, any
    /// other upper-case letter or sign itself. Between 6 and 22 characters. A scheme of several lengths has several
    /// forms.
    pub(crate) forms: &'static [&'static str],
    /// How it may be written in groups of these lengths, with one space, dash, dot or slash between them. In one piece
    /// it may be written always.
    pub(crate) groups: &'static [&'static [usize]],
    /// Whether its characters, without separators and in upper case, are such a number: checksums, ranges, dates.
    pub(crate) check: fn(&[u8]) -> bool,
    /// When a word of `words` must stand near it.
    pub(crate) needs: Needs,
    /// Whole words in lower case, without digits: names of columns and keys, and what people write before such a number.
    pub(crate) words: &'static [&'static str],
}

/// When a number is one only beside a word that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Never: form and check are proof enough (at most about one random string of its form in 1,000 passes).
    Nothing,
    /// Unless it is written in one of its groups.
    WordUnlessGrouped,
    /// Always.
    Word,
}
