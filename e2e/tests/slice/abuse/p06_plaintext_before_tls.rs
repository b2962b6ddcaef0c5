//! P06: somebody in the middle injects plain text before TLS begins, or talks a side out of TLS. What stands behind a
//! request for TLS is never read as if it had come through it, at the door and towards the server.

use e2e::postgres::{Bank, Wire, frame, psql};
use e2e::{Gateway, Site};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::verified;
use crate::postgres::serve;

#[tokio::test]
async fn what_was_sent_before_tls_is_not_read_after_it() {
    let (_bank, mut gateway) = serve(Bank::open().await, Site::with_tls_doors).await;
    let login = gateway.login("shopkeeper", "bank");
    let verified_login = login.clone().verified_by(&gateway.site.path("tls/ca.pem"));
    psql::run(&verified_login, "SELECT 1").await.ok();
    let start = frame::startup(&[("user", "shopkeeper"), ("database", "bank")]);
    for injected in [start.clone(), frame::query("SELECT 1"), vec![0], frame::ssl_request()] {
        let mut wire = Wire::connect(&login).await.expect("it listens");
        wire.send(&[frame::ssl_request(), injected].concat()).await;
        assert!(matches!(wire.byte().await, Some(b'S' | b'E') | None));
        wire.hang_up().await;
        while let Some(byte) = wire.byte().await {
            assert_ne!(byte, b'R', "plain text was read after TLS was agreed on");
        }
    }
    // Agreed on TLS, and then none of it.
    let mut wire = Wire::connect(&login).await.expect("it listens");
    wire.send(&frame::ssl_request()).await;
    assert_eq!(wire.byte().await, Some(b'S'));
    wire.send(&start).await;
    while let Some(byte) = wire.byte().await {
        assert_ne!(byte, b'R', "plain text was read after TLS was agreed on");
    }
    gateway.assert_alive();
    psql::run(&verified_login, "SELECT 1").await.ok();
    verified(&gateway).await;
}

/// A server in the middle: answers whoever asks for TLS with these bytes, and keeps what it is told afterwards.
async fn impostor(answer: Vec<u8>) -> (u16, JoinSet<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut told = JoinSet::new();
    told.spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("the gateway comes");
        let mut request = [0; 8];
        stream.read_exact(&mut request).await.expect("it asks for TLS");
        stream.write_all(&answer).await.expect("it is answered");
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest);
        tokio::time::timeout(std::time::Duration::from_secs(10), read).await.map(drop).unwrap_or_default();
        rest
    });
    (port, told)
}

/// What a client of the gateway is told when its target leads to an impostor, and what the impostor is told.
async fn led_astray(bank: &Bank, gateway: Gateway, answer: Vec<u8>) -> (Gateway, String, Vec<u8>) {
    let site = gateway.stop().await;
    let (port, mut told) = impostor(answer).await;
    let config = site.read("countersign.toml");
    site.replace("countersign.toml", &format!("127.0.0.1:{}/", bank.server.port), &format!("127.0.0.1:{port}/"));
    let gateway = site.serve().await;
    let words = match Wire::login(&gateway.login("shopkeeper", "bank")).await {
        Err(refusal) => refusal.words(),
        Ok(mut wire) => wire.query("SELECT 'a secret question'").await.refused().words(),
    };
    let told = told.join_next().await.expect("somebody came").expect("it was told");
    gateway.site.write("countersign.toml", &config);
    (gateway, words, told)
}

#[tokio::test]
async fn the_gateway_is_not_talked_out_of_tls() {
    let (bank, mut gateway) = serve(Bank::open().await, |site| site).await;
    let lie = |kind: u8| frame::message(kind, b"SFATAL\0C28P01\0Mthe words of an impostor\0\0");
    for answer in
        [b"N".to_vec(), lie(b'E'), [b"S".to_vec(), frame::message(b'R', &[0; 4])].concat(), b"?".to_vec(), vec![]]
    {
        let (next, words, told) = led_astray(&bank, gateway, answer.clone()).await;
        gateway = next;
        assert!(!words.is_empty() && !words.contains("impostor"), "{words}");
        assert!(!words.contains(&bank.server.password), "{words}");
        let told = String::from_utf8_lossy(&told).into_owned();
        for secret in ["gateway\0", "a secret question", bank.server.password.as_str()] {
            assert!(!told.contains(secret), "{answer:?}: it was told in plain text: {told}");
        }
    }
    let gateway = gateway.restarted().await;
    psql::run(&gateway.login("shopkeeper", "bank"), "SELECT 1").await.ok();
    verified(&gateway).await;
}
