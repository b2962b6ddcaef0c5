//! Dates inside numbers. They know no scheme and no present day: a date is plausible if its calendar has it.

use super::checksum::number;

/// Whether the Gregorian calendar has the day.
pub(super) fn is_date(year: u64, month: u64, day: u64) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=last).contains(&day)
}

/// Whether six digits are year, month and day, in this century or the last.
pub(super) fn is_ymd(characters: &[u8]) -> bool {
    is_date(2000 + number(characters, 0..2), number(characters, 2..4), number(characters, 4..6))
}

/// Whether six digits are day, month and year, in this century or the last.
pub(super) fn is_dmy(characters: &[u8]) -> bool {
    is_date(2000 + number(characters, 4..6), number(characters, 2..4), number(characters, 0..2))
}

/// Whether eight digits are a year from 1800 to 2099, a month and a day.
pub(super) fn is_full_ymd(characters: &[u8]) -> bool {
    let year = number(characters, 0..4);
    (1800..2100).contains(&year) && is_date(year, number(characters, 4..6), number(characters, 6..8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_day_is_one_only_in_a_leap_year() {
        assert!(is_date(2024, 2, 29) && is_date(2000, 2, 29));
        assert!(!is_date(2023, 2, 29) && !is_date(1900, 2, 29));
    }

    #[test]
    fn months_and_days_have_their_limits() {
        assert!(is_ymd(b"851231") && is_dmy(b"311285") && is_full_ymd(b"19851231"));
        assert!(!is_ymd(b"851301") && !is_dmy(b"310485") && !is_dmy(b"001285") && !is_full_ymd(b"17991231"));
    }
}
