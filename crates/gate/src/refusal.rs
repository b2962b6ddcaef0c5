//! Why an action does not run: a decision with a reason and the next step, for the actor's own protocol.
//! It names rules and reviews, never data, and never more of the schema than the actor's own text does.

use model::{DenyReason, Explained, Outcome, ReviewId, ShortCode};

/// An action that does not run, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub kind: RefusalKind,
    /// What happened: lower case, no full stop.
    pub message: String,
    /// By which rules of which policy it was decided; empty where none of them did.
    pub decided: String,
    /// What to do next.
    pub hint: String,
    /// The review, where there is one.
    pub review: Option<(ReviewId, ShortCode)>,
}

/// The kinds of refusal. Each door maps them to its own codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// Policy denies it.
    Denied,
    /// A reviewer rejected it.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// Approved, but not claimed in time or no longer satisfied.
    Lapsed,
    /// The actor took it back, or was revoked.
    Withdrawn,
    /// Something changed between the approval and the release.
    Drifted,
    /// It needs a review, and may not wait where it stands.
    CannotWait,
    /// The door cannot carry it.
    Unsupported,
    /// The actor has too many reviews open.
    TooManyReviews,
    /// The log or the store cannot take it: nothing runs.
    Unavailable,
}

impl Refusal {
    pub(crate) fn denied(reason: &DenyReason, explained: &Explained) -> Self {
        let rules: Vec<String> = explained
            .rules
            .iter()
            .map(|rule| {
                if rule.title.is_empty() { format!("`{}`", rule.id) } else { format!("`{}` ({})", rule.id, rule.title) }
            })
            .collect();
        let by = if rules.is_empty() { "no rule".to_owned() } else { rules.join(", ") };
        let decided = format!("decided by {by}, policy {}", explained.policy);
        let hint = match reason {
            DenyReason::NothingGrants(_) => "ask an administrator for a rule that permits it",
            DenyReason::Forbidden => "a narrower action may be allowed; `countersign policy explain` shows the rules",
            DenyReason::Unknown(_) => "use schema-qualified names that exist and a statement the gateway can read",
            DenyReason::EvaluationFailed(_) => "tell an administrator: the policy needs mending",
            DenyReason::TooMany { .. } => "split it into smaller actions",
            DenyReason::QuorumUnreachable { .. } => "ask an administrator to add people to that group",
            DenyReason::OwnLeash => "a person with the right does it, by name and passphrase",
            DenyReason::Inactive => "ask an administrator",
        };
        let message = format!("denied by policy: {reason}");
        Self { kind: RefusalKind::Denied, message, decided, hint: hint.to_owned(), review: None }
    }

    /// The review ended without this caller's run.
    #[must_use]
    pub fn ended(outcome: Outcome, why: &str, review: (ReviewId, ShortCode)) -> Self {
        let (kind, hint) = match outcome {
            Outcome::Rejected => (RefusalKind::Rejected, "do not repeat it as it stands: a reviewer said no"),
            Outcome::Expired => (RefusalKind::Expired, "nobody answered in time; run it again to ask again"),
            Outcome::Lapsed | Outcome::Approved => (RefusalKind::Lapsed, "run it again to ask again"),
            Outcome::Withdrawn => (RefusalKind::Withdrawn, "run it again to ask again"),
        };
        let message = if why.is_empty() {
            format!("review {} ended: {outcome}", review.1)
        } else {
            format!("review {} ended: {outcome}: {why}", review.1)
        };
        Self { kind, message, decided: String::new(), hint: hint.to_owned(), review: Some(review) }
    }

    /// The log or the store cannot take it.
    #[must_use]
    pub fn unavailable(why: &str) -> Self {
        Self {
            kind: RefusalKind::Unavailable,
            message: format!("nothing runs without its record: {why}"),
            decided: String::new(),
            hint: "try again later; an administrator finds the cause in the gateway's own log".to_owned(),
            review: None,
        }
    }

    /// The door cannot carry it.
    #[must_use]
    pub fn unsupported(what: &str) -> Self {
        Self {
            kind: RefusalKind::Unsupported,
            message: format!("not supported through the gateway: {what}"),
            decided: String::new(),
            hint: "the page of the target's kind in the documentation says what is supported".to_owned(),
            review: None,
        }
    }

    /// It needs a review, and may not wait where it stands.
    #[must_use]
    pub fn cannot_wait(wherein: &str) -> Self {
        Self {
            kind: RefusalKind::CannotWait,
            message: format!("this action needs a review, and cannot wait for one {wherein}"),
            decided: String::new(),
            hint: "run it alone, outside a transaction: it is then held until a person countersigns".to_owned(),
            review: None,
        }
    }
}
