//! Numbers of those who give care, and of those who get it.

use crate::detect::checksum::{cross_sum, digit, is_constant, is_digits, letter, luhn_sum, part, weighted};
use crate::detect::scheme::{Needs, Scheme};

const CLASS: &str = "health";

/// CMS, "national provider identifier" (45 CFR 162.406).
pub(super) const US_NPI: Scheme = Scheme {
    name: "us-npi",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[],
    check: is_npi,
    needs: Needs::Word,
    words: &["npi", "npis", "npino", "npinumber", "provider", "prescriber"],
};

/// Drug Enforcement Administration, "registration number".
pub(super) const US_DEA: Scheme = Scheme {
    name: "us-dea",
    class: CLASS,
    forms: &["AA9999999", "A99999999"],
    groups: &[&[2, 7]],
    check: is_dea,
    needs: Needs::Word,
    words: &["dea", "deano", "deanumber", "prescriber"],
};

/// CMS, "Understanding the Medicare beneficiary identifier format".
pub(super) const US_MBI: Scheme = Scheme {
    name: "us-mbi",
    class: CLASS,
    forms: &["9AX9AX9AA99"],
    groups: &[&[4, 3, 4]],
    check: is_mbi,
    needs: Needs::WordUnlessGrouped,
    words: &["mbi", "medicare", "beneficiary", "hicn"],
};

/// "Krankenversichertennummer" (section 290 of the Sozialgesetzbuch V).
pub(super) const DE_KVNR: Scheme = Scheme {
    name: "de-kvnr",
    class: CLASS,
    forms: &["A999999999"],
    groups: &[&[1, 3, 3, 3]],
    check: is_kvnr,
    needs: Needs::Word,
    words: &[
        "kvnr",
        "krankenversicherung",
        "krankenversicherungsnummer",
        "krankenversichertennummer",
        "krankenkasse",
        "versichertennummer",
        "versichertennr",
        "egk",
    ],
};

/// Te Whatu Ora, "national health index" (HISO 10046:2023), of the old form and the new.
pub(super) const NZ_NHI: Scheme = Scheme {
    name: "nz-nhi",
    class: CLASS,
    forms: &["AAA9999", "AAA99AA"],
    groups: &[],
    check: is_nhi,
    needs: Needs::Word,
    words: &["nhi", "nhino", "nhinumber"],
};

/// Numbers of patients and their records: every hospital has its own.
pub(super) const RECORD: Scheme = Scheme {
    name: "health-record",
    class: CLASS,
    forms: &[
        "999999",
        "9999999",
        "99999999",
        "999999999",
        "9999999999",
        "99999999999",
        "999999999999",
        "9999999999999",
        "99999999999999",
        "999999999999999",
        "9999999999999999",
        "99999999999999999",
        "A999999",
        "A9999999",
        "A99999999",
        "AA999999",
        "AAA999999",
    ],
    groups: &[&[2, 2, 2], &[2, 2, 3], &[3, 3], &[3, 3, 3], &[3, 3, 2], &[3, 6]],
    check: is_record,
    needs: Needs::Word,
    words: &[
        "mrn",
        "mrns",
        "mrnumber",
        "emr",
        "ehr",
        "patientid",
        "patientno",
        "patientnumber",
        "medicalrecord",
        "hospitalno",
        "beneficiary",
        "patientennummer",
        "patientnummer",
    ],
};

fn is_npi(c: &[u8]) -> bool {
    // What the prefix 80840 adds to the sum.
    matches!(letter(c, 0), b'1' | b'2') && !is_constant(c) && (luhn_sum(c) + 24).is_multiple_of(10)
}

fn is_dea(c: &[u8]) -> bool {
    let digits = part(c, 2..9);
    let holder = matches!(letter(c, 1), b'9' | b'A'..=b'Z');
    b"ABCDEFGHJKLMPRSTUX".contains(&letter(c, 0))
        && holder
        && !is_constant(digits)
        && weighted(digits, &[1, 2, 1, 2, 1, 2]) % 10 == digit(digits, 6)
}

fn is_mbi(c: &[u8]) -> bool {
    digit(c, 0) > 0 && !c.iter().any(|c| b"SLOIBZ".contains(c))
}

fn is_kvnr(c: &[u8]) -> bool {
    // The letter counts as two digits, from 01.
    let place = u64::from(letter(c, 0).saturating_sub(b'A')) + 1;
    let twice = place % 10 * 2;
    let sum = place / 10 + twice / 10 + twice % 10 + cross_sum(part(c, 1..9), &[1, 2, 1, 2, 1, 2, 1, 2]);
    !is_constant(part(c, 1..10)) && sum % 10 == digit(c, 9)
}

fn is_nhi(c: &[u8]) -> bool {
    let counts = |c: &u8| match c {
        b'0'..=b'9' => Some(u64::from(c - b'0')),
        _ => b"ABCDEFGHJKLMNPQRSTUVWXYZ".iter().position(|of| of == c).and_then(|i| u64::try_from(i + 1).ok()),
    };
    let Some(counts) = c.iter().map(counts).collect::<Option<Vec<_>>>() else { return false };
    let Some((check, body)) = counts.split_last() else { return false };
    let sum: u64 = body.iter().zip([7, 6, 5, 4, 3, 2]).map(|(count, weight)| count * weight).sum();
    if is_digits(part(c, 6..7)) {
        !sum.is_multiple_of(11) && (11 - sum % 11) % 10 == *check
    } else {
        23 - sum % 23 == *check
    }
}

fn is_record(c: &[u8]) -> bool {
    let digits: Vec<u8> = c.iter().copied().filter(u8::is_ascii_digit).collect();
    !is_constant(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::assert_vectors;

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[&US_NPI, &US_DEA, &US_MBI, &DE_KVNR, &NZ_NHI, &RECORD],
            &[
                ("us-npi", "1234567893", ["1234567894", "1243567893"]),
                ("us-npi", "1993999998", ["1993999989", "3993999998"]),
                ("us-dea", "BB1388568", ["BB1388567", "BB3188568"]),
                ("us-dea", "F91234563", ["F81234563", "F91234564"]),
                ("us-mbi", "1EG4-TE5-MK73", ["0EG4-TE5-MK73", "1SG4-TE5-MK73"]),
                ("de-kvnr", "A123456780", ["A123456781", "A132456780"]),
                ("nz-nhi", "ZAC5361", ["ZAC5362", "ZAC3561"]),
                ("nz-nhi", "ZBN77VL", ["ZBN77VM", "ZNB77VL"]),
                ("health-record", "00458213", ["00000000", "00458"]),
            ],
        );
    }
}
