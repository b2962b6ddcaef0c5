//! SQLite targets at their limits: statements that run too long, values that are too large. What is stopped has
//! changed nothing, and the connection that it ran on serves the next.

use e2e::shop::insert;
use e2e::{Gateway, Site, until};
use serde_json::json;

const COUNT: &str =
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t WHERE n < 0";

async fn impatient_gateway() -> Gateway {
    let site = Site::new().await;
    site.replace("countersign.toml", "\n[target.classify]", "\nlongest-run = \"1s\"\n[target.classify]");
    site.serve().await
}

#[tokio::test]
async fn an_endless_read_is_stopped_at_its_limit() {
    let gateway = impatient_gateway().await;
    let told = gateway.shopkeeper().propose("shop", COUNT).await.is_problem(504, "stopped");
    assert!(told.text().contains("longer than 1s"), "{told}");
    gateway.shopkeeper().propose("shop", "SELECT 1").await.ok();
}

#[tokio::test]
async fn an_endless_write_is_stopped_at_its_limit_and_undone() {
    let gateway = impatient_gateway().await;
    let agent = gateway.shopkeeper();
    let tables: Vec<String> = (0..30).map(|number| format!("orders o{number}")).collect();
    let endless = format!("INSERT INTO effects SELECT 'endless' FROM {}", tables.join(", "));
    for _ in 0..2 {
        agent.propose("sandbox", &endless).await.is_problem(504, "stopped");
        assert_eq!(gateway.site.shop.number("SELECT count(*) FROM effects").await, 0);
    }
    agent.propose("sandbox", &insert("after it")).await.ok();
    assert_eq!(gateway.site.shop.effects("after it").await, 1);
}

/// What people approved is not lost with the call that waited for it.
#[tokio::test]
async fn an_approved_read_is_seen_through_when_its_caller_leaves() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let tables: Vec<String> = (0..14).map(|number| format!("orders o{number}")).collect();
    let slow = format!("SELECT DISTINCT c.email FROM customers c, {} WHERE c.id = 1", tables.join(", "));
    let held = gateway.hold(&agent, &slow).await;
    gateway.person("joan").approve(&held).await.ok();
    let (caller, action) = (agent.clone(), held.action.clone());
    let call = tokio::spawn(async move { caller.try_resume(&action, "30s").await });
    until("it runs", async || (!gateway.site.log().of_kind("released").is_empty()).then_some(())).await;
    call.abort();
    let told = until("it ends", async || {
        let told = agent.fetch(&held).await;
        (told.status == 200 && told.body["status"] != "released").then_some(told)
    });
    assert_eq!(told.await.rows(), [json!(["[email]"])]);
}

/// Rows beyond the limit are not waited for.
#[tokio::test]
async fn a_read_ends_when_its_rows_are_enough() {
    let gateway = Gateway::open().await;
    let rows = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t WHERE n < 10002";
    let told = gateway.shopkeeper().propose("shop", rows).await.ok();
    assert_eq!(told["result"]["truncated"], json!(true));
    assert_eq!(told["result"]["rows"].as_array().map(Vec::len), Some(10_000));
    assert_eq!(told["result"]["rows_affected"], json!(0));
}

#[tokio::test]
async fn values_that_are_too_large_do_not_take_all_memory() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    for (statement, status) in [
        ("SELECT printf('%.*c', 300000000, 'x')", 422),
        ("SELECT group_concat(printf('%.*c', 20000000, 'x')) FROM orders a, orders b, orders c", 422),
        ("WITH RECURSIVE t(x) AS (SELECT 'x' UNION ALL SELECT x || x FROM t) SELECT max(length(x)) FROM t", 422),
        ("SELECT printf('%.*c', 50000000, 'x')", 200),
    ] {
        let told = agent.propose("shop", statement).await;
        assert_eq!(told.status, status, "{statement}: {} bytes", told.bytes.len());
        assert!(told.bytes.len() < 1_000, "{statement}");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("Linux tells");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 400_000, "{kilobytes} kB");
    agent.propose("shop", "SELECT name FROM customers WHERE id = 1").await.ok();
}
