//! D04: COPY … TO STDOUT, in text, CSV and binary. It has no description of its rows and is never passed through.

use e2e::postgres::frame;

use super::refusals_on_the_record;
use crate::postgres::{open, session};

#[tokio::test]
async fn no_copy_carries_a_value_out() {
    let (bank, gateway) = open().await;
    let copies = [
        "COPY customers TO STDOUT",
        "COPY customers (email) TO STDOUT",
        "COPY public.customers TO STDOUT WITH (FORMAT csv, HEADER)",
        "COPY customers TO STDOUT (FORMAT binary)",
        "COPY customers TO STDOUT BINARY",
        "COPY (SELECT email FROM customers WHERE id = 1) TO STDOUT",
        "COPY (SELECT email || '' FROM customers) TO STDOUT",
        "COPY (SELECT contact FROM contacts) TO STDOUT",
        "COPY (UPDATE customers SET city = city WHERE id = 1 RETURNING email) TO STDOUT",
        "SELECT 1; COPY customers TO STDOUT",
    ];
    for copy in copies {
        assert!(bank.canaries.heard(bank.gives(copy).await.as_bytes()).is_some(), "a dead exploit: {copy}");
        for target in ["bank", "training"] {
            let mut wire = session(&gateway, target).await;
            wire.query(copy).await.refused();
            wire.exchange(&[frame::statement(copy, &[]), frame::sync()].concat()).await.refused();
            wire.query("SELECT id, email FROM customers WHERE id = 1").await.ok();
            bank.canaries.assert_silent(copy, wire.received());
        }
    }
    assert!(refusals_on_the_record(&gateway).await.len() >= 2 * copies.len());
}
