//! What is not supported, or lifts the guard: refused with a clear error, never passed through, nobody asked; and the
//! session goes on.

use e2e::Site;
use e2e::postgres::{Bank, frame};
use e2e::shop::insert;

use super::{open, refused, serve, session};

/// Each is one statement that no rule of the starter set grants, or that the gateway does not carry.
const REFUSED: [&str; 53] = [
    "COPY orders TO '/tmp/countersign-copied'",
    "COPY effects FROM '/etc/passwd'",
    "COPY orders TO PROGRAM 'cat >/dev/null'",
    "COPY effects FROM PROGRAM 'echo x'",
    "LISTEN something",
    "DO $$ BEGIN PERFORM 1; END $$",
    "DO LANGUAGE plpgsql $$ BEGIN INSERT INTO public.effects VALUES ('x'); END $$",
    "CALL no_procedure()",
    "SET ROLE vault",
    "SET LOCAL ROLE vault",
    "SET SESSION ROLE vault",
    "RESET ROLE",
    "SET SESSION AUTHORIZATION gateway",
    "RESET SESSION AUTHORIZATION",
    "SET session_replication_role = replica",
    "SET row_security = off",
    "SET default_transaction_read_only = off",
    "SET standard_conforming_strings = off",
    "SET client_encoding = 'SJIS'",
    "SET NAMES 'LATIN1'",
    "SET work_mem = '4GB'",
    "SET app.user_id = '5'",
    "SELECT set_config('role', 'vault', false)",
    "SELECT pg_catalog.set_config('search_path', 'other', false)",
    "UPDATE pg_settings SET setting = 'vault' WHERE name = 'role'",
    "SELECT lo_create(0)",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/countersign-exported')",
    "SELECT lo_unlink(1)",
    "SELECT pg_advisory_lock(1)",
    "SELECT nextval('no_sequence')",
    "SELECT pg_sleep(0)",
    "SELECT pg_read_file('pg_hba.conf')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_reload_conf()",
    "SELECT query_to_xml('SELECT email FROM customers', true, true, '')",
    "SELECT table_to_xml('customers', true, true, '')",
    "SELECT dblink('x', 'y')",
    "SELECT leaves_an_effect('x')",
    "SELECT says_it_is_pure('x')",
    "EXPLAIN SELECT says_it_is_pure('x')",
    "EXPLAIN ANALYZE SELECT leaves_an_effect('x')",
    "PREPARE TRANSACTION 'x'",
    "EXECUTE no_statement",
    "FETCH ALL FROM no_cursor",
    "ALTER SYSTEM SET work_mem = '4GB'",
    "ALTER ROLE gateway SET search_path = other",
    "CREATE EXTENSION plpgsql",
    "LOAD 'auto_explain'",
    "CREATE TEMP TABLE orders (id int)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SELECT pg_create_logical_replication_slot('s', 'test_decoding')",
];

#[tokio::test]
async fn a_denial_tells_the_rule_and_the_version_that_decided() {
    let rules = r#"@id("no-orders") @title("orders are nobody's to drop")
        forbid (principal, action in Action::"destroy", resource == Table::"bank/public.orders");"#;
    let (_bank, gateway) = serve(Bank::open().await, |site| site.with_rules(rules)).await;
    let mut wire = session(&gateway, "bank").await;
    let refused = wire.query("DROP TABLE orders").await.refused_with("ZC001");
    let detail = refused.field('D');
    assert!(detail.starts_with("decided by `no-orders` (orders are nobody's to drop), policy "), "{detail}");
    let refused = wire.query("SELECT leaves_an_effect('x')").await.refused_with("ZC001");
    assert!(refused.field('D').starts_with("decided by no rule, policy "), "{refused}");
    let told = gateway.site.log().of_kind("started").pop().expect("it started").text("policy").to_owned();
    assert!(told.starts_with(detail.rsplit(' ').next().expect("a version")), "{told} {detail}");
}

#[tokio::test]
async fn each_is_refused_by_either_protocol_and_the_session_goes_on() {
    let (bank, gateway) = open().await;
    let before = bank.everything().await;
    for target in ["bank", "training"] {
        let mut wire = session(&gateway, target).await;
        for statement in REFUSED {
            for frames in [frame::query(statement), [frame::statement(statement, &[]), frame::sync()].concat()] {
                let (answer, refused) = refused(&mut wire, statement, &frames).await;
                assert_eq!(refused.severity(), "ERROR", "{statement}: {refused}");
                let kinds = answer.kinds();
                assert!(!kinds.contains(['G', 'H', 'W', 'V', 'C']), "{statement}: something came through: {answer}");
                assert_eq!(answer.status(), Some('I'), "{statement}: {answer}");
            }
            assert!(!bank.was_told(statement), "it went upstream: {statement}");
        }
        assert_eq!(wire.query("SELECT note FROM orders WHERE id = 1").await.ok().texts(), ["first"]);
        assert_eq!(wire.query("SELECT current_user").await.ok().texts(), ["gateway"]);
    }
    assert_eq!(bank.everything().await, before);
    assert!(gateway.person("grace").reviews("all").await.is_empty(), "somebody was asked");
    let recorded = gateway.site.log().of_kind("refused").len();
    assert!(recorded >= 2 * REFUSED.len(), "{recorded} refusals are on the record");
    gateway.site.verify(&[]).await.ok();
}

/// A copy that is refused leaves the messages of its data behind: they are passed over.
#[tokio::test]
async fn the_data_of_a_refused_copy_goes_nowhere() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "training").await;
    let data = [frame::message(b'd', b"smuggled\n"), frame::message(b'c', b"")].concat();
    wire.exchange(&[frame::query("COPY nothing FROM STDIN"), data.clone()].concat()).await.refused();
    assert_eq!(wire.query("SELECT 1").await.ok().texts(), ["1"]);
    let failed = [data, frame::message(b'f', b"never mind\0")].concat();
    assert_eq!(wire.exchange(&[failed, frame::query("SELECT 2")].concat()).await.ok().texts(), ["2"]);
    assert!(!bank.was_told("smuggled"));
    assert_eq!(bank.number("SELECT count(*) FROM effects").await, 0);
}

/// A cursor is a way to read what it was declared for, and no way around anything.
#[tokio::test]
async fn a_cursor_shows_no_more_than_its_query() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("BEGIN").await.ok();
    for statement in [
        "DECLARE c CURSOR FOR SELECT email FROM customers WHERE id = 1",
        "FETCH ALL FROM c",
        "MOVE ALL IN c",
        "CLOSE c",
    ] {
        wire.query(statement).await;
        wire.exchange(&[frame::execute("c", 0), frame::sync()].concat()).await;
    }
    wire.query("ROLLBACK").await;
    bank.canaries.assert_silent("a cursor", wire.received());
    wire.query("SELECT 1").await.ok();
    wire.query(&format!("DECLARE c CURSOR WITH HOLD FOR {}", insert("declared"))).await.refused();
    assert_eq!(bank.effects("declared").await, 0);
}

/// Definitions that stand on `orders`, or change what it is.
const ON_ORDERS: [&str; 9] = [
    "CREATE INDEX on_orders ON orders (id)",
    "CREATE TABLE t (a int REFERENCES orders)",
    "CREATE TABLE t (LIKE orders)",
    "CREATE TABLE t () INHERITS (orders)",
    "CREATE VIEW t AS SELECT id FROM orders",
    "CREATE TABLE t AS SELECT id FROM orders",
    "CREATE TRIGGER t AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE t AS ON DELETE TO orders DO INSTEAD NOTHING",
    "ALTER TABLE effects INHERIT orders",
];

#[tokio::test]
async fn a_rule_about_a_table_is_asked_about_what_stands_on_it() {
    let rules = r#"@id("agents-define") permit (principal in Group::"agents",
            action in [Action::"configure", Action::"execute"], resource);
        @id("orders-stay") forbid (principal, action, resource == Table::"training/public.orders");"#;
    let (bank, gateway) = serve(Bank::open().await, |site: Site| site.with_rules(rules)).await;
    let before = bank.everything().await;
    let mut wire = session(&gateway, "training").await;
    for statement in ON_ORDERS {
        let (_, error) = refused(&mut wire, statement, &frame::query(statement)).await;
        assert!(error.words().contains("orders-stay"), "{statement}: {error}");
    }
    assert_eq!(bank.everything().await, before);
    for statement in ON_ORDERS.iter().filter(|statement| !statement.starts_with("ALTER")) {
        wire.query(&statement.replace("orders", "customers")).await.ok();
        bank.as_superuser("DROP TABLE IF EXISTS t").await;
        bank.as_superuser("DROP VIEW IF EXISTS t").await;
    }
}
