//! Addresses and keys of cryptocurrencies, proven by the checksum that is built into them. First byte and length reject
//! almost every run before anything is decoded, and the version before anything is hashed. It knows no text: whether a
//! word beside an unproven one says wallet is for the caller.

mod base58;
mod bech32;

use sha3::{Digest as _, Keccak256};

/// Names the coin of `token`, a whole run of letters and digits; `…-unproven` where nothing but its form was checked,
/// so that it is one only beside a word of [`WORDS`].
pub(crate) fn recognise(token: &[u8]) -> Option<&'static str> {
    match token {
        [b'0', b'x' | b'X', digits @ ..] if digits.len() == 40 => ethereum(digits),
        [b'4' | b'8', ..] if matches!(token.len(), 95 | 106) => monero(token),
        [b'x' | b'y' | b'z' | b't' | b'u' | b'v', b'p', ..] if token.len() == 111 => base58::extended_key(token),
        [b'5' | b'9', ..] if token.len() == 51 => base58::private_key(token),
        [b'K' | b'L' | b'c', ..] if token.len() == 52 => base58::private_key(token),
        _ => match token.len() {
            25..=35 => base58::address(token).or_else(|| base58::ripple(token)).or_else(|| solana(token)),
            36..=44 => solana(token).or_else(|| bech32::recognise(token)),
            45..=SHORT_ENOUGH => bech32::recognise(token),
            _ => None,
        },
    }
}

/// Whole words, in lower case, that say that an address or key of a coin stands near.
pub(crate) const WORDS: &[&str] = &[
    "wallet",
    "wallets",
    "crypto",
    "cryptocurrency",
    "coin",
    "coins",
    "blockchain",
    "bitcoin",
    "btc",
    "xbt",
    "satoshi",
    "ethereum",
    "ether",
    "eth",
    "erc",
    "usdt",
    "usdc",
    "tether",
    "solana",
    "sol",
    "litecoin",
    "ltc",
    "dogecoin",
    "doge",
    "dash",
    "zcash",
    "zec",
    "monero",
    "xmr",
    "ripple",
    "xrp",
    "tron",
    "trx",
    "cardano",
    "ada",
    "polygon",
    "matic",
    "avalanche",
    "avax",
    "bnb",
    "binance",
    "metamask",
    "phantom",
    "ledger",
    "trezor",
    "payout",
    "mnemonic",
    "nft",
    "defi",
    "onchain",
    "contract",
];

/// The longest of bech32 that is looked at: an unified address of Zcash stays below.
const SHORT_ENOUGH: usize = 250;

/// EIP-55: the case of each letter is one bit of the hash of the address in lower case. An address in one case has no
/// checksum.
fn ethereum(digits: &[u8]) -> Option<&'static str> {
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let upper = digits.iter().any(u8::is_ascii_uppercase);
    let lower = digits.iter().any(u8::is_ascii_lowercase);
    if !(upper && lower) {
        return varied(digits).then_some("ethereum-unproven");
    }
    let hash = Keccak256::digest(digits.to_ascii_lowercase());
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    let right = |(digit, nibble): (&u8, u8)| !digit.is_ascii_alphabetic() || digit.is_ascii_uppercase() == (nibble > 7);
    digits.iter().zip(nibbles).all(right).then_some("ethereum")
}

/// Monero: blocks of base58, and four bytes of the hash of the rest. Networks: main and stage, each with plain,
/// integrated and sub-addresses.
fn monero(token: &[u8]) -> Option<&'static str> {
    let bytes = base58::blocks(token)?;
    let (payload, checksum) = bytes.split_last_chunk::<4>()?;
    let network = payload.first()?;
    let proven = matches!(network, 18 | 19 | 42) && Keccak256::digest(payload).starts_with(checksum);
    proven.then_some("monero")
}

/// Solana: 32 bytes in base58 and no checksum. Digits and letters of both cases are required, which no hash in
/// hexadecimal has.
fn solana(token: &[u8]) -> Option<&'static str> {
    let mixed = token.iter().any(u8::is_ascii_digit)
        && token.iter().any(u8::is_ascii_uppercase)
        && token.iter().any(u8::is_ascii_lowercase);
    (token.len() >= 32 && mixed && base58::decode::<32>(token, base58::digit).is_some()).then_some("solana-unproven")
}

/// Whether it is more than one digit over and over, as the zero address is.
fn varied(digits: &[u8]) -> bool {
    digits.first().is_some_and(|first| digits.iter().filter(|digit| *digit != first).count() > 8)
}

#[cfg(test)]
mod tests;
