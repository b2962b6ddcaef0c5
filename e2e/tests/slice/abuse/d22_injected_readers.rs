//! D22: readers of log, lists and exports are injected: line breaks, terminal escapes, markup, formulas, endless ids.
//! Names are plain by their type, leaves hold no free text, and what people read is escaped.

use e2e::Gateway;
use e2e::random::{Random, clock};
use e2e::shop::insert;
use serde_json::json;

use super::verified;

fn is_plain(text: &str) -> bool {
    !text.chars().any(|letter| letter != '\n' && (letter.is_control() || ['\u{200b}', '\u{202e}'].contains(&letter)))
}

#[tokio::test]
async fn names_that_could_inject_are_no_names() {
    let gateway = Gateway::open().await;
    let ada = gateway.person("ada");
    for name in [
        "a\nb",
        "a\u{1b}[31m",
        "<script>",
        "=cmd()",
        "+1",
        "@sum",
        "a,b",
        "\"a\"",
        "a b",
        "ａda",
        "\u{430}da",
        "../a",
        "",
        "-a",
        ".a",
        "%0a",
        "ADA",
    ] {
        for (operation, arguments) in [
            ("agent.add", json!({"name": name, "owner": "ada"})),
            ("agent.add", json!({"name": "plain", "owner": "ada", "groups": [name]})),
            ("principal.revoke", json!({"name": name})),
        ] {
            let told = ada.operate(operation, arguments).await;
            assert_eq!(told.status, 400, "{operation} {name:?}: {told}");
        }
        let told = ada.post("/api/v1/actions", &json!({"target": name, "statement": "SELECT 1"})).await;
        assert_eq!(told.status, 400, "{name:?}: {told}");
    }
    let long = "a".repeat(65);
    ada.operate("agent.add", json!({"name": long, "owner": "ada"})).await.is_problem(400, "bad-statement");
    ada.operate("agent.add", json!({"name": "plain-1.x_y", "owner": "ada"})).await.ok();
}

#[tokio::test]
async fn what_an_actor_writes_does_not_reach_readers_raw() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let mark = Random::new(clock()).word();
    let tricks = format!("{mark}\u{1b}[2J\u{9b}1m\r\n\nevent: forged\ndata: {{}}\n<b>=1+1\u{202e}");
    let body = json!({"target": "shop", "statement": insert(&tricks.replace('\n', " ")),
                      "reason": tricks, "parameters": []});
    let held = agent.post("/api/v1/actions", &body).await.held();
    gateway.person("grace").reject(&held).await.ok();
    let denied =
        json!({"target": "shop", "statement": format!("DROP VIEW \"{}\"", tricks.replace('"', "")), "reason": tricks});
    agent.post("/api/v1/actions", &denied).await;

    // The leaves, which every export begins with, hold nothing of it; payloads may be erased.
    for record in verified(&gateway).await.log().records() {
        let leaf = record.leaf.to_string();
        assert!(!leaf.contains(&mark) && is_plain(&leaf), "{leaf}");
    }
    for arguments in [
        vec!["reviews", "list", "--all"],
        vec!["reviews", "show", &held.review],
        vec!["audit", "search", "--limit", "500"],
        vec!["--json", "reviews", "show", &held.review],
        vec!["--json", "audit", "search", "--limit", "500"],
    ] {
        let ran = gateway.cli_as("ada", &arguments).await.ok();
        assert!(is_plain(&ran.stdout), "{arguments:?}: {:?}", ran.stdout);
    }
    let answer = gateway.person("ada").review(&held).await;
    assert!(answer.content_type.starts_with("application/json"), "{}", answer.content_type);
    let metrics = gateway.nobody().get("/metrics").await.text();
    assert!(!metrics.contains(&mark) && !metrics.contains("shopkeeper"), "{metrics}");
}
