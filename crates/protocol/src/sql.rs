//! What SQL statements mean: operations on resources, with facts. One file a dialect; the words here serve all.
//! A construct that a dialect's classifier does not know is `unknown`, never skipped.

pub mod postgres;
pub mod sqlite;

use std::collections::{BTreeMap, BTreeSet};

use model::{Bound, DataClass, Operation, Target};

/// The tables of a target as they are now, with the classes of their columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Tables and views by their name in full, lower case where the dialect folds.
    pub tables: BTreeMap<String, Table>,
}

impl Catalog {
    /// Columns that have a class in the target's configuration and are not there: another column was meant, or it was
    /// renamed.
    pub fn misplaced<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a str> {
        let stands = |column: &&str| {
            let (table, column) = column.rsplit_once('.').unwrap_or(("", column));
            self.tables.get(table).is_some_and(|table| table.classes.contains_key(column))
        };
        target.classify.keys().map(String::as_str).filter(move |column| !stands(column))
    }
}

/// One table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its schema, where the dialect has them.
    pub schema: String,
    /// Its name as stored.
    pub name: String,
    /// Columns in order.
    pub columns: Vec<String>,
    /// Classes of its columns, by column: what each may hold. One that shows or computes others may hold several.
    pub classes: BTreeMap<String, BTreeSet<DataClass>>,
    /// What it is now: changes when it is altered or swapped.
    pub identity: String,
    /// Triggers on it: code that runs when it is written.
    pub triggers: Vec<String>,
    /// Whether reading it may show what stands elsewhere, or runs code of its own: a view, a virtual table or what lies
    /// behind one, row policies, a foreign server.
    pub is_view: bool,
    /// Rows as the catalog's statistics have it.
    pub estimated_rows: Option<i64>,
}

/// A statement's meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meaning {
    /// Everything it does.
    pub operations: Vec<Operation>,
    /// What its names resolve to.
    pub bound: Vec<Bound>,
    /// Tables that it touches and that have classified columns.
    pub classified: BTreeSet<String>,
    /// Classes whose values it may store where they have none: that needs what seeing them needs.
    pub copied: BTreeSet<DataClass>,
    /// Whether it names a type that is not one of the server's own: making a value of one may run code.
    pub names_types: bool,
    /// Whether rows of several queries are put together: then the upstream's account of where a column comes from names
    /// only one of them, and proves nothing.
    pub compound: bool,
    /// How many statements the text holds.
    pub statements: usize,
    /// What it does to prepared statements, by SQL.
    pub prepared: Prepared,
    /// What it says of why the statements behind it are run: empty where it takes back what was said.
    pub reason: Option<String>,
    /// Whether it begins a transaction with modes of its own.
    pub sets_modes: bool,
    /// Prepared statements that it executes by SQL.
    pub executes: Vec<String>,
    /// Cursors that it declares.
    pub declares: Vec<String>,
    /// Cursors of before that it goes on with.
    pub fetches: Vec<String>,
    /// How many values its placeholders take.
    pub placeholders: usize,
}

/// What a text does to the session's prepared statements, the furthest of its statements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prepared {
    /// Nothing.
    #[default]
    Kept,
    /// Some are dropped.
    Dropped,
    /// A statement is given a name for later texts.
    Made,
}

/// The text cannot be read as statements of the dialect: it is refused before policy is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The grammar rejects it.
    #[error("syntax error: {0}")]
    Syntax(String),
    /// It is longer than the limit.
    #[error("the statement is longer than {} bytes", model::limit::STATEMENT_BYTES)]
    TooLong,
    /// It holds a NUL.
    #[error("the statement holds a NUL character")]
    Nul,
    /// It holds more statements than the limit.
    #[error("the text holds more than {} statements", model::limit::OPERATIONS)]
    TooMany,
    /// One call holds one statement.
    #[error("the text holds more than one statement: send one at a time")]
    Several,
    /// It is nested too deeply.
    #[error("the statement is nested too deeply")]
    TooDeep,
    /// There is nothing in it.
    #[error("the text holds no statement")]
    Empty,
}

/// The checks that every dialect's text must pass before it is parsed.
///
/// # Errors
/// If it is too long or holds a NUL.
pub(crate) fn check_text(text: &str) -> Result<(), Unreadable> {
    if text.len() > model::limit::STATEMENT_BYTES {
        return Err(Unreadable::TooLong);
    }
    if text.contains('\0') {
        return Err(Unreadable::Nul);
    }
    Ok(())
}
