//! D05: results are asked for in binary, so that a masker of text sees noise. Values are judged by their type; the bytes
//! of a masked number do not come out in either form.

use e2e::postgres::frame::{self, Values};

use super::verified;
use crate::postgres::{open, session};

#[tokio::test]
async fn a_number_in_binary_is_masked_like_its_text() {
    let (bank, gateway) = open().await;
    let phones: Vec<i64> =
        bank.texts("SELECT phone FROM customers").await.iter().map(|phone| phone.parse().expect("a number")).collect();
    let leaks = |bytes: &[u8]| {
        let whole = |number: &i64| bytes.windows(8).any(|eight| eight == number.to_be_bytes());
        phones.iter().any(whole) || bank.canaries.heard(bytes).is_some()
    };
    for (statement, formats) in [
        ("SELECT phone FROM customers LIMIT 5", &[1_u16][..]),
        ("SELECT id, phone, email FROM customers LIMIT 5", &[0, 1, 1]),
        ("SELECT id, phone, email FROM customers LIMIT 5", &[1, 1, 0]),
        ("SELECT * FROM customers LIMIT 5", &[1]),
        ("SELECT number FROM contacts LIMIT 5", &[1]),
        ("SELECT ARRAY[phone] FROM customers LIMIT 5", &[1]),
        ("SELECT ROW(phone) FROM customers LIMIT 5", &[1]),
        ("SELECT phone::numeric FROM customers LIMIT 5", &[1]),
        ("SELECT int8range(phone, NULL) FROM customers LIMIT 5", &[1]),
    ] {
        let values = Values { formats: &[], values: &[], results: formats };
        let frames =
            [frame::parse("", statement), frame::bind_as("", "", &values), frame::execute("", 0), frame::sync()];
        let mut direct = bank.direct().await;
        direct.exchange(&frames.concat()).await.ok();
        assert!(statement.contains("numeric") || leaks(direct.received()), "a dead exploit: {statement}");
        let mut wire = session(&gateway, "bank").await;
        wire.exchange(&frames.concat()).await;
        assert!(!leaks(wire.received()), "it came out: {statement}: {wire:?}");
        wire.query("SELECT 1").await.ok();
    }
    let values = Values { formats: &[], values: &[], results: &[1] };
    let parse = frame::parse("", "SELECT total, id FROM orders WHERE id = 2");
    let frames = [parse, frame::bind_as("", "", &values), frame::execute("", 0), frame::sync()].concat();
    let (plain, direct) = (
        session(&gateway, "bank").await.exchange(&frames).await.ok(),
        bank.direct().await.exchange(&frames).await.ok(),
    );
    assert_eq!(plain.cells(), direct.cells());
    verified(&gateway).await;
}
