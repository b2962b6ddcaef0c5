//! Verdicts, withdrawals, presenters that leave, time, and the directory: what `crates/enforcement` does for people,
//! through the gate's own `Review`.

use std::rc::Rc;

use audit::{Entry, Unwritable};
use gate::{Applied, Change, DirectoryChange, Given, Journal, NewPrincipal, Phase, Review, ReviewState};
use model::{
    Channel, Decision, Duration, Name, Outcome, PresenterId, PrincipalId, ReviewId, Strength, Verdict, VerdictKind,
};
use policy::Countersign;

use crate::cast::{RULE_SETS, target};
use crate::node::Node;

/// A person's verdict as it comes in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    pub(crate) review: ReviewId,
    pub(crate) reviewer: PrincipalId,
    pub(crate) kind: VerdictKind,
    pub(crate) channel: Channel,
}

/// A person gives a verdict.
pub(crate) async fn say(node: Rc<Node>, said: Said) {
    if let Err(why) = settle(&node, said).await {
        node.ground.tell(|| format!("{said:?}: {why}"));
    }
}

async fn settle(node: &Rc<Node>, said: Said) -> Result<(), String> {
    let _one_at_a_time = node.lock(said.review).await?;
    for _ in 0..ATTEMPTS {
        let review = find(node, said.review).await?;
        let reviewers = review.state.verdicts.iter().map(|verdict| verdict.reviewer);
        let behind = review.case.action.actor.lineage.people();
        let people = node.read(|store| store.standings(reviewers.chain(behind).chain([said.reviewer]))).await?;
        let now = node.now();
        let verdict = Verdict {
            reviewer: said.reviewer,
            kind: said.kind,
            reason: String::new(),
            at: now,
            channel: said.channel,
            strength: Strength::PASSPHRASE,
            proof_age: Duration::from_secs(0),
            terms: Vec::new(),
            grant: None,
        };
        let reviewer = people.get(&said.reviewer).ok_or("there is no such person")?;
        let given = Given { verdict, reviewer, countersign: &countersign(node, said, reviewer), people: &people };
        let state = match review.handle_verdict(&given, now) {
            Ok(state) => state,
            Err(why) => {
                let entry = node.journal.borrow_mut().verdict_refused(said.review, said.reviewer, &why, now);
                node.record(entry.map_err(text)?).await.map_err(text)?;
                return Err(why.to_string());
            }
        };
        let verdict = state.verdicts.last().cloned().unwrap();
        let write = |journal: &mut Journal, change: &Change| journal.verdict(said.review, &verdict, change, now);
        if advance(node, said.review, state, write).await? == Applied::Applied {
            return Ok(());
        }
    }
    Err("the review moves too fast".to_owned())
}

fn countersign(node: &Node, said: Said, reviewer: &model::Standing) -> Decision {
    let (ground, no_names): (_, [Name; 0]) = (&node.ground, []);
    RULE_SETS[ground.rules.get()].policy.may_countersign(&Countersign {
        reviewer,
        review: &said.review.to_string(),
        lineage: &no_names,
        target: &target(ground.target.get()),
        channel: said.channel,
        strength: Strength::PASSPHRASE,
        proof_age: Duration::from_secs(0),
        now: node.now(),
    })
}

/// The actor, or somebody it acts for, takes its action back.
pub(crate) async fn withdraw(node: Rc<Node>, review: ReviewId) {
    end(&node, review, |review, now| review.handle_withdraw("withdrawn by the actor", now)).await.unwrap_or_default();
}

/// Ends reviews whose time is up.
pub(crate) async fn expire(node: Rc<Node>) {
    let now = node.now();
    let Ok(due) = node.read(|store| store.due_reviews(now)).await else { return };
    for id in due {
        if end(&node, id, Review::handle_time).await.is_err() {
            return;
        }
    }
}

async fn end(
    node: &Rc<Node>,
    id: ReviewId,
    input: impl Fn(&Review, model::Timestamp) -> Result<ReviewState, gate::NotCounted>,
) -> Result<(), String> {
    let _one_at_a_time = node.lock(id).await?;
    for _ in 0..ATTEMPTS {
        let review = find(node, id).await?;
        let now = node.now();
        let Ok(state) = input(&review, now) else { return Ok(()) };
        let Phase::Ended { outcome, .. } = state.phase else { return Ok(()) };
        let write = |journal: &mut Journal, change: &Change| journal.review_ended(id, outcome, change, now);
        count_end(node, outcome);
        if advance(node, id, state, write).await? == Applied::Applied {
            return Ok(());
        }
    }
    Ok(())
}

fn count_end(node: &Node, outcome: Outcome) {
    node.ground.witness.borrow_mut().count(&format!("ended {outcome}"));
}

/// A presenter left: the review stays open.
pub(crate) async fn detach(node: &Rc<Node>, (review, presenter): (ReviewId, PresenterId)) {
    let Ok(_one_at_a_time) = node.lock(review).await else { return };
    let Ok(found) = find(node, review).await else { return };
    let Ok(state) = found.handle_detach(presenter) else { return };
    let now = node.now();
    let write = |journal: &mut Journal, change: &Change| journal.presenter_left(review, change, now);
    if let Err(why) = advance(node, review, state, write).await {
        node.ground.tell(|| format!("{presenter} could not be detached: {why}"));
    }
}

async fn find(node: &Node, review: ReviewId) -> Result<Review, String> {
    node.read(|store| store.reviews.get(&review).cloned()).await?.ok_or_else(|| "there is no such review".to_owned())
}

/// Records the step and applies it. The review's lock is held.
async fn advance(
    node: &Node,
    id: ReviewId,
    state: ReviewState,
    write: impl FnOnce(&mut Journal, &Change) -> Result<Entry, Unwritable>,
) -> Result<Applied, String> {
    let change = Change::AdvanceReview { id, state: Box::new(state) };
    let entry = write(&mut node.journal.borrow_mut(), &change).map_err(text)?;
    node.change(entry, &change).await
}

/// Somebody joins.
pub(crate) async fn join(node: Rc<Node>, principal: NewPrincipal) {
    let (whom, at) = (principal.principal.id, node.now());
    let change = DirectoryChange::Add { principal, at };
    change_directory(&node, change, whom).await.unwrap_or_default();
}

/// Somebody is revoked; what they have open is withdrawn.
pub(crate) async fn revoke(node: Rc<Node>, id: PrincipalId) {
    let change = DirectoryChange::Revoke { id, at: node.now() };
    if change_directory(&node, change, id).await.is_err() {
        return;
    }
    let owned = node.read(|store| {
        let owned = store.principals.values().filter(|known| known.new.owner == Some(id));
        owned.map(|known| known.new.principal.id).collect::<Vec<_>>()
    });
    for actor in owned.await.unwrap_or_default().into_iter().chain([id]) {
        let Ok(open) = node.read(|store| store.open_reviews_of_actor(actor)).await else { return };
        for review in open {
            let withdraw = |review: &Review, now| review.handle_withdraw("the actor was revoked", now);
            if end(&node, review, withdraw).await.is_err() {
                return;
            }
        }
    }
}

async fn change_directory(node: &Node, directory: DirectoryChange, whom: PrincipalId) -> Result<(), String> {
    let change = Change::Directory { directory };
    let entry = node.journal.borrow_mut().directory(None, whom, &change, node.now()).map_err(text)?;
    let applied = node.change(entry, &change).await;
    // Whatever the store answered, the change may be in force.
    let store = node.ground.store.borrow();
    if store.principals.get(&whom).is_some_and(|known| known.revoked) {
        node.ground.witness.borrow_mut().revoked.insert(whom);
    }
    node.bump();
    applied.map(drop)
}

fn text(error: Unwritable) -> String {
    error.to_string()
}

/// Times a change is tried again after losing to another.
const ATTEMPTS: usize = 8;
