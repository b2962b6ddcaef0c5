//! Definitions: tables, types, code, and changes of them. Expressions that a definition holds run later, or at once: what
//! they call and read counts as if it were called and read now.

use model::{Facts, Resource, ResourceKind, Verb};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::{
    AlterTableStmt, Constraint, CreateFunctionStmt, CreateSchemaStmt, CreateStmt, DefElem, FuncCall, IndexStmt,
    RangeVar, RenameStmt,
};
use pg_raw_parse::raw::{AlterTableType, ObjectType};

use super::utility::parts_of;
use super::{Reading, dotted};

impl Reading<'_> {
    /// Definitions and calls of code.
    pub(super) fn code(&mut self, node: Node<'_>) -> bool {
        match node {
            Node::DoStmt(_) => self.on_target(Verb::SqlCall),
            Node::CallStmt(call) => match call.funccall() {
                Some(call) => self.procedure(call),
                None => self.unknown(),
            },
            Node::CreateFunctionStmt(create) => self.create_function(create),
            Node::AlterFunctionStmt(alter) => {
                let name = alter.func().map(Node::ObjectWithArgs);
                self.on_function(Verb::SqlDefineCode, name.unwrap_or(Node::None));
                if is_security_definer(alter.actions().iter()) {
                    self.on_function(Verb::SqlEscalate, name.unwrap_or(Node::None));
                }
            }
            Node::CreateTrigStmt(create) => {
                self.on_object(Verb::SqlDefineCode, create.trigname().unwrap_or(""));
                self.on_existing(Verb::SqlDefineCode, create.relation());
                create.constrrel().into_iter().for_each(|other| self.on_existing(Verb::SqlDefineCode, Some(other)));
            }
            Node::RuleStmt(create) => {
                self.on_object(Verb::SqlDefineCode, create.rulename().unwrap_or(""));
                self.on_existing(Verb::SqlDefineCode, create.relation());
            }
            Node::CreateEventTrigStmt(create) => self.on_object(Verb::SqlDefineCode, create.trigname().unwrap_or("")),
            Node::CreatePLangStmt(create) => self.on_object(Verb::SqlDefineCode, create.plname().unwrap_or("")),
            Node::CreateAmStmt(create) => self.on_object(Verb::SqlDefineCode, create.amname().unwrap_or("")),
            Node::CreateConversionStmt(create) => {
                self.on_named(Verb::SqlDefineCode, create.conversion_name().iter().filter_map(Node::as_str));
            }
            Node::CreateOpClassStmt(create) => {
                self.on_named(Verb::SqlDefineCode, create.opclassname().iter().filter_map(|part| part.sval()));
            }
            Node::CreateOpFamilyStmt(create) => {
                self.on_named(Verb::SqlDefineCode, create.opfamilyname().iter().filter_map(|part| part.sval()));
            }
            Node::AlterOpFamilyStmt(alter) => {
                self.on_named(Verb::SqlDefineCode, alter.opfamilyname().iter().filter_map(|part| part.sval()));
            }
            Node::AlterOperatorStmt(alter) => {
                let name = alter.opername().map_or(Node::None, Node::ObjectWithArgs);
                self.on_named(Verb::SqlDefineCode, parts_of(name).into_iter());
            }
            Node::CreateCastStmt(_) | Node::CreateTransformStmt(_) => self.on_target(Verb::SqlDefineCode),
            Node::DefineStmt(define) => {
                let passive = [
                    ObjectType::OBJECT_TYPE,
                    ObjectType::OBJECT_COLLATION,
                    ObjectType::OBJECT_TSCONFIGURATION,
                    ObjectType::OBJECT_TSDICTIONARY,
                ];
                // A type with an input function is code; a shell has no definition.
                let active = define.kind == ObjectType::OBJECT_TYPE && !define.definition().is_empty();
                let verb =
                    if passive.contains(&define.kind) && !active { Verb::SqlCreate } else { Verb::SqlDefineCode };
                self.on_named(verb, define.defnames().iter().filter_map(|part| part.sval()));
            }
            _ => return false,
        }
        true
    }

    fn procedure(&mut self, call: &FuncCall) {
        let (schema, name) = dotted(call.funcname().iter());
        let resource = Resource::new(ResourceKind::Function, &schema.join("."), name);
        self.add(Verb::SqlCall, resource, Facts::default());
        call.args().iter().for_each(|argument| self.visit(argument));
    }

    fn create_function(&mut self, create: &CreateFunctionStmt) {
        let (schema, name) = dotted(create.funcname().iter());
        let function = Resource::new(ResourceKind::Function, &schema.join("."), name);
        self.add(Verb::SqlDefineCode, function.clone(), Facts::default());
        if is_security_definer(create.options().iter()) {
            self.add(Verb::SqlEscalate, function, Facts::default());
        }
    }

    fn on_function(&mut self, verb: Verb, object: Node<'_>) {
        let parts = parts_of(object);
        let Some((name, schema)) = parts.split_last() else { return self.on_target(verb) };
        self.add(verb, Resource::new(ResourceKind::Function, &schema.join("."), name), Facts::default());
    }

    /// An object by the parts of its name; the target where there are none.
    pub(super) fn on_named<'a>(&mut self, verb: Verb, parts: impl Iterator<Item = &'a str>) {
        let name = parts.collect::<Vec<_>>().join(".");
        if name.is_empty() { self.on_target(verb) } else { self.on_object(verb, &name) }
    }

    /// New objects without code of their own.
    pub(super) fn definition(&mut self, node: Node<'_>) -> bool {
        match node {
            Node::CreateStmt(create) => self.create_table(create, Verb::SqlCreate),
            Node::IndexStmt(index) => self.create_index(index),
            Node::CreateSchemaStmt(create) => self.create_schema(create),
            Node::CompositeTypeStmt(create) => self.on_relation(Verb::SqlCreate, create.typevar()),
            Node::CreateEnumStmt(create) => {
                self.on_named(Verb::SqlCreate, create.type_name().iter().filter_map(|part| part.sval()));
            }
            Node::CreateRangeStmt(create) => {
                self.on_named(Verb::SqlCreate, create.type_name().iter().filter_map(|part| part.sval()));
            }
            Node::CreateSeqStmt(create) => self.on_relation(Verb::SqlCreate, create.sequence()),
            Node::CreateStatsStmt(create) => {
                self.on_named(Verb::SqlCreate, create.defnames().iter().filter_map(|part| part.sval()));
                // The binding's list takes a query for a table and panics: it counts on all of the target.
                self.on_target(Verb::SqlCreate);
                for element in create.exprs() {
                    match element {
                        Node::StatsElem(element) => self.visit(element.expr()),
                        _ => self.unknown(),
                    }
                }
            }
            Node::CreateDomainStmt(create) => {
                self.on_named(Verb::SqlCreate, create.domainname().iter().filter_map(|part| part.sval()));
                create.constraints().iter().for_each(|constraint| self.constraint(constraint));
            }
            _ => return false,
        }
        true
    }

    fn create_table(&mut self, create: &CreateStmt, verb: Verb) {
        self.on_relation(verb, create.relation());
        // One that may be there already is judged as what it is.
        self.made.extend(create.relation().filter(|_| !create.if_not_exists).map(key_of));
        // Rows of the new table are shown by these from now on.
        for parent in create.inh_relations() {
            match parent {
                Node::RangeVar(parent) => self.made_for(Verb::SqlAlter, Some(parent)),
                _ => self.unknown(),
            }
        }
        create.table_elts().iter().for_each(|element| self.element(element));
        create.constraints().iter().for_each(|constraint| self.constraint(constraint));
        if let Some(partition) = create.partspec() {
            partition.part_params().iter().for_each(|part| self.visit(part.expr()));
        }
        if let Some(bound) = create.partbound() {
            let lists = [bound.listdatums(), bound.lowerdatums(), bound.upperdatums()];
            lists.into_iter().flat_map(|list| list.iter()).for_each(|datum| self.bound_datum(datum));
        }
    }

    /// A part of a table's definition.
    fn element(&mut self, element: Node<'_>) {
        match element {
            Node::ColumnDef(column) => {
                self.visit(column.raw_default());
                for constraint in column.constraints() {
                    match constraint {
                        Node::Constraint(constraint) => self.constraint(constraint),
                        _ => self.unknown(),
                    }
                }
            }
            Node::Constraint(constraint) => self.constraint(constraint),
            Node::TableLikeClause(like) => self.made_for(Verb::SqlCreate, like.relation()),
            Node::None => {}
            _ => self.unknown(),
        }
    }

    fn constraint(&mut self, constraint: &Constraint) {
        // What others refer to cannot be removed as before.
        constraint.pktable().into_iter().for_each(|table| self.made_for(Verb::SqlAlter, Some(table)));
        self.visit(constraint.raw_expr());
        self.visit(constraint.where_clause());
        for exclusion in constraint.exclusions() {
            let Node::NodeList(pair) = exclusion else { return self.unknown() };
            for part in pair.iter() {
                match part {
                    Node::IndexElem(element) => self.visit(element.expr()),
                    Node::NodeList(operator) => {
                        let (schema, name) = dotted(operator.iter());
                        self.operator(&schema, name);
                    }
                    Node::String(_) => {}
                    _ => self.unknown(),
                }
            }
        }
    }

    fn bound_datum(&mut self, datum: Node<'_>) {
        match datum {
            Node::PartitionRangeDatum(datum) => self.visit(datum.value()),
            other => self.visit(other),
        }
    }

    fn create_index(&mut self, index: &IndexStmt) {
        index.idxname().into_iter().for_each(|name| self.on_object(Verb::SqlCreate, name));
        self.made_for(Verb::SqlCreate, index.relation());
        let elements = index.index_params().iter().map(|element| element.expr());
        elements.chain([index.where_clause()]).for_each(|expression| self.visit(expression));
    }

    fn create_schema(&mut self, create: &CreateSchemaStmt) {
        let owner = create.authrole().and_then(|role| role.rolename());
        self.on_named(Verb::SqlCreate, create.schemaname().or(owner).into_iter());
        create.authrole().into_iter().for_each(|role| self.on_role_spec(Some(role)));
        create.schema_elts().iter().for_each(|element| self.statement(element));
    }

    /// Changes of objects.
    pub(super) fn altered(&mut self, node: Node<'_>) -> bool {
        match node {
            Node::AlterTableStmt(alter) => self.alter_table(alter),
            Node::CommentStmt(comment) => self.comment(comment.objtype, comment.object()),
            Node::RenameStmt(rename) => self.rename(rename),
            Node::AlterObjectSchemaStmt(alter) => {
                self.altered_object(alter.object_type, (alter.relation(), alter.object()));
            }
            Node::AlterObjectDependsStmt(alter) => {
                self.altered_object(alter.object_type, (alter.relation(), alter.object()));
            }
            Node::AlterSeqStmt(alter) => self.on_relation(Verb::SqlAlter, alter.sequence()),
            Node::AlterEnumStmt(alter) => {
                self.on_named(Verb::SqlAlter, alter.type_name().iter().filter_map(|part| part.sval()));
            }
            Node::AlterDomainStmt(alter) => {
                // 'X' drops a constraint.
                let verb = if alter.subtype == b'X'.cast_signed() { Verb::SqlAlterDrop } else { Verb::SqlAlter };
                self.on_named(verb, alter.type_name().iter().filter_map(Node::as_str));
                match alter.def() {
                    Node::Constraint(constraint) => self.constraint(constraint),
                    other => self.visit(other),
                }
            }
            Node::AlterTypeStmt(alter) => {
                self.on_named(Verb::SqlAlter, alter.type_name().iter().filter_map(Node::as_str))
            }
            Node::AlterStatsStmt(alter) => {
                self.on_named(Verb::SqlAlter, alter.defnames().iter().filter_map(|part| part.sval()));
            }
            Node::AlterCollationStmt(alter) => {
                self.on_named(Verb::SqlAlter, alter.collname().iter().filter_map(Node::as_str));
            }
            Node::AlterTSConfigurationStmt(alter) => {
                self.on_named(Verb::SqlAlter, alter.cfgname().iter().filter_map(|part| part.sval()));
            }
            Node::AlterTSDictionaryStmt(alter) => {
                self.on_named(Verb::SqlAlter, alter.dictname().iter().filter_map(|part| part.sval()));
            }
            Node::AlterEventTrigStmt(alter) => self.on_object(Verb::SqlAlter, alter.trigname().unwrap_or("")),
            Node::AlterTableMoveAllStmt(alter) => {
                self.on_object(Verb::SqlAlter, alter.orig_tablespacename().unwrap_or(""));
            }
            _ => return false,
        }
        true
    }

    fn alter_table(&mut self, alter: &AlterTableStmt) {
        for command in alter.cmds() {
            let Node::AlterTableCmd(command) = command else { return self.unknown() };
            let verb = match command.subtype {
                AlterTableType::AT_ChangeOwner
                | AlterTableType::AT_EnableRowSecurity
                | AlterTableType::AT_DisableRowSecurity
                | AlterTableType::AT_ForceRowSecurity
                | AlterTableType::AT_NoForceRowSecurity => Verb::SqlEscalate,
                AlterTableType::AT_DropColumn | AlterTableType::AT_DropConstraint => Verb::SqlAlterDrop,
                _ => Verb::SqlAlter,
            };
            if is_table(alter.objtype) {
                self.on_existing(verb, alter.relation());
            } else {
                self.on_relation(verb, alter.relation());
            }
            if command.subtype == AlterTableType::AT_ChangeOwner {
                self.on_role_spec(command.newowner());
            }
            match command.def() {
                element @ (Node::ColumnDef(_) | Node::Constraint(_)) => self.element(element),
                // Options, storage, statistics, partitions, roles: no expressions of the actor's.
                Node::NodeList(_) | Node::DefElem(_) | Node::String(_) | Node::Integer(_) | Node::None => {}
                Node::RoleSpec(_) | Node::ReplicaIdentityStmt(_) | Node::TypeName(_) => {}
                Node::ATAlterConstraint(_) => {}
                // A parent that rows are shown by from now on, or no longer.
                Node::RangeVar(parent) => self.on_existing(Verb::SqlAlter, Some(parent)),
                Node::PartitionCmd(command) => {
                    match command.name() {
                        Some(partition) if is_table(alter.objtype) => self.on_existing(Verb::SqlAlter, Some(partition)),
                        Some(partition) => self.on_relation(Verb::SqlAlter, Some(partition)),
                        None => {}
                    }
                    if let Some(bound) = command.bound() {
                        let lists = [bound.listdatums(), bound.lowerdatums(), bound.upperdatums()];
                        lists.into_iter().flat_map(|list| list.iter()).for_each(|datum| self.bound_datum(datum));
                    }
                }
                expression => self.visit(expression),
            }
        }
    }

    /// A relation that a new object stands on. One that the same text made is still in the making.
    fn made_for(&mut self, verb: Verb, name: Option<&RangeVar>) {
        match name {
            Some(made) if self.made.contains(&key_of(made)) => self.on_relation(Verb::SqlCreate, name),
            _ => self.on_existing(verb, name),
        }
    }

    fn comment(&mut self, kind: u32, object: Node<'_>) {
        let parts = parts_of(object);
        match kind {
            ObjectType::OBJECT_TABLE | ObjectType::OBJECT_VIEW | ObjectType::OBJECT_MATVIEW => {
                self.on_named_table(Verb::SqlAlter, &parts);
            }
            ObjectType::OBJECT_COLUMN => {
                self.on_named_table(Verb::SqlAlter, parts.split_last().map_or(&[], |(_, table)| table));
            }
            _ => self.on_named(Verb::SqlAlter, parts.into_iter()),
        }
    }

    fn rename(&mut self, rename: &RenameStmt) {
        match rename.rename_type {
            ObjectType::OBJECT_ROLE => self.on_role(Verb::SqlEscalate, rename.subname()),
            ObjectType::OBJECT_POLICY => self.on_existing(Verb::SqlEscalate, rename.relation()),
            ObjectType::OBJECT_SCHEMA | ObjectType::OBJECT_DATABASE | ObjectType::OBJECT_TABLESPACE => {
                self.on_named(Verb::SqlAlter, rename.subname().into_iter());
            }
            kind => self.altered_object(kind, (rename.relation(), rename.object())),
        }
    }

    /// A relation, a function or another object that is renamed or moved.
    fn altered_object(&mut self, kind: u32, (relation, object): (Option<&RangeVar>, Node<'_>)) {
        let functions = [
            ObjectType::OBJECT_FUNCTION,
            ObjectType::OBJECT_PROCEDURE,
            ObjectType::OBJECT_ROUTINE,
            ObjectType::OBJECT_AGGREGATE,
        ];
        match relation {
            _ if functions.contains(&kind) => self.on_function(Verb::SqlDefineCode, object),
            Some(_)
                if is_table(kind) || kind == ObjectType::OBJECT_COLUMN || kind == ObjectType::OBJECT_TABCONSTRAINT =>
            {
                self.on_existing(Verb::SqlAlter, relation);
            }
            Some(_) => self.on_relation(Verb::SqlAlter, relation),
            None => self.on_named(Verb::SqlAlter, parts_of(object).into_iter()),
        }
    }
}

/// A relation's name as it is written, in its parts.
fn key_of(name: &RangeVar) -> (Option<String>, String) {
    (name.schemaname().map(str::to_owned), name.relname().unwrap_or("").to_owned())
}

/// Whether a kind of relation holds rows of its own or shows those of others.
const fn is_table(kind: u32) -> bool {
    matches!(
        kind,
        ObjectType::OBJECT_TABLE
            | ObjectType::OBJECT_VIEW
            | ObjectType::OBJECT_MATVIEW
            | ObjectType::OBJECT_FOREIGN_TABLE
            | ObjectType::OBJECT_TRIGGER
            | ObjectType::OBJECT_RULE
    )
}

/// Whether a function's options make it run as its owner.
fn is_security_definer<'a>(mut options: impl Iterator<Item = &'a DefElem>) -> bool {
    options
        .any(|option| option.defname() == Some("security") && matches!(option.arg(), Node::Boolean(on) if on.boolval))
}
