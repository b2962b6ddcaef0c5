//! The classifier against the server's own account: every statement of the corpus that runs on a scratch database is run
//! there, and what the server says of it (transaction id, changed rows, changed catalogs, locks, settings) is never more
//! than the classifier says. Here alone the product's crates are linked.

use std::collections::{BTreeMap, BTreeSet};

use e2e::postgres::frame;
use e2e::postgres::{Answer, Bank, Wire};
use model::{Category, Operation, Verb};
use protocol::sql::postgres::{CatalogQuestion, Classified, Functions, Known, classify};
use protocol::sql::{Meaning, Table};

/// One case of the corpus.
struct Case {
    name: String,
    text: String,
}

/// The corpus, as `crates/protocol/testdata/sql/postgres.txt` describes its own form.
fn corpus() -> Vec<Case> {
    let text = include_str!("../../../../crates/protocol/testdata/sql/postgres.txt");
    let blocks = text.split("\n\n").filter_map(|block| {
        let mut lines = block.split('\n').skip_while(|line| line.starts_with('#'));
        let name = lines.next()?.strip_prefix("-- name: ")?.to_owned();
        lines.next()?.strip_prefix("-- expect: ")?;
        Some(Case { name, text: lines.collect::<Vec<_>>().join("\n").trim_end_matches('\n').to_owned() })
    });
    blocks.collect()
}

/// What the server says that a text did.
#[derive(Debug, Default)]
struct Effects {
    /// A transaction id was given out: something was, or might have been, written.
    wrote: bool,
    /// Rows inserted, updated and deleted, by table, catalogs too.
    rows: BTreeMap<String, [i64; 3]>,
    /// Tables that were locked, and how.
    locks: BTreeSet<(String, String)>,
    /// Session and current role, settings and advisory locks, before and after.
    session: [Vec<String>; 2],
}

#[tokio::test]
async fn the_server_does_no_more_than_the_classifier_says() {
    let bank = Bank::alone().await;
    remake(&bank).await;
    let mut asked = Asked { wire: superuser(&bank).await, known: Known::default() };
    let mut watch = superuser(&bank).await;
    let (mut ran, mut refused, mut more) = (0, 0, Vec::new());
    for case in corpus() {
        let Some(meaning) = asked.meaning(&case.text).await else { continue };
        if holds(&meaning, |verb| verb == Verb::Unknown || verb.categories().contains(&Category::Execute)) {
            // Denied, or said to do anything at all: there is nothing to exceed.
            continue;
        }
        match effects(&bank, &mut watch, (&case.text, meaning.placeholders)).await {
            None => refused += 1,
            Some(effects) => {
                ran += 1;
                let told = judge(&meaning, &effects);
                let said = said(&meaning);
                more.extend(
                    told.into_iter().map(|what| format!("{}: {}\n  {what}; said: {said:?}", case.name, case.text)),
                );
            }
        }
    }
    println!("{ran} statements ran, {refused} were refused by the server");
    assert!(more.is_empty(), "{} times more than was said:\n{}", more.len(), more.join("\n"));
    assert!(ran > 600, "only {ran} statements ran");
}

fn holds(meaning: &Meaning, test: impl Fn(Verb) -> bool) -> bool {
    meaning.operations.iter().any(|operation| test(operation.verb))
}

fn holds_any(meaning: &Meaning, categories: &[Category]) -> bool {
    holds(meaning, |verb| verb.categories().iter().any(|category| categories.contains(category)))
}

/// What the server did that the classifier did not say.
fn judge(meaning: &Meaning, effects: &Effects) -> Vec<String> {
    use Category::{Configure, Destroy, Escalate, Write};
    let mut told = Vec::new();
    if effects.wrote && !holds_any(meaning, &[Write, Destroy, Configure, Escalate]) {
        told.push("it was given a transaction id".to_owned());
    }
    for (table, counts) in &effects.rows {
        told.extend(judge_rows(meaning, table, *counts));
    }
    // What is configured is said by the name of what is made or changed, not by all that this touches.
    if !holds_any(meaning, &[Configure, Escalate]) {
        told.extend(effects.locks.iter().filter_map(|(table, mode)| judge_lock(meaning, table, mode)));
    }
    let [before, after] = &effects.session;
    if before != after && !holds(meaning, |verb| verb == Verb::SqlSet) && !holds_any(meaning, &[Configure, Escalate]) {
        let changed: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        told.push(format!("it changed the session: {changed:?}"));
    }
    told
}

fn judge_rows(meaning: &Meaning, table: &str, [inserted, updated, deleted]: [i64; 3]) -> Vec<String> {
    let said = |verbs: &[Verb]| {
        let mut operations = meaning.operations.iter();
        operations.any(|operation| verbs.contains(&operation.verb) && concerns(operation, table))
    };
    let changes = [("inserted", inserted, INSERTS), ("updated", updated, UPDATES), ("deleted", deleted, DELETES)];
    let silent: Vec<_> = changes.into_iter().filter(|(_, count, verbs)| *count > 0 && !said(verbs)).collect();
    let each = |what: &str| silent.iter().map(|(how, count, _)| format!("{count} rows {how} in {what}")).collect();
    if !table.starts_with("pg_catalog.") {
        return each(table);
    }
    use Category::{Configure, Destroy, Escalate};
    let needed = if PRIVILEGES.contains(&table) { &[Escalate][..] } else { &[Configure, Destroy, Escalate] };
    if holds_any(meaning, needed) { Vec::new() } else { each(table) }
}

fn judge_lock(meaning: &Meaning, table: &str, mode: &str) -> Option<String> {
    use Category::{Destroy, Write};
    if !meaning.operations.iter().any(|operation| concerns(operation, table)) {
        return Some(format!("it touched {table}"));
    }
    // Planning a write locks its table as the write would, and changes nothing.
    let writes = holds_any(meaning, &[Write, Destroy]) || holds(meaning, |verb| verb == Verb::SqlExplain);
    (mode != "AccessShareLock" && !writes).then(|| format!("it locked {table} ({mode})"))
}

fn said(meaning: &Meaning) -> Vec<String> {
    let each = meaning.operations.iter();
    each.map(|operation| format!("{} {}", operation.verb, operation.resource)).collect()
}

/// Whether an operation names the table, by its name in full or as it is written.
fn concerns(operation: &Operation, table: &str) -> bool {
    let name = table.rsplit('.').next().unwrap_or(table);
    let resource = &operation.resource;
    let by_name = resource.to_string() == table || (resource.schema.is_empty() && &*resource.name == name);
    // A view's tables are its author's business.
    let through_view = &*resource.name == "active_customers" && table == "public.customers";
    by_name || through_view
}

const INSERTS: &[Verb] = &[Verb::SqlInsert, Verb::SqlMerge, Verb::SqlCopyIn, Verb::SqlCreateAs, Verb::SqlAlter];
const UPDATES: &[Verb] = &[Verb::SqlUpdate, Verb::SqlUpdateUnbounded, Verb::SqlMerge, Verb::SqlAlter];
const DELETES: &[Verb] = &[Verb::SqlDelete, Verb::SqlDeleteUnbounded, Verb::SqlMerge, Verb::SqlTruncate, Verb::SqlDrop];

/// Catalogs in which nothing but privileges stands.
const PRIVILEGES: &[&str] =
    &["pg_catalog.pg_authid", "pg_catalog.pg_auth_members", "pg_catalog.pg_default_acl", "pg_catalog.pg_policy"];

async fn superuser(bank: &Bank) -> Wire {
    Wire::open(&bank.server.superuser(&bank.name)).await
}

/// The scratch database as the corpus assumes it.
async fn remake(bank: &Bank) {
    bank.as_superuser("DROP SCHEMA IF EXISTS public, audit CASCADE; CREATE SCHEMA public").await.ok();
    bank.as_superuser(SCHEMA).await.ok();
}

/// Runs a text inside a transaction that is undone, and asks the server what it did. `None`: the server refused it.
async fn effects(bank: &Bank, watch: &mut Wire, (text, placeholders): (&str, usize)) -> Option<Effects> {
    let mut wire = superuser(bank).await;
    let next = watch.query(NEXT).await.ok().texts();
    wire.query("BEGIN").await.ok();
    let (before, former) = (rows(&mut wire).await, session(&mut wire).await);
    let answer = run(&mut wire, text, placeholders).await;
    if answer.error().is_some() || answer.closed {
        return None;
    }
    if answer.status() != Some('T') {
        // It ended the transaction itself: what is left to ask is whether anybody was given an id since.
        let wrote = watch.query(NEXT).await.ok().texts() != next;
        if wrote {
            remake(bank).await;
        }
        return Some(Effects { wrote, ..Effects::default() });
    }
    let wrote = wire.query(WROTE).await.ok().texts() == ["t"];
    let locks = wire.query(LOCKS).await.ok().rows().into_iter().map(|row| (cell(&row, 0), cell(&row, 1))).collect();
    let mut changed = BTreeMap::new();
    for (table, counts) in rows(&mut wire).await {
        let earlier = before.get(&table).copied().unwrap_or_default();
        let new = [0, 1, 2].map(|at| counts[at] - earlier[at]);
        if new.iter().any(|count| *count > 0) {
            changed.insert(table, new);
        }
    }
    let effects = Effects { wrote, locks, rows: changed, session: [former, session(&mut wire).await] };
    wire.query("ROLLBACK").await.ok();
    Some(effects)
}

/// Runs a text as a client would: with values by the extended protocol, else by the simple one. Data that is asked for is
/// none.
async fn run(wire: &mut Wire, text: &str, placeholders: usize) -> Answer {
    if placeholders > 0 {
        let values = vec![Some("1"); placeholders];
        return wire.exchange(&[frame::statement(text, &values), frame::sync()].concat()).await;
    }
    wire.send(&frame::query(text)).await;
    let mut answer = Answer::default();
    while let Some(message) = wire.receive().await {
        if message.kind == b'G' {
            wire.send(&frame::message(b'c', b"")).await;
        }
        let last = message.kind == b'Z';
        answer.messages.push(message);
        if last {
            return answer;
        }
    }
    answer.closed = true;
    answer
}

async fn rows(wire: &mut Wire) -> BTreeMap<String, [i64; 3]> {
    let rows = wire.query(ROWS).await.ok().rows();
    let number = |row: &[Option<String>], at| cell(row, at).parse().expect("a count");
    rows.iter().map(|row| (cell(row, 0), [1, 2, 3].map(|at| number(row, at)))).collect()
}

async fn session(wire: &mut Wire) -> Vec<String> {
    wire.query(SESSION).await.ok().texts()
}

fn cell(row: &[Option<String>], at: usize) -> String {
    row[at].clone().unwrap_or_default()
}

/// Somebody who asks the server what names mean.
struct Asked {
    wire: Wire,
    known: Known,
}

impl Asked {
    /// What the classifier says of a text; `None` if it does not read it.
    async fn meaning(&mut self, text: &str) -> Option<Meaning> {
        for _ in 0..8 {
            match classify(text, &self.known).ok()? {
                Classified::Meaning(meaning) => return Some(meaning),
                Classified::Needs(questions) => {
                    for question in questions {
                        self.ask(question).await;
                    }
                }
            }
        }
        panic!("it keeps asking: {text}");
    }

    async fn ask(&mut self, question: CatalogQuestion) {
        match question {
            CatalogQuestion::Table(schema, name) => {
                let table = self.table(schema.as_deref(), &name).await;
                self.known.tables.insert((schema, name), table);
            }
            CatalogQuestion::Function(name) => {
                let shadow = self.outside("pg_proc", "pro", &name).await;
                self.known.functions.insert(name, Functions { shadow, identity: String::new() });
            }
            CatalogQuestion::Operator(name) => {
                let outside = self.outside("pg_operator", "opr", &name).await;
                self.known.operators.insert(name, outside);
            }
            CatalogQuestion::Type(name) => {
                let outside = self.outside("pg_type", "typ", &name).await;
                self.known.types.insert(name, outside);
            }
            // The corpus runs each text in a session of its own.
            CatalogQuestion::Prepared(name) => drop(self.known.prepared.insert(name, None)),
            CatalogQuestion::Cursor(name) => drop(self.known.cursors.insert(name, None)),
        }
    }

    /// Whether something of this name stands in the search path outside `pg_catalog`.
    async fn outside(&mut self, catalog: &str, prefix: &str, name: &str) -> bool {
        let asked = format!(
            "SELECT 1 FROM pg_catalog.{catalog} c JOIN pg_catalog.pg_namespace n ON n.oid = c.{prefix}namespace \
             WHERE c.{prefix}name = '{}' AND n.nspname = ANY (current_schemas(false)) AND n.nspname <> 'pg_catalog'",
            quoted(name)
        );
        !self.wire.query(&asked).await.ok().rows().is_empty()
    }

    async fn table(&mut self, schema: Option<&str>, name: &str) -> Option<Table> {
        let full = schema.into_iter().chain([name]).map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
        let full = quoted(&full.collect::<Vec<_>>().join("."));
        let found = self.wire.query(&TABLE.replace("NAME", &full)).await.ok().rows().into_iter().next()?;
        let columns = self.wire.query(&COLUMNS.replace("NAME", &full)).await.ok().texts();
        let triggers = self.wire.query(&TRIGGERS.replace("NAME", &full)).await.ok().texts();
        let classified = |column: &&String| cell(&found, 1) == "customers" && CLASSIFIED.contains(&column.as_str());
        let class = |column: &String| (column.clone(), [column.parse().expect("a class")].into());
        Some(Table {
            schema: cell(&found, 0),
            name: cell(&found, 1),
            classes: columns.iter().filter(classified).map(class).collect(),
            columns,
            identity: cell(&found, 2),
            triggers,
            is_view: cell(&found, 3) == "t",
            estimated_rows: None,
        })
    }
}

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

const CLASSIFIED: [&str; 3] = ["email", "card", "ssn"];

const TABLE: &str = "
    SELECT n.nspname, c.relname, c.oid, c.relkind IN ('v', 'm', 'f') FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_catalog.to_regclass('NAME') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";

const COLUMNS: &str = "
    SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass('NAME') AND attnum > 0
    AND NOT attisdropped ORDER BY attnum";

const TRIGGERS: &str = "
    SELECT tgname FROM pg_catalog.pg_trigger WHERE tgrelid = pg_catalog.to_regclass('NAME') AND NOT tgisinternal";

/// The next transaction id that anybody is given.
const NEXT: &str = "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())";

const WROTE: &str = "SELECT pg_catalog.pg_current_xact_id_if_assigned() IS NOT NULL";

/// All changes of rows that this transaction made, of catalogs too.
const ROWS: &str = "
    SELECT schemaname || '.' || relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_catalog.pg_stat_xact_all_tables
    WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND schemaname NOT LIKE 'pg\\_toast%'";

/// Locks on tables, views and sequences outside the catalogs.
const LOCKS: &str = "
    SELECT n.nspname || '.' || c.relname, l.mode FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE l.pid = pg_catalog.pg_backend_pid() AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_toast%'";

/// What a session is beside its transaction.
const SESSION: &str = "
    SELECT name || '=' || setting FROM pg_catalog.pg_settings WHERE name NOT LIKE 'transaction\\_%'
    UNION ALL SELECT 'role=' || current_user || ' ' || session_user
    UNION ALL SELECT 'advisory=' || count(*) FROM pg_catalog.pg_locks
        WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()
    ORDER BY 1";

/// The catalog that the corpus assumes, with some rows.
const SCHEMA: &str = "
    CREATE SCHEMA audit;
    CREATE TABLE customers (id int PRIMARY KEY, name text, email text, card text, ssn text, created date);
    CREATE TABLE orders (id int PRIMARY KEY, customer int, total numeric, note text);
    CREATE TABLE notes (id int PRIMARY KEY, body text);
    CREATE TABLE audit.events (id int PRIMARY KEY, body text);
    CREATE VIEW active_customers AS SELECT id, name, email FROM customers;
    CREATE FUNCTION purge(int) RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN DELETE FROM public.notes WHERE id = $1; RETURN $1; END $$;
    CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN DELETE FROM public.notes; RETURN $1; END $$;
    INSERT INTO customers SELECT n, 'n' || n, 'e' || n, 'c' || n, 's' || n, '2020-01-01' FROM generate_series(1, 20) n;
    INSERT INTO orders SELECT n, n, n, 'note ' || n FROM generate_series(1, 20) n;
    INSERT INTO notes SELECT n, '{\"a\": {\"b\": 1}}' FROM generate_series(1, 20) n;
    INSERT INTO audit.events SELECT n, 'event ' || n FROM generate_series(1, 20) n;
";
