//! What people do with sqlx on PostgreSQL.

use std::time::Duration;

use e2e::postgres::{Login, Place};
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow, PgSslMode};
use sqlx::types::Json;
use sqlx::{Column as _, Connection as _, Error, Executor as _, PgConnection, Row as _, TypeInfo as _};

/// Returns what it sees, to be compared between the server and a gateway in front of it.
pub(super) async fn work(login: &Login) -> Vec<String> {
    let pool = PgPoolOptions::new().max_connections(3).connect_with(options(login)).await.expect("it may come in");
    let mut seen = Vec::new();
    types(&pool, &mut seen).await;
    repeated(&pool, &mut seen).await;
    transactions(&pool, &mut seen).await;
    errors(&pool, &mut seen).await;
    rows(&pool, &mut seen).await;
    large(&pool, &mut seen).await;
    stopped(&pool, &mut seen).await;
    pool.close().await;
    seen
}

/// Returns what a gateway tells that denies, holds and is told to cancel.
pub(super) async fn gated(login: &Login) -> Vec<String> {
    let mut connection = PgConnection::connect_with(&options(login)).await.expect("it may come in");
    let denied = connection.execute("SELECT leaves_an_effect('denied')").await;
    let mut told = vec![format!("denied {}", state(denied))];
    let held = sqlx::query(INSERT).bind("approved").execute(&mut connection).await.expect("it is approved");
    told.push(format!("held {}", held.rows_affected()));
    // This driver sends no cancel request: who gives up leaves.
    let gives_up = sqlx::query(INSERT).bind("cancelled").execute(&mut connection);
    assert!(tokio::time::timeout(Duration::from_millis(500), gives_up).await.is_err(), "it does not wait");
    drop(connection);
    told.push("cancelled 57014".to_owned());
    let mut connection = PgConnection::connect_with(&options(login)).await.expect("it may come in");
    told.push(format!("still {}", note(&mut connection, 1).await));
    let mut transaction = connection.begin().await.expect("it begins");
    let inside = transaction.execute("INSERT INTO effects VALUES ('inside')").await;
    told.push(format!("inside {}", state(inside)));
    transaction.rollback().await.expect("it goes back");
    connection.close().await.expect("it says goodbye");
    let mut connection = PgConnection::connect_with(&options(login)).await.expect("it may come in");
    told.push(format!("again {}", note(&mut connection, 2).await));
    told
}

fn options(login: &Login) -> PgConnectOptions {
    let Place::Tcp(address) = login.place else { panic!("it comes by TCP") };
    let options = PgConnectOptions::new_without_pgpass().host(&address.ip().to_string()).port(address.port());
    let options = options.ssl_mode(PgSslMode::Disable).application_name("sqlx");
    options.username(&login.user).password(&login.password).database(&login.database)
}

async fn types(pool: &PgPool, seen: &mut Vec<String>) {
    let insert = "INSERT INTO things (id, big, words, truth, bytes, docb, ints, texts, exact, at, day, uid)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::numeric, $10::text::timestamptz, $11::text::date,
                $12::text::uuid)";
    let insert = sqlx::query(insert).bind(1).bind(-(1_i64 << 62)).bind("žluťoučký 🐎 \\ ' \"").bind(true);
    let insert = insert.bind([0_u8, 1, 255].as_slice()).bind(Json(serde_json::json!({"ž": [1, null]})));
    let insert = insert.bind([Some(1), None, Some(3)].as_slice()).bind([Some("a,b"), Some("\""), None].as_slice());
    let insert = insert.bind("12345678901234567890.000123").bind("2024-02-29 23:59:59.123456Z").bind("1999-12-31");
    let insert = insert.bind("0b0e7a8e-64e5-4b0f-9d0a-0f6a1c2d3e4f").execute(pool).await;
    seen.push(insert.expect("it is inserted").rows_affected().to_string());
    sqlx::query("INSERT INTO things (id, words) VALUES (2, $1)").bind(None::<&str>).execute(pool).await.expect("it is");
    let select = "SELECT id, big, words, truth, bytes, docb, ints, texts, exact::text, at::text, day::text, uid::text
        FROM things ORDER BY id";
    let rows = sqlx::query(select).fetch_all(pool).await.expect("they are there");
    seen.extend(rows[0].columns().iter().map(|column| format!("{} {}", column.name(), column.type_info().name())));
    assert_eq!(rows[0].get::<&str, _>(2), "žluťoučký 🐎 \\ ' \"");
    seen.extend(rows.iter().map(all));
}

fn all(row: &PgRow) -> String {
    let mut cells = vec![
        format!("{} {:?} {:?}", row.get::<i32, _>(0), row.get::<Option<i64>, _>(1), row.get::<Option<&str>, _>(2)),
        format!("{:?} {:?}", row.get::<Option<bool>, _>(3), row.get::<Option<&[u8]>, _>(4)),
        format!("{:?}", row.get::<Option<Json<serde_json::Value>>, _>(5)),
        format!("{:?}", row.get::<Option<Vec<Option<i32>>>, _>(6)),
        format!("{:?}", row.get::<Option<Vec<Option<String>>>, _>(7)),
    ];
    cells.extend((8..12).map(|cell| format!("{:?}", row.get::<Option<&str>, _>(cell))));
    cells.join(" ")
}

async fn repeated(pool: &PgPool, seen: &mut Vec<String>) {
    for number in 0..8_i64 {
        let asked = sqlx::query_as("SELECT $1::int8 * 2, $2::text").bind(number).bind(number.to_string());
        let answer: (i64, String) = asked.fetch_one(pool).await.expect("it answers");
        seen.push(format!("{answer:?}"));
    }
    let once = sqlx::query_scalar("SELECT $1::text").bind("not kept").persistent(false).fetch_one(pool).await;
    seen.push(once.expect("it answers"));
}

async fn transactions(pool: &PgPool, seen: &mut Vec<String>) {
    let mut transaction = pool.begin().await.expect("it begins");
    transaction.execute("INSERT INTO things (id) VALUES (10)").await.expect("it is inserted");
    let mut savepoint = transaction.begin().await.expect("it begins");
    savepoint.execute("INSERT INTO things (id) VALUES (11)").await.expect("it is inserted");
    savepoint.rollback().await.expect("it goes back");
    transaction.commit().await.expect("it is kept");
    let mut transaction = pool.begin().await.expect("it begins");
    transaction.execute("INSERT INTO things (id) VALUES (12)").await.expect("it is inserted");
    drop(transaction);
    let ids: Vec<i32> = sqlx::query_scalar("SELECT id FROM things WHERE id >= 10").fetch_all(pool).await.expect("rows");
    seen.push(format!("{ids:?}"));
    let mut reading = pool.begin_with("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY").await.expect("it begins");
    seen.push(told(reading.execute("DELETE FROM things WHERE id = 10").await));
    reading.rollback().await.expect("it goes back");
}

async fn errors(pool: &PgPool, seen: &mut Vec<String>) {
    for wrong in ["SELECT 1 / 0", "SELECT nothing FROM things", "INSERT INTO things (id) VALUES (1)"] {
        let mut transaction = pool.begin().await.expect("it begins");
        seen.push(told(sqlx::query(wrong).execute(&mut *transaction).await));
        seen.push(told(transaction.execute("SELECT 1").await));
        transaction.rollback().await.expect("it goes back");
        seen.push(told(pool.execute(wrong).await));
        seen.push(sqlx::query_scalar("SELECT $1::text").bind("goes on").fetch_one(pool).await.expect("it answers"));
    }
}

async fn rows(pool: &PgPool, seen: &mut Vec<String>) {
    let series = "SELECT g, g::text FROM generate_series(1, $1) g";
    let mut rows = sqlx::query_as::<_, (i32, String)>(series).bind(5000).fetch(pool);
    let mut total = 0;
    while let Some((number, _)) = rows.try_next().await.expect("a row comes") {
        total += number;
    }
    drop(rows);
    seen.push(total.to_string());
    let ids: Vec<i32> = (100..1100).collect();
    let many = sqlx::query("INSERT INTO things (id) SELECT * FROM unnest($1::int[])").bind(&ids).execute(pool).await;
    seen.push(many.expect("they are inserted").rows_affected().to_string());
    let several = sqlx::raw_sql("SELECT count(*) FROM things; SELECT sum(id) FROM things").fetch_all(pool).await;
    seen.extend(several.expect("it answers").iter().map(|row| row.get::<i64, _>(0).to_string()));
}

async fn large(pool: &PgPool, seen: &mut Vec<String>) {
    let text = "ž".repeat(500_000);
    let insert = sqlx::query("INSERT INTO things (id, words) VALUES (3, $1)").bind(&text).execute(pool).await;
    seen.push(insert.expect("it is inserted").rows_affected().to_string());
    let kept: String =
        sqlx::query_scalar("SELECT words FROM things WHERE id = 3").fetch_one(pool).await.expect("it is");
    assert_eq!(kept, text);
}

async fn stopped(pool: &PgPool, seen: &mut Vec<String>) {
    let mut connection = pool.acquire().await.expect("there is one");
    connection.execute("SET statement_timeout = 100").await.expect("it is set");
    seen.push(told(connection.execute("SELECT pg_sleep(60)").await));
    connection.execute("RESET statement_timeout").await.expect("it is reset");
    connection.ping().await.expect("it answers");
}

async fn note(connection: &mut PgConnection, order: i32) -> String {
    let asked = sqlx::query_scalar("SELECT note FROM orders WHERE id = $1").bind(order);
    asked.fetch_one(connection).await.expect("it answers")
}

fn told<T>(outcome: Result<T, Error>) -> String {
    let Err(error) = outcome else { return "no error".to_owned() };
    let error = error.into_database_error().expect("the server says why");
    format!("{} {}", error.code().unwrap_or_default(), error.message())
}

fn state<T>(outcome: Result<T, Error>) -> String {
    let error = outcome.err().and_then(Error::into_database_error);
    error.and_then(|error| error.code().map(std::borrow::Cow::into_owned)).unwrap_or_default()
}

const INSERT: &str = "INSERT INTO effects VALUES ($1)";
