//! Privileges and identities, the server and its databases, and what connects it to others.

use model::{Facts, Resource, ResourceKind, Verb};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::{GrantStmt, RoleSpec};
use pg_raw_parse::raw::{GrantTargetType, ObjectType, ReindexObjectType, RoleSpecType};

use super::Reading;
use super::utility::parts_of;

impl Reading<'_> {
    /// Privileges and identities.
    pub(super) fn privilege(&mut self, node: Node<'_>) -> bool {
        match node {
            Node::GrantStmt(grant) => self.grant(grant),
            Node::GrantRoleStmt(grant) => {
                for role in grant.granted_roles() {
                    match role {
                        Node::AccessPriv(role) => self.on_role(Verb::SqlEscalate, role.priv_name()),
                        _ => self.on_target(Verb::SqlEscalate),
                    }
                }
            }
            Node::AlterDefaultPrivilegesStmt(_) => self.on_target(Verb::SqlEscalate),
            Node::CreateRoleStmt(create) => self.on_role(Verb::SqlEscalate, create.role()),
            Node::AlterRoleStmt(alter) => self.on_role_spec(alter.role()),
            Node::AlterRoleSetStmt(alter) => self.on_role_spec(alter.role()),
            Node::DropRoleStmt(drop) => self.on_roles(drop.roles().iter()),
            Node::ReassignOwnedStmt(reassign) => self.on_roles(reassign.roles().iter()),
            Node::DropOwnedStmt(drop) => {
                self.on_roles(drop.roles().iter());
                self.on_target(Verb::SqlDrop);
            }
            Node::AlterOwnerStmt(alter) => self.on_owned(alter.object_type, alter.object()),
            Node::CreatePolicyStmt(policy) => {
                self.on_existing(Verb::SqlEscalate, policy.table());
                self.visit(policy.qual());
                self.visit(policy.with_check());
            }
            Node::AlterPolicyStmt(policy) => {
                self.on_existing(Verb::SqlEscalate, policy.table());
                self.visit(policy.qual());
                self.visit(policy.with_check());
            }
            Node::SecLabelStmt(label) => self.on_owned(label.objtype, label.object()),
            _ => return false,
        }
        true
    }

    fn grant(&mut self, grant: &GrantStmt) {
        let tables = grant.objtype == ObjectType::OBJECT_TABLE && grant.targtype == GrantTargetType::ACL_TARGET_OBJECT;
        if !tables {
            // The binding's list of other objects cannot be read without risk: the privilege counts on all of the target.
            return self.on_target(Verb::SqlEscalate);
        }
        grant.objects().iter().for_each(|table| self.on_existing(Verb::SqlEscalate, Some(table)));
    }

    pub(super) fn on_role(&mut self, verb: Verb, name: Option<&str>) {
        match name {
            Some(name) => self.add(verb, Resource::new(ResourceKind::Role, "", name), Facts::default()),
            None => self.on_target(verb),
        }
    }

    fn on_role_spec(&mut self, role: Option<&RoleSpec>) {
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
