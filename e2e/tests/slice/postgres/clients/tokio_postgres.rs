//! What people do with tokio-postgres.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use e2e::postgres::{Login, Place};
use e2e::until;
use futures_util::future::try_join_all;
use futures_util::{TryStreamExt as _, pin_mut};
use tokio::task::JoinSet;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Error, IsolationLevel, NoTls, Row, SimpleQueryMessage};

/// A session, the notices that came, and the task that reads for both.
struct Session {
    client: Client,
    notices: Arc<Mutex<Vec<String>>>,
    _reader: JoinSet<()>,
}

/// Returns what it sees, to be compared between the server and a gateway in front of it.
pub(super) async fn work(login: &Login) -> Vec<String> {
    let mut session = Session::open(login).await;
    let mut seen = Vec::new();
    types(&session.client, &mut seen).await;
    repeated(&session.client, &mut seen).await;
    transactions(&mut session.client, &mut seen).await;
    errors(&mut session.client, &mut seen).await;
    batches(&session.client, &mut seen).await;
    rows(&mut session.client, &mut seen).await;
    large(&session.client, &mut seen).await;
    cancelled(&session, &mut seen).await;
    seen.extend(session.notices.lock().expect("nobody panics with it").drain(..));
    seen
}

/// Returns what a gateway tells that denies, holds and is told to cancel.
pub(super) async fn gated(login: &Login) -> Vec<String> {
    let mut session = Session::open(login).await;
    let client = &session.client;
    let insert = client.prepare("INSERT INTO effects VALUES ($1)").await.expect("to prepare asks nobody");
    let mut told = vec![format!("denied {}", state(client.query("SELECT leaves_an_effect('denied')", &[]).await))];
    told.push(format!("held {}", client.execute(&insert, &[&"approved"]).await.expect("it is approved")));
    let before = session.notices.lock().expect("nobody panics with it").len();
    let (stopped, ()) = tokio::join!(client.execute(&insert, &[&"cancelled"]), session.cancel_after(before));
    told.push(format!("cancelled {}", state(stopped)));
    told.push(format!("still {}", note(client, 1).await));
    let transaction = session.client.transaction().await.expect("it begins");
    told.push(format!("inside {}", state(transaction.execute("INSERT INTO effects VALUES ('inside')", &[]).await)));
    transaction.rollback().await.expect("it goes back");
    drop(session);
    told.push(format!("again {}", note(&Session::open(login).await.client, 2).await));
    told
}

impl Session {
    async fn open(login: &Login) -> Self {
        let Place::Tcp(address) = login.place else { panic!("it comes by TCP") };
        let mut config = Config::new();
        config.host(address.ip().to_string()).port(address.port()).application_name("tokio-postgres");
        config.user(&login.user).password(&login.password).dbname(&login.database);
        let (client, mut connection) = config.connect(NoTls).await.expect("it may come in");
        let notices = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&notices);
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notice(notice) = message {
                    heard.lock().expect("nobody panics with it").push(format!(
                        "{}: {}",
                        notice.severity(),
                        notice.message()
                    ));
                }
            }
        });
        Self { client, notices, _reader: reader }
    }

    /// Sends a cancel request once more notices came than these.
    async fn cancel_after(&self, notices: usize) {
        until("a notice comes", async || {
            (self.notices.lock().expect("nobody panics with it").len() > notices).then_some(())
        })
        .await;
        self.client.cancel_token().cancel_query(NoTls).await.expect("it can be sent");
    }
}

async fn types(client: &Client, seen: &mut Vec<String>) {
    let when = SystemTime::UNIX_EPOCH + Duration::from_micros(1_709_251_199_123_456);
    let (ints, texts) = (vec![Some(1), None, Some(3)], vec![Some("a,b"), Some("\""), None]);
    let (words, bytes) = ("žluťoučký 🐎 \\ ' \"", [0_u8, 1, 255].as_slice());
    let insert = "INSERT INTO things (id, big, words, truth, bytes, at, ints, texts, exact, day, uid, docb)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::numeric, $10::text::date, $11::text::uuid, $12::text::jsonb)";
    let values: [&(dyn ToSql + Sync); 12] = [
        &1,
        &-(1_i64 << 62),
        &words,
        &true,
        &bytes,
        &when,
        &ints,
        &texts,
        &"12345678901234567890.000123",
        &"1999-12-31",
        &"0b0e7a8e-64e5-4b0f-9d0a-0f6a1c2d3e4f",
        &"{\"ž\": true}",
    ];
    seen.push(client.execute(insert, &values).await.expect("it is inserted").to_string());
    client.execute("INSERT INTO things (id) VALUES ($1)", &[&2]).await.expect("it is inserted");
    let select = client.prepare("SELECT id, big, words, truth, bytes, at, ints, texts FROM things ORDER BY id").await;
    let select = select.expect("it is prepared");
    seen.push(format!("{:?} {:?}", select.params(), select.columns()));
    let rows = client.query(&select, &[]).await.expect("they are there");
    assert_eq!((rows[0].get::<_, &str>(2), rows[0].get::<_, SystemTime>(5)), (words, when));
    assert_eq!(rows[0].get::<_, Vec<Option<&str>>>(7), texts);
    seen.extend(rows.iter().map(all));
    for message in client.simple_query("SELECT * FROM things ORDER BY id").await.expect("they are there") {
        if let SimpleQueryMessage::Row(row) = message {
            seen.push(format!("{:?}", (0..row.len()).map(|i| row.get(i)).collect::<Vec<_>>()));
        }
    }
}

fn all(row: &Row) -> String {
    let texts: Option<Vec<Option<&str>>> = row.get(7);
    let (id, big, words): (i32, Option<i64>, Option<&str>) = (row.get(0), row.get(1), row.get(2));
    let (truth, bytes, at): (Option<bool>, Option<&[u8]>, Option<SystemTime>) = (row.get(3), row.get(4), row.get(5));
    let ints: Option<Vec<Option<i32>>> = row.get(6);
    format!("{id} {big:?} {words:?} {truth:?} {bytes:?} {at:?} {ints:?} {texts:?}")
}

async fn repeated(client: &Client, seen: &mut Vec<String>) {
    let statement = client.prepare("SELECT $1::int8 * 2, $2::text").await.expect("it is prepared");
    for number in 0..8_i64 {
        let row = client.query_one(&statement, &[&number, &number.to_string()]).await.expect("it answers");
        seen.push(format!("{} {}", row.get::<_, i64>(0), row.get::<_, &str>(1)));
    }
    let row = client.query_typed("SELECT $1", &[(&"typed", tokio_postgres::types::Type::TEXT)]).await;
    seen.push(row.expect("it answers")[0].get(0));
}

async fn transactions(client: &mut Client, seen: &mut Vec<String>) {
    let mut transaction = client.transaction().await.expect("it begins");
    transaction.execute("INSERT INTO things (id) VALUES (10)", &[]).await.expect("it is inserted");
    let savepoint = transaction.savepoint("one").await.expect("it begins");
    savepoint.execute("INSERT INTO things (id) VALUES (11)", &[]).await.expect("it is inserted");
    savepoint.rollback().await.expect("it goes back");
    transaction.commit().await.expect("it is kept");
    let transaction = client.transaction().await.expect("it begins");
    transaction.execute("INSERT INTO things (id) VALUES (12)", &[]).await.expect("it is inserted");
    drop(transaction);
    let rows = client.query("SELECT id FROM things WHERE id >= 10 ORDER BY id", &[]).await.expect("they are there");
    seen.extend(rows.iter().map(|row| row.get::<_, i32>(0).to_string()));
    let reading = client.build_transaction().isolation_level(IsolationLevel::Serializable).read_only(true);
    let transaction = reading.start().await.expect("it begins");
    seen.push(told(transaction.execute("DELETE FROM things WHERE id = 10", &[]).await));
    transaction.rollback().await.expect("it goes back");
}

async fn errors(client: &mut Client, seen: &mut Vec<String>) {
    for wrong in ["SELECT 1 / 0", "SELECT nothing FROM things", "INSERT INTO things (id) VALUES (1)"] {
        let transaction = client.transaction().await.expect("it begins");
        seen.push(told(transaction.query(wrong, &[]).await));
        seen.push(told(transaction.query("SELECT 1", &[]).await));
        transaction.rollback().await.expect("it goes back");
        seen.push(told(client.batch_execute(wrong).await));
        seen.push(client.query_one("SELECT $1::text", &[&"goes on"]).await.expect("it answers").get(0));
    }
}

async fn batches(client: &Client, seen: &mut Vec<String>) {
    let insert = client.prepare("INSERT INTO things (id, words) VALUES ($1, $2)").await.expect("it is prepared");
    let values: Vec<(i32, String)> = (100..400).map(|id| (id, format!("row {id}"))).collect();
    let values: Vec<[&(dyn ToSql + Sync); 2]> = values.iter().map(|(id, words)| [id as _, words as _]).collect();
    // All of them are on their way at a time.
    let all = values.iter().map(|values| client.execute(&insert, values));
    seen.push(try_join_all(all).await.expect("all are inserted").iter().sum::<u64>().to_string());
    let several = "SELECT count(*) FROM things; SELECT sum(id) FROM things";
    for message in client.simple_query(several).await.expect("it answers") {
        if let SimpleQueryMessage::Row(row) = message {
            seen.push(row.get(0).expect("a number").to_owned());
        }
    }
}

async fn rows(client: &mut Client, seen: &mut Vec<String>) {
    let series = "SELECT g, g::text FROM generate_series(1, $1) g";
    let stream = client.query_raw(series, [&5000_i32]).await.expect("it answers");
    pin_mut!(stream);
    let mut total = 0;
    while let Some(row) = stream.try_next().await.expect("a row comes") {
        total += row.get::<_, i32>(0);
    }
    seen.push(total.to_string());
    let transaction = client.transaction().await.expect("it begins");
    let portal = transaction.bind(series, &[&2500]).await.expect("it is bound");
    loop {
        let rows = transaction.query_portal(&portal, 1000).await.expect("rows come");
        seen.push(rows.len().to_string());
        if rows.is_empty() {
            break;
        }
    }
    transaction.commit().await.expect("it ends");
}

async fn large(client: &Client, seen: &mut Vec<String>) {
    let text = "ž".repeat(500_000);
    let insert = "INSERT INTO things (id, words) VALUES (3, $1)";
    seen.push(client.execute(insert, &[&text]).await.expect("it is inserted").to_string());
    let row = client.query_one("SELECT words FROM things WHERE id = 3", &[]).await.expect("it is there");
    assert_eq!(row.get::<_, &str>(0), text);
}

async fn cancelled(session: &Session, seen: &mut Vec<String>) {
    let waits = "DO $$ BEGIN RAISE NOTICE 'it waits'; PERFORM pg_sleep(60); END $$";
    let (stopped, ()) = tokio::join!(session.client.batch_execute(waits), session.cancel_after(0));
    seen.push(told(stopped));
    seen.push(told(session.client.batch_execute("DROP TABLE IF EXISTS nothing_of_that_name").await));
}

async fn note(client: &Client, order: i32) -> String {
    client.query_one("SELECT note FROM orders WHERE id = $1", &[&order]).await.expect("it answers").get(0)
}

fn told<T>(outcome: Result<T, Error>) -> String {
    let Err(error) = outcome else { return "no error".to_owned() };
    let error = error.as_db_error().expect("the server says why");
    format!("{} {} {:?}", error.code().code(), error.message(), error.position())
}

fn state<T>(outcome: Result<T, Error>) -> String {
    outcome.err().and_then(|error| error.code().map(|code| code.code().to_owned())).unwrap_or_default()
}
