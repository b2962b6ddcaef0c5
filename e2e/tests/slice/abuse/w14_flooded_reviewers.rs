//! W14: reviewers are flooded: hundreds of reviews, giant reasons, what is denied anyway. One actor has a bounded
//! number open, others are not in its way, and nobody is called for what a machine can refuse.

use e2e::Gateway;
use e2e::shop::insert;
use serde_json::json;

use super::refusals_on_the_record;

#[tokio::test]
async fn one_actor_cannot_bury_the_reviewers() {
    let gateway = Gateway::open().await;
    let (agent, clerk) = (gateway.shopkeeper(), gateway.agent("clerk"));
    let mut held = Vec::new();
    let refused = loop {
        let told = agent.propose("shop", &insert(&format!("flood {}", held.len()))).await;
        if told.status != 202 {
            break told;
        }
        held.push(told.held());
        assert!(held.len() <= 200, "there is no end to it");
    };
    assert_eq!((refused.status, refused.problem()), (429, "too-many-reviews"), "{refused}");
    assert!(refused.body["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{refused}");
    assert_eq!(held.len(), 100);
    let reason = json!({"target": "shop", "statement": insert("giant"), "reason": "please ".repeat(1_000)});
    clerk.post("/api/v1/actions", &reason).await.is_problem(400, "bad-proposal");
    for _ in 0..20 {
        clerk.propose("shop", "CREATE TABLE more (id INTEGER)").await.is_problem(403, "denied");
    }
    // The same once more is the same review, and does not count again.
    gateway.until_nobody_presents(&held[0]).await;
    assert_eq!(agent.propose("shop", &insert("flood 0")).await.held().review, held[0].review);

    let neighbour = gateway.hold(&clerk, &insert("the neighbour")).await;
    gateway.person("joan").approve(&neighbour).await.ok();
    clerk.resume(&neighbour, "30s").await.ok();
    agent.withdraw(&held[1]).await.ok();
    agent.propose("shop", &insert("room again")).await.held();
    assert_eq!(gateway.site.shop.number("SELECT count(*) FROM effects").await, 1);
    assert_eq!(refusals_on_the_record(&gateway).await.len(), 21);
    assert_eq!(gateway.site.log().of_kind("review-opened").len(), 102, "somebody was called for nothing");
}
