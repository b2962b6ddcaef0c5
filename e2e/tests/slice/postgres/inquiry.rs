//! What reviewers are told beside a held action, and what is never asked of the server to find it out.

use e2e::postgres::{Bank, frame};
use e2e::{Caller, Gateway, Held, until};
use serde_json::Value;

use super::{OPEN_HANDED, approved, hold, open, serve, session};

/// What reviewers are told of a held action, once it is found out.
async fn context(grace: &Caller, held: &Held) -> Vec<Value> {
    until("the gateway has found it out", async || {
        let shown = grace.review(held).await.ok();
        shown["context"].as_array().cloned()
    })
    .await
}

fn of_kind<'a>(context: &'a [Value], kind: &str) -> Vec<&'a Value> {
    context.iter().filter(|insight| insight["kind"] == kind).collect()
}

/// Why there is no estimate.
async fn why_none(gateway: &Gateway, held: &Held) -> String {
    let told = context(&gateway.person("grace"), held).await;
    let none = of_kind(&told, "no-plan");
    assert_eq!(none.len(), 1, "{told:?}");
    none[0]["why"].as_str().expect("a reason").to_owned()
}

#[tokio::test]
async fn reviewers_see_sizes_the_estimate_and_what_was_never_done_before() {
    let (bank, gateway) = open().await;
    bank.execute("INSERT INTO orders SELECT n, 1, n, 'more' FROM generate_series(10, 509) n; ANALYZE orders").await;
    let mut wire = session(&gateway, "bank").await;
    let delete = |from: &str| {
        let values = [Some(from)];
        [frame::statement("DELETE FROM orders WHERE id > $1::int AND id < 410", &values), frame::sync()].concat()
    };
    let held = hold(&gateway, &mut wire, &delete("309")).await;
    let told = context(&gateway.person("grace"), &held).await;
    let [table] = of_kind(&told, "table")[..] else { panic!("{told:?}") };
    assert_eq!((table["table"].as_str(), table["rows"].as_u64()), (Some("public.orders"), Some(503)));
    let [plan] = of_kind(&told, "plan")[..] else { panic!("{told:?}") };
    let estimate = plan["rows"].as_u64().expect("a number");
    assert!((50..200).contains(&estimate), "the values count: {plan}");
    let [first] = of_kind(&told, "first-time")[..] else { panic!("{told:?}") };
    assert_eq!((&first["verb"], &first["resource"]), (&"sql.delete_unbounded".into(), &"public.orders".into()));
    let shown = gateway.cli_as("grace", &["reviews", "show", &held.review]).await.ok().stdout;
    for line in
        ["  table     public.orders has about 503 rows\n", "says the server's planner\n", "never let do sql.delete"]
    {
        assert!(shown.contains(line), "no `{line}` in\n{shown}");
    }
    assert!(shown.contains("    DELETE FROM orders\n    WHERE id > $1::int\n      AND id < 410\n"), "{shown}");
    assert_eq!(approved(&gateway, &mut wire, &held).await.ok().tags(), ["DELETE 100"]);
    let held = hold(&gateway, &mut wire, &delete("308")).await;
    let told = context(&gateway.person("grace"), &held).await;
    assert_eq!(of_kind(&told, "first-time").len(), 0, "{told:?}");
    // It is on the record, and so is what it took to find it out.
    assert_eq!(gateway.site.log().of_kind("context").len(), 2);
    let sessions = gateway.site.log().of_kind("session");
    assert_eq!(sessions.iter().filter(|record| record.text("door") == "estimate").count(), 2);
    gateway.site.verify(&[]).await.ok();
}

#[tokio::test]
async fn what_was_found_out_is_there_after_a_restart() {
    let (bank, gateway) = open().await;
    bank.execute("ANALYZE orders").await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query("DELETE FROM orders WHERE id = 1")).await;
    let before = context(&gateway.person("grace"), &held).await;
    let site = gateway.stop().await;
    // A store made anew learns it from the log.
    for name in ["countersign.db", "countersign.db-wal", "countersign.db-shm"] {
        let _there: Result<_, _> = std::fs::remove_file(site.path("data").join(name));
    }
    let gateway = site.serve().await;
    assert_eq!(context(&gateway.person("grace"), &held).await, before);
}

#[tokio::test]
async fn the_planner_is_not_asked_where_it_may_run_the_code_of_others() {
    let (bank, gateway) = gated().await;
    bank.execute(
        "CREATE TABLE indexed (id int); CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
    )
    .await;
    bank.execute("CREATE INDEX ON indexed (f(id))").await;
    bank.execute(
        "CREATE DOMAIN dom AS int CHECK (f(VALUE) IS NOT NULL); CREATE TABLE defaults (id int, x int DEFAULT f(1));
         CREATE TABLE counted (id int, y int); CREATE STATISTICS st ON (y + f(1)), id FROM counted;
         CREATE TABLE guarded (id int); CREATE POLICY p ON guarded USING (f(id) = 1)",
    )
    .await;
    for (statement, words) in [
        ("DELETE FROM orders WHERE id = '1'::dom", "code the planner may run"),
        ("INSERT INTO defaults (id) VALUES (1)", "server's own: default"),
        ("DELETE FROM counted WHERE id = 1", "server's own: statistics st"),
        ("DELETE FROM guarded WHERE id = 1", "server's own: policy p"),
        ("DELETE FROM orders WHERE id = f(1)", "without code of others"),
        ("DELETE FROM orders WHERE id = 1; DELETE FROM orders WHERE id = 2", "for a single"),
        ("DELETE FROM indexed WHERE id = 1", "code the planner may run"),
        ("TRUNCATE orders", "for a single"),
    ] {
        let mut wire = session(&gateway, "bank").await;
        let held = hold(&gateway, &mut wire, &frame::query(statement)).await;
        let why = why_none(&gateway, &held).await;
        assert!(why.contains(words), "{statement}: {why}");
    }
    assert!(!bank.was_explained(), "the planner was asked");
}

#[tokio::test]
async fn a_session_of_its_own_kind_has_no_estimate() {
    let (bank, gateway) = open().await;
    bank.execute("CREATE SCHEMA other; CREATE TABLE other.orders (id int)").await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("SET search_path = other, public").await.ok();
    let held = hold(&gateway, &mut wire, &frame::query("DELETE FROM orders WHERE id = 1")).await;
    let why = why_none(&gateway, &held).await;
    assert!(why.contains("a `search_path` of its own"), "{why}");
    let mut wire = session(&gateway, "bank").await;
    wire.query("SET TimeZone = 'Europe/Berlin'").await.ok();
    let held = hold(&gateway, &mut wire, &frame::query("DELETE FROM orders WHERE id = 1")).await;
    let told = context(&gateway.person("grace"), &held).await;
    assert_eq!(of_kind(&told, "plan").len(), 1, "{told:?}");
}

#[tokio::test]
async fn the_estimate_is_of_all_that_is_written_and_of_nothing_else() {
    let (bank, gateway) = open().await;
    bank.execute("INSERT INTO orders SELECT n, 1, n, 'more' FROM generate_series(10, 1006) n; ANALYZE orders").await;
    for statement in [
        "WITH d AS (DELETE FROM orders) SELECT 1",
        "WITH d AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM d",
        "WITH d AS (DELETE FROM orders RETURNING id) UPDATE effects SET key = 'x' WHERE key = 'y'",
    ] {
        let mut wire = session(&gateway, "bank").await;
        let held = hold(&gateway, &mut wire, &frame::query(statement)).await;
        let told = context(&gateway.person("grace"), &held).await;
        let [plan] = of_kind(&told, "plan")[..] else { panic!("{statement}: {told:?}") };
        assert!(plan["rows"].as_u64().is_some_and(|rows| rows >= 1_000), "{statement}: {plan}");
    }
    // A table that only this session has is no other connection's.
    let (_bank, gateway) = gated().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("CREATE TEMP TABLE orders (id int)").await.ok();
    let held = hold(&gateway, &mut wire, &frame::query("DELETE FROM orders WHERE id = 1")).await;
    let why = why_none(&gateway, &held).await;
    assert!(why.contains("mean something else"), "{why}");
}

#[tokio::test]
async fn who_may_not_explain_gets_no_estimate_for_its_reviewers() {
    let (bank, gateway) = serve(Bank::open().await, |site| {
        site.with_rules(r#"@id("no-plans") forbid (principal, action == Action::"sql.explain", resource);"#)
    })
    .await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query("DELETE FROM orders WHERE id = 1")).await;
    let why = why_none(&gateway, &held).await;
    assert!(why.contains("policy does not let its actor do that"), "{why}");
    assert!(!bank.was_explained(), "the planner was asked");
}

/// A bank under rules that have people asked about every change.
async fn gated() -> (Bank, Gateway) {
    serve(Bank::open().await, |site| site.with_only_rules(&format!("{OPEN_HANDED}\n{GATED}"))).await
}

/// The bank, whose production target asks for dry runs.
async fn rehearsing() -> (Bank, Gateway) {
    serve(Bank::open().await, |site| {
        site.replace("countersign.toml", "name = \"bank\"\n", "name = \"bank\"\ndry-run = \"5s\"\n");
        site
    })
    .await
}

#[tokio::test]
async fn a_dry_run_counts_the_rows_and_leaves_nothing() {
    let (bank, gateway) = rehearsing().await;
    bank.execute("INSERT INTO orders SELECT n, 1, n, 'more' FROM generate_series(10, 509) n").await;
    let before = bank.everything().await;
    let mut wire = session(&gateway, "bank").await;
    let values = [Some("more")];
    let update = frame::statement("UPDATE orders SET total = 0 WHERE note = $1 AND id < 110 RETURNING id", &values);
    for (frames, rows) in [
        ([update, frame::sync()].concat(), 100),
        (frame::query("DELETE FROM orders WHERE id > 409"), 100),
        (frame::query("DELETE FROM orders WHERE id = 7"), 0),
    ] {
        let held = hold(&gateway, &mut wire, &frames).await;
        let told = context(&gateway.person("grace"), &held).await;
        let [dry] = of_kind(&told, "dry-run")[..] else { panic!("{told:?}") };
        assert_eq!(dry["rows"], rows, "{told:?}");
        let shown = gateway.cli_as("grace", &["reviews", "show", &held.review]).await.ok().stdout;
        assert!(shown.contains(&format!("dry run   {rows} rows changed, and was undone\n")), "{shown}");
        assert_eq!(bank.everything().await, before, "something of it stayed");
        gateway.person("grace").reject(&held).await.ok();
        wire.answer().await.refused_with("ZC002");
    }
    assert_eq!(gateway.site.log().of_kind("dry-run").len(), 3);
    assert!(gateway.site.log().of_kind("execute").iter().all(|record| record.text("run").is_empty()));
    gateway.site.verify(&[]).await.ok();
}

#[tokio::test]
async fn nothing_is_run_dry_whose_effects_could_outlive_that() {
    let (bank, gateway) = rehearsing().await;
    bank.execute(
        "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent ON DELETE CASCADE);
         CREATE TABLE ruled (id int); CREATE RULE r AS ON DELETE TO ruled DO ALSO NOTIFY x;
         CREATE TABLE parts (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parts DEFAULT;
         CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_notify(''x'', ''y''); RETURN OLD; END';
         CREATE TRIGGER t AFTER DELETE ON part FOR EACH ROW EXECUTE FUNCTION shout();
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1); INSERT INTO parts VALUES (1)",
    )
    .await;
    for (statement, words) in [
        ("DELETE FROM parent WHERE id = 1", "foreign key"),
        ("DELETE FROM parts WHERE id = 1", "trigger t"),
        ("INSERT INTO orders VALUES (77, 1, 1)", "only for an UPDATE or DELETE"),
        ("UPDATE orders SET note = DEFAULT WHERE id = 1", "without DEFAULT"),
        ("DELETE FROM ruled WHERE id = 1", "without code of others"),
        ("DELETE FROM orders WHERE id = 1; SELECT 1", "for a single"),
        ("TRUNCATE orders", "for a single"),
    ] {
        let mut wire = session(&gateway, "bank").await;
        let frames = frame::query(statement);
        wire.send(&frames).await;
        let message = wire.receive().await.expect("an answer");
        if message.kind != b'N' {
            // Denied: nobody is asked, and nothing is run dry.
            continue;
        }
        let words_told = String::from_utf8_lossy(&message.body).replace('\0', " ");
        let held = gateway.held_in(&words_told).await;
        let told = context(&gateway.person("grace"), &held).await;
        let none = of_kind(&told, "no-dry-run");
        assert!(
            none.len() == 1 && none[0]["why"].as_str().is_some_and(|why| why.contains(words)),
            "{statement}: {told:?}"
        );
    }
    assert!(gateway.site.log().of_kind("dry-run").is_empty());
    assert_eq!(bank.number("SELECT count(*) FROM child").await, 1);
}

#[tokio::test]
async fn a_dry_run_that_would_wait_for_a_lock_is_given_up() {
    let (bank, gateway) = rehearsing().await;
    let mut other = bank.direct().await;
    other.query("BEGIN; UPDATE orders SET note = 'locked' WHERE id = 1").await.ok();
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query("DELETE FROM orders WHERE id = 1")).await;
    let told = context(&gateway.person("grace"), &held).await;
    let [none] = of_kind(&told, "no-dry-run")[..] else { panic!("{told:?}") };
    assert!(none["why"].as_str().is_some_and(|why| why.contains("55P03")), "{none}");
    other.query("ROLLBACK").await.ok();
    assert_eq!(approved(&gateway, &mut wire, &held).await.ok().tags(), ["DELETE 1"]);
}

const GATED: &str = r#"@id("gated") @review("owner") @quorum("1") @expires("1h")
    forbid (principal, action in [Action::"write", Action::"destroy"], resource);"#;
