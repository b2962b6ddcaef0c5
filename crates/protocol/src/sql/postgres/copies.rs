//! What a statement that writes may copy: values of classified columns that end up where they have no class. Whether a
//! value gets there or only steers what does is not followed, nor which block a name belongs to: a classified column that
//! is named anywhere counts, and a row counts as all columns of its table. What code stores is not followed at all.

use std::collections::{BTreeMap, BTreeSet};

use model::{DataClass, Verb};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::{
    AlterTableStmt, CopyStmt, InsertStmt, JoinExpr, MergeStmt, RangeVar, RenameStmt, ResTarget, ReturningClause,
    SelectStmt, WithClause,
};
use pg_raw_parse::raw::{AlterTableType, ConstrType, ObjectType};

use super::super::Table;
use super::Reading;
use super::block::Refs;
use super::bound::terms;
use super::tree::children;
use super::utility::analyzes;

impl<'k> Reading<'k> {
    /// Adds the classes whose values a statement may store elsewhere. It was read just now: its operations begin at
    /// `before`, and its tables are known.
    pub(super) fn copies(&mut self, statement: Node<'_>, before: usize) {
        let (mut tables, mut seen) = (std::mem::take(&mut self.tables), BTreeSet::new());
        tables.retain(|table| !table.classes.is_empty() && seen.insert(std::ptr::from_ref::<Table>(table)));
        if tables.is_empty() || !self.questions.is_empty() {
            return;
        }
        // Functions that keep what they are given where others find it.
        let keeps = |verb| matches!(verb, Verb::SqlConfigure | Verb::SqlNotify | Verb::SqlServerFile);
        let keeps = self.meaning.operations.iter().skip(before).any(|operation| keeps(operation.verb));
        let mut named = Named::of(tables);
        named.begin(statement, usize::from(keeps));
        loop {
            while let Some(node) = named.work.pop() {
                if !self.spend(1) {
                    return;
                }
                named.look_at(node);
            }
            if !named.goes_on() {
                break;
            }
        }
        self.meaning.copied.extend(named.copied());
    }
}

/// What the parts of a statement that feed its writes name.
struct Named<'k, 'a> {
    /// Its tables that have classes.
    tables: Vec<&'k Table>,
    /// Parts still to be looked at.
    work: Vec<Node<'a>>,
    refs: Refs,
    /// Columns that are only compared with constants.
    compared: Vec<(Option<&'a str>, &'a str)>,
    /// Names that rows of those tables go by.
    rows: BTreeMap<&'a str, Vec<&'k Table>>,
    /// Tables that `*` may stand for.
    read: Vec<&'k Table>,
    /// Places where it stores something.
    writes: usize,
    /// What changing statements return, and from which tables: stored if another one takes it up.
    returned: Vec<Node<'a>>,
    changed: Vec<&'k Table>,
    found: BTreeSet<DataClass>,
}

impl<'k, 'a> Named<'k, 'a> {
    fn of(tables: Vec<&'k Table>) -> Self {
        Self {
            tables,
            work: Vec::new(),
            refs: Refs::default(),
            compared: Vec::new(),
            rows: BTreeMap::new(),
            read: Vec::new(),
            writes: 0,
            returned: Vec::new(),
            changed: Vec::new(),
            found: BTreeSet::new(),
        }
    }

    /// Begins with those parts of a statement that may feed a write. `kept` is how many functions of it store something.
    fn begin(&mut self, statement: Node<'a>, kept: usize) {
        self.writes += kept;
        let statement = match statement {
            Node::ExplainStmt(explain) if analyzes(explain) => explain.query(),
            Node::PrepareStmt(prepare) => prepare.query(),
            other => other,
        };
        match statement {
            // What it shows is not stored; its common table expressions may write.
            Node::SelectStmt(select) if kept == 0 && !makes_a_table(select) => self.with(select.with_clause()),
            Node::SelectStmt(_)
            | Node::InsertStmt(_)
            | Node::UpdateStmt(_)
            | Node::DeleteStmt(_)
            | Node::MergeStmt(_) => self.work.push(statement),
            Node::CreateTableAsStmt(create) => {
                self.writes += 1;
                self.work.push(create.query());
            }
            Node::CopyStmt(copy) => self.copy(copy),
            Node::AlterTableStmt(alter) => self.alter(alter),
            Node::RenameStmt(rename) => self.rename(rename),
            Node::AlterObjectSchemaStmt(alter) if is_table(alter.object_type) => {
                self.writes += 1;
                self.whole();
            }
            _ => {}
        }
    }

    /// COPY to where the server keeps it.
    fn copy(&mut self, copy: &'a CopyStmt) {
        if copy.is_from || !(copy.is_program || copy.filename().is_some()) {
            return;
        }
        self.writes += 1;
        let columns = copy.attlist().iter().filter_map(Node::as_str).map(|name| (None, name.to_owned()));
        self.refs.columns.extend(columns);
        if copy.relation().is_some() && copy.attlist().is_empty() {
            self.whole();
        }
        self.work.push(copy.query());
    }

    /// A column that is computed anew, and changes after which rows show under another name.
    fn alter(&mut self, alter: &'a AlterTableStmt) {
        self.writes += 1;
        self.named(alter.relation());
        for command in alter.cmds() {
            let Node::AlterTableCmd(command) = command else { continue };
            if matches!(
                command.subtype,
                AlterTableType::AT_AddInherit
                    | AlterTableType::AT_DropInherit
                    | AlterTableType::AT_AttachPartition
                    | AlterTableType::AT_DetachPartition
                    | AlterTableType::AT_DetachPartitionFinalize
                    | AlterTableType::AT_DropExpression
            ) {
                self.whole();
            }
            match command.def() {
                Node::ColumnDef(column) => {
                    self.work.push(column.raw_default());
                    let generated = column.constraints().iter().filter_map(|constraint| match constraint {
                        Node::Constraint(constraint) if constraint.contype == ConstrType::CONSTR_GENERATED => {
                            Some(constraint.raw_expr())
                        }
                        _ => None,
                    });
                    self.work.extend(generated);
                }
                other => self.work.push(other),
            }
        }
    }

    /// A column or a table by another name is without a class.
    fn rename(&mut self, rename: &'a RenameStmt) {
        self.writes += 1;
        match rename.rename_type {
            ObjectType::OBJECT_COLUMN => {
                self.refs.columns.extend(rename.subname().map(|name| (None, name.to_owned())));
            }
            kind if is_table(kind) => self.whole(),
            _ => {}
        }
    }

    fn look_at(&mut self, node: Node<'a>) {
        match node {
            Node::ColumnRef(column) => self.refs.add(column.fields().iter()),
            Node::RangeVar(name) => self.read(name),
            Node::JoinExpr(join) => self.join(join),
            Node::SelectStmt(select) => self.select(select),
            Node::InsertStmt(insert) => self.insert(insert),
            Node::UpdateStmt(update) => {
                self.with(update.with_clause());
                self.changes(update.relation(), update.returning_clause());
                self.work.extend(update.target_list().iter().map(Node::ResTarget));
                self.work.extend(update.from_clause().iter());
                self.condition(update.where_clause());
            }
            Node::DeleteStmt(delete) => {
                self.with(delete.with_clause());
                self.changes(delete.relation(), delete.returning_clause());
                self.work.extend(delete.using_clause().iter());
                self.condition(delete.where_clause());
            }
            Node::MergeStmt(merge) => self.merge(merge),
            other => children(other, |child| self.work.push(child)),
        }
    }

    fn select(&mut self, select: &'a SelectStmt) {
        self.writes += usize::from(select.into_clause().is_some());
        self.with(select.with_clause());
        self.condition(select.where_clause());
        self.work.extend(select.target_list().iter().map(Node::ResTarget));
        self.work.extend(select.sort_clause().iter().map(Node::SortBy));
        let lists = [select.distinct_clause(), select.from_clause(), select.group_clause(), select.window_clause()];
        self.work.extend(lists.into_iter().chain([select.values_lists()]).flat_map(|list| list.iter()));
        self.work.extend([select.having_clause(), select.limit_offset(), select.limit_count()]);
        self.work.extend([select.larg(), select.rarg()].into_iter().flatten().map(Node::SelectStmt));
    }

    fn insert(&mut self, insert: &'a InsertStmt) {
        self.with(insert.with_clause());
        self.changes(insert.relation(), insert.returning_clause());
        self.work.push(insert.select_stmt());
        self.work.extend(insert.cols().iter());
        if let Some(conflict) = insert.on_conflict_clause() {
            self.also_called("excluded", insert.relation());
            // What it infers an index by is not computed.
            let sets = conflict.target_list().iter().filter(|set| !takes_its_own(set));
            self.work.extend(sets.map(Node::ResTarget));
            self.work.push(conflict.where_clause());
        }
    }

    fn merge(&mut self, merge: &'a MergeStmt) {
        self.with(merge.with_clause());
        self.changes(merge.relation(), merge.returning_clause());
        self.work.extend([merge.source_relation(), merge.join_condition()]);
        for when in merge.merge_when_clauses() {
            self.work.push(when.condition());
            self.work.extend(when.target_list().iter().chain(when.values().iter()));
        }
    }

    /// A statement that changes a table.
    fn changes(&mut self, name: Option<&'a RangeVar>, returning: Option<&'a ReturningClause>) {
        self.writes += 1;
        let tables = self.named(name);
        let Some(returning) = returning else { return };
        self.changed.extend(tables);
        self.returned.extend(returning.exprs().iter());
        let renamed = returning.options().iter().filter_map(|option| option.value());
        for row in ["old", "new"].into_iter().chain(renamed) {
            self.also_called(row, name);
        }
    }

    /// Whether there is more to look at: what one write returns may feed another.
    fn goes_on(&mut self) -> bool {
        if self.writes < 2 || self.returned.is_empty() {
            return false;
        }
        self.work.append(&mut self.returned);
        self.read.append(&mut self.changed);
        true
    }

    fn with(&mut self, clause: Option<&'a WithClause>) {
        self.work.extend(clause.into_iter().flat_map(|with| with.ctes().iter()).map(|cte| cte.ctequery()));
    }

    /// Terms that say more than whether a column equals what the actor knows.
    fn condition(&mut self, condition: Node<'a>) {
        let (compared, others) = terms(condition);
        self.compared.extend(compared);
        self.work.extend(others);
    }

    fn join(&mut self, join: &'a JoinExpr) {
        if join.is_natural || join.alias().is_some() {
            self.whole();
        }
        let shared = join.using_clause().iter().filter_map(|name| name.sval());
        self.refs.columns.extend(shared.map(|name| (None, name.to_owned())));
        self.work.extend([join.larg(), join.rarg(), join.quals()]);
    }

    fn read(&mut self, name: &'a RangeVar) {
        let tables = self.named(Some(name));
        if name.alias().is_some_and(|alias| !alias.colnames().is_empty()) {
            // Its columns go by other names.
            self.found.extend(tables.iter().flat_map(|table| classes(table)));
        }
        for table in tables {
            if !self.read.iter().any(|known| std::ptr::eq(*known, table)) {
                self.read.push(table);
            }
        }
    }

    /// The tables that a name may mean: from now on their rows go by it, or by its alias.
    fn named(&mut self, name: Option<&'a RangeVar>) -> Vec<&'k Table> {
        let alias = name.and_then(|name| name.alias()?.aliasname()).or(name.and_then(|name| name.relname()));
        self.also_called(alias.unwrap_or(""), name)
    }

    fn also_called(&mut self, row: &'a str, name: Option<&RangeVar>) -> Vec<&'k Table> {
        let relation = name.and_then(|name| name.relname());
        let tables: Vec<&Table> =
            self.tables.iter().copied().filter(|table| relation == Some(table.name.as_str())).collect();
        let rows = self.rows.entry(row).or_default();
        for table in &tables {
            if !rows.iter().any(|known| std::ptr::eq(*known, *table)) {
                rows.push(table);
            }
        }
        tables
    }

    /// All classes of all its tables.
    fn whole(&mut self) {
        self.found.extend(self.tables.iter().flat_map(|table| classes(table)));
    }

    /// The classes of what was named, if anything was written.
    fn copied(mut self) -> BTreeSet<DataClass> {
        if self.writes == 0 {
            return BTreeSet::new();
        }
        if self.refs.all {
            self.found.extend(self.read.iter().flat_map(|table| classes(table)));
        }
        let rows = |row: &str| self.rows.get(row).into_iter().flatten();
        self.found.extend(self.refs.stars.iter().flat_map(|row| rows(row)).flat_map(|table| classes(table)));
        let columns: BTreeSet<(Option<&str>, &str)> =
            self.refs.columns.iter().map(|(row, name)| (row.as_deref(), name.as_str())).collect();
        for (_, name) in &columns {
            let held = self.tables.iter().filter_map(|table| table.classes.get(*name));
            self.found.extend(held.flatten().cloned());
        }
        for (row, name) in columns.into_iter().chain(self.compared) {
            let whole = match row {
                // `c.f` where `f` is no column calls the function `f` with the whole row.
                Some(row) => rows(row).filter(|table| !table.columns.iter().any(|column| column == name)).collect(),
                None => rows(name).collect::<Vec<_>>(),
            };
            self.found.extend(whole.into_iter().flat_map(|table| classes(table)));
        }
        self.found
    }
}

/// Every class that a table's columns may hold.
fn classes(table: &Table) -> impl Iterator<Item = DataClass> {
    table.classes.values().flatten().cloned()
}

/// Whether a query is SELECT INTO, which stands in the first of its selects.
fn makes_a_table(select: &SelectStmt) -> bool {
    let mut first = select;
    while let Some(left) = first.larg() {
        first = left;
    }
    first.into_clause().is_some()
}

/// `SET email = excluded.email`: the value that was to be inserted goes where it was to go.
fn takes_its_own(set: &ResTarget) -> bool {
    let Node::ColumnRef(value) = set.val() else { return false };
    let fields: Vec<Option<&str>> = value.fields().iter().map(|field| field.as_str()).collect();
    set.indirection().is_empty() && fields == [Some("excluded"), set.name()]
}

/// Whether what goes by such a name holds rows.
const fn is_table(kind: u32) -> bool {
    matches!(kind, ObjectType::OBJECT_TABLE | ObjectType::OBJECT_FOREIGN_TABLE | ObjectType::OBJECT_MATVIEW)
}
