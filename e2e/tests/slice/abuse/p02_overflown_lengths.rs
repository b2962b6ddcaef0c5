//! P02: a length that lies, so that one value hides a second message. A value that looks like messages is a value; a
//! length that does not fit its message is an error, and what is left over is never read as the next message.

use e2e::postgres::frame::{self, Values};
use e2e::shop::insert;

use super::verified;
use crate::postgres::{open, session, still_serves};

#[tokio::test]
async fn a_value_never_becomes_a_message() {
    let (bank, mut gateway) = open().await;
    bank.execute("CREATE TABLE blobs (bytes bytea)").await;
    let hidden = [frame::query(&insert("hidden")), frame::sync(), frame::query("DELETE FROM orders")].concat();
    let parse = frame::parse("", "INSERT INTO blobs VALUES ($1)");
    let values = Values { formats: &[1], values: &[Some(&hidden)], results: &[] };
    let lawful = [parse.clone(), frame::bind_as("", "", &values), frame::execute("", 0), frame::sync()].concat();
    bank.direct().await.exchange(&lawful).await.ok();
    session(&gateway, "training").await.exchange(&lawful).await.ok();
    assert_eq!(bank.number("SELECT count(DISTINCT bytes) FROM blobs").await, 1, "the value was changed");
    assert_eq!(bank.number("SELECT count(*) FROM blobs").await, 2);

    // The same bytes behind lengths that lie: of the value, of the message, of both.
    let bind = frame::bind_as("", "", &values);
    let place = bind.windows(4).position(|four| four == u32::try_from(hidden.len()).expect("short").to_be_bytes());
    let place = place.expect("the value's length");
    for length in [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, u32::try_from(hidden.len()).expect("short") + 1] {
        let mut lies = bind.clone();
        lies[place..place + 4].copy_from_slice(&length.to_be_bytes());
        let mut wire = session(&gateway, "training").await;
        let frames = [parse.clone(), lies, frame::execute("", 0), frame::sync()].concat();
        let answer = wire.exchange(&frames).await;
        assert!(answer.tags().is_empty(), "{length}: {answer}");
        assert!(answer.closed || answer.error().is_some(), "{length}: {answer}");
    }
    for shorter in [4, 8, bind.len() - hidden.len() - 1] {
        let mut lies = bind.clone();
        lies[1..5].copy_from_slice(&u32::try_from(shorter).expect("short").to_be_bytes());
        let mut wire = session(&gateway, "training").await;
        let frames = [parse.clone(), lies, frame::execute("", 0), frame::sync()].concat();
        let answer = wire.exchange(&frames).await;
        assert!(answer.closed || answer.error().is_some(), "{shorter}: {answer}");
    }
    assert_eq!(bank.effects("hidden").await, 0);
    assert_eq!(bank.number("SELECT count(*) FROM orders").await, 3);
    assert!(!bank.was_told("INSERT INTO effects"));
    still_serves(&mut gateway, "lengths that lie").await;
    verified(&gateway).await;
}
