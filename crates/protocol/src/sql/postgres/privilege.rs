//! Privileges and identities, the server and its databases, and what connects it to others.

use std::collections::BTreeSet;

use model::{Facts, Resource, ResourceKind, Verb};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::{AlterRoleStmt, DefElem, GrantRoleStmt, GrantStmt, RoleSpec};
use pg_raw_parse::raw::{GrantTargetType, ObjectType, ReindexObjectType, RoleSpecType};

use super::Reading;
use super::utility::parts_of;

impl Reading<'_> {
    /// Privileges and identities.
    pub(super) fn privilege(&mut self, node: Node<'_>) -> bool {
        match node {
            Node::GrantStmt(grant) => self.grant(grant, std::iter::empty()),
            Node::GrantRoleStmt(grant) => self.grant_roles(grant),
            Node::AlterDefaultPrivilegesStmt(alter) => match alter.action() {
                Some(action) => self.grant(action, alter.options().iter()),
                None => self.on_target(Verb::SqlEscalate),
            },
            Node::CreateRoleStmt(create) => {
                self.on_role(Verb::SqlEscalate, create.role());
                self.on_roles_of(create.options().iter(), &MEMBERS);
            }
            Node::AlterRoleStmt(alter) => {
                let before = self.meaning.operations.len();
                self.on_role_spec(alter.role());
                self.on_roles_of(alter.options().iter(), &MEMBERS);
                self.tell(before, adds_members(alter).then(|| names(&[MEMBER])), |facts| &mut facts.privileges);
            }
            Node::AlterRoleSetStmt(alter) => self.on_role_spec(alter.role()),
            Node::DropRoleStmt(drop) => self.on_roles(drop.roles().iter()),
            Node::ReassignOwnedStmt(reassign) => {
                self.on_roles(reassign.roles().iter());
                self.on_role_spec(reassign.newrole());
            }
            Node::DropOwnedStmt(drop) => {
                self.on_roles(drop.roles().iter());
                self.on_target(Verb::SqlDrop);
            }
            Node::AlterOwnerStmt(alter) => {
                self.on_owned(alter.object_type, alter.object());
                self.on_role_spec(alter.newowner());
            }
            Node::CreatePolicyStmt(policy) => {
                self.on_existing(Verb::SqlEscalate, policy.table());
                self.on_roles(policy.roles().iter());
                self.visit(policy.qual());
                self.visit(policy.with_check());
            }
            Node::AlterPolicyStmt(policy) => {
                self.on_existing(Verb::SqlEscalate, policy.table());
                self.on_roles(policy.roles().iter());
                self.visit(policy.qual());
                self.visit(policy.with_check());
            }
            Node::SecLabelStmt(label) => self.on_owned(label.objtype, label.object()),
            _ => return false,
        }
        true
    }

    /// GRANT and REVOKE of privileges, also of those that objects to come will have.
    fn grant<'a>(&mut self, grant: &GrantStmt, options: impl Iterator<Item = &'a DefElem>) {
        let before = self.meaning.operations.len();
        let tables = grant.objtype == ObjectType::OBJECT_TABLE && grant.targtype == GrantTargetType::ACL_TARGET_OBJECT;
        if tables {
            grant.objects().iter().for_each(|table| self.on_existing(Verb::SqlEscalate, Some(table)));
            self.tell(before, columns_given(grant), |facts| &mut facts.columns);
        } else {
            // The binding's list of other objects cannot be read without risk: the privilege counts on all of the target.
            self.on_target(Verb::SqlEscalate);
        }
        self.on_roles_of(options, &["roles"]);
        grant.grantees().iter().for_each(|role| self.on_role_spec(Some(role)));
        self.tell(before, privileges_given(grant), |facts| &mut facts.privileges);
    }

    /// GRANT and REVOKE of roles.
    fn grant_roles(&mut self, grant: &GrantRoleStmt) {
        let before = self.meaning.operations.len();
        for role in grant.granted_roles() {
            match role {
                Node::AccessPriv(role) => self.on_role(Verb::SqlEscalate, role.priv_name()),
                _ => self.on_target(Verb::SqlEscalate),
            }
        }
        self.on_roles(grant.grantee_roles().iter());
        let given: &[&str] = if grant.opt().iter().any(gives_admin) { &[MEMBER, "admin option"] } else { &[MEMBER] };
        self.tell(before, grant.is_grant.then(|| names(given)), |facts| &mut facts.privileges);
    }

    /// Tells the names as a fact of every operation since `before`.
    fn tell(
        &mut self,
        before: usize,
        told: Option<BTreeSet<String>>,
        fact: fn(&mut Facts) -> &mut Option<BTreeSet<String>>,
    ) {
        let Some(told) = told else { return };
        let operations = self.meaning.operations.len().saturating_sub(before);
        // Each of them holds a copy, and a name takes the room of several nodes.
        if !self.spend(operations.saturating_mul(told.len()).saturating_mul(NAME_NODES)) {
            return;
        }
        for operation in self.meaning.operations.iter_mut().skip(before) {
            *fact(&mut operation.facts) = Some(told.clone());
        }
    }

    pub(super) fn on_role(&mut self, verb: Verb, name: Option<&str>) {
        match name {
            Some(name) => self.add(verb, Resource::new(ResourceKind::Role, "", name), Facts::default()),
            None => self.on_target(verb),
        }
    }

    pub(super) fn on_role_spec(&mut self, role: Option<&RoleSpec>) {
        let Some(role) = role else { return self.on_target(Verb::SqlEscalate) };
        let name = match role.roletype {
            RoleSpecType::ROLESPEC_CURRENT_ROLE => Some("current_role"),
            RoleSpecType::ROLESPEC_CURRENT_USER => Some("current_user"),
            RoleSpecType::ROLESPEC_SESSION_USER => Some("session_user"),
            RoleSpecType::ROLESPEC_PUBLIC => Some("public"),
            _ => role.rolename(),
        };
        self.on_role(Verb::SqlEscalate, name);
    }

    fn on_roles<'a>(&mut self, roles: impl Iterator<Item = Node<'a>>) {
        for role in roles {
            match role {
                Node::RoleSpec(role) => self.on_role_spec(Some(role)),
                _ => self.on_target(Verb::SqlEscalate),
            }
        }
    }

    /// The roles that options of these names list.
    fn on_roles_of<'a>(&mut self, options: impl Iterator<Item = &'a DefElem>, named: &[&str]) {
        for option in options.filter(|option| option.defname().is_some_and(|name| named.contains(&name))) {
            match option.arg() {
                Node::NodeList(roles) => self.on_roles(roles.iter()),
                _ => self.on_target(Verb::SqlEscalate),
            }
        }
    }

    /// Something whose owner or label changes.
    fn on_owned(&mut self, kind: u32, object: Node<'_>) {
        let parts = parts_of(object);
        match kind {
            ObjectType::OBJECT_TABLE | ObjectType::OBJECT_VIEW => self.on_named_table(Verb::SqlEscalate, &parts),
            ObjectType::OBJECT_ROLE => self.on_role(Verb::SqlEscalate, parts.last().copied()),
            ObjectType::OBJECT_FUNCTION | ObjectType::OBJECT_PROCEDURE | ObjectType::OBJECT_ROUTINE => {
                let (name, schema) = parts.split_last().map_or(("", &[][..]), |(name, schema)| (*name, schema));
                let resource = Resource::new(ResourceKind::Function, &schema.join("."), name);
                self.add(Verb::SqlEscalate, resource, Facts::default());
            }
            _ => self.on_named(Verb::SqlEscalate, parts.into_iter()),
        }
    }

    /// The server, its databases and what connects it to others.
    pub(super) fn server(&mut self, node: Node<'_>) -> bool {
        if let Some(name) = configured(node) {
            self.on_named(Verb::SqlConfigure, name.into_iter());
            return true;
        }
        match node {
            Node::VacuumStmt(vacuum) => {
                if vacuum.rels().is_empty() {
                    self.on_target(Verb::SqlMaintain);
                }
                vacuum.rels().iter().for_each(|relation| self.on_existing(Verb::SqlMaintain, relation.relation()));
            }
            Node::ReindexStmt(reindex) => match reindex.relation() {
                Some(_) if reindex.kind == ReindexObjectType::REINDEX_OBJECT_INDEX => {
                    self.on_relation(Verb::SqlMaintain, reindex.relation());
                }
                Some(relation) => self.on_existing(Verb::SqlMaintain, Some(relation)),
                None => self.on_named(Verb::SqlMaintain, reindex.name().into_iter()),
            },
            Node::ClusterStmt(cluster) => self.on_existing(Verb::SqlMaintain, cluster.relation()),
            Node::RefreshMatViewStmt(refresh) => self.on_existing(Verb::SqlMaintain, refresh.relation()),
            Node::CheckPointStmt(_) => self.on_target(Verb::SqlMaintain),
            Node::AlterSystemStmt(alter) => match alter.setstmt().and_then(|set| set.name()) {
                Some(name) => self.on_setting(Verb::SqlConfigure, name),
                None => self.on_target(Verb::SqlConfigure),
            },
            Node::CreatePublicationStmt(create) => {
                self.on_object(Verb::SqlConfigure, create.pubname().unwrap_or(""));
                self.published(create.pubobjects().iter());
            }
            Node::AlterPublicationStmt(alter) => {
                self.on_object(Verb::SqlConfigure, alter.pubname().unwrap_or(""));
                self.published(alter.pubobjects().iter());
            }
            Node::DropSubscriptionStmt(drop) => self.on_object(Verb::SqlDrop, drop.subname().unwrap_or("")),
            Node::DropUserMappingStmt(drop) => self.on_object(Verb::SqlDrop, drop.servername().unwrap_or("")),
            Node::DropdbStmt(drop) => self.on_object(Verb::SqlDrop, drop.dbname().unwrap_or("")),
            Node::DropTableSpaceStmt(drop) => self.on_object(Verb::SqlDrop, drop.tablespacename().unwrap_or("")),
            Node::LoadStmt(_) => self.on_target(Verb::SqlConfigure),
            _ => return false,
        }
        true
    }

    /// Tables of a publication, with the conditions of their rows.
    fn published<'a>(&mut self, objects: impl Iterator<Item = Node<'a>>) {
        for object in objects {
            match object {
                Node::PublicationObjSpec(object) => {
                    if let Some(table) = object.pubtable() {
                        self.on_existing(Verb::SqlConfigure, table.relation());
                        self.visit(table.where_clause());
                    }
                }
                _ => self.unknown(),
            }
        }
    }
}

/// The privileges that a GRANT gives, whatever it calls them. `None`: it gives none, or not all can be told.
fn privileges_given(grant: &GrantStmt) -> Option<BTreeSet<String>> {
    if !grant.is_grant {
        return None;
    }
    let mut given = if grant.privileges().is_empty() { names(all_privileges(grant)?) } else { BTreeSet::new() };
    for privilege in grant.privileges() {
        match privilege.priv_name() {
            Some("temp") => given.extend(names(&["temporary"])),
            Some(name) => given.extend([name.to_lowercase()]),
            // ALL with columns.
            None => given.extend(names(&["insert", "references", "select", "update"])),
        }
    }
    if grant.grant_option {
        given.extend(names(&["grant option"]));
    }
    Some(given)
}

/// What ALL stands for on a kind of object.
fn all_privileges(grant: &GrantStmt) -> Option<&'static [&'static str]> {
    Some(match grant.objtype {
        // What is named may be a sequence.
        ObjectType::OBJECT_TABLE if grant.targtype == GrantTargetType::ACL_TARGET_OBJECT => {
            &["delete", "insert", "maintain", "references", "select", "trigger", "truncate", "update", "usage"]
        }
        ObjectType::OBJECT_TABLE => {
            &["delete", "insert", "maintain", "references", "select", "trigger", "truncate", "update"]
        }
        ObjectType::OBJECT_SEQUENCE => &["select", "update", "usage"],
        ObjectType::OBJECT_DATABASE => &["connect", "create", "temporary"],
        ObjectType::OBJECT_SCHEMA => &["create", "usage"],
        ObjectType::OBJECT_TABLESPACE => &["create"],
        ObjectType::OBJECT_LARGEOBJECT => &["select", "update"],
        ObjectType::OBJECT_PARAMETER_ACL => &["alter system", "set"],
        ObjectType::OBJECT_FUNCTION | ObjectType::OBJECT_PROCEDURE | ObjectType::OBJECT_ROUTINE => &["execute"],
        ObjectType::OBJECT_DOMAIN
        | ObjectType::OBJECT_TYPE
        | ObjectType::OBJECT_LANGUAGE
        | ObjectType::OBJECT_FDW
        | ObjectType::OBJECT_FOREIGN_SERVER => &["usage"],
        _ => return None,
    })
}

/// The columns that a GRANT is limited to. `None`: some privilege is on whole rows.
fn columns_given(grant: &GrantStmt) -> Option<BTreeSet<String>> {
    let mut columns = BTreeSet::new();
    for privilege in grant.privileges() {
        if privilege.cols().is_empty() {
            return None;
        }
        for column in privilege.cols() {
            columns.insert(column.sval()?.to_owned());
        }
    }
    (grant.is_grant && !columns.is_empty()).then_some(columns)
}

/// Whether an option of a role's GRANT lets its new members give the role on.
fn gives_admin(option: Node<'_>) -> bool {
    match option {
        Node::DefElem(option) if option.defname() == Some("admin") => {
            !matches!(option.arg(), Node::Boolean(on) if !on.boolval)
        }
        _ => false,
    }
}

/// ALTER GROUP … ADD: a GRANT of the role by another name.
fn adds_members(alter: &AlterRoleStmt) -> bool {
    let mut options = alter.options().iter().map(DefElem::defname).peekable();
    alter.action > 0 && options.peek().is_some() && options.all(|name| name == Some("rolemembers"))
}

fn names(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What a statement configures, by name.
fn configured(node: Node<'_>) -> Option<Option<&str>> {
    Some(match node {
        Node::CreateExtensionStmt(create) => create.extname(),
        Node::AlterExtensionStmt(alter) => alter.extname(),
        Node::AlterExtensionContentsStmt(alter) => alter.extname(),
        Node::AlterDatabaseStmt(alter) => alter.dbname(),
        Node::AlterDatabaseSetStmt(alter) => alter.dbname(),
        Node::AlterDatabaseRefreshCollStmt(alter) => alter.dbname(),
        Node::CreatedbStmt(create) => create.dbname(),
        Node::CreateSubscriptionStmt(create) => create.subname(),
        Node::AlterSubscriptionStmt(alter) => alter.subname(),
        Node::CreateTableSpaceStmt(create) => create.tablespacename(),
        Node::AlterTableSpaceOptionsStmt(alter) => alter.tablespacename(),
        Node::CreateFdwStmt(create) => create.fdwname(),
        Node::AlterFdwStmt(alter) => alter.fdwname(),
        Node::CreateForeignServerStmt(create) => create.servername(),
        Node::AlterForeignServerStmt(alter) => alter.servername(),
        Node::CreateUserMappingStmt(create) => create.servername(),
        Node::AlterUserMappingStmt(alter) => alter.servername(),
        Node::ImportForeignSchemaStmt(import) => import.server_name(),
        _ => return None,
    })
}

/// What a member of a role is given: the role's own privileges cannot be told.
const MEMBER: &str = "member";
/// Options that list the roles which a role is a member of, its members, and those who may give it on.
const MEMBERS: [&str; 3] = ["addroleto", "rolemembers", "adminmembers"];
/// Nodes that a copy of a name counts as.
const NAME_NODES: usize = 8;
