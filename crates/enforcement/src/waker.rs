//! Wakes who waits for a review: a push to the waiting task, never a poll. Of the review's state it knows only
//! that it is settled; whoever is woken reads the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gate::Phase;
use model::ReviewId;
use tokio::sync::watch;

/// Who waits for which review on this node.
#[derive(Debug, Default)]
pub(crate) struct Waker {
    waiting: Mutex<HashMap<ReviewId, Arc<watch::Sender<Moved>>>>,
}

/// How a review moved, as far as whoever moved it can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Whether it is still pending is in the store.
    Perhaps,
    /// A verdict on it is being given: it may move within milliseconds.
    Stirs,
    /// It is not pending any more, and never will be again.
    Settled,
}

impl Moved {
    /// How it moved, if the store has it in this phase.
    pub(crate) const fn to(phase: &Phase) -> Self {
        match phase {
            Phase::Pending => Self::Perhaps,
            Phase::Approved { .. } | Phase::Claimed { .. } | Phase::Ended { .. } => Self::Settled,
        }
    }
}

impl Waker {
    /// A receiver that changes whenever the review moves from now on.
    pub(crate) fn watch(&self, review: ReviewId) -> watch::Receiver<Moved> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() % SWEEP_EVERY == SWEEP_EVERY - 1 {
            waiting.retain(|id, sender| *id == review || sender.receiver_count() > 0);
        }
        waiting.entry(review).or_insert_with(|| Arc::new(watch::channel(Moved::Perhaps).0)).subscribe()
    }

    /// The review moved.
    pub(crate) fn wake(&self, review: ReviewId, moved: Moved) {
        let sender = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(&review).cloned();
        if let Some(sender) = sender {
            sender.send_modify(|before| {
                if *before != Moved::Settled {
                    *before = moved;
                }
            });
        }
    }
}

/// Reviews that nobody waits for any more are forgotten once this many more are known.
const SWEEP_EVERY: usize = 1024;
