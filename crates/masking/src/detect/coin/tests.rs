//! Coins: published addresses, the same with one character changed, and keys that are built here.

use super::*;

fn name(token: &str) -> Option<&'static str> {
    recognise(token.as_bytes())
}

fn encode(bytes: &[u8], alphabet: &[u8; 58]) -> String {
    let mut digits: Vec<u8> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) * 256;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    digits.extend(bytes.iter().take_while(|byte| **byte == 0).map(|_| 0));
    digits.iter().rev().map(|digit| char::from(alphabet[usize::from(*digit)])).collect()
}

fn checked(version: &[u8], payload: &[u8]) -> String {
    encode(&with_checksum(version, payload), BITCOIN)
}

fn with_checksum(version: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = [version, payload].concat();
    let hash = model::sha256(&[model::sha256(&[&bytes]).as_bytes()]);
    bytes.extend(&hash.as_bytes()[..4]);
    bytes
}

/// Every character but the first changed to its neighbour in `alphabet`, one after another: none may pass.
fn changed(token: &str, alphabet: &[u8]) {
    for place in 4..token.len() {
        let mut bytes = token.as_bytes().to_vec();
        let Some(at) = alphabet.iter().position(|letter| *letter == bytes[place]) else { continue };
        bytes[place] = alphabet[(at + 1) % alphabet.len()];
        let found = recognise(&bytes).filter(|name| !name.ends_with("-unproven"));
        assert_eq!(found, None, "{}", String::from_utf8_lossy(&bytes));
    }
}

const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

#[test]
fn published_base58check_addresses_are_recognised_and_none_with_a_changed_character() {
    for (address, coin) in [
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "bitcoin"),
        ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "bitcoin"),
        ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "tron"),
    ] {
        assert_eq!(name(address), Some(coin));
        changed(address, BITCOIN);
    }
    assert_eq!(name("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"), Some("ripple"));
    changed("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", base58::RIPPLE);
}

#[test]
fn each_version_names_its_coin() {
    let payload: Vec<u8> = (7..27).collect();
    for (version, coin) in [
        (&[0x00][..], "bitcoin"),
        (&[0x05], "bitcoin"),
        (&[0x6f], "bitcoin"),
        (&[0xc4], "bitcoin"),
        (&[0x30], "litecoin"),
        (&[0x32], "litecoin"),
        (&[0x1e], "dogecoin"),
        (&[0x16], "dogecoin"),
        (&[0x4c], "dash"),
        (&[0x10], "dash"),
        (&[0x41], "tron"),
        (&[0x1c, 0xb8], "zcash"),
        (&[0x1c, 0xbd], "zcash"),
    ] {
        let address = checked(version, &payload);
        assert_eq!(name(&address), Some(coin), "{address}");
        changed(&address, BITCOIN);
    }
    assert_eq!(name(&checked(&[0x99], &payload)), None);
}

#[test]
fn addresses_of_many_zeros_keep_their_zeros() {
    assert_eq!(name(&checked(&[0], &[0; 20])), Some("bitcoin"));
    assert_eq!(name(&format!("1{}", checked(&[0], &[0; 20]))), None);
}

#[test]
fn private_and_extended_keys_are_recognised() {
    let secret: Vec<u8> = (100..132).collect();
    let long = checked(&[0x80], &secret);
    let short = checked(&[0x80], &[&secret[..], &[1]].concat());
    assert!(long.starts_with('5') && long.len() == 51);
    assert!(short.starts_with(['K', 'L']) && short.len() == 52);
    assert_eq!(name(&long), Some("bitcoin-key"));
    assert_eq!(name(&short), Some("bitcoin-key"));
    changed(&long, BITCOIN);
    changed(&short, BITCOIN);
    let body: Vec<u8> = (0..74).collect();
    let public = checked(&[0x04, 0x88, 0xb2, 0x1e], &body);
    let private = checked(&[0x04, 0x88, 0xad, 0xe4], &body);
    assert!(public.starts_with("xpub") && private.starts_with("xprv"));
    assert_eq!(name(&public), Some("bitcoin-extended-key"));
    assert_eq!(name(&private), Some("bitcoin-key"));
    changed(&private, BITCOIN);
}

#[test]
fn the_vectors_of_bip_173_and_350_pass_and_fail_as_published() {
    for address in [
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
        "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
        "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ] {
        assert_eq!(name(address), Some("bitcoin"), "{address}");
        changed(&address.to_ascii_lowercase(), bech32::ALPHABET);
    }
    for invalid in [
        "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
        "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf",
        "bc1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq54well",
        "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
        "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
        "bc1pw5dgrnzv",
        "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
        "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
    ] {
        assert_eq!(name(invalid), None, "{invalid}");
    }
}

#[test]
fn cardano_is_recognised_by_its_published_address() {
    let address = "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8";
    assert_eq!(name(address), Some("cardano"));
    changed(address, bech32::ALPHABET);
}

#[test]
fn the_vectors_of_eip_55_pass_and_fail_with_one_letter_in_the_other_case() {
    for address in [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ] {
        assert_eq!(name(address), Some("ethereum"));
        for place in 2..address.len() {
            let mut bytes = address.as_bytes().to_vec();
            if bytes[place].is_ascii_alphabetic() {
                bytes[place] ^= 0x20;
                assert_eq!(recognise(&bytes), None);
            }
        }
    }
}

#[test]
fn an_ethereum_address_in_one_case_is_unproven() {
    assert_eq!(name("0xde709f2102306220921060314715629080e2fb77"), Some("ethereum-unproven"));
    assert_eq!(name("0x52908400098527886E0F7030069857D2E4169EE7"), Some("ethereum-unproven"));
    assert_eq!(name(&format!("0x{}", "0".repeat(40))), None);
    assert_eq!(name("0xde709f2102306220921060314715629080e2fb7"), None);
    assert_eq!(name("0xge709f2102306220921060314715629080e2fb77"), None);
}

#[test]
fn monero_is_recognised_by_its_blocks_and_hash() {
    let mut bytes = vec![18];
    bytes.extend(1..=64);
    let hash = Keccak256::digest(&bytes);
    bytes.extend(&hash[..4]);
    let address: String = bytes
        .chunks(8)
        .map(|block| {
            let length = if block.len() == 8 { 11 } else { 7 };
            let text = encode(&block.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>(), BITCOIN);
            format!("{text:1>length$}")
        })
        .collect();
    assert_eq!((name(&address), address.len()), (Some("monero"), 95));
    changed(&address, BITCOIN);
}

#[test]
fn solana_is_unproven() {
    assert_eq!(name("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"), Some("solana-unproven"));
    assert_eq!(name("So11111111111111111111111111111111111111112"), Some("solana-unproven"));
}

#[test]
fn other_runs_of_letters_and_digits_are_none() {
    for token in [
        "",
        "1",
        "bc1",
        "bitcoin",
        "550e8400e29b41d4a716446655440000",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "123456789012345678901234567890",
        "Donaudampfschifffahrtsgesellschaft",
        "ThisIsAVeryLongCamelCaseIdentifierName",
    ] {
        assert_eq!(name(token), None, "{token}");
    }
}
