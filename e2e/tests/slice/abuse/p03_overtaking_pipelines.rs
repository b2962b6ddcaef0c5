//! P03: B is pipelined behind A while A is held, to overtake it or to ride on its approval. Strict order on a
//! connection: B is not even read until A settles, and then it is decided by itself.

use e2e::postgres::frame;
use e2e::shop::insert;

use super::on_the_record;
use crate::postgres::{open, session};

#[tokio::test]
async fn what_stands_behind_a_held_action_waits_and_is_decided_by_itself() {
    let (bank, gateway) = open().await;
    let pipelined =
        |a: &str, b: &str| [frame::query(&insert(a)), frame::query(&insert(b)), frame::query("SELECT 3")].concat();
    let mut direct = bank.direct().await;
    direct.send(&pipelined("straight a", "straight b")).await;
    for _ in 0..3 {
        direct.answer().await.ok();
    }
    assert_eq!((bank.effects("straight a").await, bank.effects("straight b").await), (1, 1), "a dead exploit");

    for (verdict, ran) in [("approve", 1), ("reject", 0)] {
        let (a, b) = (format!("a {verdict}"), format!("b {verdict}"));
        let mut wire = session(&gateway, "bank").await;
        wire.send(&pipelined(&a, &b)).await;
        let first = gateway.held_in(&wire.notice().await.words()).await;
        let shown = gateway.person("grace").review(&first).await.ok();
        assert_eq!(shown["statement"], insert(&a), "{shown}");
        assert_eq!(gateway.person("grace").reviews("open").await.len(), 1, "what stands behind was looked at");
        gateway.person("grace").settle(&first, verdict).await.ok();
        assert_eq!(wire.answer().await.error().is_none(), ran == 1);
        let second = gateway.held_in(&wire.notice().await.words()).await;
        assert_ne!(second.review, first.review, "B rode on A");
        assert_eq!((bank.effects(&a).await, bank.effects(&b).await), (ran, 0));
        gateway.person("grace").reject(&second).await.ok();
        wire.answer().await.refused();
        assert_eq!(wire.answer().await.ok().texts(), ["3"]);
        assert_eq!(bank.effects(&b).await, 0);
        on_the_record(&gateway, "verdict", &second.review).await;
    }
}

/// What stands behind a held action does not change what it runs on.
#[tokio::test]
async fn a_setting_pipelined_behind_a_held_action_comes_after_it() {
    let (bank, gateway) = open().await;
    bank.execute("CREATE SCHEMA other; CREATE TABLE other.effects (key text NOT NULL)").await;
    let mut wire = session(&gateway, "bank").await;
    wire.send(&[frame::query(&insert("here")), frame::query("SET search_path = other, public")].concat()).await;
    let held = gateway.held_in(&wire.notice().await.words()).await;
    gateway.person("grace").approve(&held).await.ok();
    wire.answer().await.ok();
    wire.answer().await.ok();
    assert_eq!((bank.effects("here").await, bank.number("SELECT count(*) FROM other.effects").await), (1, 0));
    assert_eq!(wire.query("SHOW search_path").await.ok().texts(), ["other, public"]);
    on_the_record(&gateway, "released", &held.review).await;
}

/// Whoever fills the connection behind a held action waits; nobody else does, and nothing is kept without a bound.
#[tokio::test]
async fn what_is_read_ahead_is_bounded() {
    let (bank, mut gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.send(&frame::query(&insert("dammed"))).await;
    let held = gateway.held_in(&wire.notice().await.words()).await;
    let flood = frame::query(&format!("SELECT '{}'", "x".repeat(500_000))).repeat(400);
    let blocked = tokio::time::timeout(std::time::Duration::from_secs(3), wire.send(&flood)).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("Linux tells");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kilobytes: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 200_000, "{kilobytes} kB are in use; the flood was taken: {}", blocked.is_ok());
    crate::postgres::still_serves(&mut gateway, "a flood behind a held action").await;
    drop(wire);
    gateway.until_nobody_presents(&held).await;
    assert_eq!(bank.effects("dammed").await, 0);
}
