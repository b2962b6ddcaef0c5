//! Dates of the calendar, as people write them. One is sensitive only beside a word that says birth.

use super::Class;
use super::calendar::is_date;
use super::groups::Groups;
use super::scan::Scan;
use super::words::{BIRTH, MONTH};

impl Scan<'_> {
    /// A date in three groups that start at `first`. Returns whether it is one, whatever it is the date of.
    pub(super) fn date(&mut self, groups: &Groups, first: usize) -> bool {
        let lengths = groups.lengths(first, 3);
        let lengths = (lengths.at(0), lengths.at(1), lengths.at(2));
        if !matches!(lengths, (4, 1..=2, 1..=2) | (1..=2, 1..=2, 2 | 4)) {
            return false;
        }
        if groups.is_flanked(first, 3) {
            return false;
        }
        let (Some(a), Some(b), Some(c)) = (groups.get(first), groups.get(first + 1), groups.get(first + 2)) else {
            return false;
        };
        let same = self.slice(a.end, b.start) == self.slice(b.end, c.start);
        if !same || !matches!(self.slice(a.end, b.start), b"-" | b"/" | b".") {
            return false;
        }
        let (x, y, z) =
            (number(groups.digits(first, 1)), number(groups.digits(first + 1, 1)), number(groups.digits(first + 2, 1)));
        let is_date = match lengths {
            (4, ..) => is_day(x, y, z),
            (_, _, 4) => is_day(z, y, x) || is_day(z, x, y),
            _ => is_day(1900 + z, y, x) || is_day(1900 + z, x, y),
        };
        if is_date && self.looks_for(Class::BIRTH_DATE) && self.says(groups.start(), BIRTH) {
            self.push(a.start..c.end, Class::BIRTH_DATE, "birth-date");
        }
        is_date
    }

    /// A year that ends a date with the name of its month: `12 March 1980`, `March 12th, 1980`.
    pub(super) fn named_date(&mut self, start: usize, end: usize) {
        if !self.looks_for(Class::BIRTH_DATE) || !is_year(number(self.slice(start, end))) {
            return;
        }
        let window = start.saturating_sub(NAMED);
        let before = self.slice(window, start);
        // From the year backwards: a day and the month, or the other way round.
        let Some((second, word)) = word_before(before, before.len()) else { return };
        let words = &self.detectors.words;
        let is_month = |word: &[u8]| words.of_word(word).says(MONTH);
        let (is_day, is_month_itself) = (is_day_of_month(word), is_month(word));
        if !is_day && !is_month_itself {
            return;
        }
        let first = match word_before(before, second) {
            Some((first, month)) if is_day && is_month(month) => Some(window + first),
            Some((first, day)) if is_month_itself && is_day_of_month(day) => Some(window + first),
            _ => None,
        };
        if let Some(first) = first
            && self.says(first, BIRTH)
        {
            self.push(first..end, Class::BIRTH_DATE, "birth-date");
        }
    }
}

/// The word before the byte at `at`, and where it starts.
fn word_before(text: &[u8], at: usize) -> Option<(usize, &[u8])> {
    let is_gap = |byte: &&u8| matches!(byte, b' ' | b',' | b'.' | b'-' | b'/');
    let is_of_word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte >= 0x80;
    let end = at - text.get(..at)?.iter().rev().take_while(is_gap).count();
    let start = end - text.get(..end)?.iter().rev().take_while(is_of_word).count();
    (start < end).then(|| Some((start, text.get(start..end)?)))?
}

fn number(digits: &[u8]) -> u32 {
    digits.iter().take(8).fold(0, |number, digit| number * 10 + u32::from(digit.wrapping_sub(b'0')))
}

fn is_year(year: u32) -> bool {
    (1890..=2035).contains(&year)
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    is_year(year) && is_date(year.into(), month.into(), day.into())
}

/// `3`, `03`, `3rd`.
fn is_day_of_month(word: &[u8]) -> bool {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (day, ending) = word.split_at_checked(digits).unwrap_or_default();
    (1..=2).contains(&digits)
        && (1..=31).contains(&number(day))
        && matches!(ending, b"" | b"st" | b"nd" | b"rd" | b"th" | b"er" | b"o" | b"de")
}

/// Bytes before a year in which its month stands.
const NAMED: usize = 24;
