//! What the kinds make passes the checks of their numbers, written here the other way round: over the whole number.

use super::*;
use crate::check;

const EACH: usize = 200;

fn samples(class: &str, shape: &str) -> Vec<String> {
    let mut random = Random::new(7);
    let kind = kind(class, shape).unwrap_or_else(|| panic!("no {class} {shape}"));
    (0..EACH).map(|_| kind.value(&mut random).text).collect()
}

fn digits(text: &str) -> Vec<u32> {
    check::values(text).collect()
}

fn passes_luhn(text: &str) -> bool {
    let doubled = |value: u32| if value > 4 { 2 * value - 9 } else { 2 * value };
    let sum: u32 = digits(text)
        .iter()
        .rev()
        .enumerate()
        .map(|(at, value)| if at % 2 == 1 { doubled(*value) } else { *value })
        .sum();
    sum.is_multiple_of(10)
}

fn sum(text: &str, weights: &[u32]) -> u32 {
    assert_eq!(digits(text).len(), weights.len(), "{text}");
    check::weighted(text, weights)
}

#[test]
fn cards_pass_luhn_and_have_their_lengths() {
    for kind in kinds().filter(|kind| kind.class == "card" && !["cvv", "expiry"].contains(&kind.shape)) {
        let length: usize = kind.shape.rsplit('-').next().unwrap().parse().unwrap_or(16);
        for text in samples("card", kind.shape) {
            assert!(passes_luhn(&text), "{} {text}", kind.shape);
            let wanted = if kind.shape.starts_with("mastercard") { 16 } else { length };
            assert_eq!(digits(&text).len(), wanted, "{} {text}", kind.shape);
        }
    }
}

#[test]
fn account_numbers_leave_one_by_97() {
    for shape in ["plain", "spaces", "dashes", "lower-case"] {
        for text in samples("iban", shape) {
            let plain: String = text.chars().filter(|sign| sign.is_alphanumeric()).collect();
            let (head, rest) = plain.split_at(4);
            assert_eq!(check::remainder(&format!("{rest}{head}"), 97), 1, "{text}");
        }
    }
    for text in samples("bank", "aba") {
        assert_eq!(sum(&text, &[3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10, 0, "{text}");
    }
}

#[test]
fn europes_numbers_pass_their_checks() {
    for text in samples("national-id", "gb-nhs") {
        assert_eq!(sum(&text, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11, 0, "{text}");
    }
    for text in samples("national-id", "nl-bsn") {
        assert_eq!((sum(&text, &[9, 8, 7, 6, 5, 4, 3, 2, 10])) % 11, 0, "{text}");
    }
    for text in samples("national-id", "pl-pesel") {
        assert_eq!(sum(&text, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10, 0, "{text}");
    }
    for text in samples("national-id", "no-birth") {
        assert_eq!(sum(&text, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0]) % 11, 0, "{text}");
        assert_eq!(sum(&text, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11, 0, "{text}");
    }
    for text in samples("national-id", "fr-nir") {
        let number: u64 = text.replace(' ', "").parse().unwrap();
        assert_eq!((number / 100 + number % 100) % 97, 0, "{text}");
    }
    for text in samples("national-id", "se-person") {
        let ten: String = digits(&text).iter().rev().take(10).rev().map(u32::to_string).collect();
        assert!(passes_luhn(&ten), "{text}");
    }
    for text in samples("national-id", "de-tax") {
        let body: String = digits(&text).iter().take(10).map(u32::to_string).collect();
        let kinds: std::collections::BTreeSet<char> = body.chars().collect();
        assert_eq!((digits(&text).len(), kinds.len()), (11, 9), "{text}");
    }
    assert_eq!(super::national::fiscal_check("RSSMRA85T10A562"), 'S');
}

#[test]
fn other_states_numbers_pass_their_checks() {
    for text in samples("national-id", "in-aadhaar") {
        let left = digits(&text)
            .iter()
            .rev()
            .enumerate()
            .fold(0, |sum, (at, value)| check::times(sum, check::permuted(at, *value)));
        assert_eq!(left, 0, "{text}");
    }
    for text in samples("national-id", "br-cpf") {
        let rest = sum(&text, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
        // A digit that would be 10 is 0 instead, which leaves 1.
        assert!(rest == 0 || rest == 1 || text.ends_with('0'), "{text}");
    }
    for shape in ["ca-sin", "za-id"] {
        assert!(samples("national-id", shape).iter().all(|text| passes_luhn(text)), "{shape}");
    }
    for text in samples("national-id", "tr-kimlik") {
        let all = digits(&text);
        assert_eq!(all[..10].iter().sum::<u32>() % 10, all[10], "{text}");
    }
    for text in samples("national-id", "cn-resident") {
        let check = if text.ends_with('X') { 10 } else { digits(&text)[17] };
        let body = check::weighted(&text[..17], &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
        assert_eq!((body + check) % 11, 1, "{text}");
    }
}

#[test]
fn things_pass_their_checks() {
    for text in samples("vehicle", "vin") {
        let weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
        let sum: u32 = text.chars().zip(weights).map(|(sign, weight)| super::thing::vehicle_value(sign) * weight).sum();
        let check = text.chars().nth(8).and_then(|sign| if sign == 'X' { Some(10) } else { sign.to_digit(10) });
        assert_eq!((text.len(), Some(sum % 11)), (17, check), "{text}");
    }
    assert!(samples("device", "imei").iter().all(|text| passes_luhn(text)));
    assert!(samples("health", "npi").iter().all(|text| passes_luhn(&format!("80840{text}"))));
}

#[test]
fn social_security_numbers_keep_their_ranges() {
    for text in ["dashes", "spaces", "dots", "plain"].iter().flat_map(|shape| samples("ssn", shape)) {
        let plain: String = text.chars().filter(char::is_ascii_digit).collect();
        let area: u32 = plain[..3].parse().unwrap();
        assert!(plain.len() == 9 && area != 0 && area != 666 && area < 900, "{text}");
        assert!(&plain[3..5] != "00" && &plain[5..] != "0000", "{text}");
    }
}

#[test]
fn a_marked_part_is_cut_out_and_the_marks_are_gone() {
    let mut random = Random::new(1);
    let value = kind("secret", "url-postgres").unwrap().value(&mut random);
    let part = &value.text[value.part.clone()];
    assert!(value.text.contains(&format!(":{part}@")), "{}", value.text);
    assert!(kinds().all(|kind| !kind.value(&mut random).text.contains([OPEN, CLOSE])));
}

#[test]
fn every_kind_says_what_it_is_and_no_two_are_the_same() {
    let mut seen = std::collections::BTreeSet::new();
    for kind in kinds() {
        assert!(!kind.says.is_empty() && !kind.columns.is_empty(), "{} {}", kind.class, kind.shape);
        assert!(seen.insert((kind.class, kind.shape)), "{} {}", kind.class, kind.shape);
    }
    assert!(seen.len() > 120, "{}", seen.len());
}
