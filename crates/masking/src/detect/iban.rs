//! International bank account numbers (ISO 13616): a country, two check digits, and as many characters as it has.

use super::Class;
use super::scan::{Scan, kind};

impl Scan<'_> {
    /// An account number that starts here, in one piece or in groups. Returns where it ends.
    pub(super) fn iban(&mut self, start: usize) -> Option<usize> {
        if !self.looks_for(Class::IBAN) {
            return None;
        }
        let length = length(self.slice(start, start + 4))?;
        let mut number = [0; 34];
        let mut end = start;
        for place in number.get_mut(..length)? {
            // A sign or two between groups, and no letters or digits behind the last.
            for _ in 0..2 {
                end +=
                    usize::from(end > start && matches!(self.at(end), Some(b' ' | b'-' | b'.' | b'_' | b'\t' | b'/')));
            }
            *place = self.at(end).filter(u8::is_ascii_alphanumeric)?.to_ascii_uppercase();
            end += 1;
        }
        if self.at(end).is_some_and(|byte| kind(byte).is_of_token()) || !is_valid(number.get(..length)?) {
            return None;
        }
        self.push(start..end, Class::IBAN, "iban");
        Some(end)
    }
}

/// How long an account number is that starts with these four characters.
fn length(start: &[u8]) -> Option<usize> {
    let [a, b, c, d] = start else { return None };
    if !c.is_ascii_digit() || !d.is_ascii_digit() {
        return None;
    }
    let country = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
    LENGTHS
        .binary_search_by(|(known, _)| known.as_bytes().cmp(&country))
        .ok()
        .and_then(|at| LENGTHS.get(at))
        .map(|(_, l)| *l)
}

/// Modulo 97, with the first four characters behind the others.
fn is_valid(number: &[u8]) -> bool {
    let (start, rest) = number.split_at_checked(4).unwrap_or_default();
    let rest_of = rest.iter().chain(start).fold(0u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte.wrapping_sub(b'A')) + 10) % 97,
    });
    rest_of == 1
}

/// The registry of ISO 13616, in order of the country.
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_countries_stand_in_order() {
        assert!(LENGTHS.is_sorted());
    }

    #[test]
    fn the_registrys_examples_are_valid() {
        for number in
            ["GB29NWBK60161331926819", "DE89370400440532013000", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"]
        {
            assert!(is_valid(number.as_bytes()), "{number}");
            assert_eq!(length(&number.as_bytes()[..4]), Some(number.len()));
        }
        assert!(!is_valid(b"DE89370400440532013001"));
    }
}
