//! Our words as Cedar entities. A principal is known by its name, a target by its name, a resource by `target/schema.name`.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema};
use model::{DataClass, Facts, GroupName, Name, PrincipalKind, Resource, ResourceKind, Standing, Target, Timestamp};

/// Cedar's names of our types and actions, parsed once.
#[derive(Debug)]
pub(crate) struct Names {
    types: HashMap<&'static str, EntityTypeName>,
    actions: HashMap<String, Entity>,
}

/// Something cannot be said in Cedar: the decision is Deny.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unsayable(pub(crate) String);

impl Names {
    pub(crate) fn new(schema: &Schema) -> Result<Self, Unsayable> {
        let mut types = HashMap::new();
        let ours = ["Group", "Person", "Agent", "Pipeline", "Review", "DataClass", "Action"];
        for name in ours.into_iter().chain(ResourceKind::ALL.map(ResourceKind::as_str)) {
            types.insert(name, name.parse().map_err(unsayable)?);
        }
        let actions = schema.action_entities().map_err(unsayable)?;
        let actions = actions.iter().map(|entity| (entity.uid().id().unescaped().to_owned(), entity.clone())).collect();
        Ok(Self { types, actions })
    }

    pub(crate) fn uid(&self, kind: &'static str, id: &str) -> Result<EntityUid, Unsayable> {
        let kind = self.types.get(kind).ok_or_else(|| Unsayable(format!("no entity type `{kind}`")))?;
        Ok(EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id)))
    }

    pub(crate) fn action(&self, name: &str) -> Result<&Entity, Unsayable> {
        self.actions.get(name).ok_or_else(|| Unsayable(format!("no action `{name}`")))
    }

    fn groups(&self, groups: &BTreeSet<GroupName>) -> Result<HashSet<EntityUid>, Unsayable> {
        groups.iter().map(|group| self.uid("Group", group.as_str())).collect()
    }

    /// The uid of a principal.
    pub(crate) fn principal_uid(&self, kind: PrincipalKind, name: &Name) -> Result<EntityUid, Unsayable> {
        let kind = match kind {
            PrincipalKind::Person => "Person",
            PrincipalKind::Agent => "Agent",
            PrincipalKind::Pipeline => "Pipeline",
        };
        self.uid(kind, name.as_str())
    }

    /// The principal, and its owner if it has one.
    pub(crate) fn principal(&self, standing: &Standing) -> Result<(EntityUid, Vec<Entity>), Unsayable> {
        let principal = &standing.actor.principal;
        let uid = self.principal_uid(principal.kind, &principal.name)?;
        let mut attributes = HashMap::from([
            ("active".to_owned(), RestrictedExpression::new_bool(standing.active)),
            ("name".to_owned(), RestrictedExpression::new_string(principal.name.to_string())),
        ]);
        let mut entities = Vec::new();
        if let Some(owner) = &standing.owner {
            let owner_uid = self.uid("Person", owner.name.as_str())?;
            attributes.insert("owner".to_owned(), RestrictedExpression::new_entity_uid(owner_uid.clone()));
            let about = HashMap::from([
                ("active".to_owned(), RestrictedExpression::new_bool(owner.active)),
                ("name".to_owned(), RestrictedExpression::new_string(owner.name.to_string())),
            ]);
            entities.push(Entity::new(owner_uid, about, self.groups(&owner.groups)?).map_err(unsayable)?);
        }
        entities.push(Entity::new(uid.clone(), attributes, self.groups(&standing.groups)?).map_err(unsayable)?);
        Ok((uid, entities))
    }

    pub(crate) fn target(&self, target: &Target) -> Result<(EntityUid, Entity), Unsayable> {
        let uid = self.uid("Target", target.name.as_str())?;
        let owner = RestrictedExpression::new_entity_uid(self.uid("Group", target.owner.as_str())?);
        let attributes = [
            ("kind".to_owned(), RestrictedExpression::new_string(target.kind.as_str().to_owned())),
            ("environment".to_owned(), RestrictedExpression::new_string(target.environment().to_owned())),
            ("owner".to_owned(), owner),
        ];
        let labels = target.labels.iter();
        let labels = labels.map(|(name, value)| (name.clone(), RestrictedExpression::new_string(value.clone())));
        let entity = Entity::new_with_tags(uid.clone(), attributes, HashSet::new(), labels).map_err(unsayable)?;
        Ok((uid, entity))
    }

    /// The resource inside `target`, or the target itself.
    pub(crate) fn resource(
        &self,
        resource: &Resource,
        target: &Target,
        target_uid: &EntityUid,
    ) -> Result<(EntityUid, Option<Entity>), Unsayable> {
        if resource.kind == ResourceKind::Target {
            return Ok((target_uid.clone(), None));
        }
        let uid = self.uid(resource.kind.as_str(), &format!("{}/{resource}", target.name))?;
        let attributes = HashMap::from([
            ("target".to_owned(), RestrictedExpression::new_entity_uid(target_uid.clone())),
            ("environment".to_owned(), RestrictedExpression::new_string(target.environment().to_owned())),
            ("schema".to_owned(), RestrictedExpression::new_string(resource.schema.to_string())),
            ("name".to_owned(), RestrictedExpression::new_string(resource.name.to_string())),
        ]);
        let entity = Entity::new(uid.clone(), attributes, HashSet::from([target_uid.clone()])).map_err(unsayable)?;
        Ok((uid, Some(entity)))
    }

    /// The review that a person is about to countersign.
    pub(crate) fn review(&self, id: &str, lineage: &[Name], target: &Target) -> Result<(EntityUid, Entity), Unsayable> {
        let uid = self.uid("Review", id)?;
        let people =
            lineage.iter().map(|name| self.uid("Person", name.as_str()).map(RestrictedExpression::new_entity_uid));
        let people = people.collect::<Result<Vec<_>, _>>()?;
        let attributes = HashMap::from([
            ("lineage".to_owned(), RestrictedExpression::new_set(people)),
            ("target".to_owned(), RestrictedExpression::new_entity_uid(self.uid("Target", target.name.as_str())?)),
            ("environment".to_owned(), RestrictedExpression::new_string(target.environment().to_owned())),
        ]);
        let entity = Entity::new(uid.clone(), attributes, HashSet::new()).map_err(unsayable)?;
        Ok((uid, entity))
    }

    pub(crate) fn data_class(&self, class: &DataClass) -> Result<EntityUid, Unsayable> {
        self.uid("DataClass", class.as_str())
    }
}

/// The context of one operation among `operations`; the time only where a rule reads it.
pub(crate) fn context(facts: &Facts, operations: usize, now: Option<Timestamp>) -> Result<Context, Unsayable> {
    let long = |number: usize| RestrictedExpression::new_long(i64::try_from(number).unwrap_or(i64::MAX));
    let mut pairs = vec![
        ("has_where".to_owned(), RestrictedExpression::new_bool(facts.has_where)),
        ("bounded".to_owned(), RestrictedExpression::new_bool(facts.bounded)),
        ("classified".to_owned(), RestrictedExpression::new_bool(facts.classified)),
        ("operations".to_owned(), long(operations)),
    ];
    let numbers = [("limit", facts.limit), ("estimated_rows", facts.estimated_rows), ("statements", facts.statements)];
    for (fact, number) in numbers {
        if let Some(number) = number {
            pairs.push((fact.to_owned(), RestrictedExpression::new_long(number)));
        }
    }
    for (fact, names) in [("columns", &facts.columns), ("privileges", &facts.privileges)] {
        if let Some(names) = names {
            let names = names.iter().map(|name| RestrictedExpression::new_string(name.clone()));
            pairs.push((fact.to_owned(), RestrictedExpression::new_set(names)));
        }
    }
    if let Some(now) = now {
        pairs.push(time(now));
    }
    Context::from_pairs(pairs).map_err(unsayable)
}

/// The pair `now`.
pub(crate) fn time(now: Timestamp) -> (String, RestrictedExpression) {
    ("now".to_owned(), RestrictedExpression::new_datetime(now.to_string()))
}

/// Entities with the ancestors of each worked out.
pub(crate) fn together(entities: impl IntoIterator<Item = Entity>) -> Result<Entities, Unsayable> {
    Entities::from_entities(entities, None).map_err(unsayable)
}

pub(crate) fn unsayable(error: impl std::fmt::Display) -> Unsayable {
    Unsayable(error.to_string())
}
