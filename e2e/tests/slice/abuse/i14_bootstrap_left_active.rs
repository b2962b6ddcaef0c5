//! I14: the bootstrap administrator or set-up is used again: a second `init`, a default account, a first person who
//! was revoked and comes back. Set-up happens once; whoever is revoked stays so, under that name and after a restart.

use e2e::{Gateway, countersign};
use serde_json::json;

use super::verified;

#[tokio::test]
async fn set_up_happens_once_and_leaves_nothing_open() {
    let gateway = Gateway::open().await;
    let at = gateway.site.path("").display().to_string();
    for person in ["ada", "eve"] {
        let init = ["init", &at, "--person", person, "--passphrase-stdin"];
        assert_ne!(countersign(init, "eve-countersigns").await.code, 0);
    }
    for (name, passphrase) in [
        ("eve", "eve-countersigns"),
        ("admin", "admin"),
        ("root", ""),
        ("countersign", "countersign"),
        ("admins", "ada-countersigns"),
    ] {
        gateway.nobody().person(name, passphrase).get("/api/v1/reviews").await.is_problem(401, "not-authenticated");
    }
    let vera = gateway.person("vera");
    vera.operate("principal.revoke", json!({"name": "ada"})).await.ok();
    gateway.person("ada").get("/api/v1/reviews").await.is_problem(401, "not-authenticated");
    let credential = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
    let again =
        vera.operate("person.add", json!({"name": "ada", "groups": ["admins"], "credential": credential})).await;
    assert_eq!(again.status, 422, "a name came back: {again}");
    // Nor does the last administrator leave the gateway to nobody.
    let last = vera.operate("principal.revoke", json!({"name": "vera"})).await.is_problem(422, "upstream-refused");
    assert!(last.text().contains("last active person"), "{last}");
    let gateway = gateway.restarted().await;
    gateway.person("ada").get("/api/v1/reviews").await.is_problem(401, "not-authenticated");
    let directory = verified(&gateway).await.log().of_kind("directory");
    assert!(directory.iter().any(|record| record.opened("change").to_string().contains("\"revoke\"")));
    gateway.person("vera").get("/api/v1/reviews").await.ok();
}

/// An administrator who is being revoked cannot promote themself at the same moment and stay.
#[tokio::test]
async fn a_race_with_ones_own_revocation_is_lost() {
    let gateway = Gateway::open().await;
    let (ada, vera) = (gateway.person("ada"), gateway.person("vera"));
    let promote = async {
        let mut made = Vec::new();
        for number in 0..6 {
            let body = json!({"name": format!("late-{number}"), "owner": "vera", "groups": ["agents"]});
            made.push(vera.operate("agent.add", body).await);
        }
        made
    };
    let (made, revoked) = tokio::join!(promote, ada.operate("principal.revoke", json!({"name": "vera"})));
    revoked.ok();
    assert_eq!(made.last().map(|answer| answer.status), Some(401), "{made:?}");
    for answer in made.iter().filter(|answer| answer.status == 200) {
        let token = answer.body["result"]["rows"][0][2].as_str().expect("a token");
        gateway.nobody().bearer(token).propose("shop", "SELECT 1").await.is_problem(401, "not-authenticated");
    }
}
