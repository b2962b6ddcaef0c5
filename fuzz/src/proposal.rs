//! Proposals over HTTP, and the operations on the gateway itself that they may name.

use protocol::native::action::GatewayOperation;
use protocol::native::message::Proposal;

/// A proposal that is written again means the same, and a credential stays out of what reviewers are shown.
pub fn body(bytes: &[u8]) {
    let Ok(proposal) = Proposal::parse(bytes) else { return };
    let written = serde_json::to_vec(&proposal).expect("a proposal is JSON");
    let again = Proposal::parse(&written);
    assert_eq!(again.as_ref(), Ok(&proposal));
    assert_eq!(again.map(|again| again.bound_parameters()), Ok(proposal.bound_parameters()));
    let Ok(operation) = GatewayOperation::parse(&proposal) else { return };
    let (statement, parameters) = operation.meaning();
    assert_eq!(statement.operations.len(), 1);
    serde_json::from_str::<serde_json::Value>(&statement.text).expect("the text is JSON");
    if let GatewayOperation::AddPerson { name, groups, .. } = &operation {
        let other =
            GatewayOperation::AddPerson { name: name.clone(), groups: groups.clone(), credential: String::new() };
        assert_eq!(other.meaning().0, statement, "the text depends on the credential");
        assert_eq!(parameters.len(), 1);
    }
}
