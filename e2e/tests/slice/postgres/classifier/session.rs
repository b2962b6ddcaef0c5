//! A session with a real server in which statements are read by the classifier, run, and judged. The classifier's questions
//! are asked in it, as they stand there: of temporary tables, of what is not committed, under its search path.

use std::collections::BTreeSet;

use e2e::postgres::{Answer, Login, Wire, frame};
use model::{Category, Verb};
use protocol::sql::postgres::{CatalogQuestion, Classified, Functions, Known, classify};
use protocol::sql::{Meaning, Table};

use super::effects::{Effects, NEXT, STATE, State, cell};
use super::judge::judge;
use super::kin::{KIN, Kin};

/// A session, and another that watches the server.
pub(super) struct Session {
    login: Login,
    pub(super) wire: Wire,
    watch: Wire,
    known: Known,
}

/// What became of a statement that was judged.
pub(super) enum Outcome {
    /// It ran, and did this that was not said.
    Ran(Vec<String>),
    /// It ran and ended the transaction.
    Ended(Vec<String>),
    /// The server refused it, with this SQLSTATE.
    Refused(String),
}

/// A statement as it is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement<'a> {
    pub(super) text: &'a str,
    /// What a COPY from the client is given.
    pub(super) rows: &'a str,
}

impl Session {
    pub(super) async fn open(login: Login) -> Self {
        let [wire, watch] = [Wire::open(&login).await, Wire::open(&login).await];
        Self { login, wire, watch, known: Known::default() }
    }

    /// Logs in anew: nothing of the session is left.
    pub(super) async fn renew(&mut self) {
        self.wire = Wire::open(&self.login).await;
        self.known = Known::default();
    }

    /// Runs something that must work.
    pub(super) async fn execute(&mut self, sql: &str) -> Answer {
        self.wire.query(sql).await.ok()
    }

    /// What the classifier says of a text; `None` if it does not read it, or the server does not say what it names.
    pub(super) async fn meaning(&mut self, text: &str) -> Option<Meaning> {
        self.known.prepared.clear();
        self.known.cursors.clear();
        for _ in 0..12 {
            match classify(text, &self.known).ok()? {
                Classified::Meaning(meaning) => return Some(meaning),
                Classified::Needs(questions) => self.ask(&questions).await?,
            }
        }
        panic!("it keeps asking: {text}");
    }

    /// Names may mean something else from here on.
    pub(super) fn forget(&mut self, in_transaction: bool) {
        self.known = Known { in_transaction, ..Known::default() };
    }

    /// Runs a statement in the transaction under way and judges what it did.
    pub(super) async fn judged(&mut self, meaning: &Meaning, statement: Statement<'_>) -> Outcome {
        let may_end = meaning.operations.iter().any(|operation| operation.verb == Verb::SqlHousekeep);
        let next = if may_end { self.next().await } else { Vec::new() };
        let before = State::of(&self.execute(STATE).await);
        let answer = run(&mut self.wire, statement, meaning.placeholders).await;
        if let Some(error) = answer.error() {
            return Outcome::Refused(error.sqlstate().to_owned());
        }
        if answer.status() != Some('T') {
            // It ended the transaction itself: what is left to ask is whether anybody was given an id since.
            let effects = Effects { wrote: self.next().await != next, ..Effects::default() };
            return Outcome::Ended(judge((statement.text, meaning), &effects, &Kin::default()));
        }
        let effects = State::of(&self.execute(STATE).await).since(before);
        let told = judge((statement.text, meaning), &effects, &Kin::default());
        if told.is_empty() {
            return Outcome::Ran(told);
        }
        let kin = Kin::of(&self.execute(KIN).await);
        Outcome::Ran(judge((statement.text, meaning), &effects, &kin))
    }

    async fn next(&mut self) -> Vec<String> {
        self.watch.query(NEXT).await.ok().texts()
    }

    async fn ask(&mut self, questions: &BTreeSet<CatalogQuestion>) -> Option<()> {
        let questions: Vec<_> = questions.iter().collect();
        let asked: Vec<String> =
            questions.iter().enumerate().map(|(place, question)| text_of(place, question)).collect();
        let answer = self.wire.query(&asked.join(";")).await;
        if answer.error().is_some() {
            return None;
        }
        let told = answer.rows();
        for (place, question) in questions.into_iter().enumerate() {
            let place = place.to_string();
            let of_it = told.iter().filter(|row| row.first() == Some(&Some(place.clone())));
            let rows: Vec<Vec<String>> = of_it.map(|row| (1..row.len()).map(|at| cell(row, at)).collect()).collect();
            self.learn(question.clone(), &rows);
        }
        Some(())
    }

    fn learn(&mut self, question: CatalogQuestion, rows: &[Vec<String>]) {
        let first = rows.first().map(|row| row[0].clone());
        match question {
            CatalogQuestion::Table(schema, name) => drop(self.known.tables.insert((schema, name), table(rows))),
            CatalogQuestion::Function(name) => {
                let functions = Functions {
                    shadow: rows.iter().any(|row| row[0] == "t"),
                    identity: rows.iter().map(|row| row[1].as_str()).collect(),
                };
                self.known.functions.insert(name, functions);
            }
            CatalogQuestion::Operator(name) => drop(self.known.operators.insert(name, first.is_some())),
            CatalogQuestion::Type(name) => drop(self.known.types.insert(name, first.is_some())),
            CatalogQuestion::Prepared(name) => drop(self.known.prepared.insert(name, first)),
            CatalogQuestion::Cursor(name) => drop(self.known.cursors.insert(name, first)),
        }
    }
}

/// Whether names mean behind a statement what they meant before.
pub(super) fn keeps_names(meaning: &Meaning) -> bool {
    let keeps = |verb: Verb| {
        let categories = [Category::Read, Category::Write, Category::Export, Category::Destroy];
        verb != Verb::SqlSelectView && verb.categories().iter().all(|category| categories.contains(category))
    };
    meaning.operations.iter().all(|operation| operation.verb != Verb::Unknown && keeps(operation.verb))
}

/// Runs a text as a client would: with values by the extended protocol, else by the simple one.
pub(super) async fn run(wire: &mut Wire, statement: Statement<'_>, placeholders: usize) -> Answer {
    if placeholders > 0 {
        let values = vec![Some("1"); placeholders];
        return wire.exchange(&[frame::statement(statement.text, &values), frame::sync()].concat()).await;
    }
    wire.send(&frame::query(statement.text)).await;
    let mut answer = Answer::default();
    while let Some(message) = wire.receive().await {
        if message.kind == b'G' {
            let rows = frame::message(b'd', statement.rows.as_bytes());
            wire.send(&[rows, frame::message(b'c', b"")].concat()).await;
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

/// A question, each row of whose answer begins with its place.
fn text_of(place: usize, question: &CatalogQuestion) -> String {
    match question {
        CatalogQuestion::Table(schema, name) => {
            let full = schema.iter().chain([name]).map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
            let full = full.collect::<Vec<_>>().join(".");
            TABLE.replace("PLACE", &place.to_string()).replace("NAME", &quoted(&full))
        }
        CatalogQuestion::Function(name) => format!(
            "SELECT {place}, n.nspname <> 'pg_catalog' AND n.nspname = ANY (pg_catalog.current_schemas(false)), p.oid \
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE p.proname = {}",
            quoted(name)
        ),
        CatalogQuestion::Operator(name) => outside(place, ("pg_operator", "opr"), name),
        CatalogQuestion::Type(name) => outside(place, ("pg_type", "typ"), name),
        CatalogQuestion::Prepared(name) => {
            format!("SELECT {place}, statement FROM pg_catalog.pg_prepared_statement() WHERE name = {}", quoted(name))
        }
        CatalogQuestion::Cursor(name) => {
            format!("SELECT {place}, statement FROM pg_catalog.pg_cursor() WHERE name = {}", quoted(name))
        }
    }
}

/// Whether something of this name stands in the search path outside `pg_catalog`.
fn outside(place: usize, (catalog, prefix): (&str, &str), name: &str) -> String {
    format!(
        "SELECT {place}, 'is there' FROM pg_catalog.{catalog} c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.{prefix}namespace WHERE c.{prefix}name = {} \
         AND n.nspname = ANY (pg_catalog.current_schemas(false)) AND n.nspname <> 'pg_catalog'",
        quoted(name)
    )
}

fn table(rows: &[Vec<String>]) -> Option<Table> {
    let relation = rows.iter().find(|row| row[0] == "relation")?;
    let of = |tag: &str| rows.iter().filter(|row| row[0] == tag).map(|row| row[1].clone()).collect::<Vec<_>>();
    let columns = of("column");
    let classified = |column: &&String| relation[2] == "customers" && CLASSIFIED.contains(&column.as_str());
    let class = |column: &String| (column.clone(), [column.parse().expect("a class")].into());
    Some(Table {
        schema: relation[1].clone(),
        name: relation[2].clone(),
        classes: columns.iter().filter(classified).map(class).collect(),
        columns,
        identity: relation[3].clone(),
        triggers: of("code"),
        is_view: relation[4] == "true",
        estimated_rows: None,
    })
}

fn quoted(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

const CLASSIFIED: [&str; 3] = ["email", "card", "ssn"];

/// `relation`: schema, name, number, whether it is a view or has row policies. `column`: name. `code`, that runs when it
/// is written: name.
const TABLE: &str = "
    SELECT PLACE, 'relation', n.nspname, c.relname, c.oid::text, (c.relkind IN ('v', 'f') OR c.relrowsecurity)::text
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_catalog.to_regclass(NAME) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL (SELECT PLACE, 'column', attname, '', '', '' FROM pg_catalog.pg_attribute
    WHERE attrelid = pg_catalog.to_regclass(NAME) AND attnum > 0 AND NOT attisdropped ORDER BY attnum)
    UNION ALL SELECT PLACE, 'code', tgname, '', '', '' FROM pg_catalog.pg_trigger
    WHERE tgrelid = pg_catalog.to_regclass(NAME) AND NOT tgisinternal AND tgenabled <> 'D'
    UNION ALL SELECT PLACE, 'code', rulename, '', '', '' FROM pg_catalog.pg_rewrite
    WHERE ev_class = pg_catalog.to_regclass(NAME) AND rulename <> '_RETURN' AND ev_enabled <> 'D'";
