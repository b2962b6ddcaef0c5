//! Which rules can apply to a question, so that its cost does not grow with the rules that cannot.
//! Sound because a rule whose head cannot match cannot determine the answer; `decide/tests.rs` holds the sliced answer
//! equal to that of the whole set.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use cedar_policy::{EntityUid, PolicySet};
use model::{PrincipalKind, ResourceKind, Verb};
use quick_cache::sync::Cache;

use crate::Rule;
use crate::schema::resource_kinds;

/// The rules by what their heads ask for.
#[derive(Debug)]
pub(crate) struct Index {
    buckets: HashMap<(Verb, PrincipalKind, ResourceKind), Bucket>,
    slices: Cache<Box<[u32]>, Arc<Slice>>,
}

/// Rules that apply to one kind of question, by the entity that their head names, if any.
#[derive(Debug, Default)]
struct Bucket {
    open: Vec<u32>,
    by_principal: HashMap<EntityUid, Vec<u32>>,
    by_resource: HashMap<EntityUid, Vec<u32>>,
}

/// The rules that can apply to a question, ready to be evaluated.
#[derive(Debug)]
pub(crate) struct Slice {
    /// All of them.
    pub(crate) whole: PolicySet,
    /// The permits among them.
    pub(crate) permits: PolicySet,
    /// Whether any reads the time.
    pub(crate) reads_time: bool,
}

impl Slice {
    pub(crate) fn of<'a>(rules: impl Iterator<Item = &'a Rule> + Clone) -> Self {
        let permits = rules.clone().filter(|rule| rule.lift == crate::Lift::Permit);
        Self {
            whole: set_of(rules.clone()),
            permits: set_of(permits),
            reads_time: rules.clone().any(|rule| rule.reads_time),
        }
    }
}

fn set_of<'a>(rules: impl Iterator<Item = &'a Rule>) -> PolicySet {
    let mut set = PolicySet::new();
    for rule in rules {
        // Ids are unique in a loaded set, the only reason to refuse one.
        set.add(rule.policy.clone()).unwrap_or_default();
    }
    set
}

impl Index {
    pub(crate) fn new(rules: &[Rule]) -> Self {
        let mut buckets: HashMap<_, Bucket> = HashMap::new();
        for (number, rule) in (0..).zip(rules) {
            for key in keys_of(rule) {
                let bucket = buckets.entry(key).or_default();
                match (&rule.scope.resource, &rule.scope.principal) {
                    (Some(resource), _) => push(&mut bucket.by_resource, resource, number),
                    (None, Some(principal)) => push(&mut bucket.by_principal, principal, number),
                    (None, None) => bucket.open.push(number),
                }
            }
        }
        Self { buckets, slices: Cache::new(SLICES) }
    }

    /// The rules that can apply. `principals` are the principal and its groups, `resources` the resource and its target.
    pub(crate) fn slice(
        &self,
        key: (Verb, PrincipalKind, ResourceKind),
        principals: &[EntityUid],
        resources: [&EntityUid; 2],
        rules: &[Rule],
    ) -> Arc<Slice> {
        let Some(bucket) = self.buckets.get(&key) else { return Arc::new(Slice::of([].iter())) };
        let mut numbers = bucket.open.clone();
        let named = principals.iter().filter_map(|uid| bucket.by_principal.get(uid));
        named.for_each(|found| numbers.extend_from_slice(found));
        let [resource, target] = resources;
        let also = if resource == target { None } else { Some(target) };
        let named = [Some(resource), also].into_iter().flatten().filter_map(|uid| bucket.by_resource.get(uid));
        named.for_each(|found| numbers.extend_from_slice(found));
        numbers.sort_unstable();
        let numbers = numbers.into_boxed_slice();
        if let Some(slice) = self.slices.get(&numbers) {
            return slice;
        }
        let chosen = numbers.iter().filter_map(|number| usize::try_from(*number).ok().and_then(|at| rules.get(at)));
        let slice = Arc::new(Slice::of(chosen));
        self.slices.insert(numbers, Arc::clone(&slice));
        slice
    }
}

fn keys_of(rule: &Rule) -> Vec<(Verb, PrincipalKind, ResourceKind)> {
    let kinds = [PrincipalKind::Person, PrincipalKind::Agent, PrincipalKind::Pipeline];
    let mut keys = Vec::new();
    for verb in &rule.scope.verbs {
        for principal in
            kinds.iter().filter(|kind| rule.scope.principals.is_empty() || rule.scope.principals.contains(kind))
        {
            let named = |kind: &&ResourceKind| {
                rule.scope.resource_types.is_empty() || rule.scope.resource_types.contains(kind.as_str())
            };
            keys.extend(resource_kinds(*verb).iter().filter(named).map(|kind| (*verb, *principal, *kind)));
        }
    }
    keys
}

fn push<K: Hash + Eq + Clone>(map: &mut HashMap<K, Vec<u32>>, key: &K, number: u32) {
    map.entry(key.clone()).or_default().push(number);
}

/// Slices kept ready; a slice is a few kilobytes.
const SLICES: usize = 1024;
