//! When rows are bounded: a column equals a constant, or is one of a list, or LIMIT is a small constant. Anything else is
//! no proof.

use pg_raw_parse::raw::{A_Expr_Kind, BoolExprType};
use pg_raw_parse::{ConstValue, Node};

/// Columns, with their qualifiers, that one of the condition's AND terms says to equal a constant or parameter, or to be
/// one of a list.
pub(super) fn bound_columns(condition: Node<'_>) -> Vec<(Option<&str>, &str)> {
    terms(condition).0
}

/// Those columns, and the terms that say anything else.
pub(super) fn terms(condition: Node<'_>) -> (Vec<(Option<&str>, &str)>, Vec<Node<'_>>) {
    let (mut terms, mut columns, mut others) = (vec![condition], Vec::new(), Vec::new());
    while let Some(term) = terms.pop() {
        match (term, bound_column(term)) {
            (Node::BoolExpr(all), _) if all.boolop == BoolExprType::AND_EXPR => terms.extend(all.args().iter()),
            (_, Some(column)) => columns.push(column),
            (other, None) => others.push(other),
        }
    }
    (columns, others)
}

/// The column that a term bounds.
fn bound_column(term: Node<'_>) -> Option<(Option<&str>, &str)> {
    let Node::A_Expr(term) = term else { return None };
    let (left, right) = (term.lexpr(), term.rexpr());
    match term.kind {
        _ if !is_equality(term.name().iter()) => None,
        A_Expr_Kind::AEXPR_OP if is_constant(right) => column(left),
        A_Expr_Kind::AEXPR_OP if is_constant(left) => column(right),
        A_Expr_Kind::AEXPR_IN if is_constants(right) => column(left),
        _ => None,
    }
}

/// A LIMIT that is a constant of at most 1,000 rows.
pub(super) fn short_limit(limit: Node<'_>) -> Option<i64> {
    let Node::A_Const(constant) = limit else { return None };
    constant.val().and_then(|value| value.numeric_value()).filter(|rows| (0..=BOUND_ROWS).contains(rows))
}

/// `=`, or `OPERATOR(pg_catalog.=)`.
fn is_equality<'a>(name: impl Iterator<Item = Node<'a>>) -> bool {
    let parts: Vec<&str> = name.filter_map(Node::as_str).collect();
    matches!(parts.as_slice(), ["="] | ["pg_catalog", "="])
}

fn column(node: Node<'_>) -> Option<(Option<&str>, &str)> {
    let Node::ColumnRef(column) = node else { return None };
    let fields = column.fields().iter().map(Node::as_str).collect::<Option<Vec<_>>>()?;
    match fields.as_slice() {
        [] => None,
        [name] => Some((None, name)),
        [.., qualifier, name] => Some((Some(qualifier), name)),
    }
}

fn is_constants(node: Node<'_>) -> bool {
    match node {
        Node::NodeList(list) => list.iter().all(is_constant),
        _ => false,
    }
}

fn is_constant(node: Node<'_>) -> bool {
    match node {
        Node::A_Const(constant) => {
            constant.isnull || !matches!(constant.val(), Some(ConstValue::Unrecognized(_)) | None)
        }
        Node::ParamRef(_) => true,
        Node::TypeCast(cast) => matches!(cast.arg(), Node::A_Const(_) | Node::ParamRef(_)),
        _ => false,
    }
}

/// A LIMIT of at most this many rows is a bound.
const BOUND_ROWS: i64 = 1_000;
