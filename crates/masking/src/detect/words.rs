//! Words: what the name of a column or key, or what stands before a value, says of it. Whole words in folded case, never
//! parts of words; names are taken apart at case changes and signs. It knows no forms of values.

use std::iter;

use super::scheme::Scheme;
use super::{coin, secret};

/// What words say: one bit a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Topics(u128);

impl Topics {
    pub(super) const fn only(topic: u8) -> Self {
        Self(1 << topic)
    }

    pub(super) const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(super) const fn says_nothing(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn says(self, topic: Self) -> bool {
        self.0 & topic.0 != 0
    }
}

pub(super) const CARD: Topics = Topics::only(0);
pub(super) const CARD_DETAIL: Topics = Topics::only(1);
pub(super) const EXPIRY: Topics = Topics::only(2);
pub(super) const PHONE: Topics = Topics::only(3);
pub(super) const BIRTH: Topics = Topics::only(4);
pub(super) const VERSION: Topics = Topics::only(5);
pub(super) const WALLET: Topics = Topics::only(6);
/// A word of a key that may name a secret.
pub(super) const SECRET: Topics = Topics::only(7);
/// The name of a month.
pub(super) const MONTH: Topics = Topics::only(8);
/// The first topic of a scheme; the others follow.
const FIRST_OF_SCHEMES: u8 = 16;

/// The topics of the scheme at this place of the list that `Words::new` is made with. Those behind the last bit share it:
/// they are taken for one another, which masks more.
pub(super) fn topics_of(scheme: usize) -> Topics {
    let topic = usize::from(FIRST_OF_SCHEMES).saturating_add(scheme).min(127);
    Topics::only(u8::try_from(topic).unwrap_or(127))
}

/// All words that say something.
#[derive(Debug)]
pub(super) struct Words {
    /// First and last letters and lengths that some word has, one bit each: most words have none of them.
    shapes: Box<[u64; 512]>,
    /// Open addressing; a power of two of places, at most half of them taken.
    places: Vec<Option<([u8; WORD_BYTES], Topics)>>,
}

impl Words {
    pub(super) fn new<'s>(schemes: impl Iterator<Item = &'s Scheme>) -> Self {
        let of_schemes =
            schemes.enumerate().flat_map(|(at, scheme)| scheme.words.iter().map(move |word| (*word, topics_of(at))));
        let built_in =
            BUILT_IN.iter().flat_map(|(topics, words)| words.split_ascii_whitespace().map(move |word| (word, *topics)));
        let of_keys = secret::PAIRS.iter().flat_map(|(first, second)| [first, second]);
        let of_keys = of_keys.chain(secret::PASSWORDS).chain(secret::SECRETS).chain(secret::TOKENS);
        let of_coins = coin::WORDS.iter().map(|word| (*word, WALLET));
        let all: Vec<_> =
            built_in.chain(of_coins).chain(of_keys.map(|word| (*word, SECRET))).chain(of_schemes).collect();
        let places = vec![None; (2 * all.len()).next_power_of_two()];
        let mut words = Self { shapes: Box::new([0; 512]), places };
        for (word, topics) in all {
            words.put(word, topics);
        }
        words
    }

    fn put(&mut self, word: &'static str, topics: Topics) {
        let (part, bit) = shape(word.as_bytes());
        if let Some(part) = self.shapes.get_mut(part) {
            *part |= bit;
        }
        let Some(word) = filled(word.as_bytes()) else { return };
        let mask = self.places.len() - 1;
        let mut at = hash(&word) & mask;
        while let Some(place) = self.places.get_mut(at) {
            match place {
                Some((known, said)) if *known == word => return *said = said.with(topics),
                Some(_) => at = (at + 1) & mask,
                None => return *place = Some((word, topics)),
            }
        }
    }

    fn of(&self, word: &[u8; WORD_BYTES]) -> Topics {
        let mask = self.places.len() - 1;
        let mut at = hash(word) & mask;
        while let Some(Some((known, topics))) = self.places.get(at) {
            if known == word {
                return *topics;
            }
            at = (at + 1) & mask;
        }
        Topics::default()
    }

    /// What a name says: `customerSsn`, `customer_ssn`, `SSN2`.
    pub(super) fn of_name(&self, name: &[u8]) -> Topics {
        let mut topics = Topics::default();
        let mut rest = name.get(..NAME_BYTES).unwrap_or(name);
        let mut last: &[u8] = &[];
        while let Some(start) = rest.iter().position(|byte| is_letter(*byte)) {
            let run = rest.get(start..).unwrap_or_default();
            let end = run.iter().position(|byte| !is_letter(*byte)).unwrap_or(run.len());
            let word = run.get(..end).unwrap_or_default();
            // What stands in the place of a masked value says nothing of the next.
            let is_mask =
                start.checked_sub(1).and_then(|before| rest.get(before)) == Some(&b'[') && run.get(end) == Some(&b']');
            if is_mask {
                (last, rest) = (&[], run.get(end..).unwrap_or_default());
                continue;
            }
            topics = topics.with(self.of_run(word)).with(if start <= 1 {
                self.of_pair(last, word)
            } else {
                Topics::default()
            });
            (last, rest) = (word, run.get(end..).unwrap_or_default());
        }
        topics
    }

    /// What a run of letters says: as a word, and as those that its capitals part it into.
    fn of_run(&self, run: &[u8]) -> Topics {
        let mut topics = self.of_word(run);
        let mut start = 0;
        let pairs = run.windows(2).enumerate();
        let ends = pairs.filter(|(_, pair)| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
        let mut parts = false;
        for (at, _) in ends {
            topics = topics.with(self.of_word(run.get(start..=at).unwrap_or_default()));
            (start, parts) = (at + 1, true);
        }
        if parts {
            topics = topics.with(self.of_word(run.get(start..).unwrap_or_default()));
        }
        topics
    }

    /// Two words that mean something as one: `security code`.
    fn of_pair(&self, first: &[u8], second: &[u8]) -> Topics {
        let mut pair = [0; WORD_BYTES];
        let (Some(length), false) = (first.len().checked_add(second.len()), first.is_empty()) else {
            return Topics::default();
        };
        if length > WORD_BYTES {
            return Topics::default();
        }
        let (start, end) = pair.split_at_mut(first.len());
        start.copy_from_slice(first);
        end.iter_mut().zip(second).for_each(|(place, byte)| *place = *byte);
        pair.get(..length).map_or_else(Topics::default, |pair| self.of_folded(pair))
    }

    /// In either case, and in the plural.
    pub(super) fn of_word(&self, word: &[u8]) -> Topics {
        let topics = self.of_folded(word);
        match word.split_last() {
            Some((b's' | b'S', singular)) if topics == Topics::default() => self.of_folded(singular),
            _ => topics,
        }
    }

    fn of_folded(&self, word: &[u8]) -> Topics {
        let (part, bit) = shape(word);
        if self.shapes.get(part).is_none_or(|part| part & bit == 0) {
            return Topics::default();
        }
        let Some(mut folded) = filled(word) else { return Topics::default() };
        folded.make_ascii_lowercase();
        self.of(&folded)
    }

    /// What a key asks of its value, if it names a secret.
    pub(super) fn strength_of(&self, key: &[u8]) -> Option<secret::Strength> {
        if !self.of_name(key).says(SECRET) {
            return None;
        }
        let mut text = String::with_capacity(key.len() + 8);
        for (before, byte) in iter::once(&b' ').chain(key).zip(key) {
            if before.is_ascii_lowercase() && byte.is_ascii_uppercase() {
                text.push(' ');
            }
            text.push(if byte.is_ascii_alphabetic() { char::from(byte.to_ascii_lowercase()) } else { ' ' });
        }
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        secret::strength_of(&words)
    }

    /// What stands before the byte at `at` of a text: the key, if it is the value of one, else some words.
    pub(super) fn before(&self, text: &[u8], at: usize) -> Topics {
        let before = text.get(at.saturating_sub(WINDOW)..at).unwrap_or_default();
        // Quotes, brackets and spaces between a key and its value.
        let is_between = |byte: &u8| matches!(byte, b' ' | b'"' | b'\'' | b'\\' | b'(' | b'+' | b'#' | b'[');
        let end = before.iter().rposition(|byte| !is_between(byte)).map_or(0, |at| at + 1);
        let before = before.get(..end).unwrap_or_default();
        let window = match before.split_last() {
            Some((b'=', key)) => key_before(key, key.len()),
            // Some words of the same clause.
            Some((b':', key)) => {
                let key = key.get(key.len().saturating_sub(CLAUSE)..).unwrap_or_default();
                let is_end = |byte: &u8| matches!(byte, b'\n' | b'{' | b'}' | b'|' | b'\t' | b';' | b',' | b'&' | b'?');
                key.iter().rposition(is_end).and_then(|at| key.get(at + 1..)).unwrap_or(key)
            }
            _ => before.iter().rposition(|byte| *byte == b'}').and_then(|at| before.get(at + 1..)).unwrap_or(before),
        };
        self.of_name(Self::without_cut_word(window, before))
    }

    /// A word that the window cuts is none.
    fn without_cut_word<'t>(window: &'t [u8], before: &[u8]) -> &'t [u8] {
        if window.len() < before.len() || before.len() < WINDOW / 2 {
            return window;
        }
        window.iter().position(|byte| !is_letter(*byte)).and_then(|at| window.get(at..)).unwrap_or_default()
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

/// The bit of a word's first and last letters, in either case, and its length.
fn shape(word: &[u8]) -> (usize, u64) {
    let letter = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(byte & 31));
    let place = letter(word.first()) << 10 | letter(word.last()) << 5 | (word.len() & 31);
    (place >> 6, 1 << (place & 63))
}

/// Of a word that is filled up with zeros.
fn hash(word: &[u8; WORD_BYTES]) -> usize {
    let mix = |hash: u64, part: &[u8; 8]| (hash ^ u64::from_le_bytes(*part)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = word.as_chunks::<8>().0.iter().fold(0, mix);
    usize::try_from(hash >> 40).unwrap_or_default()
}

/// Filled up with zeros; none if it is longer than any that we know.
fn filled(word: &[u8]) -> Option<[u8; WORD_BYTES]> {
    let mut filled = [0; WORD_BYTES];
    filled.get_mut(..word.len())?.copy_from_slice(word);
    Some(filled)
}

/// Bytes before a value in which words are looked for.
const WINDOW: usize = 64;
/// Bytes before a colon in which its key's words stand.
const CLAUSE: usize = 40;
/// Bytes of a name that are looked at.
const NAME_BYTES: usize = 128;
/// The longest word.
const WORD_BYTES: usize = 32;

const BUILT_IN: &[(Topics, &str)] = &[
    (
        CARD,
        "card cardnumber creditcard debitcard cc ccn ccnum ccnumber pan visa mastercard amex maestro karte kartennummer \
         kreditkarte carte tarjeta carta cartao kort",
    ),
    (CARD_DETAIL, "cvv cvc csc cvn cid cardcode cardverification securitycode verificationcode prüfziffer"),
    (EXPIRY, "exp expiry expires expiration expire ablauf gültig caducidad scadenza expiración cardexpiry"),
    (
        PHONE,
        "phone phonenumber telephone tel mobile mobil cell cellphone cellular handy fax call dial sms whatsapp msisdn \
         telefon telefono teléfono téléphone telefonnummer rufnummer mobilnummer portable celular móvil telefone\
         landline hotline",
    ),
    (
        BIRTH,
        "birth dob birthdate birthday dateofbirth born bday geboren geburtsdatum geburtstag naissance né née nacimiento \
         nacido nascita nato nascimento geboortedatum födelsedatum urodzenia",
    ),
    (VERSION, "version ver release v build firmware upgrade"),
    (
        MONTH,
        "abr abri abril ago agos agosto aoû août apr apri april aprile aug augu august augusti augustus avr \
 avri avril dec dece december dez deze dezember dezembro dic dice dicembre dici diciembre déc déce \
 décembre ene ener enero feb febb febbraio febr febrero februar februari february fev feve fevereiro \
 fév févr février gen genn gennaio giu giug giugno jan jane janeiro janu januar januari january janv \
 janvier jui juil juillet juin jul julh julho juli julio july jun june junh junho juni junio lug lugl \
 luglio maa maar maart mag magg maggio mai maio maj mar marc march mars marz marzo març março may \
 mayo mei mär märz nov nove november novembre novembro novi noviembre oct octo october octobre octu \
 octubre okt okto oktober ott otto ottobre out outu outubro sep sept september septembre septiembre \
 set sete setembro sett settembre",
    ),
];

/// The key whose colon or equals sign stands at `at`: its last two words, if it is not quoted.
pub(super) fn key_before(text: &[u8], at: usize) -> &[u8] {
    let before = text.get(at.saturating_sub(WINDOW)..at).unwrap_or_default().trim_ascii_end();
    let key = match before {
        [key @ .., b'\\', b'"' | b'\''] | [key @ .., b'"' | b'\'' | b'`' | b']'] => key,
        key => key,
    };
    let is_of_key = |byte: &u8| is_letter(*byte) || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.');
    let word = |text: &[u8]| text.iter().rposition(|byte| !is_of_key(byte)).map_or(0, |at| at + 1);
    let mut start = word(key);
    if key.len() == before.len()
        && let Some((b' ', earlier)) = key.get(..start).and_then(<[u8]>::split_last)
    {
        start = word(earlier);
    }
    key.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        Words::new(iter::empty())
    }

    #[test]
    fn a_name_says_what_its_words_say() {
        let words = words();
        for (name, topics) in [
            ("card_number", CARD),
            ("customerPhone", PHONE),
            ("PHONE2", PHONE),
            ("phones", PHONE),
            ("DateOfBirth", BIRTH),
            ("apiKey", SECRET),
            ("public", Topics::default()),
            ("discard", Topics::default()),
            ("", Topics::default()),
        ] {
            assert_eq!(words.of_name(name.as_bytes()), topics, "{name}");
        }
    }

    #[test]
    fn before_a_value_stands_its_key_or_some_words_of_its_line() {
        let words = words();
        for (text, topics) in [
            (r#"{"card":null,"order":"#, Topics::default()),
            (r#"{"order":1,"card": "#, CARD),
            (r#"{"order":1,"card":"#, CARD),
            ("call me, or my wife, at ", PHONE),
            ("phone\n", PHONE),
            ("card=1&order=", Topics::default()),
            ("[card] [phone] ", Topics::default()),
            ("SELECT card FROM t WHERE id = ", Topics::default()),
            ("{\"card\":1}, ", Topics::default()),
            ("order=1&card=", CARD),
        ] {
            assert_eq!(words.before(text.as_bytes(), text.len()), topics, "{text}");
        }
        for (text, key) in [
            ("set db.password", "set db.password"),
            ("\"apiKey\" ", "apiKey"),
            ("the password is in the vault", "the vault"),
            ("{\\\"password\\\"", "password"),
        ] {
            assert_eq!(key_before(text.as_bytes(), text.len()), key.as_bytes(), "{text}");
        }
        let far = format!("card {} ", "x ".repeat(40));
        assert_eq!(words.before(far.as_bytes(), far.len()), Topics::default());
    }
}
