//! Approvals: from the verdict, its passphrase already checked, to the clearance in the waiting caller's hand: two
//! durable records and three changes of the store lie between. And the whole way, from the verdict to the first byte of the
//! statement on its way to a real PostgreSQL server, whose session and catalog are asked once more before.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use audit::SigningKey;
use e2e::postgres::{Login, Server, Wire};
use e2e::until;
use enforcement::{Enforcement, GivenVerdict, NewAgent, NewPerson, Session, Settings, Settlement};
use gate::Way;
use identity::Token;
use model::{
    Channel, Clock, Operation, PrincipalId, PrincipalKind, Resource, ResourceKind, ReviewId, SessionState, Standing,
    Strength, Target, TargetKind, Timestamp, Verb, VerdictKind,
};
use policy::{PolicySet, SourceFile};
use proxy::door::postgres::{Authentication, Entrance, Limits, PostgresDoor};
use proxy::upstream::postgres::{Binding, Host, PostgresUpstream, Proof, Protection, Wanted};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::decisions::{presented, target};
use crate::tell;

/// A node in a throw-away folder, with an agent and a reviewer.
pub struct Stage {
    node: Enforcement,
    target: Target,
    agent: Standing,
    /// What the agent's clients give as their password.
    token: Token,
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
    pub async fn set(target: Target) -> anyhow::Result<Self> {
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
            targets: vec![target.clone()],
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
        Ok(Self { node, target, agent, token: minted.token, grace: people[1], _tasks: tasks, _folder: folder })
    }

    async fn approve(&self, review: ReviewId) -> anyhow::Result<()> {
        let given = GivenVerdict {
            review,
            reviewer: self.grace,
            kind: VerdictKind::Approve,
            reason: String::new(),
            channel: Channel::Api,
            strength: Strength::PASSPHRASE,
            grant: None,
        };
        self.node.give_verdict(given).await?;
        Ok(())
    }

    pub async fn session(&self) -> anyhow::Result<Session> {
        let opened = self.node.open_session(&self.agent, &self.target, Way { door: "bench", address: None }).await;
        opened.map_err(|refusal| anyhow::anyhow!("{}", refusal.message))
    }
}

pub async fn measure() -> anyhow::Result<()> {
    the_disk()?;
    let stage = Stage::set(target(TargetKind::Sqlite)).await?;
    let mut samples: Vec<Duration> = Vec::new();
    for round in 0..ROUNDS {
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
        stage.approve(review).await?;
        samples.push(waiting.await?.duration_since(started));
    }
    tell("approve -> clearance, presenter asleep", &mut samples, "");
    to_the_upstream().await?;
    the_disk()
}

/// What the disk itself takes, for an approval waits for it twice.
fn the_disk() -> anyhow::Result<()> {
    let mut file = tempfile::tempfile()?;
    let mut samples = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        file.write_all(&[b'x'; 400])?;
        let started = Instant::now();
        file.sync_data()?;
        samples.push(started.elapsed());
        std::thread::sleep(Duration::from_millis(2));
    }
    tell("fdatasync of 400 bytes, the disk alone", &mut samples, "");
    Ok(())
}

/// The whole way, through the door of PostgreSQL.
async fn to_the_upstream() -> anyhow::Result<()> {
    let server = Server::start().await;
    let mut owner = Wire::open(&server.superuser("postgres")).await;
    owner.query("CREATE DATABASE orders OWNER gateway").await.ok();
    let mut owner = Wire::open(&server.through_socket("gateway", "orders")).await;
    owner.query("CREATE TABLE orders (id int PRIMARY KEY)").await.ok();
    let stage = Stage::set(target(TargetKind::Postgres)).await?;
    let mut tasks = JoinSet::new();
    let (tap, mut passed) = Tap::start(server.port, &mut tasks).await?;
    let upstream = PostgresUpstream {
        target: stage.target.name.clone(),
        hosts: vec![Host { name: "127.0.0.1".to_owned(), port: tap, certified: "127.0.0.1".try_into()? }],
        role: "gateway".to_owned(),
        database: "orders".to_owned(),
        password: Some(SecretString::from(server.password.clone())),
        protection: Protection::Plain,
        proofs: vec![Proof::Scram],
        binding: Binding::Disabled,
        wanted: Wanted::Any,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let at = listener.local_addr()?;
    let way_in = (String::new(), Limits::default());
    let authentication = Authentication::Password;
    let entrance = Entrance { tls: None, asks_for_certificates: false, proxies: Vec::new(), authentication };
    let door = PostgresDoor::new(stage.node.clone(), Arc::new(upstream), entrance, way_in);
    tasks.spawn(door.serve(listener));
    let login = Login::tcp(at, "reporter", stage.token.reveal(), "orders");
    let mut client = Wire::open(&login).await;
    let mut samples: Vec<Duration> = Vec::new();
    for round in 0..ROUNDS {
        let statement = format!("{STATEMENT} WHERE id = {round}");
        let ran = tokio::spawn(async move { (client.query(&statement).await, client) });
        let review = until("it is held", async || {
            let open = stage.node.store().reviews(true, None, 1).await.ok()?;
            open.first().map(|row| row.review.case.id)
        });
        let review = review.await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        let started = Instant::now();
        stage.approve(review).await?;
        let (answer, again) = ran.await?;
        answer.ok();
        client = again;
        samples.push(passed.recv().await.context("the statement passes the tap")?.duration_since(started));
    }
    tell("approve -> statement on the wire to PostgreSQL", &mut samples, "p99 < 10 ms");
    Ok(())
}

/// Stands between the door and the server, and tells when the statement passes.
struct Tap;

impl Tap {
    async fn start(server: u16, tasks: &mut JoinSet<()>) -> anyhow::Result<(u16, mpsc::UnboundedReceiver<Instant>)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (tell, told) = mpsc::unbounded_channel();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client, server, tell.clone()));
            }
        });
        Ok((port, told))
    }
}

async fn pass(client: TcpStream, server: u16, tell: mpsc::UnboundedSender<Instant>) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut bytes = vec![0; 64 << 10];
    loop {
        let count = from_client.read(&mut bytes).await?;
        if count == 0 {
            back.abort();
            return Ok(());
        }
        if bytes[..count].windows(STATEMENT.len()).any(|window| window == STATEMENT.as_bytes()) {
            tell.send(Instant::now()).unwrap_or_default();
        }
        to_server.write_all(&bytes[..count]).await?;
    }
}

/// What is held, and looked for on the wire.
const STATEMENT: &str = "DELETE FROM orders";
/// Approvals of a run.
const ROUNDS: usize = 500;
