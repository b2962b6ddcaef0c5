//! One thing an actor tries to do, parsed whole, and the digest that an approval is bound to.
//! The digest has three inner digests (bearing, statement, parameters), so that a session computes only what changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Actor, Canonical, DataClass, Digest, Name, Operation, TargetVersion};

/// One thing an actor tries to do: operations, resources, exact bytes, parameters and session state.
///
/// It holds no connection and no door: the same act by another door is the same action, with the same digest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Action {
    /// Who acts, and for whom.
    pub actor: Actor,
    /// On which target.
    pub target: Name,
    /// The version of the target that was in force.
    pub target_version: TargetVersion,
    /// What it says and what it means.
    pub statement: Statement,
    /// Values bound to the statement, in order.
    pub parameters: Vec<Parameter>,
    /// State of the session that changes meaning.
    pub state: SessionState,
    /// Classes that the actor asked to see unmasked.
    pub reveal: BTreeSet<DataClass>,
}

/// The exact text of an action and what it was found to mean.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Statement {
    /// Exactly as the actor sent it.
    pub text: String,
    /// Everything it does, each decided on its own.
    pub operations: Vec<Operation>,
    /// What its names resolve to: identity and version of each, such as a catalog OID and row version.
    pub bound: Vec<Bound>,
}

/// What one name resolved to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Bound {
    /// The name in full, such as `table public.customers`.
    pub name: String,
    /// What it is now, such as `oid 16402 xmin 741`.
    pub identity: String,
}

/// What an upstream is asked to do with a statement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Run it.
    Run,
    /// Keep it for later runs, each an action of its own. Names are looked up and no code runs.
    Prepare,
    /// Run it where nothing of it stays, for those who review it to see how many rows it concerns.
    DryRun,
}

/// One bound value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Parameter {
    /// Its type as the upstream names it, or empty where the upstream infers it.
    pub kind: String,
    /// How the bytes are to be read.
    pub format: Format,
    /// The bytes; absent is NULL.
    pub value: Option<Vec<u8>>,
}

/// How the bytes of a value are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As text.
    Text,
    /// In the type's binary form.
    Binary,
}

/// State of a session that changes what a statement means: database, role, search path, lexing settings, …
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SessionState(pub BTreeMap<String, String>);

impl SessionState {
    /// What differs from `self` in `other`, as `name: before -> after`.
    #[must_use]
    pub fn drift(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let shown = |state: &Self, name: &String| state.0.get(name).cloned().unwrap_or_else(|| "(absent)".to_owned());
        names
            .into_iter()
            .filter(|name| self.0.get(*name) != other.0.get(*name))
            .map(|name| format!("{name}: {} -> {}", shown(self, name), shown(other, name)))
            .collect()
    }
}

impl Action {
    /// The digest of the whole action.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Self::digest_of(&self.bearing_digest(), &self.statement.digest(), &Self::parameters_digest(&self.parameters))
    }

    /// The digest from its three inner digests.
    #[must_use]
    pub fn digest_of(bearing: &Digest, statement: &Digest, parameters: &Digest) -> Digest {
        let mut form = Canonical::new("countersign/action/v1");
        form.inner(bearing).inner(statement).inner(parameters);
        form.digest()
    }

    /// Who acts, for whom, on which target in which version, in which state, asking to see what.
    #[must_use]
    pub fn bearing_digest(&self) -> Digest {
        let principal = &self.actor.principal;
        let mut form = Canonical::new("countersign/bearing/v1");
        form.bytes(principal.id.as_bytes()).text(principal.kind.as_str()).text(principal.name.as_str());
        form.count(self.actor.lineage.people().len());
        for person in self.actor.lineage.people() {
            form.bytes(person.as_bytes());
        }
        form.text(self.target.as_str()).inner(&self.target_version.0);
        form.count(self.state.0.len());
        for (name, value) in &self.state.0 {
            form.text(name).text(value);
        }
        form.count(self.reveal.len());
        for class in &self.reveal {
            form.text(class.as_str());
        }
        form.digest()
    }

    /// The bound values: type, format and bytes of each.
    #[must_use]
    pub fn parameters_digest(parameters: &[Parameter]) -> Digest {
        let mut form = Canonical::new("countersign/parameters/v1");
        form.count(parameters.len());
        for parameter in parameters {
            let format = match parameter.format {
                Format::Text => 0,
                Format::Binary => 1,
            };
            form.text(&parameter.kind).count(format).optional(parameter.value.as_deref());
        }
        form.digest()
    }

    /// Whether every operation is a proven plain read.
    #[must_use]
    pub fn is_plain_read(&self) -> bool {
        !self.statement.operations.is_empty() && self.statement.operations.iter().all(|op| op.verb.is_plain_read())
    }
}

impl Statement {
    /// The exact text, what it does and what its names resolve to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut form = Canonical::new("countersign/statement/v1");
        form.text(&self.text).count(self.operations.len());
        for operation in &self.operations {
            let resource = &operation.resource;
            form.text(operation.verb.as_str()).text(resource.kind.as_str());
            form.text(&resource.schema).text(&resource.name);
        }
        form.count(self.bound.len());
        for bound in &self.bound {
            form.text(&bound.name).text(&bound.identity);
        }
        form.digest()
    }
}

#[cfg(test)]
mod tests;
