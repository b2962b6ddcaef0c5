//! Groups: runs of digits with a sign or two between them, which may together be one number. They know no numbers.

/// One group of digits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Groups with signs between them.
#[derive(Debug)]
pub(super) struct Groups<'v> {
    value: &'v [u8],
    groups: [Group; GROUPS],
    pub(super) count: usize,
    /// Their digits, one after another.
    digits: [u8; DIGITS],
    /// Where the digits of each end.
    ends: [u8; GROUPS],
    lengths: Lengths,
    /// Those that are told already.
    pub(super) told: u32,
    /// There are more of them, before or behind.
    pub(super) is_cut: bool,
}

impl<'v> Groups<'v> {
    pub(super) fn new(value: &'v [u8], first: Group) -> Self {
        let (groups, lengths) = ([Group::default(); GROUPS], Lengths::default());
        let mut groups =
            Self { value, groups, count: 0, digits: [0; DIGITS], ends: [0; GROUPS], lengths, told: 0, is_cut: false };
        groups.push(first);
        groups
    }

    /// Takes one more, if there is room.
    pub(super) fn push(&mut self, group: Group) -> bool {
        let start = self.end_of(self.count);
        let digits = self.value.get(group.start..group.end).unwrap_or_default();
        let (Some(places), Some(place)) =
            (self.digits.get_mut(start..start + digits.len()), self.groups.get_mut(self.count))
        else {
            return false;
        };
        places.copy_from_slice(digits);
        *place = group;
        if let Some(end) = self.ends.get_mut(self.count) {
            *end = (start + digits.len()) as u8;
        }
        self.lengths.0 |= (digits.len().min(15) as u64) << (4 * self.count);
        self.count += 1;
        true
    }

    pub(super) fn get(&self, at: usize) -> Option<Group> {
        self.groups.get(..self.count)?.get(at).copied()
    }

    /// Where the first starts: what stands before it speaks of all of them.
    pub(super) fn start(&self) -> usize {
        self.groups.first().map_or(0, |group| group.start)
    }

    /// Where the digits of the first `count` end.
    fn end_of(&self, count: usize) -> usize {
        count.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |end| usize::from(*end))
    }

    pub(super) fn digits(&self, first: usize, count: usize) -> &[u8] {
        self.digits.get(self.end_of(first)..self.end_of(first + count)).unwrap_or_default()
    }

    /// How many digits they have.
    pub(super) fn total(&self, first: usize, count: usize) -> usize {
        self.end_of(first + count).saturating_sub(self.end_of(first))
    }

    /// Lengths of `count` groups from `first` on.
    pub(super) fn lengths(&self, first: usize, count: usize) -> Lengths {
        let mask = if count < 16 { (1 << (4 * count)) - 1 } else { u64::MAX };
        Lengths((self.lengths.0 >> (4 * first.min(15))) & mask)
    }

    /// Whether they have these lengths.
    pub(super) fn are(&self, first: usize, count: usize, lengths: Lengths) -> bool {
        self.lengths(first, count) == lengths
    }

    const fn bits(first: usize, count: usize) -> u32 {
        ((1 << count) - 1) << first
    }

    pub(super) fn is_told(&self, first: usize, count: usize) -> bool {
        self.told & Self::bits(first, count) != 0
    }

    pub(super) fn tell(&mut self, first: usize, count: usize) {
        self.told |= Self::bits(first, count);
    }

    /// Whether more groups stand before or behind some, joined by the same sign.
    pub(super) fn is_flanked(&self, first: usize, count: usize) -> bool {
        let joint = self.joint(first);
        let before = first.checked_sub(1).map_or(&[][..], |before| self.joint(before));
        count > 1 && (before == joint || self.joint(first + count - 1) == joint)
    }

    /// The signs behind group `at`, before the next.
    pub(super) fn joint(&self, at: usize) -> &'v [u8] {
        match (self.get(at), self.get(at + 1)) {
            (Some(a), Some(b)) => self.value.get(a.end..b.start).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// Lengths of groups, four bits each, the first in the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Lengths(u64);

impl Lengths {
    /// Those of at most 16 groups.
    pub(super) const fn of(mut lengths: &[usize]) -> Self {
        let (mut all, mut at) = (0, 0);
        while let [length, rest @ ..] = lengths {
            all |= (if *length < 15 { *length as u64 } else { 15 }) << at;
            (lengths, at) = (rest, at + 4);
        }
        Self(all)
    }

    /// That of the group at `at`.
    pub(super) const fn at(self, at: usize) -> usize {
        ((self.0 >> (4 * at)) & 15) as usize
    }
}

/// Groups that are looked at together: as many as have a place in `Lengths`.
const GROUPS: usize = 16;
/// Digits of groups that are looked at together.
const DIGITS: usize = 64;
