//! What a statement that writes may copy: values of classified columns that end up where they have no class. Whether a
//! value gets there or only steers what does is not followed: every column that is named counts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use model::DataClass;
use sqlparser::ast::{BinaryOperator, Expr, Select, SelectItem, Statement, Visit, Visitor, visit_relations};

use super::{Reading, is_bound, to_the_end};
use crate::sql::Table;

impl Reading<'_> {
    /// Classes whose values the statement may store elsewhere: those of every column that it names, but for plain
    /// targets of an assignment, comparisons with constants that its WHERE joins by AND, and what it returns.
    pub(super) fn copied(&self, statement: &Statement) -> BTreeSet<DataClass> {
        let mut named = self.named(statement);
        if named.all.is_empty() {
            return BTreeSet::new();
        }
        match statement {
            Statement::Insert(insert) => {
                named.look_at(&insert.source);
                named.look_at(&insert.on);
                named.look_at(&insert.assignments);
            }
            Statement::Update(update) => {
                named.look_at(&update.assignments);
                named.look_at(&update.from);
                named.look_at(&update.order_by);
                named.look_at_condition(update.selection.as_ref());
            }
            Statement::Delete(delete) => {
                named.look_at(&delete.using);
                named.look_at(&delete.order_by);
                named.look_at_condition(delete.selection.as_ref());
            }
            _ => {}
        }
        named.found
    }

    fn named(&self, statement: &Statement) -> Named {
        let mut tables: Vec<&Table> = Vec::new();
        to_the_end(visit_relations(statement, |name| {
            tables.extend(self.table(name));
            ControlFlow::Continue(())
        }));
        // What the columns of a view hold is any of the file's classes.
        let opaque = tables.iter().any(|table| table.is_view);
        let seen: Vec<&Table> = if opaque { self.catalog.tables.values().collect() } else { tables };
        let mut named = Named { opaque, ..Named::default() };
        for (column, classes) in seen.iter().flat_map(|table| &table.classes) {
            named.columns.entry(column.clone()).or_default().extend(classes.iter().cloned());
            named.all.extend(classes.iter().cloned());
        }
        for alias in ["rowid", "oid", "_rowid_"] {
            named.columns.entry(alias.to_owned()).or_default().extend(named.all.iter().cloned());
        }
        named
    }
}

/// The classified columns that parts of a statement name.
#[derive(Default)]
struct Named {
    /// Classes by the name of a column, whatever its table.
    columns: BTreeMap<String, BTreeSet<DataClass>>,
    /// All of them.
    all: BTreeSet<DataClass>,
    /// Any column may hold any class.
    opaque: bool,
    found: BTreeSet<DataClass>,
}

impl Named {
    fn look_at(&mut self, part: &impl Visit) {
        to_the_end(part.visit(self));
    }

    /// The terms that tell more than whether a column equals what the actor knows.
    fn look_at_condition(&mut self, condition: Option<&Expr>) {
        match condition {
            None => {}
            Some(Expr::Nested(inner)) => self.look_at_condition(Some(inner)),
            Some(Expr::BinaryOp { left, op: BinaryOperator::And, right }) => {
                self.look_at_condition(Some(left));
                self.look_at_condition(Some(right));
            }
            Some(term) if is_bound(term) => {}
            Some(term) => self.look_at(term),
        }
    }
}

impl Visitor for Named {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        let column = match expression {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        if let Some(column) = column {
            let classes = if self.opaque { Some(&self.all) } else { self.columns.get(&column.value.to_lowercase()) };
            self.found.extend(classes.into_iter().flatten().cloned());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let whole = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        if select.projection.iter().any(whole) {
            self.found.extend(self.all.iter().cloned());
        }
        ControlFlow::Continue(())
    }
}
