//! Placeholders: what people write where a secret would stand.

/// Whether the characters behind a prefix are no secret but filling: words that say so, or few different ones.
pub(super) fn is_filler(body: &[u8]) -> bool {
    is_monotonous(body) || has_filling(body.get(..64).unwrap_or(body))
}

/// Whether the first characters are four different ones at most, which no random ones are.
pub(super) fn is_monotonous(body: &[u8]) -> bool {
    kinds(body.get(..16).unwrap_or(body)) < 5
}

/// Whether a value stands for a secret that is somewhere else: a template, a variable, stars, a word in brackets.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let enclosed = match value {
        [b'$', b'{' | b'(', ..] | [b'{', b'{', ..] | [b'<', b'%' | b'=', ..] | [b'#', b'{', ..] => true,
        [b'<', .., b'>'] | [b'[', .., b']'] | [b'{', .., b'}'] => true,
        [b'%', inner @ .., b'%'] => is_name(inner),
        [b'$' | b'@' | b':', name @ ..] => is_variable(name),
        [b'%', b's' | b'd' | b'v' | b'q' | b'@'] => true,
        _ => false,
    };
    enclosed
        || value.iter().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-' | b'_' | b'?' | b'#' | b' '))
        || value.starts_with("•".as_bytes())
        || value.starts_with("…".as_bytes())
        || value.starts_with("●".as_bytes())
        || is_repeated(value)
        || has_filling(value.get(..256).unwrap_or(value))
}

/// One character over and over, as long as nobody would choose it.
fn is_repeated(value: &[u8]) -> bool {
    value.len() >= 6 && kinds(value) == 1
}

/// The name of a variable or parameter, as behind `$`: one that says what it holds. `$ecret` is a password.
fn is_variable(name: &[u8]) -> bool {
    is_name(name) && ["pass", "pwd", "secret", "token", "key"].iter().any(|word| contains(name, word.as_bytes()))
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// How many different bytes there are.
fn kinds(bytes: &[u8]) -> u32 {
    let seen = bytes.iter().fold([0_u128; 2], |[low, high], byte| match byte.checked_sub(128) {
        None => [low | 1 << byte, high],
        Some(above) => [low, high | 1 << above],
    });
    seen.iter().map(|half| half.count_ones()).sum()
}

/// Whether `word`, in lower case, stands in `text` in any case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// Whether a word of documentation stands in `text`.
fn has_filling(text: &[u8]) -> bool {
    text.iter().enumerate().any(|(place, byte)| {
        let begins = |word: &&str| {
            let end = place.saturating_add(word.len());
            text.get(place..end).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
        };
        filling(byte.to_ascii_lowercase()).iter().any(begins)
    })
}

/// The words of documentation that begin with `first`: long enough that no random run holds them.
const fn filling(first: u8) -> &'static [&'static str] {
    match first {
        b'c' => &["changeme", "change_me", "change-me", "change_this", "change-this"],
        b'g' => &["goes-here", "goes_here"],
        b'i' => &["insert_", "insert-"],
        b'n' => &["not-a-real", "not_a_real"],
        b'p' => &["placeholder"],
        b'r' => &["redacted", "replace_me", "replace-me", "replaceme"],
        b'x' => &["xxxxxx"],
        b'y' => &["your_", "your-", "yourpass", "yourtoken", "yourkey", "yoursecret", "yourapikey"],
        b'*' => &["******"],
        b'.' => &["......"],
        _ => &[],
    }
}
