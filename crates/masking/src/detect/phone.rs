//! Telephone numbers: in the international form (E.164) by themselves, in national ones by how they are grouped, and else
//! beside a word.

use super::Class;
use super::groups::{Groups, Lengths};
use super::scan::Scan;
use super::words::PHONE;

impl Scan<'_> {
    /// A number behind `+`, from the first group on. Returns how many groups it takes.
    pub(super) fn international(&mut self, groups: &Groups) -> Option<usize> {
        let start = groups.start();
        let plus = self.slice(start.saturating_sub(2), start);
        let plus = match plus {
            [.., b'+'] => start - 1,
            [b'+', b'(' | b' '] => start - 2,
            _ => return None,
        };
        if !self.looks_for(Class::PHONE) {
            return None;
        }
        let mut taken = 1;
        while let Some(group) = groups.get(taken)
            && groups.total(0, taken + 1) <= 15
            && group.end - group.start <= 8
        {
            taken += 1;
        }
        let digits = groups.digits(0, taken);
        if !(8..=15).contains(&digits.len()) || !has_country(digits) {
            return None;
        }
        let end = self.extension(groups.get(taken - 1)?.end);
        self.push(plus..end, Class::PHONE, "phone");
        Some(taken)
    }

    /// Groups that are written as a national number is: with punctuation that only telephone numbers have, or beside a word.
    pub(super) fn national(&mut self, groups: &Groups, first: usize, count: usize) -> Option<()> {
        if !self.looks_for(Class::PHONE) {
            return None;
        }
        let (start, end) = (groups.get(first)?.start, groups.get(first + count - 1)?.end);
        let total = groups.total(first, count);
        let digit = |at: usize| groups.digits(first, count).get(at).copied();
        let is_north_american = groups.are(first, count, const { Lengths::of(&[3, 3, 4]) })
            || groups.are(first, count, const { Lengths::of(&[1, 3, 3, 4]) });
        let is_north_american = is_north_american
            && [total - 10, total - 7]
                .into_iter()
                .all(|at| digit(at).is_some_and(|digit| (b'2'..=b'9').contains(&digit)))
            && (total == 10 || digit(0) == Some(b'1'));
        let begins_with_zero = (2..=6).contains(&count) && (9..=12).contains(&total) && digit(0) == Some(b'0');
        let plain = (7..=12).contains(&total) && count <= 6;
        let is_proven = is_north_american
            || (begins_with_zero
                && (groups.are(first, count, const { Lengths::of(&[2, 2, 2, 2, 2]) })
                    || self.at_before(start) == Some(b'(')));
        let is_one = is_proven || (plain && self.says(groups.start(), PHONE));
        if !is_one {
            return None;
        }
        if !self.says(groups.start(), PHONE) && !self.stands_alone_as_phone(groups, first, count) {
            return None;
        }
        let bracket = usize::from(self.at_before(start) == Some(b'('));
        let end = self.extension(end);
        self.push(start - bracket..end, Class::PHONE, "phone");
        Some(())
    }

    /// In brackets, or with nothing of its like before or behind it.
    fn stands_alone_as_phone(&self, groups: &Groups, first: usize, count: usize) -> bool {
        let is_bracketed = groups.get(first).is_some_and(|group| self.at_before(group.start) == Some(b'('));
        is_bracketed || self.stands_alone(groups, first, count)
    }

    /// Where an extension ends that stands behind a number: `ext. 12`, `x12`.
    fn extension(&self, end: usize) -> usize {
        let rest = self.slice(end, end + 24);
        let skipped = rest.iter().take_while(|byte| matches!(byte, b' ' | b',')).count();
        let word = rest.get(skipped..).unwrap_or_default();
        let length = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let is_extension =
            EXTENSIONS.iter().any(|known| word.get(..length).is_some_and(|word| word.eq_ignore_ascii_case(known)));
        let behind = word.get(length..).unwrap_or_default();
        let gap = behind.iter().take_while(|byte| matches!(byte, b' ' | b'.' | b':')).count();
        let digits = behind.get(gap..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if is_extension && (1..=6).contains(&digits) { end + skipped + length + gap + digits } else { end }
    }

    pub(super) fn at_before(&self, at: usize) -> Option<u8> {
        at.checked_sub(1).and_then(|before| self.at(before))
    }
}

const EXTENSIONS: [&[u8]; 4] = [b"x", b"ext", b"extn", b"extension"];

/// Whether digits begin with a country code that is assigned (ITU-T E.164).
fn has_country(digits: &[u8]) -> bool {
    match digits {
        // In North America the next digits are an area, and an exchange.
        [b'1', area, _, _, exchange, ..] => digits.len() == 11 && *area >= b'2' && *exchange >= b'2',
        [b'7', ..] => digits.len() == 11,
        [a, b, c, ..] => {
            let number =
                |digits: &[&u8]| digits.iter().fold(0, |number, digit| 10 * number + usize::from(**digit - b'0'));
            let is_code = |code: usize| CODES.get(code).copied().unwrap_or_default();
            is_code(number(&[a, b])) || is_code(number(&[a, b, c]))
        }
        _ => false,
    }
}

/// Whether a number of two or three digits is a code. Of the three-digit ones none begins with zero.
static CODES: [bool; 1000] = codes();

#[expect(clippy::indexing_slicing, reason = "at compile time, over the list below")]
const fn codes() -> [bool; 1000] {
    let mut codes = [false; 1000];
    let text = COUNTRIES.as_bytes();
    let (mut at, mut code) = (0, 0);
    while at < text.len() {
        match text[at] {
            b' ' => {
                codes[code] = true;
                code = 0;
            }
            digit => code = 10 * code + (digit - b'0') as usize,
        }
        at += 1;
    }
    codes[code] = true;
    codes
}

const COUNTRIES: &str = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 \
    66 81 82 84 86 90 91 92 93 94 95 98 211 212 213 216 218 22 23 24 25 260 261 262 263 264 265 266 267 268 269 290 291 \
    297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 379 380 381 382 383 385 386 \
    387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599 670 672 673 674 \
    675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 878 880 881 882 \
    883 886 888 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998";
