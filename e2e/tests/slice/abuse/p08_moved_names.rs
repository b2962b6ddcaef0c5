//! P08: what names mean is changed between decision and run: by the search path, by a function of the same name, by a
//! table that was swapped. Names are resolved for the decision and again at release; drift denies. Swapped tables and
//! moved search paths are in `postgres/drift.rs`; here are the ways to have other code run under a trusted name.

use e2e::postgres::frame;

use super::{refusals_on_the_record, verified};
use crate::postgres::{hold, open, session};

const SHADOW: &str = "
    CREATE FUNCTION public.lower(text varchar) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.effects VALUES ('by the shadow'); RETURN 'x'; END $$";

const OPERATOR: &str = "
    CREATE FUNCTION public.trap(a int, b bigint) RETURNS bool LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO public.effects VALUES ('by the operator'); RETURN true; END $$;
    CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = bigint, FUNCTION = public.trap)";

#[tokio::test]
async fn a_function_under_a_trusted_name_does_not_run_unasked() {
    let (bank, gateway) = open().await;
    bank.execute("ALTER TABLE orders ALTER COLUMN note TYPE varchar").await;
    let read = "SELECT lower(note) FROM orders WHERE id = 1";
    let mut wire = session(&gateway, "bank").await;
    assert_eq!(wire.query(read).await.ok().texts(), ["first"]);
    bank.execute(SHADOW).await;
    bank.direct().await.query(read).await.ok();
    assert_eq!(bank.effects("by the shadow").await, 1, "a dead exploit");
    // Neither a new session nor the one that read it before runs it unasked.
    for mut wire in [session(&gateway, "bank").await, wire] {
        wire.query(read).await.refused();
        wire.query("SELECT lower(note) FROM orders WHERE id = 2").await.refused();
        wire.exchange(&[frame::statement(read, &[]), frame::sync()].concat()).await.refused();
    }
    assert_eq!(bank.effects("by the shadow").await, 1);
    let mut wire = session(&gateway, "bank").await;
    assert_eq!(wire.query("SELECT pg_catalog.lower(note) FROM orders WHERE id = 1").await.ok().texts(), ["first"]);
    assert!(!refusals_on_the_record(&gateway).await.is_empty());
}

#[tokio::test]
async fn an_operator_under_a_trusted_name_does_not_run_unasked() {
    let (bank, gateway) = open().await;
    bank.execute(OPERATOR).await;
    let read = "SELECT note FROM orders WHERE id = 99999999999";
    let explicit = "SELECT note FROM orders WHERE id OPERATOR(public.=) 1::bigint";
    bank.direct().await.query(explicit).await.ok();
    let listed_late = "SET search_path = public, pg_catalog; SELECT note FROM orders WHERE id = 1::bigint";
    bank.direct().await.query(listed_late).await.ok();
    let before = bank.effects("by the operator").await;
    assert!(before >= 2, "a dead exploit");
    let mut wire = session(&gateway, "bank").await;
    wire.query(explicit).await.refused();
    wire.query(listed_late).await.refused();
    wire.query("SET search_path = public, pg_catalog").await;
    wire.query("SELECT note FROM orders WHERE id = 1::bigint").await;
    assert_eq!(bank.effects("by the operator").await, before);
    let mut wire = session(&gateway, "bank").await;
    wire.query(read).await;
    assert_eq!(bank.effects("by the operator").await, before);
    verified(&gateway).await;
}

/// An approved statement whose trusted function was shadowed while it waited does not run the shadow.
#[tokio::test]
async fn a_held_statement_does_not_run_a_function_that_came_later() {
    let (bank, gateway) = open().await;
    bank.execute("ALTER TABLE orders ALTER COLUMN note TYPE varchar").await;
    let write = "UPDATE orders SET total = 1 WHERE id = 1 AND lower(note) = 'first'";
    let mut wire = session(&gateway, "bank").await;
    let held = hold(&gateway, &mut wire, &frame::query(write)).await;
    bank.execute(SHADOW).await;
    gateway.person("grace").approve(&held).await.ok();
    wire.answer().await.refused();
    assert_eq!(bank.effects("by the shadow").await, 0);
    assert_eq!(bank.texts("SELECT total FROM orders WHERE id = 1").await, ["12.5"]);
    verified(&gateway).await;
}
