//! Numbers: groups of digits with a sign or two between them, and what they may be: cards, dates, addresses, telephone
//! numbers, and those of the schemes. Of groups that go on without end only windows are looked at.

use super::groups::{Group, Groups, Lengths};
use super::register::{Grouping, Known, LONGEST};
use super::scan::{Scan, kind};
use super::scheme::Needs;
use super::words::{CARD, CARD_DETAIL, EXPIRY};
use super::{Class, card};

/// How digits that are judged are written.
#[derive(Debug, Clone, Copy)]
enum Style<'d> {
    /// In one piece.
    Single,
    /// In groups that are known.
    Grouped(&'d Grouping),
    /// In any groups.
    Loose,
}

impl Scan<'_> {
    /// Groups of digits that begin with these. Returns where to go on.
    pub(super) fn numbers(&mut self, start: usize, end: usize) -> usize {
        let Some(second) = self.next_group(end) else {
            if end - start < 6 {
                self.short(start, end);
            } else {
                let mut groups = Groups::new(self.value, Group { start, end });
                self.judge_one(&mut groups);
            }
            return end;
        };
        let mut groups = Groups::new(self.value, Group { start, end });
        let mut next = Some(second);
        groups.is_cut = start == self.cut_at && start > 0;
        while let Some(group) = next {
            if !groups.push(group) {
                groups.is_cut = true;
                self.judge_groups(&mut groups);
                self.cut_at = groups.get(groups.count.saturating_sub(AGAIN).max(1)).map_or(0, |group| group.start);
                let again = groups.count.saturating_sub(AGAIN).max(1);
                return groups.get(again).map_or(group.start, |group| group.start);
            }
            next = self.next_group(group.end);
        }
        self.judge_groups(&mut groups);
        groups.get(groups.count - 1).map_or(end, |last| last.end)
    }

    /// One group, by itself.
    fn judge_one(&mut self, groups: &mut Groups) {
        if groups.count == 1 && self.international(groups).is_none() {
            self.judge(groups, 0, 1, Style::Single);
        }
    }

    fn next_group(&self, end: usize) -> Option<Group> {
        let rest = self.slice(end, end + JOINT + 1);
        let joint = rest.iter().position(|byte| !is_joint(*byte))?;
        if joint == 0 || !rest.get(joint)?.is_ascii_digit() {
            return None;
        }
        let start = end + joint;
        let digits = self.value.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        Some(Group { start, end: start + digits })
    }

    /// Up to five digits: a year, or what stands on the back of a card.
    fn short(&mut self, start: usize, end: usize) {
        let length = end - start;
        if length == 4 {
            self.named_date(start, end);
        }
        if matches!(length, 3 | 4) && self.looks_for(Class::CARD) && self.says(start, CARD_DETAIL) {
            self.push(start..end, Class::CARD, "card-verification");
        }
    }

    fn judge_groups(&mut self, groups: &mut Groups) {
        let count = groups.count;
        self.judge_dotted(groups);
        if let Some(taken) = self.international(groups) {
            groups.tell(0, taken);
        }
        for first in 0..count {
            if first + 3 <= count && !groups.is_told(first, 3) && self.date(groups, first) {
                groups.tell(first, 3);
            }
        }
        if groups.told == 0
            && count > 1
            && !groups.is_cut
            && !is_decimal(groups)
            && self.judge(groups, 0, count, Style::Loose)
        {
            return;
        }
        for first in 0..count {
            self.judge_grouped(groups, first);
        }
        for first in 0..count {
            if groups.is_told(first, 1) || is_fraction(groups, first) {
                continue;
            }
            match groups.get(first) {
                Some(group) if group.end - group.start == 4 => self.named_date(group.start, group.end),
                _ => {
                    self.judge(groups, first, 1, Style::Single);
                }
            }
        }
        self.judge_ends(groups);
        self.expiry(groups);
    }

    /// Four numbers with single dots between them, and no more.
    fn judge_dotted(&mut self, groups: &mut Groups) {
        let is_dotted = |groups: &Groups, at: usize| groups.joint(at) == b".";
        let mut first = 0;
        while first < groups.count {
            let mut last = first;
            while is_dotted(groups, last) {
                last += 1;
            }
            if last - first == 3
                && let (Some(a), Some(b)) = (groups.get(first), groups.get(last))
                && let octets = [first, first + 1, first + 2, last].map(|at| groups.get(at).unwrap_or_default())
                && octets.iter().all(|octet| is_octet(self.slice(octet.start, octet.end)))
                && let Some(end) = self.ipv4(a.start, b.end)
            {
                groups.tell(first, 4);
                if end > b.end {
                    groups.tell(last + 1, 1);
                }
            }
            // Versions, and other dotted runs, are no groups of one number.
            first = last + 1;
        }
    }

    /// The longest way of writing that fits the groups from `first` on, and holds.
    fn judge_grouped(&mut self, groups: &mut Groups, first: usize) {
        let detectors = self.detectors;
        for grouping in detectors.register.groupings(groups.lengths(first, 1).at(0)) {
            let fits = first + grouping.count <= groups.count && groups.are(first, grouping.count, grouping.lengths);
            // Among more of its like only a card, or what a word says.
            let is_plain = fits
                && grouping.total < 12
                && groups.is_flanked(first, grouping.count)
                && self.said(groups.start()).says_nothing();
            if fits && !is_plain && self.judge(groups, first, grouping.count, Style::Grouped(grouping)) {
                return;
            }
        }
    }

    /// Loose groups with more numbers before or behind them, and digits that are spaced one by one.
    fn judge_ends(&mut self, groups: &mut Groups) {
        let count = groups.count;
        if groups.is_cut {
            return;
        }
        let mut single = 0;
        for at in 0..=count {
            if at < count && groups.lengths(at, 1) == Lengths::of(&[1]) {
                single += 1;
                continue;
            }
            if single >= 9 && single < count {
                self.judge(groups, at - single, single, Style::Loose);
            }
            single = 0;
        }
        if count < 3 || groups.told != 0 {
            return;
        }
        let mut total = groups.total(0, 1);
        for at in 1..count - 1 {
            total += groups.total(at, 1);
            if total > 19 || (total >= 13 && self.card(groups, 0, at + 1, Style::Loose)) {
                return;
            }
        }
    }

    /// What digits are. Returns whether they are something, and tells it.
    fn judge(&mut self, groups: &mut Groups, first: usize, count: usize, style: Style<'_>) -> bool {
        if groups.is_told(first, count) || !(6..=LONGEST).contains(&groups.total(first, count)) {
            return false;
        }
        let is_told = self.worded(groups, first, count)
            || self.card(groups, first, count, style)
            || (count <= 6 && self.national(groups, first, count).is_some())
            || self.by_itself(groups, first, count, style);
        if is_told {
            groups.tell(first, count);
        }
        is_told
    }

    fn card(&mut self, groups: &Groups, first: usize, count: usize, style: Style<'_>) -> bool {
        let length = groups.total(first, count);
        if !(12..=19).contains(&length) || !self.looks_for(Class::CARD) {
            return false;
        }
        let (Some(start), Some(last)) = (groups.get(first), groups.get(first + count - 1)) else { return false };
        let Some(sure) = card::judge(groups.digits(first, count)) else { return false };
        // A run of groups of any lengths is no card because its digits happen to check.
        let is_even = !matches!(style, Style::Loose) || is_uniform(groups, first, count);
        if (sure == card::Sure::BesideAWord || !is_even) && !self.says(groups.start(), CARD) {
            return false;
        }
        self.push(start.start..last.end, Class::CARD, "card");
        true
    }

    /// A scheme's number beside a word that says so, however it is written.
    fn worded(&mut self, groups: &Groups, first: usize, count: usize) -> bool {
        let detectors = self.detectors;
        let Some(shelf) = detectors.register.of_digits(groups.total(first, count)) else { return false };
        if shelf.all.is_empty() {
            return false;
        }
        let said = self.said(groups.start());
        if !said.says(shelf.topics) {
            return false;
        }
        // The one that is written so, before others.
        let lengths = groups.lengths(first, count);
        let is_written_so = |known: &Known| known.scheme.groups.iter().any(|groups| Lengths::of(groups) == lengths);
        let known = || shelf.all.iter().filter(|known| said.says(known.topics));
        known().filter(|known| is_written_so(known)).any(|known| self.is_of(known, groups, first, count))
            || known().any(|known| self.is_of(known, groups, first, count))
    }

    /// A scheme's number that needs no word as it is written.
    fn by_itself(&mut self, groups: &Groups, first: usize, count: usize, style: Style<'_>) -> bool {
        let detectors = self.detectors;
        let known = match style {
            Style::Single => detectors.register.of_digits(groups.total(first, 1)).map_or(&[][..], |shelf| &shelf.alone),
            Style::Grouped(grouping) => &grouping.known,
            Style::Loose => &[],
        };
        let is_letter = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic());
        if known.is_empty() || !self.stands_alone(groups, first, count) {
            return false;
        }
        let (Some(start), Some(last)) = (groups.get(first), groups.get(first + count - 1)) else { return false };
        // Digits that are glued to letters are of something longer; groups are not.
        let is_glued = count == 1 && (is_letter(self.at_before(start.start)) || is_letter(self.at(last.end)));
        !is_glued && known.iter().any(|known| self.is_of(known, groups, first, count))
    }

    /// Whether groups are joined by single signs, and no more of their like stands before or behind them.
    pub(super) fn stands_alone(&self, groups: &Groups, first: usize, count: usize) -> bool {
        let is_usual = |at: usize| matches!(groups.joint(at), b" " | b"-" | b"." | b"/" | b"_");
        let goes_on = groups.is_flanked(first, count);
        let (Some(start), Some(last)) = (groups.get(first), groups.get(first + count - 1)) else { return false };
        let is_of_word = |byte: Option<u8>| byte.is_some_and(|byte| kind(byte).is_of_token());
        let is_behind_dash = matches!(self.at_before(start.start), Some(b'-' | b'.'))
            && is_of_word(start.start.checked_sub(2).and_then(|at| self.at(at)));
        let is_before_dash = matches!(self.at(last.end), Some(b'-' | b'.')) && is_of_word(self.at(last.end + 1));
        (first..first + count - 1).all(is_usual) && !goes_on && !is_behind_dash && !is_before_dash
    }

    fn is_of(&mut self, known: &Known, groups: &Groups, first: usize, count: usize) -> bool {
        let (Some(start), Some(last)) = (groups.get(first), groups.get(first + count - 1)) else { return false };
        let is_one = self.looks_for(known.class) && (known.scheme.check)(groups.digits(first, count));
        if is_one {
            self.push(start.start..last.end, known.class, known.scheme.name);
        }
        is_one
    }

    /// `12/27`, beside a word.
    fn expiry(&mut self, groups: &Groups) {
        for at in 0..groups.count.saturating_sub(1) {
            let (Some(a), Some(b)) = (groups.get(at), groups.get(at + 1)) else { continue };
            let is_month = matches!(self.slice(a.start, a.end), [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2']);
            if is_month
                && matches!(groups.joint(at), b"/" | b"-" | b" / ")
                && matches!(b.end - b.start, 2 | 4)
                && !groups.is_told(at, 2)
                && self.looks_for(Class::CARD)
                && self.says(groups.start(), EXPIRY)
            {
                self.push(a.start..b.end, Class::CARD, "card-expiry");
            }
        }
    }

    /// A token of letters and digits: as a whole, with the groups that go on behind it, and the digits in it. Returns where
    /// to go on.
    pub(super) fn mixed(&mut self, start: usize, end: usize) -> usize {
        if let Some(end) = self.lettered(start, end) {
            return end;
        }
        // Digits that touch the token's end may go on; long ones may be glued to letters.
        let mut at = start;
        while at < end {
            let run = self.slice(at, end).iter().take_while(|byte| byte.is_ascii_digit()).count();
            if run >= 12 || (run >= 1 && at + run == end && self.next_group(end).is_some()) {
                let went = self.numbers(at, at + run);
                if went > end {
                    return went;
                }
            }
            at += run.max(1);
        }
        end
    }

    /// A scheme's number with letters in it.
    pub(super) fn lettered(&mut self, start: usize, end: usize) -> Option<usize> {
        let mut token = [0; LONGEST];
        let mut length = 0;
        let (mut at, mut piece_end) = (start, end);
        let mut longest = None;
        let mut pieces = [0; 6];
        // Up to six pieces, with a sign between them.
        for count in 0..pieces.len() {
            *pieces.get_mut(count)? = piece_end - at;
            for byte in self.slice(at, piece_end) {
                *token.get_mut(length)? = byte.to_ascii_uppercase();
                length += 1;
            }
            if let Some(known) = self.scheme_of(token.get(..length)?, pieces.get(..=count)?, start) {
                longest = Some((piece_end, known));
            }
            let next = piece_end + 1;
            if !self.detectors.register.may_go_on_behind(pieces.get(..=count)?) {
                break;
            }
            let is_joined = matches!(self.at(piece_end), Some(b' ' | b'-' | b'.' | b'/'));
            if !is_joined || !self.at(next).is_some_and(|byte| kind(byte).is_of_token()) {
                break;
            }
            let more = self.slice(next, next + LONGEST + 1);
            let more = more.iter().take_while(|byte| kind(**byte).is_of_token()).count();
            if length + more > LONGEST {
                break;
            }
            (at, piece_end) = (next, next + more);
        }
        let (end, known) = longest?;
        self.push(start..end, known.class, known.scheme.name);
        Some(end)
    }

    fn scheme_of(&mut self, token: &[u8], pieces: &[usize], start: usize) -> Option<Known> {
        let detectors = self.detectors;
        let known = detectors.register.of_letters(token.len()).iter();
        for known in known {
            if has_form(token, known.form)
                && self.looks_for(known.class)
                && (known.scheme.check)(token)
                && (pieces.len() == 1 || known.scheme.groups.contains(&pieces))
                && (known.scheme.needs == Needs::Nothing
                    || (known.scheme.needs == Needs::WordUnlessGrouped && pieces.len() > 1)
                    || self.says(start, known.topics))
            {
                return Some(*known);
            }
        }
        None
    }
}

fn has_form(token: &[u8], form: &str) -> bool {
    token.len() == form.len()
        && token.iter().zip(form.bytes()).all(|(byte, form)| match form {
            b'9' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_uppercase(),
            b'X' => byte.is_ascii_alphanumeric(),
            exact => *byte == exact,
        })
}

/// 0 to 255, without zeros in front.
fn is_octet(digits: &[u8]) -> bool {
    match digits {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => {
            rest.len() < 2 || (rest.len() == 2 && (digits.starts_with(b"1") || digits <= b"255".as_slice()))
        }
        _ => false,
    }
}

fn is_joint(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'_' | b',' | b'|' | b'\t')
}

/// A number with a fraction.
fn is_decimal(groups: &Groups) -> bool {
    groups.count == 2 && groups.joint(0) == b"."
}

/// A group before or behind a dot that a number with a fraction could have.
fn is_fraction(groups: &Groups, at: usize) -> bool {
    groups.joint(at) == b"." || at.checked_sub(1).is_some_and(|before| groups.joint(before) == b".")
}

/// Groups of one length but for the last, or of the lengths that cards are written in.
fn is_uniform(groups: &Groups, first: usize, count: usize) -> bool {
    let starts = groups.lengths(first, 1);
    let is_even = (1..count - 1).all(|at| groups.lengths(first + at, 1) == starts)
        && groups.lengths(first + count - 1, 1).at(0) <= starts.at(0).max(4);
    let lengths = groups.lengths(first, count);
    (is_even || CARD_GROUPS.iter().any(|grouping| lengths == Lengths::of(grouping)))
        && is_joined_alike(groups, first, count)
}

fn is_joined_alike(groups: &Groups, first: usize, count: usize) -> bool {
    (first..first + count - 1).all(|at| groups.joint(at) == groups.joint(first))
}

pub(super) const CARD_GROUPS: &[&[usize]] =
    &[&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4], &[4, 4, 5], &[6, 13], &[4, 3, 3, 3]];
pub(super) const PHONE_GROUPS: &[&[usize]] = &[
    &[3, 3, 4],
    &[1, 3, 3, 4],
    &[2, 2, 2, 2, 2],
    &[5, 6],
    &[4, 7],
    &[3, 8],
    &[3, 7],
    &[5, 3, 3],
    &[4, 3, 4],
    &[4, 3, 3],
];
/// Groups that are looked at again, with those behind them.
const AGAIN: usize = 6;
/// Signs between two groups.
const JOINT: usize = 3;
