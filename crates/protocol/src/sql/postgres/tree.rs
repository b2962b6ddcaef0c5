//! Which nodes of the grammar do nothing by themselves, and how to visit their children. The grammar's own walker knows
//! only these, and would panic on others; it is never let go deeper than one level.

use pg_raw_parse::Node;
use pg_raw_parse::nodes::TypeName;
use pg_raw_parse::walk::{Recurse, walk_manual};

/// Calls `each` for the direct children of an expression or clause.
pub(super) fn children<'a>(node: Node<'a>, mut each: impl FnMut(Node<'a>)) {
    match node {
        Node::None => {}
        Node::NodeList(list) => list.iter().for_each(each),
        // The walker passes these by, with the names of columns and types in them.
        Node::ColumnDef(_) | Node::RangeVar(_) => {}
        _ if is_plain(node) || is_clause(node) => {
            let done: Option<()> = walk_manual(node, |child| {
                each(child);
                Recurse::no()
            });
            debug_assert!(done.is_none());
        }
        _ => {}
    }
}

/// Expressions and clauses that do nothing by themselves: only what is inside them counts.
pub(super) const fn is_plain(node: Node<'_>) -> bool {
    matches!(
        node,
        Node::NodeList(_)
            | Node::Alias(_)
            | Node::GroupingFunc(_)
            | Node::BoolExpr(_)
            | Node::CaseExpr(_)
            | Node::CaseWhen(_)
            | Node::RowExpr(_)
            | Node::CoalesceExpr(_)
            | Node::MinMaxExpr(_)
            | Node::SQLValueFunction(_)
            | Node::NullTest(_)
            | Node::BooleanTest(_)
            | Node::SetToDefault(_)
            | Node::CurrentOfExpr(_)
            | Node::MergeSupportFunc(_)
            | Node::Integer(_)
            | Node::Float(_)
            | Node::Boolean(_)
            | Node::String(_)
            | Node::BitString(_)
            | Node::ColumnRef(_)
            | Node::ParamRef(_)
            | Node::A_Const(_)
            | Node::A_Star(_)
            | Node::A_Indices(_)
            | Node::A_Indirection(_)
            | Node::A_ArrayExpr(_)
            | Node::NamedArgExpr(_)
            | Node::ResTarget(_)
            | Node::MultiAssignRef(_)
            | Node::TypeCast(_)
            | Node::CollateClause(_)
            | Node::SortBy(_)
            | Node::WindowDef(_)
            | Node::GroupingSet(_)
            | Node::TypeName(_)
            | Node::ColumnDef(_)
            | Node::InferClause(_)
            | Node::IndexElem(_)
            | Node::CommonTableExpr(_)
    ) || is_xml_or_json(node)
        || is_from(node)
}

const fn is_xml_or_json(node: Node<'_>) -> bool {
    matches!(
        node,
        Node::XmlExpr(_)
            | Node::XmlSerialize(_)
            | Node::JsonFormat(_)
            | Node::JsonReturning(_)
            | Node::JsonValueExpr(_)
            | Node::JsonIsPredicate(_)
            | Node::JsonBehavior(_)
            | Node::JsonOutput(_)
            | Node::JsonArgument(_)
            | Node::JsonFuncExpr(_)
            | Node::JsonTablePathSpec(_)
            | Node::JsonTableColumn(_)
            | Node::JsonKeyValue(_)
            | Node::JsonParseExpr(_)
            | Node::JsonScalarExpr(_)
            | Node::JsonSerializeExpr(_)
            | Node::JsonObjectConstructor(_)
            | Node::JsonArrayConstructor(_)
            | Node::JsonArrayQueryConstructor(_)
            | Node::JsonAggConstructor(_)
            | Node::JsonObjectAgg(_)
            | Node::JsonArrayAgg(_)
    )
}

/// Parts of FROM that are no tables.
pub(super) const fn is_from(node: Node<'_>) -> bool {
    matches!(
        node,
        Node::RangeSubselect(_)
            | Node::RangeFunction(_)
            | Node::RangeTableFunc(_)
            | Node::RangeTableFuncCol(_)
            | Node::JsonTable(_)
    )
}

/// Clauses and statements whose children are worth a visit, though they mean something themselves.
const fn is_clause(node: Node<'_>) -> bool {
    matches!(
        node,
        Node::SelectStmt(_)
            | Node::InsertStmt(_)
            | Node::UpdateStmt(_)
            | Node::DeleteStmt(_)
            | Node::MergeStmt(_)
            | Node::MergeWhenClause(_)
            | Node::OnConflictClause(_)
            | Node::WithClause(_)
            | Node::SubLink(_)
            | Node::FuncCall(_)
            | Node::A_Expr(_)
            | Node::JoinExpr(_)
            | Node::RangeTableSample(_)
    )
}

/// Whether a node has a type of its own that is no child of it.
pub(super) const fn hides_a_type(node: Node<'_>) -> bool {
    matches!(
        node,
        Node::RangeTableFuncCol(_)
            | Node::XmlSerialize(_)
            | Node::JsonTableColumn(_)
            | Node::JsonOutput(_)
            | Node::JsonReturning(_)
    )
}

/// How a type is named.
pub(super) enum TypeWritten<'n> {
    /// In full, or by the grammar's own word: one that the server brings, whose values no code of others makes.
    TheServers,
    /// By a name that the server brings, and that another schema may have before it.
    LikeTheServers(&'n str),
    /// By any other.
    Others,
}

pub(super) fn type_written(name: &TypeName) -> TypeWritten<'_> {
    let mut parts = name.names().iter().filter_map(|part| part.sval());
    match (parts.next(), parts.next(), parts.next()) {
        (Some("pg_catalog"), Some(_), None) => TypeWritten::TheServers,
        (Some(name), None, None) if TYPES.binary_search(&name).is_ok() => TypeWritten::LikeTheServers(name),
        _ => TypeWritten::Others,
    }
}

/// Sorted. Types of `pg_catalog` that are written without it.
const TYPES: &[&str] = &[
    "bit",
    "bool",
    "box",
    "bpchar",
    "bytea",
    "char",
    "cid",
    "cidr",
    "circle",
    "date",
    "daterange",
    "float4",
    "float8",
    "inet",
    "int2",
    "int2vector",
    "int4",
    "int4range",
    "int8",
    "int8range",
    "interval",
    "json",
    "jsonb",
    "jsonpath",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numeric",
    "numrange",
    "oid",
    "oidvector",
    "path",
    "pg_lsn",
    "point",
    "polygon",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "text",
    "tid",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "tsquery",
    "tsrange",
    "tstzrange",
    "tsvector",
    "uuid",
    "varbit",
    "varchar",
    "xid",
    "xid8",
    "xml",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_are_sorted() {
        assert!(TYPES.is_sorted());
    }
}
