//! One actor's share of the connections that read: however many it asks for, others find one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::PrincipalId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::upstream::UpstreamFailed;

/// The shares of the actors that read or wait to read right now.
#[derive(Debug, Clone, Default)]
pub(super) struct Shares(Arc<Mutex<BTreeMap<PrincipalId, Arc<Semaphore>>>>);

impl Shares {
    /// A place in the actor's share, as soon as one is free. It is free again when it is dropped.
    ///
    /// # Errors
    /// Never: a share is not closed.
    pub(super) async fn take(&self, actor: PrincipalId) -> Result<OwnedSemaphorePermit, UpstreamFailed> {
        let share = {
            let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // What nobody holds and nobody waits for is known here alone.
            shares.retain(|_, share| Arc::strong_count(share) > 1);
            Arc::clone(shares.entry(actor).or_insert_with(|| Arc::new(Semaphore::new(SHARE))))
        };
        share.acquire_owned().await.map_err(|_| UpstreamFailed::Busy)
    }
}

/// Connections that one actor reads on at a time.
const SHARE: usize = 2;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn an_actor_takes_its_share_and_leaves_others_theirs() {
        let (shares, one) = (Shares::default(), PrincipalId::from_random([1; 16]));
        let other = PrincipalId::from_random([2; 16]);
        let mut held: Vec<_> = (0..SHARE).map(|_| shares.take(one).now_or_never().unwrap().unwrap()).collect();
        assert!(shares.take(one).now_or_never().is_none());
        let others = shares.take(other).now_or_never().unwrap().unwrap();
        held.pop();
        held.push(shares.take(one).now_or_never().unwrap().unwrap());
        drop((held, others));
        let last = shares.take(one).now_or_never().unwrap().unwrap();
        assert_eq!(shares.0.lock().unwrap().len(), 1, "what nobody uses is forgotten");
        drop(last);
    }
}
