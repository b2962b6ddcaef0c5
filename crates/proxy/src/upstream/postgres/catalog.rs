//! What names mean on one connection, as its server says it now: tables with their classes, functions, operators,
//! types, and which column a result's column is. Forgotten after [`AGE`], and by whatever may have changed it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use model::{Bound, DataClass, Operation, Provenance, Target, sha256};
use protocol::postgres::result::{FIRST_OF_OTHERS, Field};
use protocol::sql::Table;
use protocol::sql::postgres::{CatalogQuestion, Functions, Known};
use tokio::time::Instant;

use super::courtesy::{List, Question, Row};
use super::{Connection, Failed};

/// What is known of the catalog.
#[derive(Debug)]
pub struct Catalog {
    known: Known,
    /// Relations by their identity.
    relations: HashMap<String, Relation>,
    asked_at: Instant,
}

/// What of a relation the classifier does not ask for.
#[derive(Debug, Clone)]
struct Relation {
    number: u32,
    columns: HashMap<i16, Provenance>,
    /// A column's type, an index or a constraint is not of the server's own making alone: a plain read may run code.
    has_own_types: bool,
}

impl Default for Catalog {
    fn default() -> Self {
        Self { known: Known::default(), relations: HashMap::new(), asked_at: Instant::now() }
    }
}

impl Catalog {
    /// What was told so far.
    #[must_use]
    pub const fn known(&self) -> &Known {
        &self.known
    }

    /// Whether anything was told yet.
    #[must_use]
    pub fn knows_something(&self) -> bool {
        self.size() > 0
    }

    fn forget(&mut self) {
        let in_transaction = self.known.in_transaction;
        *self = Self::default();
        self.known.in_transaction = in_transaction;
    }

    fn size(&self) -> usize {
        let Known { tables, functions, operators, types, prepared, cursors, in_transaction: _ } = &self.known;
        tables.len() + functions.len() + operators.len() + types.len() + prepared.len() + cursors.len()
    }

    /// Whether it may still be gone by, for a plain read.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.asked_at.elapsed() < AGE
    }

    /// A text is about to be read. What names of prepared statements and cursors stand for is never remembered: the protocol
    /// and whatever code runs may give them to others.
    pub fn begin(&mut self, in_transaction: bool) {
        self.known.in_transaction = in_transaction;
        self.known.prepared.clear();
        self.known.cursors.clear();
    }

    /// Asks the server.
    ///
    /// # Errors
    /// If it does not answer. Inside a transaction that has then failed.
    pub async fn ask(
        &mut self,
        connection: &mut Connection,
        target: &Target,
        questions: &BTreeSet<CatalogQuestion>,
    ) -> Result<(), Failed> {
        if self.size() > KNOWN {
            self.forget();
        }
        let asking = Asking::new(questions);
        let answers = connection.ask(&asking.questions()).await?;
        self.learn(target, &asking, answers)
    }

    /// Asks everything anew that is known, `also` this, and for the settings of the session, in one breath. Not to be asked
    /// in a transaction.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn ask_again(
        &mut self,
        connection: &mut Connection,
        target: &Target,
        also: BTreeSet<CatalogQuestion>,
    ) -> Result<Vec<Setting>, Failed> {
        let tables = self.known.tables.keys().cloned().map(|(schema, name)| CatalogQuestion::Table(schema, name));
        let functions = self.known.functions.keys().cloned().map(CatalogQuestion::Function);
        let operators = self.known.operators.keys().cloned().map(CatalogQuestion::Operator);
        let types = self.known.types.keys().cloned().map(CatalogQuestion::Type);
        let asking = Asking::new(&tables.chain(functions).chain(operators).chain(types).chain(also).collect());
        self.forget();
        let mut asked = asking.questions();
        asked.push(settings());
        let mut answers = connection.ask(&asked).await?;
        let told = answers.pop().unwrap_or_default();
        self.learn(target, &asking, answers)?;
        Ok(told_settings(&told))
    }

    fn learn(&mut self, target: &Target, asking: &Asking, answers: Vec<Vec<Row>>) -> Result<(), Failed> {
        let Asking { tables, functions, prepared, cursors, operators, types } = asking;
        let mut answers = answers.into_iter();
        if !tables.is_empty() {
            self.learn_tables(target, tables, &answers.next().unwrap_or_default());
            self.check_classes(target, tables)?;
        }
        if !functions.is_empty() {
            self.learn_functions(functions, &answers.next().unwrap_or_default());
        }
        for (names, known) in [(prepared, &mut self.known.prepared), (cursors, &mut self.known.cursors)] {
            if !names.is_empty() {
                let told = answers.next().unwrap_or_default();
                let text_of = |name| told.iter().find(|row| text(row, 0) == name).map(|row| text(row, 1).to_owned());
                known.extend(names.iter().flatten().map(|name| (name.clone(), text_of(name))));
            }
        }
        let told = answers.next().unwrap_or_default();
        let shadowed = |tag, name| told.iter().any(|row| text(row, 0) == tag && text(row, 1) == name);
        let names = operators.iter().flatten().map(|name| (name.clone(), shadowed("operator", name)));
        self.known.operators.extend(names);
        let names = types.iter().flatten().map(|name| (name.clone(), shadowed("type", name)));
        self.known.types.extend(names);
        Ok(())
    }

    /// Looks whether every class of the target stands on a column.
    ///
    /// # Errors
    /// If one does not, or the server does not answer.
    pub async fn check(&mut self, connection: &mut Connection, target: &Target) -> Result<(), Failed> {
        let questions = with_classes(target);
        if questions.is_empty() {
            return Ok(());
        }
        self.ask(connection, target, &questions).await?;
        self.check_known(target)
    }

    /// Looks whether every class of the target stands on a column of a table that is known to be there.
    ///
    /// # Errors
    /// If one does not.
    pub fn check_known(&self, target: &Target) -> Result<(), Failed> {
        for column in target.classify.keys() {
            let known =
                column.rsplit_once('.').and_then(|(table, _)| table.split_once('.')).is_some_and(|(schema, name)| {
                    matches!(self.known.tables.get(&(Some(schema.to_owned()), name.to_owned())), Some(Some(_)))
                });
            if !known {
                return Err(Failed::Misconfigured(column.clone()));
            }
        }
        Ok(())
    }

    /// Every class of these tables stands on a column of them.
    fn check_classes(&self, target: &Target, names: &[(Option<String>, String)]) -> Result<(), Failed> {
        for table in names.iter().filter_map(|name| self.known.tables.get(name)?.as_ref()) {
            let prefix = format!("{}.{}.", table.schema, table.name);
            for declared in target.classify.keys() {
                let column = declared.strip_prefix(&prefix);
                if column.is_some_and(|column| !table.columns.iter().any(|known| known == column)) {
                    return Err(Failed::Misconfigured(declared.clone()));
                }
            }
        }
        Ok(())
    }

    fn learn_functions(&mut self, names: &List, told: &[Row]) {
        for name in names.iter().flatten() {
            let row = told.iter().find(|row| text(row, 0) == name);
            let functions = row.map_or_else(Functions::default, |row| Functions {
                shadow: text(row, 1) == "t",
                identity: short_hash(&[text(row, 2)]),
            });
            self.known.functions.insert(name.clone(), functions);
        }
    }

    fn learn_tables(&mut self, target: &Target, names: &[(Option<String>, String)], told: &[Row]) {
        for (place, name) in (1_usize..).zip(names) {
            let about: Vec<&Row> = told.iter().filter(|row| text(row, 1).parse() == Ok(place)).collect();
            let relation = about.iter().find(|row| text(row, 0) == "relation" && READABLE.contains(&text(row, 5)));
            let table = relation.map(|relation| self.table(target, relation, &about));
            self.known.tables.insert(name.clone(), table);
        }
    }

    fn table(&mut self, target: &Target, relation: &Row, about: &[&Row]) -> Table {
        let (number, schema, name, kind) = (text(relation, 2), text(relation, 3), text(relation, 4), text(relation, 5));
        let of = |tag: &str| -> Vec<&Row> {
            let mut rows: Vec<&Row> = about.iter().copied().filter(|row| text(row, 0) == tag).collect();
            rows.sort_by_key(|row| (text(row, 2).parse().unwrap_or(0_i16), *row));
            rows
        };
        let (columns, code, kin) = (of("column"), of("code"), of("kin"));
        let sources = classes_of_sources(target, (schema, name, kind));
        let class_of = |column: &str| {
            let own = declared(target, schema, name, column);
            own.or_else(|| kin.iter().find_map(|row| declared(target, text(row, 2), text(row, 3), column)))
        };
        let declared_here: BTreeSet<DataClass> =
            columns.iter().filter_map(|row| class_of(text(row, 3))).cloned().collect();
        let mut classes = BTreeMap::new();
        let mut origins = HashMap::new();
        for row in &columns {
            let column = text(row, 3);
            let (class, generated) = (class_of(column), text(row, 6) == "true");
            // What a view shows, or a generated column holds, may be another column's.
            let (held, origin) = match class {
                Some(class) => ([class.clone()].into(), Provenance::Classified(class.clone())),
                None if generated => (&declared_here | &sources, Provenance::Unproven),
                None if !sources.is_empty() => (sources.clone(), Provenance::Unproven),
                None => (BTreeSet::new(), Provenance::Clean),
            };
            if !held.is_empty() {
                classes.insert(column.to_owned(), held);
            }
            if let Ok(number) = text(row, 2).parse() {
                origins.insert(number, origin);
            }
        }
        let version: Vec<&str> = columns
            .iter()
            .chain(&code)
            .chain(&kin)
            .flat_map(|row| row.iter().skip(2).map(|cell| cell.as_deref().unwrap_or("")))
            .collect();
        let triggers = code.iter().map(|row| text(row, 2)).filter(|name| !matches!(*name, "_RETURN" | "policy"));
        let identity = format!("oid {number} xmin {} {}", text(relation, 6), short_hash(&version));
        if let Ok(number) = number.parse() {
            let is_own = |row: &&Row| text(row, 4).parse().map_or(true, |kind: u32| kind >= FIRST_OF_OTHERS);
            let has_own_types = text(relation, 9) != "false" || columns.iter().any(is_own);
            self.relations.insert(identity.clone(), Relation { number, columns: origins, has_own_types });
        }
        Table {
            schema: schema.to_owned(),
            name: name.to_owned(),
            columns: columns.iter().map(|row| text(row, 3).to_owned()).collect(),
            classes,
            identity,
            triggers: triggers.map(str::to_owned).collect(),
            is_view: matches!(kind, "v" | "f") || text(relation, 7) != "false",
            // Of one that others inherit from, the server counts its own rows alone.
            estimated_rows: text(relation, 8).parse().ok().filter(|rows| *rows >= 0 && kin.is_empty()),
        }
    }

    /// How many rows the tables have that operations beside plain reads are on, as the server estimates.
    #[must_use]
    pub fn sizes(&self, operations: &[Operation]) -> Vec<(String, u64)> {
        if operations.iter().all(|operation| operation.verb.is_plain_read()) {
            return Vec::new();
        }
        let mut sizes = BTreeMap::new();
        for table in self.known.tables.values().flatten() {
            let concerns = |operation: &Operation| {
                let resource = &operation.resource;
                *resource.schema == *table.schema && *resource.name == *table.name
            };
            let rows = table.estimated_rows.and_then(|rows| u64::try_from(rows).ok());
            if let Some(rows) = rows.filter(|_| operations.iter().any(concerns)) {
                sizes.insert(format!("{}.{}", table.schema, table.name), rows);
            }
        }
        sizes.into_iter().collect()
    }

    /// The columns of the relations that a statement was read by.
    #[must_use]
    pub fn origins(&self, bound: &[Bound]) -> Origins {
        let relations: Vec<&Relation> = bound.iter().filter_map(|bound| self.relations.get(&bound.identity)).collect();
        Origins {
            has_own_types: relations.iter().any(|relation| relation.has_own_types),
            columns: relations.into_iter().map(|relation| (relation.number, relation.columns.clone())).collect(),
        }
    }
}

/// Columns of the relations that one statement was read by: where they come from.
#[derive(Debug, Default)]
pub struct Origins {
    columns: HashMap<u32, HashMap<i16, Provenance>>,
    has_own_types: bool,
}

impl Origins {
    /// Where the columns of a result come from.
    #[must_use]
    pub fn of(&self, fields: &[Field]) -> Vec<Provenance> {
        fields.iter().map(|field| self.column(field).unwrap_or(Provenance::Unproven)).collect()
    }

    /// Whether each of these columns is computed, or one of a relation of the statement.
    #[must_use]
    pub fn knows_all(&self, fields: &[Field]) -> bool {
        fields.iter().all(|field| field.table == 0 || self.columns.contains_key(&field.table))
    }

    /// Whether a type of a column of theirs, an index or a constraint is not of the server's own making alone.
    #[must_use]
    pub const fn has_own_types(&self) -> bool {
        self.has_own_types
    }

    fn column(&self, field: &Field) -> Option<Provenance> {
        let columns = self.columns.get(&field.table)?;
        // System columns hold no data; number 0 is the whole row.
        if field.column < 0 { Some(Provenance::Clean) } else { columns.get(&field.column).cloned() }
    }
}

impl Connection {
    /// Forgets plans that were made when names meant something else.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn discard_plans(&mut self) -> Result<(), Failed> {
        self.ask(&[(Question::DiscardPlans, Vec::new())]).await.map(drop)
    }

    /// The text of the statement that the protocol prepared under this name, if there is one.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn prepared_by_protocol(&mut self, name: &str) -> Result<Option<String>, Failed> {
        let rows = self.ask(&[(Question::Prepared, vec![vec![Some(name.to_owned())]])]).await?.concat();
        let row = rows.iter().find(|row| text(row, 0) == name && text(row, 2) == "f");
        Ok(row.map(|row| text(row, 1).to_owned()))
    }

    /// The settings of the session that change what statements mean. Not to be asked in a failed transaction.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn settings_now(&mut self) -> Result<Vec<Setting>, Failed> {
        if self.is_idle() {
            return Ok(told_settings(&self.ask(&[settings()]).await?.concat()));
        }
        let asked: Vec<_> = SETTINGS.iter().map(|(_, show)| (Question::Setting(show), Vec::new())).collect();
        let answers = self.ask(&asked).await?;
        let names = SETTINGS.iter().map(|(name, _)| (*name).to_owned());
        let values = answers.iter().map(|rows| rows.first().map_or("", |row| text(row, 0)).to_owned());
        Ok(names.zip(values).collect())
    }
}

/// The tables of the target that have classes.
#[must_use]
pub fn with_classes(target: &Target) -> BTreeSet<CatalogQuestion> {
    let tables = target.classify.keys().filter_map(|column| column.rsplit_once('.')?.0.split_once('.'));
    let table = |(schema, name): (&str, &str)| CatalogQuestion::Table(Some(schema.to_owned()), name.to_owned());
    tables.map(table).collect()
}

/// A setting of the session and its value.
pub type Setting = (String, String);

fn settings() -> (Question, Vec<List>) {
    (Question::Settings, vec![SETTINGS.iter().map(|(name, _)| Some((*name).to_owned())).collect()])
}

fn told_settings(rows: &[Row]) -> Vec<Setting> {
    rows.iter().map(|row| (text(row, 0).to_owned(), text(row, 1).to_owned())).collect()
}

/// What is asked at a time, each part in the order in which it is answered.
struct Asking {
    tables: Vec<(Option<String>, String)>,
    functions: List,
    prepared: List,
    cursors: List,
    operators: List,
    types: List,
}

impl Asking {
    fn new(questions: &BTreeSet<CatalogQuestion>) -> Self {
        let mut asking = Self {
            tables: Vec::new(),
            functions: List::new(),
            prepared: List::new(),
            cursors: List::new(),
            operators: List::new(),
            types: List::new(),
        };
        for question in questions {
            match question {
                CatalogQuestion::Table(schema, name) => asking.tables.push((schema.clone(), name.clone())),
                CatalogQuestion::Function(name) => asking.functions.push(Some(name.clone())),
                CatalogQuestion::Operator(name) => asking.operators.push(Some(name.clone())),
                CatalogQuestion::Type(name) => asking.types.push(Some(name.clone())),
                CatalogQuestion::Prepared(name) => asking.prepared.push(Some(name.clone())),
                CatalogQuestion::Cursor(name) => asking.cursors.push(Some(name.clone())),
            }
        }
        asking
    }

    fn questions(&self) -> Vec<(Question, Vec<List>)> {
        let schemas = self.tables.iter().map(|(schema, _)| schema.clone()).collect();
        let names = self.tables.iter().map(|(_, name)| Some(name.clone())).collect();
        let all = [
            (Question::Relations, vec![schemas, names], self.tables.is_empty()),
            (Question::Functions, vec![self.functions.clone()], self.functions.is_empty()),
            (Question::Prepared, vec![self.prepared.clone()], self.prepared.is_empty()),
            (Question::Cursors, vec![self.cursors.clone()], self.cursors.is_empty()),
            (
                Question::Shadows,
                vec![self.operators.clone(), self.types.clone()],
                self.operators.is_empty() && self.types.is_empty(),
            ),
        ];
        all.into_iter().filter(|(.., empty)| !empty).map(|(question, values, _)| (question, values)).collect()
    }
}

fn declared<'t>(target: &'t Target, schema: &str, table: &str, column: &str) -> Option<&'t DataClass> {
    if target.classify.is_empty() {
        return None;
    }
    target.classify.get(&format!("{schema}.{table}.{column}"))
}

/// The classes that a view, or what is kept of one, may show, whatever it calls them. What a view does with the server's own
/// functions and catalogs is not among its dependencies: where anything has a class, any view of others' making may show
/// it.
fn classes_of_sources(target: &Target, (schema, name, kind): (&str, &str, &str)) -> BTreeSet<DataClass> {
    let is_the_servers = ["pg_catalog", "information_schema"].contains(&schema);
    let may_show = if is_the_servers { SAMPLES.contains(&name) } else { matches!(kind, "v" | "m") };
    if may_show { target.classify.values().cloned().collect() } else { BTreeSet::new() }
}

fn text(row: &Row, column: usize) -> &str {
    row.get(column).and_then(Option::as_deref).unwrap_or("")
}

fn short_hash(parts: &[&str]) -> String {
    let bytes: Vec<&[u8]> = parts.iter().flat_map(|part| [part.as_bytes(), b"\0"]).collect();
    sha256(&bytes).to_string().chars().take(16).collect()
}

/// How long a plain read may go by what was told.
const AGE: Duration = Duration::from_secs(1);
/// Names that are remembered.
const KNOWN: usize = 4_096;
/// Kinds of relation that a statement can read: tables, partitioned ones, views, materialized ones, foreign ones, sequences.
const READABLE: [&str; 6] = ["r", "p", "v", "m", "f", "S"];
/// Catalogs that hold samples of data, or statements of others.
const SAMPLES: [&str; 12] = [
    "pg_stats",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_stat_activity",
    "pg_stat_statements",
    "pg_prepared_statements",
    "pg_cursors",
    "pg_largeobject",
    "pg_subscription",
    "pg_user_mapping",
];
/// The settings of the digest, with their questions.
pub const SETTINGS: [(&str, &str); 17] = [
    ("role", "SHOW role"),
    ("session_authorization", "SHOW session_authorization"),
    ("search_path", "SHOW search_path"),
    ("transaction_isolation", "SHOW transaction_isolation"),
    ("transaction_read_only", "SHOW transaction_read_only"),
    ("TimeZone", "SHOW TimeZone"),
    ("DateStyle", "SHOW DateStyle"),
    ("IntervalStyle", "SHOW IntervalStyle"),
    ("standard_conforming_strings", "SHOW standard_conforming_strings"),
    ("backslash_quote", "SHOW backslash_quote"),
    ("transform_null_equals", "SHOW transform_null_equals"),
    ("array_nulls", "SHOW array_nulls"),
    ("row_security", "SHOW row_security"),
    ("session_replication_role", "SHOW session_replication_role"),
    ("xmloption", "SHOW xmloption"),
    ("extra_float_digits", "SHOW extra_float_digits"),
    ("bytea_output", "SHOW bytea_output"),
];
