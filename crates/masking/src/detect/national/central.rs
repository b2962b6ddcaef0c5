//! Numbers of Germany, Austria and Switzerland.

use super::CLASS;
use crate::detect::calendar::{is_date, is_dmy};
use crate::detect::checksum::{
    cross_sum, digit, ean_13, is_constant, letter, mod_11_10, number, part, value, weighted,
};
use crate::detect::scheme::{Needs, Scheme};

/// Bundeszentralamt für Steuern, "Identifikationsnummer" (section 139b of the Abgabenordnung).
pub(super) const DE_TAX: Scheme = Scheme {
    name: "de-tax",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[&[2, 3, 3, 3]],
    check: is_german_tax,
    needs: Needs::WordUnlessGrouped,
    words: &[
        "steuer",
        "steuerid",
        "steueridentifikationsnummer",
        "identifikationsnummer",
        "idnr",
        "stid",
        "tin",
        "tax",
        "taxid",
        "steuernummer",
    ],
};

/// Deutsche Rentenversicherung, "Versicherungsnummer" (Verordnung VKVV, section 2).
pub(super) const DE_PENSION: Scheme = Scheme {
    name: "de-pension",
    class: CLASS,
    forms: &["99999999A999"],
    groups: &[&[2, 6, 1, 3], &[2, 2, 2, 2, 1, 3]],
    check: is_german_pension,
    needs: Needs::WordUnlessGrouped,
    words: &[
        "rvnr",
        "svnr",
        "vsnr",
        "rentenversicherung",
        "rentenversicherungsnummer",
        "sozialversicherung",
        "sozialversicherungsnummer",
        "versicherungsnummer",
        "pension",
    ],
};

/// Dachverband der Sozialversicherungsträger, "Versicherungsnummer".
pub(super) const AT_INSURANCE: Scheme = Scheme {
    name: "at-insurance",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[&[4, 6], &[3, 1, 6], &[4, 2, 2, 2]],
    check: is_austrian_insurance,
    needs: Needs::WordUnlessGrouped,
    words: &[
        "svnr",
        "svn",
        "vsnr",
        "vnr",
        "sozialversicherung",
        "sozialversicherungsnummer",
        "versicherungsnummer",
        "ecard",
        "social",
        "insurance",
    ],
};

/// Zentrale Ausgleichsstelle, "AHV-Nummer / numéro AVS".
pub(super) const CH_AHV: Scheme = Scheme {
    name: "ch-ahv",
    class: CLASS,
    forms: &["9999999999999"],
    groups: &[&[3, 4, 4, 2]],
    check: is_swiss,
    needs: Needs::Nothing,
    words: &["ahv", "avs", "navs", "ahvn", "ahvnr", "sozialversicherung", "nss"],
};

fn is_german_tax(c: &[u8]) -> bool {
    let body = part(c, 0..10);
    letter(c, 0) != b'0' && has_german_repeats(body) && mod_11_10(c)
}

/// Of the first ten digits one stands twice or three times, but not three times in a row; no other stands twice.
fn has_german_repeats(body: &[u8]) -> bool {
    let count = |digit: u8| body.iter().filter(|&&c| c == digit).count();
    let repeated: Vec<u8> = (b'0'..=b'9').filter(|&digit| count(digit) > 1).collect();
    let &[digit] = repeated.as_slice() else { return false };
    count(digit) <= 3 && !body.windows(3).any(|run| run == [digit; 3])
}

fn is_german_pension(c: &[u8]) -> bool {
    let (area, day) = (number(c, 0..2), number(c, 2..4));
    // Those who share a birthday and a letter with too many have fifty more.
    let born = is_date(2000 + number(c, 6..8), number(c, 4..6), if day > 50 { day - 50 } else { day });
    let place = u64::from(letter(c, 8).saturating_sub(b'A')) + 1;
    let sum = cross_sum(part(c, 0..8), &[2, 1, 2, 5, 7, 1, 2, 1])
        + [place / 10 * 2, place % 10].iter().map(|product| product / 10 + product % 10).sum::<u64>()
        + cross_sum(part(c, 9..11), &[2, 1]);
    area >= 2 && born && sum % 10 == digit(c, 11)
}

fn is_austrian_insurance(c: &[u8]) -> bool {
    // Months 13 to 15 are for birthdays whose numbers have run out.
    let born = is_dmy(part(c, 4..10)) || (matches!(number(c, 6..8), 13..=15) && matches!(number(c, 4..6), 1..=31));
    !is_constant(c)
        && digit(c, 0) > 0
        && born
        && weighted(c, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == value(letter(c, 3))
}

fn is_swiss(c: &[u8]) -> bool {
    c.starts_with(b"756") && !is_constant(part(c, 3..13)) && ean_13(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::{accepts, assert_vectors};

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[&DE_TAX, &DE_PENSION, &AT_INSURANCE, &CH_AHV],
            &[
                ("de-tax", "86 095 742 719", ["86 095 742 718", "68 095 742 719"]),
                ("de-tax", "65929970489", ["65929970498", "65929970488"]),
                ("de-tax", "36 574 261 809", ["36 574 261 890", "36 554 266 806"]),
                ("de-pension", "15 070649 C 103", ["15 070649 C 104", "15 070694 C 103"]),
                ("at-insurance", "1237 010180", ["2237 010180", "1237 010810"]),
                ("ch-ahv", "756.9217.0769.85", ["756.9217.0769.84", "756.9217.0796.85"]),
                ("ch-ahv", "756.1234.5678.97", ["123.4567.8910.19", "756.1234.5678.79"]),
            ],
        );
    }

    #[test]
    fn no_digit_of_a_german_tax_number_stands_three_times_in_a_row() {
        assert!(has_german_repeats(b"1123415678"));
        assert!(!has_german_repeats(b"1112345678"));
        assert!(!has_german_repeats(b"1122345678"));
        assert!(!has_german_repeats(b"1234567890"));
        assert!(!accepts(&DE_TAX, "02476291358"));
    }
}
