//! Approvals: from the verdict, its passphrase already checked, to the clearance in the waiting caller's hand: two
//! durable records and three changes of the store lie between.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audit::SigningKey;
use enforcement::{Enforcement, GivenVerdict, NewAgent, NewPerson, Session, Settings, Settlement};
use model::{
    Channel, Clock, Operation, PrincipalId, PrincipalKind, Resource, ResourceKind, SessionState, Standing, Strength,
    Timestamp, Verb, VerdictKind,
};
use policy::{PolicySet, SourceFile};
use secrecy::SecretString;
use tokio::task::JoinSet;

use crate::decisions::{presented, target};
use crate::tell;

/// A node in a throw-away folder, with an agent and a reviewer.
pub struct Stage {
    node: Enforcement,
    agent: Standing,
    grace: PrincipalId,
    _tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

#[derive(Debug)]
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

const RULES: &str = r#"
@id("agents") permit (principal in Group::"agents", action in [Action::"connect", Action::"read", Action::"write"], resource);
@id("ask") @review("owner") forbid (principal is Agent, action == Action::"sql.delete", resource);
@id("countersign") permit (principal is Person, action == Action::"countersign", resource);
"#;

impl Stage {
    pub async fn set() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut tasks = JoinSet::new();
        let file = SourceFile { name: "rules.cedar".to_owned(), text: RULES.to_owned() };
        let policy = PolicySet::load(&[file], &BTreeSet::new()).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
        let settings = Settings {
            log: folder.path().join("log"),
            store: folder.path().join("store.db"),
            search: folder.path().join("search.db"),
            key: SigningKey::from_seed("bench/log", &[1; 32]),
            clock: Arc::new(WallClock),
            policy,
            targets: vec![target()],
        };
        let node = Enforcement::open(settings, &mut tasks).await?;
        let mut people = Vec::new();
        for name in ["ada", "grace"] {
            let credential = identity::hash_passphrase(&SecretString::from(format!("{name}-countersigns")))?;
            let person = NewPerson { name: name.parse()?, groups: ["owners".parse()?].into(), credential };
            people.push(node.add_person(person, None).await.map_err(anyhow::Error::msg)?.id);
        }
        let agent = NewAgent {
            kind: PrincipalKind::Agent,
            name: "reporter".parse()?,
            owner: "ada".parse()?,
            groups: ["agents".parse()?].into(),
        };
        let minted = node.add_agent(agent, None).await.map_err(anyhow::Error::msg)?;
        let agent = node.authenticate_token(minted.token.reveal()).await?;
        Ok(Self { node, agent, grace: people[1], _tasks: tasks, _folder: folder })
    }

    pub async fn session(&self) -> anyhow::Result<Session> {
        let opened = self.node.open_session(&self.agent, &target(), "bench").await;
        opened.map_err(|refusal| anyhow::anyhow!("{}", refusal.message))
    }
}

pub async fn measure() -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let mut samples: Vec<Duration> = Vec::new();
    for round in 0..300 {
        let mut session = stage.session().await?;
        let table = Resource::new(ResourceKind::Table, "", &format!("orders{round}"));
        let Settlement::Held(held) = session.present(presented(vec![Operation::new(Verb::SqlDelete, table)])).await
        else {
            anyhow::bail!("a deletion is held here");
        };
        let review = held.review;
        let waiting = tokio::spawn(async move {
            session.wait(review).await;
            match session.resume(Arc::new(SessionState::default()), None).await {
                Settlement::Forward(clearance) => {
                    drop(clearance.spend());
                    Instant::now()
                }
                other => panic!("approved, it runs: {other:?}"),
            }
        });
        // The waiter is asleep by now, as it is in life.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let started = Instant::now();
        let given = GivenVerdict {
            review,
            reviewer: stage.grace,
            kind: VerdictKind::Approve,
            reason: String::new(),
            channel: Channel::Api,
            strength: Strength::PASSPHRASE,
        };
        stage.node.give_verdict(given).await?;
        samples.push(waiting.await?.duration_since(started));
    }
    tell("approve -> clearance, presenter asleep", &mut samples, "p99 < 10 ms");
    Ok(())
}
