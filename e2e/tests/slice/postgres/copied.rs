//! Classified values that a write would carry to where they have no class: such a write needs what seeing the class needs.
//! Writes that only set, find by what is known, or give back, go on.

use e2e::Site;
use e2e::postgres::{Bank, frame, psql};

use super::{approved, hold, open, serve, session};

const COPYING: [&str; 22] = [
    "UPDATE customers SET city = email WHERE id = 1",
    "UPDATE customers SET city = city || customers.\"card\" WHERE id = 1",
    "UPDATE customers SET (name, city) = (email, card) WHERE id = 1",
    "UPDATE customers SET city = (SELECT c.email FROM customers c WHERE c.id = 1) WHERE id = 1",
    "UPDATE customers SET city = CASE WHEN email LIKE '%e%' THEN 'y' ELSE 'n' END WHERE id = 1",
    "UPDATE customers SET city = 'hit' WHERE id = 1 AND email > '!'",
    "UPDATE customers SET city = customers::text WHERE id = 1",
    "UPDATE orders SET note = customers.email FROM customers WHERE customers.id = 1 AND orders.id = 1",
    "UPDATE orders SET note = c.d FROM customers AS c (a, b, d) WHERE c.a = 1 AND orders.id = 1",
    "UPDATE orders SET note = (SELECT contact FROM contacts WHERE id = 1) WHERE id = 1",
    "INSERT INTO effects SELECT email FROM customers WHERE id = 1",
    "INSERT INTO effects SELECT c::text FROM customers c WHERE c.id = 1",
    "INSERT INTO effects SELECT to_jsonb(c) ->> 'email' FROM customers c WHERE c.id = 1",
    "INSERT INTO orders SELECT 9, id, 1, x.email FROM (SELECT * FROM customers WHERE id = 1) x",
    "INSERT INTO customers SELECT * FROM customers WHERE id = 1 ON CONFLICT (id) DO UPDATE SET city = excluded.email",
    "WITH d AS (UPDATE customers SET city = 'x' WHERE id = 1 RETURNING email) INSERT INTO effects SELECT email FROM d",
    "WITH e AS (SELECT email FROM customers WHERE id = 1), i AS (INSERT INTO effects TABLE e) SELECT 1",
    "MERGE INTO orders o USING customers c ON c.id = o.id WHEN MATCHED THEN UPDATE SET note = c.email",
    "EXPLAIN ANALYZE INSERT INTO effects SELECT email FROM customers WHERE id = 1",
    "CREATE TABLE copied AS SELECT id, email FROM customers WHERE id = 1",
    "SELECT id, email INTO copied FROM customers WHERE id = 1",
    "ALTER TABLE customers ALTER COLUMN city TYPE text USING email",
];

const LAWFUL: [&str; 6] = [
    "UPDATE customers SET email = 'new@bank.example', city = 'Rome' WHERE id = 1",
    "UPDATE customers SET city = 'Oslo' WHERE email = 'new@bank.example' RETURNING email",
    "INSERT INTO customers VALUES (9, 'n', 'e', 'c', 's', 1, 'x')
     ON CONFLICT (id) DO UPDATE SET email = excluded.email, city = excluded.city",
    "INSERT INTO orders SELECT 9, id, 1, name FROM customers WHERE id = 9",
    "INSERT INTO effects SELECT note FROM orders WHERE id = 1",
    "WITH d AS (DELETE FROM orders WHERE id = 9 RETURNING id) SELECT id FROM d",
];

#[tokio::test]
async fn a_value_does_not_lose_its_class_by_being_written() {
    for statement in COPYING {
        let bank = Bank::open().await;
        let before = bank.everything().await;
        bank.execute(statement).await;
        assert_ne!(bank.everything().await, before, "a dead exploit: {statement}");
    }
    let open = r#"@id("agents-do-anything") permit (principal in Group::"agents", action, resource);"#;
    let (bank, gateway) = serve(Bank::open().await, |site: Site| site.with_rules(open)).await;
    let before = bank.everything().await;
    for target in ["bank", "training"] {
        let mut wire = session(&gateway, target).await;
        for statement in COPYING {
            let simple = wire.query(statement).await;
            let extended = wire.exchange(&[frame::statement(statement, &[]), frame::sync()].concat()).await;
            for answer in [simple, extended] {
                let refused = answer.refused();
                assert!(refused.words().contains("storing values of class"), "{statement}: {refused}");
            }
            assert!(!bank.was_told(statement), "it went upstream: {statement}");
        }
    }
    assert_eq!(bank.everything().await, before);
    assert!(gateway.person("grace").reviews("all").await.is_empty(), "somebody was asked");
    let mut wire = session(&gateway, "training").await;
    for statement in LAWFUL {
        wire.query(statement).await.ok();
    }
    assert_eq!(bank.number("SELECT count(*) FROM customers WHERE city = 'Oslo'").await, 1);
    bank.canaries.assert_silent("writes", wire.received());
    // Where they are held, a write of that kind still asks.
    let mut wire = session(&gateway, "bank").await;
    hold(&gateway, &mut wire, &frame::query(LAWFUL[0])).await;
}

/// Who may see a class may copy it.
#[tokio::test]
async fn a_class_that_is_revealed_may_be_copied() {
    let reveal = r#"@id("agents-see-emails") permit (principal in Group::"agents", action == Action::"reveal",
        resource == DataClass::"email");"#;
    let (bank, gateway) = serve(Bank::open().await, |site: Site| site.with_rules(reveal)).await;
    let mut wire = session(&gateway, "training").await;
    wire.query("UPDATE customers SET city = card WHERE id = 1").await.refused();
    wire.query("UPDATE customers SET city = email WHERE id = 1").await.ok();
    assert_eq!(bank.number("SELECT count(*) FROM customers WHERE city = email").await, 1);
}

#[tokio::test]
async fn psql_looks_around() {
    let (bank, gateway) = open().await;
    let commands = ["\\d", "\\dt+", "\\d customers", "\\d orders", "\\d contacts", "\\du", "\\df", "\\dn+"];
    for command in commands {
        let direct = psql::run(&bank.direct_login(), command).await.ok();
        for target in ["bank", "training"] {
            let told = psql::run(&gateway.login("shopkeeper", target), command).await.ok();
            assert_eq!(told.stdout, direct.stdout, "{command}");
        }
    }
    assert!(gateway.person("grace").reviews("all").await.is_empty(), "somebody was asked");
}

#[tokio::test]
async fn a_table_is_made_from_a_query_where_the_rules_permit_writes() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "training").await;
    let made = "CREATE TABLE made AS SELECT id, note FROM orders";
    assert_eq!(wire.query(made).await.ok().tags(), ["SELECT 3"]);
    wire.query("CREATE TABLE gone AS SELECT email FROM customers").await.refused_with("ZC001");
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query("SELECT id INTO other FROM orders")).await;
    assert_eq!(approved(&gateway, &mut wire, &held).await.ok().tags(), ["SELECT 3"]);
    assert_eq!(bank.number("SELECT count(*) FROM made JOIN other USING (id)").await, 3);
    assert_eq!(bank.number("SELECT count(*) FROM pg_class WHERE relname = 'gone'").await, 0);
}
