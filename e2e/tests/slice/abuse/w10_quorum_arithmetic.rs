//! W10: quorum arithmetic: a threshold of zero, an empty group, more people asked than there are, a count that
//! overshoots, a reviewer made by the very action. Impossible reviews are refused when they would open, with the
//! reason.

use e2e::shop::insert;
use e2e::{Gateway, Site};
use serde_json::json;

use super::{on_the_record, refusals_on_the_record};

fn rules(group: &str, quorum: &str) -> String {
    format!(
        r#"@id("agents-work") permit (principal in Group::"agents", action, resource);
        @id("asked") @review("{group}") @quorum("{quorum}") @expires("30m")
        forbid (principal is Agent, action in Action::"write", resource);"#
    )
}

#[tokio::test]
async fn a_quorum_that_is_none_does_not_load() {
    let mut site = Site::new().await;
    for quorum in ["0", "-1", "", "1.0", "all", "99999999999999999999"] {
        site = site.with_only_rules(&rules("owners", quorum));
        let ran = site.check().await.exits(1);
        assert!(ran.stderr.contains("@quorum"), "{quorum}: {ran:?}");
    }
}

#[tokio::test]
async fn a_quorum_out_of_reach_is_refused_when_it_would_open() {
    // Three owners, of whom ada stands behind the agent; nobody at all is in the second group.
    for (group, quorum) in [("owners", "3"), ("nobody-is-in-it", "1")] {
        let gateway = Site::new().await.with_only_rules(&rules(group, quorum)).serve().await;
        let agent = gateway.shopkeeper();
        agent.propose("shop", &insert("out of reach")).await.is_problem(403, "denied");
        assert_eq!(gateway.site.shop.effects("out of reach").await, 0);
        let reason = refusals_on_the_record(&gateway).await[0].opened("reason").to_string();
        assert!(reason.contains(group), "{reason}");
        agent.propose("shop", "SELECT 1").await.ok();
    }
    let gateway = Site::new().await.with_only_rules(&rules("owners", "2")).serve().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("within reach")).await;
    gateway.person("grace").approve(&held).await.ok();
    gateway.person("joan").approve(&held).await.ok();
    agent.resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("within reach").await, 1);
}

#[tokio::test]
async fn more_approvals_than_needed_are_one_approval() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    for round in 0..5 {
        let key = format!("overshot {round}");
        let held = gateway.hold(&agent, &insert(&key)).await;
        let (grace, joan) = (gateway.person("grace"), gateway.person("joan"));
        let (one, two) = tokio::join!(grace.approve(&held), joan.approve(&held));
        assert!(one.status == 200 || two.status == 200, "{one} / {two}");
        assert_eq!(grace.state(&held).await, "approved");
        agent.resume(&held, "30s").await.ok();
        assert_eq!(gateway.site.shop.effects(&key).await, 1);
    }
}

#[tokio::test]
async fn a_reviewer_made_by_the_action_does_not_settle_it() {
    let rules = r#"@id("admins-need-admins") @review("admins") @quorum("1") @expires("30m")
        forbid (principal, action in Action::"escalate", resource in Target::"countersign");"#;
    let gateway = Site::new().await.with_rules(rules).serve().await;
    let (ada, credential) =
        (gateway.person("ada"), "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA");
    let held = ada.operate("person.add", json!({"name": "eve", "groups": ["admins"], "credential": credential})).await;
    let held = held.held();
    gateway.nobody().person("eve", "eve-countersigns").approve(&held).await.is_problem(401, "not-authenticated");
    gateway.until_nobody_presents(&held).await;
    gateway.person("vera").reject(&held).await.ok();
    ada.resume(&held, "0s").await.is_problem(403, "rejected");
    let page = ada.get("/api/v1/principals?kind=person").await.ok();
    assert!(!page.to_string().contains("eve"), "{page}");
    on_the_record(&gateway, "verdict", &held.review).await;
}
