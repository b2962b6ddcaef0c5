//! Deciding: one Cedar request per operation, the strictest answer for the whole action, requirements added up.
//! The procedure is that of `facts/policy-audit.md`, section 1; any error, in any evaluation, is Deny.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use cedar_policy::{Authorizer, Context, Entities, Entity, EntityUid, Request, Response, RestrictedExpression, Schema};
use model::{
    Channel, DataClass, Decision, DenyReason, Digest, Duration, Explained, GroupName, Name, Operation, PolicyVersion,
    PrincipalKind, Requirement, ResourceKind, RuleRef, Standing, Strength, Target, Timestamp, Verb, limit, sha256,
};

use crate::entities::{self, Names, Unsayable};
use crate::index::{Index, Slice};
use crate::{Lift, PolicyError, Rule, SourceFile, rules, schema_text};

/// A validated, versioned set of rules.
#[derive(Debug)]
pub struct PolicySet {
    version: PolicyVersion,
    rules: Vec<Rule>,
    index: Index,
    countersign: Slice,
    reveal: Slice,
    names: Names,
    schema: String,
    authorizer: Authorizer,
    /// Who was asked for last: sessions of the same actor on the same target share one.
    askers: Mutex<VecDeque<(Standing, Target, Weak<Asker>)>>,
}

/// What is asked of policy: may this actor do this, now?
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The same actor and target, by [`PolicySet::asker`] of the same set.
    pub asker: &'a Asker,
    /// Who acts, as of now.
    pub standing: &'a Standing,
    /// On which target.
    pub target: &'a Target,
    /// Everything the action does.
    pub operations: &'a [Operation],
    /// When.
    pub now: Timestamp,
}

/// What is asked of policy before a verdict counts.
#[derive(Debug, Clone, Copy)]
pub struct Countersign<'a> {
    /// Who gives the verdict, as of now.
    pub reviewer: &'a Standing,
    /// The review's id.
    pub review: &'a str,
    /// Names of the people in the actor's lineage.
    pub lineage: &'a [Name],
    /// The target of the held action.
    pub target: &'a Target,
    /// Through which channel the verdict came.
    pub channel: Channel,
    /// How strongly the reviewer proved to be themself.
    pub strength: Strength,
    /// How long before the verdict the proof was given.
    pub proof_age: Duration,
    /// When.
    pub now: Timestamp,
}

impl PolicySet {
    /// Loads a set from its files, with these data classes in the schema.
    ///
    /// # Errors
    /// With every mistake found. A set with a mistake does not exist, so it never becomes active.
    pub fn load(files: &[SourceFile], classes: &BTreeSet<DataClass>) -> Result<Self, Vec<PolicyError>> {
        let schema_text = schema_text(classes);
        let internal = |error: &dyn std::fmt::Display| {
            let schema = SourceFile { name: "schema".to_owned(), text: schema_text.clone() };
            vec![PolicyError::at(&schema, 0, format!("the schema of this build is not sound: {error}"))]
        };
        let (schema, _) = Schema::from_cedarschema_str(&schema_text).map_err(|error| internal(&error))?;
        let rules = rules::read(files, &schema)?;
        let reaching = |action: &'static str| {
            rules.iter().filter(move |rule| rule.scope.any_action || rule.scope.names_action(action))
        };
        Ok(Self {
            version: version_of(&rules, &schema_text),
            index: Index::new(&rules),
            countersign: Slice::of(reaching("countersign")),
            reveal: Slice::of(reaching("reveal")),
            names: Names::new(&schema).map_err(|error| internal(&error))?,
            rules,
            schema: schema_text,
            authorizer: Authorizer::new(),
            askers: Mutex::default(),
        })
    }

    /// The set's version: a hash over its rules and schema.
    #[must_use]
    pub const fn version(&self) -> PolicyVersion {
        self.version
    }

    /// Its rules, in the order of their files.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The schema they were validated against.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Groups that gate rules ask, so that a load can check that they exist.
    #[must_use]
    pub fn review_groups(&self) -> BTreeSet<&GroupName> {
        let groups = self.rules.iter().filter_map(|rule| match &rule.lift {
            Lift::Review { group, .. } => group.as_ref(),
            Lift::Permit | Lift::Never => None,
        });
        groups.collect()
    }

    /// Decides an action: each operation on its own, the strictest answer for all.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        if !question.standing.active {
            return self.deny(DenyReason::Inactive, Vec::new());
        }
        let changes_the_gateway =
            |operation: &Operation| matches!(operation.verb, Verb::GatewayEscalate | Verb::GatewayConfigure);
        let is_person = question.standing.actor.principal.kind == PrincipalKind::Person;
        if !is_person && question.operations.iter().any(changes_the_gateway) {
            return self.deny(DenyReason::OwnLeash, Vec::new());
        }
        let operations = question.operations.len();
        if operations > limit::OPERATIONS {
            return self.deny(DenyReason::TooMany { operations }, Vec::new());
        }
        match self.decide_all(question) {
            Ok(decision) => decision,
            Err(error) => self.deny(DenyReason::EvaluationFailed(error.0), Vec::new()),
        }
    }

    /// Who asks of which target, said in Cedar's words once for many decisions of this set, and for all who ask at a time.
    #[must_use]
    pub fn asker(&self, standing: &Standing, target: &Target) -> Arc<Asker> {
        let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        let found = askers.iter().find(|(known, of, _)| known == standing && of == target);
        if let Some(asker) = found.and_then(|(_, _, asker)| asker.upgrade()) {
            return asker;
        }
        let asker = Arc::new(Asker(Spoken::new(&self.names, standing, target)));
        askers.retain(|(_, _, asker)| asker.strong_count() > 0);
        askers.truncate(ASKERS - 1);
        askers.push_front((standing.clone(), target.clone(), Arc::downgrade(&asker)));
        asker
    }

    /// Whether a decision on these operations may be kept: no rule that can apply reads the time.
    #[must_use]
    pub fn is_timeless(&self, question: &Question<'_>) -> bool {
        let Ok(asker) = &question.asker.0 else { return false };
        question.operations.iter().all(|operation| {
            let uid = self.names.resource(&operation.resource, question.target, &asker.target_uid);
            uid.is_ok_and(|(uid, _)| !self.slice(question, operation, asker, &uid).reads_time)
        })
    }

    fn decide_all(&self, question: &Question<'_>) -> Result<Decision, Unsayable> {
        let asker = question.asker.0.as_ref().map_err(Clone::clone)?;
        let mut whole = Sum::default();
        for operation in question.operations {
            match self.decide_one(question, operation, asker)? {
                Answer::Allow(rules) => whole.permits.extend(rules),
                Answer::Deny(reason, rules) => return Ok(self.deny(reason, rules)),
                Answer::Review(requirements) => whole.requirements.extend(requirements),
            }
        }
        if question.operations.is_empty() {
            return Ok(self.deny(DenyReason::Unknown("an action without operations".to_owned()), Vec::new()));
        }
        if whole.requirements.is_empty() {
            return Ok(Decision::Allow(self.explained(whole.permits)));
        }
        let mut requirements = whole.requirements;
        requirements.sort_by(|a, b| a.rule.cmp(&b.rule));
        requirements.dedup();
        let rules = requirements.iter().map(|requirement| requirement.rule.clone()).collect();
        Ok(Decision::Review(requirements, self.explained(rules)))
    }

    fn decide_one(&self, question: &Question<'_>, operation: &Operation, asker: &Spoken) -> Result<Answer, Unsayable> {
        let (uid, entity) = self.names.resource(&operation.resource, question.target, &asker.target_uid)?;
        let slice = self.slice(question, operation, asker, &uid);
        let action = self.names.action(operation.verb.as_str())?;
        let now = slice.reads_time.then_some(question.now);
        let context = entities::context(&operation.facts, question.operations.len(), now)?;
        let request = request(&asker.uid, &action.uid(), &uid, context)?;
        let known = asker.known_with(action, operation.verb)?;
        let known = match entity {
            None => Cow::Borrowed(known),
            Some(entity) => Cow::Owned(known.clone().add_entities([entity], None).map_err(entities::unsayable)?),
        };
        let must_name = |rule: &Rule| {
            (operation.verb != Verb::Unknown || rule.scope.names_action("unknown"))
                && (operation.resource.kind != ResourceKind::Unresolved
                    || rule.scope.names_type(ResourceKind::Unresolved))
                && (question.target.name.as_str() != GATEWAY || rule.scope.names_target(GATEWAY))
        };
        let what = || format!("`{}` on {}", operation.verb, operation.resource);
        self.answer((&request, &*known), &slice, &must_name, question.target).map(|answer| match answer {
            Answer::Deny(DenyReason::NothingGrants(_), _)
                if operation.verb == Verb::Unknown || operation.resource.kind == ResourceKind::Unresolved =>
            {
                Answer::Deny(DenyReason::Unknown(what()), Vec::new())
            }
            Answer::Deny(DenyReason::NothingGrants(_), rules) => {
                Answer::Deny(DenyReason::NothingGrants(Some(operation.verb)), rules)
            }
            answer @ (Answer::Allow(_) | Answer::Deny(..) | Answer::Review(_)) => answer,
        })
    }

    fn slice(
        &self,
        question: &Question<'_>,
        operation: &Operation,
        asker: &Spoken,
        resource: &EntityUid,
    ) -> Arc<Slice> {
        let key = (operation.verb, question.standing.actor.principal.kind, operation.resource.kind);
        self.index.slice(key, &asker.principals, [resource, &asker.target_uid], &self.rules)
    }

    /// The decision procedure for one request.
    fn answer(
        &self,
        (request, known): (&Request, &Entities),
        slice: &Slice,
        must_name: &dyn Fn(&Rule) -> bool,
        target: &Target,
    ) -> Result<Answer, Unsayable> {
        let response = self.authorizer.is_authorized(request, &slice.whole, known);
        let reasons = self.reasons(&response)?;
        if response.decision() == cedar_policy::Decision::Allow {
            return Ok(Self::granted(&reasons, must_name));
        }
        if reasons.is_empty() {
            return Ok(Answer::Deny(DenyReason::NothingGrants(None), Vec::new()));
        }
        let mut requirements = Vec::new();
        for rule in &reasons {
            let Lift::Review { group, quorum, expires } = &rule.lift else {
                let hard = reasons.iter().filter(|rule| rule.lift == Lift::Never);
                return Ok(Answer::Deny(DenyReason::Forbidden, hard.map(|rule| rule.named.clone()).collect()));
            };
            let group = group.clone().unwrap_or_else(|| target.owner.clone());
            requirements.push(Requirement { rule: rule.named.clone(), group, quorum: *quorum, expires: *expires });
        }
        // Only what some rule grants is worth asking people about.
        let permitted = self.authorizer.is_authorized(request, &slice.permits, known);
        let permits = self.reasons(&permitted)?;
        Ok(match Self::granted(&permits, must_name) {
            Answer::Allow(_) => Answer::Review(requirements),
            refused @ (Answer::Deny(..) | Answer::Review(_)) => refused,
        })
    }

    fn granted(permits: &[&Rule], must_name: &dyn Fn(&Rule) -> bool) -> Answer {
        let rules: Vec<_> = permits.iter().filter(|rule| must_name(rule)).map(|rule| rule.named.clone()).collect();
        if rules.is_empty() { Answer::Deny(DenyReason::NothingGrants(None), rules) } else { Answer::Allow(rules) }
    }

    /// The determining rules; any evaluation error is an error of the whole.
    fn reasons(&self, response: &Response) -> Result<Vec<&Rule>, Unsayable> {
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(Unsayable(error.to_string()));
        }
        let mut reasons = Vec::new();
        for id in response.diagnostics().reason() {
            let id: &str = id.as_ref();
            let rule = self.rules.iter().find(|rule| rule.named.id == id);
            reasons.push(rule.ok_or_else(|| Unsayable(format!("no rule `{id}`")))?);
        }
        reasons.sort_by(|a, b| a.named.id.cmp(&b.named.id));
        Ok(reasons)
    }

    /// Whether policy lets this person's verdict count. Lineage separation is built in beneath, in `gate`.
    #[must_use]
    pub fn may_countersign(&self, asked: &Countersign<'_>) -> Decision {
        let long = |number: u64| RestrictedExpression::new_long(i64::try_from(number).unwrap_or(i64::MAX));
        let decide = || {
            let (uid, mut known) = self.names.principal(asked.reviewer)?;
            let (target_uid, target) = self.names.target(asked.target)?;
            let (review_uid, review) = self.names.review(asked.review, asked.lineage, asked.target)?;
            debug_assert!(target_uid != review_uid);
            let action = self.names.action("countersign")?;
            known.extend([target, review, action.clone()]);
            let pairs = [
                entities::time(asked.now),
                ("channel".to_owned(), RestrictedExpression::new_string(asked.channel.as_str().to_owned())),
                ("strength".to_owned(), long(u64::from(asked.strength.0))),
                ("proof_age".to_owned(), long(asked.proof_age.as_millis() / 1000)),
            ];
            let context = Context::from_pairs(pairs).map_err(entities::unsayable)?;
            let request = request(&uid, &action.uid(), &review_uid, context)?;
            let must_name = |rule: &Rule| rule.scope.names_action("countersign");
            self.answer((&request, &entities::together(known)?), &self.countersign, &must_name, asked.target)
        };
        self.meta(asked.reviewer, decide())
    }

    /// Whether policy lets this actor see values of `class` unmasked.
    #[must_use]
    pub fn may_reveal(&self, standing: &Standing, target: &Target, class: &DataClass, now: Timestamp) -> Decision {
        let decide = || {
            let (uid, mut known) = self.names.principal(standing)?;
            let (target_uid, entity) = self.names.target(target)?;
            let action = self.names.action("reveal")?;
            known.extend([entity, action.clone()]);
            let on = ("target".to_owned(), RestrictedExpression::new_entity_uid(target_uid));
            let context = Context::from_pairs([entities::time(now), on]).map_err(entities::unsayable)?;
            let request = request(&uid, &action.uid(), &self.names.data_class(class)?, context)?;
            let must_name = |rule: &Rule| rule.scope.names_action("reveal");
            self.answer((&request, &entities::together(known)?), &self.reveal, &must_name, target)
        };
        self.meta(standing, decide())
    }

    fn meta(&self, standing: &Standing, answer: Result<Answer, Unsayable>) -> Decision {
        if !standing.active {
            return self.deny(DenyReason::Inactive, Vec::new());
        }
        match answer {
            Ok(Answer::Allow(rules)) => Decision::Allow(self.explained(rules)),
            Ok(Answer::Deny(reason, rules)) => self.deny(reason, rules),
            Ok(Answer::Review(requirements)) => {
                let rules = requirements.iter().map(|requirement| requirement.rule.clone()).collect();
                Decision::Review(requirements, self.explained(rules))
            }
            Err(error) => self.deny(DenyReason::EvaluationFailed(error.0), Vec::new()),
        }
    }

    fn deny(&self, reason: DenyReason, rules: Vec<RuleRef>) -> Decision {
        Decision::Deny(reason, self.explained(rules))
    }

    fn explained(&self, mut rules: Vec<RuleRef>) -> Explained {
        rules.sort();
        rules.dedup();
        Explained { policy: self.version, rules }
    }
}

/// Who asks of which target, in Cedar's words; or why that cannot be said, which denies.
#[derive(Debug)]
pub struct Asker(Result<Spoken, Unsayable>);

#[derive(Debug)]
struct Spoken {
    uid: EntityUid,
    /// The principal and its groups.
    principals: Vec<EntityUid>,
    target_uid: EntityUid,
    /// Principal, owner, target.
    entities: Vec<Entity>,
    /// The same with the action of a verb, each made when it is first asked about.
    known: Vec<OnceLock<Entities>>,
}

impl Spoken {
    fn new(names: &Names, standing: &Standing, target: &Target) -> Result<Self, Unsayable> {
        let (uid, mut entities) = names.principal(standing)?;
        let (target_uid, entity) = names.target(target)?;
        entities.push(entity);
        let mut principals = vec![uid.clone()];
        for group in &standing.groups {
            principals.push(names.uid("Group", group.as_str())?);
        }
        let known = Verb::ALL.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { uid, principals, target_uid, entities, known })
    }

    fn known_with(&self, action: &Entity, verb: Verb) -> Result<&Entities, Unsayable> {
        let place = self.known.get(verb as usize).ok_or_else(|| Unsayable(format!("no verb `{verb}`")))?;
        if let Some(known) = place.get() {
            return Ok(known);
        }
        let known = entities::together(self.entities.iter().cloned().chain([action.clone()]))?;
        Ok(place.get_or_init(|| known))
    }
}

enum Answer {
    Allow(Vec<RuleRef>),
    Deny(DenyReason, Vec<RuleRef>),
    Review(Vec<Requirement>),
}

#[derive(Default)]
struct Sum {
    permits: Vec<RuleRef>,
    requirements: Vec<Requirement>,
}

fn request(
    principal: &EntityUid,
    action: &EntityUid,
    resource: &EntityUid,
    context: Context,
) -> Result<Request, Unsayable> {
    // Types are checked by construction: every attribute and context field is built in `entities`, and a
    // combination outside the schema finds no rule. Checking again here would cost as much as the decision.
    Request::new(principal.clone(), action.clone(), resource.clone(), context, None).map_err(entities::unsayable)
}

fn version_of(rules: &[Rule], schema: &str) -> PolicyVersion {
    let mut hashes: Vec<&Digest> = rules.iter().map(|rule| &rule.named.hash.0).collect();
    hashes.sort();
    let mut parts: Vec<&[u8]> = vec![b"countersign/policy/v1\0", schema.as_bytes()];
    parts.extend(hashes.iter().map(|hash| hash.as_bytes().as_slice()));
    PolicyVersion(sha256(&parts))
}

/// The built-in target: the gateway itself.
const GATEWAY: &str = "countersign";

/// Askers that are shared.
const ASKERS: usize = 64;

#[cfg(test)]
mod tests;
