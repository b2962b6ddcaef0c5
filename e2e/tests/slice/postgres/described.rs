//! What a portal shows is known by its own description alone, asked for when the server keeps what its names mean: neither
//! what a client describes beside it, nor what names meant before a wait, lets a classified value through.

use e2e::postgres::{Answer, Bank, Wire, frame};
use e2e::until;

use super::{open, open_bare, session};

const CLASSIFIED: &str = "SELECT id, email FROM customers WHERE id = 1";
const PLAIN: &str = "SELECT id, city FROM customers WHERE id = 1";
const OTHER: &str = "SELECT id, note FROM orders WHERE id = 2";
const SEVERAL: &str = "SELECT id, email FROM customers ORDER BY id LIMIT 3";

/// A session that has seen all of these, with two of them prepared as `s1` and `s2`.
async fn prepared(bank: &Bank, gateway: &e2e::Gateway) -> Wire {
    let mut wire = session(gateway, "bank").await;
    for _ in 0..2 {
        for read in [CLASSIFIED, PLAIN, OTHER, SEVERAL] {
            wire.query(read).await.ok();
            wire.exchange(&[frame::statement(read, &[]), frame::sync()].concat()).await.ok();
        }
    }
    let both = [frame::parse("s1", CLASSIFIED), frame::parse("s2", PLAIN), frame::sync()].concat();
    wire.exchange(&both).await.ok();
    bank.canaries.assert_silent("what was seen", wire.received());
    wire
}

fn cells(answer: &Answer) -> Vec<String> {
    answer.rows().into_iter().flatten().map(|cell| cell.unwrap_or_else(|| "NULL".to_owned())).collect()
}

#[tokio::test]
async fn what_a_client_describes_is_not_what_its_portal_shows() {
    let (bank, gateway) = open().await;
    let mut wire = prepared(&bank, &gateway).await;
    let (bind, describe, execute) = (frame::bind, frame::describe, frame::execute);
    let (one, masked) = ("1".to_owned(), "[email]".to_owned());
    let first = [one.clone(), masked.clone()];
    let pairs = |ids: &[&str]| ids.iter().flat_map(|id| [(*id).to_owned(), masked.clone()]).collect::<Vec<_>>();
    for (what, frames, expected) in [
        (
            "another portal",
            vec![bind("pb", "s2", &[]), bind("pa", "s1", &[]), describe(b'P', "pb"), execute("pa", 0)],
            first.to_vec(),
        ),
        (
            "its portal, and another statement",
            vec![bind("pa", "s1", &[]), describe(b'P', "pa"), describe(b'S', "s2"), execute("pa", 0)],
            first.to_vec(),
        ),
        (
            "another statement, between two parts of it",
            vec![
                frame::parse("", SEVERAL),
                bind("pa", "", &[]),
                execute("pa", 1),
                describe(b'S', "s2"),
                execute("pa", 1),
            ],
            pairs(&["1", "2"]),
        ),
        (
            "nothing, in two parts",
            vec![frame::parse("", SEVERAL), bind("pa", "", &[]), execute("pa", 1), execute("pa", 1)],
            pairs(&["1", "2"]),
        ),
        (
            "a classified statement, in front of another",
            vec![
                frame::parse("x", CLASSIFIED),
                describe(b'S', "x"),
                frame::parse("", OTHER),
                bind("", "", &[]),
                execute("", 0),
            ],
            vec!["2".to_owned(), "second".to_owned()],
        ),
        (
            "a classified portal, in front of another",
            vec![
                bind("pc", "s1", &[]),
                describe(b'P', "pc"),
                frame::parse("", OTHER),
                bind("", "", &[]),
                execute("", 0),
            ],
            vec!["2".to_owned(), "second".to_owned()],
        ),
    ] {
        let close = [frame::close(b'S', "x"), frame::close(b'P', "pa"), frame::close(b'P', "pb")].concat();
        let answer = wire.exchange(&[frames.concat(), frame::sync()].concat()).await.ok();
        assert_eq!(cells(&answer), expected, "{what}: {answer}");
        bank.canaries.assert_silent(what, wire.received());
        wire.exchange(&[close, frame::sync()].concat()).await.ok();
    }
    let described = [frame::parse("x", CLASSIFIED), frame::describe(b'S', "x"), frame::flush(), frame::sync()].concat();
    wire.exchange(&described).await.ok();
    assert_eq!(wire.query(OTHER).await.ok().texts().len(), 1);
}

const EVERYTHING: &str = r#"@id("all") permit (principal in Group::"agents", action, resource);"#;

/// A statement looks its names up when it gets to its lock, which may be long after it was judged.
#[tokio::test]
async fn what_takes_the_place_of_a_table_during_a_wait_is_not_shown() {
    let (bank, gateway) = open_bare(EVERYTHING).await;
    bank.execute("CREATE TABLE lk (id int, note text); INSERT INTO lk VALUES (1, 'plain')").await;
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    let view = "CREATE VIEW lk AS SELECT id, email AS note FROM customers";
    let computed = "SELECT upper(note) FROM lk";
    for (what, frames) in [
        ("a Query", frame::query(computed)),
        ("messages", [frame::statement(computed, &[]), frame::sync()].concat()),
        ("what was seen", [frame::statement("SELECT note FROM lk", &[]), frame::sync()].concat()),
        ("what is returned", frame::query("UPDATE lk SET id = 2 RETURNING upper(note)")),
        ("several", frame::query("SELECT 1; SELECT upper(note) FROM lk")),
    ] {
        let mut wire = session(&gateway, "bank").await;
        if what == "what was seen" {
            wire.query("SELECT note FROM lk").await.ok();
        }
        let mut owner = bank.direct().await;
        owner.query("BEGIN; ALTER TABLE lk RENAME TO lk_old").await.ok();
        wire.send(&frames).await;
        until("it waits", async || (bank.number(waits).await > 0).then_some(())).await;
        owner.query(&format!("{view}; COMMIT")).await.ok();
        let answer = wire.answer().await;
        assert!(answer.closed || answer.error().is_some(), "{what}: {answer}");
        let received = String::from_utf8_lossy(wire.received()).to_lowercase();
        bank.canaries.assert_silent(what, received.as_bytes());
        bank.execute("DROP VIEW lk; ALTER TABLE lk_old RENAME TO lk").await;
    }
    // Another statement in front of it may wait as well, while its own table is free.
    let mut wire = session(&gateway, "bank").await;
    let mut other = bank.direct().await;
    other.query("BEGIN; UPDATE orders SET note = 'locked' WHERE id = 1").await.ok();
    let write = frame::statement("UPDATE orders SET note = 'mine' WHERE id = 1", &[]);
    wire.send(&[write, frame::statement(computed, &[]), frame::sync()].concat()).await;
    until("it waits", async || (bank.number(waits).await > 0).then_some(())).await;
    bank.execute("CREATE SCHEMA gateway; CREATE VIEW gateway.lk AS SELECT id, email AS note FROM customers").await;
    other.query("COMMIT").await.ok();
    wire.answer().await;
    let received = String::from_utf8_lossy(wire.received()).to_lowercase();
    bank.canaries.assert_silent("behind another", received.as_bytes());
}

/// A Query that is looked at before it runs is answered as any other.
#[tokio::test]
async fn computed_columns_of_tables_without_classes_are_shown() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    for (read, kinds, texts) in [
        ("SELECT count(*) FROM orders", "TDCZ", vec!["3"]),
        ("SELECT upper(note) FROM orders WHERE id < 3 ORDER BY id", "TDDCZ", vec!["FIRST", "SECOND"]),
        ("SELECT 1 WHERE false", "TCZ", vec![]),
        ("EXPLAIN (COSTS OFF) SELECT 1", "TDCZ", vec!["Result"]),
        ("SHOW server_encoding", "TDCZ", vec!["UTF8"]),
        ("BEGIN", "CZ", vec![]),
        ("SELECT max(id) FROM orders", "TDCZ", vec!["3"]),
        ("COMMIT", "CZ", vec![]),
    ] {
        let answer = wire.query(read).await.ok();
        assert_eq!(
            (answer.kinds().as_str(), answer.texts()),
            (kinds, texts.iter().map(ToString::to_string).collect()),
            "{read}"
        );
    }
    wire.query("SELECT 1 / (id - 1) FROM orders").await.refused_with("22012");
    wire.query("SELECT nothing + 1 FROM orders").await.refused_with("42703");
    wire.exchange(&[frame::parse("mine", OTHER), frame::sync()].concat()).await.ok();
    wire.query("SELECT count(*) FROM orders").await.ok();
    let again = [frame::bind("", "mine", &[]), frame::execute("", 0), frame::sync()].concat();
    assert_eq!(cells(&wire.exchange(&again).await.ok()), ["2", "second"]);
}
