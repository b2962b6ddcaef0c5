//! The SQL of PostgreSQL's own regression tests, as the package of the grammar brings it: every file in a database of its
//! own, statement by statement, each judged in the transaction in which it runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::postgres::{Server, Wire};
use protocol::sql::Meaning;

use super::effects::WATCH;
use super::judge::{may_do_anything, said};
use super::script::{Entry, Script};
use super::session::{Outcome, Session, keeps_names, run};

#[test]
fn the_server_does_no_more_in_its_own_tests_than_the_classifier_says() {
    let (fixture, files) = files();
    let fixture = &fixture;
    let share = |of: usize| files.iter().enumerate().filter(move |(number, _)| number % WORKERS == of);
    let count = std::thread::scope(|scope| {
        let workers = (0..WORKERS).map(|of| {
            let files: Vec<&PathBuf> = share(of).map(|(_, file)| file).collect();
            scope.spawn(move || tokio::runtime::Runtime::new().expect("a runtime").block_on(run_files(fixture, &files)))
        });
        let workers: Vec<_> = workers.collect();
        let mut count = Count::default();
        workers.into_iter().for_each(|worker| count.add(worker.join().expect("it ends")));
        count
    });
    println!("{}", count.told());
    assert!(count.more.is_empty(), "{} times more than was said:\n{}", count.more.len(), count.more.join("\n"));
    assert!(count.judged > 5_000, "only {} statements were judged", count.judged);
}

/// What became of the statements.
#[derive(Debug, Default)]
struct Count {
    judged: usize,
    /// Said to do anything at all, or denied.
    free: usize,
    /// BEGIN, COMMIT and their like.
    control: usize,
    /// Not to be run in a transaction.
    alone: usize,
    refused: usize,
    unread: usize,
    skipped: usize,
    more: Vec<String>,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.judged += other.judged;
        self.free += other.free;
        self.control += other.control;
        self.alone += other.alone;
        self.refused += other.refused;
        self.unread += other.unread;
        self.skipped += other.skipped;
        self.more.extend(other.more);
    }

    fn told(&self) -> String {
        format!(
            "{} statements ran and were judged; {} may do anything, {} control transactions, {} run outside one only, \
             the server refused {}, the classifier {}; {} were skipped",
            self.judged, self.free, self.control, self.alone, self.refused, self.unread, self.skipped
        )
    }
}

/// The scripts of the package that the classifier's grammar comes from.
/// Their fixture, and those that are run: `COUNTERSIGN_REGRESS` may name one, or `all`.
fn files() -> (PathBuf, Vec<PathBuf>) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--offline", "--locked"]);
    let told = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo can be run");
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("cargo tells of packages");
    let packages = told["packages"].as_array().expect("a list");
    let grammar = packages.iter().find(|package| package["name"] == "pg_raw_parse").expect("the grammar's package");
    let manifest = Path::new(grammar["manifest_path"].as_str().expect("a path"));
    let tests = manifest.with_file_name("libpg_query").join("test/sql");
    let list = |folder: &str| std::fs::read_dir(tests.join(folder)).expect("the package brings the tests");
    let files = ["postgres_regress", "plpgsql_regress"].into_iter().flat_map(list);
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "sql"));
    files.retain(|file| !SLOW.contains(&name_of(file).as_str()));
    files.sort();
    let fixture = files.iter().find(|file| name_of(file) == FIXTURE).expect("the tests' own fixture").clone();
    match std::env::var("COUNTERSIGN_REGRESS").as_deref() {
        Ok("all") => {}
        Ok(only) => files.retain(|file| name_of(file) == only),
        // As many as time allows, and of every kind.
        Err(_) => files = files.into_iter().step_by(STEP).collect(),
    }
    (fixture, files)
}

fn name_of(file: &Path) -> String {
    file.file_stem().expect("a name").to_string_lossy().into_owned()
}

/// Runs scripts one after another on a server of their own, whose roles they share with nobody.
async fn run_files(fixture: &Path, files: &[&PathBuf]) -> Count {
    let server = Server::start().await;
    let mut postgres = Wire::open(&server.superuser("postgres")).await;
    postgres.query("ALTER SYSTEM SET log_min_duration_statement = -1").await.ok();
    postgres.query("ALTER SYSTEM SET jit = off").await.ok();
    postgres.query("SELECT pg_reload_conf()").await.ok();
    postgres.query("CREATE DATABASE setup").await.ok();
    let mut setup = Wire::open(&server.superuser("setup")).await;
    setup.query(WATCH).await.ok();
    for entry in read(fixture).statements {
        if harm(&entry.text).is_none() {
            run(&mut setup, entry.statement(), 0).await;
        }
    }
    drop(setup);
    let mut count = Count::default();
    for file in files {
        let name = name_of(file);
        postgres.query("CREATE DATABASE scratch TEMPLATE setup").await.ok();
        postgres.query("ALTER DATABASE scratch SET statement_timeout = '1s'").await.ok();
        let mut of_file = Count::default();
        let session = Session::open(server.superuser("scratch")).await;
        let mut running = Running { session, name: &name, count: &mut of_file };
        running.script(read(file)).await;
        println!("{name}: {}", of_file.told());
        count.add(of_file);
        postgres.query("DROP DATABASE scratch WITH (FORCE)").await.ok();
        let roles = postgres.query("SELECT rolname FROM pg_roles WHERE oid > 16384 AND rolname LIKE 'regress%'").await;
        for role in roles.texts() {
            postgres.query(&format!("DROP ROLE \"{role}\"")).await;
        }
    }
    count
}

fn read(file: &Path) -> Script {
    Script::read(&String::from_utf8_lossy(&std::fs::read(file).expect("a file")))
}

/// A script under way.
struct Running<'a> {
    session: Session,
    name: &'a str,
    count: &'a mut Count,
}

impl Running<'_> {
    async fn script(&mut self, script: Script) {
        self.count.skipped += script.skipped;
        // Whether the script began a transaction, and whether it failed.
        let (mut inside, mut failed) = (false, false);
        for entry in script.statements {
            if harm(&entry.text).is_some() {
                self.count.skipped += 1;
                continue;
            }
            if failed && !controls(&entry.text) {
                self.count.refused += 1;
                continue;
            }
            if failed {
                self.count.control += 1;
                self.run(&entry, inside).await;
                (inside, failed) = self.standing().await;
                self.session.forget(inside);
                continue;
            }
            let meaning = self.session.meaning(&entry.text).await;
            let free = match &meaning {
                None => Some(&mut self.count.unread),
                Some(_) if controls(&entry.text) => Some(&mut self.count.control),
                Some(meaning) if may_do_anything(meaning) => Some(&mut self.count.free),
                Some(_) => None,
            };
            let keeps = free.is_none() && meaning.as_ref().is_some_and(keeps_names);
            match (free, meaning) {
                (None, Some(meaning)) => self.judge(&entry, &meaning, inside).await,
                (Some(count), _) => {
                    *count += 1;
                    self.run(&entry, inside).await;
                }
                (None, None) => {}
            }
            (inside, failed) = self.standing().await;
            if !keeps {
                self.session.forget(inside);
            }
        }
    }

    /// Whether the session is in a transaction, and whether that failed.
    async fn standing(&mut self) -> (bool, bool) {
        let status = self.session.wire.query("").await.status();
        (status != Some('I'), status == Some('E'))
    }

    /// Runs what is not judged. In a transaction its errors are its own.
    async fn run(&mut self, entry: &Entry, inside: bool) {
        let guarded = inside && !controls(&entry.text);
        if guarded {
            self.session.wire.query(SAVE).await;
        }
        let answer = run(&mut self.session.wire, entry.statement(), 0).await;
        if answer.closed {
            self.session.renew().await;
        } else if guarded {
            let end = if answer.error().is_some() { UNDO } else { KEEP };
            self.session.wire.query(end).await;
        }
    }

    async fn judge(&mut self, entry: &Entry, meaning: &Meaning, inside: bool) {
        let [begin, undo, keep] = if inside { [SAVE, UNDO, KEEP] } else { ["BEGIN", "ROLLBACK", "COMMIT"] };
        self.session.execute(begin).await;
        match self.session.judged(meaning, entry.statement()).await {
            Outcome::Refused(code) => {
                self.session.wire.query(undo).await;
                if code == NOT_INSIDE && !inside {
                    self.count.alone += 1;
                    self.run(entry, inside).await;
                } else {
                    self.count.refused += 1;
                }
            }
            Outcome::Ran(told) | Outcome::Ended(told) => {
                self.count.judged += 1;
                self.session.wire.query(keep).await;
                let (place, said) = (format!("{}:{}", self.name, entry.line), said(meaning));
                if !told.is_empty() {
                    self.count.more.push(format!("{place}: {}\n  {}; said: {said:?}", entry.text, told.join(", ")));
                }
            }
        }
    }
}

/// Whether a text controls a transaction, by its first word.
fn controls(text: &str) -> bool {
    let word = text.lines().find(|line| !line.trim().is_empty() && !line.trim().starts_with("--")).unwrap_or("");
    let word = word.split([' ', ';']).next().unwrap_or("").to_lowercase();
    ["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"].contains(&word.as_str())
}

/// Why a statement is not run, if it is not.
fn harm(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    HARMFUL.iter().find(|(words, _)| text.contains(words)).map(|(_, why)| *why)
}

const SAVE: &str = "SAVEPOINT one_statement";
const UNDO: &str = "ROLLBACK TO one_statement; RELEASE one_statement";
const KEEP: &str = "RELEASE one_statement";
/// `active_sql_transaction`.
const NOT_INSIDE: &str = "25001";
/// What makes the tables of many of them.
const FIXTURE: &str = "test_setup";
/// Of so many scripts one is run.
const STEP: usize = 3;
/// Servers at work at a time.
const WORKERS: usize = 2;

/// Scripts that are not run: their tables or their sums are so large that a few statements take as long as many others.
const SLOW: &[&str] = &[
    "aggregates",
    "bitmapops",
    "btree_index",
    "collate",
    "compression_pglz",
    "create_index",
    "create_index_spgist",
    "equivclass",
    "groupingsets",
    "incremental_sort",
    "infinite_recurse",
    "join",
    "join_hash",
    "memoize",
    "multirangetypes",
    "partition_join",
    "polygon",
    "select_parallel",
];

/// Statements that are not run, by words in them, and why.
const HARMFUL: &[(&str, &str)] = &[
    ("tablespace", "makes folders that are no database's"),
    ("alter system", "changes the server for the files behind it"),
    ("pg_reload_conf", "the same"),
    ("pg_terminate_backend", "may end the session that watches"),
    ("pg_cancel_backend", "the same"),
    ("database", "makes and removes what the test works in"),
    ("subscription", "goes to other servers"),
    ("pg_sleep", "waits"),
    ("prepare transaction", "outlives its session, and keeps the database from being removed"),
];
