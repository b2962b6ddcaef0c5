//! The classifier against the server's own account: statements that run on a scratch database are run there, and what the
//! server says of them (transaction id, changed rows, changed catalogs, locks, settings) is never more than the classifier
//! says. Here are the statements of the corpus; below, those of PostgreSQL's own tests, and made ones. Here alone the
//! product's crates are linked.

mod effects;
mod generated;
mod generator;
mod judge;
mod kin;
mod regress;
mod script;
mod session;

use e2e::postgres::Bank;

use self::effects::WATCH;
use self::judge::{may_do_anything, said};
use self::session::{Outcome, Session, Statement};

/// One case of the corpus.
struct Case {
    name: String,
    text: String,
}

/// The corpus, as `crates/protocol/testdata/sql/postgres.txt` describes its own form.
fn corpus() -> Vec<Case> {
    let text = include_str!("../../../../crates/protocol/testdata/sql/postgres.txt");
    let blocks = text.split("\n\n").filter_map(|block| {
        let mut lines = block.split('\n').skip_while(|line| line.starts_with('#'));
        let name = lines.next()?.strip_prefix("-- name: ")?.to_owned();
        lines.next()?.strip_prefix("-- expect: ")?;
        Some(Case { name, text: lines.collect::<Vec<_>>().join("\n").trim_end_matches('\n').to_owned() })
    });
    blocks.collect()
}

#[tokio::test]
async fn the_server_does_no_more_than_the_classifier_says() {
    let bank = Bank::alone().await;
    remake(&bank).await;
    bank.as_superuser(WATCH).await.ok();
    let (mut ran, mut refused, mut more) = (0, 0, Vec::new());
    let mut session = Session::open(bank.server.superuser(&bank.name)).await;
    for Case { name, text } in corpus() {
        session.renew().await;
        let Some(meaning) = session.meaning(&text).await else { continue };
        if may_do_anything(&meaning) {
            continue;
        }
        session.execute("BEGIN").await;
        let outcome = session.judged(&meaning, Statement { text: &text, rows: "" }).await;
        session.wire.query("ROLLBACK").await;
        if matches!(outcome, Outcome::Ended(_)) {
            remake(&bank).await;
        }
        match outcome {
            Outcome::Refused(_) => refused += 1,
            Outcome::Ran(told) | Outcome::Ended(told) => {
                ran += 1;
                let said = said(&meaning);
                more.extend(told.into_iter().map(|what| format!("{name}: {text}\n  {what}; said: {said:?}")));
            }
        }
    }
    println!("{ran} statements ran, {refused} were refused by the server");
    assert!(more.is_empty(), "{} times more than was said:\n{}", more.len(), more.join("\n"));
    assert!(ran > 600, "only {ran} statements ran");
}

/// The scratch database as the corpus assumes it.
async fn remake(bank: &Bank) {
    bank.as_superuser("DROP SCHEMA IF EXISTS public, audit CASCADE; CREATE SCHEMA public").await.ok();
    bank.as_superuser(SCHEMA).await.ok();
}

/// The catalog that the corpus assumes, with some rows.
const SCHEMA: &str = "
    CREATE SCHEMA audit;
    CREATE TABLE customers (id int PRIMARY KEY, name text, email text, card text, ssn text, created date);
    CREATE TABLE orders (id int PRIMARY KEY, customer int, total numeric, note text);
    CREATE TABLE notes (id int PRIMARY KEY, body text);
    CREATE TABLE audit.events (id int PRIMARY KEY, body text);
    CREATE VIEW active_customers AS SELECT id, name, email FROM customers;
    CREATE FUNCTION purge(int) RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN DELETE FROM public.notes WHERE id = $1; RETURN $1; END $$;
    CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN DELETE FROM public.notes; RETURN $1; END $$;
    INSERT INTO customers SELECT n, 'n' || n, 'e' || n, 'c' || n, 's' || n, '2020-01-01' FROM generate_series(1, 20) n;
    INSERT INTO orders SELECT n, n, n, 'note ' || n FROM generate_series(1, 20) n;
    INSERT INTO notes SELECT n, '{\"a\": {\"b\": 1}}' FROM generate_series(1, 20) n;
    INSERT INTO audit.events SELECT n, 'event ' || n FROM generate_series(1, 20) n;
";
