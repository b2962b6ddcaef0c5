//! What reviewers are told beside the action itself. A door finds it out once an action is held; it is on the record like
//! all that people settle by, and nothing waits for it.

use audit::Kind;
use gate::Change;
use model::{Digest, Insight, Name, Operation, PrincipalId, ReviewId, Statement};

use crate::settle::SettleError;
use crate::waker::Moved;
use crate::{Enforcement, Session};

impl Enforcement {
    /// Tells reviewers what was found out about a held action, once.
    ///
    /// # Errors
    /// If it cannot be recorded.
    pub async fn add_insights(&self, review: ReviewId, insights: Vec<Insight>) -> Result<(), SettleError> {
        let mut stripe = self.settle_alone(review).await?;
        let change = Change::AddInsights { review, insights };
        let tokens = [("review", review.to_string())];
        let now = self.now();
        self.change(&mut stripe, change, |journal, change| {
            journal.note(Kind::Context, &tokens, &[("change", serde_json::json!(change))], now)
        })
        .await?;
        self.tell("review-informed", review, Moved::Perhaps);
        Ok(())
    }

    /// Which of these operations the actor was never let do on the target before.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn first_times(
        &self,
        whose: (PrincipalId, &Name),
        operations: &[Operation],
    ) -> Result<Vec<Insight>, SettleError> {
        let kept: Vec<Operation> = operations.iter().filter(|operation| is_kept(operation)).cloned().collect();
        Ok(self.0.store.first_times(whose, &kept).await?)
    }
}

/// Statements of one session whose operations are known to be kept.
#[derive(Debug, Default)]
pub(crate) struct Habits(std::collections::HashSet<Digest>);

impl Session {
    /// An action was let do what it does: that is kept for reviewers of later ones. Plain reads are not.
    pub(crate) fn note_habits(&mut self, statement: &Statement, digest: Digest) {
        let operations: Vec<Operation> =
            statement.operations.iter().filter(|operation| is_kept(operation)).cloned().collect();
        if operations.is_empty() || self.is_for_reviewers {
            return;
        }
        if self.habits.0.len() >= KEPT {
            self.habits.0.clear();
        }
        if !self.habits.0.insert(digest) {
            return;
        }
        let node = self.enforcement.clone();
        let (actor, target, now) = (self.standing().actor.principal.id, self.target.clone(), node.now());
        // Nobody waits for it: what is lost is told as a first time once more.
        let keeper = node.clone();
        node.work_aside(async move {
            if let Err(error) = keeper.0.store.keep_habits((actor, &target), &operations, now).await {
                tracing::warn!(%error, "what an actor was let do could not be kept");
            }
        });
    }
}

/// Plain reads are too many to be kept.
fn is_kept(operation: &Operation) -> bool {
    !operation.verb.is_plain_read()
}

/// Statements of one session that are remembered.
const KEPT: usize = 256;
