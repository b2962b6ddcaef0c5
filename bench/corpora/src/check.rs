//! Check digits of numbers that people carry, each by its published rule. They complete a body; nothing here judges.

/// The values of the digits of a text; other characters are passed over.
pub(crate) fn values(text: &str) -> impl DoubleEndedIterator<Item = u32> + '_ {
    text.chars().filter_map(|sign| sign.to_digit(10))
}

/// The sum of digits times weights, from the left.
pub(crate) fn weighted(body: &str, weights: &[u32]) -> u32 {
    values(body).zip(weights).map(|(value, weight)| value * weight).sum()
}

/// The digit that makes a body pass modulo 10 (ISO/IEC 7812-1).
pub(crate) fn luhn(body: &str) -> u32 {
    let sum: u32 = values(body)
        .rev()
        .enumerate()
        .map(|(at, value)| if at % 2 == 0 { value * 2 / 10 + value * 2 % 10 } else { value })
        .sum();
    (10 - sum % 10) % 10
}

/// The body and its digit of modulo 10.
pub(crate) fn with_luhn(body: &str) -> String {
    format!("{body}{}", luhn(body))
}

/// What a number leaves by a small modulus; letters count as two digits, from 10 on (ISO 13616).
pub(crate) fn remainder(text: &str, modulus: u32) -> u32 {
    text.chars().filter_map(|sign| sign.to_digit(36)).fold(0, |rest, value| {
        let shift = if value < 10 { 10 } else { 100 };
        (rest * shift + value) % modulus
    })
}

/// The two digits of an international account number (ISO 7064, modulo 97).
pub(crate) fn iban_digits(country: &str, account: &str) -> u32 {
    98 - remainder(&format!("{account}{country}00"), 97)
}

/// ISO 7064, modulo 11,10: Germany's tax number.
pub(crate) fn mod_11_10(body: &str) -> u32 {
    let product = values(body).fold(10, |product, value| {
        let sum = (value + product) % 10;
        if sum == 0 { 9 } else { sum * 2 % 11 }
    });
    (11 - product) % 10
}

/// The Verhoeff digit: India's Aadhaar.
pub(crate) fn verhoeff(body: &str) -> u32 {
    let sum = values(body).rev().enumerate().fold(0, |sum, (at, value)| times(sum, permuted(at + 1, value)));
    (0..10).find(|digit| times(sum, *digit) == 0).unwrap_or(0)
}

/// The product in the symmetry group of the pentagon.
pub(crate) fn times(left: u32, right: u32) -> u32 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => 5 + (left + right - 5) % 5,
        (false, true) => 5 + (left - 5 + 5 - right) % 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

/// Verhoeff's permutation, applied so many times.
pub(crate) fn permuted(times: usize, value: u32) -> u32 {
    const STEP: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    (0..times % 8).fold(value, |value, _| STEP.get(value as usize).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_numbers_carry_these_digits() {
        assert_eq!(luhn("7992739871"), 3);
        assert_eq!(iban_digits("GB", "WEST12345698765432"), 82);
        assert_eq!(verhoeff("236"), 3);
        assert_eq!(mod_11_10("8609574271"), 9);
    }
}
