//! Sensitive values that no column declares: they are found by what they are, on every path out, and masked for whoever may
//! not see their class. Everything else goes as it came.

use e2e::postgres::frame::{self, Values};
use e2e::postgres::{Answer, Bank, Wire};
use e2e::{Gateway, Site, until};

use super::{OPEN_HANDED, ask, open_bare, serve_bare, session};

const EMAIL: &str = "zoe.canary@example.com";
const CARD: &str = "4111111111111111";
const IBAN: &str = "DE89370400440532013000";

/// A table without classes that holds sensitive values all the same.
async fn bank_with_notes() -> Bank {
    let bank = Bank::open().await;
    let made = format!(
        "CREATE TABLE notes (id int PRIMARY KEY, body text UNIQUE, number bigint, amount numeric, doc jsonb,
             born date, mobile text, tags text[], raw bytea);
         INSERT INTO notes VALUES
             (1, 'write to {EMAIL} about {IBAN}', {CARD}, {CARD}, '{{\"to\": \"{EMAIL}\", \"card\": {CARD}}}',
              '1980-03-12', '2125550123', ARRAY['a', '{EMAIL}'], '{EMAIL}'),
             (2, 'nothing of interest', 42, 12.5, '{{\"n\": 1}}', NULL, NULL, ARRAY['a'], 'abc');
         GRANT ALL ON notes TO PUBLIC;"
    );
    bank.as_superuser(&made).await.ok();
    bank
}

async fn open() -> (Bank, Gateway) {
    serve_bare(bank_with_notes().await, "", OPEN_HANDED).await
}

fn assert_hidden(what: &str, bytes: &[u8]) {
    for canary in [EMAIL, CARD, IBAN, "2125550123"] {
        let seen = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
        assert!(!seen, "{what} shows {canary}: {}", String::from_utf8_lossy(bytes));
    }
    let binary = 4_111_111_111_111_111_i64.to_be_bytes();
    assert!(!bytes.windows(8).any(|window| window == binary), "{what} shows the card's number");
}

fn in_binary(sql: &str) -> Vec<u8> {
    let values = Values { values: &[], formats: &[], results: &[1] };
    let bound = frame::bind_as("", "", &values);
    [frame::parse("", sql), bound, frame::describe(b'P', ""), frame::execute("", 0), frame::sync()].concat()
}

fn copied(answer: &Answer) -> String {
    let rows = answer.messages.iter().filter(|message| message.kind == b'd');
    rows.map(|row| String::from_utf8_lossy(&row.body).into_owned()).collect()
}

#[tokio::test]
async fn what_is_found_in_a_row_is_masked_and_the_rest_is_as_it_was() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bare").await;
    let sql = "SELECT id, body, number, amount, doc, born, mobile, tags FROM notes ORDER BY id";
    let answer = wire.query(sql).await.ok();
    let text = |text: &str| Some(text.to_owned());
    let first = [
        text("1"),
        text("write to [email] about [iban]"),
        None,
        None,
        text(r#"{"to": "[email]", "card": "[card]"}"#),
        None,
        text("[phone]"),
        text("{a,[email]}"),
    ];
    assert_eq!(answer.rows()[0], first);
    let second = ["2", "nothing of interest", "42", "12.5", r#"{"n": 1}"#];
    assert_eq!(answer.rows()[1][..5], second.map(text));
    let extended = [frame::statement(sql, &[]), frame::sync()].concat();
    assert_eq!(wire.exchange(&extended).await.ok().rows(), answer.rows());
    let binary = wire.exchange(&in_binary(sql)).await.ok().cells();
    assert_eq!(binary[0][1].as_deref(), Some(b"write to [email] about [iban]".as_slice()));
    assert_eq!(binary[1][2].as_deref(), Some(42_i64.to_be_bytes().as_slice()));
    // A date, an array and a number in binary carry no text.
    assert_eq!([&binary[0][2], &binary[0][3], &binary[0][5], &binary[0][7]], [&None; 4]);
    assert_hidden("a row", wire.received());
    let run = until("what was masked is on the record", async || {
        let ends = gateway.site.log().of_kind("run-ended");
        ends.iter().find(|end| end.leaf.get("masked").is_some()).map(|end| end.opened("masked").clone())
    });
    let run = run.await;
    assert_eq!(run["email"], 3, "{run}");
    assert_eq!(run["phone"], 1, "{run}");
}

#[tokio::test]
async fn a_prepared_statement_is_known_by_its_text_when_nobody_describes_it_again() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bare").await;
    let sql = "SELECT mobile FROM notes WHERE id = 1";
    let prepared = [frame::parse("s", sql), frame::describe(b'S', "s"), frame::sync()].concat();
    wire.exchange(&prepared).await.ok();
    for _ in 0..2 {
        let run = [frame::bind("", "s", &[]), frame::execute("", 0), frame::sync()].concat();
        assert_eq!(wire.exchange(&run).await.ok().texts(), ["[phone]"]);
    }
}

#[tokio::test]
async fn what_is_copied_out_is_searched_in_every_form() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bare").await;
    for (form, second) in [("", "2\tnothing of interest\t42"), ("WITH (FORMAT csv)", "2,nothing of interest,42")] {
        let sql = format!("COPY (SELECT id, body, number FROM notes ORDER BY id) TO STDOUT {form}");
        for frames in [frame::query(&sql), [frame::statement(&sql, &[]), frame::sync()].concat()] {
            let rows = copied(&wire.exchange(&frames).await.ok());
            assert!(rows.contains("write to [email] about [iban]"), "{rows}");
            assert!(rows.contains("[card]") && rows.contains(second), "{rows}");
        }
    }
    let binary = wire.query("COPY (SELECT id, body, raw FROM notes ORDER BY id) TO STDOUT (FORMAT binary)").await.ok();
    let rows = copied(&binary);
    assert!(
        rows.starts_with("PGCOPY\n") && rows.contains("write to [email]") && rows.contains("nothing of"),
        "{rows:?}"
    );
    assert_hidden("a copy", wire.received());
}

#[tokio::test]
async fn errors_and_notifications_carry_no_value() {
    let (_bank, gateway) = open().await;
    let mut wire = session(&gateway, "bare").await;
    let twice = format!("INSERT INTO notes (id, body) VALUES (3, 'write to {EMAIL} about {IBAN}')");
    let error = ask(&gateway, &mut wire, &frame::query(&twice)).await.refused_with("23505");
    assert!(error.field('D').contains("[email]"), "{error:?}");
    wire.query("SELECT body::int FROM notes WHERE id = 1").await.refused_with("22P02");
    wire.query("LISTEN told").await.ok();
    wire.query(&format!("NOTIFY told, 'ask {EMAIL}'")).await;
    assert_hidden("words of the server", wire.received());
}

#[tokio::test]
async fn a_masked_value_is_not_stored_over_the_value() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bare").await;
    let update = "UPDATE notes SET body = 'write to [email]' WHERE id = 1";
    let error = wire.query(update).await.refused_with("ZC001");
    assert!(error.words().contains("storing [email]"), "{error:?}");
    let bound = frame::statement("UPDATE notes SET mobile = $1 WHERE id = 1", &[Some("[phone]")]);
    wire.exchange(&[bound, frame::sync()].concat()).await.refused_with("ZC001");
    let answer = wire.query("UPDATE notes SET body = 'see [1] and [other]' WHERE id = 2").await.ok();
    assert_eq!(answer.tags(), ["UPDATE 1"]);
    assert_eq!(bank.texts("SELECT mobile FROM notes WHERE id = 1").await, ["2125550123"]);
}

#[tokio::test]
async fn who_may_see_a_class_sees_it_wherever_it_stands() {
    let bank = bank_with_notes().await;
    let rules = format!(
        "{OPEN_HANDED}\n@id(\"agents-see-emails\") permit (principal in Group::\"agents\", action == Action::\"reveal\", \
         resource == DataClass::\"email\");"
    );
    let (_bank, gateway) = serve_bare(bank, "", &rules).await;
    let mut wire = session(&gateway, "bare").await;
    let answer = wire.query("SELECT body FROM notes WHERE id = 1").await.ok();
    assert_eq!(answer.texts(), [format!("write to {EMAIL} about [iban]")]);
}

#[tokio::test]
async fn a_target_says_which_classes_are_searched_for() {
    let bank = bank_with_notes().await;
    let (_bank, gateway) = serve_bare(bank, "detect = [\"card\"]", OPEN_HANDED).await;
    let mut wire = session(&gateway, "bare").await;
    let answer = wire.query("SELECT body, number FROM notes WHERE id = 1").await.ok();
    assert_eq!(answer.rows(), [[Some(format!("write to {EMAIL} about {IBAN}")), None]]);
}

#[tokio::test]
async fn a_class_without_a_detector_refuses_the_start() {
    let site = Site::new().await;
    let staging = "labels = { environment = \"staging\" }\n";
    site.replace("countersign.toml", staging, &format!("{staging}detect = [\"shoe-size\"]\n"));
    let refused = site.check().await;
    assert!(refused.code != 0 && refused.stderr.contains("`detect` names `shoe-size`"), "{}", refused.stderr);
}

/// What one row holds does not depend on how many come.
#[tokio::test]
async fn a_large_result_is_searched_as_it_comes() {
    let (_bank, gateway) = open_bare(OPEN_HANDED).await;
    let mut wire: Wire = session(&gateway, "bare").await;
    let sql = "SELECT g, 'row ' || g || ' of ' || chr(97) || '@example.com' FROM generate_series(1, 20000) g";
    let answer = wire.query(sql).await.ok();
    assert_eq!(answer.rows().len(), 20_000);
    assert!(answer.rows().iter().all(|row| row[1].as_deref().is_some_and(|text| text.ends_with(" of [email]"))));
}
