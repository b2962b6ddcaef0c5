//! Addresses of coins, with the checks that are built into them.

use super::{Kind, Need};
use crate::digest::keccak256;
use crate::encode::{base58, base58_check, hex, segwit};
use crate::random::{HEX, Random};

const fn coin(shape: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { class: "crypto", shape, need: Need::Nothing, says: SAYS, columns: COLUMNS, make }
}

pub(super) const KINDS: &[Kind] = &[
    coin("bitcoin-p2pkh", |random| versioned(0x00, random)),
    coin("bitcoin-p2sh", |random| versioned(0x05, random)),
    coin("bitcoin-bech32", |random| {
        let length = random.pick(&[20, 32]);
        segwit("bc", 0, &random.bytes(length))
    }),
    coin("bitcoin-bech32-upper", |random| segwit("bc", 0, &random.bytes(20)).to_uppercase()),
    coin("bitcoin-taproot", |random| segwit("bc", 1, &random.bytes(32))),
    coin("ethereum-mixed", |random| mixed_case(&random.text(HEX, 40))),
    Kind { need: Need::Context, ..coin("ethereum-lower", |random| format!("0x{}", random.text(HEX, 40))) },
    coin("tron", |random| versioned(0x41, random)),
    coin("litecoin", |random| versioned(0x30, random)),
    coin("litecoin-bech32", |random| segwit("ltc", 0, &random.bytes(20))),
    coin("dogecoin", |random| versioned(0x1e, random)),
    Kind {
        need: Need::Context,
        says: &["Solana wallet", "solana address", "SOL wallet"],
        columns: &["solana_wallet", "sol_address", "wallet_address"],
        ..coin("solana", |random| base58(&random.bytes(32)))
    },
];

fn versioned(version: u8, random: &mut Random) -> String {
    let mut payload = vec![version];
    payload.extend(random.bytes(20));
    base58_check(&payload)
}

/// Letters in the case that their hash asks for (EIP-55).
fn mixed_case(lower: &str) -> String {
    let hash = hex(&keccak256(lower.as_bytes()));
    let cased = lower.chars().zip(hash.chars()).map(|(sign, by)| match by {
        '8'..='9' | 'a'..='f' => sign.to_ascii_uppercase(),
        _ => sign,
    });
    "0x".chars().chain(cased).collect()
}

const SAYS: &[&str] = &["wallet", "wallet address", "crypto address", "crypto wallet"];
const COLUMNS: &[&str] = &["wallet_address", "crypto_wallet", "wallet", "deposit_wallet"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_take_the_case_of_the_standards_example() {
        let address = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        assert_eq!(mixed_case(&address[2..].to_lowercase()), address);
    }
}
