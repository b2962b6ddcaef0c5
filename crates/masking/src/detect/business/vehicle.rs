//! Numbers of vehicles.

use crate::detect::checksum::{is_digits, letter, part};
use crate::detect::scheme::{Needs, Scheme};

const CLASS: &str = "vehicle";

/// ISO 3779, with the check digit that North America and China ask for (49 CFR 565.15, GB 16735).
pub(super) const VIN: Scheme = Scheme {
    name: "vin",
    class: CLASS,
    forms: &["XXXXXXXXXXXXXXXXX"],
    groups: &[&[3, 6, 8], &[3, 5, 1, 8]],
    check: is_vin_checked,
    needs: Needs::Nothing,
    words: WORDS,
};

/// ISO 3779: elsewhere the ninth character is not a check digit.
pub(super) const VIN_UNCHECKED: Scheme = Scheme {
    name: "vin-unchecked",
    class: CLASS,
    forms: &["XXXXXXXXXXXXXXXXX"],
    groups: &[&[3, 6, 8], &[3, 5, 1, 8]],
    check: is_vin,
    needs: Needs::Word,
    words: WORDS,
};

const WORDS: &[&str] = &[
    "vin",
    "vins",
    "vinno",
    "vinnumber",
    "chassis",
    "vehicle",
    "fahrgestellnummer",
    "fin",
    "fahrzeug",
    "telaio",
    "bastidor",
    "chasis",
];

/// Digits alone are a time or an order far more often than a vehicle, and the last four are its serial number.
fn is_vin(c: &[u8]) -> bool {
    !c.iter().any(|c| b"IOQ".contains(c)) && is_digits(part(c, 13..17)) && !is_digits(c)
}

fn is_vin_checked(c: &[u8]) -> bool {
    let weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum: u64 = c.iter().zip(weights).map(|(&c, weight)| transliterated(c) * weight).sum();
    let check = match sum % 11 {
        10 => u64::from(b'X'),
        digit => u64::from(b'0') + digit,
    };
    is_vin(c) && check == u64::from(letter(c, 8)) && !b"UZ0".contains(&letter(c, 9))
}

fn transliterated(c: u8) -> u64 {
    match c {
        b'0'..=b'9' => u64::from(c - b'0'),
        b'A'..=b'H' => u64::from(c - b'A') + 1,
        b'J'..=b'R' => u64::from(c - b'J') + 1,
        b'S'..=b'Z' => u64::from(c - b'S') + 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::{accepts, assert_vectors};

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[&VIN, &VIN_UNCHECKED],
            &[
                ("vin", "1M8GDM9AXKP042788", ["1M8GDM9AXKP042787", "1M8GDM9AXPK042788"]),
                ("vin", "1HGCM82633A004352", ["1HGCM82633A004325", "1HGCM82643A004352"]),
                ("vin-unchecked", "WVWZZZ1JZXW000001", ["WVWZZZ1JZXW00000O", "WVWZZZ1JZXW0Z0001Q"]),
            ],
        );
    }

    #[test]
    fn a_time_of_seventeen_digits_is_no_vehicle() {
        assert!(!accepts(&VIN_UNCHECKED, "20261201043206123"));
    }
}
