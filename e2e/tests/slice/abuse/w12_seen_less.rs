//! W12: the reviewer sees less than what runs: the end of a long text, the last of many values, a part out of sight.
//! It is shown whole on every surface, with one code, and nobody approves without that code.

use e2e::{Gateway, Held};
use serde_json::json;

use super::on_the_record;

#[tokio::test]
async fn a_review_is_shown_whole_and_with_one_code_everywhere() {
    let gateway = Gateway::open().await;
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    let padding = format!("AND '{}' <> ''", "nothing to see ".repeat(20_000));
    let long_line = format!("UPDATE orders SET note = 'seen' {} WHERE id = 1 {padding} OR 2 = 2", " ".repeat(50_000));
    let many_lines = format!("DELETE FROM orders\nWHERE note <> '{}'\nOR total > 1", "harmless\n".repeat(10_000));
    for statement in [long_line, many_lines] {
        let held = gateway.hold(&agent, &statement).await;
        let shown = grace.review(&held).await.ok();
        assert_eq!(shown["statement"], statement, "it is cut or changed");
        let told = gateway.cli_as("grace", &["reviews", "show", &held.review]).await.ok().stdout;
        for line in statement.lines() {
            assert!(told.contains(line.trim_end()), "the command line does not show {line:.80}");
        }
        let listed = gateway.cli_as("grace", &["reviews", "list"]).await.ok().stdout;
        assert!(told.contains(&held.code) && listed.contains(&held.code) && shown["code"] == held.code);
        grace.approve(&Held { code: String::new(), ..held.clone() }).await.is_problem(409, "other-code");
        assert_eq!(grace.state(&held).await, "pending");
        grace.reject(&held).await.ok();
        on_the_record(&gateway, "revealed", &held.review).await;
    }
}

#[tokio::test]
async fn every_value_is_shown() {
    let gateway = Gateway::open().await;
    let count = 300;
    let values: Vec<String> = (0..count).map(|number| format!("value {number}")).collect();
    let marks = vec!["(?)"; count].join(", ");
    let body =
        json!({"target": "shop", "statement": format!("INSERT INTO effects VALUES {marks}"), "parameters": values});
    let held = gateway.shopkeeper().post("/api/v1/actions", &body).await.held();
    let shown = gateway.person("grace").review(&held).await.ok();
    let told = gateway.cli_as("grace", &["reviews", "show", &held.review]).await.ok().stdout;
    assert_eq!(shown["parameters"].as_array().expect("values").len(), count);
    for value in &values {
        assert!(told.contains(&format!("'{value}'")), "{value}");
    }
    gateway.until_nobody_presents(&held).await;
    gateway.person("grace").approve(&held).await.ok();
    gateway.shopkeeper().resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.number("SELECT count(*) FROM effects").await, 300);
}
