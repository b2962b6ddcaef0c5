//! What a decision rests on: who asks, of which target, under which policy, as of one epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    Action, DataClass, Decision, Digest, Name, Operation, PrincipalId, SessionState, Standing, Statement, Target,
    Timestamp, Verdict,
};
use policy::{Asker, Countersign, PolicySet, Question};

use super::{Epoch, Presented};
use crate::Review;

/// Who asks, of which target, under which policy.
#[derive(Debug)]
pub(super) struct Bearing {
    pub(super) epoch: Epoch,
    pub(super) standing: Standing,
    pub(super) policy: Arc<PolicySet>,
    pub(super) target: Arc<Target>,
    /// The two, as the policy has them.
    asker: Arc<Asker>,
    digest: Option<BearingDigest>,
}

/// The bearing's digest in one state of the session, which most actions of a session share.
#[derive(Debug)]
struct BearingDigest {
    state: Arc<SessionState>,
    reveal: BTreeSet<DataClass>,
    digest: Digest,
}

impl Bearing {
    pub(super) fn new(epoch: Epoch, standing: Standing, policy: Arc<PolicySet>, target: Arc<Target>) -> Self {
        let asker = policy.asker(&standing, &target);
        Self { epoch, standing, policy, target, asker, digest: None }
    }

    fn question<'a>(&'a self, operations: &'a [Operation], now: Timestamp) -> Question<'a> {
        Question { asker: &self.asker, standing: &self.standing, target: &self.target, operations, now }
    }

    /// [`Action::bearing_digest`] of what is presented.
    pub(super) fn digest(&mut self, presented: &Presented) -> Digest {
        let Presented { state, reveal, .. } = presented;
        if let Some(kept) = &self.digest
            && Arc::ptr_eq(&kept.state, state)
            && kept.reveal == *reveal
        {
            return kept.digest;
        }
        let digest = self.action(presented).bearing_digest();
        self.digest = Some(BearingDigest { state: Arc::clone(state), reveal: reveal.clone(), digest });
        digest
    }

    /// What is presented, without its statement and values.
    pub(super) fn action(&self, presented: &Presented) -> Action {
        Action {
            actor: self.standing.actor.clone(),
            target: self.target.name.clone(),
            target_version: self.target.version,
            statement: Statement { text: String::new(), operations: Vec::new(), bound: Vec::new() },
            parameters: Vec::new(),
            state: (*presented.state).clone(),
            reveal: presented.reveal.clone(),
        }
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
