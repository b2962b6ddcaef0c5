//! P07: a harmless statement first, a destructive one behind it. Whatever one call or message holds is one action, judged
//! whole; each statement alone is the lawful twin, and straight to the database the batch works.

use e2e::Gateway;
use e2e::postgres::frame;
use e2e::shop::insert;

use super::{on_the_record, verified};
use crate::postgres::{approved, ask, hold, open, session};

#[tokio::test]
async fn a_batch_does_not_carry_a_second_statement() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    gateway.site.shop.execute(&format!("SELECT 1; {}", insert("straight"))).await;
    assert_eq!(gateway.site.shop.effects("straight").await, 1, "a dead exploit");
    let second = insert("behind");
    for batch in [
        format!("SELECT 1; {second}"),
        format!("SELECT 1;{second};"),
        format!("SELECT 1;;;\n\n{second}"),
        format!("SELECT 1 -- harmless\n; {second}"),
        format!("SELECT 1 /* ; */ ; {second}"),
        format!("SELECT ';' ; {second}"),
        format!("SELECT 1 AS \"a;b\"; {second}"),
        format!("SELECT 1; /* {second} */ {second}"),
        format!("{second}; SELECT 1"),
        format!("{second}; {second}"),
        format!("BEGIN; {second}; COMMIT"),
        format!("; {second}; SELECT 1"),
    ] {
        for target in ["shop", "sandbox"] {
            let told = agent.propose(target, &batch).await;
            assert_ne!(told.status, 200, "{target}: {batch}: {told}");
            assert_ne!(told.status, 202, "{target}: somebody was asked for a batch: {batch}: {told}");
        }
    }
    assert_eq!(gateway.site.shop.effects("behind").await, 0);
    for statement in ["SELECT 1;", "SELECT ';'", "SELECT '; DELETE FROM orders'"] {
        agent.propose("shop", statement).await.ok();
    }
    // A comment is where two lexers may part: it is refused, whatever is in it.
    for statement in ["SELECT 1 -- ; DELETE FROM orders", "SELECT 1 /* ; DELETE FROM orders */"] {
        agent.propose("shop", statement).await.is_problem(400, "bad-statement");
    }
    agent.propose("sandbox", &format!("{second};")).await.ok();
    assert_eq!(gateway.site.shop.effects("behind").await, 1);
    verified(&gateway).await;
}

/// PostgreSQL's simple query takes several statements: they are held, shown and released as one.
#[tokio::test]
async fn a_batch_on_the_wire_is_one_action() {
    let (bank, gateway) = open().await;
    bank.direct().await.query(&format!("SELECT 1; {}", insert("straight"))).await.ok();
    assert_eq!(bank.effects("straight").await, 1, "a dead exploit");
    let second = insert("behind");
    let mut runs = 0;
    for batch in [
        format!("SELECT 1; {second}"),
        format!("SELECT 1;;;\n\n{second}"),
        format!("SELECT 1 -- harmless\n; {second}"),
        format!("SELECT 1 /* ; */ ; {second}"),
        format!("SELECT ';' ; {second}"),
        format!("SELECT $$;$$; {second}"),
        format!("{second}; SELECT 1"),
        format!("; {second}; SELECT 1"),
        format!("SHOW search_path; {second}"),
    ] {
        let mut wire = session(&gateway, "bank").await;
        let held = hold(&gateway, &mut wire, &frame::query(&batch)).await;
        let shown = gateway.person("grace").review(&held).await.ok();
        assert_eq!(shown["statement"], batch.as_str(), "{shown}");
        assert_eq!(bank.effects("behind").await, runs, "{batch}");
        approved(&gateway, &mut wire, &held).await.ok();
        runs += 1;
        assert_eq!(bank.effects("behind").await, runs, "{batch}");
        on_the_record(&gateway, "released", &held.review).await;
    }
    // The extended protocol takes one statement; the server says so, or the gateway does.
    let mut wire = session(&gateway, "bank").await;
    let batch = format!("SELECT 1; {second}");
    ask(&gateway, &mut wire, &[frame::statement(&batch, &[]), frame::sync()].concat()).await.refused();
    assert_eq!(bank.effects("behind").await, runs);
    wire.query("SELECT 1; SELECT 2").await.ok();
}
