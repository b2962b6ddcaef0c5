//! Doors that ask for SCRAM: who has the token comes in without sending it, bound to the door's certificate or not, and
//! nobody else does. Drivers come in by it in `clients.rs`.

use e2e::postgres::{Bank, Wire, frame, psql};
use e2e::{Gateway, Site};

use super::{serve, still_serves};

async fn behind_scram(shape: impl FnOnce(Site) -> Site) -> (Bank, Gateway) {
    serve(Bank::open().await, |site: Site| shape(site.with_scram_doors())).await
}

/// What a client is told that says `messages` in answer to what it is asked.
async fn told(gateway: &Gateway, messages: &[&[u8]]) -> String {
    let login = gateway.login("shopkeeper", "bank");
    let mut wire = Wire::connect(&login).await.expect("the door is open");
    wire.send(&frame::startup(&[("user", &login.user), ("database", &login.database)])).await;
    for message in messages {
        let asked = wire.receive().await.expect("it is asked");
        assert_eq!(asked.kind, b'R', "{asked:?}");
        wire.send(&frame::message(b'p', message)).await;
    }
    let answer = wire.answer().await;
    assert!(answer.closed, "{answer}");
    answer.error().expect("it is told").sqlstate().to_owned()
}

#[tokio::test]
async fn psql_is_bound_to_the_doors_certificate() {
    let (_bank, gateway) = behind_scram(Site::with_tls_doors).await;
    let login = gateway.login("shopkeeper", "bank").with("PGSSLMODE", "disable");
    let verified = login.clone().verified_by(&gateway.site.path("tls/ca.pem"));
    for binding in ["require", "prefer", "disable"] {
        let login = verified.clone().with("PGCHANNELBINDING", binding);
        assert_eq!(psql::run(&login, "SELECT 1").await.ok().stdout, "1\n", "{binding}");
    }
    assert_eq!(psql::run(&login, "SELECT 1").await.ok().stdout, "1\n");
    // Without TLS there is nothing to be bound to.
    let ran = psql::run(&login.with("PGCHANNELBINDING", "require"), "SELECT 1").await;
    assert!(ran.code != 0 && ran.stderr.contains("channel binding"), "{ran:?}");
}

#[tokio::test]
async fn whoever_has_not_the_token_of_that_name_does_not_come_in() {
    let (_bank, mut gateway) = behind_scram(|site| site).await;
    let (own, other) = (gateway.login("shopkeeper", "bank"), gateway.login("clerk", "bank"));
    let mut words = Vec::new();
    for (user, password) in [
        ("shopkeeper", other.password.as_str()),
        ("clerk", &own.password),
        ("nobody", &own.password),
        ("grace", &own.password),
        ("", &own.password),
        ("Not A Name", &own.password),
        ("shopkeeper", ""),
    ] {
        let refused = Wire::login(&own.clone().user(user).password(password)).await.expect_err("nobody may come in");
        assert_eq!(refused.sqlstate(), "28P01", "{user}: {refused}");
        words.push(refused.words());
    }
    words.dedup();
    assert_eq!(words.len(), 1, "{words:?}");
    let failed = gateway.site.log().of_kind("login-failed");
    assert!(failed.len() >= 7 && failed.iter().all(|record| record.text("how") == "scram"), "{failed:?}");
    for secret in [&own.password, &other.password] {
        assert!(!String::from_utf8_lossy(&gateway.site.log().bytes()).contains(secret), "a token is in the log");
    }
    still_serves(&mut gateway, "wrong proofs").await;
}

#[tokio::test]
async fn a_revoked_agent_proves_nothing() {
    let (_bank, gateway) = behind_scram(|site| site).await;
    let login = gateway.login("clerk", "bank");
    Wire::login(&login).await.expect("it may come in");
    gateway.cli_as("ada", &["agent", "revoke", "clerk"]).await.ok();
    assert_eq!(Wire::login(&login).await.expect_err("it may not").sqlstate(), "28P01");
}

#[tokio::test]
async fn what_is_no_proof_is_told_and_ends_the_connection() {
    let (_bank, mut gateway) = behind_scram(Site::with_tls_doors).await;
    let token = format!("{}\0", gateway.login("shopkeeper", "bank").password);
    let first = |mechanism: &str, words: &str| {
        let length = u32::try_from(words.len()).expect("it is short").to_be_bytes();
        [mechanism.as_bytes(), b"\0", &length, words.as_bytes()].concat()
    };
    let begun = first("SCRAM-SHA-256", "n,,n=,r=abc");
    // The token in clear text is not asked for.
    assert_eq!(told(&gateway, &[token.as_bytes()]).await, "08P01");
    assert_eq!(told(&gateway, &[b""]).await, "08P01");
    for (mechanism, words) in [
        ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=,r=abc"),
        ("SCRAM-SHA-1", "n,,n=,r=abc"),
        ("SCRAM-SHA-256", "p=tls-server-end-point,,n=,r=abc"),
        ("SCRAM-SHA-256", "n,a=grace,n=,r=abc"),
        ("SCRAM-SHA-256", ""),
    ] {
        assert_eq!(told(&gateway, &[&first(mechanism, words)]).await, "08P01", "{mechanism} {words}");
    }
    for answer in [&b""[..], b"c=biws", b"c=biws,r=abc,p=AAAA", &[0xff; 64], &[b'a'; 5_000]] {
        assert_eq!(told(&gateway, &[&begun, answer]).await, "08P01", "{answer:?}");
    }
    still_serves(&mut gateway, "what is no proof").await;
}
