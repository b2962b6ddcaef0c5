//! The store: the log's projection plus claims, in SQLite (WAL). Changes are applied by compare-and-swap, so that of two
//! callers one wins and the other is told. It orders nothing and decides nothing; the log is the truth. Nothing above
//! this crate sees its SQL.

mod directory;
mod insights;
mod proposals;
mod reviews;
mod search;
mod targets;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gate::{Applied, Change};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};

pub use directory::Credential;
pub use proposals::Proposal;
use reviews::Expected;
pub use reviews::{ReviewRow, RunRow};
pub use search::{BLOCK, RecordFilter, SearchIndex};
pub use targets::TargetRow;

/// The store of one node.
#[derive(Debug, Clone)]
pub struct Store {
    write: SqlitePool,
    read: SqlitePool,
    /// Folds the write-ahead log into the file beside the writer: a change that is waited for rarely pays for it.
    fold: SqlitePool,
}

/// The store failed: nothing that needs it runs.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error.
    #[error("the store failed: {0}")]
    Database(#[from] sqlx::Error),
    /// Store or search index cannot be opened.
    #[error("the store `{}` cannot be opened: {why}; {next}", path.display())]
    Unopened {
        /// Its file.
        path: PathBuf,
        /// What stands in the way.
        why: String,
        /// What to do.
        next: &'static str,
    },
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
        Self::try_open(path).await.map_err(|why| why.of(path))
    }

    async fn try_open(path: &Path) -> Result<Self, Unopened> {
        make_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            // The log is what must be durable; what a crash takes from here is replayed.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let one = || SqlitePoolOptions::new().max_connections(1).test_before_acquire(false);
        let write = one().connect_with(options.clone().pragma("wal_autocheckpoint", WAL_PAGES)).await?;
        let check: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&write).await?;
        if check != "ok" {
            return Err(Unopened::Damaged(check.lines().last().unwrap_or_default().to_owned()));
        }
        let foreign: bool = sqlx::query_scalar(
            "SELECT count(*) > 0 AND sum(name = '_sqlx_migrations') = 0 FROM sqlite_master WHERE type = 'table'",
        )
        .fetch_one(&write)
        .await?;
        if foreign {
            return Err(Unopened::Foreign);
        }
        // Not before it is known to be ours: the mode stays in the file.
        sqlx::query("PRAGMA journal_mode = WAL").execute(&write).await?;
        migrations().run(&write).await?;
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
            Change::AddInsights { review, insights } => insights::add(&self.write, *review, insights, record).await,
            Change::Directory { .. } | Change::Targets { .. } => {
                let mut connection = self.write.acquire().await?;
                let applied = change_whole(&mut connection, change, record).await;
                if applied.is_err() {
                    // A full disk makes SQLite end the transaction, and sqlx would not know: another connection takes its
                    // place.
                    connection.close_on_drop();
                }
                applied
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

    /// Tells that records below `index` are applied.
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
        Ok(())
    }

    /// Folds what was written into the file, as far as nobody reads it; the rest is left for the next time.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn fold(&self) -> Result<(), StoreError> {
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
                        coalesce((SELECT max(record) FROM runs), -1), coalesce((SELECT max(record) FROM targets), -1)) + 1",
        )
        .fetch_one(&self.read)
        .await?;
        Ok(u64::try_from(highest).unwrap_or(0))
    }
}

/// Why a store is not opened.
#[derive(Debug, thiserror::Error)]
enum Unopened {
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("its schema cannot be brought up to date: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("it is another program's database")]
    Foreign,
}

impl Unopened {
    fn of(&self, path: &Path) -> StoreError {
        StoreError::Unopened { path: path.to_owned(), why: self.to_string(), next: self.next() }
    }

    fn next(&self) -> &'static str {
        match self {
            Self::Database(error) if is_damage(error) => REBUILD,
            Self::Damaged(_) => REBUILD,
            Self::Foreign => "name a file of the gateway's own as `store`; one that is not there yet is made",
            Self::File(_) | Self::Database(_) => "see that the gateway may write there and that the disk has room",
            Self::Schema(_) => "start the build that made it, or a newer one",
        }
    }
}

/// Whether SQLite says that the file is corrupt, or no database at all.
fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    // The low byte of an extended code is its kind: SQLITE_CORRUPT, SQLITE_NOTADB.
    code.is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

/// What to do about damage.
const REBUILD: &str = "if `store` names the right file, move it away, with those beside it that end in `-wal` and \
    `-shm`: a start rebuilds the store from the log, all but proposals";

/// Makes the file for its owner alone, where there is none. SQLite gives the files beside it the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

/// Every migration, in order; one that has been released is never edited.
fn migrations() -> Migrator {
    let spine = include_str!("../migrations/sqlite/0001_spine.sql").into_sql_str();
    let added_by = include_str!("../migrations/sqlite/0002_added_by.sql").into_sql_str();
    let fewer_steps = include_str!("../migrations/sqlite/0003_fewer_steps.sql").into_sql_str();
    let grants = include_str!("../migrations/sqlite/0004_grants.sql").into_sql_str();
    let targets = include_str!("../migrations/sqlite/0005_targets.sql").into_sql_str();
    let insights = include_str!("../migrations/sqlite/0006_insights.sql").into_sql_str();
    Migrator::with_migrations(vec![
        Migration::new(1, "spine".into(), MigrationType::Simple, spine, false),
        Migration::new(2, "added_by".into(), MigrationType::Simple, added_by, false),
        Migration::new(3, "fewer steps".into(), MigrationType::Simple, fewer_steps, false),
        Migration::new(4, "grants".into(), MigrationType::Simple, grants, false),
        Migration::new(5, "targets".into(), MigrationType::Simple, targets, false),
        Migration::new(6, "insights".into(), MigrationType::Simple, insights, false),
    ])
}

/// A change of several rows, in a transaction.
async fn change_whole(connection: &mut SqliteConnection, change: &Change, record: i64) -> Result<Applied, StoreError> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let applied = match change {
        Change::Directory { directory } => directory::change(&mut tx, directory, record).await?,
        Change::Targets { targets, at } => targets::change(&mut tx, (targets, *at), record).await?,
        Change::OpenReview { .. }
        | Change::AdvanceReview { .. }
        | Change::ReleaseRun { .. }
        | Change::EndRun { .. }
        | Change::AddInsights { .. } => return Err(StoreError::Corrupt("not a change of several rows".to_owned())),
    };
    tx.commit().await?;
    Ok(applied)
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

/// Pages of the write-ahead log at which the writer folds it itself: under steady writes nobody else finds the moment.
const WAL_PAGES: &str = "4096";

#[cfg(test)]
mod tests;
