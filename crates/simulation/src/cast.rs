//! Who is there and what holds: people, agents, tables and sets of rules; and beside each set, in plain data, what it
//! asks. The checkers believe the plain data and never Cedar.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use gate::{NewPrincipal, Payload, Presented};
use model::{
    Action, Bound, Channel, Format, Labels, Operation, Parameter, PolicyVersion, Principal, PrincipalId, PrincipalKind,
    Purpose, Resource, ResourceKind, SessionState, Statement, Target, TargetKind, TargetVersion, Verb, sha256,
};
use policy::{PolicySet, SourceFile};

use crate::random::Random;

/// A set of rules and what it asks of a change of each table.
#[derive(Debug)]
pub(crate) struct RuleSet {
    pub(crate) policy: Arc<PolicySet>,
    customers: Answer,
    /// Verdicts through the REST API count.
    pub(crate) heeds_api: bool,
}

/// What a set of rules says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Allow,
    Deny,
    Ask(Vec<Asked>),
}

/// What one gate rule asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    /// The rule with its text: another text is another rule.
    pub(crate) rule: &'static str,
    pub(crate) group: &'static str,
    pub(crate) quorum: usize,
}

const fn asked(rule: &'static str, group: &'static str, quorum: usize) -> Asked {
    Asked { rule, group, quorum }
}

impl RuleSet {
    /// What it says of `verb` on `table`.
    pub(crate) fn answer(&self, verb: Verb, table: &str) -> Answer {
        match (verb, table) {
            (Verb::SqlSelect, _) | (Verb::SqlUpdate, "notes") => Answer::Allow,
            (Verb::SqlUpdate, "customers") => self.customers.clone(),
            (Verb::SqlUpdate, "orders") => Answer::Ask(vec![asked("orders", "dba", 2)]),
            (Verb::SqlUpdate, "secrets") => {
                Answer::Ask(vec![asked("secrets-dba", "dba", 1), asked("secrets-security", "security", 1)])
            }
            _ => Answer::Deny,
        }
    }

    /// Whether a verdict through this channel counts.
    pub(crate) fn heeds(&self, channel: Channel) -> bool {
        self.heeds_api || channel != Channel::Api
    }
}

/// All sets of rules, loaded once.
pub(crate) static RULE_SETS: LazyLock<Vec<RuleSet>> = LazyLock::new(|| {
    let customers = |title: &str, quorum: u32| {
        format!(
            "@id(\"change\") @title(\"{title}\") @review(\"dba\") @quorum(\"{quorum}\") @expires(\"20m\")
             forbid (principal is Agent, action in Action::\"write\", resource is Table) when {{ resource.name == \"customers\" }};"
        )
    };
    let first = customers("Customers change with a DBA", 1);
    let one = Answer::Ask(vec![asked("change", "dba", 1)]);
    let set = |extra: &str, customers: Answer, heeds_api: bool| RuleSet {
        policy: load(&format!("{ALWAYS}{extra}")),
        customers,
        heeds_api,
    };
    vec![
        set(&first, one.clone(), true),
        set(&customers("The same in other words", 1), Answer::Ask(vec![asked("change, reworded", "dba", 1)]), true),
        set(&customers("Two now", 2), Answer::Ask(vec![asked("change, by two", "dba", 2)]), true),
        set(&format!("{first}{FROZEN}"), Answer::Deny, true),
        set("", Answer::Allow, true),
        set(&format!("{first}{NO_API}"), one, false),
    ]
});

/// The set with this version.
pub(crate) fn rules_of(version: PolicyVersion) -> Option<&'static RuleSet> {
    RULE_SETS.iter().find(|set| set.policy.version() == version)
}

fn load(text: &str) -> Arc<PolicySet> {
    let file = SourceFile { name: "rules.cedar".to_owned(), text: text.to_owned() };
    Arc::new(PolicySet::load(&[file], &BTreeSet::new()).unwrap_or_else(|errors| panic!("{errors:#?}")))
}

const ALWAYS: &str = r#"
@id("countersigning") permit (principal is Person, action == Action::"countersign", resource);
@id("work") permit (principal is Agent, action in [Action::"connect", Action::"read", Action::"write"], resource);
@id("orders") @review("dba") @quorum("2") @expires("30m")
forbid (principal is Agent, action in Action::"write", resource is Table) when { resource.name == "orders" };
@id("secrets-dba") @review("dba") @expires("15m")
forbid (principal is Agent, action in Action::"write", resource is Table) when { resource.name == "secrets" };
@id("secrets-security") @review("security") @expires("40m")
forbid (principal is Agent, action in Action::"write", resource is Table) when { resource.name == "secrets" };
@id("no-drop") forbid (principal is Agent, action == Action::"sql.drop", resource);
"#;
const FROZEN: &str = r#"@id("frozen") @title("Customers stay as they are")
forbid (principal is Agent, action in Action::"write", resource is Table) when { resource.name == "customers" };"#;
const NO_API: &str = r#"@id("no-api") forbid (principal, action == Action::"countersign", resource)
when { context.channel == "api" };"#;

/// What agents want to touch: customers twice as often.
const TABLES: [&str; 5] = ["notes", "customers", "customers", "orders", "secrets"];
/// How long an approval may stay unclaimed.
pub(crate) const CLAIM_MILLIS: u64 = 600_000;

/// A person or agent to add.
pub(crate) fn newcomer(
    id: [u8; 16],
    name: &str,
    groups: &[&str],
    owned: Option<(PrincipalId, PrincipalId)>,
) -> NewPrincipal {
    let kind = if owned.is_some() { PrincipalKind::Agent } else { PrincipalKind::Person };
    NewPrincipal {
        principal: Principal { id: PrincipalId::from_random(id), kind, name: name.parse().unwrap() },
        owner: owned.map(|(owner, _)| owner),
        added_by: owned.map(|(_, by)| by),
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        credential: String::new(),
    }
}

/// The one target, in its `version`.
pub(crate) fn target(version: u64) -> Arc<Target> {
    Arc::new(Target {
        name: "shop".parse().unwrap(),
        kind: TargetKind::Postgres,
        owner: "dba".parse().unwrap(),
        labels: Labels::from([("environment".to_owned(), "production".to_owned())]),
        classify: Default::default(),
        detect: Default::default(),
        dry_run: false,
        version: TargetVersion(sha256(&[&version.to_be_bytes()])),
    })
}

/// What an agent wants to do. The same wish twice is the same action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) verb: Verb,
    pub(crate) table: &'static str,
    pub(crate) value: u8,
}

/// What a connection to the upstream says of itself and of the names there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) search_path: &'static str,
    pub(crate) oid: u32,
}

impl Connection {
    pub(crate) fn state(&self) -> Arc<SessionState> {
        Arc::new(SessionState([("search_path".to_owned(), self.search_path.to_owned())].into()))
    }

    pub(crate) fn bound(&self, wish: Wish) -> Vec<Bound> {
        vec![Bound { name: format!("table public.{}", wish.table), identity: format!("oid {}", self.oid) }]
    }
}

impl Wish {
    pub(crate) fn any(random: &mut Random) -> Self {
        let verb = match random.below(8) {
            0 => Verb::SqlSelect,
            1 => Verb::SqlDrop,
            _ => Verb::SqlUpdate,
        };
        let table = TABLES[random.below(TABLES.len())];
        Self { verb, table, value: u8::from(random.happens(200)) }
    }

    /// The wish behind an action.
    pub(crate) fn of(action: &Action) -> Option<Self> {
        let operation = action.statement.operations.first()?;
        let table = TABLES.into_iter().find(|table| **table == *operation.resource.name)?;
        let value = *action.parameters.first()?.value.as_ref()?.first()?;
        Some(Self { verb: operation.verb, table, value })
    }

    pub(crate) fn presented(self, connection: &Connection) -> Presented {
        let Self { verb, table, value } = self;
        let statement = Statement {
            text: format!("{verb} {table}"),
            operations: vec![Operation::new(verb, Resource::new(ResourceKind::Table, "public", table))],
            bound: connection.bound(self),
        };
        let parameters = vec![Parameter { kind: String::new(), format: Format::Binary, value: Some(vec![value]) }];
        Presented {
            statement_digest: statement.digest(),
            payload: payload_of(&statement, &parameters),
            statement: Arc::new(statement),
            parameters,
            state: connection.state(),
            reveal: BTreeSet::new(),
            reason: "the ticket says so".to_owned(),
            purpose: Purpose::Run,
            obstacle: None,
        }
    }
}

/// The bytes that a statement with these values is upstream.
pub(crate) fn payload_of(statement: &Statement, parameters: &[Parameter]) -> Payload {
    let values = parameters.iter().flat_map(|parameter| parameter.value.clone().unwrap_or_default());
    Payload(statement.text.bytes().chain([0]).chain(values).collect())
}
