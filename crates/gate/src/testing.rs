//! Small makers for the tests of this crate: people, agents, actions, cases, rules; and a world that carries out the
//! steps of a passage in memory. The person 0 owns the agent and stands in its lineage; everybody else does not.
//!
//! The world holds two laws in every test: while the machine waits for an answer no further step comes, and a change
//! is applied only when its record, with this very change, is durable (a claim excepted).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use audit::{Committed, Entry, Inlet, Log, Staged, Syncs, open_payload};
use model::{
    Action, Actor, Bound, Channel, Decision, Duration, Explained, Labels, Lineage, Operation, Owner, PolicyVersion,
    PresenterId, Principal, PrincipalId, PrincipalKind, Requirement, Resource, ResourceKind, ReviewId, RuleHash,
    RuleRef, RunId, SessionId, SessionState, Standing, Statement, Strength, Target, TargetKind, TargetVersion,
    Timestamp, Verb, Verdict, VerdictKind, sha256,
};
use policy::{PolicySet, SourceFile};
use serde_json::{Value, json};

use crate::{
    Applied, Case, Change, Clearance, Epoch, Fresh, Given, Granted, Journal, Need, NotCounted, Passage, Payload, Phase,
    Presented, Refresh, Refusal, Review, ReviewState, Step,
};

pub(crate) fn person(number: u8) -> PrincipalId {
    PrincipalId::from_random([number; 16])
}

pub(crate) fn standing_of(number: u8, groups: &[&str]) -> Standing {
    let principal =
        Principal { id: person(number), kind: PrincipalKind::Person, name: format!("p{number}").parse().unwrap() };
    Standing {
        actor: Actor { lineage: Lineage::of([principal.id]), principal },
        owner: None,
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        active: true,
    }
}

/// The agent of [`action`], owned by the person 0.
pub(crate) fn agent_standing(groups: &[&str]) -> Standing {
    let id = PrincipalId::from_random([200; 16]);
    let owner = Owner { name: "p0".parse().unwrap(), groups: BTreeSet::new(), active: true };
    Standing {
        actor: Actor {
            principal: Principal { id, kind: PrincipalKind::Agent, name: "agent".parse().unwrap() },
            lineage: Lineage::of([person(0)]),
        },
        owner: Some(owner),
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        active: true,
    }
}

pub(crate) fn requirement(rule: &str, group: &str, quorum: u32) -> Requirement {
    Requirement {
        rule: RuleRef { id: rule.to_owned(), title: String::new(), hash: RuleHash(sha256(&[rule.as_bytes()])) },
        group: group.parse().unwrap(),
        quorum,
        expires: Duration::from_secs(1800),
    }
}

/// The same rule with another text: its id stays, its hash does not.
pub(crate) fn rewritten(requirement: &Requirement) -> Requirement {
    let mut rewritten = requirement.clone();
    rewritten.rule.hash = RuleHash(sha256(&[b"rewritten", requirement.rule.id.as_bytes()]));
    rewritten
}

pub(crate) fn verdict(reviewer: PrincipalId, kind: VerdictKind, requirements: &[Requirement]) -> Verdict {
    Verdict {
        reviewer,
        kind,
        reason: String::new(),
        at: Timestamp::from_millis(0),
        channel: Channel::Cli,
        strength: Strength::PASSPHRASE,
        proof_age: Duration::from_secs(0),
        terms: requirements.iter().map(|requirement| requirement.rule.hash).collect(),
        grant: None,
    }
}

pub(crate) fn explained() -> Explained {
    Explained { policy: PolicyVersion(sha256(&[b"set"])), rules: Vec::new() }
}

pub(crate) fn presenter(number: u8) -> PresenterId {
    PresenterId::from_random([number; 16])
}

/// One life of a node.
pub(crate) fn node(number: u8) -> SessionId {
    SessionId::from_random([number; 16])
}

pub(crate) fn run(number: u8) -> RunId {
    RunId::from_random([number; 16])
}

/// An agent's action; the person 0 owns the agent.
pub(crate) fn action() -> Action {
    Action {
        actor: agent_standing(&[]).actor,
        target: "shop".parse().unwrap(),
        target_version: TargetVersion(sha256(&[b"target"])),
        statement: Statement { text: "delete from t".to_owned(), operations: Vec::new(), bound: Vec::new() },
        parameters: Vec::new(),
        state: SessionState::default(),
        reveal: BTreeSet::new(),
    }
}

/// A case that expires half an hour after it was opened.
pub(crate) fn case(requirements: Vec<Requirement>, opened_at: Timestamp) -> Case {
    let action = action();
    Case {
        under: None,
        id: ReviewId::from_random([100; 16]),
        digest: action.digest(),
        action,
        reason: String::new(),
        requirements,
        policy: explained().policy,
        opened_at,
        expires_at: opened_at.after(Duration::from_secs(1800)),
    }
}

/// Loads a set once for all tests: nothing here takes longer.
pub(crate) fn policy(rules: &str) -> Arc<PolicySet> {
    static LOADED: Mutex<BTreeMap<String, Arc<PolicySet>>> = Mutex::new(BTreeMap::new());
    let load = || {
        let file = SourceFile { name: "rules.cedar".to_owned(), text: rules.to_owned() };
        Arc::new(PolicySet::load(&[file], &BTreeSet::new()).unwrap_or_else(|errors| panic!("{errors:#?}")))
    };
    Arc::clone(LOADED.lock().unwrap().entry(rules.to_owned()).or_insert_with(load))
}

pub(crate) fn target() -> Target {
    Target {
        name: "shop".parse().unwrap(),
        kind: TargetKind::Postgres,
        owner: "dba".parse().unwrap(),
        labels: Labels::from([("environment".to_owned(), "production".to_owned())]),
        classify: Default::default(),
        detect: Default::default(),
        dry_run: false,
        version: TargetVersion(sha256(&[b"target"])),
    }
}

/// One operation on one table, with a payload that differs from the text.
pub(crate) fn presented(verb: Verb, table: &str) -> Presented {
    let statement = Statement {
        text: format!("{verb} on {table}"),
        operations: vec![Operation::new(verb, Resource::new(ResourceKind::Table, "public", table))],
        bound: vec![Bound { name: format!("table public.{table}"), identity: "oid 16402 xmin 741".to_owned() }],
    };
    let state = [("database", "shop"), ("search_path", "public")];
    let payload = Payload(format!("Q\0{verb} {table}\0\u{fe}").into_bytes());
    Presented {
        statement_digest: statement.digest(),
        statement: Arc::new(statement),
        parameters: Vec::new(),
        state: Arc::new(SessionState(state.map(|(name, value)| (name.to_owned(), value.to_owned())).into())),
        reveal: BTreeSet::new(),
        reason: "the ticket says so".to_owned(),
        purpose: model::Purpose::Run,
        obstacle: None,
        payload,
    }
}

/// Reads and writes are granted; an agent's writes need a DBA, except on `notes`; drops are out.
pub(crate) const RULES: &str = r#"
@id("countersigning") permit (principal is Person, action == Action::"countersign", resource);
@id("work") permit (principal in Group::"engineering", action in [Action::"read", Action::"write"], resource);
@id("change") @title("Agents change data with a DBA") @review("dba") @expires("20m")
forbid (principal is Agent, action in Action::"write", resource is Table) unless { resource.name == "notes" };
@id("no-drop") @title("Agents drop nothing") forbid (principal is Agent, action == Action::"sql.drop", resource);
"#;

/// A session of the agent, and everything around it.
pub(crate) struct World {
    pub(crate) passage: Passage,
    pub(crate) sessions: u8,
    pub(crate) log: (Inlet, Log, Syncs),
    pub(crate) store: BTreeMap<ReviewId, Review>,
    pub(crate) runs: Vec<RunId>,
    /// Facts as they are now; what a refresh asks for is filled in when it is read.
    pub(crate) facts: Fresh,
    pub(crate) people: BTreeMap<PrincipalId, Standing>,
    /// Open reviews of the actor that are not in `store`.
    pub(crate) others_open: usize,
    /// The session as the door reads it on waking.
    pub(crate) state: Arc<SessionState>,
    pub(crate) bound: Option<Vec<Bound>>,
    pub(crate) now: Timestamp,
    /// Looked at and not yet carried out.
    pub(crate) next: Option<Step>,
    /// Records and changes until the log or the store fails, and how.
    pub(crate) good: usize,
    pub(crate) failure: Failure,
    /// Kind and leaf of each record.
    pub(crate) records: Vec<(String, Committed)>,
    /// The change in the last record.
    pub(crate) change: Option<Value>,
    pub(crate) asked: Option<(ReviewId, PresenterId)>,
    pub(crate) refused: Vec<Refusal>,
    pub(crate) cleared: Vec<Clearance>,
    pub(crate) seen: Vec<String>,
}

impl World {
    /// Person 0 owns the agent and is a DBA; 1 and 2 are DBAs; 3 is in security.
    pub(crate) fn new() -> Self {
        let groups: [&[&str]; 4] = [&["dba", "security"], &["dba"], &["dba"], &["security"]];
        let people = (0..).zip(groups).map(|(number, groups)| (person(number), standing_of(number, groups))).collect();
        let facts = Fresh {
            epoch: Epoch(1),
            standing: agent_standing(&["engineering"]),
            policy: policy(RULES),
            target: Arc::new(target()),
            review: None,
            people: BTreeMap::new(),
            open_reviews: 0,
            grant: None,
        };
        Self {
            passage: session(1, facts.clone()),
            sessions: 1,
            log: audit::open(0),
            store: BTreeMap::new(),
            runs: Vec::new(),
            facts,
            people,
            others_open: 0,
            state: presented(Verb::SqlSelect, "notes").state,
            bound: None,
            now: Timestamp::from_millis(1_000_000),
            next: None,
            good: usize::MAX,
            failure: Failure::Before,
            records: Vec::new(),
            change: None,
            asked: None,
            refused: Vec::new(),
            cleared: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// With an update of `customers` held, asked about and settled so far by nobody.
    pub(crate) fn holding() -> Self {
        let mut world = Self::new();
        world.present(change());
        assert_eq!(world.story(), OPENING);
        world
    }

    /// The same, approved by the DBA 1; the passage does not know yet.
    pub(crate) fn approved() -> Self {
        let mut world = Self::holding();
        world.say(1, VerdictKind::Approve);
        world
    }

    pub(crate) fn present(&mut self, presented: Presented) {
        self.passage.present(presented, self.facts.epoch, self.now);
    }

    /// Presents it and tells what happened until the machine waits or is done.
    pub(crate) fn tell(&mut self, presented: Presented) -> Vec<String> {
        self.present(presented);
        self.story()
    }

    /// The door wakes the machine; what happened then.
    pub(crate) fn wake(&mut self) -> Vec<String> {
        self.passage.handle_wake(Arc::clone(&self.state), self.bound.clone());
        self.story()
    }

    /// Carries out all steps; what happened since last asked.
    pub(crate) fn story(&mut self) -> Vec<String> {
        while let Some(step) = self.peek() {
            assert!(self.seen.len() < 100, "no end: {step}");
            self.step();
        }
        std::mem::take(&mut self.seen)
    }

    /// Carries out the steps before the one called so.
    pub(crate) fn run_until(&mut self, word: &str) {
        while self.peek().unwrap_or_else(|| panic!("no `{word}` after {:?}", self.seen)) != word {
            self.step();
        }
    }

    pub(crate) fn peek(&mut self) -> Option<String> {
        self.next = self.next.take().or_else(|| self.passage.poll_step());
        self.next.as_ref().map(word)
    }

    pub(crate) fn step(&mut self) {
        let step = self.next.take().unwrap();
        self.seen.push(word(&step));
        if matches!(step, Step::Record(..) | Step::Persist(_)) {
            let Some(good) = self.good.checked_sub(1) else { return self.fail(step) };
            self.good = good;
        }
        match step {
            Step::Refresh(what) => {
                self.waits();
                let fresh = self.read(&what);
                self.passage.handle_fresh(fresh, self.now);
            }
            Step::Record(entry, need) => self.record(&entry, need),
            Step::Persist(change) => {
                self.waits();
                if !change.is_claim() {
                    assert_eq!(self.log.2.synced(), self.records.len() as u64, "applied before it is durable");
                    assert_eq!(self.change.take(), Some(json!(change)), "recorded as another change");
                }
                let applied = self.apply(change);
                self.passage.handle_applied(applied, self.now);
            }
            Step::Ask { review, presenter, .. } => self.asked = Some((review, presenter)),
            Step::Refuse(refusal) => self.refused.push(refusal),
            Step::Forward(clearance) => self.cleared.push(clearance),
        }
    }

    /// The log or the store fails, before it did anything or after it did all, and says no more.
    fn fail(&mut self, step: Step) {
        match (self.failure, step) {
            (Failure::After, Step::Persist(change)) => drop(self.apply(change)),
            (Failure::After, Step::Record(entry, _)) => drop(self.stage(&entry)),
            _ => {}
        }
        self.passage.handle_unwritable("the disk is gone");
    }

    /// While the machine waits for an answer, there is no next step.
    pub(crate) fn waits(&mut self) {
        assert!(self.passage.poll_step().is_none(), "went on without an answer: {:?}", self.seen);
    }

    fn record(&mut self, entry: &Entry, need: Need) {
        let place = self.stage(entry);
        if need != Need::Place {
            self.waits();
        }
        match need {
            Need::Place => {}
            Need::Staged => self.passage.handle_staged(place, self.facts.epoch),
            Need::Written => {
                self.write();
                self.passage.handle_refusal_written(&place.written().unwrap());
            }
            Need::Recorded => {
                self.sync();
                self.passage.handle_recorded(&place.recorded().unwrap(), self.facts.epoch);
            }
        }
    }

    pub(crate) fn stage(&mut self, entry: &Entry) -> Staged {
        let leaf = Committed::parse(&entry.leaf).unwrap();
        self.change = open_payload(&leaf, &entry.payload).unwrap().remove("change");
        self.records.push((leaf.text("k").to_owned(), leaf));
        self.log.0.stage(entry).unwrap()
    }

    pub(crate) fn write(&mut self) {
        while let Some(batch) = self.log.1.poll_batch() {
            self.log.1.handle_written(&batch);
        }
    }

    pub(crate) fn sync(&mut self) {
        self.write();
        self.log.2.handle_synced(self.log.2.written());
    }

    fn read(&self, what: &Refresh) -> Fresh {
        let mut fresh = self.facts.clone();
        let open = |review: &&Review| review.due_at().is_some();
        match what {
            Refresh::Bearing => {}
            Refresh::Opening { digest, groups } => {
                fresh.review = self.store.values().filter(open).find(|open| open.case.digest == *digest).cloned();
                let asked = self.people.iter().filter(|(_, s)| s.active && !s.groups.is_disjoint(groups));
                fresh.people = asked.map(|(id, standing)| (*id, standing.clone())).collect();
                fresh.open_reviews = self.others_open + self.store.values().filter(open).count();
                let granting = |review: &&Review| review.case.digest == *digest && review.state.grant().is_some();
                fresh.grant = self.store.values().find(granting).map(|review| {
                    let uses = self.store.values().filter_map(|used| used.case.under);
                    let used = 1 + uses.filter(|under| under.grant == review.case.id).count() as u32;
                    Granted { review: review.clone(), used, people: self.people.clone() }
                });
            }
            Refresh::Review(id) => {
                fresh.review = self.store.get(id).cloned();
                let verdicts = fresh.review.iter().flat_map(|review| &review.state.verdicts);
                fresh.people =
                    verdicts.map(|verdict| (verdict.reviewer, self.people[&verdict.reviewer].clone())).collect();
            }
        }
        fresh
    }

    fn apply(&mut self, change: Change) -> Applied {
        let applies = match change {
            Change::OpenReview { review } => self.store.insert(review.case.id, *review).is_none(),
            Change::AdvanceReview { id, state } => {
                let review = self.store.get_mut(&id).unwrap();
                let is_next = state.version == review.state.version + 1;
                if is_next {
                    review.state = *state;
                }
                is_next
            }
            Change::ReleaseRun { run, .. } => {
                self.runs.push(run);
                true
            }
            Change::EndRun { run, .. } => self.runs.contains(&run),
            Change::AddInsights { .. } | Change::Directory { .. } | Change::Targets { .. } => {
                panic!("not a step of a passage")
            }
        };
        if applies { Applied::Applied } else { Applied::Lost }
    }

    /// The review last asked about.
    pub(crate) fn review(&self) -> &Review {
        &self.store[&self.asked.unwrap().0]
    }

    /// Somebody else moves the review last asked about.
    pub(crate) fn moves(&mut self, input: impl FnOnce(&Review, Timestamp) -> Result<ReviewState, NotCounted>) {
        let state = Box::new(input(self.review(), self.now).unwrap());
        let id = self.review().case.id;
        assert_eq!(self.apply(Change::AdvanceReview { id, state }), Applied::Applied);
    }

    pub(crate) fn say(&mut self, number: u8, kind: VerdictKind) {
        let people = self.people.clone();
        let given = Given {
            verdict: verdict(person(number), kind, &[]),
            reviewer: &people[&person(number)],
            countersign: &Decision::Allow(explained()),
            people: &people,
        };
        self.moves(|review, now| review.handle_verdict(&given, now));
    }

    pub(crate) fn withdraw(&mut self) {
        self.moves(|review, now| review.handle_withdraw("the ticket is closed", now));
    }

    /// From now on these rules hold.
    pub(crate) fn rules(&mut self, rules: &str) {
        self.facts.policy = policy(rules);
        self.moved_on();
    }

    /// Some fact changed: another epoch.
    pub(crate) fn moved_on(&mut self) {
        self.facts.epoch = Epoch(self.facts.epoch.0 + 1);
    }

    pub(crate) fn later(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    /// The client is gone; its review is detached.
    pub(crate) fn leave(&mut self) {
        let (review, presenter) = self.passage.handle_gone().unwrap();
        assert_eq!(self.asked, Some((review, presenter)));
        self.moves(|review, _| review.handle_detach(presenter));
        self.connect();
    }

    /// Another session of the same actor on the same node.
    pub(crate) fn connect(&mut self) {
        self.sessions += 1;
        self.passage = session(self.sessions, self.facts.clone());
    }

    pub(crate) fn refusal(&self) -> &Refusal {
        self.refused.last().unwrap()
    }

    pub(crate) fn kinds(&self) -> Vec<&str> {
        self.records.iter().map(|(kind, _)| kind.as_str()).collect()
    }
}

/// How the log or the store fails.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure {
    /// Nothing was done.
    Before,
    /// It was done, and the answer was lost.
    After,
}

/// An action that needs a DBA.
pub(crate) fn change() -> Presented {
    presented(Verb::SqlUpdate, "customers")
}

pub(crate) const OPENING: [&str; 4] = ["refresh opening", "record review-opened", "persist open", "ask"];

fn session(number: u8, facts: Fresh) -> Passage {
    Passage::new(Journal::new(SessionId::from_random([number; 16]), [number; 32]), node(1), facts)
}

fn word(step: &Step) -> String {
    match step {
        Step::Refresh(Refresh::Bearing) => "refresh bearing".to_owned(),
        Step::Refresh(Refresh::Opening { .. }) => "refresh opening".to_owned(),
        Step::Refresh(Refresh::Review(_)) => "refresh review".to_owned(),
        Step::Record(entry, _) => format!("record {}", Committed::parse(&entry.leaf).unwrap().text("k")),
        Step::Persist(Change::OpenReview { .. }) => "persist open".to_owned(),
        Step::Persist(Change::AdvanceReview { state, .. }) => match &state.phase {
            Phase::Pending => "persist pending".to_owned(),
            Phase::Approved { .. } => "persist approved".to_owned(),
            Phase::Claimed { .. } => "persist claimed".to_owned(),
            Phase::Ended { outcome, .. } => format!("persist {outcome}"),
        },
        Step::Persist(Change::ReleaseRun { .. }) => "persist run".to_owned(),
        Step::Persist(
            Change::EndRun { .. } | Change::AddInsights { .. } | Change::Directory { .. } | Change::Targets { .. },
        ) => "persist something else".to_owned(),
        Step::Ask { .. } => "ask".to_owned(),
        Step::Refuse(refusal) => format!("refuse {:?}", refusal.kind).to_lowercase(),
        Step::Forward(_) => "forward".to_owned(),
    }
}
