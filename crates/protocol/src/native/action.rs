//! What an operation on the gateway itself means: people, agents and pipelines are added and revoked like anything else,
//! as actions on the target `countersign`.

use std::collections::BTreeSet;

use model::{Format, GroupName, Name, Operation, Parameter, PrincipalKind, Resource, ResourceKind, Statement, Verb};
use serde::Deserialize;
use serde_json::json;

use super::message::Proposal;

/// An operation on the gateway itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayOperation {
    /// Adds a person.
    AddPerson {
        /// Their name.
        name: Name,
        /// Their groups.
        groups: BTreeSet<GroupName>,
        /// Their passphrase's argon2id string, made where it was typed.
        credential: String,
    },
    /// Adds an agent or pipeline.
    AddAgent {
        /// Which of the two.
        kind: PrincipalKind,
        /// Its name.
        name: Name,
        /// Who owns it.
        owner: Name,
        /// Its groups.
        groups: BTreeSet<GroupName>,
    },
    /// Revokes a principal.
    Revoke {
        /// Who.
        name: Name,
    },
}

/// The operation is not one of the gateway's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; the gateway's operations are `person.add`, `agent.add`, `pipeline.add` and `principal.revoke`")]
pub struct BadOperation(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    name: Name,
    #[serde(default)]
    groups: BTreeSet<GroupName>,
    credential: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Owned {
    name: Name,
    owner: Name,
    #[serde(default)]
    groups: BTreeSet<GroupName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: Name,
}

impl GatewayOperation {
    /// Reads a proposal for the target `countersign`.
    ///
    /// # Errors
    /// If the operation or its arguments are not known.
    pub fn parse(proposal: &Proposal) -> Result<Self, BadOperation> {
        let arguments = serde_json::Value::Object(proposal.arguments.clone());
        let bad = |error: serde_json::Error| BadOperation(format!("`{}`: {error}", proposal.operation));
        let owned = |kind, arguments| {
            let Owned { name, owner, groups } = serde_json::from_value(arguments).map_err(bad)?;
            Ok(Self::AddAgent { kind, name, owner, groups })
        };
        match proposal.operation.as_str() {
            "person.add" => {
                let Person { name, groups, credential } = serde_json::from_value(arguments).map_err(bad)?;
                Ok(Self::AddPerson { name, groups, credential })
            }
            "agent.add" => owned(PrincipalKind::Agent, arguments),
            "pipeline.add" => owned(PrincipalKind::Pipeline, arguments),
            "principal.revoke" => {
                Ok(Self::Revoke { name: serde_json::from_value::<Named>(arguments).map_err(bad)?.name })
            }
            other => Err(BadOperation(format!("`{other}` is not an operation"))),
        }
    }

    /// What it means, and what is bound but not shown: a credential's hash.
    #[must_use]
    pub fn meaning(&self) -> (Statement, Vec<Parameter>) {
        let (name, text, secret) = match self {
            Self::AddPerson { name, groups, credential } => {
                (name, json!({"person.add": {"name": name, "groups": groups}}), Some(credential))
            }
            Self::AddAgent { kind, name, owner, groups } => {
                (name, json!({format!("{kind}.add"): {"name": name, "owner": owner, "groups": groups}}), None)
            }
            Self::Revoke { name } => (name, json!({"principal.revoke": {"name": name}}), None),
        };
        let resource = Resource::new(ResourceKind::Principal, "", name.as_str());
        let operations = vec![Operation::new(Verb::GatewayEscalate, resource)];
        let credential = |secret: &String| Parameter {
            kind: "credential".to_owned(),
            format: Format::Text,
            value: Some(secret.clone().into_bytes()),
        };
        let statement = Statement { text: text.to_string(), operations, bound: Vec::new() };
        (statement, secret.map(credential).into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_bound_but_not_in_the_text() {
        let body = br#"{"target":"countersign","operation":"person.add",
            "arguments":{"name":"grace","groups":["dba"],"credential":"$argon2id$x"}}"#;
        let operation = GatewayOperation::parse(&Proposal::parse(body).unwrap()).unwrap();
        let (statement, parameters) = operation.meaning();
        assert!(!statement.text.contains("argon2id"), "{}", statement.text);
        assert_eq!(parameters.len(), 1);
        assert_eq!(statement.operations[0].verb, Verb::GatewayEscalate);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let parse = |body: &str| GatewayOperation::parse(&Proposal::parse(body.as_bytes()).unwrap());
        assert!(parse(r#"{"target":"countersign","operation":"policy.wipe"}"#).is_err());
        assert!(parse(r#"{"target":"countersign","operation":"agent.add","arguments":{"name":"a"}}"#).is_err());
        let extra = r#"{"target":"countersign","operation":"principal.revoke","arguments":{"name":"a","admin":true}}"#;
        assert!(parse(extra).is_err());
    }
}
