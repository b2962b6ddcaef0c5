//! What names mean: an approved statement runs on the tables it was held for, or not at all. What another session does
//! with its own search path is nobody else's business; what happens to the tables is.

use e2e::postgres::{Bank, Wire, frame};
use e2e::shop::insert;

use super::{approved, hold, open, serve, session};

#[tokio::test]
async fn a_table_that_was_swapped_while_it_waited_is_told_and_not_written() {
    let (bank, gateway) = open().await;
    for (number, swap) in [
        "DROP TABLE effects; CREATE TABLE effects (key text NOT NULL)",
        "ALTER TABLE effects RENAME TO former; CREATE TABLE effects (key text NOT NULL)",
        "ALTER TABLE effects ADD COLUMN more text DEFAULT 'x'",
        "CREATE TRIGGER trap BEFORE INSERT ON effects FOR EACH ROW EXECUTE FUNCTION audit()",
        "CREATE RULE trap AS ON INSERT TO effects DO ALSO DELETE FROM orders",
        "DROP TABLE effects; CREATE VIEW effects AS SELECT note AS key FROM orders",
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("swapped {number}");
        let mut wire = session(&gateway, "bank").await;
        let held = hold(&gateway, &mut wire, &frame::query(&insert(&key))).await;
        bank.execute(swap).await;
        let answer = approved(&gateway, &mut wire, &held).await;
        let refused = answer.refused();
        let named = ["effects", "trap", "audit"].iter().any(|name| refused.words().contains(name));
        assert!(named, "it does not name what changed: {refused}");
        assert!(!bank.was_told(&key), "{swap}: it went upstream");
        assert_eq!(bank.number("SELECT count(*) FROM orders").await, 3, "{swap}");
        wire.query("SELECT 1").await.ok();
        let remake =
            "DO $$ BEGIN EXECUTE 'DROP TABLE effects'; EXCEPTION WHEN OTHERS THEN EXECUTE 'DROP VIEW effects'; END $$";
        bank.execute(&format!("{remake}; CREATE TABLE effects (key text NOT NULL)")).await;
    }
    // Where nothing changed, it runs.
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(&insert("unchanged"))).await;
    approved(&gateway, &mut wire, &held).await.ok();
    assert_eq!(bank.effects("unchanged").await, 1);
}

#[tokio::test]
async fn what_is_made_in_front_of_the_servers_own_while_a_statement_waits_is_told() {
    let (bank, gateway) = open().await;
    for (made, undo, named) in [
        (
            "CREATE FUNCTION other(int, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
             CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = text, FUNCTION = other)",
            "DROP FUNCTION other CASCADE",
            "operator =",
        ),
        (
            "CREATE FUNCTION public.abs(text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP FUNCTION public.abs(text)",
            "function abs",
        ),
        ("CREATE DOMAIN public.date AS int", "DROP DOMAIN public.date", "type date"),
    ] {
        let mut wire = session(&gateway, "bank").await;
        let write =
            format!("INSERT INTO effects SELECT '{named}' WHERE abs(-1) = 1 AND '2026-01-01'::date IS NOT NULL");
        let held = hold(&gateway, &mut wire, &frame::query(&write)).await;
        bank.execute(made).await;
        let answer = approved(&gateway, &mut wire, &held).await;
        assert!(answer.refused().words().contains(named), "{made}: {answer}");
        assert!(!bank.was_told(named), "{made}: it went upstream");
        bank.execute(undo).await;
    }
}

#[tokio::test]
async fn a_swapped_table_is_told_to_who_presents_the_statement_again() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(&insert("while away"))).await;
    drop(wire);
    gateway.until_nobody_presents(&held).await;
    gateway.person("grace").approve(&held).await.ok();
    bank.execute("DROP TABLE effects; CREATE TABLE effects (key text NOT NULL)").await;
    let mut wire = session(&gateway, "bank").await;
    let another = hold(&gateway, &mut wire, &frame::query(&insert("while away"))).await;
    assert_ne!(another.review, held.review, "an approval for another table was kept");
    assert_eq!(bank.effects("while away").await, 0);
    approved(&gateway, &mut wire, &another).await.ok();
    assert_eq!(bank.effects("while away").await, 1);
}

#[tokio::test]
async fn the_search_path_of_another_session_changes_nothing() {
    let (bank, gateway) = open().await;
    bank.execute("CREATE SCHEMA other; CREATE TABLE other.effects (key text NOT NULL)").await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(&insert("here"))).await;
    let mut other = session(&gateway, "bank").await;
    other.query("SET search_path = other, public").await.ok();
    assert_eq!(other.query("SHOW search_path").await.ok().texts(), ["other, public"]);
    approved(&gateway, &mut wire, &held).await.ok();
    assert_eq!(bank.effects("here").await, 1);
    assert_eq!(bank.number("SELECT count(*) FROM other.effects").await, 0);
    // The same text there is another action, on another table.
    let there = hold(&gateway, &mut other, &frame::query(&insert("here"))).await;
    assert_ne!(there.review, held.review);
    let shown = gateway.person("grace").review(&there).await.ok().to_string();
    assert!(shown.contains("other.effects"), "{shown}");
    let shown = gateway.cli_as("grace", &["reviews", "show", &there.review]).await.ok().stdout;
    assert!(shown.contains("\n  session   search_path = other, public\n"), "{shown}");
    approved(&gateway, &mut other, &there).await.ok();
    assert_eq!(bank.number("SELECT count(*) FROM other.effects").await, 1);
    assert_eq!(bank.effects("here").await, 1);
}

#[tokio::test]
async fn an_approval_under_one_search_path_is_none_under_another() {
    let (bank, gateway) = open().await;
    bank.execute("CREATE SCHEMA other; CREATE TABLE other.effects (key text NOT NULL)").await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(&insert("moved"))).await;
    drop(wire);
    gateway.until_nobody_presents(&held).await;
    gateway.person("grace").approve(&held).await.ok();
    let mut moved = session(&gateway, "bank").await;
    moved.query("SET search_path = other, public").await.ok();
    let another = hold(&gateway, &mut moved, &frame::query(&insert("moved"))).await;
    assert_ne!(another.review, held.review);
    assert_eq!(bank.number("SELECT count(*) FROM other.effects").await, 0);
    assert_eq!(bank.effects("moved").await, 0);
}

/// A plain read is decided anew when what its names mean has changed, prepared or not.
#[tokio::test]
async fn a_prepared_read_is_decided_by_what_its_names_mean_when_it_is_bound() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.exchange(&[frame::parse("r", "SELECT note FROM orders WHERE id = 1"), frame::sync()].concat()).await.ok();
    let run = [frame::bind("", "r", &[]), frame::execute("", 0), frame::sync()].concat();
    assert_eq!(wire.exchange(&run).await.ok().texts(), ["first"]);
    bank.execute("ALTER TABLE orders RENAME TO former; CREATE VIEW orders AS SELECT id, email AS note FROM customers")
        .await;
    let answer = wire.exchange(&run).await;
    bank.canaries.assert_silent("a prepared read of a table that became a view", wire.received());
    assert!(!answer.refused().message().is_empty(), "{answer}");
    bank.execute("DROP VIEW orders; ALTER TABLE former RENAME TO orders").await;
    assert_eq!(wire.query("SELECT note FROM orders WHERE id = 1").await.ok().texts(), ["first"]);
}

/// RESET ALL, and the end of a transaction, put back settings that are not listed: what was approved under them is not
/// what would run.
#[tokio::test]
async fn an_approval_does_not_serve_once_settings_of_others_making_are_put_back() {
    let rules = r#"@id("all") permit (principal in Group::"agents",
        action in [Action::"connect", Action::"read", Action::"write", Action::"configure"], resource);
        @id("ask") @review("owners") forbid (principal is Agent, action in Action::"write", resource);"#;
    let (bank, gateway) = serve(Bank::open().await, |site| site.with_only_rules(rules)).await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("SET app.tenant = '5'").await.ok();
    let held = hold(&gateway, &mut wire, &frame::query(&insert("tenant"))).await;
    let mut other = Wire::connect(&gateway.login("shopkeeper", "bank")).await.expect("it listens");
    other.send(&frame::cancel_request(&wire.key)).await;
    wire.answer().await.refused_with("57014");
    gateway.person("grace").approve(&held).await.ok();
    wire.query("RESET ALL").await.ok();
    let anew = hold(&gateway, &mut wire, &frame::query(&insert("tenant"))).await;
    assert_ne!(anew.review, held.review, "the settings are others now");
    assert_eq!(bank.effects("tenant").await, 0);
}
