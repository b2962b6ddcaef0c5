//! How long a statement may run: a leash that SQLite's progress handler feels for while it works, on SQLite's own
//! thread. It ends when the time is up, when the caller of a read has left, or when its rows are enough.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::upstream::UpstreamFailed;

/// The leash of one run. Its clones are the same leash.
#[derive(Debug, Clone)]
pub(super) struct Leash {
    longest: Duration,
    until: Instant,
    ended: Arc<OnceLock<Ended>>,
}

/// Why a statement may not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It ran for as long as it may.
    TimeIsUp,
    /// Nobody waits for what it reads.
    CallerLeft,
    /// What it reads from here on is left out of the answer.
    Enough,
}

impl Leash {
    /// A leash that begins now.
    pub(super) fn new(longest: Duration) -> Self {
        Self { longest, until: Instant::now() + longest, ended: Arc::default() }
    }

    /// Whether the statement may go on.
    pub(super) fn holds(&self) -> bool {
        if Instant::now() >= self.until {
            self.end(Ended::TimeIsUp);
        }
        self.ended.get().is_none()
    }

    /// Ends it; the first reason stays.
    pub(super) fn end(&self, why: Ended) {
        self.ended.get_or_init(|| why);
    }

    /// What a statement failed of that failed of this leash.
    pub(super) fn failure(&self) -> Option<UpstreamFailed> {
        let why = match self.ended.get()? {
            Ended::TimeIsUp => format!("it ran longer than {:?}", self.longest),
            Ended::CallerLeft => "its caller left before it ended".to_owned(),
            Ended::Enough => return None,
        };
        Some(UpstreamFailed::Stopped(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leash_ends_once_and_tells_why() {
        let long = Leash::new(Duration::from_secs(3600));
        assert!(long.holds() && long.failure().is_none());
        long.clone().end(Ended::CallerLeft);
        long.end(Ended::Enough);
        assert!(!long.holds());
        assert!(matches!(long.failure(), Some(UpstreamFailed::Stopped(why)) if why.contains("left")));
        let none = Leash::new(Duration::ZERO);
        assert!(!none.holds());
        assert!(matches!(none.failure(), Some(UpstreamFailed::Stopped(why)) if why.contains("longer than")));
    }
}
