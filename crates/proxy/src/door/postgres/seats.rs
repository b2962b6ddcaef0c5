//! Seats for the sessions of one door: so many in all, and so many for one actor, so that none keeps the others out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::PrincipalId;
use protocol::postgres::message::Report;

use super::{Limits, told};

/// The seats of one door.
#[derive(Debug)]
pub(super) struct Seats {
    all: usize,
    of_actor: usize,
    taken: Mutex<HashMap<PrincipalId, usize>>,
}

/// One session's seat, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    actor: PrincipalId,
}

impl Seats {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { all: limits.sessions, of_actor: limits.sessions_of_actor, taken: Mutex::default() }
    }

    /// A seat for a session of this actor, while there is one.
    ///
    /// # Errors
    /// If all are taken, or all that this actor may have.
    pub(super) fn take(self: &Arc<Self>, actor: PrincipalId) -> Result<Seat, Report> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = |why: String| {
            let told = told::fatal(told::TOO_MANY_CONNECTIONS, why);
            Err(told.hint("end another, or try again later"))
        };
        if taken.values().sum::<usize>() >= self.all {
            return refused(format!("too many sessions: this door has {}, and all are open", self.all));
        }
        let own = taken.entry(actor).or_default();
        if *own >= self.of_actor {
            return refused(format!("too many sessions: one actor may have {} at this door", self.of_actor));
        }
        *own += 1;
        Ok(Seat { seats: Arc::clone(self), actor })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.actor) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.remove(&self.actor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_without_a_seat_is_told_so_and_nobody_takes_them_all() {
        let limits = Limits { sessions: 3, sessions_of_actor: 2, ..Limits::default() };
        let seats = Arc::new(Seats::new(&limits));
        let [one, other, third] = [1, 2, 3].map(|number| PrincipalId::from_random([number; 16]));
        let first = seats.take(one).unwrap();
        let _second = seats.take(one).unwrap();
        let told = seats.take(one).unwrap_err();
        assert!(told.code == "53300" && told.message.contains("one actor"), "{told:?}");
        let _others = seats.take(other).unwrap();
        let told = seats.take(third).unwrap_err();
        assert!(told.code == "53300" && told.message.contains("all are open"), "{told:?}");
        drop(first);
        assert!(seats.take(one).is_ok());
    }
}
