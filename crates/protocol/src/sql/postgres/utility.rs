//! Everything that is not a query: the top statement is matched, each kind by what it can do at its worst. Statements
//! that hold a query are read through it.

use model::{Facts, Resource, ResourceKind, Verb};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::{
    CopyStmt, CreateTableAsStmt, DefElem, DropStmt, ExplainStmt, RangeVar, TransactionStmt, VariableSetStmt,
};
use pg_raw_parse::raw::{DiscardMode, ObjectType, TransactionStmtKind, VariableSetKind};

use super::{ALL, Named, Reading, full_name, reason};
use crate::sql::Prepared;

impl Reading<'_> {
    /// One statement, whole.
    pub(super) fn statement(&mut self, node: Node<'_>) {
        match node {
            query if is_query(query) => self.query_alone(query, Verb::SqlSelect),
            // The empty statement.
            Node::None => self.on_target(Verb::SqlHousekeep),
            Node::ExplainStmt(explain) => self.explain(explain),
            Node::PrepareStmt(prepare) => {
                self.meaning.prepared = Prepared::Made;
                self.statement_inside(prepare.query());
            }
            Node::ExecuteStmt(execute) => self.execute(execute),
            Node::DeclareCursorStmt(declare) => {
                self.statement_inside(declare.query());
                let name = declare.portalname().unwrap_or("").to_owned();
                self.meaning.declares.push(name.clone());
                self.declared.insert(name);
            }
            Node::FetchStmt(fetch) => self.fetch(fetch),
            Node::CreateTableAsStmt(create) => self.create_as(create),
            Node::ViewStmt(view) => {
                self.on_relation(Verb::SqlCreate, view.view());
                self.query(view.query(), Verb::SqlSelect);
            }
            Node::CopyStmt(copy) => self.copy(copy),
            Node::TransactionStmt(transaction) => self.transaction(transaction),
            Node::VariableSetStmt(set) => self.set(set),
            Node::VariableShowStmt(show) => self.on_setting(Verb::SqlShow, show.name().unwrap_or("")),
            Node::DiscardStmt(discard) => {
                self.meaning.prepared = self.meaning.prepared.max(Prepared::Dropped);
                match discard.target {
                    DiscardMode::DISCARD_PLANS => self.on_target(Verb::SqlHousekeep),
                    // All of a session's own, as at its login.
                    DiscardMode::DISCARD_ALL => {
                        self.moved = true;
                        self.meaning.reason = Some(String::new());
                        self.on_setting(Verb::SqlSet, "all");
                    }
                    _ => {
                        self.moved = true;
                        self.on_target(Verb::SqlConfigure);
                    }
                }
            }
            Node::DeallocateStmt(_) => {
                self.meaning.prepared = self.meaning.prepared.max(Prepared::Dropped);
                self.on_target(Verb::SqlHousekeep);
            }
            Node::ClosePortalStmt(_) | Node::ConstraintsSetStmt(_) => {
                self.on_target(Verb::SqlHousekeep);
            }
            Node::NotifyStmt(_) => self.on_target(Verb::SqlNotify),
            Node::ListenStmt(_) => self.on_target(Verb::SqlListen),
            Node::UnlistenStmt(_) => self.on_target(Verb::SqlHousekeep),
            Node::TruncateStmt(truncate) => self.each_relation(Verb::SqlTruncate, truncate.relations().iter()),
            Node::LockStmt(lock) => self.each_relation(Verb::SqlLock, lock.relations().iter()),
            Node::DropStmt(drop) => {
                self.drop_objects(drop);
                self.doubt_dropped(drop);
            }
            Node::RenameStmt(_) | Node::AlterObjectSchemaStmt(_) => {
                if !self.altered(node) {
                    self.unknown();
                }
                self.doubt_renamed(node);
            }
            _ if self.code(node)
                || self.definition(node)
                || self.altered(node)
                || self.privilege(node)
                || self.server(node) => {}
            _ => self.unknown(),
        }
    }

    /// A statement that another one runs, now or later.
    pub(super) fn statement_inside(&mut self, node: Node<'_>) {
        if is_query(node) {
            self.query_alone(node, Verb::SqlSelect);
        } else {
            self.unknown();
        }
    }

    /// EXPLAIN plans, and planning may run code: the tables are touched. EXPLAIN ANALYZE runs the statement.
    fn explain(&mut self, explain: &ExplainStmt) {
        if analyzes(explain) {
            return match explain.query() {
                Node::CreateTableAsStmt(create) => self.create_as(create),
                inner => self.statement_inside(inner),
            };
        }
        let before = self.meaning.operations.len();
        let explained = match explain.query() {
            Node::CreateTableAsStmt(create) => create.query(),
            Node::DeclareCursorStmt(declare) => declare.query(),
            other => other,
        };
        if is_query(explained) {
            self.query_alone(explained, Verb::SqlExplain);
        } else {
            self.unknown();
        }
        for operation in self.meaning.operations.iter_mut().skip(before) {
            // What is only planned is not changed; unlisted functions may run all the same, and are left as calls.
            if operation.resource.kind != ResourceKind::Function && operation.verb != Verb::Unknown {
                operation.verb = match operation.verb {
                    Verb::SqlServerFile | Verb::SqlConfigure | Verb::SqlNotify => operation.verb,
                    _ => Verb::SqlExplain,
                };
            }
        }
    }

    fn create_as(&mut self, create: &CreateTableAsStmt) {
        match create.into().and_then(|into| into.rel()) {
            Some(name) => self.on_object(Verb::SqlCreateAs, &full_name(name)),
            None => self.unknown(),
        }
        match create.query() {
            Node::ExecuteStmt(_) => self.unknown(),
            query => self.query(query, Verb::SqlSelect),
        }
    }

    fn copy(&mut self, copy: &CopyStmt) {
        if copy.is_program || copy.filename().is_some() {
            self.on_target(Verb::SqlServerFile);
        }
        match copy.relation() {
            Some(name) if copy.is_from => {
                let columns = self.columns_set(Some(name), copy.attlist().iter(), true);
                self.touch(Verb::SqlCopyIn, name, Facts { columns, ..Facts::default() });
            }
            Some(name) => {
                let classified = matches!(self.table(name), Named::Table(table) if !table.classes.is_empty());
                self.touch(Verb::SqlCopyOut, name, Facts { classified, ..Facts::default() });
            }
            None if copy.is_program || copy.filename().is_some() => self.query(copy.query(), Verb::SqlCopyOut),
            None => self.query_alone(copy.query(), Verb::SqlCopyOut),
        }
        self.visit(copy.where_clause());
    }

    fn transaction(&mut self, transaction: &TransactionStmt) {
        match transaction.kind {
            TransactionStmtKind::TRANS_STMT_PREPARE
            | TransactionStmtKind::TRANS_STMT_COMMIT_PREPARED
            | TransactionStmtKind::TRANS_STMT_ROLLBACK_PREPARED => {
                self.moved = true;
                self.on_target(Verb::SqlConfigure);
            }
            kind => {
                self.on_target(Verb::SqlHousekeep);
                // What names meant inside a transaction may be taken back with it, or with a part of it.
                self.moved |= match kind {
                    TransactionStmtKind::TRANS_STMT_BEGIN
                    | TransactionStmtKind::TRANS_STMT_START
                    | TransactionStmtKind::TRANS_STMT_SAVEPOINT
                    | TransactionStmtKind::TRANS_STMT_RELEASE => false,
                    // It ends what was set or made for the transaction alone.
                    TransactionStmtKind::TRANS_STMT_COMMIT => self.known.in_transaction || !self.made.is_empty(),
                    _ => {
                        if self.known.in_transaction {
                            // Tables that it renamed are called as before again.
                            self.doubtful.insert(ALL.to_owned());
                        }
                        true
                    }
                };
                self.meaning.sets_modes |= !transaction.options().is_empty();
                if transaction.options().iter().any(lifts_read_only) {
                    self.on_setting(Verb::SqlEscalate, "transaction_read_only");
                }
            }
        }
    }

    fn set(&mut self, set: &VariableSetStmt) {
        let name = set.name().unwrap_or("").to_lowercase();
        self.moved |= ["search_path", "role", "session_authorization"].contains(&name.as_str())
            || set.kind == VariableSetKind::VAR_RESET_ALL;
        match set.kind {
            // As they were at the session's login; role and session authorization are not among them.
            VariableSetKind::VAR_RESET_ALL => {
                self.meaning.reason = Some(String::new());
                self.on_setting(Verb::SqlSet, "all");
            }
            VariableSetKind::VAR_SET_MULTI => self.set_transaction(&name, set),
            _ if name == reason::SETTING => {
                let said = set.args().iter().next().map_or(Node::None, |said| said);
                self.meaning.reason = Some(match said {
                    Node::A_Const(value) => match value.val() {
                        Some(pg_raw_parse::ConstValue::String(said)) => reason::shortened(said).to_owned(),
                        _ => String::new(),
                    },
                    _ => String::new(),
                });
                self.on_setting(Verb::SqlSet, &name);
            }
            _ if ESCALATING.contains(&name.as_str()) => self.on_setting(Verb::SqlEscalate, &name),
            _ if HARMLESS.contains(&name.as_str()) => self.on_setting(Verb::SqlSet, &name),
            _ => self.on_setting(Verb::SqlConfigure, &name),
        }
    }

    /// SET TRANSACTION and SET SESSION CHARACTERISTICS: each mode is a setting of its own.
    fn set_transaction(&mut self, name: &str, set: &VariableSetStmt) {
        if name == "transaction snapshot" {
            return self.on_setting(Verb::SqlConfigure, "transaction_snapshot");
        }
        let prefix = if name == "session characteristics" { "default_" } else { "" };
        for mode in set.args() {
            let Node::DefElem(option) = mode else { return self.unknown() };
            let verb = if lifts_read_only(mode) { Verb::SqlEscalate } else { Verb::SqlConfigure };
            self.on_setting(verb, &format!("{prefix}{}", option.defname().unwrap_or("")));
        }
    }

    /// What is dropped may uncover another of its name.
    fn doubt_dropped(&mut self, drop: &DropStmt) {
        if drop.remove_type == ObjectType::OBJECT_SCHEMA {
            self.doubtful.insert(ALL.to_owned());
        }
        self.doubtful.extend(drop.objects().iter().map(|object| name_of(object).1));
    }

    /// What is renamed, or put elsewhere, is gone from one name and come to another.
    fn doubt_renamed(&mut self, node: Node<'_>) {
        let names = match node {
            Node::RenameStmt(rename) if rename.rename_type == ObjectType::OBJECT_COLUMN => return,
            Node::RenameStmt(rename) => [rename.relation().and_then(RangeVar::relname), rename.newname()],
            Node::AlterObjectSchemaStmt(alter) => [alter.relation().and_then(RangeVar::relname), None],
            _ => [None, None],
        };
        match names {
            [None, _] => drop(self.doubtful.insert(ALL.to_owned())),
            [Some(_), _] => self.doubtful.extend(names.into_iter().flatten().map(str::to_owned)),
        }
    }

    fn drop_objects(&mut self, drop: &DropStmt) {
        let tables = [
            ObjectType::OBJECT_TABLE,
            ObjectType::OBJECT_VIEW,
            ObjectType::OBJECT_MATVIEW,
            ObjectType::OBJECT_FOREIGN_TABLE,
        ];
        let nameless = [ObjectType::OBJECT_CAST, ObjectType::OBJECT_TRANSFORM];
        for object in drop.objects() {
            // An operator class is named behind its access method.
            let of_method = [ObjectType::OBJECT_OPCLASS, ObjectType::OBJECT_OPFAMILY].contains(&drop.remove_type);
            let (schema, name) = name_of(object);
            let schema = schema.filter(|_| !of_method);
            let on_table = [ObjectType::OBJECT_POLICY, ObjectType::OBJECT_TRIGGER, ObjectType::OBJECT_RULE];
            let resource = match tables.contains(&drop.remove_type) {
                true => self.relation(schema.as_deref(), &name),
                false => None,
            };
            match resource {
                Some(table) => self.add(Verb::SqlDrop, table, Facts::default()),
                None if nameless.contains(&drop.remove_type) => self.on_target(Verb::SqlDrop),
                None if on_table.contains(&drop.remove_type) => self.on_object(Verb::SqlDrop, &name),
                None => self.on_object(Verb::SqlDrop, &joined(schema.as_deref(), &name)),
            }
            if on_table.contains(&drop.remove_type) {
                let is_policy = drop.remove_type == ObjectType::OBJECT_POLICY;
                let verb = if is_policy { Verb::SqlEscalate } else { Verb::SqlAlterDrop };
                self.on_named_table(verb, parts_of(object).split_last().map_or(&[], |(_, table)| table));
            }
        }
    }

    /// An operation on the table that these parts name.
    pub(super) fn on_named_table(&mut self, verb: Verb, parts: &[&str]) {
        match parts {
            [] => self.on_target(verb),
            [name] => self.on_relation_named(verb, None, name),
            [.., schema, name] => self.on_relation_named(verb, Some(schema), name),
        }
    }

    fn on_relation_named(&mut self, verb: Verb, schema: Option<&str>, name: &str) {
        match self.relation(schema, name) {
            Some(table) => self.add(verb, table, Facts::default()),
            None => {
                let resource = Resource::new(ResourceKind::Unresolved, schema.unwrap_or(""), name);
                self.add(verb, resource, Facts::default());
            }
        }
    }

    /// A relation by name, if the catalog has it.
    pub(super) fn relation(&mut self, schema: Option<&str>, name: &str) -> Option<Resource> {
        let key = (schema.map(str::to_owned), name.to_owned());
        if self.is_doubtful(schema, name) {
            self.unknown();
            return None;
        }
        match self.known.tables.get(&key) {
            Some(Some(table)) => {
                self.tables.push(table);
                Some(Resource::new(ResourceKind::Table, &table.schema, &table.name))
            }
            Some(None) => None,
            None => {
                self.questions.insert(super::CatalogQuestion::Table(key.0, key.1));
                None
            }
        }
    }

    fn each_relation<'a>(&mut self, verb: Verb, relations: impl Iterator<Item = Node<'a>>) {
        for relation in relations {
            match relation {
                Node::RangeVar(name) => self.touch(verb, name, Facts::default()),
                _ => self.unknown(),
            }
        }
    }

    /// A new relation: an object by name.
    pub(super) fn on_relation(&mut self, verb: Verb, name: Option<&RangeVar>) {
        match name {
            Some(name) => self.on_object(verb, &full_name(name)),
            None => self.unknown(),
        }
    }

    /// A relation that should be there; the target where none is named.
    pub(super) fn on_existing(&mut self, verb: Verb, name: Option<&RangeVar>) {
        match name {
            Some(name) => self.on_relation_named(verb, name.schemaname(), name.relname().unwrap_or("")),
            None => self.on_target(verb),
        }
    }

    pub(super) fn on_setting(&mut self, verb: Verb, name: &str) {
        self.add(verb, Resource::new(ResourceKind::Setting, "", name), Facts::default());
    }
}

/// Whether this reads or writes rows: what may stand inside another statement.
fn is_query(node: Node<'_>) -> bool {
    matches!(
        node,
        Node::SelectStmt(_) | Node::InsertStmt(_) | Node::UpdateStmt(_) | Node::DeleteStmt(_) | Node::MergeStmt(_)
    )
}

/// The parts of an object's name, however the grammar wraps them.
pub(super) fn parts_of(object: Node<'_>) -> Vec<&str> {
    match object {
        Node::NodeList(list) => list.iter().filter_map(Node::as_str).collect(),
        Node::String(name) => vec![name.sval().unwrap_or("")],
        Node::TypeName(name) => name.names().iter().filter_map(|part| part.sval()).collect(),
        Node::ObjectWithArgs(object) => object.objname().iter().filter_map(Node::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Schema and name of an object.
fn name_of(object: Node<'_>) -> (Option<String>, String) {
    match parts_of(object).as_slice() {
        [] => (None, String::new()),
        [name] => (None, (*name).to_owned()),
        [.., schema, name] => (Some((*schema).to_owned()), (*name).to_owned()),
    }
}

fn joined(schema: Option<&str>, name: &str) -> String {
    schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"))
}

/// Whether EXPLAIN runs what it explains.
pub(super) fn analyzes(explain: &ExplainStmt) -> bool {
    explain.options().iter().any(|option| option.defname() == Some("analyze") && !is_off(option))
}

/// Whether an option is written as off: `EXPLAIN (ANALYZE false)`.
fn is_off(option: &DefElem) -> bool {
    match option.arg() {
        Node::String(value) => matches!(value.sval().map(str::to_lowercase).as_deref(), Some("false" | "off")),
        Node::Integer(value) => value.ival == 0,
        Node::Boolean(value) => !value.boolval,
        _ => false,
    }
}

/// Whether a transaction's option makes it writable.
fn lifts_read_only(option: Node<'_>) -> bool {
    match option {
        Node::DefElem(option) if option.defname() == Some("transaction_read_only") => match option.arg() {
            Node::A_Const(value) => !matches!(value.val(), Some(pg_raw_parse::ConstValue::Integer(1))),
            _ => true,
        },
        _ => false,
    }
}

/// Settings that change no meaning and lift no guard; `search_path` is in the session's state, which approvals bind.
const HARMLESS: &[&str] = &[
    "application_name",
    "client_min_messages",
    "datestyle",
    "extra_float_digits",
    "idle_in_transaction_session_timeout",
    "intervalstyle",
    "lock_timeout",
    "search_path",
    "statement_timeout",
    "timezone",
];
/// Settings that change who acts or lift a guard.
const ESCALATING: &[&str] = &[
    "default_transaction_read_only",
    "role",
    "row_security",
    "session_authorization",
    "session_replication_role",
    "transaction_read_only",
];
