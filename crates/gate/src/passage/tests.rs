//! The passage, driven by hand through a [`World`] in memory: which steps come in which order, what ends in a clearance
//! and what in a refusal, and that nothing is forwarded when facts, people, log or store fail it.

use super::*;
use crate::testing::{Failure, OPENING, RULES, World, change, node, person, presented, run, target};
use crate::{Claim, Presenter, RefusalKind};
use model::{Duration, Lineage, Outcome, Purpose, TargetVersion, Verb, VerdictKind, limit, sha256};
use serde_json::json;

const RELEASE: [&str; 5] = ["refresh review", "persist claimed", "record released", "persist run", "forward"];

#[test]
fn an_allowed_plain_read_is_forwarded_before_it_is_written_and_its_answer_is_sealed_until_then() {
    let mut world = World::new();
    let read = presented(Verb::SqlSelect, "customers");
    assert_eq!(world.tell(read.clone()), ["record statement", "record decision", "record execute", "forward"]);
    let clearance = world.cleared.pop().unwrap();
    assert_eq!(clearance.run(), None);
    let (payload, forwarded) = clearance.spend();
    assert_eq!(payload, read.payload);
    let sealed = forwarded.seal("rows").open().unwrap_err();
    assert_eq!(sealed.waits_for(), Some(2));
    world.write();
    assert_eq!(sealed.open().ok(), Some("rows"));
}

#[test]
fn an_allowed_write_is_forwarded_only_when_its_record_is_durable() {
    let mut world = World::new();
    world.present(presented(Verb::SqlUpdate, "notes"));
    world.run_until("record execute");
    let Some(Step::Record(entry, need)) = world.next.take() else { panic!("not a record") };
    assert_eq!(need, Need::Recorded);
    let place = world.stage(&entry);
    world.waits();
    world.write();
    let place = place.recorded().unwrap_err();
    world.waits();
    world.sync();
    world.passage.handle_recorded(&place.recorded().unwrap(), Epoch(1));
    assert_eq!(world.peek().as_deref(), Some("forward"));
    world.step();
    let (payload, forwarded) = world.cleared.pop().unwrap().spend();
    assert_eq!(payload, presented(Verb::SqlUpdate, "notes").payload);
    assert_eq!(forwarded.seal("done").open().ok(), Some("done"));
}

#[test]
fn a_plain_read_mixed_with_a_write_is_no_plain_read() {
    let mut world = World::new();
    let mut mixed = presented(Verb::SqlSelect, "notes");
    let mut statement = (*mixed.statement).clone();
    statement.operations.extend(presented(Verb::SqlUpdate, "notes").statement.operations.clone());
    mixed.statement_digest = statement.digest();
    mixed.statement = Arc::new(statement);
    world.present(mixed);
    world.run_until("record execute");
    assert!(matches!(world.next, Some(Step::Record(_, Need::Recorded))));
}

#[test]
fn a_denial_is_told_only_when_its_record_is_written() {
    let mut world = World::new();
    world.present(presented(Verb::SqlDrop, "customers"));
    assert_eq!(world.peek().as_deref(), Some("record refused"));
    let Some(Step::Record(entry, need)) = world.next.take() else { panic!("not a record") };
    assert_eq!(need, Need::Written);
    let place = world.stage(&entry).written().unwrap_err();
    world.waits();
    world.write();
    world.passage.handle_refusal_written(&place.written().unwrap());
    assert_eq!(world.story(), ["refuse denied"]);
    assert!(world.refusal().decided.contains("`no-drop` (Agents drop nothing)"), "{:?}", world.refusal());
}

#[test]
fn what_nothing_grants_is_denied() {
    let mut world = World::new();
    assert_eq!(world.tell(presented(Verb::SqlCreate, "t")), ["record refused", "refuse denied"]);
    assert!(world.refusal().message.contains("no rule grants `sql.create`"), "{:?}", world.refusal());
    world.facts.standing.active = false;
    world.moved_on();
    let story = world.tell(presented(Verb::SqlSelect, "t"));
    assert_eq!(story, ["refresh bearing", "record refused", "refuse denied"]);
}

#[test]
fn a_review_is_recorded_then_stored_then_asked_about() {
    let mut world = World::new();
    world.present(change());
    world.run_until("ask");
    let Some(Step::Ask { review, code, expires_at, presenter, groups }) = &world.next else { panic!("not a question") };
    let stored = &world.store[review];
    assert_eq!(*code, stored.case.code());
    assert_eq!(*expires_at, world.now.after(Duration::from_secs(20 * 60)));
    assert_eq!(stored.state.presenter, Presenter::Live { id: *presenter, node: node(1) });
    assert_eq!(groups.iter().map(|group| group.as_str()).collect::<Vec<_>>(), ["dba"]);
    assert_eq!(stored.case.reason, "the ticket says so");
    assert_eq!(stored.case.action.statement, *change().statement);
    assert_eq!(stored.case.digest, stored.case.action.digest());
    assert_eq!(world.story(), OPENING);
    assert!(world.cleared.is_empty());
}

#[test]
fn a_reason_of_any_length_is_cut_to_its_limit_between_characters() {
    let mut world = World::new();
    let reason = format!("x{}", "é".repeat(limit::REASON_BYTES));
    assert_eq!(world.tell(Presented { reason: reason.clone(), ..change() }), OPENING);
    let kept = &world.review().case.reason;
    assert_eq!(kept.len(), limit::REASON_BYTES - 1);
    assert!(reason.starts_with(kept.as_str()));
}

#[test]
fn an_approved_action_is_claimed_recorded_stored_and_forwarded_to_the_byte() {
    let mut world = World::approved();
    assert_eq!(world.wake(), RELEASE);
    let clearance = world.cleared.pop().unwrap();
    let Phase::Claimed { run, .. } = world.review().state.phase else { panic!("not claimed") };
    assert_eq!((clearance.run(), clearance.digest()), (Some(run), &world.review().case.digest));
    assert_eq!(world.runs, [run]);
    let (payload, forwarded) = clearance.spend();
    assert_eq!(payload, change().payload);
    assert_eq!(forwarded.seal("done").open().ok(), Some("done"));
}

#[test]
fn what_is_still_pending_is_asked_about_again_and_not_run() {
    let mut world = World::holding();
    assert_eq!(world.wake(), ["refresh review", "ask"]);
    world.say(1, VerdictKind::Approve);
    assert_eq!(world.wake(), RELEASE);
}

#[test]
fn one_approval_is_one_run() {
    let mut world = World::approved();
    assert_eq!(world.wake(), RELEASE);
    assert_eq!(world.wake(), Vec::<String>::new());
    let first = world.review().case.id;
    assert_eq!(world.tell(change()), OPENING);
    assert_ne!(world.review().case.id, first);
    assert_eq!(world.cleared.len(), 1);
}

#[test]
fn a_claim_that_is_lost_never_forwards() {
    let mut world = World::approved();
    world.passage.handle_wake(Arc::clone(&world.state), None);
    world.run_until("persist claimed");
    world.withdraw();
    assert_eq!(world.story(), ["refresh review", "persist claimed", "refresh review", "refuse withdrawn"]);
    assert!(world.cleared.is_empty() && world.runs.is_empty());
}

#[test]
fn who_finds_the_approval_claimed_by_another_does_not_run_it_again() {
    let mut world = World::approved();
    world.passage.handle_wake(Arc::clone(&world.state), None);
    world.run_until("persist claimed");
    let (people, presenter) = (world.people.clone(), world.asked.unwrap().1);
    let twin = Claim { presenter, run: run(9), outstanding: &[], people: &people };
    world.moves(|review, now| review.handle_claim(&twin, now));
    assert_eq!(world.story(), ["refresh review", "persist claimed", "refresh review", "refuse lapsed"]);
    assert!(world.cleared.is_empty() && world.runs.is_empty());
}

#[test]
fn a_rejection_is_told_as_a_rejection() {
    let mut world = World::holding();
    world.say(2, VerdictKind::Reject);
    assert_eq!(world.wake(), ["refresh review", "refuse rejected"]);
    let code = world.review().case.code();
    assert_eq!(world.refusal().message, format!("review {code} ended: rejected: rejected by p2"));
    assert_eq!(world.refusal().review, Some((world.review().case.id, code)));
}

#[test]
fn a_time_out_is_told_as_a_time_out() {
    let mut world = World::holding();
    world.later(20 * 60);
    world.moves(Review::handle_time);
    assert_eq!(world.wake(), ["refresh review", "refuse expired"]);
}

#[test]
fn an_approval_claimed_too_late_is_told_as_lapsed_whoever_notices() {
    let mut world = World::approved();
    world.later(600);
    assert_eq!(world.wake(), ["refresh review", "refuse lapsed"]);
    let mut world = World::approved();
    world.later(600);
    world.moves(Review::handle_time);
    assert_eq!(world.wake(), ["refresh review", "refuse lapsed"]);
    assert!(world.cleared.is_empty());
}

#[test]
fn a_withdrawal_is_told_as_withdrawn() {
    let mut world = World::holding();
    world.withdraw();
    assert_eq!(world.wake(), ["refresh review", "refuse withdrawn"]);
}

const DRIFTED: [&str; 3] = ["refresh review", "record refused", "refuse drifted"];

#[test]
fn session_state_that_drifted_refuses_and_is_named() {
    let mut world = World::approved();
    let mut state = (*world.state).clone();
    state.0.insert("search_path".to_owned(), "evil, public".to_owned());
    world.state = Arc::new(state);
    assert_eq!(world.wake(), DRIFTED);
    let told = &world.refusal().message;
    assert!(told.ends_with(": search_path: public -> evil, public"), "{told}");
    assert!(world.cleared.is_empty());
}

#[test]
fn a_name_that_means_something_else_by_now_refuses_and_is_named() {
    let mut world = World::approved();
    let identity = "oid 99 xmin 900".to_owned();
    world.bound = Some(vec![Bound { name: "table public.customers".to_owned(), identity }]);
    assert_eq!(world.wake(), DRIFTED);
    let told = &world.refusal().message;
    assert!(told.contains(": table public.customers is no longer oid 16402 xmin 741"), "{told}");
    assert!(told.ends_with("; table public.customers is now oid 99 xmin 900"), "{told}");
}

#[test]
fn names_that_mean_the_same_do_not_drift() {
    let mut world = World::approved();
    world.bound = Some(change().statement.bound.clone());
    assert_eq!(world.wake(), RELEASE);
}

#[test]
fn a_target_or_lineage_that_changed_refuses_and_is_named() {
    let mut world = World::approved();
    let mut moved = target();
    moved.version = TargetVersion(sha256(&[b"elsewhere"]));
    world.facts.target = Arc::new(moved);
    world.moved_on();
    assert_eq!(world.wake(), DRIFTED);
    assert!(world.refusal().message.ends_with(": the target's configuration changed"), "{:?}", world.refusal());
    let mut world = World::approved();
    world.facts.standing.actor.lineage = Lineage::of([person(0), person(1)]);
    world.moved_on();
    assert_eq!(world.wake(), DRIFTED);
    assert!(world.refusal().message.ends_with(": the actor or its lineage changed"), "{:?}", world.refusal());
}

const LAPSE: [&str; 3] = ["refresh review", "record review-ended", "persist lapsed"];

#[test]
fn rules_tightened_while_held_lapse_the_approval_and_open_another_review() {
    let mut world = World::approved();
    let first = world.review().case.id;
    let tight = RULES.replace("@review(\"dba\")", "@review(\"dba\") @quorum(\"2\")");
    world.rules(&tight);
    assert_eq!(world.wake(), [&LAPSE[..], &OPENING].concat());
    assert_ne!(world.review().case.id, first);
    assert!(matches!(world.store[&first].state.phase, Phase::Ended { outcome: Outcome::Lapsed, .. }));
    world.say(1, VerdictKind::Approve);
    assert_eq!(world.wake(), ["refresh review", "ask"]);
    world.say(2, VerdictKind::Approve);
    assert_eq!(world.wake(), RELEASE);
    assert_eq!(world.cleared.pop().unwrap().spend().0, change().payload);
}

#[test]
fn an_approver_revoked_meanwhile_lapses_the_approval() {
    let mut world = World::approved();
    world.people.get_mut(&person(1)).unwrap().active = false;
    assert_eq!(world.wake(), [&LAPSE[..], &OPENING].concat());
    assert!(world.cleared.is_empty());
}

#[test]
fn rules_that_allow_it_by_now_release_what_was_approved() {
    let mut world = World::approved();
    world.rules(&RULES.replace("\"notes\"", "\"customers\""));
    assert_eq!(world.wake(), RELEASE);
}

#[test]
fn what_is_denied_by_now_is_not_forwarded_though_it_was_approved() {
    let mut world = World::approved();
    let drop_rule = RULES.replace("action == Action::\"sql.drop\"", "action in Action::\"write\"");
    world.rules(&drop_rule);
    assert_eq!(world.wake(), [&LAPSE[..], &["record refused", "refuse denied"]].concat());
    assert!(world.cleared.is_empty());
}

#[test]
fn an_actor_revoked_while_held_runs_nothing() {
    let mut world = World::approved();
    world.facts.standing.active = false;
    world.moved_on();
    assert_eq!(world.wake(), [&LAPSE[..], &["record refused", "refuse denied"]].concat());
    assert!(world.refusal().message.contains("revoked"), "{:?}", world.refusal());
    assert!(world.cleared.is_empty() && world.runs.is_empty());
}

#[test]
fn a_lapse_that_somebody_else_forestalled_looks_again() {
    let mut world = World::approved();
    world.rules(&RULES.replace("@review(\"dba\")", "@review(\"security\")"));
    world.passage.handle_wake(Arc::clone(&world.state), None);
    world.run_until("persist lapsed");
    world.withdraw();
    assert_eq!(world.story(), [&LAPSE[..], &["refresh review", "refuse withdrawn"]].concat());
}

#[test]
fn facts_that_changed_between_decision_and_record_are_decided_on_again_before_any_byte() {
    let mut world = World::new();
    world.present(presented(Verb::SqlSelect, "notes"));
    world.run_until("record execute");
    world.rules(&RULES.replace("[Action::\"read\", Action::\"write\"]", "Action::\"write\""));
    let records = ["record statement", "record decision", "record execute"];
    assert_eq!(world.story(), [&records[..], &["refresh bearing", "record refused", "refuse denied"]].concat());
    assert!(world.cleared.is_empty());
}

#[test]
fn what_is_allowed_by_the_changed_facts_too_is_forwarded_under_a_decision_of_its_own() {
    let mut world = World::new();
    world.present(presented(Verb::SqlSelect, "notes"));
    world.run_until("record execute");
    world.moved_on();
    world.step();
    world.seen.clear();
    assert_eq!(world.story(), ["refresh bearing", "record decision", "record execute", "forward"]);
}

#[test]
fn an_action_under_stale_facts_is_decided_under_fresh_ones() {
    let mut world = World::new();
    world.rules(&RULES.replace("Action::\"sql.drop\"", "Action::\"sql.select\""));
    let story = world.tell(presented(Verb::SqlSelect, "notes"));
    assert_eq!(story, ["refresh bearing", "record refused", "refuse denied"]);
}

#[test]
fn what_people_need_not_answer_by_the_facts_read_for_asking_is_not_asked() {
    let mut world = World::new();
    world.present(change());
    world.run_until("refresh opening");
    world.rules(&RULES.replace("\"notes\"", "\"customers\""));
    let story = world.story();
    assert_eq!(story, ["refresh opening", "record statement", "record decision", "record execute", "forward"]);
}

#[test]
fn the_same_action_of_the_same_actor_attaches_to_the_review_that_nobody_waits_for() {
    let mut world = World::holding();
    let first = world.asked.unwrap();
    world.leave();
    assert_eq!(world.tell(change()), ["refresh opening", "record presenter", "persist pending", "ask"]);
    let second = world.asked.unwrap();
    assert!(first.0 == second.0 && first.1 != second.1);
    assert_eq!(world.store.len(), 1);
    world.say(1, VerdictKind::Approve);
    assert_eq!(world.wake(), RELEASE);
}

#[test]
fn attaching_to_what_was_approved_meanwhile_releases_it_at_once() {
    let mut world = World::holding();
    world.leave();
    world.say(1, VerdictKind::Approve);
    let attach = ["refresh opening", "record presenter", "persist approved"];
    assert_eq!(world.tell(change()), [&attach[..], &RELEASE].concat());
    assert_eq!(world.cleared.pop().unwrap().spend().0, change().payload);
}

#[test]
fn an_attachment_that_somebody_forestalled_looks_again() {
    let mut world = World::holding();
    world.leave();
    world.present(change());
    world.run_until("persist pending");
    world.say(1, VerdictKind::Approve);
    let lost = ["refresh opening", "record presenter", "persist pending"];
    let again = ["refresh opening", "record presenter", "persist approved"];
    assert_eq!(world.story(), [&lost[..], &again, &RELEASE].concat());
}

#[test]
fn another_action_does_not_attach() {
    let mut world = World::holding();
    world.leave();
    let mut other = change();
    Arc::make_mut(&mut other.state).0.insert("search_path".to_owned(), "evil".to_owned());
    assert_eq!(world.tell(other), OPENING);
    assert_eq!(world.store.len(), 2);
}

#[test]
fn while_somebody_waits_the_same_action_opens_a_review_of_its_own() {
    let mut world = World::holding();
    let first = world.asked.unwrap().0;
    world.connect();
    assert_eq!(world.tell(change()), OPENING);
    assert_ne!(world.asked.unwrap().0, first);
    assert_eq!(world.store.len(), 2);
}

#[test]
fn who_is_gone_runs_nothing_though_it_is_approved() {
    let mut world = World::approved();
    assert_eq!(world.passage.handle_gone(), world.asked);
    assert_eq!(world.wake(), Vec::<String>::new());
    assert_eq!(world.passage.handle_gone(), None);
}

#[test]
fn a_presenter_that_was_replaced_does_not_run_it() {
    let mut world = World::approved();
    let presenter = world.asked.unwrap().1;
    world.moves(|review, _| review.handle_detach(presenter));
    world.moves(|review, now| review.handle_attach(PresenterId::from_random([9; 16]), node(1), now));
    assert_eq!(world.wake(), ["refresh review", "refuse lapsed"]);
    assert!(world.cleared.is_empty() && world.runs.is_empty());
}

/// Runs `scenario` with the log or store failing at its first, second, … record or change, until none is left.
fn fails_everywhere(scenario: impl Fn(&mut World), steps: usize) {
    for (good, failure) in (0..steps).flat_map(|good| [(good, Failure::Before), (good, Failure::After)]) {
        let mut world = World::new();
        (world.good, world.failure) = (good, failure);
        scenario(&mut world);
        assert!(world.cleared.is_empty() && world.runs.len() <= 1, "{failure:?} {good}: {:?}", world.cleared);
        let kinds: Vec<_> = world.refused.iter().map(|refusal| refusal.kind).collect();
        assert_eq!(kinds, [RefusalKind::Unavailable], "{failure:?} {good}");
        assert!(world.passage.poll_step().is_none(), "{failure:?} {good}: goes on");
    }
    let mut world = World::new();
    world.good = steps;
    scenario(&mut world);
    assert!(world.refused.iter().all(|refusal| refusal.kind != RefusalKind::Unavailable), "{steps} is not all");
}

#[test]
fn when_the_log_fails_at_any_record_nothing_is_forwarded() {
    let alone = |presented: Presented| move |world: &mut World| drop(world.tell(presented.clone()));
    fails_everywhere(alone(presented(Verb::SqlSelect, "notes")), 3);
    fails_everywhere(alone(presented(Verb::SqlUpdate, "notes")), 3);
    fails_everywhere(alone(presented(Verb::SqlDrop, "notes")), 1);
}

#[test]
fn when_the_log_or_the_store_fails_at_any_step_of_a_review_nothing_is_forwarded() {
    let settle = |rules: String| {
        move |world: &mut World| {
            world.tell(change());
            if world.asked.is_some() {
                world.say(1, VerdictKind::Approve);
                world.rules(&rules);
                world.wake();
            }
        }
    };
    // The opening's record and change; the claim; the release's record and change.
    fails_everywhere(settle(RULES.to_owned()), 5);
    // The opening; record and change of the lapse; another opening.
    fails_everywhere(settle(RULES.replace("@review(\"dba\")", "@review(\"security\")")), 6);
    // Record and change of attaching; then the release as before.
    let attach = |world: &mut World| {
        let good = std::mem::replace(&mut world.good, usize::MAX);
        world.tell(change());
        world.leave();
        world.say(1, VerdictKind::Approve);
        world.good = good;
        world.tell(change());
    };
    fails_everywhere(attach, 5);
}

#[test]
fn a_review_that_is_not_in_the_store_refuses() {
    let mut world = World::approved();
    world.store.clear();
    assert_eq!(world.wake(), ["refresh review", "refuse unavailable"]);
}

#[test]
fn one_actor_has_only_so_many_reviews_open() {
    let mut world = World::new();
    world.others_open = limit::PENDING_REVIEWS_PER_ACTOR;
    assert_eq!(world.tell(change()), ["refresh opening", "record refused", "refuse toomanyreviews"]);
    world.others_open -= 1;
    assert_eq!(world.tell(change()), OPENING);
    // Attaching opens none.
    world.leave();
    assert_eq!(world.tell(change()), ["refresh opening", "record presenter", "persist pending", "ask"]);
}

#[test]
fn a_quorum_that_nobody_outside_the_lineage_can_meet_is_refused_at_opening() {
    let mut world = World::new();
    world.people.get_mut(&person(1)).unwrap().active = false;
    world.people.get_mut(&person(2)).unwrap().groups.clear();
    assert_eq!(world.tell(change()), ["refresh opening", "record refused", "refuse denied"]);
    let told = &world.refusal().message;
    assert!(told.contains("asks for more people of group `dba`"), "{told}");
    assert!(world.store.is_empty());
}

#[test]
fn what_cannot_wait_is_refused_where_it_would_be_held_and_runs_where_not() {
    let mut world = World::new();
    let inside = |presented| Presented { obstacle: Some(Obstacle::CannotWait("inside a transaction")), ..presented };
    assert_eq!(world.tell(inside(change())), ["record refused", "refuse cannotwait"]);
    assert!(world.refusal().message.contains("cannot wait for one inside a transaction"), "{:?}", world.refusal());
    let story = world.tell(inside(presented(Verb::SqlUpdate, "notes")));
    assert_eq!(story.last().map(String::as_str), Some("forward"));
}

#[test]
fn what_the_door_cannot_carry_is_refused_whatever_policy_says() {
    let mut world = World::new();
    let unsupported = |presented| Presented { obstacle: Some(Obstacle::Unsupported("COPY")), ..presented };
    for action in [presented(Verb::SqlSelect, "notes"), presented(Verb::SqlUpdate, "notes"), change()] {
        assert_eq!(world.tell(unsupported(action)), ["record refused", "refuse unsupported"]);
    }
}

#[test]
fn a_grant_runs_the_same_action_as_often_as_it_says_and_nobody_is_asked() {
    let mut world = World::approved();
    for verdict in world.store.values_mut().flat_map(|review| &mut review.state.verdicts) {
        verdict.grant = Some(model::Grant { uses: 3, until: world.now.after(Duration::from_secs(900)) });
    }
    assert_eq!(world.wake(), RELEASE);
    for _ in 0..2 {
        world.connect();
        let story = world.tell(change());
        assert_eq!(story[..3], ["refresh opening", "record review-opened", "persist open"]);
        assert_eq!(story[3..], RELEASE);
    }
    assert_eq!((world.cleared.len(), world.runs.len()), (3, 3));
    world.connect();
    assert_eq!(world.tell(change()), OPENING, "it is used up");
}

#[test]
fn preparing_asks_nobody_and_a_denied_statement_is_not_prepared() {
    let mut world = World::new();
    let prepared = |presented| Presented { purpose: Purpose::Prepare, ..presented };
    let asked = prepared(change());
    assert_eq!(world.tell(asked), ["record statement", "record decision", "record prepare", "forward"]);
    assert_eq!(world.cleared.pop().unwrap().run(), None);
    assert!(world.store.is_empty());
    assert_eq!(world.tell(change()), OPENING);
    world.leave();
    let denied = prepared(presented(Verb::SqlDrop, "notes"));
    assert_eq!(world.tell(denied).last().map(String::as_str), Some("refuse denied"));
}

#[test]
fn a_dry_run_is_cleared_where_the_target_asks_for_it_and_its_bytes_go_no_other_way() {
    let mut world = World::new();
    let bytes = Payload(b"UPDATE customers".to_vec());
    let dry = || Presented { purpose: Purpose::DryRun, payload: bytes.clone(), ..change() };
    assert_eq!(world.tell(dry()), ["record refused", "refuse unsupported"]);
    world.facts.target = Arc::new(Target { dry_run: true, ..target() });
    world.connect();
    assert_eq!(world.tell(dry()).last().map(String::as_str), Some("forward"));
    assert_eq!(world.kinds().last().copied(), Some("dry-run"));
    assert!(world.store.is_empty(), "somebody was asked");
    let (payload, _forwarded) = world.cleared.pop().unwrap().spend();
    assert_eq!(payload, Payload(Vec::new()));
    world.tell(dry());
    let (payload, _forwarded) = world.cleared.pop().unwrap().spend_dry();
    assert_eq!(payload, bytes);
    // What is cleared to run is not for a dry run, and what is denied is not run dry.
    assert_eq!(world.tell(change()), OPENING);
    world.leave();
    let denied = Presented { purpose: Purpose::DryRun, ..presented(Verb::SqlDrop, "notes") };
    assert_eq!(world.tell(denied).last().map(String::as_str), Some("refuse denied"));
}

#[test]
fn statement_and_decision_are_recorded_once_a_session_and_referred_to_after() {
    let mut world = World::new();
    world.tell(presented(Verb::SqlSelect, "notes"));
    assert_eq!(world.tell(presented(Verb::SqlSelect, "notes")), ["record execute", "forward"]);
    let mut reworded = presented(Verb::SqlSelect, "notes");
    Arc::make_mut(&mut reworded.statement).text.push_str(" -- again");
    reworded.statement_digest = reworded.statement.digest();
    assert_eq!(world.tell(reworded), ["record statement", "record execute", "forward"]);
    assert_eq!(world.kinds(), ["statement", "decision", "execute", "execute", "statement", "execute"]);
    let references = |at: usize| ["n", "q", "d"].map(|name| world.records[at].1.number(name));
    assert_eq!([references(2), references(3), references(5)], [[2, 0, 1], [3, 0, 1], [5, 4, 1]]);
    world.connect();
    world.tell(presented(Verb::SqlSelect, "notes"));
    assert_eq!(world.kinds()[6..], ["statement", "decision", "execute"]);
}

#[test]
fn other_rules_are_a_decision_of_their_own() {
    let mut world = World::new();
    world.tell(presented(Verb::SqlSelect, "notes"));
    world.rules(&RULES.replace("\"notes\"", "\"drafts\""));
    let story = world.tell(presented(Verb::SqlSelect, "notes"));
    assert_eq!(story, ["refresh bearing", "record decision", "record execute", "forward"]);
}

#[test]
fn a_decision_that_reads_the_time_is_made_every_time() {
    let mut world = World::new();
    let closing = r#"@id("closed") forbid (principal, action == Action::"sql.select", resource)
                     when { context.now >= datetime("1970-01-01T00:20:00.000Z") };"#;
    world.rules(&format!("{RULES}{closing}"));
    world.tell(presented(Verb::SqlSelect, "notes"));
    let story = world.tell(presented(Verb::SqlSelect, "notes"));
    assert_eq!(story, ["record decision", "record execute", "forward"]);
    world.later(200);
    assert_eq!(world.tell(presented(Verb::SqlSelect, "notes")), ["record refused", "refuse denied"]);
}

#[test]
fn a_session_is_opened_only_where_a_rule_lets_the_actor_connect() {
    let mut world = World::new();
    let refused = world.passage.open_session(Way { door: "native", address: None }, world.now).unwrap_err();
    assert_eq!(refused.refusal.kind, RefusalKind::Denied);
    let leaf = audit::Committed::parse(&refused.entry.unwrap().leaf).unwrap();
    assert_eq!((leaf.text("k"), leaf.text("refusal")), ("refused", "denied"));
    world.rules(r#"@id("in") permit (principal, action in Action::"connect", resource);"#);
    world.connect();
    let opened = world.passage.open_session(Way { door: "native", address: None }, world.now).unwrap().unwrap();
    let leaf = audit::Committed::parse(&opened.leaf).unwrap();
    assert_eq!((leaf.text("k"), leaf.text("door")), ("session", "native"));
}

#[test]
fn the_end_of_a_released_run_is_a_record_with_its_change() {
    let mut world = World::approved();
    world.wake();
    let run = world.cleared.pop().unwrap().run();
    let end = RunEnd { run: Run::Succeeded, rows: 7, masked: BTreeMap::new(), detail: "UPDATE 7".to_owned() };
    let (entry, change) = world.passage.handle_run_ended(run, &end, world.now).unwrap();
    drop(world.stage(&entry));
    let (kind, leaf) = world.records.last().unwrap();
    assert_eq!((kind.as_str(), leaf.text("end"), leaf.number("rows")), ("run-ended", "succeeded", 7));
    assert_eq!(leaf.text("run"), run.unwrap().to_string());
    assert!(matches!(change, Some(Change::EndRun { end: Run::Succeeded, .. })));
    assert_eq!(world.change, Some(json!(change)));
    let (_, change) = world.passage.handle_run_ended(None, &end, world.now).unwrap();
    assert_eq!(change, None);
}

#[test]
fn a_write_whose_facts_changed_before_its_record_was_durable_is_decided_again() {
    let mut world = World::new();
    world.present(presented(Verb::SqlUpdate, "notes"));
    world.run_until("record execute");
    world.moved_on();
    world.step();
    world.seen.clear();
    assert_eq!(world.story(), ["refresh bearing", "record decision", "record execute", "forward"]);
}

#[test]
fn a_statement_whose_record_was_never_staged_is_recorded_when_it_runs() {
    let mut world = World::new();
    let mut large = presented(Verb::SqlUpdate, "notes");
    let value = Some(vec![255; 5 << 20]);
    large.parameters = vec![model::Parameter { kind: "bytea".to_owned(), format: model::Format::Binary, value }];
    assert_eq!(world.tell(large), ["refuse unavailable"]);
    let story = world.tell(presented(Verb::SqlUpdate, "notes"));
    assert_eq!(story, ["record statement", "record decision", "record execute", "forward"]);
    // No number is missing from the session's.
    assert_eq!(world.passage.journal().next_sequence(), world.kinds().len() as u64);
}

#[test]
fn after_a_log_that_was_behind_the_statement_is_recorded() {
    let mut world = World::new();
    world.good = 0;
    assert_eq!(world.tell(presented(Verb::SqlSelect, "notes")), ["record statement", "refuse unavailable"]);
    world.good = usize::MAX;
    let story = world.tell(presented(Verb::SqlSelect, "notes"));
    assert_eq!(story, ["record statement", "record decision", "record execute", "forward"]);
}

#[test]
fn after_a_drift_the_action_put_back_attaches_to_its_approval() {
    let mut world = World::approved();
    let approved = world.asked.unwrap().0;
    let good = Arc::clone(&world.state);
    let mut state = (*world.state).clone();
    state.0.insert("search_path".to_owned(), "evil".to_owned());
    world.state = Arc::new(state);
    assert_eq!(world.wake(), DRIFTED);
    assert!(world.refusal().hint.starts_with("put it back and run it again within the time of the approval"));
    if let Some((_, presenter)) = world.passage.handle_gone() {
        world.moves(|review, _| review.handle_detach(presenter));
    }
    world.state = good;
    assert_eq!(world.tell(change()).last().map(String::as_str), Some("forward"), "{:?}", world.store[&approved].state);
}

#[test]
fn after_the_store_failed_on_waking_the_approval_can_still_be_claimed() {
    let mut world = World::approved();
    world.passage.handle_wake(Arc::clone(&world.state), None);
    assert_eq!(world.peek().as_deref(), Some("refresh review"));
    world.next = None;
    world.passage.handle_unwritable("the store is busy");
    assert_eq!(world.story(), ["refuse unavailable"]);
    if let Some((_, presenter)) = world.passage.handle_gone() {
        world.moves(|review, _| review.handle_detach(presenter));
    }
    assert_eq!(world.tell(change()).last().map(String::as_str), Some("forward"));
}

#[test]
fn an_action_presented_over_a_held_one_detaches_it() {
    let mut world = World::holding();
    let first = world.asked.unwrap().0;
    world.tell(presented(Verb::SqlSelect, "notes"));
    if let Some((_, presenter)) = world.passage.handle_gone() {
        world.moves(|review, _| review.handle_detach(presenter));
    }
    world.tell(change());
    assert_eq!(world.asked.unwrap().0, first);
}

#[test]
fn facts_that_changed_between_the_claim_and_the_release_stop_it() {
    let mut world = World::approved();
    world.passage.handle_wake(Arc::clone(&world.state), None);
    world.run_until("record released");
    world.facts.standing.active = false;
    world.moved_on();
    world.story();
    assert!(world.cleared.is_empty());
}

#[test]
fn a_place_is_not_enough_for_a_write() {
    let mut world = World::new();
    world.present(presented(Verb::SqlUpdate, "notes"));
    world.run_until("record execute");
    let Some(Step::Record(entry, Need::Recorded)) = world.next.take() else { panic!() };
    let place = world.stage(&entry);
    world.passage.handle_staged(place, Epoch(1));
    assert!(world.passage.poll_step().is_none(), "forwarded a write from its place alone");
}

#[test]
fn a_proof_of_another_record_is_not_enough() {
    let mut world = World::new();
    world.present(presented(Verb::SqlUpdate, "notes"));
    world.run_until("record execute");
    let Some(Step::Record(first, _)) = world.next.take() else { panic!() };
    let place = world.stage(&first);
    world.sync();
    let old = place.recorded().unwrap();
    let mut other = presented(Verb::SqlInsert, "notes");
    other.payload = Payload(b"never recorded".to_vec());
    world.present(other);
    world.run_until("record execute");
    world.next = None;
    world.passage.handle_recorded(&old, Epoch(1));
    assert!(world.passage.poll_step().is_none(), "forwarded with the proof of another record");
}

#[test]
fn a_group_asked_only_by_the_fresh_rules_is_looked_up() {
    let mut world = World::new();
    world.present(change());
    world.run_until("refresh opening");
    // The executor read the rules of before for the groups, and fresh ones with the answer.
    world.rules(&RULES.replace("@review(\"dba\")", "@review(\"security\")"));
    assert_eq!(world.story().last().map(String::as_str), Some("ask"), "{:?}", world.refused);
}

#[test]
fn a_review_opened_on_a_target_that_changed_meanwhile_has_the_digest_of_its_own_action() {
    let mut world = World::new();
    world.present(change());
    let mut moved = target();
    moved.version = TargetVersion(sha256(&[b"elsewhere"]));
    world.facts.target = Arc::new(moved);
    world.moved_on();
    let mut story = vec!["refresh opening"];
    story.extend(OPENING);
    assert_eq!(world.story(), story);
    assert_eq!(world.review().case.digest, world.review().case.action.digest());
    world.say(1, VerdictKind::Approve);
    assert_eq!(world.wake(), RELEASE);
}

#[test]
fn a_drift_is_named_when_a_name_was_added() {
    let mut world = World::approved();
    let mut bound = change().statement.bound.clone();
    bound.push(Bound { name: "function public.f".to_owned(), identity: "oid 7".to_owned() });
    world.bound = Some(bound);
    assert_eq!(world.wake(), DRIFTED);
    assert!(!world.refusal().message.ends_with(": "), "{}", world.refusal().message);
}

#[test]
fn an_unreachable_quorum_names_the_rule_that_cannot_be_met() {
    let mut world = World::new();
    let more =
        r#"@id("watch") @review("nobody") forbid (principal is Agent, action in Action::"write", resource is Table);"#;
    world.rules(&format!("{RULES}{more}"));
    assert_eq!(world.tell(change()).last().map(String::as_str), Some("refuse denied"));
    assert!(world.refusal().message.contains("group `nobody`"), "{}", world.refusal().message);
}

#[test]
fn the_change_of_a_release_is_applied_as_it_was_recorded() {
    let mut world = World::approved();
    world.passage.handle_wake(Arc::clone(&world.state), None);
    world.run_until("record released");
    world.later(1);
    let change = {
        let Some(Step::Record(entry, _)) = world.next.take() else { panic!() };
        let place = world.stage(&entry);
        world.sync();
        world.later(1);
        world.passage.handle_recorded(&place.recorded().unwrap(), world.facts.epoch);
        let Some(Step::Persist(change)) = world.passage.poll_step() else { panic!() };
        change
    };
    assert_eq!(world.change, Some(json!(change)));
}

#[test]
fn late_claim_is_told_as_such() {
    let mut world = World::approved();
    world.later(600);
    world.wake();
    assert!(!world.refusal().message.contains("unanswered"), "{}", world.refusal().message);
}

#[test]
fn staged_called_while_holding_keeps_what_is_held() {
    let mut world = World::holding();
    let entry = world.passage.journal().session_ended(&[], world.now).unwrap();
    let place = world.stage(&entry);
    world.passage.handle_staged(place, Epoch(1));
    world.say(1, VerdictKind::Approve);
    assert_eq!(world.wake(), RELEASE);
}
