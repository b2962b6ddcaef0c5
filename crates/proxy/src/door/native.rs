//! The native door: `POST /api/v1/actions` proposes, `GET /api/v1/actions/{id}` waits and fetches. A held action waits
//! as long as its caller does; when the caller's time is up its presenter detaches, and the same caller resumes by id.

mod conversation;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRef, Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use enforcement::{Caller, Enforcement, HeldNotice, OrProblem, Problem};
use model::{ActionId, Duration, Name, limit};
use protocol::native::message::{BadProposal, LONGEST_WAIT, Proposal};
use protocol::native::result::Rows;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::upstream::UpstreamFailed;
use crate::upstream::sqlite::SqliteUpstream;

/// The native door.
#[derive(Debug, Clone)]
pub struct NativeDoor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    enforcement: Enforcement,
    sqlite: HashMap<Name, SqliteUpstream>,
    results: Mutex<Results>,
    /// Actions that some call is about right now: an action has one conversation at a time.
    talking: Mutex<BTreeSet<ActionId>>,
}

impl FromRef<NativeDoor> for Enforcement {
    fn from_ref(door: &NativeDoor) -> Self {
        door.0.enforcement.clone()
    }
}

/// The one conversation about an action; ends when it is dropped.
#[derive(Debug)]
struct Turn {
    door: NativeDoor,
    id: ActionId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.door.0.talking.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Results of the last minutes, so that an answer lost on the way can be fetched again. Never the store's business.
#[derive(Debug, Default)]
struct Results {
    kept: VecDeque<(ActionId, Rows)>,
    /// What they take.
    bytes: usize,
}

impl Results {
    /// Keeps a result that is small enough; the oldest make room for it.
    fn keep(&mut self, id: ActionId, rows: &Rows) {
        let size = rows.size();
        if rows.rows.len() > KEPT_ROWS || size > KEPT_BYTES {
            return;
        }
        while self.kept.len() >= RESULTS || self.bytes + size > KEPT_BYTES {
            let Some((_, oldest)) = self.kept.pop_front() else { break };
            self.bytes -= oldest.size();
        }
        self.bytes += size;
        self.kept.push_back((id, rows.clone()));
    }

    fn kept(&self, id: ActionId) -> Option<&Rows> {
        self.kept.iter().find_map(|(kept, rows)| (*kept == id).then_some(rows))
    }
}

/// What a caller is told of its action.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActionReport {
    /// The action's id: `GET /api/v1/actions/{id}` resumes and fetches.
    #[schema(value_type = String)]
    id: ActionId,
    /// `succeeded`, `failed`, `pending`, or `uncertain`.
    status: &'static str,
    /// The review it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<ReviewNotice>,
    /// What it gave: columns, rows, rows affected, cells masked by class.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    result: Option<Rows>,
    /// What went wrong upstream, or why there is no result to fetch.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// A review as its actor is told of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewNotice {
    /// Its id.
    id: String,
    /// The code that people compare.
    code: String,
    /// When it expires unanswered, RFC 3339.
    expires_at: String,
    /// Groups that are asked.
    groups: Vec<String>,
}

impl From<&HeldNotice> for ReviewNotice {
    fn from(held: &HeldNotice) -> Self {
        Self {
            id: held.review.to_string(),
            code: held.code.to_string(),
            expires_at: held.expires_at.to_string(),
            groups: held.groups.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<UpstreamFailed> for Problem {
    fn from(failed: UpstreamFailed) -> Self {
        let (status, kind) = match failed {
            UpstreamFailed::Refused(_) => (422, "upstream-refused"),
            UpstreamFailed::Withheld(_) => (403, "withheld"),
            UpstreamFailed::Unreachable(_) => (502, "upstream-unreachable"),
            UpstreamFailed::Busy => (503, "upstream-busy"),
            UpstreamFailed::Stopped(_) => (504, "stopped"),
            UpstreamFailed::Lost => (502, "uncertain"),
        };
        Self::new(status, kind, failed, "mend the statement or the target, then propose it again")
    }
}

fn bad_proposal(bad: &BadProposal) -> Problem {
    Problem::new(400, "bad-proposal", bad, "see `/api/v1/openapi.json` for the form of a proposal")
}

/// How a wait is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitQuery {
    /// How long to wait for the review, such as `30s`; at most `10m`; none by default.
    wait: Option<String>,
}

/// The door's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(propose, fetch), components(schemas(ActionReport, ReviewNotice)))]
pub struct NativeApi;

impl NativeDoor {
    /// The door to these SQLite files and to the gateway itself.
    #[must_use]
    pub fn new(enforcement: Enforcement, files: impl IntoIterator<Item = (Name, SqliteUpstream)>) -> Self {
        let sqlite = files.into_iter().collect();
        Self(Arc::new(Inner { enforcement, sqlite, results: Mutex::default(), talking: Mutex::default() }))
    }

    /// Its routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/v1/actions", post(propose))
            .route("/api/v1/actions/{id}", get(fetch))
            .layer(DefaultBodyLimit::max(2 * limit::STATEMENT_BYTES))
            .with_state(self)
    }

    /// The turn to talk about an action, unless another call has it.
    fn take_turn(&self, id: ActionId) -> Option<Turn> {
        let mut talking = self.0.talking.lock().unwrap_or_else(PoisonError::into_inner);
        talking.insert(id).then(|| Turn { door: self.clone(), id })
    }

    fn keep(&self, id: ActionId, rows: &Rows) {
        self.0.results.lock().unwrap_or_else(PoisonError::into_inner).keep(id, rows);
    }

    fn kept(&self, id: ActionId) -> Option<Rows> {
        self.0.results.lock().unwrap_or_else(PoisonError::into_inner).kept(id).cloned()
    }
}

/// Proposes an action: it is decided at once, and run if policy allows.
#[utoipa::path(
    post, path = "/api/v1/actions", tag = "actions", request_body = Object,
    responses(
        (status = 200, description = "It ran", body = ActionReport),
        (status = 202, description = "It is held for a review", body = ActionReport),
        (status = 400, description = "Not a proposal, as problem details"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "Denied, rejected, expired, or the result was withheld"),
        (status = 503, description = "The log or the store cannot take it: nothing ran"),
    )
)]
async fn propose(
    Caller(standing): Caller,
    State(door): State<NativeDoor>,
    OrProblem(body): OrProblem<Bytes>,
) -> Result<Response, Problem> {
    let proposal = Proposal::parse(&body).map_err(|bad| bad_proposal(&bad))?;
    let wait = proposal.waits().map_err(|bad| bad_proposal(&bad))?;
    conversation::propose(&door, standing, proposal, wait).await
}

/// Fetches an action, waiting for its review if asked to. Only its actor may.
#[utoipa::path(
    get, path = "/api/v1/actions/{id}", tag = "actions", 
    params(
        ("id" = String, Path, description = "The action's id"),
        ("wait" = Option<String>, Query, description = "How long to wait for the review, such as `30s`; at most `10m`"),
    ),
    responses(
        (status = 200, description = "It ran", body = ActionReport),
        (status = 202, description = "It is still held", body = ActionReport),
        (status = 403, description = "Rejected or expired"),
        (status = 404, description = "No such action of yours"),
    )
)]
async fn fetch(
    Caller(standing): Caller,
    State(door): State<NativeDoor>,
    OrProblem(Path(id)): OrProblem<Path<String>>,
    OrProblem(Query(query)): OrProblem<Query<WaitQuery>>,
) -> Result<Response, Problem> {
    let wait = match query.wait {
        None => Duration::from_secs(0),
        Some(text) => {
            let wait = Duration::parse(&text).filter(|wait| *wait <= LONGEST_WAIT);
            wait.ok_or_else(|| bad_proposal(&BadProposal::BadWait))?
        }
    };
    let id = id.parse().map_err(|_| not_found())?;
    conversation::fetch(&door, standing, id, wait).await
}

fn not_found() -> Problem {
    Problem::not_found("action of yours")
}

/// Results kept for fetching again.
const RESULTS: usize = 64;
/// Rows of a result that is kept for fetching again; a larger one is not.
const KEPT_ROWS: usize = 1_000;
/// Bytes of all results that are kept for fetching again.
const KEPT_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn rows(rows: usize, bytes: usize) -> Rows {
        Rows { rows: vec![vec![Value::from("x".repeat(bytes))]; rows], ..Rows::default() }
    }

    fn id(number: u8) -> ActionId {
        ActionId::from_random([number; 16])
    }

    #[test]
    fn results_are_kept_within_a_number_of_bytes_and_the_oldest_go_first() {
        let mut results = Results::default();
        for number in 0..6 {
            results.keep(id(number), &rows(1, 15 << 20));
        }
        let kept: Vec<u8> = (0..6).filter(|number| results.kept(id(*number)).is_some()).collect();
        assert_eq!(kept, [2, 3, 4, 5]);
        assert!(results.bytes <= KEPT_BYTES);
        results.keep(id(9), &rows(1, KEPT_BYTES));
        results.keep(id(8), &rows(KEPT_ROWS + 1, 1));
        assert!(results.kept(id(9)).is_none() && results.kept(id(8)).is_none() && results.kept(id(2)).is_some());
        for number in 0..=u8::MAX {
            results.keep(id(number), &rows(1, 1));
        }
        assert_eq!(results.kept.len(), RESULTS);
        assert_eq!(results.bytes, results.kept.iter().map(|(_, rows)| rows.size()).sum::<usize>());
    }
}
