//! What the columns of inner queries are called. `x.name` is a column where `x` is nothing but an inner query that labels one
//! so, and may be a function called with the row `x` where it is anything else.

use std::collections::{BTreeMap, BTreeSet};

use pg_raw_parse::Node;
use pg_raw_parse::nodes::{Alias, CommonTableExpr, RangeSubselect, SelectStmt};
use pg_raw_parse::raw::SetOperation;

/// The names that rows of one statement go by, at any depth of it.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// With the labels that all inner queries of the name have; `None`: not only inner queries go by it.
    named: BTreeMap<String, Option<BTreeSet<String>>>,
    /// Common table expressions, with the labels that all of the name have.
    common: BTreeMap<String, BTreeSet<String>>,
    /// Something stands in a FROM whose name is not known.
    is_unsure: bool,
}

impl Rows {
    /// Whether `row.label` is surely a column.
    pub(super) fn labels(&self, row: &str, label: &str) -> bool {
        let named = self.named.get(row).and_then(Option::as_ref);
        !self.is_unsure && named.is_some_and(|labels| labels.contains(label))
    }

    /// A common table expression of this name stands in the statement.
    pub(super) fn add_common(&mut self, cte: &CommonTableExpr) {
        let labels = labels_of(cte.aliascolnames().iter(), cte.ctequery());
        let name = cte.ctename().unwrap_or("").to_owned();
        let known = self.common.entry(name).or_insert_with(|| labels.clone());
        known.retain(|label| labels.contains(label));
    }

    /// A common table expression is read under a name.
    pub(super) fn add_read(&mut self, common: &str, alias: &str, columns: &[&str]) {
        let given: BTreeSet<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let labels = if given.is_empty() { self.common.get(common).cloned() } else { Some(given) };
        self.add(alias, labels);
    }

    /// A table, a join or a function goes by this name.
    pub(super) fn add_other(&mut self, alias: &str) {
        self.add(alias, None);
    }

    /// What else stands in a FROM.
    pub(super) fn add_item(&mut self, item: Node<'_>) {
        match item {
            Node::RangeSubselect(inner) => self.add_inner(inner),
            Node::RangeFunction(function) => match function.alias().and_then(Alias::aliasname) {
                Some(alias) => self.add_other(alias),
                // It goes by the function's own name.
                None => self.is_unsure = true,
            },
            Node::None => {}
            _ => self.is_unsure = true,
        }
    }

    fn add_inner(&mut self, inner: &RangeSubselect) {
        let Some(alias) = inner.alias() else { return };
        let labels = labels_of(alias.colnames().iter(), inner.subquery());
        self.add(alias.aliasname().unwrap_or(""), Some(labels));
    }

    fn add(&mut self, alias: &str, labels: Option<BTreeSet<String>>) {
        match self.named.get_mut(alias) {
            None => drop(self.named.insert(alias.to_owned(), labels)),
            Some(known) => match (known.as_mut(), labels) {
                (Some(known), Some(labels)) => known.retain(|label| labels.contains(label)),
                (Some(_), None) | (None, _) => *known = None,
            },
        }
    }
}

/// Labels that columns of a query surely have where it is read: those it is given there, or else its own.
fn labels_of<'a>(given: impl Iterator<Item = Node<'a>>, query: Node<'_>) -> BTreeSet<String> {
    let given: BTreeSet<String> = given.filter_map(Node::as_str).map(str::to_owned).collect();
    if given.is_empty() { of_query(query) } else { given }
}

/// Labels that columns of a query surely have.
fn of_query(query: Node<'_>) -> BTreeSet<String> {
    let Node::SelectStmt(mut select) = query else { return BTreeSet::new() };
    // The first query of several gives the labels.
    while select.op != SetOperation::SETOP_NONE {
        let Some(first) = select.larg() else { return BTreeSet::new() };
        select = first;
    }
    of_list(select)
}

fn of_list(select: &SelectStmt) -> BTreeSet<String> {
    let label = |target: &pg_raw_parse::nodes::ResTarget| match (target.name(), target.val()) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Node::ColumnRef(column)) => column.fields().iter().next_back().and_then(Node::as_str).map(str::to_owned),
        (None, _) => None,
    };
    select.target_list().iter().filter_map(label).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::Verb;

    use crate::sql::Table;
    use crate::sql::postgres::{CatalogQuestion, Classified, Functions, Known, classify};

    /// Whether a text calls the function `leaks`, where there is one table, `t`, without a column of that name.
    fn calls(text: &str) -> bool {
        let table = |name: &str, columns: &[&str]| Table {
            schema: "public".to_owned(),
            name: name.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            classes: Default::default(),
            identity: String::new(),
            triggers: Vec::new(),
            is_view: false,
            estimated_rows: None,
        };
        let mut known = Known::default();
        known.tables.insert((None, "t".to_owned()), Some(table("t", &["id", "note"])));
        loop {
            match classify(text, &known).unwrap() {
                Classified::Meaning(meaning) => {
                    return meaning.operations.iter().any(|operation| operation.verb == Verb::SqlCall);
                }
                Classified::Needs(questions) => answer(&mut known, questions),
            }
        }
    }

    fn answer(known: &mut Known, questions: BTreeSet<CatalogQuestion>) {
        for question in questions {
            match question {
                CatalogQuestion::Table(schema, name) => drop(known.tables.insert((schema, name), None)),
                CatalogQuestion::Function(name) => {
                    let identity = if name == "leaks" { "there".to_owned() } else { String::new() };
                    known.functions.insert(name, Functions { shadow: false, identity });
                }
                CatalogQuestion::Operator(name) => drop(known.operators.insert(name, false)),
                CatalogQuestion::Type(name) => drop(known.types.insert(name, false)),
                CatalogQuestion::Prepared(name) => drop(known.prepared.insert(name, None)),
                CatalogQuestion::Cursor(name) => drop(known.cursors.insert(name, None)),
            }
        }
    }

    #[test]
    fn a_label_of_an_inner_query_is_no_call() {
        for text in [
            "SELECT x.leaks FROM (SELECT note AS leaks FROM t) x",
            "SELECT x.leaks FROM (SELECT note FROM t) x (leaks)",
            "SELECT x.leaks FROM (SELECT note AS leaks FROM t UNION SELECT 'b') x",
            "WITH x AS (SELECT note AS leaks FROM t) SELECT x.leaks FROM x",
            "WITH RECURSIVE x (leaks) AS (SELECT note FROM t) SELECT y.leaks FROM x AS y",
            "SELECT (SELECT x.leaks) FROM (SELECT note AS leaks FROM t) x",
            "UPDATE t SET note = x.leaks FROM (SELECT note AS leaks FROM t) x WHERE t.id = 1",
        ] {
            assert!(!calls(text), "{text}");
        }
    }

    #[test]
    fn what_may_be_anything_else_is_a_call() {
        for text in [
            "SELECT t.leaks FROM t",
            "SELECT t.leaks FROM t, (SELECT note AS leaks FROM t) x",
            "SELECT x.leaks FROM t x, (SELECT note AS leaks FROM t) y",
            // The same name for a row of the table elsewhere in the text.
            "SELECT x.leaks, (SELECT x.leaks FROM t x) FROM (SELECT note AS leaks FROM t) x",
            "SELECT (SELECT x.leaks FROM (SELECT note AS other FROM t) x) FROM (SELECT note AS leaks FROM t) x",
            "WITH x AS (SELECT note FROM t) SELECT x.leaks FROM x",
            "WITH x AS (SELECT note AS leaks FROM t) SELECT y.leaks FROM x AS y (other)",
            "SELECT (t).leaks FROM t",
            "SELECT public.t.leaks FROM public.t, (SELECT 1 AS leaks) public",
            "SELECT j.leaks FROM ((SELECT 1 AS leaks) x JOIN t ON true) AS j, (SELECT 1 AS leaks) AS j2",
            "SELECT f.leaks FROM generate_series(1, 2) f, (SELECT 1 AS leaks) x",
            "SELECT x.leaks FROM (SELECT 1 AS leaks) x, generate_series(1, 2)",
            "INSERT INTO t SELECT 1, 'a' ON CONFLICT (id) DO UPDATE SET note = excluded.leaks",
            "UPDATE t AS x SET note = x.leaks FROM (SELECT 1 AS leaks) y WHERE y.leaks = 1",
            "DELETE FROM t USING (SELECT 1 AS leaks) x RETURNING t.leaks",
        ] {
            assert!(calls(text), "{text}");
        }
    }
}
