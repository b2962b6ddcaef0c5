//! Stopping, killing and starting again: what was promised is still there, what was approved runs once, and a log or
//! a store that cannot be vouched for is not served.

use std::time::Duration;

use e2e::random::Random;
use e2e::shop::insert;
use e2e::site::Kept;
use e2e::{Caller, Gateway, Held, Site, until};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

#[tokio::test]
async fn pending_reviews_survive_a_stop_and_a_kill() {
    let gateway = Gateway::open().await;
    let held = gateway.shopkeeper().held(&insert("patient")).await;
    let before = gateway.person("grace").review(&held).await.ok();
    let gateway = gateway.killed_and_restarted().await.restarted().await.killed_and_restarted().await;
    let after = gateway.person("grace").review(&held).await.ok();
    assert_eq!(after, before, "a review changed over a restart");
    gateway.person("grace").approve(&held).await.ok();
    gateway.shopkeeper().resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("patient").await, 1);
}

#[tokio::test]
async fn a_hangup_is_told_and_ends_nothing() {
    let mut gateway = Gateway::open().await;
    gateway.signal("HUP").await;
    until("it says so", async || gateway.site.read("stderr").contains("reload is not there yet").then_some(())).await;
    gateway.assert_alive();
    gateway.shopkeeper().propose("shop", "SELECT 1").await.ok();
    gateway.stop().await;
}

/// A write that takes some seconds, on a target where nobody is asked: three rows to the power of fourteen.
fn slow() -> String {
    let tables = ('a'..='n').map(|name| format!("orders {name}")).collect::<Vec<_>>().join(", ");
    format!("INSERT INTO effects (key) SELECT 'slow ' || count(*) FROM {tables}")
}

#[tokio::test]
async fn a_stop_waits_for_what_runs_and_its_end_is_on_the_record() {
    let gateway = Gateway::open().await;
    let (log, agent) = (gateway.site.log(), gateway.shopkeeper());
    let (before, begun) = (log.of_kind("run-ended").len(), log.of_kind("execute").len());
    let mut running = JoinSet::new();
    let body = json!({"target": "sandbox", "statement": slow()});
    running.spawn(e2e::Answer::of(agent.request(reqwest::Method::POST, "/api/v1/actions").json(&body)));
    until("it runs", async || (log.of_kind("execute").len() > begun).then_some(())).await;
    assert_eq!(log.of_kind("run-ended").len(), before, "it is over too soon");
    let site = gateway.stop().await;
    let ended = log.of_kind("run-ended");
    let ends: Vec<&str> = ended.iter().skip(before).map(|record| record.text("end")).collect();
    assert_eq!(ends, ["succeeded"]);
    assert_eq!(site.shop.effects("slow 4782969").await, 1);
    site.verify(&[]).await.ok();
}

#[tokio::test]
async fn what_a_gateway_says_to_a_file_has_no_colours() {
    let site = Gateway::open().await.stop().await;
    let told = site.read("stderr");
    assert!(told.contains("stopping") && !told.contains('\u{1b}'), "{told:?}");
}

/// Waits for an action in the background, as a client does whose gateway goes away: it asks again where it is now.
fn persistent(gateway: &Gateway, held: &Held) -> JoinSet<bool> {
    let (agent, action) = (gateway.shopkeeper(), held.action.clone());
    let mut waiting = JoinSet::new();
    waiting.spawn(async move { agent.try_resume(&action, "60s").await.is_some() });
    waiting
}

#[tokio::test]
async fn a_waiting_caller_resumes_after_a_restart_and_its_action_runs_once() {
    let gateway = Gateway::open().await;
    let held = gateway.hold(&gateway.shopkeeper(), &insert("resumed")).await;
    let cut = persistent(&gateway, &held);
    gateway.until_presented(&held).await;
    let gateway = gateway.killed_and_restarted().await;
    assert_eq!(cut.join_all().await, [false], "an answer came although the gateway was killed");
    let again = persistent(&gateway, &held);
    let log = gateway.site.log();
    until("it is presented again", async || (log.of_kind("presenter").len() >= 3).then_some(())).await;
    gateway.person("grace").approve(&held).await.ok();
    assert_eq!(again.join_all().await, [true]);
    assert_eq!(gateway.site.shop.effects("resumed").await, 1);
    let gateway = gateway.killed_and_restarted().await;
    assert_eq!(gateway.shopkeeper().resume(&held, "0s").await.ok()["status"], "succeeded");
    assert_eq!(gateway.site.shop.effects("resumed").await, 1);
}

#[tokio::test]
async fn an_approval_nobody_claimed_survives_and_nothing_runs_by_itself() {
    let gateway = Gateway::open().await;
    let held = gateway.hold(&gateway.shopkeeper(), &insert("unclaimed")).await;
    gateway.person("grace").approve(&held).await.ok();
    let gateway = gateway.killed_and_restarted().await;
    assert_eq!(gateway.person("grace").state(&held).await, "approved");
    gateway.shopkeeper().propose("sandbox", &insert("a barrier")).await.ok();
    assert_eq!(gateway.site.shop.effects("unclaimed").await, 0, "a restart ran it");
    gateway.shopkeeper().resume(&held, "30s").await.ok();
    gateway.shopkeeper().resume(&held, "0s").await.ok();
    assert_eq!(gateway.site.shop.effects("unclaimed").await, 1);
}

#[tokio::test]
async fn a_second_gateway_on_the_same_folder_does_not_start() {
    let mut gateway = Gateway::open().await;
    let ran = gateway.site.refused().await;
    assert!(ran.stderr.contains("in use"), "{ran:?}");
    gateway.assert_alive();
    gateway.shopkeeper().propose("shop", "SELECT 1").await.ok();
    let site = gateway.stop().await;
    assert_eq!(site.verify(&[]).await.ok().json()["findings"], json!([]));
    site.serve().await.shopkeeper().propose("shop", "SELECT 1").await.ok();
}

/// One of each: a review that is pending, approved, rejected, withdrawn, run.
async fn one_of_each(gateway: &Gateway) -> Vec<(Held, &'static str)> {
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    let mut all = Vec::new();
    for state in ["pending", "approved", "rejected", "withdrawn", "released"] {
        let held = gateway.hold(&agent, &insert(state)).await;
        match state {
            "approved" => drop(grace.approve(&held).await.ok()),
            "rejected" => drop(grace.reject(&held).await.ok()),
            "withdrawn" => drop(agent.withdraw(&held).await.ok()),
            "released" => {
                grace.approve(&held).await.ok();
                agent.resume(&held, "30s").await.ok();
            }
            _ => {}
        }
        all.push((held, state));
    }
    all
}

/// Everything of the store that people can see.
async fn seen(gateway: &Gateway) -> Vec<Value> {
    let (ada, grace) = (gateway.person("ada"), gateway.person("grace"));
    let mut seen = Vec::new();
    for kind in ["person", "agent", "pipeline"] {
        let page = ada.get(&format!("/api/v1/principals?kind={kind}")).await.ok();
        seen.extend(page["items"].as_array().expect("items").clone());
    }
    for review in grace.reviews("all").await {
        let id = review["id"].as_str().expect("a review has an id");
        seen.push(grace.get(&format!("/api/v1/reviews/{id}")).await.ok());
    }
    seen
}

#[tokio::test]
async fn a_store_that_is_lost_is_rebuilt_from_the_log() {
    let gateway = Gateway::open().await;
    let all = one_of_each(&gateway).await;
    gateway.revoke("mary").await;
    let before = seen(&gateway).await;
    let site = gateway.stop().await;
    site.delete_store();
    let gateway = site.serve().await;
    assert_eq!(seen(&gateway).await, before);
    for (held, state) in &all {
        assert_eq!(gateway.person("grace").state(held).await, *state);
    }
    // The approval is still worth one run; the one that ran is worth none.
    let agent = gateway.shopkeeper();
    let approved = gateway.shopkeeper().propose("shop", &insert("approved")).await;
    if approved.status == 202 {
        agent.resume(&approved.held(), "30s").await.ok();
    }
    assert_eq!(gateway.site.shop.effects("approved").await, 1);
    assert_ne!(agent.held(&insert("released")).await.review, all[4].0.review);
    assert_eq!(gateway.site.shop.effects("released").await, 1);
    gateway.person("mary").get("/api/v1/reviews").await.is_problem(401, "not-authenticated");
}

#[tokio::test]
async fn a_store_restored_from_an_old_copy_catches_up_and_runs_nothing_twice() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let (claimed, rejected) =
        (gateway.hold(&agent, &insert("claimed")).await, gateway.hold(&agent, &insert("rejected")).await);
    gateway.person("grace").approve(&claimed).await.ok();
    let site = gateway.stop().await;
    let old = site.keep_store();
    let gateway = site.serve().await;
    gateway.shopkeeper().resume(&claimed, "30s").await.ok();
    gateway.person("grace").reject(&rejected).await.ok();
    gateway.revoke("clerk").await;
    let before = seen(&gateway).await;
    let site = gateway.kill().await;
    site.restore_store(&old);
    let gateway = site.serve().await;
    assert_eq!(seen(&gateway).await, before);
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    assert_eq!(grace.state(&claimed).await, "released");
    agent.resume(&claimed, "0s").await;
    agent.resume(&claimed, "0s").await;
    assert_eq!(gateway.site.shop.effects("claimed").await, 1, "an approval was spent twice");
    grace.approve(&rejected).await.is_problem(409, "not-counted");
    gateway.agent("clerk").propose("shop", "SELECT 1").await.is_problem(401, "not-authenticated");
}

#[tokio::test]
async fn a_store_ahead_of_the_log_refuses_the_start() {
    let gateway = Gateway::open().await;
    let site = gateway.stop().await;
    let old = Kept::of(&site.path("data/log"));
    let gateway = site.serve().await;
    gateway.shopkeeper().held(&insert("later")).await;
    let site = gateway.stop().await;
    let log = Kept::of(&site.path("data/log"));
    std::fs::remove_dir_all(site.path("data/log")).expect("the log can be removed");
    old.put_back(&site.path("data/log"));
    let ran = site.refused().await;
    assert!(ran.stderr.contains("the store names record"), "{ran:?}");
    // Nothing was made worse: with its own log it starts.
    log.put_back(&site.path("data/log"));
    assert_eq!(site.serve().await.person("grace").reviews("open").await.len(), 1);
}

#[tokio::test]
async fn derived_files_and_search_are_rebuilt_when_they_are_gone() {
    let gateway = Gateway::open().await;
    gateway.shopkeeper().propose("sandbox", &insert("indexed")).await.ok();
    let site = gateway.stop().await;
    for name in ["data/log/offsets", "data/log/hashes"] {
        std::fs::remove_file(site.path(name)).expect("a derived file can be removed");
    }
    site.delete_store();
    let gateway = site.serve().await;
    let ada = gateway.person("ada");
    let found = until("the search finds it again", async || {
        let page = ada.get("/api/v1/records?kind=execute&limit=1").await.ok();
        page["items"].as_array()?.first().cloned()
    })
    .await;
    gateway.until_signed().await;
    let index = found["index"].to_string();
    let key = gateway.site.path("keys/log.pub").display().to_string();
    gateway.cli_as("ada", &["audit", "show", &index, "--key", &key]).await.ok();
    assert_eq!(gateway.site.verify(&[]).await.ok().json()["findings"], json!([]));
}

#[tokio::test]
async fn a_changed_target_or_a_tighter_policy_is_not_served_by_an_old_approval() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("old approval")).await;
    gateway.person("grace").approve(&held).await.ok();
    let site = gateway.stop().await;
    let labels = "labels = { environment = \"production\" }";
    site.replace("countersign.toml", labels, "labels = { environment = \"production\", tier = \"gold\" }");
    let gateway = site.serve().await;
    gateway.shopkeeper().resume(&held, "0s").await.is_problem(409, "drifted");
    assert_eq!(gateway.site.shop.effects("old approval").await, 0);
    let anew = gateway.hold(&gateway.shopkeeper(), &insert("old approval")).await;
    assert_ne!(anew.review, held.review, "the approval was for another version of the target");
    gateway.person("grace").approve(&anew).await.ok();
    let site = gateway.stop().await.with_rules(
        r#"@id("no-more-writes") forbid (principal is Agent, action in Action::"write", resource in Target::"shop");"#,
    );
    let gateway = site.serve().await;
    let told = gateway.shopkeeper().resume(&anew, "0s").await;
    assert_eq!(told.status, 403, "{told}");
    assert_eq!(gateway.site.shop.effects("old approval").await, 0);
    gateway.shopkeeper().propose("shop", "SELECT 1").await.ok();
}

/// The names in the records of targets, by what became of them.
fn moved(log: &e2e::log::LogFolder) -> Vec<Value> {
    let of = |record: &e2e::log::Record| {
        json!(["added", "changed", "removed"].map(|how| record.leaf.get(how).cloned().unwrap_or(json!([]))))
    };
    log.of_kind("targets").iter().map(of).collect()
}

#[tokio::test]
async fn targets_that_change_over_a_restart_are_on_record_and_shown() {
    let gateway = Gateway::open().await;
    let log = gateway.site.log();
    let before = moved(&log).len();
    let gateway = gateway.restarted().await;
    assert_eq!(moved(&log).len(), before, "nothing changed, and nothing is told");
    let site = gateway.stop().await;
    let config = site.read("countersign.toml");
    let sandbox = config.find("[[target]]\nname = \"sandbox\"").expect("the sandbox is a target");
    let kept = config[..sandbox].replace("environment = \"production\"", "environment = \"frozen\"");
    site.write("countersign.toml", &kept);
    let gateway = site.serve().await;
    assert_eq!(moved(&log).last(), Some(&json!([[], ["shop"], ["sandbox"]])));
    let shown = async |gateway: &Gateway| gateway.person("grace").get("/api/v1/targets").await.ok()["items"].clone();
    let before = shown(&gateway).await;
    let [ref itself, ref sandbox, ref shop] = before.as_array().expect("a list")[..] else { panic!("{before}") };
    assert_eq!((&itself["name"], &itself["removed_at"]), (&json!("countersign"), &Value::Null));
    assert_eq!((&shop["labels"]["environment"], &shop["removed_at"]), (&json!("frozen"), &Value::Null));
    assert_eq!((&sandbox["name"], sandbox["removed_at"].is_string()), (&json!("sandbox"), true));
    // The log is the truth: a store made anew shows the same.
    let site = gateway.stop().await;
    site.delete_store();
    let gateway = site.serve().await;
    assert_eq!(shown(&gateway).await, before);
    let site = gateway.stop().await;
    site.write("countersign.toml", &config);
    let gateway = site.serve().await;
    assert_eq!(moved(&log).last(), Some(&json!([["sandbox"], ["shop"], []])));
    assert!(shown(&gateway).await.as_array().expect("a list").iter().all(|target| target["removed_at"].is_null()));
    assert_eq!(gateway.site.verify(&[]).await.ok().json()["findings"], json!([]));
}

/// Many callers and reviewers at once; then the store is thrown away. The log is the truth: what it gives again is what
/// was served.
#[tokio::test]
async fn the_store_rebuilt_after_a_busy_day_is_the_store_that_served() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    for round in 0..12 {
        let held = gateway.hold(&agent, &insert(&format!("busy {round}"))).await;
        busy(&gateway, &agent, &held, round).await;
    }
    let (before, rows) = (seen(&gateway).await, gateway.site.shop.number("SELECT count(*) FROM effects").await);
    let site = gateway.stop().await;
    site.delete_store();
    let gateway = site.serve().await;
    assert_eq!(seen(&gateway).await, before);
    assert_eq!(gateway.site.shop.number("SELECT count(*) FROM effects").await, rows);
}

/// A caller that comes and goes, an approval, and every third time a rejection or a withdrawal: all at once.
async fn busy(gateway: &Gateway, agent: &Caller, held: &Held, round: usize) {
    let (grace, joan) = (gateway.person("grace"), gateway.person("joan"));
    let comings = async {
        for _ in 0..6 {
            agent.fetch(held).await;
        }
    };
    let withdrawal = async {
        if round.is_multiple_of(3) {
            agent.withdraw(held).await;
        }
    };
    let rejection = async {
        if round % 3 == 1 {
            joan.reject(held).await;
        }
    };
    tokio::join!(comings, grace.approve(held), rejection, withdrawal);
}

/// Sends a verdict and hangs up a moment later, whatever has become of it.
async fn hang_up(gateway: &Gateway, who: &Caller, held: &Held, verdict: &str, moment: Duration) {
    let address = gateway.url.strip_prefix("http://").expect("an address");
    let body = json!({"verdict": verdict, "code": held.code}).to_string();
    let head = format!(
        "POST /api/v1/reviews/{}/verdicts HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        held.review,
        who.authorization().expect("a reviewer has a credential"),
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all((head + &body).as_bytes()).await.expect("it takes a request");
    tokio::time::sleep(moment).await;
}

/// A verdict whose caller hangs up counts, or was never given: what the log holds is what is served, now and when the
/// store is rebuilt.
#[tokio::test]
async fn who_hangs_up_leaves_log_and_store_at_one() {
    let gateway = Gateway::open().await;
    let mut random = Random::seeded("hanging up");
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    let mut given = 0;
    for round in 0..12 {
        let held = gateway.hold(&agent, &insert(&format!("hung up {round}"))).await;
        let (verdict, state) = if round % 2 == 0 { ("approve", "approved") } else { ("reject", "rejected") };
        hang_up(&gateway, &grace, &held, verdict, random.moment(Duration::from_millis(120))).await;
        // A second reviewer settles it for good, if the first one did not: behind that, nothing is in flight any more.
        let second = gateway.person("joan").settle(&held, verdict).await;
        let verdicts = gateway.site.log().of_kind("verdict");
        let of_this = verdicts.iter().filter(|record| record.text("review") == held.review).count();
        assert_eq!(of_this, 1, "round {round}: a verdict was recorded and not applied: {second}");
        assert_eq!(grace.state(&held).await, state);
        given += usize::from(second.status == 409);
    }
    println!("{given} of 12 verdicts counted although their callers hung up");
    let before = seen(&gateway).await;
    let site = gateway.stop().await;
    site.delete_store();
    assert_eq!(seen(&site.serve().await).await, before);
}

#[tokio::test]
async fn a_site_is_not_initialised_twice() {
    let site = Site::new().await;
    let before = site.read("keys/log.key");
    let at = site.path("").display().to_string();
    let ran = e2e::countersign(["init", &at, "--person", "eve", "--passphrase-stdin"], "eve-countersigns").await;
    assert_ne!(ran.code, 0, "{ran:?}");
    assert_eq!(site.read("keys/log.key"), before);
    let gateway = site.serve().await;
    gateway
        .nobody()
        .person("eve", "eve-countersigns")
        .get("/api/v1/reviews")
        .await
        .is_problem(401, "not-authenticated");
}
