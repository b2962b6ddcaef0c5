//! What reviewers are told beside the action itself: what was found out about it, and what its actor was let do before.

use gate::Applied;
use model::{Insight, Name, Operation, PrincipalId, ReviewId, Timestamp};
use sqlx::sqlite::SqlitePool;

use crate::{Store, StoreError, json, number, read_json};

pub(crate) async fn add(
    write: &SqlitePool,
    review: ReviewId,
    insights: &[Insight],
    record: i64,
) -> Result<Applied, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO insights (review, insights_json, record) SELECT id, $2, $3 FROM reviews WHERE id = $1
         ON CONFLICT (review) DO NOTHING",
    )
    .bind(review.to_string())
    .bind(json(&insights)?)
    .bind(record)
    .execute(write)
    .await?;
    Ok(if inserted.rows_affected() == 1 { Applied::Applied } else { Applied::Lost })
}

impl Store {
    /// What was found out about a held action. `None`: nothing yet.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn insights(&self, review: ReviewId) -> Result<Option<Vec<Insight>>, StoreError> {
        let text: Option<String> = sqlx::query_scalar("SELECT insights_json FROM insights WHERE review = $1")
            .bind(review.to_string())
            .fetch_optional(&self.read)
            .await?;
        text.map(|text| read_json(&text)).transpose()
    }

    /// Keeps what an actor was let do, each once.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn keep_habits(
        &self,
        (actor, target): (PrincipalId, &Name),
        operations: &[Operation],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        for operation in operations {
            sqlx::query(
                "INSERT INTO habits (actor, target, verb, resource, first_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT DO NOTHING",
            )
            .bind(actor.to_string())
            .bind(target.as_str())
            .bind(operation.verb.as_str())
            .bind(operation.resource.to_string())
            .bind(number(at.as_millis()))
            .execute(&self.write)
            .await?;
        }
        Ok(())
    }

    /// Which of these operations an actor was never let do before, and since when that is known.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn first_times(
        &self,
        (actor, target): (PrincipalId, &Name),
        operations: &[Operation],
    ) -> Result<Vec<Insight>, StoreError> {
        let since: i64 =
            sqlx::query_scalar("SELECT value FROM meta WHERE name = 'habits-since'").fetch_one(&self.read).await?;
        let since = Timestamp::from_millis(u64::try_from(since).unwrap_or(0));
        let mut first = Vec::new();
        for operation in operations {
            let resource = operation.resource.to_string();
            let known: Option<i64> = sqlx::query_scalar(
                "SELECT first_at FROM habits WHERE actor = $1 AND target = $2 AND verb = $3 AND resource = $4",
            )
            .bind(actor.to_string())
            .bind(target.as_str())
            .bind(operation.verb.as_str())
            .bind(&resource)
            .fetch_optional(&self.read)
            .await?;
            let insight = Insight::FirstTime { verb: operation.verb, resource, since };
            if known.is_none() && !first.contains(&insight) {
                first.push(insight);
            }
        }
        Ok(first)
    }
}
