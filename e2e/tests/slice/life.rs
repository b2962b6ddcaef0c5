//! The life of an action: allowed, masked, held, approved, rejected, withdrawn, left unanswered, raced for, revoked.
//! Whatever people and callers do, an approved action runs once and every other not at all.

use e2e::shop::insert;
use e2e::{Caller, Gateway, Held, Site, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Starts to wait for an action in the background, and returns when the gateway knows of it.
async fn waiting(gateway: &Gateway, agent: &Caller, held: &Held) -> JoinSet<e2e::Answer> {
    let mut waiting = JoinSet::new();
    let (agent, on) = (agent.clone(), held.clone());
    waiting.spawn(async move { agent.resume(&on, "60s").await });
    gateway.until_presented(held).await;
    waiting
}

async fn answer(mut waiting: JoinSet<e2e::Answer>) -> e2e::Answer {
    waiting.join_next().await.expect("somebody waits").expect("the wait ends in an answer")
}

#[tokio::test]
async fn an_allowed_read_runs_with_nobody_asked() {
    let gateway = Gateway::open().await;
    let answer = gateway.shopkeeper().propose("shop", "SELECT id, total, note FROM orders WHERE id = 3").await;
    let body = answer.ok();
    assert_eq!(body["result"]["columns"], json!(["id", "total", "note"]), "{body}");
    assert_eq!(body["result"]["rows"], json!([[3, 50.0, null]]), "{body}");
    assert_eq!(gateway.person("grace").reviews("all").await, Vec::<Value>::new());
}

#[tokio::test]
async fn one_action_is_waited_for_by_one_call_at_a_time() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("awaited once")).await;
    let first = waiting(&gateway, &agent, &held).await;
    agent.resume(&held, "1s").await.is_problem(409, "busy");
    // The one that waits is not disturbed.
    gateway.person("grace").approve(&held).await.ok();
    answer(first).await.ok();
    assert_eq!(gateway.site.shop.effects("awaited once").await, 1);
}

#[tokio::test]
async fn a_verdict_by_this_call_does_not_come_from_the_console() {
    let gateway = Gateway::open().await;
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    let held = gateway.hold(&agent, &insert("by which channel")).await;
    let path = format!("/api/v1/reviews/{}/verdicts", held.review);
    let verdict = |channel: &str| json!({"verdict": "approve", "code": held.code, "channel": channel});
    grace.post(&path, &verdict("console")).await.is_problem(400, "bad-channel");
    assert_eq!(grace.state(&held).await, "pending");
    grace.post(&path, &verdict("cli")).await.ok();
    agent.resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("by which channel").await, 1);
}

#[tokio::test]
async fn an_allowed_read_binds_its_values() {
    let gateway = Gateway::open().await;
    let statement = "SELECT id FROM orders WHERE total = ? AND note = ? AND id IN (?, ?)";
    let body = json!({"target": "shop", "statement": statement, "parameters": [25.0, "second", 2, null]});
    assert_eq!(gateway.shopkeeper().post("/api/v1/actions", &body).await.rows(), [json!([2])]);
}

#[tokio::test]
async fn classified_columns_come_back_masked() {
    let gateway = Gateway::open().await;
    let statement = "SELECT name, email, card, phone, city FROM customers WHERE id IN (1, 2)";
    let answer = gateway.shopkeeper().propose("shop", statement).await;
    gateway.site.shop.canaries.assert_silent("a masked read", &answer.bytes);
    let body = answer.ok();
    let expected =
        json!(
            [["Customer 1", "[email]", "[card]", null, "Turin"], ["Customer 2", "[email]", "[card]", null, "Turin"],]
        );
    assert_eq!(body["result"]["rows"], expected, "{body}");
    assert_eq!(body["result"]["masked"], json!({"card": 2, "email": 2, "phone": 2}), "{body}");
}

#[tokio::test]
async fn sensitive_values_that_no_column_declares_are_found_and_masked() {
    let gateway = Gateway::open().await;
    let statement = "SELECT 'call bob@example.com' AS note, 4111111111111111 AS number, 2125550123 AS mobile, \
                     2125550123 AS parcel, CAST('bob@example.com' AS BLOB) AS bytes, 'nothing' AS rest";
    let body = gateway.shopkeeper().propose("shop", statement).await.ok();
    assert_eq!(body["result"]["rows"], json!([["call [email]", null, null, 2125550123, null, "nothing"]]), "{body}");
    assert_eq!(body["result"]["masked"], json!({"card": 1, "email": 2, "phone": 1}), "{body}");
}

#[tokio::test]
async fn a_held_write_runs_once_when_it_is_approved() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("held")).await;
    let waiting = waiting(&gateway, &agent, &held).await;
    let shown = gateway.person("grace").review(&held).await.ok();
    assert_eq!(shown["statement"], insert("held"), "{shown}");
    assert_eq!(shown["code"], held.code, "{shown}");
    assert_eq!(gateway.site.shop.effects("held").await, 0, "it ran before anybody answered");
    gateway.person("grace").approve(&held).await.ok();
    let body = answer(waiting).await.ok();
    assert_eq!(body["result"]["rows_affected"], 1, "{body}");
    for _ in 0..3 {
        assert_eq!(agent.fetch(&held).await.ok()["status"], "succeeded");
    }
    assert_eq!(gateway.site.shop.effects("held").await, 1);
    assert_eq!(gateway.person("grace").state(&held).await, "released");
}

#[tokio::test]
async fn one_call_may_propose_wait_and_run() {
    let gateway = Gateway::open().await;
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    let mut call = JoinSet::new();
    call.spawn(async move {
        let body = json!({"target": "shop", "statement": insert("one call"), "wait": "60s", "reason": "as one call"});
        agent.post("/api/v1/actions", &body).await
    });
    let held = until("the review is open", async || {
        let review = grace.reviews("open").await.into_iter().next()?;
        let text = |name: &str| review[name].as_str().expect("text").to_owned();
        Some(Held { action: String::new(), review: text("id"), code: text("code") })
    })
    .await;
    grace.approve(&held).await.ok();
    assert_eq!(answer(call).await.ok()["status"], "succeeded");
    assert_eq!(gateway.site.shop.effects("one call").await, 1);
}

#[tokio::test]
async fn a_rejected_write_never_runs() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("rejected")).await;
    let waiting = waiting(&gateway, &agent, &held).await;
    gateway.person("grace").reject(&held).await.ok();
    answer(waiting).await.is_problem(403, "rejected");
    agent.fetch(&held).await.is_problem(403, "rejected");
    gateway.person("joan").approve(&held).await.is_problem(409, "not-counted");
    agent.resume(&held, "0s").await.is_problem(403, "rejected");
    assert_eq!(gateway.site.shop.effects("rejected").await, 0);
}

#[tokio::test]
async fn a_withdrawn_write_never_runs() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    for (who, key) in [(agent.clone(), "by the agent"), (gateway.person("ada"), "by its owner")] {
        let held = gateway.hold(&agent, &insert(key)).await;
        let waiting = waiting(&gateway, &agent, &held).await;
        who.withdraw(&held).await.ok();
        let told = answer(waiting).await;
        assert_eq!(told.problem(), "withdrawn", "{told}");
        gateway.person("grace").approve(&held).await.is_problem(409, "not-counted");
        assert_eq!(agent.resume(&held, "0s").await.problem(), "withdrawn");
        assert_eq!(gateway.site.shop.effects(key).await, 0);
    }
    let held = gateway.hold(&agent, &insert("by a stranger")).await;
    gateway.person("grace").withdraw(&held).await.is_problem(403, "not-yours");
    gateway.agent("clerk").withdraw(&held).await.is_problem(403, "not-yours");
    assert_eq!(gateway.person("grace").state(&held).await, "pending");
}

/// Nothing shorter than 30 s is a lawful expiry, so everything about it is asked here at once.
#[tokio::test]
async fn unanswered_reviews_expire_for_everyone_who_waits() {
    let site = Site::new().await;
    site.replace("policies/starter.cedar", "@expires(\"30m\")", "@expires(\"30s\")");
    let gateway = site.serve().await;
    let agent = gateway.shopkeeper();
    let (alone, awaited) = (agent.held(&insert("alone")).await, agent.held(&insert("awaited")).await);
    gateway.until_nobody_presents(&awaited).await;
    let waiting = waiting(&gateway, &agent, &awaited).await;
    let arguments = ["propose", "shop", &insert("by the command line")];
    let ran = gateway.cli_with(gateway.site.token("nightly"), &arguments).await.exits(4);
    assert!(ran.stderr.contains("hint:"), "{ran:?}");
    answer(waiting).await.is_problem(403, "expired");
    until("the lonely one expires too", async || {
        (gateway.person("grace").state(&alone).await == "expired").then_some(())
    })
    .await;
    agent.resume(&alone, "0s").await.is_problem(403, "expired");
    for held in [&alone, &awaited] {
        gateway.person("grace").approve(held).await.is_problem(409, "not-counted");
    }
    assert_eq!(gateway.site.shop.number("SELECT count(*) FROM effects").await, 0);
    assert_eq!(gateway.site.log().of_kind("review-ended").len(), 3);
}

#[tokio::test]
async fn an_approval_waits_for_a_presenter_and_then_runs_once() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("detached")).await;
    gateway.person("grace").approve(&held).await.ok();
    // Whatever the approval set off is behind these: a read and a write of the same file, each with its records.
    agent.propose("shop", "SELECT 1").await.ok();
    agent.propose("sandbox", &insert("a barrier")).await.ok();
    assert_eq!(gateway.site.shop.effects("detached").await, 0, "it ran while nobody presented it");
    assert_eq!(gateway.person("grace").state(&held).await, "approved");
    let body = agent.resume(&held, "30s").await.ok();
    assert_eq!(body["status"], "succeeded", "{body}");
    assert_eq!(agent.resume(&held, "0s").await.ok()["status"], "succeeded");
    assert_eq!(gateway.site.shop.effects("detached").await, 1);
}

#[tokio::test]
async fn the_same_action_presented_again_attaches_to_its_review() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let first = gateway.hold(&agent, &insert("again")).await;
    let again = gateway.hold(&agent, &insert("again")).await;
    assert_eq!((&again.review, &again.code), (&first.review, &first.code));
    // Another value, another text or another target is another action.
    let body = json!({"target": "shop", "statement": "INSERT INTO effects VALUES (?)", "parameters": ["again"]});
    let bound = agent.post("/api/v1/actions", &body).await.held();
    let other = agent.held(&insert("again ")).await;
    assert_eq!(gateway.person("grace").reviews("open").await.len(), 3);
    assert!(![&bound.review, &other.review].contains(&&first.review));
    gateway.person("grace").approve(&first).await.ok();
    agent.resume(&again, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("again").await, 1);
}

#[tokio::test]
async fn the_same_action_presented_while_one_waits_gets_a_review_of_its_own() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let first = gateway.hold(&agent, &insert("twice")).await;
    let waiting = waiting(&gateway, &agent, &first).await;
    let second = gateway.hold(&agent, &insert("twice")).await;
    assert_ne!(second.review, first.review);
    gateway.person("grace").approve(&first).await.ok();
    answer(waiting).await.ok();
    assert_eq!(gateway.site.shop.effects("twice").await, 1, "one approval, one run");
    assert_eq!(gateway.person("grace").state(&second).await, "pending");
    gateway.person("grace").approve(&second).await.ok();
    agent.resume(&second, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("twice").await, 2, "two approvals, two runs");
}

#[tokio::test]
async fn concurrent_fetches_of_an_approved_action_run_it_once() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    for round in 0..5 {
        let key = format!("fetched {round}");
        let held = gateway.hold(&agent, &insert(&key)).await;
        gateway.person("grace").approve(&held).await.ok();
        let mut calls = JoinSet::new();
        for _ in 0..6 {
            let (agent, held) = (agent.clone(), held.clone());
            calls.spawn(async move { agent.resume(&held, "0s").await });
        }
        let told = calls.join_all().await;
        assert!(told.iter().any(|answer| answer.body["status"] == "succeeded"), "{told:?}");
        assert_eq!(gateway.site.shop.effects(&key).await, 1, "{told:?}");
    }
}

const TWO_OWNERS: &str = r#"
@id("agents-work")
permit (principal in Group::"agents", action, resource);
@id("two-owners")
@review("owners") @quorum("2") @expires("30m")
forbid (principal is Agent, action in Action::"write", resource);
"#;

#[tokio::test]
async fn a_quorum_of_two_needs_two_people() {
    let gateway = Site::new().await.with_only_rules(TWO_OWNERS).serve().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("quorum")).await;
    let (grace, joan) = (gateway.person("grace"), gateway.person("joan"));
    grace.approve(&held).await.ok();
    assert_eq!(grace.state(&held).await, "pending");
    grace.approve(&held).await.is_problem(409, "not-counted");
    assert_eq!(grace.state(&held).await, "pending");
    assert_eq!(agent.resume(&held, "0s").await.status, 202);
    assert_eq!(gateway.site.shop.effects("quorum").await, 0);
    gateway.until_nobody_presents(&held).await;
    joan.approve(&held).await.ok();
    agent.resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("quorum").await, 1);
}

#[tokio::test]
async fn who_approved_may_still_stop_it_before_the_quorum_is_met() {
    let gateway = Site::new().await.with_only_rules(TWO_OWNERS).serve().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("second thoughts")).await;
    gateway.person("grace").approve(&held).await.ok();
    gateway.person("grace").reject(&held).await.ok();
    gateway.person("joan").approve(&held).await.is_problem(409, "not-counted");
    agent.resume(&held, "0s").await.is_problem(403, "rejected");
    assert_eq!(gateway.site.shop.effects("second thoughts").await, 0);
}

#[tokio::test]
async fn a_revoked_agent_is_refused_at_once_and_what_it_held_never_runs() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let (detached, presented) =
        (gateway.hold(&agent, &insert("detached")).await, gateway.hold(&agent, &insert("presented")).await);
    gateway.person("grace").approve(&detached).await.ok();
    let waiting = waiting(&gateway, &agent, &presented).await;
    gateway.revoke("shopkeeper").await;
    agent.propose("shop", "SELECT 1").await.is_problem(401, "not-authenticated");
    agent.resume(&detached, "0s").await.is_problem(401, "not-authenticated");
    // Whether the verdict still counts or not, nothing may come of it.
    gateway.person("grace").approve(&presented).await;
    gateway.person("grace").reject(&presented).await;
    let told = answer(waiting).await;
    assert!(told.status >= 400, "{told}");
    for key in ["detached", "presented"] {
        assert_eq!(gateway.site.shop.effects(key).await, 0, "{key}");
    }
    gateway.agent("clerk").propose("shop", "SELECT 1").await.ok();
}

#[tokio::test]
async fn an_agent_falls_with_its_owner() {
    let gateway = Gateway::open().await;
    let clerk = gateway.agent("clerk");
    let held = gateway.hold(&clerk, &insert("orphan")).await;
    gateway.person("joan").approve(&held).await.ok();
    gateway.revoke("grace").await;
    let told = clerk.resume(&held, "0s").await;
    assert!(told.status == 401 || told.status == 403, "{told}");
    clerk.propose("shop", "SELECT 1").await.is_problem(401, "not-authenticated");
    assert_eq!(gateway.site.shop.effects("orphan").await, 0);
}

#[tokio::test]
async fn the_verdict_of_a_reviewer_who_is_revoked_no_longer_counts_at_release() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let held = gateway.hold(&agent, &insert("revoked reviewer")).await;
    gateway.person("grace").approve(&held).await.ok();
    gateway.revoke("grace").await;
    gateway.person("grace").approve(&held).await.is_problem(401, "not-authenticated");
    let asked_anew = agent.resume(&held, "0s").await.held();
    assert_ne!(asked_anew.review, held.review, "an approval that no longer holds was kept");
    assert_eq!(gateway.site.shop.effects("revoked reviewer").await, 0);
    gateway.until_nobody_presents(&asked_anew).await;
    assert_eq!(gateway.person("joan").state(&held).await, "lapsed");
    gateway.person("joan").approve(&asked_anew).await.ok();
    agent.resume(&asked_anew, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("revoked reviewer").await, 1);
}

#[tokio::test]
async fn what_policy_denies_asks_nobody() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    for statement in ["CREATE TABLE more (id INTEGER)", "ALTER TABLE orders ADD COLUMN more TEXT"] {
        agent.propose("shop", statement).await.is_problem(403, "denied");
        agent.propose("sandbox", statement).await.is_problem(403, "denied");
    }
    let escalation = agent.operate("agent.add", json!({"name": "more", "owner": "ada"})).await;
    escalation.is_problem(403, "denied");
    gateway.person("ada").propose("shop", "SELECT 1").await.is_problem(403, "denied");
    for person in ["grace", "ada", "vera"] {
        assert_eq!(gateway.person(person).reviews("all").await, Vec::<Value>::new());
    }
    assert_eq!(gateway.site.log().of_kind("refused").len(), 6);
}

/// Statements that nobody granted: each is refused, and leaves the database and the machine's files as they were.
#[tokio::test]
async fn what_is_not_understood_does_not_run() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let before = gateway.site.shop.everything().await;
    let file = gateway.site.path("written");
    let beside = file.display();
    for statement in [
        "SELECT load_extension('libm.so')",
        "SELECT writefile('x', 'y')",
        "SELECT fts3_tokenizer('simple')",
        "SELECT no_such_function(1)",
        "SELECT randomblob(1)",
        "PRAGMA writable_schema = 1",
        "PRAGMA query_only = 0",
        "PRAGMA journal_mode",
        "SELECT * FROM pragma_table_info('customers')",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM temp.sqlite_master",
        "SELECT * FROM nowhere",
        "SELECT * FROM other.customers",
        &format!("ATTACH '{beside}' AS other"),
        &format!("VACUUM INTO '{beside}'"),
        "VACUUM",
        "REINDEX",
        "ANALYZE",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT a",
        "DETACH main",
        "EXPLAIN DELETE FROM orders",
        "EXPLAIN QUERY PLAN SELECT 1",
        "CREATE TEMP TABLE orders AS SELECT 1",
        "CREATE TABLE copied AS SELECT * FROM customers",
        "CREATE VIEW copied AS SELECT * FROM customers",
        "CREATE TRIGGER t AFTER INSERT ON effects BEGIN DELETE FROM orders; END",
        "CREATE VIRTUAL TABLE copied USING fts5(email, content = 'customers')",
        "INSERT INTO audited (what) VALUES ('runs a trigger')",
        "WITH gone AS (SELECT 1) DELETE FROM orders",
        "SELECT 1; DELETE FROM orders",
        "SELECT 1;; DELETE FROM orders;",
        "DELETE FROM orders; SELECT 1",
    ] {
        for target in ["shop", "sandbox"] {
            let told = agent.propose(target, statement).await;
            assert!([400, 403, 422].contains(&told.status), "`{statement}` on {target}: {told}");
            assert!(["denied", "bad-statement", "upstream-refused"].contains(&told.problem()), "{statement}: {told}");
        }
    }
    assert_eq!(gateway.site.shop.everything().await, before);
    assert!(!file.exists(), "a statement wrote a file");
    assert_eq!(gateway.person("grace").reviews("all").await, Vec::<Value>::new(), "somebody was asked");
    agent.propose("shop", "SELECT count(*) FROM orders WHERE id = 1").await.ok();
}

#[tokio::test]
async fn an_action_of_the_past_is_told_and_never_repeated() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let body = agent.propose("sandbox", &insert("past")).await.ok();
    let action = body["id"].as_str().expect("an action has an id").to_owned();
    let again = agent.get(&format!("/api/v1/actions/{action}?wait=0s")).await.ok();
    assert_eq!(again["status"], "succeeded", "{again}");
    let gateway = gateway.killed_and_restarted().await;
    let again = gateway.shopkeeper().get(&format!("/api/v1/actions/{action}?wait=0s")).await.ok();
    assert_eq!(again["status"], "succeeded", "{again}");
    assert_eq!(gateway.site.shop.effects("past").await, 1);
    gateway.agent("clerk").get(&format!("/api/v1/actions/{action}")).await.is_problem(404, "not-found");
}
