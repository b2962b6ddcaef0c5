//! Bech32 and bech32m (BIP-173, BIP-350): a readable part, a `1`, and five bits a character with a code of six at the
//! end. Only readable parts that are known are looked at.

/// Names what `token` is, if it is one.
pub(super) fn recognise(token: &[u8]) -> Option<&'static str> {
    let (part, data, known) = split(token)?;
    let mut state = 1;
    for byte in part.iter() {
        state = step(state, u32::from(byte.to_ascii_lowercase()) >> 5);
    }
    state = step(state, 0);
    for byte in part.iter() {
        state = step(state, u32::from(byte.to_ascii_lowercase()) & 31);
    }
    for byte in data {
        state = step(state, value(byte.to_ascii_lowercase())?);
    }
    let variant = match state {
        1 => Variant::Plain,
        0x2bc8_30a3 => Variant::M,
        _ => return None,
    };
    known.form.allows(data, variant).then_some(known.name)
}

/// A readable part that is looked for.
struct Known {
    part: &'static str,
    name: &'static str,
    form: Form,
}

/// What stands behind the readable part.
#[derive(Clone, Copy)]
enum Form {
    /// A witness program: its version says which code ends it, and how long it may be.
    Segwit,
    /// Any bytes, with the code of BIP-173.
    Plain,
    /// Any bytes, with the code of BIP-350.
    M,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    Plain,
    M,
}

impl Form {
    fn allows(self, data: &[u8], variant: Variant) -> bool {
        match self {
            Self::Plain => variant == Variant::Plain,
            Self::M => variant == Variant::M,
            Self::Segwit => {
                let version = data.first().and_then(|byte| value(byte.to_ascii_lowercase()));
                let bits = data.len().saturating_sub(7) * 5;
                let (bytes, padding) = (bits / 8, bits % 8);
                let length = match version {
                    Some(0) => variant == Variant::Plain && matches!(bytes, 20 | 32),
                    Some(1..=16) => variant == Variant::M && matches!(bytes, 2..=40),
                    _ => false,
                };
                let last = data.get(..data.len().saturating_sub(6)).and_then(<[u8]>::last);
                let spare = last.and_then(|byte| value(byte.to_ascii_lowercase())).unwrap_or(u32::MAX);
                length && padding < 5 && spare & ((1 << padding) - 1) == 0
            }
        }
    }
}

/// Cuts at the last `1` and looks the readable part up. One case throughout, as the specification has it.
fn split(token: &[u8]) -> Option<(&[u8], &[u8], &'static Known)> {
    let first = token.first()?;
    let known = KNOWN.iter().find(|known| {
        let part = known.part.as_bytes();
        part.first() == Some(&first.to_ascii_lowercase())
            && token.get(part.len()) == Some(&b'1')
            && token.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part))
    })?;
    let (part, rest) = token.split_at_checked(known.part.len())?;
    let data = rest.get(1..)?;
    let mixed = token.iter().any(u8::is_ascii_uppercase) && token.iter().any(u8::is_ascii_lowercase);
    (data.len() >= 6 && !mixed).then_some((part, data, known))
}

/// One step of the code's polynomial.
fn step(state: u32, value: u32) -> u32 {
    let top = state >> 25;
    let mut next = ((state & 0x01ff_ffff) << 5) ^ value;
    for (bit, generator) in GENERATORS.iter().enumerate() {
        if (top >> bit) & 1 == 1 {
            next ^= generator;
        }
    }
    next
}

/// The five bits of a character in lower case.
fn value(byte: u8) -> Option<u32> {
    ALPHABET.iter().position(|letter| *letter == byte).and_then(|position| u32::try_from(position).ok())
}

pub(super) const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

const GENERATORS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];

const fn known(part: &'static str, name: &'static str, form: Form) -> Known {
    Known { part, name, form }
}

/// INVARIANT: no readable part holds a `1`, so the first `1` behind it is the separator.
static KNOWN: &[Known] = &[
    known("bc", "bitcoin", Form::Segwit),
    known("tb", "bitcoin", Form::Segwit),
    known("bcrt", "bitcoin", Form::Segwit),
    known("ltc", "litecoin", Form::Segwit),
    known("tltc", "litecoin", Form::Segwit),
    known("dgb", "digibyte", Form::Segwit),
    known("vtc", "vertcoin", Form::Segwit),
    known("grs", "groestlcoin", Form::Segwit),
    known("addr", "cardano", Form::Plain),
    known("stake", "cardano", Form::Plain),
    known("cosmos", "cosmos", Form::Plain),
    known("osmo", "cosmos", Form::Plain),
    known("celestia", "cosmos", Form::Plain),
    known("inj", "cosmos", Form::Plain),
    known("terra", "cosmos", Form::Plain),
    known("bnb", "binance", Form::Plain),
    known("erd", "multiversx", Form::Plain),
    known("zil", "zilliqa", Form::Plain),
    known("one", "harmony", Form::Plain),
    known("zs", "zcash", Form::Plain),
    known("u", "zcash", Form::M),
    known("nsec", "nostr-key", Form::Plain),
];
