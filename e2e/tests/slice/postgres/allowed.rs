//! What a target's configuration allows: waiting for people inside a transaction, how long a statement runs and a session
//! rests, how many sessions one actor has. And the reason that a session gives.

use e2e::postgres::{Bank, Wire, frame};
use e2e::shop::insert;
use e2e::{Gateway, Site};

use super::{approved, hold, open, open_bare, serve, session};

/// A bank whose production target has these keys as well.
async fn open_with(keys: &str) -> (Bank, Gateway) {
    serve(Bank::open().await, |site| with(site, keys)).await
}

fn with(site: Site, keys: &str) -> Site {
    let name = "name = \"bank\"\n";
    site.replace("countersign.toml", name, &format!("{name}{keys}\n"));
    site
}

#[tokio::test]
async fn a_rule_may_let_an_actor_write_some_columns_and_no_others() {
    let rules = r#"@id("reads") permit (principal, action in [Action::"connect", Action::"read"], resource);
        @id("notes") permit (principal, action == Action::"sql.update", resource == Table::"bare/public.orders")
            when { context has columns && ["note", "total"].containsAll(context.columns) };"#;
    let (_bank, gateway) = open_bare(rules).await;
    let mut wire = session(&gateway, "bare").await;
    wire.query("UPDATE orders SET note = 'changed', total = 1 WHERE id = 1").await.ok();
    for refused in [
        "UPDATE orders SET note = 'x', customer = 2 WHERE id = 1",
        "UPDATE orders SET (note, id) = ('x', 7) WHERE id = 1",
        "UPDATE orders SET note = 'x' WHERE id > 0",
    ] {
        wire.query(refused).await.refused_with("ZC001");
    }
    assert_eq!(wire.query("SELECT note FROM orders WHERE id = 1").await.ok().texts(), ["changed"]);
}

#[tokio::test]
async fn where_it_is_allowed_a_write_waits_inside_its_transaction() {
    let (bank, gateway) = open_with("hold-in-transaction = \"hold\"").await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("BEGIN").await.ok();
    wire.query("SELECT id FROM orders WHERE id = 1").await.ok();
    wire.send(&frame::query(&insert("inside"))).await;
    let notice = wire.notice().await;
    assert!(notice.words().contains("within 120 s, for which the transaction stays open"), "{notice}");
    let held = gateway.held_in(&notice.words()).await;
    let answer = approved(&gateway, &mut wire, &held).await.ok();
    assert_eq!((answer.tags(), answer.status()), (vec!["INSERT 0 1".to_owned()], Some('T')));
    assert_eq!(bank.effects("inside").await, 0, "it is not committed yet");
    wire.query("COMMIT").await.ok();
    assert_eq!(bank.effects("inside").await, 1);
    // A rejection fails the transaction, as an error of the server's would.
    wire.query("BEGIN").await.ok();
    let held = hold(&gateway, &mut wire, &frame::query(&insert("rejected"))).await;
    gateway.person("grace").reject(&held).await.ok();
    let answer = wire.answer().await;
    assert_eq!((answer.refused().sqlstate(), answer.status()), ("ZC002", Some('E')));
    assert_eq!(wire.query("COMMIT").await.ok().tags(), ["ROLLBACK"]);
    // What another session changes meanwhile is noticed: the name means another table by then.
    bank.execute("CREATE SCHEMA aside").await;
    wire.query("BEGIN").await.ok();
    let held = hold(&gateway, &mut wire, &frame::query(&insert("swapped"))).await;
    bank.execute("ALTER TABLE effects SET SCHEMA aside; CREATE TABLE effects (key text NOT NULL)").await;
    gateway.person("grace").approve(&held).await.ok();
    assert!(wire.answer().await.refused().message().contains("what was approved is not what would run"));
    wire.query("ROLLBACK").await.ok();
    // Under another isolation the catalog would be that of the transaction's begin.
    wire.query("BEGIN ISOLATION LEVEL REPEATABLE READ").await.ok();
    let told = wire.query(&insert("repeatable")).await.refused();
    assert!(told.message().contains("READ COMMITTED"), "{told}");
    wire.query("ROLLBACK").await.ok();
}

#[tokio::test]
async fn a_wait_inside_a_transaction_ends_and_its_approval_serves_the_next_try() {
    let (bank, gateway) = open_with("hold-in-transaction = \"hold\"\nlongest-hold-in-transaction = \"1s\"").await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("BEGIN").await.ok();
    let held = hold(&gateway, &mut wire, &frame::query(&insert("again"))).await;
    let answer = wire.answer().await;
    assert_eq!((answer.refused().sqlstate(), answer.status()), ("57014", Some('E')));
    wire.query("ROLLBACK").await.ok();
    gateway.person("grace").approve(&held).await.ok();
    wire.query("BEGIN").await.ok();
    wire.query(&insert("again")).await.ok();
    wire.query("COMMIT").await.ok();
    assert_eq!(bank.effects("again").await, 1);
}

#[tokio::test]
async fn what_runs_or_rests_too_long_is_ended() {
    let (bank, gateway) = open_with("longest-run = \"1s\"\nlongest-idle = \"2s\"").await;
    let mut wire = session(&gateway, "bank").await;
    let tables = ('a'..='z').map(|name| format!("orders {name}")).collect::<Vec<_>>().join(", ");
    let slow = format!("SELECT count(*) FROM {tables}");
    wire.query(&slow).await.refused_with("57014");
    wire.exchange(&[frame::statement(&slow, &[]), frame::sync()].concat()).await.refused_with("57014");
    // The server takes no cancel while it waits for rows; what is not brought in time is given up.
    wire.send(&frame::query("COPY effects FROM STDIN")).await;
    let held = gateway.held_in(&wire.notice().await.words()).await;
    gateway.person("grace").approve(&held).await.ok();
    wire.until(b'G').await;
    wire.answer().await.refused();
    wire.query("SELECT id FROM orders WHERE id = 1").await.ok();
    let said = wire.closed().await;
    let told = said.iter().find(|message| message.kind == b'E').expect("it is told");
    assert!(String::from_utf8_lossy(&told.body).contains("57P05"), "{told:?}");
    bank.until_left().await;
}

#[tokio::test]
async fn one_actor_does_not_take_every_session() {
    let (_bank, gateway) = open_with("sessions = 3\nsessions-per-actor = 2").await;
    let first = session(&gateway, "bank").await;
    let _second = session(&gateway, "bank").await;
    let third = Wire::login(&gateway.login("shopkeeper", "bank")).await.expect_err("one too many");
    assert_eq!(third.sqlstate(), "53300");
    let _another = Wire::open(&gateway.login("clerk", "bank")).await;
    assert_eq!(Wire::login(&gateway.login("nightly", "bank")).await.expect_err("all taken").sqlstate(), "53300");
    drop(first);
    let again = async || Wire::login(&gateway.login("nightly", "bank")).await.ok();
    e2e::until("a seat is free", again).await;
}

#[tokio::test]
async fn reviewers_see_the_reason_that_a_session_gives() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let reason = async |wire: &mut Wire, sql: &str| {
        let held = hold(&gateway, wire, &frame::query(sql)).await;
        let shown = gateway.person("grace").review(&held).await.ok();
        gateway.person("grace").reject(&held).await.ok();
        wire.answer().await.refused();
        shown["reason"].as_str().expect("a text").to_owned()
    };
    wire.query("SET application_name = 'nightly clean-up'").await.ok();
    assert_eq!(reason(&mut wire, &insert("a")).await, "none given; the client calls itself nightly clean-up");
    wire.query("SET countersign.reason = 'ticket 12: duplicates'").await.ok();
    assert_eq!(reason(&mut wire, &insert("b")).await, "ticket 12: duplicates");
    let text = format!("/* countersign: reason=ticket 13 */ {}", insert("c"));
    assert_eq!(reason(&mut wire, &text).await, "ticket 13");
    wire.query("RESET countersign.reason").await.ok();
    assert!(reason(&mut wire, &insert("d")).await.starts_with("none given"));
}
