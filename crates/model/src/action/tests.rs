//! The canonical form: golden vectors, and that every field it covers changes the digest.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::{Lineage, Principal, PrincipalId, PrincipalKind, Resource, ResourceKind, ShortCode, Verb, sha256};

fn sample() -> Action {
    let owner = PrincipalId::from_random([2; 16]);
    Action {
        actor: Actor {
            principal: Principal {
                id: PrincipalId::from_random([1; 16]),
                kind: PrincipalKind::Agent,
                name: "reporter".parse().unwrap(),
            },
            lineage: Lineage::of([owner]),
        },
        target: "shop".parse().unwrap(),
        target_version: TargetVersion(sha256(&[b"target"])),
        statement: Statement {
            text: "DELETE FROM customers WHERE id = $1".to_owned(),
            operations: vec![Operation::new(
                Verb::SqlDelete,
                Resource::new(ResourceKind::Table, "public", "customers"),
            )],
            bound: vec![Bound { name: "table public.customers".to_owned(), identity: "oid 16402".to_owned() }],
        },
        parameters: vec![Parameter { kind: "int4".to_owned(), format: Format::Text, value: Some(b"7".to_vec()) }],
        state: SessionState([("search_path".to_owned(), "public".to_owned())].into()),
        reveal: BTreeSet::new(),
    }
}

#[test]
fn the_golden_vectors_hold() {
    let mut lines = String::new();
    let mut plain = sample();
    plain.parameters.clear();
    plain.state = SessionState::default();
    let mut null = sample();
    null.parameters = vec![Parameter { kind: String::new(), format: Format::Binary, value: None }];
    let review = crate::ReviewId::from_random([9; 16]);
    for (name, action) in [("sample", sample()), ("without-parameters", plain), ("null-binary", null)] {
        let digest = action.digest();
        lines.push_str(&format!("{name} {digest} {}\n", ShortCode::of(&digest, review)));
    }
    let golden = include_str!("../../testdata/digest.txt");
    assert_eq!(lines, golden, "the canonical form changed: that needs a new version of its domain");
}

#[test]
fn every_field_changes_the_digest() {
    let whole = sample().digest();
    type Change = fn(&mut Action);
    let changes: Vec<(&str, Change)> = vec![
        ("actor", |a| a.actor.principal.id = PrincipalId::from_random([3; 16])),
        ("kind", |a| a.actor.principal.kind = PrincipalKind::Pipeline),
        ("lineage", |a| a.actor.lineage = Lineage::of([])),
        ("target", |a| a.target = "shop2".parse().unwrap()),
        ("target version", |a| a.target_version = TargetVersion(sha256(&[b"moved"]))),
        ("text", |a| a.statement.text.push(' ')),
        ("operations", |a| a.statement.operations.clear()),
        ("identity", |a| a.statement.bound[0].identity = "oid 16403".to_owned()),
        ("parameter type", |a| a.parameters[0].kind = "int8".to_owned()),
        ("parameter format", |a| a.parameters[0].format = Format::Binary),
        ("parameter value", |a| a.parameters[0].value = Some(b"8".to_vec())),
        ("parameter is null", |a| a.parameters[0].value = None),
        ("parameter is empty", |a| a.parameters[0].value = Some(Vec::new())),
        ("no parameter", |a| a.parameters.clear()),
        ("state", |a| a.state = SessionState([("search_path".to_owned(), "evil".to_owned())].into())),
        ("reveal", |a| a.reveal = ["email".parse().unwrap()].into()),
    ];
    for (what, change) in changes {
        let mut action = sample();
        change(&mut action);
        assert_ne!(action.digest(), whole, "{what}");
    }
}

#[test]
fn null_is_not_empty() {
    let of = |value| {
        let mut action = sample();
        action.parameters[0].value = value;
        action.digest()
    };
    assert_ne!(of(None), of(Some(Vec::new())));
}

#[test]
fn drift_names_what_changed() {
    let before = SessionState([("role".to_owned(), "app".to_owned())].into());
    let after = SessionState([("role".to_owned(), "admin".to_owned())].into());
    assert_eq!(before.drift(&after), ["role: app -> admin"]);
    assert!(before.drift(&before).is_empty());
}

/// Few and short, so that neighbouring fields have the same bytes in another division.
fn text() -> impl Strategy<Value = String> {
    select(vec!["", "a", "b", "ab", "\0"]).prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = Name> {
    select(vec!["a", "b", "ab"]).prop_map(|name| name.parse().unwrap())
}

fn actors() -> impl Strategy<Value = Actor> {
    let id = || (0_u8..2).prop_map(|byte| PrincipalId::from_random([byte; 16]));
    let kind = select(vec![PrincipalKind::Person, PrincipalKind::Agent, PrincipalKind::Pipeline]);
    let principal = (id(), kind, name()).prop_map(|(id, kind, name)| Principal { id, kind, name });
    (principal, vec(id(), 0..3)).prop_map(|(principal, lineage)| Actor { principal, lineage: Lineage::of(lineage) })
}

fn statements() -> impl Strategy<Value = Statement> {
    let resource = (select(ResourceKind::ALL.to_vec()), text(), text())
        .prop_map(|(kind, schema, name)| Resource::new(kind, &schema, &name));
    let operation = (select(Verb::ALL.to_vec()), resource).prop_map(|(verb, of)| Operation::new(verb, of));
    let bound = (text(), text()).prop_map(|(name, identity)| Bound { name, identity });
    (text(), vec(operation, 0..3), vec(bound, 0..3)).prop_map(|(text, operations, bound)| Statement {
        text,
        operations,
        bound,
    })
}

fn parameters() -> impl Strategy<Value = Vec<Parameter>> {
    let format = select(vec![Format::Text, Format::Binary]);
    let value = of(text().prop_map(String::into_bytes));
    vec((text(), format, value).prop_map(|(kind, format, value)| Parameter { kind, format, value }), 0..3)
}

fn actions() -> impl Strategy<Value = Action> {
    let version = select(vec![TargetVersion(sha256(&[b"a"])), TargetVersion(sha256(&[b"b"]))]);
    let state = btree_map(text(), text(), 0..3).prop_map(SessionState);
    let reveal = btree_set(select(vec!["a", "b", "ab"]).prop_map(|class| class.parse().unwrap()), 0..3);
    (actors(), name(), version, statements(), parameters(), state, reveal).prop_map(
        |(actor, target, target_version, statement, parameters, state, reveal)| Action {
            actor,
            target,
            target_version,
            statement,
            parameters,
            state,
            reveal,
        },
    )
}

proptest! {
    /// Each part of one action is put in the place of the other's: mostly they differ in one thing alone.
    #[test]
    fn actions_have_the_same_digest_only_if_they_are_the_same(one in actions(), other in actions()) {
        let changes: [fn(&mut Action, Action); 9] = [
            |a, b| a.actor.principal = b.actor.principal,
            |a, b| a.actor.lineage = b.actor.lineage,
            |a, b| (a.target, a.target_version) = (b.target, b.target_version),
            |a, b| a.statement.text = b.statement.text,
            |a, b| a.statement.operations = b.statement.operations,
            |a, b| a.statement.bound = b.statement.bound,
            |a, b| a.parameters = b.parameters,
            |a, b| a.state = b.state,
            |a, b| a.reveal = b.reveal,
        ];
        for change in changes {
            let mut changed = one.clone();
            change(&mut changed, other.clone());
            prop_assert_eq!(changed.digest() == one.digest(), changed == one);
        }
        prop_assert_eq!(one.digest() == other.digest(), one == other);
    }

    #[test]
    fn an_action_that_was_stored_has_the_digest_it_had(action in actions()) {
        let stored: Action = serde_json::from_str(&serde_json::to_string(&action).unwrap()).unwrap();
        prop_assert_eq!(stored.digest(), action.digest());
        prop_assert_eq!(stored, action);
    }
}
