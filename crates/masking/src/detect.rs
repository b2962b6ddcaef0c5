//! Detectors: what in a value is sensitive by its own form. One pass over the bytes; its cost grows with their number
//! alone, whatever they are. It knows no messages, no columns and no actors.

mod business;
mod calendar;
mod card;
mod checksum;
mod coin;
mod date;
mod email;
mod groups;
mod iban;
mod national;
mod network;
mod numbers;
mod phone;
mod register;
mod scan;
mod scheme;
mod secret;
mod view;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use model::DataClass;

use register::Register;
use scheme::Scheme;
use words::{Topics, Words};

/// All that is looked for: made once, shared by every session.
#[derive(Debug)]
pub struct Detectors {
    /// In the order of `Class`.
    classes: Vec<DataClass>,
    words: Words,
    register: Register,
    /// None if they could not be made ready: such secrets are then found at the start of a word only.
    beginnings: Option<AhoCorasick>,
}

/// The classes that are looked for in values on their way to one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watch(u64);

/// What the name of a column or key says of the values under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Context {
    topics: Topics,
    strength: Option<secret::Strength>,
}

/// Something sensitive in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The bytes of the value that it stands in.
    pub span: Range<usize>,
    /// The detector that told it, such as `us-ssn`.
    pub detector: &'static str,
    class: Class,
}

impl Detectors {
    /// Those that are built in, made once.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<Detectors> = LazyLock::new(Detectors::new);
        &BUILT_IN
    }

    fn new() -> Self {
        let beginnings = AhoCorasick::new(secret::BEGINNINGS).ok();
        let groupings: Vec<_> = numbers::CARD_GROUPS.iter().chain(numbers::PHONE_GROUPS).copied().collect();
        let classes = Class::NAMES.iter().filter_map(|name| name.parse().ok()).collect();
        Self { classes, words: Words::new(schemes()), register: Register::new(schemes(), &groupings), beginnings }
    }

    /// The classes that there are detectors for.
    #[must_use]
    pub fn classes(&self) -> &[DataClass] {
        &self.classes
    }

    /// Looks for those of these classes that there are detectors for.
    #[must_use]
    pub fn watch(&self, classes: &BTreeSet<DataClass>) -> Watch {
        let bits = self.classes.iter().enumerate().filter(|(_, class)| classes.contains(class)).map(|(at, _)| 1 << at);
        Watch(bits.fold(0, |all, bit: u64| all | bit))
    }

    /// Looks for every class.
    #[must_use]
    pub fn watch_all(&self) -> Watch {
        Watch(u64::MAX)
    }

    /// What the name of a column or key says of the values under it.
    #[must_use]
    pub fn context(&self, name: &str) -> Context {
        let name = name.as_bytes();
        Context { topics: self.words.of_name(name), strength: self.words.strength_of(name) }
    }

    /// Finds what is sensitive in `value`: appended in order, without overlaps.
    pub fn find(&self, value: &[u8], context: Context, watch: Watch, found: &mut Vec<Found>) {
        if watch.is_empty() {
            return;
        }
        let start = found.len();
        view::find(self, value, context, (watch, view::LAYERS), found);
        settle(found, start);
    }

    /// The class of what was found.
    #[must_use]
    pub fn class(&self, found: &Found) -> Option<&DataClass> {
        self.classes.get(usize::from(found.class.0))
    }
}

impl Watch {
    /// Whether nothing is looked for.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn looks_for(self, class: Class) -> bool {
        self.0 & (1 << class.0) != 0
    }
}

/// Puts what was found from `start` on in order; of what overlaps, the first takes in the rest.
fn settle(found: &mut Vec<Found>, start: usize) {
    let new = found.get_mut(start..).unwrap_or_default();
    if !new.is_sorted_by(|a, b| a.span.end <= b.span.start) {
        new.sort_by_key(|one| (one.span.start, std::cmp::Reverse(one.span.end)));
        let mut last: Option<Range<usize>> = None;
        let mut at = 0;
        let mut kept = start;
        while let Some(one) = found.get(start + at).cloned() {
            at += 1;
            match &mut last {
                Some(span) if one.span.start < span.end => {
                    span.end = span.end.max(one.span.end);
                    if let Some(into) = found.get_mut(kept - 1) {
                        into.span.end = span.end;
                    }
                }
                _ => {
                    last = Some(one.span.clone());
                    if let Some(place) = found.get_mut(kept) {
                        *place = one;
                    }
                    kept += 1;
                }
            }
        }
        found.truncate(kept);
    }
}

fn schemes() -> impl Iterator<Item = &'static Scheme> {
    national::NATIONAL.iter().chain(business::BUSINESS)
}

/// A class that is built in, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class(u8);

impl Class {
    const CARD: Self = Self(0);
    const IBAN: Self = Self(1);
    const PHONE: Self = Self(2);
    const EMAIL: Self = Self(3);
    const IP: Self = Self(4);
    const BIRTH_DATE: Self = Self(5);
    const CRYPTO: Self = Self(6);
    const SECRET: Self = Self(7);
    const DEVICE: Self = Self(8);
    const NAMES: [&str; 14] = [
        "card",
        "iban",
        "phone",
        "email",
        "ip",
        "birth-date",
        "crypto",
        "secret",
        "device",
        "ssn",
        "national-id",
        "bank",
        "health",
        "vehicle",
    ];

    /// That of a scheme: a name that is not in the list is that of a national number.
    fn of(scheme: &Scheme) -> Self {
        let at = Self::NAMES.iter().position(|name| *name == scheme.class).unwrap_or(10);
        Self(u8::try_from(at).unwrap_or(10))
    }
}
