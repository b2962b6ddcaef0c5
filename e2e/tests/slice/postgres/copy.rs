//! COPY through the gateway: rows go through as they are, either way and by either protocol; they are counted, held where
//! policy says so, and nothing of a copy is kept that was not ended.

use e2e::postgres::{Answer, Bank, Psql, Wire, frame, psql};
use e2e::{Gateway, until};

use super::{OPEN_HANDED, hold, open, open_bare, session};

/// The rows of what was copied out, as they came.
fn copied(answer: &Answer) -> String {
    let rows = answer.messages.iter().filter(|message| message.kind == b'd');
    rows.map(|row| String::from_utf8_lossy(&row.body).into_owned()).collect()
}

fn data(rows: &str) -> Vec<u8> {
    frame::message(b'd', rows.as_bytes())
}

fn done() -> Vec<u8> {
    frame::message(b'c', b"")
}

/// A statement by the extended protocol, up to its Sync.
fn extended(sql: &str) -> Vec<u8> {
    [frame::statement(sql, &[]), frame::sync()].concat()
}

/// The newest run on the record that ended so: its rows.
fn rows_of_run(gateway: &Gateway, end: &str, detail: &str) -> Option<u64> {
    let ends = gateway.site.log().of_kind("run-ended");
    let mut ends = ends.iter().rev();
    let found = ends.find(|record| record.text("end") == end && record.opened("detail") == detail)?;
    found.leaf.get("rows").and_then(serde_json::Value::as_u64)
}

const OUT: [&str; 4] = [
    "COPY orders TO STDOUT",
    "COPY orders (id, note) TO STDOUT WITH (FORMAT csv, HEADER)",
    "COPY (SELECT id, total FROM orders WHERE id < 3 ORDER BY id) TO STDOUT",
    "COPY orders TO STDOUT (FORMAT binary)",
];

#[tokio::test]
async fn what_is_copied_out_is_what_the_server_says_and_is_counted() {
    let (bank, gateway) = open_bare(OPEN_HANDED).await;
    let (mut direct, mut wire) = (bank.direct().await, session(&gateway, "bare").await);
    for sql in OUT {
        for frames in [frame::query(sql), extended(sql)] {
            let (expected, answer) = (direct.exchange(&frames).await.ok(), wire.exchange(&frames).await.ok());
            assert_eq!(answer.kinds(), expected.kinds(), "{sql}");
            let bodies = |answer: &Answer| answer.messages.iter().map(|said| said.body.clone()).collect::<Vec<_>>();
            assert_eq!(bodies(&answer), bodies(&expected), "{sql}");
        }
    }
    assert_eq!(rows_of_run(&gateway, "succeeded", "COPY 3"), Some(3));
    assert_eq!(
        wire.query("SELECT 1; COPY orders TO STDOUT; SELECT 2").await.ok().tags(),
        ["SELECT 1", "COPY 3", "SELECT 1"]
    );
}

#[tokio::test]
async fn what_is_copied_in_is_there_by_either_protocol_and_however_it_is_cut() {
    for target in ["bare", "training"] {
        let (bank, gateway) = open_bare(OPEN_HANDED).await;
        copies_in(&bank, &gateway, target).await;
    }
}

async fn copies_in(bank: &Bank, gateway: &Gateway, target: &str) {
    let mut wire = session(gateway, target).await;
    let copy = "COPY effects FROM STDIN";
    wire.send(&frame::query(copy)).await;
    assert_eq!(wire.until(b'G').await.kinds(), "G");
    wire.send(&[data("a\nb"), data("\nc\n"), done(), frame::query("SELECT 'next'")].concat()).await;
    assert_eq!(wire.answer().await.ok().tags(), ["COPY 3"]);
    assert_eq!(wire.answer().await.ok().texts(), ["next"], "what stood behind the rows");
    // Drivers end such a pipeline twice: the first Sync stands before the rows, and counts for nothing.
    wire.send(&extended(copy)).await;
    let begun = wire.until(b'G').await;
    assert!(!begun.kinds().contains('Z'), "{begun}");
    wire.send(&[data("d\n"), frame::flush(), done(), frame::sync()].concat()).await;
    let answer = wire.answer().await.ok();
    assert_eq!((answer.tags(), answer.status()), (vec!["COPY 1".to_owned()], Some('I')));
    // All in one go, and by Flush.
    let whole = [extended(copy), data("e\n"), done(), frame::sync()].concat();
    assert_eq!(wire.exchange(&whole).await.ok().tags(), ["COPY 1"]);
    wire.send(&[frame::statement(copy, &[]), frame::flush(), data("f\n"), done(), frame::sync()].concat()).await;
    assert_eq!(wire.answer().await.ok().tags(), ["COPY 1"]);
    assert_eq!(wire.query("SELECT 'in step'").await.ok().texts(), ["in step"]);
    assert_eq!(bank.texts("SELECT key FROM effects ORDER BY key").await, ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(rows_of_run(gateway, "succeeded", "COPY 3"), Some(3));
}

#[tokio::test]
async fn of_a_copy_that_fails_or_is_given_up_nothing_is_kept() {
    for target in ["bare", "training"] {
        let (bank, gateway) = open_bare(OPEN_HANDED).await;
        keeps_nothing(&bank, &gateway, target).await;
    }
}

async fn keeps_nothing(bank: &Bank, gateway: &Gateway, target: &str) {
    let mut wire = session(gateway, target).await;
    let copy = "COPY orders (id, customer, total) FROM STDIN";
    let bad = [data("90\t1\t1\n"), data("91\tone\t1\n"), done()].concat();
    for (frames, more) in [(frame::query(copy), Vec::new()), (extended(copy), frame::sync())] {
        wire.send(&[frames.clone(), bad.clone(), more.clone()].concat()).await;
        wire.answer().await.refused();
        let given_up = [frames, data("92\t1\t1\n"), frame::message(b'f', b"never mind\0"), more].concat();
        wire.send(&given_up).await;
        wire.answer().await.refused();
        assert_eq!(wire.query("SELECT 'in step'").await.ok().texts(), ["in step"]);
    }
    // In a transaction, as the server has it.
    wire.query("BEGIN").await.ok();
    wire.send(&[frame::query(copy), data("93\t1\t1\n"), done()].concat()).await;
    assert_eq!(wire.answer().await.ok().status(), Some('T'));
    wire.query("ROLLBACK").await.ok();
    assert_eq!(bank.number("SELECT count(*) FROM orders WHERE id >= 90").await, 0);
    assert!(rows_of_run(gateway, "failed", "22P02").is_some());
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_leaves_nothing_behind() {
    let (bank, gateway) = open().await;
    for (key, farewell) in [("silent", Vec::new()), ("polite", frame::terminate())] {
        let mut wire = session(&gateway, "training").await;
        wire.send(&frame::query("COPY effects FROM STDIN")).await;
        wire.until(b'G').await;
        wire.send(&[data(&format!("{key}\n")), farewell].concat()).await;
        wire.hang_up().await;
    }
    let failed = async || {
        let ends = gateway.site.log().of_kind("run-ended");
        (ends.iter().filter(|end| end.text("end") == "failed").count() == 2).then_some(())
    };
    until("both runs failed", failed).await;
    // A message that has no place there ends the session.
    let mut wire = session(&gateway, "training").await;
    wire.send(&frame::query("COPY effects FROM STDIN")).await;
    wire.until(b'G').await;
    wire.send(&[data("rude\n"), frame::query("SELECT 1")].concat()).await;
    let said = wire.closed().await;
    assert!(said.iter().any(|message| message.kind == b'E'), "{said:?}");
    bank.until_left().await;
    assert_eq!(bank.number("SELECT count(*) FROM effects").await, 0);
}

#[tokio::test]
async fn a_copy_in_is_held_like_any_write_and_then_takes_its_rows() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query("COPY effects FROM STDIN")).await;
    let shown = gateway.person("grace").review(&held).await.ok();
    assert!(shown["not_bound"].as_str().is_some_and(|text| text.contains("COPY")), "{shown}");
    gateway.person("grace").approve(&held).await.ok();
    wire.until(b'G').await;
    wire.send(&[data("held\n"), done()].concat()).await;
    assert_eq!(wire.answer().await.ok().tags(), ["COPY 1"]);
    assert_eq!(bank.effects("held").await, 1);
    // Where something is hidden, nothing in its answer would say which table the rows of a COPY are of.
    wire.query("COPY orders TO STDOUT").await.refused_with("0A000");
}

#[tokio::test]
async fn a_copy_waits_for_no_other_statement_of_its_pipeline() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "training").await;
    let two = [
        frame::statement("INSERT INTO effects VALUES ('first')", &[]),
        frame::statement("COPY effects FROM STDIN", &[]),
        frame::sync(),
    ];
    wire.exchange(&two.concat()).await.refused_with("0A000");
    assert_eq!(bank.number("SELECT count(*) FROM effects").await, 0);
}

/// The statement fails before it reads a row: the Sync that stood before the rows is the one that counts.
#[tokio::test]
async fn a_copy_that_fails_before_its_first_row_is_answered() {
    let (bank, gateway) = open_bare(OPEN_HANDED).await;
    bank.execute(
        "CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'never'; END $$;
         CREATE TRIGGER never BEFORE INSERT ON effects EXECUTE FUNCTION never()",
    )
    .await;
    for target in ["bare", "training"] {
        let mut wire = session(&gateway, target).await;
        wire.exchange(&extended("COPY effects FROM STDIN")).await.refused();
        assert_eq!(wire.query("SELECT 'in step'").await.ok().texts(), ["in step"]);
    }
}

/// More than any buffer holds, both ways, by `psql`.
#[tokio::test]
async fn psql_copies_much_in_and_out_again() {
    let (bank, gateway) = open_bare(OPEN_HANDED).await;
    let login = gateway.login("shopkeeper", "bare");
    let mut loader = Psql::open(&login);
    let mut rows = String::new();
    for number in 0..ROWS {
        rows.push_str(&format!("{number} {}\n", "x".repeat(90)));
    }
    loader.say(&format!("\\copy effects from stdin\n{rows}\\.\n")).await;
    assert_eq!(loader.ended().await.ok().stdout.trim(), format!("COPY {ROWS}"));
    assert_eq!(bank.number("SELECT count(DISTINCT key) FROM effects").await, ROWS);
    let ran = psql::run(&login, "\\copy effects to stdout\n").await.ok();
    assert_eq!(ran.stdout.lines().count(), usize::try_from(ROWS).expect("a count"));
    assert_eq!(ran.stdout.len(), rows.len());
}

/// A reader that takes its time holds up the server, not the gateway's memory.
#[tokio::test]
async fn a_slow_reader_of_a_copy_gets_all_of_it() {
    let (bank, gateway) = open_bare(OPEN_HANDED).await;
    bank.execute("INSERT INTO effects SELECT repeat('y', 1000) || i FROM generate_series(1, 60000) i").await;
    let mut wire: Wire = session(&gateway, "bare").await;
    wire.send(&frame::query("COPY effects TO STDOUT")).await;
    wire.until(b'H').await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let answer = wire.answer().await.ok();
    assert_eq!(copied(&answer).lines().count(), 60_000);
    assert!(resident_kib(gateway.pid()) < 200 << 10, "{} KiB", resident_kib(gateway.pid()));
    drop::<Bank>(bank);
}

fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line of it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

const ROWS: i64 = 100_000;
