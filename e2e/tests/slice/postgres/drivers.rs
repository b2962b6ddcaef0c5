//! What drivers send and no specification leads one to expect, byte for byte: they go on by a Query after a Flush or an
//! Execute, fetch from a portal by one Execute after another, and ask for versions that are not there yet.

use std::time::Duration;

use e2e::postgres::{Wire, frame};

use super::{approved, hold, open, session};

/// asyncpg's `prepare`, and then its `transaction`.
#[tokio::test]
async fn a_query_after_what_was_prepared_under_a_flush_is_answered() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let prepare = [frame::parse("one", "SELECT 1"), frame::describe(b'S', "one"), frame::flush()].concat();
    wire.send(&prepare).await;
    assert_eq!(wire.until(b'T').await.kinds(), "1tT");
    let begin = tokio::time::timeout(Duration::from_secs(10), wire.query("BEGIN")).await;
    assert_eq!(begin.expect("a Query always ends in a ReadyForQuery").ok().status(), Some('T'));
    let run = [frame::bind("", "one", &[]), frame::execute("", 0), frame::sync()].concat();
    assert_eq!(wire.exchange(&run).await.ok().texts(), ["1"]);
}

/// asyncpg's `execute` of a text with values that it has not prepared before.
#[tokio::test]
async fn what_was_prepared_under_a_flush_is_held_by_itself() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let text = "INSERT INTO effects VALUES ($1)";
    let prepare = [frame::parse("insert", text), frame::describe(b'S', "insert"), frame::flush()].concat();
    wire.send(&prepare).await;
    assert_eq!(wire.until(b'n').await.kinds(), "1tn");
    let run = [frame::bind("", "insert", &[Some("held")]), frame::execute("", 0), frame::sync()].concat();
    let held = hold(&gateway, &mut wire, &run).await;
    assert_eq!(approved(&gateway, &mut wire, &held).await.ok().tags(), ["INSERT 0 1"]);
    assert_eq!(bank.effects("held").await, 1);
}

/// JDBC with `autosave=always`, at the begin of each transaction.
#[tokio::test]
async fn a_query_after_a_begin_without_a_sync_is_answered() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let begin = [frame::parse("", "BEGIN"), frame::bind("", "", &[]), frame::execute("", 0)].concat();
    let answer = wire.exchange(&[begin, frame::query("SAVEPOINT PGJDBC_AUTOSAVE")].concat()).await.ok();
    assert_eq!((answer.tags(), answer.status()), (vec!["BEGIN".to_owned(), "SAVEPOINT".to_owned()], Some('T')));
    let run = [frame::statement("SELECT 1", &[]), frame::sync()].concat();
    assert_eq!(wire.exchange(&run).await.ok().texts(), ["1"]);
}

/// JDBC with a fetch size, asyncpg's cursors, tokio-postgres's portals.
#[tokio::test]
async fn a_portal_of_what_touches_no_classes_goes_on() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("BEGIN").await.ok();
    let text = "SELECT g * 2 FROM generate_series(1, 5) g";
    let first = [frame::parse("", text), frame::bind("p", "", &[]), frame::execute("p", 2), frame::sync()].concat();
    assert_eq!(wire.exchange(&first).await.ok().texts(), ["2", "4"]);
    let next = [frame::execute("p", 2), frame::sync()].concat();
    assert_eq!(wire.exchange(&next).await.ok().texts(), ["6", "8"]);
}

/// pg8000's way with every statement that has values.
#[tokio::test]
async fn what_was_bound_under_a_flush_runs_where_it_touches_no_classes() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("BEGIN").await.ok();
    let prepare = [frame::parse("", "SELECT $1"), frame::flush(), frame::sync()].concat();
    wire.exchange(&prepare).await.ok();
    let bind = [frame::bind("", "", &[Some("x")]), frame::flush()].concat();
    let run = [bind, frame::execute("", 0), frame::flush(), frame::sync()].concat();
    assert_eq!(wire.exchange(&run).await.ok().texts(), ["x"]);
}

/// libpq 18 with `max_protocol_version=latest`, which leaves if it is told anything before 3.0.
#[tokio::test]
async fn who_asks_for_a_later_version_is_told_the_whole_of_ours() {
    let (_bank, gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    let mut wire = Wire::connect(&login).await.expect("it listens");
    wire.send(&frame::startup_of((3 << 16) | 2, &[("user", "shopkeeper"), ("database", "bank")])).await;
    let told = wire.until(b'v').await.messages.pop().expect("it is the last");
    assert_eq!(told.body, [(3_i32 << 16).to_be_bytes(), 0_i32.to_be_bytes()].concat());
    wire.authenticate(&login.password).await.expect("it may come in");
}

/// asyncpg's question for what an array or an enum is made of, and what its pool says when a connection comes back.
#[tokio::test]
async fn a_label_of_an_inner_query_is_no_call_of_a_function_of_its_name() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    for text in [
        "SELECT x.name FROM (SELECT note AS name FROM orders WHERE id = 1) x",
        "WITH x AS (SELECT note AS name FROM orders WHERE id = 1) SELECT x.name FROM x",
        "WITH RECURSIVE x(name) AS (SELECT note FROM orders WHERE id = 1) SELECT x.name FROM x",
    ] {
        assert_eq!(wire.query(text).await.ok().texts(), ["first"], "{text}");
    }
    wire.query("SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;").await.ok();
}
