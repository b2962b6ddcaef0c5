//! Everything that is not a query: the top statement is matched, each kind by what it can do at its worst. Statements
//! that hold a query are read through it.

use model::{Facts, Resource, ResourceKind, Verb};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::{
    AlterTableStmt, CopyStmt, CreateStmt, CreateTableAsStmt, DefElem, DropStmt, ExplainStmt, FuncCall, RangeVar,
    TransactionStmt, VariableSetStmt,
};
use pg_raw_parse::raw::{AlterTableType, DiscardMode, ObjectType, TransactionStmtKind, VariableSetKind};

use super::{Named, Reading, dotted};

impl Reading<'_> {
    /// One statement, whole.
    pub(super) fn statement(&mut self, node: Node<'_>) {
        match node {
            Node::SelectStmt(_) | Node::InsertStmt(_) | Node::UpdateStmt(_) | Node::DeleteStmt(_) | Node::MergeStmt(_) => {
                self.query(node, Verb::SqlSelect);
            }
            Node::ExplainStmt(explain) => self.explain(explain),
            Node::PrepareStmt(prepare) => self.statement_inside(prepare.query()),
            Node::DeclareCursorStmt(declare) => self.statement_inside(declare.query()),
            Node::CreateTableAsStmt(create) => self.create_as(create),
            Node::ViewStmt(view) => {
                self.on_relation(Verb::SqlCreate, view.view());
                self.query(view.query(), Verb::SqlSelect);
            }
            Node::CopyStmt(copy) => self.copy(copy),
            Node::TransactionStmt(transaction) => self.transaction(transaction),
            Node::VariableSetStmt(set) => self.set(set),
            Node::VariableShowStmt(show) => self.on_setting(Verb::SqlShow, show.name().unwrap_or("")),
            Node::DiscardStmt(discard) => self.on_target(match discard.target {
                DiscardMode::DISCARD_PLANS => Verb::SqlHousekeep,
                _ => Verb::SqlConfigure,
            }),
            Node::DeallocateStmt(_) | Node::ClosePortalStmt(_) | Node::ConstraintsSetStmt(_) => {
                self.on_target(Verb::SqlHousekeep);
            }
            Node::NotifyStmt(_) => self.on_target(Verb::SqlNotify),
            Node::ListenStmt(_) | Node::UnlistenStmt(_) => self.on_target(Verb::SqlListen),
            Node::TruncateStmt(truncate) => self.each_relation(Verb::SqlTruncate, truncate.relations().iter()),
            Node::LockStmt(lock) => self.each_relation(Verb::SqlLock, lock.relations().iter()),
            Node::DropStmt(drop) => self.drop_objects(drop),
            Node::AlterTableStmt(alter) => self.alter_table(alter),
            _ if self.code(node) || self.definition(node) || self.privilege(node) || self.server(node) => {}
            _ => self.unknown(),
        }
    }

    /// A statement that another one runs, now or later.
    fn statement_inside(&mut self, node: Node<'_>) {
        match node {
            Node::SelectStmt(_) | Node::InsertStmt(_) | Node::UpdateStmt(_) | Node::DeleteStmt(_) | Node::MergeStmt(_) => {
                self.query(node, Verb::SqlSelect);
            }
            _ => self.unknown(),
        }
    }

    /// EXPLAIN plans, and planning may run code: the tables are touched. EXPLAIN ANALYZE runs the statement.
    fn explain(&mut self, explain: &ExplainStmt) {
        if explain.options().iter().any(|option| option.defname() == Some("analyze") && !is_off(option)) {
            return match explain.query() {
                Node::CreateTableAsStmt(create) => self.create_as(create),
                inner => self.statement_inside(inner),
            };
        }
        let before = self.meaning.operations.len();
        match explain.query() {
            Node::CreateTableAsStmt(create) => self.query(create.query(), Verb::SqlExplain),
            inner @ (Node::SelectStmt(_)
            | Node::InsertStmt(_)
            | Node::UpdateStmt(_)
            | Node::DeleteStmt(_)
            | Node::MergeStmt(_)) => self.query(inner, Verb::SqlExplain),
            _ => self.unknown(),
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
            Some(name) if copy.is_from => self.touch(Verb::SqlCopyIn, name, Facts::default()),
            Some(name) => {
                let classified = matches!(self.table(name), Named::Table(table) if !table.classes.is_empty());
                self.touch(Verb::SqlCopyOut, name, Facts { classified, ..Facts::default() });
            }
            None => self.query(copy.query(), Verb::SqlCopyOut),
        }
        if !matches!(copy.where_clause(), Node::None) {
            self.query(copy.where_clause(), Verb::SqlHousekeep);
        }
    }

    fn transaction(&mut self, transaction: &TransactionStmt) {
        match transaction.kind {
            TransactionStmtKind::TRANS_STMT_PREPARE
            | TransactionStmtKind::TRANS_STMT_COMMIT_PREPARED
            | TransactionStmtKind::TRANS_STMT_ROLLBACK_PREPARED => self.on_target(Verb::SqlConfigure),
            _ if transaction.options().iter().any(lifts_read_only) => {
                self.on_setting(Verb::SqlEscalate, "transaction_read_only");
            }
            _ => self.on_target(Verb::SqlHousekeep),
        }
    }

    fn set(&mut self, set: &VariableSetStmt) {
        let name = set.name().unwrap_or("").to_lowercase();
        match set.kind {
            VariableSetKind::VAR_RESET_ALL => self.on_target(Verb::SqlConfigure),
            // SET TRANSACTION and SET SESSION CHARACTERISTICS: harmless unless they lift READ ONLY.
            VariableSetKind::VAR_SET_MULTI => {
                if set.args().iter().any(lifts_read_only) || name == "transaction snapshot" {
                    self.on_setting(Verb::SqlEscalate, "transaction_read_only");
                } else {
                    self.on_target(Verb::SqlHousekeep);
                }
            }
            _ if ESCALATING.contains(&name.as_str()) => self.on_setting(Verb::SqlEscalate, &name),
            _ if HARMLESS.contains(&name.as_str()) => self.on_setting(Verb::SqlSet, &name),
            _ => self.on_setting(Verb::SqlConfigure, &name),
        }
    }

    fn drop_objects(&mut self, drop: &DropStmt) {
        let tables = [
            ObjectType::OBJECT_TABLE,
            ObjectType::OBJECT_VIEW,
            ObjectType::OBJECT_MATVIEW,
            ObjectType::OBJECT_FOREIGN_TABLE,
        ];
        let relation = tables.contains(&drop.remove_type);
        for object in drop.objects() {
            let (schema, name) = name_of(object);
            let resource = if relation { self.relation(schema.as_deref(), &name) } else { None };
            match resource {
                Some(table) => self.add(Verb::SqlDrop, table, Facts::default()),
                None => self.on_object(Verb::SqlDrop, &name),
            }
        }
        if drop.remove_type == ObjectType::OBJECT_POLICY {
            self.on_target(Verb::SqlEscalate);
        }
    }

    /// A relation by name, if the catalog has it.
    fn relation(&mut self, schema: Option<&str>, name: &str) -> Option<Resource> {
        let key = (schema.map(str::to_owned), name.to_owned());
        match self.known.tables.get(&key) {
            Some(Some(table)) => Some(Resource::new(ResourceKind::Table, &table.schema, &table.name)),
            Some(None) => None,
            None => {
                self.questions.insert(super::CatalogQuestion::Table(key.0, key.1));
                None
            }
        }
    }

    fn alter_table(&mut self, alter: &AlterTableStmt) {
        let mut verbs = Vec::new();
        for command in alter.cmds() {
            let Node::AlterTableCmd(command) = command else { return self.unknown() };
            verbs.push(match command.subtype {
                AlterTableType::AT_ChangeOwner
                | AlterTableType::AT_EnableRowSecurity
                | AlterTableType::AT_DisableRowSecurity
                | AlterTableType::AT_ForceRowSecurity
                | AlterTableType::AT_NoForceRowSecurity => Verb::SqlEscalate,
                AlterTableType::AT_DropColumn
                | AlterTableType::AT_DropConstraint
                | AlterTableType::AT_DropExpression
                | AlterTableType::AT_AlterColumnType => Verb::SqlAlterDrop,
                _ => Verb::SqlAlter,
            });
            if !matches!(command.def(), Node::None) && command.subtype == AlterTableType::AT_AlterColumnType {
                // USING may call anything.
                self.on_target(Verb::SqlCall);
            }
        }
        for verb in verbs {
            self.on_relation_or_object(verb, alter.relation());
        }
    }

    /// Definitions and calls of code.
    fn code(&mut self, node: Node<'_>) -> bool {
        match node {
            Node::DoStmt(_) => self.on_target(Verb::SqlCall),
            Node::CallStmt(call) => match call.funccall() {
                Some(call) => self.procedure(call),
                None => self.unknown(),
            },
            Node::CreateFunctionStmt(create) => {
                let (schema, name) = dotted(create.funcname().iter());
                let resource = Resource::new(ResourceKind::Function, &schema.join("."), name);
                self.add(Verb::SqlDefineCode, resource, Facts::default());
            }
            Node::CreateTrigStmt(create) => self.on_object(Verb::SqlDefineCode, create.trigname().unwrap_or("")),
            Node::RuleStmt(create) => self.on_object(Verb::SqlDefineCode, create.rulename().unwrap_or("")),
            Node::CreateEventTrigStmt(create) => self.on_object(Verb::SqlDefineCode, create.trigname().unwrap_or("")),
            Node::CreatePLangStmt(_)
            | Node::CreateCastStmt(_)
            | Node::CreateTransformStmt(_)
            | Node::CreateConversionStmt(_)
            | Node::CreateOpClassStmt(_)
            | Node::CreateOpFamilyStmt(_)
            | Node::AlterEventTrigStmt(_)
            | Node::AlterFunctionStmt(_)
            | Node::AlterOperatorStmt(_)
            | Node::AlterOpFamilyStmt(_)
            | Node::CreateAmStmt(_) => self.on_target(Verb::SqlDefineCode),
            Node::DefineStmt(define) => self.on_object(Verb::SqlDefineCode, last_of(define.defnames().iter())),
            _ => return false,
        }
        true
    }

    fn procedure(&mut self, call: &FuncCall) {
        let (schema, name) = dotted(call.funcname().iter());
        let resource = Resource::new(ResourceKind::Function, &schema.join("."), name);
        self.add(Verb::SqlCall, resource, Facts::default());
        for argument in call.args() {
            self.query(argument, Verb::SqlHousekeep);
        }
    }

    /// Objects without code.
    fn definition(&mut self, node: Node<'_>) -> bool {
        match node {
            Node::CreateStmt(create) => self.create_table(create),
            Node::IndexStmt(index) => self.create_index(index),
            Node::CreateSchemaStmt(create) if create.schema_elts().is_empty() && create.authrole().is_none() => {
                self.on_object(Verb::SqlCreate, create.schemaname().unwrap_or(""));
            }
            Node::CompositeTypeStmt(create) => self.on_relation(Verb::SqlCreate, create.typevar()),
            Node::CreateEnumStmt(create) => self.on_object(Verb::SqlCreate, last_of(create.type_name().iter())),
            Node::CreateSeqStmt(create) => self.on_relation(Verb::SqlCreate, create.sequence()),
            Node::CreateStatsStmt(create) => self.on_object(Verb::SqlCreate, last_of(create.defnames().iter())),
            Node::CreateDomainStmt(create) => {
                self.on_object(Verb::SqlCreate, last_of(create.domainname().iter()));
                // A CHECK runs whenever a value of the domain is made.
                if !create.constraints().is_empty() {
                    self.on_target(Verb::SqlDefineCode);
                }
            }
            Node::CommentStmt(_) => self.on_target(Verb::SqlAlter),
            Node::RenameStmt(rename) => self.on_relation_or_object(Verb::SqlAlter, rename.relation()),
            Node::AlterObjectSchemaStmt(alter) => self.on_relation_or_object(Verb::SqlAlter, alter.relation()),
            Node::AlterSeqStmt(_)
            | Node::AlterEnumStmt(_)
            | Node::AlterDomainStmt(_)
            | Node::AlterTypeStmt(_)
            | Node::AlterStatsStmt(_)
            | Node::AlterCollationStmt(_)
            | Node::AlterObjectDependsStmt(_)
            | Node::AlterTSConfigurationStmt(_)
            | Node::AlterTSDictionaryStmt(_) => self.on_target(Verb::SqlAlter),
            _ => return false,
        }
        true
    }

    /// A table, with what its defaults, checks and generated columns would call.
    fn create_table(&mut self, create: &CreateStmt) {
        self.on_relation(Verb::SqlCreate, create.relation());
        let plain = |element: Node<'_>| match element {
            Node::ColumnDef(column) => column.constraints().iter().all(|constraint| match constraint {
                Node::Constraint(constraint) => {
                    matches!(constraint.raw_expr(), Node::None | Node::A_Const(_) | Node::TypeCast(_) | Node::SQLValueFunction(_))
                }
                _ => false,
            }),
            Node::Constraint(constraint) => matches!(constraint.raw_expr(), Node::None),
            Node::TableLikeClause(_) => true,
            _ => false,
        };
        if !create.table_elts().iter().all(plain) {
            self.on_target(Verb::SqlDefineCode);
        }
    }

    fn create_index(&mut self, index: &pg_raw_parse::nodes::IndexStmt) {
        self.on_object(Verb::SqlCreate, index.idxname().unwrap_or(""));
        // An expression in an index runs for every row, now and later.
        let expression = index.index_params().iter().any(|element| !matches!(element.expr(), Node::None));
        if expression || !matches!(index.where_clause(), Node::None) {
            self.on_target(Verb::SqlDefineCode);
        }
    }

    /// Privileges and identities.
    fn privilege(&mut self, node: Node<'_>) -> bool {
        match node {
            Node::GrantStmt(_)
            | Node::GrantRoleStmt(_)
            | Node::AlterDefaultPrivilegesStmt(_)
            | Node::CreateRoleStmt(_)
            | Node::AlterRoleStmt(_)
            | Node::AlterRoleSetStmt(_)
            | Node::DropRoleStmt(_)
            | Node::AlterOwnerStmt(_)
            | Node::ReassignOwnedStmt(_)
            | Node::CreatePolicyStmt(_)
            | Node::AlterPolicyStmt(_)
            | Node::SecLabelStmt(_)
            | Node::CreateUserMappingStmt(_)
            | Node::AlterUserMappingStmt(_)
            | Node::DropUserMappingStmt(_)
            | Node::CreateSchemaStmt(_) => self.on_target(Verb::SqlEscalate),
            Node::DropOwnedStmt(_) => {
                self.on_target(Verb::SqlEscalate);
                self.on_target(Verb::SqlDrop);
            }
            _ => return false,
        }
        true
    }

    /// The server, its databases and what connects it to others.
    fn server(&mut self, node: Node<'_>) -> bool {
        match node {
            Node::VacuumStmt(vacuum) => {
                let mut any = false;
                for relation in vacuum.rels() {
                    any = true;
                    self.on_relation_or_object(Verb::SqlMaintain, relation.relation());
                }
                if !any {
                    self.on_target(Verb::SqlMaintain);
                }
            }
            Node::ReindexStmt(reindex) => self.on_relation_or_object(Verb::SqlMaintain, reindex.relation()),
            Node::ClusterStmt(cluster) => self.on_relation_or_object(Verb::SqlMaintain, cluster.relation()),
            Node::RefreshMatViewStmt(refresh) => self.on_relation_or_object(Verb::SqlMaintain, refresh.relation()),
            Node::CheckPointStmt(_) => self.on_target(Verb::SqlMaintain),
            Node::CreateExtensionStmt(create) => self.on_object(Verb::SqlConfigure, create.extname().unwrap_or("")),
            Node::AlterSystemStmt(alter) => {
                let name = alter.setstmt().and_then(|set| set.name()).unwrap_or("").to_owned();
                self.on_setting(Verb::SqlConfigure, &name);
            }
            Node::AlterExtensionStmt(_)
            | Node::AlterExtensionContentsStmt(_)
            | Node::AlterDatabaseStmt(_)
            | Node::AlterDatabaseSetStmt(_)
            | Node::AlterDatabaseRefreshCollStmt(_)
            | Node::CreatedbStmt(_)
            | Node::CreatePublicationStmt(_)
            | Node::AlterPublicationStmt(_)
            | Node::CreateSubscriptionStmt(_)
            | Node::AlterSubscriptionStmt(_)
            | Node::DropSubscriptionStmt(_)
            | Node::CreateTableSpaceStmt(_)
            | Node::AlterTableSpaceOptionsStmt(_)
            | Node::AlterTableMoveAllStmt(_)
            | Node::CreateFdwStmt(_)
            | Node::AlterFdwStmt(_)
            | Node::CreateForeignServerStmt(_)
            | Node::AlterForeignServerStmt(_)
            | Node::ImportForeignSchemaStmt(_)
            | Node::LoadStmt(_) => self.on_target(Verb::SqlConfigure),
            Node::DropdbStmt(_) | Node::DropTableSpaceStmt(_) => {
                self.on_target(Verb::SqlConfigure);
                self.on_target(Verb::SqlDrop);
            }
            _ => return false,
        }
        true
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
    fn on_relation(&mut self, verb: Verb, name: Option<&RangeVar>) {
        match name {
            Some(name) => self.on_object(verb, &full_name(name)),
            None => self.unknown(),
        }
    }

    /// A relation that is there, else an object, else the target.
    fn on_relation_or_object(&mut self, verb: Verb, name: Option<&RangeVar>) {
        let Some(name) = name else { return self.on_target(verb) };
        match self.relation(name.schemaname(), name.relname().unwrap_or("")) {
            Some(table) => self.add(verb, table, Facts::default()),
            None => self.on_object(verb, &full_name(name)),
        }
    }

    fn on_setting(&mut self, verb: Verb, name: &str) {
        self.add(verb, Resource::new(ResourceKind::Setting, "", name), Facts::default());
    }
}

fn full_name(name: &RangeVar) -> String {
    match name.schemaname() {
        Some(schema) => format!("{schema}.{}", name.relname().unwrap_or("")),
        None => name.relname().unwrap_or("").to_owned(),
    }
}

/// Schema and name of a dropped object, however the grammar wraps it.
fn name_of(object: Node<'_>) -> (Option<String>, String) {
    let parts: Vec<&str> = match object {
        Node::NodeList(list) => list.iter().filter_map(Node::as_str).collect(),
        Node::String(name) => vec![name.sval().unwrap_or("")],
        Node::TypeName(name) => name.names().iter().filter_map(|part| part.sval()).collect(),
        Node::ObjectWithArgs(object) => object.objname().iter().filter_map(Node::as_str).collect(),
        _ => Vec::new(),
    };
    match parts.as_slice() {
        [] => (None, String::new()),
        [name] => (None, (*name).to_owned()),
        [.., schema, name] => (Some((*schema).to_owned()), (*name).to_owned()),
    }
}

fn last_of<'a>(parts: impl Iterator<Item = &'a pg_raw_parse::nodes::String>) -> &'a str {
    parts.last().and_then(|part| part.sval()).unwrap_or("")
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
