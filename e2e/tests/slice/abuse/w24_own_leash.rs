//! W24: an agent works on its own leash: mints credentials, adds reviewers, revokes people, settles, unmasks, reads
//! others' reviews and records. All of it is closed to agents and pipelines, whatever an open rule permits; a person
//! with the right is the lawful twin.

use e2e::shop::insert;
use e2e::{Gateway, Site};
use reqwest::Method;
use serde_json::json;

use super::on_the_record;

/// A careless rule that permits everything to everybody.
const OPEN: &str = r#"@id("open-door") permit (principal, action, resource);"#;

async fn people_and_agents(gateway: &Gateway) -> Vec<serde_json::Value> {
    let mut all = Vec::new();
    for kind in ["person", "agent", "pipeline"] {
        all.push(gateway.person("ada").get(&format!("/api/v1/principals?kind={kind}")).await.ok());
    }
    all
}

#[tokio::test]
async fn agents_and_pipelines_do_not_reach_the_control_plane() {
    for rules in ["", OPEN] {
        let site = Site::new().await;
        let gateway = if rules.is_empty() { site } else { site.with_only_rules(rules) }.serve().await;
        // In the groups of reviewers and administrators, too.
        let token = gateway.add_agent("climber", "joan", &["admins", "owners", "agents"], "agent").await;
        let pipeline = gateway.add_agent("ladder", "joan", &["admins", "owners", "agents"], "pipeline").await;
        let before = people_and_agents(&gateway).await;
        for machine in [gateway.nobody().bearer(&token), gateway.nobody().bearer(&pipeline), gateway.shopkeeper()] {
            for (operation, arguments) in [
                ("agent.add", json!({"name": "minted", "owner": "joan", "groups": ["admins"]})),
                ("pipeline.add", json!({"name": "minted", "owner": "joan"})),
                (
                    "person.add",
                    json!({"name": "minted", "credential": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g"}),
                ),
                ("principal.revoke", json!({"name": "grace"})),
            ] {
                machine.operate(operation, arguments).await.is_problem(403, "denied");
            }
            for path in ["/reviews", "/reviews?state=all", "/principals", "/records", "/records/0", "/events"] {
                machine.get(&format!("/api/v1{path}")).await.is_problem(403, "people-only");
            }
            for path in ["policies", "targets", "grants", "policies/starter.cedar"] {
                for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                    let told = machine.call(method.clone(), &format!("/api/v1/{path}"), Some(&json!({}))).await;
                    assert!([403, 404, 405].contains(&told.status), "{method} {path}: {told}");
                }
            }
            let unmask =
                json!({"target": "shop", "statement": "SELECT email FROM customers WHERE id = 1", "reveal": ["email"]});
            let told = machine.post("/api/v1/actions", &unmask).await;
            gateway.site.shop.canaries.assert_silent("an action that asked to reveal", &told.bytes);
        }
        assert_eq!(people_and_agents(&gateway).await, before);
        gateway.person("vera").operate("agent.add", json!({"name": "lawful", "owner": "joan"})).await.ok();
    }
}

/// Not even a rule that names it.
#[tokio::test]
async fn no_rule_lets_an_agent_mint_credentials() {
    let rules = r#"@id("agents-work") permit (principal in Group::"agents", action, resource);
        @id("named") permit (principal is Agent, action in Action::"escalate", resource in Target::"countersign");
        @id("named-too") permit (principal is Agent, action in Action::"connect", resource in Target::"countersign");"#;
    let gateway = e2e::Site::new().await.with_only_rules(rules).serve().await;
    let minted = gateway.shopkeeper().operate("agent.add", json!({"name": "minted", "owner": "ada"})).await;
    minted.is_problem(403, "denied");
}

#[tokio::test]
async fn an_agent_reads_and_settles_nothing_of_others() {
    let gateway = Gateway::open().await;
    let held = gateway.hold(&gateway.agent("clerk"), &insert("another's")).await;
    for machine in [gateway.shopkeeper(), gateway.agent("nightly")] {
        machine.review(&held).await.is_problem(403, "people-only");
        machine.approve(&held).await.is_problem(403, "people-only");
        machine.fetch(&held).await.is_problem(404, "not-found");
        machine.withdraw(&held).await.is_problem(403, "not-yours");
    }
    // Nor its own.
    gateway.agent("clerk").review(&held).await.is_problem(403, "people-only");
    gateway.agent("clerk").approve(&held).await.is_problem(403, "people-only");
    assert_eq!(gateway.person("joan").state(&held).await, "pending");
    assert_eq!(gateway.site.shop.effects("another's").await, 0);
    gateway.person("joan").reject(&held).await.ok();
    on_the_record(&gateway, "verdict", &held.review).await;
}
