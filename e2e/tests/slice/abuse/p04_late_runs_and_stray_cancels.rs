//! P04: the client disconnects or cancels, and the action runs anyway later; or somebody cancels another's action with
//! guessed keys. Nothing runs without a live presenter, and a cancel reaches only the session whose key it names.

use e2e::postgres::{Login, Wire, frame};
use e2e::random::Random;
use e2e::shop::insert;

use super::on_the_record;
use crate::postgres::{hold, open, session};

async fn cancel(login: &Login, key: &[u8]) {
    let mut wire = Wire::connect(login).await.expect("it listens");
    wire.send(&frame::cancel_request(key)).await;
    wire.closed().await;
}

#[tokio::test]
async fn an_action_whose_client_left_does_not_run() {
    let (bank, gateway) = open().await;
    for leaving in ["dropped", "terminated", "cancelled"] {
        let mut wire = session(&gateway, "bank").await;
        let held = hold(&gateway, &mut wire, &frame::query(&insert(leaving))).await;
        match leaving {
            "terminated" => wire.send(&frame::terminate()).await,
            "cancelled" => cancel(&gateway.login("shopkeeper", "bank"), &wire.key).await,
            _ => drop(wire),
        }
        gateway.until_nobody_presents(&held).await;
        gateway.person("grace").approve(&held).await.ok();
        session(&gateway, "training").await.query(&insert("a barrier")).await.ok();
        assert_eq!(bank.effects(leaving).await, 0, "{leaving}");
        on_the_record(&gateway, "verdict", &held.review).await;
        // The lawful twin: who presents it again has it run.
        session(&gateway, "bank").await.query(&insert(leaving)).await.ok();
        assert_eq!(bank.effects(leaving).await, 1, "{leaving}");
    }
}

#[tokio::test]
async fn a_guessed_key_cancels_nothing() {
    let (bank, gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(&insert("not cancelled"))).await;
    let number = wire.key[..4].to_vec();
    // The upstream's own numbers are not those that a client is told.
    let upstream = bank.texts("SELECT encode(int4send(pid), 'hex') FROM pg_stat_activity").await;
    let told: String = number.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!upstream.contains(&told), "the upstream's key was handed on: {told}");
    let mut random = Random::seeded("guessed keys");
    for _ in 0..50 {
        let guess = u32::try_from(random.below(1 << 32)).expect("32 bits").to_be_bytes();
        cancel(&login, &[number.as_slice(), &guess].concat()).await;
    }
    let other = session(&gateway, "bank").await;
    cancel(&login, &[&number[..], &other.key[4..]].concat()).await;
    cancel(&login, &[&other.key[..4], &wire.key[4..]].concat()).await;
    cancel(&gateway.login("shopkeeper", "training"), &[0; 8]).await;
    gateway.person("grace").approve(&held).await.ok();
    wire.answer().await.ok();
    assert_eq!(bank.effects("not cancelled").await, 1);
    on_the_record(&gateway, "released", &held.review).await;
}

/// A cancel that comes after the approval is too late, or in time; never both.
#[tokio::test]
async fn a_cancel_against_an_approval_has_one_outcome() {
    let (bank, gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    for round in 0..8 {
        let key = format!("raced {round}");
        let mut wire = session(&gateway, "bank").await;
        let held = hold(&gateway, &mut wire, &frame::query(&insert(&key))).await;
        let (approved, ()) =
            tokio::join!(async { gateway.person("grace").approve(&held).await }, cancel(&login, &wire.key));
        approved.ok();
        let answer = wire.answer().await;
        let ran = bank.effects(&key).await;
        assert_eq!(answer.tags().len(), usize::try_from(ran).expect("a count"), "{answer}");
        assert_eq!(answer.error().is_some(), ran == 0, "{answer}");
    }
}
