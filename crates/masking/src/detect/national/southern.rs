//! Numbers of Spain, Portugal, Italy, Greece, Turkey and Israel.

use super::CLASS;
use crate::detect::calendar::is_dmy;
use crate::detect::checksum::{complement, digit, is_constant, letter, luhn, number, part, split_check, weighted};
use crate::detect::scheme::{Needs, Scheme};

/// Ministerio del Interior, "Documento Nacional de Identidad".
pub(super) const ES_DNI: Scheme = Scheme {
    name: "es-dni",
    class: CLASS,
    forms: &["99999999A"],
    groups: &[&[8, 1], &[2, 3, 3, 1], &[2, 3, 4]],
    check: is_dni,
    needs: Needs::WordUnlessGrouped,
    words: &["dni", "nif", "documento", "identidad", "nifnie", "dninie"],
};

/// Ministerio del Interior, "Número de Identidad de Extranjero".
pub(super) const ES_NIE: Scheme = Scheme {
    name: "es-nie",
    class: CLASS,
    forms: &["A9999999A"],
    groups: &[&[1, 7, 1], &[8, 1], &[1, 8]],
    check: is_nie,
    needs: Needs::WordUnlessGrouped,
    words: &["nie", "nif", "extranjero", "extranjeros", "identidad", "nifnie", "dninie"],
};

/// Autoridade Tributária, "número de identificação fiscal".
pub(super) const PT_NIF: Scheme = Scheme {
    name: "pt-nif",
    class: CLASS,
    forms: &["999999999"],
    groups: &[&[3, 3, 3]],
    check: is_portuguese_tax,
    needs: Needs::Word,
    words: &["nif", "contribuinte", "nipc", "fiscal", "tin", "tax"],
};

/// Instituto dos Registos e do Notariado, number of the "cartão de cidadão".
pub(super) const PT_CARD: Scheme = Scheme {
    name: "pt-card",
    class: CLASS,
    forms: &["999999999AA9", "999999999A99", "9999999999A9"],
    groups: &[&[8, 1, 3], &[9, 3]],
    check: is_portuguese_card,
    needs: Needs::WordUnlessGrouped,
    words: &["cartao", "cartão", "cidadao", "cidadão", "identidade"],
};

/// Agenzia delle Entrate, "codice fiscale" (decreto ministeriale of 23 December 1976), with letters for digits where
/// two people would share one.
pub(super) const IT_FISCAL: Scheme = Scheme {
    name: "it-fiscal",
    class: CLASS,
    forms: &["AAAAAAXXAXXAXXXA"],
    groups: &[&[3, 3, 5, 5], &[6, 5, 5], &[3, 3, 2, 1, 2, 4, 1], &[6, 2, 1, 2, 4, 1]],
    check: is_codice_fiscale,
    needs: Needs::Nothing,
    words: &["codice", "fiscale", "codicefiscale", "codfisc", "cf"],
};

/// AADE, "arithmós forologikoú mitróou".
pub(super) const GR_AFM: Scheme = Scheme {
    name: "gr-afm",
    class: CLASS,
    forms: &["999999999"],
    groups: &[&[3, 3, 3]],
    check: is_greek_tax,
    needs: Needs::Word,
    words: &["afm", "αφμ", "tin", "tax", "vat"],
};

/// IDIKA, "arithmós mitróou koinonikís asfálisis".
pub(super) const GR_AMKA: Scheme = Scheme {
    name: "gr-amka",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[&[6, 5]],
    check: is_greek_social,
    needs: Needs::WordUnlessGrouped,
    words: &["amka", "αμκα", "social"],
};

/// Nüfus ve Vatandaşlık İşleri, "T.C. kimlik numarası".
pub(super) const TR_KIMLIK: Scheme = Scheme {
    name: "tr-kimlik",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[&[3, 3, 3, 2]],
    check: is_turkish,
    needs: Needs::WordUnlessGrouped,
    words: &["kimlik", "tckn", "tckimlik", "tc", "tcno", "vatandaslik", "vatandaşlık"],
};

/// Population and Immigration Authority, "mispar zehut".
pub(super) const IL_ZEHUT: Scheme = Scheme {
    name: "il-zehut",
    class: CLASS,
    forms: &["999999999"],
    groups: &[&[8, 1]],
    check: is_israeli,
    needs: Needs::Word,
    words: &["zehut", "teudat", "teudatzehut", "tz", "זהות", "israeli"],
};

fn dni_letter(number: u64) -> u8 {
    usize::try_from(number % 23).map_or(0, |i| letter(b"TRWAGMYFPDXBNJZSQVHLCKE", i))
}

fn is_dni(c: &[u8]) -> bool {
    !is_constant(part(c, 0..8)) && dni_letter(number(c, 0..8)) == letter(c, 8)
}

fn is_nie(c: &[u8]) -> bool {
    let leading = match letter(c, 0) {
        b'X' => 0,
        b'Y' => 1,
        b'Z' => 2,
        _ => return false,
    };
    !is_constant(part(c, 1..8)) && dni_letter(leading * 10_000_000 + number(c, 1..8)) == letter(c, 8)
}

fn is_portuguese_tax(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    let kind = matches!(number(c, 0..1), 1..=3 | 5..=9) || number(c, 0..2) == 45;
    !is_constant(c) && kind && complement(weighted(body, &[9, 8, 7, 6, 5, 4, 3, 2]), 11) % 10 == check
}

fn is_portuguese_card(c: &[u8]) -> bool {
    !is_constant(c) && luhn(c)
}

fn is_codice_fiscale(c: &[u8]) -> bool {
    let year = fiscal_digits(part(c, 6..8));
    let day = fiscal_digits(part(c, 9..11));
    let place = fiscal_digits(part(c, 12..15));
    year.is_some()
        && b"ABCDEHLMPRST".contains(&letter(c, 8))
        && day.is_some_and(|day| matches!(day, 1..=31 | 41..=71))
        && matches!(letter(c, 11), b'A'..=b'M' | b'Z')
        && place.is_some_and(|place| place > 0)
        && fiscal_check(part(c, 0..15)) == letter(c, 15)
}

/// The number that digits, or the letters that stand for them, are.
fn fiscal_digits(c: &[u8]) -> Option<u64> {
    c.iter().try_fold(0, |sum, &c| {
        let digit = if c.is_ascii_digit() { u64::from(c - b'0') } else { fiscal_place(b"LMNPQRSTUV", c)? };
        Some(sum * 10 + digit)
    })
}

fn fiscal_place(alphabet: &[u8], c: u8) -> Option<u64> {
    alphabet.iter().position(|&of| of == c).and_then(|i| u64::try_from(i).ok())
}

/// Characters in even places count from zero; those in odd places (the first is odd) by the decree's own table, which
/// is here the order of the letters that count 0 to 25. A digit counts as the letter of its place.
fn fiscal_check(body: &[u8]) -> u8 {
    let as_letter = |c: u8| if c.is_ascii_digit() { c - b'0' + b'A' } else { c };
    let odd = body.iter().step_by(2).filter_map(|&c| fiscal_place(b"BAKPLCQDREVOSFTGUHMINJWZYX", as_letter(c)));
    let even = body.iter().skip(1).step_by(2).map(|&c| u64::from(as_letter(c).saturating_sub(b'A')));
    let sum: u64 = odd.chain(even).sum();
    u8::try_from(sum % 26).map_or(0, |check| b'A' + check)
}

fn is_greek_tax(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    !is_constant(c) && weighted(body, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == check
}

fn is_greek_social(c: &[u8]) -> bool {
    is_dmy(c) && luhn(c)
}

fn is_turkish(c: &[u8]) -> bool {
    let odd = weighted(c, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(c, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let first = (odd * 7 + 100 - even) % 10;
    let all = weighted(c, &[1; 10]) % 10;
    !is_constant(c) && digit(c, 0) > 0 && first == digit(c, 9) && all == digit(c, 10)
}

fn is_israeli(c: &[u8]) -> bool {
    !is_constant(c) && luhn(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::assert_vectors;

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[&ES_DNI, &ES_NIE, &PT_NIF, &PT_CARD, &IT_FISCAL, &GR_AFM, &GR_AMKA, &TR_KIMLIK, &IL_ZEHUT],
            &[
                ("es-dni", "12345678Z", ["12345679Z", "12354678Z"]),
                ("es-dni", "54.362.315-K", ["54.362.315-Z", "45.362.315-K"]),
                ("es-nie", "X-2482300-W", ["X-2482300-A", "X-2483200-W"]),
                ("es-nie", "Y1234567X", ["Z1234567X", "Y1234576X"]),
                ("pt-nif", "501 964 843", ["501 964 842", "510 964 843"]),
                ("pt-card", "00000000 0 ZZ4", ["00000000 0 ZZ3", "00000001 0 ZZ4"]),
                // The example of the decree's own guide, and one with letters for its digits.
                ("it-fiscal", "RSSMRA80A01H501U", ["RSSMRA80A01H501V", "RSSMAR80A01H501U"]),
                ("it-fiscal", "RCC MNL 83S18 D969H", ["RCC MNL 83S18 D996H", "RCC MNL 83S81 D969H"]),
                ("gr-afm", "094259216", ["094259217", "094295216"]),
                ("gr-amka", "01013099997", ["01013099999", "01103099997"]),
                ("tr-kimlik", "17291716060", ["17291716050", "17219716060"]),
                ("tr-kimlik", "10000000146", ["07291716092", "10000000164"]),
                ("il-zehut", "03933742-3", ["03933742-2", "03937342-3"]),
            ],
        );
    }

    #[test]
    fn a_fiscal_code_may_have_letters_for_its_digits() {
        let mut body = b"RSSMRA80A01H50M".to_vec();
        body.push(fiscal_check(&body));
        assert!(is_codice_fiscale(&body));
        let mut no_digit = b"RSSMRA80A01H50A".to_vec();
        no_digit.push(fiscal_check(&no_digit));
        assert!(!is_codice_fiscale(&no_digit));
    }
}
