//! What goes wrong, as RFC 9457 problem details, for every HTTP door: one place for types, statuses, hints and the
//! answer itself.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gate::{Refusal, RefusalKind};
use serde_json::{Value, json};

use crate::{AuthenticationFailed, SettleError};

/// A problem: its status, its type's last word, what happened and what to do next.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The last word of its type, `urn:countersign:problem:…`.
    pub kind: &'static str,
    /// What happened.
    pub detail: String,
    /// What to do next.
    pub hint: String,
    /// Further members.
    pub more: Value,
}

impl Problem {
    /// A problem without further members.
    #[must_use]
    pub fn new(status: u16, kind: &'static str, detail: impl ToString, hint: &str) -> Self {
        Self { status, kind, detail: detail.to_string(), hint: hint.to_owned(), more: Value::Null }
    }

    /// The log, the store or the system cannot do it now: nothing ran.
    #[must_use]
    pub fn unavailable(why: impl ToString) -> Self {
        Self::new(503, "unavailable", why, "try again later")
    }

    /// There is nothing of that name, or nothing that the caller may see.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(404, "not-found", format!("there is no such {what}, or you may not see it"), "check the id")
    }

    /// The body of the answer.
    fn body(&self) -> Value {
        let mut body = json!({
            "type": format!("urn:countersign:problem:{}", self.kind),
            "title": self.kind.replace('-', " "),
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint,
        });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), self.more.clone()) {
            body.extend(more);
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.body())).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"countersign\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<AuthenticationFailed> for Problem {
    fn from(failed: AuthenticationFailed) -> Self {
        let hint =
            "send `Authorization: Bearer TOKEN` (agents and pipelines) or `Basic` with name and passphrase (people)";
        match failed {
            AuthenticationFailed::Wrong => Self::new(401, "not-authenticated", failed, hint),
            AuthenticationFailed::TooMany(_) => Self::new(429, "too-many-failures", failed, "wait, then try again"),
            AuthenticationFailed::Unavailable(_) => Self::unavailable(failed),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, kind) = match refusal.kind {
            RefusalKind::Denied => (403, "denied"),
            RefusalKind::Rejected => (403, "rejected"),
            RefusalKind::Expired => (403, "expired"),
            RefusalKind::Lapsed => (409, "lapsed"),
            RefusalKind::Withdrawn => (409, "withdrawn"),
            RefusalKind::Drifted => (409, "drifted"),
            RefusalKind::CannotWait => (409, "cannot-wait"),
            RefusalKind::Unsupported => (400, "unsupported"),
            RefusalKind::TooManyReviews => (429, "too-many-reviews"),
            RefusalKind::Unavailable => (503, "unavailable"),
        };
        let told = [refusal.message.as_str(), refusal.decided.as_str()];
        let told = told.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        let mut problem = Self::new(status, kind, told, &refusal.hint);
        if let Some((review, code)) = refusal.review {
            problem.more = json!({"review": {"id": review, "code": code.to_string()}});
        }
        problem
    }
}

impl From<SettleError> for Problem {
    fn from(error: SettleError) -> Self {
        let hint = "`countersign reviews show` tells how the review stands";
        match error {
            SettleError::NoReview => Self::not_found("review"),
            SettleError::NotCounted(_) => Self::new(409, "not-counted", error, hint),
            SettleError::NotYet(_) => Self::new(503, "not-in-force", error, hint),
            SettleError::NotYours => Self::new(403, "not-yours", error, hint),
            SettleError::Unavailable(_) => Self::unavailable(error),
        }
    }
}
