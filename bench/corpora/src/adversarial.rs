//! Buffers that are built to be slow for scanners: what starts much and ends nothing, by name.

use crate::check::luhn;
use crate::encode::base64;
use crate::random::{BASE62, BASE64_URL, DIGITS, Random};
use crate::speed::Corpus;

/// Each buffer, of so many bytes but for one of a mebibyte.
pub fn adversarial(seed: u64, bytes: usize) -> Vec<Corpus> {
    let random = &mut Random::new(seed);
    let mut corpora: Vec<Corpus> =
        REPEATED.iter().map(|(name, piece)| Corpus::of(name, [piece.repeat(bytes / piece.len())])).collect();
    for (name, piece) in MADE {
        let mut text = String::with_capacity(bytes + 256);
        while text.len() < bytes {
            text += &piece(random);
        }
        corpora.push(Corpus::of(name, [text]));
    }
    corpora.push(Corpus::of("coded-thrice", [base64(base64(random.text(BASE62, bytes / 2).as_bytes()).as_bytes())]));
    corpora.push(Corpus::of("one-long-line", [random.text(BASE64_URL, 1 << 20)]));
    corpora.push(Corpus::of("one-long-line-signs", [random.text("abc123@.:-_/=+%&#;\\\"'<>", 1 << 20)]));
    corpora.push(Corpus { name: "empty-cells", values: vec![(Some("ssn"), Vec::new()); bytes / 16] });
    corpora.push(Corpus { name: "cells-of-one-digit", values: vec![(Some("card_number"), b"4".to_vec()); bytes / 16] });
    corpora
}

/// One piece over and over.
const REPEATED: &[(&str, &str)] = &[
    ("one-digit", "4"),
    ("digits-dashes", "4-1-"),
    ("digits-spaces", "4 1 "),
    ("digits-dots", "4.1."),
    ("digits-slashes", "4/1/"),
    ("digits-underscores", "4_1_"),
    ("digits-colons", "4:1:"),
    ("digits-commas", "4,1,"),
    ("social-dashes", "123-45-"),
    ("brackets", "(415) ("),
    ("plus", "+1+4"),
    ("at-only", "@"),
    ("a-at", "a@"),
    ("a-dot", "a."),
    ("a-dot-at", "a.a@a.a."),
    ("quoted-at", "\"a\"@\""),
    ("one-dot", "1."),
    ("colons", "::"),
    ("mac-like", "ab:"),
    ("v6-like", "2001:db8:"),
    ("jwt-like", "eyJ"),
    ("jwt-dots", "eyJhbGciOiJ.eyJ."),
    ("pem-begin", "-----BEGIN "),
    ("pem-dashes", "-"),
    ("password", "password="),
    ("password-quoted", "\"password\":\""),
    ("keywords", "key token secret "),
    ("scheme", "://"),
    ("scheme-at", "a://a:"),
    ("bearer", "Authorization: Bearer "),
    ("json-escapes", "\\u0041"),
    ("json-escapes-digits", "\\u0034"),
    ("backslashes", "\\"),
    ("percent", "%34"),
    ("percent-percent", "%25"),
    ("entities", "&#52;"),
    ("ampersands", "&#"),
    ("terminal", "4\u{1B}[31m"),
    ("terminal-open", "\u{1B}["),
    ("zero-width", "4\u{200B}"),
    ("fullwidth", "\u{FF14}\u{FF11}"),
    ("arabic-digits", "\u{664}\u{661}"),
    ("long-dashes", "4\u{2013}"),
    ("hex-prefix", "0x"),
    ("bech32-like", "bc1q"),
    ("invalid-utf8-like", "\u{FFFD}"),
    ("aws-like", "AKIA"),
    ("github-like", "ghp_"),
    ("slack-like", "xoxb-"),
    ("sk-like", "sk-"),
];

type Piece = (&'static str, fn(&mut Random) -> String);

/// Pieces that differ.
const MADE: &[Piece] = &[
    ("digits", |random| random.text(DIGITS, 1024)),
    ("digits-one-apart", |random| format!("{} ", random.digits(1))),
    ("digits-and-separators", |random| random.text("0123456789-. ", 1024)),
    ("cards-that-fail", |random| {
        let body = format!("4{}", random.digits(14));
        format!("{body}{} ", (luhn(&body) + 1) % 10)
    }),
    ("cards-that-fail-glued", |random| format!("4{}5{}", random.digits(11), random.digits(11))),
    ("cards-grouped", |random| format!("4{} {} {} ", random.digits(3), random.digits(4), random.digits(4))),
    ("iban-beginnings", |random| format!("{}{} ", random.pick(&["DE", "GB", "FR", "NO", "MT"]), random.digits(2))),
    ("iban-that-fail", |random| format!("DE{}", random.digits(20))),
    ("octets", |random| format!("{}.", random.below(256))),
    ("v6-groups", |random| format!("{}:", random.text("0123456789abcdef", 4))),
    ("base58", |random| random.text("123456789ABCDEFGHJKLMNPQRSTUVWXYZ", 1024)),
    ("hex", |random| random.text("0123456789abcdef", 1024)),
    ("base64-short", |random| format!("{} ", base64(random.digits(12).as_bytes()))),
    ("base64-of-digits", |random| base64(random.digits(999).as_bytes())),
    ("dates", |random| format!("{:04}-{:02}-{:02}", random.below(3000), random.below(14), random.below(33))),
    ("mixed-escapes", |random| {
        random.pick(&["\\u0034", "%34", "&#52;", "\u{200B}", "4", "\u{FF14}", "NDQ0NDQ0NDQ0NDQ0"]).to_owned()
    }),
    ("upper-nines", |random| random.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 9) + " "),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_buffers_under_different_names() {
        let buffers = adversarial(1, 16 << 10);
        assert_eq!(buffers, adversarial(1, 16 << 10));
        let names: std::collections::BTreeSet<_> = buffers.iter().map(|buffer| buffer.name).collect();
        assert!(names.len() == buffers.len() && names.len() >= 60, "{}", names.len());
    }
}
