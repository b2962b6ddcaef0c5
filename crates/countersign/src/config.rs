//! `countersign.toml`: read strictly, every mistake with its line and column, every secret a reference, every path
//! relative to the file.

mod postgres;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use ipnet::IpNet;
use masking::Detectors;
use model::{DataClass, Duration, GroupName, Labels, Name, Target, TargetKind, TargetVersion, sha256};
use policy::{PolicySet, SourceFile};
use serde::Deserialize;

pub(crate) use postgres::PostgresPlace;

/// The configuration, read and checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) store: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) keys: PathBuf,
    pub(crate) policies: PathBuf,
    /// Where people reach the gateway: links begin with it.
    pub(crate) public_url: Option<String>,
    pub(crate) targets: Vec<ConfiguredTarget>,
}

/// One target with where it is.
#[derive(Debug, Clone)]
pub(crate) struct ConfiguredTarget {
    pub(crate) target: Target,
    pub(crate) place: Place,
}

/// Where a target is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// The gateway itself.
    Here,
    /// A SQLite file, and how long a statement runs there at most.
    File { path: PathBuf, longest_run: Duration },
    /// A PostgreSQL server, and the listener of its door.
    Postgres(Arc<PostgresPlace>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawConfig {
    #[serde(default)]
    gateway: RawGateway,
    #[serde(default)]
    target: Vec<toml::Spanned<RawTarget>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct RawGateway {
    listen: SocketAddr,
    store: String,
    audit: String,
    keys: PathBuf,
    policies: PathBuf,
    public_url: Option<String>,
}

impl Default for RawGateway {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7700)),
            store: "sqlite:data/countersign.db".to_owned(),
            audit: "file:data/log".to_owned(),
            keys: "keys".into(),
            policies: "policies".into(),
            public_url: None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawTarget {
    name: Name,
    kind: String,
    upstream: String,
    owner: GroupName,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    classify: BTreeMap<String, DataClass>,
    detect: Option<BTreeSet<DataClass>>,
    listen: Option<SocketAddr>,
    password: Option<postgres::Secret>,
    upstream_ca: Option<PathBuf>,
    upstream_certificate: Option<postgres::Certificate>,
    tls: Option<postgres::DoorCertificate>,
    #[serde(default)]
    proxy_protocol: Vec<IpNet>,
    authentication: Option<postgres::Method>,
    longest_run: Option<String>,
    sessions: Option<usize>,
    sessions_per_actor: Option<usize>,
    hold_in_transaction: Option<postgres::InTransaction>,
    longest_hold_in_transaction: Option<String>,
    longest_idle: Option<String>,
    dry_run: Option<String>,
}

/// Reads the file and everything it names.
pub(crate) fn read(path: &Path) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`: `countersign init` makes one", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let raw: RawConfig = toml::from_str(&text).map_err(|error| {
        let (line, column) = error.span().map_or((1, 1), |span| place_of(&text, span.start));
        anyhow::anyhow!("{}:{line}:{column}: {}", path.display(), with_suggestion(error.message()))
    })?;
    let mut targets = vec![gateway_itself()];
    for raw in raw.target {
        let (line, column) = place_of(&text, raw.span().start);
        let read = read_target(raw.into_inner(), &folder);
        let target = read.with_context(|| format!("{}:{line}:{column}", path.display()))?;
        if targets.iter().any(|known| known.target.name == target.target.name) {
            bail!("{}:{line}:{column}: two targets are named `{}`", path.display(), target.target.name);
        }
        targets.push(target);
    }
    let gateway = raw.gateway;
    Ok(Config {
        listen: gateway.listen,
        store: folder.join(scheme(&gateway.store, "sqlite:", "store")?),
        log: folder.join(scheme(&gateway.audit, "file:", "audit")?),
        keys: folder.join(gateway.keys),
        policies: folder.join(gateway.policies),
        public_url: gateway.public_url,
        targets,
    })
}

fn scheme<'a>(text: &'a str, expected: &str, key: &str) -> anyhow::Result<&'a str> {
    text.strip_prefix(expected)
        .with_context(|| format!("`{key} = \"{text}\"` is not supported by this build: use `{expected}PATH`"))
}

/// The built-in target: the gateway itself.
fn gateway_itself() -> ConfiguredTarget {
    let mut target = Target {
        name: Name::gateway(),
        kind: TargetKind::Gateway,
        owner: Name::admins(),
        labels: Labels::from([("environment".to_owned(), "production".to_owned())]),
        classify: BTreeMap::new(),
        detect: BTreeSet::new(),
        dry_run: false,
        version: TargetVersion(sha256(&[])),
    };
    target.version = target.version_of("", "");
    ConfiguredTarget { target, place: Place::Here }
}

fn read_target(raw: RawTarget, folder: &Path) -> anyhow::Result<ConfiguredTarget> {
    let kind = raw.kind.parse().ok().filter(|kind| *kind != TargetKind::Gateway);
    let kind = kind
        .with_context(|| format!("kind `{}` is not supported by this build: use `sqlite` or `postgres`", raw.kind))?;
    if raw.name == Name::gateway() {
        bail!("the name `{}` is the gateway's own", raw.name);
    }
    let classify = classes(raw.classify, kind)?;
    let detect = detected(raw.detect)?;
    let allowed = postgres::Allowed {
        sessions: raw.sessions,
        sessions_per_actor: raw.sessions_per_actor,
        hold_in_transaction: raw.hold_in_transaction,
        longest_hold_in_transaction: raw.longest_hold_in_transaction,
        longest_idle: raw.longest_idle,
        dry_run: raw.dry_run,
    };
    let asks_dry_runs = allowed.dry_run.is_some();
    let wire = postgres::Wire {
        listen: raw.listen,
        password: raw.password,
        upstream_ca: raw.upstream_ca,
        upstream_certificate: raw.upstream_certificate,
        tls: raw.tls,
        proxies: raw.proxy_protocol,
        authentication: raw.authentication,
        allowed,
    };
    let (place, address, role) = match kind {
        TargetKind::Postgres => {
            let place = postgres::read(&raw.name, &raw.upstream, (wire, raw.longest_run.as_deref()), folder)?;
            let (address, role) = (place.address.clone(), place.upstream.role.clone());
            (Place::Postgres(Arc::new(place)), address, role)
        }
        TargetKind::Sqlite | TargetKind::Gateway => {
            if wire.is_set() {
                bail!(
                    "a SQLite target has no `listen`, no `password`, no certificates, no proxies and no limits of sessions: it is a file"
                );
            }
            let path = scheme(&raw.upstream, "sqlite:", "upstream")?;
            let longest_run = raw.longest_run.as_deref().map_or(Some(LONGEST_RUN), |text| {
                Duration::parse(text).filter(|run| (Duration::from_secs(1)..=LONGEST_RUN_OF_ALL).contains(run))
            });
            let longest_run = longest_run.context("`longest-run` is a time from `1s` to `1h`, such as `60s`")?;
            (Place::File { path: folder.join(path), longest_run }, raw.upstream.clone(), String::new())
        }
    };
    let (name, owner, labels) = (raw.name, raw.owner, raw.labels);
    let dry_run = asks_dry_runs;
    let version = TargetVersion(sha256(&[]));
    let mut target = Target { name, kind, owner, labels, classify, detect, dry_run, version };
    target.version = target.version_of(&address, &role);
    Ok(ConfiguredTarget { target, place })
}

/// The classes that values are searched for: all that there are detectors for, unless the target says which.
fn detected(asked: Option<BTreeSet<DataClass>>) -> anyhow::Result<BTreeSet<DataClass>> {
    let known: BTreeSet<DataClass> = Detectors::built_in().classes().iter().cloned().collect();
    let Some(asked) = asked else { return Ok(known) };
    if let Some(wrong) = asked.iter().find(|class| !known.contains(class)) {
        let known: Vec<&str> = known.iter().map(DataClass::as_str).collect();
        bail!("`detect` names `{wrong}`, which there is no detector for: use any of {}", known.join(", "));
    }
    Ok(asked)
}

fn classes(classify: BTreeMap<String, DataClass>, kind: TargetKind) -> anyhow::Result<BTreeMap<String, DataClass>> {
    let (parts, of, form) = match kind {
        TargetKind::Postgres => (3, "PostgreSQL", "schema.table.column"),
        TargetKind::Sqlite | TargetKind::Gateway => (2, "SQLite", "table.column"),
    };
    // SQLite folds names; PostgreSQL has them as they are written.
    let folded = |column: String| if kind == TargetKind::Postgres { column } else { column.to_lowercase() };
    let classify: BTreeMap<_, _> = classify.into_iter().map(|(column, class)| (folded(column), class)).collect();
    if let Some(wrong) = classify.keys().find(|column| column.split('.').count() != parts) {
        bail!("`{wrong}` is not a column of a {of} target: write `{form}`");
    }
    Ok(classify)
}

impl Config {
    /// Loads the policies with the classes that the targets declare.
    pub(crate) fn load_policies(&self) -> anyhow::Result<PolicySet> {
        let listing = std::fs::read_dir(&self.policies)
            .with_context(|| format!("cannot read the policies in `{}`", self.policies.display()))?;
        let mut paths = listing.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "cedar"));
        paths.sort();
        if paths.is_empty() {
            bail!("there are no policies in `{}`: without one, nothing is permitted", self.policies.display());
        }
        let file = |path: &PathBuf| {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            Ok(SourceFile { name: path.display().to_string(), text })
        };
        let files = paths.iter().map(file).collect::<anyhow::Result<Vec<_>>>()?;
        let classes: BTreeSet<DataClass> =
            self.targets.iter().flat_map(|at| at.target.classify.values().chain(&at.target.detect).cloned()).collect();
        PolicySet::load(&files, &classes).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("the policies do not validate:\n{}", lines.join("\n"))
        })
    }
}

pub(crate) fn place_of(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}

/// Adds the known key that is nearest to a mistyped one.
fn with_suggestion(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let nearest = quoted.next().and_then(|wrong| {
        let near = quoted.map(|known| (distance(wrong, known), known)).min()?;
        (near.0 <= 1 + wrong.len() / 4).then_some(near.1)
    });
    match nearest.filter(|_| message.starts_with("unknown")) {
        Some(known) => format!("{message}; did you mean `{known}`?"),
        None => message.to_owned(),
    }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, to) in b.chars().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let swapped = at(&row, j) + usize::from(from != to);
            next.push(swapped.min(at(&row, j + 1) + 1).min(at(&next, j) + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// The longest that a statement runs where the target does not say.
const LONGEST_RUN: Duration = Duration::from_secs(60);
/// The longest that a target may let a statement run.
const LONGEST_RUN_OF_ALL: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::unwrap_in_result, reason = "the test's own folder must be there")]
    fn read_text(text: &str) -> anyhow::Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("countersign.toml");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    fn refused(text: &str) -> String {
        let error = format!("{:#}", read_text(text).unwrap_err());
        error.split_once("countersign.toml:").map_or(error.clone(), |(_, rest)| rest.to_owned())
    }

    #[test]
    fn an_empty_file_is_the_embedded_default() {
        let config = read_text("").unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:7700");
        assert_eq!(config.targets.len(), 1);
    }

    #[test]
    fn mistakes_point_at_their_line_and_suggest() {
        assert!(refused("[gateway]\nlisen = \"127.0.0.1:1\"").starts_with("2:1: unknown field `lisen`"));
        assert!(refused("[gateway]\nlisen = \"127.0.0.1:1\"").ends_with("did you mean `listen`?"));
        assert!(refused("[gateway\n").starts_with("1:"));
        let target = "[[target]]\nname = \"shop\"\nkind = \"sqlite\"\nupstream = \"sqlite:a.db\"\nowner = \"dba\"\n";
        assert!(refused(&format!("{target}\n{target}")).contains("two targets are named `shop`"));
        assert!(refused(&target.replace("sqlite\"\nup", "oracle\"\nup")).contains("kind `oracle` is not supported"));
        assert!(refused(&target.replace("shop", "countersign")).contains("the gateway's own"));
        assert!(refused(&target.replace("\"dba\"", "\"DBA\"")).contains("`DBA` is not a name"));
        for wrong in ["0s", "2h", "60", "soon"] {
            assert!(refused(&format!("{target}longest-run = \"{wrong}\"\n")).contains("from `1s` to `1h`"), "{wrong}");
        }
        let classified = format!("{target}[target.classify]\n\"email\" = \"email\"\n");
        assert!(refused(&classified).contains("write `table.column`"));
    }

    /// The keys of the table that ends `text`, as its reader tells them to whoever mistypes one.
    fn keys(text: &str) -> Vec<String> {
        let told = refused(&text.replace('…', "no-such-key = 1"));
        let (_, known) = told.split_once("expected ").unwrap_or_else(|| panic!("{told}"));
        known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_keys_of_the_configuration_are_the_golden_ones() {
        let mut text = String::new();
        for (title, file) in [
            ("the file", "…"),
            ("[gateway]", "[gateway]\n…"),
            ("[[target]]", "[[target]]\n…"),
            ("[target.tls]", "[[target]]\n[target.tls]\n…"),
            ("[target.upstream-certificate]", "[[target]]\n[target.upstream-certificate]\n…"),
        ] {
            text.push_str(&format!("{title}\n"));
            keys(file).iter().for_each(|key| text.push_str(&format!("    {key}\n")));
        }
        crate::golden::hold("configuration.txt", &text);
    }

    /// Lines of a configuration, and what is none.
    fn lines() -> impl Strategy<Value = String> {
        let known = [
            "[gateway]",
            "[[target]]",
            "[target.labels]",
            "[target.tls]",
            "name = \"shop\"",
            "kind = \"sqlite\"",
            "kind = \"postgres\"",
            "upstream = \"sqlite:a.db\"",
            "upstream = \"postgres://gateway@127.0.0.1/bank\"",
            "owner = \"dba\"",
            "listen = \"127.0.0.1:0\"",
            "listén = 1",
            "store = \"\"",
            "longest-run = \"5m\"",
            "classify = { \"a.b\" = \"email\" }",
            "password = { env = \"\" }",
            "password = 7",
            "tls = { certificate = \"a\" }",
            "x = \"\"\"",
            "`",
        ];
        prop_oneof![9 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => ".*"]
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_at_a_place_in_it(lines in prop::collection::vec(lines(), 0..12)) {
            let text = lines.join("\n");
            if let Err(error) = read_text(&text) {
                let told = format!("{error:#}");
                let place = told.split_once("countersign.toml:").and_then(|(_, rest)| rest.split_once(':'));
                let line: Option<usize> = place.and_then(|(line, _)| line.parse().ok());
                let at_a_place = line.is_some_and(|line| (1..=text.matches('\n').count() + 1).contains(&line));
                prop_assert!(at_a_place || told.starts_with("`store = "), "{}", told);
            }
        }
    }

    #[test]
    fn what_is_not_protected_stays_on_the_machine() {
        let bank = "[[target]]\nname = \"bank\"\nkind = \"postgres\"\nlisten = \"127.0.0.1:0\"\nowner = \"dba\"\n\
            upstream = \"postgres://gateway@127.0.0.1/bank?sslmode=disable\"\n";
        let place = |text: &str| match &read_text(text).unwrap().targets[1].place {
            Place::Postgres(place) => Arc::clone(place),
            Place::Here | Place::File { .. } => panic!("a server"),
        };
        assert_eq!(place(bank).address, "127.0.0.1:5432/bank");
        for (from, to, words) in [
            ("127.0.0.1:0", "0.0.0.0:0", "over TLS only"),
            ("@127.0.0.1/", "@db.example/", "for loopback alone"),
            ("sslmode=disable", "sslmode=prefer", "lets whoever stands in between"),
            ("sslmode=disable", "sslmode=on", "`sslmode=on` is not known"),
            ("127.0.0.1/bank?sslmode=disable", "db.example/bank?sslmode=require", "verifies nobody"),
            ("127.0.0.1/bank?sslmode=disable", "db.example/bank?sslmode=verify-ca", "verifies no name"),
            ("sslmode=disable", "channel_binding=require&sslmode=disable", "`channel_binding=require` needs TLS"),
            ("sslmode=disable", "channel_binding=require&require_auth=md5", "SCRAM alone"),
            ("sslmode=disable", "sslmode=disable&require_auth=password", "`sslmode=verify-full` alone"),
            ("sslmode=disable", "sslmode=disable&require_auth=gss", "`gss` in `require_auth`"),
            ("sslmode=disable", "sslmode=disable&require_auth=md5", "`password` is missing"),
            ("sslmode=disable", "sslmode=disable&sslnegotiation=direct", "`sslnegotiation=direct` needs TLS"),
            (
                "sslmode=disable",
                "sslmode=disable&target_session_attrs=fast",
                "`target_session_attrs=fast` is not known",
            ),
            ("sslmode=disable", "sslmode=disable&sslmode=disable", "stands twice"),
            ("@127.0.0.1/", "@127.0.0.1,127.0.0.1:x/", "`127.0.0.1:x` is not a host"),
            ("@127.0.0.1/", "@127.0.0.1,db.example/", "for loopback alone"),
            ("sslmode=disable", "options=x", "`options` in `upstream` is not known"),
            ("gateway@", "gateway:secret@", "a password stands in `upstream`"),
            ("/bank?", "?", "names no role or no database"),
            ("listen = \"127.0.0.1:0\"\n", "", "`listen` is missing"),
            ("owner = \"dba\"\n", "owner = \"dba\"\npassword = \"hunter2\"\n", "never written here"),
            ("owner = \"dba\"\n", "owner = \"dba\"\npassword = { env = \"A\", file = \"b\" }\n", "never written here"),
            ("owner = \"dba\"\n", "owner = \"dba\"\nlongest-run = \"2d\"\n", "`longest-run` is a time from `1s`"),
            ("owner = \"dba\"\n", "owner = \"dba\"\nlongest-idle = \"soon\"\n", "`longest-idle` is a time"),
            ("owner = \"dba\"\n", "owner = \"dba\"\nsessions = 0\n", "`sessions` is from 1"),
            ("owner = \"dba\"\n", "owner = \"dba\"\nsessions = 2\nsessions-per-actor = 3\n", "no more than that"),
            ("owner = \"dba\"\n", "owner = \"dba\"\nhold-in-transaction = \"yes\"\n", "`refuse` or `hold`"),
            ("owner = \"dba\"\n", "owner = \"dba\"\nlongest-hold-in-transaction = \"5m\"\n", "goes with"),
        ] {
            let told = refused(&bank.replace(from, to));
            assert!(told.contains(words) && !told.contains("hunter2"), "{to}: {told}");
        }
    }

    #[test]
    fn a_target_says_how_long_a_statement_runs() {
        let target = "[[target]]\nname = \"shop\"\nkind = \"sqlite\"\nupstream = \"sqlite:a.db\"\nowner = \"dba\"\n";
        let longest = |text: &str| match read_text(text).unwrap().targets[1].place {
            Place::File { longest_run, .. } => longest_run,
            Place::Here | Place::Postgres(_) => panic!("a file"),
        };
        assert_eq!(longest(target), Duration::from_secs(60));
        assert_eq!(longest(&format!("{target}longest-run = \"5m\"\n")), Duration::from_secs(300));
    }

    #[test]
    fn the_version_of_a_target_follows_everything_that_changes_its_meaning() {
        let target = "[[target]]\nname = \"shop\"\nkind = \"sqlite\"\nupstream = \"sqlite:a.db\"\nowner = \"dba\"\n";
        let version = |text: &str| read_text(text).unwrap().targets[1].target.version;
        let same = version(target);
        assert_eq!(same, version(target));
        for changed in [
            target.replace("a.db", "b.db"),
            target.replace("dba", "dbb"),
            format!("{target}[target.labels]\nenvironment = \"production\"\n"),
            format!("{target}[target.classify]\n\"a.b\" = \"email\"\n"),
        ] {
            assert_ne!(same, version(&changed), "{changed}");
        }
    }
}
