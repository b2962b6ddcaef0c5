//! D16: an agent inherits its owner's exemption and sees unmasked data. `reveal` is decided for the actor; the person
//! who may see it is the lawful twin.

use e2e::Site;
use serde_json::json;

use super::verified;

const ADA_MAY_SEE: &str = r#"
@id("everybody-reads")
permit (principal, action in [Action::"connect", Action::"read"], resource in Target::"shop");
@id("ada-sees-addresses")
permit (principal == Person::"ada", action == Action::"reveal", resource == DataClass::"email");
@id("owners-see-phones")
permit (principal in Group::"owners", action == Action::"reveal", resource == DataClass::"phone");
@id("an-open-rule-reveals-nothing")
permit (principal, action, resource);
"#;

#[tokio::test]
async fn an_exemption_of_the_owner_does_not_reach_the_agent() {
    let gateway = Site::new().await.with_only_rules(ADA_MAY_SEE).serve().await;
    let statement = "SELECT email, card, phone FROM customers WHERE id = 1";
    let direct = gateway.site.shop.direct("SELECT email FROM customers WHERE id = 1").await;
    let number = gateway.site.shop.number("SELECT phone FROM customers WHERE id = 1").await;
    for (person, expected) in
        [("ada", json!([direct, "[card]", number])), ("grace", json!(["[email]", "[card]", number]))]
    {
        assert_eq!(gateway.person(person).propose("shop", statement).await.rows(), [expected], "{person}");
    }
    for agent in ["shopkeeper", "clerk", "nightly"] {
        let told = gateway.agent(agent).propose("shop", statement).await;
        gateway.site.shop.canaries.assert_silent(agent, &told.bytes);
        assert_eq!(told.rows(), [json!(["[email]", "[card]", null])], "{agent}");
        let computed = gateway.agent(agent).propose("shop", "SELECT upper(email) FROM customers WHERE id = 1").await;
        gateway.site.shop.canaries.assert_silent(agent, &computed.bytes);
    }
    verified(&gateway).await;
}
