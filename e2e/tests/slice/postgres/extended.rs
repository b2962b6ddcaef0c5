//! The extended protocol: what stands up to a Sync is decided before any of it is forwarded; a held Execute carries its
//! values; names and portals are those of the server.

use e2e::postgres::frame::{self, Values};
use e2e::postgres::{Answer, Wire};
use e2e::shop::insert;

use super::{approved, hold, open, refused, session};

const WRITE: &str = "INSERT INTO effects (key) VALUES ($1)";

/// One statement up to its Sync.
fn synced(sql: &str, values: &[Option<&str>]) -> Vec<u8> {
    [frame::statement(sql, values), frame::sync()].concat()
}

#[tokio::test]
async fn reads_bind_their_values_in_both_formats() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let answer = wire.exchange(&synced("SELECT id, note FROM orders WHERE id = $1", &[Some("2")])).await.ok();
    assert_eq!(answer.kinds(), "12TDCZ");
    assert_eq!(answer.rows(), [[Some("2".to_owned()), Some("second".to_owned())]]);
    let parse = frame::parse("named", "SELECT id, total, note FROM orders WHERE id = $1 OR note = $2");
    assert_eq!(
        wire.exchange(&[parse, frame::describe(b'S', "named"), frame::sync()].concat()).await.ok().kinds(),
        "1tTZ"
    );
    for id in [1_i32, 2, 3] {
        let number = id.to_be_bytes();
        let values = Values { formats: &[1, 0], values: &[Some(&number), None], results: &[1, 0, 0] };
        let frames = [frame::bind_as("", "named", &values), frame::execute("", 0), frame::sync()].concat();
        let answer = wire.exchange(&frames).await.ok();
        assert_eq!(answer.cells()[0][0], Some(number.to_vec()), "{answer}");
    }
    // Formats: none, one for all, one each; any other count is an error of the client.
    for (formats, fits) in [(&[][..], true), (&[0], true), (&[0, 0], true), (&[0, 0, 0], false), (&[7], false)] {
        let values = Values { formats, values: &[Some(b"1"), Some(b"x")], results: &[] };
        let frames = [frame::bind_as("", "named", &values), frame::execute("", 0), frame::sync()].concat();
        let answer = wire.exchange(&frames).await;
        assert_eq!(answer.error().is_none(), fits, "{formats:?}: {answer}");
    }
    assert!(gateway.person("grace").reviews("all").await.is_empty(), "somebody was asked");
}

#[tokio::test]
async fn names_live_as_long_as_on_the_server() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let run = |name: &str| [frame::bind("", name, &[]), frame::execute("", 0), frame::sync()].concat();
    wire.exchange(&[frame::parse("a", "SELECT 'a'"), frame::sync()].concat()).await.ok();
    assert_eq!(wire.exchange(&run("a")).await.ok().texts(), ["a"]);
    wire.exchange(&[frame::parse("a", "SELECT 'b'"), frame::sync()].concat()).await.refused_with("42P05");
    assert_eq!(wire.exchange(&run("a")).await.ok().texts(), ["a"]);
    wire.exchange(&[frame::close(b'S', "a"), frame::sync()].concat()).await.ok();
    wire.exchange(&run("a")).await.refused_with("26000");
    wire.exchange(&[frame::execute("no portal", 0), frame::sync()].concat()).await.refused_with("34000");
    wire.exchange(&[frame::describe(b'S', "gone"), frame::sync()].concat()).await.refused_with("26000");
    // A simple query takes the unnamed statement away.
    wire.exchange(&[frame::parse("", "SELECT 'unnamed'"), frame::sync()].concat()).await.ok();
    assert_eq!(wire.exchange(&run("")).await.ok().texts(), ["unnamed"]);
    wire.query("SELECT 1").await.ok();
    wire.exchange(&run("")).await.refused_with("26000");
    // Closing what is not there is no error; a Sync alone is answered.
    assert_eq!(wire.exchange(&[frame::close(b'P', "nothing"), frame::sync()].concat()).await.ok().kinds(), "3Z");
    assert_eq!(wire.exchange(&frame::sync()).await.ok().kinds(), "Z");
}

#[tokio::test]
async fn a_portal_is_read_in_pieces() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("BEGIN").await.ok();
    let begin =
        [frame::parse("", "SELECT id FROM orders ORDER BY id"), frame::bind("p", "", &[]), frame::execute("p", 2)];
    let answer = wire.exchange(&[begin.concat(), frame::sync()].concat()).await.ok();
    assert_eq!((answer.kinds().as_str(), answer.texts()), ("12DDsZ", vec!["1".to_owned(), "2".to_owned()]));
    let rest = wire.exchange(&[frame::execute("p", 0), frame::sync()].concat()).await.ok();
    assert_eq!((rest.kinds().as_str(), rest.texts()), ("DCZ", vec!["3".to_owned()]));
    wire.query("COMMIT").await.ok();
    wire.exchange(&[frame::execute("p", 0), frame::sync()].concat()).await.refused_with("34000");
}

#[tokio::test]
async fn a_client_that_flushes_is_answered_before_its_sync() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let parse = frame::parse("", "SELECT note FROM orders WHERE id = $1");
    wire.send(&[parse, frame::describe(b'S', ""), frame::flush()].concat()).await;
    assert_eq!(wire.until(b'T').await.kinds(), "1tT");
    wire.send(&[frame::bind("", "", &[Some("1")]), frame::execute("", 0), frame::flush()].concat()).await;
    assert_eq!(wire.until(b'C').await.kinds(), "2DC");
    assert_eq!(wire.exchange(&frame::sync()).await.ok().kinds(), "Z");
}

#[tokio::test]
async fn after_an_error_everything_up_to_the_sync_is_passed_over() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "training").await;
    for bad in
        [frame::parse("", "SELEC 1"), frame::parse("", "SELECT nothing FROM orders"), frame::bind("", "gone", &[])]
    {
        let frames = [bad, frame::statement(WRITE, &[Some("passed over")]), frame::sync()].concat();
        let answer = wire.exchange(&frames).await;
        answer.refused();
        assert_eq!(answer.kinds().matches('E').count(), 1, "one error for all: {answer}");
        wire.exchange(&synced("SELECT 1", &[])).await.ok();
    }
    assert_eq!(bank.effects("passed over").await, 0);
    wire.exchange(&synced(WRITE, &[Some("lawful")])).await.ok();
    assert_eq!(bank.effects("lawful").await, 1);
}

#[tokio::test]
async fn a_pipeline_with_one_denied_statement_runs_none_of_it() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "training").await;
    let before = bank.everything().await;
    for denied in ["CREATE TABLE more (id int)", "SELECT public.leaves_an_effect('x')", "SET ROLE vault", "VACUUM"] {
        let (write, denied) = (frame::statement(WRITE, &[Some("in a pipeline")]), frame::statement(denied, &[]));
        for frames in [
            [write.clone(), denied.clone()].concat(),
            [denied.clone(), write.clone()].concat(),
            [write.clone(), write.clone(), denied.clone(), write.clone()].concat(),
            [write.clone(), frame::parse("", "CREATE TABLE more (id int)")].concat(),
        ] {
            let answer = wire.exchange(&[frames, frame::sync()].concat()).await;
            answer.refused();
            assert!(answer.tags().is_empty(), "{answer}");
            assert_eq!(answer.status(), Some('I'));
        }
    }
    assert_eq!(bank.everything().await, before);
    let write = frame::statement(WRITE, &[Some("lawful")]);
    wire.exchange(&[write.clone(), write, frame::sync()].concat()).await.ok();
    assert_eq!(bank.effects("lawful").await, 2);
}

#[tokio::test]
async fn a_held_execute_runs_with_the_values_that_were_shown() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &synced(WRITE, &[Some("the bound value")])).await;
    let shown = gateway.person("grace").review(&held).await.ok();
    assert_eq!(shown["statement"], WRITE, "{shown}");
    assert!(shown.to_string().contains("the bound value"), "the value is not shown: {shown}");
    assert!(!bank.was_told("the bound value") && !bank.was_told(WRITE), "a part of it went upstream");
    let answer = approved(&gateway, &mut wire, &held).await.ok();
    assert_eq!((answer.kinds().as_str(), answer.tags()), ("12nCZ", vec!["INSERT 0 1".to_owned()]));
    assert_eq!((bank.effects("the bound value").await, gateway.person("grace").reviews("all").await.len()), (1, 1));
}

#[tokio::test]
async fn the_same_text_with_other_values_is_another_review() {
    let (bank, gateway) = open().await;
    let mut reviews = Vec::new();
    for value in [Some("one"), Some("two"), Some("one "), None, Some("one")] {
        let mut wire = session(&gateway, "bank").await;
        let held = hold(&gateway, &mut wire, &synced(WRITE, &[value])).await;
        drop(wire);
        gateway.until_nobody_presents(&held).await;
        reviews.push(held.review);
    }
    assert_eq!(reviews[4], reviews[0], "the same values attach");
    assert!((1..4).all(|at| !reviews[..at].contains(&reviews[at])), "{reviews:?}");
    let simple = hold(&gateway, &mut session(&gateway, "bank").await, &frame::query(&insert("one"))).await;
    assert!(!reviews.contains(&simple.review), "another text is another action");
    assert_eq!(bank.number("SELECT count(*) FROM effects").await, 0);
}

/// Most drivers prepare first and run afterwards: one action, one review.
#[tokio::test]
async fn a_statement_prepared_before_is_held_when_it_runs_and_not_before() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let prepare = [frame::parse("s1", WRITE), frame::describe(b'S', "s1"), frame::sync()].concat();
    assert_eq!(wire.exchange(&prepare).await.ok().kinds(), "1tnZ");
    assert!(gateway.person("grace").reviews("all").await.is_empty(), "asked for a statement that does not run");
    for value in ["prepared once", "run twice"] {
        let run = [frame::bind("", "s1", &[Some(value)]), frame::execute("", 0), frame::sync()].concat();
        let held = hold(&gateway, &mut wire, &run).await;
        assert_eq!(approved(&gateway, &mut wire, &held).await.ok().tags(), ["INSERT 0 1"]);
        assert_eq!(bank.effects(value).await, 1);
    }
    assert_eq!(gateway.person("grace").reviews("all").await.len(), 2);
}

#[tokio::test]
async fn a_rejected_execute_ends_at_its_sync_and_the_statement_stays() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.exchange(&[frame::parse("s1", WRITE), frame::sync()].concat()).await.ok();
    let run = [frame::bind("", "s1", &[Some("rejected")]), frame::execute("", 0), frame::sync()].concat();
    let held = hold(&gateway, &mut wire, &run).await;
    gateway.person("grace").reject(&held).await.ok();
    let answer = wire.answer().await;
    answer.refused_with("ZC002");
    assert_eq!(answer.status(), Some('I'));
    let again = [frame::bind("", "s1", &[Some("then approved")]), frame::execute("", 0), frame::sync()].concat();
    let held = hold(&gateway, &mut wire, &again).await;
    approved(&gateway, &mut wire, &held).await.ok();
    assert_eq!((bank.effects("rejected").await, bank.effects("then approved").await), (0, 1));
}

/// The words of a refusal, without what differs from one statement to the next anyway.
fn words(answer: &Answer) -> String {
    answer.refused().words()
}

#[tokio::test]
async fn the_parse_of_a_denied_statement_leaks_nothing_and_leaves_nothing() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let parse = |sql: &str| [frame::parse("d", sql), frame::describe(b'S', "d"), frame::sync()].concat();
    let pairs = [
        ("SELECT no_function(email) FROM customers", "SELECT no_function(nothing) FROM customers"),
        ("SELECT no_function(1) FROM orders WHERE total = 'x'", "SELECT no_function(1) FROM orders WHERE note = 'x'"),
        ("CREATE TABLE customers (id int)", "CREATE TABLE nobody (id int)"),
        ("GRANT ALL ON locked_away TO gateway", "GRANT ALL ON locked_astray TO gateway"),
    ];
    for (there, not_there) in pairs {
        let (one, other) = (wire.exchange(&parse(there)).await, wire.exchange(&parse(not_there)).await);
        let answers = [&one, &other].map(|answer| {
            assert_eq!(answer.kinds(), "EZ", "{answer}");
            assert_eq!(answer.refused().sqlstate(), "ZC001", "{answer}");
            words(answer).replace("locked_astray", "locked_away").replace("nobody", "customers")
        });
        assert_eq!(answers[0], answers[1], "the words tell what is there");
        assert!(!bank.was_told(there) && !bank.was_told(not_there), "it went upstream");
        let bound = [frame::bind("", "d", &[]), frame::execute("", 0), frame::sync()].concat();
        wire.exchange(&bound).await.refused_with("26000");
        wire.query("EXECUTE d").await.refused();
    }
    wire.exchange(&[frame::parse("d", "SELECT 1"), frame::sync()].concat()).await.ok();
}

#[tokio::test]
async fn a_statement_prepared_before_its_agent_was_revoked_does_not_run() {
    let (_bank, gateway) = open().await;
    let mut wire = Wire::open(&gateway.login("clerk", "bank")).await;
    wire.exchange(&[frame::parse("r", "SELECT id FROM orders"), frame::sync()].concat()).await.ok();
    let run = [frame::bind("", "r", &[]), frame::execute("", 0), frame::sync()].concat();
    assert_eq!(wire.exchange(&run).await.ok().rows().len(), 3);
    gateway.revoke("clerk").await;
    let answer = wire.exchange(&run).await;
    assert!(answer.cells().is_empty() && (answer.closed || answer.error().is_some()), "{answer}");
}

/// PostgreSQL cuts names at 63 bytes: two that begin alike are one to it, and must not be two to the gateway.
#[tokio::test]
async fn names_that_the_server_would_cut_are_refused() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let [harmless, other] = ["a", "b"].map(|end| "n".repeat(63) + end);
    let (answer, error) =
        refused(&mut wire, "a long name", &[frame::parse(&harmless, "SELECT 1"), frame::sync()].concat()).await;
    assert_eq!(error.sqlstate(), "42622", "{answer}");
    for frames in [
        frame::close(b'S', &other),
        frame::parse(&other, "DELETE FROM orders WHERE id = 1"),
        [frame::bind("", &harmless, &[]), frame::execute("", 0)].concat(),
        [frame::parse("", "SELECT 1"), frame::bind(&other, "", &[])].concat(),
        frame::describe(b'S', &harmless),
    ] {
        let (answer, error) = refused(&mut wire, "a long name", &[frames, frame::sync()].concat()).await;
        assert_eq!(error.sqlstate(), "42622", "{answer}");
    }
    // One that it keeps whole is none of its affair.
    let longest = "n".repeat(63);
    let kept =
        [frame::parse(&longest, "SELECT 7"), frame::bind("", &longest, &[]), frame::execute("", 0), frame::sync()];
    wire.send(&kept.concat()).await;
    assert_eq!(wire.answer().await.ok().texts(), ["7"]);
    assert_eq!(bank.number("SELECT count(*) FROM orders").await, 3);
}
