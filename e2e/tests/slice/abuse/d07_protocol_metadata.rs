//! D07: values leave as metadata of the protocol: the label of a column, a setting that the server reports, the payload
//! of a notification, an SQLSTATE of one's own choice, a command tag.

use e2e::postgres::{Wire, frame};

use super::refusals_on_the_record;
use crate::postgres::{ask, open, session};

/// Texts, each sent as one message after the other; the value leaves in one of the answers.
const LEAKS: [&[&str]; 6] = [
    &["SELECT set_config('application_name', email, false) FROM customers WHERE id = 1"],
    &["UPDATE pg_settings SET setting = (SELECT email FROM customers WHERE id = 1) WHERE name = 'application_name'"],
    &["LISTEN leaks", "SELECT pg_notify('leaks', email) FROM customers WHERE id = 1"],
    &[
        "LISTEN leaks",
        "DO $$ BEGIN EXECUTE (SELECT 'NOTIFY leaks, ' || quote_literal(email) FROM customers WHERE id = 1); END $$",
    ],
    &["DO $$ DECLARE e text; BEGIN SELECT email INTO e FROM customers WHERE id = 1; RAISE NOTICE '%', e; END $$"],
    &[
        "BEGIN",
        "DO $$ DECLARE c refcursor := 'leaks'; e text; BEGIN SELECT email INTO e FROM customers WHERE id = 1; \
         OPEN c FOR EXECUTE 'SELECT 1 AS ' || quote_ident(e); END $$",
        "FETCH ALL FROM leaks",
        "COMMIT",
    ],
];

#[tokio::test]
async fn no_metadata_carries_a_value() {
    let (bank, gateway) = open().await;
    for texts in LEAKS {
        let mut direct = bank.direct().await;
        for text in texts {
            direct.query(text).await;
        }
        // A notification may come with the next answer.
        direct.query("SELECT 1").await;
        assert!(bank.canaries.heard(direct.received()).is_some(), "a dead exploit: {texts:?}");
        for target in ["bank", "training"] {
            let mut wire = session(&gateway, target).await;
            for text in texts {
                ask(&gateway, &mut wire, &frame::query(text)).await;
            }
            wire.query("ROLLBACK").await;
            wire.query("SELECT 1").await.ok();
            bank.canaries.assert_silent(texts[0], wire.received());
        }
    }
    assert!(refusals_on_the_record(&gateway).await.len() >= LEAKS.len());
}

/// A notification that another session sends reaches nobody behind the gateway, and a setting that is reported is one
/// that its own session may set.
#[tokio::test]
async fn notifications_reach_nobody() {
    let (bank, gateway) = open().await;
    let mut direct = bank.direct().await;
    direct.query("LISTEN everyone").await.ok();
    let mut wire = session(&gateway, "training").await;
    wire.query("LISTEN everyone").await.refused();
    bank.execute("NOTIFY everyone, 'a payload for everyone'").await;
    let heard = |wire: &Wire| String::from_utf8_lossy(wire.received()).contains("a payload for everyone");
    direct.query("SELECT 1").await.ok();
    wire.query("SELECT 1").await.ok();
    assert!(heard(&direct), "a dead exploit");
    assert!(!heard(&wire));
    // What its own session may set is still reported.
    wire.query("SET TIME ZONE 'Europe/Berlin'").await.ok();
    assert_eq!(wire.parameters.get("TimeZone").map(String::as_str), Some("Europe/Berlin"));
}
