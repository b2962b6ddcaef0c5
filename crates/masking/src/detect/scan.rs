//! The scanner: one pass over a value. Blocks that hold nothing of interest are passed over; the rest is walked, token by
//! token, and each is given to those who know its form. Whatever the bytes, a step looks at a bounded number of them.

use super::network::{HARDWARE_BY_FOURS, HARDWARE_BY_TWOS};
use super::view::runs;
use super::words::{SECRET, Topics, WALLET, key_before};
use super::{Class, Context, Detectors, Found, Watch, coin, secret};

/// A value that is looked at.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) detectors: &'a Detectors,
    pub(super) value: &'a [u8],
    pub(super) watch: Watch,
    /// How many disguises may be taken off.
    pub(super) layers: usize,
    context: Context,
    found: &'a mut Vec<Found>,
    /// What stands before the byte that was asked for last.
    before: (usize, Topics),
    /// A run of hexadecimal digits and colons up to here is no address.
    pub(super) no_address_before: usize,
    /// Groups that were looked at before start again here.
    pub(super) cut_at: usize,
    /// What was told last ends here.
    pub(super) told_before: usize,
    /// What a key says secret of ends here.
    assigned_before: usize,
    /// How many bytes were looked at behind keys.
    assigned_bytes: usize,
    /// A run up to here was decoded, or is no encoding.
    pub(super) no_run_before: usize,
    is_odd: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(
        detectors: &'a Detectors,
        value: &'a [u8],
        context: Context,
        (watch, layers): (Watch, usize),
        found: &'a mut Vec<Found>,
    ) -> Self {
        let before = (usize::MAX, Topics::default());
        Self {
            detectors,
            value,
            watch,
            context,
            found,
            before,
            no_address_before: 0,
            assigned_before: 0,
            assigned_bytes: 0,
            cut_at: 0,
            told_before: 0,
            no_run_before: 0,
            is_odd: false,
            layers,
        }
    }

    pub(super) fn run(&mut self) {
        self.whole();
        let (blocks, rest) = self.value.as_chunks::<BLOCK>();
        let mut done = 0;
        for (number, block) in blocks.iter().enumerate() {
            let look = look_at(block);
            self.is_odd |= look.is_odd;
            if look.is_suspicious {
                done = self.walk_around(number * BLOCK, done);
            }
        }
        let flags = rest.iter().fold(0, |flags, byte| flags | kind(*byte).flag());
        self.is_odd |= flags & ODD_FLAG != 0;
        if flags & WALK_FLAGS != 0 || rest.len() >= 16 {
            self.walk_around(blocks.len() * BLOCK, done);
        }
    }

    /// Whether the value holds bytes that may hide what it says.
    pub(super) const fn is_odd(&self) -> bool {
        self.is_odd
    }

    /// Walks what the block at `start` may be part of, but for what is done. Returns where it came to.
    fn walk_around(&mut self, start: usize, done: usize) -> usize {
        let limit = start + BLOCK + MARGIN;
        if done >= limit {
            return done;
        }
        let mut from = start.saturating_sub(MARGIN).max(done);
        if from > done {
            // A token that is cut here ends before the block, or its own block is walked.
            while from < start && self.at(from).is_some_and(|byte| kind(byte).is_of_token()) {
                from += 1;
            }
        }
        self.walk(from, limit)
    }

    /// Walks on until a space behind `limit`, or the end.
    fn walk(&mut self, mut at: usize, limit: usize) -> usize {
        loop {
            // What begins nothing, all at once.
            let rest = self.value.get(at..).unwrap_or_default();
            at += rest.iter().take_while(|byte| kind(**byte) == Kind::Sign).count();
            let Some(byte) = self.at(at) else { return at };
            at = match kind(byte) {
                Kind::Digit | Kind::Hex | Kind::Letter => self.token(at),
                Kind::Space if at >= limit => return at,
                Kind::At => self.email(at),
                Kind::Colon => self.colon(at),
                Kind::Equals => {
                    self.assigned(at);
                    at + 1
                }
                Kind::Dash => self.dash(at),
                Kind::Space | Kind::Sign | Kind::Odd => at + 1,
            };
        }
    }

    /// A run of letters and digits. Returns where to go on.
    fn token(&mut self, start: usize) -> usize {
        if self.at(start + 8) == Some(b'-') && self.at(start + 13) == Some(b'-') && self.is_uuid(start) {
            return start + UUID_BYTES;
        }
        let token = self.read_token(start);
        if (token.letters > 0 || self.at(token.end) == Some(b':'))
            && let Some(secret) = self.secret(&token)
        {
            return secret;
        }
        if token.end - start >= ENCODED
            && (token.is_hex || token.digits > 0 || has_capitals(self.slice(start + 1, token.end)))
            && let Some(end) = self.encoded(start, token.end)
        {
            return end;
        }
        if token.digits == 0 {
            let goes_on = self.detectors.register.may_go_on_behind(&[token.end - start])
                && self.at(token.end + 1).is_some_and(|byte| byte.is_ascii_digit());
            return if goes_on { self.lettered(start, token.end).unwrap_or(token.end) } else { token.end };
        }
        if token.end - start == 2
            && let Some(end) = self.hardware(start, HARDWARE_BY_TWOS)
        {
            return end;
        }
        if token.end - start == 4
            && let Some(end) = self.hardware(start, HARDWARE_BY_FOURS)
        {
            return end;
        }
        if token.letters == 0 {
            let lettered = self.is_followed_by_letters(&token).then(|| self.lettered(start, token.end)).flatten();
            return lettered.unwrap_or_else(|| self.numbers(start, token.end));
        }
        let length = token.end - start;
        if token.is_hex && length >= 32 {
            return token.end;
        }
        if length >= GLUED
            && let Some(end) = self.random_beside_a_word(&token)
        {
            return end;
        }
        if let Some(end) = self.iban(start) {
            return end;
        }
        if length >= 25
            && self.looks_for(Class::CRYPTO)
            && let Some(name) = coin::recognise(self.slice(start, token.end))
            && (!name.ends_with("-unproven") || self.says(start, WALLET))
        {
            self.push(start..token.end, Class::CRYPTO, name);
            return token.end;
        }
        self.mixed(start, token.end)
    }

    /// Whether a group of a number with letters in it goes on behind a sign with letters.
    fn is_followed_by_letters(&self, token: &Token) -> bool {
        let is_joined = matches!(self.at(token.end), Some(b' ' | b'-' | b'.' | b'/'));
        is_joined
            && self.detectors.register.may_go_on_behind(&[token.end - token.start])
            && self.read_token(token.end + 1).letters > 0
    }

    /// A long run that looks random, beside words that say secret.
    fn random_beside_a_word(&mut self, token: &Token) -> Option<usize> {
        if !self.looks_for(Class::SECRET) || !self.says(token.start, SECRET) {
            return None;
        }
        // A longer run is none of these, and is not looked at again and again.
        let near = self.slice(0, token.end + ASSIGNED);
        let from = self.told_before.max(token.start.saturating_sub(ASSIGNED));
        let run = runs::around(near, token.start, token.end, from);
        if run.len() > ASSIGNED {
            return None;
        }
        let before = self.slice(run.start.saturating_sub(SAID), run.start);
        let strength = self.detectors.words.strength_of(before)?;
        if !secret::assigned(self.slice(run.start, run.end), strength.min(secret::Strength::Secret)) {
            return None;
        }
        self.push(run.clone(), Class::SECRET, "secret-beside-a-word");
        Some(run.end)
    }

    /// Counts without branches: which of a token's bytes are digits is as good as random.
    fn read_token(&self, start: usize) -> Token {
        let (mut digits, mut kinds, mut length) = (0, 0, 0);
        for byte in self.value.get(start..).unwrap_or_default() {
            let kind = kind(*byte);
            if !kind.is_of_token() {
                break;
            }
            digits += usize::from(kind == Kind::Digit);
            kinds |= kind.flag();
            length += 1;
        }
        Token { start, end: start + length, digits, letters: length - digits, is_hex: kinds & Kind::Letter.flag() == 0 }
    }

    /// A secret that begins with this token, or in it.
    fn secret(&mut self, token: &Token) -> Option<usize> {
        if !self.looks_for(Class::SECRET) {
            return None;
        }
        if let Some(secret) = secret::recognise(self.value.get(token.start..).unwrap_or_default()) {
            let end = token.start + secret.length;
            // Of a webhook even the address is told to nobody.
            let lead = if self.slice(token.start, token.start + 4) == b"http" { 0 } else { secret.lead };
            self.push(token.start + lead..end, Class::SECRET, secret.name);
            return Some(end.max(token.end));
        }
        if token.is_hex || token.end - token.start < GLUED {
            return None;
        }
        // Glued to what stands before it.
        let run = self.slice(token.start, token.end);
        let mut glued = self.detectors.beginnings.as_ref()?.find_iter(run).map(|found| token.start + found.start());
        let (at, secret) =
            glued.find_map(|at| Some((at, secret::recognise(self.value.get(at..).unwrap_or_default())?)))?;
        self.push(at + secret.lead..at + secret.length, Class::SECRET, secret.name);
        Some((at + secret.length).max(token.end))
    }

    /// 8-4-4-4-12 hexadecimal digits.
    fn is_uuid(&self, start: usize) -> bool {
        let Some(run) = self.value.get(start..start + UUID_BYTES) else { return false };
        let follows = self.at(start + UUID_BYTES).is_some_and(|byte| kind(byte).is_of_token());
        !follows
            && run.iter().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    }

    /// A colon: behind a key, before `//`, or in an address.
    fn colon(&mut self, at: usize) -> usize {
        if self.value.get(at + 1..at + 3) == Some(b"//") {
            let start = at + 3;
            if self.looks_for(Class::SECRET)
                && let Some(password) = secret::password_in_url(self.value.get(start..).unwrap_or_default())
            {
                let span = start + password.start..start + password.end;
                let end = span.end;
                self.push(span, Class::SECRET, "password-in-url");
                return end;
            }
            return start;
        }
        if let Some(end) = self.colon_address(at) {
            return end;
        }
        self.assigned(at);
        at + 1
    }

    /// A dash that may begin a private key.
    fn dash(&mut self, at: usize) -> usize {
        let rest = self.value.get(at..).unwrap_or_default();
        if self.looks_for(Class::SECRET)
            && rest.starts_with(b"-----BEGIN ")
            && let Some(length) = secret::private_key(rest)
        {
            self.push(at..at + length, Class::SECRET, "private-key");
            return at + length;
        }
        if let [b'-', b'-', b'a'..=b'z', ..] = rest {
            let name = rest.get(2..NAME).unwrap_or(rest).iter();
            let end =
                at + 2 + name.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
            if self.at(end) == Some(b' ') {
                self.assigned(end);
            }
            return at + 2;
        }
        at + 1
    }

    /// What stands behind a key that says secret.
    fn assigned(&mut self, at: usize) {
        if !self.looks_for(Class::SECRET) || at < self.assigned_before {
            return;
        }
        let key = key_before(self.value, at);
        let Some(strength) = self.detectors.words.strength_of(key) else { return };
        let span = self.value_behind(at + 1);
        self.assigned_bytes += span.1.saturating_sub(span.0);
        if self.assigned_bytes > self.value.len().saturating_mul(4).saturating_add(ASSIGNED) {
            // Keys within values of keys: no byte is looked at many times.
            self.assigned_before = span.1;
        }
        // A call is code, and no value.
        let is_call =
            self.slice(span.0, span.1).contains(&b'(') && self.at_before(span.0).is_none_or(|byte| byte != b'"');
        if !is_call && secret::assigned(self.slice(span.0, span.1), strength) {
            self.assigned_before = span.1;
            self.push(span.0..span.1, Class::SECRET, "assigned-secret");
        }
    }

    /// The value behind `at`: without its quotes, or up to a space or sign that ends it.
    fn value_behind(&self, mut at: usize) -> (usize, usize) {
        while let Some(b' ' | b'\\' | b'=' | b'>') = self.at(at) {
            at += 1;
        }
        let quote = self.at(at).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
        let start = at + usize::from(quote.is_some());
        let mut rest = self.value.get(start..).unwrap_or_default();
        for scheme in [&b"Bearer "[..], b"Basic ", b"Token ", b"bearer ", b"basic ", b"token "] {
            rest = rest.strip_prefix(scheme).unwrap_or(rest);
        }
        let start = self.value.len() - rest.len();
        let ends = |byte: &u8| match quote {
            Some(quote) => *byte == quote || matches!(byte, b'\\' | b'\n'),
            None => {
                matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | b';' | b'&' | b'"' | b'\'' | b'}' | b')' | b'<')
            }
        };
        let rest = rest.get(..ASSIGNED).unwrap_or(rest);
        (start, start + rest.iter().position(ends).unwrap_or(rest.len()))
    }

    /// The whole value, under a name that says secret.
    fn whole(&mut self) {
        let is_short = self.value.len() <= ASSIGNED;
        if self.looks_for(Class::SECRET)
            && is_short
            && let Some(strength) = self.context.strength
            && secret::assigned(self.value, strength)
        {
            self.push(0..self.value.len(), Class::SECRET, "secret-by-name");
        }
    }

    pub(super) fn at(&self, at: usize) -> Option<u8> {
        self.value.get(at).copied()
    }

    /// The bytes from `start` to `end`, or to where the value ends.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.value.get(start..end.min(self.value.len())).unwrap_or_default()
    }

    pub(super) const fn looks_for(&self, class: Class) -> bool {
        self.watch.looks_for(class)
    }

    pub(super) fn push(&mut self, span: std::ops::Range<usize>, class: Class, detector: &'static str) {
        self.told_before = span.end;
        self.found.push(Found { span, detector, class });
    }

    /// Whether the column's name, or what stands before the byte at `at`, says it.
    pub(super) fn says(&mut self, at: usize, topics: Topics) -> bool {
        self.said(at).says(topics)
    }

    /// What the column's name, and what stands before the byte at `at`, say.
    pub(super) fn said(&mut self, at: usize) -> Topics {
        if self.before.0 != at {
            self.before = (at, self.detectors.words.before(self.value, at));
        }
        self.context.topics.with(self.before.1)
    }
}

#[derive(Debug)]
struct Token {
    start: usize,
    end: usize,
    digits: usize,
    letters: usize,
    is_hex: bool,
}

fn has_capitals(letters: &[u8]) -> bool {
    letters.iter().any(u8::is_ascii_uppercase)
}

/// What the bytes of a block tell at a glance.
struct Look {
    is_suspicious: bool,
    is_odd: bool,
}

/// Written so that the compiler makes vector instructions of it.
fn look_at(block: &[u8; BLOCK]) -> Look {
    let (mut digits, mut dashes, mut signs, mut odd) = (0u8, 0u8, 0u8, 0u8);
    for byte in block {
        digits += u8::from(byte.wrapping_sub(b'0') < 10);
        dashes += u8::from(*byte == b'-');
        signs |= u8::from(*byte == b'@') | u8::from(*byte == b'=') | u8::from(*byte == b':');
        odd |= u8::from(*byte >= 0x7f)
            | u8::from(*byte == 0x1b)
            | u8::from(*byte == b'\\')
            | u8::from(*byte == b'%')
            | u8::from(*byte == b'&');
    }
    let mut has_run = false;
    for quarter in block.as_chunks::<16>().0 {
        let gaps = quarter.iter().fold(0, |gaps, byte| gaps | u8::from(*byte <= b','));
        has_run |= gaps == 0;
    }
    Look { is_suspicious: digits != 0 || dashes >= 5 || signs != 0 || has_run, is_odd: odd != 0 }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Digit,
    /// A letter that is a hexadecimal digit too.
    Hex,
    Letter,
    At,
    Colon,
    Equals,
    Dash,
    Space,
    Sign,
    /// It may hide what is said.
    Odd,
}

impl Kind {
    pub(super) const fn is_of_token(self) -> bool {
        matches!(self, Self::Digit | Self::Hex | Self::Letter)
    }

    const fn flag(self) -> u16 {
        1 << self as u8
    }
}

pub(super) fn kind(byte: u8) -> Kind {
    KINDS.get(usize::from(byte)).copied().unwrap_or(Kind::Odd)
}

const ODD_FLAG: u16 = Kind::Odd.flag();
const WALK_FLAGS: u16 =
    Kind::Digit.flag() | Kind::At.flag() | Kind::Colon.flag() | Kind::Equals.flag() | Kind::Dash.flag();

static KINDS: [Kind; 256] = kinds();

#[expect(clippy::indexing_slicing, reason = "at compile time, over all bytes")]
const fn kinds() -> [Kind; 256] {
    let mut kinds = [Kind::Sign; 256];
    let mut at = 0;
    while at < 256 {
        kinds[at] = match at as u8 {
            b'0'..=b'9' => Kind::Digit,
            b'a'..=b'f' | b'A'..=b'F' => Kind::Hex,
            b'g'..=b'z' | b'G'..=b'Z' => Kind::Letter,
            b'@' => Kind::At,
            b':' => Kind::Colon,
            b'=' => Kind::Equals,
            b'-' => Kind::Dash,
            b' ' | b'\n' | b'\r' | b'\t' => Kind::Space,
            b'\\' | b'%' | b'&' | 0x1b | 0x7f..=0xff => Kind::Odd,
            _ => Kind::Sign,
        };
        at += 1;
    }
    kinds
}

/// Bytes that are looked at together.
const BLOCK: usize = 64;
/// Bytes before and behind a block that are walked with it.
const MARGIN: usize = 32;
const UUID_BYTES: usize = 36;
/// The shortest run that a secret may be glued into.
const GLUED: usize = 20;
/// The shortest token that may be of an encoding.
const ENCODED: usize = 10;
/// Bytes before a run in which words say what it is.
const SAID: usize = 48;
/// Bytes of the longest option of a command.
const NAME: usize = 34;
/// The longest value that is taken for a secret by its key.
const ASSIGNED: usize = 512;
