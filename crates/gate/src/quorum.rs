//! Counting people: each fills one slot in the whole review, whatever groups they are in (invariant 3).
//! A maximum matching of people to slots decides, so that nobody is wasted on a slot that another could fill.

use std::collections::{BTreeMap, BTreeSet};

use model::{Lineage, PrincipalId, PrincipalKind, Requirement, Standing, Verdict, VerdictKind};

/// Whether the approvals among `verdicts` meet every requirement, with the standing of `people` as of now.
///
/// A verdict counts for a rule only if the rule, unchanged, was among the terms that the reviewer saw.
#[must_use]
pub fn is_satisfied(
    requirements: &[Requirement],
    verdicts: &[Verdict],
    people: &BTreeMap<PrincipalId, Standing>,
    lineage: &Lineage,
) -> bool {
    let approvals: BTreeMap<PrincipalId, &Verdict> = verdicts
        .iter()
        .filter(|verdict| verdict.kind == VerdictKind::Approve)
        .map(|verdict| (verdict.reviewer, verdict))
        .collect();
    let fits: Vec<Vec<usize>> = approvals
        .into_iter()
        .filter(|(person, _)| !lineage.contains(*person))
        .map(|(person, verdict)| {
            let counts = |requirement: &Requirement| {
                verdict.terms.contains(&requirement.rule.hash)
                    && people.get(&person).is_some_and(|standing| is_entitled(standing, requirement))
            };
            slots_where(requirements, counts)
        })
        .collect();
    fills_every_slot(requirements, &fits)
}

/// Whether enough people outside `lineage` could ever countersign. `people` are the active members of the groups asked.
#[must_use]
pub fn is_reachable(requirements: &[Requirement], people: &BTreeMap<PrincipalId, Standing>, lineage: &Lineage) -> bool {
    let outside = people.iter().filter(|(person, _)| !lineage.contains(**person));
    let fits: Vec<Vec<usize>> = outside
        .map(|(_, standing)| slots_where(requirements, |requirement| is_entitled(standing, requirement)))
        .collect();
    fills_every_slot(requirements, &fits)
}

/// Whether this person may fill a slot of this requirement.
pub(crate) fn is_entitled(standing: &Standing, requirement: &Requirement) -> bool {
    standing.active
        && standing.actor.principal.kind == PrincipalKind::Person
        && standing.groups.contains(&requirement.group)
}

/// The numbers of all slots of the requirements that satisfy `fits`.
fn slots_where(requirements: &[Requirement], fits: impl Fn(&Requirement) -> bool) -> Vec<usize> {
    let mut slots = Vec::new();
    let mut next = 0;
    for requirement in requirements {
        let end = next + quorum(requirement);
        if fits(requirement) {
            slots.extend(next..end);
        }
        next = end;
    }
    slots
}

/// Kuhn's algorithm: does a matching of people to slots fill all slots?
fn fills_every_slot(requirements: &[Requirement], fits: &[Vec<usize>]) -> bool {
    let slots: usize = requirements.iter().map(quorum).sum();
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    for person in 0..fits.len() {
        place(person, fits, &mut taken, &mut BTreeSet::new());
    }
    taken.len() == slots
}

/// Places `person` in a free slot, moving others along where that frees one. Depth is at most the number of slots.
fn place(person: usize, fits: &[Vec<usize>], taken: &mut BTreeMap<usize, usize>, tried: &mut BTreeSet<usize>) -> bool {
    for slot in fits.get(person).into_iter().flatten() {
        if !tried.insert(*slot) {
            continue;
        }
        let free = match taken.get(slot) {
            None => true,
            Some(other) => place(*other, fits, taken, tried),
        };
        if free {
            taken.insert(*slot, person);
            return true;
        }
    }
    false
}

fn quorum(requirement: &Requirement) -> usize {
    usize::try_from(requirement.quorum).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests;
