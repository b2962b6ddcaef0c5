//! Numbers of mobile devices.

use crate::detect::checksum::{is_constant, luhn, number, part};
use crate::detect::scheme::{Needs, Scheme};

const CLASS: &str = "device";

/// 3GPP TS 23.003, section 6.2.1.
pub(super) const IMEI: Scheme = Scheme {
    name: "imei",
    class: CLASS,
    forms: &["999999999999999"],
    groups: &[&[2, 6, 6, 1], &[6, 2, 6, 1]],
    check: is_imei,
    needs: Needs::WordUnlessGrouped,
    words: WORDS,
};

/// 3GPP TS 23.003, section 6.2.2: with the software's version in place of the check digit.
pub(super) const IMEI_SV: Scheme = Scheme {
    name: "imei-sv",
    class: CLASS,
    forms: &["9999999999999999"],
    groups: &[&[2, 6, 6, 2], &[6, 2, 6, 2], &[8, 6, 2]],
    check: is_imei_sv,
    needs: Needs::Word,
    words: WORDS,
};

const WORDS: &[&str] = &["imei", "imeis", "imeisv", "imeino", "imeinumber", "tac", "handset"];

fn is_imei(c: &[u8]) -> bool {
    is_device(c) && luhn(c)
}

fn is_imei_sv(c: &[u8]) -> bool {
    is_device(c)
}

/// The first two digits tell who reports the type (GSMA TS.06): zero for tests, and those in use.
fn is_device(c: &[u8]) -> bool {
    let reporter = matches!(number(c, 0..2), 0..=10 | 30 | 33 | 35 | 44 | 45 | 49..=54 | 86 | 91 | 98 | 99);
    reporter && !is_constant(part(c, 0..14))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::assert_vectors;

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[&IMEI, &IMEI_SV],
            &[
                ("imei", "49-015420-323751-8", ["49-015420-323751-9", "49-051420-323751-8"]),
                ("imei", "354178036859789", ["354178036859781", "354718036859789"]),
                ("imei-sv", "35-686800-004141-20", ["25-686800-004141-20", "00-000000-000000-00"]),
            ],
        );
    }
}
