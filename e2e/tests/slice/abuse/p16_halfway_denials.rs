//! P16: a denial is used halfway: what stood before it commits because a Sync or a COMMIT follows. A denial fails the
//! upstream's transaction too; COMMIT after it answers ROLLBACK.

use e2e::postgres::frame;
use e2e::shop::insert;

use super::refusals_on_the_record;
use crate::postgres::{open, session};

const DENIED: &str = "CREATE TABLE halfway (id int)";

#[tokio::test]
async fn what_stands_before_a_denial_does_not_commit() {
    let (bank, gateway) = open().await;
    let mut direct = bank.direct().await;
    for statement in ["BEGIN", &insert("straight"), DENIED, "COMMIT"] {
        direct.query(statement).await.ok();
    }
    bank.execute("DROP TABLE halfway").await;
    assert_eq!(bank.effects("straight").await, 1, "a dead exploit");

    let mut wire = session(&gateway, "training").await;
    wire.query("BEGIN").await.ok();
    wire.query(&insert("in a transaction")).await.ok();
    assert_eq!(wire.query(DENIED).await.status(), Some('E'));
    wire.query(&insert("after the denial")).await.refused_with("25P02");
    let answer = wire.query("COMMIT").await.ok();
    assert_eq!((answer.tags(), answer.status()), (vec!["ROLLBACK".to_owned()], Some('I')), "{answer}");

    // The same by the extended protocol: inside a transaction, and in one pipeline without.
    let synced = |sql: &str| [frame::statement(sql, &[]), frame::sync()].concat();
    wire.exchange(&synced("BEGIN")).await.ok();
    wire.exchange(&synced(&insert("extended"))).await.ok();
    assert_eq!(wire.exchange(&synced(DENIED)).await.status(), Some('E'));
    assert_eq!(wire.exchange(&synced("COMMIT")).await.ok().tags(), ["ROLLBACK"]);
    let pipeline = [frame::statement(&insert("pipelined"), &[]), frame::statement(DENIED, &[]), frame::sync()].concat();
    wire.exchange(&pipeline).await.refused();
    // A client that flushes sees the first half done, is denied the second, and syncs.
    wire.send(&[frame::statement(&insert("flushed"), &[]), frame::flush()].concat()).await;
    wire.until(b'C').await;
    let denied = [frame::statement(DENIED, &[]), frame::sync()].concat();
    wire.exchange(&denied).await.refused();
    assert_eq!(wire.query("SELECT 1").await.ok().status(), Some('I'));

    for key in ["in a transaction", "after the denial", "extended", "pipelined", "flushed"] {
        assert_eq!(bank.effects(key).await, 0, "{key}");
    }
    wire.query(&insert("lawful")).await.ok();
    assert_eq!(bank.effects("lawful").await, 1);
    assert!(refusals_on_the_record(&gateway).await.len() >= 4);
}
