//! Actions proposed by the native API, kept so that a caller can resume after a restart. Never their results.

use model::{ActionId, Name, PrincipalId, ReviewId, Timestamp};
use sqlx::Row as _;

use crate::{Store, StoreError, number, read_text};

/// A proposal as it came in.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Its id.
    pub id: ActionId,
    /// Who proposed it.
    pub actor: PrincipalId,
    /// On which target.
    pub target: Name,
    /// Its body, as JSON.
    pub body: String,
    /// When.
    pub proposed_at: Timestamp,
    /// The review it waits for, if any.
    pub review: Option<ReviewId>,
    /// How it ended, as JSON without rows.
    pub ended: Option<String>,
}

impl Store {
    /// Keeps a proposal.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn add_proposal(&self, proposal: &Proposal) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO proposals (id, actor, target, body, proposed_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(proposal.id.to_string())
            .bind(proposal.actor.to_string())
            .bind(proposal.target.as_str())
            .bind(&proposal.body)
            .bind(number(proposal.proposed_at.as_millis()))
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Tells which review a proposal waits for, or how it ended.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn update_proposal(
        &self,
        id: ActionId,
        review: Option<ReviewId>,
        ended: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE proposals SET review = coalesce($2, review), ended = coalesce(ended, $3) WHERE id = $1")
            .bind(id.to_string())
            .bind(review.map(|review| review.to_string()))
            .bind(ended)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// One proposal.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn proposal(&self, id: ActionId) -> Result<Option<Proposal>, StoreError> {
        let row =
            sqlx::query("SELECT id, actor, target, body, proposed_at, review, ended FROM proposals WHERE id = $1")
                .bind(id.to_string())
                .fetch_optional(&self.read)
                .await?;
        let Some(row) = row else { return Ok(None) };
        let (proposed_at, review): (i64, Option<&str>) = (row.try_get("proposed_at")?, row.try_get("review")?);
        Ok(Some(Proposal {
            id,
            actor: read_text(row.try_get("actor")?)?,
            target: read_text(row.try_get("target")?)?,
            body: row.try_get("body")?,
            proposed_at: Timestamp::from_millis(u64::try_from(proposed_at).unwrap_or(0)),
            review: review.map(read_text).transpose()?,
            ended: row.try_get("ended")?,
        }))
    }
}
