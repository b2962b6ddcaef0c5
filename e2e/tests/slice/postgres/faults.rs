//! Faults: the server dies, the gateway dies, the connection between them dies, each while something is held. Nothing
//! runs twice, nothing runs on another connection than the one that was decided for, and everybody is told.

use e2e::postgres::{Bank, Psql, Wire, frame};
use e2e::shop::insert;
use e2e::{Gateway, Site, until};

use super::{approved, held_by, hold, open, session, still_serves};

async fn alone() -> (Bank, Gateway) {
    let bank = Bank::alone().await;
    let gateway = Site::new().await.with_bank(&bank).serve().await;
    (bank, gateway)
}

#[tokio::test]
async fn a_server_that_dies_while_something_is_held_fails_its_run() {
    let (bank, mut gateway) = alone().await;
    let psql = Psql::string(&gateway.login("shopkeeper", "bank"), &insert("orphaned"));
    let mut idle = session(&gateway, "bank").await;
    let held = held_by(&gateway, &psql).await;
    bank.server.kill().await;
    bank.server.restart().await;
    gateway.assert_alive();
    // Approved or not, it is too late for this connection: whoever held it is told.
    gateway.person("grace").approve(&held).await;
    let ran = psql.ended().await;
    assert_ne!(ran.code, 0, "a dead connection was replaced behind the client's back: {ran:?}");
    assert!(!ran.stderr.is_empty() && !ran.stdout.contains("INSERT"), "{ran:?}");
    assert_eq!(bank.effects("orphaned").await, 0);
    let review = gateway.person("grace").review(&held).await.ok();
    let run = review["run"].as_str().unwrap_or("none");
    assert!(["none", "failed"].contains(&run), "{review}");
    // A session that was idle meanwhile has lost its settings: it ends, too.
    let answer = idle.query("SELECT 1").await;
    assert!(answer.closed || answer.error().is_some(), "{answer}");
    still_serves(&mut gateway, "the server came back").await;
}

/// What was answered before the end of its pipeline is kept or not: the server is gone without a word, and nobody knows.
#[tokio::test]
async fn what_a_lost_server_may_have_kept_is_uncertain_and_what_it_cannot_have_is_not() {
    for (end, expected) in [(frame::sync(), "uncertain"), (frame::flush(), "failed")] {
        let (bank, gateway) = alone().await;
        let mut wire = session(&gateway, "training").await;
        let mut other = Wire::open(&bank.server.superuser(&bank.name)).await;
        other.query("BEGIN; LOCK TABLE orders IN SHARE MODE").await.ok();
        let ends = || gateway.site.log().of_kind("run-ended");
        let (before, written) = (ends().len(), insert("perhaps"));
        // What is read is masked: it is described first, and so what stands before it is answered by then.
        let texts =
            [written.as_str(), "SELECT email FROM customers WHERE id = 1", "UPDATE orders SET note = '' WHERE id = 1"];
        let pipeline = texts.map(|text| frame::statement(text, &[])).concat();
        wire.send(&[pipeline, end].concat()).await;
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        until("the last waits for its lock", async || (bank.number(waits).await == 1).then_some(())).await;
        bank.server.kill().await;
        assert!(wire.answer().await.closed);
        let first = until("the first of it has its end", async || ends().into_iter().nth(before)).await;
        assert_eq!(first.text("end"), expected, "{first:?}");
    }
}

#[tokio::test]
async fn a_session_that_the_server_ends_is_ended_with_its_words() {
    let (bank, mut gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("SET application_name = 'to be ended'").await.ok();
    let ours = format!("datname = '{}' AND client_addr IS NOT NULL", bank.name);
    let end = format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {ours}");
    assert!(bank.number(&end).await >= 1);
    let answer = wire.query("SELECT 1").await;
    assert!(answer.cells().is_empty(), "a session went on without its server: {answer}");
    assert!(answer.closed || answer.error().is_some(), "{answer}");
    still_serves(&mut gateway, "a session that the server ended").await;
}

/// Outside a transaction a question of the gateway's is asked again without the session's timeout; inside, the client is
/// told what ended it.
#[tokio::test]
async fn a_timeout_of_the_clients_own_does_not_pass_for_a_fault() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("SET statement_timeout = '300ms'").await.ok();
    let mut other = Wire::open(&bank.server.superuser(&bank.name)).await;
    let slow = "BEGIN; LOCK TABLE pg_catalog.pg_inherits";
    other.query(slow).await.ok();
    wire.send(&frame::query("SELECT note FROM orders WHERE id = 1")).await;
    until("it asks again", async || bank.was_told("set_config('statement_timeout'").then_some(())).await;
    other.query("ROLLBACK").await.ok();
    assert_eq!(wire.answer().await.ok().texts(), ["first"]);
    assert_eq!(wire.query("SHOW statement_timeout").await.ok().texts(), ["300ms"]);
    wire.query("BEGIN").await.ok();
    other.query(slow).await.ok();
    let answer = wire.query("SELECT note FROM orders WHERE id = 2").await;
    other.query("ROLLBACK").await.ok();
    let refused = answer.refused_with("57014");
    assert!(refused.message().contains("`statement_timeout`") && !refused.field('H').is_empty(), "{refused}");
    assert_eq!(answer.status(), Some('E'));
    wire.query("ROLLBACK").await.ok();
    assert_eq!(wire.query("SELECT note FROM orders WHERE id = 2").await.ok().texts(), ["second"]);
}

#[tokio::test]
async fn a_server_that_is_down_is_told_and_comes_back() {
    let (bank, mut gateway) = alone().await;
    bank.server.kill().await;
    let refusal = match Wire::login(&gateway.login("shopkeeper", "bank")).await {
        Err(refusal) => refusal,
        Ok(mut wire) => wire.query("SELECT 1").await.refused(),
    };
    assert!(!refusal.message().is_empty() && refusal.sqlstate() != "28P01", "{refusal}");
    assert!(!refusal.words().contains(&bank.server.password), "{refusal}");
    gateway.assert_alive();
    bank.server.restart().await;
    still_serves(&mut gateway, "the server came back").await;
}

#[tokio::test]
async fn a_review_outlives_the_gateway_and_the_same_statement_attaches() {
    let (bank, gateway) = open().await;
    let psql = Psql::string(&gateway.login("shopkeeper", "bank"), &insert("survives"));
    let held = held_by(&gateway, &psql).await;
    let before = gateway.person("grace").review(&held).await.ok();
    let gateway = gateway.killed_and_restarted().await;
    assert_ne!(psql.ended().await.code, 0);
    let after = gateway.person("grace").review(&held).await.ok();
    assert_eq!(after["state"], "pending", "{after}");
    assert_eq!(after["code"], before["code"]);
    let again = Psql::string(&gateway.login("shopkeeper", "bank"), &insert("survives"));
    assert_eq!(held_by(&gateway, &again).await.review, held.review);
    assert_eq!(bank.effects("survives").await, 0);
    gateway.person("grace").approve(&held).await.ok();
    assert_eq!(again.ended().await.ok().stdout, "INSERT 0 1\n");
    assert_eq!(bank.effects("survives").await, 1);
    gateway.site.verify(&[]).await.ok();
}

#[tokio::test]
async fn an_approval_outlives_the_gateway_and_nothing_runs_by_itself() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(&insert("approved, then killed"))).await;
    drop(wire);
    gateway.until_nobody_presents(&held).await;
    gateway.person("grace").approve(&held).await.ok();
    let gateway = gateway.killed_and_restarted().await;
    session(&gateway, "training").await.query(&insert("a barrier")).await.ok();
    assert_eq!(bank.effects("approved, then killed").await, 0, "a restart ran it");
    let mut wire = session(&gateway, "bank").await;
    wire.query(&insert("approved, then killed")).await.ok();
    assert_eq!(bank.effects("approved, then killed").await, 1);
    assert_eq!(gateway.person("grace").state(&held).await, "released");
}

#[tokio::test]
async fn a_gateway_that_stops_tells_those_who_wait_and_keeps_their_reviews() {
    let (bank, gateway) = open().await;
    let mut idle = session(&gateway, "bank").await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(&insert("stopped"))).await;
    let gateway = gateway.restarted().await;
    for answer in [wire.answer().await, idle.query("SELECT 1").await] {
        assert!(answer.closed || answer.error().is_some(), "{answer}");
    }
    assert_eq!(gateway.person("grace").state(&held).await, "pending");
    let mut wire = session(&gateway, "bank").await;
    let again = hold(&gateway, &mut wire, &frame::query(&insert("stopped"))).await;
    assert_eq!(again.review, held.review);
    approved(&gateway, &mut wire, &again).await.ok();
    assert_eq!(bank.effects("stopped").await, 1);
}

/// Kills the gateway at some moment between the approval and the answer, again and again.
#[tokio::test]
async fn a_run_cut_short_by_a_kill_is_never_repeated() {
    let mut random = e2e::random::Random::seeded("a run cut short over the wire");
    let (bank, mut gateway) = open().await;
    for round in 0..6 {
        let key = format!("cut {round}");
        let mut wire = session(&gateway, "bank").await;
        let held = hold(&gateway, &mut wire, &frame::query(&insert(&key))).await;
        gateway.person("grace").approve(&held).await.ok();
        tokio::time::sleep(random.moment(std::time::Duration::from_millis(30))).await;
        let site = gateway.kill().await;
        let told = wire.answer().await;
        bank.until_left().await;
        let ran = bank.effects(&key).await;
        assert!(ran == 1 || told.tags().is_empty(), "it was told to have run: {told}");
        // The last write may be torn: the start cuts it.
        gateway = site.serve().await;
        gateway.site.verify(&[]).await.ok();
        let review = gateway.person("grace").review(&held).await.ok();
        let run = review["run"].as_str().unwrap_or("none").to_owned();
        let lawful = match (ran, review["state"].as_str().expect("a state")) {
            (0, "approved") => run == "none",
            (0, "released") => run == "failed" || run == "uncertain",
            (1, "released") => run == "succeeded" || run == "uncertain",
            _ => false,
        };
        assert!(lawful, "round {round}: ran {ran} times, but the review says {review}");
    }
    let all = bank.texts("SELECT key FROM effects GROUP BY key HAVING count(*) > 1").await;
    assert!(all.is_empty(), "ran more than once: {all:?}");
}
