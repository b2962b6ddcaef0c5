//! What an action does: operations, each a verb on one resource with facts, in the categories that all protocols share.
//! The table of verbs is the one place where an operation gets its name and its categories.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The categories that one rule can cover for every protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Data is read.
    Read,
    /// Data is changed.
    Write,
    /// Data is lost for good.
    Destroy,
    /// Data leaves in bulk.
    Export,
    /// Privileges or identities change.
    Escalate,
    /// Infrastructure or settings change.
    Configure,
    /// Code of unknown effect runs.
    Execute,
    /// A session opens, or keeps house: transactions, harmless settings.
    Connect,
}

impl Category {
    /// All of them, in the order of the schema.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Write,
        Self::Destroy,
        Self::Export,
        Self::Escalate,
        Self::Configure,
        Self::Execute,
        Self::Connect,
    ];

    /// The word, lower case: also the name of the Cedar action group.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destroy => "destroy",
            Self::Export => "export",
            Self::Escalate => "escalate",
            Self::Configure => "configure",
            Self::Execute => "execute",
            Self::Connect => "connect",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $variant:ident = $name:literal in [$($category:ident),*];)*) => {
        /// What an operation does. Each is a Cedar action of the same name, member of its categories.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        pub enum Verb {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Verb {
            /// All verbs, in the order of the schema.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name of the Cedar action.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The categories it is a member of; none for `unknown`.
            #[must_use]
            pub const fn categories(self) -> &'static [Category] {
                match self { $(Self::$variant => &[$(Category::$category),*],)* }
            }
        }
    };
}

verbs! {
    /// Opens a session with a target.
    Session = "session.open" in [Connect];
    /// Transaction control and other housekeeping that touches no data.
    SqlHousekeep = "sql.housekeep" in [Connect];
    /// Sets a harmless setting of the session.
    SqlSet = "sql.set" in [Connect];
    /// Shows a setting.
    SqlShow = "sql.show" in [Read];
    /// Reads rows.
    SqlSelect = "sql.select" in [Read];
    /// Reads rows through a view, row policies or a foreign server: code that is not looked into runs.
    SqlSelectView = "sql.select_view" in [Read];
    /// Reads classified columns without a bound.
    SqlSelectUnbounded = "sql.select_unbounded" in [Read, Export];
    /// Plans a statement without running it.
    SqlExplain = "sql.explain" in [Read];
    /// Reads rows and locks them.
    SqlSelectLocking = "sql.select_locking" in [Read, Write];
    /// Adds rows.
    SqlInsert = "sql.insert" in [Write];
    /// Changes rows within a bound.
    SqlUpdate = "sql.update" in [Write];
    /// Changes rows without a bound.
    SqlUpdateUnbounded = "sql.update_unbounded" in [Write, Destroy];
    /// Removes rows within a bound.
    SqlDelete = "sql.delete" in [Write];
    /// Removes rows without a bound.
    SqlDeleteUnbounded = "sql.delete_unbounded" in [Write, Destroy];
    /// Merges rows: may insert, change and remove.
    SqlMerge = "sql.merge" in [Write, Destroy];
    /// Empties a table.
    SqlTruncate = "sql.truncate" in [Write, Destroy];
    /// Drops an object.
    SqlDrop = "sql.drop" in [Destroy, Configure];
    /// Creates a table, view, index or other object without code.
    SqlCreate = "sql.create" in [Configure];
    /// Creates a table from a query: writes what it reads.
    SqlCreateAs = "sql.create_as" in [Write, Configure];
    /// Alters an object.
    SqlAlter = "sql.alter" in [Configure];
    /// Drops a part of an object, such as a column.
    SqlAlterDrop = "sql.alter_drop" in [Destroy, Configure];
    /// Locks a table.
    SqlLock = "sql.lock" in [Configure];
    /// Maintenance: vacuum, analyze, reindex, cluster, checkpoint.
    SqlMaintain = "sql.maintain" in [Configure];
    /// Server or database settings, extensions, replication, unlisted settings of the session.
    SqlConfigure = "sql.configure" in [Configure];
    /// Grants, roles, ownership, row policies, and changes of the role that acts.
    SqlEscalate = "sql.escalate" in [Escalate];
    /// Calls a function that is not on the allow-list, a procedure, or a block of code.
    SqlCall = "sql.call" in [Execute];
    /// Defines code: functions, procedures, triggers, rules, languages.
    SqlDefineCode = "sql.define_code" in [Execute, Configure];
    /// Copies rows to the client.
    SqlCopyOut = "sql.copy_out" in [Read, Export];
    /// Copies rows from the client.
    SqlCopyIn = "sql.copy_in" in [Write];
    /// Reads or writes files or programs of the server.
    SqlServerFile = "sql.server_file" in [Execute];
    /// Sends a notification to every listener.
    SqlNotify = "sql.notify" in [Write];
    /// Listens to notifications of every session.
    SqlListen = "sql.listen" in [Read, Export];
    /// Changes people, agents or groups of the gateway.
    GatewayEscalate = "gateway.escalate" in [Escalate];
    /// Changes policies, targets or configuration of the gateway.
    GatewayConfigure = "gateway.configure" in [Configure];
    /// Could not be classified: denied unless a rule names it.
    Unknown = "unknown" in [];
}

impl Verb {
    /// Whether it changes nothing and runs no unlisted code: the only kind that may run before its record is durable.
    #[must_use]
    pub const fn is_plain_read(self) -> bool {
        matches!(self, Self::SqlSelect | Self::SqlShow | Self::SqlHousekeep)
    }

    /// Whether it changes nothing and runs no unlisted code, however much it reads.
    #[must_use]
    pub fn only_reads(self) -> bool {
        let harmless = [Category::Read, Category::Export, Category::Connect];
        let categories = self.categories();
        !categories.is_empty() && categories.iter().all(|category| harmless.contains(category))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What kind of thing inside a target is touched. Each is a Cedar entity type of the same name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum ResourceKind {
    /// The target itself.
    Target,
    /// A table or view.
    Table,
    /// A function or procedure.
    Function,
    /// A role of the upstream.
    Role,
    /// A setting.
    Setting,
    /// Any other object: schema, type, extension, publication, …
    Object,
    /// A principal of the gateway.
    Principal,
    /// A name that resolved to nothing: granted only by name.
    Unresolved,
}

impl ResourceKind {
    /// All of them, in the order of the schema.
    pub const ALL: [Self; 8] = [
        Self::Target,
        Self::Table,
        Self::Function,
        Self::Role,
        Self::Setting,
        Self::Object,
        Self::Principal,
        Self::Unresolved,
    ];

    /// The name of the Cedar entity type.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Target => "Target",
            Self::Table => "Table",
            Self::Function => "Function",
            Self::Role => "Role",
            Self::Setting => "Setting",
            Self::Object => "Object",
            Self::Principal => "Principal",
            Self::Unresolved => "Unresolved",
        }
    }
}

/// What inside a target is touched.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Resource {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its schema, where it has one; else empty.
    pub schema: Box<str>,
    /// Its name; empty for the target itself.
    pub name: Box<str>,
}

impl Resource {
    /// The target itself.
    #[must_use]
    pub fn target() -> Self {
        Self::new(ResourceKind::Target, "", "")
    }

    /// A resource of `kind`.
    #[must_use]
    pub fn new(kind: ResourceKind, schema: &str, name: &str) -> Self {
        Self { kind, schema: schema.into(), name: name.into() }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return f.write_str("the target");
        }
        if !self.schema.is_empty() {
            write!(f, "{}.", self.schema)?;
        }
        f.write_str(&self.name)
    }
}

/// Facts about one operation that policy may read. They never come from running the actor's text.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Facts {
    /// A WHERE clause is there.
    pub has_where: bool,
    /// The rows touched have a proven bound: a column equals constants, or LIMIT is a constant of at most 1,000.
    pub bounded: bool,
    /// Some column of the resource that the statement names carries a class.
    pub classified: bool,
    /// The constant of a LIMIT clause, in rows.
    pub limit: Option<i64>,
    /// The planner's statistics for the table, in rows; absent when the catalog has none.
    pub estimated_rows: Option<i64>,
    /// Columns of the table that are written, or read wherever the statement names them, or that privileges are given on;
    /// absent where that is not known, and where whole rows go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<BTreeSet<String>>,
    /// Privileges that the statement gives, by the upstream's lower-case names; absent where it gives none, and where not all
    /// are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileges: Option<BTreeSet<String>>,
    /// Statements of the text that it stands in; absent where an action is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statements: Option<i64>,
}

/// One thing that an action does to one resource.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Operation {
    /// What is done.
    pub verb: Verb,
    /// To what.
    pub resource: Resource,
    /// What policy may know of it.
    pub facts: Facts,
}

impl Operation {
    /// An operation without facts.
    #[must_use]
    pub fn new(verb: Verb, resource: Resource) -> Self {
        Self { verb, resource, facts: Facts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unknown_is_in_no_category() {
        for verb in Verb::ALL {
            assert_eq!(verb.categories().is_empty(), *verb == Verb::Unknown, "{verb}");
        }
    }

    #[test]
    fn what_writes_or_is_unknown_does_not_only_read() {
        let read: Vec<_> = Verb::ALL.iter().filter(|verb| verb.only_reads()).map(|verb| verb.as_str()).collect();
        assert!(read.contains(&"sql.select_unbounded"));
        for more in ["sql.insert", "sql.call", "sql.server_file", "sql.select_locking", "unknown"] {
            assert!(!read.contains(&more), "{more}");
        }
    }

    #[test]
    fn a_plain_read_is_never_more_than_a_read() {
        let harmless = [Category::Read, Category::Connect];
        for verb in Verb::ALL.iter().filter(|verb| verb.is_plain_read()) {
            assert!(verb.only_reads(), "{verb}");
            assert!(verb.categories().iter().all(|category| harmless.contains(category)), "{verb}");
        }
    }
}
