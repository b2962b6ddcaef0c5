//! The classifiers of SQL: what is understood is never empty, and a statement that is put behind a text is never lost.

use std::collections::{BTreeMap, BTreeSet};

use model::Verb;
use protocol::sql::postgres::{Classified, Known};
use protocol::sql::{Catalog, Meaning, Table, Unreadable, postgres, sqlite};

/// A text for PostgreSQL.
pub fn postgres(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(meaning) = settled(text) else { return };
    check(&meaning);
    assert!(meaning.statements <= model::limit::OPERATIONS);
    assert_eq!(settled(text).as_ref(), Ok(&meaning), "the same text twice");
    match settled(&format!("{text}\n;\nDROP TABLE public.orders")) {
        Ok(longer) => {
            assert!(has(&longer, Verb::SqlDrop), "the second statement is lost: {longer:?}");
            // An empty text is housekeeping; with something behind it, it is nothing.
            let stays = |verb: &Verb| has(&longer, *verb) || has(&longer, Verb::Unknown);
            assert!(meaning.statements == 0 || verbs(&meaning).iter().all(stays), "{longer:?}");
        }
        Err(Unreadable::TooLong | Unreadable::TooMany) => {}
        Err(other) => panic!("it parsed alone, and now: {other}"),
    }
}

/// A text for SQLite: one statement, so that another behind it is refused.
pub fn sqlite(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let catalog = catalog("");
    let Ok(meaning) = sqlite::classify(text, &catalog) else { return };
    check(&meaning);
    assert_eq!(sqlite::classify(text, &catalog).as_ref(), Ok(&meaning), "the same text twice");
    for behind in ["\n;\nDROP TABLE orders", "; SELECT 1"] {
        let longer = sqlite::classify(&format!("{text}{behind}"), &catalog);
        assert!(longer.is_err(), "two statements: {longer:?}");
    }
}

/// Classifies until nothing is asked any more: the answers are those of one catalog.
fn settled(text: &str) -> Result<Meaning, Unreadable> {
    let catalog = catalog("public");
    let mut known = Known::default();
    let mut asked = BTreeSet::new();
    for _ in 0..16 {
        match postgres::classify(text, &known)? {
            Classified::Meaning(meaning) => return Ok(meaning),
            Classified::Needs(questions) => {
                let before = asked.len();
                asked.extend(questions);
                assert!(asked.len() > before, "what was answered is asked again: {asked:?}");
                known = Known::of(&catalog, &["pg_catalog", "public"], &asked);
            }
        }
    }
    panic!("it keeps asking: {asked:?}");
}

/// What is understood does something, and each thing once.
fn check(meaning: &Meaning) {
    assert!(!meaning.operations.is_empty(), "it means nothing at all");
    let seen: BTreeSet<_> =
        meaning.operations.iter().map(|operation| (operation.verb, format!("{:?}", operation.resource))).collect();
    assert_eq!(seen.len(), meaning.operations.len());
    assert!(meaning.bound.windows(2).all(|pair| pair[0] < pair[1]));
}

fn verbs(meaning: &Meaning) -> BTreeSet<Verb> {
    meaning.operations.iter().map(|operation| operation.verb).collect()
}

fn has(meaning: &Meaning, verb: Verb) -> bool {
    meaning.operations.iter().any(|operation| operation.verb == verb)
}

fn catalog(schema: &str) -> Catalog {
    let table = |name: &str, columns: &[&str], classes: &[&str], is_view: bool| {
        let class = |column: &&str| ((*column).to_owned(), [column.parse().expect("a class's name")].into());
        let table = Table {
            schema: schema.to_owned(),
            name: name.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            classes: classes.iter().map(class).collect(),
            identity: format!("identity of {name}"),
            triggers: if name == "audited" { vec!["audited_insert".to_owned()] } else { Vec::new() },
            is_view,
            estimated_rows: Some(200),
        };
        (if schema.is_empty() { name.to_owned() } else { format!("{schema}.{name}") }, table)
    };
    let tables = [
        table("customers", &["id", "name", "email", "ssn"], &["email", "ssn"], false),
        table("orders", &["id", "customer", "total", "note"], &[], false),
        table("audited", &["id"], &[], false),
        table("active", &["id", "email"], &[], true),
    ];
    Catalog { tables: BTreeMap::from(tables) }
}
