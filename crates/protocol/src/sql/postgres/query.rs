//! Queries and data-changing statements, block by block: every table they read or write, every function and operator they
//! call, at any depth. One work list; a block judges only its own WHERE and LIMIT.

use std::rc::Rc;

use std::collections::BTreeSet;

use model::{Bound, Facts, Resource, ResourceKind, Verb};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::{
    DeleteStmt, InsertStmt, LockingClause, MergeStmt, RangeVar, SelectStmt, TypeName, UpdateStmt, WithClause,
};
use pg_raw_parse::raw::{LimitOption, SetOperation, SubLinkType};

use super::block::{Block, Member, Refs, aggregates, output_refs, own_refs};
use super::bound::short_limit;
use super::tree::{TypeWritten, children, hides_a_type, is_plain, type_written};
use super::{CatalogQuestion, Named, Reading, dotted, functions};

/// Something still to be looked into.
pub(super) enum Work<'a> {
    /// An expression or statement, in the scope of these common table expressions.
    Node(Node<'a>, Scope, Place),
    /// A select block.
    Select(&'a SelectStmt, Scope, Place),
}

/// Where a block stands.
#[expect(clippy::struct_excessive_bools, reason = "four independent facts, each set in one place")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its rows go somewhere: false inside EXISTS.
    output: bool,
    /// A LIMIT outside it, of a set operation, bounds it.
    short: bool,
    /// Another block is around it: its columns may be those of the other.
    nested: bool,
    /// A FOR UPDATE outside it reaches into it.
    locked: bool,
}

/// Names of common table expressions that can be seen, innermost first.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope(Option<Rc<(Vec<String>, Self)>>);

impl Scope {
    fn with(&self, names: Vec<String>) -> Self {
        Self(Some(Rc::new((names, self.clone()))))
    }

    fn holds(&self, name: &str) -> bool {
        let mut scope = &self.0;
        while let Some(inner) = scope {
            if inner.0.iter().any(|known| known == name) {
                return true;
            }
            scope = &inner.1.0;
        }
        false
    }
}

/// Whether rows are read and nothing else.
const fn is_read(verb: Verb) -> bool {
    matches!(verb, Verb::SqlSelect | Verb::SqlSelectView | Verb::SqlSelectUnbounded)
}

/// A block of its own: nothing is around it.
const TOP: Place = Place { output: true, short: false, nested: false, locked: false };

impl Reading<'_> {
    /// A query, data-changing statement or expression, whole. `as_verb` makes every plain read of it another operation.
    pub(super) fn query(&mut self, node: Node<'_>, as_verb: Verb) {
        let before = self.meaning.operations.len();
        self.visit(node);
        let changes = !matches!(node, Node::SelectStmt(_));
        let mut copied = Vec::new();
        for operation in self.meaning.operations.iter_mut().skip(before) {
            if as_verb != Verb::SqlSelect && is_read(operation.verb) {
                operation.verb = as_verb;
            } else if changes && as_verb == Verb::SqlCopyOut && operation.resource.kind == ResourceKind::Table {
                copied.push(operation.resource.clone());
            }
        }
        for resource in copied {
            self.add(as_verb, resource, Facts::default());
        }
    }

    /// A whole statement: one that is left without any operation is a read of nothing.
    pub(super) fn query_alone(&mut self, node: Node<'_>, as_verb: Verb) {
        let before = self.meaning.operations.len();
        self.query(node, as_verb);
        if self.meaning.operations.len() == before && self.questions.is_empty() {
            self.on_target(as_verb);
        }
    }

    /// Looks into everything below `node`.
    pub(super) fn visit(&mut self, node: Node<'_>) {
        let mut work = vec![Work::Node(node, Scope::default(), TOP)];
        while let Some(next) = work.pop() {
            if !self.spend(1) {
                return;
            }
            match next {
                Work::Node(node, scope, place) => self.node(node, (scope, place), &mut work),
                Work::Select(select, scope, place) => self.select(select, (scope, place), &mut work),
            }
        }
    }

    fn node<'a>(&mut self, node: Node<'a>, (scope, place): (Scope, Place), work: &mut Vec<Work<'a>>) {
        let inside = Place { nested: place.nested, locked: false, short: false, ..place };
        match node {
            Node::SelectStmt(select) => work.push(Work::Select(select, scope, inside)),
            Node::InsertStmt(insert) => self.insert(insert, &scope, work),
            Node::UpdateStmt(update) => self.update(update, &scope, work),
            Node::DeleteStmt(delete) => self.delete(delete, &scope, work),
            Node::MergeStmt(merge) => self.merge(merge, &scope, work),
            Node::SubLink(link) => {
                let output = place.output && link.sub_link_type != SubLinkType::EXISTS_SUBLINK;
                let inner = Place { output, nested: true, ..TOP };
                if !link.oper_name().is_empty() {
                    let (schema, name) = dotted(link.oper_name().iter());
                    self.operator(&schema, name);
                }
                work.push(Work::Node(link.testexpr(), scope.clone(), inside));
                work.push(Work::Node(link.subselect(), scope, inner));
            }
            Node::FuncCall(call) => {
                let (schema, name) = dotted(call.funcname().iter());
                self.call(&schema, name);
                children(node, |child| work.push(Work::Node(child, scope.clone(), inside)));
            }
            Node::A_Expr(expression) => {
                let (schema, name) = dotted(expression.name().iter());
                self.operator(&schema, name);
                if name.contains("BETWEEN") {
                    for hidden in ["<", "<=", ">", ">="] {
                        self.operator(&[], hidden);
                    }
                }
                children(node, |child| work.push(Work::Node(child, scope.clone(), inside)));
            }
            // It compares by an operator that is not written.
            Node::CaseExpr(case) if !matches!(case.arg(), Node::None) => {
                self.operator(&[], "=");
                children(node, |child| work.push(Work::Node(child, scope.clone(), inside)));
            }
            Node::SortBy(sort) if !sort.use_op().is_empty() => {
                let (schema, name) = dotted(sort.use_op().iter());
                self.operator(&schema, name);
                work.push(Work::Node(sort.node(), scope, inside));
            }
            // `a.b` is a column `b` of `a`, or the function `b` called with the row `a`.
            Node::ColumnRef(column) if column.fields().len() > 1 => {
                let parts: Vec<Option<&str>> = column.fields().iter().map(Node::as_str).collect();
                let row = if let [Some(row), _] = *parts.as_slice() { Some(row.to_owned()) } else { None };
                self.dotted.extend(parts.last().copied().flatten().map(|name| (row, name.to_owned())));
            }
            Node::A_Indirection(indirection) => {
                let names = indirection.indirection().iter().filter_map(Node::as_str);
                self.dotted.extend(names.map(|name| (None, name.to_owned())));
                children(node, |child| work.push(Work::Node(child, scope.clone(), inside)));
            }
            Node::TypeName(name) => {
                self.names_type(name);
                children(node, |child| work.push(Work::Node(child, scope.clone(), inside)));
            }
            Node::ColumnDef(column) => {
                let kind = column.type_name().map_or(Node::None, Node::TypeName);
                work.push(Work::Node(kind, scope, inside));
            }
            // A table outside FROM: what FOR UPDATE OF names is read by its FROM already.
            Node::RangeVar(_) | Node::None => {}
            _ if is_plain(node) => {
                // The walker does not go to their types.
                self.meaning.names_types |= hides_a_type(node);
                children(node, |child| work.push(Work::Node(child, scope.clone(), inside)));
            }
            _ => self.unknown(),
        }
    }

    fn select<'a>(&mut self, select: &'a SelectStmt, (scope, place): (Scope, Place), work: &mut Vec<Work<'a>>) {
        let scope = self.with(select.with_clause(), &scope, work);
        let block = Block::of(select.from_clause().iter());
        self.name_rows(&block, &scope);
        let refs = own_refs(select, &block);
        if !self.spend(refs.cost) {
            return;
        }
        let outer = place.nested && refs.reaches_out(&block, |name| self.peek(name, &scope));
        let limit = short_limit(select.limit_count())
            .filter(|_| select.limit_option != LimitOption::LIMIT_OPTION_WITH_TIES && !aggregates(select) && !outer);
        let short = place.short || limit.is_some();
        if select.op != SetOperation::SETOP_NONE {
            for side in [select.larg(), select.rarg()].into_iter().flatten() {
                work.push(Work::Select(side, scope.clone(), Place { short, ..place }));
            }
        }
        if let Some(into) = select.into_clause().and_then(|into| into.rel()) {
            self.on_object(Verb::SqlCreateAs, &super::full_name(into));
        }
        let shown = if place.output { output_refs(select, &block) } else { Refs::default() };
        if !self.spend(shown.cost) {
            return;
        }
        let facts = Facts { has_where: !matches!(select.where_clause(), Node::None), limit, ..Facts::default() };
        // What else may name a column of a member is not among what was looked at.
        let is_whole = !refs.has_inner
            && !block.equates
            && block.others.iter().all(|(_, is_item)| !is_item)
            && [select.distinct_clause(), select.window_clause(), select.values_lists()]
                .iter()
                .all(|list| list.is_empty());
        let named = is_whole.then_some(&refs);
        let locks: Vec<&LockingClause> = select.locking_clause().iter().collect();
        let reading =
            BlockReading { block: &block, condition: select.where_clause(), facts, short, shown: &shown, named };
        for member in &block.members {
            let locked = place.locked || locks.iter().any(|lock| locks_member(lock, member));
            self.member(member, &reading, locked, &scope);
        }
        let deeper = Place { output: place.output, nested: true, short: false, locked: false };
        for (node, outright) in &block.others {
            let locked = place.locked || (!locks.is_empty() && locks.iter().all(|lock| lock.locked_rels().is_empty()));
            match node {
                // FOR UPDATE reaches into a sub-select of FROM.
                Node::RangeSubselect(inner) if locked && *outright => match inner.subquery() {
                    Node::SelectStmt(select) => {
                        work.push(Work::Select(select, scope.clone(), Place { locked: true, ..deeper }));
                    }
                    _ => self.unknown(),
                },
                node => work.push(Work::Node(*node, scope.clone(), deeper)),
            }
        }
        for method in &block.methods {
            if !matches!(method.as_slice(), ["bernoulli" | "system"]) {
                let (name, schema) = method.split_last().map_or(("", &[][..]), |(name, schema)| (*name, schema));
                self.call(schema, name);
            }
        }
        let rest = [select.where_clause(), select.having_clause(), select.limit_offset(), select.limit_count()];
        work.extend(rest.into_iter().map(|node| Work::Node(node, scope.clone(), deeper)));
        work.extend(select.target_list().iter().map(|t| Work::Node(Node::ResTarget(t), scope.clone(), deeper)));
        work.extend(select.sort_clause().iter().map(|s| Work::Node(Node::SortBy(s), scope.clone(), deeper)));
        for list in [select.distinct_clause(), select.group_clause(), select.window_clause(), select.values_lists()] {
            work.extend(list.iter().map(|node| Work::Node(node, scope.clone(), deeper)));
        }
    }

    /// What the rows of a block go by.
    fn name_rows(&mut self, block: &Block<'_>, scope: &Scope) {
        for member in &block.members {
            let name = member.name.relname().unwrap_or("");
            if member.name.schemaname().is_none() && scope.holds(name) {
                self.rows.add_read(name, member.alias, &member.columns);
            } else {
                self.rows.add_other(member.alias);
            }
            for also in &member.also {
                self.rows.add_other(also);
            }
        }
        for join in &block.joins {
            self.rows.add_other(join);
        }
        if block.equates {
            self.operator(&[], "=");
        }
        for (item, _) in block.others.iter().filter(|(_, is_item)| *is_item) {
            self.rows.add_item(*item);
        }
    }

    /// The common table expressions of a WITH, which are looked into, and their scope.
    fn with<'a>(&mut self, clause: Option<&'a WithClause>, scope: &Scope, work: &mut Vec<Work<'a>>) -> Scope {
        for cte in clause.into_iter().flat_map(|clause| clause.ctes().iter()) {
            self.rows.add_common(cte);
        }
        with(clause, scope, work)
    }

    /// One table of a block's FROM.
    fn member(&mut self, member: &Member<'_>, reading: &BlockReading<'_, '_>, locked: bool, scope: &Scope) {
        let Some(table) = self.in_scope(member.name, scope) else { return };
        let bounded = reading.short || self.is_bounded(member, reading, scope);
        let facts = Facts { bounded, ..reading.facts.clone() };
        match table {
            Named::Inner => {}
            Named::Unresolved(resource) => {
                let verb = if locked { Verb::SqlSelectLocking } else { Verb::SqlSelect };
                self.add(verb, resource, facts);
            }
            Named::Table(table) => {
                let classified = reading.shown.shows_class(member, &table);
                let columns = reading.named.and_then(|named| named.columns_of(member, &table));
                let facts = Facts { classified, columns, ..facts };
                let export = classified && !bounded;
                if locked {
                    self.touch_table(Verb::SqlSelectLocking, &table, facts.clone());
                }
                if export || !locked {
                    let verb = if export { Verb::SqlSelectUnbounded } else { Verb::SqlSelect };
                    self.touch_table(verb, &table, facts);
                }
            }
        }
    }

    /// Whether a term of the block's WHERE bounds this member.
    fn is_bounded(&mut self, member: &Member<'_>, reading: &BlockReading<'_, '_>, scope: &Scope) -> bool {
        reading.block.bounds(reading.condition, member, |name| self.peek(name, scope))
    }

    /// A table or view by name, unless a common table expression of that name is in scope.
    fn in_scope(&mut self, name: &RangeVar, scope: &Scope) -> Option<Named> {
        let plain = name.schemaname().is_none() && name.relname().is_some_and(|name| scope.holds(name));
        if plain { Some(Named::Inner) } else { Some(self.table(name)) }
    }

    /// The table, if it is known by now; nothing is asked.
    fn peek(&self, name: &RangeVar, scope: &Scope) -> Option<&super::Table> {
        let (schema, relation) = (name.schemaname().map(str::to_owned), name.relname()?.to_owned());
        if schema.is_none() && scope.holds(&relation) {
            return None;
        }
        self.known.tables.get(&(schema, relation))?.as_ref()
    }

    fn insert<'a>(&mut self, insert: &'a InsertStmt, scope: &Scope, work: &mut Vec<Work<'a>>) {
        let scope = self.with(insert.with_clause(), scope, work);
        self.rows.add_other("excluded");
        let columns = self.columns_set(insert.relation(), insert.cols().iter(), true);
        self.written(Verb::SqlInsert, insert.relation(), Facts { columns, ..Facts::default() });
        work.push(Work::Node(insert.select_stmt(), scope.clone(), TOP));
        work.extend(insert.cols().iter().map(|node| Work::Node(node, scope.clone(), TOP)));
        if let Some(conflict) = insert.on_conflict_clause() {
            if !conflict.target_list().is_empty() {
                let from_values = match insert.select_stmt() {
                    Node::SelectStmt(select) => !select.values_lists().is_empty(),
                    _ => true,
                };
                let verb = if from_values { Verb::SqlUpdate } else { Verb::SqlUpdateUnbounded };
                let columns =
                    self.columns_set(insert.relation(), conflict.target_list().iter().map(Node::ResTarget), false);
                self.written(verb, insert.relation(), Facts { bounded: from_values, columns, ..Facts::default() });
            }
            children(Node::OnConflictClause(conflict), |child| work.push(Work::Node(child, scope.clone(), TOP)));
        }
        returning(insert.returning_clause(), &scope, work);
    }

    fn update<'a>(&mut self, update: &'a UpdateStmt, scope: &Scope, work: &mut Vec<Work<'a>>) {
        let scope = self.with(update.with_clause(), scope, work);
        let Some(relation) = update.relation() else { return self.unknown() };
        let mut block = Block::of(update.from_clause().iter());
        let target = block.add_target(relation);
        let condition = update.where_clause();
        let bounded = block.bounds(condition, &target, |name| self.peek(name, &scope));
        let facts = Facts { has_where: !matches!(condition, Node::None), bounded, ..Facts::default() };
        let verb = if bounded { Verb::SqlUpdate } else { Verb::SqlUpdateUnbounded };
        let columns = self.columns_set(Some(relation), update.target_list().iter().map(Node::ResTarget), false);
        self.written(verb, Some(relation), Facts { columns, ..facts.clone() });
        if relation.relname() == Some("pg_settings") && matches!(relation.schemaname(), None | Some("pg_catalog")) {
            self.moves = true;
            self.on_target(Verb::SqlConfigure);
        }
        let set: Vec<Node<'a>> = update.target_list().iter().map(Node::ResTarget).collect();
        let changed = Changed { block, target, condition, facts, values: set, returning: update.returning_clause() };
        self.changed(changed, &scope, work);
    }

    fn delete<'a>(&mut self, delete: &'a DeleteStmt, scope: &Scope, work: &mut Vec<Work<'a>>) {
        let scope = self.with(delete.with_clause(), scope, work);
        let Some(relation) = delete.relation() else { return self.unknown() };
        let mut block = Block::of(delete.using_clause().iter());
        let target = block.add_target(relation);
        let condition = delete.where_clause();
        let bounded = block.bounds(condition, &target, |name| self.peek(name, &scope));
        let facts = Facts { has_where: !matches!(condition, Node::None), bounded, ..Facts::default() };
        let verb = if bounded { Verb::SqlDelete } else { Verb::SqlDeleteUnbounded };
        self.written(verb, Some(relation), facts.clone());
        let changed =
            Changed { block, target, condition, facts, values: Vec::new(), returning: delete.returning_clause() };
        self.changed(changed, &scope, work);
    }

    fn merge<'a>(&mut self, merge: &'a MergeStmt, scope: &Scope, work: &mut Vec<Work<'a>>) {
        let scope = self.with(merge.with_clause(), scope, work);
        let Some(relation) = merge.relation() else { return self.unknown() };
        let mut block = Block::of([merge.source_relation()].into_iter());
        let target = block.add_target(relation);
        self.written(Verb::SqlMerge, Some(relation), Facts::default());
        let mut values = Vec::new();
        for when in merge.merge_when_clauses() {
            values.extend(when.target_list().iter());
            values.extend(when.values().iter());
            work.push(Work::Node(when.condition(), scope.clone(), Place { nested: true, ..TOP }));
        }
        work.push(Work::Node(merge.join_condition(), scope.clone(), Place { nested: true, ..TOP }));
        let facts = Facts::default();
        let changed =
            Changed { block, target, condition: Node::None, facts, values, returning: merge.returning_clause() };
        self.changed(changed, &scope, work);
    }

    /// What a changing statement reads beside the table it changes, and what of that table it gives back.
    fn changed<'a>(&mut self, changed: Changed<'a>, scope: &Scope, work: &mut Vec<Work<'a>>) {
        let Changed { block, mut target, condition, facts, values, returning: clause } = changed;
        self.name_rows(&block, scope);
        let renamed = clause.into_iter().flat_map(|clause| clause.options().iter()).filter_map(|option| option.value());
        target.also = ["old", "new"].into_iter().chain(renamed).collect();
        for also in &target.also {
            self.rows.add_other(also);
        }
        let given: Vec<Node<'a>> = clause.into_iter().flat_map(|clause| clause.exprs().iter()).collect();
        let shown = Refs::of(values.iter().chain(&given).copied().chain(block.others.iter().map(|(node, _)| *node)));
        let returned = Refs::of(given.iter().copied());
        if !self.spend(shown.cost + returned.cost) {
            return;
        }
        let reading = BlockReading {
            block: &block,
            condition,
            facts: Facts { bounded: false, ..facts.clone() },
            short: false,
            shown: &shown,
            named: None,
        };
        for member in block.members.iter().filter(|member| !std::ptr::eq(member.name, target.name)) {
            self.member(member, &reading, false, scope);
        }
        if let Named::Table(table) = self.table(target.name)
            && !facts.bounded
            && returned.shows_class(&target, &table)
        {
            self.touch_table(Verb::SqlSelectUnbounded, &table, Facts { classified: true, ..facts });
        }
        let deeper = Place { nested: true, ..TOP };
        work.extend(block.others.iter().map(|(node, _)| Work::Node(*node, scope.clone(), deeper)));
        work.extend(values.into_iter().chain(given).map(|node| Work::Node(node, scope.clone(), deeper)));
        work.push(Work::Node(condition, scope.clone(), deeper));
    }

    /// The columns that a change names; where it names none, all of the table, if that is known.
    pub(super) fn columns_set<'a>(
        &self,
        table: Option<&RangeVar>,
        targets: impl Iterator<Item = Node<'a>>,
        or_all: bool,
    ) -> Option<BTreeSet<String>> {
        let named = targets.map(|target| match target {
            Node::ResTarget(target) => target.name().map(str::to_owned),
            other => other.as_str().map(str::to_owned),
        });
        let named: BTreeSet<String> = named.collect::<Option<_>>()?;
        if !named.is_empty() || !or_all {
            return Some(named);
        }
        let table = self.peek(table?, &Scope::default())?;
        Some(table.columns.iter().cloned().collect())
    }

    fn written(&mut self, verb: Verb, name: Option<&RangeVar>, facts: Facts) {
        if let Some(name) = name {
            let alias = name.alias().and_then(|alias| alias.aliasname());
            self.rows.add_other(alias.or(name.relname()).unwrap_or(""));
        }
        match name.map(|name| self.table(name)) {
            Some(Named::Table(table)) => self.touch_table(verb, &table, facts),
            Some(Named::Unresolved(resource)) => self.add(verb, resource, facts),
            Some(Named::Inner) => {}
            None => self.unknown(),
        }
    }

    /// A function by name: on the allow-list and not shadowed, or an operation of its own.
    pub(super) fn call(&mut self, schema: &[&str], name: &str) {
        // Behind what may have moved the search path, only a schema says whose it is.
        let ours = matches!(schema, ["pg_catalog"]) || (schema.is_empty() && !self.moved);
        let shadowed = schema.is_empty() && self.is_shadowed(CatalogQuestion::Function(name.to_owned()));
        // `date(x)` may be a cast to a type of that name.
        if schema.is_empty() && self.is_shadowed(CatalogQuestion::Type(name.to_owned())) {
            self.meaning.names_types = true;
        }
        if ours && !shadowed {
            match functions::meaning(name) {
                functions::Meaning::Harmless => return,
                functions::Meaning::OnTarget(verb) => {
                    // It may set the search path: names of statements behind it are not what they were.
                    self.moves |= verb == Verb::SqlConfigure;
                    return self.on_target(verb);
                }
                functions::Meaning::Call => {}
            }
        }
        match self.known.functions.get(name) {
            // All of that name: which one a call means is settled only when it runs.
            Some(functions) if !functions.identity.is_empty() => {
                let identity = functions.identity.clone();
                self.meaning.bound.push(Bound { name: format!("functions {name}"), identity });
            }
            Some(_) => {}
            None => drop(self.questions.insert(CatalogQuestion::Function(name.to_owned()))),
        }
        let schema = schema.join(".");
        self.add(Verb::SqlCall, Resource::new(ResourceKind::Function, &schema, name), Facts::default());
    }

    /// What stands behind a dot: a column of a table that the text touches, or perhaps a function called with a row.
    pub(super) fn column_or_call(&mut self, name: &str) {
        let is_column = self.tables.iter().any(|table| table.columns.iter().any(|column| column == name));
        if is_column || SYSTEM_COLUMNS.contains(&name) {
            return;
        }
        // Behind a dot, a type of that name is a cast of the row.
        let casts = self.is_shadowed(CatalogQuestion::Type(name.to_owned()));
        match self.known.functions.get(name) {
            None => drop(self.questions.insert(CatalogQuestion::Function(name.to_owned()))),
            Some(functions) if functions.identity.is_empty() && !casts => {}
            Some(_) => self.call(&[], name),
        }
    }

    pub(super) fn operator(&mut self, schema: &[&str], name: &str) {
        // Behind what may have moved the search path, only a schema says whose it is.
        let ours = matches!(schema, ["pg_catalog"]) || (schema.is_empty() && !self.moved);
        // IN, LIKE and their like are operators in the tree, and may be replaced like any other.
        if !ours || (schema.is_empty() && self.is_shadowed(CatalogQuestion::Operator(name.to_owned()))) {
            let resource = Resource::new(ResourceKind::Function, &schema.join("."), name);
            self.add(Verb::SqlCall, resource, Facts::default());
        }
    }

    /// A type by name: the server's own, whatever stands in front of it in the search path, or one of others' making.
    fn names_type(&mut self, name: &TypeName) {
        self.meaning.names_types |= match type_written(name) {
            TypeWritten::TheServers => false,
            TypeWritten::LikeTheServers(_) if self.moved => true,
            TypeWritten::LikeTheServers(name) => self.is_shadowed(CatalogQuestion::Type(name.to_owned())),
            TypeWritten::Others => true,
        };
    }

    /// Whether something of this name stands in the search path outside `pg_catalog`. What is not known is asked.
    fn is_shadowed(&mut self, question: CatalogQuestion) -> bool {
        let known = match &question {
            CatalogQuestion::Operator(name) => self.known.operators.get(name).copied(),
            CatalogQuestion::Type(name) => self.known.types.get(name).copied(),
            CatalogQuestion::Function(name) => self.known.functions.get(name).map(|functions| functions.shadow),
            CatalogQuestion::Table(..) | CatalogQuestion::Prepared(_) | CatalogQuestion::Cursor(_) => None,
        };
        if known == Some(true) {
            // One that is made while the statement waits makes it another.
            let name = match &question {
                CatalogQuestion::Operator(name) => format!("operator {name}"),
                CatalogQuestion::Type(name) => format!("type {name}"),
                CatalogQuestion::Function(name)
                | CatalogQuestion::Table(_, name)
                | CatalogQuestion::Prepared(name)
                | CatalogQuestion::Cursor(name) => format!("function {name}"),
            };
            self.meaning.bound.push(Bound { name, identity: "of others' making".to_owned() });
        }
        known.unwrap_or_else(|| {
            self.questions.insert(question);
            false
        })
    }
}

/// Columns that every table has.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"];

/// A block as its members are judged by.
struct BlockReading<'b, 'a> {
    block: &'b Block<'a>,
    condition: Node<'a>,
    facts: Facts,
    /// A LIMIT bounds every member.
    short: bool,
    shown: &'b Refs,
    /// Every column that the block names, if all of them are known.
    named: Option<&'b Refs>,
}

/// A changing statement, taken apart.
struct Changed<'a> {
    block: Block<'a>,
    target: Member<'a>,
    condition: Node<'a>,
    facts: Facts,
    /// Expressions whose values go into the table.
    values: Vec<Node<'a>>,
    returning: Option<&'a pg_raw_parse::nodes::ReturningClause>,
}

/// The common table expressions of a statement go to work; returns the scope in which the rest sees them.
fn with<'a>(clause: Option<&'a WithClause>, scope: &Scope, work: &mut Vec<Work<'a>>) -> Scope {
    let Some(clause) = clause else { return scope.clone() };
    let name = |cte: &pg_raw_parse::nodes::CommonTableExpr| cte.ctename().unwrap_or("").to_owned();
    let all: Vec<String> = clause.ctes().iter().map(name).collect();
    let whole = scope.with(all.clone());
    for (number, cte) in clause.ctes().iter().enumerate() {
        // WITH RECURSIVE sees all of its expressions, WITH only those before.
        let seen =
            if clause.recursive { whole.clone() } else { scope.with(all.iter().take(number).cloned().collect()) };
        work.push(Work::Node(cte.ctequery(), seen, TOP));
    }
    whole
}

fn returning<'a>(clause: Option<&'a pg_raw_parse::nodes::ReturningClause>, scope: &Scope, work: &mut Vec<Work<'a>>) {
    if let Some(clause) = clause {
        let place = Place { nested: true, ..TOP };
        work.extend(clause.exprs().iter().map(|node| Work::Node(node, scope.clone(), place)));
    }
}

/// Whether a locking clause locks this member: without OF, all of them.
fn locks_member(lock: &LockingClause, member: &Member<'_>) -> bool {
    let named = lock.locked_rels();
    named.is_empty()
        || named.iter().any(|name| matches!(name, Node::RangeVar(name) if name.relname() == Some(member.alias)))
}
