//! Queries and data-changing statements: every table they read or write, every function and operator they call, at any
//! depth. One work list for all of it.

use std::collections::BTreeSet;

use model::{Facts, Resource, ResourceKind, Verb};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::{DeleteStmt, InsertStmt, MergeStmt, RangeVar, SelectStmt, UpdateStmt, WithClause};
use pg_raw_parse::raw::SetOperation;
use pg_raw_parse::walk::{Recurse, walk_manual};

use super::bound::{is_bound, short_limit};
use super::{Named, Reading, dotted, functions};

/// Something still to be looked into.
enum Work<'a> {
    Node(Node<'a>),
    /// A part of FROM, read under these facts.
    From(Node<'a>, Facts),
    /// A select whose set operation is cut by a short LIMIT outside it.
    Select(&'a SelectStmt, bool),
}

/// What a query could show: columns that its target lists name, and whether it takes whole rows.
#[derive(Default)]
struct Shown {
    columns: BTreeSet<String>,
    all: bool,
}

impl Reading<'_> {
    /// A query or data-changing statement, whole. `as_verb` makes every plain read of it another operation.
    pub(super) fn query(&mut self, node: Node<'_>, as_verb: Verb) {
        let shown = self.survey(node);
        let before = self.meaning.operations.len();
        let mut work = vec![Work::Node(node)];
        while let Some(next) = work.pop() {
            match next {
                Work::Node(node) => self.node(node, &mut work),
                Work::From(node, facts) => self.from(node, facts, &shown, &mut work),
                Work::Select(select, short) => self.select(select, short, &mut work),
            }
        }
        let read = self.meaning.operations.iter_mut().skip(before);
        if as_verb != Verb::SqlSelect {
            read.filter(|operation| matches!(operation.verb, Verb::SqlSelect | Verb::SqlSelectUnbounded))
                .for_each(|operation| operation.verb = as_verb);
        }
        if self.meaning.operations.len() == before && self.questions.is_empty() {
            self.on_target(as_verb);
        }
    }

    /// A first look at everything below `node`: names of common table expressions, and what target lists show.
    fn survey(&mut self, node: Node<'_>) -> Shown {
        let mut shown = Shown::default();
        let mut list = vec![(node, false)];
        while let Some((node, target)) = list.pop() {
            let mut target = target;
            match node {
                Node::CommonTableExpr(cte) => drop(self.ctes.insert(cte.ctename().unwrap_or("").to_owned())),
                Node::ResTarget(_) => target = true,
                Node::SelectStmt(_) => target = false,
                Node::ColumnRef(column) if target => {
                    let fields: Vec<Node<'_>> = column.fields().iter().collect();
                    match fields.last() {
                        Some(Node::A_Star(_)) => shown.all = true,
                        Some(name) => drop(shown.columns.insert(name.as_str().unwrap_or("").to_owned())),
                        None => {}
                    }
                }
                // `TABLE t` and row constructors name no column; the first is a star in the tree.
                Node::RowExpr(_) => {}
                _ => {}
            }
            children(node, |child| list.push((child, target)));
        }
        shown
    }

    fn node<'a>(&mut self, node: Node<'a>, work: &mut Vec<Work<'a>>) {
        match node {
            Node::SelectStmt(select) => work.push(Work::Select(select, false)),
            Node::InsertStmt(insert) => self.insert(insert, work),
            Node::UpdateStmt(update) => self.update(update, work),
            Node::DeleteStmt(delete) => self.delete(delete, work),
            Node::MergeStmt(merge) => self.merge(merge, work),
            Node::FuncCall(call) => {
                let (schema, name) = dotted(call.funcname().iter());
                self.call(&schema, name);
                children(node, |child| work.push(Work::Node(child)));
            }
            Node::A_Expr(expression) => {
                let (schema, name) = dotted(expression.name().iter());
                self.operator(&schema, name);
                children(node, |child| work.push(Work::Node(child)));
            }
            // A table outside FROM: what FOR UPDATE OF names is read by its FROM already.
            Node::RangeVar(_) | Node::None => {}
            _ if is_plain(node) => children(node, |child| work.push(Work::Node(child))),
            _ => self.unknown(),
        }
    }

    fn select<'a>(&mut self, select: &'a SelectStmt, short: bool, work: &mut Vec<Work<'a>>) {
        let limit = short_limit(select.limit_count());
        let short = short || limit.is_some();
        with(select.with_clause(), work);
        if select.op != SetOperation::SETOP_NONE {
            work.extend([select.larg(), select.rarg()].into_iter().flatten().map(|side| Work::Select(side, short)));
        }
        if let Some(into) = select.into_clause().and_then(|into| into.rel()) {
            self.on_object(Verb::SqlCreateAs, into.relname().unwrap_or(""));
        }
        let from: Vec<Node<'a>> = select.from_clause().iter().collect();
        let alone = matches!(from.as_slice(), [Node::RangeVar(_)]);
        let facts = Facts {
            has_where: !matches!(select.where_clause(), Node::None),
            bounded: short || (alone && is_bound(select.where_clause())),
            limit,
            ..Facts::default()
        };
        let locked = !select.locking_clause().is_empty();
        for node in from {
            if let (true, Node::RangeVar(name)) = (locked, node) {
                self.touch(Verb::SqlSelectLocking, name, facts);
            } else if locked {
                self.lock_below(node, facts, work);
            } else {
                work.push(Work::From(node, facts));
            }
        }
        let rest = [select.where_clause(), select.having_clause(), select.limit_offset(), select.limit_count()];
        work.extend(rest.into_iter().map(Work::Node));
        work.extend(select.target_list().iter().map(|target| Work::Node(Node::ResTarget(target))));
        work.extend(select.sort_clause().iter().map(|sort| Work::Node(Node::SortBy(sort))));
        for list in [select.distinct_clause(), select.group_clause(), select.window_clause(), select.values_lists()] {
            work.extend(list.iter().map(Work::Node));
        }
    }

    /// FOR UPDATE over a join locks every table of it.
    fn lock_below<'a>(&mut self, node: Node<'a>, facts: Facts, work: &mut Vec<Work<'a>>) {
        let mut list = vec![node];
        while let Some(node) = list.pop() {
            match node {
                Node::RangeVar(name) => self.touch(Verb::SqlSelectLocking, name, facts),
                Node::JoinExpr(join) => {
                    list.extend([join.larg(), join.rarg()]);
                    work.push(Work::Node(join.quals()));
                }
                other => work.push(Work::From(other, facts)),
            }
        }
    }

    fn from<'a>(&mut self, node: Node<'a>, facts: Facts, shown: &Shown, work: &mut Vec<Work<'a>>) {
        match node {
            Node::RangeVar(name) => self.read(name, facts, shown),
            Node::JoinExpr(join) => {
                // A bound on one side of a join is none on the other; only a LIMIT bounds both.
                let facts = Facts { bounded: facts.limit.is_some() && facts.bounded, ..facts };
                work.push(Work::From(join.larg(), facts));
                work.push(Work::From(join.rarg(), facts));
                work.push(Work::Node(join.quals()));
            }
            Node::RangeTableSample(sample) => {
                work.push(Work::From(sample.relation(), Facts { bounded: false, ..facts }));
                work.extend(sample.args().iter().map(Work::Node));
                work.push(Work::Node(sample.repeatable()));
            }
            Node::RangeSubselect(_) | Node::RangeFunction(_) | Node::RangeTableFunc(_) | Node::JsonTable(_) => {
                children(node, |child| work.push(Work::Node(child)));
            }
            Node::None => {}
            _ => self.unknown(),
        }
    }

    /// A table that is read. One whose classified columns could be shown without a bound is exported.
    fn read(&mut self, name: &RangeVar, facts: Facts, shown: &Shown) {
        let Named::Table(table) = self.table(name) else {
            return self.touch(Verb::SqlSelect, name, facts);
        };
        let alias = name.alias().and_then(|alias| alias.aliasname()).or(name.relname()).unwrap_or("");
        let whole = shown.all || shown.columns.contains(alias);
        let classified = !table.classes.is_empty() && (whole || table.classes.keys().any(|c| shown.columns.contains(c)));
        let verb = if classified && !facts.bounded { Verb::SqlSelectUnbounded } else { Verb::SqlSelect };
        self.touch_table(verb, &table, Facts { classified, ..facts });
    }

    fn insert<'a>(&mut self, insert: &'a InsertStmt, work: &mut Vec<Work<'a>>) {
        with(insert.with_clause(), work);
        self.written(Verb::SqlInsert, insert.relation(), Facts::default());
        work.push(Work::Node(insert.select_stmt()));
        work.extend(insert.cols().iter().map(Work::Node));
        if let Some(conflict) = insert.on_conflict_clause() {
            if !conflict.target_list().is_empty() {
                let facts = Facts { bounded: true, ..Facts::default() };
                self.written(Verb::SqlUpdate, insert.relation(), facts);
            }
            children(Node::OnConflictClause(conflict), |child| work.push(Work::Node(child)));
        }
        returning(insert.returning_clause(), work);
    }

    fn update<'a>(&mut self, update: &'a UpdateStmt, work: &mut Vec<Work<'a>>) {
        with(update.with_clause(), work);
        let facts = changed(update.where_clause(), update.from_clause().is_empty());
        let verb = if facts.bounded { Verb::SqlUpdate } else { Verb::SqlUpdateUnbounded };
        self.written(verb, update.relation(), facts);
        work.extend(update.from_clause().iter().map(|node| Work::From(node, Facts::default())));
        work.extend(update.target_list().iter().map(|target| Work::Node(Node::ResTarget(target))));
        work.push(Work::Node(update.where_clause()));
        returning(update.returning_clause(), work);
    }

    fn delete<'a>(&mut self, delete: &'a DeleteStmt, work: &mut Vec<Work<'a>>) {
        with(delete.with_clause(), work);
        let facts = changed(delete.where_clause(), delete.using_clause().is_empty());
        let verb = if facts.bounded { Verb::SqlDelete } else { Verb::SqlDeleteUnbounded };
        self.written(verb, delete.relation(), facts);
        work.extend(delete.using_clause().iter().map(|node| Work::From(node, Facts::default())));
        work.push(Work::Node(delete.where_clause()));
        returning(delete.returning_clause(), work);
    }

    fn merge<'a>(&mut self, merge: &'a MergeStmt, work: &mut Vec<Work<'a>>) {
        with(merge.with_clause(), work);
        self.written(Verb::SqlMerge, merge.relation(), Facts::default());
        work.push(Work::From(merge.source_relation(), Facts::default()));
        work.push(Work::Node(merge.join_condition()));
        for when in merge.merge_when_clauses() {
            children(Node::MergeWhenClause(when), |child| work.push(Work::Node(child)));
        }
        returning(merge.returning_clause(), work);
    }

    fn written(&mut self, verb: Verb, name: Option<&RangeVar>, facts: Facts) {
        match name {
            Some(name) => self.touch(verb, name, facts),
            None => self.unknown(),
        }
    }

    /// A function by name: on the allow-list and not shadowed, or an operation of its own.
    pub(super) fn call(&mut self, schema: &[&str], name: &str) {
        let ours = matches!(schema, [] | ["pg_catalog"]);
        let shadowed = schema.is_empty() && self.is_shadowed(name, false);
        if ours && !shadowed {
            match functions::meaning(name) {
                functions::Meaning::Harmless => return,
                functions::Meaning::OnTarget(verb) => return self.on_target(verb),
                functions::Meaning::Call => {}
            }
        }
        let schema = schema.join(".");
        self.add(Verb::SqlCall, Resource::new(ResourceKind::Function, &schema, name), Facts::default());
    }

    fn operator(&mut self, schema: &[&str], name: &str) {
        let ours = matches!(schema, [] | ["pg_catalog"]);
        // IN, LIKE and their like are operators in the tree, and may be replaced like any other.
        if !ours || (schema.is_empty() && self.is_shadowed(name, true)) {
            let resource = Resource::new(ResourceKind::Function, &schema.join("."), name);
            self.add(Verb::SqlCall, resource, Facts::default());
        }
    }

    /// Whether something of this name stands in the search path outside `pg_catalog`. What is not known is asked.
    fn is_shadowed(&mut self, name: &str, operator: bool) -> bool {
        let (known, question) = if operator {
            (&self.known.operators, super::CatalogQuestion::Operator(name.to_owned()))
        } else {
            (&self.known.functions, super::CatalogQuestion::Function(name.to_owned()))
        };
        match known.get(name) {
            Some(shadowed) => *shadowed,
            None => {
                self.questions.insert(question);
                false
            }
        }
    }
}

/// The common table expressions of a statement.
fn with<'a>(clause: Option<&'a WithClause>, work: &mut Vec<Work<'a>>) {
    if let Some(clause) = clause {
        work.extend(clause.ctes().iter().map(|cte| Work::Node(cte.ctequery())));
    }
}

fn returning<'a>(clause: Option<&'a pg_raw_parse::nodes::ReturningClause>, work: &mut Vec<Work<'a>>) {
    if let Some(clause) = clause {
        work.extend(clause.exprs().iter().map(Work::Node));
    }
}

/// Facts of an UPDATE or DELETE.
fn changed(condition: Node<'_>, alone: bool) -> Facts {
    let has_where = !matches!(condition, Node::None);
    Facts { has_where, bounded: alone && is_bound(condition), ..Facts::default() }
}

/// Calls `each` for the direct children of an expression or clause.
pub(super) fn children<'a>(node: Node<'a>, mut each: impl FnMut(Node<'a>)) {
    match node {
        Node::None => {}
        Node::NodeList(list) => list.iter().for_each(each),
        // The walker of the grammar knows no other nodes, and would panic on them.
        _ if is_plain(node) || is_clause(node) => {
            let done: Option<()> = walk_manual(node, |child| {
                each(child);
                Recurse::no()
            });
            debug_assert!(done.is_none());
        }
        _ => {}
    }
}

/// Expressions and clauses that do nothing by themselves: only what is inside them counts.
const fn is_plain(node: Node<'_>) -> bool {
    matches!(
        node,
        Node::NodeList(_)
            | Node::Alias(_)
            | Node::GroupingFunc(_)
            | Node::BoolExpr(_)
            | Node::SubLink(_)
            | Node::CaseExpr(_)
            | Node::CaseWhen(_)
            | Node::RowExpr(_)
            | Node::CoalesceExpr(_)
            | Node::MinMaxExpr(_)
            | Node::SQLValueFunction(_)
            | Node::NullTest(_)
            | Node::BooleanTest(_)
            | Node::SetToDefault(_)
            | Node::Integer(_)
            | Node::Float(_)
            | Node::Boolean(_)
            | Node::String(_)
            | Node::BitString(_)
            | Node::ColumnRef(_)
            | Node::ParamRef(_)
            | Node::A_Const(_)
            | Node::A_Star(_)
            | Node::A_Indices(_)
            | Node::A_Indirection(_)
            | Node::A_ArrayExpr(_)
            | Node::NamedArgExpr(_)
            | Node::ResTarget(_)
            | Node::MultiAssignRef(_)
            | Node::TypeCast(_)
            | Node::CollateClause(_)
            | Node::SortBy(_)
            | Node::WindowDef(_)
            | Node::GroupingSet(_)
            | Node::TypeName(_)
            | Node::InferClause(_)
            | Node::IndexElem(_)
            | Node::CommonTableExpr(_)
    )
}

/// Clauses and statements whose children are worth a visit, though they mean something themselves.
const fn is_clause(node: Node<'_>) -> bool {
    matches!(
        node,
        Node::SelectStmt(_)
            | Node::InsertStmt(_)
            | Node::UpdateStmt(_)
            | Node::DeleteStmt(_)
            | Node::MergeStmt(_)
            | Node::MergeWhenClause(_)
            | Node::OnConflictClause(_)
            | Node::WithClause(_)
            | Node::FuncCall(_)
            | Node::A_Expr(_)
            | Node::JoinExpr(_)
            | Node::RangeSubselect(_)
            | Node::RangeFunction(_)
            | Node::RangeTableFunc(_)
            | Node::RangeTableFuncCol(_)
            | Node::RangeTableSample(_)
            | Node::JsonTable(_)
            | Node::RangeVar(_)
    )
}
