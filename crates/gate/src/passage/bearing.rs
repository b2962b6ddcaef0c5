//! What a decision rests on: who asks, of which target, under which policy, as of one epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Decision, Name, Operation, PrincipalId, Standing, Target, Timestamp, Verdict};
use policy::{Asker, Countersign, PolicySet, Question};

use super::Epoch;
use crate::Review;

/// Who asks, of which target, under which policy.
#[derive(Debug)]
pub(super) struct Bearing {
    pub(super) epoch: Epoch,
    pub(super) standing: Standing,
    pub(super) policy: Arc<PolicySet>,
    pub(super) target: Arc<Target>,
    /// The two, as the policy has them.
    asker: Asker,
}

impl Bearing {
    pub(super) fn new(epoch: Epoch, standing: Standing, policy: Arc<PolicySet>, target: Arc<Target>) -> Self {
        let asker = policy.asker(&standing, &target);
        Self { epoch, standing, policy, target, asker }
    }

    fn question<'a>(&'a self, operations: &'a [Operation], now: Timestamp) -> Question<'a> {
        Question { asker: &self.asker, standing: &self.standing, target: &self.target, operations, now }
    }

    pub(super) fn decide(&self, operations: &[Operation], now: Timestamp) -> Decision {
        self.policy.decide(&self.question(operations, now))
    }

    pub(super) fn is_timeless(&self, operations: &[Operation], now: Timestamp) -> bool {
        self.policy.is_timeless(&self.question(operations, now))
    }

    /// Those of `people` whose verdicts policy still lets count, with the strength and age of proof of their verdicts.
    pub(super) fn still_countersigning(
        &self,
        review: &Review,
        people: &BTreeMap<PrincipalId, Standing>,
        now: Timestamp,
    ) -> BTreeMap<PrincipalId, Standing> {
        let lineage = &review.case.action.actor.lineage;
        let behind = people.values().filter(|person| lineage.contains(person.actor.principal.id));
        let lineage: Vec<Name> = behind.map(|person| person.actor.principal.name.clone()).collect();
        let id = review.case.id.to_string();
        let counts = |verdict: &&Verdict| {
            people.get(&verdict.reviewer).is_some_and(|reviewer| {
                let asked = Countersign {
                    reviewer,
                    review: &id,
                    lineage: &lineage,
                    target: &self.target,
                    channel: verdict.channel,
                    strength: verdict.strength,
                    proof_age: verdict.proof_age,
                    now,
                };
                matches!(self.policy.may_countersign(&asked), Decision::Allow(_))
            })
        };
        let verdicts = review.state.verdicts.iter().filter(counts);
        verdicts.filter_map(|verdict| Some((verdict.reviewer, people.get(&verdict.reviewer)?.clone()))).collect()
    }
}
