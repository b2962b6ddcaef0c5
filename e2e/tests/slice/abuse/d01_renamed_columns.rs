//! D01: classified columns are renamed: alias, subquery, common table expression, join, quotes. Masking follows where
//! a column comes from, not what it is called; columns that are not classified stay readable under any name.

use e2e::Gateway;
use serde_json::json;

use super::verified;

const RENAMED: [&str; 16] = [
    "SELECT email AS note FROM customers WHERE id = 1",
    "SELECT email name, card city FROM customers WHERE id = 1",
    "SELECT \"email\", [card], `phone` FROM customers WHERE id = 1",
    "SELECT EMAIL, Card FROM CUSTOMERS WHERE id = 1",
    "SELECT c.email FROM customers AS c WHERE c.id = 1",
    "SELECT main.customers.email FROM main.customers WHERE id = 1",
    "SELECT (email), ((card)) FROM customers WHERE id = 1",
    "SELECT x FROM (SELECT email AS x FROM customers WHERE id = 1) LIMIT 1",
    "SELECT x FROM (SELECT y AS x FROM (SELECT card AS y FROM customers WHERE id = 1)) LIMIT 1",
    "WITH t(x) AS (SELECT email FROM customers WHERE id = 1) SELECT x AS total FROM t LIMIT 1",
    "SELECT o.note, c.email AS note FROM orders o JOIN customers c ON c.id = o.customer WHERE o.id = 1",
    "SELECT a.email, b.card FROM customers a, customers b WHERE a.id = 1 AND b.id = 2 LIMIT 1",
    "SELECT c.* FROM customers c WHERE c.id = 1",
    "SELECT t.*, 1 FROM (SELECT id, email AS e FROM customers WHERE id = 1) t LIMIT 1",
    "SELECT DISTINCT email AS x FROM customers WHERE id = 1",
    "SELECT (SELECT email FROM customers WHERE id = 1) AS note FROM orders WHERE id = 1",
];

#[tokio::test]
async fn a_new_name_does_not_unmask() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    for statement in RENAMED {
        let direct = gateway.site.shop.direct(statement).await;
        assert!(gateway.site.shop.canaries.heard(direct.as_bytes()).is_some(), "a dead exploit: {statement}: {direct}");
        let told = agent.propose("shop", statement).await;
        gateway.site.shop.canaries.assert_silent(statement, &told.bytes);
        assert!([200, 202, 400, 403].contains(&told.status), "{statement}: {told}");
    }
    let plain = "SELECT n AS email, city AS card FROM (SELECT name AS n, city FROM customers WHERE id = 1) LIMIT 1";
    assert_eq!(agent.propose("shop", plain).await.rows(), [json!(["Customer 1", "Turin"])]);
    let records = verified(&gateway).await.log().of_kind("run-ended");
    assert!(records.iter().any(|record| record.leaf["masked"].as_u64() > Some(0)), "masking is on the record");
}
