//! The sample database behind the gateways: customers with classified columns that hold canaries, orders, a view over
//! them, a table with a trigger, and `effects`, in which every run of an INSERT leaves a row that can be counted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use crate::canary::Canaries;
use crate::random::{Random, clock};

/// The shop's file, looked at directly and never through the gateway.
#[derive(Debug, Clone)]
pub struct Shop {
    path: PathBuf,
    /// The values in classified columns.
    pub canaries: Canaries,
}

/// Customers in the sample database, numbered from 1.
pub const CUSTOMERS: i64 = 5;

impl Shop {
    /// Makes the sample database.
    pub async fn create(path: &Path) -> Self {
        let mut random = Random::new(clock());
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.expect("the shop can be made");
        connection.execute(SCHEMA).await.expect("the shop's tables can be made");
        let mut secrets = Vec::new();
        for id in 1..=CUSTOMERS {
            let (email, card) = (format!("{}@secret.example", random.word()), format!("card {}", random.word()));
            sqlx::query("INSERT INTO customers VALUES ($1, 'Customer ' || $1, $2, $3, $4, 'Turin')")
                .bind(id)
                .bind(&email)
                .bind(&card)
                .bind(7_000_000_000_000 + i64::try_from(random.below(1_000_000_000_000)).expect("small"))
                .execute(&mut connection)
                .await
                .expect("a customer can be added");
            // The part that is nobody else's.
            secrets.extend([&email[..16], &card[5..]].map(str::to_owned));
        }
        connection.close().await.expect("the shop can be closed");
        Self { path: path.to_owned(), canaries: Canaries::default().and(secrets) }
    }

    async fn open(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new().filename(&self.path).busy_timeout(Duration::from_secs(10));
        SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("the shop can be opened")
    }

    /// Changes the database behind the gateway's back, as its owner may.
    pub async fn execute(&self, sql: &str) {
        let pool = self.open().await;
        let done = pool.execute(AssertSqlSafe(sql)).await;
        pool.close().await;
        done.unwrap_or_else(|error| panic!("`{sql}` failed: {error}"));
    }

    /// The first column of a question's rows, as text.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let pool = self.open().await;
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&pool).await;
        pool.close().await;
        let rows = rows.unwrap_or_else(|error| panic!("`{sql}` failed: {error}"));
        rows.iter().map(|row| row.try_get::<String, _>(0).expect("the first column is text")).collect()
    }

    /// Everything that a statement gives when nobody stands in between: all rows, as one text.
    pub async fn direct(&self, sql: &str) -> String {
        let pool = self.open().await;
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&pool).await;
        pool.close().await;
        let rows = rows.unwrap_or_else(|error| panic!("`{sql}` failed: {error}"));
        let mut cells = Vec::new();
        for row in &rows {
            for column in 0..row.len() {
                let text = row.try_get_unchecked::<Option<String>, _>(column).expect("anything reads as text");
                cells.push(text.unwrap_or_default());
            }
        }
        cells.join(" ")
    }

    /// The one number that a question asks for.
    pub async fn number(&self, sql: &str) -> i64 {
        let pool = self.open().await;
        let number = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&pool).await;
        pool.close().await;
        number.unwrap_or_else(|error| panic!("`{sql}` failed: {error}"))
    }

    /// How often an INSERT of this key into `effects` ran.
    pub async fn effects(&self, key: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM effects WHERE key = '{}'", key.replace('\'', "''"))).await
    }

    /// Everything in the database that an attack could change: its objects, its rows.
    pub async fn everything(&self) -> Vec<String> {
        let mut all = self.texts("SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master").await;
        for table in ["customers", "orders", "effects", "audited"] {
            let columns = format!("SELECT 'quote(\"' || name || '\")' FROM pragma_table_info('{table}')");
            let row = self.texts(&columns).await.join(" || ',' || ");
            all.extend(self.texts(&format!("SELECT '{table} ' || {row} FROM {table}")).await);
        }
        all.sort();
        all
    }
}

/// The statement whose runs [`Shop::effects`] counts.
pub fn insert(key: &str) -> String {
    format!("INSERT INTO effects (key) VALUES ('{}')", key.replace('\'', "''"))
}

const SCHEMA: &str = "
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, card TEXT NOT NULL,
                            phone INTEGER NOT NULL, city TEXT NOT NULL) STRICT;
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, total REAL NOT NULL, note TEXT) STRICT;
    INSERT INTO orders VALUES (1, 1, 12.5, 'first'), (2, 2, 25.0, 'second'), (3, 3, 50.0, NULL);
    CREATE TABLE effects (key TEXT NOT NULL) STRICT;
    CREATE VIEW contacts AS SELECT id, name AS who, email AS contact, phone AS number FROM customers;
    CREATE TABLE audited (id INTEGER PRIMARY KEY, what TEXT) STRICT;
    CREATE TRIGGER audit AFTER INSERT ON audited BEGIN INSERT INTO effects VALUES ('by the trigger'); END;
";
