//! The classifier against a corpus of statements, each with what a strict reading must find, and hostile input.

use super::*;

fn table(schema: &str, name: &str, columns: &[&str], classes: &[&str], is_view: bool) -> (String, Table) {
    let table = Table {
        schema: schema.to_owned(),
        name: name.to_owned(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        classes: classes.iter().map(|column| ((*column).to_owned(), column.parse().unwrap())).collect(),
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
    ]);
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

/// Text of `count` repetitions.
fn repeated(before: &str, each: &str, count: usize, after: &str) -> String {
    format!("{before}{}{after}", each.repeat(count))
}

#[test]
fn hostile_text_ends_in_an_answer_on_a_small_stack() {
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
    "pg_authid",
    "pg_class",
    "pg_hba_file_rules",
    "pg_largeobject",
    "pg_largeobject_metadata",
    "pg_namespace",
    "pg_stats_ext",
    "pg_user_mappings",
    "pg_database",
    "pg_locks",
    "pg_proc",
    "pg_roles",
    "pg_settings",
    "pg_shadow",
    "pg_stat_activity",
    "pg_stat_statements",
    "pg_statistic",
    "pg_stats",
    "pg_tables",
    "pg_user",
];
