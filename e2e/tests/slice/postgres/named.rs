//! What is prepared or declared by SQL and then named: EXECUTE and FETCH are judged as what stands behind the name, and
//! mask what it shows. LISTEN, and what drivers do to bring a session back to how it was.

use e2e::postgres::{Answer, Wire, frame};
use e2e::shop::insert;

use super::{OPEN_HANDED, approved, ask, hold, open, open_bare, session};

/// All cells, row by row.
fn cells(answer: &Answer) -> Vec<String> {
    answer.rows().into_iter().flatten().map(Option::unwrap_or_default).collect()
}

#[tokio::test]
async fn what_is_executed_is_judged_as_what_was_prepared() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("PREPARE one (int) AS SELECT id, note FROM orders WHERE id = $1").await.ok();
    assert_eq!(cells(&wire.query("EXECUTE one (1)").await.ok()), ["1", "first"]);
    assert_eq!(cells(&wire.query("EXECUTE one (1 + 1)").await.ok()), ["2", "second"]);
    wire.query("EXECUTE one (leaves_an_effect('x')::int)").await.refused();
    // Prepared by the protocol, executed by SQL: the server knows both by one name.
    wire.exchange(&[frame::parse("two", "SELECT 'by the protocol'"), frame::sync()].concat()).await.ok();
    assert_eq!(wire.query("EXECUTE two").await.ok().texts(), ["by the protocol"]);
    // What writes is held, and reviewers see what stands behind the name.
    let write = format!("PREPARE w AS {}", insert("by a name"));
    ask(&gateway, &mut wire, &frame::query(&write)).await.ok();
    let held = hold(&gateway, &mut wire, &frame::query("EXECUTE w")).await;
    let shown = gateway.person("grace").review(&held).await.ok();
    let bound = shown["names"].to_string();
    assert!(bound.contains("prepared w") && bound.contains("by a name"), "{shown}");
    approved(&gateway, &mut wire, &held).await.ok();
    assert_eq!(bank.effects("by a name").await, 1);
    // A name that means another statement by now is another action, at once and in a pipeline.
    wire.query("DEALLOCATE one").await.ok();
    ask(&gateway, &mut wire, &frame::query(&format!("PREPARE one AS {}", insert("swapped")))).await.ok();
    let held = hold(&gateway, &mut wire, &frame::query("EXECUTE one")).await;
    gateway.person("grace").reject(&held).await.ok();
    wire.answer().await.refused();
    let swap = [
        frame::statement("DEALLOCATE two", &[]),
        frame::statement("PREPARE two AS SELECT 1", &[]),
        frame::statement("EXECUTE two", &[]),
        frame::sync(),
    ];
    wire.exchange(&swap.concat()).await.refused_with("0A000");
    wire.query("DEALLOCATE two; PREPARE two AS SELECT 1; EXECUTE two").await.refused();
    assert_eq!(bank.effects("swapped").await, 0);
    wire.query("EXECUTE nothing").await.refused();
}

#[tokio::test]
async fn what_a_name_shows_is_masked() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("PREPARE p AS SELECT id, email FROM customers WHERE id = 1").await.ok();
    assert_eq!(cells(&wire.query("EXECUTE p").await.ok()), ["1", "[email]"]);
    wire.query("PREPARE c AS SELECT upper(email) FROM customers WHERE id = 1").await.ok();
    wire.query("EXECUTE c").await.refused();
    wire.query("BEGIN").await.ok();
    wire.query("DECLARE c CURSOR FOR SELECT id, email FROM customers WHERE id < 4 ORDER BY id LIMIT 3").await.ok();
    assert_eq!(cells(&wire.query("FETCH 2 FROM c").await.ok()), ["1", "[email]", "2", "[email]"]);
    let by_protocol = [frame::statement("FETCH 1 FROM c", &[]), frame::sync()].concat();
    assert_eq!(cells(&wire.exchange(&by_protocol).await.ok()), ["3", "[email]"]);
    assert_eq!(wire.query("MOVE ABSOLUTE 1 IN c").await.ok().tags(), ["MOVE 1"]);
    wire.query("CLOSE c").await.ok();
    wire.query("COMMIT").await.ok();
    bank.canaries.assert_silent("a name", wire.received());
}

#[tokio::test]
async fn a_cursor_gives_its_rows_in_parts() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("BEGIN").await.ok();
    wire.query("DECLARE c SCROLL CURSOR FOR SELECT id FROM orders ORDER BY id").await.ok();
    assert_eq!(wire.query("FETCH FORWARD 2 FROM c").await.ok().texts(), ["1", "2"]);
    assert_eq!(wire.query("FETCH ALL FROM c").await.ok().texts(), ["3"]);
    assert_eq!(wire.query("FETCH FIRST FROM c").await.ok().texts(), ["1"]);
    wire.query("ROLLBACK").await.ok();
    let text = "BEGIN; DECLARE d CURSOR FOR SELECT id FROM orders ORDER BY id; FETCH 1 FROM d; COMMIT";
    assert_eq!(wire.query(text).await.ok().texts(), ["1"]);
    wire.query("FETCH ALL FROM d").await.refused();
}

#[tokio::test]
async fn notifications_come_where_nothing_is_hidden() {
    let (bank, gateway) = open_bare(OPEN_HANDED).await;
    let mut wire = session(&gateway, "bare").await;
    wire.query("LISTEN news").await.ok();
    bank.execute("NOTIFY news, 'while nothing runs'").await;
    let message = wire.until(b'A').await;
    assert!(format!("{message}").contains("while nothing runs"), "{message}");
    wire.query("NOTIFY news, 'its own'").await.ok();
    wire.query("UNLISTEN *").await.ok();
    bank.execute("NOTIFY news, 'nobody hears'").await;
    let after = wire.query("SELECT 1").await.ok();
    assert!(!after.kinds().contains('A'), "{after}");
    let mut masked: Wire = session(&gateway, "training").await;
    masked.query("LISTEN news").await.refused_with("0A000");
}

#[tokio::test]
async fn a_session_is_brought_back_to_how_it_was() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("SET search_path = pg_catalog").await.ok();
    wire.query("PREPARE p AS SELECT 1").await.ok();
    wire.query("RESET ALL").await.ok();
    assert_eq!(wire.query("SHOW search_path").await.ok().texts(), ["\"$user\", public"]);
    wire.query("SET search_path = pg_catalog").await.ok();
    wire.query("DISCARD ALL").await.ok();
    assert_eq!(wire.query("SHOW search_path").await.ok().texts(), ["\"$user\", public"]);
    wire.query("EXECUTE p").await.refused();
    assert_eq!(wire.query("SELECT id FROM orders WHERE id = 1").await.ok().texts(), ["1"]);
    wire.query("CLOSE ALL; UNLISTEN *; RESET ALL").await.ok();
}

/// Run by the protocol what was prepared by SQL under a name that the protocol had given.
#[tokio::test]
async fn a_name_of_the_protocol_that_sql_gave_to_another_statement_is_gone() {
    let (bank, gateway) = open().await;
    let bind = [frame::bind("", "p", &[]), frame::execute("", 0), frame::sync()].concat();
    for (target, other) in [
        ("bank", "PREPARE p AS SELECT email || '' FROM customers WHERE id = 1"),
        ("training", "PREPARE p AS DELETE FROM orders WHERE id = 1"),
    ] {
        for dropped in ["DEALLOCATE p", "DISCARD ALL"] {
            let mut wire = session(&gateway, target).await;
            wire.exchange(&[frame::parse("p", "SELECT 1"), frame::sync()].concat()).await.ok();
            assert_eq!(wire.exchange(&bind).await.ok().texts(), ["1"]);
            wire.query(dropped).await.ok();
            wire.query(other).await.ok();
            wire.exchange(&bind).await.refused_with("26000");
            wire.query("DEALLOCATE ALL").await.ok();
            wire.exchange(&[frame::parse("p", "SELECT 2"), frame::sync()].concat()).await.ok();
            assert_eq!(wire.exchange(&bind).await.ok().texts(), ["2"]);
            bank.canaries.assert_silent(other, wire.received());
        }
    }
    assert_eq!(bank.number("SELECT count(*) FROM orders").await, 3);
}

/// What code did is noticed like what SQL did: the server is asked once anything but plain reads has run.
#[tokio::test]
async fn a_name_of_the_protocol_that_code_gave_to_another_statement_is_gone() {
    let (bank, gateway) = open_bare(OPEN_HANDED).await;
    bank.execute(
        "CREATE FUNCTION swaps() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
            EXECUTE 'DEALLOCATE p'; EXECUTE 'PREPARE p AS DELETE FROM orders'; RETURN 1; END $$",
    )
    .await;
    let mut wire = session(&gateway, "bare").await;
    wire.exchange(&[frame::parse("p", "SELECT 1"), frame::sync()].concat()).await.ok();
    wire.query("SELECT swaps()").await.ok();
    let bind = [frame::bind("", "p", &[]), frame::execute("", 0), frame::sync()].concat();
    wire.exchange(&bind).await.refused_with("26000");
    assert_eq!(bank.number("SELECT count(*) FROM orders").await, 3);
}

/// A name is asked for whenever it is used, and not taken from an earlier answer; nor within a pipeline that changes it.
#[tokio::test]
async fn what_is_executed_is_never_judged_by_a_text_of_before() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.exchange(&[frame::parse("p", "SELECT 1"), frame::sync()].concat()).await.ok();
    assert_eq!(wire.query("EXECUTE p").await.ok().texts(), ["1"]);
    let swap = [frame::close(b'S', "p"), frame::parse("p", &insert("unseen")), frame::parse("q", "EXECUTE p")];
    wire.exchange(&[swap.concat(), frame::sync()].concat()).await.refused_with("0A000");
    let swap = [frame::close(b'S', "p"), frame::parse("p", &insert("unseen")), frame::sync()];
    wire.exchange(&swap.concat()).await.ok();
    let held = hold(&gateway, &mut wire, &frame::query("EXECUTE p")).await;
    gateway.person("grace").reject(&held).await.ok();
    wire.answer().await.refused();
    assert_eq!(bank.effects("unseen").await, 0);
}

/// Names behind what ends a transaction, drops or renames are not what they were, nor are functions behind a moved path.
#[tokio::test]
async fn names_behind_what_takes_names_back_are_unknown() {
    let rules = r#"@id("all") permit (principal in Group::"agents",
        action in [Action::"connect", Action::"read", Action::"write", Action::"configure", Action::"export"], resource);
        @id("kept") forbid (principal, action, resource == Table::"bare/public.effects");"#;
    let (bank, gateway) = open_bare(rules).await;
    bank.execute("CREATE SCHEMA demo; CREATE TABLE demo.effects (key text); INSERT INTO effects VALUES ('kept')").await;
    bank.execute(
        "CREATE FUNCTION demo.lower(text) RETURNS text LANGUAGE sql AS 'DELETE FROM public.orders; SELECT $1'",
    )
    .await;
    for behind in ["ROLLBACK", "COMMIT", "ROLLBACK TO s"] {
        let mut wire = session(&gateway, "bare").await;
        wire.query("BEGIN").await.ok();
        wire.query("SAVEPOINT s").await.ok();
        wire.query("SET LOCAL search_path = demo, public").await.ok();
        assert!(wire.query("SELECT key FROM effects").await.ok().texts().is_empty());
        wire.query(&format!("{behind}; SELECT key FROM effects")).await.refused();
    }
    let mut wire = session(&gateway, "bare").await;
    wire.query("CREATE TEMP TABLE effects (key text)").await.ok();
    wire.query("DROP TABLE pg_temp.effects; SELECT key FROM effects").await.refused();
    wire.query("SET search_path = demo, pg_catalog; SELECT lower('X')").await.refused();
    assert_eq!(bank.number("SELECT count(*) FROM orders").await, 3);
    // Nothing was taken back here.
    let texts =
        wire.query("BEGIN; SELECT id FROM orders WHERE id = 1; COMMIT; SELECT id FROM orders WHERE id = 2").await;
    assert_eq!(texts.ok().texts(), ["1", "2"]);
}
