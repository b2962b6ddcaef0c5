//! Values in the binary format, as text that can be searched. What is text in either format stays as it is; of a type that
//! holds nothing that is searched for, there is none.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What `cell` says, a value of type `kind` in either format. `None`: nothing that anybody searches for.
#[must_use]
pub fn in_text(kind: u32, cell: &[u8]) -> Option<Cow<'_, [u8]>> {
    if matches!(kind, BOOL | CHAR | INT2 | OID | FLOAT4 | FLOAT8 | UUID | TIME | TIMETZ | INTERVAL) {
        return None;
    }
    // What is no value of its type is searched as it is.
    let is_text = cell.iter().all(|byte| (0x20..0x7f).contains(byte));
    let written = if is_text { None } else { written(kind, cell) };
    Some(written.map_or(Cow::Borrowed(cell), |text| Cow::Owned(text.into_bytes())))
}

/// A binary value of one of the types that are no text.
fn written(kind: u32, cell: &[u8]) -> Option<String> {
    match kind {
        INT4 => Some(i32::from_be_bytes(cell.try_into().ok()?).to_string()),
        INT8 => Some(i64::from_be_bytes(cell.try_into().ok()?).to_string()),
        DATE => date(i32::from_be_bytes(cell.try_into().ok()?).into()),
        TIMESTAMP | TIMESTAMPTZ => {
            let micros = i64::from_be_bytes(cell.try_into().ok()?);
            date(micros.div_euclid(MICROS_OF_A_DAY))
        }
        NUMERIC => numeric(cell),
        INET | CIDR => address(cell),
        MACADDR => Some(cell.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")),
        _ => None,
    }
}

/// The date of so many days after the first of 2000.
fn date(days: i64) -> Option<String> {
    // Days of 400 years are counted from the first of March (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let days = days.checked_add(730_425)?;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let corrected = day.checked_sub(day / 1_460)?.checked_add(day / 36_524)?.checked_sub(day / 146_096)?;
    let year = corrected / 365;
    let before = year.checked_mul(365)?.checked_add(year / 4)?.checked_sub(year / 100)?;
    let day = day.checked_sub(before)?;
    let month = day.checked_mul(5)?.checked_add(2)? / 153;
    let day = day.checked_sub(month.checked_mul(153)?.checked_add(2)? / 5)?.checked_add(1)?;
    let (year, month) = (year.checked_add(era.checked_mul(400)?)?, month.checked_add(3)?);
    let (year, month) = if month > 12 { (year.checked_add(1)?, month.checked_sub(12)?) } else { (year, month) };
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// Groups of four decimal digits behind a head of their number, the weight of the first, the sign and the digits shown.
fn numeric(cell: &[u8]) -> Option<String> {
    let (head, groups) = cell.split_first_chunk::<8>()?;
    let [_, _, weight_high, weight_low, ..] = *head;
    let weight = i16::from_be_bytes([weight_high, weight_low]);
    let mut text = String::new();
    let whole = usize::try_from(weight.checked_add(1)?).unwrap_or(0).min(MOST_GROUPS);
    let mut groups = groups.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
    for _ in 0..whole {
        write!(text, "{:04}", groups.next().unwrap_or(0)).ok()?;
    }
    let rest: Vec<u16> = groups.take(MOST_GROUPS).collect();
    if rest.iter().any(|group| *group != 0) {
        text.push('.');
        rest.iter().try_for_each(|group| write!(text, "{group:04}")).ok()?;
    }
    Some(text.trim_start_matches('0').to_owned())
}

/// A family, the bits of the mask, whether it is a network, and the bytes of the address.
fn address(cell: &[u8]) -> Option<String> {
    let (head, bytes) = cell.split_first_chunk::<4>()?;
    let [_, bits, ..] = *head;
    let address = match bytes.len() {
        4 => Ipv4Addr::from(*bytes.first_chunk::<4>()?).to_string(),
        _ => Ipv6Addr::from(*bytes.first_chunk::<16>()?).to_string(),
    };
    Some(format!("{address}/{bits}"))
}

const BOOL: u32 = 16;
const CHAR: u32 = 18;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const OID: u32 = 26;
const CIDR: u32 = 650;
const FLOAT4: u32 = 700;
const FLOAT8: u32 = 701;
const MACADDR: u32 = 829;
const INET: u32 = 869;
const DATE: u32 = 1082;
const TIME: u32 = 1083;
const TIMESTAMP: u32 = 1114;
const TIMESTAMPTZ: u32 = 1184;
const INTERVAL: u32 = 1186;
const TIMETZ: u32 = 1266;
const NUMERIC: u32 = 1700;
const UUID: u32 = 2950;
const MICROS_OF_A_DAY: i64 = 86_400_000_000;
/// Groups of a number that are written: more digits than anything that is searched for has.
const MOST_GROUPS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: u32, cell: &[u8]) -> Option<String> {
        in_text(kind, cell).map(|text| String::from_utf8(text.into_owned()).unwrap())
    }

    #[test]
    fn binary_values_are_written_out() {
        for (kind, cell, told) in [
            (INT8, &4_111_111_111_111_111_i64.to_be_bytes()[..], "4111111111111111"),
            (INT4, &123_456_789_i32.to_be_bytes()[..], "123456789"),
            (DATE, &0_i32.to_be_bytes()[..], "2000-01-01"),
            (DATE, &(-7_234_i32).to_be_bytes()[..], "1980-03-12"),
            (DATE, &59_i32.to_be_bytes()[..], "2000-02-29"),
            (TIMESTAMP, &86_399_999_999_i64.to_be_bytes()[..], "2000-01-01"),
            (INET, &[2, 32, 0, 4, 10, 1, 2, 3][..], "10.1.2.3/32"),
            (MACADDR, &[0, 26, 43, 60, 77, 94][..], "00:1a:2b:3c:4d:5e"),
            (NUMERIC, &[0, 4, 0, 3, 0, 0, 0, 0, 16, 15, 4, 87, 4, 87, 4, 87][..], "4111111111111111"),
        ] {
            assert_eq!(text(kind, cell).unwrap(), told);
        }
    }

    #[test]
    fn text_stays_as_it_is_and_some_types_hold_nothing() {
        assert_eq!(text(INT8, b"12345678").unwrap(), "12345678");
        assert_eq!(text(25, b"12").unwrap(), "12");
        assert_eq!(text(UUID, &[7; 16]), None);
        // Bytes that are no value of their type are searched as they are.
        assert_eq!(text(INT8, &[1, 2]).unwrap(), "\u{1}\u{2}");
    }
}
