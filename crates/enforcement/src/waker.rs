//! Wakes who waits for a review: a push to the waiting task, never a poll. It holds no state of the review; whoever is
//! woken reads the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::ReviewId;
use tokio::sync::watch;

/// Who waits for which review on this node.
#[derive(Debug, Default)]
pub(crate) struct Waker {
    waiting: Mutex<HashMap<ReviewId, Arc<watch::Sender<u64>>>>,
}

impl Waker {
    /// A receiver that changes whenever the review moves from now on.
    pub(crate) fn watch(&self, review: ReviewId) -> watch::Receiver<u64> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() % SWEEP_EVERY == SWEEP_EVERY - 1 {
            waiting.retain(|id, sender| *id == review || sender.receiver_count() > 0);
        }
        waiting.entry(review).or_insert_with(|| Arc::new(watch::channel(0).0)).subscribe()
    }

    /// The review moved.
    pub(crate) fn wake(&self, review: ReviewId) {
        let sender = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(&review).cloned();
        if let Some(sender) = sender {
            sender.send_modify(|moves| *moves += 1);
        }
    }
}

/// Reviews that nobody waits for any more are forgotten once this many more are known.
const SWEEP_EVERY: usize = 1024;
