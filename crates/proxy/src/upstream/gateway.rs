//! The built-in target `countersign`: the gateway itself. Its operations are actions like any other, decided, gateable
//! and recorded; this carries out what was cleared.

use enforcement::{Enforcement, NewAgent, NewPerson};
use gate::{Clearance, Sealed};
use model::{PrincipalId, Run};
use protocol::native::action::GatewayOperation;
use protocol::native::result::Rows;
use serde_json::Value;

use super::{Answer, UpstreamFailed};

/// The gateway as an upstream.
#[derive(Debug)]
pub struct GatewayUpstream<'a> {
    /// The node.
    pub enforcement: &'a Enforcement,
    /// Who acts.
    pub by: PrincipalId,
}

impl GatewayUpstream<'_> {
    /// Carries out the operation that was cleared.
    pub async fn send(&self, clearance: Clearance, operation: GatewayOperation) -> Sealed<Answer> {
        let (_payload, forwarded) = clearance.spend();
        let outcome = self.carry_out(operation).await.map_err(UpstreamFailed::Refused);
        let run = if outcome.is_ok() { Run::Succeeded } else { Run::Failed };
        forwarded.seal(Answer { outcome, run })
    }

    async fn carry_out(&self, operation: GatewayOperation) -> Result<Rows, String> {
        let by = Some(self.by);
        let (columns, row) = match operation {
            GatewayOperation::AddPerson { name, groups, credential } => {
                let person = self.enforcement.add_person(NewPerson { name, groups, credential }, by).await?;
                (vec!["id", "name"], vec![person.id.to_string(), person.name.to_string()])
            }
            GatewayOperation::AddAgent { kind, name, owner, groups } => {
                let minted = self.enforcement.add_agent(NewAgent { kind, name, owner, groups }, by).await?;
                let row = vec![
                    minted.principal.id.to_string(),
                    minted.principal.name.to_string(),
                    minted.token.reveal().to_owned(),
                ];
                (vec!["id", "name", "token"], row)
            }
            GatewayOperation::Revoke { name } => {
                self.enforcement.revoke(&name, by).await?;
                (vec!["name"], vec![name.to_string()])
            }
        };
        let columns = columns.into_iter().map(str::to_owned).collect();
        let row = row.into_iter().map(Value::from).collect();
        Ok(Rows { columns, rows: vec![row], rows_affected: 1, ..Rows::default() })
    }
}
