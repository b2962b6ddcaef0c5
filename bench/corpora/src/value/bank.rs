//! International and national account numbers, and the numbers of banks.

use super::{Kind, Need, grouped};
use crate::check::{iban_digits, remainder, values, weighted};
use crate::random::{Random, UPPER, UPPER_DIGITS};

const fn iban(shape: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { class: "iban", shape, need: Need::Nothing, says: IBAN_SAYS, columns: IBAN_COLUMNS, make }
}

const fn bank(shape: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { class: "bank", shape, need: Need::Context, says: &[], columns: &[], make }
}

pub(super) const KINDS: &[Kind] = &[
    iban("plain", account),
    iban("spaces", |random| grouped(&account(random), &[4; 8], " ")),
    iban("dashes", |random| grouped(&account(random), &[4; 8], "-")),
    iban("lower-case", |random| account(random).to_lowercase()),
    Kind {
        says: &["routing number", "ABA routing number", "ABA", "routing no"],
        columns: &["routing_number", "aba_routing", "aba_number"],
        ..bank("aba", routing)
    },
    Kind {
        says: &["BIC", "SWIFT", "SWIFT code", "swift/bic"],
        columns: &["bic", "swift_code", "bank_bic"],
        ..bank("bic", |random| {
            let (name, country) =
                (random.text("ABCDEFGHKLMNPRST", 4), random.pick(&["DE", "FR", "GB", "CH", "NL", "US"]));
            let branch = if random.chance(50) { String::new() } else { random.text(UPPER_DIGITS, 3) };
            format!("{name}{country}{}{branch}", random.text("ABCDEFGHKLMNPRSTUVWXYZ23456789", 2))
        })
    },
    Kind {
        says: &["CLABE", "CLABE interbancaria", "clabe number"],
        columns: &["clabe", "clabe_interbancaria"],
        ..bank("clabe", |random| {
            let body = random.pick(&["002", "012", "014", "021", "044", "072"]).to_owned() + &random.digits(14);
            let sum: u32 =
                values(&body).zip([3, 7, 1].into_iter().cycle()).map(|(value, weight)| value * weight % 10).sum();
            format!("{body}{}", (10 - sum % 10) % 10)
        })
    },
    Kind {
        says: &["sort code", "Sort Code", "bank sort code"],
        columns: &["sort_code", "bank_sort_code"],
        ..bank("sort-code", |random| {
            let between = random.pick(&["-", "-", " ", ""]);
            grouped(&random.digits(6), &[2, 2], between)
        })
    },
    Kind {
        says: &["BSB", "bsb number"],
        columns: &["bsb", "bsb_number"],
        ..bank("bsb", |random| grouped(&format!("0{}", random.digits(5)), &[3], "-"))
    },
    Kind {
        says: &["IFSC", "IFSC code", "ifsc"],
        columns: &["ifsc", "ifsc_code"],
        ..bank("ifsc", |random| {
            format!("{}0{}", random.pick(&["HDFC", "ICIC", "SBIN", "UTIB", "KKBK"]), random.digits(6))
        })
    },
    Kind {
        says: &["account number", "bank account", "acct no", "bank account number"],
        columns: &["account_number", "bank_account", "acct_number", "bank_account_no"],
        ..bank("account", |random| {
            let length = random.within(8..=12) as usize;
            random.figure(length)
        })
    },
];

/// A number of some country, ungrouped.
pub(crate) fn account(random: &mut Random) -> String {
    let (country, form) = random.pick(COUNTRIES);
    let body: String = form
        .chars()
        .map(|sign| match sign {
            'n' => random.digits(1),
            'a' => random.text(UPPER, 1),
            '0' => sign.to_string(),
            _ => random.text(UPPER_DIGITS, 1),
        })
        .collect();
    let body = with_own_check(country, body);
    format!("{country}{:02}{body}", iban_digits(country, &body))
}

/// The account with the check digits that its country had before the international ones.
fn with_own_check(country: &str, body: String) -> String {
    let weights = [1, 2, 4, 8, 5, 10, 9, 7, 3, 6];
    let digit = |rest: u32| if rest < 2 { rest } else { 11 - rest };
    match country {
        "BE" => {
            let account = body.get(..10).unwrap_or_default();
            let rest = remainder(account, 97);
            format!("{account}{:02}", if rest == 0 { 97 } else { rest })
        }
        "NO" => {
            // One in eleven has no check digit: such accounts are not given out, so another one is taken.
            let account = body.get(..9).unwrap_or_default();
            let rest = |last: &u32| weighted(&format!("{account}{last}"), &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
            let last = (0..10).find(|last| rest(last) != 1).unwrap_or(0);
            format!("{account}{last}{}", (11 - rest(&last)) % 11)
        }
        "ES" => {
            let (bank, account) = (body.get(..8).unwrap_or_default(), body.get(10..).unwrap_or_default());
            let first = digit(weighted(&format!("00{bank}"), &weights) % 11);
            format!("{bank}{first}{}{account}", digit(weighted(account, &weights) % 11))
        }
        _ => body,
    }
}

fn routing(random: &mut Random) -> String {
    let (low, high) = (random.within(1..=12), random.within(21..=32));
    let prefix = random.pick(&[low, high]);
    let body = format!("{prefix:02}{}", random.digits(6));
    let sum = weighted(&body, &[3, 7, 1, 3, 7, 1, 3, 7]);
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// Countries with the form of what follows the check digits: `n` digits, `a` letters, `c` either, `0` itself (the ISO 13616 registry).
const COUNTRIES: &[(&str, &str)] = &[
    ("AT", "nnnnnnnnnnnnnnnn"),
    ("BE", "nnnnnnnnnnnn"),
    ("CH", "nnnnncccccccccccc"),
    ("CZ", "nnnnnnnnnnnnnnnnnnnn"),
    ("DE", "nnnnnnnnnnnnnnnnnn"),
    ("DK", "nnnnnnnnnnnnnn"),
    ("ES", "nnnnnnnnnnnnnnnnnnnn"),
    ("FI", "nnnnnnnnnnnnnn"),
    ("FR", "nnnnnnnnnncccccccccccnn"),
    ("GB", "aaaannnnnnnnnnnnnn"),
    ("GR", "nnnnnnncccccccccccccccc"),
    ("IE", "aaaannnnnnnnnnnnnn"),
    ("IT", "annnnnnnnnncccccccccccc"),
    ("LT", "nnnnnnnnnnnnnnnn"),
    ("LU", "nnnccccccccccccc"),
    ("MT", "aaaannnnncccccccccccccccccc"),
    ("NL", "aaaannnnnnnnnn"),
    ("NO", "nnnnnnnnnnn"),
    ("PL", "nnnnnnnnnnnnnnnnnnnnnnnn"),
    ("PT", "nnnnnnnnnnnnnnnnnnnnn"),
    ("SE", "nnnnnnnnnnnnnnnnnnnn"),
    ("TR", "nnnnn0cccccccccccccccc"),
    ("AE", "nnnnnnnnnnnnnnnnnnn"),
    ("SA", "nncccccccccccccccccc"),
];
const IBAN_SAYS: &[&str] = &["IBAN", "iban", "bank account", "account"];
const IBAN_COLUMNS: &[&str] = &["iban", "account_iban", "bank_account", "IBAN", "creditor_iban"];
