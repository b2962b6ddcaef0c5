//! What people are shown: a review whole and unambiguous, a record with its proof. Actor's text only as visible text.

use std::collections::{BTreeMap, BTreeSet};

use enforcement::{Proven, ReadRecord, ReviewRow, TargetRow};
use gate::{Phase, Review};
use model::{
    DataClass, Format, GroupName, Insight, Labels, Name, Operation, Parameter, PrincipalId, Run, Standing, Verb,
    Visible, contains_hidden,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::layout::{Span, layout};

/// A review as people see it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReviewView {
    id: String,
    /// The code to compare on every surface.
    code: String,
    /// `pending`, `approved`, `released`, or how it ended: `rejected`, `expired`, `lapsed`, `withdrawn`.
    state: String,
    actor: String,
    actor_kind: String,
    target: String,
    /// Groups asked, with how many people of each.
    asks: Vec<Ask>,
    /// RFC 3339.
    opened_at: String,
    /// RFC 3339.
    expires_at: String,
    /// The run: `released`, `succeeded`, `failed`, `uncertain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    run: Option<Run>,
    /// What its approvals allow beside the one run.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<GrantView>,
    /// The review whose grant it is a use of: nobody was asked for this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    under: Option<String>,
    /// Present when a review is shown whole.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    whole: Option<Whole>,
}

/// A target as the log last had it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TargetView {
    #[schema(value_type = String)]
    name: Name,
    /// `postgres`, `sqlite` or `gateway`.
    kind: &'static str,
    /// The group that `@review("owner")` means.
    #[schema(value_type = String)]
    owner: GroupName,
    #[schema(value_type = Object)]
    labels: Labels,
    /// Data classes by column.
    #[schema(value_type = Object)]
    classify: BTreeMap<String, DataClass>,
    /// Data classes that values are searched for.
    #[schema(value_type = Vec<String>)]
    detect: BTreeSet<DataClass>,
    /// What approvals are bound to: name, kind, owner, labels, classes, address and upstream role.
    version: String,
    /// Since when it is as it is; RFC 3339.
    since: String,
    /// When it was found to be configured no more; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed_at: Option<String>,
}

/// A standing permission for the same action, to the last bit.
#[derive(Debug, Serialize, ToSchema)]
struct GrantView {
    /// How often it may run.
    uses: u32,
    /// How often it was used, where grants are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u32>,
    /// When it ends; RFC 3339.
    until: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Ask {
    rule: String,
    title: String,
    group: String,
    quorum: u32,
}

/// Everything that an approval binds, and what it does not.
#[derive(Debug, Serialize)]
struct Whole {
    digest: String,
    /// The statement with nothing hidden.
    statement: String,
    /// The same in parts, for reading: joined they are the statement, but for white space between words.
    layout: Vec<Span>,
    /// Whether it held characters that a screen would hide or confuse: they are shown as `\u{…}`.
    had_hidden_characters: bool,
    parameters: Vec<String>,
    operations: Vec<String>,
    /// State of the session that changes meaning.
    session: BTreeMap<String, String>,
    names: Vec<String>,
    /// The actor's own words: quoted, not vouched for.
    reason: String,
    /// People behind the action; none of them may settle it.
    lineage: Vec<String>,
    verdicts: Vec<Value>,
    /// What the gateway found out when it was held; absent while it is being found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Vec<Value>>,
    policy: String,
    not_bound: &'static str,
}

/// A record of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordView {
    index: u64,
    /// The leaf, as it is hashed.
    #[schema(value_type = Object)]
    leaf: Value,
    /// The inclusion proof, lowest sibling first, as hex.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    proof: Vec<String>,
    /// The signed note that the proof leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
}

/// Whether a review is this person's business: they may settle it, or stand behind it.
pub(crate) fn concerns(review: &Review, person: &Standing) -> bool {
    let asked = review.case.requirements.iter().any(|asked| person.groups.contains(&asked.group));
    asked || review.case.action.actor.lineage.contains(person.actor.principal.id)
}

pub(crate) fn summary(row: &ReviewRow) -> ReviewView {
    let case = &row.review.case;
    let principal = &case.action.actor.principal;
    ReviewView {
        id: case.id.to_string(),
        code: case.code().to_string(),
        state: state_word(&row.review.state.phase).to_owned(),
        actor: principal.name.to_string(),
        actor_kind: principal.kind.to_string(),
        target: case.action.target.to_string(),
        asks: case.requirements.iter().map(Ask::from).collect(),
        opened_at: case.opened_at.to_string(),
        expires_at: case.expires_at.to_string(),
        run: row.run.as_ref().map(|run| run.state),
        grant: row.review.state.grant().map(|grant| GrantView {
            uses: grant.uses,
            used: None,
            until: grant.until.to_string(),
        }),
        under: case.under.map(|under| under.grant.to_string()),
        whole: None,
    }
}

/// A review with the grant that was born from it.
pub(crate) fn granted(row: &ReviewRow, used: u32) -> ReviewView {
    let mut view = summary(row);
    if let Some(grant) = &mut view.grant {
        grant.used = Some(used);
    }
    view
}

impl From<&model::Requirement> for Ask {
    fn from(asked: &model::Requirement) -> Self {
        let rule = &asked.rule;
        Self { rule: rule.id.clone(), title: rule.title.clone(), group: asked.group.to_string(), quorum: asked.quorum }
    }
}

pub(crate) fn whole(
    row: &ReviewRow,
    people: &BTreeMap<PrincipalId, Standing>,
    insights: Option<Vec<Insight>>,
) -> ReviewView {
    let case = &row.review.case;
    let action = &case.action;
    let name = |id: PrincipalId| {
        people.get(&id).map_or_else(|| id.to_string(), |person| person.actor.principal.name.to_string())
    };
    let verdict = |verdict: &model::Verdict| {
        json!({
            "reviewer": name(verdict.reviewer), "verdict": verdict.kind, "reason": Visible(&verdict.reason).to_string(),
            "at": verdict.at.to_string(), "channel": verdict.channel, "strength": verdict.strength,
        })
    };
    let operations = action.statement.operations.iter().map(|operation| {
        let categories: Vec<_> = operation.verb.categories().iter().map(|category| category.as_str()).collect();
        let resource = operation.resource.to_string();
        format!("{} on {} ({})", operation.verb, Visible(&resource), categories.join(", "))
    });
    let whole = Whole {
        digest: case.digest.to_string(),
        layout: layout(&Visible(&action.statement.text).to_string()),
        statement: Visible(&action.statement.text).to_string(),
        had_hidden_characters: contains_hidden(&action.statement.text),
        parameters: action.parameters.iter().map(parameter).collect(),
        operations: operations.collect(),
        session: action.state.0.iter().map(|(name, value)| (name.clone(), Visible(value).to_string())).collect(),
        names: action
            .statement
            .bound
            .iter()
            .map(|bound| format!("{} = {}", Visible(&bound.name), Visible(&bound.identity)))
            .collect(),
        reason: Visible(&case.reason).to_string(),
        lineage: action.actor.lineage.people().map(name).collect(),
        verdicts: row.review.state.verdicts.iter().map(verdict).collect(),
        context: insights.map(|insights| insights.iter().map(shown).collect()),
        policy: case.policy.to_string(),
        not_bound: not_bound(&action.statement.operations),
    };
    ReviewView { whole: Some(whole), ..summary(row) }
}

/// What was found out, with nothing hidden in its names.
fn shown(insight: &Insight) -> Value {
    match insight {
        Insight::Table { table, rows } => json!({"kind": "table", "table": Visible(table).to_string(), "rows": rows}),
        Insight::Plan { rows } => json!({"kind": "plan", "rows": rows}),
        Insight::NoPlan { why } => json!({"kind": "no-plan", "why": Visible(why).to_string()}),
        Insight::DryRun { rows } => json!({"kind": "dry-run", "rows": rows}),
        Insight::NoDryRun { why } => json!({"kind": "no-dry-run", "why": Visible(why).to_string()}),
        Insight::FirstTime { verb, resource, since } => json!({
            "kind": "first-time", "verb": verb, "resource": Visible(resource).to_string(), "since": since.to_string(),
        }),
    }
}

/// What the approval does not hold still.
fn not_bound(operations: &[Operation]) -> &'static str {
    if operations.iter().any(|operation| operation.verb == Verb::SqlCopyIn) {
        "the rows that the COPY brings; code that runs through triggers and functions, and the data that is there, may change before it runs"
    } else {
        "code that the statement calls through views, triggers and functions, and the data it reads, may change before it runs"
    }
}

fn parameter(parameter: &Parameter) -> String {
    let Some(bytes) = &parameter.value else { return "NULL".to_owned() };
    if parameter.kind == "credential" {
        return "(a credential, bound but not shown)".to_owned();
    }
    match (parameter.format, std::str::from_utf8(bytes)) {
        (Format::Text, Ok(text)) => format!("{} '{}'", parameter.kind, Visible(text)),
        _ => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{} in binary: {hex}", parameter.kind)
        }
    }
}

const fn state_word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Pending => "pending",
        Phase::Approved { .. } => "approved",
        Phase::Claimed { .. } => "released",
        Phase::Ended { outcome, .. } => outcome.as_str(),
    }
}

pub(crate) fn principal(standing: &Standing) -> Value {
    let principal = &standing.actor.principal;
    json!({
        "id": principal.id, "name": principal.name, "kind": principal.kind, "groups": standing.groups,
        "owner": standing.owner.as_ref().map(|owner| &owner.name), "active": standing.active,
    })
}

impl From<TargetRow> for TargetView {
    fn from(TargetRow { target, since, removed_at }: TargetRow) -> Self {
        Self {
            name: target.name,
            kind: target.kind.as_str(),
            owner: target.owner,
            labels: target.labels,
            classify: target.classify,
            detect: target.detect,
            version: target.version.0.to_string(),
            since: since.to_string(),
            removed_at: removed_at.map(|at| at.to_string()),
        }
    }
}

impl From<&ReadRecord> for RecordView {
    fn from(found: &ReadRecord) -> Self {
        let leaf = serde_json::from_slice(&found.leaf).unwrap_or(Value::Null);
        Self { index: found.index, leaf, proof: Vec::new(), checkpoint: None }
    }
}

impl From<Proven> for RecordView {
    fn from(proven: Proven) -> Self {
        Self {
            index: proven.record.index,
            leaf: serde_json::from_slice(&proven.record.leaf).unwrap_or(Value::Null),
            proof: proven.path.iter().map(ToString::to_string).collect(),
            checkpoint: Some(proven.checkpoint),
        }
    }
}
