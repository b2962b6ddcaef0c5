//! P10: the point is hidden in parameters: approved with one value, run with another; bound anew after the approval.
//! Each Bind is an action of its own; its values are in the digest and before the reviewer's eyes.

use e2e::postgres::frame::{self, Values};

use super::on_the_record;
use crate::postgres::{approved, hold, open, session};

const UPDATE: &str = "UPDATE orders SET note = $2 WHERE id = $1";

fn bound(id: &[u8], note: &str, formats: &[u16]) -> Vec<u8> {
    let values = Values { formats, values: &[Some(id), Some(note.as_bytes())], results: &[] };
    [frame::bind_as("", "u", &values), frame::execute("", 0), frame::sync()].concat()
}

#[tokio::test]
async fn an_approval_is_for_the_values_that_were_shown() {
    let (bank, gateway) = open().await;
    let prepare = [frame::parse("u", UPDATE), frame::sync()].concat();
    let mut direct = bank.direct().await;
    direct.exchange(&prepare).await.ok();
    for id in ["1", "2"] {
        direct.exchange(&bound(id.as_bytes(), "straight", &[])).await.ok();
    }
    assert_eq!(bank.number("SELECT count(*) FROM orders WHERE note = 'straight'").await, 2, "a dead exploit");

    let mut wire = session(&gateway, "bank").await;
    wire.exchange(&prepare).await.ok();
    let held = hold(&gateway, &mut wire, &bound(b"1", "as shown", &[])).await;
    let shown = gateway.person("grace").review(&held).await.ok().to_string();
    assert!(shown.contains("as shown") && shown.contains("$1"), "{shown}");
    // Left, approved, and come back with other values: other actions, nothing spent.
    drop(wire);
    gateway.until_nobody_presents(&held).await;
    gateway.person("grace").approve(&held).await.ok();
    for (id, note, formats) in [
        (&b"2"[..], "as shown", &[][..]),
        (b"1", "as hidden", &[]),
        (b"01", "as shown", &[]),
        (b"1", "as shown ", &[]),
        (&[0, 0, 0, 2], "as shown", &[1, 0]),
    ] {
        let mut wire = session(&gateway, "bank").await;
        wire.exchange(&prepare).await.ok();
        let other = hold(&gateway, &mut wire, &bound(id, note, formats)).await;
        assert_ne!(other.review, held.review, "{id:?} {note} {formats:?}");
    }
    assert_eq!(bank.number("SELECT count(*) FROM orders WHERE note LIKE 'as %'").await, 0);
    let mut wire = session(&gateway, "bank").await;
    wire.exchange(&prepare).await.ok();
    wire.exchange(&bound(b"1", "as shown", &[])).await.ok();
    assert_eq!(bank.texts("SELECT note FROM orders ORDER BY id LIMIT 2").await, ["as shown", "straight"]);
    on_the_record(&gateway, "released", &held.review).await;
}

/// A binary value is shown for what it is, and runs as it was sent.
#[tokio::test]
async fn a_binary_value_is_shown_and_bound_as_it_is() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.exchange(&[frame::parse("u", UPDATE), frame::sync()].concat()).await.ok();
    let held = hold(&gateway, &mut wire, &bound(&[0, 0, 0, 3], "binary", &[1, 0])).await;
    let shown = gateway.person("grace").review(&held).await.ok().to_string();
    assert!(shown.contains('3') && shown.contains("binary"), "{shown}");
    approved(&gateway, &mut wire, &held).await.ok();
    assert_eq!(bank.texts("SELECT id FROM orders WHERE note = 'binary'").await, ["3"]);
    on_the_record(&gateway, "released", &held.review).await;
}
