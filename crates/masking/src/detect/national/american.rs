//! Numbers of the United States, Canada and Latin America.

use super::CLASS;
use crate::detect::calendar::{is_date, is_ymd};
use crate::detect::checksum::{
    complement, digit, is_constant, letter, luhn, number, part, split_check, value, weighted, weighted_from_right,
};
use crate::detect::scheme::{Needs, Scheme};

/// Social Security Administration, "SSN randomization": no check digit.
pub(super) const US_SSN: Scheme = Scheme {
    name: "us-ssn",
    class: "ssn",
    forms: &["999999999"],
    groups: &[&[3, 2, 4]],
    check: is_ssn,
    needs: Needs::WordUnlessGrouped,
    words: &[
        "ssn",
        "ssns",
        "ssnum",
        "socsec",
        "social",
        "socialsecurity",
        "socialsecuritynumber",
        "ssno",
        "taxid",
        "tin",
        "taxpayer",
    ],
};

/// Internal Revenue Service, "individual taxpayer identification number" (IRM 3.21.263).
pub(super) const US_ITIN: Scheme = Scheme {
    name: "us-itin",
    class: "ssn",
    forms: &["999999999"],
    groups: &[&[3, 2, 4]],
    check: is_itin,
    needs: Needs::WordUnlessGrouped,
    words: &["itin", "tin", "taxpayer", "taxid", "tax", "ssn", "social"],
};

/// Employment and Social Development Canada, "social insurance number".
pub(super) const CA_SIN: Scheme = Scheme {
    name: "ca-sin",
    class: CLASS,
    forms: &["999999999"],
    groups: &[&[3, 3, 3]],
    check: is_sin,
    needs: Needs::Word,
    words: &["sin", "sins", "socialinsurance", "socialinsurancenumber", "social", "insurance", "nas"],
};

/// Receita Federal, "CPF".
pub(super) const BR_CPF: Scheme = Scheme {
    name: "br-cpf",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[&[3, 3, 3, 2], &[9, 2]],
    check: is_cpf,
    needs: Needs::WordUnlessGrouped,
    words: &["cpf", "cpfs", "contribuinte", "cpfcnpj"],
};

/// Receita Federal, "CNPJ"; with letters by Instrução Normativa 2.229 of 2024.
pub(super) const BR_CNPJ: Scheme = Scheme {
    name: "br-cnpj",
    class: CLASS,
    forms: &["XXXXXXXXXXXX99"],
    groups: &[&[2, 3, 3, 4, 2], &[8, 4, 2], &[8, 6]],
    check: is_cnpj,
    needs: Needs::WordUnlessGrouped,
    words: &["cnpj", "cnpjs", "cpfcnpj"],
};

/// RENAPO, "clave única de registro de población" (Diario Oficial, 18 October 2021).
pub(super) const MX_CURP: Scheme = Scheme {
    name: "mx-curp",
    class: CLASS,
    forms: &["AAAA999999AAAAAAX9"],
    groups: &[&[4, 6, 8], &[4, 6, 6, 2]],
    check: is_curp,
    needs: Needs::Nothing,
    words: &["curp", "poblacion", "población"],
};

/// SAT, "registro federal de contribuyentes" of a person.
pub(super) const MX_RFC: Scheme = Scheme {
    name: "mx-rfc",
    class: CLASS,
    forms: &["AAAA999999XXX"],
    groups: &[&[4, 6, 3]],
    check: is_rfc_checked,
    needs: Needs::Nothing,
    words: RFC_WORDS,
};

/// The same of a company: names of files with a date in them look like it.
pub(super) const MX_RFC_COMPANY: Scheme = Scheme {
    name: "mx-rfc-company",
    class: CLASS,
    forms: &["AAA999999XXX"],
    groups: &[&[3, 6, 3]],
    check: is_rfc_checked,
    needs: Needs::WordUnlessGrouped,
    words: RFC_WORDS,
};

/// Some are in use whose check digit is wrong.
pub(super) const MX_RFC_UNCHECKED: Scheme = Scheme {
    name: "mx-rfc-unchecked",
    class: CLASS,
    forms: &["AAAA999999XXX", "AAA999999XXX", "AAAA999999"],
    groups: RFC_GROUPS,
    check: is_rfc,
    needs: Needs::Word,
    words: RFC_WORDS,
};

const RFC_GROUPS: &[&[usize]] = &[&[4, 6, 3], &[3, 6, 3]];

const RFC_WORDS: &[&str] = &["rfc", "contribuyente", "contribuyentes", "fiscal"];

/// Servicio de Registro Civil, "RUN" and "RUT", with dots.
pub(super) const CL_RUT: Scheme = Scheme {
    name: "cl-rut",
    class: CLASS,
    forms: RUT_FORMS,
    groups: &[&[2, 3, 3, 1], &[1, 3, 3, 1]],
    check: is_rut,
    needs: Needs::WordUnlessGrouped,
    words: RUT_WORDS,
};

/// The same with the hyphen alone.
pub(super) const CL_RUT_PLAIN: Scheme = Scheme {
    name: "cl-rut-plain",
    class: CLASS,
    forms: RUT_FORMS,
    groups: &[&[8, 1], &[7, 1]],
    check: is_rut,
    needs: Needs::Word,
    words: RUT_WORDS,
};

const RUT_FORMS: &[&str] = &["999999999", "99999999K", "99999999", "9999999K"];

const RUT_WORDS: &[&str] = &["rut", "rutdv", "cedula", "cédula"];

/// ARCA, "CUIT", "CUIL" and "CDI".
pub(super) const AR_CUIT: Scheme = Scheme {
    name: "ar-cuit",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[&[2, 8, 1]],
    check: is_cuit,
    needs: Needs::WordUnlessGrouped,
    words: &["cuit", "cuil", "cdi", "cuitcuil"],
};

/// DIAN, "NIT", with its check digit.
pub(super) const CO_NIT: Scheme = Scheme {
    name: "co-nit",
    class: CLASS,
    forms: &["9999999999", "99999999999"],
    groups: &[&[3, 3, 3, 1], &[1, 3, 3, 3, 1]],
    check: is_nit,
    needs: Needs::WordUnlessGrouped,
    words: &["nit", "rut", "cedula", "cédula", "tributaria"],
};

/// Junta Central Electoral, "cédula de identidad y electoral".
pub(super) const DO_CEDULA: Scheme = Scheme {
    name: "do-cedula",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[&[3, 7, 1]],
    check: is_dominican,
    needs: Needs::WordUnlessGrouped,
    words: &["cedula", "cédula", "identidad"],
};

/// Registro Civil, "cédula de identidad".
pub(super) const EC_CEDULA: Scheme = Scheme {
    name: "ec-cedula",
    class: CLASS,
    forms: &["9999999999"],
    groups: &[&[9, 1]],
    check: is_ecuadorian,
    needs: Needs::Word,
    words: &["cedula", "cédula", "ci", "identidad"],
};

/// SUNAT, "registro único de contribuyentes".
pub(super) const PE_RUC: Scheme = Scheme {
    name: "pe-ruc",
    class: CLASS,
    forms: &["99999999999"],
    groups: &[],
    check: is_ruc,
    needs: Needs::Word,
    words: &["ruc", "contribuyente", "contribuyentes"],
};

fn is_ssn(c: &[u8]) -> bool {
    let (area, group, serial) = (number(c, 0..3), number(c, 3..5), number(c, 5..9));
    !is_constant(c) && !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0
}

fn is_itin(c: &[u8]) -> bool {
    !is_constant(c) && digit(c, 0) == 9 && matches!(number(c, 3..5), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

fn is_sin(c: &[u8]) -> bool {
    !is_constant(c) && digit(c, 0) != 8 && luhn(c)
}

fn is_cpf(c: &[u8]) -> bool {
    let first = weighted(c, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
    let second = weighted(c, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    !is_constant(c) && brazilian(first) == digit(c, 9) && brazilian(second) == digit(c, 10)
}

fn brazilian(sum: u64) -> u64 {
    complement(sum, 11) % 10
}

fn is_cnpj(c: &[u8]) -> bool {
    // A letter counts its ASCII code less 48.
    let letters_more = |c: &u8| value(*c) + if c.is_ascii_uppercase() { 7 } else { 0 };
    let sum = |weights: &[u64]| c.iter().zip(weights).map(|(c, weight)| letters_more(c) * weight).sum();
    let first = sum(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]);
    let second = sum(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]);
    !is_constant(part(c, 0..12)) && brazilian(first) == digit(c, 12) && brazilian(second) == digit(c, 13)
}

/// What the character counts where Ñ stands after N, and `&` in its place.
fn spanish(c: u8) -> u64 {
    value(c) + u64::from(c > b'N')
}

fn is_curp(c: &[u8]) -> bool {
    let weights = (2..=18).rev();
    let sum: u64 = c.iter().zip(weights).map(|(&c, weight)| spanish(c) * weight).sum();
    // The 17th is a digit until 1999 and a letter since.
    let year = if letter(c, 16).is_ascii_digit() { 1900 } else { 2000 } + number(c, 4..6);
    is_date(year, number(c, 6..8), number(c, 8..10))
        && matches!(letter(c, 10), b'H' | b'M' | b'X')
        && STATES.as_bytes().chunks(2).any(|state| state == part(c, 11..13))
        && !part(c, 13..16).iter().any(|c| b"AEIOU".contains(c))
        && complement(sum, 10) == digit(c, 17)
}

/// The states of birth: two letters each.
const STATES: &str = "ASBCBSCCCLCMCSCHDFDGGTGRHGJCMCMNMSNTNLOCPLQTQRSPSLSRTCTSTLVZYNZSNE";

fn is_rfc(c: &[u8]) -> bool {
    let letters = if letter(c, 3).is_ascii_digit() { 3 } else { 4 };
    is_ymd(part(c, letters..letters + 6))
}

fn is_rfc_checked(c: &[u8]) -> bool {
    let Some((&check, body)) = c.split_last() else { return false };
    // A company's has one letter less, and a blank in its stead counts 37.
    let blank = if c.len() == 12 { 37 * 13 } else { 0 };
    let weighted = body.iter().rev().zip(2..).map(|(&c, weight)| spanish(c) * weight);
    let sum = blank + weighted.sum::<u64>();
    let expected = match complement(sum, 11) {
        10 => b'A',
        digit => b'0' + u8::try_from(digit).unwrap_or_default(),
    };
    is_rfc(c) && expected == check
}

fn is_rut(c: &[u8]) -> bool {
    let Some((&last, body)) = c.split_last() else { return false };
    let check = if last == b'K' { 10 } else { value(last) };
    let sum = weighted_from_right(body, &[2, 3, 4, 5, 6, 7, 2, 3]);
    !is_constant(c) && number(body, 0..body.len()) >= 1_000_000 && complement(sum, 11) == check
}

fn is_cuit(c: &[u8]) -> bool {
    let check = match complement(weighted(c, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]), 11) {
        10 => 9,
        digit => digit,
    };
    matches!(number(c, 0..2), 20 | 23..=27 | 30 | 33 | 34) && check == digit(c, 10)
}

fn is_nit(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    let sum = weighted_from_right(body, &[3, 7, 13, 17, 19, 23, 29, 37, 41, 43]) % 11;
    !is_constant(c) && if sum < 2 { sum } else { 11 - sum } == check
}

fn is_dominican(c: &[u8]) -> bool {
    !is_constant(c) && luhn(c)
}

fn is_ecuadorian(c: &[u8]) -> bool {
    !is_constant(c) && matches!(number(c, 0..2), 1..=24 | 30) && digit(c, 2) <= 6 && luhn(c)
}

fn is_ruc(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    matches!(number(c, 0..2), 10 | 15..=17 | 20)
        && (11 - weighted(body, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 10 == check
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::{accepts, assert_vectors};

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[
                &US_SSN,
                &US_ITIN,
                &CA_SIN,
                &BR_CPF,
                &BR_CNPJ,
                &MX_CURP,
                &MX_RFC,
                &MX_RFC_COMPANY,
                &MX_RFC_UNCHECKED,
                &CL_RUT,
                &CL_RUT_PLAIN,
                &AR_CUIT,
                &CO_NIT,
                &DO_CEDULA,
                &EC_CEDULA,
                &PE_RUC,
            ],
            &[
                ("us-ssn", "536-90-4399", ["000-90-4399", "666-90-4399"]),
                ("us-ssn", "899.01.0001", ["900.01.0001", "899.01.0000"]),
                ("us-ssn", "001010001", ["001000001", "111111111"]),
                ("us-itin", "912-90-3456", ["912-93-3456", "812-90-3456"]),
                ("ca-sin", "046 454 286", ["046 454 287", "064 454 286"]),
                ("ca-sin", "123-456-782", ["823-456-785", "999-999-999"]),
                ("br-cpf", "390.533.447-05", ["390.533.447-50", "390.534.347-05"]),
                ("br-cpf", "11144477735", ["11144477736", "11111111111"]),
                ("br-cnpj", "16.727.230/0001-97", ["16.727.230/0001-98", "16.272.230/0001-97"]),
                // The example of the Receita Federal for the form with letters.
                ("br-cnpj", "12.ABC.345/01DE-35", ["12.ACB.345/01DE-35", "12.ABC.345/01DE-53"]),
                ("mx-curp", "BOXW310820HNERXN09", ["BOXW310820HNERXN08", "BOXW318020HNERXN09"]),
                ("mx-curp", "HEGG560427MVZRRL04", ["HEGG560427MVZRLR04", "HEGG560427MXXRRL04"]),
                ("mx-rfc", "GODE-561231-GR8", ["GODE-561231-GR9", "GOED-561231-GR8"]),
                ("mx-rfc-company", "MAB-930714-8T4", ["MAB-930714-8T5", "MBA-930714-8T4"]),
                ("mx-rfc-unchecked", "VACE-460910-SX6", ["VACE-461910-SX6", "VACE-460931-SX6"]),
                ("cl-rut", "12.531.909-2", ["12.531.909-3", "12.513.909-2"]),
                ("cl-rut-plain", "76086428-5", ["76086428-6", "76068428-5"]),
                ("ar-cuit", "20-26756539-3", ["20-26756539-2", "20-27656539-3"]),
                ("co-nit", "213.123.432-1", ["213.123.432-5", "231.123.432-1"]),
                ("do-cedula", "001-1391820-5", ["001-1391820-4", "001-1391280-5"]),
                ("ec-cedula", "171430710-3", ["171430710-4", "174130710-3"]),
                ("pe-ruc", "20512333797", ["20512333798", "20521333797"]),
            ],
        );
    }

    #[test]
    fn a_rut_may_end_in_k() {
        assert!(accepts(&CL_RUT, "10.000.013-K"));
        assert!(!accepts(&CL_RUT, "10.000.031-K"));
    }
}
