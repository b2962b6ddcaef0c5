//! Check digits and check letters, over ASCII characters. They know no scheme. A digit counts as itself and a letter
//! from ten (A) to thirty-five (Z); what a caller asks for beyond the end is missing, and counts as nothing.

#[cfg(test)]
pub(crate) mod trial;

use std::ops::Range;

/// What one character counts.
pub(crate) fn value(character: u8) -> u64 {
    match character {
        b'0'..=b'9' => u64::from(character - b'0'),
        b'A'..=b'Z' => u64::from(character - b'A') + 10,
        _ => 0,
    }
}

/// The characters of a range.
pub(crate) fn part(characters: &[u8], range: Range<usize>) -> &[u8] {
    characters.get(range).unwrap_or_default()
}

/// The character at a position.
pub(crate) fn letter(characters: &[u8], position: usize) -> u8 {
    characters.get(position).copied().unwrap_or_default()
}

/// What the character at a position counts.
pub(crate) fn digit(characters: &[u8], position: usize) -> u64 {
    value(letter(characters, position))
}

/// The decimal number that the characters of a range are.
pub(crate) fn number(characters: &[u8], range: Range<usize>) -> u64 {
    part(characters, range).iter().fold(0, |sum: u64, &c| sum.wrapping_mul(10).wrapping_add(value(c)))
}

/// The last character's count; apart from all before it.
pub(crate) fn split_check(characters: &[u8]) -> (&[u8], u64) {
    characters.split_last().map_or((&[], 0), |(&last, body)| (body, value(last)))
}

/// Whether all characters are the same: such a number is a filler, whatever its check says.
pub(crate) fn is_constant(characters: &[u8]) -> bool {
    characters.windows(2).all(|pair| pair.first() == pair.last())
}

/// Whether all characters are digits.
pub(crate) fn is_digits(characters: &[u8]) -> bool {
    characters.iter().all(u8::is_ascii_digit)
}

/// The sum of each character times its weight; characters without a weight do not count.
pub(crate) fn weighted(characters: &[u8], weights: &[u64]) -> u64 {
    characters.iter().zip(weights).map(|(&c, weight)| value(c) * weight).sum()
}

/// The same with the weights taken from the right.
pub(crate) fn weighted_from_right(characters: &[u8], weights: &[u64]) -> u64 {
    characters.iter().rev().zip(weights).map(|(&c, weight)| value(c) * weight).sum()
}

/// What is missing from `sum` to a multiple of `modulus`: from 0 to one less than it.
pub(crate) fn complement(sum: u64, modulus: u64) -> u64 {
    (modulus - sum % modulus) % modulus
}

/// ISO/IEC 7812-1 annex B (modulus 10, double-add-double). Signs do not count.
pub(crate) fn luhn(characters: &[u8]) -> bool {
    luhn_sum(characters).is_multiple_of(10)
}

/// The sum that must be a multiple of ten.
pub(crate) fn luhn_sum(characters: &[u8]) -> u64 {
    let counted = characters.iter().rev().filter(|c| c.is_ascii_alphanumeric()).map(|&c| value(c));
    counted.enumerate().map(|(i, v)| if i % 2 == 0 { v } else { double(v) }).sum()
}

fn double(count: u64) -> u64 {
    let twice = count * 2;
    if twice > 9 { twice - 9 } else { twice }
}

/// The sum of the digits of each product of a digit and its weight.
pub(crate) fn cross_sum(characters: &[u8], weights: &[u64]) -> u64 {
    let products = characters.iter().zip(weights).map(|(&c, weight)| value(c) * weight);
    products.map(|product| product / 10 + product % 10).sum()
}

/// ISO 7064 mod 11,10.
pub(crate) fn mod_11_10(characters: &[u8]) -> bool {
    let (body, check) = split_check(characters);
    let product = body.iter().fold(10, |product, &c| {
        let sum = (value(c) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (product + check) % 10 == 1
}

/// ISO 7064 mod 11-2: the last character may be X, for ten.
pub(crate) fn mod_11_2(characters: &[u8]) -> bool {
    let Some((&last, body)) = characters.split_last() else { return false };
    let sum = body.iter().fold(0, |sum, &c| (sum + value(c)) * 2 % 11);
    match last {
        b'X' => (sum + 10) % 11 == 1,
        b'0'..=b'9' => (sum + value(last)) % 11 == 1,
        _ => false,
    }
}

/// The check digit of EAN-13.
pub(crate) fn ean_13(characters: &[u8]) -> bool {
    weighted(characters, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// ICAO 9303 part 3, section 4.9: weights 7, 3, 1 in turn, modulus 10.
pub(crate) fn icao(characters: &[u8], check: u64) -> bool {
    let sum: u64 = characters.iter().zip([7, 3, 1].iter().cycle()).map(|(&c, weight)| value(c) * weight).sum();
    sum % 10 == check
}

/// Verhoeff's dihedral check.
pub(crate) fn verhoeff(characters: &[u8]) -> bool {
    let turned = characters.iter().rev().enumerate().map(|(i, &c)| (0..i % 8).fold(value(c), |d, _| permute(d)));
    turned.fold(0, dihedral) == 0
}

/// One step of Verhoeff's permutation.
fn permute(digit: u64) -> u64 {
    value(letter(b"1576283094", usize::try_from(digit).unwrap_or_default()))
}

/// The product in the group of a pentagon: 0 to 4 turn it, 5 to 9 turn and flip it.
fn dihedral(left: u64, right: u64) -> u64 {
    let turn = if left < 5 { left + right } else { left + 10 - right } % 5;
    let flipped = (left < 5) != (right < 5);
    if flipped { turn + 5 } else { turn }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_takes_its_published_example() {
        assert!(luhn(b"79927398713"));
        assert!(!luhn(b"79927398710"));
        assert!(!luhn(b"79927398731"));
    }

    #[test]
    fn mod_11_10_takes_the_example_of_its_standard() {
        assert!(mod_11_10(b"07945"));
        assert!(!mod_11_10(b"07946"));
        assert!(!mod_11_10(b"07495"));
    }

    #[test]
    fn mod_11_2_takes_the_example_of_its_standard() {
        assert!(mod_11_2(b"07940"));
        assert!(mod_11_2(b"079X"));
        assert!(!mod_11_2(b"07941"));
        assert!(!mod_11_2(b"0794V"));
    }

    #[test]
    fn verhoeff_takes_its_published_example_and_no_transposition() {
        assert!(verhoeff(b"2363"));
        assert!(!verhoeff(b"2633"));
        assert!(!verhoeff(b"2364"));
    }

    #[test]
    fn the_dihedral_product_is_that_of_the_published_table() {
        let rows = ["0123456789", "1234067895", "2340178956", "3401289567", "4012395678"];
        let rows = rows.iter().chain(&["5987604321", "6598710432", "7659821043", "8765932104", "9876543210"]);
        for (left, row) in rows.enumerate() {
            let products: String = (0..10).map(|right| dihedral(left as u64, right).to_string()).collect();
            assert_eq!(&products, row);
        }
    }

    #[test]
    fn icao_takes_the_example_of_its_document() {
        assert!(icao(b"520727", 3));
        assert!(icao(b"L898902C", 3));
        assert!(!icao(b"520727", 4));
    }

    #[test]
    fn an_ean_takes_its_published_example() {
        assert!(ean_13(b"4006381333931"));
        assert!(!ean_13(b"4006381333913"));
    }

    #[test]
    fn what_is_missing_counts_as_nothing() {
        assert_eq!(number(b"12", 0..5), 0);
        assert_eq!(digit(b"12", 7), 0);
        assert!(!mod_11_2(b""));
        assert!(is_constant(b"") && is_constant(b"7") && is_constant(b"777") && !is_constant(b"778"));
    }
}
