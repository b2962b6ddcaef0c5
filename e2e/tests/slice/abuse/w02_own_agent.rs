//! W02: a person approves what their own agent or pipeline proposed. Nobody in the lineage may review; whoever stands
//! outside it is the lawful twin.

use e2e::Gateway;
use e2e::shop::insert;

use super::on_the_record;

#[tokio::test]
async fn an_owner_does_not_approve_what_their_agent_or_pipeline_proposes() {
    let gateway = Gateway::open().await;
    for (actor, owner, colleague) in
        [("shopkeeper", "ada", "grace"), ("nightly", "ada", "joan"), ("clerk", "grace", "ada")]
    {
        let (agent, key) = (gateway.agent(actor), format!("by {actor}"));
        let held = gateway.hold(&agent, &insert(&key)).await;
        gateway.person(owner).approve(&held).await.is_problem(409, "not-counted");
        let ran = gateway.cli_as(owner, &["reviews", "approve", &held.review, "--code", &held.code]).await.exits(1);
        assert!(ran.stderr.contains("stand behind this action"), "{ran:?}");
        assert_eq!(agent.resume(&held, "0s").await.status, 202);
        assert_eq!(gateway.site.shop.effects(&key).await, 0);
        assert_eq!(on_the_record(&gateway, "verdict-refused", &held.review).await.len(), 2);
        gateway.until_nobody_presents(&held).await;
        gateway.person(colleague).approve(&held).await.ok();
        agent.resume(&held, "30s").await.ok();
        assert_eq!(gateway.site.shop.effects(&key).await, 1);
    }
}

/// Whoever registers an agent sees its token, whoever owns it.
#[tokio::test]
async fn who_registers_an_agent_does_not_approve_for_it() {
    let gateway = Gateway::open().await;
    let token = gateway.add_agent("puppet", "grace", &["agents"], "agent").await;
    let puppet = gateway.nobody().bearer(&token);
    let held = gateway.hold(&puppet, &insert("puppet")).await;
    for behind in ["ada", "grace"] {
        gateway.person(behind).approve(&held).await.is_problem(409, "not-counted");
    }
    gateway.person("joan").approve(&held).await.ok();
    puppet.resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("puppet").await, 1);
}

/// An agent cannot be handed to somebody else while its review is open: names are never used again.
#[tokio::test]
async fn an_owner_does_not_get_rid_of_their_agent_to_approve_for_it() {
    let gateway = Gateway::open().await;
    let held = gateway.hold(&gateway.shopkeeper(), &insert("disowned")).await;
    gateway.revoke("shopkeeper").await;
    let ada = gateway.person("ada");
    let body = serde_json::json!({"name": "shopkeeper", "owner": "grace", "groups": ["agents"]});
    assert_eq!(ada.operate("agent.add", body).await.status, 422);
    let told = ada.approve(&held).await;
    assert_eq!(told.status, 409, "{told}");
    assert_eq!(gateway.site.shop.effects("disowned").await, 0);
}
