//! Coming in: a real psql reads through the gateway, over TLS too; who cannot prove who they are is told the same,
//! whatever the reason; an upstream that is not the one configured is not talked to.

use e2e::postgres::{Authority, Bank, Login, Wire, psql};
use e2e::{Gateway, until};

use super::{open, serve, session, still_serves};

#[tokio::test]
async fn psql_reads_through_the_gateway() {
    let (_bank, gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    assert_eq!(psql::run(&login, "SELECT 1").await.ok().stdout, "1\n");
    let orders = "SELECT id, customer, total, note FROM orders ORDER BY id;";
    let rows = psql::run(&login, orders).await.ok().stdout;
    assert_eq!(rows, "1|1|12.5|first\n2|2|25|second\n3|3|50|\n");
    let joined =
        "SELECT o.id, o.note FROM orders o JOIN orders p ON p.id = o.id WHERE o.total > 20 AND o.note IS NOT NULL";
    assert_eq!(psql::run(&login, joined).await.ok().stdout, "2|second\n");
    let several = "BEGIN;\nSELECT count(*) FROM orders;\nCOMMIT;\nSHOW server_version_num;\n";
    assert!(psql::run(&login, several).await.ok().stdout.starts_with("BEGIN\n3\nCOMMIT\n1"));
    // An answer for each, and the session goes on after an error.
    let mut wire = session(&gateway, "bank").await;
    assert_eq!(wire.query("").await.ok().kinds(), "IZ");
    wire.query("SELECT nothing FROM orders").await.refused();
    wire.query("SELEC 1").await.refused_with("42601");
    assert_eq!(wire.query("SELECT 2").await.ok().texts(), ["2"]);
    assert!(gateway.person("grace").reviews("all").await.is_empty(), "somebody was asked");
    assert!(gateway.site.log().of_kind("execute").len() >= 6);
    gateway.site.verify(&[]).await.ok();
}

#[tokio::test]
async fn the_name_and_the_database_that_a_client_gives_choose_nothing() {
    let (bank, gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    for login in [login.clone().user("postgres"), login.clone().user("clerk"), login.clone().database(&bank.name)] {
        let mut wire = Wire::open(&login).await;
        let who = wire.query("SELECT current_user, current_catalog").await.ok();
        let expected = [Some("gateway".to_owned()), Some(bank.name.clone())];
        assert_eq!(who.rows(), [expected], "{login:?}");
    }
    let mut sessions = gateway.site.log().of_kind("session");
    sessions.retain(|record| record.text("target") == "bank");
    assert!(sessions.len() >= 3, "{sessions:?}");
    assert!(sessions.iter().all(|record| record.opened("name") == "shopkeeper"), "{sessions:?}");
}

/// A client must not believe that it is somewhere else than it is.
#[tokio::test]
async fn a_database_that_the_door_does_not_lead_to_is_refused() {
    let (_bank, gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    for database in [
        "postgres",
        "training",
        "bank host=127.0.0.1 user=postgres sslmode=disable",
        "postgres://postgres@127.0.0.1/postgres",
    ] {
        let login = login.clone().database(database);
        let refused = Wire::login(&login).await.expect_err("it leads nowhere");
        assert_eq!((refused.severity(), refused.sqlstate()), ("FATAL", "3D000"), "{database}: {refused}");
    }
}

/// What a client is told that may not come in.
async fn refusal(login: &Login) -> String {
    let refusal = Wire::login(login).await.expect_err("it may not come in");
    assert_eq!((refusal.severity(), refusal.sqlstate()), ("FATAL", "28P01"), "{refusal}");
    refusal.words()
}

#[tokio::test]
async fn whoever_cannot_prove_who_they_are_is_told_the_same() {
    let (_bank, mut gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    let mut live = Wire::open(&gateway.login("clerk", "bank")).await;
    live.query("SELECT 1").await.ok();
    gateway.revoke("clerk").await;
    let mut flipped = login.password.clone();
    let last = if flipped.pop() == Some('a') { 'b' } else { 'a' };
    flipped.push(last);
    let mut words = vec![];
    for login in [
        gateway.login("clerk", "bank"),
        login.clone().password("wrong"),
        login.clone().password(&flipped),
        login.clone().password(""),
        login.clone().password(&e2e::site::passphrase("ada")).user("ada"),
        login.clone().password("wrong").user("nobody-at-all"),
        login.clone().password(&"x".repeat(5_000)),
        login.clone().password("wrong\u{1}\u{202e}"),
    ] {
        words.push(refusal(&login).await);
    }
    words.dedup();
    assert_eq!(words.len(), 1, "refusals differ: {words:?}");
    assert!(words[0].contains("token"), "it says what to do: {words:?}");
    // Whoever is inside when the token is revoked does nothing more.
    let answer = live.query("SELECT 1").await;
    assert!(answer.closed || answer.error().is_some(), "{answer}");
    assert!(answer.cells().is_empty(), "{answer}");
    let ran = psql::run(&login.password("wrong"), "SELECT 1").await.exits(2);
    assert!(ran.stderr.contains("FATAL:  "), "{ran:?}");
    still_serves(&mut gateway, "wrong tokens").await;
}

#[tokio::test]
async fn psql_comes_in_over_tls_and_sees_the_doors_certificate() {
    let (_bank, mut gateway) = serve(Bank::open().await, e2e::Site::with_tls_doors).await;
    let login = gateway.login("shopkeeper", "bank");
    let verified = login.clone().verified_by(&gateway.site.path("tls/ca.pem"));
    assert_eq!(psql::run(&verified, "SELECT note FROM orders WHERE id = 2").await.ok().stdout, "second\n");
    assert_eq!(psql::run(&login.clone().with("PGSSLMODE", "require"), "SELECT 1").await.ok().stdout, "1\n");
    let wrong = verified.clone().password("wrong");
    assert!(psql::run(&wrong, "SELECT 1").await.exits(2).stderr.contains("FATAL:  "));
    let other = tempfile::tempdir().expect("a folder");
    Authority::new().write(other.path());
    let ran = psql::run(&login.verified_by(&other.path().join("ca.pem")), "SELECT 1").await.exits(2);
    assert!(ran.stderr.contains("certificate verify failed"), "{ran:?}");
    still_serves(&mut gateway, "a client that trusts somebody else").await;
}

/// Whether the gateway's connection to the server is encrypted.
async fn encrypted(bank: &Bank, gateway: &Gateway) -> Vec<String> {
    let wire = session(gateway, "bank").await;
    let asked = format!(
        "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = '{}' AND client_addr IS NOT NULL",
        bank.name
    );
    let seen =
        until("the gateway is at the server", async || Some(bank.texts(&asked).await).filter(|all| !all.is_empty()));
    let seen = seen.await;
    drop(wire);
    seen
}

#[tokio::test]
async fn the_way_to_the_server_is_encrypted_unless_it_says_otherwise() {
    let (bank, gateway) = open().await;
    assert_eq!(encrypted(&bank, &gateway).await, ["t"]);
    let site = gateway.stop().await;
    site.replace("countersign.toml", &bank.name, &format!("{}?sslmode=disable", bank.name));
    site.replace("countersign.toml", "upstream-ca = \"tls/ca.pem\"\n", "");
    let gateway = site.serve().await;
    until("the former connection is gone", async || {
        let left = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND client_addr IS NOT NULL",
            bank.name
        );
        (bank.number(&left).await == 0).then_some(())
    })
    .await;
    assert_eq!(encrypted(&bank, &gateway).await, ["f"]);
}

#[tokio::test]
async fn a_server_that_cannot_be_vouched_for_is_told_nothing() {
    let (bank, gateway) = open().await;
    let site = gateway.stop().await;
    let other = Authority::new();
    site.write("tls/ca.pem", &other.authority);
    let mut gateway = site.serve().await;
    let refusal = Wire::login(&gateway.login("shopkeeper", "bank")).await;
    let words = match refusal {
        Err(refusal) => refusal.words(),
        Ok(mut wire) => wire.query("SELECT 'to nobody in particular'").await.refused().words(),
    };
    assert!(!words.is_empty() && !words.contains(&bank.server.password), "{words}");
    assert!(!bank.was_told("to nobody in particular"));
    gateway.assert_alive();
    let site = gateway.stop().await;
    bank.server.authority.write(&site.path("tls"));
    still_serves(&mut site.serve().await, "another authority").await;
}

#[tokio::test]
async fn a_server_that_does_not_let_the_gateway_in_is_told_and_keeps_its_secret() {
    let (bank, gateway) = open().await;
    let site = gateway.stop().await;
    site.write("secrets/bank", "a secret that is not the right one");
    let gateway = site.serve().await;
    let refusal = match Wire::login(&gateway.login("shopkeeper", "bank")).await {
        Err(refusal) => refusal,
        Ok(mut wire) => wire.query("SELECT 1").await.refused(),
    };
    let words = refusal.words();
    assert_ne!(refusal.sqlstate(), "28P01", "it is not the client's password that is wrong: {words}");
    for secret in ["a secret that is not", bank.server.password.as_str()] {
        assert!(!words.contains(secret), "{words}");
    }
    let site = gateway.stop().await;
    site.write("secrets/bank", &format!("{}\n", bank.server.password));
    still_serves(&mut site.serve().await, "a wrong password upstream").await;
}

#[tokio::test]
async fn two_banks_behind_one_gateway_are_two_doors() {
    let (bank, gateway) = open().await;
    let (production, training) = (gateway.login("shopkeeper", "bank"), gateway.login("shopkeeper", "training"));
    let write = e2e::shop::insert("by which door");
    let ran = psql::run(&training, &write).await.ok();
    assert_eq!(ran.stdout, "INSERT 0 1\n", "{ran:?}");
    assert_eq!(bank.effects("by which door").await, 1);
    let psql = e2e::postgres::Psql::string(&production, &write);
    let held = super::held_by(&gateway, &psql).await;
    psql.kill().await;
    gateway.until_nobody_presents(&held).await;
    assert_eq!(bank.effects("by which door").await, 1);
}
