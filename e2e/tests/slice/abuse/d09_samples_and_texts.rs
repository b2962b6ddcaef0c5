//! D09: samples of the data and other people's statements are read from catalogs: statistics of the planner, statements
//! that run, EXPLAIN. What holds data carries the class of the data.

use e2e::postgres::frame;

use super::verified;
use crate::postgres::{ask, open, session};

const SAMPLES: [&str; 10] = [
    "SELECT histogram_bounds FROM pg_stats WHERE tablename = 'customers' AND attname = 'email'",
    "SELECT most_common_vals, histogram_bounds FROM pg_stats LIMIT 1000",
    "SELECT * FROM pg_catalog.pg_stats WHERE tablename = 'customers'",
    "SELECT histogram_bounds::text FROM pg_stats WHERE tablename = 'customers'",
    "SELECT s.h FROM (SELECT histogram_bounds AS h FROM pg_stats LIMIT 1000) s",
    "SELECT pg_stats FROM pg_stats WHERE tablename = 'customers'",
    "SELECT query FROM pg_stat_activity LIMIT 1000",
    "SELECT * FROM pg_stat_activity LIMIT 1000",
    "SELECT a.query FROM pg_catalog.pg_stat_activity a LIMIT 1000",
    "SELECT query FROM pg_stat_get_activity(NULL) LIMIT 1000",
];

#[tokio::test]
async fn no_catalog_shows_what_is_masked() {
    let (bank, gateway) = open().await;
    let some = bank.texts("SELECT email FROM customers WHERE id = 3").await.concat();
    bank.execute(&format!("ALTER TABLE customers ALTER COLUMN email SET DEFAULT '{some}'; ANALYZE customers")).await;
    // Somebody else, straight at the server, is in the middle of a statement that names a value.
    let mut other = bank.direct().await;
    other.query(&format!("SELECT id FROM customers WHERE email = '{some}'")).await.ok();
    for statement in SAMPLES {
        assert!(bank.canaries.heard(bank.gives(statement).await.as_bytes()).is_some(), "a dead exploit: {statement}");
        for target in ["bank", "training"] {
            let mut wire = session(&gateway, target).await;
            for frames in [frame::query(statement), [frame::statement(statement, &[]), frame::sync()].concat()] {
                ask(&gateway, &mut wire, &frames).await;
            }
            bank.canaries.assert_silent(statement, wire.received());
            wire.query("SELECT id FROM orders WHERE id = 1").await.ok();
        }
    }
    let mut wire = session(&gateway, "bank").await;
    for statement in [
        "EXPLAIN SELECT id FROM customers WHERE email > 'a'",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT id, email FROM customers WHERE id = 1",
        "EXPLAIN (VERBOSE) SELECT name FROM customers WHERE email = (SELECT max(email) FROM customers)",
    ] {
        ask(&gateway, &mut wire, &frame::query(statement)).await;
    }
    bank.canaries.assert_silent("EXPLAIN", wire.received());
    let lawful = "SELECT relname FROM pg_class WHERE relname = 'orders'";
    assert_eq!(wire.query(lawful).await.ok().texts(), ["orders"]);
    verified(&gateway).await;
}
