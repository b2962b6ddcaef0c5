//! Who acts: principals, their lineage, and their standing at one moment.
//! A principal is known by id; names are unique, never reused, and what policies are written with.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{PrincipalId, limit};

/// A person or workload held accountable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Principal {
    /// For life.
    pub id: PrincipalId,
    /// What kind it is; agents and pipelines never review.
    pub kind: PrincipalKind,
    /// Unique and never reused.
    pub name: Name,
}

/// The kinds of principal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    /// A human being; the only kind that gives verdicts.
    Person,
    /// An AI agent, owned by a person.
    Agent,
    /// A build or deployment pipeline, owned by a person.
    Pipeline,
}

impl PrincipalKind {
    /// The word, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Agent => "agent",
            Self::Pipeline => "pipeline",
        }
    }
}

impl fmt::Display for PrincipalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Every person an actor acts for or is owned by, the actor included if it is a person.
/// Nobody in it may countersign (invariant 3).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Lineage(BTreeSet<PrincipalId>);

impl Lineage {
    /// A lineage of these people.
    #[must_use]
    pub fn of(people: impl IntoIterator<Item = PrincipalId>) -> Self {
        Self(people.into_iter().collect())
    }

    /// Whether `person` stands behind the action.
    #[must_use]
    pub fn contains(&self, person: PrincipalId) -> bool {
        self.0.contains(&person)
    }

    /// Its people in the order of their ids.
    pub fn people(&self) -> impl ExactSizeIterator<Item = PrincipalId> + '_ {
        self.0.iter().copied()
    }
}

/// The principal that acts, with its lineage.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Actor {
    /// Who acts.
    pub principal: Principal,
    /// Everyone it acts for.
    pub lineage: Lineage,
}

/// What is true of a principal at one moment: read afresh when an action is released and when a verdict is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The principal and its lineage now.
    pub actor: Actor,
    /// Who owns it, for agents and pipelines.
    pub owner: Option<Owner>,
    /// Groups it belongs to now.
    pub groups: BTreeSet<GroupName>,
    /// Neither revoked itself nor owned by somebody who is.
    pub active: bool,
}

/// The person who owns an agent or pipeline, as of now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    /// Their name.
    pub name: Name,
    /// Groups they belong to.
    pub groups: BTreeSet<GroupName>,
    /// Whether they are active.
    pub active: bool,
}

/// The name of a principal or target: 1–64 of `a-z 0-9 - _ .`, starting with a letter or digit.
///
/// Restricted so that no two names look alike: I03 of the abuse catalogue.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<str>);

/// The name of a group of principals, written as a [`Name`].
pub type GroupName = Name;

/// The text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use 1 to 64 of a-z, 0-9, `-`, `_` and `.`, starting with a letter or digit")]
pub struct InvalidName(String);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The built-in target: the gateway itself.
    #[must_use]
    pub fn gateway() -> Self {
        Self("countersign".into())
    }

    /// The group that owns the gateway itself.
    #[must_use]
    pub fn admins() -> Self {
        Self("admins".into())
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if starts && text.len() <= limit::NAME_CHARS && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName(text.chars().take(limit::NAME_CHARS).collect()))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_mistaken_for_another_are_refused() {
        for wrong in ["", "Ada", "ada ", "аda", "-ada", "a/b", "a\nb", &"x".repeat(65)] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
        assert!("ada.lovelace-2".parse::<Name>().is_ok());
    }
}
