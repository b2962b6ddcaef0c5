//! The store: the log's projection plus claims, in SQLite (WAL). Changes are applied by compare-and-swap, so that of two
//! callers one wins and the other is told. It orders nothing and decides nothing; the log is the truth. Nothing above
//! this crate sees its SQL.

mod directory;
mod proposals;
mod reviews;
mod search;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use gate::{Applied, Change};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqlSafeStr as _};

pub use directory::Credential;
pub use proposals::Proposal;
use reviews::Expected;
pub use reviews::{ReviewRow, RunRow};
pub use search::{FoundRecord, RecordFilter, SearchIndex};

/// The store of one node.
#[derive(Debug, Clone)]
pub struct Store {
    write: SqlitePool,
    read: SqlitePool,
    /// Folds the write-ahead log into the file beside the writer: a change that is waited for never pays for it.
    fold: SqlitePool,
}

/// The store failed: nothing that needs it runs.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error.
    #[error("the store failed: {0}")]
    Database(#[from] sqlx::Error),
    /// Its schema could not be brought up to date.
    #[error("the store's schema could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A row does not read as what it should hold.
    #[error("the store holds a row that does not read: {0}")]
    Corrupt(String),
}

impl Store {
    /// Opens the store at `path`, creating it or bringing it up to date.
    ///
    /// # Errors
    /// If the file cannot be opened, is not ours, or is damaged.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // The log is what must be durable; what a crash takes from here is replayed.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let one = || SqlitePoolOptions::new().max_connections(1).test_before_acquire(false);
        let write = one().connect_with(options.clone().pragma("wal_autocheckpoint", "0")).await?;
        migrations().run(&write).await?;
        let check: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&write).await?;
        if check != "ok" {
            return Err(StoreError::Corrupt(format!("{check}; restore a backup, the log replays what it lacks")));
        }
        // What a gateway before this one left unfolded.
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&write).await?;
        let fold = one().connect_with(options.clone()).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .test_before_acquire(false)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self { write, read, fold })
    }

    /// Applies a change whose record has the index `record`.
    ///
    /// # Errors
    /// If the database fails; then it is not known whether the change is in force, and a restart replays it.
    pub async fn apply(&self, change: &Change, record: u64) -> Result<Applied, StoreError> {
        let record = number(record);
        // Releases wait on these: each statement is a transaction of its own.
        match change {
            Change::OpenReview { review } => reviews::open(&self.write, review, record).await,
            Change::AdvanceReview { id, state } => {
                reviews::swap(&self.write, *id, Expected::Before(state), record).await
            }
            Change::ReleaseRun { .. } => reviews::release(&self.write, change, record).await,
            Change::EndRun { run, end, at, detail } => reviews::end_run(&self.write, *run, *end, *at, detail).await,
            Change::Directory { directory } => {
                let mut tx = self.write.begin_with("BEGIN IMMEDIATE").await?;
                let applied = directory::change(&mut tx, directory, record).await?;
                tx.commit().await?;
                Ok(applied)
            }
        }
    }

    /// Records below this index are applied.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn applied_through(&self) -> Result<u64, StoreError> {
        let value: Option<i64> =
            sqlx::query_scalar("SELECT value FROM meta WHERE name = 'applied'").fetch_optional(&self.read).await?;
        Ok(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0))
    }

    /// Tells that records below `index` are applied, and folds what was written into the file.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn set_applied_through(&self, index: u64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO meta (name, value) VALUES ('applied', $1)
             ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
        )
        .bind(number(index))
        .execute(&self.write)
        .await?;
        // It folds what nobody reads any more; the rest is left for the next time.
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&self.fold).await?;
        Ok(())
    }

    /// One more than the highest record that any row names: the log must hold that many.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn names_records_below(&self) -> Result<u64, StoreError> {
        let highest: i64 = sqlx::query_scalar(
            "SELECT max(coalesce((SELECT max(record) FROM principals), -1), coalesce((SELECT max(record) FROM reviews), -1),
                        coalesce((SELECT max(record) FROM runs), -1)) + 1",
        )
        .fetch_one(&self.read)
        .await?;
        Ok(u64::try_from(highest).unwrap_or(0))
    }
}

/// Makes the file for its owner alone, where there is none. SQLite gives the files beside it the same mode.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    made.map(drop).map_err(|error| StoreError::Database(sqlx::Error::Io(error)))
}

/// Every migration, in order; one that has been released is never edited.
fn migrations() -> Migrator {
    let spine = include_str!("../migrations/sqlite/0001_spine.sql").into_sql_str();
    let added_by = include_str!("../migrations/sqlite/0002_added_by.sql").into_sql_str();
    let fewer_steps = include_str!("../migrations/sqlite/0003_fewer_steps.sql").into_sql_str();
    Migrator::with_migrations(vec![
        Migration::new(1, "spine".into(), MigrationType::Simple, spine, false),
        Migration::new(2, "added_by".into(), MigrationType::Simple, added_by, false),
        Migration::new(3, "fewer steps".into(), MigrationType::Simple, fewer_steps, false),
    ])
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn read_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn read_text<T: std::str::FromStr>(text: &str) -> Result<T, StoreError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| StoreError::Corrupt(error.to_string()))
}

#[cfg(test)]
mod tests;
