//! Cancel requests: they come on a connection of their own, name a session by the number and key that this door gave it,
//! and are never answered. What they mean is the session's to say: it alone knows whether something runs or waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// The sessions that can be told to stop.
#[derive(Debug, Default)]
pub(super) struct Cancels(Mutex<HashMap<i32, (i32, Arc<Signals>)>>);

/// What a cancel request and its session tell each other.
#[derive(Debug, Default)]
struct Signals {
    stop: Notify,
    heard: Notify,
}

/// One session's place there, until it is dropped.
#[derive(Debug)]
pub(super) struct Stoppable {
    cancels: Arc<Cancels>,
    pub(super) process: i32,
    pub(super) key: i32,
    signals: Arc<Signals>,
}

impl Cancels {
    /// Gives a session its number and key. `None`: the system has no randomness.
    pub(super) fn register(self: &Arc<Self>) -> Option<Stoppable> {
        let signals = Arc::new(Signals::default());
        loop {
            let (process, key) = (random()? & i32::MAX, random()?);
            let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let std::collections::hash_map::Entry::Vacant(place) = sessions.entry(process) {
                place.insert((key, Arc::clone(&signals)));
                return Some(Stoppable { cancels: Arc::clone(self), process, key, signals });
            }
        }
    }

    /// Tells the session, if number and key are its own, and waits until it has heard: until then its client is not let go
    /// on, and what it sends next is not hit. Number and key are 63 random bits.
    pub(super) async fn cancel(&self, process: i32, key: i32) {
        let signals = {
            let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.get(&process).filter(|(known, _)| *known == key).map(|(_, signals)| Arc::clone(signals))
        };
        if let Some(signals) = signals {
            let heard = signals.heard.notified();
            tokio::pin!(heard);
            heard.as_mut().enable();
            signals.stop.notify_one();
            // A session that is busy otherwise hears it later, or not at all.
            let _heard: Result<_, _> = tokio::time::timeout(HEAR, heard).await;
        }
    }
}

impl Stoppable {
    /// Waits for a cancel request that names this session. May be dropped and called again.
    pub(super) async fn stopped(&self) {
        self.signals.stop.notified().await;
    }

    /// What was to be stopped is, or there was nothing.
    pub(super) fn handled(&self) {
        self.signals.heard.notify_waiters();
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        self.cancels.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.process);
    }
}

/// The longest that a cancel request waits to be heard.
const HEAR: Duration = Duration::from_secs(5);

fn random() -> Option<i32> {
    let mut bytes = [0; 4];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(i32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn only_the_right_key_stops_a_session_and_none_does_after_its_end() {
        let cancels = Arc::new(Cancels::default());
        let session = cancels.register().unwrap();
        cancels.cancel(session.process, session.key ^ 1).await;
        cancels.cancel(session.process ^ 1, session.key).await;
        assert!(session.stopped().now_or_never().is_none());
        let stopping = async {
            session.stopped().await;
            session.handled();
        };
        tokio::join!(cancels.cancel(session.process, session.key), stopping);
        drop(session);
        assert!(cancels.0.lock().unwrap().is_empty());
    }
}
