//! Settling reviews: verdicts, withdrawals, presenters that leave, and time. Each change is recorded, then applied by
//! compare-and-swap; whoever loses reads again. A verdict that does not count is recorded too.

use std::time::Duration;

use audit::{Entry, Unwritable};
use gate::{Applied, Change, Given, Journal, NotCounted, Phase, Review, ReviewState};
use model::{
    Channel, Grant, Name, Outcome, PresenterId, PrincipalId, ReviewId, Strength, Timestamp, Verdict, VerdictKind, limit,
};
use policy::Countersign;
use store::ReviewRow;
use tokio::sync::mpsc;

use crate::Enforcement;
use crate::enforcement::Cut;
use crate::stripe::{Keeping, Unapplied};
use crate::waker::Moved;

/// A verdict as a person gives it; who they are was proven just before.
#[derive(Debug, Clone)]
pub struct GivenVerdict {
    /// The review.
    pub review: ReviewId,
    /// Who gives it.
    pub reviewer: PrincipalId,
    /// What they say.
    pub kind: VerdictKind,
    /// Why.
    pub reason: String,
    /// Through which channel.
    pub channel: Channel,
    /// How strongly they proved to be themselves, just now.
    pub strength: Strength,
    /// What they grant beside the one run.
    pub grant: Option<Grant>,
}

/// Why a review was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// There is none.
    #[error("there is no such review")]
    NoReview,
    /// It does not count.
    #[error(transparent)]
    NotCounted(#[from] NotCounted),
    /// Only the actor or a person behind it may do that.
    #[error("only the actor, or a person it acts for, may withdraw its action")]
    NotYours,
    /// The log has it, the store not yet.
    #[error("{0}")]
    NotYet(String),
    /// The log or the store failed.
    #[error("nothing is settled without its record: {0}")]
    Unavailable(String),
}

impl From<Unapplied> for SettleError {
    fn from(error: Unapplied) -> Self {
        match error {
            Unapplied::Unwritable(error) => error.into(),
            Unapplied::Kept(_) => Self::NotYet(error.to_string()),
        }
    }
}

impl From<Unwritable> for SettleError {
    fn from(error: Unwritable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<store::StoreError> for SettleError {
    fn from(error: store::StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl Enforcement {
    /// Gives a verdict.
    ///
    /// # Errors
    /// If it does not count, or cannot be recorded. Either way the reviewer is told why.
    pub async fn give_verdict(&self, given: GivenVerdict) -> Result<ReviewRow, SettleError> {
        let node = self.clone();
        self.see_through(async move { node.settle(given).await }).await.unwrap_or_else(gone)
    }

    async fn settle(&self, mut given: GivenVerdict) -> Result<ReviewRow, SettleError> {
        given.reason.truncate(given.reason.floor_char_boundary(limit::REASON_BYTES));
        self.0.waker.wake(given.review, Moved::Stirs);
        let mut stripe = self.settle_alone(given.review).await?;
        for _ in 0..ATTEMPTS {
            let review = self.0.store.review(given.review).await?.ok_or(SettleError::NoReview)?.review;
            let now = self.now();
            let verdict = Verdict {
                reviewer: given.reviewer,
                kind: given.kind,
                reason: given.reason.clone(),
                at: now,
                channel: given.channel,
                strength: given.strength,
                proof_age: model::Duration::from_secs(0),
                terms: Vec::new(),
                grant: given.grant,
            };
            let state = match self.count(&review, verdict.clone(), now).await? {
                Ok(state) => state,
                Err(why) => {
                    self.record(|journal| journal.verdict_refused(given.review, given.reviewer, &why, now)).await?;
                    return Err(why.into());
                }
            };
            let verdict = state.verdicts.last().cloned().unwrap_or(verdict);
            let write = |journal: &mut Journal, change: &Change| journal.verdict(given.review, &verdict, change, now);
            if self.advance(&mut stripe, &review, state.clone(), write).await? == Applied::Applied {
                return Ok(ReviewRow { review: Review { case: review.case, state }, run: None });
            }
        }
        Err(SettleError::Unavailable("the review moves too fast: try again".to_owned()))
    }

    /// What the gate says of the verdict, with everybody's standing as of now.
    async fn count(
        &self,
        review: &Review,
        verdict: Verdict,
        now: Timestamp,
    ) -> Result<Result<ReviewState, NotCounted>, SettleError> {
        let behind = &review.case.action.actor.lineage;
        let before = review.state.verdicts.iter().map(|verdict| verdict.reviewer);
        let people = self.0.store.standings(before.chain(behind.people()).chain([verdict.reviewer])).await?;
        let Some(reviewer) = people.get(&verdict.reviewer) else { return Ok(Err(NotCounted::NotAPerson)) };
        let lineage = people.values().filter(|person| behind.contains(person.actor.principal.id));
        let lineage: Vec<Name> = lineage.map(|person| person.actor.principal.name.clone()).collect();
        let targets = self.targets();
        let Some(target) = targets.get(&review.case.action.target) else {
            return Ok(Err(NotCounted::Policy("the target is no longer configured".to_owned())));
        };
        let id = review.case.id.to_string();
        let countersign = self.policy().may_countersign(&Countersign {
            reviewer,
            review: &id,
            lineage: &lineage,
            target,
            channel: verdict.channel,
            strength: verdict.strength,
            proof_age: verdict.proof_age,
            now,
        });
        let given = Given { verdict, reviewer, countersign: &countersign, people: &people };
        Ok(review.handle_verdict(&given, now))
    }

    /// The actor, or a person it acts for, takes its action back.
    ///
    /// # Errors
    /// If the caller may not, the review is over, or it cannot be recorded.
    pub async fn withdraw(&self, review: ReviewId, by: PrincipalId) -> Result<ReviewRow, SettleError> {
        let node = self.clone();
        self.see_through(async move { node.take_back(review, by).await }).await.unwrap_or_else(gone)
    }

    async fn take_back(&self, review: ReviewId, by: PrincipalId) -> Result<ReviewRow, SettleError> {
        let mut stripe = self.settle_alone(review).await?;
        for _ in 0..ATTEMPTS {
            let found = self.0.store.review(review).await?.ok_or(SettleError::NoReview)?.review;
            let actor = &found.case.action.actor;
            if actor.principal.id != by && !actor.lineage.contains(by) {
                return Err(SettleError::NotYours);
            }
            let state = found.handle_withdraw("withdrawn by the actor", self.now())?;
            if self.end(&mut stripe, &found, state, Outcome::Withdrawn).await? == Applied::Applied {
                return self.0.store.review(review).await?.ok_or(SettleError::NoReview);
            }
        }
        Err(SettleError::Unavailable("the review moves too fast: try again".to_owned()))
    }

    /// The actor was revoked: everything it has open is withdrawn.
    pub(crate) async fn withdraw_all(&self, actor: PrincipalId) -> Result<(), SettleError> {
        let mut ended = Ok(());
        for id in self.0.store.open_review_ids_of_actor(actor).await? {
            // One that cannot be ended keeps no other from it.
            ended = self.withdraw_of_revoked(id).await.and(ended);
        }
        ended
    }

    async fn withdraw_of_revoked(&self, id: ReviewId) -> Result<(), SettleError> {
        let mut stripe = self.settle_alone(id).await?;
        let Some(row) = self.0.store.review(id).await? else { return Ok(()) };
        let Ok(state) = row.review.handle_withdraw("the actor was revoked", self.now()) else { return Ok(()) };
        self.end(&mut stripe, &row.review, state, Outcome::Withdrawn).await.map(drop)
    }

    /// Detaches a presenter that left; if that cannot be recorded now, it is tried again.
    pub(crate) async fn see_off(&self, presenter: (ReviewId, PresenterId)) {
        if let Err(error) = self.detach(presenter).await {
            tracing::warn!(%error, review = %presenter.0, "a presenter that left could not be detached yet");
            self.depart(presenter);
        }
    }

    /// A presenter left. The review stays open and releases to nobody until the same action is presented again.
    async fn detach(&self, (review, presenter): (ReviewId, PresenterId)) -> Result<(), SettleError> {
        let mut stripe = self.settle_alone(review).await?;
        let Some(row) = self.0.store.review(review).await? else { return Ok(()) };
        let Ok(state) = row.review.handle_detach(presenter) else { return Ok(()) };
        let now = self.now();
        let write = |journal: &mut Journal, change: &Change| journal.presenter_left(review, change, now);
        self.advance(&mut stripe, &row.review, state, write).await.map(drop)
    }

    /// Ends reviews whose time is up.
    async fn end_due(&self) -> Result<(), SettleError> {
        let mut ended = Ok(());
        for id in self.0.store.due_reviews(self.now()).await? {
            // One that cannot be ended keeps no other from it.
            ended = self.end_if_due(id).await.and(ended);
        }
        ended
    }

    async fn end_if_due(&self, id: ReviewId) -> Result<(), SettleError> {
        let mut stripe = self.settle_alone(id).await?;
        let Some(row) = self.0.store.review(id).await? else { return Ok(()) };
        let Ok(state) = row.review.handle_time(self.now()) else { return Ok(()) };
        let Phase::Ended { outcome, .. } = state.phase else { return Ok(()) };
        self.end(&mut stripe, &row.review, state, outcome).await.map(drop)
    }

    async fn end(
        &self,
        stripe: &mut Keeping,
        review: &Review,
        state: ReviewState,
        outcome: Outcome,
    ) -> Result<Applied, SettleError> {
        let now = self.now();
        let id = review.case.id;
        self.advance(stripe, review, state, |journal, change| journal.review_ended(id, outcome, change, now)).await
    }

    /// Records the step, applies it, and wakes who waits.
    async fn advance(
        &self,
        stripe: &mut Keeping,
        review: &Review,
        state: ReviewState,
        write: impl FnOnce(&mut Journal, &Change) -> Result<Entry, Unwritable>,
    ) -> Result<Applied, SettleError> {
        let id = review.case.id;
        let moved = Moved::to(&state.phase);
        let change = Change::AdvanceReview { id, state: Box::new(state) };
        let applied = self.change(stripe, change, write).await;
        self.tell("review-moved", id, if matches!(applied, Ok(Applied::Applied)) { moved } else { Moved::Perhaps });
        Ok(applied?)
    }
}

fn gone<T>(_: Cut) -> Result<T, SettleError> {
    Err(SettleError::Unavailable("the gateway is stopping".to_owned()))
}

/// Detaches presenters whose callers went without a word.
pub(crate) async fn see_off(enforcement: Enforcement, mut departed: mpsc::UnboundedReceiver<(ReviewId, PresenterId)>) {
    while let Some(presenter) = departed.recv().await {
        if let Err(error) = enforcement.detach(presenter).await {
            tracing::warn!(%error, review = %presenter.0, "a presenter that left could not be detached yet");
            if !enforcement.is_ready() {
                return;
            }
            tokio::time::sleep(AGAIN).await;
            enforcement.depart(presenter);
        }
    }
}

/// Ends reviews when their time is up: sleeps until the next is due, and looks again whenever one is opened. Applies what
/// was kept for the store, until it takes all of it.
pub(crate) async fn expire(enforcement: Enforcement) {
    let mut events = enforcement.events();
    let mut behind = false;
    loop {
        if behind {
            behind = enforcement.catch_up().await.is_err();
        }
        let ended = enforcement.end_due().await;
        if let Err(error) = &ended {
            tracing::warn!(%error, "reviews that are due could not be ended");
        }
        if !enforcement.is_ready() {
            return;
        }
        let due = enforcement.0.store.next_due().await.ok().flatten();
        let sleep = match due {
            _ if behind || ended.is_err() => AGAIN,
            Some(due) => Duration::from_millis(due.since(enforcement.now()).as_millis()).clamp(SOON, LATE),
            None => LATE,
        };
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = enforcement.0.kept.notified() => behind = true,
            event = events.recv() => {
                if matches!(event, Err(tokio::sync::broadcast::error::RecvError::Closed)) {
                    return;
                }
                // Whoever caused it goes first.
                tokio::time::sleep(SOON).await;
            }
        }
    }
}

/// Times a change is tried again after losing to another.
const ATTEMPTS: usize = 8;
/// How soon what the log or the store did not take is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// At least this long between two looks at what is due.
const SOON: Duration = Duration::from_millis(50);
/// At most this long.
const LATE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
