//! V07: one caller starves others: floods of actions, of guesses, of failures to record; statements without an end.
//! Others are served meanwhile, and what is recorded of failures has a limit that is itself on the record.

use e2e::shop::insert;
use e2e::{Caller, Gateway, Site, until};
use tokio::task::JoinSet;

use super::verified;

async fn guesses(nobody: Caller, round: usize) -> usize {
    let mut refused = 0;
    for number in 0..15 {
        let who = if number % 3 == 0 {
            nobody.person(&format!("guess-{round}-{number}"), "a wrong passphrase")
        } else {
            nobody.bearer(&format!("cst_{round}_{number}"))
        };
        refused += usize::from(who.propose("shop", "SELECT 1").await.status == 401);
    }
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_does_not_starve_the_others() {
    let gateway = Gateway::open().await;
    let before = gateway.site.log().of_kind("login-failed").len();
    let mut flood = JoinSet::new();
    for number in 0..8 {
        let agent = gateway.shopkeeper();
        flood.spawn(async move {
            let mut done = 0;
            for _ in 0..25 {
                done +=
                    usize::from(agent.propose("shop", "SELECT name FROM customers WHERE id = 1").await.status == 200);
            }
            done
        });
        flood.spawn(guesses(gateway.nobody(), number));
    }
    // In the midst of it: another agent's action, its review, its run.
    let clerk = gateway.agent("clerk");
    let held = gateway.hold(&clerk, &insert("in the midst")).await;
    gateway.person("joan").approve(&held).await.ok();
    clerk.resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("in the midst").await, 1);
    assert_eq!(gateway.nobody().get("/ready").await.status, 200);
    let done: usize = flood.join_all().await.into_iter().sum();
    assert_eq!(done, 8 * 25 + 8 * 15, "a flood is served, too");
    let failures = verified(&gateway).await.log().of_kind("login-failed");
    let recorded = failures.len() - before;
    // Sixty a minute, and a minute may end in the midst.
    assert!((60..120).contains(&recorded), "{recorded} of 120 failures were recorded");
    assert!(failures.iter().any(|record| !record.text("limit").is_empty()), "the limit is not on the record");
}

const ENDLESS: &str =
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t WHERE n < 0";

/// A gateway where only the caller's leaving can end a statement in the time that a test waits.
async fn patient_gateway() -> Gateway {
    let site = Site::new().await;
    site.replace("countersign.toml", "\n[target.classify]", "\nlongest-run = \"1h\"\n[target.classify]");
    site.serve().await
}

/// Starts endless reads, and returns when so many run.
async fn read_without_end(gateway: &Gateway, agent: &str, calls: usize) -> JoinSet<()> {
    let running = || gateway.site.log().of_kind("execute").len();
    let before = running();
    let mut endless = JoinSet::new();
    for _ in 0..calls {
        let agent = gateway.agent(agent);
        endless.spawn(async move { drop(agent.propose("shop", ENDLESS).await) });
    }
    until("the endless reads run", async || (running() - before == calls).then_some(())).await;
    endless
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_reads_of_one_actor_leave_others_their_connections() {
    let gateway = patient_gateway().await;
    let endless = read_without_end(&gateway, "shopkeeper", 6).await;
    let rows = gateway.agent("clerk").propose("shop", "SELECT name FROM customers WHERE id = 1").await.rows();
    assert_eq!(rows, [serde_json::json!(["Customer 1"])]);
    drop(endless);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_reads_stop_when_their_callers_leave() {
    let gateway = patient_gateway().await;
    let mut endless = read_without_end(&gateway, "shopkeeper", 2).await;
    let others = read_without_end(&gateway, "nightly", 2).await;
    let told = gateway.agent("clerk").propose("shop", "SELECT name FROM customers WHERE id = 1").await;
    told.is_problem(503, "upstream-busy");
    assert_eq!(gateway.nobody().get("/ready").await.status, 200);
    endless.shutdown().await;
    drop(others);
    until("all four are stopped", async || {
        let ended = gateway.site.log().of_kind("run-ended");
        let stopped = ended.iter().filter(|record| record.opened("detail").to_string().contains("caller left"));
        (stopped.count() == 4).then_some(())
    })
    .await;
    gateway.agent("clerk").propose("shop", "SELECT name FROM customers WHERE id = 1").await.ok();
    verified(&gateway).await;
}
