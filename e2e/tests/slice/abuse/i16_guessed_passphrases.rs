//! I16: passphrases are guessed, or names found by differing answers. Unknown names get the same answer; failures
//! slow down whoever's name is tried, on every door at once, and nobody else.

use e2e::site::passphrase;
use e2e::{Gateway, until};

use super::verified;

#[tokio::test]
async fn guessing_is_slowed_down_by_name_on_every_door() {
    let gateway = Gateway::open().await;
    let nobody = gateway.nobody();
    for name in ["mary", "nobody-of-that-name"] {
        let mut told = Vec::new();
        for number in 0..12 {
            let guess = nobody.person(name, &format!("a guess number {number}"));
            let answer = if number % 2 == 0 {
                guess.get("/api/v1/reviews").await
            } else {
                guess.propose("shop", "SELECT 1").await
            };
            told.push(answer.status);
        }
        assert_eq!(told[..4], [401; 4], "{name}: {told:?}");
        assert_eq!(told.last(), Some(&429), "{name}: there is no end to guessing: {told:?}");
        assert!(told.iter().all(|status| [401, 429].contains(status)), "{name}: {told:?}");
    }
    // The right one does not help while the name is slowed down, and others are not.
    let right = nobody.person("mary", &passphrase("mary"));
    right.get("/api/v1/reviews").await.is_problem(429, "too-many-failures");
    right.propose("shop", "SELECT 1").await.is_problem(429, "too-many-failures");
    gateway.person("grace").get("/api/v1/reviews").await.ok();
    gateway.shopkeeper().propose("shop", "SELECT 1").await.ok();
    until("the wait is over", async || (right.get("/api/v1/reviews").await.status == 200).then_some(())).await;
    right.get("/api/v1/reviews").await.ok();
    let failures = verified(&gateway).await.log().of_kind("login-failed");
    assert!(failures.len() >= 10, "failures are on the record: {}", failures.len());
}

#[tokio::test]
async fn an_answer_does_not_tell_which_names_exist() {
    let gateway = Gateway::open().await;
    let mut told = Vec::new();
    for name in ["edith", "shopkeeper", "nobody-of-that-name", "NOT A NAME"] {
        let answer = gateway.nobody().person(name, "a wrong passphrase").get("/api/v1/reviews").await;
        told.push((answer.status, answer.text()));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}
