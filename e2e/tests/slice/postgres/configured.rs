//! The configuration of PostgreSQL targets: what would weaken a connection or hold a secret is refused before anything
//! starts, with its place in the file.

use e2e::Site;
use e2e::postgres::Bank;

/// A site with a bank in which one text was replaced by another is refused with these words.
async fn refused(bank: &Bank, from: &str, to: &str, words: &str) {
    let site = Site::new().await.with_bank(bank);
    site.replace("countersign.toml", from, to);
    let ran = site.check().await;
    assert_ne!(ran.code, 0, "`{to}` passed: {ran:?}");
    assert!(ran.stderr.contains("countersign.toml:"), "no place: {ran:?}");
    assert!(ran.stderr.contains(words), "`{to}`: no `{words}` in {ran:?}");
    site.refused().await;
}

#[tokio::test]
async fn what_would_weaken_a_connection_is_refused() {
    let bank = Bank::open().await;
    let upstream = format!("127.0.0.1:{}/{}", bank.server.port, bank.name);
    refused(&bank, &upstream, "db.internal/shop?sslmode=disable", "sslmode").await;
    refused(&bank, &upstream, &format!("{upstream}?sslmode=prefer"), "sslmode").await;
    refused(&bank, &upstream, &format!("{upstream}?options=-csearch_path%3Dother"), "options").await;
    refused(&bank, "gateway@", "gateway:secret@", "password").await;
    refused(&bank, "listen = \"127.0.0.1:0\"\nupstream", "listen = \"0.0.0.0:0\"\nupstream", "tls").await;
    refused(&bank, "postgres://", "mysql://", "postgres").await;
}

#[tokio::test]
async fn mistakes_are_told_with_their_place() {
    let bank = Bank::open().await;
    refused(&bank, "upstream-ca", "upstream-cs", "upstream-c").await;
    refused(&bank, "password = { file = \"secrets/bank\" }", "password = \"literally\"", "password").await;
    refused(&bank, "password = { file = \"secrets/bank\" }", "password = { file = \"secrets/gone\" }", "secrets/gone")
        .await;
    refused(
        &bank,
        "password = { file = \"secrets/bank\" }",
        "password = { env = \"COUNTERSIGN_NOT_SET\" }",
        "COUNTERSIGN_NOT_SET",
    )
    .await;
    refused(&bank, "\"tls/ca.pem\"", "\"tls/gone.pem\"", "tls/gone.pem").await;
    refused(&bank, "\"tls/ca.pem\"", "\"countersign.toml\"", "countersign.toml").await;
    refused(&bank, "\"public.customers.email\"", "\"customers.email\"", "customers.email").await;
    refused(&bank, "listen = \"127.0.0.1:0\"\nupstream", "upstream", "listen").await;
}

#[tokio::test]
async fn a_door_that_is_taken_refuses_the_start() {
    let bank = Bank::open().await;
    let site = Site::new().await.with_bank(&bank);
    let taken = format!("listen = \"127.0.0.1:{}\"\nupstream", bank.server.port);
    site.replace("countersign.toml", "listen = \"127.0.0.1:0\"\nupstream", &taken);
    let ran = site.refused().await;
    assert!(ran.stderr.contains(&bank.server.port.to_string()), "{ran:?}");
}
