//! One order for records and their changes, the log's and the store's. Whoever moves a review holds its stripe from the
//! record to the change; a recorded change that the store did not take is kept there and applied before any other.

use std::collections::VecDeque;
use std::sync::Arc;

use audit::{Entry, Unwritable};
use gate::{Applied, Change, Journal};
use model::ReviewId;
use store::StoreError;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::Enforcement;
use crate::enforcement::Flight;
use crate::waker::Moved;

/// One of the locks that keep the order, with what is kept under it.
pub(crate) type Stripe = Mutex<Keeping>;

/// Changes that are recorded and that the store has not taken, in the order of their records; mostly none.
pub(crate) type Keeping = VecDeque<Kept>;

/// A recorded change, to be applied.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) change: Change,
    /// The index of its record.
    pub(crate) record: u64,
    /// Holds the cursor below the record until the change is applied.
    pub(crate) flight: Flight,
}

/// A change was not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unapplied {
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// It is kept.
    #[error("it is recorded and takes effect as soon as the store answers again, or at the next start: {0}")]
    Kept(#[from] StoreError),
}

impl Enforcement {
    /// Takes the stripe of a review. Whoever holds one waits for no other.
    ///
    /// # Errors
    /// If the store does not take what is kept there: then nothing in this stripe moves.
    pub(crate) async fn settle_alone(&self, review: ReviewId) -> Result<OwnedMutexGuard<Keeping>, StoreError> {
        self.take(self.stripe(review)).await
    }

    /// Takes the stripe of all that belongs to no review.
    ///
    /// # Errors
    /// If the store does not take what is kept there.
    pub(crate) async fn change_alone(&self) -> Result<OwnedMutexGuard<Keeping>, StoreError> {
        self.take(&self.0.unreviewed).await
    }

    /// Applies what is kept in any stripe.
    ///
    /// # Errors
    /// If the store does not take it all.
    pub(crate) async fn catch_up(&self) -> Result<(), StoreError> {
        let mut caught_up = Ok(());
        for stripe in self.0.settling.iter().chain([&self.0.unreviewed]) {
            // One that the store does not take keeps no other from it.
            caught_up = self.take(stripe).await.map(drop).and(caught_up);
        }
        caught_up
    }

    async fn take(&self, stripe: &Arc<Stripe>) -> Result<OwnedMutexGuard<Keeping>, StoreError> {
        let mut stripe = Arc::clone(stripe).lock_owned().await;
        while let Some(Kept { change, record, .. }) = stripe.front() {
            self.0.store.apply(change, *record).await?;
            match change {
                Change::AdvanceReview { id, .. } => self.tell("review-moved", *id, Moved::Perhaps),
                Change::OpenReview { review } => self.tell("review-opened", review.case.id, Moved::Perhaps),
                Change::Directory { .. } => self.bump(),
                Change::ReleaseRun { .. }
                | Change::EndRun { .. }
                | Change::AddInsights { .. }
                | Change::Targets { .. } => {}
            }
            if let Some(applied) = stripe.pop_front() {
                applied.flight.land();
            }
        }
        Ok(stripe)
    }

    /// Records a change, then applies it. Whoever lost is told so, and reads again.
    pub(crate) async fn change(
        &self,
        stripe: &mut Keeping,
        change: Change,
        write: impl FnOnce(&mut Journal, &Change) -> Result<Entry, Unwritable>,
    ) -> Result<Applied, Unapplied> {
        let flight = self.take_off();
        let recorded = match self.record(|journal| write(journal, &change)).await {
            Ok(recorded) => recorded,
            Err(error) => {
                // Where nothing was staged, nothing is under way.
                if matches!(error, Unwritable::TooLarge | Unwritable::Behind) {
                    flight.land();
                }
                return Err(error.into());
            }
        };
        let applied = self.0.store.apply(&change, recorded.index()).await;
        match applied {
            Ok(_) => flight.land(),
            Err(_) => self.keep(stripe, Kept { change, record: recorded.index(), flight }),
        }
        Ok(applied?)
    }

    /// Keeps what the store did not take.
    pub(crate) fn keep(&self, stripe: &mut Keeping, kept: Kept) {
        stripe.push_back(kept);
        self.0.kept.notify_one();
    }

    fn stripe(&self, review: ReviewId) -> &Arc<Stripe> {
        let [first, ..] = *review.as_bytes();
        let stripes = &self.0.settling;
        stripes.get(usize::from(first) % STRIPES).unwrap_or(&self.0.unreviewed)
    }
}

/// Reviews are settled one at a time within a stripe; the store's compare-and-swap is what makes it right.
pub(crate) const STRIPES: usize = 64;
