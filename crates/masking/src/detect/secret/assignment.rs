//! Secrets that are told by the key before them: which words of a key mean one, and whether what stands behind is one
//! or a placeholder, a word of prose, a type, a path, an identifier.

use super::placeholder;
use super::words::{ABOUT, PAIRS, PASSWORDS, PLAIN, PROSE, REFERENCES, SCHEMES, SECRETS, TOKENS};

/// How much a value has to look like a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// Behind `token`, `auth`, `session`: only what is random, and no UUID or digest, which often name something.
    Token,
    /// Behind `secret`, `api_key`: what is not plain words. UUIDs and digests are secrets here: many keys are.
    Secret,
    /// Behind `password`: almost anything. People choose them.
    Password,
}

/// What a key asks of its value, if it names a secret: `words` are its words, whole, in lower case, in order, as
/// `["aws", "secret", "access", "key"]`. A last word that says that the value is only about a secret (`token_type`,
/// `password_changed_at`) makes it none.
pub(crate) fn strength_of(words: &[&str]) -> Option<Strength> {
    let about = match words {
        [.., "secret" | "session", "id"] => false,
        [.., last] => ABOUT.contains(last),
        [] => true,
    };
    if about {
        return None;
    }
    let single = words.iter().filter_map(|word| {
        let named = |list: &[&str]| list.contains(word);
        match () {
            () if named(PASSWORDS) => Some(Strength::Password),
            () if named(SECRETS) => Some(Strength::Secret),
            () if named(TOKENS) => Some(Strength::Token),
            () => None,
        }
    });
    let pairs = words.windows(2).filter(|pair| matches!(pair, [a, b] if PAIRS.contains(&(*a, *b))));
    single.chain(pairs.map(|_| Strength::Secret)).max()
}

/// Whether the value behind a key is a secret. Quotes around it are not looked at.
pub(crate) fn assigned(value: &[u8], strength: Strength) -> bool {
    let value = unquoted(value.trim_ascii());
    if placeholder::is_placeholder(value) || is_reference(value) || is_path(value) || is_plain(value) {
        return false;
    }
    match strength {
        Strength::Password => value.len() >= 4 && !is_prose(value),
        Strength::Secret => {
            let value = without_scheme(value);
            value.len() >= 8 && is_one_word(value) && kinds(value) >= 2 && entropy(value) >= 2.5 && !is_worded(value)
        }
        Strength::Token => {
            let value = without_scheme(value);
            let random = value.len() >= 16 && is_one_word(value) && kinds(value) >= 2 && entropy(value) >= 3.0;
            random && !is_structured(value)
        }
    }
}

/// Whether it has the form of something that is random or long and no secret: UUID, ULID, digest in hexadecimal (also
/// behind the name of its algorithm), time, number, version, words in one case with dashes.
pub(crate) fn is_structured(value: &[u8]) -> bool {
    is_uuid(value) || is_ulid(value) || is_digest(value) || is_number(value) || is_worded(value)
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] | [b'`', inner @ .., b'`'] => inner,
        _ => value,
    }
}

/// Without `Bearer `, `Basic ` and the like, which stand before the secret in a header.
fn without_scheme(value: &[u8]) -> &[u8] {
    let space = value.iter().take(24).position(|byte| *byte == b' ');
    let Some((scheme, [b' ', rest @ ..])) = space.and_then(|space| value.split_at_checked(space)) else { return value };
    if SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known.as_bytes())) {
        rest.trim_ascii_start()
    } else {
        value
    }
}

fn is_plain(value: &[u8]) -> bool {
    PLAIN.iter().any(|plain| value.eq_ignore_ascii_case(plain.as_bytes()))
}

/// Several words, the first of which begins a sentence, or is said of a password.
fn is_prose(value: &[u8]) -> bool {
    let mut words = value.split(u8::is_ascii_whitespace);
    let first = words.next().unwrap_or_default();
    let first = first.strip_suffix(b",").unwrap_or(first);
    words.next().is_some() && PROSE.iter().any(|word| first.eq_ignore_ascii_case(word.as_bytes()))
}

/// Code that fetches the secret from somewhere else, or an address without one.
fn is_reference(value: &[u8]) -> bool {
    let call = value.ends_with(b")") && value.contains(&b'(') && {
        let name = value.split(|byte| *byte == b'(').next().unwrap_or_default();
        name.len() >= 3 && name.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'_' | b':'))
    };
    call || REFERENCES
        .iter()
        .any(|start| value.get(..start.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(start.as_bytes())))
}

/// A path to a file: it begins as one, and none of its parts looks random.
fn is_path(value: &[u8]) -> bool {
    let begins = match value {
        [b'~', b'/', ..] | [b'.', b'/', ..] | [b'.', b'.', b'/', ..] => true,
        [b'/', rest @ ..] => rest.contains(&b'/') || rest.contains(&b'.'),
        [drive, b':', b'\\' | b'/', ..] => drive.is_ascii_alphabetic(),
        _ => false,
    };
    let named = |part: &[u8]| {
        let signs = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b' ' | b':' | b'~');
        part.iter().all(signs) && !(part.len() > 8 && kinds(part) >= 3 && entropy(part) > 3.0 && !part.contains(&b'.'))
    };
    begins && value.split(|byte| matches!(byte, b'/' | b'\\')).all(named)
}

fn is_uuid(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"urn:uuid:").unwrap_or(value);
    let value = match value {
        [b'{', inner @ .., b'}'] => inner,
        _ => value,
    };
    value.len() == 36
        && value.iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// 26 characters of Crockford's alphabet, the first of which holds three bits.
fn is_ulid(value: &[u8]) -> bool {
    let of_it =
        |byte: &u8| byte.is_ascii_alphanumeric() && !matches!(byte.to_ascii_uppercase(), b'I' | b'L' | b'O' | b'U');
    value.len() == 26 && matches!(value, [b'0'..=b'7', ..]) && value.iter().all(of_it) && is_one_case(value)
}

fn is_digest(value: &[u8]) -> bool {
    let sign = value.iter().take(10).position(|byte| matches!(byte, b':' | b'-'));
    let (algorithm, digest) = match sign.and_then(|sign| value.split_at_checked(sign)) {
        Some((algorithm, [_, digest @ ..])) => (algorithm, digest),
        _ => (&[][..], value),
    };
    let hexadecimal = matches!(digest.len(), 24 | 32 | 40 | 56 | 64 | 96 | 128)
        && digest.iter().all(u8::is_ascii_hexdigit)
        && is_one_case(digest);
    let named = matches!(algorithm, b"md5" | b"sha1" | b"sha256" | b"sha384" | b"sha512" | b"blake3");
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    if named { hexadecimal || digest.iter().all(base64) } else { algorithm.is_empty() && hexadecimal }
}

/// Numbers, prices, times and versions: digits with signs, and the few letters of times.
fn is_number(value: &[u8]) -> bool {
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let of_it = |byte: &u8| {
        byte.is_ascii_digit()
            || matches!(byte, b'-' | b':' | b'.' | b'+' | b',' | b' ' | b'/' | b'T' | b'Z' | b'v' | b'e')
    };
    value.iter().any(u8::is_ascii_digit) && letters <= 2 && value.iter().all(of_it)
}

/// Words with dashes, underscores or full stops between them, in one case, some of them short numbers: `us-east-1`.
fn is_worded(value: &[u8]) -> bool {
    let word = |part: &[u8]| {
        let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
        let letters = part.iter().all(u8::is_ascii_alphabetic) && part.len() <= 20;
        letters
            || (digits == part.len() && digits <= 4)
            || (part.len() <= 3 && part.iter().all(u8::is_ascii_alphanumeric))
    };
    is_one_case(value)
        && value.iter().any(u8::is_ascii_alphabetic)
        && value.split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/' | b':')).all(word)
}

fn is_one_case(value: &[u8]) -> bool {
    !(value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase))
}

fn is_one_word(value: &[u8]) -> bool {
    !value.iter().any(u8::is_ascii_whitespace)
}

/// How many of these it has: lower case, upper case, digits, anything else.
fn kinds(value: &[u8]) -> usize {
    let kinds: [fn(&u8) -> bool; 4] =
        [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit, |byte| !byte.is_ascii_alphanumeric()];
    kinds.iter().filter(|kind| value.iter().any(kind)).count()
}

/// Shannon's entropy in bits a character, over the first 256.
fn entropy(value: &[u8]) -> f64 {
    let value = value.get(..256).unwrap_or(value);
    let mut counts = [0_u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    let share = |count: &u32| f64::from(*count) / total;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}
