//! One caller's conversation about one action: propose, wait, resume, run. The presenter lives as long as the call.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use enforcement::{Enforcement, HeldNotice, Problem, Session, Settlement, StoredProposal};
use gate::{Clearance, Payload, Phase, Presented, Refusal, RefusalKind, RunEnd, Way};
use model::{
    ActionId, DataClass, Duration, Operation, Parameter, Purpose, ReviewId, Run, SessionState, Standing, Statement,
    Target, TargetKind,
};
use protocol::native::action::GatewayOperation;
use protocol::native::message::Proposal;
use protocol::sql::{Catalog, Meaning, sqlite};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{ActionReport, NativeDoor, ReviewNotice, bad_proposal, not_found};
use crate::door::copies;
use crate::upstream::gateway::GatewayUpstream;
use crate::upstream::sqlite::{Request, SqliteUpstream};
use crate::upstream::{Answer, UpstreamFailed};

/// A proposal read against its target.
struct Read {
    proposal: Proposal,
    target: Arc<Target>,
    statement: Statement,
    parameters: Vec<Parameter>,
    upstream: Upstream,
}

enum Upstream {
    Sqlite { file: SqliteUpstream, meaning: Box<Meaning> },
    Gateway(GatewayOperation),
}

impl Read {
    /// Classes whose values it may store where they have none.
    const fn copied(&self) -> &BTreeSet<DataClass> {
        const NONE: &BTreeSet<DataClass> = &BTreeSet::new();
        match &self.upstream {
            Upstream::Sqlite { meaning, .. } => &meaning.copied,
            Upstream::Gateway(_) => NONE,
        }
    }

    /// The action for the gate, with what it takes along of classes that the actor may not see.
    fn presented(&self, copies: &[Operation], state: &Arc<SessionState>) -> Presented {
        let mut statement = self.statement.clone();
        statement.operations.extend_from_slice(copies);
        Presented {
            statement_digest: statement.digest(),
            statement: Arc::new(statement),
            parameters: self.parameters.clone(),
            state: Arc::clone(state),
            reveal: BTreeSet::new(),
            reason: self.proposal.reason.clone(),
            purpose: Purpose::Run,
            obstacle: None,
            payload: Payload(self.statement.text.clone().into_bytes()),
        }
    }
}

/// A new proposal: kept, then put to the gate.
pub(super) async fn propose(
    door: &NativeDoor,
    standing: Standing,
    proposal: Proposal,
    wait: Duration,
) -> Result<Response, Problem> {
    let read = read(door, proposal.clone()).await?;
    let id = door.0.enforcement.new_action_id().map_err(Problem::unavailable)?;
    let kept = StoredProposal {
        id,
        actor: standing.actor.principal.id,
        target: read.target.name.clone(),
        // Arguments may hold a credential's hash: they are not needed to resume, the caller proposes anew.
        body: json!(without_secrets(proposal)).to_string(),
        proposed_at: door.0.enforcement.now(),
        review: None,
        ended: None,
    };
    door.0.enforcement.keep_proposal(&kept).await.map_err(Problem::unavailable)?;
    converse(door, standing, (id, read, None), wait).await
}

/// A known action: told how it ended, or resumed.
pub(super) async fn fetch(
    door: &NativeDoor,
    standing: Standing,
    id: ActionId,
    wait: Duration,
) -> Result<Response, Problem> {
    let store = door.0.enforcement.store();
    let kept = store.proposal(id).await.map_err(Problem::unavailable)?;
    let kept = kept.filter(|kept| kept.actor == standing.actor.principal.id).ok_or_else(not_found)?;
    if let Some(ended) = kept.ended {
        return Ok(told(door, id, &ended));
    }
    let Some(review) = kept.review else {
        let why = "the gateway stopped while it ran: whether it did is in the records";
        return Ok(report(id, "uncertain", |report| report.detail = Some(why.to_owned())));
    };
    let row = store.review(review).await.map_err(Problem::unavailable)?.ok_or_else(not_found)?;
    match row.review.state.phase {
        Phase::Pending | Phase::Approved { .. } => {
            let proposal = serde_json::from_str(&kept.body).map_err(Problem::unavailable)?;
            converse(door, standing, (id, read(door, proposal).await?, Some(review)), wait).await
        }
        Phase::Claimed { .. } => {
            let state = row.run.map_or(Run::Uncertain, |run| run.state);
            Ok(told(door, id, &json!({"status": state, "detail": "its result is no longer kept"}).to_string()))
        }
        Phase::Ended { outcome, why, .. } => {
            Err(Refusal::ended(outcome, &why, (review, row.review.case.code())).into())
        }
    }
}

/// Reads a proposal: what it means on its target, as that is now.
async fn read(door: &NativeDoor, proposal: Proposal) -> Result<Read, Problem> {
    let hint = "`countersign check` lists the targets of a configuration";
    let unknown =
        || Problem::new(404, "unknown-target", format!("there is no target `{}` here", proposal.target), hint);
    let target = door.0.enforcement.targets().get(&proposal.target).cloned().ok_or_else(unknown)?;
    let bad = |error: &dyn std::fmt::Display| {
        Problem::new(400, "bad-statement", error, "send one statement that the target's dialect knows")
    };
    match target.kind {
        TargetKind::Gateway => {
            let operation = GatewayOperation::parse(&proposal).map_err(|error| bad(&error))?;
            let (statement, parameters) = operation.meaning();
            Ok(Read { proposal, target, statement, parameters, upstream: Upstream::Gateway(operation) })
        }
        TargetKind::Sqlite => {
            let file = door.0.sqlite.get(&target.name).cloned().ok_or_else(unknown)?;
            let catalog = catalog(&file, &target).await?;
            let meaning = sqlite::classify(&proposal.statement, &catalog).map_err(|error| bad(&error))?;
            let parameters = proposal.bound_parameters().map_err(|error| bad_proposal(&error))?;
            // A reviewer must not be shown values that nothing uses, nor miss some that are NULL by default.
            if parameters.len() != meaning.placeholders {
                let (asked, given) = (meaning.placeholders, parameters.len());
                return Err(bad(&format!("the statement takes {asked} values and {given} were given")));
            }
            let statement = Statement {
                text: proposal.statement.clone(),
                operations: meaning.operations.clone(),
                bound: meaning.bound.clone(),
            };
            Ok(Read {
                proposal,
                target,
                statement,
                parameters,
                upstream: Upstream::Sqlite { file, meaning: Box::new(meaning) },
            })
        }
        TargetKind::Postgres => Err(Problem::new(
            400,
            "wrong-door",
            "this target speaks PostgreSQL: connect to its own port with a PostgreSQL client",
            "the agent's token is the password",
        )),
    }
}

/// The target's tables as they are now. Nothing runs while a class stands on no column: the one that was meant would come
/// back in the clear.
async fn catalog(file: &SqliteUpstream, target: &Target) -> Result<Catalog, Problem> {
    let catalog = file.catalog(target).await?;
    let misplaced: Vec<&str> = catalog.misplaced(target).collect();
    if misplaced.is_empty() {
        return Ok(catalog);
    }
    tracing::error!(target = %target.name, columns = misplaced.join(", "), "classes stand on no column: nothing runs there");
    let why =
        "a data class of this target's configuration stands on no column: nothing runs there until that is mended";
    Err(Problem::new(503, "misconfigured", why, "tell an administrator: `countersign check` names the line"))
}

/// The conversation goes on to its next resting place when the caller leaves: a record is never parted from its change,
/// nor a clearance from its run.
async fn converse(
    door: &NativeDoor,
    standing: Standing,
    action: (ActionId, Read, Option<ReviewId>),
    wait: Duration,
) -> Result<Response, Problem> {
    let Some(turn) = door.take_turn(action.0) else {
        let why = "another call waits for this action already";
        return Err(Problem::new(409, "busy", why, "let that one answer, or end it, and fetch the action again"));
    };
    let (_here, gone) = oneshot::channel::<()>();
    let inside = door.clone();
    let conversation = async move {
        let _turn = turn;
        converse_on(&inside, &standing, action, (wait, gone)).await
    };
    door.0.enforcement.see_through(conversation).await.map_err(Problem::unavailable)?
}

/// Puts an action to the gate, waits as long as the caller does, and runs it if it is cleared.
async fn converse_on(
    door: &NativeDoor,
    standing: &Standing,
    (id, read, mut expected): (ActionId, Read, Option<ReviewId>),
    (wait, mut gone): (Duration, oneshot::Receiver<()>),
) -> Result<Response, Problem> {
    let enforcement = &door.0.enforcement;
    let mut session =
        match enforcement.open_session(standing, &read.target, Way { door: "native", address: None }).await {
            Ok(session) => session,
            Err(refusal) => {
                refused(enforcement, id, &refusal).await?;
                return Err(refusal.into());
            }
        };
    let state = Arc::new(SessionState::default());
    let mut copies = copies::hidden(&mut session, read.copied(), (&read.statement, &read.parameters)).await?;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_millis(wait.as_millis());
    let mut settled = session.present(read.presented(&copies, &state)).await;
    loop {
        match settled {
            Settlement::Forward(clearance) => return run(door, session, (id, &read), clearance, gone).await,
            Settlement::Refused(refusal) => {
                refused(enforcement, id, &refusal).await?;
                return Err(refusal.into());
            }
            Settlement::Held(held) => {
                if let Some(before) = expected.take() {
                    check_same_review(enforcement, standing, (before, held.review)).await?;
                }
                enforcement.update_proposal(id, Some(held.review), None).await.map_err(Problem::unavailable)?;
                let moved = tokio::select! {
                    () = session.wait(held.review) => true,
                    () = tokio::time::sleep_until(deadline) => false,
                    _ = &mut gone => false,
                };
                if !moved {
                    // Detached before the caller is told: its next call must find the review free.
                    session.let_go().await;
                    return Ok(pending(id, &held));
                }
                // The catalog may have moved while it waited: what the names mean now is what the gate compares.
                let bound = again(&read).await?;
                let now = copies::hidden(&mut session, read.copied(), (&read.statement, &read.parameters)).await?;
                settled = if now == copies {
                    session.resume(Arc::clone(&state), bound).await
                } else {
                    copies = now;
                    session.present(read.presented(&copies, &state)).await
                };
            }
        }
    }
}

/// An action that is fetched goes on with its own review. If that is still open and another was opened instead, the action
/// is no longer the same: what its names mean has changed.
async fn check_same_review(
    enforcement: &Enforcement,
    standing: &Standing,
    (before, now): (ReviewId, ReviewId),
) -> Result<(), Problem> {
    let row = enforcement.store().review(before).await.map_err(Problem::unavailable)?;
    let over = row.is_none_or(|row| matches!(row.review.state.phase, Phase::Ended { .. }));
    if before == now || over {
        return Ok(());
    }
    enforcement.withdraw(now, standing.actor.principal.id).await.map_err(Problem::from)?;
    let why = "what the action means has changed since it was proposed: it is not what is under review";
    Err(Problem::new(409, "drifted", why, "propose it again to ask anew"))
}

/// Keeps that an action was refused for good: one with a review may still be resumed, and what failed for want of the log
/// or the store was not refused at all.
async fn refused(enforcement: &Enforcement, id: ActionId, refusal: &Refusal) -> Result<(), Problem> {
    if refusal.review.is_some() || refusal.kind == RefusalKind::Unavailable {
        return Ok(());
    }
    let told = json!({"status": "refused", "detail": refusal.message}).to_string();
    enforcement.update_proposal(id, None, Some(&told)).await.map_err(Problem::unavailable)
}

/// What the statement's names resolve to now.
async fn again(read: &Read) -> Result<Option<Vec<model::Bound>>, Problem> {
    match &read.upstream {
        Upstream::Gateway(_) => Ok(None),
        Upstream::Sqlite { file, .. } => {
            let catalog = catalog(file, &read.target).await?;
            let meaning = sqlite::classify(&read.proposal.statement, &catalog).unwrap_or_default();
            Ok(Some(meaning.bound))
        }
    }
}

async fn run(
    door: &NativeDoor,
    mut session: Session,
    (id, read): (ActionId, &Read),
    clearance: Clearance,
    gone: oneshot::Receiver<()>,
) -> Result<Response, Problem> {
    let run = clearance.run();
    let plain_read = read.statement.operations.iter().all(|operation| operation.verb.is_plain_read());
    let gone = async {
        match run {
            None => drop(gone.await),
            // What people approved is not lost with the call that waited: its result can be fetched.
            Some(_) => std::future::pending().await,
        }
    };
    let sealed = match &read.upstream {
        Upstream::Gateway(operation) => {
            let by = session.standing().actor.principal.id;
            GatewayUpstream { enforcement: &door.0.enforcement, by }.send(clearance, operation.clone()).await
        }
        Upstream::Sqlite { file, meaning } => {
            let (hidden, detected) = (session.hidden_classes(), session.detected_classes());
            let request = Request {
                target: &read.target,
                meaning,
                parameters: &read.parameters,
                hidden: &hidden,
                detected: &detected,
                actor: session.standing().actor.principal.id,
                only_reads: read.statement.operations.iter().all(|operation| operation.verb.only_reads()),
            };
            file.send(clearance, request, gone).await
        }
    };
    let Answer { outcome, run: end } = session.open(sealed).await?;
    let end = RunEnd {
        run: end,
        rows: outcome.as_ref().map_or(0, |rows| u64::try_from(rows.rows.len()).unwrap_or(0).max(rows.rows_affected)),
        masked: outcome.as_ref().map(|rows| rows.masked.clone()).unwrap_or_default(),
        detail: outcome.as_ref().err().map(UpstreamFailed::to_string).unwrap_or_default(),
    };
    if let (Upstream::Sqlite { .. }, Ok(rows)) = (&read.upstream, &outcome) {
        // Before anybody can read that it succeeded: who reads that finds them.
        door.keep(id, rows);
    }
    session.ended(run, plain_read, &end).await.map_err(|refusal| ran_all_the_same(&refusal.message))?;
    let status = end.run.as_str();
    let told = json!({"status": status, "detail": end.detail}).to_string();
    door.0.enforcement.update_proposal(id, None, Some(&told)).await.map_err(ran_all_the_same)?;
    let rows = outcome?;
    Ok(report(id, "succeeded", |report| report.result = Some(rows)))
}

/// The run is over, and its end could not be kept: the caller must not take that for a failure and try again.
fn ran_all_the_same(why: impl ToString) -> Problem {
    let why = format!("the action was forwarded, and its end could not be recorded: {}", why.to_string());
    Problem::new(502, "uncertain", why, "look at the target and at the records before you propose it again")
}

fn pending(id: ActionId, held: &HeldNotice) -> Response {
    let mut response = report(id, "pending", |report| report.review = Some(ReviewNotice::from(held)));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn report(id: ActionId, status: &'static str, fill: impl FnOnce(&mut ActionReport)) -> Response {
    let mut report = ActionReport { id, status, review: None, result: None, detail: None };
    fill(&mut report);
    Json(report).into_response()
}

/// How an action ended, as it was kept, with its result while that is kept.
fn told(door: &NativeDoor, id: ActionId, ended: &str) -> Response {
    let mut body: Value = serde_json::from_str(ended).unwrap_or_else(|_| json!({"status": "uncertain"}));
    if body.get("status").and_then(Value::as_str) == Some(Run::Succeeded.as_str())
        && let Some(rows) = door.kept(id)
    {
        return report(id, "succeeded", |report| report.result = Some(rows));
    }
    if let Some(body) = body.as_object_mut() {
        body.insert("id".to_owned(), json!(id));
    }
    Json(body).into_response()
}

fn without_secrets(mut proposal: Proposal) -> Proposal {
    proposal.arguments.remove("credential");
    proposal
}
