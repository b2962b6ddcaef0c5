//! P15: the guard is lifted for the next statement: another role, a writable transaction, a setting changed by a function
//! or by an UPDATE of `pg_settings`. What counts is the session as the server has it, before and after.

use super::refusals_on_the_record;
use crate::postgres::{open, session};

const LOCKED: &str = "SELECT secret FROM locked_away";

#[tokio::test]
async fn nobody_becomes_somebody_else() {
    let (bank, gateway) = open().await;
    let ways = [
        "SET ROLE vault",
        "SET SESSION ROLE vault",
        "SET role TO 'vault'",
        "SET \"role\" = vault",
        "SELECT set_config('role', 'vault', false)",
        "SELECT pg_catalog.set_config('ro' || 'le', 'vault', false)",
        "DO $$ BEGIN EXECUTE 'SET ROLE vault'; END $$",
    ];
    for way in ways {
        let mut direct = bank.direct().await;
        assert!(direct.query(LOCKED).await.ok().texts().is_empty());
        direct.query(way).await.ok();
        assert_eq!(direct.query(LOCKED).await.ok().texts(), ["for the vault only"], "a dead exploit: {way}");
    }
    let set = format!("ALTER ROLE gateway IN DATABASE {} SET role = 'vault'", bank.name);
    for target in ["bank", "training"] {
        let mut wire = session(&gateway, target).await;
        for way in ways.into_iter().chain([
            set.as_str(),
            "BEGIN; SET LOCAL ROLE vault; SELECT secret FROM locked_away; COMMIT",
            "UPDATE pg_settings SET setting = 'other' WHERE name = 'search_path'",
            "SET SESSION AUTHORIZATION postgres",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
            "SET TRANSACTION READ WRITE",
            "SET default_transaction_read_only = off",
            "SET session_replication_role = replica",
            "SET row_security = off",
            "GRANT vault TO gateway",
            "CREATE ROLE mine",
            "ALTER TABLE locked_away DISABLE ROW LEVEL SECURITY",
            "CREATE FUNCTION f() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::text'",
        ]) {
            wire.query(way).await.refused();
            let locked = wire.query(LOCKED).await;
            assert!(locked.texts().is_empty(), "{way}: {locked}");
            let whole = wire.query("SELECT current_user || ' ' || current_schemas(false)::text").await;
            assert!(whole.error().is_some() || whole.texts() == ["gateway {public}"], "{way}: {whole}");
            assert_eq!(wire.query("SELECT current_user").await.ok().texts(), ["gateway"], "{way}");
        }
        wire.query("SET application_name = 'lawful'").await.ok();
        assert_eq!(wire.query("SHOW application_name").await.ok().texts(), ["lawful"]);
    }
    assert!(!bank.gives(LOCKED).await.contains("for the vault only"));
    assert!(refusals_on_the_record(&gateway).await.len() >= 2 * ways.len());
}
