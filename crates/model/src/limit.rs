//! Named limits (invariant 10). Each bound that hostile input can reach has its name here or beside the type it bounds.

/// Operations in one action; a script that holds more is denied.
pub const OPERATIONS: usize = 256;
/// Bytes of one statement or request body that the gateway parses.
pub const STATEMENT_BYTES: usize = 1 << 20;
/// Bound parameters of one action.
pub const PARAMETERS: usize = 65_535;
/// Bytes of a reason, of an actor or of a reviewer.
pub const REASON_BYTES: usize = 2_000;
/// Characters of a principal's, group's or target's name.
pub const NAME_CHARS: usize = 64;
/// Verdicts kept with one review.
pub const VERDICTS: usize = 64;
/// Reviews that one actor may have pending at a time.
pub const PENDING_REVIEWS_PER_ACTOR: usize = 100;
/// Uses of one grant.
pub const GRANT_USES: u32 = 100;
/// How long a grant lasts at most.
pub const GRANT_LASTS: crate::Duration = crate::Duration::from_secs(24 * 3600);
