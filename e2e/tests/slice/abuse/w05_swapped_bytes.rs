//! W05: something harmless is approved and other bytes are sent. What runs is the held action; everything else is a
//! new one, and spends nothing.

use e2e::Gateway;
use e2e::shop::insert;
use serde_json::json;

use super::on_the_record;

#[tokio::test]
async fn an_approval_runs_what_was_approved_and_nothing_else() {
    let gateway = Gateway::open().await;
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    let statement = "UPDATE orders SET note = ? WHERE id = ?";
    let proposal = |statement: &str, values: serde_json::Value| json!({"target": "shop", "statement": statement, "parameters": values});
    let approved = agent.post("/api/v1/actions", &proposal(statement, json!(["approved", 1]))).await.held();
    gateway.until_nobody_presents(&approved).await;
    grace.approve(&approved).await.ok();
    let mut others = Vec::new();
    for (other, values) in [
        (statement, json!(["swapped", 1])),
        (statement, json!(["approved", 2])),
        (statement, json!(["approved", "1"])),
        (statement, json!(["approved", 1.0])),
        ("UPDATE orders SET note = ? WHERE (id = ?)", json!(["approved", 1])),
        ("UPDATE orders SET note = ?  WHERE id = ?", json!(["approved", 1])),
        ("update orders set note = ? where id = ?", json!(["approved", 1])),
        (" UPDATE orders SET note = ? WHERE id = ?", json!(["approved", 1])),
        ("DELETE FROM orders", json!([])),
    ] {
        let held = agent.post("/api/v1/actions", &proposal(other, values)).await.held();
        assert_ne!((&held.review, &held.code), (&approved.review, &approved.code), "{other}");
        others.push(held);
    }
    // Words beside the path of an action change nothing about it.
    let path = format!("/api/v1/actions/{}?wait=0s&statement=DELETE", approved.action);
    assert_eq!(agent.get(&path).await.status, 400);
    let before = gateway.site.shop.everything().await;
    assert!(!before.iter().any(|row| row.contains("swapped") || row.contains("approved")), "{before:?}");
    agent.resume(&approved, "30s").await.ok();
    let notes = gateway.site.shop.texts("SELECT id || ' ' || coalesce(note, '') FROM orders ORDER BY id").await;
    assert_eq!(notes, ["1 approved", "2 second", "3 "]);
    for held in &others {
        assert_eq!(grace.state(held).await, "pending");
    }
    assert_eq!(on_the_record(&gateway, "released", &approved.review).await.len(), 1);
    // The code of one review settles no other.
    let mixed = e2e::Held { code: approved.code.clone(), ..others[0].clone() };
    grace.approve(&mixed).await.is_problem(409, "other-code");
    agent.propose("sandbox", &insert("the neighbour")).await.ok();
}
