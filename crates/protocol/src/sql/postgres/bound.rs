//! When rows are bounded: a column equals a constant, or is one of a list, or LIMIT is a small constant. Anything else is
//! no proof.

use pg_raw_parse::{ConstValue, Node};
use pg_raw_parse::raw::{A_Expr_Kind, BoolExprType};

/// Whether one of the condition's AND terms says that a column equals a constant or parameter, or is one of a list.
pub(super) fn is_bound(condition: Node<'_>) -> bool {
    let mut terms = vec![condition];
    while let Some(term) = terms.pop() {
        match term {
            Node::BoolExpr(all) if all.boolop == BoolExprType::AND_EXPR => terms.extend(all.args().iter()),
            Node::A_Expr(term) if is_equality(term.name().iter()) => {
                let (left, right) = (term.lexpr(), term.rexpr());
                let bound = match term.kind {
                    A_Expr_Kind::AEXPR_OP => {
                        (is_column(left) && is_constant(right)) || (is_constant(left) && is_column(right))
                    }
                    A_Expr_Kind::AEXPR_IN => is_column(left) && is_constants(right),
                    _ => false,
                };
                if bound {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// A LIMIT that is a constant of at most 1,000 rows.
pub(super) fn short_limit(limit: Node<'_>) -> Option<i64> {
    let Node::A_Const(constant) = limit else { return None };
    constant.val().and_then(|value| value.numeric_value()).filter(|rows| (0..=BOUND_ROWS).contains(rows))
}

fn is_equality<'a>(mut name: impl Iterator<Item = Node<'a>>) -> bool {
    name.next().and_then(Node::as_str) == Some("=") && name.next().is_none()
}

fn is_column(node: Node<'_>) -> bool {
    match node {
        Node::ColumnRef(column) => column.fields().iter().all(|field| field.as_str().is_some()),
        _ => false,
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
        Node::A_Const(constant) => constant.isnull || !matches!(constant.val(), Some(ConstValue::Unrecognized(_)) | None),
        Node::ParamRef(_) => true,
        Node::TypeCast(cast) => matches!(cast.arg(), Node::A_Const(_) | Node::ParamRef(_)),
        _ => false,
    }
}

/// A LIMIT of at most this many rows is a bound.
const BOUND_ROWS: i64 = 1_000;
