//! P12: a write is called a read: behind a common table expression, with RETURNING, through functions and pragmas, by
//! a trigger. Who may only read changes nothing; straight to the file, each of them does.

use e2e::postgres::{Bank, frame};
use e2e::{Gateway, Site};
use serde_json::json;

use super::refusals_on_the_record;
use crate::postgres::{serve, session};

const READERS: &str = r#"
@id("agents-read")
permit (principal in Group::"agents", action in [Action::"connect", Action::"read"], resource);
"#;

/// Each changes something when it goes straight to the file.
const WRITES: [&str; 14] = [
    "INSERT INTO effects VALUES ('x') RETURNING key",
    "UPDATE orders SET note = 'changed' WHERE id = 1 RETURNING id",
    "DELETE FROM orders WHERE id = 1 RETURNING id",
    "WITH t AS (SELECT 1 AS id) DELETE FROM orders WHERE id IN (SELECT id FROM t)",
    "WITH t AS (SELECT 'x' AS k) INSERT INTO effects SELECT k FROM t",
    "WITH t AS (SELECT 1) UPDATE orders SET note = 'changed'",
    "REPLACE INTO orders VALUES (1, 9, 9.0, 'replaced')",
    "INSERT OR REPLACE INTO orders VALUES (1, 9, 9.0, 'replaced')",
    "INSERT INTO orders VALUES (1, 9, 9.0, 'x') ON CONFLICT (id) DO UPDATE SET note = 'upserted'",
    "UPDATE OR REPLACE orders SET id = 2 WHERE id = 1",
    "INSERT INTO audited (what) VALUES ('x')",
    "DROP VIEW contacts",
    "ALTER TABLE orders DROP COLUMN note",
    "CREATE TABLE more AS SELECT * FROM orders",
];

/// Nothing that anybody sees in the rows, but more than a read all the same.
const MORE_THAN_READS: [&str; 8] = [
    "PRAGMA user_version = 7",
    "PRAGMA wal_checkpoint",
    "SELECT load_extension('x')",
    "SELECT writefile('x', 'y')",
    "SELECT edit('x')",
    "SELECT fts5(1)",
    "EXPLAIN INSERT INTO effects VALUES ('x')",
    "BEGIN IMMEDIATE",
];

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    for statement in WRITES {
        let site = Site::new().await;
        let before = site.shop.everything().await;
        site.shop.execute(statement).await;
        assert_ne!(site.shop.everything().await, before, "a dead exploit: {statement}");
    }
    let gateway = Site::new().await.with_only_rules(READERS).serve().await;
    let agent = gateway.shopkeeper();
    let before = gateway.site.shop.everything().await;
    for statement in WRITES.iter().chain(&MORE_THAN_READS) {
        for target in ["shop", "sandbox"] {
            let told = agent.propose(target, statement).await;
            assert!([400, 403].contains(&told.status), "{target}: {statement}: {told}");
        }
    }
    assert_eq!(gateway.site.shop.everything().await, before);
    assert_eq!(gateway.site.shop.number("SELECT user_version FROM pragma_user_version").await, 0);
    assert!(refusals_on_the_record(&gateway).await.len() >= 2 * WRITES.len() - 8);
    let rows = agent.propose("shop", "WITH t AS (SELECT id FROM orders) SELECT count(*) FROM t").await.rows();
    assert_eq!(rows, [json!([3])]);
}

/// Where writes are held, a write in disguise is held or refused, and never simply runs.
#[tokio::test]
async fn a_write_in_disguise_is_held_like_any_other() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let before = gateway.site.shop.everything().await;
    for statement in WRITES {
        let told = agent.propose("shop", statement).await;
        assert!([202, 400, 403].contains(&told.status), "{statement}: {told}");
    }
    assert_eq!(gateway.site.shop.everything().await, before);
    let held = gateway.hold(&agent, WRITES[2]).await;
    gateway.person("grace").approve(&held).await.ok();
    assert_eq!(agent.resume(&held, "30s").await.rows(), [json!([1])]);
    assert_eq!(gateway.site.shop.number("SELECT count(*) FROM orders").await, 2);
}

/// What a view or a row policy runs is its author's, not the actor's: a read through one has a word of its own.
const NO_VIEWS: &str = r#"
@id("no-views")
forbid (principal, action == Action::"sql.select_view", resource);
"#;

/// Each changes something when it goes straight to a PostgreSQL server.
const ON_POSTGRES: [&str; 26] = [
    "WITH d AS (DELETE FROM orders RETURNING id) SELECT id FROM d",
    "WITH d AS MATERIALIZED (UPDATE orders SET note = 'changed' RETURNING id) SELECT 1",
    "WITH i AS (INSERT INTO effects VALUES ('x') RETURNING key) SELECT key FROM i",
    "SELECT id INTO copied FROM orders",
    "CREATE TABLE copied AS SELECT id FROM orders",
    "EXPLAIN ANALYZE DELETE FROM orders",
    "EXPLAIN (ANALYZE, COSTS off) UPDATE orders SET note = 'changed'",
    "SELECT nextval('numbers')",
    "SELECT setval('numbers', 99)",
    "SELECT leaves_an_effect('x')",
    "SELECT says_it_is_pure('x')",
    "SELECT id FROM orders WHERE leaves_an_effect('x') IS NOT NULL",
    "SELECT id FROM orders ORDER BY leaves_an_effect('x')",
    "SELECT (SELECT leaves_an_effect('x'))",
    "SELECT * FROM leaves_an_effect('x')",
    "VALUES (leaves_an_effect('x'))",
    "SELECT * FROM writes_when_read",
    "SELECT id FROM guarded",
    "DO $$ BEGIN DELETE FROM orders; END $$",
    "CALL deletes()",
    "PREPARE p AS DELETE FROM orders; EXECUTE p",
    "SELECT query_to_xml('SELECT leaves_an_effect(''x'')', true, true, '')",
    "SELECT lo_create(4711)",
    "DECLARE c CURSOR WITH HOLD FOR SELECT leaves_an_effect('x')",
    "MERGE INTO orders o USING (SELECT 1 AS id) s ON o.id = s.id WHEN MATCHED THEN DELETE",
    "BEGIN; DELETE FROM orders; COMMIT",
];

const TRAPS: &str = "
    CREATE SEQUENCE numbers;
    CREATE VIEW writes_when_read AS SELECT leaves_an_effect('by the view') AS v;
    CREATE TABLE guarded (id int);
    INSERT INTO guarded VALUES (1);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
    CREATE POLICY writes ON guarded USING (leaves_an_effect('by the policy') IS NOT NULL);
    CREATE PROCEDURE deletes() LANGUAGE sql AS 'DELETE FROM orders';
";

/// Rows and objects, and where the sequence is.
async fn everything(bank: &Bank) -> Vec<String> {
    let mut all = bank.everything().await;
    all.extend(bank.texts("SELECT last_value || ' ' || is_called FROM numbers").await);
    all
}

#[tokio::test]
async fn who_may_only_read_changes_nothing_on_a_real_server() {
    let (bank, gateway) = serve(Bank::open().await, |site| site.with_only_rules(&format!("{READERS}{NO_VIEWS}"))).await;
    bank.execute(TRAPS).await;
    for statement in ON_POSTGRES {
        // Each in a database of its own: what one changes is not there for the next.
        let scratch = Bank::open().await;
        scratch.execute(TRAPS).await;
        let before = everything(&scratch).await;
        scratch.direct().await.query(statement).await;
        assert!(everything(&scratch).await != before, "a dead exploit: {statement}");
    }
    let before = everything(&bank).await;
    for target in ["bank", "training"] {
        let mut wire = session(&gateway, target).await;
        for statement in ON_POSTGRES {
            wire.query(statement).await;
            wire.exchange(&[frame::statement(statement, &[]), frame::sync()].concat()).await;
            assert!(everything(&bank).await == before, "it ran: {statement}");
        }
        wire.query("ROLLBACK").await;
        let lawful = "WITH t AS (SELECT id FROM orders) SELECT count(*) FROM t";
        assert_eq!(wire.query(lawful).await.ok().texts(), ["3"]);
    }
    assert!(refusals_on_the_record(&gateway).await.len() >= 2 * ON_POSTGRES.len() - 8);
}

const UPDATERS: &str = r#"
@id("agents-update")
permit (principal in Group::"agents", action in [Action::"connect", Action::"read", Action::"sql.update"], resource);
"#;

/// Who may change rows one by one does not remove others by changing them.
#[tokio::test]
async fn an_update_that_replaces_is_more_than_an_update() {
    let gateway = Site::new().await.with_only_rules(UPDATERS).serve().await;
    let agent = gateway.shopkeeper();
    agent.propose("shop", "UPDATE OR REPLACE orders SET id = 2 WHERE id = 1").await.is_problem(403, "denied");
    assert_eq!(gateway.site.shop.number("SELECT count(*) FROM orders").await, 3);
    agent.propose("shop", "UPDATE orders SET note = 'changed' WHERE id = 1").await.ok();
    assert!(!refusals_on_the_record(&gateway).await.is_empty());
}
