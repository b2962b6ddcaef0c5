//! Numbers of banks, their branches and their accounts.

use crate::detect::checksum::{is_constant, letter, number, part, weighted};
use crate::detect::scheme::{Needs, Scheme};

const CLASS: &str = "bank";

/// American Bankers Association, "routing transit number".
pub(super) const US_ROUTING: Scheme = Scheme {
    name: "us-routing",
    class: CLASS,
    forms: &["999999999"],
    groups: &[&[4, 4, 1]],
    check: is_routing,
    needs: Needs::Word,
    words: &["aba", "routing", "rtn", "routingnumber", "routingno", "transit", "ach", "fedwire"],
};

/// Banco de México, "clave bancaria estandarizada".
pub(super) const MX_CLABE: Scheme = Scheme {
    name: "mx-clabe",
    class: CLASS,
    forms: &["999999999999999999"],
    groups: &[&[3, 3, 11, 1], &[3, 15]],
    check: is_clabe,
    needs: Needs::WordUnlessGrouped,
    words: &["clabe", "interbancaria", "cuenta"],
};

/// ISO 9362, of a bank and of its branch.
pub(super) const BIC: Scheme = Scheme {
    name: "bic",
    class: CLASS,
    forms: &["AAAAAAXX", "AAAAAAXXXXX"],
    groups: &[&[4, 2, 2], &[4, 2, 2, 3], &[8, 3]],
    check: is_bic,
    needs: Needs::Word,
    words: &["bic", "swift", "swiftbic", "bicswift", "swiftcode", "biccode"],
};

/// Pay.UK, "sort code".
pub(super) const GB_SORT_CODE: Scheme = Scheme {
    name: "gb-sort-code",
    class: CLASS,
    forms: &["999999"],
    groups: &[&[2, 2, 2]],
    check: is_branch,
    needs: Needs::Word,
    words: &["sortcode", "sortcodes"],
};

/// AusPayNet, "bank state branch".
pub(super) const AU_BSB: Scheme = Scheme {
    name: "au-bsb",
    class: CLASS,
    forms: &["999999"],
    groups: &[&[3, 3]],
    check: is_branch,
    needs: Needs::Word,
    words: &["bsb", "bsbno", "bsbnumber", "bsbcode"],
};

/// Reserve Bank of India, "Indian financial system code".
pub(super) const IN_IFSC: Scheme = Scheme {
    name: "in-ifsc",
    class: CLASS,
    forms: &["AAAA9XXXXXX"],
    groups: &[],
    check: is_ifsc,
    needs: Needs::Word,
    words: &["ifsc", "ifsccode", "neft", "rtgs", "imps"],
};

/// Numbers of accounts, of every bank: no check that all have.
pub(super) const ACCOUNT: Scheme = Scheme {
    name: "bank-account",
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
    ],
    groups: &[&[4, 4], &[3, 7], &[4, 6], &[4, 4, 2], &[4, 4, 4], &[2, 4, 4], &[5, 5], &[2, 7, 2], &[2, 4, 7, 2]],
    check: is_account,
    needs: Needs::Word,
    words: &[
        "accountno",
        "accountnumber",
        "accountnum",
        "acctno",
        "acctnum",
        "acctnumber",
        "accno",
        "bankaccount",
        "kontonummer",
        "kontonr",
        "bankkonto",
        "rekeningnummer",
        "kontonumer",
        "rachunek",
        "tilinumero",
    ],
};

fn is_routing(c: &[u8]) -> bool {
    !is_constant(c)
        && matches!(number(c, 0..2), 0..=12 | 21..=32 | 61..=72 | 80)
        && number(c, 0..4) > 0
        && weighted(c, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

fn is_clabe(c: &[u8]) -> bool {
    !is_constant(c)
        && number(c, 0..3) > 0
        && weighted(c, &[3, 7, 1, 3, 7, 1, 3, 7, 1, 3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

fn is_bic(c: &[u8]) -> bool {
    COUNTRIES.as_bytes().chunks(2).any(|country| country == part(c, 4..6))
}

/// ISO 3166-1 alpha-2, and Kosovo's XK, which SWIFT uses.
const COUNTRIES: &str = "\
    ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCY\
    CZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISIT\
    JEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNI\
    NLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTK\
    TLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSXKYEYTZAZMZW";

fn is_branch(c: &[u8]) -> bool {
    !is_constant(c)
}

fn is_ifsc(c: &[u8]) -> bool {
    letter(c, 4) == b'0'
}

fn is_account(c: &[u8]) -> bool {
    !is_constant(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::assert_vectors;

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[&US_ROUTING, &MX_CLABE, &BIC, &GB_SORT_CODE, &AU_BSB, &IN_IFSC, &ACCOUNT],
            &[
                ("us-routing", "111000025", ["112000025", "110100025"]),
                ("us-routing", "021000021", ["021000012", "131000024"]),
                ("mx-clabe", "032 180 00011835971 9", ["032 180 00011835971 8", "032 180 00018135971 9"]),
                ("bic", "AGRIFRPP882", ["AGRIFQPP882", "AGRIRFPP882"]),
                ("bic", "DEUTDEFF", ["DEUTDDFF", "DEUTEDFF"]),
                ("gb-sort-code", "20-00-00", ["00-00-00", "20-00-0"]),
                ("au-bsb", "062-000", ["000-000", "062-00"]),
                ("in-ifsc", "SBIN0005943", ["SBIN1005943", "SBI0N005943"]),
                ("bank-account", "31926819", ["00000000", "31926"]),
            ],
        );
    }

    #[test]
    fn there_are_249_countries_and_kosovo_in_order() {
        let countries: Vec<_> = COUNTRIES.as_bytes().chunks(2).collect();
        assert_eq!(countries.len(), 250);
        assert!(countries.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
