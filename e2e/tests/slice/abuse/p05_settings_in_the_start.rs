//! P05: settings, another role or another server in the start of a session. Straight to the server they work; the
//! gateway takes a list of harmless ones, refuses the rest, and builds the upstream's start from parts of its own.

use e2e::postgres::{Login, Wire, frame, psql};

use super::verified;
use crate::postgres::{open, still_serves};

async fn starts(login: &Login, user: &str, more: &[(&str, &str)]) -> Result<Wire, String> {
    let mut wire = Wire::connect(login).await.expect("it listens");
    let parameters = [&[("user", user), ("database", login.database.as_str())], more].concat();
    wire.send(&frame::startup(&parameters)).await;
    wire.authenticate(&login.password).await.map(|()| wire).map_err(|refusal| refusal.words())
}

#[tokio::test]
async fn what_a_start_may_set_is_a_short_list() {
    let (bank, mut gateway) = open().await;
    let direct = bank.direct_login();
    for (name, value, asked, answered) in [
        ("options", "-c role=vault", "SELECT current_user", "vault"),
        ("role", "vault", "SELECT current_user", "vault"),
        ("search_path", "other", "SHOW search_path", "other"),
        ("options", "-csearch_path=other", "SHOW search_path", "other"),
        ("standard_conforming_strings", "off", "SHOW standard_conforming_strings", "off"),
        ("client_encoding", "SJIS", "SHOW client_encoding", "SJIS"),
        ("row_security", "off", "SHOW row_security", "off"),
        ("default_transaction_read_only", "on", "SHOW default_transaction_read_only", "on"),
    ] {
        let mut wire = starts(&direct, "gateway", &[(name, value)]).await.expect("a dead exploit");
        assert_eq!(wire.query(asked).await.ok().texts(), [answered], "a dead exploit");
    }
    let login = gateway.login("shopkeeper", "bank");
    for more in [
        &[("options", "-c role=vault")][..],
        &[("options", "-csearch_path=other")],
        &[("options", "--search_path=other")],
        &[("options", "")],
        &[("OPTIONS", "-c role=vault")],
        &[("role", "vault")],
        &[("Role", "vault")],
        &[("search_path", "other")],
        &[("session_authorization", "postgres")],
        &[("session_replication_role", "replica")],
        &[("standard_conforming_strings", "off")],
        &[("client_encoding", "SJIS")],
        &[("client_encoding", "SQL_ASCII")],
        &[("row_security", "off")],
        &[("default_transaction_read_only", "off")],
        &[("local_preload_libraries", "x")],
        &[("replication", "database")],
        &[("user", "postgres")],
        &[("database", "postgres")],
        &[("application_name", "a"), ("application_name", "b")],
        &[("host", "elsewhere")],
        &[("work_mem", "4GB")],
        &[("a.b", "c")],
        &[("application_name", "x\u{1}y\n")],
        &[("TimeZone", "UTC'; SET ROLE vault; --")],
    ] {
        match starts(&login, "shopkeeper", more).await {
            Err(words) => assert!(!words.is_empty(), "{more:?}"),
            Ok(mut wire) => {
                let harmless = ["application_name", "TimeZone"].contains(&more[0].0) && more.len() == 1;
                assert!(harmless, "{more:?} was taken");
                assert_eq!(wire.query("SELECT current_user").await.ok().texts(), ["gateway"], "{more:?}");
                assert_eq!(wire.query("SHOW search_path").await.ok().texts(), ["\"$user\", public"], "{more:?}");
            }
        }
    }
    let ran = psql::run(&login.clone().with("PGOPTIONS", "-c role=vault"), "SELECT 1").await.exits(2);
    assert!(ran.stderr.contains("FATAL:  ") && ran.stderr.contains("options"), "{ran:?}");
    still_serves(&mut gateway, "starts with settings").await;
    verified(&gateway).await;
}

#[tokio::test]
async fn what_every_driver_sends_is_taken() {
    let (_bank, gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    let usual = [
        ("application_name", "a driver"),
        ("client_encoding", "UTF8"),
        ("DateStyle", "ISO, DMY"),
        ("TimeZone", "Europe/Berlin"),
        ("extra_float_digits", "3"),
        ("IntervalStyle", "iso_8601"),
    ];
    let mut wire = starts(&login, "shopkeeper", &usual).await.expect("a session");
    for (name, value) in usual {
        assert_eq!(wire.query(&format!("SHOW {name}")).await.ok().texts(), [value]);
    }
    for value in ["'utf-8'", "utf8", "UNICODE"] {
        let mut wire = starts(&login, "shopkeeper", &[("client_encoding", value)]).await.expect("a session");
        assert_eq!(wire.query("SHOW client_encoding").await.ok().texts(), ["UTF8"]);
    }
    assert_eq!(wire.parameters.get("TimeZone").map(String::as_str), Some("Europe/Berlin"));
}
