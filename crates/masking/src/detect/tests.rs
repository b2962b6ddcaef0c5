//! What the detectors find, and what they do not.

use super::*;

fn found(text: &str, name: &str) -> String {
    let detectors = Detectors::built_in();
    let mut found = Vec::new();
    detectors.find(text.as_bytes(), detectors.context(name), detectors.watch_all(), &mut found);
    let told = |one: &Found| format!("{}:{}", one.detector, text.get(one.span.clone()).unwrap());
    found.iter().map(told).collect::<Vec<_>>().join("|")
}

#[test]
fn what_is_sensitive_by_itself_is_found() {
    for (text, told) in [
        ("4111111111111111", "card:4111111111111111"),
        ("pay with 4111 1111 1111 1111, please", "card:4111 1111 1111 1111"),
        ("4111-1111-1111-1111 12/26", "card:4111-1111-1111-1111"),
        ("3782 822463 10005", "card:3782 822463 10005"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "card:4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
        ("id_4111111111111111_x", "card:4111111111111111"),
        ("xx4111111111111111yy", "card:4111111111111111"),
        ("mail bob.smith+tag@example.co.uk.", "email:bob.smith+tag@example.co.uk"),
        ("<bob@example.com>, \"ann b\"@example.org", "email:bob@example.com|email:\"ann b\"@example.org"),
        ("host 10.1.2.3:5432", "ipv4:10.1.2.3"),
        ("net 10.1.0.0/16 and", "ipv4:10.1.0.0/16"),
        ("fe80::1%eth0", "ipv6:fe80::1%eth0"),
        ("at 2001:db8::ff00:42:8329.", "ipv6:2001:db8::ff00:42:8329"),
        ("mac 00:1a:2b:3c:4d:5e", "mac-address:00:1a:2b:3c:4d:5e"),
        ("00-1a-2b-3c-4d-5e", "mac-address:00-1a-2b-3c-4d-5e"),
        ("DE89 3704 0044 0532 0130 00", "iban:DE89 3704 0044 0532 0130 00"),
        ("GB29NWBK60161331926819", "iban:GB29NWBK60161331926819"),
        ("+49 30 901820", "phone:+49 30 901820"),
        ("+1 (212) 555-0123", "phone:+1 (212) 555-0123"),
        ("(212) 555-0123", "phone:(212) 555-0123"),
        ("01 23 45 67 89", "phone:01 23 45 67 89"),
        ("born 12 March 1980 in", "birth-date:12 March 1980"),
        ("dob: 1980-03-12", "birth-date:1980-03-12"),
        (r#"{"birthday": "March 12, 1980"}"#, "birth-date:March 12, 1980"),
        ("cvv 123", "card-verification:123"),
        ("expires 12/27", "card-expiry:12/27"),
    ] {
        assert_eq!(found(text, ""), told, "{text}");
    }
}

#[test]
fn what_only_looks_like_it_is_not_found() {
    for text in [
        "550e8400-e29b-41d4-a716-446655440000",
        "2026-11-30T12:34:56.789Z",
        "1700000000123",
        "12.345678 -122.419418",
        "v1.2.3.4",
        "version 10.2.3.4",
        "1.2.3.4.5",
        "git@github.com:org/repo.git",
        "name@1.2.3",
        "logo@2x.png",
        "std::vec::Vec",
        "12:34:56",
        "4111111111111112",
        "1234567890",
        "0.4111111111111111",
        "2026-11-30 12",
        "d41d8cd98f00b204e9800998ecf8427e",
        "order 123456789",
    ] {
        assert_eq!(found(text, ""), "", "{text}");
    }
}

#[test]
fn the_name_of_a_column_says_what_its_values_are() {
    assert_eq!(found("2125550123", "phone"), "phone:2125550123");
    assert_eq!(found("2125550123", "order"), "");
    assert_eq!(found("1980-03-12", "date_of_birth"), "birth-date:1980-03-12");
}
