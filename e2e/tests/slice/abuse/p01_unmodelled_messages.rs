//! P01: messages that the gateway does not model: a function called by its number, a session for replication. Straight to
//! the server they work; through the gateway they are refused, and nothing is relayed unread.

use e2e::postgres::{Answer, Wire, frame};

use super::verified;
use crate::postgres::{open, session, still_serves};

/// Refused with an error, after which the session goes on, or ended with one.
fn refused_or_ended(answer: &Answer) {
    assert!(answer.error().is_some() || answer.closed, "{answer}");
    assert!(!answer.kinds().contains('V') && answer.cells().is_empty(), "something came through: {answer}");
}

#[tokio::test]
async fn a_function_called_by_its_number_is_refused() {
    let (bank, mut gateway) = open().await;
    let number = bank.number("SELECT 'leaves_an_effect'::regproc::oid").await;
    let call = frame::function_call(u32::try_from(number).expect("an oid"), &["by its number"]);
    assert_eq!(bank.direct().await.exchange(&call).await.ok().kinds(), "VZ", "a dead exploit");
    assert_eq!(bank.effects("by its number").await, 1);
    for target in ["bank", "training"] {
        let mut wire = session(&gateway, target).await;
        refused_or_ended(&wire.exchange(&call).await);
    }
    assert_eq!(bank.effects("by its number").await, 1);
    still_serves(&mut gateway, "a function call").await;
    // Nobody asked policy for what the gateway does not model: the record says so, and why.
    let mut refused = verified(&gateway).await.log().of_kind("refused");
    refused.retain(|record| record.text("refusal") == "unsupported");
    let reasons: Vec<_> = refused.iter().filter_map(|record| record.opened("reason").as_str()).collect();
    assert_eq!(
        (reasons.len(), reasons.iter().filter(|reason| reason.contains("function")).count()),
        (2, 2),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn a_session_for_replication_is_refused() {
    let (bank, mut gateway) = open().await;
    let direct = bank.direct_login();
    let login = gateway.login("shopkeeper", "bank");
    for mode in ["database", "true", "on", "1"] {
        let parameters = [("user", "gateway"), ("database", bank.name.as_str()), ("replication", mode)];
        let mut wire = Wire::connect(&direct).await.expect("it listens");
        wire.send(&frame::startup(&parameters)).await;
        wire.authenticate("").await.expect("a dead exploit");
        assert!(wire.query("IDENTIFY_SYSTEM").await.error().is_none(), "a dead exploit");
        let mut wire = Wire::connect(&login).await.expect("it listens");
        wire.send(&frame::startup(&parameters)).await;
        let refusal = wire.authenticate(&login.password).await.expect_err("a session for replication was opened");
        assert!(!refusal.message().is_empty(), "{refusal}");
    }
    let mut wire = session(&gateway, "bank").await;
    for command in ["IDENTIFY_SYSTEM", "START_REPLICATION 0/0", "BASE_BACKUP"] {
        wire.query(command).await.refused();
    }
    still_serves(&mut gateway, "a start for replication").await;
}
