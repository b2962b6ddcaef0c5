//! The review machine: what each input does, one behaviour a test; then random sequences of inputs against a naive
//! model of plain data, and two inputs from one state against a compare-and-swap.

use super::*;
use crate::testing::{
    agent_standing, case, explained, node, person, presenter, requirement, rewritten, run, standing_of, verdict,
};
use VerdictKind::{Approve, Reject};
use model::DenyReason;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

type People = BTreeMap<PrincipalId, Standing>;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(0).after(Duration::from_secs(seconds))
}

/// The last millisecond before.
fn before(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millis() - 1)
}

/// Opened at 0, so it expires at 1,800 s; the presenter 1 of node 1 waits.
fn opened(requirements: &[Requirement]) -> Review {
    Review::open(case(requirements.to_vec(), at(0)), Presenter::Live { id: presenter(1), node: node(1) })
}

fn one_dba() -> Vec<Requirement> {
    vec![requirement("change", "dba", 1)]
}

/// Everybody outside the lineage: 1 and 2 are DBAs, 2 and 3 in security, 4 in neither. 0 owns the agent and is in all.
fn people() -> People {
    let groups: [&[&str]; 5] =
        [&["admin", "dba", "security"], &["dba"], &["dba", "security"], &["security"], &["sales"]];
    (0..).zip(groups).map(|(number, groups)| (person(number), standing_of(number, groups))).collect()
}

fn allow() -> Decision {
    Decision::Allow(explained())
}

fn give(review: &Review, by: &Standing, kind: VerdictKind, now: Timestamp) -> Result<Review, NotCounted> {
    give_under(&allow(), review, by, kind, now)
}

fn give_under(
    countersign: &Decision,
    review: &Review,
    by: &Standing,
    kind: VerdictKind,
    now: Timestamp,
) -> Result<Review, NotCounted> {
    let verdict = verdict(by.actor.principal.id, kind, &[]);
    let given = Given { verdict, reviewer: by, countersign, people: &earlier(review, &people()) };
    review.handle_verdict(&given, now).map(|state| moved(review, state))
}

/// Those of `people` who gave a verdict before.
fn earlier(review: &Review, people: &People) -> People {
    let given = review.state.verdicts.iter().map(|verdict| verdict.reviewer);
    given.map(|reviewer| (reviewer, people[&reviewer].clone())).collect()
}

fn moved(review: &Review, state: ReviewState) -> Review {
    assert_eq!(state.version, review.state.version + 1, "every change is one version");
    Review { case: review.case.clone(), state }
}

/// What the person `number` says, as they stand in [`people`].
fn say(review: &Review, number: u8, kind: VerdictKind, now: Timestamp) -> Result<Review, NotCounted> {
    give(review, &people()[&person(number)], kind, now)
}

fn approved(requirements: &[Requirement], by: &[u8]) -> Review {
    by.iter().fold(opened(requirements), |review, number| say(&review, *number, Approve, at(10)).unwrap())
}

/// Claims for run 1 by the presenter 1.
fn claim(review: &Review, outstanding: &[Requirement], people: &People, now: Timestamp) -> Result<Review, NotCounted> {
    let claim = Claim { presenter: presenter(1), run: run(1), outstanding, people };
    review.handle_claim(&claim, now).map(|state| moved(review, state))
}

fn word(review: &Review) -> &'static str {
    match &review.state.phase {
        Phase::Pending => "pending",
        Phase::Approved { .. } => "approved",
        Phase::Claimed { .. } => "claimed",
        Phase::Ended { outcome, .. } => outcome.as_str(),
    }
}

#[test]
fn one_approval_that_meets_the_requirements_approves_and_starts_the_time_to_claim() {
    let review = say(&opened(&one_dba()), 1, Approve, at(10)).unwrap();
    assert_eq!(review.state.phase, Phase::Approved { at: at(10), claim_by: at(610) });
    assert_eq!(review.due_at(), Some(at(610)));
}

#[test]
fn the_same_verdict_twice_counts_once() {
    let two = [requirement("change", "dba", 2)];
    let review = say(&opened(&two), 1, Approve, at(1)).unwrap();
    assert_eq!(word(&review), "pending");
    assert_eq!(say(&review, 1, Approve, at(2)), Err(NotCounted::Repeated));
}

#[test]
fn an_approval_turned_into_a_rejection_by_the_same_person_rejects() {
    let review = say(&opened(&[requirement("change", "dba", 2)]), 1, Approve, at(1)).unwrap();
    let review = say(&review, 1, Reject, at(2)).unwrap();
    let why = "rejected by p1".to_owned();
    assert_eq!(review.state.phase, Phase::Ended { outcome: Outcome::Rejected, at: at(2), why });
}

#[test]
fn one_rejection_is_enough_and_final() {
    let review = say(&opened(&one_dba()), 1, Reject, at(1)).unwrap();
    assert_eq!(word(&review), "rejected");
    assert_eq!(say(&review, 2, Approve, at(2)), Err(NotCounted::Over("rejected")));
    assert_eq!(say(&review, 1, Approve, at(2)), Err(NotCounted::Over("rejected")));
    assert_eq!(say(&review, 2, Reject, at(2)), Err(NotCounted::Over("rejected")));
}

#[test]
fn a_verdict_counts_until_the_last_millisecond_and_not_at_expiry() {
    let review = opened(&one_dba());
    assert_eq!(review.due_at(), Some(at(1800)));
    assert!(say(&review, 1, Approve, before(at(1800))).is_ok());
    assert_eq!(say(&review, 1, Approve, at(1800)), Err(NotCounted::Expired));
    assert_eq!(say(&review, 1, Reject, at(1800)), Err(NotCounted::Expired));
}

#[test]
fn a_verdict_after_the_review_expired_is_told_so() {
    let review = opened(&one_dba());
    let review = moved(&review, review.handle_time(at(1800)).unwrap());
    // Even by a clock that went backwards.
    assert_eq!(say(&review, 1, Approve, at(5)), Err(NotCounted::Over("expired")));
}

#[test]
fn a_verdict_after_approval_or_release_is_late() {
    let review = approved(&one_dba(), &[1]);
    assert_eq!(say(&review, 2, Approve, at(11)), Err(NotCounted::Over("approved")));
    assert_eq!(say(&review, 2, Reject, at(11)), Err(NotCounted::Over("approved")));
    let review = claim(&review, &one_dba(), &people(), at(12)).unwrap();
    assert_eq!(say(&review, 2, Reject, at(13)), Err(NotCounted::Over("released")));
}

#[test]
fn nobody_in_the_lineage_gives_a_verdict_whatever_groups_they_are_in() {
    for kind in [Approve, Reject] {
        assert_eq!(say(&opened(&one_dba()), 0, kind, at(1)), Err(NotCounted::InLineage));
    }
}

#[test]
fn lineage_is_looked_at_before_anything_else() {
    let mut revoked = people()[&person(0)].clone();
    revoked.active = false;
    let denied = Decision::Deny(DenyReason::Forbidden, explained());
    let rejected = say(&opened(&one_dba()), 1, Reject, at(1)).unwrap();
    for (review, now) in [(opened(&one_dba()), at(1)), (opened(&one_dba()), at(9999)), (rejected, at(2))] {
        let told = give_under(&denied, &review, &revoked, Approve, now);
        assert_eq!(told, Err(NotCounted::InLineage));
    }
}

#[test]
fn agents_and_pipelines_never_review() {
    for kind in [PrincipalKind::Agent, PrincipalKind::Pipeline] {
        let mut standing = agent_standing(&["dba"]);
        standing.actor.principal.kind = kind;
        standing.actor.principal.id = person(77);
        assert_eq!(give(&opened(&one_dba()), &standing, Approve, at(1)), Err(NotCounted::NotAPerson));
        assert_eq!(give(&opened(&one_dba()), &standing, Reject, at(1)), Err(NotCounted::NotAPerson));
    }
}

#[test]
fn a_revoked_reviewer_gives_no_verdict() {
    let mut standing = standing_of(1, &["dba"]);
    standing.active = false;
    assert_eq!(give(&opened(&one_dba()), &standing, Approve, at(1)), Err(NotCounted::NotAPerson));
}

#[test]
fn who_is_in_no_asked_group_neither_approves_nor_rejects() {
    assert_eq!(say(&opened(&one_dba()), 4, Approve, at(1)), Err(NotCounted::NotEntitled));
    assert_eq!(say(&opened(&one_dba()), 3, Reject, at(1)), Err(NotCounted::NotEntitled));
}

#[test]
fn a_verdict_that_policy_denies_does_not_count_and_says_why() {
    let dba = standing_of(1, &["dba"]);
    let denied = Decision::Deny(DenyReason::NothingGrants(None), explained());
    let told = give_under(&denied, &opened(&one_dba()), &dba, Approve, at(1));
    assert_eq!(told, Err(NotCounted::Policy("no rule grants it".to_owned())));
    let gated = Decision::Review(one_dba(), explained());
    let told = give_under(&gated, &opened(&one_dba()), &dba, Approve, at(1));
    assert!(matches!(told, Err(NotCounted::Policy(_))), "{told:?}");
}

#[test]
fn a_quorum_asks_for_distinct_people() {
    let two = [requirement("change", "dba", 2)];
    let review = say(&opened(&two), 1, Approve, at(1)).unwrap();
    assert_eq!(word(&review), "pending");
    assert_eq!(word(&say(&review, 2, Approve, at(2)).unwrap()), "approved");
}

#[test]
fn a_person_in_two_asked_groups_fills_one_slot_of_the_whole_review() {
    let both = [requirement("change", "dba", 1), requirement("loss", "security", 1)];
    let review = say(&opened(&both), 2, Approve, at(1)).unwrap();
    assert_eq!(word(&review), "pending");
    assert_eq!(word(&say(&review, 3, Approve, at(2)).unwrap()), "approved");
    // The one who fits both slots moves along for the one who fits only theirs.
    assert_eq!(word(&say(&review, 1, Approve, at(2)).unwrap()), "approved");
}

#[test]
fn an_earlier_approval_counts_only_while_its_giver_stands() {
    let two = [requirement("change", "dba", 2)];
    let review = say(&opened(&two), 1, Approve, at(1)).unwrap();
    let (mut people, dba) = (people(), standing_of(2, &["dba"]));
    people.insert(person(1), standing_of(1, &["sales"]));
    let verdict = verdict(person(2), Approve, &[]);
    let given = Given { verdict, reviewer: &dba, countersign: &allow(), people: &people };
    let review = moved(&review, review.handle_verdict(&given, at(2)).unwrap());
    assert_eq!((word(&review), review.state.verdicts.len()), ("pending", 2));
}

#[test]
fn a_verdict_is_kept_with_the_terms_of_the_case_whatever_it_came_with() {
    let other = [requirement("another", "dba", 1)];
    let dba = standing_of(1, &["dba"]);
    let given = Given {
        verdict: verdict(person(1), Approve, &other),
        reviewer: &dba,
        countersign: &allow(),
        people: &BTreeMap::new(),
    };
    let state = opened(&one_dba()).handle_verdict(&given, at(1)).unwrap();
    assert_eq!(state.verdicts[0].terms, [one_dba()[0].rule.hash]);
}

#[test]
fn a_review_holds_only_so_many_verdicts() {
    let mut review = opened(&[requirement("change", "dba", 2)]);
    let others = (100..).take(limit::VERDICTS).map(|number| verdict(person(number), Approve, &[]));
    review.state.verdicts = others.collect();
    let dba = standing_of(1, &["dba"]);
    let given = Given {
        verdict: verdict(person(1), Approve, &[]),
        reviewer: &dba,
        countersign: &allow(),
        people: &People::new(),
    };
    assert_eq!(review.handle_verdict(&given, at(1)), Err(NotCounted::Full));
}

#[test]
fn time_expires_what_is_pending_exactly_when_due() {
    let review = opened(&one_dba());
    assert!(review.handle_time(before(at(1800))).is_err());
    let review = moved(&review, review.handle_time(at(1800)).unwrap());
    assert_eq!(word(&review), "expired");
    assert_eq!((review.due_at(), review.handle_time(at(9999)).is_err()), (None, true));
}

#[test]
fn time_lapses_what_was_approved_and_not_claimed_exactly_when_due() {
    let review = approved(&one_dba(), &[1]);
    assert!(review.handle_time(before(at(610))).is_err());
    let review = moved(&review, review.handle_time(at(610)).unwrap());
    assert_eq!(word(&review), "lapsed");
    assert!(review.handle_time(at(9999)).is_err());
}

#[test]
fn time_does_nothing_to_what_was_claimed() {
    let review = claim(&approved(&one_dba(), &[1]), &one_dba(), &people(), at(20)).unwrap();
    assert_eq!(review.due_at(), None);
    assert!(review.handle_time(at(9999)).is_err());
}

#[test]
fn an_approval_is_claimed_once() {
    let review = claim(&approved(&one_dba(), &[1]), &one_dba(), &people(), at(20)).unwrap();
    assert_eq!(review.state.phase, Phase::Claimed { run: run(1), at: at(20) });
    assert_eq!(claim(&review, &one_dba(), &people(), at(21)), Err(NotCounted::NotApproved));
}

#[test]
fn nothing_pending_or_ended_is_claimed() {
    assert_eq!(claim(&opened(&one_dba()), &[], &people(), at(1)), Err(NotCounted::NotApproved));
    let rejected = say(&opened(&one_dba()), 1, Reject, at(1)).unwrap();
    assert_eq!(claim(&rejected, &[], &people(), at(2)), Err(NotCounted::NotApproved));
}

#[test]
fn only_the_presenter_that_waits_claims() {
    let review = approved(&one_dba(), &[1]);
    let (now, outstanding, people) = (at(20), one_dba(), people());
    let others = Claim { presenter: presenter(2), run: run(2), outstanding: &outstanding, people: &people };
    assert_eq!(review.handle_claim(&others, now), Err(NotCounted::Presented));
    let detached = moved(&review, review.handle_detach(presenter(1)).unwrap());
    assert_eq!(claim(&detached, &outstanding, &people, now), Err(NotCounted::Presented));
    let taken = moved(&detached, detached.handle_attach(presenter(2), node(1), now).unwrap());
    assert_eq!(claim(&taken, &outstanding, &people, now), Err(NotCounted::Presented));
    assert!(taken.handle_claim(&others, now).is_ok());
}

#[test]
fn a_claim_is_in_time_until_the_last_millisecond() {
    let review = approved(&one_dba(), &[1]);
    assert!(claim(&review, &one_dba(), &people(), before(at(610))).is_ok());
    assert_eq!(claim(&review, &one_dba(), &people(), at(610)), Err(NotCounted::Expired));
}

#[test]
fn a_claim_under_a_rule_with_another_text_is_not_satisfied() {
    let review = approved(&one_dba(), &[1]);
    let tightened = [rewritten(&one_dba()[0])];
    assert_eq!(claim(&review, &tightened, &people(), at(20)), Err(NotCounted::NotApproved));
}

#[test]
fn a_claim_is_judged_by_what_is_asked_now() {
    let review = approved(&one_dba(), &[1]);
    let more = [one_dba(), vec![requirement("loss", "security", 1)]].concat();
    assert_eq!(claim(&review, &more, &people(), at(20)), Err(NotCounted::NotApproved));
    let larger = [requirement("change", "dba", 2)];
    assert_eq!(claim(&review, &larger, &people(), at(20)), Err(NotCounted::NotApproved));
    assert!(claim(&review, &[], &people(), at(20)).is_ok(), "what policy allows by now needs nobody");
}

#[test]
fn a_claim_is_judged_by_how_its_approvers_stand_now() {
    let review = approved(&one_dba(), &[1]);
    let claim_with = |standing: Option<Standing>| {
        let people: People = standing.into_iter().map(|standing| (person(1), standing)).collect();
        claim(&review, &one_dba(), &people, at(20)).map(|_| ())
    };
    let mut revoked = standing_of(1, &["dba"]);
    revoked.active = false;
    assert_eq!(claim_with(Some(revoked)), Err(NotCounted::NotApproved));
    assert_eq!(claim_with(Some(standing_of(1, &["sales"]))), Err(NotCounted::NotApproved));
    assert_eq!(claim_with(None), Err(NotCounted::NotApproved));
    assert_eq!(claim_with(Some(standing_of(1, &["dba"]))), Ok(()));
}

#[test]
fn a_claim_never_counts_an_approval_from_the_lineage_even_if_the_store_holds_one() {
    let mut review = approved(&one_dba(), &[1]);
    review.state.verdicts = vec![verdict(person(0), Approve, &one_dba())];
    assert_eq!(claim(&review, &one_dba(), &people(), at(20)), Err(NotCounted::NotApproved));
}

#[test]
fn a_second_live_caller_of_the_same_node_does_not_attach() {
    let review = opened(&one_dba());
    assert_eq!(review.handle_attach(presenter(2), node(1), at(1)), Err(NotCounted::Presented));
    let detached = moved(&review, review.handle_detach(presenter(1)).unwrap());
    let taken = moved(&detached, detached.handle_attach(presenter(2), node(1), at(1)).unwrap());
    assert_eq!(taken.state.presenter, Presenter::Live { id: presenter(2), node: node(1) });
    assert_eq!(taken.handle_attach(presenter(1), node(1), at(2)), Err(NotCounted::Presented));
}

#[test]
fn after_the_node_was_started_again_a_caller_attaches_though_nobody_detached() {
    let review = approved(&one_dba(), &[1]);
    let state = review.handle_attach(presenter(2), node(2), at(20)).unwrap();
    assert_eq!(state.presenter, Presenter::Live { id: presenter(2), node: node(2) });
    assert_eq!(state.phase, review.state.phase);
}

#[test]
fn nobody_attaches_to_what_expired_lapsed_ended_or_was_claimed() {
    let attach = |review: &Review, now| review.handle_attach(presenter(2), node(2), now).unwrap_err();
    assert_eq!(attach(&opened(&one_dba()), at(1800)), NotCounted::Expired);
    let review = approved(&one_dba(), &[1]);
    assert_eq!(attach(&review, at(610)), NotCounted::Expired);
    let claimed = claim(&review, &one_dba(), &people(), at(20)).unwrap();
    assert_eq!(attach(&claimed, at(21)), NotCounted::Over("released"));
    let lapsed = moved(&review, review.handle_lapse("the rules changed", at(20)).unwrap());
    assert_eq!(attach(&lapsed, at(21)), NotCounted::Over("lapsed"));
}

#[test]
fn a_review_outlives_its_presenter_and_is_approved_meanwhile() {
    let review = opened(&one_dba());
    let review = moved(&review, review.handle_detach(presenter(1)).unwrap());
    assert_eq!((word(&review), review.state.presenter), ("pending", Presenter::Detached));
    let review = say(&review, 1, Approve, at(10)).unwrap();
    assert_eq!((word(&review), review.state.presenter), ("approved", Presenter::Detached));
}

#[test]
fn only_the_presenter_that_waits_is_detached() {
    let review = opened(&one_dba());
    assert_eq!(review.handle_detach(presenter(2)), Err(NotCounted::Presented));
    let detached = moved(&review, review.handle_detach(presenter(1)).unwrap());
    assert_eq!(detached.handle_detach(presenter(1)), Err(NotCounted::Presented));
    let claimed = claim(&approved(&one_dba(), &[1]), &one_dba(), &people(), at(20)).unwrap();
    assert_eq!(claimed.handle_detach(presenter(1)), Err(NotCounted::Presented));
}

#[test]
fn what_is_not_claimed_can_be_withdrawn_and_what_is_cannot() {
    let why = "the ticket is closed";
    for review in [opened(&one_dba()), approved(&one_dba(), &[1])] {
        let state = review.handle_withdraw(why, at(20)).unwrap();
        assert_eq!(state.phase, Phase::Ended { outcome: Outcome::Withdrawn, at: at(20), why: why.to_owned() });
        let withdrawn = moved(&review, state);
        assert_eq!(withdrawn.handle_withdraw(why, at(21)), Err(NotCounted::Over("withdrawn")));
        assert_eq!(claim(&withdrawn, &one_dba(), &people(), at(21)), Err(NotCounted::NotApproved));
    }
    let claimed = claim(&approved(&one_dba(), &[1]), &one_dba(), &people(), at(20)).unwrap();
    assert_eq!(claimed.handle_withdraw(why, at(21)), Err(NotCounted::Over("released")));
}

#[test]
fn a_review_is_read_back_as_it_was_written() {
    let review = claim(&approved(&one_dba(), &[1]), &one_dba(), &people(), at(20)).unwrap();
    let text = serde_json::to_string(&review).unwrap();
    assert_eq!(serde_json::from_str::<Review>(&text).unwrap(), review);
}

// From here on: random sequences against a naive model.

fn grant(uses: u32, until: u64) -> Option<Grant> {
    Some(Grant { uses, until: at(until) })
}

/// What the person `number` approves at 10 s, and grants beside.
fn grants(review: &Review, number: u8, grant: Option<Grant>) -> Result<Review, NotCounted> {
    let by = &people()[&person(number)];
    let verdict = Verdict { grant, ..verdict(person(number), Approve, &[]) };
    let given = Given { verdict, reviewer: by, countersign: &allow(), people: &earlier(review, &people()) };
    review.handle_verdict(&given, at(10)).map(|state| moved(review, state))
}

fn two_dbas() -> Vec<Requirement> {
    vec![requirement("change", "dba", 2)]
}

/// Approved with these grants by the DBAs 1 and 2, and claimed at 20 s.
fn granted(first: Option<Grant>, second: Option<Grant>) -> Review {
    let review = grants(&grants(&opened(&two_dbas()), 1, first).unwrap(), 2, second).unwrap();
    claim(&review, &two_dbas(), &people(), at(20)).unwrap()
}

/// The next use of a grant that was used `used` times, for the same action under these requirements.
fn next_use(review: &Review, used: u32, requirements: &[Requirement], now: u64) -> Option<Review> {
    let granted = Granted { review: review.clone(), used, people: people() };
    let live = Presenter::Live { id: presenter(2), node: node(1) };
    Review::open_under(&granted, case(requirements.to_vec(), at(now)), live, at(now))
}

#[test]
fn a_grant_is_what_all_who_approved_grant() {
    assert_eq!(granted(grant(5, 900), grant(3, 3600)).state.grant(), grant(3, 900));
    assert_eq!(granted(grant(5, 900), None).state.grant(), None);
    assert_eq!(granted(None, None).state.grant(), None);
    let unclaimed = grants(&opened(&one_dba()), 1, grant(5, 900)).unwrap();
    assert_eq!(unclaimed.state.grant(), None, "the run that was asked for comes first");
}

#[test]
fn a_grant_has_bounds_and_comes_with_an_approval() {
    let review = opened(&one_dba());
    for unbounded in [grant(0, 900), grant(1, 900), grant(101, 900), grant(5, 10), grant(5, 10 + 24 * 3600 + 1)] {
        assert_eq!(grants(&review, 1, unbounded), Err(NotCounted::Unbounded), "{unbounded:?}");
    }
    grants(&review, 1, grant(100, 10 + 24 * 3600)).unwrap();
    let by = &people()[&person(1)];
    let verdict = Verdict { grant: grant(5, 900), ..verdict(person(1), Reject, &[]) };
    let given = Given { verdict, reviewer: by, countersign: &allow(), people: &People::new() };
    assert_eq!(review.handle_verdict(&given, at(10)), Err(NotCounted::Unbounded));
}

#[test]
fn a_use_is_approved_by_the_grants_own_verdicts_and_grants_nothing_itself() {
    let review = granted(grant(3, 900), grant(3, 900));
    let second = next_use(&review, 1, &two_dbas(), 100).unwrap();
    assert_eq!(second.state.phase, Phase::Approved { at: at(100), claim_by: at(700) });
    assert_eq!(second.case.under, Some(Under { grant: review.case.id, number: 2 }));
    let claim_for = Claim { presenter: presenter(2), run: run(2), outstanding: &two_dbas(), people: &people() };
    let claimed = second.handle_claim(&claim_for, at(101)).unwrap();
    assert_eq!(claimed.grant(), None);
    // The end of the grant is the end of the time to claim.
    let last = next_use(&review, 2, &two_dbas(), 899).unwrap();
    assert_eq!(last.due_at(), Some(at(900)));
    assert_ne!(last.case.id, second.case.id);
    assert_eq!(next_use(&review, 1, &two_dbas(), 200).unwrap().case.id, second.case.id, "a use is opened once");
}

#[test]
fn a_grant_is_not_stretched() {
    let review = granted(grant(3, 900), grant(3, 900));
    assert!(next_use(&review, 2, &two_dbas(), 899).is_some());
    assert_eq!(next_use(&review, 3, &two_dbas(), 100), None, "more uses");
    assert_eq!(next_use(&review, 1, &two_dbas(), 900), None, "after its end");
    assert_eq!(next_use(&review, 1, &[rewritten(&two_dbas()[0])], 100), None, "other terms");
    assert_eq!(next_use(&review, 1, &[requirement("change", "dba", 3)], 100), None, "more people");
    let mut other = review.clone();
    other.case.digest = sha256(&[b"another action"]);
    assert_eq!(next_use(&other, 1, &two_dbas(), 100), None, "another action");
    let mut gone = people();
    gone.get_mut(&person(2)).unwrap().active = false;
    let granted = Granted { review, used: 1, people: gone };
    let live = Presenter::Live { id: presenter(2), node: node(1) };
    assert_eq!(Review::open_under(&granted, case(two_dbas(), at(100)), live, at(100)), None, "by people who left");
}

#[test]
fn a_rejection_ends_a_grant_and_nothing_else_moves_a_claimed_review() {
    let review = granted(grant(3, 900), grant(3, 900));
    assert_eq!(say(&review, 0, Reject, at(30)), Err(NotCounted::InLineage));
    assert_eq!(say(&review, 4, Reject, at(30)), Err(NotCounted::NotEntitled));
    assert_eq!(say(&review, 1, Approve, at(30)), Err(NotCounted::Over("released")));
    let ended = say(&review, 1, Reject, at(30)).unwrap();
    assert_eq!((ended.state.grant(), word(&ended)), (None, "claimed"));
    assert_eq!(next_use(&ended, 1, &two_dbas(), 100), None);
    assert_eq!(say(&ended, 2, Reject, at(31)), Err(NotCounted::Over("released")));
    let ungranted = granted(None, None);
    assert_eq!(say(&ungranted, 1, Reject, at(30)), Err(NotCounted::Over("released")));
}

/// One thing that happens to a review, or around it.
#[derive(Debug, Clone)]
enum Event {
    /// Somebody answers; `allowed` is what policy says of their countersigning.
    Verdict {
        who: usize,
        kind: VerdictKind,
        allowed: bool,
    },
    Attach {
        presenter: u8,
        node: u8,
    },
    Detach {
        presenter: u8,
    },
    /// Claims; where the rules are not met any more, the approval lapses.
    Claim {
        presenter: u8,
    },
    Withdraw,
    /// Whatever is due by now.
    Tick,
    /// The clock moves, perhaps backwards, by milliseconds.
    Clock(i64),
    /// Policy asks for something else from now on.
    Rules(usize),
    Regroup {
        who: usize,
        groups: usize,
    },
    Revoke {
        who: usize,
    },
    Restore {
        who: usize,
    },
}

/// Everything around the review, as plain data.
#[derive(Debug, Clone)]
struct Scene {
    now: u64,
    /// Five people, of whom 0 is in the lineage, and the agent itself, last.
    members: Vec<Member>,
    /// What was asked when it was opened: rule with revision, group, quorum.
    asked: Vec<Asked>,
    /// What is asked now.
    outstanding: Vec<Asked>,
}

#[derive(Debug, Clone)]
struct Member {
    groups: &'static [&'static str],
    active: bool,
}

type Asked = (&'static str, &'static str, u32);

const LINEAGE: usize = 0;
const AGENT: usize = 5;
const OPENED_AT: u64 = 10_000_000;
const GROUPS: [&[&str]; 4] = [&["dba"], &["dba", "security"], &["security"], &["sales"]];
/// The first three are also terms that a review opens with.
const RULES: [&[Asked]; 7] = [
    &[("change v1", "dba", 1)],
    &[("change v1", "dba", 2)],
    &[("change v1", "dba", 1), ("loss v1", "security", 1)],
    &[("change v2", "dba", 1)],
    &[("change v1", "dba", 1), ("new v1", "security", 1)],
    &[("change v1", "security", 1)],
    &[],
];

impl Scene {
    fn new(terms: usize) -> Self {
        let groups = [&["dba", "security"], GROUPS[0], GROUPS[1], GROUPS[2], GROUPS[3], GROUPS[1]];
        let members = groups.map(|groups| Member { groups, active: true });
        let asked = RULES[terms].to_vec();
        Self { now: OPENED_AT, members: members.into(), outstanding: asked.clone(), asked }
    }

    /// Whether the event was one of the surroundings.
    fn happens(&mut self, event: &Event) -> bool {
        match event {
            Event::Clock(by) => self.now = self.now.saturating_add_signed(*by),
            Event::Rules(number) => self.outstanding = RULES[*number].to_vec(),
            Event::Regroup { who, groups } => self.members[*who].groups = GROUPS[*groups],
            Event::Revoke { who } => self.members[*who].active = false,
            Event::Restore { who } => self.members[*who].active = true,
            Event::Verdict { .. }
            | Event::Attach { .. }
            | Event::Detach { .. }
            | Event::Claim { .. }
            | Event::Withdraw
            | Event::Tick => return false,
        }
        true
    }

    fn standing(&self, who: usize) -> Standing {
        let member = &self.members[who];
        let mut standing = if who == AGENT {
            agent_standing(member.groups)
        } else {
            standing_of(u8::try_from(who).unwrap(), member.groups)
        };
        standing.active = member.active;
        standing
    }

    fn people(&self) -> People {
        (0..=AGENT).map(|who| self.standing(who)).map(|standing| (standing.actor.principal.id, standing)).collect()
    }

    fn review(&self) -> Review {
        let case = case(requirements(&self.asked), Timestamp::from_millis(OPENED_AT));
        Review::open(case, Presenter::Live { id: presenter(1), node: node(1) })
    }
}

fn requirements(asked: &[Asked]) -> Vec<Requirement> {
    asked.iter().map(|(rule, group, quorum)| requirement(rule, group, *quorum)).collect()
}

/// The real machine's answer.
fn answer(review: &Review, event: &Event, scene: &Scene) -> Result<ReviewState, NotCounted> {
    let now = Timestamp::from_millis(scene.now);
    match event {
        Event::Verdict { who, kind, allowed } => {
            let reviewer = scene.standing(*who);
            let countersign = if *allowed { allow() } else { Decision::Deny(DenyReason::Forbidden, explained()) };
            let verdict = verdict(reviewer.actor.principal.id, *kind, &[]);
            let people = earlier(review, &scene.people());
            let given = Given { verdict, reviewer: &reviewer, countersign: &countersign, people: &people };
            review.handle_verdict(&given, now)
        }
        Event::Attach { presenter: id, node: life } => review.handle_attach(presenter(*id), node(*life), now),
        Event::Detach { presenter: id } => review.handle_detach(presenter(*id)),
        Event::Claim { presenter: id } => {
            let (outstanding, people) = (requirements(&scene.outstanding), scene.people());
            let claim = Claim { presenter: presenter(*id), run: run(1), outstanding: &outstanding, people: &people };
            match review.handle_claim(&claim, now) {
                Err(NotCounted::NotApproved) if matches!(review.state.phase, Phase::Approved { .. }) => {
                    review.handle_lapse("the rules changed", now)
                }
                answer => answer,
            }
        }
        Event::Withdraw => review.handle_withdraw("taken back", now),
        Event::Tick => review.handle_time(now),
        Event::Clock(_) | Event::Rules(_) | Event::Regroup { .. } | Event::Revoke { .. } | Event::Restore { .. } => {
            Err(NotCounted::NotApproved)
        }
    }
}

/// The naive model: what a review is, said as plainly as possible.
#[derive(Debug, Clone)]
struct Naive {
    phase: &'static str,
    claim_by: u64,
    said: Vec<(usize, VerdictKind)>,
    /// Presenter and node.
    live: Option<(u8, u8)>,
    version: u64,
    claims: u32,
}

impl Naive {
    fn new() -> Self {
        Self { phase: "pending", claim_by: 0, said: Vec::new(), live: Some((1, 1)), version: 1, claims: 0 }
    }

    /// Whether the event changes it; if so, it does.
    fn takes(&mut self, event: &Event, scene: &Scene) -> bool {
        let open = self.phase == "pending" && scene.now < OPENED_AT + 1_800_000;
        let claimable = self.phase == "approved" && scene.now < self.claim_by;
        let held = self.phase == "pending" || self.phase == "approved";
        let taken = match event {
            Event::Verdict { who, kind, allowed } => {
                open && *allowed && may_review(*who, scene) && !self.said.contains(&(*who, *kind)) && {
                    self.said.push((*who, *kind));
                    self.settle(*kind, scene);
                    true
                }
            }
            Event::Attach { presenter, node } => {
                let free = self.live.is_none_or(|(_, living)| living != *node);
                (open || claimable) && free && {
                    self.live = Some((*presenter, *node));
                    true
                }
            }
            Event::Detach { presenter } => {
                held && self.live.is_some_and(|(id, _)| id == *presenter) && {
                    self.live = None;
                    true
                }
            }
            Event::Claim { presenter } => {
                claimable && self.live.is_some_and(|(id, _)| id == *presenter) && {
                    let met = self.met(&scene.outstanding, scene);
                    self.phase = if met { "claimed" } else { "lapsed" };
                    self.claims += u32::from(met);
                    true
                }
            }
            Event::Withdraw => self.turns(held, "withdrawn"),
            Event::Tick if self.phase == "approved" => self.turns(!claimable, "lapsed"),
            Event::Tick => self.turns(self.phase == "pending" && !open, "expired"),
            Event::Clock(_)
            | Event::Rules(_)
            | Event::Regroup { .. }
            | Event::Revoke { .. }
            | Event::Restore { .. } => false,
        };
        self.version += u64::from(taken);
        taken
    }

    fn turns(&mut self, due: bool, phase: &'static str) -> bool {
        if due {
            self.phase = phase;
        }
        due
    }

    fn settle(&mut self, kind: VerdictKind, scene: &Scene) {
        if kind == Reject {
            self.phase = "rejected";
        } else if self.met(&scene.asked, scene) {
            self.phase = "approved";
            self.claim_by = scene.now + 600_000;
        }
    }

    /// Is there a choice of one person for each slot, nobody chosen twice, everybody fit for theirs?
    fn met(&self, rules: &[Asked], scene: &Scene) -> bool {
        let slots: Vec<&Asked> = rules.iter().flat_map(|rule| vec![rule; rule.2 as usize]).collect();
        let fits = |who: usize, (rule, group, _): &Asked| {
            self.said.contains(&(who, Approve))
                && who != LINEAGE
                && who != AGENT
                && scene.members[who].active
                && scene.members[who].groups.contains(group)
                && scene.asked.iter().any(|(seen, _, _)| seen == rule)
        };
        (0..6_usize.pow(u32::try_from(slots.len()).unwrap())).any(|code| {
            let chosen: Vec<usize> = (0..slots.len()).map(|slot| code / 6_usize.pow(slot as u32) % 6).collect();
            let distinct = chosen.iter().all(|who| chosen.iter().filter(|other| *other == who).count() == 1);
            distinct && chosen.iter().zip(&slots).all(|(who, slot)| fits(*who, slot))
        })
    }

    fn is_over(&self) -> bool {
        self.phase != "pending" && self.phase != "approved"
    }
}

fn may_review(who: usize, scene: &Scene) -> bool {
    let asked = scene.asked.iter().any(|(_, group, _)| scene.members[who].groups.contains(group));
    who != LINEAGE && who != AGENT && scene.members[who].active && asked
}

/// Inputs to the review.
fn inputs() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![9 => Just(Approve), 1 => Just(Reject)];
    let verdict = (0..=AGENT, kind, prop::bool::weighted(0.9));
    prop_oneof![
        8 => verdict.prop_map(|(who, kind, allowed)| Event::Verdict { who, kind, allowed }),
        2 => (1_u8..4, 1_u8..3).prop_map(|(presenter, node)| Event::Attach { presenter, node }),
        2 => (1_u8..4).prop_map(|presenter| Event::Detach { presenter }),
        4 => (1_u8..4).prop_map(|presenter| Event::Claim { presenter }),
        1 => Just(Event::Withdraw),
        2 => Just(Event::Tick),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    let steps = [1, 1000, 60_000, 599_999, 600_000, 1_799_999, 1_800_000, -1, -60_000, -700_000];
    let (clock, who) = (prop::sample::select(steps.to_vec()), 0..=AGENT);
    prop_oneof![
        12 => inputs(),
        2 => clock.prop_map(Event::Clock),
        1 => (0..RULES.len()).prop_map(Event::Rules),
        1 => (who.clone(), 0..GROUPS.len()).prop_map(|(who, groups)| Event::Regroup { who, groups }),
        1 => who.clone().prop_map(|who| Event::Revoke { who }),
        1 => who.prop_map(|who| Event::Restore { who }),
    ]
}

/// Plays `events` to both and compares after each; gives both as they stand then.
fn play(terms: usize, events: &[Event]) -> Result<(Review, Naive, Scene), TestCaseError> {
    let mut scene = Scene::new(terms);
    let (mut review, mut naive) = (scene.review(), Naive::new());
    for event in events {
        if scene.happens(event) {
            continue;
        }
        let before = naive.clone();
        let answer = answer(&review, event, &scene);
        let taken = naive.takes(event, &scene);
        prop_assert_eq!(answer.is_ok(), taken, "{:?} gave {:?} in {:?}", event, answer, before);
        prop_assert!(!(before.is_over() && taken), "what is over moved by {event:?}: {before:?}");
        if let Event::Verdict { who: LINEAGE, .. } = event {
            prop_assert_eq!(&answer, &Err(NotCounted::InLineage));
        }
        if let Ok(state) = answer {
            prop_assert_eq!(state.version, review.state.version + 1);
            review.state = state;
        }
        compare(&review, &naive)?;
        let met = naive.met(&scene.outstanding, &scene);
        prop_assert!(word(&review) != "claimed" || !taken || met, "claimed, and not met");
        prop_assert!(naive.claims <= 1);
        if let (Event::Verdict { kind: Reject, .. }, true) = (event, taken) {
            prop_assert_eq!(word(&review), "rejected");
        }
    }
    Ok((review, naive, scene))
}

fn compare(review: &Review, naive: &Naive) -> Result<(), TestCaseError> {
    prop_assert_eq!(word(review), naive.phase);
    prop_assert_eq!(review.state.version, naive.version);
    prop_assert_eq!(review.state.verdicts.len(), naive.said.len());
    let live = naive.live.map(|(id, life)| Presenter::Live { id: presenter(id), node: node(life) });
    prop_assert_eq!(review.state.presenter, live.unwrap_or(Presenter::Detached));
    if let Phase::Approved { claim_by, .. } = review.state.phase {
        prop_assert_eq!(claim_by.as_millis(), naive.claim_by);
    }
    Ok(())
}

/// The store: swaps only the version that was read.
fn swapped(stored: &mut Review, state: &ReviewState) -> bool {
    let is_next = state.version == stored.state.version + 1;
    if is_next {
        stored.state = state.clone();
    }
    is_next
}

proptest! {
    #[test]
    fn any_sequence_of_inputs_does_what_the_naive_model_does(
        terms in 0_usize..3,
        events in prop::collection::vec(events(), 1..40),
    ) {
        play(terms, &events)?;
    }

    #[test]
    fn of_two_inputs_worked_out_from_one_state_exactly_one_is_applied(
        terms in 0_usize..3,
        events in prop::collection::vec(events(), 0..12),
        pair in [inputs(), inputs()],
    ) {
        let (base, _, scene) = play(terms, &events)?;
        let answers = pair.clone().map(|event| answer(&base, &event, &scene).ok());
        for order in [[0, 1], [1, 0]] {
            let mut stored = base.clone();
            let won = order.map(|at| answers[at].as_ref().is_some_and(|state| swapped(&mut stored, state)));
            let accepted = answers.iter().flatten().count();
            prop_assert_eq!(won.iter().filter(|won| **won).count(), accepted.min(1));
            let winner = order.iter().find_map(|at| answers[*at].as_ref());
            prop_assert_eq!(&stored.state, winner.unwrap_or(&base.state));
            let again = answer(&stored, &pair[order[1]], &scene);
            let is_claimed = word(&stored) == "claimed";
            prop_assert!(!is_claimed || again.is_err());
        }
    }
}

#[test]
fn the_random_sequences_come_to_every_end() {
    let mut runner = TestRunner::deterministic();
    let strategy = (0_usize..3, prop::collection::vec(events(), 1..40));
    let mut ends: BTreeMap<&'static str, u32> = BTreeMap::new();
    for _ in 0..300 {
        let (terms, events) = strategy.new_tree(&mut runner).unwrap().current();
        let (review, ..) = play(terms, &events).unwrap();
        *ends.entry(word(&review)).or_default() += 1;
    }
    let all = ["approved", "claimed", "expired", "lapsed", "pending", "rejected", "withdrawn"];
    assert!(ends.keys().copied().eq(all) && ends.values().all(|times| *times >= 5), "{ends:?}");
}

#[test]
fn a_rejection_counts_even_when_the_review_holds_as_many_verdicts_as_it_may() {
    let both = [requirement("change", "dba", 1), requirement("loss", "security", 1)];
    let mut review = opened(&both);
    let dba = |number: u8| standing_of(number, &["dba"]);
    for number in 10..74 {
        let mut all = people();
        all.extend((10..74).map(|n| (person(n), dba(n))));
        let given = Given {
            verdict: verdict(person(number), Approve, &[]),
            reviewer: &dba(number),
            countersign: &allow(),
            people: &all,
        };
        review = moved(&review, review.handle_verdict(&given, at(1)).unwrap());
    }
    assert_eq!(review.state.verdicts.len(), 64);
    let all = (10..74).map(|n| (person(n), dba(n))).collect();
    let given =
        Given { verdict: verdict(person(99), Reject, &[]), reviewer: &dba(99), countersign: &allow(), people: &all };
    assert_eq!(word(&moved(&review, review.handle_verdict(&given, at(2)).unwrap())), "rejected");
}

#[test]
fn the_actor_itself_gives_no_verdict_though_its_lineage_forgot_it() {
    let mut case = case(one_dba(), at(0));
    case.action.actor.principal = standing_of(1, &[]).actor.principal;
    let review = Review::open(case, Presenter::Detached);
    assert_eq!(say(&review, 1, Approve, at(1)), Err(NotCounted::InLineage));
}

#[test]
fn a_verdict_under_another_standing_does_not_count() {
    let dba = standing_of(1, &["dba"]);
    let given =
        Given { verdict: verdict(person(4), Approve, &[]), reviewer: &dba, countersign: &allow(), people: &people() };
    let counted = opened(&one_dba()).handle_verdict(&given, at(1)).unwrap();
    assert_eq!(counted.verdicts[0].reviewer, person(1), "who proved to be somebody is who gave the verdict");
}

#[test]
fn what_was_claimed_does_not_lapse() {
    let claimed = claim(&approved(&one_dba(), &[1]), &one_dba(), &people(), at(20)).unwrap();
    assert_eq!(claimed.handle_lapse("x", at(21)), Err(NotCounted::NotApproved));
}
