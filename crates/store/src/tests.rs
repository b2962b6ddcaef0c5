//! The store: compare-and-swap under contention, what a restart and a replay change (nothing), and damage.

use std::collections::{BTreeMap, BTreeSet};

use gate::{Case, DirectoryChange, NewPrincipal, Phase, Presenter, Review, ReviewState};
use model::{
    Action, Actor, Channel, Grant, Lineage, PolicyVersion, PresenterId, Principal, PrincipalId, PrincipalKind,
    ReviewId, Run, RunId, SessionId, SessionState, Statement, Strength, TargetVersion, Timestamp, Verdict, VerdictKind,
    sha256,
};

use super::*;

fn add(number: u8, kind: PrincipalKind, owner: Option<u8>, groups: &[&str]) -> Change {
    let principal = Principal {
        id: PrincipalId::from_random([number; 16]),
        kind,
        name: format!("{kind}{number}").parse().unwrap(),
    };
    let new = NewPrincipal {
        principal,
        owner: owner.map(|owner| PrincipalId::from_random([owner; 16])),
        added_by: None,
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        credential: "hash".to_owned(),
    };
    Change::Directory { directory: DirectoryChange::Add { principal: new, at: Timestamp::from_millis(1) } }
}

fn review(number: u8) -> Review {
    let actor = PrincipalId::from_random([9; 16]);
    let action = Action {
        actor: Actor {
            principal: Principal { id: actor, kind: PrincipalKind::Agent, name: "agent9".parse().unwrap() },
            lineage: Lineage::of([PrincipalId::from_random([1; 16])]),
        },
        target: "shop".parse().unwrap(),
        target_version: TargetVersion(sha256(&[b"t"])),
        statement: Statement { text: "delete".to_owned(), operations: Vec::new(), bound: Vec::new() },
        parameters: Vec::new(),
        state: SessionState::default(),
        reveal: BTreeSet::new(),
    };
    let case = Case {
        under: None,
        id: ReviewId::from_random([number; 16]),
        digest: action.digest(),
        action,
        reason: "because".to_owned(),
        requirements: Vec::new(),
        policy: PolicyVersion(sha256(&[b"p"])),
        opened_at: Timestamp::from_millis(1000 + u64::from(number)),
        expires_at: Timestamp::from_millis(9000),
    };
    let presenter = Presenter::Live { id: PresenterId::from_random([3; 16]), node: SessionId::from_random([4; 16]) };
    Review::open(case, presenter)
}

fn advanced(review: &Review, phase: Phase) -> ReviewState {
    ReviewState { version: review.state.version + 1, phase, ..review.state.clone() }
}

fn approved() -> Phase {
    Phase::Approved { at: Timestamp::from_millis(2000), claim_by: Timestamp::from_millis(8000) }
}

async fn opened() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
    (folder, store)
}

#[tokio::test]
async fn of_many_that_advance_one_version_exactly_one_wins() {
    let (_folder, store) = opened().await;
    let review = review(1);
    let open = Change::OpenReview { review: Box::new(review.clone()) };
    assert_eq!(store.apply(&open, 0).await.unwrap(), Applied::Applied);
    let change = Change::AdvanceReview { id: review.case.id, state: Box::new(advanced(&review, approved())) };
    let mut racers = tokio::task::JoinSet::new();
    for index in 1..=16 {
        let (store, change) = (store.clone(), change.clone());
        racers.spawn(async move { store.apply(&change, index).await.unwrap() });
    }
    let results = racers.join_all().await;
    assert_eq!(results.iter().filter(|applied| **applied == Applied::Applied).count(), 1);
    assert_eq!(store.review(review.case.id).await.unwrap().unwrap().review.state.version, 2);
}

#[tokio::test]
async fn the_store_knows_when_each_review_is_due() {
    let (_folder, store) = opened().await;
    let mut review = review(1);
    store.apply(&Change::OpenReview { review: Box::new(review.clone()) }, 0).await.unwrap();
    let (run, at) = (RunId::from_random([1; 16]), Timestamp::from_millis(3000));
    let ended = Phase::Ended { outcome: model::Outcome::Lapsed, at, why: String::new() };
    for phase in [Phase::Pending, approved(), Phase::Claimed { run, at }, ended] {
        review.state = advanced(&review, phase);
        let change = Change::AdvanceReview { id: review.case.id, state: Box::new(review.state.clone()) };
        assert_eq!(store.apply(&change, 1).await.unwrap(), Applied::Applied);
        assert_eq!(store.next_due().await.unwrap(), review.due_at());
    }
}

#[tokio::test]
async fn a_review_is_claimed_for_one_run() {
    let (_folder, store) = opened().await;
    let review = review(1);
    store.apply(&Change::OpenReview { review: Box::new(review.clone()) }, 0).await.unwrap();
    let release = |number: u8| {
        let run = RunId::from_random([number; 16]);
        let state = advanced(&review, Phase::Claimed { run, at: Timestamp::from_millis(3000) });
        let (digest, at) = (review.case.digest, Timestamp::from_millis(3000));
        Change::ReleaseRun { run, review: review.case.id, state: Box::new(state), digest, at }
    };
    assert_eq!(store.apply(&release(1), 1).await.unwrap(), Applied::Applied);
    assert_eq!(store.apply(&release(2), 2).await.unwrap(), Applied::Lost);
    let runs = store.unended_runs().await.unwrap();
    assert_eq!(runs.len(), 1);
    let end = Change::EndRun {
        run: runs[0].id,
        end: Run::Succeeded,
        at: Timestamp::from_millis(4000),
        detail: "DELETE 1".to_owned(),
    };
    assert_eq!(store.apply(&end, 3).await.unwrap(), Applied::Applied);
    assert_eq!(store.apply(&end, 3).await.unwrap(), Applied::Lost);
}

#[tokio::test]
async fn replaying_the_whole_log_over_an_old_store_ends_in_the_same_state() {
    let review = review(1);
    let run = RunId::from_random([7; 16]);
    let claimed = ReviewState {
        version: 3,
        phase: Phase::Claimed { run, at: Timestamp::from_millis(3000) },
        ..review.state.clone()
    };
    // The claim itself is not in the log: the release carries it.
    let log = [
        add(1, PrincipalKind::Person, None, &["dba"]),
        add(9, PrincipalKind::Agent, Some(1), &[]),
        Change::OpenReview { review: Box::new(review.clone()) },
        Change::AdvanceReview { id: review.case.id, state: Box::new(advanced(&review, approved())) },
        Change::ReleaseRun {
            run,
            review: review.case.id,
            state: Box::new(claimed),
            digest: review.case.digest,
            at: Timestamp::from_millis(3000),
        },
    ];
    for applied_before in 0..=log.len() {
        let (_folder, store) = opened().await;
        let first = log.iter().take(applied_before);
        for (index, change) in (0..).zip(first.chain(log.iter())) {
            store.apply(change, index).await.unwrap();
        }
        let row = store.review(review.case.id).await.unwrap().unwrap();
        assert!(matches!(row.review.state.phase, Phase::Claimed { .. }), "{applied_before}");
        assert_eq!(row.run.unwrap().id, run);
        assert!(store.claims_without_run().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_claim_without_a_run_is_found_after_a_restart() {
    let (folder, store) = opened().await;
    let review = review(1);
    store.apply(&Change::OpenReview { review: Box::new(review.clone()) }, 0).await.unwrap();
    let phase = Phase::Claimed { run: RunId::from_random([1; 16]), at: Timestamp::from_millis(1) };
    let claim = Change::AdvanceReview { id: review.case.id, state: Box::new(advanced(&review, phase)) };
    store.apply(&claim, 0).await.unwrap();
    drop(store);
    let store = Store::open(&folder.path().join("store.db")).await.unwrap();
    assert_eq!(store.claims_without_run().await.unwrap().len(), 1);
}

fn approval(reviewer: u8, uses: u32, until: u64) -> Verdict {
    Verdict {
        reviewer: PrincipalId::from_random([reviewer; 16]),
        kind: VerdictKind::Approve,
        reason: String::new(),
        at: Timestamp::from_millis(2000),
        channel: Channel::Cli,
        strength: Strength::PASSPHRASE,
        proof_age: model::Duration::from_secs(0),
        terms: Vec::new(),
        grant: Some(Grant { uses, until: Timestamp::from_millis(until) }),
    }
}

/// The review, claimed under an approval that grants three uses until 8 s, and the change that this is.
fn claimed(review: &Review) -> (Review, Change) {
    let phase = Phase::Claimed { run: RunId::from_random([1; 16]), at: Timestamp::from_millis(3000) };
    let mut state = advanced(review, phase);
    state.verdicts = vec![approval(1, 3, 8000)];
    let change = Change::AdvanceReview { id: review.case.id, state: Box::new(state.clone()) };
    (Review { state, ..review.clone() }, change)
}

#[tokio::test]
async fn a_grant_is_found_while_it_has_uses_and_lasts() {
    let (_folder, store) = opened().await;
    let (review, now) = (review(1), Timestamp::from_millis(4000));
    store.apply(&Change::OpenReview { review: Box::new(review.clone()) }, 0).await.unwrap();
    let (claimed, change) = claimed(&review);
    store.apply(&change, 1).await.unwrap();
    // Told again, it changes nothing.
    assert_eq!(store.apply(&change, 1).await.unwrap(), Applied::Lost);
    let found = |at: u64| store.grant_of_action(&review.case.digest, Timestamp::from_millis(at));
    for used in 1..3 {
        let granted = found(4000).await.unwrap().unwrap();
        assert_eq!((granted.used, &granted.review), (used, &claimed));
        let granted = gate::Granted { people: BTreeMap::new(), ..granted };
        let next = Review::open_under(&granted, review.case.clone(), review.state.presenter, now).unwrap();
        let open = Change::OpenReview { review: Box::new(next) };
        assert_eq!(store.apply(&open, 2).await.unwrap(), Applied::Applied);
        assert_eq!(store.apply(&open, 2).await.unwrap(), Applied::Lost, "a use is opened once");
    }
    assert!(found(4000).await.unwrap().is_none(), "it is used up");
    assert!(store.grants(now).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_grant_ends_in_time_and_by_a_rejection() {
    let (_folder, store) = opened().await;
    let review = review(1);
    store.apply(&Change::OpenReview { review: Box::new(review.clone()) }, 0).await.unwrap();
    let (claimed, claim) = claimed(&review);
    store.apply(&claim, 1).await.unwrap();
    let found = |at: u64| store.grant_of_action(&review.case.digest, Timestamp::from_millis(at));
    assert!(found(7999).await.unwrap().is_some() && found(8000).await.unwrap().is_none());
    let mut ended = advanced(&claimed, claimed.state.phase.clone());
    ended.verdicts.push(Verdict { kind: VerdictKind::Reject, grant: None, ..approval(2, 3, 8000) });
    let end = Change::AdvanceReview { id: review.case.id, state: Box::new(ended) };
    store.apply(&end, 2).await.unwrap();
    // What was before is told again, as a start does.
    for change in [&claim, &end, &claim] {
        store.apply(change, 2).await.unwrap();
        assert!(found(4000).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_name_is_never_used_again_and_an_owner_takes_its_agents_along() {
    let (_folder, store) = opened().await;
    store.apply(&add(1, PrincipalKind::Person, None, &["dba", "people"]), 0).await.unwrap();
    store.apply(&add(9, PrincipalKind::Agent, Some(1), &["agents"]), 1).await.unwrap();
    let agent = PrincipalId::from_random([9; 16]);
    let standing = store.standing(agent).await.unwrap().unwrap();
    assert!(standing.active);
    assert_eq!(standing.owner.unwrap().groups.len(), 2);
    let id = PrincipalId::from_random([1; 16]);
    let revoke = Change::Directory { directory: DirectoryChange::Revoke { id, at: Timestamp::from_millis(5) } };
    assert_eq!(store.apply(&revoke, 2).await.unwrap(), Applied::Applied);
    assert!(!store.standing(agent).await.unwrap().unwrap().active);
    assert!(!store.credential(agent).await.unwrap().unwrap().active);
    assert!(store.people_of(&["dba".parse().unwrap()].into()).await.unwrap().is_empty());
    let mut again = add(2, PrincipalKind::Person, None, &[]);
    if let Change::Directory { directory: DirectoryChange::Add { principal, .. } } = &mut again {
        principal.principal.name = "person1".parse().unwrap();
    }
    assert_eq!(store.apply(&again, 3).await.unwrap(), Applied::Lost);
}

#[tokio::test]
async fn who_added_an_agent_stands_behind_it_as_its_owner_does() {
    let (_folder, store) = opened().await;
    for number in [1, 2] {
        store.apply(&add(number, PrincipalKind::Person, None, &[]), u64::from(number)).await.unwrap();
    }
    let mut agent = add(9, PrincipalKind::Agent, Some(1), &[]);
    let [owner, admin] = [1, 2].map(|number| PrincipalId::from_random([number; 16]));
    if let Change::Directory { directory: DirectoryChange::Add { principal, .. } } = &mut agent {
        principal.added_by = Some(admin);
    }
    store.apply(&agent, 3).await.unwrap();
    let standing = store.standing(PrincipalId::from_random([9; 16])).await.unwrap().unwrap();
    assert_eq!(standing.actor.lineage, Lineage::of([owner, admin]));
}

#[tokio::test]
async fn due_reviews_are_found_by_time_and_pages_do_not_repeat() {
    let (_folder, store) = opened().await;
    for number in 1..=5 {
        store.apply(&Change::OpenReview { review: Box::new(review(number)) }, u64::from(number)).await.unwrap();
    }
    assert!(store.due_reviews(Timestamp::from_millis(8999)).await.unwrap().is_empty());
    assert_eq!(store.due_reviews(Timestamp::from_millis(9000)).await.unwrap().len(), 5);
    let first = store.reviews(true, None, 2).await.unwrap();
    let last = first.last().unwrap().review.case.id;
    let second = store.reviews(true, Some(last), 10).await.unwrap();
    let ids: BTreeSet<_> = first.iter().chain(&second).map(|row| row.review.case.id).collect();
    assert_eq!((second.len(), ids.len()), (3, 5));
    assert_eq!(store.names_records_below().await.unwrap(), 6);
}

#[tokio::test]
async fn a_damaged_store_is_refused() {
    let (folder, store) = opened().await;
    for number in 1..=40 {
        store.apply(&Change::OpenReview { review: Box::new(review(number)) }, 0).await.unwrap();
    }
    // The writer goes last and folds the write-ahead log into the file.
    store.read.close().await;
    store.fold.close().await;
    store.write.close().await;
    let path = folder.path().join("store.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..8192].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    assert!(Store::open(&path).await.is_err());
    std::fs::write(&path, b"this is no database, but it is long enough to be looked at as one").unwrap();
    assert!(Store::open(&path).await.is_err());
}
