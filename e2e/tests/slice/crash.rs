//! Kill -9 under load, round after round: whatever was acknowledged is still there, every effect has its record,
//! nothing held runs twice. `COUNTERSIGN_KILLS` sets the rounds; a failure prints its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use e2e::log::Record;
use e2e::random::Random;
use e2e::shop::insert;
use e2e::{Caller, Gateway, Held, until};
use serde_json::Value;
use tokio::task::JoinSet;

/// What one caller did and was told before the gateway was killed.
#[derive(Debug, Default)]
struct Story {
    /// Keys of allowed writes that were sent; the told ones were acknowledged.
    allowed: BTreeMap<String, bool>,
    /// Held writes with the last state that the gateway acknowledged.
    held: Vec<(String, Held, &'static str)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_under_load_loses_nothing_and_repeats_nothing() {
    let rounds: u64 = std::env::var("COUNTERSIGN_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(50);
    let mut random = Random::seeded("a kill under load");
    let mut gateway = Gateway::open().await;
    let mut stories = Vec::new();
    for round in 0..rounds {
        let load = load(&gateway, round, random.number());
        tokio::time::sleep(random.moment(Duration::from_millis(1_000))).await;
        let site = gateway.kill().await;
        stories.extend(load.join_all().await);
        let ran = site.verify(&[]).await;
        assert_eq!(ran.code, 0, "round {round}: {ran:?}");
        gateway = site.serve().await;
        check(&gateway, &stories).await;
        withdraw_the_rest(&gateway, &mut stories).await;
    }
    let site = gateway.stop().await;
    let sent: usize = stories.iter().map(|story| story.allowed.len() + story.held.len()).sum();
    let ran = site.shop.number("SELECT count(*) FROM effects").await;
    println!("{rounds} kills, {sent} actions sent, {ran} effects");
    assert!(ran > 0, "the load did nothing");
    println!("{} runs were cut short", site.log().of_kind("run-ended").iter().filter(|end| cut_short(end)).count());
}

fn cut_short(end: &Record) -> bool {
    end.text("end") == "uncertain" || end.text("end") == "failed"
}

/// Agents that write what they may, agents that write what is held, and the reviewers who approve it.
fn load(gateway: &Gateway, round: u64, seed: u64) -> JoinSet<Story> {
    let mut callers = JoinSet::new();
    for (number, name) in ["shopkeeper", "clerk", "nightly"].into_iter().enumerate() {
        let (agent, key) = (gateway.agent(name), format!("r{round} {name}"));
        if number == 0 {
            callers.spawn(writes(agent, key));
        } else {
            callers.spawn(is_held(agent, gateway.person("joan"), key, Random::new(seed ^ number as u64)));
        }
    }
    callers
}

async fn writes(agent: Caller, key: String) -> Story {
    let mut story = Story::default();
    for number in 0.. {
        let key = format!("{key} {number}");
        let body = serde_json::json!({"target": "sandbox", "statement": insert(&key)});
        let sent = agent.request(reqwest::Method::POST, "/api/v1/actions").json(&body);
        let told = e2e::Answer::of(sent).await;
        story.allowed.insert(key, told.as_ref().is_ok_and(|answer| answer.status == 200));
        if told.is_err() {
            break;
        }
    }
    story
}

/// Holds writes, has most of them settled, and runs the approved ones; notes what was acknowledged.
async fn is_held(agent: Caller, reviewer: Caller, key: String, mut random: Random) -> Story {
    let mut story = Story::default();
    for number in 0.. {
        let key = format!("{key} {number}");
        let body = serde_json::json!({"target": "shop", "statement": insert(&key)});
        let sent = agent.request(reqwest::Method::POST, "/api/v1/actions").json(&body);
        let Ok(answer) = e2e::Answer::of(sent).await else { break };
        let held = answer.held();
        story.held.push((key, held.clone(), "pending"));
        let last = story.held.len() - 1;
        let verdict = ["approve", "approve", "reject", ""][usize::try_from(random.below(4)).expect("small")];
        if verdict.is_empty() {
            continue;
        }
        let body = serde_json::json!({"verdict": verdict, "code": held.code});
        let path = format!("/api/v1/reviews/{}/verdicts", held.review);
        let Ok(answer) = e2e::Answer::of(reviewer.request(reqwest::Method::POST, &path).json(&body)).await else {
            break;
        };
        answer.ok();
        story.held[last].2 = if verdict == "approve" { "approved" } else { "rejected" };
        let Some(answer) = agent.try_resume(&held.action, "0s").await else { break };
        if answer.body["status"] == "succeeded" {
            story.held[last].2 = "released";
        }
    }
    story
}

/// Compares what callers were told with what the restarted gateway says, the shop's rows, and the log.
async fn check(gateway: &Gateway, stories: &[Story]) {
    let records = gateway.site.log().records();
    let executed = executed(&records);
    let released: Vec<&str> =
        records.iter().filter(|record| record.kind() == "released").map(|record| record.text("review")).collect();
    assert_eq!(released.iter().collect::<BTreeSet<_>>().len(), released.len(), "a review was released twice");
    let mut effects: BTreeMap<String, usize> = BTreeMap::new();
    for key in gateway.site.shop.texts("SELECT key FROM effects").await {
        *effects.entry(key).or_default() += 1;
    }
    let twice: Vec<_> = effects.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "ran more than once: {twice:?}");
    let states = states(gateway).await;
    for story in stories {
        for (key, told) in &story.allowed {
            let ran = effects.contains_key(key);
            assert!(ran || !told, "`{key}` was acknowledged and is gone");
            assert!(!ran || executed.contains(&insert(key)), "`{key}` ran without a record");
        }
        for (key, held, told) in &story.held {
            let state = states.get(&held.review).map_or("lost", String::as_str);
            let lawful: &[&str] = match *told {
                "pending" => &["pending", "approved", "rejected"],
                "approved" => &["approved", "released"],
                "over" => &["rejected", "released"],
                other => &[other],
            };
            assert!(lawful.contains(&state), "`{key}` was acknowledged as {told} and is {state}");
            let ran = effects.contains_key(key);
            assert!(!ran || released.contains(&held.review.as_str()), "`{key}` ran without a record of its release");
            assert!(!ran || state == "released", "`{key}` ran and its review is {state}");
            assert!(ran || *told != "released", "`{key}` was told to have run and did not");
        }
    }
}

/// The texts of all statements that were cleared without a review.
fn executed(records: &[Record]) -> BTreeSet<String> {
    let number = |record: &Record, name: &str| (record.text("s").to_owned(), record.leaf[name].as_u64());
    let statements = records.iter().filter(|record| record.kind() == "statement");
    let texts: BTreeMap<_, _> =
        statements.map(|record| (number(record, "n"), record.opened("text").as_str())).collect();
    let executes = records.iter().filter(|record| record.kind() == "execute");
    executes.map(|record| texts[&number(record, "q")].expect("a statement has a text").to_owned()).collect()
}

/// Nobody may have more than a hundred reviews open: those of the past are taken back.
async fn withdraw_the_rest(gateway: &Gateway, stories: &mut [Story]) {
    let ada_and_grace = [gateway.person("ada"), gateway.person("grace")];
    for (_, held, told) in stories.iter_mut().flat_map(|story| &mut story.held) {
        if !["pending", "approved"].contains(told) {
            continue;
        }
        *told = "over";
        for owner in &ada_and_grace {
            if owner.withdraw(held).await.status == 200 {
                *told = "withdrawn";
            }
        }
    }
}

/// The states of all reviews, page by page.
async fn states(gateway: &Gateway) -> BTreeMap<String, String> {
    let joan = gateway.person("joan");
    let (mut states, mut before) = (BTreeMap::new(), String::new());
    loop {
        let page = joan.get(&format!("/api/v1/reviews?state=all{before}")).await.ok();
        let text = |item: &Value, name: &str| item[name].as_str().expect("text").to_owned();
        let items = page["items"].as_array().expect("items");
        states.extend(items.iter().map(|item| (text(item, "id"), text(item, "state"))));
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return states,
        }
    }
}

/// A run that a crash cut short is told as uncertain or failed, never repeated, and said so on the record.
#[tokio::test]
async fn a_run_cut_short_by_a_kill_is_never_repeated() {
    let mut random = Random::seeded("a run cut short");
    let mut gateway = Gateway::open().await;
    for round in 0..8 {
        let (agent, key) = (gateway.shopkeeper(), format!("cut {round}"));
        let held = gateway.hold(&agent, &insert(&key)).await;
        gateway.person("grace").approve(&held).await.ok();
        let mut call = JoinSet::new();
        let action = held.action.clone();
        call.spawn(async move { agent.try_resume(&action, "10s").await });
        tokio::time::sleep(random.moment(Duration::from_millis(40))).await;
        let site = gateway.kill().await;
        site.verify(&[]).await.ok();
        call.join_all().await;
        let ran = site.shop.effects(&key).await;
        gateway = site.serve().await;
        let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
        let review = grace.review(&held).await.ok();
        let run = review["run"].as_str().unwrap_or("none").to_owned();
        let lawful = match (ran, review["state"].as_str().expect("a state")) {
            (0, "approved") => run == "none",
            (0, "released") => run == "failed" || run == "uncertain",
            (1, "released") => run == "succeeded" || run == "uncertain",
            _ => false,
        };
        assert!(lawful, "round {round}: ran {ran} times, but the review says {review}");
        if run != "none" {
            let told = agent.resume(&held, "0s").await;
            assert_eq!(gateway.site.shop.effects(&key).await, ran, "it was repeated: {told}");
            assert_ne!(told.status, 202, "a spent approval asks again: {told}");
        }
    }
    until("it still serves", async || {
        (gateway.shopkeeper().propose("shop", "SELECT 1").await.status == 200).then_some(())
    })
    .await;
}
