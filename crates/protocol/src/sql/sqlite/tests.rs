//! SQLite's dialect: what statements mean, what is refused, and the traps.

use std::collections::BTreeMap;

use super::*;

fn catalog() -> Catalog {
    let table = |name: &str, columns: &[&str], classes: &[&str]| Table {
        schema: String::new(),
        name: name.to_owned(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        classes: classes.iter().map(|column| ((*column).to_owned(), [column.parse().unwrap()].into())).collect(),
        identity: format!("root of {name}"),
        triggers: Vec::new(),
        is_view: false,
        estimated_rows: Some(200),
    };
    let mut audited = table("audited", &["id"], &[]);
    audited.triggers.push("audited_insert".to_owned());
    let view = Table { is_view: true, ..table("active", &["id", "email"], &[]) };
    let tables = [
        table("customers", &["id", "name", "email"], &["email"]),
        table("orders", &["id", "total"], &[]),
        audited,
        view,
    ];
    Catalog { tables: tables.into_iter().map(|table| (table.name.clone(), table)).collect::<BTreeMap<_, _>>() }
}

fn read(text: &str) -> String {
    match classify(text, &catalog()) {
        Err(error) => format!("refused: {error}"),
        Ok(meaning) => {
            let mut found: Vec<String> = meaning
                .operations
                .iter()
                .map(|operation| format!("{} {}", operation.verb, operation.resource))
                .collect();
            found.sort();
            found.join("; ")
        }
    }
}

#[test]
fn statements_mean_what_they_do() {
    let cases = [
        ("SELECT id, total FROM orders", "sql.select orders"),
        ("SELECT name FROM customers", "sql.select customers"),
        ("SELECT * FROM customers", "sql.select_unbounded customers"),
        ("SELECT email FROM Customers WHERE id = 3", "sql.select customers"),
        ("SELECT email FROM customers WHERE id > 3", "sql.select_unbounded customers"),
        ("SELECT email FROM customers WHERE id = 3 OR 1 = 1", "sql.select_unbounded customers"),
        ("SELECT email FROM customers WHERE \"x\" = 'x'", "sql.select_unbounded customers"),
        ("SELECT email FROM customers LIMIT 10", "sql.select customers"),
        ("SELECT email FROM customers LIMIT 100000", "sql.select_unbounded customers"),
        ("SELECT id FROM active", "sql.select_unbounded active"),
        ("DELETE FROM orders", "sql.delete_unbounded orders"),
        ("DELETE FROM orders WHERE id IN (1, 2)", "sql.delete orders"),
        ("UPDATE orders SET total = 0", "sql.update_unbounded orders"),
        ("UPDATE orders SET total = 0 WHERE id = ?", "sql.update orders"),
        ("INSERT INTO orders (id) SELECT id FROM customers", "sql.insert orders; sql.select_unbounded customers"),
        ("INSERT INTO audited VALUES (1)", "sql.call audited_insert; sql.insert audited"),
        ("DROP TABLE orders", "sql.drop orders"),
        ("SELECT load_extension('x')", "sql.call load_extension"),
        ("SELECT id FROM nowhere", "sql.select nowhere"),
        ("SELECT 1", "sql.select the target"),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn a_table_behind_a_common_table_expression_is_still_read() {
    assert_eq!(read("WITH x AS (SELECT * FROM customers) SELECT * FROM x"), "sql.select_unbounded customers");
    assert_eq!(read("WITH customers AS (SELECT 1) SELECT id FROM customers"), "sql.select customers");
    let union = read("SELECT id FROM orders UNION SELECT email FROM customers");
    assert_eq!(union, "sql.select orders; sql.select_unbounded customers");
}

#[test]
fn a_bound_on_another_table_is_none() {
    assert_eq!(
        read("SELECT c.email FROM customers c, orders o WHERE o.id = 1"),
        "sql.select orders; sql.select_unbounded customers"
    );
    let update = "UPDATE customers SET name = 'x' FROM orders WHERE orders.id = 1";
    assert!(read(update).contains("sql.update_unbounded customers"), "{}", read(update));
}

#[test]
fn replacing_is_removing_and_upserting_is_changing() {
    assert!(read("INSERT OR REPLACE INTO orders VALUES (1, 2)").contains("sql.delete_unbounded orders"));
    assert!(read("REPLACE INTO orders VALUES (1, 2)").contains("sql.delete_unbounded orders"));
    assert!(read("INSERT INTO orders VALUES (1, 2) ON CONFLICT DO UPDATE SET total = 0").contains("sql.update orders"));
}

#[test]
fn an_update_that_replaces_removes_rows_and_one_that_ignores_does_not() {
    let replaced = read("UPDATE OR REPLACE orders SET id = 2 WHERE id = 1");
    assert_eq!(replaced, "sql.delete_unbounded orders; sql.update orders");
    assert_eq!(read("UPDATE OR IGNORE orders SET id = 2 WHERE id = 1"), "sql.update orders");
    assert_eq!(read("INSERT OR IGNORE INTO orders VALUES (1, 2)"), "sql.insert orders");
}

#[test]
fn a_write_that_names_a_classified_column_copies_its_class() {
    let copies = |text: &str| !classify(text, &catalog()).unwrap().copied.is_empty();
    for copying in [
        "UPDATE customers SET name = email",
        "UPDATE customers SET name = upper(customers.\"EMAIL\") WHERE id = 1",
        "UPDATE customers SET name = (SELECT e FROM (SELECT email AS e FROM customers) LIMIT 1) WHERE id = 1",
        "UPDATE customers SET name = 'hit' WHERE id = 1 AND email LIKE 'a%'",
        "UPDATE customers SET name = 'hit' WHERE id = 1 OR email = 'a'",
        "UPDATE customers SET name = email = 'a' WHERE id = 1",
        "UPDATE customers SET name = rowid WHERE id = 1",
        "UPDATE orders SET total = c.email FROM customers c WHERE orders.id = 1",
        "UPDATE orders SET total = (SELECT id FROM active LIMIT 1) WHERE id = 1",
        "INSERT INTO orders SELECT id, email FROM customers",
        "INSERT INTO orders SELECT * FROM customers",
        "INSERT INTO orders SELECT c.* FROM customers c",
        "INSERT INTO orders SELECT 1, 2 WHERE EXISTS (SELECT 1 FROM customers WHERE email > 'm')",
        "INSERT INTO customers VALUES (1, 'a', 'b') ON CONFLICT (id) DO UPDATE SET name = email",
        "INSERT INTO orders SELECT id, 1 FROM active",
        "DELETE FROM customers WHERE email LIKE 'a%'",
        "DELETE FROM orders WHERE id IN (SELECT id FROM customers WHERE email LIKE 'a%')",
    ] {
        assert!(copies(copying), "{copying}");
    }
    for plain in [
        "UPDATE customers SET email = 'new' WHERE id = 1",
        "UPDATE customers SET name = 'new' WHERE (email = 'a' AND id = 1)",
        "UPDATE customers SET name = 'new' WHERE email IN ('a', 'b') RETURNING email",
        "UPDATE orders SET total = total + 1 WHERE id = 1",
        "INSERT INTO customers (id, name, email) VALUES (1, 'a', 'b') RETURNING *",
        "INSERT INTO customers VALUES (1, 'a', 'b') ON CONFLICT (email) DO NOTHING",
        "INSERT INTO orders SELECT id, 1 FROM customers",
        "INSERT INTO orders SELECT count(*), 1 FROM customers",
        "DELETE FROM customers WHERE email = 'a'",
        "SELECT email FROM customers",
    ] {
        assert!(!copies(plain), "{plain}");
    }
}

#[test]
fn rows_of_several_queries_are_told_apart_from_those_of_one() {
    let compound = |text: &str| classify(text, &catalog()).unwrap().compound;
    assert!(compound("SELECT total FROM orders WHERE id = 1 UNION ALL SELECT email FROM customers LIMIT 9"));
    assert!(compound("SELECT x FROM (SELECT email AS x FROM customers UNION ALL SELECT name FROM customers) LIMIT 3"));
    assert!(compound("WITH a AS (SELECT 1 UNION SELECT email FROM customers) SELECT * FROM a"));
    assert!(compound("SELECT 1 WHERE 1 IN (SELECT 1 EXCEPT SELECT 2)"));
    assert!(!compound("SELECT email FROM customers"));
}

#[test]
fn placeholders_are_counted_wherever_they_stand() {
    let count = |text: &str| classify(text, &catalog()).unwrap().placeholders;
    assert_eq!(count("SELECT id FROM orders"), 0);
    assert_eq!(count("SELECT id FROM orders WHERE id = ? AND total > ? LIMIT ?"), 3);
    assert_eq!(count("UPDATE orders SET total = ? WHERE id = ? OR total = 3"), 2);
    assert_eq!(count("INSERT INTO orders VALUES (?, (SELECT max(id) FROM orders WHERE id < ?))"), 2);
}

#[test]
fn what_is_not_known_is_unknown() {
    for text in [
        "PRAGMA writable_schema = 1",
        "ATTACH 'x' AS y",
        "VACUUM",
        "BEGIN",
        "EXPLAIN SELECT 1",
        "CREATE VIEW v AS SELECT 1",
    ] {
        let found = read(text);
        assert!(found.starts_with("unknown") || found.starts_with("refused"), "{text}: {found}");
    }
}

#[test]
fn what_the_two_lexers_may_read_differently_is_refused() {
    for text in [
        "SELECT $1::y('), email||'', card||'' FROM customers --')",
        "SELECT $1::y('),2,3; SELECT id,email,card FROM customers; --')",
        "DELETE FROM orders WHERE id = 40 AND id <> $0",
        "SELECT :a, @b, #c",
        "SELECT ?1",
        "SELECT [email] FROM customers",
        "SELECT `email` FROM customers",
        "SELECT 1 -- ' comment",
        "SELECT 1 /* comment */",
        "SELECT E'a\\' FROM customers",
        "SELECT 1;;",
        "SELECT\u{a0}1",
        "SELECT 'open",
    ] {
        let refused = classify(text, &catalog());
        assert!(matches!(refused, Err(Unreadable::Syntax(_) | Unreadable::Several)), "{text}: {refused:?}");
    }
    assert_eq!(read("SELECT 'it''s $1 -- /* : @', \"id\" FROM orders;"), "sql.select orders");
}

#[test]
fn a_view_proves_nothing_of_its_columns_and_a_temporary_table_is_unknown() {
    assert!(classify("SELECT id FROM active", &catalog()).unwrap().compound);
    assert!(read("CREATE TEMP TABLE staff (k TEXT)").starts_with("unknown"));
    assert!(read("CREATE TABLE temp.staff (k TEXT)").starts_with("unknown"));
}

#[test]
fn one_call_is_one_statement_within_limits() {
    let one = classify("SELECT id FROM orders;", &catalog()).unwrap();
    assert!(one.operations.iter().all(|operation| operation.facts.statements == Some(1)), "{one:?}");
    assert_eq!(classify("", &catalog()), Err(Unreadable::Empty));
    assert_eq!(classify("SELECT 1; DELETE FROM orders", &catalog()), Err(Unreadable::Several));
    assert_eq!(classify("SELECT 1\0", &catalog()), Err(Unreadable::Nul));
    assert!(matches!(classify("SELEC 1", &catalog()), Err(Unreadable::Syntax(_))));
    let deep = format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000));
    let on_a_small_stack = std::thread::Builder::new().stack_size(2 << 20).spawn(move || classify(&deep, &catalog()));
    assert_eq!(on_a_small_stack.unwrap().join().unwrap(), Err(Unreadable::TooDeep));
    assert_eq!(classify(&"x".repeat(model::limit::STATEMENT_BYTES + 1), &catalog()), Err(Unreadable::TooLong));
}

#[test]
fn a_long_chain_ends_in_an_answer_on_a_small_stack() {
    let chains = [
        format!("SELECT {}1", "1+".repeat(300_000)),
        format!("SELECT {}1", "1+".repeat(3_900)),
        format!("SELECT 1 WHERE {}1", "1 AND ".repeat(1_900)),
        format!("SELECT {}1", "NOT ".repeat(3_900)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(1_900)),
        format!("SELECT id FROM orders WHERE id IN (0{})", ",1".repeat(100_000)),
        format!("SELECT 1{}", "||'x'".repeat(1_900)),
    ];
    for text in chains {
        let on_a_small_stack = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
            drop(classify(&text, &catalog()));
        });
        on_a_small_stack.unwrap().join().unwrap();
    }
}

#[test]
fn names_are_bound_to_what_they_are_now() {
    let meaning = classify("SELECT id FROM orders", &catalog()).unwrap();
    assert_eq!(meaning.bound, [Bound { name: "table orders".to_owned(), identity: "root of orders".to_owned() }]);
}
