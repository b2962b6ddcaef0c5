//! The search index over the log's leaves: which blocks of records name what. Rebuilt from the log at any time, never the
//! source of truth: whoever searches reads the blocks in the log and looks at each record. It follows by cursor, in a file
//! of its own, and delays nobody.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, QueryBuilder};

use crate::{StoreError, Unopened, json, make_private, number};

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

impl RecordFilter {
    /// Whether a leaf is one of those that are looked for.
    #[must_use]
    pub fn matches(&self, leaf: &[u8]) -> bool {
        let Some(named) = Named::of(leaf) else { return false };
        self.kind.as_ref().is_none_or(|kind| named.k == *kind)
            && self.names.as_ref().is_none_or(|name| named.names().any(|named| named == name))
    }
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
        for cut in [
            "DELETE FROM blocks WHERE block > $1 / 256",
            "UPDATE cursor SET next = min(next, $1)",
            // An index of before had a row for each record.
            "DROP TABLE IF EXISTS records",
            "DROP TABLE IF EXISTS names",
        ] {
            sqlx::query(cut).bind(number(size)).execute(&pool).await?;
        }
        Ok(Self { pool })
    }

    /// How many records are indexed: the cursor.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn cursor(&self) -> Result<u64, StoreError> {
        let next: i64 = sqlx::query_scalar("SELECT next FROM cursor").fetch_one(&self.pool).await?;
        Ok(u64::try_from(next).unwrap_or(0))
    }

    /// Adds leaves in order, all or none; `first` is the index of the first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add(&self, first: u64, leaves: &[Vec<u8>]) -> Result<(), StoreError> {
        let mut named: BTreeSet<(Cow<'_, str>, u64)> = BTreeSet::new();
        let mut next = first;
        for leaf in leaves {
            if let Some(leaf) = Named::of(leaf) {
                let kind = Cow::Owned(kind_entry(&leaf.k));
                named.extend(leaf.names().cloned().chain([kind]).map(|name| (name, next / BLOCK)));
            }
            next += 1;
        }
        let mut connection = self.pool.acquire().await?;
        let added = add_on(&mut connection, &json(&named)?, next).await;
        if added.is_err() {
            // As where the store applies changes.
            connection.close_on_drop();
        }
        Ok(added?)
    }

    /// Blocks that hold what is looked for, or seem to, newest first, at most 64: of each the index of its first
    /// record. It has [`BLOCK`] records.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn blocks(&self, filter: &RecordFilter, below: u64) -> Result<Vec<u64>, StoreError> {
        let mut query = QueryBuilder::new("SELECT DISTINCT block FROM blocks b WHERE block <= ");
        query.push_bind(number(below.saturating_sub(1) / BLOCK));
        // Every record has a kind.
        let kind = filter.kind.as_ref().map(|kind| kind_entry(kind));
        for entry in [kind, filter.names.clone()].into_iter().flatten() {
            query
                .push(" AND EXISTS (SELECT 1 FROM blocks e WHERE e.block = b.block AND e.name = ")
                .push_bind(entry)
                .push(")");
        }
        query.push(" ORDER BY block DESC LIMIT ").push_bind(i64::from(BLOCKS));
        let blocks: Vec<i64> = query.build_query_scalar().fetch_all(&self.pool).await?;
        Ok(blocks.into_iter().filter_map(|block| Some(u64::try_from(block).ok()? * BLOCK)).collect())
    }
}

async fn add_on(connection: &mut SqliteConnection, named: &str, next: u64) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "INSERT OR IGNORE INTO blocks (name, block)
         SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each($1)",
    )
    .bind(named)
    .execute(&mut *tx)
    .await?;
    sqlx::query("UPDATE cursor SET next = $1").bind(number(next)).execute(&mut *tx).await?;
    tx.commit().await
}

/// What of a leaf people search by: its kind, its session, and ids and names in its fields.
#[derive(Deserialize)]
struct Named<'l> {
    #[serde(borrow)]
    k: Cow<'l, str>,
    #[serde(borrow)]
    s: Cow<'l, str>,
    #[serde(borrow)]
    actor: Option<Cow<'l, str>>,
    #[serde(borrow)]
    by: Option<Cow<'l, str>>,
    #[serde(borrow)]
    presenter: Option<Cow<'l, str>>,
    #[serde(borrow)]
    review: Option<Cow<'l, str>>,
    #[serde(borrow)]
    reviewer: Option<Cow<'l, str>>,
    #[serde(borrow)]
    run: Option<Cow<'l, str>>,
    #[serde(borrow)]
    target: Option<Cow<'l, str>>,
    #[serde(borrow)]
    whom: Option<Cow<'l, str>>,
}

impl<'l> Named<'l> {
    fn of(leaf: &'l [u8]) -> Option<Self> {
        serde_json::from_slice(leaf).ok()
    }

    fn names(&self) -> impl Iterator<Item = &Cow<'l, str>> {
        let Self { k: _, s, actor, by, presenter, review, reviewer, run, target, whom } = self;
        let named = [actor, by, presenter, review, reviewer, run, target, whom].into_iter().flatten();
        std::iter::once(s).chain(named)
    }
}

/// What stands in the index for a kind: no name and no id looks like it.
fn kind_entry(kind: &str) -> String {
    format!("kind {kind}")
}

/// Records of a block.
pub const BLOCK: u64 = 256;
/// Blocks given at a time.
const BLOCKS: u32 = 64;

const SCHEMA: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS blocks (name TEXT NOT NULL, block INTEGER NOT NULL, PRIMARY KEY (name, block)) STRICT, WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS blocks_by_place ON blocks (block)",
    "CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL) STRICT",
    "INSERT OR IGNORE INTO cursor (one, next) VALUES (1, 0)",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(kind: &str, session: u8, review: Option<&str>) -> Vec<u8> {
        let review = review.map(|review| format!(r#","review":"{review}""#)).unwrap_or_default();
        format!(r#"{{"k":"{kind}","n":1{review},"s":"ses_{session}","t":5,"v":1}}"#).into_bytes()
    }

    fn looking_for(kind: Option<&str>, names: Option<&str>) -> RecordFilter {
        RecordFilter { kind: kind.map(str::to_owned), names: names.map(str::to_owned), before: None, limit: 10 }
    }

    #[tokio::test]
    async fn blocks_are_found_by_kind_and_name_newest_first_and_cut_where_the_log_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("search.db");
        let index = SearchIndex::open(&path, 0).await.unwrap();
        let leaves: Vec<Vec<u8>> = (0..4 * BLOCK)
            .map(|at| match at {
                7 | 700 => leaf("verdict", 1, Some("rev_a")),
                _ => leaf("execute", 2, None),
            })
            .collect();
        for (first, part) in (0_u64..).step_by(100).zip(leaves.chunks(100)) {
            index.add(first, part).await.unwrap();
        }
        assert_eq!(index.cursor().await.unwrap(), 4 * BLOCK);
        let verdicts = looking_for(Some("verdict"), None);
        assert_eq!(index.blocks(&verdicts, 4 * BLOCK).await.unwrap(), [2 * BLOCK, 0]);
        assert_eq!(index.blocks(&verdicts, 2 * BLOCK).await.unwrap(), [0]);
        let both = looking_for(Some("execute"), Some("rev_a"));
        assert_eq!(index.blocks(&both, 4 * BLOCK).await.unwrap(), [2 * BLOCK, 0], "a block is a guess");
        assert!(!both.matches(&leaves[7]) && verdicts.matches(&leaves[7]));
        assert!(index.blocks(&looking_for(None, Some("execute")), 4 * BLOCK).await.unwrap().is_empty());
        drop(index);
        let cut = SearchIndex::open(&path, 2 * BLOCK).await.unwrap();
        assert_eq!(cut.cursor().await.unwrap(), 2 * BLOCK);
        assert_eq!(cut.blocks(&looking_for(None, Some("ses_2")), u64::MAX).await.unwrap().len(), 3);
    }
}
