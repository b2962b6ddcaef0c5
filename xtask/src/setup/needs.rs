//! What building and testing need, each with the Debian package that brings it: the one list to extend.
//!
//! Tests of a peer that is missing must fail, not skip; so every real peer the tests use stands here.

use super::machine::{self, Machine};

/// What the machine is set up for. Testing includes building.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Build,
    Test,
}

impl Purpose {
    /// Is a thing that is needed for `other` needed for this, too?
    pub(super) fn includes(self, other: Self) -> bool {
        self == Self::Test || other == Self::Build
    }
}

/// One thing that must be there, and how to find it.
pub(super) struct Need {
    pub(super) what: &'static str,
    pub(super) package: &'static str,
    pub(super) purpose: Purpose,
    /// Where it is, or its version; nothing if it is missing.
    pub(super) find: fn(&Machine) -> Option<String>,
}

pub(super) const NEEDS: &[Need] = &[
    Need {
        what: "C compiler and headers",
        package: "build-essential",
        purpose: Purpose::Build,
        find: Machine::c_compiler,
    },
    Need { what: "libclang", package: "libclang-dev", purpose: Purpose::Build, find: Machine::libclang },
    Need {
        what: "PostgreSQL server >= 15",
        package: "postgresql",
        purpose: Purpose::Test,
        find: Machine::postgres_server,
    },
    Need {
        what: "psql",
        package: "postgresql",
        purpose: Purpose::Test,
        find: |machine| machine.postgres_client("psql"),
    },
    Need {
        what: "pgbench",
        package: "postgresql",
        purpose: Purpose::Test,
        find: |machine| machine.postgres_client("pgbench"),
    },
    Need {
        what: "pg_dump",
        package: "postgresql",
        purpose: Purpose::Test,
        find: |machine| machine.postgres_client("pg_dump"),
    },
    Need {
        what: "pgbouncer",
        package: "pgbouncer",
        purpose: Purpose::Test,
        find: |machine| machine.program("pgbouncer"),
    },
    Need { what: "sqlite3", package: "sqlite3", purpose: Purpose::Test, find: |machine| machine.program("sqlite3") },
    Need { what: "python3", package: "python3", purpose: Purpose::Test, find: |machine| machine.program("python3") },
    Need { what: "curl", package: "curl", purpose: Purpose::Test, find: |machine| machine.program("curl") },
    Need { what: "openssl", package: "openssl", purpose: Purpose::Test, find: |machine| machine.program("openssl") },
    Need {
        what: "psycopg",
        package: "python3-psycopg",
        purpose: Purpose::Test,
        find: |_| machine::python_module("psycopg"),
    },
    Need {
        what: "asyncpg",
        package: "python3-asyncpg",
        purpose: Purpose::Test,
        find: |_| machine::python_module("asyncpg"),
    },
    // A JDK, not a JRE: it compiles the test's source as it starts.
    Need {
        what: "javac",
        package: "default-jdk-headless",
        purpose: Purpose::Test,
        find: |machine| machine.program("javac"),
    },
    Need {
        what: "PostgreSQL JDBC driver",
        package: "libpostgresql-jdbc-java",
        purpose: Purpose::Test,
        find: |_| machine::jdbc_driver(),
    },
    Need { what: "node", package: "nodejs", purpose: Purpose::Test, find: |machine| machine.program("node") },
    Need { what: "npm", package: "npm", purpose: Purpose::Test, find: |machine| machine.program("npm") },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn building_never_asks_for_a_server() {
        let for_building: Vec<&str> =
            NEEDS.iter().filter(|need| Purpose::Build.includes(need.purpose)).map(|need| need.package).collect();
        assert_eq!(for_building, ["build-essential", "libclang-dev"]);
    }

    #[test]
    fn testing_includes_building() {
        assert!(Purpose::Test.includes(Purpose::Build));
        assert!(Purpose::Test.includes(Purpose::Test));
        assert!(!Purpose::Build.includes(Purpose::Test));
    }
}
