//! W01: a person approves what they proposed themself, by the same account under other spellings and by another
//! channel. Persons are compared, before any other check; a colleague's approval is the lawful twin.

use e2e::Site;
use e2e::shop::insert;
use e2e::site::passphrase;

use super::on_the_record;

pub(super) const PEOPLE_WRITE: &str = r#"
@id("people-work")
permit (principal is Person in Group::"owners",
        action in [Action::"connect", Action::"read", Action::"write"], resource in Target::"shop");
@id("four-eyes")
@review("owners") @quorum("1") @expires("30m")
forbid (principal, action in Action::"write", resource in Target::"shop");
"#;

#[tokio::test]
async fn nobody_approves_their_own_action() {
    let gateway = Site::new().await.with_only_rules(PEOPLE_WRITE).serve().await;
    let (ada, grace) = (gateway.person("ada"), gateway.person("grace"));

    let lawful = gateway.hold(&grace, &insert("a colleague's")).await;
    ada.approve(&lawful).await.ok();
    grace.resume(&lawful, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("a colleague's").await, 1);

    let own = gateway.hold(&ada, &insert("her own")).await;
    ada.approve(&own).await.is_problem(409, "not-counted");
    for name in ["ADA", "Ada", "ada ", " ada", "ada\u{200b}", "\u{430}da"] {
        let told = gateway.nobody().person(name, &passphrase("ada")).approve(&own).await;
        assert!([401, 409].contains(&told.status), "{name:?}: {told}");
    }
    let arguments = ["reviews", "approve", &own.review, "--code", &own.code];
    let ran = gateway.cli_as("ada", &arguments).await.exits(1);
    assert!(ran.stderr.contains("nobody countersigns their own"), "{ran:?}");
    assert_eq!(ada.resume(&own, "0s").await.status, 202);
    assert_eq!(gateway.site.shop.effects("her own").await, 0);
    assert!(on_the_record(&gateway, "verdict-refused", &own.review).await.len() >= 2);

    // The neighbour: she may take it back, and others may settle it.
    gateway.until_nobody_presents(&own).await;
    grace.approve(&own).await.ok();
    ada.resume(&own, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("her own").await, 1);
}
