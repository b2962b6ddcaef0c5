//! Numbers of Great Britain, Ireland, France, Belgium, the Netherlands and Luxembourg.

use super::CLASS;
use crate::detect::calendar::{is_date, is_full_ymd, is_ymd};
use crate::detect::checksum::{digit, is_constant, letter, luhn, number, part, split_check, verhoeff, weighted};
use crate::detect::scheme::{Needs, Scheme};

/// NHS Data Dictionary, "NHS number".
pub(super) const GB_NHS: Scheme = Scheme {
    name: "gb-nhs",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[&[3, 3, 4]],
    check: is_nhs,
    needs: Needs::WordUnlessGrouped,
    words: &["nhs", "nhsno", "nhsnumber", "nhsid", "chi"],
};

/// HMRC National Insurance Manual NIM39110.
pub(super) const GB_NINO: Scheme = Scheme {
    name: "gb-nino",
    class: CLASS,
    forms: &["AA999999A"],
    groups: &[&[2, 2, 2, 2, 1], &[2, 6, 1]],
    check: is_nino,
    needs: Needs::WordUnlessGrouped,
    words: NINO_WORDS,
};

/// A National Insurance number whose suffix is not written.
pub(super) const GB_NINO_SHORT: Scheme = Scheme {
    name: "gb-nino-short",
    class: CLASS,
    forms: &["AA999999"],
    groups: &[&[2, 2, 2, 2], &[2, 6]],
    check: has_nino_prefix,
    needs: Needs::Word,
    words: NINO_WORDS,
};

const NINO_WORDS: &[&str] = &["nino", "nin", "ni", "insurance", "nationalinsurance", "nationalinsurancenumber"];

/// HMRC Unique Taxpayer Reference.
pub(super) const GB_UTR: Scheme = Scheme {
    name: "gb-utr",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[&[5, 5]],
    check: is_utr,
    needs: Needs::Word,
    words: &["utr", "taxpayer", "hmrc"],
};

/// Personal Public Service Number, as the Department of Social Protection and Revenue describe it.
pub(super) const IE_PPS: Scheme = Scheme {
    name: "ie-pps",
    class: CLASS,
    forms: &["9999999A", "9999999AA"],
    groups: &[&[7, 1], &[7, 2]],
    check: is_pps,
    needs: Needs::Word,
    words: &["pps", "ppsn", "ppsno", "ppsnumber", "psp", "pspp"],
};

/// INSEE, "numéro d'inscription au répertoire", with its key.
pub(super) const FR_NIR: Scheme = Scheme {
    name: "fr-nir",
    class: CLASS,
    forms: &["999999999999999", "999999A99999999"],
    groups: NIR_GROUPS,
    check: is_nir,
    needs: Needs::Nothing,
    words: NIR_WORDS,
};

/// The same for those registered for a time, and for births whose month is not known.
pub(super) const FR_NIR_PROVISIONAL: Scheme = Scheme {
    name: "fr-nir-provisional",
    class: CLASS,
    forms: &["999999999999999", "999999A99999999"],
    groups: NIR_GROUPS,
    check: is_nir_provisional,
    needs: Needs::WordUnlessGrouped,
    words: NIR_WORDS,
};

/// The same without its key.
pub(super) const FR_NIR_SHORT: Scheme = Scheme {
    name: "fr-nir-short",
    class: CLASS,
    forms: &["9999999999999", "999999A999999"],
    groups: &[&[1, 2, 2, 2, 3, 3]],
    check: is_nir_short,
    needs: Needs::WordUnlessGrouped,
    words: NIR_WORDS,
};

const NIR_GROUPS: &[&[usize]] = &[&[1, 2, 2, 2, 3, 3, 2], &[13, 2]];

const NIR_WORDS: &[&str] =
    &["nir", "insee", "secu", "sécu", "securite", "sécurité", "sociale", "nss", "numss", "ssn", "social"];

/// DGFiP, "numéro fiscal de référence" (SPI). One time in milliseconds in 511 passes.
pub(super) const FR_SPI: Scheme = Scheme {
    name: "fr-spi",
    class: CLASS,
    forms: &["9999999999999"],
    groups: &[&[2, 2, 3, 3, 3]],
    check: is_spi,
    needs: Needs::WordUnlessGrouped,
    words: &["fiscal", "spi", "nif", "impot", "impôt", "impots", "impôts", "tin", "tax"],
};

/// IBZ, "numéro de registre national / rijksregisternummer".
pub(super) const BE_NATIONAL: Scheme = Scheme {
    name: "be-national",
    class: CLASS,
    forms: &["99999999999"],
    groups: BE_GROUPS,
    check: is_belgian,
    needs: Needs::Nothing,
    words: BE_WORDS,
};

/// BIS numbers, and national numbers of those whose day of birth is not known.
pub(super) const BE_BIS: Scheme = Scheme {
    name: "be-bis",
    class: CLASS,
    forms: &["99999999999"],
    groups: BE_GROUPS,
    check: is_belgian_bis,
    needs: Needs::WordUnlessGrouped,
    words: BE_WORDS,
};

const BE_GROUPS: &[&[usize]] = &[&[2, 2, 2, 3, 2], &[6, 3, 2], &[6, 5]];

const BE_WORDS: &[&str] =
    &["rijksregister", "rijksregisternummer", "insz", "inss", "niss", "nrn", "rrn", "registre", "bisnummer"];

/// Burgerservicenummer, RvIG "Logisch ontwerp BSN"; old ones have eight digits.
pub(super) const NL_BSN: Scheme = Scheme {
    name: "nl-bsn",
    class: CLASS,
    forms: &["999999999", "99999999"],
    groups: &[&[4, 2, 3], &[3, 3, 3], &[3, 2, 4]],
    check: is_bsn,
    needs: Needs::Word,
    words: &["bsn", "burgerservicenummer", "burgerservice", "sofi", "sofinummer", "rsin"],
};

/// "Matricule", règlement grand-ducal du 21 juin 2013.
pub(super) const LU_MATRICULE: Scheme = Scheme {
    name: "lu-matricule",
    class: CLASS,
    forms: &["9999999999999"],
    groups: &[&[8, 5], &[4, 2, 2, 3, 2], &[4, 4, 5]],
    check: is_luxembourgish,
    needs: Needs::Nothing,
    words: &["matricule", "cns", "ccss", "identification"],
};

fn is_nhs(c: &[u8]) -> bool {
    !is_constant(c) && weighted(c, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

fn is_nino(c: &[u8]) -> bool {
    has_nino_prefix(c) && matches!(letter(c, 8), b'A'..=b'D')
}

fn has_nino_prefix(c: &[u8]) -> bool {
    let prefix = part(c, 0..2);
    !prefix.iter().any(|letter| b"DFIQUV".contains(letter))
        && letter(c, 1) != b'O'
        && !["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].iter().any(|barred| barred.as_bytes() == prefix)
}

fn is_utr(c: &[u8]) -> bool {
    let sum = weighted(part(c, 1..10), &[6, 7, 8, 9, 10, 5, 4, 3, 2]);
    !is_constant(c) && usize::try_from(sum % 11).is_ok_and(|i| letter(b"21987654321", i) == letter(c, 0))
}

fn is_pps(c: &[u8]) -> bool {
    // Only the letters of the format of 2013 and after weigh; before, W, T and X told spouses apart.
    let second = match letter(c, 8) {
        0 | b'T' | b'W' | b'X' => 0,
        counted @ b'A'..=b'I' => u64::from(counted - b'A') + 1,
        _ => return false,
    };
    let sum = weighted(part(c, 0..7), &[8, 7, 6, 5, 4, 3, 2]) + second * 9;
    usize::try_from(sum % 23).is_ok_and(|i| letter(b"WABCDEFGHIJKLMNOPQRSTUV", i) == letter(c, 7))
}

fn is_nir(c: &[u8]) -> bool {
    matches!(digit(c, 0), 1 | 2) && matches!(number(c, 3..5), 1..=12 | 20 | 30..=42) && is_nir_keyed(c)
}

fn is_nir_provisional(c: &[u8]) -> bool {
    is_nir_born(c) && is_nir_keyed(c)
}

fn is_nir_short(c: &[u8]) -> bool {
    !is_constant(c) && matches!(digit(c, 0), 1 | 2) && is_nir_born(c) && nir_body(c).is_some()
}

fn is_nir_born(c: &[u8]) -> bool {
    matches!(digit(c, 0), 1..=4 | 7 | 8) && matches!(number(c, 3..5), 1..=12 | 20 | 30..=42 | 50..=99)
}

fn is_nir_keyed(c: &[u8]) -> bool {
    nir_body(c).is_some_and(|body| 97 - body % 97 == number(c, 13..15))
}

/// The number that the key is of, if the place and the serials may be: Corsica counts as its old department, 20, less
/// one million for 2A and two for 2B.
fn nir_body(c: &[u8]) -> Option<u64> {
    let department = match (letter(c, 5), letter(c, 6)) {
        (b'2', b'A') => 19,
        (b'2', b'B') => 18,
        (_, b'0'..=b'9') => number(c, 5..7),
        _ => return None,
    };
    let serials = number(c, 7..13);
    let plausible = department != 0 && serials / 1000 != 0 && !serials.is_multiple_of(1000);
    plausible.then_some((number(c, 0..5) * 100 + department) * 1_000_000 + serials)
}

fn is_spi(c: &[u8]) -> bool {
    !is_constant(c) && digit(c, 0) <= 3 && number(c, 0..10) % 511 == number(c, 10..13)
}

fn is_belgian(c: &[u8]) -> bool {
    is_ymd(c) && is_belgian_keyed(c)
}

fn is_belgian_bis(c: &[u8]) -> bool {
    let (year, day) = (2000 + number(c, 0..2), number(c, 4..6));
    let month = match number(c, 2..4) {
        known @ 0..=12 => known,
        unknown_sex @ 20..=32 => unknown_sex - 20,
        known_sex @ 40..=52 => known_sex - 40,
        _ => return false,
    };
    (month == 0 || day == 0 || is_date(year, month, day)) && day <= 31 && is_belgian_keyed(c)
}

/// From the year 2000 a two stands before the number that the key is of.
fn is_belgian_keyed(c: &[u8]) -> bool {
    let (body, key) = (number(c, 0..9), number(c, 9..11));
    let serial_is_given = !matches!(number(c, 6..9), 0 | 999);
    let is_keyed = |body: u64| 97 - body % 97 == key;
    serial_is_given && (is_keyed(body) || (number(c, 0..2) < 50 && is_keyed(2_000_000_000 + body)))
}

fn is_bsn(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    let weights: &[u64] = if body.len() == 7 { &[8, 7, 6, 5, 4, 3, 2] } else { &[9, 8, 7, 6, 5, 4, 3, 2] };
    !is_constant(c) && weighted(body, weights) % 11 == check
}

fn is_luxembourgish(c: &[u8]) -> bool {
    let second: Vec<u8> = part(c, 0..11).iter().chain(part(c, 12..13)).copied().collect();
    is_full_ymd(c) && luhn(part(c, 0..12)) && verhoeff(&second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::{accepts, assert_vectors};

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[
                &GB_NHS,
                &GB_NINO,
                &GB_NINO_SHORT,
                &GB_UTR,
                &IE_PPS,
                &FR_NIR,
                &FR_NIR_PROVISIONAL,
                &FR_NIR_SHORT,
                &FR_SPI,
                &BE_NATIONAL,
                &BE_BIS,
                &NL_BSN,
                &LU_MATRICULE,
            ],
            &[
                ("gb-nhs", "943 476 5919", ["943 476 5918", "934 476 5919"]),
                ("gb-nhs", "943-476-5870", ["943-476-5871", "493-476-5870"]),
                ("gb-nino", "AB 12 34 56 C", ["AB 12 34 56 E", "AO 12 34 56 C"]),
                ("gb-nino", "JG103759A", ["QQ123456C", "GB103759A"]),
                ("gb-nino-short", "JG 103759", ["QQ 123456", "TN 103759"]),
                ("gb-utr", "1955839661", ["2955839661", "1955836961"]),
                ("ie-pps", "6433435F", ["6433435E", "6433453F"]),
                ("ie-pps", "6433435OA", ["6433435VH", "6433435OB"]),
                ("ie-pps", "6433435FW", ["6433435FZ", "6433453FW"]),
                ("fr-nir", "2 95 10 99 126 111 93", ["2 95 10 99 126 111 99", "2 95 10 99 216 111 93"]),
                ("fr-nir", "2 53 07 2B 073 004 70", ["2 53 07 2A 073 004 70", "2 53 07 2C 073 004 43"]),
                ("fr-nir", "253072A07300443", ["253072A07300434", "253702A07300443"]),
                ("fr-nir-provisional", "2 95 10 99 126 111 93", ["9 95 10 99 126 111 93", "2 95 01 99 126 111 93"]),
                ("fr-nir-short", "2 95 10 99 126 111", ["9 95 10 99 126 111", "2 95 13 99 126 111"]),
                ("fr-spi", "30 23 217 600 053", ["30 23 217 600 054", "30 32 217 600 053"]),
                ("be-national", "85.07.30-033.28", ["85.07.30-033.29", "85.07.30-303.28"]),
                ("be-national", "17 07 30 033 84", ["17 07 30 033 85", "17 13 30 033 84"]),
                ("be-bis", "98.47.28-997.65", ["98.47.28-997.56", "98.37.28-997.65"]),
                ("be-bis", "01 49 07 001 85", ["01 49 07 001 86", "01 94 07 001 85"]),
                ("nl-bsn", "1112.22.333", ["1112.52.333", "1121.22.333"]),
                ("lu-matricule", "1893120105732", ["1893120105723", "1893120105733"]),
            ],
        );
    }

    #[test]
    fn a_key_of_a_year_before_2000_needs_no_two() {
        assert!(accepts(&BE_NATIONAL, "93.05.18-223.61"));
    }
}
