//! PostgreSQL's dialect, by the server's own grammar (`pg_raw_parse`). The top statement is matched; what is inside is
//! visited with a work list, never by recursion, so that depth costs memory and not stack. What is not matched is
//! `unknown`. The catalog is asked for what names mean; nothing is fetched here.

#![expect(clippy::wildcard_enum_match_arm, reason = "the grammar's nodes are foreign: what is not matched is unknown")]

mod block;
mod bound;
mod copies;
mod definition;
mod functions;
mod labels;
mod named;
mod privilege;
mod query;
pub mod reason;
mod tree;
mod utility;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use model::{Bound, Facts, Operation, Resource, ResourceKind, Verb};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::RangeVar;

use super::{Catalog, Meaning, Table, Unreadable, check_text};

/// What the catalog must tell before a statement can be classified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CatalogQuestion {
    /// What a table's or view's name means: its schema if it is qualified, and its name.
    Table(Option<String>, String),
    /// What functions of this name there are.
    Function(String),
    /// Whether an operator of this name stands in the search path outside `pg_catalog`.
    Operator(String),
    /// Whether a type of this name does.
    Type(String),
    /// What text the session's prepared statement of this name was made of.
    Prepared(String),
    /// What text the session's cursor of this name was made of.
    Cursor(String),
}

/// What the catalog has told so far.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Tables by the name that was asked; absent ones are `None`.
    pub tables: BTreeMap<(Option<String>, String), Option<Table>>,
    /// Functions by the name that was asked.
    pub functions: BTreeMap<String, Functions>,
    /// Operators that were asked, and whether one stands outside `pg_catalog`.
    pub operators: BTreeMap<String, bool>,
    /// Types that were asked, and whether one stands outside `pg_catalog`.
    pub types: BTreeMap<String, bool>,
    /// Whether the session is in a transaction that the text did not begin.
    pub in_transaction: bool,
    /// Prepared statements that were asked; absent ones are `None`.
    pub prepared: BTreeMap<String, Option<String>>,
    /// Cursors that were asked; absent ones are `None`.
    pub cursors: BTreeMap<String, Option<String>>,
}

/// All functions of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Functions {
    /// Whether one stands in the search path outside `pg_catalog`.
    pub shadow: bool,
    /// What they are now, all of them: changes when one is made, replaced or dropped. Empty for none.
    pub identity: String,
}

/// What came of reading a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Classified {
    /// All of it is understood, or marked unknown.
    Meaning(Meaning),
    /// The catalog must be asked first; then read again.
    Needs(BTreeSet<CatalogQuestion>),
}

/// What `text` does, given what is known of the catalog.
///
/// # Errors
/// If the grammar rejects it, or it is over a limit.
pub fn classify(text: &str, known: &Known) -> Result<Classified, Unreadable> {
    check_text(text)?;
    let tree = pg_raw_parse::parse(text).map_err(|error| Unreadable::Syntax(error.to_string()))?;
    let mut reading = Reading {
        known,
        questions: BTreeSet::new(),
        meaning: Meaning::default(),
        tables: Vec::new(),
        dotted: BTreeSet::new(),
        rows: labels::Rows::default(),
        made: BTreeSet::new(),
        declared: BTreeSet::new(),
        doubtful: BTreeSet::new(),
        budget: NODES,
        moved: false,
        moves: false,
    };
    let mut statements = 0;
    for statement in tree.into_inner().iter() {
        statements += 1;
        if statements > model::limit::OPERATIONS {
            return Err(Unreadable::TooMany);
        }
        let before = reading.meaning.operations.len();
        reading.statement(statement.stmt());
        // What a view or a function calls may set the search path: names of later statements are not what they were.
        let runs_code = [Verb::SqlSelectView, Verb::SqlCall, Verb::Unknown];
        let viewed = |operation: &Operation| runs_code.contains(&operation.verb);
        reading.moved |= std::mem::take(&mut reading.moves);
        reading.moved |= reading.meaning.operations.iter().skip(before).any(viewed);
        let rows = std::mem::take(&mut reading.rows);
        for (row, name) in std::mem::take(&mut reading.dotted) {
            if !row.is_some_and(|row| rows.labels(&row, &name)) {
                reading.column_or_call(&name);
            }
        }
        reading.copies(statement.stmt(), before);
        if !matches!(statement.stmt(), Node::CreateStmt(_) | Node::IndexStmt(_)) {
            // What was made may be gone again, or go by another name.
            reading.made.clear();
        }
    }
    if statements == 0 {
        reading.on_target(Verb::SqlHousekeep);
    }
    if !reading.questions.is_empty() {
        return Ok(Classified::Needs(reading.questions));
    }
    let mut meaning = Meaning { statements, ..reading.meaning };
    meaning.bound.sort();
    meaning.bound.dedup();
    for operation in &mut meaning.operations {
        operation.facts.statements = i64::try_from(statements).ok();
    }
    // One with other facts is another: it is judged by its own.
    let mut seen = HashSet::new();
    meaning.operations.retain(|operation| seen.insert(operation.clone()));
    Ok(Classified::Meaning(meaning))
}

/// A statement being read.
struct Reading<'k> {
    known: &'k Known,
    questions: BTreeSet<CatalogQuestion>,
    meaning: Meaning,
    /// Tables that the statement under way has named.
    tables: Vec<&'k Table>,
    /// Names of it that stand behind a dot, with what stands before it where that is one name.
    dotted: BTreeSet<(Option<String>, String)>,
    /// What its rows go by.
    rows: labels::Rows,
    /// Tables that the text has just made, as they are written: the catalog knows nothing of them, or of others.
    made: BTreeSet<(Option<String>, String)>,
    /// Cursors that the text has just declared: what they read is judged already.
    declared: BTreeSet<String>,
    /// Names of tables that the text drops, renames or puts elsewhere, whatever their schema.
    doubtful: BTreeSet<String>,
    /// Nodes that may still be looked at.
    budget: usize,
    /// An earlier statement of the text may have moved the search path.
    moved: bool,
    /// The statement under way may.
    moves: bool,
}

/// What a table's name turned out to be.
enum Named {
    Table(Table),
    /// A common table expression.
    Inner,
    Unresolved(Resource),
}

impl Reading<'_> {
    /// A table or view by name. A name that is not known yet becomes a question.
    fn table(&mut self, name: &RangeVar) -> Named {
        let (schema, name) = (name.schemaname().map(str::to_owned), name.relname().unwrap_or("").to_owned());
        let key = (schema, name);
        if self.is_doubtful(key.0.as_deref(), &key.1) {
            self.unknown();
            return Named::Inner;
        }
        match self.known.tables.get(&key) {
            Some(Some(table)) => {
                self.tables.push(table);
                Named::Table(table.clone())
            }
            Some(None) => {
                let (schema, name) = key;
                Named::Unresolved(Resource::new(ResourceKind::Unresolved, schema.as_deref().unwrap_or(""), &name))
            }
            None => {
                let (schema, name) = key.clone();
                self.questions.insert(CatalogQuestion::Table(schema, name));
                Named::Inner
            }
        }
    }

    /// Whether what the name of a table means is settled only when the statement runs.
    fn is_doubtful(&self, schema: Option<&str>, name: &str) -> bool {
        (self.moved && schema.is_none()) || self.doubtful.contains(name) || self.doubtful.contains(ALL)
    }

    /// Adds an operation on a table.
    fn touch(&mut self, verb: Verb, name: &RangeVar, facts: Facts) {
        match self.table(name) {
            Named::Table(table) => self.touch_table(verb, &table, facts),
            Named::Inner => {}
            Named::Unresolved(resource) => self.add(verb, resource, facts),
        }
    }

    /// Takes `nodes` from what may be looked at. Over the limit, the statement is not understood.
    fn spend(&mut self, nodes: usize) -> bool {
        match self.budget.checked_sub(nodes) {
            Some(rest) => {
                self.budget = rest;
                true
            }
            None => {
                self.budget = 0;
                self.unknown();
                false
            }
        }
    }

    /// An operation on a table, with the code that its triggers and rules would run.
    fn touch_table(&mut self, verb: Verb, table: &Table, facts: Facts) {
        if !table.classes.is_empty() {
            self.meaning.classified.insert(format!("{}.{}", table.schema, table.name));
        }
        let name = format!("table {}.{}", table.schema, table.name);
        self.meaning.bound.push(Bound { name, identity: table.identity.clone() });
        let verb = if table.is_view && verb == Verb::SqlSelect { Verb::SqlSelectView } else { verb };
        let facts = Facts { estimated_rows: table.estimated_rows, ..facts };
        self.add(verb, Resource::new(ResourceKind::Table, &table.schema, &table.name), facts);
        if writes(verb) {
            for trigger in &table.triggers {
                self.add(Verb::SqlCall, Resource::new(ResourceKind::Function, "", trigger), Facts::default());
            }
        }
    }

    fn add(&mut self, verb: Verb, resource: Resource, facts: Facts) {
        self.meaning.operations.push(Operation { verb, resource, facts });
    }

    fn on_target(&mut self, verb: Verb) {
        self.add(verb, Resource::target(), Facts::default());
    }

    fn on_object(&mut self, verb: Verb, name: &str) {
        self.add(verb, Resource::new(ResourceKind::Object, "", name), Facts::default());
    }

    fn unknown(&mut self) {
        self.on_target(Verb::Unknown);
    }
}

/// A relation's name as it is written.
fn full_name(name: &RangeVar) -> String {
    match name.schemaname() {
        Some(schema) => format!("{schema}.{}", name.relname().unwrap_or("")),
        None => name.relname().unwrap_or("").to_owned(),
    }
}

/// Whether triggers of the table would run.
fn writes(verb: Verb) -> bool {
    use model::Category::{Destroy, Write};
    verb != Verb::SqlDrop && verb.categories().iter().any(|category| matches!(category, Write | Destroy))
}

/// The last part of a dotted name, and what stands in front of it.
fn dotted<'a>(parts: impl Iterator<Item = Node<'a>>) -> (Vec<&'a str>, &'a str) {
    let mut names: Vec<&str> = parts.filter_map(Node::as_str).collect();
    let last = names.pop().unwrap_or("");
    (names, last)
}

impl Known {
    /// Everything known of a fixed catalog: names in `search_path` resolve in its order.
    #[must_use]
    pub fn of(catalog: &Catalog, search_path: &[&str], questions: &BTreeSet<CatalogQuestion>) -> Self {
        let mut known = Self::default();
        for question in questions {
            match question {
                CatalogQuestion::Table(schema, name) => {
                    let schemas: Vec<&str> = match schema {
                        Some(schema) => vec![schema.as_str()],
                        None => search_path.to_vec(),
                    };
                    let found = schemas.iter().find_map(|schema| catalog.tables.get(&format!("{schema}.{name}")));
                    known.tables.insert((schema.clone(), name.clone()), found.cloned());
                }
                CatalogQuestion::Function(name) => drop(known.functions.insert(name.clone(), Functions::default())),
                CatalogQuestion::Operator(name) => drop(known.operators.insert(name.clone(), false)),
                CatalogQuestion::Type(name) => drop(known.types.insert(name.clone(), false)),
                CatalogQuestion::Prepared(name) => drop(known.prepared.insert(name.clone(), None)),
                CatalogQuestion::Cursor(name) => drop(known.cursors.insert(name.clone(), None)),
            }
        }
        known
    }
}

/// In place of a name: all of them. No name is empty.
const ALL: &str = "";
/// Nodes that one text may cost to look at.
const NODES: usize = 4_000_000;

#[cfg(test)]
mod tests;
