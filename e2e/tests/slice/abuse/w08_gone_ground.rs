//! W08: an approval is used whose ground is gone: withdrawn, the reviewer removed, the actor removed, the policy
//! tightened, the target changed. Everything is evaluated again at release; where the ground is still there, it runs.

use e2e::shop::insert;
use e2e::{Gateway, Held};

use super::on_the_record;

async fn approved(gateway: &Gateway, agent: &str, key: &str) -> Held {
    let held = gateway.hold(&gateway.agent(agent), &insert(key)).await;
    gateway.person("joan").approve(&held).await.ok();
    held
}

#[tokio::test]
async fn an_approval_falls_with_its_ground() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let ground = approved(&gateway, "shopkeeper", "firm ground").await;
    agent.resume(&ground, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("firm ground").await, 1);

    let withdrawn = approved(&gateway, "shopkeeper", "withdrawn").await;
    gateway.person("ada").withdraw(&withdrawn).await.ok();
    let told = agent.resume(&withdrawn, "0s").await;
    assert_eq!(told.problem(), "withdrawn", "{told}");

    let clerks = approved(&gateway, "clerk", "actor removed").await;
    gateway.revoke("clerk").await;
    gateway.agent("clerk").resume(&clerks, "0s").await.is_problem(401, "not-authenticated");

    let site = {
        let tightened = approved(&gateway, "shopkeeper", "policy tightened").await;
        let site = gateway.stop().await;
        let starter = site.read("policies/starter.cedar");
        site.write("policies/starter.cedar", &starter.replacen("@quorum(\"1\")", "@quorum(\"2\")", 1));
        let gateway = site.serve().await;
        let anew = gateway.shopkeeper().resume(&tightened, "0s").await.held();
        assert_ne!(anew.review, tightened.review, "a verdict counted for a rule that nobody saw");
        on_the_record(&gateway, "review-ended", &tightened.review).await;
        let site = gateway.stop().await;
        site.write("policies/starter.cedar", &starter);
        site
    };

    let gateway = site.serve().await;
    let removed = approved(&gateway, "shopkeeper", "reviewer removed").await;
    gateway.revoke("joan").await;
    let anew = gateway.shopkeeper().resume(&removed, "0s").await.held();
    assert_ne!(anew.review, removed.review);
    on_the_record(&gateway, "review-ended", &removed.review).await;
    for key in ["withdrawn", "actor removed", "policy tightened", "reviewer removed"] {
        assert_eq!(gateway.site.shop.effects(key).await, 0, "{key}");
    }
    gateway.until_nobody_presents(&anew).await;
    gateway.person("grace").approve(&anew).await.ok();
    gateway.shopkeeper().resume(&anew, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("reviewer removed").await, 1);
}
