//! P13: code runs while the gateway only prepares or explains: an immutable function runs at Bind and at EXPLAIN. Of an
//! action nothing goes upstream before its clearance, not Parse, not Bind, not EXPLAIN.

use e2e::postgres::frame;

use super::{on_the_record, refusals_on_the_record};
use crate::postgres::{approved, hold, open, session};

#[tokio::test]
async fn planning_runs_no_code_of_the_actors() {
    let (bank, gateway) = open().await;
    let bound = |key: &str| {
        let parse = frame::parse("", &format!("SELECT says_it_is_pure('{key}')"));
        [parse, frame::bind("", "", &[]), frame::sync()].concat()
    };
    let mut direct = bank.direct().await;
    direct.exchange(&bound("at a straight bind")).await.ok();
    direct.query("EXPLAIN SELECT says_it_is_pure('at a straight plan')").await.ok();
    assert_eq!(bank.effects("at a straight bind").await, 1, "a dead exploit");
    assert_eq!(bank.effects("at a straight plan").await, 1, "a dead exploit");
    for target in ["bank", "training"] {
        let mut wire = session(&gateway, target).await;
        wire.exchange(&bound("at a bind")).await.refused();
        let prepared = [frame::parse("p", "SELECT says_it_is_pure('at a bind')"), frame::sync()].concat();
        wire.exchange(&prepared).await.refused();
        for statement in [
            "EXPLAIN SELECT says_it_is_pure('at a plan')",
            "EXPLAIN (ANALYZE) SELECT says_it_is_pure('at a plan')",
            "EXPLAIN INSERT INTO orders (id, customer, total) SELECT 9, 1, 1 WHERE says_it_is_pure('at a plan') = 'x'",
            "PREPARE p AS SELECT says_it_is_pure('at a plan')",
            "DECLARE c CURSOR WITH HOLD FOR SELECT says_it_is_pure('at a plan')",
            "SELECT note FROM orders WHERE id = 1 AND says_it_is_pure('at a plan') = 'x'",
            "SELECT note FROM orders LIMIT length(says_it_is_pure('at a plan'))",
        ] {
            wire.query(statement).await.refused();
        }
    }
    for key in ["at a bind", "at a plan"] {
        assert_eq!(bank.effects(key).await, 0, "{key}");
        assert!(!bank.was_told(key), "it went upstream: {key}");
    }
    let mut wire = session(&gateway, "bank").await;
    wire.query("EXPLAIN SELECT id FROM orders").await.ok();
    assert!(refusals_on_the_record(&gateway).await.len() >= 18);
}

/// What is held is not prepared, bound, described or explained upstream while it waits, and not for its reviewer either.
#[tokio::test]
async fn a_held_action_is_not_planned_before_its_clearance() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let write = "INSERT INTO effects SELECT note FROM orders WHERE note = $1 AND id = 1";
    let held = hold(&gateway, &mut wire, &[frame::statement(write, &[Some("first")]), frame::sync()].concat()).await;
    gateway.person("grace").review(&held).await.ok();
    gateway.person("joan").review(&held).await.ok();
    assert!(!bank.was_told("INSERT INTO effects"), "it went upstream before its clearance");
    assert!(!bank.was_told("EXPLAIN"), "it was explained");
    approved(&gateway, &mut wire, &held).await.ok();
    assert!(bank.was_told(write));
    assert_eq!(bank.effects("first").await, 1);
    on_the_record(&gateway, "released", &held.review).await;
}
