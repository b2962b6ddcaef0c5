//! W22: a machine's yes counts as a person's: an agent or pipeline gives the verdict, with its token, as the
//! passphrase of its name, as a member of the group that is asked. Only active people give verdicts.

use e2e::Gateway;
use e2e::shop::insert;
use serde_json::json;

use super::on_the_record;

#[tokio::test]
async fn only_people_give_verdicts() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("by a machine")).await;
    let token = gateway.add_agent("reviewer-bot", "joan", &["owners", "agents"], "agent").await;
    let pipeline = gateway.add_agent("approve-all", "joan", &["owners", "admins"], "pipeline").await;
    for (name, token) in
        [("reviewer-bot", token.as_str()), ("approve-all", &pipeline), ("clerk", gateway.site.token("clerk"))]
    {
        let bearer = gateway.nobody().bearer(token);
        bearer.approve(&held).await.is_problem(403, "people-only");
        bearer.reject(&held).await.is_problem(403, "people-only");
        gateway.nobody().person(name, token).approve(&held).await.is_problem(401, "not-authenticated");
        gateway.nobody().person("joan", token).approve(&held).await.is_problem(401, "not-authenticated");
    }
    let body = json!({"verdict": "approve", "code": held.code, "channel": "on-call"});
    let told = gateway.person("grace").post(&format!("/api/v1/reviews/{}/verdicts", held.review), &body).await;
    assert_eq!(told.status, 422, "{told}");
    assert_eq!(gateway.person("grace").state(&held).await, "pending");
    assert_eq!(agent.resume(&held, "0s").await.status, 202);
    assert_eq!(gateway.site.shop.effects("by a machine").await, 0);
    gateway.until_nobody_presents(&held).await;
    gateway.person("grace").approve(&held).await.ok();
    agent.resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("by a machine").await, 1);
    let verdicts = on_the_record(&gateway, "verdict", &held.review).await;
    assert_eq!(verdicts.len(), 1);
    assert_eq!(verdicts[0].leaf["strength"], 2.min(verdicts[0].leaf["strength"].as_u64().expect("a strength")));
}

/// Nor does a group of machines make a quorum reachable.
#[tokio::test]
async fn machines_do_not_count_towards_a_quorum_that_can_be_reached() {
    let rules = r#"@id("agents-work") permit (principal in Group::"agents", action, resource);
        @id("bots") @review("bots") @expires("30m") forbid (principal is Agent, action in Action::"write", resource);"#;
    let gateway = e2e::Site::new().await.with_only_rules(rules).serve().await;
    gateway.add_agent("bot-one", "joan", &["bots"], "agent").await;
    gateway.add_agent("bot-two", "mary", &["bots"], "pipeline").await;
    gateway.shopkeeper().propose("shop", &insert("by bots")).await.is_problem(403, "denied");
    assert_eq!(gateway.site.shop.effects("by bots").await, 0);
    gateway.shopkeeper().propose("shop", "SELECT 1").await.ok();
}
