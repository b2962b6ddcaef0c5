//! The classifier against a corpus of statements, each with what a strict reading must find, and hostile input.

use super::*;

fn table(schema: &str, name: &str, columns: &[&str], classes: &[&str], is_view: bool) -> (String, Table) {
    let table = Table {
        schema: schema.to_owned(),
        name: name.to_owned(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        classes: classes.iter().map(|column| ((*column).to_owned(), [column.parse().unwrap()].into())).collect(),
        identity: "oid 1".to_owned(),
        triggers: Vec::new(),
        is_view,
        estimated_rows: None,
    };
    (format!("{schema}.{name}"), table)
}

/// The catalog that the corpus assumes.
fn catalog() -> Catalog {
    let mut tables = BTreeMap::from([
        table(
            "public",
            "customers",
            &["id", "name", "email", "card", "ssn", "created"],
            &["email", "card", "ssn"],
            false,
        ),
        table("public", "orders", &["id", "customer", "total", "note"], &[], false),
        table("public", "notes", &["id", "body"], &[], false),
        table("audit", "events", &["id", "body"], &[], false),
        table("public", "active_customers", &["id", "name", "email"], &[], true),
        table("public", "staging", &["id", "name", "email"], &[], false),
    ]);
    let (name, mut contacts) = table("public", "contacts", &["id", "contact"], &[], true);
    for column in &contacts.columns {
        contacts.classes.insert(column.clone(), ["card", "email"].map(|class| class.parse().unwrap()).into());
    }
    tables.insert(name, contacts);
    let columns = &["table_name", "column_name"];
    tables.extend([table("information_schema", "columns", columns, &[], true)]);
    for name in CATALOGS {
        tables.extend([table("pg_catalog", name, COLUMNS, &[], false)]);
    }
    Catalog { tables }
}

/// Classifies, answering every question from the fixed catalog.
fn read(text: &str) -> Result<Meaning, Unreadable> {
    let mut known = Known::default();
    let mut asked = BTreeSet::new();
    for _ in 0..8 {
        match classify(text, &known)? {
            Classified::Meaning(meaning) => return Ok(meaning),
            Classified::Needs(questions) => {
                asked.extend(questions);
                known = Known::of(&catalog(), &["pg_catalog", "public"], &asked);
                known.functions.entry("lower".to_owned()).and_modify(|functions| functions.shadow = true);
                known.functions.entry("purge".to_owned()).and_modify(|functions| functions.shadow = true);
            }
        }
    }
    panic!("it keeps asking: {asked:?}");
}

/// `o.evil` calls the function `evil` with the row `o`, when there is no such column.
#[test]
fn a_function_called_as_a_column_is_a_call() {
    for text in
        ["SELECT o.evil FROM orders o", "SELECT (o).evil FROM orders o", "SELECT 1 FROM orders o WHERE o.evil = 1"]
    {
        let mut asked = BTreeSet::new();
        let mut known = Known::default();
        let found = loop {
            match classify(text, &known).unwrap() {
                Classified::Meaning(meaning) => break meaning,
                Classified::Needs(questions) => asked.extend(questions),
            }
            known = Known::of(&catalog(), &["pg_catalog", "public"], &asked);
            if let Some(functions) = known.functions.get_mut("evil") {
                *functions = Functions { shadow: true, identity: "oid 7".to_owned() };
            }
        };
        assert!(found.operations.iter().any(|operation| operation.verb == Verb::SqlCall), "{text}");
    }
    let read = read("SELECT o.note, o.ctid, s.x FROM orders o, (SELECT 1 AS x) s").unwrap();
    assert!(read.operations.iter().all(|operation| operation.verb == Verb::SqlSelect));
}

/// One operation as the corpus writes it.
fn written(operation: &Operation) -> String {
    let resource = match operation.resource.kind {
        ResourceKind::Target => "target".to_owned(),
        ResourceKind::Table => operation.resource.to_string(),
        kind => format!("{} {}", kind.as_str().to_lowercase(), operation.resource),
    };
    let may_be_bounded = matches!(
        operation.verb,
        Verb::SqlSelect | Verb::SqlSelectView | Verb::SqlSelectLocking | Verb::SqlUpdate | Verb::SqlDelete
    );
    let bounded = if may_be_bounded && operation.facts.bounded { " bounded" } else { "" };
    format!("{} {resource}{bounded}", operation.verb)
}

struct Case {
    name: String,
    expected: BTreeSet<String>,
    text: String,
}

fn corpus() -> Vec<Case> {
    let text = include_str!("../../../testdata/sql/postgres.txt");
    let blocks = text.split("\n\n").filter_map(|block| {
        let mut lines = block.split('\n').skip_while(|line| line.starts_with('#'));
        let name = lines.next()?.strip_prefix("-- name: ")?.to_owned();
        let expected = lines.next()?.strip_prefix("-- expect: ")?;
        let expected = expected.split("; ").map(|part| part.trim().to_owned()).collect();
        Some(Case { name, expected, text: lines.collect::<Vec<_>>().join("\n").trim_end_matches('\n').to_owned() })
    });
    blocks.collect()
}

#[test]
fn every_statement_of_the_corpus_is_read_as_strictly_as_expected() {
    let mut wrong = Vec::new();
    let cases = corpus();
    assert!(cases.len() > 1_200, "{} cases", cases.len());
    for case in &cases {
        let found = match read(&case.text) {
            Err(Unreadable::Syntax(_)) => BTreeSet::from(["error".to_owned()]),
            Err(other) => BTreeSet::from([other.to_string()]),
            Ok(meaning) if meaning.operations.iter().any(|operation| operation.verb == Verb::Unknown) => {
                BTreeSet::from(["unknown".to_owned()])
            }
            Ok(meaning) => meaning.operations.iter().map(written).collect(),
        };
        if found != case.expected {
            wrong.push(format!("{}: {}\n  expected {:?}\n  found    {:?}", case.name, case.text, case.expected, found));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn a_write_that_names_a_classified_column_copies_its_class() {
    let nothing = COPYING_NOTHING.iter().map(|text| (*text, ""));
    let wrong: Vec<String> = COPYING
        .iter()
        .copied()
        .chain(nothing)
        .filter_map(|(text, expected)| {
            let copied: Vec<String> = read(text).unwrap().copied.iter().map(ToString::to_string).collect();
            (copied.join(" ") != expected).then(|| format!("{text}: {copied:?}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_type_of_others_making_is_seen_wherever_it_is_named() {
    for text in [
        "SELECT id::small FROM orders",
        "SELECT CAST('1' AS public.small)",
        "SELECT small '1'",
        "SELECT '{1}'::small[]",
        "SELECT 1 FROM orders WHERE note = ANY ($1::small[])",
        "SELECT x FROM json_to_record('{}') AS t (x small)",
        "SELECT x FROM ROWS FROM (json_to_record('{}') AS (x small)) AS t",
        "SELECT * FROM xmltable('/a' PASSING '<a/>' COLUMNS x small PATH 'b')",
        "SELECT * FROM json_table('{}', '$' COLUMNS (x small PATH '$.b'))",
        "SELECT json_value('1', '$' RETURNING small)",
        "SELECT xmlserialize(CONTENT '<a/>' AS small)",
        "SELECT 'text'::public.text",
    ] {
        assert!(read(text).unwrap().names_types, "{text}");
    }
    for text in ["SELECT '1'::int, '1'::pg_catalog.text[], now()::date FROM orders", "SELECT id FROM orders LIMIT 5"] {
        assert!(!read(text).unwrap().names_types, "{text}");
    }
}

#[test]
fn what_psql_asks_the_catalog_is_plain_reads() {
    let texts = include_str!("../../../testdata/sql/psql.txt").split("\n\n-- ").skip(1);
    let wrong: Vec<String> = texts
        .filter_map(|block| {
            let (command, text) = block.split_once('\n').unwrap();
            let found = read(text).unwrap().operations;
            let is_plain = |found: &Operation| {
                found.verb == Verb::SqlSelect
                    && matches!(found.resource.kind, ResourceKind::Table | ResourceKind::Target)
            };
            (found.is_empty() || !found.iter().all(is_plain)).then(|| format!("{command}: {found:?}\n{text}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Text of `count` repetitions.
fn repeated(before: &str, each: &str, count: usize, after: &str) -> String {
    format!("{before}{}{after}", each.repeat(count))
}

#[test]
fn hostile_text_ends_in_an_answer_on_a_small_stack() {
    let columns = (0..20_000).map(|column| format!("c{column}")).collect::<Vec<_>>().join(",");
    let deep = [
        repeated("SELECT ", "1+", 300_000, "1"),
        repeated("SELECT ", "(", 20_000, &repeated("1", ")", 20_000, "")),
        repeated("", "SELECT (", 5_000, &repeated("SELECT 1", ")", 5_000, "")),
        repeated("SELECT * FROM orders WHERE id IN (0", ",1", 200_000, ")"),
        repeated("", "SELECT 1;", 10_000, ""),
        repeated("SELECT 1", " UNION SELECT 1", 20_000, ""),
        repeated("SELECT ", "NOT ", 100_000, "true"),
        repeated("SELECT ", "f(", 4_000, &repeated("1", ")", 4_000, "")),
        repeated("", "WITH a AS (", 3_000, &repeated("SELECT 1", ") SELECT 1", 3_000, "")),
        repeated("SELECT a", "[1]", 50_000, ""),
        repeated("SELECT ", "CASE WHEN ", 3_000, "true"),
        repeated("INSERT INTO notes SELECT c.lower FROM customers c", ", customers c", 20_000, " WHERE c.x = c.y"),
        repeated("UPDATE customers SET name = name", " || customers.email", 50_000, ""),
        repeated("UPDATE customers SET name = 'x' WHERE id = 1", " AND email = 'a' AND c.lower = 1", 20_000, ""),
        repeated("GRANT ALL ON orders TO r", ",r", 200_000, " WITH GRANT OPTION"),
        repeated(&format!("GRANT SELECT ({columns}) ON t"), ",t", 100_000, " TO bob"),
        repeated("", "GRANT r TO s;", 10_000, ""),
        repeated("CREATE ROLE r ROLE r", ",r", 200_000, " ADMIN PUBLIC"),
        repeated("GRANT r TO ", "ä", 100_000, ""),
        "SELECT 'a\0b'".to_owned(),
        "x".repeat(model::limit::STATEMENT_BYTES + 1),
    ];
    for text in deep {
        let on_a_small_stack = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
            let start: String = text.chars().take(30).collect();
            // Any answer will do; what is at stake is the process.
            (start, read(&text).map(|meaning| meaning.operations.len()))
        });
        let (start, answer) = on_a_small_stack.unwrap().join().unwrap();
        assert!(answer.is_err() || answer.is_ok_and(|operations| operations > 0), "{start}");
    }
}

#[test]
fn every_cut_and_many_a_mangling_of_the_corpus_ends_in_an_answer() {
    for case in corpus().iter().step_by(3) {
        let letters: Vec<char> = case.text.chars().collect();
        for cut in (0..letters.len()).step_by(5) {
            let text: String = letters.iter().take(cut).collect();
            drop(read(&text));
            let mangled: String = letters.iter().skip(cut).chain(letters.iter().take(cut)).collect();
            drop(read(&mangled));
        }
    }
}

/// Columns of the catalogs that the corpus names.
const COLUMNS: &[&str] = &[
    "oid",
    "name",
    "setting",
    "relname",
    "datname",
    "rolname",
    "usename",
    "proname",
    "starelid",
    "pid",
    "loid",
    "tablename",
];
const CATALOGS: &[&str] = &[
    "pg_am",
    "pg_attrdef",
    "pg_attribute",
    "pg_auth_members",
    "pg_authid",
    "pg_class",
    "pg_collation",
    "pg_constraint",
    "pg_database",
    "pg_depend",
    "pg_description",
    "pg_extension",
    "pg_hba_file_rules",
    "pg_index",
    "pg_inherits",
    "pg_largeobject",
    "pg_largeobject_metadata",
    "pg_locks",
    "pg_namespace",
    "pg_opclass",
    "pg_opfamily",
    "pg_policy",
    "pg_proc",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_rewrite",
    "pg_roles",
    "pg_sequence",
    "pg_settings",
    "pg_shadow",
    "pg_stat_activity",
    "pg_stat_statements",
    "pg_statistic",
    "pg_statistic_ext",
    "pg_stats",
    "pg_stats_ext",
    "pg_tables",
    "pg_tablespace",
    "pg_trigger",
    "pg_type",
    "pg_user",
    "pg_user_mappings",
];

/// Writes, and the classes of what they may store where it has none.
const COPYING: &[(&str, &str)] = &[
    ("UPDATE customers SET name = email", "email"),
    ("UPDATE customers SET name = upper(customers.\"email\") || card WHERE id = 1", "card email"),
    ("UPDATE customers SET (name, created) = (email, card) WHERE id = 1", "card email"),
    ("UPDATE customers SET (name, created) = (SELECT email, ssn) WHERE id = 1", "email ssn"),
    ("UPDATE customers SET name = (SELECT e FROM (SELECT email AS e FROM customers) x LIMIT 1)", "email"),
    ("UPDATE customers SET name = 'hit' WHERE id = 1 AND email LIKE 'a%'", "email"),
    ("UPDATE customers SET name = 'hit' WHERE id = 1 OR email = 'a'", "email"),
    ("UPDATE customers SET name = 'hit' WHERE email = ANY ($1)", "email"),
    ("UPDATE customers SET name = (email = 'a')::text WHERE id = 1", "email"),
    ("UPDATE customers SET name = customers::text", "card email ssn"),
    ("UPDATE customers SET name = customers.to_jsonb", "card email ssn"),
    ("UPDATE customers SET name = (customers).email", "card email ssn"),
    ("UPDATE customers SET name[length(email)] = 'x'", "email"),
    ("UPDATE customers SET name = 'hit' WHERE customers.to_jsonb = '{}'", "card email ssn"),
    ("UPDATE orders SET note = customers.email FROM customers WHERE customers.id = orders.customer", "email"),
    ("UPDATE orders SET note = c::text FROM customers c WHERE c.id = 1", "card email ssn"),
    ("UPDATE orders SET note = s.d FROM customers AS s (a, b, d) WHERE s.a = 1", "card email ssn"),
    ("UPDATE orders SET note = j.x FROM (customers JOIN staging USING (id)) AS j (k, l, x)", "card email ssn"),
    ("UPDATE orders SET note = 'x' FROM staging NATURAL JOIN customers", "card email ssn"),
    ("UPDATE orders SET note = 'x' FROM staging JOIN customers USING (email)", "email"),
    ("UPDATE orders SET note = (SELECT email FROM customers WHERE id = 1) WHERE id = 1", "email"),
    ("UPDATE orders SET note = (SELECT contact FROM contacts WHERE id = 1) WHERE id = 1", "card email"),
    ("INSERT INTO notes SELECT id, email FROM customers", "email"),
    ("INSERT INTO notes SELECT * FROM customers", "card email ssn"),
    ("INSERT INTO notes TABLE customers", "card email ssn"),
    ("INSERT INTO notes SELECT c.* FROM customers c", "card email ssn"),
    ("INSERT INTO notes SELECT public.customers.* FROM public.customers", "card email ssn"),
    ("INSERT INTO notes SELECT 1, c FROM customers c", "card email ssn"),
    ("INSERT INTO notes SELECT 1, row_to_json(c) FROM customers c", "card email ssn"),
    ("INSERT INTO notes SELECT 1, c.lower FROM customers c, staging AS lower", "card email ssn"),
    ("INSERT INTO notes SELECT id, name FROM customers ORDER BY email", "email"),
    ("INSERT INTO notes SELECT id, name FROM customers GROUP BY id, name HAVING max(ssn) > 'm'", "ssn"),
    ("INSERT INTO notes SELECT 1, 'x' WHERE EXISTS (SELECT 1 FROM customers WHERE email > 'm')", "email"),
    ("INSERT INTO notes SELECT id, name FROM staging UNION ALL SELECT id, card FROM customers", "card"),
    ("INSERT INTO notes VALUES (1, (SELECT max(card) FROM customers))", "card"),
    ("INSERT INTO notes SELECT x.id, x.e FROM (SELECT * FROM customers) AS x (id, n, e)", "card email ssn"),
    ("WITH x AS (SELECT * FROM customers) INSERT INTO notes SELECT id, x.name FROM x", "card email ssn"),
    ("WITH x (i, e) AS (SELECT id, email FROM customers) INSERT INTO notes SELECT i, e FROM x", "email"),
    ("WITH d AS (DELETE FROM customers RETURNING email) INSERT INTO notes SELECT 1, email FROM d", "email"),
    ("WITH d AS (DELETE FROM customers RETURNING ssn AS s) INSERT INTO notes SELECT 1, s FROM d", "ssn"),
    ("WITH d AS (DELETE FROM customers RETURNING *) INSERT INTO notes SELECT id, d.name FROM d", "card email ssn"),
    ("WITH d AS (UPDATE customers SET name = 'x' RETURNING old.*) INSERT INTO notes TABLE d", "card email ssn"),
    ("WITH e AS (SELECT email FROM customers), i AS (INSERT INTO notes SELECT 1, email FROM e) SELECT 1", "email"),
    ("INSERT INTO customers VALUES (1, 'a', 'b') ON CONFLICT (id) DO UPDATE SET name = excluded.email", "email"),
    ("INSERT INTO customers VALUES (1, 'a', 'b') ON CONFLICT (id) DO UPDATE SET name = customers.email", "email"),
    ("INSERT INTO customers VALUES (1) ON CONFLICT (id) DO UPDATE SET email = lower(excluded.email)", "email"),
    ("INSERT INTO customers VALUES (1) ON CONFLICT (id) DO UPDATE SET name = excluded::text", "card email ssn"),
    ("INSERT INTO customers VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x' WHERE customers.card > 'm'", "card"),
    ("DELETE FROM customers WHERE email LIKE 'a%'", "email"),
    ("DELETE FROM orders WHERE customer IN (SELECT id FROM customers WHERE email LIKE 'a%')", "email"),
    ("DELETE FROM orders USING customers c WHERE c.id = customer AND c.email = note", "email"),
    ("MERGE INTO notes n USING customers c ON c.id = n.id WHEN MATCHED THEN UPDATE SET body = c.email", "email"),
    ("MERGE INTO notes n USING customers c ON c.id = n.id WHEN NOT MATCHED THEN INSERT VALUES (c.id, c.ssn)", "ssn"),
    ("MERGE INTO notes n USING customers c ON c.email = n.body WHEN MATCHED THEN DELETE", "email"),
    ("MERGE INTO notes n USING customers c ON c.id = n.id WHEN MATCHED AND c.card > 'm' THEN DELETE", "card"),
    ("CREATE TABLE x AS SELECT * FROM customers", "card email ssn"),
    ("CREATE TABLE x AS TABLE customers WITH NO DATA", "card email ssn"),
    ("CREATE TEMP TABLE x (a) AS SELECT email FROM customers", "email"),
    ("CREATE MATERIALIZED VIEW x AS SELECT email FROM customers", "email"),
    ("SELECT id, email INTO x FROM customers", "email"),
    ("SELECT id, email INTO x FROM customers UNION SELECT 1, card FROM customers", "card email"),
    ("EXPLAIN ANALYZE INSERT INTO notes SELECT id, email FROM customers", "email"),
    ("PREPARE p AS INSERT INTO notes SELECT id, email FROM customers", "email"),
    ("COPY customers TO '/tmp/x'", "card email ssn"),
    ("COPY customers (id, card) TO PROGRAM 'cat'", "card"),
    ("COPY (SELECT id, email FROM customers) TO '/tmp/x'", "email"),
    ("SELECT id FROM customers WHERE set_config('app.x', email, false) <> ''", "email"),
    ("SELECT pg_notify('a', s.x) FROM (SELECT card AS x FROM customers) s", "card"),
    ("ALTER TABLE customers ALTER name TYPE text USING email", "email"),
    ("ALTER TABLE customers ADD copy text GENERATED ALWAYS AS (lower(email)) STORED", "email"),
    ("ALTER TABLE customers ALTER name DROP EXPRESSION", "card email ssn"),
    ("ALTER TABLE customers INHERIT staging", "card email ssn"),
    ("ALTER TABLE staging ATTACH PARTITION customers DEFAULT", "card email ssn"),
    ("ALTER TABLE customers DETACH PARTITION staging", "card email ssn"),
    ("ALTER TABLE customers RENAME TO former", "card email ssn"),
    ("ALTER TABLE customers RENAME email TO note", "email"),
    ("ALTER TABLE customers SET SCHEMA audit", "card email ssn"),
    ("SELECT 1; INSERT INTO notes SELECT id, email FROM customers; SELECT 2", "email"),
];

/// Statements that show classified values, set them or find by them, and store none elsewhere.
const COPYING_NOTHING: &[&str] = &[
    "UPDATE customers SET email = 'new', name = $1 WHERE id = 1",
    "UPDATE customers SET (name, email) = ('a', 'b') WHERE id = 1",
    "UPDATE customers SET name = 'new' WHERE (email = 'a' AND id = 1)",
    "UPDATE customers SET name = 'new' WHERE customers.email IN ('a', $1) RETURNING *, email || ''",
    "UPDATE customers SET name = upper(name), created = now() WHERE id = 1",
    "UPDATE orders SET total = total + 1, note = note || 'x' WHERE id = 1",
    "UPDATE orders SET note = c.name FROM customers AS c WHERE c.id = orders.customer AND c.email = 'a' RETURNING c.card",
    "INSERT INTO customers (id, name, email) VALUES (1, 'a', 'b') RETURNING *",
    "INSERT INTO customers SELECT * FROM staging",
    "INSERT INTO customers VALUES (1, 'a', 'b') ON CONFLICT (email) DO NOTHING",
    "INSERT INTO customers VALUES (1, 'a', 'b') ON CONFLICT (lower(email)) DO UPDATE SET email = excluded.email",
    "INSERT INTO customers (id, email) VALUES (1, 'b') ON CONFLICT (id) DO UPDATE SET name = excluded.name",
    "INSERT INTO notes SELECT id, name FROM customers WHERE email = 'a'",
    "INSERT INTO notes SELECT count(*), 'x' FROM customers",
    "INSERT INTO notes SELECT o.* FROM orders o JOIN customers c ON c.id = o.customer",
    "INSERT INTO notes SELECT id, email FROM staging",
    "WITH x AS (SELECT id, name FROM customers) INSERT INTO notes SELECT x.* FROM x",
    "WITH d AS (DELETE FROM customers WHERE id = 1 RETURNING *) SELECT * FROM d",
    "WITH d AS (DELETE FROM customers WHERE id = 1 RETURNING id) INSERT INTO notes SELECT id, 'gone' FROM d",
    "WITH d AS (DELETE FROM orders WHERE id = 1 RETURNING id) SELECT email FROM customers WHERE id = 1",
    "DELETE FROM customers WHERE email = 'a' RETURNING email",
    "DELETE FROM orders WHERE customer IN (SELECT id FROM customers WHERE name = 'a')",
    "MERGE INTO customers c USING staging s ON s.id = c.id WHEN MATCHED THEN UPDATE SET email = 'x', name = s.name",
    "SELECT email, card FROM customers WHERE email LIKE 'a%'",
    "WITH x AS (SELECT * FROM customers NATURAL JOIN staging) SELECT * FROM x",
    "SELECT c FROM customers c FOR UPDATE",
    "EXPLAIN INSERT INTO notes SELECT id, email FROM customers",
    "COPY customers TO STDOUT",
    "COPY customers FROM STDIN",
    "COPY customers (id, name) TO '/tmp/x'",
    "SELECT set_config('app.x', name, false) FROM customers WHERE email = 'a'",
    "CREATE VIEW x AS SELECT email FROM customers",
    "CREATE INDEX x ON customers (lower(email))",
    "ALTER TABLE customers ADD note text DEFAULT 'x', ADD CHECK (email <> ''), DROP card",
    "ALTER TABLE orders RENAME TO former",
    "DROP TABLE customers",
    "TRUNCATE customers",
    "UPDATE staging SET name = email",
];

#[test]
fn the_columns_that_a_statement_names_are_told_or_nothing_is() {
    let all = "id customer total note";
    for (text, columns) in [
        ("SELECT note FROM orders WHERE id = 1", Some("id note")),
        ("SELECT o.note FROM orders o WHERE o.id = 1 ORDER BY total", Some("id note total")),
        ("SELECT x FROM orders AS o (x, y) WHERE y = 1", Some("id customer")),
        ("SELECT * FROM orders", Some(all)),
        ("SELECT o.* FROM orders o", Some(all)),
        ("SELECT count(*) FROM orders", Some("")),
        ("SELECT sum(total) FILTER (WHERE note = 'x') FROM orders", Some("note total")),
        ("SELECT sum(total) OVER (PARTITION BY customer ORDER BY id) FROM orders", Some("customer id total")),
        ("SELECT total FROM orders GROUP BY total HAVING max(id) > 1", Some("id total")),
        ("SELECT ctid FROM orders", Some("")),
        ("SELECT o FROM orders o", None),
        ("SELECT (o).note FROM orders o", None),
        ("SELECT o.size FROM orders o", None),
        ("SELECT DISTINCT note FROM orders", None),
        ("SELECT 1 FROM orders JOIN customers USING (id)", None),
        ("SELECT 1 FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.name = o.note)", None),
        ("SELECT 1 FROM orders o, LATERAL (SELECT o.note) s", None),
        ("SELECT sum(1) OVER w FROM orders WINDOW w AS (PARTITION BY note)", None),
        ("INSERT INTO orders (id, note) VALUES (1, 'x')", Some("id note")),
        ("INSERT INTO orders VALUES (1)", Some(all)),
        ("INSERT INTO orders DEFAULT VALUES", Some(all)),
        ("UPDATE orders SET note = 'x', total = 1 WHERE id = 1", Some("note total")),
        ("UPDATE orders SET (note, total) = (SELECT 'x', 1) WHERE id = 1", Some("note total")),
        ("COPY orders (id, note) FROM STDIN", Some("id note")),
        ("COPY orders FROM STDIN", Some(all)),
        ("DELETE FROM orders WHERE id = 1", None),
        ("MERGE INTO orders USING customers c ON c.id = orders.id WHEN MATCHED THEN UPDATE SET note = 'x'", None),
    ] {
        let meaning = read(text).unwrap();
        let on_orders = meaning.operations.iter().find(|operation| &*operation.resource.name == "orders").unwrap();
        let expected = columns.map(|columns| columns.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>());
        assert_eq!(on_orders.facts.columns, expected, "{text}");
    }
    let meaning = read("INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = 'x'").unwrap();
    let update = meaning.operations.iter().find(|operation| operation.verb == Verb::SqlUpdate).unwrap();
    assert_eq!(update.facts.columns, Some(BTreeSet::from(["note".to_owned()])));
}

/// What the operations of a text tell of privileges, each told once.
fn given(text: &str) -> BTreeSet<Option<String>> {
    let told =
        |operation: Operation| operation.facts.privileges.map(|names| names.into_iter().collect::<Vec<_>>().join(", "));
    read(text).unwrap().operations.into_iter().map(told).collect()
}

#[test]
fn every_operation_of_a_grant_tells_the_privileges_that_are_given() {
    let tables = "delete, insert, maintain, references, select, trigger, truncate, update";
    let named = format!("{tables}, usage");
    let named_on = named.replace("insert", "grant option, insert");
    for (text, privileges) in [
        ("GRANT SELECT ON orders TO bob", "select"),
        ("GRANT SELECT, \"delete\" ON orders, missing TO bob, PUBLIC", "delete, select"),
        ("GRANT SELECT ON orders TO bob WITH GRANT OPTION", "grant option, select"),
        ("GRANT ALL ON orders TO bob", &named),
        ("GRANT ALL PRIVILEGES ON TABLE orders TO bob WITH GRANT OPTION", &named_on),
        ("GRANT ALL (id) ON orders TO bob", "insert, references, select, update"),
        ("GRANT rule, DELETE ON orders TO bob", "delete, rule"),
        ("GRANT ALL ON ALL TABLES IN SCHEMA audit TO bob", tables),
        ("GRANT ALL ON SEQUENCE s TO bob", "select, update, usage"),
        ("GRANT ALL ON DATABASE d TO bob", "connect, create, temporary"),
        ("GRANT TEMP ON DATABASE d TO bob", "temporary"),
        ("GRANT ALL ON SCHEMA s TO bob", "create, usage"),
        ("GRANT ALL ON TABLESPACE s TO bob", "create"),
        ("GRANT ALL ON FUNCTION f() TO bob", "execute"),
        ("GRANT ALL ON ALL ROUTINES IN SCHEMA s TO bob", "execute"),
        ("GRANT ALL ON LANGUAGE l TO bob", "usage"),
        ("GRANT ALL ON TYPE t TO bob", "usage"),
        ("GRANT ALL ON DOMAIN t TO bob", "usage"),
        ("GRANT ALL ON FOREIGN DATA WRAPPER w TO bob", "usage"),
        ("GRANT ALL ON FOREIGN SERVER s TO bob", "usage"),
        ("GRANT ALL ON LARGE OBJECT 7 TO bob", "select, update"),
        ("GRANT ALL ON PARAMETER work_mem TO bob", "alter system, set"),
        ("GRANT ALTER SYSTEM ON PARAMETER work_mem TO bob", "alter system"),
        ("ALTER DEFAULT PRIVILEGES FOR ROLE alice GRANT ALL ON TABLES TO bob", tables),
        ("ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO bob WITH GRANT OPTION", "grant option, usage"),
        ("GRANT admin, writers TO bob, alice", "member"),
        ("GRANT admin TO bob WITH ADMIN OPTION", "admin option, member"),
        ("GRANT admin TO bob WITH SET FALSE, ADMIN TRUE", "admin option, member"),
        ("GRANT admin TO bob WITH ADMIN FALSE", "member"),
        ("ALTER GROUP admin ADD USER bob", "member"),
        ("ALTER GROUP admin DROP USER bob", ""),
        ("REVOKE ALL ON orders FROM bob", ""),
        ("REVOKE GRANT OPTION FOR SELECT ON orders FROM bob", ""),
        ("REVOKE ADMIN OPTION FOR admin FROM bob", ""),
        ("ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM bob", ""),
        ("CREATE ROLE eve SUPERUSER IN ROLE admin", ""),
        ("ALTER TABLE orders OWNER TO bob", ""),
    ] {
        let expected = (!privileges.is_empty()).then(|| privileges.to_owned());
        assert_eq!(given(text), BTreeSet::from([expected]), "{text}");
    }
}

#[test]
fn what_one_statement_of_a_text_tells_does_not_stand_for_another() {
    let each = ["select", "delete"].map(|name| Some(name.to_owned()));
    let found = given("GRANT SELECT ON orders TO bob; GRANT DELETE ON orders TO bob; REVOKE ALL ON orders FROM bob");
    assert_eq!(found, BTreeSet::from_iter(each.into_iter().chain([None])));
    let text = "UPDATE orders SET note = 'x' WHERE id = 1; UPDATE orders SET total = 1 WHERE id = 2";
    let columns = read(text).unwrap().operations.into_iter().flat_map(|operation| operation.facts.columns.unwrap());
    assert_eq!(columns.collect::<Vec<_>>(), ["note", "total"]);
    let text = "SELECT id FROM orders WHERE id = 1; SELECT id FROM orders";
    let bounds = read(text).unwrap().operations.into_iter().map(|operation| operation.facts.bounded);
    assert_eq!(bounds.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn every_operation_of_a_text_tells_how_many_statements_stand_there() {
    for (text, statements) in
        [("", 0), ("SELECT id FROM orders;", 1), ("BEGIN; DELETE FROM orders WHERE id = 1; COMMIT", 3)]
    {
        let told: BTreeSet<_> =
            read(text).unwrap().operations.into_iter().map(|operation| operation.facts.statements).collect();
        assert_eq!(told, BTreeSet::from([Some(statements)]), "{text}");
    }
}

#[test]
fn a_grant_on_columns_tells_them_for_its_tables() {
    for (text, columns) in [
        ("GRANT SELECT (id, note), UPDATE (total) ON orders TO bob", Some("id note total")),
        ("GRANT ALL (note) ON orders TO bob", Some("note")),
        ("GRANT SELECT (note), DELETE ON orders TO bob", None),
        ("GRANT SELECT ON orders TO bob", None),
        ("REVOKE SELECT (note) ON orders FROM bob", None),
    ] {
        let expected = columns.map(|columns| columns.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>());
        for operation in read(text).unwrap().operations {
            let is_table = operation.resource.kind == ResourceKind::Table;
            assert_eq!(operation.facts.columns, expected.clone().filter(|_| is_table), "{text}");
        }
    }
}
