//! Numbers of the Nordic and Baltic states.

use super::CLASS;
use crate::detect::calendar::{is_date, is_dmy};
use crate::detect::checksum::{digit, is_constant, letter, luhn, number, part, weighted};
use crate::detect::scheme::{Needs, Scheme};

/// Skatteetaten, "fødselsnummer" and "D-nummer".
pub(super) const NO_BIRTH: Scheme = Scheme {
    name: "no-birth",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[&[6, 5], &[6, 3, 2]],
    check: is_norwegian,
    needs: Needs::Nothing,
    words: &["fodselsnummer", "fødselsnummer", "fnr", "dnr", "dnummer", "personnummer", "fodselsnr", "fødselsnr"],
};

/// Skatteverket, "personnummer" and "samordningsnummer" (SKV 704, SKV 707); a plus stands for a hyphen from the
/// hundredth birthday.
pub(super) const SE_PERSON: Scheme = Scheme {
    name: "se-person",
    class: CLASS,
    forms: &["9999999999", "999999999999", "999999+9999", "99999999+9999"],
    groups: &[&[6, 4], &[8, 4]],
    check: is_swedish,
    needs: Needs::WordUnlessGrouped,
    words: &["personnummer", "personnr", "pnr", "persnr", "samordningsnummer", "personal", "personid", "pno"],
};

/// Digi- ja väestötietovirasto, "henkilötunnus", with a letter for its century.
pub(super) const FI_HETU: Scheme = Scheme {
    name: "fi-hetu",
    class: CLASS,
    forms: &["999999A999X", "999999+999X"],
    groups: &[],
    check: is_finnish,
    needs: Needs::Nothing,
    words: HETU_WORDS,
};

/// The same with a hyphen, which a grouping drops.
pub(super) const FI_HETU_HYPHEN: Scheme = Scheme {
    name: "fi-hetu-hyphen",
    class: CLASS,
    forms: &["999999999X"],
    groups: &[&[6, 4]],
    check: is_finnish_hyphened,
    needs: Needs::WordUnlessGrouped,
    words: HETU_WORDS,
};

const HETU_WORDS: &[&str] = &["hetu", "henkilotunnus", "henkilötunnus", "personbeteckning", "sotu"];

/// CPR-kontoret, "personnummer". Since 2007 some have no check digit.
pub(super) const DK_CPR: Scheme = Scheme {
    name: "dk-cpr",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[&[6, 4]],
    check: is_danish,
    needs: Needs::Word,
    words: CPR_WORDS,
};

/// One that has it.
pub(super) const DK_CPR_CHECKED: Scheme = Scheme {
    name: "dk-cpr-checked",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[&[6, 4]],
    check: is_danish_checked,
    needs: Needs::WordUnlessGrouped,
    words: CPR_WORDS,
};

const CPR_WORDS: &[&str] = &["cpr", "cprnr", "cprnummer", "personnummer"];

/// Þjóðskrá, "kennitala".
pub(super) const IS_KENNITALA: Scheme = Scheme {
    name: "is-kennitala",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[&[6, 4]],
    check: is_icelandic,
    needs: Needs::WordUnlessGrouped,
    words: &["kennitala", "kt"],
};

/// "Isikukood" (EVS 585:2007) and "asmens kodas": Estonia's and Lithuania's are the same.
pub(super) const EE_LT_PERSON: Scheme = Scheme {
    name: "ee-lt-person",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[],
    check: is_estonian,
    needs: Needs::Word,
    words: &["isikukood", "ik", "asmens", "kodas", "asmenskodas", "personal"],
};

/// "Personas kods" that begins with a date of birth.
pub(super) const LV_PERSON: Scheme = Scheme {
    name: "lv-person",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[&[6, 5]],
    check: is_latvian,
    needs: Needs::WordUnlessGrouped,
    words: LV_WORDS,
};

/// One of July 2017 and after, which begins with 32 and tells no date.
pub(super) const LV_PERSON_DATELESS: Scheme = Scheme {
    name: "lv-person-dateless",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[&[6, 5]],
    check: is_latvian_dateless,
    needs: Needs::Word,
    words: LV_WORDS,
};

const LV_WORDS: &[&str] = &["personas", "kods", "personaskods"];

fn is_norwegian(c: &[u8]) -> bool {
    let day = number(c, 0..2);
    let born = is_date(2000 + number(c, 4..6), number(c, 2..4), if day > 40 { day - 40 } else { day });
    born && weighted(c, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(c, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

fn is_swedish(c: &[u8]) -> bool {
    let without_century = if c.len() > 11 { part(c, 2..13) } else { c };
    let without_century = if c.len() == 12 { part(c, 2..12) } else { without_century };
    let century_is_known = c.len() < 12 || matches!(number(c, 0..2), 18..=20);
    let day = number(without_century, 4..6);
    let (year, month) = (2000 + number(without_century, 0..2), number(without_century, 2..4));
    century_is_known && is_date(year, month, if day > 60 { day - 60 } else { day }) && luhn(without_century)
}

fn is_finnish(c: &[u8]) -> bool {
    matches!(letter(c, 6), b'+' | b'A'..=b'F' | b'U'..=b'Y')
        && is_finnish_person(part(c, 0..6), part(c, 7..10), letter(c, 10))
}

fn is_finnish_hyphened(c: &[u8]) -> bool {
    is_finnish_person(part(c, 0..6), part(c, 6..9), letter(c, 9))
}

fn is_finnish_person(born: &[u8], serial: &[u8], check: u8) -> bool {
    let serial = number(serial, 0..3);
    let sum = number(born, 0..6) * 1000 + serial;
    let expected = usize::try_from(sum % 31).map(|i| letter(b"0123456789ABCDEFHJKLMNPRSTUVWXY", i));
    is_dmy(born) && serial >= 2 && expected == Ok(check)
}

fn is_danish(c: &[u8]) -> bool {
    !is_constant(c) && is_dmy(c) && number(c, 6..10) > 0
}

fn is_danish_checked(c: &[u8]) -> bool {
    is_danish(c) && weighted(c, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

fn is_icelandic(c: &[u8]) -> bool {
    let day = number(c, 0..2);
    let born = is_date(2000 + number(c, 4..6), number(c, 2..4), if day > 40 { day - 40 } else { day });
    born && matches!(digit(c, 9), 0 | 8 | 9) && weighted(c, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

fn is_estonian(c: &[u8]) -> bool {
    let century = match digit(c, 0) {
        sex @ 1..=8 => 1800 + (sex - 1) / 2 * 100,
        _ => return false,
    };
    let born = is_date(century + number(c, 1..3), number(c, 3..5), number(c, 5..7));
    let first = weighted(c, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(c, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    born && if first < 10 { first } else { second % 10 } == digit(c, 10)
}

fn is_latvian(c: &[u8]) -> bool {
    let sum = weighted(c, &[10, 5, 8, 4, 2, 1, 6, 3, 7, 9]);
    !is_constant(c) && is_dmy(c) && digit(c, 6) <= 2 && (sum + 1) % 11 % 10 == digit(c, 10)
}

fn is_latvian_dateless(c: &[u8]) -> bool {
    c.starts_with(b"32") && !is_constant(part(c, 2..11))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::{accepts, assert_vectors};

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[
                &NO_BIRTH,
                &SE_PERSON,
                &FI_HETU,
                &FI_HETU_HYPHEN,
                &DK_CPR,
                &DK_CPR_CHECKED,
                &IS_KENNITALA,
                &EE_LT_PERSON,
                &LV_PERSON,
                &LV_PERSON_DATELESS,
            ],
            &[
                ("no-birth", "151086 95088", ["151086 95077", "151068 95088"]),
                ("se-person", "811228-9874", ["811228-9875", "812128-9874"]),
                ("se-person", "19880320-0016", ["19880320-0018", "17880320-0016"]),
                ("se-person", "121212+1212", ["121212+1221", "121312+1212"]),
                ("se-person", "701063-2391", ["701063-2392", "701093-2391"]),
                ("fi-hetu", "131052A308T", ["131052G308T", "310252A308Y"]),
                ("fi-hetu", "010594Y9032", ["010594Y9023", "010594Z9032"]),
                ("fi-hetu-hyphen", "131052-308T", ["131052-308U", "130152-308T"]),
                ("dk-cpr", "211062-5629", ["511062-5629", "211362-5629"]),
                ("dk-cpr-checked", "211062-5629", ["211062-5692", "211062-5628"]),
                ("is-kennitala", "120174-3399", ["320174-3399", "120174-3939"]),
                ("is-kennitala", "450401-3150", ["450401-3151", "530575-0299"]),
                ("ee-lt-person", "36805280109", ["36805280108", "36805281009"]),
                ("ee-lt-person", "33309240064", ["33309240164", "33309420064"]),
                ("lv-person", "161175-19997", ["161175-19979", "161175-19998"]),
                ("lv-person-dateless", "325035-11782", ["335035-11782", "235035-11782"]),
            ],
        );
    }

    #[test]
    fn twelve_digits_are_swedish_with_and_without_a_hyphen() {
        assert!(accepts(&SE_PERSON, "198112289874"));
        assert!(accepts(&SE_PERSON, "19121212+1212"));
    }
}
