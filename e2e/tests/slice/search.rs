//! The search index follows the log and holds nobody up: how far it is behind is told, whatever becomes of it.

use e2e::shop::insert;
use e2e::{Gateway, until};

/// A number of the metrics, by its whole name.
async fn metric(gateway: &Gateway, name: &str) -> u64 {
    of(&gateway.nobody().get("/metrics").await.text(), name)
}

fn of(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let line = line.unwrap_or_else(|| panic!("no `{name}` in {text}"));
    line.parse().unwrap_or_else(|_| panic!("`{name}` is {line:?}"))
}

async fn until_indexed(gateway: &Gateway) {
    until("the index holds every record", async || (metric(gateway, LAG).await == 0).then_some(())).await;
}

#[tokio::test]
async fn an_index_that_fails_is_told_as_a_lag_and_holds_nobody_up() {
    let gateway = Gateway::open().await;
    let (agent, ada) = (gateway.shopkeeper(), gateway.person("ada"));
    until_indexed(&gateway).await;
    let before = metric(&gateway, INDEXED).await;
    assert_eq!(before, metric(&gateway, WRITTEN).await);
    let refused = "CREATE TRIGGER fault BEFORE INSERT ON blocks BEGIN SELECT RAISE(ABORT, 'no room'); END";
    gateway.site.beside(INDEX, refused).await;
    for number in 0..WRITES {
        agent.propose("sandbox", &insert(&format!("unindexed {number}"))).await.ok();
    }
    agent.propose("shop", "SELECT name FROM customers WHERE id = 1").await.ok();
    let held = gateway.hold(&agent, &insert("held meanwhile")).await;
    gateway.person("grace").approve(&held).await.ok();
    agent.resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("held meanwhile").await, 1);
    assert_eq!(metric(&gateway, INDEXED).await, before);
    let told = gateway.nobody().get("/metrics").await.text();
    let lag = of(&told, LAG);
    assert!(lag > WRITES && lag == of(&told, WRITTEN) - before, "{told}");
    // It finds what it has, and says nothing of the rest.
    let found = ada.get("/api/v1/records?kind=released").await.ok();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(0), "{found}");
    until("it is said once", async || (said(&gateway) == 1).then_some(())).await;
    gateway.site.beside(INDEX, "DROP TRIGGER fault").await;
    until_indexed(&gateway).await;
    let found = ada.get("/api/v1/records?kind=released").await.ok();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(said(&gateway), 1, "{}", gateway.site.read("stderr"));
}

fn said(gateway: &Gateway) -> usize {
    gateway.site.read("stderr").matches("the search index is behind").count()
}

const INDEX: &str = "data/countersign.search.db";
const LAG: &str = "countersign_search_lag_records";
const INDEXED: &str = "countersign_log_records{state=\"indexed\"}";
const WRITTEN: &str = "countersign_log_records{state=\"written\"}";
/// Actions while the index fails.
const WRITES: u64 = 12;
