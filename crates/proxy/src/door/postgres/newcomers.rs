//! Who came in and has not yet proved who it is: each has a place and a deadline. Places are bounded, and one more
//! newcomer takes that of whoever has had it longest: those that stall hold up neither the others nor sessions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::postgres::message::Report;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::told;

/// The places of one door, oldest first.
#[derive(Debug, Default)]
pub(super) struct Newcomers(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    next: u64,
    taken: BTreeMap<u64, Arc<Notify>>,
}

/// One newcomer's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    newcomers: Arc<Newcomers>,
    number: u64,
    lost: Arc<Notify>,
    deadline: Instant,
}

impl Newcomers {
    /// Gives a place. Nobody is turned away: above the limit the oldest newcomer loses its own.
    pub(super) fn admit(self: &Arc<Self>) -> Place {
        let lost = Arc::new(Notify::new());
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.taken.len() >= PLACES
            && let Some((_, oldest)) = places.taken.pop_first()
        {
            oldest.notify_one();
        }
        let number = places.next;
        places.next += 1;
        places.taken.insert(number, Arc::clone(&lost));
        Place { newcomers: Arc::clone(self), number, lost, deadline: Instant::now() + LIMIT }
    }
}

impl Place {
    /// Takes a step of the way in. The place may be lost meanwhile.
    ///
    /// # Errors
    /// If it takes too long, or the place is lost.
    pub(super) async fn during<T>(&self, step: impl Future<Output = T>) -> Result<T, Report> {
        tokio::select! {
            biased;
            done = step => Ok(done),
            () = self.lost.notified() => {
                let why = format!("{PLACES} connections came in after this one, and none of them is logged in yet");
                Err(told::fatal(told::TOO_MANY_CONNECTIONS, why).hint("log in again, without a pause in between"))
            }
            () = tokio::time::sleep_until(self.deadline) => {
                let why = format!("the login took longer than {} seconds", LIMIT.as_secs());
                Err(told::fatal(told::CANCELLED, why).hint("log in again, without a pause in between"))
            }
        }
    }

    /// It is known who came: the place is free, and cannot be lost. The deadline stays.
    pub(super) fn leave(&self) {
        self.newcomers.0.lock().unwrap_or_else(PoisonError::into_inner).taken.remove(&self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Connections at a time of which it is not known who they are.
const PLACES: usize = 500;
/// The longest that a login may take.
const LIMIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_more_newcomer_takes_the_place_of_the_oldest() {
        let newcomers = Arc::new(Newcomers::default());
        let known = newcomers.admit();
        known.leave();
        let places: Vec<Place> = (0..PLACES).map(|_| newcomers.admit()).collect();
        assert!(places[0].during(pending::<()>()).now_or_never().is_none());
        let _another = newcomers.admit();
        let told = places[0].during(pending::<()>()).now_or_never().unwrap().unwrap_err();
        assert_eq!(told.code, "53300");
        for place in [&known, &places[1], &places[PLACES - 1]] {
            assert!(place.during(pending::<()>()).now_or_never().is_none(), "{place:?}");
        }
    }

    #[tokio::test]
    async fn a_place_that_was_left_is_free() {
        let newcomers = Arc::new(Newcomers::default());
        let first = newcomers.admit();
        drop((0..PLACES - 1).map(|_| newcomers.admit()).collect::<Vec<_>>());
        let _others: Vec<Place> = (0..PLACES - 1).map(|_| newcomers.admit()).collect();
        assert!(first.during(pending::<()>()).now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn steps_of_a_login_share_one_deadline() {
        let place = Arc::new(Newcomers::default()).admit();
        let begun = Instant::now();
        place.during(tokio::time::sleep(LIMIT / 2)).await.unwrap();
        let told = place.during(pending::<()>()).await.unwrap_err();
        assert_eq!((told.code, begun.elapsed()), ("57014", LIMIT));
    }
}
