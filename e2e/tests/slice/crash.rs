//! Kill -9 under load, round after round, on SQLite and PostgreSQL: whatever was acknowledged is still there, every effect
//! has its record, nothing held runs twice. `COUNTERSIGN_KILLS` sets the rounds; a failure prints its seed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::Duration;

use e2e::log::Record;
use e2e::postgres::{Bank, Login, Wire, frame};
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

/// What the kills met: held actions by how they stood, over all rounds; and what has run by now.
#[derive(Debug, Default)]
struct Met {
    pending: usize,
    approved: usize,
    released: usize,
    /// Runs that ended uncertain or failed.
    cut_short: usize,
    effects: i64,
    at_the_bank: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_under_load_loses_nothing_and_repeats_nothing() {
    let rounds: u64 = std::env::var("COUNTERSIGN_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(ROUNDS);
    let mut random = Random::seeded("a kill under load");
    let (bank, mut gateway) = super::postgres::open().await;
    let (mut stories, mut met, mut round) = (Vec::new(), Met::default(), 0);
    // On a slow machine little is under way in a round: then there are more of them.
    while round < rounds || (!met.enough() && round < 3 * rounds) {
        let load = load(&gateway, round, random.number());
        tokio::time::sleep(random.moment(Duration::from_millis(700))).await;
        if round % 2 == 1 {
            until_released(&gateway).await;
        }
        let site = gateway.kill().await;
        let told = load.join_all().await;
        bank.until_left().await;
        // The last write may be torn: the start cuts it.
        gateway = site.serve().await;
        let ran = gateway.site.verify(&[]).await;
        assert_eq!(ran.code, 0, "round {round}: {ran:?}");
        let states = states(&gateway).await;
        met.count(&gateway, &bank, (&states, &told)).await;
        stories.extend(told);
        check(&gateway, &bank, &states, &stories).await;
        withdraw_the_rest(&gateway, &mut stories).await;
        round += 1;
    }
    gateway.stop().await;
    let sent: usize = stories.iter().map(|story| story.allowed.len() + story.held.len()).sum();
    println!("{round} kills, {sent} actions sent: {met:?}");
    assert!(met.enough() || rounds < ROUNDS, "too little was under way: {met:?}");
}

impl Met {
    async fn count(&mut self, gateway: &Gateway, bank: &Bank, (states, told): (&BTreeMap<String, String>, &[Story])) {
        for (_, held, _) in told.iter().flat_map(|story| &story.held) {
            match states.get(&held.review).map(String::as_str) {
                Some("pending") => self.pending += 1,
                Some("approved") => self.approved += 1,
                Some("released") => self.released += 1,
                _ => {}
            }
        }
        let rows = "SELECT count(*) FROM effects";
        (self.effects, self.at_the_bank) = (gateway.site.shop.number(rows).await, bank.number(rows).await);
        self.cut_short = gateway.site.log().of_kind("run-ended").iter().filter(|end| cut_short(end)).count();
    }

    fn enough(&self) -> bool {
        self.pending >= 10
            && self.approved >= 10
            && self.released >= 10
            && self.cut_short >= 3
            && self.effects >= 100
            && self.at_the_bank >= 3
    }
}

fn cut_short(end: &Record) -> bool {
    end.text("end") == "uncertain" || end.text("end") == "failed"
}

/// Waits until the log holds one more release: its run is under way.
async fn until_released(gateway: &Gateway) {
    let path = gateway.site.log().path("records");
    let before = std::fs::metadata(&path).expect("the log is there").len();
    until("something is released", async || {
        let mut new = Vec::new();
        let mut file = std::fs::File::open(&path).expect("the log can be read");
        file.seek(SeekFrom::Start(before)).and_then(|_| file.read_to_end(&mut new)).expect("the log can be read");
        let released = br#""k":"released""#;
        new.windows(released.len()).any(|bytes| bytes == released).then_some(())
    })
    .await;
}

/// Agents that write what they may, agents that write what is held, and the reviewers who approve it. In every second
/// pair of rounds one of them is held at the bank.
fn load(gateway: &Gateway, round: u64, seed: u64) -> JoinSet<Story> {
    let mut callers = JoinSet::new();
    callers.spawn(writes(gateway.shopkeeper(), format!("r{round} shopkeeper")));
    let (key, random) = (format!("r{round} nightly"), Random::new(seed));
    callers.spawn(is_held(gateway.agent("nightly"), gateway.person("joan"), key, random));
    let (key, random) = (format!("r{round} clerk"), Random::new(!seed));
    if round % 4 < 2 {
        callers.spawn(is_held(gateway.agent("clerk"), gateway.person("joan"), key, random));
    } else {
        callers.spawn(is_held_at_the_bank(gateway.login("clerk", "bank"), gateway.person("joan"), key, random));
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
        let plan = Plan::draw(&mut random);
        if plan == Plan::Leave {
            continue;
        }
        let Some(told) = settle(&reviewer, &held, plan).await else { break };
        story.held[last].2 = told;
        if plan == Plan::ApproveAndLeave {
            continue;
        }
        let Some(answer) = agent.try_resume(&held.action, "0s").await else { break };
        if answer.body["status"] == "succeeded" {
            story.held[last].2 = "released";
        }
    }
    story
}

/// What becomes of a held write: who holds it leaves, or somebody settles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    Leave,
    Reject,
    ApproveAndLeave,
    Approve,
}

impl Plan {
    fn draw(random: &mut Random) -> Self {
        [Self::Leave, Self::Reject, Self::ApproveAndLeave, Self::Approve, Self::Approve, Self::Approve]
            [usize::try_from(random.below(6)).expect("small")]
    }
}

/// Gives the planned verdict; the state that the gateway acknowledged, if it did.
async fn settle(reviewer: &Caller, held: &Held, plan: Plan) -> Option<&'static str> {
    let (verdict, told) = if plan == Plan::Reject { ("reject", "rejected") } else { ("approve", "approved") };
    let body = serde_json::json!({"verdict": verdict, "code": held.code});
    let path = format!("/api/v1/reviews/{}/verdicts", held.review);
    let sent = reviewer.request(reqwest::Method::POST, &path).json(&body);
    e2e::Answer::of(sent).await.ok()?.ok();
    Some(told)
}

/// The same over PostgreSQL's protocol: who holds it waits on its connection.
async fn is_held_at_the_bank(login: Login, reviewer: Caller, key: String, mut random: Random) -> Story {
    let mut story = Story::default();
    for number in 0.. {
        let key = format!("{key} {number}");
        let Ok(mut wire) = Wire::login(&login).await else { break };
        wire.send(&frame::query(&insert(&key))).await;
        let Some(held) = told_by(&mut wire, &reviewer).await else { break };
        story.held.push((key, held.clone(), "pending"));
        let last = story.held.len() - 1;
        let plan = Plan::draw(&mut random);
        if plan == Plan::Leave {
            continue;
        }
        if plan == Plan::ApproveAndLeave {
            wire.hang_up().await;
        }
        let Some(told) = settle(&reviewer, &held, plan).await else { break };
        story.held[last].2 = told;
        if plan == Plan::Approve && !wire.answer().await.tags().is_empty() {
            story.held[last].2 = "released";
        }
    }
    story
}

/// What a session is told is held, with the code that the reviewer is shown; nothing if the gateway went away.
async fn told_by(wire: &mut Wire, reviewer: &Caller) -> Option<Held> {
    let words = loop {
        let message = wire.receive().await?;
        let words = String::from_utf8_lossy(&message.body).into_owned();
        assert_ne!(message.kind, b'E', "it was refused: {words}");
        if message.kind == b'N' {
            break words;
        }
    };
    let review = words.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let review = review.into_iter().find(|word| word.starts_with("rev_")).expect("a review is named").to_owned();
    let asked = reviewer.request(reqwest::Method::GET, &format!("/api/v1/reviews/{review}"));
    let shown = e2e::Answer::of(asked).await.ok()?.ok();
    let code = shown["code"].as_str().expect("a review has a code").to_owned();
    Some(Held { action: String::new(), review, code })
}

/// Compares what callers were told with what the restarted gateway says, the shop's rows, and the log.
async fn check(gateway: &Gateway, bank: &Bank, states: &BTreeMap<String, String>, stories: &[Story]) {
    let records = gateway.site.log().records();
    let executed = executed(&records);
    let released: Vec<&str> =
        records.iter().filter(|record| record.kind() == "released").map(|record| record.text("review")).collect();
    assert_eq!(released.iter().collect::<BTreeSet<_>>().len(), released.len(), "a review was released twice");
    let mut effects: BTreeMap<String, usize> = BTreeMap::new();
    let rows = "SELECT key FROM effects";
    for key in gateway.site.shop.texts(rows).await.into_iter().chain(bank.texts(rows).await) {
        *effects.entry(key).or_default() += 1;
    }
    let twice: Vec<_> = effects.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "ran more than once: {twice:?}");
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
    for (key, held, told) in stories.iter_mut().flat_map(|story| &mut story.held) {
        if ["pending", "approved"].contains(told) {
            let agent = gateway.agent(if key.contains("clerk") { "clerk" } else { "nightly" });
            *told = if agent.withdraw(held).await.status == 200 { "withdrawn" } else { "over" };
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
        call.join_all().await;
        let ran = site.shop.effects(&key).await;
        // The last write may be torn: the start cuts it.
        gateway = site.serve().await;
        gateway.site.verify(&[]).await.ok();
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

/// Kills, if nothing else is said.
const ROUNDS: u64 = 50;
