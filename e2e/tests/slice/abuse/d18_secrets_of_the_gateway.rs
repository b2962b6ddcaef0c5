//! D18: secrets are got out of the gateway: tokens, passphrases, the log's key, where targets are. Whatever the API,
//! the command line, the log, the store and the gateway's own words hold, none of it is there; a token came out once,
//! when made.

use std::os::unix::fs::PermissionsExt as _;

use e2e::canary::Canaries;
use e2e::site::passphrase;
use e2e::{Gateway, countersign};
use serde_json::json;

#[tokio::test]
async fn secrets_do_not_come_out() {
    let gateway = Gateway::open().await;
    let (ada, agent) = (gateway.person("ada"), gateway.shopkeeper());
    let made = ada.operate("agent.add", json!({"name": "minted", "owner": "ada", "groups": ["agents"]})).await.ok();
    let token = made["result"]["rows"][0][2].as_str().expect("a token is shown once").to_owned();
    gateway.nobody().bearer(&token).propose("shop", "SELECT 1").await.ok();
    let seed = gateway.site.read("keys/log.key").trim().lines().last().expect("a seed").to_owned();
    let tokens = ["shopkeeper", "clerk", "nightly"].map(|name| gateway.site.token(name).to_owned());
    let secrets =
        Canaries::default().and([token.clone(), seed]).and(tokens).and([passphrase("ada"), passphrase("grace")]);

    let action = made["id"].as_str().expect("an id");
    let mut heard: Vec<(String, Vec<u8>)> = Vec::new();
    for path in [
        &format!("/api/v1/actions/{action}"),
        "/api/v1/principals",
        "/api/v1/principals?kind=person",
        "/api/v1/records?limit=500",
        "/api/v1/reviews?state=all",
        "/api/v1/openapi.json",
        "/metrics",
        "/health",
        "/log/checkpoint",
        "/keys/log.key",
        "/../keys/log.key",
        "/api/v1/../../keys/log.key",
        "/%2e%2e/keys/log.key",
        "/countersign.toml",
    ] {
        heard.push((path.to_owned(), ada.get(path).await.bytes));
        heard.push((path.to_owned(), agent.get(path).await.bytes));
    }
    for statement in ["SELECT nothing", "SELECT * FROM nowhere", "ATTACH 'keys/log.key' AS k", "SELECT '", ""] {
        heard.push((statement.to_owned(), agent.propose("shop", statement).await.bytes));
    }
    for arguments in [["reviews", "list"], ["person", "list"], ["agent", "list"], ["audit", "search"]] {
        let ran = gateway.cli_as("ada", &arguments).await.ok();
        heard.push((arguments.join(" "), (ran.stdout + &ran.stderr).into_bytes()));
    }
    let ran = countersign(["check", "--config", &gateway.site.config()], "").await.ok();
    heard.push(("check".to_owned(), (ran.stdout + &ran.stderr).into_bytes()));
    let site = gateway.kill().await;
    heard.push(("the log".to_owned(), site.log().bytes()));
    heard.push(("its own words".to_owned(), site.read("stderr").into_bytes()));
    for name in ["countersign.db", "countersign.db-wal", "countersign.search.db", "countersign.search.db-wal"] {
        let bytes = std::fs::read(site.path("data").join(name)).expect("a file of the store");
        heard.push((name.to_owned(), bytes));
    }
    for (whence, bytes) in &heard {
        secrets.assert_silent(whence, bytes);
    }
    assert!(secrets.heard(made.to_string().as_bytes()).is_some(), "the canaries are dead");
    // Where the target is, is nobody's business either.
    let folder = site.path("data").display().to_string();
    for (whence, bytes) in heard.iter().filter(|(whence, _)| !["check", "its own words"].contains(&whence.as_str())) {
        assert!(!String::from_utf8_lossy(bytes).contains(&folder), "{whence} tells where the data is");
    }
}

/// Payloads hold statements and values, the store hashes of credentials: other users of the machine read none of it.
#[tokio::test]
async fn the_data_is_open_to_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().join("site");
    let arguments = ["init", &at.display().to_string(), "--person", "ada", "--passphrase-stdin"].map(str::to_owned);
    countersign(arguments, "ada-countersigns\n").await.ok();
    let mut open = vec![at.join("data")];
    let mut files = 0;
    while let Some(path) = open.pop() {
        let found = std::fs::metadata(&path).expect("it is there");
        let mode = found.permissions().mode() & 0o777;
        if found.is_dir() {
            assert_eq!(mode, 0o700, "{}", path.display());
            let entries = std::fs::read_dir(&path).expect("a folder can be read");
            open.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else {
            assert_eq!(mode, 0o600, "{}", path.display());
            files += 1;
        }
    }
    assert!(files >= 6, "{files} files");
}
