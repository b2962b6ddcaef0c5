//! W03: an administrator approves their own action because administrators may do everything. No role lifts invariant
//! 3, neither on a target nor on the gateway itself; another administrator is the lawful twin.

use e2e::Site;
use e2e::shop::insert;
use serde_json::json;

use super::on_the_record;

const FOUR_EYES_ON_THE_GATEWAY: &str = r#"
@id("admins-need-admins")
@review("admins") @quorum("1") @expires("30m")
forbid (principal, action in Action::"escalate", resource in Target::"countersign");
"#;

#[tokio::test]
async fn an_administrator_does_not_approve_their_own() {
    let gateway = Site::new().await.with_rules(FOUR_EYES_ON_THE_GATEWAY).serve().await;
    let (ada, vera) = (gateway.person("ada"), gateway.person("vera"));
    let names = async || {
        let page = ada.get("/api/v1/principals?kind=agent").await.ok();
        page["items"].as_array().expect("items").iter().map(|agent| agent["name"].clone()).collect::<Vec<_>>()
    };
    let before = names().await;

    // Her agent's action, she being an owner of the target and an administrator.
    let held = gateway.hold(&gateway.shopkeeper(), &insert("an administrator's")).await;
    ada.approve(&held).await.is_problem(409, "not-counted");
    // An administrator who stands outside is still in none of the groups asked.
    let told = vera.approve(&held).await;
    assert!([404, 409].contains(&told.status), "{told}");
    assert_eq!(gateway.site.shop.effects("an administrator's").await, 0);

    // Her own change of the gateway.
    let held = ada.operate("agent.add", json!({"name": "helper", "owner": "ada", "groups": ["agents"]})).await.held();
    gateway.until_nobody_presents(&held).await;
    ada.approve(&held).await.is_problem(409, "not-counted");
    assert_eq!(ada.resume(&held, "0s").await.status, 202);
    assert_eq!(names().await, before);
    on_the_record(&gateway, "verdict-refused", &held.review).await;
    gateway.until_nobody_presents(&held).await;
    vera.approve(&held).await.ok();
    ada.resume(&held, "30s").await.ok();
    assert_eq!(names().await.len(), before.len() + 1);
}
