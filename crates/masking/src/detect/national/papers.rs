//! Passports, identity cards and driving licences: forms that many papers share, so a word must always stand near.

use super::CLASS;
use crate::detect::checksum::{digit, icao, is_constant, letter, number, part, split_check};
use crate::detect::scheme::{Needs, Scheme};

/// Forms of the passports of the United States and India, of most of Europe, and of France and Ireland.
pub(super) const PASSPORT: Scheme = Scheme {
    name: "passport",
    class: CLASS,
    forms: &[
        "A9999999",
        "A99999999",
        "AA999999",
        "AA9999999",
        "AA99999999",
        "AAA999999",
        "AAA99999A",
        "99AA99999",
        "AA9999999A",
        "A9999999A",
        "999999999",
    ],
    groups: &[],
    check: is_paper,
    needs: Needs::Word,
    words: PASSPORT_WORDS,
};

const PASSPORT_WORDS: &[&str] = &[
    "passport",
    "passports",
    "passportno",
    "passportnumber",
    "passportnum",
    "passeport",
    "pasaporte",
    "passaporte",
    "passaporto",
    "reisepass",
    "reisepassnummer",
    "paspoort",
    "paspoortnummer",
    "paszport",
    "paszportu",
    "passnummer",
    "ppno",
];

/// Bundesdruckerei: German passports and identity cards since November 2007, with their check digit.
pub(super) const DE_PAPER: Scheme = Scheme {
    name: "de-paper",
    class: CLASS,
    forms: &["AXXXXXXXX9"],
    groups: &[],
    check: is_german_paper_checked,
    needs: Needs::Word,
    words: DE_PAPER_WORDS,
};

/// The same without it.
pub(super) const DE_PAPER_SHORT: Scheme = Scheme {
    name: "de-paper-short",
    class: CLASS,
    forms: &["AXXXXXXXX"],
    groups: &[],
    check: is_german_paper,
    needs: Needs::Word,
    words: DE_PAPER_WORDS,
};

const DE_PAPER_WORDS: &[&str] = &[
    "reisepass",
    "reisepassnummer",
    "passnummer",
    "passport",
    "personalausweis",
    "personalausweisnummer",
    "ausweis",
    "ausweisnummer",
    "ausweisnr",
    "perso",
];

/// DVLA driver number: surname, date of birth, initials, with 18 characters when the licence's issue is added.
pub(super) const GB_LICENCE: Scheme = Scheme {
    name: "gb-licence",
    class: CLASS,
    forms: &[
        "AAAAA999999AX9AA",
        "AAAA9999999AX9AA",
        "AAA99999999AX9AA",
        "AA999999999AX9AA",
        "AAAAA999999AXXAA",
        "AAAA9999999AXXAA",
        "AAA99999999AXXAA",
        "AA999999999AXXAA",
        "AAAAA999999AX9AA99",
        "AAAA9999999AX9AA99",
    ],
    groups: &[&[5, 6, 5], &[5, 6, 2, 3], &[5, 6, 5, 2]],
    check: is_british_licence,
    needs: Needs::Word,
    words: LICENCE_WORDS,
};

/// Forms of the licences of California, New Jersey, Florida, Illinois, Michigan, Minnesota, Wisconsin and others that a
/// letter begins.
pub(super) const US_LICENCE: Scheme = Scheme {
    name: "us-licence",
    class: CLASS,
    forms: &["A9999999", "A99999999", "A99999999999", "A999999999999", "A9999999999999", "A99999999999999", "AA999999"],
    groups: &[&[1, 3, 3, 3, 3], &[1, 3, 2, 3, 1, 3], &[4, 4, 4], &[1, 4, 4, 4], &[1, 4, 5, 5], &[5, 5, 5]],
    check: is_paper,
    needs: Needs::Word,
    words: LICENCE_WORDS,
};

const LICENCE_WORDS: &[&str] = &[
    "licence",
    "license",
    "licenceno",
    "licenseno",
    "licencenumber",
    "licensenumber",
    "driving",
    "driverlicense",
    "driverslicense",
    "drivinglicence",
    "dl",
    "dln",
    "dlno",
    "dvla",
    "dmv",
    "permis",
    "carnet",
    "fuhrerschein",
    "führerschein",
    "fuehrerschein",
    "rijbewijs",
    "patente",
];

fn is_paper(c: &[u8]) -> bool {
    let digits: Vec<u8> = c.iter().copied().filter(u8::is_ascii_digit).collect();
    !is_constant(&digits)
}

fn is_german_paper(c: &[u8]) -> bool {
    let body = part(c, 0..9);
    b"CFGHJKLMNPRTVWXYZ".contains(&letter(c, 0))
        && body.iter().all(|c| c.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(c))
        && body.iter().any(u8::is_ascii_digit)
        && !is_constant(part(c, 1..9))
}

fn is_german_paper_checked(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    is_german_paper(c) && icao(body, check)
}

/// The sixth is the decade of birth, then month (women's have fifty more), day and the year in its decade.
fn is_british_licence(c: &[u8]) -> bool {
    let month = number(c, 6..8) % 50;
    (1..=12).contains(&month)
        && number(c, 6..8) <= 62
        && (1..=31).contains(&number(c, 8..10))
        && (letter(c, 12).is_ascii_uppercase() || digit(c, 12) == 9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::assert_vectors;

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[&PASSPORT, &DE_PAPER, &DE_PAPER_SHORT, &GB_LICENCE, &US_LICENCE],
            &[
                ("passport", "A12345678", ["A11111111", "1A2345678"]),
                ("passport", "09AA12345", ["00AA00000", "AA0912A45"]),
                // The specimens of the Bundesdruckerei.
                ("de-paper", "C01X00T478", ["C01X00T479", "C01X00T748"]),
                ("de-paper", "L01X00T471", ["L01X00T472", "A01X00T471"]),
                ("de-paper-short", "C01X00T47", ["A01X00T47", "C01E00T47"]),
                ("gb-licence", "MORGA657054SM9IJ", ["MORGA637054SM9IJ", "MORGA657324SM9IJ"]),
                ("gb-licence", "MORGA 753116 SM9 IJ", ["MORGA 783116 SM9 IJ", "MORGA 753006 SM9 IJ"]),
                ("us-licence", "I1234568", ["I1111111", "1I234568"]),
            ],
        );
    }
}
