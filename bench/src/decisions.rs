//! Decisions: 1,000 rules loaded of which 4 can apply, asked afresh; and the same question again in one session.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use audit::{Kind, Leaf, SaltSource};
use gate::{Epoch, Fresh, Journal, Need, Passage, Payload, Presented, Step};
use model::{
    Actor, Lineage, Operation, Owner, Principal, PrincipalId, PrincipalKind, Resource, ResourceKind, SessionId,
    SessionState, Standing, Statement, Target, TargetKind, TargetVersion, Timestamp, Verb, sha256,
};
use policy::{PolicySet, Question, SourceFile};

use crate::tell;

pub fn measure() -> anyhow::Result<()> {
    let started = Instant::now();
    let policy = policy_of_a_thousand()?;
    println!("{:<48} {:>10.2?}", "1,000 rules read and strictly validated", started.elapsed());
    let (standing, target) = (agent(), target(TargetKind::Sqlite));
    let operation = Operation::new(Verb::SqlSelect, Resource::new(ResourceKind::Table, "public", "orders"));
    let operations = [operation];
    let asker = policy.asker(&standing, &target);
    let question = Question {
        asker: &asker,
        standing: &standing,
        target: &target,
        operations: &operations,
        now: Timestamp::from_millis(0),
    };
    assert_eq!(policy.decide(&question).as_str(), "allow");
    let mut samples = Vec::new();
    for _ in 0..20_000 {
        let started = Instant::now();
        black_box(policy.decide(black_box(&question)));
        samples.push(started.elapsed());
    }
    tell("decision, not cached, 1,000 rules, 4 apply", &mut samples, "< 20 us");
    repeated(policy, standing, target, operations.to_vec());
    Ok(())
}

/// A whole way through the gate for a plain read that was decided before: digest, record, clearance.
fn repeated(policy: PolicySet, standing: Standing, target: Target, operations: Vec<Operation>) {
    let session = SessionId::from_random([1; 16]);
    let fresh = Fresh {
        epoch: Epoch(1),
        standing,
        policy: Arc::new(policy),
        target: Arc::new(target),
        review: None,
        people: BTreeMap::new(),
        open_reviews: 0,
        grant: None,
    };
    let mut passage = Passage::new(Journal::new(session, [2; 32]), session, fresh);
    let (inlet, mut log, _syncs) = audit::open(0);
    let presented = presented(operations);
    let (digest, mut salts) = (sha256(&[b"any"]), SaltSource::new([3; 32]));
    let (mut samples, mut alone) = (Vec::new(), Vec::new());
    for number in 0..50_000 {
        let started = Instant::now();
        passage.present(presented.clone(), Epoch(1), Timestamp::from_millis(number));
        while let Some(step) = passage.poll_step() {
            match step {
                Step::Record(entry, need) => {
                    let place = inlet.stage(&entry).unwrap();
                    if need == Need::Staged {
                        passage.handle_staged(place, Epoch(1));
                    }
                }
                Step::Forward(clearance) => drop(black_box(clearance)),
                other => panic!("a plain read takes no other step: {other:?}"),
            }
        }
        samples.push(started.elapsed());
        let started = Instant::now();
        let leaf =
            Leaf::new(Kind::Execute, session, number, Timestamp::from_millis(number)).number("d", 2).number("q", 1);
        let entry = leaf.commit("a", digest.to_string(), &mut salts).finish().unwrap();
        drop(black_box(inlet.stage(&entry).unwrap()));
        alone.push(started.elapsed());
        // The writer's side is not part of the figure.
        if let Some(batch) = log.poll_batch() {
            log.handle_written(&batch);
        }
    }
    tell("repeated plain read: decide, digest, record, clear", &mut samples, "");
    tell("  of it: its record, encoded and staged", &mut alone, "");
    let decided = samples[samples.len() / 2].saturating_sub(alone[alone.len() / 2]);
    println!("{:<50} {decided:>8.2?}                < 2 us", "  the rest: decide, digest, clear");
}

fn policy_of_a_thousand() -> anyhow::Result<PolicySet> {
    let mut text = String::from(
        "@id(\"read\") permit (principal in Group::\"agents\", action in [Action::\"connect\", Action::\"read\"], resource);
         @id(\"a\") forbid (principal is Agent, action == Action::\"sql.select\", resource is Table) when { resource.name == \"secret\" };
         @id(\"b\") forbid (principal, action in Action::\"read\", resource) when { resource.environment == \"forbidden\" };
         @id(\"c\") @review(\"dba\") forbid (principal, action in Action::\"read\", resource) when { context.operations > 100 };",
    );
    for number in 0..996 {
        text.push_str(&format!(
            "@id(\"other{number}\") permit (principal in Group::\"team{number}\", action in Action::\"read\", resource);\n"
        ));
    }
    let file = SourceFile { name: "thousand.cedar".to_owned(), text };
    PolicySet::load(&[file], &BTreeSet::new()).map_err(|errors| anyhow::anyhow!("{errors:?}"))
}

pub fn presented(operations: Vec<Operation>) -> Presented {
    let statement = Statement { text: "SELECT id FROM orders WHERE id = $1".to_owned(), operations, bound: Vec::new() };
    Presented {
        statement_digest: statement.digest(),
        statement: Arc::new(statement),
        parameters: Vec::new(),
        state: Arc::new(SessionState::default()),
        reveal: BTreeSet::new(),
        reason: String::new(),
        purpose: model::Purpose::Run,
        obstacle: None,
        payload: Payload(vec![1]),
    }
}

fn agent() -> Standing {
    let id = PrincipalId::from_random([3; 16]);
    let owner = PrincipalId::from_random([4; 16]);
    let name = "reporter".parse().unwrap();
    Standing {
        actor: Actor { principal: Principal { id, kind: PrincipalKind::Agent, name }, lineage: Lineage::of([owner]) },
        owner: Some(Owner { name: "ada".parse().unwrap(), groups: BTreeSet::new(), active: true }),
        groups: ["agents".parse().unwrap()].into(),
        active: true,
    }
}

pub fn target(kind: TargetKind) -> Target {
    Target {
        name: "shop".parse().unwrap(),
        kind,
        owner: "owners".parse().unwrap(),
        labels: [("environment".to_owned(), "production".to_owned())].into(),
        classify: BTreeMap::new(),
        detect: BTreeSet::new(),
        dry_run: false,
        version: TargetVersion(sha256(&[b"target"])),
    }
}
