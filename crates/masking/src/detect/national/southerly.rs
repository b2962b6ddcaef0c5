//! Numbers of Australia, New Zealand and South Africa.

use super::CLASS;
use crate::detect::calendar::is_ymd;
use crate::detect::checksum::{complement, digit, is_constant, luhn, number, part, split_check, weighted};
use crate::detect::scheme::{Needs, Scheme};

/// Australian Taxation Office, "tax file number"; old ones have eight digits.
pub(super) const AU_TFN: Scheme = Scheme {
    name: "au-tfn",
    class: CLASS,
    forms: &["999999999", "99999999"],
    groups: &[&[3, 3, 3], &[2, 3, 3]],
    check: is_tfn,
    needs: Needs::Word,
    words: &["tfn", "taxfile", "taxfilenumber", "tax"],
};

/// Services Australia, "Medicare card number", with and without the number of the person on the card.
pub(super) const AU_MEDICARE: Scheme = Scheme {
    name: "au-medicare",
    class: CLASS,
    forms: &["9999999999", "99999999999"],
    groups: &[&[4, 5, 1], &[4, 5, 1, 1], &[4, 5, 2], &[10, 1]],
    check: is_medicare,
    needs: Needs::WordUnlessGrouped,
    words: &["medicare", "medicareno", "medicarenumber"],
};

/// Inland Revenue, "IRD number", of eight or nine digits.
pub(super) const NZ_IRD: Scheme = Scheme {
    name: "nz-ird",
    class: CLASS,
    forms: &["99999999", "999999999"],
    groups: &[&[2, 3, 3], &[3, 3, 3]],
    check: is_ird,
    needs: Needs::Word,
    words: &["ird", "irdno", "irdnumber", "inlandrevenue", "tax"],
};

/// Department of Home Affairs, "identity number".
pub(super) const ZA_IDENTITY: Scheme = Scheme {
    name: "za-identity",
    class: CLASS,
    forms: &["9999999999999"],
    groups: ZA_GROUPS,
    check: is_south_african,
    needs: Needs::Nothing,
    words: ZA_WORDS,
};

/// One that may as well be a time in milliseconds.
pub(super) const ZA_IDENTITY_OR_TIME: Scheme = Scheme {
    name: "za-identity-or-time",
    class: CLASS,
    forms: &["9999999999999"],
    groups: ZA_GROUPS,
    check: is_south_african_or_time,
    needs: Needs::WordUnlessGrouped,
    words: ZA_WORDS,
};

const ZA_GROUPS: &[&[usize]] = &[&[6, 4, 3], &[6, 4, 2, 1], &[6, 4, 1, 2], &[6, 4, 1, 1, 1], &[6, 7]];

const ZA_WORDS: &[&str] = &["rsa", "identity", "idnumber", "identiteitsnommer"];

fn is_tfn(c: &[u8]) -> bool {
    let weights: &[u64] = if c.len() == 8 { &[10, 7, 8, 4, 6, 3, 5, 1] } else { &[1, 4, 3, 7, 5, 8, 6, 9, 10] };
    !is_constant(c) && weighted(c, weights).is_multiple_of(11)
}

fn is_medicare(c: &[u8]) -> bool {
    matches!(digit(c, 0), 2..=6)
        && !is_constant(part(c, 0..9))
        && weighted(c, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == digit(c, 8)
        && (c.len() == 10 || digit(c, 10) > 0)
}

fn is_ird(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    let padded = |weights: &'static [u64]| if body.len() == 7 { weights.get(1..).unwrap_or_default() } else { weights };
    let first = complement(weighted(body, padded(&[3, 2, 7, 6, 5, 4, 3, 2])), 11);
    let second = complement(weighted(body, padded(&[7, 4, 3, 2, 5, 2, 7, 6])), 11);
    let in_range = (10_000_000..150_000_000).contains(&number(c, 0..c.len()));
    !is_constant(c) && in_range && if first < 10 { first } else { second } == check
}

fn is_south_african(c: &[u8]) -> bool {
    is_south_african_or_time(c) && !(14..=18).contains(&number(c, 0..2))
}

/// The eleventh digit tells citizens from residents and refugees; the twelfth is 8 or 9 on all of today's cards.
fn is_south_african_or_time(c: &[u8]) -> bool {
    is_ymd(c) && digit(c, 10) <= 2 && digit(c, 11) >= 8 && luhn(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::{accepts, assert_vectors};

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[&AU_TFN, &AU_MEDICARE, &NZ_IRD, &ZA_IDENTITY, &ZA_IDENTITY_OR_TIME],
            &[
                ("au-tfn", "123 456 782", ["123 456 783", "132 456 782"]),
                ("au-tfn", "81854402", ["81854403", "81845402"]),
                ("au-medicare", "2123 45670 1", ["2123 45671 1", "2132 45670 1"]),
                ("au-medicare", "2123 45670 1-1", ["2123 45670 1-0", "7123 45670 1-1"]),
                // Inland Revenue's own examples: the second takes the second weights.
                ("nz-ird", "49-091-850", ["49-091-851", "49-901-850"]),
                ("nz-ird", "136-410-132", ["136-410-133", "136-401-132"]),
                ("nz-ird", "35-901-981", ["35-901-982", "9-125-568"]),
                ("za-identity", "7503305044089", ["8503305044089", "7530305044089"]),
                ("za-identity", "800101 5009 087", ["800101 5009 078", "800101 5009 088"]),
                ("za-identity-or-time", "7503305044089", ["7503305044098", "7513305044089"]),
            ],
        );
    }

    #[test]
    fn a_time_in_milliseconds_is_no_identity() {
        let millis = (0..20_000_u64).map(|i| (1_712_000_000_000 + i * 7_283_945).to_string());
        assert_eq!(millis.filter(|text| accepts(&ZA_IDENTITY, text)).count(), 0);
    }
}
