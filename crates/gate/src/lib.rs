//! The gate: the decision machine, without IO. A [`Passage`] takes one session's actions to a [`Clearance`] or a
//! [`Refusal`]; a [`Review`] takes people's verdicts to an outcome. Their steps hold all ordering, and here alone are
//! clearances minted: from a record, never before one.

#![deny(missing_docs)]

mod change;
mod clearance;
mod leaf;
mod passage;
mod quorum;
mod refusal;
mod review;
#[cfg(test)]
mod testing;

pub use change::{Applied, Change, DirectoryChange, NewPrincipal};
pub use clearance::{Clearance, Forwarded, Sealed};
pub use leaf::Journal;
pub use passage::{Epoch, Fresh, Need, Obstacle, Passage, Payload, Presented, Refresh, Refused, RunEnd, Step, Way};
pub use quorum::{is_reachable, is_satisfied};
pub use refusal::{Refusal, RefusalKind};
pub use review::{Case, Claim, Given, Granted, NotCounted, Phase, Presenter, Review, ReviewState, Under};
