//! Values in disguise, by family, and texts that hold the same signs innocently.

mod innocent;

use std::ops::Range;

pub use innocent::innocents;

use crate::encode::{base64, base64_url, hex};
use crate::random::Random;
use crate::value::{Kind, kind};

/// A disguised value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evasion {
    /// The family of its disguise.
    pub family: &'static str,
    /// The class of what is disguised.
    pub class: &'static str,
    /// What is scanned.
    pub text: String,
    /// Where the disguised value stands.
    pub span: Range<usize>,
}

/// So many disguises of each family for each class that it fits.
pub fn evasions(seed: u64, each: usize) -> Vec<Evasion> {
    let mut random = Random::new(seed);
    let mut all = Vec::new();
    for Disguise(family, fits, disguise) in DISGUISES {
        for (class, shape) in VALUES.iter().filter(|(class, _)| fits.contains(class)) {
            let Some(kind) = kind(class, shape) else { continue };
            all.extend((0..each).map(|_| evasion(family, kind, *disguise, &mut random)));
        }
    }
    all
}

type Change = fn(&str, &mut Random) -> String;

/// A family, the classes it fits, and what it does.
struct Disguise(&'static str, &'static [&'static str], Change);

fn evasion(family: &'static str, kind: &'static Kind, disguise: Change, random: &mut Random) -> Evasion {
    let disguised = disguise(&kind.value(random).text, random);
    let (before, after) = if family.starts_with("glued") {
        random.pick(&[("ref_", "_x"), ("abc_", ""), ("", "_old"), ("is_", "_1a")])
    } else {
        random.pick(&[("", ""), ("see ", " please"), ("value: ", "."), ("[", "]"), ("\"", "\""), ("\n", "\n")])
    };
    let span = before.len()..before.len() + disguised.len();
    Evasion { family, class: kind.class, text: [before, &disguised, after].concat(), span }
}

const DISGUISES: &[Disguise] = &[
    Disguise("zero-width", ALL, |text, random| {
        between(text, random.pick(&["\u{200B}", "\u{200D}", "\u{2060}", "\u{FEFF}", "\u{AD}"]))
    }),
    Disguise("zero-width-once", ALL, |text, random| {
        let at = random.within(2..=(text.len() as u64).saturating_sub(2)) as usize;
        let (head, tail) = text.split_at_checked(at).unwrap_or((text, ""));
        format!("{head}{}{tail}", random.pick(&["\u{200B}", "\u{200C}", "\u{180E}", "\u{2063}"]))
    }),
    Disguise("fullwidth", ALL, |text, _| {
        text.chars().map(|sign| if sign.is_ascii_graphic() { shifted(sign, 0xFEE0) } else { sign }).collect()
    }),
    Disguise("fullwidth-digits", NUMBERS, |text, _| digits(text, 0xFF10)),
    Disguise("other-script-digits", NUMBERS, |text, random| {
        // Arabic-Indic, its eastern form, Devanagari, Bengali, Thai, and the mathematical bold ones.
        let zero = random.pick(&[0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0x1D7CE]);
        digits(text, zero)
    }),
    Disguise("dashes", NUMBERS, |text, random| {
        let dash = random
            .pick(&["\u{2010}", "\u{2011}", "\u{2012}", "\u{2013}", "\u{2014}", "\u{2212}", "\u{FF0D}", "\u{FE63}"]);
        regrouped(text, dash)
    }),
    Disguise("spaces", NUMBERS, |text, random| {
        let space = random.pick(&["\u{A0}", "\u{2007}", "\u{2009}", "\u{202F}", "\u{3000}", "\t", "  "]);
        regrouped(text, space)
    }),
    Disguise("unusual-separators", &["card", "ssn"], |text, random| {
        regrouped(text, random.pick(&[".", "_", "/", "|", " - ", ",", ":"]))
    }),
    Disguise("spaced-digits", NUMBERS, |text, random| between(&plain(text), random.pick(&[" ", "-", ". "]))),
    Disguise("base64", ALL, |text, random| {
        let code = random.pick::<Option<fn(&[u8]) -> String>>(&[Some(base64), Some(base64_url)]).unwrap_or(base64);
        code(text.as_bytes())
    }),
    Disguise("hex", ALL, |text, random| {
        let coded = hex(text.as_bytes());
        match random.below(3) {
            0 => coded.to_uppercase(),
            1 => format!("\\x{coded}"),
            _ => coded,
        }
    }),
    Disguise("json-escapes", ALL, |text, _| text.chars().map(|sign| format!("\\u{:04x}", u32::from(sign))).collect()),
    Disguise("json-escapes-some", ALL, |text, random| {
        text.chars()
            .map(|sign| if random.chance(30) { format!("\\u{:04X}", u32::from(sign)) } else { sign.to_string() })
            .collect()
    }),
    Disguise("percent", ALL, |text, _| percent(text)),
    Disguise("percent-signs", &["email"], |text, _| text.replace('@', "%40").replace('.', "%2E")),
    Disguise("entities", ALL, |text, random| {
        let hexadecimal = random.chance(50);
        let entity =
            |sign| if hexadecimal { format!("&#x{:x};", u32::from(sign)) } else { format!("&#{};", u32::from(sign)) };
        text.chars().map(entity).collect()
    }),
    Disguise("entities-signs", &["email"], |text, random| {
        text.replace('@', random.pick(&["&#64;", "&commat;", "&#x40;"]))
            .replace('.', random.pick(&["&#46;", "&period;", "."]))
    }),
    Disguise("terminal", ALL, |text, random| {
        let colour = random.pick(&["\u{1B}[31m", "\u{1B}[0m", "\u{1B}[1;32m", "\u{1B}[K", "\u{1B}[38;5;196m"]);
        let at = random.within(2..=(text.len() as u64).saturating_sub(2)) as usize;
        let (head, tail) = text.split_at_checked(at).unwrap_or((text, ""));
        format!("{head}{colour}{tail}")
    }),
    Disguise("glued", &["card", "ssn", "iban", "secret"], |text, _| text.to_owned()),
    Disguise("nested-base64", ALL, |text, _| base64(base64(text.as_bytes()).as_bytes())),
    Disguise("nested-percent", ALL, |text, _| percent(text).replace('%', "%25")),
    Disguise("nested-base64-hex", ALL, |text, _| base64(hex(text.as_bytes()).as_bytes())),
    Disguise("nested-escapes-base64", ALL, |text, _| {
        base64(text.chars().map(|sign| format!("\\u{:04x}", u32::from(sign))).collect::<String>().as_bytes())
    }),
    Disguise("nested-percent-base64", ALL, |text, _| percent(&base64(text.as_bytes()))),
    Disguise("nested-fullwidth-entities", NUMBERS, |text, _| {
        digits(text, 0xFF10).chars().map(|sign| format!("&#{};", u32::from(sign))).collect()
    }),
];

const ALL: &[&str] = &["card", "email", "ssn", "iban", "secret"];
const NUMBERS: &[&str] = &["card", "ssn", "iban"];
/// What is disguised: values that need no word to announce them.
const VALUES: &[(&str, &str)] =
    &[("card", "visa-16"), ("email", "plain"), ("ssn", "dashes"), ("iban", "plain"), ("secret", "github")];

fn between(text: &str, sign: &str) -> String {
    text.chars().map(String::from).collect::<Vec<_>>().join(sign)
}

fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// In groups of four, or of a social security number.
fn regrouped(text: &str, sign: &str) -> String {
    let plain = plain(text);
    match plain.len() {
        9 => crate::value::grouped(&plain, &[3, 2], sign),
        _ => crate::value::grouped(&plain, &[4; 8], sign),
    }
}

fn shifted(sign: char, by: u32) -> char {
    char::from_u32(u32::from(sign) + by).unwrap_or(sign)
}

/// Digits from where another script's zero stands.
fn digits(text: &str, zero: u32) -> String {
    text.chars().map(|sign| sign.to_digit(10).and_then(|value| char::from_u32(zero + value)).unwrap_or(sign)).collect()
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disguise_hides_the_value_and_its_span_cuts_it() {
        let all = evasions(9, 10);
        assert_eq!(all, evasions(9, 10));
        for evasion in &all {
            let cut = evasion.text.get(evasion.span.clone()).unwrap();
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
            match evasion.family {
                "fullwidth" => assert!(cut.chars().all(|sign| !sign.is_ascii_graphic()), "{cut}"),
                "percent" => assert_eq!(cut.len() % 3, 0, "{cut}"),
                "zero-width" => assert!(!cut.is_ascii(), "{cut}"),
                "dashes" if evasion.class == "ssn" => assert_eq!(digits(cut), 9, "{cut}"),
                _ => assert!(!cut.is_empty()),
            }
        }
        let families: std::collections::BTreeSet<_> = all.iter().map(|evasion| evasion.family).collect();
        assert!(families.len() >= 20);
    }
}
