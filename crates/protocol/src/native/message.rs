//! A proposal as it comes in: strict JSON, every field known, every length bounded.

use model::{Duration, Format, Name, Parameter, limit};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a caller proposes.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The target's name.
    pub target: Name,
    /// The statement, for targets that speak SQL.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub statement: String,
    /// Values for the statement's placeholders, in order: null, boolean, number or string.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Value>,
    /// The operation, for the gateway itself, such as `agent.add`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operation: String,
    /// The operation's arguments.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub arguments: serde_json::Map<String, Value>,
    /// Why, for the reviewers; at most 2,000 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// How long to wait for a review before answering `pending`, such as `30s`; at most 10 minutes; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<String>,
}

/// Why a proposal is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadProposal {
    /// Not JSON, or not of this form.
    #[error("the body is not a proposal: {0}")]
    Malformed(String),
    /// A field is over its limit.
    #[error("`{field}` is over its limit of {limit} {unit}")]
    TooLong {
        /// Which.
        field: &'static str,
        /// How much it may hold.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// A parameter is an array or object.
    #[error("parameter {0} is not null, a boolean, a number or a string")]
    BadParameter(usize),
    /// The time is not one.
    #[error("`wait` is a time from 0s to 10m, such as `30s`")]
    BadWait,
}

impl Proposal {
    /// Reads a body.
    ///
    /// # Errors
    /// With what is wrong and where.
    pub fn parse(body: &[u8]) -> Result<Self, BadProposal> {
        let proposal: Self = serde_json::from_slice(body).map_err(|error| BadProposal::Malformed(error.to_string()))?;
        let too_long = |field, limit, unit| Err(BadProposal::TooLong { field, limit, unit });
        if proposal.statement.len() > limit::STATEMENT_BYTES {
            return too_long("statement", limit::STATEMENT_BYTES, "bytes");
        }
        if proposal.reason.len() > limit::REASON_BYTES {
            return too_long("reason", limit::REASON_BYTES, "bytes");
        }
        if proposal.parameters.len() > limit::PARAMETERS {
            return too_long("parameters", limit::PARAMETERS, "values");
        }
        proposal.waits()?;
        Ok(proposal)
    }

    /// How long the caller waits.
    ///
    /// # Errors
    /// If the text is no time, or too long.
    pub fn waits(&self) -> Result<Duration, BadProposal> {
        let Some(text) = &self.wait else { return Ok(Duration::from_secs(0)) };
        Duration::parse(text).filter(|wait| *wait <= LONGEST_WAIT).ok_or(BadProposal::BadWait)
    }

    /// The parameters as an action binds them: as text, with the JSON type as their type.
    ///
    /// # Errors
    /// If one is an array or object.
    pub fn bound_parameters(&self) -> Result<Vec<Parameter>, BadProposal> {
        let parameter = |(number, value): (usize, &Value)| {
            let (kind, value) = match value {
                Value::Null => ("null", None),
                Value::Bool(value) => ("boolean", Some(value.to_string())),
                Value::Number(value) if value.is_f64() => ("real", Some(value.to_string())),
                Value::Number(value) => ("integer", Some(value.to_string())),
                Value::String(value) => ("text", Some(value.clone())),
                Value::Array(_) | Value::Object(_) => return Err(BadProposal::BadParameter(number + 1)),
            };
            Ok(Parameter { kind: kind.to_owned(), format: Format::Text, value: value.map(String::into_bytes) })
        };
        self.parameters.iter().enumerate().map(parameter).collect()
    }
}

/// The longest that one call waits.
pub const LONGEST_WAIT: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_overlong_fields_are_refused() {
        let parse = |text: &str| Proposal::parse(text.as_bytes());
        assert!(parse(r#"{"target":"shop","statement":"select 1"}"#).is_ok());
        for wrong in
            ["", "[]", r#"{"target":"Shop"}"#, r#"{"target":"shop","statment":"x"}"#, r#"{"target":"a","target":"b"}"#]
        {
            assert!(matches!(parse(wrong), Err(BadProposal::Malformed(_))), "{wrong}");
        }
        let long = format!(r#"{{"target":"shop","statement":"{}"}}"#, "x".repeat(limit::STATEMENT_BYTES + 1));
        assert!(matches!(parse(&long), Err(BadProposal::TooLong { field: "statement", .. })));
        assert_eq!(parse(r#"{"target":"shop","wait":"11m"}"#), Err(BadProposal::BadWait));
    }

    #[test]
    fn a_number_is_the_one_that_was_sent_and_stays_it_when_it_is_kept() {
        let proposal = Proposal::parse(br#"{"target":"shop","parameters":[123456789.123456789]}"#).unwrap();
        let nearest = b"123456789.12345679".to_vec();
        assert_eq!(proposal.bound_parameters().unwrap()[0].value, Some(nearest));
        let kept = serde_json::to_vec(&proposal).unwrap();
        assert_eq!(Proposal::parse(&kept), Ok(proposal));
    }

    #[test]
    fn a_parameter_keeps_its_type() {
        let proposal = Proposal::parse(br#"{"target":"shop","parameters":[null,true,7,1.5,"7"]}"#).unwrap();
        let kinds: Vec<_> = proposal.bound_parameters().unwrap().into_iter().map(|p| p.kind).collect();
        assert_eq!(kinds, ["null", "boolean", "integer", "real", "text"]);
        let nested = Proposal::parse(br#"{"target":"shop","parameters":[[1]]}"#).unwrap();
        assert_eq!(nested.bound_parameters(), Err(BadProposal::BadParameter(1)));
    }
}
