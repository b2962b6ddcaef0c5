//! `countersign policy`: what the rules say of an action, and why, without a running gateway.

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use model::{
    Actor, Clock as _, Decision, Facts, Lineage, Name, Operation, Owner, Principal, PrincipalId, PrincipalKind,
    Resource, ResourceKind, Standing, Verb,
};
use policy::Question;
use serde_json::{Value, json};

use super::{WithConfig, check, tell};
use crate::clock::WallClock;
use crate::config;
use crate::terminal::{BOLD, GREEN, RED, YELLOW, paint, shown};

/// Look into policies.
#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Validate the policies; the same as `countersign check`.
    Check(check::Check),
    /// Say what the rules decide on an operation, and which rules determine it.
    Explain(Explain),
}

/// Say what the rules decide on an operation, and which rules determine it.
///
/// Example: countersign policy explain --kind agent --group agents --target shop --operation sql.delete --on customers
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// What acts.
    #[arg(long, value_enum, default_value = "agent")]
    kind: Kind,
    /// A group of the actor; may be repeated.
    #[arg(long = "group")]
    groups: Vec<Name>,
    /// The target.
    #[arg(long)]
    target: Name,
    /// The operation, such as `sql.delete_unbounded`.
    #[arg(long)]
    operation: String,
    /// What it touches: a table as `name` or `schema.name`; the target itself if left out.
    #[arg(long)]
    on: Option<String>,
    /// The rows are bounded.
    #[arg(long)]
    bounded: bool,
    #[command(flatten)]
    config: WithConfig,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Agent,
    Pipeline,
    Person,
}

impl Policy {
    pub(super) async fn run(self, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Check(check) => check.run(json).await,
            Self::Explain(explain) => explain.run(json),
        }
    }
}

impl Explain {
    fn run(self, json: bool) -> anyhow::Result<()> {
        let config = config::read(&self.config.config)?;
        let policies = config.load_policies()?;
        let target = config.targets.iter().find(|at| at.target.name == self.target);
        let target = target.with_context(|| format!("there is no target `{}` in the configuration", self.target))?;
        let verb = Verb::ALL.iter().find(|verb| verb.as_str() == self.operation);
        let Some(verb) = verb else {
            let known: Vec<&str> = Verb::ALL.iter().map(|verb| verb.as_str()).collect();
            bail!("`{}` is not an operation; known are {}", self.operation, known.join(", "));
        };
        let resource = match &self.on {
            None => Resource::target(),
            Some(name) => {
                let (schema, name) = name.split_once('.').unwrap_or(("", name));
                Resource::new(ResourceKind::Table, schema, name)
            }
        };
        let facts = Facts { bounded: self.bounded, has_where: self.bounded, ..Facts::default() };
        let operations = [Operation { verb: *verb, resource, facts }];
        let standing = self.somebody()?;
        let asker = policies.asker(&standing, &target.target);
        let question = Question {
            asker: &asker,
            standing: &standing,
            target: &target.target,
            operations: &operations,
            now: WallClock.now(),
        };
        let decision = policies.decide(&question);
        tell(json, &explained(&decision, &policies), told);
        Ok(())
    }

    /// An actor of the kind and groups asked for.
    fn somebody(&self) -> anyhow::Result<Standing> {
        let kind = match self.kind {
            Kind::Agent => PrincipalKind::Agent,
            Kind::Pipeline => PrincipalKind::Pipeline,
            Kind::Person => PrincipalKind::Person,
        };
        let id = PrincipalId::from_random([0; 16]);
        let owner = Owner { name: "somebody".parse()?, groups: BTreeSet::new(), active: true };
        Ok(Standing {
            actor: Actor { principal: Principal { id, kind, name: "example".parse()? }, lineage: Lineage::of([id]) },
            owner: (kind != PrincipalKind::Person).then_some(owner),
            groups: self.groups.iter().cloned().collect(),
            active: true,
        })
    }
}

fn explained(decision: &Decision, policies: &policy::PolicySet) -> Value {
    let place = |id: &str| policies.rules().iter().find(|rule| rule.named.id == id).map(|rule| rule.place.clone());
    let rules: Vec<Value> = decision
        .explained()
        .rules
        .iter()
        .map(|rule| json!({"id": rule.id, "title": rule.title, "place": place(&rule.id)}))
        .collect();
    let mut value = json!({"decision": decision.as_str(), "rules": rules, "policy": policies.version().to_string()});
    match decision {
        Decision::Allow(_) => {}
        Decision::Deny(reason, _) => add(&mut value, "reason", json!(reason.to_string())),
        Decision::Review(requirements, _) => {
            let asks = requirements.iter().map(
                |r| json!({"rule": r.rule.id, "group": r.group, "quorum": r.quorum, "expires": r.expires.to_string()}),
            );
            add(&mut value, "asks", asks.collect());
        }
    }
    value
}

fn add(value: &mut Value, name: &str, member: Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.insert(name.to_owned(), member);
    }
}

fn told(value: &Value) -> String {
    let word = shown(value.get("decision"));
    let colour = match word.as_str() {
        "allow" => GREEN,
        "deny" => RED,
        _ => YELLOW,
    };
    let mut text = format!("{}  {}\n", paint(&paint(&word, BOLD), colour), shown(value.get("reason")));
    for rule in value.get("rules").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| shown(rule.get(name));
        text.push_str(&format!("  by {}  {}  ({})\n", part("id"), part("title"), part("place")));
    }
    for ask in value.get("asks").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| shown(ask.get(name));
        text.push_str(&format!("  asks {} of {}, within {}\n", part("quorum"), part("group"), part("expires")));
    }
    text.push_str(&format!("  policy version {}", shown(value.get("policy"))));
    text
}
