//! A PostgreSQL server of the tests' own: made in a throw-away folder, run on loopback, gone with the process that made
//! it. A keeper, a shell at the other end of a pipe, starts and kills it, and ends it when the pipe closes, however
//! that comes about.

use std::io::Write as _;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::{Authority, Login, Place, Wire, programs};
use crate::random::{Random, clock};
use crate::until;

/// A server that runs, or was killed and may be started again.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    pub port: u16,
    /// Of the role `gateway`.
    pub password: String,
    /// Who signed its certificate.
    pub authority: Authority,
    orders: Mutex<Option<ChildStdin>>,
    keeper: Mutex<Child>,
}

impl Server {
    /// The one that all tests of this process share, each with a database of its own.
    pub async fn shared() -> Arc<Self> {
        static SHARED: OnceCell<Arc<Server>> = OnceCell::const_new();
        Arc::clone(SHARED.get_or_init(|| async { Arc::new(Self::start().await) }).await)
    }

    /// One that a test may kill.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same with settings that override those of the tests.
    pub async fn start_with(settings: &str) -> Self {
        let mut random = Random::new(clock());
        for _ in 0..ATTEMPTS {
            // Below the ports that the kernel hands out by itself, so that nobody takes it while the server is down.
            let port = u16::try_from(20_000 + random.below(12_000)).expect("a port");
            if std::net::TcpListener::bind(("127.0.0.1", port)).is_err() {
                continue;
            }
            let server = Self::on(port, random.word(), settings);
            if server.comes_up().await {
                server.set_up().await;
                return server;
            }
        }
        panic!("no server came up in {ATTEMPTS} attempts");
    }

    fn on(port: u16, password: String, settings: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("cs-pg-").tempdir().expect("a temporary folder").keep();
        let authority = Authority::new();
        authority.write(&folder);
        let settings = SETTINGS.replace("FOLDER", folder.to_str().expect("UTF-8")) + settings + "\n";
        std::fs::write(folder.join("settings"), settings).expect("its configuration can be written");
        std::fs::write(folder.join("hosts"), HOSTS).expect("who may come in can be written");
        if let Some((uid, gid)) = programs::user() {
            for name in ["", "ca.pem", "server.pem", "server.key", "settings", "hosts"] {
                chown(folder.join(name), Some(uid), Some(gid)).expect("a file can be given away");
            }
        }
        let mut keeper = programs::as_server(Path::new("/bin/sh"));
        keeper.args(["-c", KEEPER, "keeper"]).arg(programs::server("initdb")).arg(programs::server("postgres"));
        keeper.arg(port.to_string());
        // A group of its own: what interrupts the tests leaves it to the keeper to end the server.
        keeper.current_dir(&folder).process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut keeper = keeper.spawn().expect("a shell can be run");
        let orders = Mutex::new(keeper.stdin.take());
        Self { folder, port, password, authority, orders, keeper: Mutex::new(keeper) }
    }

    /// As a superuser, straight to the server.
    pub fn superuser(&self, database: &str) -> Login {
        self.through_socket("postgres", database)
    }

    /// As this role, straight to the server and with no password asked.
    pub fn through_socket(&self, role: &str, database: &str) -> Login {
        Login {
            place: Place::Socket(self.folder.clone(), self.port),
            user: role.to_owned(),
            password: String::new(),
            database: database.to_owned(),
            environment: [].into(),
        }
    }

    /// Kills the server by SIGKILL, with every session of it.
    pub async fn kill(&self) {
        self.order("kill");
        let login = self.superuser("postgres");
        until("the server is gone", async || Wire::connect(&login).await.err().map(drop)).await;
    }

    /// Starts it again where it was.
    pub async fn restart(&self) {
        until("the server is back", async || self.comes_up().await.then_some(())).await;
    }

    /// What the server wrote down of this database: simple, parsed, bound and executed statements, and refused ones, of
    /// those who came in by TCP. Each entry is one text.
    pub(super) fn told(&self, database: &str) -> Vec<String> {
        let log = std::fs::read(self.folder.join("log")).expect("the server keeps a log");
        let log = String::from_utf8_lossy(&log).replace("\n\t", "\r");
        let ours = log.lines().filter_map(|entry| entry.strip_prefix(&format!("{database} 127.0.0.1 ")));
        ours.map(|entry| entry.replace('\r', "\n")).collect()
    }

    /// A file that the server may write and the test reads.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn order(&self, order: &str) {
        let mut orders = self.orders.lock().expect("nobody panics with it");
        writeln!(orders.as_mut().expect("the keeper listens"), "{order}").expect("the keeper lives");
    }

    /// Starts it and waits until it takes connections; false if it ended instead.
    async fn comes_up(&self) -> bool {
        let login = self.superuser("postgres");
        let was_there = std::fs::metadata(self.folder.join("log")).map_or(0, |log| log.len());
        self.order("start");
        until("the server comes up", async || {
            if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_secs(5), Wire::login(&login)).await {
                return Some(true);
            }
            let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
            let new = log.get(usize::try_from(was_there).expect("a short log")..).unwrap_or_default();
            let ended =
                ["could not create any TCP/IP sockets", "pre-existing shared memory", "lock file", "initdb: error"];
            let text = String::from_utf8_lossy(new);
            ended.iter().any(|word| text.contains(word)).then_some(false)
        })
        .await
    }

    async fn set_up(&self) {
        let mut wire = Wire::open(&self.superuser("postgres")).await;
        let password = &self.password;
        wire.query(ROLES).await.ok();
        for role in ["gateway", "by_password"] {
            wire.query(&format!("ALTER ROLE {role} PASSWORD '{password}'")).await.ok();
        }
        wire.query(&format!("SET password_encryption = 'md5'; ALTER ROLE by_md5 PASSWORD '{password}'")).await.ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let (Ok(mut orders), Ok(mut keeper)) = (self.orders.lock(), self.keeper.lock()) {
            orders.take();
            keeper.wait().map(drop).unwrap_or_default();
        }
    }
}

/// Orders come a line each; the end of them is the end of the server and of its folder. A server that was killed stays
/// this shell's child until it is waited for, so that its number is nobody else's. One that has hardly begun ignores
/// SIGQUIT and falls to SIGTERM; any other falls to SIGQUIT and ignores SIGTERM.
const KEEPER: &str = r#"
folder=$PWD
"$1" -D data -U postgres -E UTF8 --locale=C -A trust --no-sync --no-instructions >log 2>&1
cat settings >>data/postgresql.conf
cp hosts data/pg_hba.conf
pid=
while read -r order; do
    case $order in
    start)
        if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then continue; fi
        "$2" -D data -p "$3" </dev/null >>log 2>&1 &
        pid=$!
        ;;
    kill)
        kill -9 "$pid" $(cat "/proc/$pid/task/$pid/children")
        wait "$pid"
        pid=
        ;;
    esac
done
if [ -n "$pid" ]; then
    kill -QUIT "$pid"
    kill -TERM "$pid"
    wait "$pid"
fi
cd /
rm -rf "$folder"
"#;

/// A killed server loses nothing, a killed machine may; everything that the server is told is written down.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = 'FOLDER'
fsync = off
full_page_writes = off
autovacuum = off
max_connections = 200
max_prepared_transactions = 8
wal_level = logical
password_encryption = 'scram-sha-256'
ssl = on
ssl_cert_file = '../server.pem'
ssl_key_file = '../server.key'
ssl_ca_file = '../ca.pem'
log_min_duration_statement = 0
log_line_prefix = '%d %h '
lc_messages = 'C'
";

/// The socket's folder is closed to others, so that whoever reaches it may be anybody.
const HOSTS: &str = "
local all,replication all trust
host all,replication gateway 127.0.0.1/32 scram-sha-256
host all by_md5 127.0.0.1/32 md5
host all by_password 127.0.0.1/32 password
hostssl all by_certificate 127.0.0.1/32 cert
";

/// The gateway's own role is no superuser, but may enough to make exploits work. `vault` sees what others
/// do not, and whoever becomes it does too.
const ROLES: &str = "
CREATE ROLE gateway LOGIN REPLICATION;
GRANT pg_execute_server_program, pg_read_server_files, pg_write_server_files, pg_signal_backend TO gateway;
CREATE ROLE vault NOLOGIN;
GRANT vault TO gateway;
CREATE ROLE by_md5 LOGIN IN ROLE gateway;
CREATE ROLE by_password LOGIN IN ROLE gateway;
CREATE ROLE by_certificate LOGIN IN ROLE gateway
";

const ATTEMPTS: usize = 10;
