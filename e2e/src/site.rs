//! A gateway's folder: configuration, policies, keys, data, and the shop's database. Every site starts as a copy of
//! one that the command line laid out and filled with people and agents, once for the whole test run.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::binary::{Ran, countersign};
use crate::log::LogFolder;
use crate::postgres::Bank;
use crate::shop::Shop;
use crate::{Gateway, binary};

/// A folder from which a gateway runs.
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
    tokens: Arc<BTreeMap<String, String>>,
    pub shop: Shop,
}

/// Files with their modes, kept to be put back.
#[derive(Debug, Clone, Default)]
pub struct Kept(Vec<(PathBuf, Vec<u8>, u32)>);

#[derive(Debug)]
struct Template {
    files: Kept,
    tokens: Arc<BTreeMap<String, String>>,
}

/// Everybody's passphrase.
pub fn passphrase(name: &str) -> String {
    format!("{name}-countersigns")
}

impl Site {
    /// A fresh site with everybody in [`PEOPLE`] and [`AGENTS`].
    pub async fn new() -> Self {
        static TEMPLATE: OnceCell<Template> = OnceCell::const_new();
        let template = TEMPLATE.get_or_init(Template::make).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        template.files.put_back(folder.path());
        let shop = Shop::create(&folder.path().join("data/shop.db")).await;
        Self { folder, tokens: Arc::clone(&template.tokens), shop }
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub fn read(&self, relative: &str) -> String {
        let path = self.path(relative);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }

    pub fn write(&self, relative: &str, text: &str) {
        fs::write(self.path(relative), text).expect("a file of the site can be written");
    }

    /// Changes a file; the text must be there.
    #[track_caller]
    pub fn replace(&self, relative: &str, from: &str, to: &str) {
        let text = self.read(relative);
        assert!(text.contains(from), "`{from}` is not in `{relative}`");
        self.write(relative, &text.replace(from, to));
    }

    /// Adds a database on a real PostgreSQL as the targets `bank` and `training`.
    pub fn with_bank(self, bank: &Bank) -> Self {
        let config = self.read("countersign.toml");
        self.write("countersign.toml", &(config + &bank.targets()));
        bank.server.authority.write(&self.path("tls"));
        let secret = self.path("secrets/bank");
        fs::create_dir_all(self.path("secrets")).expect("a folder can be made");
        fs::write(&secret, &bank.server.password).expect("a secret can be written");
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("a secret can be hidden");
        self
    }

    /// Gives every door of a target a certificate for loopback.
    pub fn with_tls_doors(self) -> Self {
        let tls = "tls = { certificate = \"tls/server.pem\", key = \"tls/server.key\" }";
        self.replace("countersign.toml", UPSTREAM_CA, &format!("{UPSTREAM_CA}\n{tls}"));
        self
    }

    /// Has every door of a target ask for SCRAM.
    pub fn with_scram_doors(self) -> Self {
        self.replace("countersign.toml", UPSTREAM_CA, &format!("{UPSTREAM_CA}\nauthentication = \"scram-sha-256\""));
        self
    }

    /// Adds rules beside the starter's.
    pub fn with_rules(self, rules: &str) -> Self {
        self.write("policies/more.cedar", rules);
        self
    }

    /// These rules in place of the starter's, but for who may countersign and who runs the gateway.
    pub fn with_only_rules(self, rules: &str) -> Self {
        let starter = self.read("policies/starter.cedar");
        let kept = starter.find("@id(\"people-countersign\")").expect("the starter says who may countersign");
        self.write("policies/starter.cedar", &format!("{rules}\n{}", &starter[kept..]));
        self
    }

    /// Agent's or pipeline's token.
    #[track_caller]
    pub fn token(&self, name: &str) -> &str {
        self.tokens.get(name).unwrap_or_else(|| panic!("`{name}` is not one of AGENTS"))
    }

    pub fn log(&self) -> LogFolder {
        LogFolder::new(&self.path("data/log"))
    }

    /// Starts the gateway.
    pub async fn serve(self) -> Gateway {
        Gateway::start(self, binary::command()).await
    }

    /// Starts a gateway that must not come up, and returns how it ended.
    pub async fn refused(&self) -> Ran {
        let ran = countersign(["serve", "--config", &self.config()], "").await;
        assert_ne!(ran.code, 0, "it ended as if all was well: {ran:?}");
        assert!(!ran.stdout.contains("listening"), "it came up: {ran:?}");
        ran
    }

    pub async fn check(&self) -> Ran {
        countersign(["check", "--config", &self.config()], "").await
    }

    pub fn config(&self) -> String {
        self.path("countersign.toml").to_str().expect("the folder's name is UTF-8").to_owned()
    }

    /// `countersign audit verify`, offline; further arguments may follow.
    pub async fn verify(&self, more: &[&str]) -> Ran {
        let (log, key) = (self.path("data/log"), self.path("keys/log.pub"));
        let paths = [log.to_str().expect("UTF-8"), key.to_str().expect("UTF-8")];
        countersign(["--json", "audit", "verify", "--log", paths[0], "--key", paths[1]].iter().chain(more), "").await
    }

    /// Removes store and search index; the log stays.
    pub fn delete_store(&self) {
        for entry in fs::read_dir(self.path("data")).expect("the data folder can be read") {
            let path = entry.expect("its entries too").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("countersign.")) {
                fs::remove_file(path).expect("the store can be removed");
            }
        }
    }

    /// Keeps the store's files as they are now; the gateway must be down.
    pub fn keep_store(&self) -> Kept {
        let mut kept = Kept::of(&self.path("data"));
        kept.0.retain(|(path, ..)| path.to_string_lossy().starts_with("countersign."));
        kept
    }

    /// Moves what the store's write-ahead logs hold into their files, so that those begin anew.
    pub async fn shrink_store(&self) {
        for name in ["data/countersign.db", "data/countersign.search.db"] {
            self.beside(name, "PRAGMA wal_checkpoint(TRUNCATE)").await;
        }
    }

    /// Changes one of the gateway's own databases from beside, as no part of the gateway does.
    pub async fn beside(&self, file: &str, sql: &str) {
        let options = SqliteConnectOptions::new().filename(self.path(file)).busy_timeout(Duration::from_secs(10));
        let mut connection = SqliteConnection::connect_with(&options).await.expect("the file can be opened");
        let done = connection.execute(AssertSqlSafe(sql)).await;
        done.unwrap_or_else(|error| panic!("`{sql}` failed: {error}"));
        connection.close().await.expect("the file can be closed");
    }

    /// Puts the store back as it was kept.
    pub fn restore_store(&self, kept: &Kept) {
        self.delete_store();
        kept.put_back(&self.path("data"));
    }
}

impl Template {
    async fn make() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = folder.path().to_str().expect("the folder's name is UTF-8").to_owned();
        let first = PEOPLE[0].0;
        countersign(["init", &at, "--person", first, "--passphrase-stdin"], &passphrase(first)).await.ok();
        let config = folder.path().join("countersign.toml");
        let text = fs::read_to_string(&config).expect("init writes a configuration");
        assert!(text.contains("127.0.0.1:7700"), "init writes where it listens");
        fs::write(&config, text.replace("127.0.0.1:7700", "127.0.0.1:0") + TARGETS).expect("it can be changed");
        let shop = Shop::create(&folder.path().join("data/shop.db")).await;
        let site = Site { folder, tokens: Arc::default(), shop };
        let gateway = site.serve().await;
        for (name, groups) in &PEOPLE[1..] {
            gateway.add_person(name, groups).await;
        }
        let mut tokens = BTreeMap::new();
        for (name, owner, kind) in AGENTS {
            let token = gateway.add_agent_as(REGISTRAR, (name, owner, kind), &["agents"]).await;
            tokens.insert((*name).to_owned(), token);
        }
        let site = gateway.stop().await;
        let mut files = Kept::of(site.folder.path());
        let stays = |path: &Path| !path.ends_with("shop.db") && !path.ends_with("stderr");
        files.0.retain(|(path, ..)| stays(path));
        Self { files, tokens: Arc::new(tokens) }
    }
}

impl Kept {
    /// All files under a folder.
    pub fn of(folder: &Path) -> Self {
        let mut kept = Self::default();
        kept.gather(folder, Path::new(""));
        kept
    }

    fn gather(&mut self, folder: &Path, relative: &Path) {
        for entry in fs::read_dir(folder.join(relative)).expect("a folder can be read") {
            let entry = entry.expect("its entries too");
            let inner = relative.join(entry.file_name());
            if entry.path().is_dir() {
                self.gather(folder, &inner);
            } else {
                let bytes = fs::read(entry.path()).expect("a file can be read");
                let mode = entry.metadata().expect("a file has a mode").permissions().mode();
                self.0.push((inner, bytes, mode));
            }
        }
    }

    /// Writes them under a folder.
    pub fn put_back(&self, folder: &Path) {
        for (path, bytes, mode) in &self.0 {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder can be made");
            fs::write(&path, bytes).expect("a file can be written");
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).expect("its mode can be set");
        }
    }
}

/// Who is there, and in which groups; the first is made by `init` and administers the gateway.
pub const PEOPLE: &[(&str, &[&str])] = &[
    ("ada", &["admins", "owners"]),
    ("grace", &["owners"]),
    ("joan", &["owners", "security"]),
    ("mary", &["security"]),
    ("vera", &["admins"]),
    ("edith", &[]),
];

/// Agents and pipelines with their owners; all are in the group `agents`.
pub const AGENTS: &[(&str, &str, &str)] =
    &[("shopkeeper", "ada", "agent"), ("clerk", "grace", "agent"), ("nightly", "ada", "pipeline")];

/// The administrator who registers the agents of the template.
const REGISTRAR: &str = "vera";

/// A line that every PostgreSQL target has.
const UPSTREAM_CA: &str = "upstream-ca = \"tls/ca.pem\"";

/// The shop twice: as production, where the starter rules hold writes for its owners, and as a sandbox, where they run.
const TARGETS: &str = r#"
[[target]]
name = "shop"
kind = "sqlite"
upstream = "sqlite:data/shop.db"
owner = "owners"
labels = { environment = "production" }
[target.classify]
"customers.email" = "email"
"customers.card" = "card"
"customers.phone" = "phone"

[[target]]
name = "sandbox"
kind = "sqlite"
upstream = "sqlite:data/shop.db"
owner = "owners"
labels = { environment = "staging" }
[target.classify]
"customers.email" = "email"
"customers.card" = "card"
"customers.phone" = "phone"
"#;
