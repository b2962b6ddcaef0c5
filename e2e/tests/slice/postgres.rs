//! The PostgreSQL door from outside: real `psql` and `pgbench`, and a client that says what no driver would, through a
//! gateway to a real server.

mod allowed;
mod classifier;
mod clients;
mod configured;
mod connections;
mod copied;
mod copy;
mod described;
mod detected;
mod drift;
mod drivers;
mod extended;
mod faults;
mod holding;
mod inquiry;
mod load;
mod login;
mod malformed;
mod masked;
mod named;
mod peers;
mod refused;
mod scram;
mod several;
mod streams;

use e2e::postgres::{Answer, Bank, Fields, Psql, Wire};
use e2e::{Gateway, Held, Site};

/// A bank and a gateway in front of it: target `bank` in production, target `training` in staging.
pub(crate) async fn open() -> (Bank, Gateway) {
    serve(Bank::open().await, |site| site).await
}

/// The same with a bank of one's own choice and a site that was changed before it is served.
pub(crate) async fn serve(bank: Bank, change: impl FnOnce(Site) -> Site) -> (Bank, Gateway) {
    let site = change(Site::new().await.with_bank(&bank));
    (bank, site.serve().await)
}

/// A gateway that has the bank once more, as the staging target `bare` without classes, under these rules beside those for
/// people.
pub(crate) async fn open_bare(rules: &str) -> (Bank, Gateway) {
    serve_bare(Bank::open().await, "", rules).await
}

/// The same with a bank of one's own choice and more settings of that target.
pub(crate) async fn serve_bare(bank: Bank, settings: &str, rules: &str) -> (Bank, Gateway) {
    serve(bank, |site| {
        let config = site.read("countersign.toml");
        let at = config.find("[[target]]\nname = \"training\"").expect("a target");
        let (bare, _) = config[at..].split_once("[target.classify]").expect("its classes");
        let bare = bare.replace("\"training\"", "\"bare\"") + settings + "\n";
        site.write("countersign.toml", &(config.clone() + &bare));
        site.with_only_rules(rules)
    })
    .await
}

/// Agents do with nobody asked what is no code, no export of classes and no change of privileges.
pub(crate) const OPEN_HANDED: &str = r#"@id("all") permit (principal in Group::"agents",
    action in [Action::"connect", Action::"read", Action::"write", Action::"destroy", Action::"export",
               Action::"configure", Action::"execute"], resource);"#;

/// The shopkeeper's session with a target.
pub(crate) async fn session(gateway: &Gateway, target: &str) -> Wire {
    Wire::open(&gateway.login("shopkeeper", target)).await
}

/// The held action that a psql was told of.
pub(crate) async fn held_by(gateway: &Gateway, psql: &Psql) -> Held {
    let told = psql.until_told("rev_").await;
    assert!(told.contains("NOTICE:  held for review"), "{told}");
    gateway.held_in(&told).await
}

/// Sends frames, the last of which is held, and returns what was told of it.
pub(crate) async fn hold(gateway: &Gateway, wire: &mut Wire, frames: &[u8]) -> Held {
    wire.send(frames).await;
    let notice = wire.notice().await;
    assert_eq!(notice.severity(), "NOTICE", "{notice}");
    gateway.held_in(&notice.words()).await
}

/// Has a held action approved and returns how it ended.
pub(crate) async fn approved(gateway: &Gateway, wire: &mut Wire, held: &Held) -> Answer {
    gateway.person("grace").approve(held).await.ok();
    wire.answer().await
}

/// Sends frames; what is held is approved.
pub(crate) async fn ask(gateway: &Gateway, wire: &mut Wire, frames: &[u8]) -> Answer {
    wire.send(frames).await;
    let mut answer = Answer::default();
    while let Some(message) = wire.receive().await {
        if message.kind == b'N' && message.body.windows(4).any(|four| four == b"rev_") {
            let told = String::from_utf8_lossy(&message.body).replace('\0', " ");
            gateway.person("grace").approve(&gateway.held_in(&told).await).await.ok();
        }
        let last = message.kind == b'Z';
        answer.messages.push(message);
        if last {
            return answer;
        }
    }
    answer.closed = true;
    answer
}

/// Sends frames that must be refused with nobody asked, and returns the error.
pub(crate) async fn refused(wire: &mut Wire, what: &str, frames: &[u8]) -> (Answer, Fields) {
    wire.send(frames).await;
    let mut answer = Answer::default();
    while let Some(message) = wire.receive().await {
        let last = message.kind == b'Z';
        answer.messages.push(message);
        assert!(!answer.notices().iter().any(|notice| notice.words().contains("rev_")), "somebody was asked: {what}");
        if last {
            break;
        }
    }
    assert!(answer.error().is_some(), "it was not refused: {what}: {answer}");
    let error = answer.refused();
    (answer, error)
}

/// The neighbour: a lawful read by the same agent still works.
pub(crate) async fn still_serves(gateway: &mut Gateway, after: &str) {
    gateway.assert_alive();
    let mut wire = Wire::login(&gateway.login("shopkeeper", "bank"))
        .await
        .unwrap_or_else(|refusal| panic!("after {after}: {refusal}"));
    let answer = wire.query("SELECT id FROM orders WHERE id = 2").await;
    assert_eq!(answer.texts(), ["2"], "after {after}: {answer}");
}
