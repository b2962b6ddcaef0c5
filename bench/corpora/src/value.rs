//! Sensitive values by class and shape: how each is made, what announces it in text, and the names of columns that hold
//! it. Written from the facts about the numbers, not from any detector.

mod bank;
mod card;
mod coin;
mod contact;
mod national;
mod secret;
mod state;
mod thing;

use std::ops::Range;

pub(crate) use self::secret::uuid;
use crate::random::Random;

/// One shape of one class.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The class as the gateway names it.
    pub class: &'static str,
    /// The shape within the class.
    pub shape: &'static str,
    /// Whether its form alone tells what it is.
    pub need: Need,
    /// Words that announce it in text.
    pub says: &'static [&'static str],
    /// Names of columns and keys that hold it.
    pub columns: &'static [&'static str],
    make: fn(&mut Random) -> String,
}

/// A number of a state's, whose check tells what it is.
const fn person(
    shape: &'static str,
    says: &'static [&'static str],
    columns: &'static [&'static str],
    make: fn(&mut Random) -> String,
) -> Kind {
    Kind { class: "national-id", shape, need: Need::Nothing, says, columns, make }
}

/// One of which one random run in eleven or more would pass.
const fn weak(
    shape: &'static str,
    says: &'static [&'static str],
    columns: &'static [&'static str],
    make: fn(&mut Random) -> String,
) -> Kind {
    Kind { need: Need::Context, ..person(shape, says, columns, make) }
}

/// Whether the form of a value alone tells what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It does.
    Nothing,
    /// It is reported only where a word or a name announces it.
    Context,
}

/// A value that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The whole text.
    pub text: String,
    /// The bytes of it that are sensitive: all of them but for connection strings, headers and assignments.
    pub part: Range<usize>,
}

impl Kind {
    /// A valid value of this shape.
    pub fn value(&self, random: &mut Random) -> Value {
        let marked = (self.make)(random);
        let Some((before, rest)) = marked.split_once(OPEN) else {
            return Value { part: 0..marked.len(), text: marked };
        };
        let (inside, after) = rest.split_once(CLOSE).unwrap_or((rest, ""));
        let part = before.len()..before.len() + inside.len();
        Value { text: [before, inside, after].concat(), part }
    }
}

/// All shapes of all classes.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    let all = [
        card::KINDS,
        bank::KINDS,
        national::KINDS,
        state::KINDS,
        contact::KINDS,
        coin::KINDS,
        thing::KINDS,
        secret::KINDS,
        secret::PHRASES,
    ];
    all.into_iter().flatten()
}

/// The kind of this class and shape.
pub fn kind(class: &str, shape: &str) -> Option<&'static Kind> {
    kinds().find(|kind| kind.class == class && kind.shape == shape)
}

/// Cuts a text of ASCII into groups; what is left over is the last one.
pub(crate) fn grouped(text: &str, sizes: &[usize], between: &str) -> String {
    let mut rest = text;
    let mut groups = Vec::new();
    for size in sizes {
        let (group, after) = rest.split_at_checked(*size).unwrap_or((rest, ""));
        groups.push(group);
        rest = after;
    }
    groups.push(rest);
    groups.retain(|group| !group.is_empty());
    groups.join(between)
}

/// A calendar date of a birth: year, month, day.
pub(crate) fn born(random: &mut Random) -> (u64, u64, u64) {
    (random.within(1940..=2004), random.within(1..=12), random.within(1..=28))
}

/// Where the sensitive part of a made text starts and ends.
pub(crate) const OPEN: char = '\u{27E6}';
pub(crate) const CLOSE: char = '\u{27E7}';

#[cfg(test)]
mod tests;
