//! V02: logins are begun and never ended, so many that nobody else gets in. They have places of their own, apart from
//! sessions; one more takes the place of the one that stalls longest, and each has a deadline.

use e2e::postgres::{Bank, Login, Wire, frame};
use e2e::until;
use tokio::task::JoinSet;

use super::verified;
use crate::postgres::{serve, session, still_serves};

/// More than the server has processes for, and than the door has places.
const STALLED: usize = 600;

/// Connections that begin a login, each in its own way, and go no further.
async fn stall(login: &Login) -> Vec<Wire> {
    let start = frame::startup(&[("user", "shopkeeper"), ("database", "bank")]);
    let beginnings = [vec![], start[..1].to_vec(), start[..20].to_vec(), start.clone()];
    let mut stalled = Vec::with_capacity(STALLED);
    for number in 0..STALLED {
        let mut wire = Wire::connect(login).await.expect("it listens");
        wire.send(&beginnings[number % beginnings.len()]).await;
        stalled.push(wire);
    }
    stalled
}

#[tokio::test]
async fn stalled_logins_hold_up_nobody_and_do_not_live_for_ever() {
    let bank = Bank::alone().await;
    let server = Login::tcp(([127, 0, 0, 1], bank.server.port).into(), "gateway", "", &bank.name);
    let stalled = stall(&server).await;
    let refused = until("the server is full", async || Wire::login(&bank.direct_login()).await.err()).await;
    assert_eq!(refused.sqlstate(), "53300", "{refused}");
    drop(stalled);
    until("the server has room again", async || Wire::login(&bank.direct_login()).await.ok()).await;

    let (_bank, mut gateway) = serve(bank, |site| site).await;
    let mut live = session(&gateway, "bank").await;
    let mut stalled = JoinSet::new();
    for wire in stall(&gateway.login("shopkeeper", "bank")).await {
        stalled.spawn(wire.closed());
    }
    assert_eq!(live.query("SELECT 1").await.ok().texts(), ["1"]);
    still_serves(&mut gateway, "logins that stall").await;
    // Every one of them ends. Those that said who they are are told why, the oldest before the others.
    let (mut places, mut deadlines) = (0, 0);
    for messages in stalled.join_all().await {
        let Some(last) = messages.last() else { continue };
        let words = String::from_utf8_lossy(&last.body).into_owned();
        assert!(words.contains("FATAL"), "{messages:?}");
        places += usize::from(words.contains("53300"));
        deadlines += usize::from(words.contains("57014"));
    }
    assert_eq!(places + deadlines, STALLED / 4, "{places} lost their place, {deadlines} were too slow");
    assert!(places > 0 && deadlines > 0, "{places} lost their place, {deadlines} were too slow");
    assert_eq!(live.query("SELECT 2").await.ok().texts(), ["2"]);
    still_serves(&mut gateway, "logins that stalled").await;
    verified(&gateway).await;
}
