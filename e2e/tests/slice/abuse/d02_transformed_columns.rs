//! D02: classified columns are transformed: cut in two, concatenated, cast, aggregated, packed into JSON, united with
//! others, walked through by recursion. What has no proven origin is withheld; computing with other tables goes on.

use e2e::Gateway;
use serde_json::json;

use super::verified;

const TRANSFORMED: [&str; 33] = [
    "SELECT substr(email, 1, 9), substr(email, 10) FROM customers WHERE id = 1",
    "SELECT email || '' FROM customers WHERE id = 1",
    "SELECT '' || card FROM customers WHERE id = 1",
    "SELECT CAST(email AS TEXT), CAST(phone AS TEXT) FROM customers WHERE id = 1",
    "SELECT +email FROM customers WHERE id = 1",
    "SELECT email COLLATE NOCASE FROM customers WHERE id = 1",
    "SELECT upper(email) FROM customers WHERE id = 1",
    "SELECT lower(email) AS note FROM customers WHERE id = 1",
    "SELECT hex(email) FROM customers WHERE id = 1",
    "SELECT quote(email) FROM customers WHERE id = 1",
    "SELECT replace(email, '@', '@') FROM customers WHERE id = 1",
    "SELECT printf('%s', email) FROM customers WHERE id = 1",
    "SELECT coalesce(NULL, email) FROM customers WHERE id = 1",
    "SELECT iif(1, email, name) FROM customers WHERE id = 1",
    "SELECT CASE WHEN id = 1 THEN email ELSE name END FROM customers WHERE id = 1",
    "SELECT max(email), min(card) FROM customers WHERE id IN (1, 2)",
    "SELECT group_concat(email, ' ') FROM customers WHERE id IN (1, 2)",
    "SELECT json_group_array(email) FROM customers WHERE id IN (1, 2)",
    "SELECT json_object('e', email) FROM customers WHERE id = 1",
    "SELECT json_extract('\"' || email || '\"', '$') FROM customers WHERE id = 1",
    "SELECT first_value(email) OVER (ORDER BY id) FROM customers WHERE id = 1",
    "SELECT lag(email) OVER (ORDER BY id) FROM customers WHERE id IN (1, 2)",
    "SELECT (SELECT max(email) FROM customers WHERE id = 1) FROM orders WHERE id = 1",
    "SELECT email FROM customers WHERE id = 1 UNION SELECT note FROM orders WHERE id = 1 LIMIT 5",
    "SELECT name FROM customers WHERE id = 99 UNION ALL SELECT email FROM customers LIMIT 9",
    "SELECT note FROM orders WHERE id = 99 UNION ALL SELECT contact FROM contacts LIMIT 9",
    "SELECT total FROM orders WHERE id = 99 UNION SELECT card FROM customers LIMIT 9",
    "SELECT x FROM (SELECT email AS x FROM customers UNION ALL SELECT name FROM customers) LIMIT 9",
    "WITH t(x) AS (SELECT email FROM customers UNION ALL SELECT name FROM customers) SELECT x FROM t LIMIT 9",
    "SELECT name FROM customers INTERSECT SELECT email FROM customers LIMIT 9",
    "VALUES ('x') UNION ALL SELECT email FROM customers LIMIT 9",
    "SELECT email IN (SELECT email FROM customers WHERE id = 1), email FROM customers WHERE id = 1",
    "WITH RECURSIVE t(n, x) AS (SELECT 1, '' UNION ALL SELECT n + 1, x || \
     substr((SELECT email FROM customers WHERE id = 1), \
     n, 1) FROM t WHERE n < 40) SELECT x FROM t ORDER BY n DESC LIMIT 1",
];

#[tokio::test]
async fn a_computed_value_does_not_unmask() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    for statement in TRANSFORMED {
        gateway.site.shop.direct(statement).await;
        let told = agent.propose("shop", statement).await;
        gateway.site.shop.canaries.assert_silent(statement, &told.bytes);
        assert!([200, 202, 400, 403].contains(&told.status), "{statement}: {told}");
    }
    let direct =
        gateway.site.shop.direct("SELECT upper(email), hex(card), json_object('p', phone) FROM customers").await;
    assert!(gateway.site.shop.canaries.heard(direct.as_bytes()).is_some(), "a dead exploit: {direct}");
    let computed = "SELECT upper(note), total * 2, count(*) FROM orders WHERE id = 1 GROUP BY id";
    assert_eq!(agent.propose("shop", computed).await.rows(), [json!(["FIRST", 25.0, 1])]);
    let ended = verified(&gateway).await.log().of_kind("run-ended");
    assert!(ended.iter().any(|record| record.text("end") == "failed"), "a withheld result is on the record");
}
