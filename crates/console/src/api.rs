//! The routes: reviews (list, show, verdict, withdraw), principals, records with proofs, checkpoint, events, health,
//! metrics. Problems are RFC 9457.

use std::convert::Infallible;

use axum::extract::{DefaultBodyLimit, FromRef, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use enforcement::{Caller, Enforcement, GivenVerdict, OrProblem, Problem, RecordFilter};
use futures_util::Stream;
use model::{Channel, Duration, Grant, PrincipalKind, ReviewId, Standing, Strength, VerdictKind, limit};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use utoipa::{OpenApi, ToSchema};

use crate::view::{self, RecordView, ReviewView, TargetView};

/// The reviewers' side of the gateway.
#[derive(Debug, Clone)]
pub struct Console {
    enforcement: Enforcement,
}

/// The console's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(
    paths(reviews, review, verdict, withdraw, grants, targets, principals, records, record, checkpoint, events),
    components(schemas(ReviewView, VerdictBody, TargetView, RecordView))
)]
pub struct ConsoleApi;

/// A verdict. Who gives it is proven by the call's own `Authorization: Basic`, afresh each time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VerdictBody {
    /// `approve` or `reject`.
    #[schema(value_type = String)]
    verdict: VerdictKind,
    /// Why; at most 2,000 bytes.
    #[serde(default)]
    reason: String,
    /// The code as the reviewer saw it: refused if it is another review's.
    code: String,
    /// With an approval: the same action, to the last bit, may run as often as this within so many minutes, with nobody
    /// asked. A rejection ends it.
    grant: Option<GrantBody>,
    /// `cli` or `api`.
    #[serde(default = "api_channel")]
    #[schema(value_type = String)]
    channel: Channel,
}

/// What an approval allows beside the one run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GrantBody {
    /// Runs, the one that was asked for among them: 2 to 100.
    uses: u32,
    /// Minutes from now: 1 to 1,440.
    minutes: u64,
}

const fn api_channel() -> Channel {
    Channel::Api
}

/// A page of something.
#[derive(Debug, Serialize)]
struct Page<T> {
    items: Vec<T>,
    /// Give it as `before` to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReviewsQuery {
    #[serde(default)]
    state: Listed,
    #[serde(default)]
    before: Option<String>,
}

/// Which reviews are listed.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Listed {
    #[default]
    Open,
    All,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordsQuery {
    kind: Option<String>,
    names: Option<String>,
    before: Option<u64>,
    limit: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalsQuery {
    kind: Option<PrincipalKind>,
}

impl Console {
    /// The console of this node.
    #[must_use]
    pub const fn new(enforcement: Enforcement) -> Self {
        Self { enforcement }
    }

    /// Its routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/v1/reviews", get(reviews))
            .route("/api/v1/reviews/{id}", get(review))
            .route("/api/v1/reviews/{id}/verdicts", post(verdict))
            .route("/api/v1/grants", get(grants))
            .route("/api/v1/reviews/{id}/withdraw", post(withdraw))
            .route("/api/v1/targets", get(targets))
            .route("/api/v1/principals", get(principals))
            .route("/api/v1/records", get(records))
            .route("/api/v1/records/{index}", get(record))
            .route("/api/v1/checkpoints/latest", get(checkpoint))
            .route("/log/checkpoint", get(checkpoint))
            .route("/api/v1/events", get(events))
            .route("/health", get(|| async { "ok\n" }))
            .route("/ready", get(ready))
            .route("/metrics", get(metrics))
            .layer(DefaultBodyLimit::max(8 * limit::REASON_BYTES))
            .with_state(self)
    }
}

impl FromRef<Console> for Enforcement {
    fn from_ref(console: &Console) -> Self {
        console.enforcement.clone()
    }
}

/// A person who calls. Agents and pipelines have nothing to do here (invariant 8).
struct Person(Standing);

impl FromRequestParts<Console> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Problem> {
        let Caller(standing) = Caller::from_request_parts(parts, console).await?;
        if standing.actor.principal.kind != PrincipalKind::Person {
            let why = "agents and pipelines have nothing to do here";
            return Err(Problem::new(403, "people-only", why, "ask a person"));
        }
        Ok(Self(standing))
    }
}

/// Lists reviews that concern the caller: those it may settle, and those it stands behind. Newest first.
#[utoipa::path(get, path = "/api/v1/reviews", tag = "reviews", responses((status = 200, body = [ReviewView])), params(
    ("state" = Option<String>, Query, description = "`open` (the default) or `all`"),
    ("before" = Option<String>, Query, description = "a review's id: only older ones"),
))]
async fn reviews(
    Person(person): Person,
    State(console): State<Console>,
    OrProblem(Query(query)): OrProblem<Query<ReviewsQuery>>,
) -> Result<Response, Problem> {
    let open = query.state == Listed::Open;
    let mut before: Option<ReviewId> = match query.before {
        Some(text) => Some(text.parse().map_err(|_| Problem::not_found("review"))?),
        None => None,
    };
    let (mut items, mut next) = (Vec::new(), None);
    // Reviews that do not concern the caller are passed over; a page never costs more than a few reads.
    for _ in 0..PAGES {
        let rows = console.enforcement.store().reviews(open, before, PAGE).await.map_err(Problem::unavailable)?;
        let last = rows.last().map(|row| row.review.case.id);
        for row in rows.iter().filter(|row| view::concerns(&row.review, &person)) {
            items.push(view::summary(row));
        }
        next = last.map(|id| id.to_string());
        before = last;
        if last.is_none() || items.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX) {
            break;
        }
    }
    Ok(Json(Page { items, next }).into_response())
}

/// Lists the targets by name, as the log last made them active; those that are configured no more among them.
#[utoipa::path(get, path = "/api/v1/targets", tag = "targets", responses((status = 200, body = [TargetView])))]
async fn targets(Person(_): Person, State(console): State<Console>) -> Result<Response, Problem> {
    let rows = console.enforcement.store().targets().await.map_err(Problem::unavailable)?;
    let items: Vec<TargetView> = rows.into_values().map(TargetView::from).collect();
    Ok(Json(Page { items, next: None }).into_response())
}

/// Lists grants with a use left that concern the caller, with the reviews they were born from; at most 1,000. Rejecting
/// such a review ends its grant.
#[utoipa::path(get, path = "/api/v1/grants", tag = "reviews", responses((status = 200, body = [ReviewView])))]
async fn grants(Person(person): Person, State(console): State<Console>) -> Result<Response, Problem> {
    let now = console.enforcement.now();
    let rows = console.enforcement.store().grants(now).await.map_err(Problem::unavailable)?;
    let theirs = rows.iter().filter(|(row, _)| view::concerns(&row.review, &person));
    let items: Vec<ReviewView> = theirs.map(|(row, used)| view::granted(row, *used)).collect();
    Ok(Json(Page { items, next: None }).into_response())
}

/// Shows a review whole: what will run, for whom, on what, and what is not bound by the approval.
/// The actor's literals are shown to entitled people, and that is recorded.
#[utoipa::path(get, path = "/api/v1/reviews/{id}", tag = "reviews", params(("id" = String, Path)), responses(
    (status = 200, body = ReviewView), (status = 404, description = "No such review, or it does not concern you"),
))]
async fn review(
    Person(person): Person,
    State(console): State<Console>,
    OrProblem(Path(id)): OrProblem<Path<String>>,
) -> Result<Response, Problem> {
    let id: ReviewId = id.parse().map_err(|_| Problem::not_found("review"))?;
    let row = console.enforcement.store().review(id).await.map_err(Problem::unavailable)?;
    let row = row.filter(|row| view::concerns(&row.review, &person)).ok_or_else(|| Problem::not_found("review"))?;
    console.enforcement.record_reveal(id, person.actor.principal.id).await.map_err(Problem::unavailable)?;
    let mut ids: Vec<_> = row.review.case.action.actor.lineage.people().collect();
    ids.extend(row.review.state.verdicts.iter().map(|verdict| verdict.reviewer));
    let people = console.enforcement.store().standings(ids).await.map_err(Problem::unavailable)?;
    let insights = console.enforcement.store().insights(id).await.map_err(Problem::unavailable)?;
    Ok(Json(view::whole(&row, &people, insights)).into_response())
}

/// Gives a verdict. The call's own proof of who one is counts for this verdict and no other.
#[utoipa::path(post, path = "/api/v1/reviews/{id}/verdicts", tag = "reviews", request_body = VerdictBody,
    params(("id" = String, Path)), responses(
        (status = 200, body = ReviewView),
        (status = 401, description = "Name or passphrase is wrong"),
        (status = 409, description = "The verdict does not count, and why"),
))]
async fn verdict(
    Person(person): Person,
    State(console): State<Console>,
    OrProblem(Path(id)): OrProblem<Path<String>>,
    OrProblem(Json(body)): OrProblem<Json<VerdictBody>>,
) -> Result<Response, Problem> {
    let review: ReviewId = id.parse().map_err(|_| Problem::not_found("review"))?;
    let row = console.enforcement.store().review(review).await.map_err(Problem::unavailable)?;
    let row = row.filter(|row| view::concerns(&row.review, &person)).ok_or_else(|| Problem::not_found("review"))?;
    if !row.review.case.code().to_string().eq_ignore_ascii_case(body.code.trim()) {
        let hint = "compare the code with the one you were shown, and look at the review again";
        return Err(Problem::new(409, "other-code", "the code is not this review's", hint));
    }
    if body.channel == Channel::Console {
        let hint = "verdicts by this call come from the command line (`cli`) or a program (`api`)";
        return Err(Problem::new(400, "bad-channel", "`console` is not a channel of this call", hint));
    }
    let until = |minutes: u64| console.enforcement.now().after(Duration::from_secs(minutes.min(1_440) * 60));
    let grant = body.grant.map(|grant| Grant { uses: grant.uses, until: until(grant.minutes) });
    let given = GivenVerdict {
        review,
        reviewer: person.actor.principal.id,
        kind: body.verdict,
        reason: body.reason,
        channel: body.channel,
        strength: Strength::PASSPHRASE,
        grant,
    };
    let row = console.enforcement.give_verdict(given).await?;
    Ok(Json(view::summary(&row)).into_response())
}

/// Takes an action back: its actor may, and every person it acts for.
#[utoipa::path(post, path = "/api/v1/reviews/{id}/withdraw", tag = "reviews", params(("id" = String, Path)),
    responses((status = 200, body = ReviewView), (status = 409, description = "It is over already")))]
async fn withdraw(
    Caller(caller): Caller,
    State(console): State<Console>,
    OrProblem(Path(id)): OrProblem<Path<String>>,
) -> Result<Response, Problem> {
    let review: ReviewId = id.parse().map_err(|_| Problem::not_found("review"))?;
    let row = console.enforcement.withdraw(review, caller.actor.principal.id).await?;
    Ok(Json(view::summary(&row)).into_response())
}

/// Lists principals: name, kind, groups, owner, whether active. Never credentials.
#[utoipa::path(get, path = "/api/v1/principals", tag = "principals", responses((status = 200, body = [Object])),
    params(("kind" = Option<String>, Query, description = "`person`, `agent` (the default) or `pipeline`")))]
async fn principals(
    _: Person,
    State(console): State<Console>,
    OrProblem(Query(query)): OrProblem<Query<PrincipalsQuery>>,
) -> Result<Response, Problem> {
    let kind = query.kind.unwrap_or(PrincipalKind::Agent);
    let found = console.enforcement.store().principals(kind).await.map_err(Problem::unavailable)?;
    let items: Vec<Value> = found.iter().map(view::principal).collect();
    Ok(Json(Page { items, next: None }).into_response())
}

/// Searches the log's leaves, newest first. It looks at half a million records at a time: while there is a `next`, more
/// may be found by it, even if nothing was found before.
#[utoipa::path(get, path = "/api/v1/records", tag = "records", responses((status = 200, body = [RecordView])), params(
    ("kind" = Option<String>, Query, description = "such as `verdict`"),
    ("names" = Option<String>, Query, description = "an id of a principal, review, run or session, or a target's name"),
    ("before" = Option<u64>, Query, description = "only records below this index"),
    ("limit" = Option<u32>, Query, description = "at most 500; 50 by default"),
))]
async fn records(
    _: Person,
    State(console): State<Console>,
    OrProblem(Query(query)): OrProblem<Query<RecordsQuery>>,
) -> Result<Response, Problem> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, 500);
    let filter = RecordFilter { kind: query.kind, names: query.names, before: query.before, limit };
    let found = console.enforcement.search(&filter).await.map_err(Problem::unavailable)?;
    let next = found.next.map(|below| below.to_string());
    let items: Vec<RecordView> = found.records.iter().map(RecordView::from).collect();
    Ok(Json(Page { items, next }).into_response())
}

/// One record with its inclusion proof under the newest signed checkpoint, which follows within about a second.
#[utoipa::path(get, path = "/api/v1/records/{index}", tag = "records", params(("index" = u64, Path)), responses(
    (status = 200, body = RecordView), (status = 404, description = "No such record, or not under a checkpoint yet"),
))]
async fn record(
    _: Person,
    State(console): State<Console>,
    OrProblem(Path(index)): OrProblem<Path<u64>>,
) -> Result<Response, Problem> {
    let proven = console.enforcement.prove(index).await.map_err(Problem::unavailable)?;
    let proven = proven.ok_or_else(|| Problem::not_found("record under a checkpoint"))?;
    Ok(Json(RecordView::from(proven)).into_response())
}

/// The newest signed checkpoint, as a C2SP signed note. Public: it holds nothing but size and root.
#[utoipa::path(get, path = "/api/v1/checkpoints/latest", tag = "records", responses(
    (status = 200, description = "A signed note", body = String), (status = 404, description = "Nothing is signed yet"),
))]
async fn checkpoint(State(console): State<Console>) -> Result<Response, Problem> {
    let note = console.enforcement.checkpoint().await.map_err(Problem::unavailable)?;
    let note = note.ok_or_else(|| Problem::not_found("checkpoint yet"))?;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, plain)], note).into_response())
}

/// What happens to reviews from now on, as server-sent events: `review-opened`, `review-moved`. A client that falls
/// behind gets `behind` and should list again.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", responses((status = 200, description = "An event stream")))]
async fn events(Person(person): Person, State(console): State<Console>) -> Result<Response, Problem> {
    Ok(Sse::new(stream(console, person)).keep_alive(KeepAlive::default()).into_response())
}

fn stream(console: Console, person: Standing) -> impl Stream<Item = Result<SseEvent, Infallible>> {
    let events = console.enforcement.events();
    futures_util::stream::unfold((console, person, events), |(console, person, mut events)| async move {
        loop {
            let event = match events.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(_)) => {
                    let behind = SseEvent::default().event("behind").data("{}");
                    return Some((Ok(behind), (console, person, events)));
                }
                Err(RecvError::Closed) => return None,
            };
            // What a person may see is read at each event: a revoked one sees nothing more.
            let standing = console.enforcement.store().standing(person.actor.principal.id).await.ok().flatten();
            let standing = standing.filter(|standing| standing.active)?;
            let Ok(Some(row)) = console.enforcement.store().review(event.review).await else { continue };
            if view::concerns(&row.review, &standing) {
                let data = json!(view::summary(&row)).to_string();
                let told = SseEvent::default().event(event.kind).data(data);
                return Some((Ok(told), (console, person, events)));
            }
        }
    })
}

async fn ready(State(console): State<Console>) -> Response {
    if console.enforcement.is_ready() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "the audit log has stopped: nothing runs\n").into_response()
}

/// Prometheus text: how far the log's followers are.
async fn metrics(State(console): State<Console>) -> String {
    let mut text = String::from(
        "# HELP countersign_log_records Records of the audit log, by how far they are.\n# TYPE countersign_log_records gauge\n",
    );
    let marks = console.enforcement.watermarks();
    for (name, value) in marks {
        text.push_str(&format!("countersign_log_records{{state=\"{name}\"}} {value}\n"));
    }
    let written = marks.first().map_or(0, |(_, value)| *value);
    let indexed = marks.last().map_or(0, |(_, value)| *value);
    text.push_str("# HELP countersign_search_lag_records Records that the search index is behind.\n# TYPE countersign_search_lag_records gauge\n");
    text.push_str(&format!("countersign_search_lag_records {}\n", written.saturating_sub(indexed)));
    text
}

/// Items of a page.
const PAGE: u32 = 50;
/// Pages read to fill one for a caller whom few reviews concern.
const PAGES: usize = 4;
