//! W11: somebody takes another door to the same target, one that might ask nobody. A target has one door: the others
//! refuse it, and nothing reaches its server.

use e2e::postgres::{Login, Wire, psql};

use super::verified;
use crate::postgres::{held_by, open};

#[tokio::test]
async fn no_other_door_leads_to_a_target() {
    let (bank, mut gateway) = open().await;
    let agent = gateway.shopkeeper();
    let statement = "INSERT INTO effects VALUES ('by another door')";
    // Without the gateway it runs.
    bank.execute("INSERT INTO effects VALUES ('without the gateway')").await;
    assert_eq!(bank.effects("without the gateway").await, 1);
    // By its own door it is held; by the native one, waiting or not, it is refused.
    let psql = psql::Psql::string(&gateway.login("shopkeeper", "bank"), statement);
    held_by(&gateway, &psql).await;
    for text in [statement, "SELECT 1"] {
        agent.propose("bank", text).await.is_problem(400, "wrong-door");
    }
    // The database of a target with another door is none behind this one.
    let login = gateway.login("shopkeeper", "bank");
    for database in ["shop", "countersign", "training"] {
        let other = Login { database: database.to_owned(), ..login.clone() };
        assert!(Wire::login(&other).await.is_err(), "`{database}` was let in");
    }
    psql.kill().await;
    assert_eq!(bank.effects("by another door").await, 0);
    assert!(!bank.was_told("by another door"));
    gateway.assert_alive();
    verified(&gateway).await;
}
