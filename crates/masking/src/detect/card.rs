//! Payment cards: numbers that an issuer could have given, by its range, their length and the check digit.

use super::checksum::luhn;

/// Whether digits are the number of a card, and how sure that is.
pub(super) fn judge(digits: &[u8]) -> Option<Sure> {
    if !(12..=19).contains(&digits.len()) || digits.iter().all(|digit| Some(digit) == digits.first()) || !luhn(digits) {
        return None;
    }
    let is_issued = ISSUERS.iter().any(|(lengths, ranges)| {
        lengths.contains(&digits.len()) && ranges.iter().any(|(first, last)| is_within(digits, first, last))
    });
    Some(if is_issued { Sure::ByItself } else { Sure::BesideAWord })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sure {
    ByItself,
    BesideAWord,
}

fn is_within(digits: &[u8], first: &str, last: &str) -> bool {
    let start = digits.get(..first.len()).unwrap_or_default();
    (first.as_bytes()..=last.as_bytes()).contains(&start)
}

type Issuer = (&'static [usize], &'static [(&'static str, &'static str)]);

/// Lengths, and ranges of the first digits, as the schemes publish them.
const ISSUERS: &[Issuer] = &[
    // Visa.
    (&[13, 16, 19], &[("4", "4")]),
    // Mastercard.
    (&[16], &[("51", "55"), ("2221", "2720")]),
    // American Express.
    (&[15], &[("34", "34"), ("37", "37")]),
    // Discover.
    (&[16, 17, 18, 19], &[("6011", "6011"), ("622126", "622925"), ("644", "649"), ("65", "65")]),
    // UnionPay, and RuPay.
    (&[16, 17, 18, 19], &[("62", "62"), ("81", "82"), ("60", "60"), ("508", "508")]),
    // Diners Club.
    (&[14, 15, 16, 17, 18, 19], &[("36", "36")]),
    (&[14, 16, 17, 18, 19], &[("300", "305"), ("309", "309"), ("38", "39")]),
    // JCB.
    (&[16, 17, 18, 19], &[("3528", "3589")]),
    (&[15], &[("1800", "1800"), ("2131", "2131")]),
    // Maestro: those of 12 digits only beside a word.
    (&[13, 14, 15, 16, 17, 18, 19], &[("50", "50"), ("56", "58"), ("6304", "6304"), ("6390", "6390")]),
    (&[13, 14, 15, 16, 17, 18, 19], &[("6759", "6759"), ("6761", "6763")]),
    // Mir, Troy, Verve, Dankort.
    (&[16], &[("2200", "2204"), ("9792", "9792"), ("506099", "506198"), ("650002", "650027"), ("5019", "5019")]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_one_by_range_length_and_check_digit() {
        for number in [
            "4111111111111111",
            "4222222222222",
            "4000000000000000006",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "6011111111111117",
            "30569309025904",
            "3530111333300000",
            "180000000000002",
            "6304000000000000",
            "6759649826438453",
            "6212345678901232",
        ] {
            assert_eq!(judge(number.as_bytes()), Some(Sure::ByItself), "{number}");
        }
        for (number, sure) in [
            ("4111111111111112", None),
            ("0000000000000000", None),
            ("411111111111111", None),
            ("7111111111111112", None),
            ("79927398713", None),
            ("676000000007", Some(Sure::BesideAWord)),
        ] {
            assert_eq!(judge(number.as_bytes()), sure, "{number}");
        }
    }
}
