//! A held statement: psql is told at once and waits; approval runs it once, on that connection; rejection, expiry,
//! withdrawal, Ctrl-C and a client that dies each end clearly, and what stays open resumes by the same statement.

use e2e::postgres::{Login, Psql, Wire, frame, psql};
use e2e::shop::insert;
use e2e::{Gateway, Held, Site, until};

use super::{approved, held_by, hold, open, serve, session, still_serves};
use e2e::postgres::Bank;

/// How often the log says that this review was released.
fn releases(gateway: &Gateway, held: &Held) -> usize {
    let released = gateway.site.log().of_kind("released");
    released.iter().filter(|record| record.text("review") == held.review).count()
}

#[tokio::test]
async fn a_held_write_tells_psql_at_once_and_runs_once_when_it_is_approved() {
    let (bank, gateway) = open().await;
    let write = "INSERT INTO orders (id, customer, total, note) VALUES (4, 1, 99.5, 'held')";
    let psql = Psql::string(&gateway.login("shopkeeper", "bank"), write);
    let held = held_by(&gateway, &psql).await;
    let grace = gateway.person("grace");
    let shown = grace.review(&held).await.ok();
    assert_eq!(shown["statement"], write, "{shown}");
    assert_eq!(grace.state(&held).await, "pending");
    assert!(!bank.was_told(write), "it went upstream before anybody answered");
    grace.approve(&held).await.ok();
    let ran = psql.ended().await.ok();
    assert_eq!(ran.stdout, "INSERT 0 1\n", "{ran:?}");
    assert_eq!(bank.number("SELECT count(*) FROM orders WHERE id = 4 AND note = 'held'").await, 1);
    assert_eq!((releases(&gateway, &held), grace.state(&held).await.as_str()), (1, "released"));
    let mut ends = gateway.site.log().of_kind("run-ended");
    ends.retain(|record| record.text("end") == "succeeded" && record.opened("detail") == "INSERT 0 1");
    assert_eq!(ends.len(), 1, "{ends:?}");
    gateway.site.verify(&[]).await.ok();
}

#[tokio::test]
async fn a_rejected_write_is_told_with_its_reason_and_the_session_goes_on() {
    let (bank, mut gateway) = open().await;
    let mut psql = Psql::open(&gateway.login("shopkeeper", "bank"));
    psql.say(&format!("{};", insert("rejected"))).await;
    let held = held_by(&gateway, &psql).await;
    gateway.person("grace").reject(&held).await.ok();
    let told = psql.until_told("ERROR:  ").await;
    psql.say("\\echo :LAST_ERROR_SQLSTATE\nSELECT 'goes on';").await;
    psql.until_shown("goes on").await;
    let ran = psql.ended().await.ok();
    let told = format!("{told}\n{}", ran.stderr).to_lowercase();
    assert!(told.contains("rejected") && told.contains("an end-to-end test"), "{told}");
    assert_eq!(ran.stdout, "ZC002\ngoes on\n", "{ran:?}");
    assert_eq!(bank.effects("rejected").await, 0);
    assert!(!bank.was_told("rejected"));
    still_serves(&mut gateway, "a rejection").await;
}

/// Nothing shorter than 30 s is a lawful expiry, so all that waits is asked here at once.
#[tokio::test]
async fn an_unanswered_review_expires_and_the_session_goes_on() {
    let (bank, gateway) = serve(Bank::open().await, |site| {
        site.replace("policies/starter.cedar", "@expires(\"30m\")", "@expires(\"30s\")");
        site
    })
    .await;
    let mut psql = Psql::open(&gateway.login("shopkeeper", "bank"));
    let mut wire = session(&gateway, "bank").await;
    psql.say(&format!("{};\n\\echo :LAST_ERROR_SQLSTATE\nSELECT 'goes on';", insert("by psql"))).await;
    let by_psql = held_by(&gateway, &psql).await;
    let by_wire = hold(&gateway, &mut wire, &frame::query(&insert("by wire"))).await;
    let ran = psql.ended().await.ok();
    assert!(ran.stderr.contains("ERROR:  ") && ran.stderr.to_lowercase().contains("expired"), "{ran:?}");
    assert_eq!(ran.stdout, "ZC003\ngoes on\n", "{ran:?}");
    let answer = wire.answer().await;
    let words = answer.refused_with("ZC003").words().to_lowercase();
    assert!(words.contains("expired"), "{words}");
    wire.query("SELECT 1").await.ok();
    for held in [&by_psql, &by_wire] {
        assert_eq!(gateway.person("grace").state(held).await, "expired");
        gateway.person("grace").approve(held).await.is_problem(409, "not-counted");
    }
    assert_eq!(bank.number("SELECT count(*) FROM effects").await, 0);
}

#[tokio::test]
async fn a_withdrawn_write_ends_and_the_session_goes_on() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(&insert("withdrawn"))).await;
    gateway.person("ada").withdraw(&held).await.ok();
    let answer = wire.answer().await;
    assert!(answer.refused_with("ZC004").words().to_lowercase().contains("withdrawn"), "{answer}");
    assert_eq!(wire.query("SELECT 1").await.ok().texts(), ["1"]);
    assert_eq!(bank.effects("withdrawn").await, 0);
}

/// Ctrl-C in a psql that waits, and what it says; then the same statement in another psql, which attaches and runs.
async fn interrupted(gateway: &Gateway, login: &Login, key: &str) {
    let psql = Psql::string(login, &insert(key));
    let held = held_by(gateway, &psql).await;
    psql.interrupt().await;
    let ran = psql.ended().await;
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("ERROR:  canceling statement due to user request"), "{ran:?}");
    gateway.until_nobody_presents(&held).await;
    assert_eq!(gateway.person("grace").state(&held).await, "pending", "a cancel is no verdict");
    let again = Psql::string(login, &insert(key));
    let attached = held_by(gateway, &again).await;
    assert_eq!((&attached.review, &attached.code), (&held.review, &held.code));
    gateway.person("grace").approve(&attached).await.ok();
    assert_eq!(again.ended().await.ok().stdout, "INSERT 0 1\n");
    assert_eq!(releases(gateway, &held), 1);
}

#[tokio::test]
async fn ctrl_c_leaves_the_review_open_and_the_same_statement_attaches() {
    let (bank, gateway) = open().await;
    interrupted(&gateway, &gateway.login("shopkeeper", "bank"), "interrupted").await;
    assert_eq!(bank.effects("interrupted").await, 1);
}

#[tokio::test]
async fn ctrl_c_is_heard_over_tls_too() {
    let (bank, gateway) = serve(Bank::open().await, Site::with_tls_doors).await;
    let login = gateway.login("shopkeeper", "bank").verified_by(&gateway.site.path("tls/ca.pem"));
    interrupted(&gateway, &login, "over TLS").await;
    assert_eq!(bank.effects("over TLS").await, 1);
}

#[tokio::test]
async fn a_cancelled_session_goes_on_and_may_present_the_same_again() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(&insert("cancelled"))).await;
    let mut other = Wire::connect(&gateway.login("shopkeeper", "bank")).await.expect("it listens");
    other.send(&frame::cancel_request(&wire.key)).await;
    assert_eq!(other.closed().await, [], "a cancel request is not answered");
    let refused = wire.answer().await.refused_with("57014");
    assert_eq!(refused.message(), "canceling statement due to user request", "{refused}");
    assert_eq!(wire.query("SELECT 1").await.ok().texts(), ["1"]);
    let again = hold(&gateway, &mut wire, &frame::query(&insert("cancelled"))).await;
    assert_eq!(again.review, held.review);
    let answer = approved(&gateway, &mut wire, &again).await.ok();
    assert_eq!((answer.tags(), answer.status()), (vec!["INSERT 0 1".to_owned()], Some('I')));
    assert_eq!(bank.effects("cancelled").await, 1);
}

/// While nothing is held and nothing runs, a cancel hits nothing; what runs upstream is cancelled there.
#[tokio::test]
async fn a_cancel_reaches_what_runs_upstream() {
    let (bank, gateway) = open().await;
    bank.execute("CREATE TABLE many AS SELECT n FROM generate_series(1, 1000) n").await;
    let login = gateway.login("shopkeeper", "bank");
    let mut wire = session(&gateway, "bank").await;
    Wire::connect(&login).await.expect("it listens").send(&frame::cancel_request(&wire.key)).await;
    wire.query("SELECT 1").await.ok();
    wire.send(&frame::query("SELECT count(*) FROM many a, many b, many c, many d")).await;
    let running =
        format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND query LIKE '%many d'", bank.name);
    until("it runs", async || (bank.number(&running).await > 0).then_some(())).await;
    Wire::connect(&login).await.expect("it listens").send(&frame::cancel_request(&wire.key)).await;
    wire.answer().await.refused_with("57014");
    assert_eq!(wire.query("SELECT 2").await.ok().texts(), ["2"]);
}

#[tokio::test]
async fn a_client_that_dies_leaves_its_review_and_nothing_runs_without_it() {
    let (bank, gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    let psql = Psql::string(&login, &insert("killed"));
    let held = held_by(&gateway, &psql).await;
    psql.kill().await;
    gateway.until_nobody_presents(&held).await;
    gateway.person("grace").approve(&held).await.ok();
    // Whatever the approval set off is behind this write to the same database.
    psql::run(&gateway.login("shopkeeper", "training"), &insert("a barrier")).await.ok();
    assert_eq!(bank.effects("killed").await, 0, "it ran while nobody presented it");
    let again = psql::run(&login, &insert("killed")).await.ok();
    assert_eq!(again.stdout, "INSERT 0 1\n", "{again:?}");
    assert_eq!((bank.effects("killed").await, releases(&gateway, &held)), (1, 1));
    // What was approved is spent: once more is another review.
    let psql = Psql::string(&login, &insert("killed"));
    assert_ne!(held_by(&gateway, &psql).await.review, held.review);
    psql.kill().await;
    assert_eq!(bank.effects("killed").await, 1);
}

#[tokio::test]
async fn the_same_statement_in_two_sessions_at_once_is_two_reviews() {
    let (bank, gateway) = open().await;
    let (mut one, mut other) = (session(&gateway, "bank").await, session(&gateway, "bank").await);
    let first = hold(&gateway, &mut one, &frame::query(&insert("twice"))).await;
    let second = hold(&gateway, &mut other, &frame::query(&insert("twice"))).await;
    assert_ne!(first.review, second.review);
    approved(&gateway, &mut one, &first).await.ok();
    assert_eq!(bank.effects("twice").await, 1, "one approval, one run");
    approved(&gateway, &mut other, &second).await.ok();
    assert_eq!(bank.effects("twice").await, 2);
}

#[tokio::test]
async fn another_agent_does_not_attach_to_a_review() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(&insert("whose"))).await;
    drop(wire);
    gateway.until_nobody_presents(&held).await;
    gateway.person("joan").approve(&held).await.ok();
    let mut clerk = Wire::open(&gateway.login("clerk", "bank")).await;
    let another = hold(&gateway, &mut clerk, &frame::query(&insert("whose"))).await;
    assert_ne!(another.review, held.review);
    assert_eq!(bank.effects("whose").await, 0);
}

#[tokio::test]
async fn others_are_served_while_one_waits() {
    let (_bank, mut gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(&insert("waits"))).await;
    for _ in 0..5 {
        still_serves(&mut gateway, "somebody began to wait").await;
    }
    approved(&gateway, &mut wire, &held).await.ok();
}

#[tokio::test]
async fn an_export_is_held_and_comes_back_masked() {
    let (bank, gateway) = open().await;
    for statement in ["SELECT * FROM customers", "SELECT name, email FROM customers ORDER BY id"] {
        assert!(bank.canaries.heard(bank.gives(statement).await.as_bytes()).is_some());
        let mut wire = session(&gateway, "bank").await;
        let held = hold(&gateway, &mut wire, &frame::query(statement)).await;
        let answer = approved(&gateway, &mut wire, &held).await.ok();
        assert_eq!(answer.rows().len(), 5, "{answer}");
        bank.canaries.assert_silent(statement, wire.received());
    }
}
