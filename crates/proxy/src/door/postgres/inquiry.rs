//! What reviewers are told beside a held action: how large its tables are, how many rows it concerns by the planner's
//! estimate, and what its actor never did before. The planner is asked on a connection of its own, which cannot write, by an
//! EXPLAIN that policy decides for the same actor. It is asked only where planning runs nothing but the server's own code.
//! Where the target asks for it, an UPDATE or DELETE is run and undone, if nothing of it can outlive that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use enforcement::{Session, Settlement};
use gate::{Clearance, Obstacle, Payload, Presented, RunEnd, Sealed, Way};
use model::{
    Insight, Operation, Parameter, Purpose, ResourceKind, ReviewId, Run, SessionState, Standing, Target, Verb,
};
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;
use protocol::postgres::action::Act;
use protocol::postgres::result::FIRST_OF_OTHERS;
use serde_json::Value;

use super::PostgresDoor;
use super::reading::{Library, ON_ROWS, Reading, State, Types, Unread};
use crate::upstream::postgres::{Answered, Connection};

/// What is asked about one held action.
pub(super) struct Inquiry {
    door: PostgresDoor,
    standing: Standing,
    target: Arc<Target>,
    review: ReviewId,
    reading: Arc<Reading>,
    /// The state in which the action would run.
    state: Arc<SessionState>,
    text: Arc<str>,
    types: Arc<[u32]>,
    parameters: Arc<[Parameter]>,
}

impl Inquiry {
    /// About an action that a review was opened for.
    pub(super) fn new(
        door: &PostgresDoor,
        (standing, target): (&Standing, &Arc<Target>),
        review: ReviewId,
        (act, reading, state): (&Act, &Arc<Reading>, &Arc<SessionState>),
    ) -> Self {
        Self {
            door: door.clone(),
            standing: standing.clone(),
            target: Arc::clone(target),
            review,
            reading: Arc::clone(reading),
            state: Arc::clone(state),
            text: Arc::clone(&act.statement.text),
            types: Arc::clone(&act.statement.types),
            parameters: Arc::clone(&act.parameters),
        }
    }

    /// Asks, and has reviewers told.
    pub(super) async fn run(self) {
        let node = self.door.0.enforcement.clone();
        match node.store().insights(self.review).await {
            Ok(None) => {}
            Ok(Some(_)) => return,
            Err(error) => return tracing::warn!(%error, "what is known about a review could not be read"),
        }
        let tables = self.reading.sizes.iter();
        let mut insights: Vec<Insight> =
            tables.map(|(table, rows)| Insight::Table { table: table.clone(), rows: *rows }).collect();
        insights.push(match self.in_time(LIMIT, self.plan()).await {
            Ok(rows) => Insight::Plan { rows },
            Err(why) => Insight::NoPlan { why },
        });
        if let Some(limit) = self.door.0.limits.dry_run {
            insights.push(match self.in_time(limit + LIMIT, self.dry_run(limit)).await {
                Ok(rows) => Insight::DryRun { rows },
                Err(why) => Insight::NoDryRun { why },
            });
        }
        let whose = (self.standing.actor.principal.id, &self.target.name);
        match node.first_times(whose, &self.reading.statement.operations).await {
            Ok(first) => insights.extend(first),
            Err(error) => tracing::warn!(%error, "what an actor was let do could not be read"),
        }
        if let Err(error) = node.add_insights(self.review, insights).await {
            tracing::warn!(%error, review = %self.review, "reviewers could not be told what was found out");
        }
    }

    /// Asks the server, where that runs nothing but its own code, and not for long.
    async fn in_time(&self, limit: Duration, asking: impl Future<Output = Result<u64, String>>) -> Result<u64, String> {
        self.may_be_planned()?;
        let asking = async {
            let _one = self.door.0.estimates.acquire().await.map_err(|error| not_asked(&error))?;
            asking.await
        };
        let late = || format!("the server did not answer within {} s", limit.as_secs());
        tokio::time::timeout(limit, asking).await.unwrap_or_else(|_| Err(late()))
    }

    /// Whether planning it runs nothing but the server's own code.
    fn may_be_planned(&self) -> Result<(), String> {
        let reading = &self.reading;
        let is_plain =
            |operation: &Operation| ON_ROWS.contains(&operation.verb) && operation.resource.kind == ResourceKind::Table;
        let goes_by_names = !(reading.executes.is_empty() && reading.fetches.is_empty() && reading.declares.is_empty());
        if reading.statements != 1 || goes_by_names || !reading.statement.operations.iter().all(is_plain) {
            return Err("only for a single SELECT, INSERT, UPDATE, DELETE or MERGE of tables, without code of others"
                .to_owned());
        }
        if reading.types == Types::Others || self.types.iter().any(|kind| *kind >= FIRST_OF_OTHERS) {
            return Err(
                "there are types, indexes or constraints of others' making, whose code the planner may run".to_owned()
            );
        }
        Ok(())
    }

    /// What is found on another connection must be what is held: names may mean other things there. Nor may planning run
    /// what tables have beside their columns.
    async fn check_there(&self, opened: &mut Opened, reading: &Reading) -> Result<(), String> {
        if reading.statement.bound != self.reading.statement.bound {
            return Err("its names mean something else on another connection".to_owned());
        }
        let tables = tables_of(&self.reading.statement.operations, &ON_ROWS);
        let found = opened.connection.passes_on(&tables).await.map_err(|error| not_asked(&error))?;
        let runs_code = ["default", "statistics", "policy", "relation"];
        match found.iter().find(|(what, _)| runs_code.contains(&what.as_str())) {
            Some((what, name)) => Err(format!("the planner may run code that is not the server's own: {what} {name}")),
            None => Ok(()),
        }
    }

    /// A session of the actor's on a connection of its own, under these start parameters, in the state in which the action
    /// would run.
    async fn open(&self, way: Way, settings: &[(&str, String)]) -> Result<Opened, String> {
        let node = &self.door.0.enforcement;
        let session = node.open_session(&self.standing, &self.target, way).await;
        let session = session.map_err(|refusal| refusal.message)?;
        let connection = self.door.0.upstream.connect(&self.settings(settings)).await;
        let mut connection = connection.map_err(|error| not_asked(&error))?;
        let state = State::default().now(&mut connection, (&self.door.0.upstream.database, session.id())).await;
        let state = state.map_err(|_| not_asked(&"its settings"))?;
        self.check_same(&state)?;
        Ok(Opened { session, connection, state })
    }

    /// What a text means there.
    async fn read(&self, opened: &mut Opened, text: &Arc<str>) -> Result<Arc<Reading>, String> {
        let hides = !opened.session.hidden_classes().is_empty();
        let read = Library::default().read(&mut opened.connection, &self.target, (text, hides)).await;
        read.map_err(|unread| match unread {
            Unread::Told(report) => report.message,
            Unread::Failed(error) => not_asked(&error),
        })
    }

    /// The action for the gate. Nobody is asked about it.
    fn presented(&self, reading: &Reading, state: Arc<SessionState>, purpose: Purpose) -> Result<Presented, String> {
        Ok(Presented {
            statement: Arc::clone(&reading.statement),
            statement_digest: reading.digest,
            parameters: self.parameters.to_vec(),
            state,
            purpose,
            obstacle: (purpose == Purpose::Run).then_some(Obstacle::CannotWait("for an estimate")),
            reveal: BTreeSet::new(),
            reason: format!("what reviewers of {} are told", self.review),
            payload: Payload(self.bytes(&reading.statement.text).map_err(|error| not_asked(&error))?),
        })
    }

    /// Asks the planner.
    async fn plan(&self) -> Result<u64, String> {
        let settings = [("default_transaction_read_only", "on".to_owned()), ("statement_timeout", "2000".to_owned())];
        let mut opened = self.open(Way::ESTIMATE, &settings).await?;
        let text: Arc<str> = format!("EXPLAIN (FORMAT JSON) {}", self.text).into();
        let reading = self.read(&mut opened, &text).await?;
        self.check_there(&mut opened, &reading).await?;
        let presented = self.presented(&reading, Arc::clone(&opened.state), Purpose::Run)?;
        let clearance = cleared(opened.session.present(presented).await)?;
        let answered = opened.connection.answer(clearance).await.map_err(|error| not_asked(&error))?;
        let answered = opened.end(answered, reading.is_plain).await?;
        estimate(answered.rows.first().and_then(|row| row.first()?.as_deref()))
    }

    /// Runs it and undoes it.
    async fn dry_run(&self, limit: Duration) -> Result<u64, String> {
        let changes = |operation: &&Operation| CHANGED.contains(&operation.verb);
        let operations = &self.reading.statement.operations;
        let only_reads = |operation: &Operation| [Verb::SqlSelect, Verb::SqlSelectUnbounded].contains(&operation.verb);
        if !operations.iter().any(|operation| changes(&operation))
            || !operations.iter().all(|operation| changes(&operation) || only_reads(operation))
            || self.text.to_ascii_lowercase().contains("default")
        {
            return Err("only for an UPDATE or DELETE, without DEFAULT".to_owned());
        }
        let settings = [("statement_timeout", limit.as_millis().to_string())];
        let mut opened = self.open(Way::DRY_RUN, &settings).await?;
        let reading = self.read(&mut opened, &self.text).await?;
        self.check_there(&mut opened, &reading).await?;
        if reading.statement != self.reading.statement || !reading.copied.is_empty() {
            return Err(
                "it means something else on another connection, or may copy what its actor may not see".to_owned()
            );
        }
        let tables = tables_of(operations, &CHANGED);
        let found = opened.connection.passes_on(&tables).await.map_err(|error| not_asked(&error))?;
        if let Some((what, name)) = found.first() {
            return Err(format!("it reaches further than the rows of its tables: {what} {name}"));
        }
        let presented = self.presented(&reading, Arc::clone(&opened.state), Purpose::DryRun)?;
        let clearance = cleared(opened.session.present(presented).await)?;
        let answered = opened.connection.answer_dry(clearance).await.map_err(|error| not_asked(&error))?;
        Ok(opened.end(answered, false).await?.count)
    }

    /// Start parameters of a connection that waits for no locks, with what its client may have chosen of the state.
    fn settings(&self, more: &[(&str, String)]) -> BTreeMap<String, String> {
        let own = [("application_name", "countersign, for reviewers"), ("lock_timeout", "500")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter();
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let chosen = ["DateStyle", "IntervalStyle", "TimeZone", "extra_float_digits"].into_iter();
        let chosen = chosen.filter_map(|name| Some((name.to_owned(), self.state.0.get(name)?.clone())));
        own.chain(more).chain(chosen).collect()
    }

    /// Names and values must mean the same there.
    fn check_same(&self, there: &SessionState) -> Result<(), String> {
        let is_others = |name: &&String| {
            !["transaction", "transaction_read_only", "transaction_isolation"].contains(&name.as_str())
        };
        let differs = |name: &&String| self.state.0.get(*name) != there.0.get(*name);
        let names = self.state.0.keys().chain(there.0.keys());
        match names.filter(is_others).find(differs) {
            Some(name) => Err(format!("the session has a `{name}` of its own")),
            None => Ok(()),
        }
    }

    /// The messages that explain it with its values.
    fn bytes(&self, text: &str) -> std::io::Result<Vec<u8>> {
        let mut bytes = BytesMut::new();
        frontend::parse("", text, self.types.iter().copied(), &mut bytes)?;
        let formats = self.parameters.iter().map(|parameter| match parameter.format {
            model::Format::Text => 0_i16,
            model::Format::Binary => 1,
        });
        let put = |parameter: &Parameter, buffer: &mut BytesMut| {
            let Some(value) = &parameter.value else { return Ok(IsNull::Yes) };
            buffer.extend_from_slice(value);
            Ok(IsNull::No)
        };
        let bound = frontend::bind("", "", formats, self.parameters.iter(), put, [], &mut bytes);
        bound.map_err(|_| std::io::Error::other("a value of it"))?;
        frontend::execute("", 0, &mut bytes)?;
        frontend::sync(&mut bytes);
        Ok(bytes.to_vec())
    }
}

/// A session of the actor's that only the gateway has to do with.
struct Opened {
    session: Session,
    connection: Connection,
    state: Arc<SessionState>,
}

impl Opened {
    /// What was answered, once how it ended is on its way to the record.
    async fn end(mut self, answered: Sealed<Answered>, is_plain: bool) -> Result<Answered, String> {
        let answered = self.session.open(answered).await.map_err(|refusal| refusal.message)?;
        let detail = answered.refused.clone().unwrap_or_default();
        let run = if answered.refused.is_none() { Run::Succeeded } else { Run::Failed };
        let end = RunEnd { run, rows: 0, masked: BTreeMap::new(), detail };
        self.session.ended(None, is_plain, &end).await.map_err(|refusal| refusal.message)?;
        self.connection.close().await;
        match &answered.refused {
            Some(code) => Err(format!("the server refused it ({code})")),
            None => Ok(answered),
        }
    }
}

fn cleared(settlement: Settlement) -> Result<Clearance, String> {
    match settlement {
        Settlement::Forward(clearance) => Ok(clearance),
        Settlement::Refused(refusal) => Err(format!("policy does not let its actor do that: {}", refusal.message)),
        Settlement::Held(_) => Err("it cannot wait for a review".to_owned()),
    }
}

/// The tables that these operations are on.
fn tables_of(operations: &[Operation], verbs: &[Verb]) -> Vec<(String, String)> {
    let on = operations.iter().filter(|operation| verbs.contains(&operation.verb));
    on.map(|operation| (operation.resource.schema.to_string(), operation.resource.name.to_string())).collect()
}

fn not_asked(error: &dyn Display) -> String {
    format!("the server could not be asked: {error}")
}

fn word<'v>(node: &'v Value, name: &str) -> &'v str {
    node.get(name).and_then(Value::as_str).unwrap_or("")
}

/// How many rows a plan concerns: those that its writes take, at any depth; where it writes nothing, those that it gives.
fn estimate(plan: Option<&str>) -> Result<u64, String> {
    let odd = || "the server's plan could not be read".to_owned();
    let plan: Value = serde_json::from_str(plan.ok_or_else(odd)?).map_err(|_| odd())?;
    let top = plan.get(0).and_then(|plan| plan.get("Plan")).ok_or_else(odd)?;
    let rows = |node: &Value| node.get("Plan Rows").and_then(Value::as_u64).ok_or_else(odd);
    let (mut written, mut list) = (None, vec![top]);
    while let Some(node) = list.pop() {
        let inner = node.get("Plans").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if word(node, "Node Type") == "ModifyTable" {
            let sources =
                inner.iter().filter(|inner| ["Outer", "Member"].contains(&word(inner, "Parent Relationship")));
            let taken = sources.map(rows).try_fold(0_u64, |sum, rows| Ok::<_, String>(sum.saturating_add(rows?)))?;
            written = Some(written.unwrap_or(0_u64).saturating_add(taken));
        }
        list.extend(inner);
    }
    written.map_or_else(|| rows(top), Ok)
}

/// What a dry run may change.
const CHANGED: [Verb; 4] = [Verb::SqlUpdate, Verb::SqlUpdateUnbounded, Verb::SqlDelete, Verb::SqlDeleteUnbounded];
/// The longest that an estimate may take.
const LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_of_a_write_is_what_it_takes() {
        let read = r#"[{"Plan": {"Node Type": "Index Scan", "Plan Rows": 7}}]"#;
        assert_eq!(estimate(Some(read)), Ok(7));
        let write = r#"[{"Plan": {"Node Type": "ModifyTable", "Plan Rows": 0, "Plans": [
            {"Parent Relationship": "InitPlan", "Plan Rows": 100},
            {"Parent Relationship": "Member", "Plan Rows": 3}, {"Parent Relationship": "Outer", "Plan Rows": 4}]}}]"#;
        assert_eq!(estimate(Some(write)), Ok(7));
        let hidden = r#"[{"Plan": {"Node Type": "Result", "Plan Rows": 1, "Plans": [
            {"Parent Relationship": "InitPlan", "Node Type": "ModifyTable", "Plan Rows": 0, "Plans": [
                {"Parent Relationship": "Outer", "Node Type": "Seq Scan", "Plan Rows": 50006}]}]}}]"#;
        assert_eq!(estimate(Some(hidden)), Ok(50_006));
        for odd in [None, Some(""), Some("[]"), Some("{}"), Some(r#"[{"Plan": {"Plan Rows": -1}}]"#)] {
            estimate(odd).unwrap_err();
        }
    }
}
