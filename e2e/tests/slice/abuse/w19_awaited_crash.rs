//! W19: the attacker waits for a crash. Reviews are durable before anybody is told of them; after a restart nothing
//! held runs by itself; what was released and never answered is uncertain and not repeated (`crash.rs` does that
//! under load).

use e2e::shop::insert;
use e2e::{Gateway, Site};

use super::on_the_record;

#[tokio::test]
async fn what_was_acknowledged_survives_and_nothing_held_runs_by_itself() {
    let mut gateway = Gateway::open().await;
    for round in 0..2 {
        let key = format!("awaited {round}");
        // Killed as soon as the agent was told that it is held, then as soon as the reviewer was told that it counts.
        let held = gateway.shopkeeper().held(&insert(&key)).await;
        gateway = gateway.killed_and_restarted().await;
        assert_eq!(gateway.person("grace").state(&held).await, "pending");
        gateway.person("grace").approve(&held).await.ok();
        gateway = gateway.killed_and_restarted().await;
        assert_eq!(gateway.person("grace").state(&held).await, "approved");
        gateway.shopkeeper().propose("sandbox", &insert("a barrier")).await.ok();
        assert_eq!(gateway.site.shop.effects(&key).await, 0, "a restart ran it");
        let ran = gateway.shopkeeper().resume(&held, "30s").await.ok();
        assert_eq!(ran["status"], "succeeded", "{ran}");
        gateway = gateway.killed_and_restarted().await;
        assert_eq!(gateway.person("grace").state(&held).await, "released");
        gateway.shopkeeper().resume(&held, "0s").await.ok();
        assert_eq!(gateway.site.shop.effects(&key).await, 1);
        on_the_record(&gateway, "released", &held.review).await;
    }
}

#[tokio::test]
async fn rejections_and_revocations_survive_a_crash_too() {
    let gateway = Gateway::open().await;
    let held = gateway.shopkeeper().held(&insert("rejected")).await;
    gateway.person("grace").reject(&held).await.ok();
    let gateway = gateway.killed_and_restarted().await;
    gateway.shopkeeper().resume(&held, "0s").await.is_problem(403, "rejected");
    gateway.revoke("clerk").await;
    let site: Site = gateway.kill().await;
    let gateway = site.serve().await;
    gateway.agent("clerk").propose("shop", "SELECT 1").await.is_problem(401, "not-authenticated");
    assert_eq!(gateway.site.shop.effects("rejected").await, 0);
    gateway.shopkeeper().propose("shop", "SELECT 1").await.ok();
}
