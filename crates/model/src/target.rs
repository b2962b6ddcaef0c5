//! One configured upstream: its kind, owner group, labels and classified columns, and the version that approvals bind to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Canonical, DataClass, Digest, GroupName, Name};

/// Labels of a target, such as `environment = "production"`.
pub type Labels = BTreeMap<String, String>;

/// One configured upstream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Target {
    /// Unique in the gateway.
    pub name: Name,
    /// What speaks there.
    pub kind: TargetKind,
    /// The group that owns it; `@review("owner")` means its members.
    pub owner: GroupName,
    /// Labels, `environment` among them.
    pub labels: Labels,
    /// Data classes by column, as `schema.table.column` (`table.column` for SQLite).
    pub classify: BTreeMap<String, DataClass>,
    /// Data classes that values are searched for, wherever they stand.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub detect: BTreeSet<DataClass>,
    /// Whether what is held may be run and undone, to count the rows that it concerns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Digest over address, upstream role, classification, owner and labels.
    pub version: TargetVersion,
}

impl Target {
    /// The label `environment`, or `unset`: a mistyped label counts as production.
    #[must_use]
    pub fn environment(&self) -> &str {
        self.labels.get("environment").map_or("unset", String::as_str)
    }

    /// The version of a target with these parts; `address` is the upstream without its secret.
    #[must_use]
    pub fn version_of(&self, address: &str, role: &str) -> TargetVersion {
        let mut form = Canonical::new("countersign/target/v1");
        form.text(self.name.as_str()).text(self.kind.as_str()).text(self.owner.as_str()).text(address).text(role);
        form.count(self.labels.len());
        for (name, value) in &self.labels {
            form.text(name).text(value);
        }
        form.count(self.classify.len());
        for (column, class) in &self.classify {
            form.text(column).text(class.as_str());
        }
        if self.dry_run {
            form.text("dry-run");
        }
        if !self.detect.is_empty() {
            form.text("detect").count(self.detect.len());
            for class in &self.detect {
                form.text(class.as_str());
            }
        }
        TargetVersion(form.digest())
    }
}

/// The version of a target that an approval is bound to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct TargetVersion(pub Digest);

/// What speaks at a target.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// PostgreSQL 12 or later.
    Postgres,
    /// A SQLite file.
    Sqlite,
    /// The gateway itself: its principals, policies and targets.
    Gateway,
}

impl TargetKind {
    /// The word of the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
            Self::Gateway => "gateway",
        }
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TargetKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Postgres, Self::Sqlite, Self::Gateway].into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}
