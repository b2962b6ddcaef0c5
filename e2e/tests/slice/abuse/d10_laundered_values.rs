//! D10: classified values are written where they have no class, whole or by what a condition tells of them, and read
//! from there. Such a write needs what seeing the class needs; writes that only set, or find by what is known, go on.

use e2e::{Gateway, Site};

use super::refusals_on_the_record;

const LAUNDERING: [&str; 10] = [
    "UPDATE customers SET city = email WHERE id = 1",
    "UPDATE customers SET name = city || email, city = card WHERE id = 1",
    "UPDATE customers SET city = (SELECT c.email FROM customers c WHERE c.id = 1) WHERE id = 1",
    "UPDATE customers SET city = customers.\"card\" WHERE id = 1",
    "UPDATE customers SET city = CASE WHEN email LIKE '%e%' THEN 'y' ELSE 'n' END WHERE id = 1",
    "UPDATE customers SET city = 'hit' WHERE id = 1 AND email > '!'",
    "UPDATE orders SET note = (SELECT contact FROM contacts WHERE id = 1) WHERE id = 1",
    "INSERT INTO orders SELECT 9, id, 1.0, card FROM customers WHERE id = 1",
    "INSERT INTO orders SELECT 9, 9, 9.0, x.email FROM (SELECT * FROM customers WHERE id = 1) x",
    "INSERT INTO customers SELECT * FROM customers WHERE id = 1 ON CONFLICT (id) DO UPDATE SET city = customers.email",
];

#[tokio::test]
async fn a_value_does_not_lose_its_class_by_being_written() {
    for statement in LAUNDERING {
        let site = Site::new().await;
        let before = site.shop.everything().await;
        site.shop.execute(statement).await;
        assert_ne!(site.shop.everything().await, before, "a dead exploit: {statement}");
    }
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let before = gateway.site.shop.everything().await;
    for statement in LAUNDERING {
        for target in ["shop", "sandbox"] {
            let told = agent.propose(target, statement).await;
            gateway.site.shop.canaries.assert_silent(statement, &told.bytes);
            assert!(told.clone().is_problem(403, "denied").text().contains("storing values of class"), "{told}");
        }
    }
    assert_eq!(gateway.site.shop.everything().await, before);
    assert_eq!(refusals_on_the_record(&gateway).await.len(), 2 * LAUNDERING.len());
    for lawful in [
        "UPDATE customers SET email = 'new@shop.example', city = 'Rome' WHERE id = 1",
        "UPDATE customers SET city = 'Oslo' WHERE email = 'new@shop.example' RETURNING email",
        "INSERT INTO effects SELECT note FROM orders WHERE id = 1",
    ] {
        agent.propose("sandbox", lawful).await.ok();
    }
    assert_eq!(gateway.site.shop.number("SELECT count(*) FROM customers WHERE city = 'Oslo'").await, 1);
}

/// Who may see a class may copy it.
#[tokio::test]
async fn a_class_that_is_revealed_may_be_copied() {
    let reveal = r#"@id("agents-see-emails") permit (principal in Group::"agents", action == Action::"reveal",
        resource == DataClass::"email");"#;
    let gateway = Site::new().await.with_rules(reveal).serve().await;
    let agent = gateway.shopkeeper();
    agent.propose("sandbox", "UPDATE customers SET city = card WHERE id = 1").await.is_problem(403, "denied");
    agent.propose("sandbox", "UPDATE customers SET city = email WHERE id = 1").await.ok();
    assert_eq!(gateway.site.shop.number("SELECT count(*) FROM customers WHERE city = email").await, 1);
}
