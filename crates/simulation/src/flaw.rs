//! Ways to break the world on purpose. Each must be caught by a checker under some seed: a checker that never fails
//! proves nothing.

use crate::witness::Law;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The syncer tells that records are durable that are not.
    ForwardBeforeDurable,
    /// The writer tells that records are written before they are.
    OpenBeforeWritten,
    /// The store swaps whatever version it is given.
    ApplyTwice,
    /// The store says that it ended a review, and does not.
    ForgetEnds,
    /// The directory forgets who added an agent.
    CountLineage,
    /// A refresh gives people as they once were.
    ForgetRevocation,
    /// A change of facts is no new epoch.
    SameEpoch,
    /// Records of one review and their changes go in any order.
    NoOrder,
    /// A change that the store did not take is forgotten until the next start.
    ForgetUnapplied,
    /// The cursor passes records whose changes are not applied.
    CursorRunsAhead,
    /// A start runs again what was released and has no end.
    RunAgain,
    /// The door does not look again at the connection before a release.
    BlindDoor,
    /// The upstream is sent other bytes than the clearance holds.
    OtherBytes,
    /// A sync that succeeded kept nothing.
    LyingDisk,
    /// A start appends behind a torn record.
    KeepTornEnd,
    /// A start believes that all it reads is durable.
    TrustUnsynced,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::ForwardBeforeDurable,
        Self::OpenBeforeWritten,
        Self::ApplyTwice,
        Self::ForgetEnds,
        Self::CountLineage,
        Self::ForgetRevocation,
        Self::SameEpoch,
        Self::NoOrder,
        Self::ForgetUnapplied,
        Self::CursorRunsAhead,
        Self::RunAgain,
        Self::BlindDoor,
        Self::OtherBytes,
        Self::LyingDisk,
        Self::KeepTornEnd,
        Self::TrustUnsynced,
    ];

    /// The law that it breaks.
    #[must_use]
    pub const fn breaks(self) -> Law {
        match self {
            Self::ForwardBeforeDurable | Self::OpenBeforeWritten => Law::RecordFirst,
            Self::RunAgain => Law::Once,
            Self::CountLineage | Self::ForgetRevocation | Self::SameEpoch => Law::Quorum,
            Self::ForgetEnds => Law::Story,
            Self::BlindDoor | Self::OtherBytes => Law::AsApproved,
            Self::ApplyTwice | Self::NoOrder | Self::ForgetUnapplied | Self::CursorRunsAhead => Law::LogIsTruth,
            Self::LyingDisk | Self::KeepTornEnd => Law::AppendOnly,
            Self::TrustUnsynced => Law::Starts,
        }
    }
}
