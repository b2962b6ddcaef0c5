//! Statements that name what was prepared or declared before: EXECUTE and FETCH are what stands behind the name. The
//! server is asked which text that is, so that it does not matter who made it, and how.

use model::{Bound, Verb};
use pg_raw_parse::Node;
use pg_raw_parse::nodes::{ExecuteStmt, FetchStmt};

use super::{CatalogQuestion, Reading};
use crate::sql::{Prepared, check_text};

impl Reading<'_> {
    /// EXECUTE runs a prepared statement with values that may be computed.
    pub(super) fn execute(&mut self, execute: &ExecuteStmt) {
        let name = execute.name().unwrap_or("");
        for value in execute.params() {
            self.visit(value);
        }
        if self.meaning.prepared != Prepared::Kept || self.moved {
            // The text itself has moved what the name means, or code of it may have.
            return self.unknown();
        }
        let known = self.known;
        match known.prepared.get(name) {
            None => drop(self.questions.insert(CatalogQuestion::Prepared(name.to_owned()))),
            Some(None) => self.unknown(),
            Some(Some(text)) => {
                self.behind("prepared", name, text, |node| match node {
                    Node::PrepareStmt(prepare) if prepare.name() == Some(name) => Some(prepare.query()),
                    _ => None,
                });
                self.meaning.executes.push(name.to_owned());
            }
        }
    }

    /// FETCH and MOVE go on with a cursor.
    pub(super) fn fetch(&mut self, fetch: &FetchStmt) {
        let name = fetch.portalname().unwrap_or("");
        if self.moved {
            return self.unknown();
        }
        if self.declared.contains(name) {
            return self.on_target(Verb::SqlHousekeep);
        }
        let known = self.known;
        match known.cursors.get(name) {
            None => drop(self.questions.insert(CatalogQuestion::Cursor(name.to_owned()))),
            Some(None) => self.unknown(),
            Some(Some(text)) => {
                self.behind("cursor", name, text, |node| match node {
                    Node::DeclareCursorStmt(declare) if declare.portalname() == Some(name) => Some(declare.query()),
                    _ => None,
                });
                self.meaning.fetches.push(name.to_owned());
            }
        }
    }

    /// Reads what of `text` goes by the name: what `named` finds, or the only statement there is. The server tells the whole
    /// text that a name was made in: where it made the name twice, it is not known which is meant.
    fn behind(&mut self, kind: &str, name: &str, text: &str, named: impl Fn(Node<'_>) -> Option<Node<'_>>) {
        let Ok(tree) = check_text(text).map_err(drop).and_then(|()| pg_raw_parse::parse(text).map_err(drop)) else {
            return self.unknown();
        };
        self.meaning.bound.push(Bound { name: format!("{kind} {name}"), identity: text.to_owned() });
        let tree = tree.into_inner();
        let named: Vec<Node<'_>> = tree.iter().filter_map(|statement| named(statement.stmt())).collect();
        let all: Vec<Node<'_>> = tree.iter().map(|statement| statement.stmt()).take(2).collect();
        match (named.as_slice(), all.as_slice()) {
            (&[statement], _) | ([], &[statement]) => {
                let before = self.meaning.operations.len();
                self.statement_inside(statement);
                self.copies(statement, before);
            }
            _ => self.unknown(),
        }
    }
}
