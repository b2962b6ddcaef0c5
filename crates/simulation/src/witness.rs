//! The witness: sees the durable log, the effects upstream and the store, and holds them to the laws. It keeps its own
//! naive account of every review, in plain data, from the records' public words; it asks neither Cedar nor the gate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use audit::{Checkpoint, Committed, Frame, Verifier, open_payload};
use gate::{Case, Change, Payload, Phase, Presenter, RefusalKind, Review, ReviewState};
use model::{
    Bound, Channel, Digest, Outcome, PrincipalId, PrincipalKind, ReviewId, RunId, SessionId, SessionState, Verb,
    VerdictKind,
};

use crate::cast::{Answer, Asked, CLAIM_MILLIS, RULE_SETS, Wish, payload_of, rules_of, target};
use crate::disk::Disk;
use crate::store::Store;

/// What holds at one moment, as it truly is.
#[derive(Debug, Clone)]
pub(crate) struct Grounds {
    pub(crate) rules: usize,
    pub(crate) target: u64,
    pub(crate) revoked: BTreeSet<PrincipalId>,
}

/// What was forwarded, with everything that it must agree with.
#[derive(Debug)]
pub(crate) struct Effect {
    /// The life of the node that forwarded it.
    pub(crate) node: SessionId,
    pub(crate) actor: PrincipalId,
    pub(crate) wish: Wish,
    pub(crate) digest: Digest,
    pub(crate) run: Option<RunId>,
    pub(crate) payload: Payload,
    /// The connection as it is.
    pub(crate) state: Arc<SessionState>,
    pub(crate) bound: Vec<Bound>,
    /// The record that its session staged last.
    pub(crate) record: u64,
    pub(crate) grounds: Grounds,
}

/// A law that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub law: Law,
    /// What was seen.
    pub what: String,
}

/// What the simulation holds the machine to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// Nothing reaches the upstream, and nothing is told, before its record is where it must be.
    RecordFirst,
    /// No run, and no review's approval, runs twice; nothing runs by itself.
    Once,
    /// Enough distinct people outside the lineage, active and entitled at the release.
    Quorum,
    /// What was rejected, expired, withdrawn, lapsed or denied does not run; the log tells a lawful story.
    Story,
    /// What ran is what was approved.
    AsApproved,
    /// After a start, the store is where the log says, and so is an empty one after replaying the log.
    LogIsTruth,
    /// The log only grows, verifies, and holds what was signed.
    AppendOnly,
    /// The node starts on whatever its own end left.
    Starts,
}

/// Sees everything.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    pub(crate) broken: Vec<Broken>,
    /// Revoked, as far as anybody was told.
    pub(crate) revoked: BTreeSet<PrincipalId>,
    /// How often what happened.
    pub(crate) tally: BTreeMap<String, u64>,
    /// The durable log so far.
    seen: Vec<u8>,
    records: Vec<Seen>,
    /// The whole log over an empty store.
    replayed: Store,
    reviews: BTreeMap<ReviewId, Told>,
    ran: BTreeSet<RunId>,
    ran_reviews: BTreeSet<ReviewId>,
    checkpoints: Vec<Checkpoint>,
}

/// What a durable record says of an action that was allowed.
#[derive(Debug)]
struct Seen {
    kind: String,
    /// The digest of its action, where the record keeps it.
    action: String,
}

/// A review as the records tell it.
#[derive(Debug)]
struct Told {
    case: Case,
    asked: Vec<Asked>,
    /// By the directory, not by the case.
    lineage: BTreeSet<PrincipalId>,
    approvals: BTreeMap<PrincipalId, Channel>,
    version: u64,
    phase: Phase,
    presenter: Presenter,
    run: Option<RunId>,
}

impl Witness {
    pub(crate) fn count(&mut self, what: &str) {
        *self.tally.entry(what.to_owned()).or_default() += 1;
    }

    pub(crate) fn accuse(&mut self, law: Law, what: impl Into<String>) {
        self.broken.push(Broken { law, what: what.into() });
    }

    /// Looks at what has become durable since.
    pub(crate) fn see(&mut self, disk: &Disk) {
        let Some(new) = disk.durable().strip_prefix(self.seen.as_slice()) else {
            return self.accuse(Law::AppendOnly, "what was durable is no longer there");
        };
        let mut frames = Vec::new();
        let (whole, bad) = audit::scan(new, |_, frame| frames.push(frame));
        if bad.is_some() {
            self.accuse(Law::AppendOnly, format!("record {} is torn", self.records.len() + frames.len()));
        }
        let new = new[..whole].to_vec();
        audit::scan(&new, |_, frame| self.see_record(frame));
        self.seen.extend_from_slice(&new);
    }

    fn see_record(&mut self, frame: Frame<'_>) {
        let index = self.records.len() as u64;
        let leaf = Committed::parse(frame.leaf).unwrap();
        let mut opened = open_payload(&leaf, frame.payload).unwrap();
        let action = opened.get("a").map(|action| action.get("digest").unwrap_or(action));
        let action = action.and_then(serde_json::Value::as_str).unwrap_or("").to_owned();
        let kind = leaf.text("k").to_owned();
        self.count(&kind);
        if let Some(change) = opened.remove("change") {
            let change: Change = serde_json::from_value(change).unwrap();
            self.replayed.apply(&change, index, None);
            self.see_change(&leaf, change);
        }
        self.records.push(Seen { kind, action });
    }

    fn see_change(&mut self, leaf: &Committed, change: Change) {
        match change {
            Change::OpenReview { review } => self.see_opened(*review),
            Change::AdvanceReview { id, state } => self.see_moved(id, leaf, *state, None),
            Change::ReleaseRun { run, review, state, .. } => self.see_moved(review, leaf, *state, Some(run)),
            Change::EndRun { end, .. } => self.count(end.as_str()),
            Change::AddInsights { .. } | Change::Directory { .. } | Change::Targets { .. } => {}
        }
    }

    fn see_opened(&mut self, review: Review) {
        let Review { case, state } = review;
        let Some(set) = rules_of(case.policy) else { return self.accuse(Law::Story, "opened under unknown rules") };
        let operation = &case.action.statement.operations[0];
        let Answer::Ask(asked) = set.answer(operation.verb, &operation.resource.name) else {
            return self.accuse(Law::Story, "opened where the rules ask nobody");
        };
        let asks: BTreeSet<(&str, usize)> = asked.iter().map(|asked| (asked.group, asked.quorum)).collect();
        let cased = case.requirements.iter().map(|asked| (asked.group.as_str(), asked.quorum as usize)).collect();
        if asks != cased || case.digest != case.action.digest() || state.version != 1 {
            self.accuse(Law::Story, format!("{} was opened as something else", case.id));
        }
        let known = self.replayed.principals.get(&case.action.actor.principal.id);
        let lineage = known.iter().flat_map(|known| known.new.owner.into_iter().chain(known.new.added_by)).collect();
        let told = Told {
            asked,
            lineage,
            approvals: BTreeMap::new(),
            version: 1,
            phase: Phase::Pending,
            presenter: state.presenter,
            run: None,
            case,
        };
        self.reviews.insert(told.case.id, told);
    }

    /// A record that moves a review; one that comes after another of its version moves nothing.
    fn see_moved(&mut self, id: ReviewId, leaf: &Committed, state: ReviewState, run: Option<RunId>) {
        let Some(told) = self.reviews.get_mut(&id) else {
            return self.accuse(Law::Story, format!("{id} moved before it was opened"));
        };
        if state.version != told.version + 1 {
            if run.is_some() {
                self.accuse(Law::Story, format!("{id} was released after it had moved on"));
            }
            return self.count("came too late");
        }
        if let Err((law, why)) = told.moves(leaf, &state, run, &self.replayed) {
            self.accuse(law, format!("{id}: {why}"));
        }
    }

    /// Something was told to a caller that rests on this record.
    pub(crate) fn told(&mut self, record: u64, disk: &Disk) {
        if record >= disk.written {
            self.accuse(Law::RecordFirst, format!("record {record} was told of before it was written"));
        }
    }

    pub(crate) fn refused(&mut self, kind: RefusalKind) {
        self.count(&format!("refused {kind:?}"));
    }

    /// Something reached the upstream.
    pub(crate) fn effect(&mut self, effect: Effect) {
        self.count(if effect.run.is_some() { "ran after review" } else { "ran" });
        let judged = match effect.run {
            Some(run) => self.judge_release(run, &effect),
            None => self.judge_allowed(&effect),
        };
        if let Err((law, why)) = judged {
            self.accuse(law, why);
        }
        let Some(run) = effect.run else { return };
        let review = self.reviews.values().find(|told| told.run == Some(run)).map(|told| told.case.id);
        let again = !self.ran.insert(run) | review.is_some_and(|review| !self.ran_reviews.insert(review));
        if again {
            self.accuse(Law::Once, format!("{run} ran again"));
        }
    }

    fn judge_allowed(&self, effect: &Effect) -> Result<(), (Law, String)> {
        let Effect { wish, grounds, .. } = effect;
        let durable = self.records.get(usize::try_from(effect.record).unwrap());
        let is_recorded =
            durable.is_some_and(|seen| seen.kind == "execute" && seen.action == effect.digest.to_string());
        if wish.verb != Verb::SqlSelect && !is_recorded {
            return Err((Law::RecordFirst, format!("{wish:?} ran without a durable record")));
        }
        if RULE_SETS[grounds.rules].answer(wish.verb, wish.table) != Answer::Allow {
            return Err((Law::Story, format!("{wish:?} ran and was not allowed")));
        }
        if self.is_revoked(effect.actor, grounds) {
            return Err((Law::Story, format!("{wish:?} ran for somebody revoked")));
        }
        let presented = wish.presented(&crate::cast::Connection { search_path: "", oid: 0 });
        if effect.payload != presented.payload {
            return Err((Law::AsApproved, format!("{wish:?} ran as something else")));
        }
        Ok(())
    }

    fn is_revoked(&self, actor: PrincipalId, grounds: &Grounds) -> bool {
        let owner = self.replayed.principals.get(&actor).and_then(|known| known.new.owner);
        grounds.revoked.contains(&actor) || owner.is_some_and(|owner| grounds.revoked.contains(&owner))
    }

    fn judge_release(&self, run: RunId, effect: &Effect) -> Result<(), (Law, String)> {
        let Some(told) = self.reviews.values().find(|told| told.run == Some(run)) else {
            return Err((Law::RecordFirst, format!("{run} was forwarded without a durable release")));
        };
        let (id, grounds) = (told.case.id, &effect.grounds);
        if !matches!(told.phase, Phase::Claimed { run: claimed, .. } if claimed == run) {
            return Err((Law::Story, format!("{id} ran and is {:?}", told.phase)));
        }
        if !matches!(told.presenter, Presenter::Live { node, .. } if node == effect.node) {
            return Err((Law::Once, format!("{id} ran by itself, with nobody who waits")));
        }
        let action = &told.case.action;
        let is_same = action.state == *effect.state
            && action.statement.bound == effect.bound
            && action.target_version == target(grounds.target).version
            && told.case.digest == effect.digest
            && effect.payload == payload_of(&action.statement, &action.parameters);
        if !is_same {
            return Err((Law::AsApproved, format!("{id} ran as something else than was approved")));
        }
        if self.is_revoked(effect.actor, grounds) {
            return Err((Law::Story, format!("{id} ran for somebody revoked")));
        }
        let set = &RULE_SETS[grounds.rules];
        let asked = match set.answer(effect.wish.verb, effect.wish.table) {
            Answer::Allow => Vec::new(),
            Answer::Deny => return Err((Law::Story, format!("{id} ran and is denied"))),
            Answer::Ask(asked) => asked,
        };
        let enough = told
            .is_met(&asked, &self.replayed, |person, channel| !grounds.revoked.contains(&person) && set.heeds(channel));
        if enough { Ok(()) } else { Err((Law::Quorum, format!("{id} ran without enough people"))) }
    }

    /// A checkpoint was signed.
    pub(crate) fn signed(&mut self, checkpoint: Checkpoint) {
        self.checkpoints.push(checkpoint);
        if checkpoint.size > self.records.len() as u64 {
            self.accuse(Law::AppendOnly, "a record was signed before it was durable");
        }
    }

    /// The node has started: the store is where the log says.
    pub(crate) fn started(&mut self, store: &Store, disk: &Disk) {
        self.see(disk);
        self.compare(store);
        self.verify(disk);
        self.revoked = store.principals.iter().filter(|(_, known)| known.revoked).map(|(id, _)| *id).collect();
    }

    fn compare(&mut self, store: &Store) {
        let mut wrong = Vec::new();
        let ids: BTreeSet<&ReviewId> = self.replayed.reviews.keys().chain(store.reviews.keys()).collect();
        for id in ids {
            let (log, store) = (self.replayed.reviews.get(id), store.reviews.get(id));
            let is_lost_claim = |log: &Review, store: &Review| {
                matches!((&log.state.phase, &store.state.phase), (Phase::Approved { .. }, Phase::Claimed { .. }))
                    && store.state.version == log.state.version + 1
            };
            match (log, store) {
                (Some(log), Some(store)) if log == store || is_lost_claim(log, store) => {}
                (log, store) => wrong.push(format!(
                    "{id}: the log says {:?}, the store {:?}",
                    log.map(|review| &review.state),
                    store.map(|review| &review.state)
                )),
            }
            let told = self.reviews.get(id).map(|told| (told.version, &told.phase, told.presenter));
            if told != log.map(|log| (log.state.version, &log.state.phase, log.state.presenter)) {
                wrong.push(format!("{id}: the records tell {told:?}, their replay {log:?}"));
            }
        }
        for (run, of_log) in &self.replayed.runs {
            if store.runs.get(run) != Some(of_log) {
                wrong.push(format!("{run}: the log says {of_log:?}, the store {:?}", store.runs.get(run)));
            }
        }
        if store.runs.values().any(|run| !run.ended) {
            wrong.push("a run has no end after a start".to_owned());
        }
        if store.principals != self.replayed.principals {
            wrong.push("the directory is not the log's".to_owned());
        }
        for what in wrong {
            self.accuse(Law::LogIsTruth, what);
        }
    }

    /// Reads the whole log as an auditor does.
    fn verify(&mut self, disk: &Disk) {
        let mut verifier = Verifier::new(&self.checkpoints);
        let used = verifier.handle_bytes(disk.durable());
        let report = verifier.finish(&disk.durable()[used..]);
        // What a crash cut from a session's end is no hole; one in its middle is.
        for finding in report.findings {
            self.accuse(Law::AppendOnly, format!("record {}: {}", finding.index, finding.what));
        }
    }
}

impl Told {
    fn moves(
        &mut self,
        leaf: &Committed,
        state: &ReviewState,
        run: Option<RunId>,
        directory: &Store,
    ) -> Result<(), (Law, String)> {
        let story = |why: &str| Err((Law::Story, format!("{why}: {:?}", state.phase)));
        let at = leaf.number("t");
        match (leaf.text("k"), &self.phase, &state.phase) {
            ("presenter", before, after) if before == after => {}
            ("verdict", Phase::Pending, after) => self.hears(leaf, after, directory)?,
            ("review-ended", Phase::Pending, Phase::Ended { outcome: Outcome::Expired, .. }) => {
                if at < self.case.expires_at.as_millis() {
                    return story("expired early");
                }
            }
            ("review-ended", Phase::Approved { .. }, Phase::Ended { outcome: Outcome::Lapsed, .. })
            | (
                "review-ended",
                Phase::Pending | Phase::Approved { .. },
                Phase::Ended { outcome: Outcome::Withdrawn, .. },
            ) => {}
            ("released", Phase::Approved { at: approved, .. }, Phase::Claimed { run: claimed, at: claimed_at }) => {
                if run != Some(*claimed) || claimed_at.as_millis() >= approved.as_millis() + CLAIM_MILLIS {
                    return story("released out of time");
                }
                self.run = run;
            }
            (_, before, _) => return story(&format!("no {} after {before:?}", leaf.text("k"))),
        }
        (self.version, self.phase, self.presenter) = (state.version, state.phase.clone(), state.presenter);
        Ok(())
    }

    fn hears(&mut self, leaf: &Committed, after: &Phase, directory: &Store) -> Result<(), (Law, String)> {
        let reviewer: PrincipalId = leaf.text("reviewer").parse().unwrap();
        let channel = if leaf.text("channel") == "api" { Channel::Api } else { Channel::Cli };
        if self.lineage.contains(&reviewer) {
            return Err((Law::Quorum, format!("{reviewer} of the lineage gave a verdict that counts")));
        }
        if leaf.number("t") >= self.case.expires_at.as_millis() {
            return Err((Law::Story, "a verdict came too late and counts".to_owned()));
        }
        if leaf.text("verdict") == VerdictKind::Reject.to_string() {
            let is_rejected = matches!(after, Phase::Ended { outcome: Outcome::Rejected, .. });
            return if is_rejected { Ok(()) } else { Err((Law::Story, "a rejection did not end it".to_owned())) };
        }
        if self.approvals.insert(reviewer, channel).is_some() {
            return Err((Law::Quorum, format!("{reviewer} approved twice")));
        }
        match after {
            Phase::Pending => Ok(()),
            Phase::Approved { .. } if self.is_met(&self.asked, directory, |_, _| true) => Ok(()),
            _ => Err((Law::Quorum, format!("approved by too few: {:?}", self.approvals))),
        }
    }

    /// Whether distinct people fill every slot: tries every way.
    fn is_met(&self, asked: &[Asked], directory: &Store, counts: impl Fn(PrincipalId, Channel) -> bool) -> bool {
        let slots: Vec<&Asked> = asked.iter().flat_map(|asked| std::iter::repeat_n(asked, asked.quorum)).collect();
        let people: Vec<PrincipalId> = self
            .approvals
            .iter()
            .filter(|(person, channel)| !self.lineage.contains(person) && counts(**person, **channel))
            .map(|(person, _)| *person)
            .collect();
        let fits = |person: PrincipalId, slot: &Asked| {
            let known =
                directory.principals.get(&person).filter(|known| known.new.principal.kind == PrincipalKind::Person);
            known.is_some_and(|known| known.new.groups.iter().any(|group| group.as_str() == slot.group))
                && self.asked.iter().any(|shown| shown.rule == slot.rule)
        };
        fill(&slots, &people, &fits)
    }
}

fn fill(slots: &[&Asked], people: &[PrincipalId], fits: &dyn Fn(PrincipalId, &Asked) -> bool) -> bool {
    let Some((slot, rest)) = slots.split_first() else { return true };
    people.iter().any(|person| {
        let others: Vec<PrincipalId> = people.iter().copied().filter(|other| other != person).collect();
        fits(*person, slot) && fill(rest, &others, fits)
    })
}
