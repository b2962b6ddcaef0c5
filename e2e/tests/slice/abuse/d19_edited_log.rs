//! D19: the log is edited by somebody who has even its key: rebuilt, rolled back with the store, forked by two
//! writers. A checkpoint kept elsewhere tells; without one the log's own key is all there is. Edits without the key
//! are in `log.rs`.

use std::fs;

use e2e::log::frame;
use e2e::shop::insert;
use e2e::site::Kept;
use e2e::{Gateway, Ran, Site};
use serde_json::json;

/// A checkpoint as a witness keeps it.
async fn witnessed(gateway: &Gateway, name: &str) -> String {
    gateway.until_signed().await;
    let note = gateway.nobody().get("/log/checkpoint").await;
    assert_eq!(note.status, 200, "{note}");
    let path = gateway.site.path(name);
    fs::write(&path, note.text() + "\n-----\n").expect("a witness keeps it");
    path.display().to_string()
}

fn fails(ran: Ran) -> String {
    let report = ran.exits(1).json();
    assert_ne!(report["findings"], json!([]), "{report}");
    report["findings"].to_string()
}

async fn busy_site() -> Gateway {
    let gateway = Gateway::open().await;
    let held = gateway.hold(&gateway.shopkeeper(), &insert("to be hidden")).await;
    gateway.person("grace").approve(&held).await.ok();
    gateway.shopkeeper().resume(&held, "30s").await.ok();
    gateway
}

#[tokio::test]
async fn a_log_built_anew_with_its_own_key_is_told_by_a_witness() {
    let gateway = busy_site().await;
    let witness = witnessed(&gateway, "witnessed").await;
    let site = gateway.stop().await;
    site.verify(&["--witnessed", &witness]).await.ok();
    // Everything but the key is thrown away; people are added again, so that it looks lived in.
    site.delete_store();
    fs::remove_dir_all(site.path("data/log")).expect("the log can be removed");
    let gateway = site.serve().await;
    gateway.until_signed().await;
    let site = gateway.stop().await;
    site.verify(&[]).await.ok();
    assert!(fails(site.verify(&["--witnessed", &witness]).await).contains("records were cut off"));
}

#[tokio::test]
async fn a_backup_restored_over_log_and_store_is_told_by_a_witness() {
    let gateway = Gateway::open().await;
    gateway.until_signed().await;
    let site = gateway.stop().await;
    let backup = Kept::of(&site.path("data"));
    let gateway = site.serve().await;
    let held = gateway.hold(&gateway.shopkeeper(), &insert("rolled back")).await;
    gateway.person("grace").reject(&held).await.ok();
    let witness = witnessed(&gateway, "witnessed").await;
    let site = gateway.stop().await;
    fs::remove_dir_all(site.path("data")).expect("the data can be removed");
    backup.put_back(&site.path("data"));
    site.verify(&[]).await.ok();
    assert!(fails(site.verify(&["--witnessed", &witness]).await).contains("records were cut off"));
    // It goes on from there, and can never again be what the witness saw.
    let gateway = site.serve().await;
    for number in 0..10 {
        gateway.shopkeeper().propose("sandbox", &insert(&format!("another history {number}"))).await.ok();
    }
    gateway.until_signed().await;
    let site = gateway.stop().await;
    fails(site.verify(&["--witnessed", &witness]).await);
}

#[tokio::test]
async fn a_fork_by_two_writers_is_told() {
    let gateway = busy_site().await;
    gateway.until_signed().await;
    let site = gateway.stop().await;
    let other = Site::new().await;
    for folder in ["data", "keys"] {
        fs::remove_dir_all(other.path(folder)).expect("a folder can be removed");
        Kept::of(&site.path(folder)).put_back(&other.path(folder));
    }
    let (one, two) = (site.serve().await, other.serve().await);
    one.shopkeeper().propose("shop", "SELECT 1").await.ok();
    two.shopkeeper().propose("shop", "SELECT 2").await.ok();
    let (first, second) = (witnessed(&one, "witnessed").await, witnessed(&two, "witnessed").await);
    let (one, two) = (one.stop().await, two.stop().await);
    one.verify(&["--witnessed", &first]).await.ok();
    two.verify(&["--witnessed", &second]).await.ok();
    fails(one.verify(&["--witnessed", &second]).await);
    fails(two.verify(&["--witnessed", &first]).await);
}

/// An edit that mends everything but the signed root: the store agrees, the checksums agree, the checkpoint does not.
#[tokio::test]
async fn an_edited_verdict_is_found_whoever_mends_the_rest() {
    let gateway = busy_site().await;
    gateway.until_signed().await;
    let site = gateway.stop().await;
    let (log, bytes) = (site.log(), site.log().bytes());
    let verdict = log.of_kind("verdict").pop().expect("a verdict");
    let reviewer = verdict.text("reviewer");
    let another = log.of_kind("directory").pop().expect("a principal").text("whom").to_owned();
    let forged = verdict.leaf.to_string().replace(reviewer, &another);
    let forged = frame(forged.as_bytes(), b"");
    log.replace(&[&bytes[..verdict.place.start], &forged, &bytes[verdict.place.end..]].concat());
    for name in ["offsets", "hashes"] {
        fs::remove_file(log.path(name)).expect("derived files can be removed");
    }
    let told = fails(site.verify(&[]).await);
    assert!(told.contains("are not those that the signed checkpoint"), "{told}");
    assert!(site.refused().await.stderr.contains("not those that its checkpoint signs"));
    log.replace(&bytes);
    site.serve().await.shopkeeper().propose("shop", "SELECT 1").await.ok();
}
