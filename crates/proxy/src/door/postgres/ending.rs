//! Why a conversation ends, and what its client is told of it.

use gate::Refusal;
use protocol::postgres::message::{Malformed, Report};

use super::holding::WAITING_BYTES;
use super::told;
use crate::upstream::postgres::Failed;

/// Why a conversation ends.
#[derive(Debug)]
pub(super) enum End {
    /// The client said goodbye.
    Goodbye,
    /// The client left without.
    ClientGone,
    /// The upstream ended, or cannot be trusted to go on.
    UpstreamGone(Failed),
    /// The upstream said why it ends, and the client was told.
    UpstreamEnded,
    /// The client did nothing for longer than it may.
    Idle,
    /// What runs goes on for longer than it may, however often it is stopped.
    Overrun,
    /// The client sent more than it may while its statement waits for people.
    Flooded,
    /// What the client sends is no PostgreSQL.
    Malformed(Malformed),
    /// The client sends a message of this type among the rows of its COPY.
    OutOfPlace(u8),
    /// The log cannot take it: nothing leaves any more.
    Unrecorded(Refusal),
}

impl From<Failed> for End {
    fn from(failed: Failed) -> Self {
        Self::UpstreamGone(failed)
    }
}

impl End {
    /// What the client is told, if it is there to be told and was not told already.
    pub(super) fn report(&self) -> Option<Report> {
        match self {
            Self::Goodbye | Self::ClientGone | Self::UpstreamEnded => None,
            Self::UpstreamGone(failed) => Some(
                told::fatal(told::LOST, failed)
                    .hint("connect again; whether a statement that was running has run is in the records"),
            ),
            Self::Flooded => Some(
                told::fatal(
                    told::TOO_COMPLEX,
                    format!("more than {WAITING_BYTES} bytes were sent while a statement waits"),
                )
                .hint("its review stays open: run it again to wait for it, and send the rest when it has run"),
            ),
            Self::Overrun => Some(
                told::fatal(
                    told::CANCELLED,
                    "a statement runs for longer than the gateway allows, and cannot be stopped",
                )
                .hint("whether it has run is in the records as far as it is known"),
            ),
            Self::Idle => Some(
                told::fatal(told::IDLE, "nothing was done in this session for longer than the gateway allows")
                    .hint("connect again; what was not committed is undone"),
            ),
            Self::Malformed(malformed) => Some(told::fatal(told::VIOLATION, malformed)),
            Self::OutOfPlace(tag) => {
                let what = format!("message `{}` among the rows of a COPY: nothing of it is kept", char::from(*tag));
                Some(told::fatal(told::VIOLATION, what))
            }
            Self::Unrecorded(refusal) => Some(told::fatal(told::UNAVAILABLE, &refusal.message).hint(&refusal.hint)),
        }
    }
}
