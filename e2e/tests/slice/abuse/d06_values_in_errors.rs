//! D06: values are read from errors: a cast that fails, a key that is there already, a row that violates a constraint,
//! words raised by code. What a client is told is made anew from the SQLSTATE where classified values may be in reach.

use e2e::postgres::frame;

use super::verified;
use crate::postgres::{ask, open, session};

/// Statements whose errors or notices carry values when nobody stands in between.
const FAILING: [&str; 12] = [
    "SELECT email::int FROM customers WHERE id = 1",
    "SELECT name FROM customers WHERE ssn::int = 1",
    "SELECT name FROM customers WHERE id = 1 AND email::date > now()",
    "SELECT name FROM customers ORDER BY card::json LIMIT 5",
    "SELECT id FROM customers WHERE id = 1 AND ('<' || email)::xml IS NOT NULL",
    "SELECT o.id FROM orders o JOIN customers c ON o.id = c.email::int LIMIT 5",
    "INSERT INTO customers SELECT id + 100, name, email, card, ssn, phone, city FROM customers WHERE id = 1",
    "UPDATE customers SET email = (SELECT email FROM customers WHERE id = 2) WHERE id = 1",
    "UPDATE customers SET city = NULL WHERE id = 1",
    "INSERT INTO orders SELECT 9, phone - 7000000000000, 1, email FROM customers WHERE id = 1",
    "INSERT INTO orders (id, customer, total, note) SELECT 9, 1, NULL, email FROM customers WHERE id = 1",
    "DO $$ DECLARE e text; BEGIN SELECT email INTO e FROM customers WHERE id = 1; RAISE EXCEPTION '%', e; END $$",
];

#[tokio::test]
async fn no_error_carries_a_value() {
    let (bank, gateway) = open().await;
    let mut heard = Vec::new();
    for statement in FAILING {
        let mut direct = bank.direct().await;
        let answer = direct.query(statement).await;
        assert!(answer.error().is_some(), "a dead exploit: {statement}: {answer}");
        heard.extend(bank.canaries.heard(direct.received()).map(|_| statement));
    }
    assert!(heard.len() >= 9, "only these carry a value: {heard:?}");
    for target in ["bank", "training"] {
        let mut wire = session(&gateway, target).await;
        for statement in FAILING {
            for frames in [frame::query(statement), [frame::statement(statement, &[]), frame::sync()].concat()] {
                let answer = ask(&gateway, &mut wire, &frames).await;
                assert!(!answer.closed, "{statement}: {answer}");
                let error = answer.error().unwrap_or_else(|| panic!("{statement}: {answer}"));
                assert!(!error.message().is_empty() && error.sqlstate().len() == 5, "{error}");
                bank.canaries.assert_silent(statement, wire.received());
            }
        }
    }
    let mut wire = session(&gateway, "training").await;
    let told = wire.query("SELECT note::int FROM orders WHERE id = 1").await.refused_with("22P02");
    assert!(!told.message().is_empty());
    verified(&gateway).await;
}
