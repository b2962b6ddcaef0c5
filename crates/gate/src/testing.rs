//! Small makers for the tests of this crate.

use std::collections::BTreeSet;

use model::{
    Action, Actor, Channel, Duration, Explained, Lineage, PolicyVersion, Principal, PrincipalId, PrincipalKind,
    Requirement, ReviewId, RuleHash, RuleRef, SessionState, Standing, Statement, Strength, TargetVersion, Timestamp,
    Verdict, VerdictKind, sha256,
};

use crate::Case;

pub(crate) fn person(number: u8) -> PrincipalId {
    PrincipalId::from_random([number; 16])
}

pub(crate) fn standing_of(number: u8, groups: &[&str]) -> Standing {
    let principal =
        Principal { id: person(number), kind: PrincipalKind::Person, name: format!("p{number}").parse().unwrap() };
    Standing {
        actor: Actor { lineage: Lineage::of([principal.id]), principal },
        owner: None,
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        active: true,
    }
}

pub(crate) fn requirement(rule: &str, group: &str, quorum: u32) -> Requirement {
    Requirement {
        rule: RuleRef { id: rule.to_owned(), title: String::new(), hash: RuleHash(sha256(&[rule.as_bytes()])) },
        group: group.parse().unwrap(),
        quorum,
        expires: Duration::from_secs(1800),
    }
}

pub(crate) fn verdict(reviewer: PrincipalId, kind: VerdictKind, requirements: &[Requirement]) -> Verdict {
    Verdict {
        reviewer,
        kind,
        reason: String::new(),
        at: Timestamp::from_millis(0),
        channel: Channel::Cli,
        strength: Strength::PASSPHRASE,
        terms: requirements.iter().map(|requirement| requirement.rule.hash).collect(),
    }
}

pub(crate) fn explained() -> Explained {
    Explained { policy: PolicyVersion(sha256(&[b"set"])), rules: Vec::new() }
}

/// An agent's action; the person 0 owns the agent.
pub(crate) fn action() -> Action {
    let id = PrincipalId::from_random([200; 16]);
    Action {
        actor: Actor {
            principal: Principal { id, kind: PrincipalKind::Agent, name: "agent".parse().unwrap() },
            lineage: Lineage::of([person(0)]),
        },
        target: "shop".parse().unwrap(),
        target_version: TargetVersion(sha256(&[b"target"])),
        statement: Statement { text: "delete from t".to_owned(), operations: Vec::new(), bound: Vec::new() },
        parameters: Vec::new(),
        state: SessionState::default(),
        reveal: BTreeSet::new(),
    }
}

pub(crate) fn case(requirements: Vec<Requirement>, opened_at: Timestamp) -> Case {
    let action = action();
    Case {
        id: ReviewId::from_random([100; 16]),
        digest: action.digest(),
        action,
        reason: String::new(),
        requirements,
        policy: explained().policy,
        opened_at,
        expires_at: opened_at.after(Duration::from_secs(1800)),
    }
}
