//! Classified columns: what comes back as a plain column is masked, in text and in binary; what is computed from them,
//! or cannot be proven to be anything else, is refused.

use e2e::postgres::bank::CUSTOMERS;
use e2e::postgres::frame::{self, Values};
use e2e::postgres::{Bank, psql};
use e2e::until;

use super::{approved, ask, hold, open, session};

/// The customers' columns by ways that keep their origin.
const PLAIN: [&str; 17] = [
    "SELECT id, email, card, ssn, phone, city FROM customers WHERE id = 1",
    "SELECT * FROM customers WHERE id = 1",
    "SELECT * FROM customers LIMIT 5",
    "SELECT email AS note FROM customers LIMIT 5",
    "SELECT \"email\" \"city\" FROM public.\"customers\" LIMIT 5",
    "SELECT U&\"\\0065mail\" FROM customers LIMIT 5",
    "SELECT c.email FROM customers c WHERE c.id = 1",
    "SELECT email FROM customers AS c (id, name, city, email) LIMIT 5",
    "SELECT s.x FROM (SELECT email AS x FROM customers LIMIT 5) s",
    "WITH t AS (SELECT email AS x FROM customers LIMIT 5) SELECT x FROM t LIMIT 5",
    "WITH t AS MATERIALIZED (SELECT card AS x FROM customers LIMIT 5) SELECT x FROM t LIMIT 5",
    "SELECT o.id, c.email FROM orders o JOIN customers c ON c.id = o.customer WHERE c.id = 1 AND o.id = 1",
    "SELECT x.email FROM orders o, LATERAL (SELECT email FROM customers WHERE id = 1) x WHERE o.id = 1",
    "SELECT DISTINCT email FROM customers LIMIT 5",
    "SELECT email FROM customers GROUP BY email LIMIT 5",
    "TABLE customers LIMIT 5",
    "SELECT email::text FROM customers WHERE id = 1",
];

/// Values made of them, or rows in which nobody can tell which is which.
const COMPUTED: [&str; 49] = [
    "SELECT email || '' FROM customers WHERE id = 1",
    "SELECT upper(email) FROM customers WHERE id = 1",
    "SELECT left(email, 4), right(email, 30) FROM customers WHERE id = 1",
    "SELECT email::varchar FROM customers WHERE id = 1",
    "SELECT CAST(phone AS text) FROM customers WHERE id = 1",
    "SELECT phone + 0 FROM customers WHERE id = 1",
    "SELECT email COLLATE \"C\" FROM customers WHERE id = 1",
    "SELECT coalesce(NULL, email) FROM customers WHERE id = 1",
    "SELECT CASE WHEN id = 1 THEN email ELSE name END FROM customers WHERE id = 1",
    "SELECT count(*) FROM customers",
    "SELECT count(*) FROM customers WHERE id = 1",
    "SELECT count(email) FROM customers LIMIT 5",
    "SELECT max(email), min(card) FROM customers LIMIT 5",
    "SELECT string_agg(email, ' ') FROM customers LIMIT 5",
    "SELECT array_agg(email) FROM customers LIMIT 5",
    "SELECT ARRAY[email] FROM customers WHERE id = 1",
    "SELECT ARRAY(SELECT email FROM customers LIMIT 5)",
    "SELECT (ARRAY[email])[1] FROM customers WHERE id = 1",
    "SELECT c FROM customers c WHERE c.id = 1",
    "SELECT customers FROM customers WHERE id = 1",
    "SELECT ROW(email, card) FROM customers WHERE id = 1",
    "SELECT row_to_json(c) FROM customers c WHERE c.id = 1",
    "SELECT to_jsonb(c) FROM customers c WHERE c.id = 1",
    "SELECT to_jsonb(c) -> 'email' FROM customers c WHERE c.id = 1",
    "SELECT json_agg(c) FROM (SELECT email FROM customers LIMIT 5) c",
    "SELECT jsonb_build_object('e', email) FROM customers WHERE id = 1",
    "SELECT first_value(email) OVER (ORDER BY id) FROM customers WHERE id = 1",
    "SELECT lag(email) OVER (ORDER BY id) FROM customers LIMIT 5",
    "SELECT (SELECT email FROM customers WHERE id = 1)",
    "SELECT (SELECT max(email) FROM customers) FROM orders WHERE id = 1",
    "SELECT note FROM orders WHERE id = 99 UNION ALL SELECT email FROM customers LIMIT 9",
    "SELECT email FROM customers WHERE id = 1 UNION SELECT note FROM orders WHERE id = 1 LIMIT 5",
    "SELECT name FROM customers INTERSECT SELECT email FROM customers LIMIT 9",
    "SELECT name FROM customers EXCEPT SELECT card FROM customers LIMIT 9",
    "SELECT x FROM (SELECT email AS x FROM customers UNION ALL SELECT name FROM customers) s LIMIT 9",
    "WITH t(x) AS (SELECT email FROM customers UNION ALL SELECT name FROM customers) SELECT x FROM t LIMIT 9",
    "WITH RECURSIVE t(n, x) AS (SELECT 1, '' UNION ALL SELECT n + 1, x || substring((SELECT email FROM customers \
     WHERE id = 1), n, 1) FROM t WHERE n < 40) SELECT x FROM t ORDER BY n DESC LIMIT 1",
    "VALUES ((SELECT email FROM customers WHERE id = 1))",
    "SELECT j.email FROM customers a FULL JOIN (SELECT 7 AS id, 'x' AS email) b USING (id, email) AS j LIMIT 5",
    "SELECT email FROM customers a FULL JOIN (SELECT 7 AS id, 'x' AS email) b USING (email) LIMIT 5",
    "SELECT unnest(ARRAY[email, card]) FROM customers WHERE id = 1",
    "SELECT u FROM customers, unnest(ARRAY[email, card]) u WHERE customers.id = 1",
    "SELECT encode(email::bytea, 'hex') FROM customers WHERE id = 1",
    "SELECT email LIKE 'a%' FROM customers WHERE id = 1",
    "SELECT email = 'x' FROM customers WHERE id = 1",
    "SELECT ascii(substring(email, 1, 1)) FROM customers WHERE id = 1",
    "SELECT 1 / (length(email) - length(email)) FROM customers WHERE id = 1",
    "SELECT (c).email || '' FROM customers c WHERE c.id = 1",
    "SELECT contact || '' FROM contacts WHERE id = 1",
];

#[tokio::test]
async fn a_plain_column_is_masked_in_text_and_in_binary() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    for statement in PLAIN {
        let answer = ask(&gateway, &mut wire, &frame::query(statement)).await.ok();
        assert!(!answer.rows().is_empty(), "{statement}: {answer}");
        let binary = ask(&gateway, &mut wire, &in_binary(statement)).await.ok();
        assert_eq!(binary.cells().len(), answer.cells().len(), "{statement}");
        bank.canaries.assert_silent(statement, wire.received());
    }
}

/// What was seen of one text is a hint for those like it: rows are masked as they come, and nothing else is believed.
#[tokio::test]
async fn texts_that_differ_in_constants_alone_are_masked_in_passing_and_never_more() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    let mut masked = 0;
    for id in 1..=CUSTOMERS {
        let read = format!("SELECT id, email, city FROM customers WHERE id = {id} AND name <> '{id}'");
        let answer = wire.query(&read).await.ok();
        let row = [Some(id.to_string()), Some("[email]".to_owned()), Some("Turin".to_owned())];
        assert_eq!(answer.rows(), [row], "{read}");
        let value = [Some(id.to_string())];
        let value = value.each_ref().map(Option::as_deref);
        let frames = frame::statement("SELECT email FROM customers WHERE id = $1", &value);
        let pipeline = [frames.clone(), frames, frame::sync()].concat();
        assert_eq!(wire.exchange(&pipeline).await.ok().texts(), ["[email]", "[email]"]);
        masked += 3;
    }
    bank.canaries.assert_silent("plain columns", wire.received());
    // What a comment makes look like a string is none: these show what is computed, and are told from the one before.
    wire.query("SELECT id FROM customers /*'*/ WHERE id = 1 /*'*/ LIMIT 1").await.ok();
    for computed in [
        "SELECT id FROM customers /*'*/ WHERE upper(email) = 'X' OR id = 1 /*'*/ LIMIT 1",
        "SELECT id /*'*/ , upper(email) /*'*/ FROM customers WHERE id = 1",
    ] {
        wire.query("SELECT id /*'*/ FROM customers /*'*/ FROM customers WHERE id = 1").await;
        wire.query("SELECT id /*' '*/ FROM customers WHERE id = 1").await.ok();
        let answer = wire.query(computed).await;
        assert!(computed.contains("LIMIT") || answer.error().is_some(), "{computed}: {answer}");
        bank.canaries.assert_silent(computed, wire.received());
    }
    drop(wire);
    let counted = || -> i64 {
        let ended = gateway.site.log().of_kind("run-ended");
        ended.iter().filter_map(|end| end.leaf["masked"].as_i64()).sum()
    };
    until("all masked cells are on the record", async || (counted() == masked).then_some(())).await;
}

/// A name that means another table within the second for which a plain read may go by what was asked before.
#[tokio::test]
async fn a_table_that_takes_the_place_of_another_is_not_shown_by_what_was_seen_of_that() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    wire.query("SELECT note FROM orders WHERE id = 1").await.ok();
    wire.query("SELECT email FROM customers WHERE id = 1").await.ok();
    let swap = "ALTER TABLE orders RENAME TO former; ALTER TABLE customers RENAME TO orders;
        ALTER TABLE orders RENAME email TO note";
    bank.execute(swap).await;
    for id in [2, 1] {
        let answer = wire.query(&format!("SELECT note FROM orders WHERE id = {id}")).await;
        let refused = answer.refused();
        assert!(["40001", "58000"].contains(&refused.sqlstate()), "{refused}");
        bank.canaries.assert_silent("another table", wire.received());
    }
}

#[tokio::test]
async fn a_mask_says_what_it_hides_and_leaves_the_rest() {
    let (_bank, gateway) = open().await;
    let read = "SELECT id, name, email, card, ssn, phone, city FROM customers WHERE id = 2";
    let masked = "2|Customer 2|[email]|[card]|[ssn]||Turin\n";
    assert_eq!(psql::run(&gateway.login("shopkeeper", "bank"), read).await.ok().stdout, masked);
    let mut wire = session(&gateway, "bank").await;
    let values = Values { formats: &[], values: &[], results: &[1, 1, 1] };
    let parse = frame::parse("", "SELECT id, email, phone FROM customers WHERE id = 2");
    let frames = [parse, frame::bind_as("", "", &values), frame::execute("", 0), frame::sync()].concat();
    let cells = wire.exchange(&frames).await.ok().cells();
    assert_eq!(cells, [[Some(2_i32.to_be_bytes().to_vec()), Some(b"[email]".to_vec()), None]]);
    let ended = gateway.site.log().of_kind("run-ended");
    assert!(ended.iter().any(|record| record.leaf["masked"].as_u64().is_some_and(|cells| cells > 0)), "{ended:?}");
}

/// The same statement with its results in binary.
fn in_binary(statement: &str) -> Vec<u8> {
    let values = Values { formats: &[], values: &[], results: &[1] };
    [frame::parse("", statement), frame::bind_as("", "", &values), frame::execute("", 0), frame::sync()].concat()
}

#[tokio::test]
async fn the_exploits_work_without_a_gateway() {
    let bank = Bank::open().await;
    let mut wire = bank.direct().await;
    for statement in PLAIN {
        let answer = wire.query(statement).await.ok();
        assert!(bank.canaries.heard(answer.to_string().as_bytes()).is_some(), "{statement}: {answer}");
    }
    for statement in COMPUTED {
        let answer = wire.query(statement).await;
        let error = answer.error().is_some_and(|error| error.sqlstate() != "22012");
        assert!(!error, "{statement}: {answer}");
    }
}

#[tokio::test]
async fn what_is_computed_from_classified_columns_is_refused() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    for statement in COMPUTED {
        for frames in [frame::query(statement), in_binary(statement)] {
            let answer = ask(&gateway, &mut wire, &frames).await;
            assert!(answer.error().is_some(), "{statement}: {answer}");
            answer.refused();
            assert_eq!(answer.status(), Some('I'), "{statement}: {answer}");
        }
        bank.canaries.assert_silent(statement, wire.received());
    }
    // The same on a table without classes.
    let lawful = "SELECT upper(note), count(*), total * 2 FROM orders WHERE id = 1 GROUP BY id";
    assert_eq!(wire.query(lawful).await.ok().texts(), ["FIRST"]);
}

#[tokio::test]
async fn a_view_is_masked_by_what_it_shows_or_refused() {
    let (bank, gateway) = open().await;
    bank.execute("CREATE VIEW of_contacts AS SELECT contact AS y FROM contacts").await;
    bank.execute("CREATE VIEW hidden AS SELECT email || '' AS z, id FROM customers").await;
    bank.execute("CREATE MATERIALIZED VIEW kept AS SELECT id, email AS k FROM customers").await;
    let mut wire = session(&gateway, "bank").await;
    for statement in [
        "SELECT contact FROM contacts WHERE id = 1",
        "SELECT contact, number FROM contacts LIMIT 5",
        "SELECT y FROM of_contacts LIMIT 5",
        "SELECT z FROM hidden WHERE id = 1",
        "SELECT k FROM kept WHERE id = 1",
        "SELECT c FROM contacts c LIMIT 5",
        "SELECT s.who FROM (SELECT contact AS who FROM contacts LIMIT 5) s",
    ] {
        assert!(bank.canaries.heard(bank.gives(statement).await.as_bytes()).is_some(), "a dead exploit: {statement}");
        for frames in [frame::query(statement), in_binary(statement)] {
            assert!(!ask(&gateway, &mut wire, &frames).await.closed, "{statement}");
        }
        bank.canaries.assert_silent(statement, wire.received());
    }
}

#[tokio::test]
async fn what_a_write_returns_is_masked() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "training").await;
    for (statement, plain) in [
        ("UPDATE customers SET city = 'Rome' WHERE id = 1 RETURNING id, email, phone", true),
        ("UPDATE customers SET city = 'Rome' WHERE id = 1 RETURNING email AS city", true),
        ("UPDATE customers SET city = 'Rome' WHERE id = 1 RETURNING email || ''", false),
        ("UPDATE customers SET city = 'Rome' WHERE id = 1 RETURNING customers", false),
        ("UPDATE orders SET note = 'x' FROM customers c WHERE c.id = 1 AND orders.id = 1 RETURNING c.email", true),
        ("INSERT INTO customers VALUES (9, 'n', 'mine', 'c', 's', 1, 'x') RETURNING id, email, ssn", true),
        ("DELETE FROM customers WHERE id = 9 RETURNING *", true),
    ] {
        let answer = wire.query(statement).await;
        bank.canaries.assert_silent(statement, wire.received());
        if plain {
            assert_eq!(answer.clone().ok().rows().len(), 1, "{statement}: {answer}");
            assert!(answer.to_string().contains("[email]"), "{statement}: {answer}");
        } else {
            answer.refused();
        }
    }
    assert_eq!(bank.texts("SELECT city FROM customers WHERE id = 1").await, ["Rome"]);
    // A held one is refused before anybody is asked, or comes back masked.
    let mut wire = session(&gateway, "bank").await;
    let update = "UPDATE customers SET city = 'Oslo' WHERE id = 2 RETURNING id, email";
    let held = hold(&gateway, &mut wire, &frame::query(update)).await;
    assert_eq!(approved(&gateway, &mut wire, &held).await.ok().rows()[0][1].as_deref(), Some("[email]"));
    bank.canaries.assert_silent(update, wire.received());
}

#[tokio::test]
async fn an_unbounded_read_of_all_columns_is_an_export() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "training").await;
    let held = hold(&gateway, &mut wire, &frame::query("SELECT * FROM customers")).await;
    let shown = gateway.person("grace").review(&held).await.ok().to_string();
    assert!(shown.contains("sql.select_unbounded") || shown.contains("export"), "{shown}");
    let answer = approved(&gateway, &mut wire, &held).await.ok();
    assert_eq!(i64::try_from(answer.rows().len()).expect("a few"), CUSTOMERS);
    bank.canaries.assert_silent("an export", wire.received());
}

/// The default of a column puts a statement of its own in the place of a question of the gateway's, one that
/// gives the names of columns to each other.
#[tokio::test]
async fn code_of_the_database_cannot_answer_the_gateways_questions() {
    let (bank, gateway) = open().await;
    bank.execute(USURPER).await;
    let mut wire = session(&gateway, "training").await;
    let read = "SELECT name, email FROM customers WHERE id = 1";
    // The gateway asks, and its questions stay prepared.
    let shown = wire.query(read).await.ok();
    assert_eq!(shown.rows().concat(), ["Customer 1", "[email]"].map(|cell| Some(cell.to_owned())));
    wire.query("INSERT INTO effects (key) VALUES ('usurped')").await.ok();
    assert_eq!(bank.texts("SELECT place FROM effects WHERE key = 'usurped'").await, ["taken"]);
    let shown = wire.query(read).await.ok();
    assert_eq!(shown.rows().concat(), ["Customer 1", "[email]"].map(|cell| Some(cell.to_owned())));
    // Deferred to the end of the transaction, behind a question.
    for statement in ["BEGIN", "UPDATE parents SET id = 2 WHERE id = 1", read, "COMMIT"] {
        wire.query(statement).await.ok();
    }
    assert_eq!(bank.number("SELECT count(*) FROM effects WHERE key = 'deferred'").await, 1);
    let shown = wire.query(read).await.ok();
    assert_eq!(shown.rows().concat(), ["Customer 1", "[email]"].map(|cell| Some(cell.to_owned())));
    // The planner runs the function of an index where its arguments are constants.
    wire.query("SELECT id FROM indexed WHERE id = 1").await.ok();
    let shown = wire.query(read).await.ok();
    assert_eq!(shown.rows().concat(), ["Customer 1", "[email]"].map(|cell| Some(cell.to_owned())));
    bank.canaries.assert_silent("a read after it", wire.received());
}

#[tokio::test]
async fn dropping_all_prepared_statements_leaves_the_transaction_whole() {
    let (bank, gateway) = open().await;
    let mut wire = session(&gateway, "bank").await;
    for statement in ["BEGIN", "SELECT name, email FROM customers WHERE id = 1", "DEALLOCATE ALL"] {
        wire.query(statement).await.ok();
    }
    let shown = wire.query("SELECT name, email FROM customers WHERE id = 2").await.ok();
    assert_eq!(shown.rows().concat(), ["Customer 2", "[email]"].map(|cell| Some(cell.to_owned())));
    wire.query("COMMIT").await.ok();
    bank.canaries.assert_silent("a transaction", wire.received());
}

const USURPER: &str = r#"
    CREATE FUNCTION usurp() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        DEALLOCATE "countersign courtesy relations";
        EXECUTE 'PREPARE "countersign courtesy relations" (text[], text[]) AS
            SELECT ''relation'', i::bigint, c.oid::text, ''public'', c.relname::text, c.relkind::text, c.xmin::text,
                   ''false'', ''1'', ''false''
            FROM generate_series(1, array_length($2, 1)) AS i JOIN pg_class AS c ON c.oid = to_regclass(($2)[i])
            UNION ALL
            SELECT ''column'', i, a.attnum::text, CASE a.attname WHEN ''email'' THEN ''name'' WHEN ''name'' THEN ''email''
                   ELSE a.attname END, a.atttypid::text, a.xmin::text, ''false'', NULL, NULL, NULL
            FROM generate_series(1, array_length($2, 1)) AS i JOIN pg_attribute AS a
                ON a.attrelid = to_regclass(($2)[i]) AND a.attnum > 0 AND NOT a.attisdropped';
        RETURN 'taken'; END $$;
    CREATE TABLE indexed (id int);
    CREATE FUNCTION usurp_planning(number int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
        IF EXISTS (SELECT 1 FROM pg_prepared_statements WHERE name = 'countersign courtesy relations' AND NOT from_sql)
        THEN PERFORM usurp(); END IF;
        RETURN number; END $$;
    CREATE INDEX ON indexed ((id + usurp_planning(1)));
    CREATE FUNCTION usurp_later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.effects (key) VALUES ('deferred'); RETURN NEW; END $$;
    CREATE TABLE parents (id int PRIMARY KEY);
    CREATE TABLE children (id int REFERENCES parents ON UPDATE CASCADE);
    INSERT INTO parents VALUES (1);
    INSERT INTO children VALUES (1);
    CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON children DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION usurp_later();
    ALTER TABLE effects ADD COLUMN place text;
    ALTER TABLE effects ALTER COLUMN place SET DEFAULT usurp();
"#;
