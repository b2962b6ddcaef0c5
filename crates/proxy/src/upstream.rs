//! Upstreams: what targets are. An action's bytes go there only by `send(Clearance)`, by value; the gateway's own
//! questions only as a courtesy of constant text.

pub mod gateway;
pub mod postgres;
pub mod sqlite;

use model::{DataClass, Run};
use protocol::native::result::Rows;

/// How one forwarded action ended, before anybody may see it.
#[derive(Debug)]
pub struct Answer {
    /// The result, masked.
    pub outcome: Result<Rows, UpstreamFailed>,
    /// How it ended, for the record.
    pub run: Run,
}

/// What the upstream said instead of a result. Never its own words where they could hold data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamFailed {
    /// The upstream refused the statement.
    #[error("the upstream refused it: {0}")]
    Refused(String),
    /// The result cannot be masked.
    #[error("the result was withheld: {0}")]
    Withheld(#[from] masking::Unmaskable),
    /// The upstream could not be reached; nothing was forwarded.
    #[error("the upstream could not be reached: {0}")]
    Unreachable(String),
    /// No connection was free in time; nothing was forwarded.
    #[error("the upstream is busy: no connection to it came free in time, and nothing ran")]
    Busy,
    /// The gateway stopped it; what it had done is undone.
    #[error("it was stopped and has changed nothing: {0}")]
    Stopped(String),
    /// The connection was lost after forwarding.
    #[error("the upstream was lost before it answered: whether the action ran is not known")]
    Lost,
}

/// Classes that an actor may not see on one target.
pub type Hidden = std::collections::BTreeSet<DataClass>;
