//! A store that is damaged, cut, or not a store: the gateway does not start on it and says which file and what to do.
//! Doing that brings everybody and everything back, for the log is the truth.

use std::fs;

use e2e::random::Random;
use e2e::shop::insert;
use e2e::{Gateway, Held, Site};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Row as _};

const STORE: &str = "data/countersign.db";

/// A site that ran: somebody was revoked, one review waits and one is approved.
async fn used() -> (Site, [Held; 2]) {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let (pending, approved) =
        (gateway.hold(&agent, &insert("pending")).await, gateway.hold(&agent, &insert("approved")).await);
    gateway.person("grace").approve(&approved).await.ok();
    gateway.revoke("mary").await;
    let site = gateway.stop().await;
    // All of it in the file itself: what lies beside would mend it.
    site.shrink_store().await;
    (site, [pending, approved])
}

/// The gateway does not start on these bytes, and says in which file and what helps.
async fn refuses(site: &Site, what: &str, bytes: &[u8], words: &[&str]) {
    fs::write(site.path(STORE), bytes).expect("the store can be written");
    let ran = site.refused().await;
    for words in [STORE, "cannot be opened"].iter().chain(words) {
        assert!(ran.stderr.contains(words), "{what}: {words:?} is not in {ran:?}");
    }
    assert_eq!(ran.stderr.trim().lines().count(), 1, "{what}: {ran:?}");
    assert_eq!(site.verify(&[]).await.ok().json()["findings"], json!([]), "{what}: the log has suffered");
}

/// Where the trees of the store begin in its file.
async fn trees(site: &Site) -> Vec<usize> {
    let options = SqliteConnectOptions::new().filename(site.path(STORE)).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await.expect("the store can be opened");
    let roots = sqlx::query("SELECT rootpage FROM sqlite_master WHERE rootpage > 1").fetch_all(&mut connection).await;
    connection.close().await.expect("the store can be closed");
    let page = |row: &sqlx::sqlite::SqliteRow| usize::try_from(row.get::<i64, _>(0) - 1).expect("a page has a number");
    roots.expect("the store has a schema").iter().map(|row| page(row) * PAGE).collect()
}

#[tokio::test]
async fn a_damaged_store_is_told_and_rebuilt_by_moving_it_away() {
    let (site, [pending, approved]) = used().await;
    let whole = fs::read(site.path(STORE)).expect("the store can be read");
    let trees = trees(&site).await;
    assert!(trees.len() > 10 && whole.len() > 10 * PAGE, "there is little to damage");
    let rebuild = ["move it away", "-wal", "rebuilds the store from the log"];
    refuses(&site, "words", b"this is no database, but it is long enough to be looked at as one", &rebuild).await;
    let mut random = Random::seeded("noise");
    let noise: Vec<u8> = (0..whole.len() / 8).flat_map(|_| random.number().to_be_bytes()).collect();
    refuses(&site, "noise", &noise, &rebuild).await;
    refuses(&site, "the first half", &whole[..whole.len() / 2], &rebuild).await;
    refuses(&site, "all but the last page", &whole[..whole.len() - PAGE], &rebuild).await;
    for at in trees {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        refuses(&site, "one bit of a tree", &bytes, &rebuild).await;
    }
    // The damage is the last one's; what was said to help helps.
    fs::rename(site.path(STORE), site.path("data/damaged")).expect("the store can be moved");
    for beside in ["-wal", "-shm"] {
        fs::remove_file(site.path(&format!("{STORE}{beside}"))).unwrap_or_default();
    }
    let gateway = site.serve().await;
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    assert_eq!((grace.state(&pending).await, grace.state(&approved).await), ("pending".into(), "approved".into()));
    gateway.person("mary").get("/api/v1/reviews").await.is_problem(401, "not-authenticated");
    agent.propose("shop", &insert("approved")).await.ok();
    assert_eq!(gateway.site.shop.effects("approved").await, 1);
}

#[tokio::test]
async fn another_programs_database_is_not_taken_for_the_store() {
    let (site, _) = used().await;
    let (whole, shop) =
        (fs::read(site.path(STORE)).expect("a store"), fs::read(site.path("data/shop.db")).expect("a shop"));
    refuses(&site, "the shop", &shop, &["another program's database", "name a file of the gateway's own"]).await;
    assert!(fs::read(site.path(STORE)).expect("a file") == shop, "somebody else's database was changed");
    let index = fs::read(site.path("data/countersign.search.db")).expect("an index");
    refuses(&site, "the search index", &index, &["another program's database"]).await;
    fs::write(site.path(STORE), whole).expect("the store can be put back");
    site.serve().await.shopkeeper().propose("shop", "SELECT 1").await.ok();
}

#[tokio::test]
async fn a_store_that_is_out_of_reach_is_told() {
    let (site, _) = used().await;
    fs::rename(site.path(STORE), site.path("data/aside")).expect("the store can be moved");
    fs::create_dir(site.path(STORE)).expect("a folder can be made");
    let ran = site.refused().await;
    assert!(ran.stderr.contains(STORE) && ran.stderr.contains("may write there"), "{ran:?}");
    fs::remove_dir(site.path(STORE)).expect("it can be removed");
    fs::rename(site.path("data/aside"), site.path(STORE)).expect("the store can be put back");
    site.serve().await.shopkeeper().propose("shop", "SELECT 1").await.ok();
}

#[tokio::test]
async fn a_damaged_search_index_is_begun_anew() {
    let (site, _) = used().await;
    fs::write(site.path("data/countersign.search.db"), b"this is no index").expect("the index can be written");
    let gateway = site.serve().await;
    let ada = gateway.person("ada");
    e2e::until("the search finds what was before", async || {
        let page = ada.get("/api/v1/records?kind=verdict&limit=1").await.ok();
        page["items"].as_array()?.first().cloned()
    })
    .await;
}

/// SQLite's page, as the store has it.
const PAGE: usize = 4096;
