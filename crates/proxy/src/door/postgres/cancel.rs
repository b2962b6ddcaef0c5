//! Cancel requests: they come on a connection of their own, name a session by the number and key that this door gave it,
//! and are never answered. What they mean is the session's to say: it alone knows whether something runs or waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The sessions that can be told to stop.
#[derive(Debug, Default)]
pub(super) struct Cancels(Mutex<HashMap<i32, (i32, Arc<Notify>)>>);

/// One session's place there, until it is dropped.
#[derive(Debug)]
pub(super) struct Stoppable {
    cancels: Arc<Cancels>,
    pub(super) process: i32,
    pub(super) key: i32,
    /// Told when a cancel request names this session.
    pub(super) stopped: Arc<Notify>,
}

impl Cancels {
    /// Gives a session its number and key. `None`: the system has no randomness.
    pub(super) fn register(self: &Arc<Self>) -> Option<Stoppable> {
        let stopped = Arc::new(Notify::new());
        loop {
            let (process, key) = (random()? & i32::MAX, random()?);
            let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let std::collections::hash_map::Entry::Vacant(place) = sessions.entry(process) {
                place.insert((key, Arc::clone(&stopped)));
                return Some(Stoppable { cancels: Arc::clone(self), process, key, stopped });
            }
        }
    }

    /// Tells the session, if number and key are its own. They are 63 random bits.
    pub(super) fn cancel(&self, process: i32, key: i32) {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, stopped)) = sessions.get(&process).filter(|(known, _)| *known == key) {
            stopped.notify_one();
        }
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        self.cancels.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.process);
    }
}

fn random() -> Option<i32> {
    let mut bytes = [0; 4];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(i32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn only_the_right_key_stops_a_session_and_none_does_after_its_end() {
        let cancels = Arc::new(Cancels::default());
        let session = cancels.register().unwrap();
        cancels.cancel(session.process, session.key ^ 1);
        cancels.cancel(session.process ^ 1, session.key);
        assert!(session.stopped.notified().now_or_never().is_none());
        cancels.cancel(session.process, session.key);
        assert!(session.stopped.notified().now_or_never().is_some());
        drop(session);
        assert!(cancels.0.lock().unwrap().is_empty());
    }
}
