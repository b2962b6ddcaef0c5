//! Several statements: in one text they are one action, judged whole; in a transaction a gated one is refused, and what
//! the client then believes of its transaction is true.

use e2e::postgres::{Psql, frame, psql};
use e2e::shop::insert;

use super::{approved, held_by, hold, open, session};

#[tokio::test]
async fn two_statements_in_one_text_are_held_as_one() {
    let (bank, gateway) = open().await;
    let text = format!("SELECT note FROM orders WHERE id = 1; {}", insert("behind a read"));
    let psql = Psql::string(&gateway.login("shopkeeper", "bank"), &text);
    let held = held_by(&gateway, &psql).await;
    let shown = gateway.person("grace").review(&held).await.ok();
    assert_eq!(shown["statement"], text, "{shown}");
    assert!(!bank.was_told("behind a read") && !psql.heard().contains("first"), "a part of it ran");
    gateway.person("grace").approve(&held).await.ok();
    assert_eq!(psql.ended().await.ok().stdout, "first\nINSERT 0 1\n");
    assert_eq!(bank.effects("behind a read").await, 1);
    assert_eq!(gateway.person("grace").reviews("all").await.len(), 1);
}

#[tokio::test]
async fn a_text_of_two_writes_is_one_review_and_runs_whole_or_not_at_all() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let both = format!("{}; {}", insert("one"), insert("two"));
    let held = hold(&gateway, &mut wire, &frame::query(&both)).await;
    assert_eq!(approved(&gateway, &mut wire, &held).await.ok().tags(), ["INSERT 0 1", "INSERT 0 1"]);
    // The second fails: the text is one transaction, and the first is undone.
    let fails = format!("{}; INSERT INTO orders (id, customer, total) VALUES (1, 1, 1)", insert("undone"));
    let held = hold(&gateway, &mut wire, &frame::query(&fails)).await;
    let answer = approved(&gateway, &mut wire, &held).await;
    assert_eq!(answer.error().expect("it fails").sqlstate(), "23505", "{answer}");
    assert_eq!(wire.query("SELECT 1").await.ok().status(), Some('I'));
    for (key, ran) in [("one", 1), ("two", 1), ("undone", 0)] {
        assert_eq!(bank.effects(key).await, ran, "{key}");
    }
}

#[tokio::test]
async fn one_denied_statement_denies_its_whole_text() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "training").await;
    let before = bank.everything().await;
    for denied in [
        "CREATE TABLE more (id int)",
        "ALTER TABLE orders ADD COLUMN more text",
        "GRANT ALL ON orders TO vault",
        "DO $$ BEGIN PERFORM 1; END $$",
        "SELECT public.leaves_an_effect('by a function')",
        "SELECT nothing_of_that_name(1)",
        "COPY orders TO '/tmp/countersign-several'",
        "SET ROLE vault",
        "VACUUM",
    ] {
        for text in [
            format!("{}; {denied}", insert("first")),
            format!("{denied}; {}", insert("last")),
            format!("{}; {denied}; {}", insert("first"), insert("last")),
            format!("BEGIN; {}; COMMIT; {denied}", insert("committed")),
        ] {
            let answer = wire.query(&text).await;
            assert!(!answer.refused().words().is_empty() && answer.tags().is_empty(), "{text}: {answer}");
            assert_eq!(answer.status(), Some('I'), "{text}");
        }
    }
    for text in [format!("{}; SELEC 1", insert("first")), format!("SELEC 1; {}", insert("last"))] {
        wire.query(&text).await.refused_with("42601");
    }
    assert_eq!(bank.everything().await, before);
    assert!(!bank.was_told("'first'") && !bank.was_told("'last'"));
    wire.query(&insert("alone")).await.ok();
    assert_eq!(bank.effects("alone").await, 1);
}

#[tokio::test]
async fn a_gated_statement_in_a_transaction_is_refused_and_fails_it() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    assert_eq!(wire.query("BEGIN").await.ok().status(), Some('T'));
    wire.query("SELECT 1").await.ok();
    let answer = wire.query(&insert("inside")).await;
    let refused = answer.refused_with("ZC007");
    assert!(!refused.field('H').is_empty(), "no hint what to do: {refused}");
    assert_eq!(answer.status(), Some('E'));
    assert_eq!(wire.query("SELECT 1").await.refused_with("25P02").severity(), "ERROR");
    wire.query(&insert("inside")).await.refused();
    let answer = wire.query("ROLLBACK").await.ok();
    assert_eq!((answer.tags(), answer.status()), (vec!["ROLLBACK".to_owned()], Some('I')));
    wire.query("SELECT 1").await.ok();
    assert!(gateway.person("grace").reviews("all").await.is_empty(), "somebody was asked");
    // Outside the transaction the same is held.
    let held = hold(&gateway, &mut wire, &frame::query(&insert("outside"))).await;
    approved(&gateway, &mut wire, &held).await.ok();
    assert_eq!((bank.effects("inside").await, bank.effects("outside").await), (0, 1));
}

/// Nobody can ask the catalog in a failed transaction what stands behind the ROLLBACK.
#[tokio::test]
async fn what_stands_behind_a_rollback_is_told_to_come_by_itself() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("BEGIN").await.ok();
    wire.query("SELECT 1 / 0").await.refused();
    for text in ["ROLLBACK; SELECT 1", "ROLLBACK; SELECT note FROM orders WHERE id = 1"] {
        let answer = wire.query(text).await;
        assert!(answer.refused_with("25P02").field('H').contains("ROLLBACK that is sent alone"), "{text}: {answer}");
        assert_eq!(answer.status(), Some('E'));
    }
    assert_eq!(wire.query("ROLLBACK").await.ok().status(), Some('I'));
    assert_eq!(wire.query("SELECT note FROM orders WHERE id = 1").await.ok().texts(), ["first"]);
}

#[tokio::test]
async fn psql_sees_a_refusal_in_its_transaction_and_rolls_back() {
    let (bank, gateway) = open().await;
    let mut psql = Psql::open(&gateway.login("shopkeeper", "bank"));
    psql.say(&format!("BEGIN;\n{};\nSELECT 1;\nCOMMIT;\nSELECT 'goes on';", insert("inside"))).await;
    psql.until_shown("goes on").await;
    let ran = psql.ended().await.ok();
    assert_eq!(ran.stdout, "BEGIN\nROLLBACK\ngoes on\n", "a failed transaction was committed: {ran:?}");
    assert!(ran.stderr.contains("HINT:  ") && ran.stderr.contains("current transaction is aborted"), "{ran:?}");
    assert_eq!(bank.effects("inside").await, 0);
}

#[tokio::test]
async fn transactions_of_what_is_allowed_are_the_servers_own() {
    let (bank, gateway) = open().await;
    let login = gateway.login("shopkeeper", "training");
    let committed =
        format!("BEGIN;\n{};\nSAVEPOINT s;\n{};\nROLLBACK TO s;\nCOMMIT;", insert("kept"), insert("not kept"));
    psql::run(&login, &committed).await.ok();
    psql::run(&login, &format!("BEGIN;\n{};\nROLLBACK;", insert("not kept"))).await.ok();
    let mut wire = session(&gateway, "training").await;
    wire.query(&format!("BEGIN; {}", insert("left open"))).await.ok();
    let answer = wire.query("SELECT key FROM effects WHERE key = 'left open'").await.ok();
    assert_eq!((answer.texts(), answer.status()), (vec!["left open".to_owned()], Some('T')));
    wire.send(&frame::terminate()).await;
    assert_eq!(wire.closed().await, []);
    for (key, ran) in [("kept", 1), ("not kept", 0), ("left open", 0)] {
        assert_eq!(bank.effects(key).await, ran, "{key}");
    }
}
