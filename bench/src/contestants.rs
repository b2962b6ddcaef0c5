//! Who is measured: a PostgreSQL server in a throw-away folder, the proxies in front of it, each with its own listener,
//! and the built gateway with three targets on the one database. All of it on loopback without TLS, gone at the end. What
//! the tables hold is the affair of whoever measures.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Stdio};

use anyhow::Context as _;
use e2e::postgres::{Login, Server, Wire, programs};
use e2e::{Gateway, Site, until};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// One way to the database.
#[derive(Debug)]
pub struct Contestant {
    pub name: &'static str,
    pub login: Login,
    /// The proxy's process.
    pub process: Option<u32>,
}

impl Contestant {
    /// Whether it is the one that others are compared with.
    pub fn is_the_peer(&self) -> bool {
        self.name == PGBOUNCER
    }
}

/// A server with a database, behind whatever is put in front of it.
#[derive(Debug)]
pub struct Ground {
    server: Server,
    /// Straight to the database, as its owner.
    pub direct: Login,
    /// Sessions at a time that the server and all in front of it take.
    sessions: usize,
}

/// Everything that runs in front of a server.
#[derive(Debug)]
pub struct Stage {
    gateway: Gateway,
    pgbouncer: Proxy,
    haproxy: Option<Proxy>,
    direct: Login,
}

/// A proxy that runs; killed when it is dropped.
#[derive(Debug)]
struct Proxy {
    process: Child,
    login: Login,
    _folder: TempDir,
}

impl Ground {
    /// For so many sessions at a time.
    pub async fn lay(sessions: usize) -> anyhow::Result<Self> {
        // One contestant's may still be open while another's come; some are the server's own.
        let server = Server::start_with(&format!("max_connections = {}", 2 * sessions + 100)).await;
        let mut superuser = Wire::open(&server.superuser("postgres")).await;
        for statement in [
            "CREATE DATABASE pgbench OWNER gateway",
            // The server of the tests writes down all that it is told.
            "ALTER ROLE gateway SET log_min_duration_statement = -1",
        ] {
            superuser.query(statement).await.ok();
        }
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
        let direct = Login::tcp(at, "gateway", &server.password, "pgbench");
        let ground = Self { server, direct, sessions };
        ground.execute("CREATE TABLE people (id int, email text)").await;
        Ok(ground)
    }

    /// Runs something as the database's owner, whom nobody asks for a password.
    pub async fn execute(&self, sql: &str) {
        Wire::open(&self.server.through_socket("gateway", "pgbench")).await.query(sql).await.ok();
    }

    /// Waits until the server has no session left of those that come over the network.
    pub async fn until_left(&self) {
        let mut superuser = Wire::open(&self.server.superuser("postgres")).await;
        let left = "SELECT count(*) FROM pg_stat_activity WHERE client_addr IS NOT NULL";
        until("all sessions are gone", async || (superuser.query(left).await.texts() == ["0"]).then_some(())).await;
    }

    /// Starts everything in front of it. These columns, `"public.table.column" = "class"` a line, have classes in the one
    /// target whose tables are read.
    pub async fn stage(&self, classes: &str) -> anyhow::Result<Stage> {
        let (server, direct) = (&self.server, &self.direct);
        let pgbouncer = pgbouncer(direct, server.port, self.sessions).await?;
        let haproxy = match installed("haproxy") {
            Some(program) => Some(haproxy(&program, direct, server.port, self.sessions).await?),
            None => None,
        };
        let site = Site::new().await;
        let mut targets = String::new();
        for (name, classified) in [("bare", ""), ("beside", BESIDE), ("masked", classes)] {
            let target = TARGET.replace("NAME", name).replace("PORT", &server.port.to_string());
            targets += &target.replace("SESSIONS", &self.sessions.to_string());
            if !classified.is_empty() {
                targets += &format!("[target.classify]\n{classified}\n");
            }
        }
        site.write("countersign.toml", &(site.read("countersign.toml") + &targets));
        site.write("password", &server.password);
        Ok(Stage { gateway: site.serve().await, pgbouncer, haproxy, direct: direct.clone() })
    }
}

impl Stage {
    /// In the order of their turns.
    pub fn contestants(&self) -> Vec<Contestant> {
        let proxy = |name, proxy: &Proxy| Contestant { name, login: proxy.login.clone(), process: proxy.process.id() };
        let ours = |name, target| Contestant {
            name,
            login: self.gateway.login("shopkeeper", target),
            process: Some(self.gateway.pid()),
        };
        let direct = Contestant { name: DIRECT, login: self.direct.clone(), process: None };
        let haproxy = self.haproxy.as_ref().map(|haproxy| proxy(HAPROXY, haproxy));
        [
            Some(direct),
            haproxy,
            Some(proxy(PGBOUNCER, &self.pgbouncer)),
            Some(ours(NO_CLASSES, "bare")),
            Some(ours(CLASSES_BESIDE, "beside")),
            Some(ours(CLASSES_READ, "masked")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What a reader of the figures must know.
    pub fn what_was_on(&self) -> String {
        let version = |program: &Path| {
            let output = Program::new(program).arg("--version").output().ok();
            let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
            text.lines().next().unwrap_or_default().to_owned()
        };
        let disk = Program::new("stat").args(["-f", "-c", "%T"]).arg(self.gateway.site.path("data")).output();
        let disk = disk.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
        let bouncer = installed("pgbouncer").map(|program| version(&program)).unwrap_or_default();
        format!(
            "all in memory, on loopback without TLS; {}; {bouncer}, session mode; the gateway parses, \
             decides and records every statement under the starter rules, its log on {disk}",
            version(&programs::server("postgres")),
        )
    }
}

async fn pgbouncer(direct: &Login, upstream: u16, sessions: usize) -> anyhow::Result<Proxy> {
    let program = installed("pgbouncer").context("pgbouncer is not installed: run `cargo xtask setup`")?;
    let folder = tempfile::tempdir()?;
    let listener = free_port()?;
    let users = folder.path().join("users");
    std::fs::write(&users, format!("\"{}\" \"{}\"\n", direct.user, direct.password))?;
    let config = folder.path().join("pgbouncer.ini");
    let text = PGBOUNCER_INI.replace("UPSTREAM", &upstream.to_string()).replace("PORT", &listener.to_string());
    let text = text.replace("USERS", &users.to_string_lossy()).replace("SESSIONS", &sessions.to_string());
    std::fs::write(&config, text)?;
    if let Some((uid, gid)) = programs::user() {
        for path in [folder.path(), &users, &config] {
            chown(path, Some(uid), Some(gid))?;
        }
    }
    let mut command = programs::as_server(&program);
    command.arg("-q").arg(&config);
    Proxy::start(command, direct, (listener, folder)).await
}

async fn haproxy(program: &Path, direct: &Login, upstream: u16, sessions: usize) -> anyhow::Result<Proxy> {
    let folder = tempfile::tempdir()?;
    let listener = free_port()?;
    let config = folder.path().join("haproxy.cfg");
    let text = HAPROXY_CFG.replace("UPSTREAM", &upstream.to_string()).replace("PORT", &listener.to_string());
    std::fs::write(&config, text.replace("SESSIONS", &sessions.to_string()))?;
    let mut command = Program::new(program);
    command.arg("-db").arg("-f").arg(&config);
    Proxy::start(command, direct, (listener, folder)).await
}

impl Proxy {
    async fn start(command: Program, direct: &Login, (listener, folder): (u16, TempDir)) -> anyhow::Result<Self> {
        let shown = format!("{command:?}");
        let mut command = Command::from(command);
        command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().with_context(|| format!("cannot run {shown}"))?;
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, listener));
        let login = Login::tcp(at, &direct.user, &direct.password, &direct.database);
        until(&format!("{shown} listens"), async || TcpStream::connect(at).ok().map(drop)).await;
        Ok(Self { process, login, _folder: folder })
    }
}

/// A port that nobody listens on now.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A program of the system, which may stand where only root looks.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

pub const DIRECT: &str = "direct";
pub const HAPROXY: &str = "HAProxy, TCP mode";
pub const PGBOUNCER: &str = "PgBouncer, session mode";
pub const NO_CLASSES: &str = "Countersign, no classes";
pub const CLASSES_BESIDE: &str = "Countersign, classes in another table";
pub const CLASSES_READ: &str = "Countersign, a class in the table read";

const PGBOUNCER_INI: &str = "
[databases]
pgbench = host=127.0.0.1 port=UPSTREAM
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = PORT
unix_socket_dir =
auth_type = scram-sha-256
auth_file = USERS
pool_mode = session
default_pool_size = SESSIONS
max_client_conn = SESSIONS
client_tls_sslmode = disable
server_tls_sslmode = disable
";

const HAPROXY_CFG: &str = "
defaults
    mode tcp
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    maxconn SESSIONS
listen pgbench
    bind 127.0.0.1:PORT
    server postgres 127.0.0.1:UPSTREAM
";

/// Classes in a table that nobody reads here.
const BESIDE: &str = r#""public.people.email" = "email""#;

/// One database, three times: without classes, with classes beside, and with one in the very table, so that each result is
/// planned before it is shown.
const TARGET: &str = r#"
[[target]]
name = "NAME"
kind = "postgres"
listen = "127.0.0.1:0"
upstream = "postgres://gateway@127.0.0.1:PORT/pgbench?sslmode=disable"
password = { file = "password" }
owner = "owners"
labels = { environment = "production" }
sessions = SESSIONS
sessions-per-actor = SESSIONS
"#;
