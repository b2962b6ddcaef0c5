//! What a client is told, in PostgreSQL's own shape: refusals with the deciding rule and what to do next, the notice of
//! a held statement, the end of a connection.

use std::time::Duration;

use enforcement::HeldNotice;
use gate::{Refusal, RefusalKind};
use protocol::postgres::message::{Report, Severity};
use protocol::sql::Unreadable;

/// A refusal as an error of the statement.
pub(super) fn refusal(refusal: &Refusal, reviews: &str) -> Report {
    let report = Report::new(Severity::Error, code_of(refusal.kind), &refusal.message).hint(&refusal.hint);
    match &refusal.review {
        Some((review, code)) => report.detail(format!("review {code} ({review}): {reviews}{review}")),
        None => report.detail(&refusal.decided),
    }
}

/// The gateway's own class of SQLSTATEs: what begins with I to Z is nobody's by the standard.
const fn code_of(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Denied => "ZC001",
        RefusalKind::Rejected => "ZC002",
        RefusalKind::Expired => "ZC003",
        RefusalKind::Withdrawn => "ZC004",
        RefusalKind::Lapsed => "ZC005",
        RefusalKind::Drifted => "ZC006",
        RefusalKind::CannotWait => "ZC007",
        RefusalKind::TooManyReviews => "ZC008",
        RefusalKind::Unsupported => UNSUPPORTED,
        RefusalKind::Unavailable => UNAVAILABLE,
    }
}

/// The notice of a held statement.
pub(super) fn held(notice: &HeldNotice, reviews: &str, limit: Option<Duration>) -> Report {
    let report = Report::new(Severity::Notice, "01000", notice.message()).detail(format!("{reviews}{}", notice.review));
    match limit {
        None => report.hint(
            "it runs when it is approved; if you cancel it the review stays open, and running it again waits again",
        ),
        Some(limit) => report.hint(format!(
            "it runs when it is approved within {} s, for which the transaction stays open; after that the review stays open",
            limit.as_secs()
        )),
    }
}

/// A text that cannot be read.
pub(super) fn unreadable(why: &Unreadable) -> Report {
    let code = match why {
        Unreadable::Syntax(_) | Unreadable::Several | Unreadable::Empty => "42601",
        Unreadable::TooLong | Unreadable::TooMany | Unreadable::TooDeep => TOO_COMPLEX,
        Unreadable::Nul => VIOLATION,
    };
    Report::new(Severity::Error, code, why)
}

/// The connection ends.
pub(super) fn fatal(code: &'static str, why: impl ToString) -> Report {
    Report::new(Severity::Fatal, code, why)
}

/// An error of the statement, or of the pipeline.
pub(super) fn error(code: &'static str, why: impl ToString) -> Report {
    Report::new(Severity::Error, code, why)
}

/// The result cannot be masked, and is withheld.
pub(super) const WITHHELD: &str = "ZC009";
/// `insufficient_privilege`
pub(super) const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// `feature_not_supported`
pub(super) const UNSUPPORTED: &str = "0A000";
/// `configuration_limit_exceeded`
pub(super) const TOO_MANY: &str = "53400";
/// `too_many_connections`
pub(super) const TOO_MANY_CONNECTIONS: &str = "53300";
/// `system_error`
pub(super) const UNAVAILABLE: &str = "58000";
/// `protocol_violation`
pub(super) const VIOLATION: &str = "08P01";
/// `connection_failure`
pub(super) const LOST: &str = "08006";
/// `statement_too_complex`
pub(super) const TOO_COMPLEX: &str = "54001";
/// `serialization_failure`
pub(super) const CHANGED: &str = "40001";
/// `query_canceled`
pub(super) const CANCELLED: &str = "57014";
/// `in_failed_sql_transaction`
pub(super) const FAILED: &str = "25P02";
/// `idle_session_timeout`.
pub(super) const IDLE: &str = "57P05";
