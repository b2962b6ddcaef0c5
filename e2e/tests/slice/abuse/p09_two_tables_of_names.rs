//! P09: prepared by the protocol and run by SQL, or the reverse; a cursor of SQL read by the protocol. Straight to the
//! server all of it works; through the gateway no name reaches what was not decided under it.

use e2e::postgres::{Wire, frame};
use e2e::shop::insert;

use super::verified;
use crate::postgres::{ask, open, session};

/// The ways round, each with a key for what it writes; the second part must not run what the first prepared.
fn ways(key: &str) -> [Vec<Vec<u8>>; 4] {
    let write = insert(key);
    let sync = frame::sync();
    let run = |name: &str| [frame::bind("", name, &[]), frame::execute("", 0), frame::sync()].concat();
    [
        vec![[frame::parse("a", &write), sync.clone()].concat(), frame::query("EXECUTE a")],
        vec![frame::query(&format!("PREPARE b AS {write}")), run("b")],
        vec![frame::query(&format!("PREPARE c AS {write}")), frame::query("EXECUTE c")],
        vec![
            [frame::parse("d", &write), frame::bind("portal", "d", &[]), frame::query("FETCH ALL FROM portal"), sync]
                .concat(),
        ],
    ]
}

async fn takes(wire: &mut Wire, frames: &[u8]) {
    wire.exchange(frames).await;
    // A simple query inside a pipeline is answered by itself.
    while wire.query("SELECT 'in step'").await.texts() != ["in step"] {}
}

#[tokio::test]
async fn a_name_reaches_nothing_that_was_not_decided_under_it() {
    let (bank, gateway) = open().await;
    for steps in &ways("straight")[..3] {
        let mut direct = bank.direct().await;
        for step in steps {
            direct.exchange(step).await.ok();
        }
    }
    assert_eq!(bank.effects("straight").await, 3, "a dead exploit");
    for steps in ways("through") {
        let mut wire = session(&gateway, "bank").await;
        'way: for step in steps {
            wire.send(&step).await;
            let mut last = 0;
            while last != b'Z' {
                let message = wire.receive().await;
                last = message.as_ref().map_or(b'Z', |message| message.kind);
                if last == b'N' {
                    break 'way; // Held: nobody approves it.
                }
            }
        }
    }
    assert_eq!(bank.effects("through").await, 0);
    let mut wire = session(&gateway, "training").await;
    takes(&mut wire, &[frame::parse("lawful", &insert("lawful")), frame::sync()].concat()).await;
    let run = [frame::bind("", "lawful", &[]), frame::execute("", 0), frame::sync()].concat();
    wire.exchange(&run).await.ok();
    assert_eq!(bank.effects("lawful").await, 1);
    verified(&gateway).await;
}

#[tokio::test]
async fn a_cursor_of_sql_read_by_the_protocol_shows_no_more() {
    let (bank, gateway) = open().await;
    let begin = "BEGIN; DECLARE c CURSOR FOR SELECT email FROM customers WHERE id = 1";
    let read = [frame::execute("c", 0), frame::sync()].concat();
    let mut direct = bank.direct().await;
    direct.query(begin).await.ok();
    direct.exchange(&read).await.ok();
    assert!(bank.canaries.heard(direct.received()).is_some(), "a dead exploit");
    let mut wire = session(&gateway, "bank").await;
    for frames in [frame::query(begin), read, frame::query("FETCH ALL FROM c"), frame::query("ROLLBACK")] {
        ask(&gateway, &mut wire, &frames).await;
    }
    let mut wire_2 = session(&gateway, "bank").await;
    wire_2.query("PREPARE r AS SELECT email || '' FROM customers WHERE id = 1").await;
    wire_2.query("EXECUTE r").await;
    wire_2.exchange(&[frame::bind("", "r", &[]), frame::execute("", 0), frame::sync()].concat()).await;
    for wire in [&wire, &wire_2] {
        bank.canaries.assert_silent("a name of the other kind", wire.received());
    }
    wire.query("SELECT 1").await.ok();
    verified(&gateway).await;
}
