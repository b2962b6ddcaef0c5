//! The node over a store that refuses chosen writes, until it takes them again: a trigger made from beside refuses them.
//! Whatever it refuses, nothing is forwarded twice, and the reviews stand in the end where the log says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use audit::{Committed, SigningKey, Verifier, scan};
use gate::{Payload, Presented, RefusalKind, RunEnd, Way};
use model::{
    Clock, Labels, Operation, PrincipalKind, Purpose, Resource, ResourceKind, Run, RunId, SessionState, Statement,
    Target, TargetKind, TargetVersion, Verb, sha256,
};
use policy::{PolicySet, SourceFile};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::task::JoinSet;

use super::*;
use crate::{HeldNotice, NewAgent, NewPerson, Session, Settings, Settlement, Startup};

const RULES: &str = r#"
@id("countersigning") permit (principal is Person, action == Action::"countersign", resource);
@id("work") permit (principal, action in [Action::"connect", Action::"read", Action::"write"], resource);
@id("change") @title("Agents change data with a DBA") @review("dba") @expires("20m")
forbid (principal is Agent, action in Action::"write", resource is Table) unless { resource.name == "payments" };
@id("pay") @title("Payments take two") @review("dba") @quorum("2") @expires("20m")
forbid (principal is Agent, action in Action::"write", resource is Table) when { resource.name == "payments" };
"#;

/// A node with an agent of ada's, and the DBAs grace and joan.
struct World {
    folder: tempfile::TempDir,
    clock: Arc<Now>,
    tasks: JoinSet<()>,
    node: Enforcement,
}

#[derive(Debug)]
struct Now(AtomicU64);

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Acquire))
    }
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Now(AtomicU64::new(1_000_000)));
        let mut tasks = JoinSet::new();
        let node = open(&folder, &clock, &mut tasks).await.unwrap();
        for (person, groups) in [("ada", "admins"), ("grace", "dba"), ("joan", "dba")] {
            let (name, groups) = (person.parse().unwrap(), [groups.parse().unwrap()].into());
            node.add_person(NewPerson { name, groups, credential: HASH.to_owned() }, None).await.unwrap();
        }
        let world = Self { folder, clock, tasks, node };
        world.add_agent("agent").await.unwrap();
        world
    }

    async fn add_agent(&self, name: &str) -> Result<PrincipalId, String> {
        let (name, owner) = (name.parse().unwrap(), "ada".parse().unwrap());
        let new = NewAgent { kind: PrincipalKind::Agent, name, owner, groups: BTreeSet::new() };
        Ok(self.node.add_agent(new, None).await?.principal.id)
    }

    /// Ends the node and starts it anew on the same folder, after `meanwhile`.
    async fn restarted(mut self, meanwhile: &str) -> Self {
        self.tasks.shutdown().await;
        drop(self.node);
        if !meanwhile.is_empty() {
            beside(&self.folder, meanwhile).await;
        }
        let node = until("the log is let go", async || match open(&self.folder, &self.clock, &mut self.tasks).await {
            Err(Startup::Log(crate::LogError::InUse(_))) => None,
            opened => Some(opened.unwrap()),
        })
        .await;
        Self { node, ..self }
    }

    /// From now on the store refuses these writes, such as `UPDATE ON reviews`.
    async fn refuse(&self, writes: &str) {
        let refusal = "BEGIN SELECT RAISE(ABORT, 'this is not taken'); END";
        beside(&self.folder, &format!("CREATE TRIGGER fault BEFORE {writes} {refusal}")).await;
    }

    async fn heal(&self) {
        beside(&self.folder, HEAL).await;
    }

    async fn session(&self) -> Session {
        let agent = self.id("agent").await;
        let standing = self.node.store().standing(agent).await.unwrap().unwrap();
        self.node.open_session(&standing, &target(), Way { door: "test", address: None }).await.unwrap()
    }

    /// A session that waits with a write on this table.
    async fn holding(&self, table: &str) -> (Session, HeldNotice) {
        let mut session = self.session().await;
        let settled = session.present(write_on(table)).await;
        let Settlement::Held(held) = settled else { panic!("not held: {settled:?}") };
        (session, held)
    }

    async fn id(&self, name: &str) -> PrincipalId {
        let found = self.node.store().credential_by_name(&name.parse().unwrap()).await.unwrap();
        found.unwrap().principal.id
    }

    async fn approve(&self, reviewer: &str, held: &HeldNotice) -> Result<ReviewRow, SettleError> {
        let given = GivenVerdict {
            review: held.review,
            reviewer: self.id(reviewer).await,
            kind: VerdictKind::Approve,
            reason: String::new(),
            channel: Channel::Cli,
            strength: Strength::PASSPHRASE,
            grant: None,
        };
        self.node.give_verdict(given).await
    }

    async fn phase(&self, review: ReviewId) -> Phase {
        self.node.store().review(review).await.unwrap().unwrap().review.state.phase
    }

    async fn run(&self, review: ReviewId) -> Option<Run> {
        self.node.store().review(review).await.unwrap().unwrap().run.map(|run| run.state)
    }

    /// How many records of this kind the log holds.
    fn records(&self, kind: &str) -> usize {
        let bytes = std::fs::read(self.folder.path().join("log/records")).unwrap();
        let mut found = 0;
        scan(&bytes, |_, frame| found += usize::from(Committed::parse(frame.leaf).unwrap().text("k") == kind));
        found
    }

    /// Fails unless the log is whole, as an auditor would check it.
    fn verify(&self) {
        let bytes = std::fs::read(self.folder.path().join("log/records")).unwrap();
        let mut verifier = Verifier::new(&[]);
        verifier.handle_bytes(&bytes);
        assert_eq!(verifier.finish(&[]).findings, []);
    }

    /// Waits until all that is recorded by now counts as applied.
    async fn until_applied(&self) {
        let [_, (_, synced), ..] = self.node.watermarks();
        until("the cursor reaches the end of the log", async || {
            // It moves when records do.
            drop(self.session().await);
            (self.node.store().applied_through().await.unwrap() >= synced).then_some(())
        })
        .await;
    }
}

async fn open(folder: &tempfile::TempDir, clock: &Arc<Now>, tasks: &mut JoinSet<()>) -> Result<Enforcement, Startup> {
    static KEY: &[u8; 32] = &[7; 32];
    let file = SourceFile { name: "rules.cedar".to_owned(), text: RULES.to_owned() };
    let settings = Settings {
        log: folder.path().join("log"),
        store: folder.path().join("store.db"),
        search: folder.path().join("search.db"),
        key: SigningKey::from_seed("countersign.test/log", KEY),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        policy: PolicySet::load(&[file], &BTreeSet::new()).unwrap(),
        targets: vec![target()],
    };
    Enforcement::open(settings, tasks).await
}

/// Changes the store from beside, as no part of the gateway does.
async fn beside(folder: &tempfile::TempDir, sql: &str) {
    let options = SqliteConnectOptions::new().filename(folder.path().join("store.db"));
    let mut connection = SqliteConnection::connect_with(&options.busy_timeout(LIMIT)).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(SOON).await;
        }
    };
    tokio::time::timeout(LIMIT, asked).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

fn target() -> Target {
    Target {
        name: "shop".parse().unwrap(),
        kind: TargetKind::Postgres,
        owner: "dba".parse().unwrap(),
        labels: Labels::new(),
        classify: Default::default(),
        detect: Default::default(),
        dry_run: false,
        version: TargetVersion(sha256(&[b"target"])),
    }
}

fn state() -> Arc<SessionState> {
    Arc::default()
}

fn write_on(table: &str) -> Presented {
    let statement = Statement {
        text: format!("UPDATE {table}"),
        operations: vec![Operation::new(Verb::SqlUpdate, Resource::new(ResourceKind::Table, "public", table))],
        bound: Vec::new(),
    };
    Presented {
        payload: Payload(statement.text.clone().into_bytes()),
        statement_digest: statement.digest(),
        statement: Arc::new(statement),
        parameters: Vec::new(),
        state: state(),
        reveal: BTreeSet::new(),
        reason: String::new(),
        purpose: Purpose::Run,
        obstacle: None,
    }
}

/// The run that the action was cleared for.
fn released(settlement: Settlement) -> RunId {
    let Settlement::Forward(clearance) = settlement else { panic!("not forwarded: {settlement:?}") };
    clearance.run().unwrap()
}

/// Fails unless the caller is told that nothing runs now.
fn unavailable(settlement: Settlement) {
    let Settlement::Refused(refusal) = settlement else { panic!("not refused: {settlement:?}") };
    assert_eq!(refusal.kind, RefusalKind::Unavailable, "{refusal:?}");
}

fn is_ended(phase: &Phase, by: Outcome) -> bool {
    matches!(phase, Phase::Ended { outcome, .. } if *outcome == by)
}

#[tokio::test]
async fn a_recorded_verdict_that_the_store_refuses_releases_once_when_it_is_taken() {
    let world = World::new().await;
    let (mut session, held) = world.holding("customers").await;
    world.refuse("UPDATE ON reviews").await;
    let told = world.approve("grace", &held).await.unwrap_err();
    assert!(matches!(told, SettleError::NotYet(_)), "{told:?}");
    assert!(
        told.to_string().contains("takes effect as soon as the store answers again, or at the next start"),
        "{told}"
    );
    // It is not in force, and nobody gets ahead of it.
    assert!(matches!(session.resume(state(), None).await, Settlement::Held(_)));
    assert!(matches!(world.approve("joan", &held).await, Err(SettleError::Unavailable(_))));
    assert!(matches!(world.node.withdraw(held.review, world.id("ada").await).await, Err(SettleError::Unavailable(_))));
    assert_eq!((world.records("verdict"), world.records("released")), (1, 0));
    world.heal().await;
    // Nobody does anything: it is applied all the same, and whoever waits is woken.
    tokio::time::timeout(LIMIT, session.wait(held.review)).await.unwrap();
    released(session.resume(state(), None).await);
    let (_other, again) = world.holding("customers").await;
    assert_ne!(again.review, held.review, "an approval was spent twice");
    assert_eq!((world.records("verdict"), world.records("released")), (1, 1));
    world.until_applied().await;
    world.verify();
}

#[tokio::test]
async fn what_is_kept_of_a_review_comes_before_its_next_step() {
    let world = World::new().await;
    let (_session, held) = world.holding("payments").await;
    let refused = format!("UPDATE ON reviews WHEN NEW.id = '{}'", held.review);
    world.refuse(&refused).await;
    assert!(matches!(world.approve("grace", &held).await, Err(SettleError::NotYet(_))));
    world.heal().await;
    let row = world.approve("joan", &held).await.unwrap();
    assert!(matches!(row.review.state.phase, Phase::Approved { .. }), "{row:?}");
    let reviewers: Vec<PrincipalId> = row.review.state.verdicts.iter().map(|verdict| verdict.reviewer).collect();
    assert_eq!(reviewers, [world.id("grace").await, world.id("joan").await]);
}

#[tokio::test]
async fn a_claim_that_the_store_refuses_forwards_nothing_and_leaves_the_approval() {
    // The claim alone; and all that a review does, so that its presenter cannot be detached either.
    for refused in [A_CLAIM, "UPDATE ON reviews"] {
        let world = World::new().await;
        let (mut session, held) = world.holding("customers").await;
        world.approve("grace", &held).await.unwrap();
        world.refuse(refused).await;
        unavailable(session.resume(state(), None).await);
        assert_eq!(world.records("released"), 0, "{refused}");
        world.heal().await;
        let nobody = |row: &ReviewRow| row.review.state.presenter == gate::Presenter::Detached;
        until("its presenter is detached", async || {
            nobody(&world.node.store().review(held.review).await.unwrap().unwrap()).then_some(())
        })
        .await;
        assert!(matches!(world.phase(held.review).await, Phase::Approved { .. }), "{refused}");
        let mut again = world.session().await;
        released(again.present(write_on("customers")).await);
        assert_eq!((world.records("review-opened"), world.records("released")), (1, 1), "{refused}");
        world.until_applied().await;
    }
}

#[tokio::test]
async fn a_claim_behind_an_attachment_holds_the_cursor_no_longer_than_that() {
    let world = World::new().await;
    let (mut session, held) = world.holding("customers").await;
    world.approve("grace", &held).await.unwrap();
    session.let_go().await;
    world.refuse(A_CLAIM).await;
    unavailable(session.present(write_on("customers")).await);
    world.until_applied().await;
    world.heal().await;
    released(session.present(write_on("customers")).await);
    assert_eq!((world.records("review-opened"), world.records("released")), (1, 1));
}

#[tokio::test]
async fn a_presenter_that_leaves_while_the_store_is_behind_is_detached_later() {
    let world = World::new().await;
    let (session, held) = world.holding("customers").await;
    world.refuse("UPDATE ON reviews").await;
    assert!(matches!(world.approve("grace", &held).await, Err(SettleError::NotYet(_))));
    drop(session);
    world.heal().await;
    until("the same action attaches to its approval", async || {
        let mut again = world.session().await;
        matches!(again.present(write_on("customers")).await, Settlement::Forward(_)).then_some(())
    })
    .await;
    assert_eq!(world.records("released"), 1);
}

#[tokio::test]
async fn a_record_that_could_not_be_staged_leaves_no_hole() {
    let world = World::new().await;
    let (mut session, held) = world.holding("customers").await;
    session.let_go().await;
    world.refuse("UPDATE ON reviews").await;
    assert!(matches!(world.approve("grace", &held).await, Err(SettleError::NotYet(_))));
    // It would attach, but the verdict comes first.
    unavailable(session.present(write_on("customers")).await);
    assert_eq!(world.records("presenter"), 1);
    world.heal().await;
    until("the verdict is in force", async || (world.phase(held.review).await != Phase::Pending).then_some(())).await;
    released(session.present(write_on("customers")).await);
    world.verify();
}

#[tokio::test]
async fn a_session_that_is_cut_off_while_it_waits_for_its_turn_leaves_no_hole() {
    let world = World::new().await;
    let mut session = world.session().await;
    let mut held = Vec::new();
    for stripe in &world.node.0.settling {
        held.push(Arc::clone(stripe).lock_owned().await);
    }
    // As the stop of a gateway ends whoever waits.
    let cut = tokio::time::timeout(SOON, session.present(write_on("customers"))).await;
    assert!(cut.is_err());
    drop(session);
    drop(held);
    world.node.note(audit::Kind::Started, &[], &[]).await.unwrap();
    world.verify();
}

#[tokio::test]
async fn a_release_that_is_recorded_and_not_stored_is_never_forwarded_and_never_again() {
    for healed in [true, false] {
        let world = World::new().await;
        let (mut session, held) = world.holding("customers").await;
        world.approve("grace", &held).await.unwrap();
        world.refuse("INSERT ON runs").await;
        unavailable(session.resume(state(), None).await);
        assert_eq!((world.records("released"), world.records("run-ended")), (1, 0));
        assert!(matches!(world.phase(held.review).await, Phase::Claimed { .. }));
        drop(session);
        if healed {
            world.heal().await;
            until("the store knows the run", async || world.run(held.review).await).await;
        }
        let world = world.restarted(if healed { "" } else { HEAL }).await;
        assert_eq!(world.run(held.review).await, Some(Run::Uncertain));
        assert_eq!((world.records("released"), world.records("run-ended")), (1, 1));
        let (_session, again) = world.holding("customers").await;
        assert_ne!(again.review, held.review, "an approval was spent twice");
    }
}

#[tokio::test]
async fn an_end_of_a_run_that_the_store_refuses_is_stored_later() {
    for healed in [true, false] {
        let world = World::new().await;
        let (mut session, held) = world.holding("customers").await;
        world.approve("grace", &held).await.unwrap();
        let run = released(session.resume(state(), None).await);
        world.refuse("UPDATE ON runs").await;
        let end = RunEnd { run: Run::Succeeded, rows: 1, masked: Default::default(), detail: String::new() };
        assert_eq!(session.ended(Some(run), false, &end).await.unwrap_err().kind, RefusalKind::Unavailable);
        assert_eq!(world.run(held.review).await, Some(Run::Released));
        drop(session);
        if healed {
            world.heal().await;
            let ended = async || (world.run(held.review).await == Some(Run::Succeeded)).then_some(());
            until("the run has ended", ended).await;
        }
        let world = world.restarted(if healed { "" } else { HEAL }).await;
        assert_eq!(world.run(held.review).await, Some(Run::Succeeded));
        assert_eq!(world.records("run-ended"), 1);
    }
}

#[tokio::test]
async fn a_restart_applies_what_the_store_refused() {
    let world = World::new().await;
    let (session, held) = world.holding("customers").await;
    world.refuse("UPDATE ON reviews").await;
    assert!(matches!(world.approve("grace", &held).await, Err(SettleError::NotYet(_))));
    drop(session);
    let world = world.restarted(HEAL).await;
    assert!(matches!(world.phase(held.review).await, Phase::Approved { .. }));
    let mut again = world.session().await;
    released(again.present(write_on("customers")).await);
    assert_eq!((world.records("review-opened"), world.records("verdict"), world.records("released")), (1, 1, 1));
}

#[tokio::test]
async fn a_review_whose_end_the_store_refuses_keeps_no_other_from_ending() {
    for outcome in [Outcome::Expired, Outcome::Withdrawn] {
        let world = World::new().await;
        let (_first, stuck) = world.holding("stuck").await;
        let mut others = Vec::new();
        while others.len() < 3 {
            let (session, held) = world.holding("other").await;
            // What shares its stripe waits with it.
            if held.review.as_bytes()[0] % 64 != stuck.review.as_bytes()[0] % 64 {
                others.push((session, held.review));
            }
        }
        world.refuse(&format!("UPDATE ON reviews WHEN NEW.id = '{}'", stuck.review)).await;
        if outcome == Outcome::Expired {
            world.clock.0.fetch_add(21 * 60_000, Ordering::AcqRel);
            // It sleeps for as long as the clock said; an event wakes it.
            world.node.tell("review-moved", stuck.review, Moved::Perhaps);
        } else {
            let told = world.node.revoke(&"agent".parse().unwrap(), None).await.unwrap_err();
            assert!(told.contains("is revoked") && told.contains("takes effect as soon as"), "{told}");
        }
        for (_, review) in &others {
            until("another ends", async || is_ended(&world.phase(*review).await, outcome).then_some(())).await;
        }
        assert_eq!(world.phase(stuck.review).await, Phase::Pending);
        world.heal().await;
        until("it ends too", async || is_ended(&world.phase(stuck.review).await, outcome).then_some(())).await;
        assert_eq!(world.records("review-ended"), world.records("review-opened"));
    }
}

#[tokio::test]
async fn a_change_of_the_directory_that_the_store_refuses_keeps_its_place() {
    let world = World::new().await;
    world.refuse("INSERT ON principals").await;
    let told = world.add_agent("late").await.unwrap_err();
    assert!(told.contains("takes effect as soon as"), "{told}");
    world.heal().await;
    // The first is in the log: were the second in the store, a store rebuilt from the log would know another.
    let told = world.add_agent("late").await.unwrap_err();
    assert!(told.contains("is or was in use"), "{told}");
    world.refuse("UPDATE ON principals").await;
    let told = world.node.revoke(&"late".parse().unwrap(), None).await.unwrap_err();
    assert!(told.contains("takes effect as soon as"), "{told}");
    world.heal().await;
    let late = world.id("late").await;
    let revoked = async || (!world.node.store().standing(late).await.unwrap()?.active).then_some(());
    until("the revocation is in force", revoked).await;
    let world =
        world.restarted("DELETE FROM memberships; DELETE FROM reviews; DELETE FROM principals; DELETE FROM meta").await;
    assert_eq!(world.id("late").await, late, "the store knew another than the log");
    assert!(!world.node.store().standing(late).await.unwrap().unwrap().active);
}

/// Drops what [`World::refuse`] made.
const HEAL: &str = "DROP TRIGGER fault";
/// The write that spends an approval.
const A_CLAIM: &str = "UPDATE ON reviews WHEN NEW.state_json LIKE '%claimed%'";
/// A credential that nobody can prove.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$Y291bnRlcnNpZ24tbm8$0000000000000000000000000000000000000000000";
/// Longer than anything takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);
