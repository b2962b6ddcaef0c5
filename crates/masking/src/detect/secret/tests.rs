//! Secrets: a value of each family, built from pieces so that none stands here whole, and what is none.

use super::assignment::is_structured;
use super::family::{Alphabet, Family, Proof, Size};
use super::*;

fn name(text: &str) -> Option<&'static str> {
    let found = recognise(text.as_bytes())?;
    assert_eq!(found.length, text.len(), "{text}");
    Some(found.name)
}

fn none(text: &str) {
    assert_eq!(recognise(text.as_bytes()), None, "{text}");
}

/// So many characters, spread over the letters and digits of `alphabet`.
fn some(alphabet: Alphabet, length: usize) -> String {
    let all: Vec<u8> = (b'0'..=b'z').filter(|byte| byte.is_ascii_alphanumeric() && alphabet.has(*byte)).collect();
    (0..length).map(|place| char::from(all[(place * 23 + place / all.len() + 11) % all.len()])).collect()
}

fn base62(length: usize) -> String {
    some(Alphabet::Base62, length)
}

fn hex(length: usize) -> String {
    some(Alphabet::Hex, length)
}

fn sizes(family: &Family) -> Vec<usize> {
    match family.size {
        Size::Exactly(size) => vec![size],
        Size::Between(least, most) => vec![least, (least + most) / 2, most],
        Size::From(least) => vec![least, least + 7, least * 3],
    }
}

fn written(family: &Family, length: usize) -> String {
    format!("{}{}", String::from_utf8_lossy(family.prefix), some(family.alphabet, length))
}

fn base64url(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for sextet in 0..=chunk.len() {
            encoded.push(char::from(ALPHABET[(bits >> (18 - 6 * sextet)) as usize & 63]));
        }
    }
    encoded
}

#[test]
fn every_family_is_recognised_in_each_of_its_lengths() {
    for family in families::ALL.iter().copied().flatten() {
        for length in sizes(family) {
            let text = written(family, length);
            for behind in ["", " ", "\"", ",\n", "'", "&x", ")"] {
                let found = recognise(format!("{text}{behind}").as_bytes());
                assert_eq!(found.map(|found| found.length), Some(text.len()), "{text}{behind}");
            }
            let shadowed = recognise(text.as_bytes()).map(|found| found.name) != Some(family.name);
            assert!(!shadowed || matches!(family.prefix, b"EAA"), "{text}");
        }
    }
}

#[test]
fn no_family_is_recognised_one_character_short() {
    for family in families::ALL.iter().copied().flatten() {
        none(&written(family, sizes(family)[0] - 1));
    }
}

#[test]
fn no_family_is_recognised_with_a_foreign_character() {
    for family in families::ALL.iter().copied().flatten() {
        for foreign in ["!", " ", "\u{e9}"] {
            let mut text = written(family, sizes(family)[0]);
            text.replace_range(family.prefix.len() + 2..family.prefix.len() + 3, foreign);
            none(&text);
        }
    }
}

#[test]
fn no_family_of_known_length_is_recognised_in_a_longer_run() {
    for family in families::ALL.iter().copied().flatten() {
        let most = match family.size {
            Size::Exactly(most) | Size::Between(_, most) => most,
            Size::From(_) => continue,
        };
        none(&written(family, most + 1));
        none(&written(family, most + 3));
    }
}

#[test]
fn no_family_is_recognised_with_filling_for_a_secret() {
    for family in families::ALL.iter().copied().flatten() {
        for filling in ["x", "X", "0", "a", "ab", "*", "."] {
            let length = sizes(family)[0];
            none(&format!("{}{}", String::from_utf8_lossy(family.prefix), filling.repeat(length)));
        }
    }
    none(&format!("sk-proj-{}", "your-api-key-goes-here-0123456789"));
}

#[test]
fn beginnings_are_distinctive_and_lead_to_a_secret() {
    for beginning in BEGINNINGS {
        assert!(beginning.len() >= 4);
        let bytes = beginning.as_bytes();
        let family = families::shelf(head(bytes))
            .iter()
            .chain(families::shelf(head(&[bytes, &[b'0'; 8]].concat())))
            .any(|family| family.prefix.starts_with(bytes) || bytes.starts_with(family.prefix));
        assert!(family || beginning.starts_with("eyJ"), "{beginning}");
    }
}

#[test]
fn a_prefix_that_says_little_asks_for_a_mixed_value() {
    for family in families::ALL.iter().copied().flatten() {
        assert!(family.prefix.len() >= 4 || family.proof == Proof::Mixed || family.prefix.contains(&b'_'));
    }
}

#[test]
fn a_right_checksum_proves_a_token_whatever_follows_and_a_wrong_one_is_masked_all_the_same() {
    let random = base62(30);
    let mut sum = family::crc32(random.as_bytes());
    let mut checksum = [b'0'; 6];
    for place in checksum.iter_mut().rev() {
        *place = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(sum % 62) as usize];
        sum /= 62;
    }
    let checksum = String::from_utf8_lossy(&checksum);
    for prefix in ["ghp_", "gho_", "ghu_", "npm_"] {
        let token = format!("{prefix}{random}{checksum}");
        assert_eq!(recognise(format!("{token}glued").as_bytes()).map(|found| found.length), Some(token.len()));
        assert!(name(&format!("{prefix}{}", base62(36))).is_some());
        none(&format!("{prefix}{}", base62(41)));
    }
    assert!(family::is_summed(concat!("zQWBuTSOoRi4A9spHcVY5ncn", "sDkxkJ0mLq17").as_bytes()));
    assert_eq!(family::crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn the_example_key_of_aws_is_masked() {
    assert_eq!(name(concat!("AKIA", "IOSFODNN7EXAMPLE")), Some("aws-access-key"));
    assert_eq!(recognise(concat!("AKIA", "IOSFODNN7EXAMPLEglued").as_bytes()).unwrap().length, 20);
}

#[test]
fn a_stateless_token_of_github_is_taken_whole() {
    let token = format!("ghs_123456_{}.{}.{}", base62(40), base62(300), base62(86));
    assert_eq!(name(&token), Some("github-token"));
    assert_eq!(recognise(format!("{token}.").as_bytes()).unwrap().length, token.len());
}

#[test]
fn secrets_of_other_shapes_are_recognised() {
    for (text, known) in [
        (format!("SG.{}.{}", base62(22), base62(43)), "sendgrid-key"),
        (format!("12345678:AA{}", base62(33)), "telegram-token"),
        (format!("1234567890:AA{}", base62(33)), "telegram-token"),
        (format!("{}-us12", hex(32)), "mailchimp-key"),
        (format!("{}.atlasv1.{}", base62(14), base62(67)), "terraform-token"),
        (format!("Ab{}8Q~{}", "c", base62(34)), "entra-secret"),
        (format!("8Q~{}", base62(31)), "entra-secret"),
        (format!("{}JQQJ99{}", base62(52), base62(26)), "azure-key"),
        (format!("MT{}.{}.{}", base62(22), base62(6), base62(27)), "discord-token"),
        (format!("pat{}.{}", base62(14), hex(64)), "airtable-token"),
        (format!("access_token$production${}${}", base62(16), hex(32)), "paypal-token"),
        (format!("sk.eyJ{}.{}", base62(80), base62(22)), "mapbox-token"),
        (format!("AccountKey={}==", base62(86)), "azure-key"),
        (format!("SharedAccessKey={}=", base62(43)), "azure-key"),
        (format!("sig={}%3D", base62(43)), "azure-signature"),
        (format!("sig={}", base62(43)), "azure-signature"),
        (format!("https://hooks.slack.com/services/T{}/B{}/{}", base62(8), base62(8), base62(24)), "slack-webhook"),
        (format!("https://discord.com/api/webhooks/123456789012345678/{}", base62(68)), "discord-webhook"),
        (format!("https://acme.webhook.office.com/webhookb2/{}@{}", hex(36), hex(36)), "teams-webhook"),
    ] {
        assert_eq!(name(&text), Some(known), "{text}");
        let quoted = format!("{text}\"");
        assert_eq!(recognise(quoted.as_bytes()).map(|found| found.length), Some(text.len()), "{quoted}");
    }
}

#[test]
fn what_names_a_secret_may_stay() {
    let lead = |text: String| recognise(text.as_bytes()).map(|found| found.lead);
    assert_eq!(lead(format!("AccountKey={}==;x", base62(86))), Some("AccountKey=".len()));
    assert_eq!(
        lead(format!("https://hooks.slack.com/services/T{}/B{}/{}", base62(8), base62(8), base62(24))),
        Some("https://hooks.slack.com/services/".len())
    );
    assert_eq!(lead(format!("AKIA{}", some(Alphabet::Base32, 16))), Some(0));
}

#[test]
fn other_shapes_of_wrong_length_are_none() {
    for text in [
        format!("SG.{}.{}", base62(22), base62(20)),
        format!("SG.{}", base62(43)),
        format!("12345678:AA{}", base62(32)),
        format!("12345678:AA{}", base62(34)),
        format!("{}-us", hex(32)),
        format!("{}-us12", hex(31)),
        format!("{}.atlasv1.{}", base62(13), base62(67)),
        format!("Abc8Q~{}", base62(30)),
        format!("{}JQQJ99{}", base62(52), base62(27)),
        "https://hooks.slack.com/services/".to_owned(),
        "https://hooks.slack.com/docs/incoming-webhooks-and-more".to_owned(),
        format!("https://example.com/services/{}", base62(40)),
        "sig=abc".to_owned(),
        format!("sig={}", base62(50)),
    ] {
        none(&text);
    }
}

#[test]
fn the_token_of_rfc_7519_and_encrypted_ones_are_recognised() {
    let header = base64url("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}");
    let payload = base64url("{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}");
    let signed = format!("{header}.{payload}.{}", base62(43));
    assert_eq!(name(&signed), Some("jwt"));
    assert_eq!(recognise(format!("{signed}. Then").as_bytes()).unwrap().length, signed.len());
    assert_eq!(name(&format!("{header}.{payload}.")), Some("jwt"));
    assert_eq!(name(&format!("{header}.{payload}")), Some("jwt"));
    let key = "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"epk\":{\"kty\":\"EC\",\"x5c\":[\"a\",\"b\"],\"n\":-1.5e3},\"b\":false}";
    let encrypted = format!("{}..{}.{}.{}", base64url(key), base62(16), base62(90), base62(22));
    assert_eq!(name(&encrypted), Some("jwt"));
}

#[test]
fn base64_that_is_no_token_is_none() {
    let payload = base64url("{\"iss\":\"joe\"}");
    for header in [
        "{\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\"",
        "{\"alg\"}x",
        "{\"x\":{\"alg\":1}}",
        "{\"alg\":1}}",
        "{\"a\u{1}lg\":1}",
    ] {
        none(&format!("{}.{payload}.{}", base64url(header), base62(43)));
    }
    none(&base64url("{\"alg\":\"HS256\"}"));
    none(&format!("{}.a.b", base64url("{\"alg\":\"HS256\"}")));
    none(&"eyJh".repeat(5_000));
    none(&"eyJhbGciOi".repeat(5_000));
}

#[test]
fn what_is_no_secret_is_none() {
    for text in [
        "",
        "a",
        "the quick brown fox jumps over the lazy dog",
        "skeleton-key-rotation-strategy-for-production-systems",
        "sk-folding-cube-spinner-animation-wrapper-element",
        "secret_rotation_is_described_in_the_operations_handbook",
        "access-control-allow-origin-header-value",
        "npm_config_registry_and_other_environment_variables",
        "github_pat_rotation",
        "glpat-rotation",
        "live_streaming_is_described_here_and_elsewhere",
        "550e8400-e29b-41d4-a716-446655440000",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "d41d8cd98f00b204e9800998ecf8427e",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
        "crates/masking/src/detect/secret.rs",
        "git@github.com:example/repository.git",
        "https://github.com/example/repository/blob/main/README.md",
        "https://discord.com/channels/123456789012345678/123456789012345678",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "1.2.3-rc.4+build.5678",
        "2026-11-30T12:34:56.789Z",
        "12345678:30",
        "ASIAN markets rose on Monday while others fell",
        "AKIA",
        "Account: none",
        "significant",
        "eyJ",
        "eyeballs",
        "s.length",
    ] {
        none(text);
    }
}

#[test]
fn refusal_does_not_depend_on_what_follows() {
    for beginning in BEGINNINGS {
        recognise(beginning.repeat(2_000).as_bytes());
        recognise(&[beginning.as_bytes(), &[0xff; 64]].concat());
    }
    for byte in 0..=u8::MAX {
        none(&String::from_utf8_lossy(&[byte; 70]));
    }
}

#[test]
fn private_keys_go_to_the_end_of_their_last_line() {
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "DSA PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ] {
        for line in ["\n", "\r\n", "\\n"] {
            let key = format!("-----BEGIN {label}-----{line}{}{line}-----END {label}-----", base62(64));
            assert_eq!(private_key(format!("{key}{line}more").as_bytes()), Some(key.len()));
            let cut = format!("-----BEGIN {label}-----{line}{}", base62(64));
            assert_eq!(private_key(cut.as_bytes()), Some(cut.len()));
        }
    }
}

#[test]
fn certificates_and_public_keys_are_no_private_keys() {
    for label in ["CERTIFICATE", "PUBLIC KEY", "RSA PUBLIC KEY", "PGP PUBLIC KEY BLOCK", "PGP MESSAGE", "X509 CRL", ""]
    {
        assert_eq!(private_key(format!("-----BEGIN {label}-----\nMIIB\n-----END {label}-----").as_bytes()), None);
    }
    assert_eq!(private_key(b"-----BEGIN PRIVATE KEY"), None);
    assert_eq!(private_key(b"-----BEGIN "), None);
    let other = "-----BEGIN PRIVATE KEY-----\nabc\n-----END CERTIFICATE-----";
    assert_eq!(private_key(other.as_bytes()), Some(other.len()));
}

fn password(address: &str) -> Option<&str> {
    password_in_url(address.as_bytes()).and_then(|range| address.get(range))
}

#[test]
fn passwords_in_addresses_are_found() {
    for (address, found) in [
        ("user:hunter2@db.example.com:5432/app", "hunter2"),
        (":hunter2@redis:6379/0", "hunter2"),
        ("u:p%40ss%3aw0rd@host", "p%40ss%3aw0rd"),
        ("u:p:a:ss@host/path", "p:a:ss"),
        ("u:p@ss@host/path", "p@ss"),
        ("u:pa/ss@host/path", "pa/ss"),
        ("u:p@ss/word@host/path", "p@ss/word"),
        ("u:pa?ss@host", "pa?ss"),
        ("u:12345@host", "12345"),
        ("u:12345@host/path", "12345"),
        ("u:hunter2@host/db?email=x@example.com", "hunter2"),
        ("u:hunter2@registry.example.com/@scope/name", "hunter2"),
        ("u:hunter2@a,b,c/db\" other@x", "hunter2"),
        ("u:hunter2@a, http://x:y@b", "hunter2"),
        ("u:password@localhost", "password"),
    ] {
        assert_eq!(password(address), Some(found), "{address}");
    }
}

#[test]
fn addresses_without_a_password_have_none() {
    for address in [
        "",
        "example.com",
        "example.com:8080/path",
        "example.com:8080/path/@scope/name",
        "example.com:8080/a@b",
        "example.com/path:x@y",
        "example.com?x=a:b@c",
        "user@example.com",
        "user:@example.com",
        "[::1]:8080/x@y",
        "user:${PASSWORD}@host",
        "user:$DB_PASSWORD@host",
        "user:<password>@host",
        "user:{{ password }}@host",
        "user:{password}@host",
        "user:%s@host",
        "user:****@host",
        "user:xxxx@host",
        "user:[redacted]@host",
        "user:hunter2 @host",
    ] {
        assert_eq!(password(address), None, "{address}");
    }
    assert_eq!(password(&format!("u:{}@host", "a1".repeat(200))), None);
}

#[test]
fn keys_are_told_by_their_words() {
    for (words, strength) in [
        (&["db", "password"][..], Some(Strength::Password)),
        (&["password"], Some(Strength::Password)),
        (&["pgpassword"], Some(Strength::Password)),
        (&["set", "cookie"], Some(Strength::Password)),
        (&["api", "key"], Some(Strength::Secret)),
        (&["x", "api", "key"], Some(Strength::Secret)),
        (&["client", "secret"], Some(Strength::Secret)),
        (&["aws", "secret", "access", "key"], Some(Strength::Secret)),
        (&["authorization"], Some(Strength::Secret)),
        (&["access", "token"], Some(Strength::Secret)),
        (&["next", "token"], Some(Strength::Token)),
        (&["session", "id"], Some(Strength::Token)),
        (&["vault", "secret", "id"], Some(Strength::Secret)),
        (&["key"], None),
        (&["primary", "key"], None),
        (&["key", "api"], None),
        (&["password", "changed", "at"], None),
        (&["token", "count"], None),
        (&["token", "type"], None),
        (&["access", "key", "id"], None),
        (&["public", "key"], None),
        (&["compass"], None),
        (&[], None),
    ] {
        assert_eq!(strength_of(words), strength, "{words:?}");
    }
}

#[test]
fn almost_anything_behind_password_is_one() {
    for value in [
        "hunter2",
        "1234",
        "p@ss!",
        "letmein",
        "Sommer2026",
        "correct horse battery staple",
        "\"quoted1\"",
        "password",
        "$ecret",
        "pa$$word",
        "a/b/c/d",
        "/Zx9Kq2Lm4Np7Rt/Yw3",
        "s3cr3t!!",
        "пароль",
    ] {
        assert!(assigned(value.as_bytes(), Strength::Password), "{value}");
    }
    assert!(assigned(hex(32).as_bytes(), Strength::Password));
}

#[test]
fn no_placeholder_is_a_password() {
    for value in [
        "",
        "abc",
        "true",
        "False",
        "null",
        "None",
        "string",
        "VARCHAR",
        "required",
        "is required",
        "must be at least 8 characters",
        "The password is wrong",
        "incorrect, try again",
        "${DB_PASSWORD}",
        "$PASSWORD",
        "$(cat file)",
        "{{ password }}",
        "{password}",
        "<password>",
        "<your password>",
        "[redacted]",
        "%s",
        "%DB_PASS%",
        ":password",
        "********",
        "xxxxxxxx",
        "......",
        "••••••",
        "changeme",
        "your_password",
        "/run/secrets/password",
        "./secrets/db.txt",
        "~/.pgpass",
        "C:\\secrets\\db.txt",
        "process.env.DB_PASSWORD",
        "os.environ['PASSWORD']",
        "getenv(\"PASSWORD\")",
        "get_password()",
        "https://example.com/reset",
        "vault:secret/db",
        "op://vault/db/password",
    ] {
        assert!(!assigned(value.as_bytes(), Strength::Password), "{value}");
    }
}

#[test]
fn keys_and_tokens_have_to_look_random() {
    let random = base62(40);
    for value in [random.as_str(), &format!("Bearer {random}"), &format!("\"{random}\"")] {
        assert!(assigned(value.as_bytes(), Strength::Secret) && assigned(value.as_bytes(), Strength::Token), "{value}");
    }
    for value in ["550e8400-e29b-41d4-a716-446655440000".to_owned(), hex(32), hex(40), "Basic dXNlcjpwYXNz".to_owned()]
    {
        assert!(assigned(value.as_bytes(), Strength::Secret), "{value}");
        assert!(!assigned(value.as_bytes(), Strength::Token), "{value}");
    }
    for value in
        ["my-client-secret", "prod/db/main", "3600", "aaaaaaaaaaaaaaaaaaaa1", "read write admin", "Bearer", "abc123"]
    {
        assert!(!assigned(value.as_bytes(), Strength::Secret), "{value}");
    }
    for value in ["next page", "shortword1", "1234567890123456", "2026-11-30T12:34:56.789Z", "us-east-1-backup-vault"] {
        assert!(!assigned(value.as_bytes(), Strength::Token), "{value}");
    }
}

#[test]
fn what_names_something_is_structured() {
    for value in [
        "550e8400-e29b-41d4-a716-446655440000",
        "{550E8400-E29B-41D4-A716-446655440000}",
        "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "2026-11-30T12:34:56.789Z",
        "2026-11-30 12:34:56+01:00",
        "1764592450",
        "19.99",
        "v1.2.3",
        "us-east-1",
        "my-service-name",
        "MY_CONSTANT_NAME",
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
    ] {
        assert!(is_structured(value.as_bytes()), "{value}");
    }
    for length in [32, 40, 56, 64, 96, 128] {
        assert!(is_structured(hex(length).as_bytes()));
        assert!(is_structured(format!("sha256:{}", hex(length)).as_bytes()));
    }
    for value in [base62(32), base62(40), hex(33), format!("{}-{}", base62(16), base62(16))] {
        assert!(!is_structured(value.as_bytes()), "{value}");
    }
}

fn head(rest: &[u8]) -> [u8; families::HEAD] {
    let mut head = [b'0'; families::HEAD];
    head.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    head
}
