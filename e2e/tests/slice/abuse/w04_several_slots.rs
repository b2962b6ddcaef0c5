//! W04: one person fills several slots alone: a member of two groups, twice by two channels. Distinct people count,
//! once in the whole review; two people are the lawful twin.

use e2e::Site;
use e2e::shop::insert;

use super::on_the_record;

const TWO_GROUPS: &str = r#"
@id("agents-work")
permit (principal in Group::"agents", action, resource);
@id("owners-agree")
@review("owners") @quorum("1") @expires("30m")
forbid (principal is Agent, action in Action::"write", resource);
@id("security-agrees")
@review("security") @quorum("1") @expires("30m")
forbid (principal is Agent, action in Action::"write", resource);
"#;

#[tokio::test]
async fn one_person_in_two_groups_fills_one_slot() {
    let gateway = Site::new().await.with_only_rules(TWO_GROUPS).serve().await;
    let agent = gateway.shopkeeper();
    for (key, second) in [("with mary", "mary"), ("with grace", "grace")] {
        let held = gateway.hold(&agent, &insert(key)).await;
        let joan = gateway.person("joan");
        joan.approve(&held).await.ok();
        joan.approve(&held).await.is_problem(409, "not-counted");
        gateway.cli_as("joan", &["reviews", "approve", &held.review, "--code", &held.code]).await.exits(1);
        assert_eq!(joan.state(&held).await, "pending");
        assert_eq!(agent.resume(&held, "0s").await.status, 202);
        assert_eq!(gateway.site.shop.effects(key).await, 0);
        assert_eq!(on_the_record(&gateway, "verdict-refused", &held.review).await.len(), 2);
        // Whichever group the second person is in, joan fills the other slot.
        gateway.until_nobody_presents(&held).await;
        gateway.person(second).approve(&held).await.ok();
        agent.resume(&held, "30s").await.ok();
        assert_eq!(gateway.site.shop.effects(key).await, 1);
    }
}
