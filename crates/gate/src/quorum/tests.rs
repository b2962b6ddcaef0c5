//! The matching against trying every assignment, and the arithmetic that attackers try (W04, W10).

use super::*;
use crate::testing::{person, requirement, standing_of, verdict};
use proptest::prelude::*;

/// The definition: some injective assignment of people to slots fills every slot.
fn naive(requirements: &[Requirement], people: &[BTreeSet<usize>]) -> bool {
    fn fill(slots: &[usize], people: &[BTreeSet<usize>], used: &mut Vec<bool>) -> bool {
        let Some((requirement, rest)) = slots.split_first() else { return true };
        for person in 0..people.len() {
            if !used[person] && people[person].contains(requirement) {
                used[person] = true;
                if fill(rest, people, used) {
                    return true;
                }
                used[person] = false;
            }
        }
        false
    }
    let slots: Vec<usize> = requirements.iter().enumerate().flat_map(|(at, r)| vec![at; r.quorum as usize]).collect();
    fill(&slots, people, &mut vec![false; people.len()])
}

proptest! {
    #[test]
    fn the_matching_equals_trying_everything(
        quorums in proptest::collection::vec(1_u32..3, 1..4),
        members in proptest::collection::vec(proptest::collection::btree_set(0_usize..4, 0..4), 0..6),
    ) {
        let requirements: Vec<_> =
            quorums.iter().enumerate().map(|(at, q)| requirement(&format!("r{at}"), &format!("g{at}"), *q)).collect();
        let people: BTreeMap<_, _> = members.iter().enumerate().map(|(at, groups)| {
            let groups: Vec<String> = groups.iter().map(|group| format!("g{group}")).collect();
            (person(at as u8), standing_of(at as u8, &groups.iter().map(String::as_str).collect::<Vec<_>>()))
        }).collect();
        let verdicts: Vec<_> = people.keys().map(|id| verdict(*id, VerdictKind::Approve, &requirements)).collect();
        let members: Vec<BTreeSet<usize>> =
            members.into_iter().map(|m| m.into_iter().filter(|g| *g < requirements.len()).collect()).collect();
        let expected = naive(&requirements, &members);
        prop_assert_eq!(is_satisfied(&requirements, &verdicts, &people, &Lineage::default()), expected);
        prop_assert_eq!(is_reachable(&requirements, &people, &Lineage::default()), expected);
    }
}

#[test]
fn one_person_in_two_groups_fills_one_slot() {
    let requirements = [requirement("a", "dba", 1), requirement("b", "security", 1)];
    let people = BTreeMap::from([(person(1), standing_of(1, &["dba", "security"]))]);
    let verdicts = [verdict(person(1), VerdictKind::Approve, &requirements)];
    assert!(!is_satisfied(&requirements, &verdicts, &people, &Lineage::default()));
}

#[test]
fn two_verdicts_of_one_person_count_once() {
    let requirements = [requirement("a", "dba", 2)];
    let people = BTreeMap::from([(person(1), standing_of(1, &["dba"]))]);
    let verdicts = vec![verdict(person(1), VerdictKind::Approve, &requirements); 2];
    assert!(!is_satisfied(&requirements, &verdicts, &people, &Lineage::default()));
}

#[test]
fn nobody_in_the_lineage_counts() {
    let requirements = [requirement("a", "dba", 1)];
    let people = BTreeMap::from([(person(1), standing_of(1, &["dba"]))]);
    let verdicts = [verdict(person(1), VerdictKind::Approve, &requirements)];
    assert!(is_satisfied(&requirements, &verdicts, &people, &Lineage::default()));
    assert!(!is_satisfied(&requirements, &verdicts, &people, &Lineage::of([person(1)])));
    assert!(!is_reachable(&requirements, &people, &Lineage::of([person(1)])));
}

#[test]
fn a_rule_that_changed_since_the_verdict_is_not_met() {
    let before = [requirement("a", "dba", 1)];
    let mut after = before.clone();
    after[0].rule.hash = model::RuleHash(model::sha256(&[b"tightened"]));
    let people = BTreeMap::from([(person(1), standing_of(1, &["dba"]))]);
    let verdicts = [verdict(person(1), VerdictKind::Approve, &before)];
    assert!(!is_satisfied(&after, &verdicts, &people, &Lineage::default()));
}

#[test]
fn a_quorum_of_zero_still_asks_for_one() {
    let requirements = [requirement("a", "dba", 0)];
    assert!(!is_satisfied(&requirements, &[], &BTreeMap::new(), &Lineage::default()));
}
