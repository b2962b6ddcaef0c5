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

/// Statements on tables without classes, behind each of which code of others runs that says what it likes.
const WHISPERED: [&str; 16] = [
    "SELECT id FROM guarded LIMIT 5",
    "INSERT INTO guarded VALUES (1)",
    "INSERT INTO defaulted DEFAULT VALUES",
    "INSERT INTO checked VALUES (1)",
    "UPDATE checked SET id = 2 WHERE id = 0",
    "INSERT INTO indexed VALUES (1)",
    "DELETE FROM parents WHERE id = 1",
    "INSERT INTO limited VALUES (1, NULL)",
    "SELECT '1'::small",
    "SELECT x FROM jsonb_to_recordset('[{\"x\": 1}]') AS t (x small)",
    "SELECT id FROM limited WHERE several = '{1}'",
    "SELECT id FROM planned WHERE id = 1",
    "SELECT '1'::date",
    "SELECT date('1')",
    "SELECT c::text FROM casted c",
    "SELECT c.whisper FROM casted c",
];

#[tokio::test]
async fn what_code_behind_a_table_without_classes_says_carries_no_value() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "training").await;
    wire.query("SET search_path = public, pg_catalog").await.ok();
    for how in ["NOTICE", "WARNING", "EXCEPTION"] {
        bank.execute(&WHISPERING.replace("HOW", how)).await;
        for statement in WHISPERED {
            let told = bank.gives(&format!("SET search_path = public, pg_catalog; BEGIN; {statement}; ROLLBACK")).await;
            assert!(bank.canaries.heard(told.as_bytes()).is_some(), "a dead exploit: {statement}: {told}");
            for frames in [frame::query(statement), [frame::statement(statement, &[]), frame::sync()].concat()] {
                ask(&gateway, &mut wire, &frames).await;
                bank.canaries.assert_silent(statement, wire.received());
            }
        }
        // A value that is of such a type by the word of the client.
        let small = bank.number("SELECT 'small'::regtype::oid::int").await;
        let parse = frame::parse_typed("", "SELECT $1", &[u32::try_from(small).unwrap()]);
        let frames = [parse, frame::bind("", "", &[Some("1")]), frame::execute("", 0), frame::sync()].concat();
        let mut direct = bank.direct().await;
        direct.exchange(&frames).await;
        assert!(bank.canaries.heard(direct.received()).is_some(), "a dead exploit");
        ask(&gateway, &mut wire, &frames).await;
        bank.canaries.assert_silent("a value", wire.received());
    }
    // What no code of others can have said is still told in the server's own words.
    for lawful in ["SELECT missing FROM orders", "SET TimeZone = 'missing'"] {
        let told = wire.query(lawful).await.refused();
        assert!(told.message().contains("missing"), "{told}");
    }
    verified(&gateway).await;
}

const WHISPERING: &str = "
    DROP TABLE IF EXISTS guarded, defaulted, checked, indexed, parents, children, limited, planned, armed;
    DROP DOMAIN IF EXISTS small, public.date;
    DROP TABLE IF EXISTS casted CASCADE;
    CREATE OR REPLACE FUNCTION tell(value int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ DECLARE e text; BEGIN
        IF value > 0 THEN SELECT email INTO e FROM customers WHERE customers.id = 1; RAISE HOW '%', e; END IF;
        RETURN true; END $$;
    CREATE OR REPLACE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM tell(1); RETURN OLD; END $$;
    CREATE TABLE guarded (id int);
    INSERT INTO guarded VALUES (1);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
    CREATE POLICY it ON guarded USING (tell(id));
    CREATE TABLE defaulted (it bool DEFAULT tell(1));
    CREATE TABLE checked (id int CHECK (tell(id)));
    INSERT INTO checked VALUES (0);
    CREATE TABLE indexed (id int);
    CREATE INDEX ON indexed (tell(id));
    CREATE TABLE parents (id int PRIMARY KEY);
    CREATE TABLE children (parent int REFERENCES parents ON DELETE CASCADE);
    CREATE TRIGGER it BEFORE DELETE ON children FOR EACH ROW EXECUTE FUNCTION told();
    INSERT INTO parents SELECT generate_series(1, 3);
    INSERT INTO children SELECT generate_series(1, 3);
    CREATE DOMAIN small AS int CHECK (tell(VALUE));
    CREATE TABLE limited (id small, several small[]);
    INSERT INTO limited VALUES (0, '{0}');
    CREATE DOMAIN public.date AS int CHECK (tell(VALUE));
    CREATE TABLE armed (id int);
    CREATE OR REPLACE FUNCTION tell_armed(value int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT FROM armed) THEN PERFORM tell(value); END IF;
        RETURN value; END $$;
    CREATE TABLE planned (id int);
    CREATE INDEX ON planned ((id + tell_armed(1)));
    INSERT INTO armed VALUES (1);
    CREATE TABLE casted (id int);
    INSERT INTO casted VALUES (1);
    CREATE FUNCTION tell_cast(casted) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        PERFORM tell(1); RETURN ''; END $$;
    CREATE CAST (casted AS text) WITH FUNCTION tell_cast(casted);
    CREATE DOMAIN whisper AS casted CHECK (tell(1));
";
