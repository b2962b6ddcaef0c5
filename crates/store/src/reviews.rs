//! Reviews with their verdicts, and runs. The version of a review is what claims and verdicts are swapped on.

use gate::{Applied, Change, Granted, Phase, Review, ReviewState};
use model::{Digest, PrincipalId, ReviewId, Run, RunId, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use crate::{Store, StoreError, json, number, read_json, read_text};

/// A review with the run it was claimed for, if any.
#[derive(Debug, Clone)]
pub struct ReviewRow {
    /// The review.
    pub review: Review,
    /// Its run.
    pub run: Option<RunRow>,
}

/// A run as stored.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// The review that released it.
    pub review: ReviewId,
    /// How it stands.
    pub state: Run,
    /// What the upstream said, without data.
    pub detail: String,
}

pub(crate) async fn open(write: &SqlitePool, review: &Review, record: i64) -> Result<Applied, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO reviews
            (id, digest, actor, target, opened_at, due_at, version, case_json, state_json, record, granted_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING",
    )
    .bind(review.case.id.to_string())
    .bind(review.case.digest.to_string())
    .bind(review.case.action.actor.principal.id.to_string())
    .bind(review.case.action.target.as_str())
    .bind(number(review.case.opened_at.as_millis()))
    .bind(review.due_at().map(|at| number(at.as_millis())))
    .bind(number(review.state.version))
    .bind(json(&review.case)?)
    .bind(json(&review.state)?)
    .bind(record)
    .bind(review.case.under.map(|under| under.grant.to_string()))
    .execute(write)
    .await?;
    Ok(if inserted.rows_affected() == 1 { Applied::Applied } else { Applied::Lost })
}

/// Which version a review must still have.
#[derive(Clone, Copy)]
pub(crate) enum Expected<'s> {
    /// The one before this state.
    Before(&'s ReviewState),
    /// Any that is older than this state.
    Older(&'s ReviewState),
}

/// Writes a review's state if its version is as expected. One statement, for releases wait on it.
pub(crate) async fn swap(
    write: &SqlitePool,
    id: ReviewId,
    expected: Expected<'_>,
    record: i64,
) -> Result<Applied, StoreError> {
    let (state, oldest) = match expected {
        Expected::Before(state) => (state, number(state.version) - 1),
        Expected::Older(state) => (state, 0),
    };
    // As `Review::due_at`; a test holds them together.
    let claim_by = match &state.phase {
        Phase::Approved { claim_by, .. } => Some(*claim_by),
        Phase::Pending | Phase::Claimed { .. } | Phase::Ended { .. } => None,
    };
    let swapped = sqlx::query(
        "UPDATE reviews SET version = $3, state_json = $4, record = max(record, $5),
                due_at = CASE WHEN $6 THEN json_extract(case_json, '$.expires_at') ELSE $7 END
         WHERE id = $1 AND version >= $2 AND version < $3",
    )
    .bind(id.to_string())
    .bind(oldest)
    .bind(number(state.version))
    .bind(json(state)?)
    .bind(record)
    .bind(matches!(state.phase, Phase::Pending))
    .bind(claim_by.map(|at| number(at.as_millis())))
    .execute(write)
    .await?;
    if state.verdicts.iter().any(|verdict| verdict.grant.is_some()) {
        keep_grant(write, id, state).await?;
    }
    Ok(if swapped.rows_affected() == 1 { Applied::Applied } else { Applied::Lost })
}

/// Keeps what the review grants in this state, if that is the one it has: nothing, where it grants nothing any more.
async fn keep_grant(write: &SqlitePool, id: ReviewId, state: &ReviewState) -> Result<(), StoreError> {
    let grant = state.grant();
    sqlx::query(
        "INSERT INTO grants (review, digest, uses, until) SELECT id, digest, $2, $3 FROM reviews WHERE id = $1 AND version = $4
         ON CONFLICT (review) DO UPDATE SET uses = excluded.uses, until = excluded.until",
    )
    .bind(id.to_string())
    .bind(grant.map_or(0, |grant| i64::from(grant.uses)))
    .bind(grant.map_or(0, |grant| number(grant.until.as_millis())))
    .bind(number(state.version))
    .execute(write)
    .await?;
    Ok(())
}

/// Keeps a run that was released: one statement where the store has the claim, as it mostly has. Repeated, it does no harm.
pub(crate) async fn release(write: &SqlitePool, change: &Change, record: i64) -> Result<Applied, StoreError> {
    let Change::ReleaseRun { run, review, state, digest, at } = change else {
        return Err(StoreError::Corrupt("not a release".to_owned()));
    };
    let insert = || {
        sqlx::query(
            "INSERT INTO runs (id, review, digest, state, released_at, record)
             SELECT $1, id, $3, $4, $5, $6 FROM reviews WHERE id = $2 AND version >= $7 ON CONFLICT DO NOTHING",
        )
        .bind(run.to_string())
        .bind(review.to_string())
        .bind(digest.to_string())
        .bind(Run::Released.as_str())
        .bind(number(at.as_millis()))
        .bind(record)
        .bind(number(state.version))
        .execute(write)
    };
    let mut inserted = insert().await?;
    if inserted.rows_affected() == 0 && swap(write, *review, Expected::Older(state), record).await? == Applied::Applied
    {
        // A store restored from before the claim learned here that the approval is spent.
        inserted = insert().await?;
    }
    Ok(if inserted.rows_affected() == 1 { Applied::Applied } else { Applied::Lost })
}

pub(crate) async fn end_run(
    write: &SqlitePool,
    run: RunId,
    end: Run,
    at: Timestamp,
    detail: &str,
) -> Result<Applied, StoreError> {
    let ended =
        sqlx::query("UPDATE runs SET state = $2, ended_at = $3, detail = $4 WHERE id = $1 AND ended_at IS NULL")
            .bind(run.to_string())
            .bind(end.as_str())
            .bind(number(at.as_millis()))
            .bind(detail)
            .execute(write)
            .await?;
    Ok(if ended.rows_affected() == 1 { Applied::Applied } else { Applied::Lost })
}

impl Store {
    /// One review.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn review(&self, id: ReviewId) -> Result<Option<ReviewRow>, StoreError> {
        let row = sqlx::query(
            "SELECT v.case_json, v.state_json, v.id AS review, r.id AS run, r.state, r.detail
             FROM reviews v LEFT JOIN runs r ON r.review = v.id WHERE v.id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.read)
        .await?;
        row.as_ref().map(review_of).transpose()
    }

    /// Open reviews of the action with this digest, newest first, at most 16.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn open_reviews_of_action(&self, digest: &Digest) -> Result<Vec<Review>, StoreError> {
        let rows = sqlx::query(
            "SELECT case_json, state_json, id AS review, NULL AS run, NULL AS state, NULL AS detail FROM reviews
             WHERE digest = $1 AND due_at IS NOT NULL ORDER BY opened_at DESC LIMIT 16",
        )
        .bind(digest.to_string())
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(|row| Ok(review_of(row)?.review)).collect()
    }

    /// A grant of the action with this digest that has a use left at `now`, with everybody behind it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn grant_of_action(&self, digest: &Digest, now: Timestamp) -> Result<Option<Granted>, StoreError> {
        let row = sqlx::query(GRANT).bind(digest.to_string()).bind(number(now.as_millis())).fetch_optional(&self.read);
        let Some(row) = row.await? else { return Ok(None) };
        let (ReviewRow { review, .. }, used) = granted_of(&row)?;
        let verdicts = review.state.verdicts.iter().map(|verdict| verdict.reviewer);
        let people = self.standings(verdicts.chain(review.case.action.actor.lineage.people())).await?;
        Ok(Some(Granted { review, used, people }))
    }

    /// Grants with a use left at `now`: their reviews, and how often each was used; at most 1,000.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn grants(&self, now: Timestamp) -> Result<Vec<(ReviewRow, u32)>, StoreError> {
        let rows = sqlx::query(GRANTS).bind(number(now.as_millis())).fetch_all(&self.read).await?;
        rows.iter().map(granted_of).collect()
    }

    /// How many reviews this actor has open.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn open_reviews_of_actor(&self, actor: PrincipalId) -> Result<usize, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM reviews WHERE actor = $1 AND due_at IS NOT NULL")
            .bind(actor.to_string())
            .fetch_one(&self.read)
            .await?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// The reviews that this actor has open.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn open_review_ids_of_actor(&self, actor: PrincipalId) -> Result<Vec<ReviewId>, StoreError> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT id FROM reviews WHERE actor = $1 AND due_at IS NOT NULL LIMIT 1000")
                .bind(actor.to_string())
                .fetch_all(&self.read)
                .await?;
        rows.iter().map(|id| read_text(id)).collect()
    }

    /// Open reviews whose time is up at `now`, at most 100.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn due_reviews(&self, now: Timestamp) -> Result<Vec<ReviewId>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM reviews WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT 100",
        )
        .bind(number(now.as_millis()))
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(|id| read_text(id)).collect()
    }

    /// When the next open review is due.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let due: Option<i64> = sqlx::query_scalar("SELECT min(due_at) FROM reviews WHERE due_at IS NOT NULL")
            .fetch_one(&self.read)
            .await?;
        Ok(due.and_then(|at| u64::try_from(at).ok()).map(Timestamp::from_millis))
    }

    /// Reviews, newest first, at most `limit`; only open ones if `open`; older than the review `before`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn reviews(
        &self,
        open: bool,
        before: Option<ReviewId>,
        limit: u32,
    ) -> Result<Vec<ReviewRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT v.case_json, v.state_json, v.id AS review, r.id AS run, r.state, r.detail
             FROM reviews v LEFT JOIN runs r ON r.review = v.id
             WHERE ($1 = 0 OR v.due_at IS NOT NULL)
               AND ($2 IS NULL OR (v.opened_at, v.id) < (SELECT opened_at, id FROM reviews WHERE id = $2))
             ORDER BY v.opened_at DESC, v.id DESC LIMIT $3",
        )
        .bind(i64::from(open))
        .bind(before.map(|id| id.to_string()))
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(review_of).collect()
    }

    /// Runs that were released and whose end is not known.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn unended_runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let rows = sqlx::query("SELECT id AS run, review, state, detail FROM runs WHERE ended_at IS NULL LIMIT 10000")
            .fetch_all(&self.read)
            .await?;
        rows.iter().filter_map(|row| run_of(row).transpose()).collect()
    }

    /// Reviews that were claimed for a run that has no record: it was never forwarded.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn claims_without_run(&self) -> Result<Vec<Review>, StoreError> {
        let rows = sqlx::query(
            "SELECT v.case_json, v.state_json, v.id AS review, NULL AS run, NULL AS state, NULL AS detail FROM reviews v
             WHERE v.due_at IS NULL AND json_extract(v.state_json, '$.phase.phase') = 'claimed'
               AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.review = v.id) LIMIT 10000",
        )
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(|row| Ok(review_of(row)?.review)).collect()
    }
}

fn review_of(row: &SqliteRow) -> Result<ReviewRow, StoreError> {
    let (case, state): (&str, &str) = (row.try_get("case_json")?, row.try_get("state_json")?);
    Ok(ReviewRow { review: Review { case: read_json(case)?, state: read_json(state)? }, run: run_of(row)? })
}

fn run_of(row: &SqliteRow) -> Result<Option<RunRow>, StoreError> {
    let run: Option<&str> = row.try_get("run")?;
    let Some(run) = run else { return Ok(None) };
    Ok(Some(RunRow {
        id: read_text(run)?,
        review: read_text(row.try_get("review")?)?,
        state: run_state(row.try_get("state")?)?,
        detail: row.try_get("detail")?,
    }))
}

fn run_state(text: &str) -> Result<Run, StoreError> {
    let known = [Run::Released, Run::Succeeded, Run::Failed, Run::Uncertain].into_iter();
    let mut found = known.filter(|run| run.as_str() == text);
    found.next().ok_or_else(|| StoreError::Corrupt(format!("`{text}` is not a run's state")))
}

fn granted_of(row: &SqliteRow) -> Result<(ReviewRow, u32), StoreError> {
    let used: i64 = row.try_get("used")?;
    Ok((review_of(row)?, u32::try_from(used).unwrap_or(u32::MAX)))
}

const GRANT: &str =
    "SELECT * FROM granted WHERE digest = $1 AND until > $2 AND used < uses ORDER BY until DESC LIMIT 1";
const GRANTS: &str = "SELECT * FROM granted WHERE until > $1 AND used < uses ORDER BY until LIMIT 1000";
