//! Numbers of Poland, Czechia, Slovakia, Hungary, Romania, Bulgaria, the states that were Yugoslavia, Ukraine, Russia.

use super::CLASS;
use crate::detect::calendar::is_date;
use crate::detect::checksum::{complement, digit, icao, is_constant, mod_11_10, number, part, split_check, weighted};
use crate::detect::scheme::{Needs, Scheme};

/// Ministerstwo Cyfryzacji, "PESEL".
pub(super) const PL_PESEL: Scheme = Scheme {
    name: "pl-pesel",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[],
    check: is_pesel,
    needs: Needs::Word,
    words: &["pesel"],
};

/// Krajowa Administracja Skarbowa, "numer identyfikacji podatkowej".
pub(super) const PL_NIP: Scheme = Scheme {
    name: "pl-nip",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[&[3, 3, 2, 2], &[3, 2, 2, 3]],
    check: is_nip,
    needs: Needs::WordUnlessGrouped,
    words: &["nip", "podatkowy", "podatkowej"],
};

/// "Dowód osobisty": the fourth character is its check digit.
pub(super) const PL_CARD: Scheme = Scheme {
    name: "pl-card",
    class: CLASS,
    forms: &["AAA999999"],
    groups: &[&[3, 6]],
    check: is_polish_card,
    needs: Needs::Word,
    words: &["dowod", "dowód", "dowodu", "osobisty", "osobistego"],
};

/// "Rodné číslo" (Act 133/2000).
pub(super) const CZ_SK_BIRTH: Scheme = Scheme {
    name: "cz-sk-birth",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[&[6, 4]],
    check: is_czech,
    needs: Needs::WordUnlessGrouped,
    words: CZ_WORDS,
};

/// One of before 1954, which has no check digit.
pub(super) const CZ_SK_BIRTH_OLD: Scheme = Scheme {
    name: "cz-sk-birth-old",
    class: CLASS,
    forms: &["999999999"],
    groups: &[&[6, 3]],
    check: is_old_czech,
    needs: Needs::Word,
    words: CZ_WORDS,
};

const CZ_WORDS: &[&str] = &["rodne", "rodné", "rodneho", "rodného", "rodnecislo", "rc", "rč", "birthnumber"];

/// "Társadalombiztosítási azonosító jel" (Act XX of 1996).
pub(super) const HU_TAJ: Scheme = Scheme {
    name: "hu-taj",
    class: CLASS,
    forms: &["999999999"],
    groups: &[&[3, 3, 3]],
    check: is_taj,
    needs: Needs::Word,
    words: &["taj", "tajszam", "tajszám", "társadalombiztosítási"],
};

/// "Adóazonosító jel" (Act XX of 1996).
pub(super) const HU_TAX: Scheme = Scheme {
    name: "hu-tax",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[],
    check: is_hungarian_tax,
    needs: Needs::Word,
    words: &["adoazonosito", "adóazonosító", "ado", "adó", "adoszam", "adószám", "tin", "tax"],
};

/// "Személyi azonosító" (Act XX of 1996).
pub(super) const HU_PERSON: Scheme = Scheme {
    name: "hu-person",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[&[1, 6, 4]],
    check: is_hungarian_person,
    needs: Needs::WordUnlessGrouped,
    words: &["szemelyi", "személyi", "szemelyiszam", "személyiszám"],
};

/// "Cod numeric personal" (Law 105/1996).
pub(super) const RO_CNP: Scheme = Scheme {
    name: "ro-cnp",
    class: CLASS,
    forms: &["9999999999999"],
    groups: &[],
    check: is_romanian,
    needs: Needs::Word,
    words: &["cnp", "personal", "codnumericpersonal"],
};

/// GRAO, "edinen graždanski nomer".
pub(super) const BG_EGN: Scheme = Scheme {
    name: "bg-egn",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[],
    check: is_bulgarian,
    needs: Needs::Word,
    words: &["egn", "егн"],
};

/// "Osobni identifikacijski broj" (Act of 2008).
pub(super) const HR_OIB: Scheme = Scheme {
    name: "hr-oib",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[],
    check: is_croatian,
    needs: Needs::Word,
    words: &["oib"],
};

/// "Jedinstveni matični broj građana", EMŠO in Slovenia. Times in milliseconds pass too often to need no word.
pub(super) const YU_JMBG: Scheme = Scheme {
    name: "yu-jmbg",
    class: CLASS,
    forms: &["9999999999999"],
    groups: &[],
    check: is_jmbg,
    needs: Needs::Word,
    words: &["jmbg", "jmb", "emso", "emšo", "embg", "maticni", "matični", "јмбг"],
};

/// "Registration number of the taxpayer's card" of Ukraine.
pub(super) const UA_TAX: Scheme = Scheme {
    name: "ua-tax",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[],
    check: is_ukrainian,
    needs: Needs::Word,
    words: &["rnokpp", "рнокпп", "ipn", "іпн", "inn", "taxpayer", "tin"],
};

/// "INN" of a person, Federal Tax Service of Russia.
pub(super) const RU_INN: Scheme = Scheme {
    name: "ru-inn",
    class: CLASS,
    forms: &["999999999999"],
    groups: &[],
    check: is_russian_tax,
    needs: Needs::Word,
    words: &["inn", "инн", "taxpayer", "tin"],
};

/// "SNILS", Social Fund of Russia.
pub(super) const RU_SNILS: Scheme = Scheme {
    name: "ru-snils",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[&[3, 3, 3, 2]],
    check: is_snils,
    needs: Needs::WordUnlessGrouped,
    words: &["snils", "снилс"],
};

/// The month of birth tells the century: 80 more is the 19th, 20 more the 21st.
fn is_pesel(c: &[u8]) -> bool {
    let (century, month) = match number(c, 2..4) {
        month @ 1..=12 => (1900, month),
        month @ 21..=32 => (2000, month - 20),
        month @ 81..=92 => (1800, month - 80),
        _ => return false,
    };
    !is_constant(c)
        && is_date(century + number(c, 0..2), month, number(c, 4..6))
        && weighted(c, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

fn is_nip(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    !is_constant(c) && weighted(body, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == check
}

fn is_polish_card(c: &[u8]) -> bool {
    let body: Vec<u8> = part(c, 0..3).iter().chain(part(c, 4..9)).copied().collect();
    icao(&body, digit(c, 3))
}

/// Women's months have 50 more; where a day's numbers have run out, both have another 20.
fn czech_month(month: u64) -> u64 {
    let month = if month > 50 { month - 50 } else { month };
    if month > 20 { month - 20 } else { month }
}

fn is_czech(c: &[u8]) -> bool {
    let born = is_date(2000 + number(c, 0..2), czech_month(number(c, 2..4)), number(c, 4..6));
    let (body, check) = (number(c, 0..9), digit(c, 9));
    !is_constant(c) && born && body % 11 % 10 == check
}

fn is_old_czech(c: &[u8]) -> bool {
    let year = number(c, 0..2);
    !is_constant(c)
        && year < 54
        && is_date(1900 + year, czech_month(number(c, 2..4)), number(c, 4..6))
        && number(c, 6..9) > 0
}

fn is_taj(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    !is_constant(c) && weighted(body, &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == check
}

fn is_hungarian_tax(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    // Days since 1 January 1867: before the year 2030.
    digit(c, 0) == 8 && number(c, 1..6) < 59_600 && weighted(body, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 == check
}

fn is_hungarian_person(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    let born = is_date(2000 + number(c, 1..3), number(c, 3..5), number(c, 5..7));
    let before_1997 = weighted(body, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) % 11 == check;
    let since_1997 = weighted(body, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 == check;
    matches!(digit(c, 0), 1..=4) && born && (before_1997 || (digit(c, 0) > 2 || number(c, 1..3) > 96) && since_1997)
}

fn is_romanian(c: &[u8]) -> bool {
    let century = match digit(c, 0) {
        1 | 2 => 1900,
        3 | 4 => 1800,
        5..=9 => 2000,
        _ => return false,
    };
    let county = number(c, 7..9);
    let sum = weighted(c, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    is_date(century + number(c, 1..3), number(c, 3..5), number(c, 5..7))
        && matches!(county, 1..=48 | 51 | 52 | 70 | 80..=83)
        && if sum == 10 { 1 } else { sum } == digit(c, 12)
}

/// The month tells the century: 20 more is the 19th, 40 more the 21st.
fn is_bulgarian(c: &[u8]) -> bool {
    let (century, month) = match number(c, 2..4) {
        month @ 1..=12 => (1900, month),
        month @ 21..=32 => (1800, month - 20),
        month @ 41..=52 => (2000, month - 40),
        _ => return false,
    };
    is_date(century + number(c, 0..2), month, number(c, 4..6))
        && weighted(c, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == digit(c, 9)
}

fn is_croatian(c: &[u8]) -> bool {
    !is_constant(c) && mod_11_10(c)
}

fn is_jmbg(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    let year = number(c, 4..7);
    let born = is_date(if year < 100 { 2000 } else { 1000 } + year, number(c, 2..4), number(c, 0..2));
    let sum = weighted(body, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    born && !(100..=850).contains(&year) && complement(sum, 11) % 10 == check
}

fn is_ukrainian(c: &[u8]) -> bool {
    // A weight of minus one is ten, modulo eleven. The first five are days since the end of 1899: before the year 2030.
    let sum = weighted(c, &[10, 5, 7, 9, 4, 6, 10, 5, 7]);
    !is_constant(c) && matches!(number(c, 0..5), 1..=47_500) && sum % 11 % 10 == digit(c, 9)
}

fn is_russian_tax(c: &[u8]) -> bool {
    let first = weighted(c, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
    let second = weighted(c, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
    !is_constant(c) && first == digit(c, 10) && second == digit(c, 11)
}

fn is_snils(c: &[u8]) -> bool {
    let sum = weighted(c, &[9, 8, 7, 6, 5, 4, 3, 2, 1]);
    !is_constant(c) && number(c, 0..9) > 1_001_998 && sum % 101 % 100 == number(c, 9..11)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::assert_vectors;

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[
                &PL_PESEL,
                &PL_NIP,
                &PL_CARD,
                &CZ_SK_BIRTH,
                &CZ_SK_BIRTH_OLD,
                &HU_TAJ,
                &HU_TAX,
                &HU_PERSON,
                &RO_CNP,
                &BG_EGN,
                &HR_OIB,
                &YU_JMBG,
                &UA_TAX,
                &RU_INN,
                &RU_SNILS,
            ],
            &[
                ("pl-pesel", "44051401359", ["44051401358", "44051401395"]),
                ("pl-pesel", "02070803628", ["02070803682", "02381307589"]),
                ("pl-nip", "856-734-62-15", ["856-734-62-16", "586-734-62-15"]),
                ("pl-card", "ABA 300000", ["ABA 400000", "ABB 300000"]),
                ("cz-sk-birth", "710319/2745", ["710319/2746", "711319/2745"]),
                ("cz-sk-birth-old", "531231/123", ["590312/123", "531331/123"]),
                ("hu-taj", "123 456 788", ["123 456 789", "132 456 788"]),
                ("hu-tax", "8365670003", ["8365670004", "7365670003"]),
                ("hu-person", "2-720216-1673", ["2-720216-1674", "2-722016-1673"]),
                ("ro-cnp", "1630615123457", ["1630615123458", "1630615993454"]),
                ("bg-egn", "7523169263", ["7523169262", "8019010008"]),
                ("bg-egn", "7542011030", ["7542011031", "7543011030"]),
                ("hr-oib", "33392005961", ["33392005962", "33392009561"]),
                ("yu-jmbg", "0101006500006", ["0101006500007", "0113006500006"]),
                ("ua-tax", "1759013776", ["1759013770", "7159013776"]),
                ("ru-inn", "123456789047", ["123456789037", "132456789047"]),
                ("ru-snils", "112-233-445 95", ["112-233-445 59", "121-233-445 95"]),
            ],
        );
    }
}
