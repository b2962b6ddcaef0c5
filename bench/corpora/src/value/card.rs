//! Payment cards by brand and length, plain and grouped; their expiry and verification numbers, which need context.

use super::{Kind, Need, grouped};
use crate::check::with_luhn;
use crate::random::Random;

const fn card(shape: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { class: "card", shape, need: Need::Nothing, says: SAYS, columns: COLUMNS, make }
}

pub(super) const KINDS: &[Kind] = &[
    card("visa-16", |random| number(random, &["4"], 16)),
    card("visa-13", |random| number(random, &["4"], 13)),
    card("visa-19", |random| number(random, &["4"], 19)),
    card("mastercard-5", |random| number(random, &["51", "52", "53", "54", "55"], 16)),
    card("mastercard-2", |random| {
        let prefix = random.within(2221..=2720).to_string();
        number(random, &[prefix.as_str()], 16)
    }),
    card("amex-15", |random| number(random, &["34", "37"], 15)),
    card("discover-16", |random| number(random, &["6011", "644", "645", "646", "649", "65"], 16)),
    card("unionpay-16", |random| number(random, &["6220", "6225", "6240", "6282"], 16)),
    card("unionpay-19", |random| number(random, &["6220", "6225", "6240", "6282"], 19)),
    card("diners-14", |random| number(random, &["300", "301", "304", "305", "36", "38"], 14)),
    card("jcb-16", |random| {
        let prefix = random.within(3528..=3589).to_string();
        number(random, &[prefix.as_str()], 16)
    }),
    card("jcb-15", |random| number(random, &["1800", "2131"], 15)),
    card("maestro-16", |random| number(random, MAESTRO, 16)),
    card("maestro-19", |random| number(random, MAESTRO, 19)),
    Kind { need: Need::Context, ..card("maestro-12", |random| number(random, MAESTRO, 12)) },
    Kind { need: Need::Context, ..card("maestro-13", |random| number(random, MAESTRO, 13)) },
    Kind {
        need: Need::Context,
        says: &["cvv", "CVC", "security code", "card verification value"],
        columns: &["cvv", "card_cvc", "cvv2"],
        ..card("cvv", |random| {
            let length = random.pick(&[3, 3, 3, 4]);
            random.digits(length)
        })
    },
    Kind {
        need: Need::Context,
        says: &["card expiry", "expires", "exp date", "valid thru"],
        columns: &["card_expiry", "exp_date", "card_exp"],
        ..card("expiry", |random| {
            let (month, year) = (random.within(1..=12), random.within(27..=35));
            let century = random.pick(&["", "", "20"]);
            format!("{month:02}/{century}{year}")
        })
    },
];

/// A number of this length that starts with one of the prefixes.
fn number(random: &mut Random, prefixes: &[&str], length: usize) -> String {
    let mut body = random.pick(prefixes).to_owned();
    body += &random.digits(length.saturating_sub(body.len() + 1));
    let whole = with_luhn(&body);
    let between = random.pick(&["", "", " ", "-"]);
    match length {
        14 | 15 => grouped(&whole, &[4, 6], between),
        _ => grouped(&whole, &[4, 4, 4, 4], between),
    }
}

const SAYS: &[&str] =
    &["card", "card number", "credit card", "debit card", "Card No", "cc number", "payment card", "PAN"];
const COLUMNS: &[&str] =
    &["card_number", "credit_card", "cc_number", "cardNumber", "payment_card", "primary_card", "debit_card_number"];
const MAESTRO: &[&str] = &["5018", "5020", "5038", "5893", "6304", "6759", "6761", "6762", "6763"];
