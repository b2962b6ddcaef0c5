//! The canonical form: golden vectors, and that every field it covers changes the digest.

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
