//! SQLite's dialect. `sqlparser` reads it; what it cannot read is refused, and every statement, table and function that
//! is not listed here is `unknown` or a call. Plain reads run on a connection that cannot write.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "sqlparser's enums grow: what is not matched is unknown or not proven"
)]

mod copies;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use model::{Bound, Facts, Operation, Resource, ResourceKind, Verb};
use sqlparser::ast::{
    AssignmentTarget, BinaryOperator, Expr, FromTable, Function, LimitClause, ObjectName, ObjectNamePart, ObjectType,
    Query, SelectItem, SetExpr, SqliteOnConflict, Statement, TableFactor, TableObject, Value, Visit as _, Visitor,
    visit_expressions, visit_relations,
};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::{Parser, ParserError};

use super::{Catalog, Meaning, Table, Unreadable, check_text};

/// What `text` does, with these tables.
///
/// # Errors
/// If it cannot be read at all.
pub fn classify(text: &str, catalog: &Catalog) -> Result<Meaning, Unreadable> {
    check_text(text)?;
    check_letters(text)?;
    let statements = parse(text)?;
    let mut reading = Reading { catalog, meaning: Meaning::default() };
    for statement in &statements {
        reading.statement(statement);
        reading.meaning.compound |= statement.visit(&mut Compound).is_break();
        reading.meaning.placeholders = placeholders(statement);
        reading.meaning.copied = reading.copied(statement);
    }
    let mut meaning = reading.meaning;
    meaning.bound.sort();
    meaning.bound.dedup();
    for operation in &mut meaning.operations {
        operation.facts.statements = Some(1);
    }
    let mut seen = BTreeSet::new();
    meaning.operations.retain(|operation| seen.insert((operation.verb, operation.resource.clone())));
    Ok(meaning)
}

/// Only what `sqlparser` and SQLite cut into the same tokens: letters, digits, plain operators, quoted texts and names,
/// and a bare `?`. Variables of other kinds, comments, brackets and prefixed strings are where the two differ, and what
/// one takes for a string the other may run.
fn check_letters(text: &str) -> Result<(), Unreadable> {
    let told = |what: String| Unreadable::Syntax(format!("{what} may not stand outside a quoted text: leave it out"));
    let mut letters = text.trim_end().bytes().peekable();
    let (mut before, mut links) = (b' ', 0_usize);
    while let Some(letter) = letters.next() {
        // Words and operators chain expressions, and a long chain is a deep tree. Values and commas do not.
        let word = letter.is_ascii_alphabetic() && !(before.is_ascii_alphanumeric() || before == b'_');
        links += usize::from(word || b"+-*/%=<>!|&~".contains(&letter));
        if links > LINKS {
            return Err(Unreadable::TooDeep);
        }
        match letter {
            b'\'' | b'"' => {
                let joined = before.is_ascii_alphanumeric() || before == b'_';
                if joined {
                    return Err(told("a quote behind a letter".to_owned()));
                }
                // A doubled quote stands for itself: the loop meets it as an empty text that follows at once.
                if !letters.by_ref().any(|inside| inside == letter) {
                    return Err(Unreadable::Syntax("a quoted text does not end".to_owned()));
                }
            }
            b'-' if letters.peek() == Some(&b'-') => return Err(told("a comment".to_owned())),
            b'/' if letters.peek() == Some(&b'*') => return Err(told("a comment".to_owned())),
            b'?' if letters.peek().is_some_and(u8::is_ascii_digit) => return Err(told("`?` with a number".to_owned())),
            b';' if letters.peek().is_some() => return Err(Unreadable::Several),
            b' ' | b'\t' | b'\n' | b'\r' | b'_' | b'(' | b')' | b'+' | b'-' | b'*' | b'/' | b'%' | b'=' | b'<'
            | b'>' | b'!' | b'|' | b'&' | b'~' | b',' | b'.' | b';' | b'?' => {}
            letter if letter.is_ascii_alphanumeric() => {}
            other => return Err(told(format!("`{}`", char::from(other).escape_default()))),
        }
        before = letter;
    }
    Ok(())
}

fn parse(text: &str) -> Result<Vec<Statement>, Unreadable> {
    let parser = Parser::new(&SQLiteDialect {}).with_recursion_limit(DEPTH);
    let parsed = parser.try_with_sql(text).and_then(|mut parser| parser.parse_statements());
    let statements = parsed.map_err(|error| match error {
        ParserError::RecursionLimitExceeded => Unreadable::TooDeep,
        ParserError::ParserError(why) | ParserError::TokenizerError(why) => Unreadable::Syntax(why),
    })?;
    match statements.len() {
        0 => Err(Unreadable::Empty),
        // One API call is one statement: a script would have several results and no one answer.
        1 => Ok(statements),
        _ => Err(Unreadable::Several),
    }
}

/// Finds a set operation, at any depth.
struct Compound;

impl Visitor for Compound {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        match &*query.body {
            SetExpr::Select(_) | SetExpr::Values(_) | SetExpr::Query(_) => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}

struct Reading<'a> {
    catalog: &'a Catalog,
    meaning: Meaning,
}

impl Reading<'_> {
    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Query(query) => self.select(query, statement),
            Statement::Insert(insert) => {
                let TableObject::TableName(name) = &insert.table else { return self.unknown() };
                self.write(Verb::SqlInsert, name, Facts::default());
                if insert.replace_into {
                    self.write(Verb::SqlDeleteUnbounded, name, Facts::default());
                }
                self.replace(insert.or, name);
                // ON CONFLICT DO UPDATE changes the rows that stand in the way.
                if insert.on.is_some() {
                    self.write(Verb::SqlUpdate, name, Facts::default());
                }
                self.rest(statement, Some(name));
            }
            Statement::Update(update) => {
                let TableFactor::Table { name, .. } = &update.table.relation else { return self.unknown() };
                let plain = update.assignments.iter().all(|a| matches!(a.target, AssignmentTarget::ColumnName(_)));
                if !plain || !update.table.joins.is_empty() {
                    return self.unknown();
                }
                // A bound on another table of the statement is none on this one.
                let condition = update.selection.as_ref().filter(|_| update.from.is_none());
                let facts = self.facts(condition, update.limit.as_ref());
                let verb = if facts.bounded { Verb::SqlUpdate } else { Verb::SqlUpdateUnbounded };
                self.write(verb, name, facts);
                self.replace(update.or, name);
                self.rest(statement, Some(name));
            }
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
                let [only] = from.as_slice() else { return self.unknown() };
                let TableFactor::Table { name, .. } = &only.relation else { return self.unknown() };
                if !only.joins.is_empty() || !delete.tables.is_empty() {
                    return self.unknown();
                }
                let facts = self.facts(delete.selection.as_ref(), delete.limit.as_ref());
                let verb = if facts.bounded { Verb::SqlDelete } else { Verb::SqlDeleteUnbounded };
                self.write(verb, name, facts);
                self.rest(statement, Some(name));
            }
            Statement::Drop { object_type, names, .. } => self.drop_objects(*object_type, names),
            // A temporary table would stand in front of the real one for every later caller of the connection.
            Statement::CreateTable(create) if create.query.is_none() && !create.temporary && is_main(&create.name) => {
                self.add(Verb::SqlCreate, object(&create.name), Facts::default());
                self.rest(statement, Some(&create.name));
            }
            Statement::CreateIndex(create) => {
                self.add(Verb::SqlCreate, self.resource(&create.table_name), Facts::default());
                self.rest(statement, Some(&create.table_name));
            }
            Statement::AlterTable(alter) => {
                let drops = alter.operations.iter().any(|part| part.to_string().to_uppercase().starts_with("DROP"));
                let verb = if drops { Verb::SqlAlterDrop } else { Verb::SqlAlter };
                self.write(verb, &alter.name, Facts::default());
            }
            _ => self.unknown(),
        }
    }

    /// A query. Each table it reads, wherever it stands; the functions it calls.
    fn select(&mut self, query: &Query, statement: &Statement) {
        if !only_reads(query) {
            return self.unknown();
        }
        let facts = self.query_facts(query, statement);
        self.read_tables(statement, None, facts.clone());
        self.functions(statement);
        if self.meaning.operations.is_empty() {
            self.add(Verb::SqlSelect, Resource::target(), facts);
        }
    }

    /// What a write reads beside the table it writes.
    fn rest(&mut self, statement: &Statement, written: Option<&ObjectName>) {
        if holds_a_writing_query(statement) {
            return self.unknown();
        }
        self.read_tables(statement, written, Facts::default());
        self.functions(statement);
    }

    fn read_tables(&mut self, statement: &Statement, written: Option<&ObjectName>, facts: Facts) {
        let mut names: BTreeMap<String, ObjectName> = BTreeMap::new();
        let ctes = cte_names(statement);
        let mut written = written.cloned();
        to_the_end(visit_relations(statement, |name| {
            // The written table is visited once as what it is; a second time it is read.
            if written.as_ref() == Some(name) {
                written = None;
            } else if self.table(name).is_some() || !ctes.contains(&plain_name(name)) {
                // A common table expression named like a table: the table counts as read as well.
                names.insert(plain_name(name), name.clone());
            }
            ControlFlow::Continue(())
        }));
        for name in names.into_values() {
            let classified = self.touches_classes(&name, statement);
            let facts = Facts { classified, ..facts.clone() };
            let verb = if classified && !facts.bounded { Verb::SqlSelectUnbounded } else { Verb::SqlSelect };
            let resource = self.resource(&name);
            self.add(verb, resource, facts);
        }
    }

    /// Whether the statement could show a classified column of the table: it names one, or takes all.
    fn touches_classes(&mut self, name: &ObjectName, statement: &Statement) -> bool {
        let Some(table) = self.table(name).cloned() else { return false };
        // A view may show whatever its tables hold, and SQLite's account of its columns proves nothing.
        self.meaning.compound |= table.is_view;
        let any = self.catalog.tables.values().any(|table| !table.classes.is_empty());
        if table.classes.is_empty() && !(table.is_view && any) {
            return false;
        }
        self.meaning.classified.insert(table.name.clone());
        table.is_view || names_column_or_all(statement, &table.classes.keys().cloned().collect())
    }

    fn write(&mut self, verb: Verb, name: &ObjectName, facts: Facts) {
        let Some(table) = self.table(name).cloned() else {
            return self.add(verb, Resource::new(ResourceKind::Unresolved, "", &plain_name(name)), facts);
        };
        if !table.classes.is_empty() {
            self.meaning.classified.insert(table.name.clone());
        }
        let resource = self.resource(name);
        self.add(verb, resource, facts);
        for trigger in &table.triggers {
            self.add(Verb::SqlCall, Resource::new(ResourceKind::Function, "", trigger), Facts::default());
        }
    }

    /// REPLACE removes the rows that stand in the way.
    fn replace(&mut self, or: Option<SqliteOnConflict>, name: &ObjectName) {
        if or == Some(SqliteOnConflict::Replace) {
            self.write(Verb::SqlDeleteUnbounded, name, Facts::default());
        }
    }

    fn drop_objects(&mut self, kind: ObjectType, names: &[ObjectName]) {
        for name in names {
            let resource =
                if kind == ObjectType::Table || kind == ObjectType::View { self.resource(name) } else { object(name) };
            self.add(Verb::SqlDrop, resource, Facts::default());
        }
    }

    fn functions(&mut self, statement: &Statement) {
        let mut called = BTreeSet::new();
        to_the_end(visit_expressions(statement, |expression| {
            if let Expr::Function(Function { name, .. }) = expression {
                called.insert(plain_name(name));
            }
            ControlFlow::Continue(())
        }));
        for name in called.into_iter().filter(|name| !FUNCTIONS.contains(&name.as_str())) {
            self.add(Verb::SqlCall, Resource::new(ResourceKind::Function, "", &name), Facts::default());
        }
    }

    fn query_facts(&self, query: &Query, statement: &Statement) -> Facts {
        let mut tables = 0;
        to_the_end(visit_relations(statement, |_| {
            tables += 1;
            ControlFlow::Continue(())
        }));
        let selection = match &*query.body {
            // A condition bounds a table only where there is no other that it could speak of.
            SetExpr::Select(select) if tables == 1 => select.selection.as_ref(),
            _ => None,
        };
        let limit = match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, .. }) => limit.as_ref(),
            Some(LimitClause::OffsetCommaLimit { limit, .. }) => Some(limit),
            None => None,
        };
        self.facts(selection, limit)
    }

    fn facts(&self, selection: Option<&Expr>, limit: Option<&Expr>) -> Facts {
        let limit = limit.and_then(constant_number);
        let short = limit.is_some_and(|limit| (0..=BOUND_ROWS).contains(&limit));
        Facts {
            has_where: selection.is_some(),
            bounded: short || selection.is_some_and(is_bound),
            limit,
            ..Facts::default()
        }
    }

    fn table(&self, name: &ObjectName) -> Option<&Table> {
        match name.0.as_slice() {
            [ObjectNamePart::Identifier(only)] => self.catalog.tables.get(&only.value.to_lowercase()),
            [ObjectNamePart::Identifier(schema), ObjectNamePart::Identifier(table)]
                if schema.value.eq_ignore_ascii_case("main") =>
            {
                self.catalog.tables.get(&table.value.to_lowercase())
            }
            _ => None,
        }
    }

    fn resource(&self, name: &ObjectName) -> Resource {
        match self.table(name) {
            Some(table) => Resource::new(ResourceKind::Table, "", &table.name),
            None => Resource::new(ResourceKind::Unresolved, "", &plain_name(name)),
        }
    }

    fn unknown(&mut self) {
        self.add(Verb::Unknown, Resource::target(), Facts::default());
    }

    fn add(&mut self, verb: Verb, resource: Resource, facts: Facts) {
        let table =
            self.catalog.tables.get(&resource.name.to_lowercase()).filter(|_| resource.kind == ResourceKind::Table);
        if let Some(table) = table {
            let name = format!("table {}", table.name);
            self.meaning.bound.push(Bound { name, identity: table.identity.clone() });
        }
        let facts = Facts { estimated_rows: table.and_then(|table| table.estimated_rows), ..facts };
        self.meaning.operations.push(Operation { verb, resource, facts });
    }
}

/// Whether a query is made of selects and values alone: no data-changing statement hides in it.
fn only_reads(query: &Query) -> bool {
    fn body(set: &SetExpr) -> bool {
        match set {
            SetExpr::Select(select) => select.into.is_none(),
            SetExpr::Values(_) => true,
            SetExpr::Query(query) => only_reads(query),
            SetExpr::SetOperation { left, right, .. } => body(left) && body(right),
            _ => false,
        }
    }
    let with = query.with.iter().flat_map(|with| &with.cte_tables).all(|cte| only_reads(&cte.query));
    with && query.locks.is_empty() && body(&query.body)
}

/// Whether the statement holds a query that does more than read.
fn holds_a_writing_query(statement: &Statement) -> bool {
    let flow = sqlparser::ast::visit_statements(statement, |inner| match inner {
        Statement::Query(query) if !only_reads(query) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    flow.is_break()
}

fn cte_names(statement: &Statement) -> BTreeSet<String> {
    let Statement::Query(query) = statement else { return BTreeSet::new() };
    query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| cte.alias.name.value.to_lowercase()).collect()
}

/// Whether the statement names one of `columns` anywhere, or takes all columns of something.
fn names_column_or_all(statement: &Statement, columns: &BTreeSet<String>) -> bool {
    let mut found = false;
    to_the_end(visit_expressions(statement, |expression| {
        found |= match expression {
            Expr::Identifier(name) => columns.contains(&name.value.to_lowercase()),
            Expr::CompoundIdentifier(parts) => {
                parts.last().is_some_and(|name| columns.contains(&name.value.to_lowercase()))
            }
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => true,
            _ => false,
        };
        ControlFlow::Continue(())
    }));
    found || takes_all(statement)
}

fn takes_all(statement: &Statement) -> bool {
    fn body(set: &SetExpr) -> bool {
        match set {
            SetExpr::Select(select) => {
                select
                    .projection
                    .iter()
                    .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)))
                    || select.from.iter().any(|from| {
                        std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)).any(derived)
                    })
            }
            SetExpr::Query(query) => body(&query.body),
            SetExpr::SetOperation { left, right, .. } => body(left) || body(right),
            _ => true,
        }
    }
    fn derived(factor: &TableFactor) -> bool {
        match factor {
            TableFactor::Table { .. } => false,
            TableFactor::Derived { subquery, .. } => body(&subquery.body),
            _ => true,
        }
    }
    match statement {
        Statement::Query(query) => {
            body(&query.body) || query.with.iter().flat_map(|with| &with.cte_tables).any(|cte| body(&cte.query.body))
        }
        _ => true,
    }
}

/// Whether a condition bounds the rows: one of its AND terms says that a column equals a constant or is one of a list.
fn is_bound(condition: &Expr) -> bool {
    match condition {
        Expr::Nested(inner) => is_bound(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => is_bound(left) || is_bound(right),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            (is_column(left) && is_constant(right)) || (is_constant(left) && is_column(right))
        }
        Expr::InList { expr, list, negated: false } => is_column(expr) && list.iter().all(is_constant),
        _ => false,
    }
}

fn is_column(expression: &Expr) -> bool {
    match expression {
        // SQLite reads a double-quoted name that is no column as a string: `"x" = 'x'` is true for every row.
        Expr::Identifier(name) => name.quote_style != Some('"'),
        Expr::CompoundIdentifier(_) => true,
        _ => false,
    }
}

fn is_constant(expression: &Expr) -> bool {
    match expression {
        Expr::Value(_) => true,
        Expr::UnaryOp { expr, .. } => is_constant(expr),
        _ => false,
    }
}

fn constant_number(expression: &Expr) -> Option<i64> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// How many values a statement's placeholders take: `?` one each, names and numbers one for all of their places.
fn placeholders(statement: &Statement) -> usize {
    let (mut anonymous, mut named) = (0, BTreeSet::new());
    to_the_end(visit_expressions(statement, |expression| {
        if let Expr::Value(value) = expression
            && let Value::Placeholder(name) = &value.value
        {
            if name == "?" {
                anonymous += 1;
            } else {
                named.insert(name.clone());
            }
        }
        ControlFlow::Continue(())
    }));
    anonymous + named.len()
}

/// A visit that never breaks off has nothing to tell.
fn to_the_end(_: ControlFlow<()>) {}

fn plain_name(name: &ObjectName) -> String {
    let parts = name.0.iter().map(|part| match part {
        ObjectNamePart::Identifier(name) => name.value.to_lowercase(),
        ObjectNamePart::Function(function) => function.to_string(),
    });
    parts.collect::<Vec<_>>().join(".")
}

/// Whether a new name goes into the file itself.
fn is_main(name: &ObjectName) -> bool {
    name.0.len() == 1 || plain_name(name).starts_with("main.")
}

fn object(name: &ObjectName) -> Resource {
    Resource::new(ResourceKind::Object, "", &plain_name(name))
}

/// Functions without side effects that show nothing but their arguments.
const FUNCTIONS: &[&str] = &[
    "abs",
    "avg",
    "ceil",
    "ceiling",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "date",
    "datetime",
    "dense_rank",
    "first_value",
    "floor",
    "format",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json_array_length",
    "json_extract",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "pow",
    "power",
    "printf",
    "quote",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sqrt",
    "string_agg",
    "strftime",
    "substr",
    "substring",
    "sum",
    "time",
    "total",
    "trim",
    "trunc",
    "typeof",
    "unicode",
    "unixepoch",
    "upper",
];
/// A LIMIT of at most this many rows is a bound.
const BOUND_ROWS: i64 = 1_000;
/// Words and operators of one statement.
const LINKS: usize = 4_000;
/// Nesting that the parser follows.
const DEPTH: usize = 50;

#[cfg(test)]
mod tests;
