//! Reading rules: Cedar text with our annotations, strictly checked. Every mistake points at its line.
//! A rule's scope is taken apart here once, so that the index and the checks never look at Cedar's types again.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PolicyId, PrincipalConstraint, ResourceConstraint, Schema,
    ValidationMode, Validator,
};
use model::{Category, Duration, GroupName, PrincipalKind, ResourceKind, RuleHash, RuleRef, Verb, sha256};

use crate::PolicyError;

/// One policy file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// How errors name it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id, title and hash.
    pub named: RuleRef,
    /// What can lift it.
    pub lift: Lift,
    /// Controls it is evidence for, such as `SOC2:CC8.1`.
    pub controls: Vec<String>,
    /// File and line, for explanations.
    pub place: String,
    pub(crate) policy: Policy,
    pub(crate) scope: Scope,
    /// Whether its conditions read the time: then decisions it took part in are not kept.
    pub(crate) reads_time: bool,
}

/// What a rule is, and what can lift it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lift {
    /// A permit.
    Permit,
    /// A forbid that nobody lifts.
    Never,
    /// A gate rule: a forbid that people lift.
    Review {
        /// Whose members may countersign; absent means the target's owner group.
        group: Option<GroupName>,
        /// How many distinct people, at least 1.
        quorum: u32,
        /// How long a review may stay unanswered.
        expires: Duration,
    },
}

/// What a rule's head says, without its conditions.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// Kinds of principal; empty means any.
    pub(crate) principals: BTreeSet<PrincipalKind>,
    /// The principal must be this entity or a member of it.
    pub(crate) principal: Option<EntityUid>,
    /// Actions named one by one, meta-actions included; categories are spread over their verbs in `verbs`.
    pub(crate) named_actions: BTreeSet<String>,
    /// Verbs it can apply to.
    pub(crate) verbs: BTreeSet<Verb>,
    /// Whether the action is open.
    pub(crate) any_action: bool,
    /// Types of resource it names; empty means any.
    pub(crate) resource_types: BTreeSet<String>,
    /// The resource must be this entity or inside it.
    pub(crate) resource: Option<EntityUid>,
}

/// Reads all rules of `files` against `schema`.
///
/// # Errors
/// With every mistake found, in the order of files and lines.
pub(crate) fn read(files: &[SourceFile], schema: &Schema) -> Result<Vec<Rule>, Vec<PolicyError>> {
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    let mut ids = BTreeMap::new();
    for file in files {
        match read_file(file, schema) {
            Ok(read) => {
                for (offset, rule) in read {
                    if let Some(first) = ids.insert(rule.named.id.clone(), rule.place.clone()) {
                        let message = format!("`@id(\"{}\")` is used twice: first at {first}", rule.named.id);
                        errors.push(PolicyError::at(file, offset, message));
                    }
                    rules.push(rule);
                }
            }
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(rules) } else { Err(errors) }
}

fn read_file(file: &SourceFile, schema: &Schema) -> Result<Vec<(usize, Rule)>, Vec<PolicyError>> {
    let set = cedar_policy::PolicySet::from_str(&file.text)
        .map_err(|errors| errors.iter().map(|error| PolicyError::of(file, 0, error)).collect::<Vec<_>>())?;
    if let Some(template) = set.templates().next() {
        let message = format!("rule `{}` is a template: templates are not used here", template.id());
        return Err(vec![PolicyError::at(file, 0, message)]);
    }
    let validator = Validator::new(schema.clone());
    let verdict = validator.validate(&set, ValidationMode::Strict);
    let mut errors: Vec<_> = verdict.validation_errors().map(|error| PolicyError::of(file, 0, error)).collect();
    // A warning is a rule that can never hold, or text that looks like other text: neither belongs in a policy.
    errors.extend(verdict.validation_warnings().map(|warning| PolicyError::of(file, 0, warning)));
    let (mut rules, mut cursor) = (Vec::new(), 0);
    for number in 0..set.policies().count() {
        let Some(policy) = set.policy(&PolicyId::new(format!("policy{number}"))) else { continue };
        let text = policy.to_cedar().unwrap_or_default();
        let offset = file.text.get(cursor..).and_then(|rest| rest.find(&text)).map_or(cursor, |at| cursor + at);
        cursor = offset + text.len();
        match read_rule(file, offset, policy, &text) {
            Ok(rule) => rules.push((offset, rule)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(rules) } else { Err(errors) }
}

fn read_rule(file: &SourceFile, offset: usize, policy: &Policy, text: &str) -> Result<Rule, PolicyError> {
    let at = |name: &str| offset + text.find(&format!("@{name}")).unwrap_or(0);
    let annotations: BTreeMap<&str, &str> = policy.annotations().collect();
    if let Some(unknown) = annotations.keys().find(|name| !ANNOTATIONS.contains(name)) {
        let known = ANNOTATIONS.map(|name| format!("`@{name}`")).join(", ");
        let message = format!("`@{unknown}` is not an annotation of a rule: use {known}");
        return Err(PolicyError::at(file, at(unknown), message));
    }
    let id = annotations.get("id").copied().unwrap_or("");
    let id_is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if id.is_empty() || id.len() > 128 || !id_is_plain {
        let message = "every rule needs an `@id(\"…\")` of letters, digits, `-`, `_` and `.`: records name it";
        return Err(PolicyError::at(file, at("id"), message));
    }
    let scope = Scope::of(policy);
    let lift = read_lift(&annotations, policy.effect(), &scope)
        .map_err(|(name, message)| PolicyError::at(file, at(name), message))?;
    let controls = annotations.get("controls").copied().unwrap_or("").split(';');
    let named = RuleRef {
        id: id.to_owned(),
        title: annotations.get("title").copied().unwrap_or("").to_owned(),
        hash: RuleHash(sha256(&[b"countersign/rule/v1\0", text.as_bytes()])),
    };
    let place = PolicyError::at(file, offset, "");
    Ok(Rule {
        lift,
        controls: controls.map(str::trim).filter(|control| !control.is_empty()).map(str::to_owned).collect(),
        place: format!("{}:{}", place.file, place.line),
        policy: policy.new_id(PolicyId::new(id)),
        scope,
        reads_time: reads_time(policy),
        named,
    })
}

/// Reads `@review @quorum @expires`; an error names the annotation at fault.
fn read_lift(
    annotations: &BTreeMap<&str, &str>,
    effect: Effect,
    scope: &Scope,
) -> Result<Lift, (&'static str, String)> {
    let Some(group) = annotations.get("review").copied() else {
        if let Some(stray) = ["quorum", "expires"].into_iter().find(|name| annotations.contains_key(name)) {
            return Err((
                stray,
                format!("`@{stray}` says how a review goes, but the rule has no `@review(\"group\")`"),
            ));
        }
        return Ok(match effect {
            Effect::Permit => Lift::Permit,
            Effect::Forbid => Lift::Never,
        });
    };
    if effect == Effect::Permit {
        return Err(("review", "`@review` belongs on a `forbid`: forbidden, unless people countersign".to_owned()));
    }
    if scope.any_action || scope.named_actions.contains("countersign") {
        return Err((
            "review",
            "a gate rule that reaches `countersign` would ask people to countersign a verdict: name the actions or \
             categories that it is about"
                .to_owned(),
        ));
    }
    let group = match group {
        "owner" => None,
        name => Some(name.parse().map_err(|error| ("review", format!("{error}")))?),
    };
    let quorum = annotations.get("quorum").copied().unwrap_or("1");
    let quorum: u32 =
        quorum.parse().ok().filter(|quorum| (1..=QUORUM).contains(quorum)).ok_or_else(|| {
            ("quorum", format!("`@quorum(\"{quorum}\")` is not a number of people from 1 to {QUORUM}"))
        })?;
    let expires = annotations.get("expires").copied().unwrap_or(EXPIRES);
    let within = Duration::from_secs(30)..=Duration::from_secs(24 * 3600);
    let expires = Duration::parse(expires).filter(|time| within.contains(time)).ok_or_else(|| {
        ("expires", format!("`@expires(\"{expires}\")` is not a time from 30s to 24h, such as `30m`"))
    })?;
    Ok(Lift::Review { group, quorum, expires })
}

/// Whether the rule reads the time anywhere; Cedar's JSON form has every attribute name spelt out.
fn reads_time(policy: &Policy) -> bool {
    policy.to_json().map_or(true, |json| json.to_string().contains("\"now\""))
}

impl Scope {
    fn of(policy: &Policy) -> Self {
        let (principals, principal) = match policy.principal_constraint() {
            PrincipalConstraint::Any => (BTreeSet::new(), None),
            PrincipalConstraint::In(uid) => (BTreeSet::new(), Some(uid)),
            PrincipalConstraint::Eq(uid) => (kinds_of(&uid.type_name().to_string()), Some(uid)),
            PrincipalConstraint::Is(kind) => (kinds_of(&kind.to_string()), None),
            PrincipalConstraint::IsIn(kind, uid) => (kinds_of(&kind.to_string()), Some(uid)),
        };
        let (resource_types, resource) = match policy.resource_constraint() {
            ResourceConstraint::Any => (BTreeSet::new(), None),
            ResourceConstraint::In(uid) => (BTreeSet::new(), Some(uid)),
            ResourceConstraint::Eq(uid) => ([uid.type_name().to_string()].into(), Some(uid)),
            ResourceConstraint::Is(kind) => ([kind.to_string()].into(), None),
            ResourceConstraint::IsIn(kind, uid) => ([kind.to_string()].into(), Some(uid)),
        };
        let (any_action, uids) = match policy.action_constraint() {
            ActionConstraint::Any => (true, Vec::new()),
            ActionConstraint::In(uids) => (false, uids),
            ActionConstraint::Eq(uid) => (false, vec![uid]),
        };
        let named_actions: BTreeSet<String> = uids.iter().map(|uid| uid.id().unescaped().to_owned()).collect();
        let in_scope = |verb: &Verb| {
            let parents = verb.categories().iter().map(|category: &Category| category.as_str());
            any_action || parents.chain([verb.as_str()]).any(|name| named_actions.contains(name))
        };
        let verbs = Verb::ALL.iter().copied().filter(in_scope).collect();
        Self { principals, principal, named_actions, verbs, any_action, resource_types, resource }
    }

    /// Whether the rule names this action itself: an open scope or a category does not reach the meta-actions.
    pub(crate) fn names_action(&self, action: &str) -> bool {
        self.named_actions.contains(action)
    }

    /// Whether the rule names this type of resource, by type or by one entity of it.
    pub(crate) fn names_type(&self, kind: ResourceKind) -> bool {
        self.resource_types.contains(kind.as_str())
    }

    /// Whether the rule names this target or something in it.
    pub(crate) fn names_target(&self, target: &str) -> bool {
        self.resource.as_ref().is_some_and(|uid| {
            let id = uid.id().unescaped();
            id == target || id.strip_prefix(target).is_some_and(|rest| rest.starts_with('/'))
        })
    }
}

fn kinds_of(type_name: &str) -> BTreeSet<PrincipalKind> {
    match type_name {
        "Person" => [PrincipalKind::Person].into(),
        "Agent" => [PrincipalKind::Agent].into(),
        "Pipeline" => [PrincipalKind::Pipeline].into(),
        _ => BTreeSet::new(),
    }
}

const ANNOTATIONS: [&str; 6] = ["id", "title", "review", "quorum", "expires", "controls"];
/// The largest quorum a rule may ask for.
const QUORUM: u32 = 16;
/// How long a review may stay unanswered where the rule does not say.
const EXPIRES: &str = "30m";
