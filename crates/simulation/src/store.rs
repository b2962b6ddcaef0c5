//! The store in memory: a change is applied by compare-and-swap, word for word as `crates/store` does it in SQL.
//! It is also the reference of the replay: the whole log over an empty one must give the same state.

use std::collections::{BTreeMap, BTreeSet};

use gate::{Applied, Change, DirectoryChange, NewPrincipal, Phase, Review};
use model::{
    Actor, Digest, GroupName, Lineage, Owner, PrincipalId, PrincipalKind, ReviewId, Run, RunId, Standing, Timestamp,
};

use crate::flaw::Flaw;

/// The log's projection plus claims.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    pub(crate) reviews: BTreeMap<ReviewId, Review>,
    pub(crate) runs: BTreeMap<RunId, StoredRun>,
    pub(crate) principals: BTreeMap<PrincipalId, StoredPrincipal>,
    /// Records below are applied.
    pub(crate) applied: u64,
    /// One more than the highest record that anything here names.
    pub(crate) named: u64,
}

/// A run as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRun {
    pub(crate) review: ReviewId,
    pub(crate) state: Run,
    pub(crate) ended: bool,
}

/// A principal as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredPrincipal {
    pub(crate) new: NewPrincipal,
    pub(crate) revoked: bool,
}

impl Store {
    /// Applies a change whose record has the index `record`.
    pub(crate) fn apply(&mut self, change: &Change, record: u64, flaw: Option<Flaw>) -> Applied {
        let applied = match change {
            Change::OpenReview { review } if self.reviews.contains_key(&review.case.id) => false,
            Change::OpenReview { review } => self.reviews.insert(review.case.id, (**review).clone()).is_none(),
            Change::AdvanceReview { id, state } => {
                let is_forgotten = flaw == Some(Flaw::ForgetEnds) && matches!(state.phase, Phase::Ended { .. });
                match self.reviews.get_mut(id) {
                    Some(_) if is_forgotten => true,
                    Some(review) if flaw == Some(Flaw::ApplyTwice) || review.state.version + 1 == state.version => {
                        review.state = (**state).clone();
                        true
                    }
                    Some(_) | None => false,
                }
            }
            // Nothing is decided by them.
            Change::AddInsights { review, .. } => self.reviews.contains_key(review),
            Change::ReleaseRun { run, review, state, .. } => {
                // A store restored from before the claim learns here that the approval is spent.
                if let Some(known) = self.reviews.get_mut(review).filter(|known| known.state.version < state.version) {
                    known.state = (**state).clone();
                }
                let is_new = !self.runs.contains_key(run) && !self.runs.values().any(|known| known.review == *review);
                if is_new {
                    self.runs.insert(*run, StoredRun { review: *review, state: Run::Released, ended: false });
                }
                is_new
            }
            Change::EndRun { run, end, .. } => match self.runs.get_mut(run).filter(|run| !run.ended) {
                Some(run) => {
                    (run.state, run.ended) = (*end, true);
                    true
                }
                None => false,
            },
            Change::Directory { directory } => self.apply_directory(directory),
            // The simulation has one target, and it never changes.
            Change::Targets { .. } => false,
        };
        if applied {
            self.named = self.named.max(record + 1);
        }
        if applied { Applied::Applied } else { Applied::Lost }
    }

    fn apply_directory(&mut self, change: &DirectoryChange) -> bool {
        match change {
            DirectoryChange::Add { principal: new, .. } => {
                let id = new.principal.id;
                let is_used = self.principals.values().any(|known| known.new.name() == new.name());
                if !is_used {
                    self.principals.insert(id, StoredPrincipal { new: new.clone(), revoked: false });
                }
                !is_used
            }
            DirectoryChange::Revoke { id, .. } => match self.principals.get_mut(id).filter(|known| !known.revoked) {
                Some(known) => {
                    known.revoked = true;
                    true
                }
                None => false,
            },
        }
    }

    pub(crate) fn standing(&self, id: PrincipalId) -> Option<Standing> {
        let StoredPrincipal { new, revoked } = self.principals.get(&id)?;
        let owner = new.owner.and_then(|owner| self.principals.get(&owner));
        let lineage = match new.principal.kind {
            PrincipalKind::Person => Lineage::of([id]),
            PrincipalKind::Agent | PrincipalKind::Pipeline => Lineage::of(new.owner.into_iter().chain(new.added_by)),
        };
        Some(Standing {
            actor: Actor { principal: new.principal.clone(), lineage },
            owner: owner.map(|owner| Owner {
                name: owner.new.name().clone(),
                groups: owner.new.groups.clone(),
                active: !owner.revoked,
            }),
            groups: new.groups.clone(),
            active: !revoked && owner.is_none_or(|owner| !owner.revoked),
        })
    }

    pub(crate) fn standings(&self, ids: impl IntoIterator<Item = PrincipalId>) -> BTreeMap<PrincipalId, Standing> {
        ids.into_iter().filter_map(|id| Some((id, self.standing(id)?))).collect()
    }

    /// People of these groups who are not revoked.
    pub(crate) fn people_of(&self, groups: &BTreeSet<GroupName>) -> BTreeMap<PrincipalId, Standing> {
        let asked = self.principals.iter().filter(|(_, known)| {
            known.new.principal.kind == PrincipalKind::Person && !known.revoked && !known.new.groups.is_disjoint(groups)
        });
        self.standings(asked.map(|(id, _)| *id))
    }

    /// Open reviews of the action with this digest, newest first.
    pub(crate) fn open_reviews_of_action(&self, digest: &Digest) -> Vec<Review> {
        let open = |review: &&Review| review.due_at().is_some() && review.case.digest == *digest;
        let mut found: Vec<Review> = self.reviews.values().filter(open).cloned().collect();
        found.sort_by_key(|review| std::cmp::Reverse(review.case.opened_at));
        found
    }

    pub(crate) fn open_reviews_of_actor(&self, actor: PrincipalId) -> Vec<ReviewId> {
        let open = self.reviews.values().filter(|review| review.due_at().is_some());
        open.filter(|review| review.case.action.actor.principal.id == actor).map(|review| review.case.id).collect()
    }

    pub(crate) fn due_reviews(&self, now: Timestamp) -> Vec<ReviewId> {
        let due = self.reviews.values().filter(|review| review.due_at().is_some_and(|due| due <= now));
        due.map(|review| review.case.id).collect()
    }

    /// Reviews that were claimed for a run that has no record.
    pub(crate) fn claims_without_run(&self) -> Vec<Review> {
        let claimed = self.reviews.values().filter(|review| matches!(review.state.phase, Phase::Claimed { .. }));
        claimed.filter(|review| !self.runs.values().any(|run| run.review == review.case.id)).cloned().collect()
    }
}
