//! The audit log against whoever has its files in hand, and against a disk that takes no more: `audit verify` names
//! the first broken record, a start refuses what a checkpoint contradicts, and nothing runs without its record.

use std::fs;
use std::os::unix::fs::symlink;

use e2e::log::{Record, frame};
use e2e::shop::insert;
use e2e::{Gateway, Ran, Site, until};
use serde_json::{Value, json};

/// A stopped gateway's site whose log holds a held and approved run and reads, all of it counted by a checkpoint.
async fn signed_site() -> Site {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("logged")).await;
    gateway.person("grace").approve(&held).await.ok();
    agent.resume(&held, "30s").await.ok();
    agent.propose("shop", "SELECT count(*) FROM orders WHERE id = 1").await.ok();
    gateway.until_signed().await;
    let site = gateway.stop().await;
    let size = site.log().records().len();
    let report = site.verify(&[]).await.ok().json();
    assert_eq!((&report["records"], &report["findings"]), (&json!(size), &json!([])), "{report}");
    site
}

/// The findings of a verification that fails: each with its record.
fn findings(ran: Ran) -> Vec<(u64, String)> {
    let report = ran.exits(1).json();
    let findings = report["findings"].as_array().expect("findings").iter();
    let told = findings
        .map(|found| (found["record"].as_u64().expect("an index"), found["what"].as_str().expect("words").to_owned()));
    let told: Vec<_> = told.collect();
    assert!(!told.is_empty(), "{report}");
    told
}

/// The first finding names `record`, or a range of records around it.
#[track_caller]
fn names(found: &[(u64, String)], record: &Record) {
    let (first, what) = &found[0];
    let last = what.strip_prefix(&format!("records {first} to ")).and_then(|rest| rest.split(' ').next());
    let last = last.map_or(*first, |last| last.parse().expect("a range of records"));
    assert!((*first..=last).contains(&record.index), "record {} was changed; told was {found:?}", record.index);
}

fn released(site: &Site) -> Record {
    site.log().of_kind("released").pop().expect("something was released")
}

#[tokio::test]
async fn an_untouched_log_verifies_and_every_record_in_it_is_proven() {
    let gateway = Gateway::open().await;
    gateway.shopkeeper().propose("sandbox", &insert("proven")).await.ok();
    gateway.until_signed().await;
    let key = gateway.site.path("keys/log.pub").display().to_string();
    let record = gateway.site.log().of_kind("execute").pop().expect("an execute record");
    let shown = gateway.cli_as("ada", &["--json", "audit", "show", &record.index.to_string(), "--key", &key]).await;
    let shown = shown.ok().json();
    assert_eq!((&shown["proven"], &shown["leaf"]), (&json!(true), &record.leaf), "{shown}");
    let checkpoint = gateway.nobody().get("/log/checkpoint").await;
    let witnessed = gateway.site.path("witnessed");
    fs::write(&witnessed, checkpoint.text() + "\n-----\n").expect("a file can be written");
    let site = gateway.stop().await;
    let path = witnessed.display().to_string();
    let report = site.verify(&["--witnessed", &path]).await.ok().json();
    assert!(report["signed"].as_u64() >= Some(record.index), "{report}");
}

#[tokio::test]
async fn every_change_to_a_record_is_found_and_named() {
    let site = signed_site().await;
    let (log, bytes) = (site.log(), site.log().bytes());
    let (records, victim) = (log.records(), released(&site));
    let next = &records[usize::try_from(victim.index).expect("small") + 1];

    let mut flipped = bytes.clone();
    flipped[victim.place.start + 20] ^= 1;
    log.replace(&flipped);
    names(&findings(site.verify(&[]).await), &victim);

    let swapped = [&bytes[..victim.place.start], &bytes[next.place.clone()], &bytes[victim.place.clone()]].concat();
    log.replace(&[&swapped, &bytes[next.place.end..]].concat());
    names(&findings(site.verify(&[]).await), &victim);

    log.replace(&[&bytes[..victim.place.start], &bytes[victim.place.end..]].concat());
    let missing = findings(site.verify(&[]).await);
    let named = format!("record {} of session {} is missing", victim.leaf["n"], victim.text("s"));
    // It is told at the place where it was missed: at the next record of its session, one place further up by now.
    let mut behind = records.iter().filter(|record| record.index > victim.index);
    let missed = behind.find(|record| record.text("s") == victim.text("s")).expect("the run has an end");
    assert!(missing.contains(&(missed.index - 1, named)), "{missing:?}");
    let parts = |what: &str| what.contains("checkpoints part") || what.contains("removed at or behind record");
    assert!(missing.iter().any(|(_, what)| parts(what)), "{missing:?}");

    log.replace(&[&bytes[..victim.place.end], &bytes[victim.place.start..]].concat());
    let twice = findings(site.verify(&[]).await);
    assert!(twice.iter().any(|(index, _)| *index == victim.index + 1), "{twice:?}");

    log.replace(&bytes);
    site.verify(&[]).await.ok();
}

#[tokio::test]
async fn edits_that_mend_their_checksum_are_found_and_named() {
    let site = signed_site().await;
    let (log, bytes) = (site.log(), site.log().bytes());
    let verdict = log.of_kind("verdict").pop().expect("a verdict");
    let leaf = verdict.leaf.to_string();
    assert!(bytes[verdict.place.clone()].windows(leaf.len()).any(|part| part == leaf.as_bytes()), "leaf is canonical");

    let payload = verdict.payload.to_string().replace("an end-to-end test", "an end-to-end tesT");
    assert_ne!(payload, verdict.payload.to_string(), "the reason is in the payload");
    let edited = frame(leaf.as_bytes(), payload.as_bytes());
    log.replace(&[&bytes[..verdict.place.start], &edited, &bytes[verdict.place.end..]].concat());
    let told = findings(site.verify(&[]).await);
    assert_eq!(told[0].0, verdict.index, "{told:?}");
    assert!(told[0].1.contains("does not match its commitment"), "{told:?}");

    let turned = leaf.replace("\"approve\"", "\"reject\"");
    assert_ne!(turned, leaf);
    let edited = frame(turned.as_bytes(), verdict.payload.to_string().as_bytes());
    log.replace(&[&bytes[..verdict.place.start], &edited, &bytes[verdict.place.end..]].concat());
    names(&findings(site.verify(&[]).await), &verdict);

    // A payload may be erased: every proof still holds, and nobody can put another in its place.
    let erased = frame(leaf.as_bytes(), b"");
    log.replace(&[&bytes[..verdict.place.start], &erased, &bytes[verdict.place.end..]].concat());
    site.verify(&[]).await.ok();
}

#[tokio::test]
async fn records_cut_off_below_a_checkpoint_are_told_and_refuse_the_start() {
    let site = signed_site().await;
    let (log, bytes, records) = (site.log(), site.log().bytes(), site.log().records());
    let kept = e2e::site::Kept::of(&site.path("data"));
    // The store is thrown away too, so that the log alone has to notice.
    site.delete_store();
    let signed = usize::try_from(log.signed()).expect("small");
    let last = &records[signed - 1];
    let middle = &records[records.len() / 2];
    for cut in [last.place.start, last.place.start + 5, last.place.end - 1, middle.place.start, 0] {
        log.replace(&bytes[..cut]);
        let told = findings(site.verify(&[]).await);
        assert!(told.iter().any(|(_, what)| what.contains("records were cut off")), "{told:?}");
        let ran = site.refused().await;
        assert!(ran.stderr.contains("records were cut off"), "{ran:?}");
        assert!(ran.stderr.contains(&format!("counts {signed}")), "{ran:?}");
    }
    kept.put_back(&site.path("data"));
    site.serve().await.shopkeeper().propose("shop", "SELECT 1").await.ok();
}

#[tokio::test]
async fn damage_in_the_middle_refuses_the_start_and_stays_as_it_is() {
    let site = signed_site().await;
    let (log, bytes) = (site.log(), site.log().bytes());
    let victim = released(&site);
    let mut flipped = bytes.clone();
    flipped[victim.place.start + 20] ^= 1;
    log.replace(&flipped);
    // Derived files would hide it until somebody reads the record: without them the start reads all.
    for name in ["offsets", "hashes"] {
        fs::remove_file(log.path(name)).expect("a derived file can be removed");
    }
    let ran = site.refused().await;
    assert!(ran.stderr.contains(&format!("record {}", victim.index)), "{ran:?}");
    assert_eq!(log.bytes(), flipped, "evidence was cut away");
}

#[tokio::test]
async fn a_log_of_another_gateway_or_key_refuses_the_start() {
    let (site, other) = (signed_site().await, Site::new().await);
    let other = other.serve().await;
    other.until_signed().await;
    let other = other.stop().await;
    // Its own key signed both, so only the records differ: a fork.
    let records = other.log().bytes();
    let kept = e2e::site::Kept::of(&site.path("data/log"));
    for name in ["offsets", "hashes"] {
        fs::remove_file(site.log().path(name)).expect("a derived file can be removed");
    }
    site.log().replace(&[records.as_slice(), &site.log().bytes()].concat());
    let ran = site.refused().await;
    assert!(ran.stderr.contains("not those that its checkpoint signs"), "{ran:?}");
    kept.put_back(&site.path("data/log"));
    let key = site.read("keys/log.key");
    let (origin, seed) = key.trim().split_once('\n').expect("two lines");
    let digit = if seed.starts_with('0') { "1" } else { "0" };
    site.write("keys/log.key", &format!("{origin}\n{digit}{}\n", &seed[1..]));
    let ran = site.refused().await;
    assert!(ran.stderr.contains("checkpoint does not verify"), "{ran:?}");
    site.write("keys/log.key", &key);
    site.serve().await.shopkeeper().propose("shop", "SELECT 1").await.ok();
}

/// A torn write is what a crash leaves: what comes after the last whole record is cut, and the cut is recorded.
#[tokio::test]
async fn a_torn_tail_is_cut_and_told() {
    let mut site = signed_site().await;
    let record = site.log().records().pop().expect("a record");
    let whole = site.log().bytes()[record.place].to_vec();
    let garbage = [0x5a_u8; 100];
    for torn in [&whole[..whole.len() - 1], &whole[..10], &garbage, &[0; 64]] {
        let bytes = site.log().bytes();
        site.log().replace(&[bytes.as_slice(), torn].concat());
        findings(site.verify(&[]).await);
        let gateway = site.serve().await;
        gateway.shopkeeper().propose("sandbox", &insert("behind it")).await.ok();
        gateway.until_signed().await;
        let started = gateway.site.log().of_kind("started").pop().expect("a start is recorded");
        assert_eq!(started.opened("cut-bytes"), &json!(torn.len()));
        site = gateway.stop().await;
        assert!(site.log().bytes().starts_with(&bytes), "whole records were lost");
        site.verify(&[]).await.ok();
    }
    assert_eq!(site.shop.effects("behind it").await, 4);
}

/// A site whose last records no checkpoint counts: it was killed right behind a read.
async fn killed_behind_a_read() -> Site {
    let mut site = Site::new().await;
    for _ in 0..20 {
        let gateway = site.serve().await;
        gateway.until_signed().await;
        gateway.shopkeeper().propose("shop", "SELECT 1").await.ok();
        site = gateway.kill().await;
        if site.log().signed() < site.log().records().len() as u64 {
            return site;
        }
    }
    panic!("a checkpoint was always faster");
}

#[tokio::test]
async fn the_last_record_torn_after_the_last_checkpoint_is_cut_too() {
    let site = killed_behind_a_read().await;
    let (log, bytes) = (site.log(), site.log().bytes());
    let last = log.records().pop().expect("a record");
    // Reads write nothing to the store, so a log without the last of their records is one that it agrees with.
    assert!(["session-ended", "execute", "decision", "statement", "session"].contains(&last.kind()), "{last:?}");
    log.replace(&bytes[..last.place.end - 3]);
    let gateway = site.serve().await;
    gateway.until_signed().await;
    let site = gateway.stop().await;
    assert!(site.log().bytes().starts_with(&bytes[..last.place.start]));
    site.verify(&[]).await.ok();
}

#[tokio::test]
async fn a_checkpoint_torn_by_a_full_disk_is_cut_and_the_log_verifies_again() {
    let mut site = killed_behind_a_read().await;
    let notes = fs::read_to_string(site.log().path("checkpoints")).expect("checkpoints can be read");
    let newest = notes.trim_end_matches("\n-----\n").rfind("\n-----\n").expect("two checkpoints") + 7;
    let kept = e2e::site::Kept::of(&site.path("data"));
    for cut in [newest + 3, newest + 40, newest + 90, notes.len() - 30, notes.len() - 3] {
        kept.put_back(&site.path("data"));
        fs::write(site.log().path("checkpoints"), &notes[..cut]).expect("checkpoints can be written");
        let gateway = site.serve().await;
        gateway.shopkeeper().propose("shop", "SELECT 1").await.ok();
        gateway.until_signed().await;
        site = gateway.restarted().await.stop().await;
        site.verify(&[]).await.ok();
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_refuses_the_start() {
    let site = Site::new().await;
    fs::rename(site.path("data/log"), site.path("data/kept")).expect("the log can be moved");
    site.write("data/log", "not a folder");
    assert!(site.refused().await.stderr.contains("log"), "the log is to blame");
    fs::remove_file(site.path("data/log")).expect("it can be removed");
    // A disk that is full from the first byte.
    fs::create_dir(site.path("data/log")).expect("a folder can be made");
    symlink("/dev/full", site.path("data/log/records")).expect("a link can be made");
    site.delete_store();
    assert!(site.refused().await.stderr.contains("log"), "the log is to blame");
    fs::remove_dir_all(site.path("data/log")).expect("it can be removed");
    fs::rename(site.path("data/kept"), site.path("data/log")).expect("the log can be moved back");
    site.serve().await.shopkeeper().propose("shop", "SELECT 1").await.ok();
}

/// The search finds what the log holds, for people and by the command line.
#[tokio::test]
async fn records_are_found_by_kind_and_by_name() {
    let gateway = Gateway::open().await;
    let held = gateway.hold(&gateway.shopkeeper(), &insert("searched")).await;
    gateway.person("grace").reject(&held).await.ok();
    let found = until("the search has caught up", async || {
        let names = ["--json", "audit", "search", "--names", &held.review, "--limit", "20"];
        let page = gateway.cli_as("vera", &names).await.ok().json();
        let items = page["items"].as_array()?.clone();
        items.iter().any(|item| item["leaf"]["k"] == "verdict").then_some(items)
    })
    .await;
    let kinds: Vec<&Value> = found.iter().rev().map(|item| &item["leaf"]["k"]).collect();
    assert_eq!(kinds, ["review-opened", "presenter", "verdict"]);
}
