//! W20: an agent attaches to another's review by sending the same bytes, resumes it by its id, or burns it with a
//! near miss. A review matches only the same actor, target and action; a mismatch spends nothing.

use e2e::Gateway;
use e2e::shop::insert;
use serde_json::json;

use super::on_the_record;

#[tokio::test]
async fn a_review_belongs_to_its_actor() {
    let gateway = Gateway::open().await;
    let (agent, joan) = (gateway.shopkeeper(), gateway.person("joan"));
    let held = gateway.hold(&agent, &insert("mine")).await;
    joan.approve(&held).await.ok();
    for thief in ["clerk", "nightly"] {
        let thief = gateway.agent(thief);
        let same_bytes = gateway.hold(&thief, &insert("mine")).await;
        assert_ne!(same_bytes.review, held.review);
        thief.resume(&held, "0s").await.is_problem(404, "not-found");
        thief.fetch(&held).await.is_problem(404, "not-found");
        thief.withdraw(&held).await.is_problem(403, "not-yours");
        assert_eq!(thief.resume(&same_bytes, "0s").await.status, 202);
    }
    for person in ["ada", "grace", "edith"] {
        gateway.person(person).resume(&held, "0s").await.is_problem(404, "not-found");
    }
    // The actor's own near misses: another target of the same file, other values, another text.
    agent.propose("sandbox", "SELECT 1").await.ok();
    agent.held(&insert("mine ")).await;
    let body = json!({"target": "shop", "statement": insert("mine"), "parameters": [1]});
    let near = agent.post("/api/v1/actions", &body).await;
    assert!(near.status != 202 || near.held().review != held.review);
    assert_eq!(gateway.site.shop.effects("mine").await, 0);
    assert_eq!(joan.state(&held).await, "approved", "it was burnt");
    agent.resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("mine").await, 1);
    on_the_record(&gateway, "released", &held.review).await;
}
