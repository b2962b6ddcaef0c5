//! The search index over the log's leaves: rebuilt from the log at any time, never the source of truth.
//! It follows by cursor, in a file of its own, and delays nobody.

use std::path::Path;
use std::time::Duration;

use audit::Committed;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, QueryBuilder, Row as _};

use crate::{StoreError, Unopened, make_private, number};

/// The index of one node's log.
#[derive(Debug, Clone)]
pub struct SearchIndex {
    pool: SqlitePool,
}

/// What to look for; everything given must hold.
#[derive(Debug, Clone, Default)]
pub struct RecordFilter {
    /// The record's kind, such as `verdict`.
    pub kind: Option<String>,
    /// An id that the record names: of a principal, review, run or session.
    pub names: Option<String>,
    /// Only records below this index.
    pub before: Option<u64>,
    /// At most this many.
    pub limit: u32,
}

/// One found record.
#[derive(Debug, Clone)]
pub struct FoundRecord {
    /// Its index.
    pub index: u64,
    /// Its leaf.
    pub leaf: String,
}

impl SearchIndex {
    /// Opens the index at `path` over a log of `size` records; one that cannot be read is begun anew. What it holds from
    /// `size` on is forgotten: a crash may have taken those records from the log, and others will have their places.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub async fn open(path: &Path, size: u64) -> Result<Self, StoreError> {
        let unopened = |why: Unopened| why.of(path);
        if let Ok(index) = Self::try_open(path, size).await {
            return Ok(index);
        }
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            match std::fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unopened(error.into())),
                Ok(()) | Err(_) => {}
            }
        }
        Self::try_open(path, size).await.map_err(unopened)
    }

    async fn try_open(path: &Path, size: u64) -> Result<Self, Unopened> {
        make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Off)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
        for statement in SCHEMA {
            sqlx::query(statement).execute(&pool).await?;
        }
        for cut in ["DELETE FROM names WHERE idx >= $1", "DELETE FROM records WHERE idx >= $1"] {
            sqlx::query(cut).bind(number(size)).execute(&pool).await?;
        }
        Ok(Self { pool })
    }

    /// How many records are indexed: the cursor.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn cursor(&self) -> Result<u64, StoreError> {
        let next: i64 =
            sqlx::query_scalar("SELECT coalesce(max(idx), -1) + 1 FROM records").fetch_one(&self.pool).await?;
        Ok(u64::try_from(next).unwrap_or(0))
    }

    /// Adds leaves in order, all or none; `first` is the index of the first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add(&self, first: u64, leaves: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        let added = add_on(&mut connection, first, leaves).await;
        if added.is_err() {
            // As where the store applies changes.
            connection.close_on_drop();
        }
        Ok(added?)
    }

    /// Finds records, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn find(&self, filter: &RecordFilter) -> Result<Vec<FoundRecord>, StoreError> {
        let mut query = QueryBuilder::new("SELECT r.idx, r.leaf FROM records r WHERE r.idx < ");
        query.push_bind(filter.before.map_or(i64::MAX, number));
        if let Some(kind) = &filter.kind {
            query.push(" AND r.kind = ").push_bind(kind);
        }
        if let Some(name) = &filter.names {
            query.push(" AND (r.session = ").push_bind(name);
            query.push(" OR r.idx IN (SELECT idx FROM names WHERE name = ").push_bind(name).push("))");
        }
        query.push(" ORDER BY r.idx DESC LIMIT ").push_bind(i64::from(filter.limit));
        let rows = query.build().fetch_all(&self.pool).await?;
        let found = rows.iter().map(|row| {
            let index: i64 = row.try_get("idx")?;
            Ok(FoundRecord { index: u64::try_from(index).unwrap_or(0), leaf: row.try_get("leaf")? })
        });
        found.collect()
    }
}

async fn add_on(connection: &mut SqliteConnection, first: u64, leaves: &[Vec<u8>]) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    for (index, leaf) in (first..).zip(leaves) {
        let text = String::from_utf8_lossy(leaf);
        let Ok(fields) = Committed::parse(leaf) else { continue };
        sqlx::query("INSERT OR IGNORE INTO records (idx, kind, at, session, leaf) VALUES ($1, $2, $3, $4, $5)")
            .bind(number(index))
            .bind(fields.text("k"))
            .bind(number(fields.number("t")))
            .bind(fields.text("s"))
            .bind(&*text)
            .execute(&mut *tx)
            .await?;
        for name in NAMING.into_iter().map(|field| fields.text(field)).filter(|name| !name.is_empty()) {
            sqlx::query("INSERT OR IGNORE INTO names (name, idx) VALUES ($1, $2)")
                .bind(name)
                .bind(number(index))
                .execute(&mut *tx)
                .await?;
        }
    }
    tx.commit().await
}

/// Fields of a leaf whose value is an id or name that people search by; the session has a column.
const NAMING: [&str; 8] = ["actor", "by", "presenter", "review", "reviewer", "run", "target", "whom"];

const SCHEMA: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS records (idx INTEGER PRIMARY KEY, kind TEXT NOT NULL, at INTEGER NOT NULL,
        session TEXT NOT NULL, leaf TEXT NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS records_by_kind ON records (kind, idx)",
    "CREATE INDEX IF NOT EXISTS records_by_session ON records (session, idx)",
    "CREATE TABLE IF NOT EXISTS names (name TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (name, idx)) STRICT, WITHOUT ROWID",
    "PRAGMA optimize",
];
