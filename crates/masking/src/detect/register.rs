//! The register of schemes: which of them a number may be of, by its length and by the groups it is written in.

use super::Class;
use super::groups::Lengths;
use super::scheme::{Needs, Scheme};
use super::words::{Topics, topics_of};

/// The schemes, made ready to be looked up.
#[derive(Debug)]
pub(super) struct Register {
    /// By how many digits their numbers have.
    digits: Vec<Shelf>,
    /// Those with letters in them, by how many characters they have.
    lettered: Vec<Vec<Known>>,
    /// Ways to write digits in groups, by the length of the first group; the longest first.
    groupings: [Vec<Grouping>; 16],
    /// Ways to write numbers with letters in groups, by the length of the first group.
    lettered_groupings: [Vec<&'static [usize]>; 16],
}

/// All of one length.
#[derive(Debug, Default, Clone)]
pub(super) struct Shelf {
    /// What the words of any of them say.
    pub(super) topics: Topics,
    pub(super) all: Vec<Known>,
    /// Those that need neither words nor groups.
    pub(super) alone: Vec<Known>,
}

/// A way to write digits in groups.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) lengths: Lengths,
    pub(super) count: usize,
    pub(super) total: usize,
    /// The schemes that have it, and need no word in it.
    pub(super) known: Vec<Known>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) scheme: &'static Scheme,
    pub(super) form: &'static str,
    pub(super) class: Class,
    pub(super) topics: Topics,
}

impl Register {
    /// Of `schemes`; digits may also be written in `others`.
    pub(super) fn new(schemes: impl Iterator<Item = &'static Scheme>, others: &[&'static [usize]]) -> Self {
        let shelves = (vec![Shelf::default(); LONGEST + 1], vec![Vec::new(); LONGEST + 1]);
        let mut register = Self {
            digits: shelves.0,
            lettered: shelves.1,
            groupings: Default::default(),
            lettered_groupings: Default::default(),
        };
        others.iter().for_each(|groups| register.group(groups, None));
        for (at, scheme) in schemes.enumerate() {
            for form in scheme.forms.iter().copied() {
                register.take(Known { scheme, form, class: Class::of(scheme), topics: topics_of(at) });
            }
        }
        register.groupings.iter_mut().for_each(|all| all.sort_by_key(|grouping| std::cmp::Reverse(grouping.total)));
        register
    }

    fn take(&mut self, known: Known) {
        let length = known.form.len();
        let is_digits = known.form.bytes().all(|byte| byte == b'9');
        if !is_digits {
            if let Some(place) = self.lettered.get_mut(length) {
                place.push(known);
            }
            for groups in known.scheme.groups.iter().filter(|groups| groups.len() > 1) {
                let place = groups.first().and_then(|first| self.lettered_groupings.get_mut(*first));
                place.into_iter().filter(|all| !all.contains(groups)).for_each(|all| all.push(groups));
            }
        }
        // Where letters may stand there may be none.
        if !known.form.bytes().all(|byte| matches!(byte, b'9' | b'X')) {
            return;
        }
        if let Some(shelf) = self.digits.get_mut(length) {
            shelf.topics = shelf.topics.with(known.topics);
            shelf.all.push(known);
            if known.scheme.needs == Needs::Nothing {
                shelf.alone.push(known);
            }
        }
        let groups = known.scheme.groups.iter().filter(|groups| groups.iter().sum::<usize>() == length);
        groups.for_each(|groups| self.group(groups, Some(known)));
    }

    fn group(&mut self, groups: &[usize], known: Option<Known>) {
        let (lengths, count) = (Lengths::of(groups), groups.len());
        let Some(all) = self.groupings.get_mut(lengths.at(0)).filter(|_| count > 1) else { return };
        let known = known.filter(|known| known.scheme.needs != Needs::Word);
        match all.iter_mut().find(|grouping| grouping.lengths == lengths) {
            Some(grouping) => grouping.known.extend(known),
            None => {
                all.push(Grouping { lengths, count, total: groups.iter().sum(), known: known.into_iter().collect() })
            }
        }
    }

    /// Numbers of so many digits.
    pub(super) fn of_digits(&self, count: usize) -> Option<&Shelf> {
        self.digits.get(count)
    }

    /// Numbers of so many letters and digits.
    pub(super) fn of_letters(&self, count: usize) -> &[Known] {
        self.lettered.get(count).map_or(&[], Vec::as_slice)
    }

    /// Ways of writing whose first group has this length.
    pub(super) fn groupings(&self, first: usize) -> &[Grouping] {
        self.groupings.get(first).map_or(&[], Vec::as_slice)
    }

    /// Whether a number with letters in it may be written in groups that begin with these.
    pub(super) fn may_go_on_behind(&self, groups: &[usize]) -> bool {
        let all = groups.first().and_then(|first| self.lettered_groupings.get(*first));
        all.is_some_and(|all| all.iter().any(|known| known.len() > groups.len() && known.starts_with(groups)))
    }
}

/// Characters of the longest number of a scheme.
pub(super) const LONGEST: usize = 24;
