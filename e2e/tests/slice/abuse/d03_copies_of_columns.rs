//! D03: classified columns are reached through a copy: a view under other names, a view over a view, a temporary or
//! new table, a table of the search index, a renamed table. Classes follow where a column comes from; copies need
//! people.

use e2e::Gateway;
use serde_json::json;

use super::{refusals_on_the_record, verified};

const VIEWS: &str = "
    CREATE VIEW innocent (a, b, c) AS SELECT email, card, name FROM customers;
    CREATE VIEW nested AS SELECT a AS x, c AS y FROM innocent;
    CREATE VIEW computed AS SELECT id, email || ' ' || card AS both FROM customers;
    CREATE VIEW united AS SELECT email AS x FROM customers UNION ALL SELECT name FROM customers;
    CREATE VIEW chosen AS SELECT CASE WHEN id = 1 THEN email ELSE name END AS x FROM customers;
    CREATE VIEW joined AS SELECT o.id, o.note, c.email AS who FROM orders o JOIN customers c ON c.id = o.customer;
";

#[tokio::test]
async fn a_view_does_not_unmask() {
    let gateway = Gateway::open().await;
    gateway.site.shop.execute(VIEWS).await;
    let agent = gateway.shopkeeper();
    for statement in [
        "SELECT contact, number FROM contacts WHERE id = 1",
        "SELECT a, b FROM innocent LIMIT 3",
        "SELECT x FROM nested LIMIT 3",
        "SELECT z FROM (SELECT x AS z FROM nested) LIMIT 3",
        "SELECT both FROM computed WHERE id = 1",
        "SELECT x FROM united LIMIT 9",
        "SELECT x FROM chosen LIMIT 9",
        "SELECT who, note FROM joined WHERE id = 1",
        "SELECT substr(a, 1, 5) FROM innocent LIMIT 3",
    ] {
        let direct = gateway.site.shop.direct(statement).await;
        assert!(direct.contains('@') || direct.len() > 3, "a dead exploit: {statement}: {direct}");
        let told = agent.propose("shop", statement).await;
        gateway.site.shop.canaries.assert_silent(statement, &told.bytes);
        assert!([200, 202, 403].contains(&told.status), "{statement}: {told}");
    }
    let lawful = "SELECT name FROM customers WHERE id = 1";
    assert_eq!(agent.propose("shop", lawful).await.rows(), [json!(["Customer 1"])]);
    verified(&gateway).await;
}

/// A search index keeps what it indexes in tables of its own, whatever their order in the file.
#[tokio::test]
async fn a_search_index_does_not_unmask() {
    let gateway = Gateway::open().await;
    let shop = &gateway.site.shop;
    shop.execute("CREATE VIRTUAL TABLE found USING fts5(email, city)").await;
    shop.execute("INSERT INTO found SELECT email, city FROM customers").await;
    let agent = gateway.shopkeeper();
    for vacuumed in [false, true] {
        if vacuumed {
            shop.execute("VACUUM").await;
        }
        for statement in [
            "SELECT email FROM found LIMIT 3",
            "SELECT c0 FROM found_content LIMIT 3",
            "SELECT x FROM (SELECT c0 || '' AS x FROM \"Found_Content\") LIMIT 3",
            "SELECT block FROM found_data LIMIT 3",
            "INSERT INTO effects SELECT c0 FROM found_content",
        ] {
            let read = statement.replace("INSERT INTO effects ", "").replace("block", "hex(block)");
            assert!(shop.direct(&read).await.len() > 3, "a dead exploit: {statement}");
            let told = agent.propose("sandbox", statement).await;
            assert!([202, 403].contains(&told.status), "{statement}: {told}");
            shop.canaries.assert_silent(statement, &told.bytes);
        }
    }
    assert_eq!(shop.number("SELECT count(*) FROM effects").await, 0);
    assert_eq!(agent.propose("shop", "SELECT id FROM orders WHERE id = 1").await.rows(), [json!([1])]);
    verified(&gateway).await;
}

#[tokio::test]
async fn a_copy_is_not_made_without_people() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let before = gateway.site.shop.everything().await;
    for statement in [
        "CREATE TABLE copied AS SELECT * FROM customers",
        "CREATE TEMP TABLE copied AS SELECT * FROM customers",
        "CREATE VIEW copied AS SELECT email || '' AS x FROM customers",
        "CREATE VIRTUAL TABLE copied USING fts5(email)",
        "CREATE INDEX copied ON customers (email)",
        "ALTER TABLE customers RENAME TO plain",
        "ALTER TABLE customers RENAME COLUMN email TO plain",
        "INSERT INTO effects SELECT email FROM customers",
        "INSERT INTO effects SELECT email FROM customers WHERE id = 1",
        "UPDATE orders SET note = (SELECT email FROM customers WHERE id = 1) WHERE id = 1",
        "UPDATE orders SET note = c.email FROM customers c WHERE c.id = 1 AND orders.id = 1",
        "INSERT INTO orders VALUES (9, 1, 1.0, (SELECT card FROM customers WHERE id = 1)) RETURNING note",
    ] {
        for target in ["shop", "sandbox"] {
            let told = agent.propose(target, statement).await;
            assert_ne!(told.status, 200, "{target}: {statement}: {told}");
            gateway.site.shop.canaries.assert_silent(statement, &told.bytes);
        }
    }
    assert_eq!(gateway.site.shop.everything().await, before);
    assert!(!refusals_on_the_record(&gateway).await.is_empty());
    agent.propose("sandbox", "INSERT INTO effects SELECT name FROM customers WHERE id = 1").await;
    agent.propose("sandbox", "INSERT INTO effects VALUES ('the neighbour')").await.ok();
    assert_eq!(gateway.site.shop.effects("the neighbour").await, 1);
}
