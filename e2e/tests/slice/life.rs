//! The life of an action.

use e2e::Gateway;
use e2e::shop::insert;

#[tokio::test]
async fn a_held_write_runs_once_when_it_is_approved() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("once")).await;
    gateway.person("grace").approve(&held).await.ok();
    assert_eq!(gateway.site.shop.effects("once").await, 0, "it ran without a presenter");
    agent.resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("once").await, 1);
}
