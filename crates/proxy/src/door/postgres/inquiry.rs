//! What reviewers are told beside a held action: how large its tables are, how many rows it concerns by the planner's
//! estimate, and what its actor never did before. The planner is asked on a connection of its own, which cannot write, by an
//! EXPLAIN that policy decides for the same actor. It is asked only where planning runs nothing but the server's own code.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use enforcement::Settlement;
use gate::{Obstacle, Payload, Presented, RunEnd, Way};
use model::{
    Insight, Operation, Parameter, Purpose, ResourceKind, ReviewId, Run, SessionState, Standing, Target, Verb,
};
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;
use protocol::postgres::action::Act;
use serde_json::Value;

use super::PostgresDoor;
use super::reading::{Library, Reading, State, Unread};

/// What is asked about one held action.
pub(super) struct Inquiry {
    pub(super) door: PostgresDoor,
    pub(super) standing: Standing,
    pub(super) target: Arc<Target>,
    pub(super) review: ReviewId,
    pub(super) reading: Arc<Reading>,
    /// The state in which the action would run.
    pub(super) state: Arc<SessionState>,
    text: String,
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
            text: act.statement.text.to_string(),
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
        insights.push(match self.plan_in_time().await {
            Ok(rows) => Insight::Plan { rows },
            Err(why) => Insight::NoPlan { why },
        });
        let whose = (self.standing.actor.principal.id, &self.target.name);
        match node.first_times(whose, &self.reading.statement.operations).await {
            Ok(first) => insights.extend(first),
            Err(error) => tracing::warn!(%error, "what an actor was let do could not be read"),
        }
        if let Err(error) = node.add_insights(self.review, insights).await {
            tracing::warn!(%error, review = %self.review, "reviewers could not be told what was found out");
        }
    }

    async fn plan_in_time(&self) -> Result<u64, String> {
        self.may_be_planned()?;
        let Ok(_one) = self.door.0.estimates.try_acquire() else {
            return Err("too many estimates are asked for at a time".to_owned());
        };
        let late = || format!("the server did not answer within {} s", LIMIT.as_secs());
        tokio::time::timeout(LIMIT, self.plan()).await.unwrap_or_else(|_| Err(late()))
    }

    /// Whether planning it runs nothing but the server's own code.
    fn may_be_planned(&self) -> Result<(), String> {
        let reading = &self.reading;
        let is_plain =
            |operation: &Operation| PLANNED.contains(&operation.verb) && operation.resource.kind == ResourceKind::Table;
        let goes_by_names = !(reading.executes.is_empty() && reading.fetches.is_empty() && reading.declares.is_empty());
        if reading.statements != 1 || goes_by_names || !reading.statement.operations.iter().all(is_plain) {
            return Err("only for a single SELECT, INSERT, UPDATE, DELETE or MERGE of tables, without code of others"
                .to_owned());
        }
        if reading.origins.has_own_types() {
            return Err("its tables have types or indexes of others' making, whose code the planner may run".to_owned());
        }
        Ok(())
    }

    /// Asks the planner.
    async fn plan(&self) -> Result<u64, String> {
        let failed = |error: &dyn std::fmt::Display| format!("the server could not be asked: {error}");
        let node = &self.door.0.enforcement;
        let way = Way { door: "estimate", address: None };
        let session = node.open_session(&self.standing, &self.target, way).await;
        let mut session = session.map_err(|refusal| refusal.message)?;
        let mut connection = self.door.0.upstream.connect(&self.settings()).await.map_err(|error| failed(&error))?;
        let state = State::default().now(&mut connection, (self.database(), session.id())).await;
        let state = state.map_err(|_| failed(&"its settings"))?;
        self.check_same(&state)?;
        let text: Arc<str> = format!("EXPLAIN (FORMAT JSON) {}", self.text).into();
        let hides = !session.hidden_classes().is_empty();
        let mut library = Library::default();
        let reading =
            library.read(&mut connection, &self.target, (&text, hides)).await.map_err(|unread| match unread {
                Unread::Told(report) => report.message,
                Unread::Failed(error) => failed(&error),
            })?;
        let presented = Presented {
            statement: Arc::clone(&reading.statement),
            statement_digest: reading.digest,
            parameters: self.parameters.to_vec(),
            state,
            purpose: Purpose::Run,
            obstacle: Some(Obstacle::CannotWait("for an estimate")),
            reveal: Default::default(),
            reason: format!("an estimate for review {}", self.review),
            payload: Payload(self.bytes(&text).map_err(|error| failed(&error))?),
        };
        let rows = match session.present(presented).await {
            Settlement::Forward(clearance) => {
                let run = clearance.run();
                let answered = connection.answer(clearance).await.map_err(|error| failed(&error))?;
                let answered = session.open(answered).await.map_err(|refusal| refusal.message)?;
                let end = RunEnd {
                    run: if answered.refused.is_none() { Run::Succeeded } else { Run::Failed },
                    rows: 0,
                    masked: BTreeMap::new(),
                    detail: answered.refused.clone().unwrap_or_default(),
                };
                session.ended(run, reading.is_plain, &end).await.map_err(|refusal| refusal.message)?;
                match answered.refused {
                    Some(code) => Err(format!("the server refused to plan it ({code})")),
                    None => estimate(answered.rows.first().and_then(|row| row.first()?.as_deref())),
                }
            }
            Settlement::Refused(refusal) => {
                Err(format!("policy does not let its actor EXPLAIN it: {}", refusal.message))
            }
            Settlement::Held(_) => Err("it cannot wait for a review".to_owned()),
        };
        connection.close().await;
        rows
    }

    fn database(&self) -> &str {
        &self.door.0.upstream.database
    }

    /// Start parameters of a connection that cannot write and does not wait long, with what its client may have chosen of the
    /// state.
    fn settings(&self) -> BTreeMap<String, String> {
        let own = [
            ("application_name", "countersign: an estimate for a review"),
            ("default_transaction_read_only", "on"),
            ("lock_timeout", "500"),
            ("statement_timeout", "2000"),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let chosen = ["DateStyle", "IntervalStyle", "TimeZone", "extra_float_digits"].into_iter();
        let chosen = chosen.filter_map(|name| Some((name.to_owned(), self.state.0.get(name)?.clone())));
        own.into_iter().chain(chosen).collect()
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

/// How many rows a plan concerns: those that its topmost node gives, or takes, where it writes.
fn estimate(plan: Option<&str>) -> Result<u64, String> {
    let odd = || "the server's plan could not be read".to_owned();
    let plan: Value = serde_json::from_str(plan.ok_or_else(odd)?).map_err(|_| odd())?;
    let top = plan.get(0).and_then(|plan| plan.get("Plan")).ok_or_else(odd)?;
    let rows = |node: &Value| node.get("Plan Rows").and_then(Value::as_u64);
    if top.get("Node Type").and_then(Value::as_str) != Some("ModifyTable") {
        return rows(top).ok_or_else(odd);
    }
    let below = top.get("Plans").and_then(Value::as_array).into_iter().flatten();
    let sources = below.filter(|node| {
        let relation = node.get("Parent Relationship").and_then(Value::as_str);
        relation.is_some_and(|relation| ["Outer", "Member"].contains(&relation))
    });
    sources.map(rows).try_fold(0_u64, |sum, rows| Some(sum.saturating_add(rows?))).ok_or_else(odd)
}

/// What may be planned: it reads and writes tables, and nothing else.
const PLANNED: [Verb; 9] = [
    Verb::SqlSelect,
    Verb::SqlSelectUnbounded,
    Verb::SqlSelectLocking,
    Verb::SqlInsert,
    Verb::SqlUpdate,
    Verb::SqlUpdateUnbounded,
    Verb::SqlDelete,
    Verb::SqlDeleteUnbounded,
    Verb::SqlMerge,
];
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
        for odd in [None, Some(""), Some("[]"), Some("{}"), Some(r#"[{"Plan": {"Plan Rows": -1}}]"#)] {
            estimate(odd).unwrap_err();
        }
    }
}
