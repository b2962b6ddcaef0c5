//! D20: the attacker acts while the log cannot write. No record, no clearance; an answer that would leave without a
//! record does not; `/ready` goes down, and what was promised before is still there when there is room again.

use std::fs;

use e2e::shop::insert;
use e2e::{Gateway, Site, binary, until};
use serde_json::json;

/// Lets no file of the process grow beyond the log's end: the log is full, everything smaller is not.
async fn fill_the_log(gateway: &Gateway) {
    let size = |name: &str| fs::metadata(gateway.site.path(name)).map_or(0, |file| file.len());
    let agent = gateway.shopkeeper();
    let padding = "x".repeat(100_000);
    let statement = "INSERT INTO effects (key) SELECT 'padding' WHERE ? IS NULL";
    until("the log is the largest file by far", async || {
        let body = json!({"target": "sandbox", "statement": statement, "parameters": [padding]});
        agent.post("/api/v1/actions", &body).await.ok();
        gateway.site.shrink_store().await;
        let others = ["data/countersign.db", "data/countersign.db-wal", "data/countersign.search.db-wal"].map(size);
        let largest = others.into_iter().max().unwrap_or_default();
        (size("data/log/records") > largest + 500_000).then_some(())
    })
    .await;
    let limit = format!("--fsize={}", size("data/log/records") + 10);
    let mut prlimit = tokio::process::Command::new("prlimit");
    prlimit.args(["--pid", &gateway.pid().to_string(), &limit]);
    binary::run(prlimit, "").await.ok();
}

#[tokio::test]
async fn nothing_runs_and_nothing_leaves_while_the_log_is_full() {
    // A file at its limit is told by a signal that ends the process, unless it is ignored from the start.
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(binary::path());
    let gateway = Gateway::start(Site::new().await, command).await;
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    let held = gateway.hold(&agent, &insert("approved before")).await;
    let open = gateway.hold(&agent, &insert("not approved")).await;
    grace.approve(&held).await.ok();
    let fetched = gateway.hold(&agent, &insert("fetched later")).await;
    grace.approve(&fetched).await.ok();
    assert_eq!(gateway.nobody().get("/ready").await.status, 200);
    fill_the_log(&gateway).await;
    // The first that finds the log full, and all after it.
    agent.propose("shop", "SELECT name FROM customers WHERE id = 1").await.is_problem(503, "unavailable");
    until("it is not ready", async || (gateway.nobody().get("/ready").await.status == 503).then_some(())).await;
    agent.propose("sandbox", &insert("unrecorded")).await.is_problem(503, "unavailable");
    agent.propose("shop", &insert("held unrecorded")).await.is_problem(503, "unavailable");
    agent.resume(&held, "0s").await.is_problem(503, "unavailable");
    agent.resume(&fetched, "0s").await.is_problem(503, "unavailable");
    grace.approve(&open).await.is_problem(503, "unavailable");
    let answer = agent.propose("shop", "SELECT name FROM customers WHERE id = 1").await;
    assert!(!answer.text().contains("Customer"), "an answer left without its record: {answer}");
    gateway.person("ada").operate("principal.revoke", json!({"name": "clerk"})).await.is_problem(503, "unavailable");
    assert_eq!(gateway.nobody().get("/health").await.status, 200);
    let site = gateway.kill().await;
    for key in ["unrecorded", "held unrecorded", "approved before", "fetched later", "not approved"] {
        assert_eq!(site.shop.effects(key).await, 0, "{key}");
    }
    // With room again, nothing is lost that was promised.
    let gateway = site.serve().await;
    assert_eq!(gateway.person("grace").state(&held).await, "approved");
    assert_eq!(gateway.person("grace").state(&open).await, "pending");
    gateway.agent("clerk").propose("shop", "SELECT 1").await.ok();
    gateway.shopkeeper().propose("shop", &insert("approved before")).await.ok();
    assert_eq!(gateway.site.shop.effects("approved before").await, 1, "the approval was lost");
    // Unavailable is not refused: the same action, fetched by its id, runs now.
    assert_eq!(gateway.shopkeeper().fetch(&fetched).await.ok()["status"], "succeeded");
    assert_eq!(gateway.site.shop.effects("fetched later").await, 1);
    gateway.stop().await.verify(&[]).await.ok();
}
