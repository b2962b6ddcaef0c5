//! Trials that every list of schemes stands: vectors of its own, and random strings of its forms.

use super::super::scheme::{Needs, Scheme};

/// A scheme's name, a number of it as people write it, and two that miss it narrowly.
pub(crate) type Vector = (&'static str, &'static str, [&'static str; 2]);

/// Random numbers by Marsaglia's xorshift.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn one_of(&mut self, alphabet: &[u8]) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        alphabet[(self.0 >> 32) as usize % alphabet.len()]
    }

    fn of_form(&mut self, form: &str) -> Vec<u8> {
        form.bytes()
            .map(|kind| match kind {
                b'9' => self.one_of(b"0123456789"),
                b'A' => self.one_of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                b'X' => self.one_of(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                itself => itself,
            })
            .collect()
    }
}

/// Whether `text` is a number of the scheme, as the scanner would ask it.
pub(crate) fn accepts(scheme: &Scheme, text: &str) -> bool {
    let characters: Vec<u8> = text.bytes().filter(|c| !b" -./".contains(c)).map(|c| c.to_ascii_uppercase()).collect();
    scheme.forms.iter().any(|form| has_form(&characters, form)) && (scheme.check)(&characters)
}

fn has_form(characters: &[u8], form: &str) -> bool {
    characters.len() == form.len()
        && characters.iter().zip(form.bytes()).all(|(&c, kind)| match kind {
            b'9' => c.is_ascii_digit(),
            b'A' => c.is_ascii_uppercase(),
            b'X' => c.is_ascii_digit() || c.is_ascii_uppercase(),
            itself => c == itself,
        })
}

/// Every vector holds, and every scheme has one.
pub(crate) fn assert_vectors(schemes: &[&Scheme], vectors: &[Vector]) {
    for (name, valid, misses) in vectors {
        let scheme = schemes.iter().find(|s| s.name == *name).unwrap_or_else(|| panic!("no scheme {name}"));
        assert!(accepts(scheme, valid), "{name} should take {valid}");
        for miss in misses {
            assert!(!accepts(scheme, miss), "{name} should not take {miss}");
        }
    }
    for scheme in schemes {
        assert!(vectors.iter().any(|(name, ..)| *name == scheme.name), "{} has no vector", scheme.name);
    }
}

/// The share of random strings of a form that the check passes, times 20,000.
pub(crate) fn passes(scheme: &Scheme, form: &str) -> usize {
    let mut random = Random::new();
    (0..20_000).filter(|_| (scheme.check)(&random.of_form(form))).count()
}

/// Names are unique, forms and groups and words are as the scanner expects, and what needs no word rarely passes.
pub(crate) fn assert_sound(schemes: &[Scheme]) {
    for (i, scheme) in schemes.iter().enumerate() {
        let name = scheme.name;
        assert!(schemes.iter().skip(i + 1).all(|other| other.name != name), "{name} stands twice");
        assert!(!scheme.words.is_empty(), "{name} has no words");
        for word in scheme.words {
            assert!(word.chars().all(|c| c.is_alphabetic() && c.to_lowercase().eq([c])), "{name}: word {word}");
        }
        for group in scheme.groups {
            let length = group.iter().sum();
            assert!(scheme.forms.iter().any(|form| form.len() == length), "{name}: group of {length}");
        }
        if scheme.needs == Needs::WordUnlessGrouped {
            assert!(!scheme.groups.is_empty(), "{name} has no groups");
        }
        for form in scheme.forms {
            assert!((6..=22).contains(&form.len()), "{name}: form {form}");
            let passed = passes(scheme, form);
            assert!(passed < 20_000 || scheme.needs == Needs::Word, "{name} takes every {form}");
            assert!(scheme.needs != Needs::Nothing || passed <= 40, "{name} takes {passed} of 20,000 {form}");
            assert_no_filler(scheme, form);
        }
    }
}

fn assert_no_filler(scheme: &Scheme, form: &str) {
    if form.bytes().all(|kind| kind == b'9') {
        for filler in b'0'..=b'9' {
            assert!(!(scheme.check)(&vec![filler; form.len()]), "{} takes only {}", scheme.name, filler as char);
        }
    }
}

/// No check panics, whatever it is asked.
pub(crate) fn assert_total(schemes: &[Scheme]) {
    let mut random = Random::new();
    let pieces = ["", "9", "A", "XXXXXX", "9999999999999999999999", "AAAAAAAAAAAAAAAAAAAAAA"];
    for scheme in schemes {
        for piece in pieces {
            (scheme.check)(&random.of_form(piece));
        }
        for byte in [0, b'(', 0x80, 0xff] {
            (scheme.check)(&[byte; 22]);
        }
    }
}
