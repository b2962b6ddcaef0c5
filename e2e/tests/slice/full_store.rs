//! A disk that is full for the store alone: what needs the store is refused, what is recorded meanwhile is told as such,
//! and everything goes on when there is room again, without a restart.

use std::fs;
use std::time::Duration;

use e2e::shop::insert;
use e2e::{Gateway, Site, binary, until};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Executor as _};

/// Makes the store's write-ahead log the largest file by far, and keeps it from beginning anew for as long as the answer
/// lives: whatever the store takes from now on must make it larger still.
async fn bloat(site: &Site) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(site.path(STORE)).busy_timeout(Duration::from_secs(10));
    let mut reader = SqliteConnection::connect_with(&options).await.expect("the store can be opened");
    reader.execute("BEGIN; SELECT count(*) FROM meta").await.expect("the store can be read");
    site.beside(STORE, "CREATE TABLE padding (bytes BLOB); INSERT INTO padding VALUES (zeroblob(30000000))").await;
    reader
}

/// Lets no file of the gateway grow beyond so many bytes.
async fn limit_files(gateway: &Gateway, limit: &str) {
    let mut prlimit = tokio::process::Command::new("prlimit");
    prlimit.args(["--pid", &gateway.pid().to_string(), &format!("--fsize={limit}:unlimited")]);
    binary::run(prlimit, "").await.ok();
}

#[tokio::test]
async fn a_store_without_room_runs_nothing_held_and_goes_on_when_there_is_room() {
    // A file at its limit is told by a signal that ends the process, unless it is ignored from the start.
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(binary::path());
    let mut gateway = Gateway::start(Site::new().await, command).await;
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    let approved = gateway.hold(&agent, &insert("approved before")).await;
    grace.approve(&approved).await.ok();
    let keys = ["approved while it is full", "approved while it is full, too"];
    let held = [gateway.hold(&agent, &insert(keys[0])).await, gateway.hold(&agent, &insert(keys[1])).await];
    let reader = bloat(&gateway.site).await;
    let size = |name: &str| fs::metadata(gateway.site.path(name)).map_or(0, |file| file.len());
    assert!(size("data/log/records") < LIMIT / 2 && size("data/countersign.db-wal") > LIMIT * 2);
    limit_files(&gateway, &LIMIT.to_string()).await;
    let released = gateway.site.log().of_kind("released").len();
    // The claim cannot be had, nothing new is held, and a write that needs nobody leaves no effect without its record.
    agent.resume(&approved, "0s").await.is_problem(503, "unavailable");
    agent.propose("shop", &insert("held while it is full")).await.is_problem(503, "unavailable");
    let write = agent.propose("sandbox", &insert("allowed while it is full")).await;
    assert!(write.status == 200 || write.problem() == "unavailable", "{write}");
    let read = agent.propose("shop", "SELECT name FROM customers WHERE id = 1").await;
    assert!(read.status == 200 || read.problem() == "unavailable", "{read}");
    // The log has room: the verdict is recorded, and the reviewer is told how far it is.
    // One that goes in one order with what is kept for the store already waits for that, and is refused.
    let first = grace.approve(&held[0]).await;
    let (open, key, told) = match first.problem() {
        "unavailable" => (&held[1], keys[1], grace.approve(&held[1]).await),
        _ => (&held[0], keys[0], first),
    };
    let told = told.is_problem(503, "not-in-force");
    assert!(told.text().contains("takes effect as soon as the store answers again"), "{told}");
    assert_eq!(grace.state(open).await, "pending");
    agent.resume(open, "0s").await;
    gateway.assert_alive();
    for key in ["approved before", "held while it is full", keys[0], keys[1]] {
        assert_eq!(gateway.site.shop.effects(key).await, 0, "{key}");
    }
    assert_eq!(gateway.site.log().of_kind("released").len(), released);
    limit_files(&gateway, "unlimited").await;
    reader.close().await.expect("the store can be closed");
    // With room again, nothing that was promised is lost, and nobody says it twice.
    until("the verdict is in force", async || (grace.state(open).await == "approved").then_some(())).await;
    for (held, key) in [(&approved, "approved before"), (open, key)] {
        until("the approval can be had", async || (agent.resume(held, "10s").await.status == 200).then_some(())).await;
        assert_eq!(gateway.site.shop.effects(key).await, 1, "{key}");
    }
    agent.held(&insert("held while it is full")).await;
    let site = gateway.killed_and_restarted().await.stop().await;
    site.verify(&[]).await.ok();
}

const STORE: &str = "data/countersign.db";
/// More than the audit log needs, less than the store would.
const LIMIT: u64 = 8_000_000;
