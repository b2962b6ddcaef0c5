//! One query block: its tables under their names, which of them a condition bounds, and what its lists show.

use std::collections::BTreeSet;

use model::DataClass;
use pg_raw_parse::Node;
use pg_raw_parse::nodes::{RangeVar, SelectStmt};
use pg_raw_parse::raw::SubLinkType;

use super::super::Table;
use super::bound::bound_columns;
use super::tree::children;

/// One query block's FROM.
#[derive(Debug, Default)]
pub(super) struct Block<'a> {
    /// Its tables.
    pub(super) members: Vec<Member<'a>>,
    /// Everything else in FROM, ON conditions included; and whether it is a part of FROM itself.
    pub(super) others: Vec<(Node<'a>, bool)>,
    /// Methods of TABLESAMPLE, which are functions.
    pub(super) methods: Vec<Vec<&'a str>>,
    /// Names of joins.
    pub(super) joins: Vec<&'a str>,
    /// A join compares columns of one name, by an operator that is not written.
    pub(super) equates: bool,
}

/// A table in a block.
#[derive(Debug, Clone)]
pub(super) struct Member<'a> {
    pub(super) name: &'a RangeVar,
    /// The name that columns are qualified with.
    pub(super) alias: &'a str,
    /// Names given to its first columns.
    pub(super) columns: Vec<&'a str>,
    /// Names of joins that hold it, and of its row before or after a change.
    pub(super) also: Vec<&'a str>,
}

impl<'a> Member<'a> {
    fn of(name: &'a RangeVar) -> Self {
        let alias = name.alias();
        let columns = alias.into_iter().flat_map(|alias| alias.colnames().iter()).filter_map(Node::as_str).collect();
        let alias = alias.and_then(|alias| alias.aliasname()).or(name.relname()).unwrap_or("");
        Self { name, alias, columns, also: Vec::new() }
    }

    /// The classes of the column that is called `name` here, if it has any; `Err` if there is no such column.
    fn classes_of<'t>(&self, table: &'t Table, name: &str) -> Result<Option<&'t BTreeSet<DataClass>>, NoColumn> {
        if let Some(number) = self.columns.iter().position(|alias| *alias == name) {
            return Ok(table.columns.get(number).and_then(|column| table.classes.get(column)));
        }
        let number = table.columns.iter().position(|column| column == name).ok_or(NoColumn)?;
        // A column that was given another name is no longer called so.
        if number < self.columns.len() { Err(NoColumn) } else { Ok(table.classes.get(name)) }
    }

    fn has(&self, table: &Table, name: &str) -> bool {
        self.classes_of(table, name).is_ok()
    }
}

#[derive(Debug)]
struct NoColumn;

impl<'a> Block<'a> {
    pub(super) fn of(from: impl Iterator<Item = Node<'a>>) -> Self {
        let mut block = Self::default();
        let mut list: Vec<(Node<'a>, Vec<&'a str>)> = from.map(|node| (node, Vec::new())).collect();
        while let Some((node, joins)) = list.pop() {
            match node {
                Node::RangeVar(name) => block.members.push(Member { also: joins, ..Member::of(name) }),
                Node::JoinExpr(join) => {
                    let mut joins = joins;
                    let aliases = [join.alias(), join.join_using_alias()];
                    joins.extend(aliases.into_iter().flatten().filter_map(|alias| alias.aliasname()));
                    block.joins.extend(&joins);
                    block.equates |= join.is_natural || !join.using_clause().is_empty();
                    list.extend([(join.larg(), joins.clone()), (join.rarg(), joins)]);
                    block.others.push((join.quals(), false));
                }
                Node::RangeTableSample(sample) => {
                    list.push((sample.relation(), joins));
                    block.others.extend(sample.args().iter().map(|argument| (argument, false)));
                    block.others.push((sample.repeatable(), false));
                    block.methods.push(sample.method().iter().filter_map(Node::as_str).collect());
                }
                Node::None => {}
                other => block.others.push((other, true)),
            }
        }
        block
    }

    /// The table that a statement changes stands beside those it reads.
    pub(super) fn add_target(&mut self, name: &'a RangeVar) -> Member<'a> {
        let member = Member::of(name);
        self.members.push(member.clone());
        member
    }

    /// Whether a term of `condition` says that a column of `member` equals a constant, or is one of a list.
    pub(super) fn bounds<'k>(
        &self,
        condition: Node<'a>,
        member: &Member<'_>,
        peek: impl Fn(&RangeVar) -> Option<&'k Table>,
    ) -> bool {
        bound_columns(condition).into_iter().any(|(qualifier, column)| {
            if SYSTEM_COLUMNS.contains(&column) {
                return false;
            }
            let owns = peek(member.name).map(|table| member.has(table, column));
            match (qualifier, owns) {
                (_, Some(false)) => false,
                (Some(qualifier), _) => qualifier == member.alias,
                // Had another member a column of this name too, the server would refuse it as ambiguous.
                (None, Some(true)) => true,
                (None, None) => self.members.len() == 1 && !self.others.iter().any(|(_, from)| *from),
            }
        })
    }
}

/// Columns that some lists name.
#[derive(Debug, Default)]
pub(super) struct Refs {
    /// Qualifier and name.
    pub(super) columns: Vec<(Option<String>, String)>,
    /// `*`.
    pub(super) all: bool,
    /// `q.*`.
    pub(super) stars: Vec<String>,
    /// Nodes looked at.
    pub(super) cost: usize,
    /// There are sub-selects, which were not looked into.
    pub(super) has_inner: bool,
}

impl Refs {
    /// What these expressions show: the lists of sub-selects count, their conditions do not.
    pub(super) fn of<'a>(roots: impl Iterator<Item = Node<'a>>) -> Self {
        let mut refs = Self::default();
        let mut list: Vec<Node<'a>> = roots.collect();
        while let Some(node) = list.pop() {
            refs.cost += 1;
            match node {
                Node::ColumnRef(column) => refs.add(column.fields().iter()),
                Node::SubLink(link) if link.sub_link_type == SubLinkType::EXISTS_SUBLINK => {}
                Node::SelectStmt(select) => list.extend(lists_of(select)),
                Node::JoinExpr(join) => list.extend([join.larg(), join.rarg()]),
                other => children(other, |child| list.push(child)),
            }
        }
        refs
    }

    pub(super) fn add<'a>(&mut self, fields: impl Iterator<Item = Node<'a>>) {
        let fields: Vec<Node<'a>> = fields.collect();
        let text = |node: Option<&Node<'a>>| node.and_then(|node| node.as_str()).unwrap_or("").to_owned();
        match fields.as_slice() {
            [Node::A_Star(_)] => self.all = true,
            [.., qualifier, Node::A_Star(_)] => self.stars.push(text(Some(qualifier))),
            [name] => self.columns.push((None, text(Some(name)))),
            [.., qualifier, name] => self.columns.push((Some(text(Some(qualifier))), text(Some(name)))),
            [] => {}
        }
    }

    /// Whether a classified column of the member, or its whole row, is among them.
    pub(super) fn shows_class(&self, member: &Member<'_>, table: &Table) -> bool {
        if table.classes.is_empty() {
            return false;
        }
        let ours = |qualifier: &str| qualifier == member.alias || member.also.contains(&qualifier);
        let classified = |name: &str| matches!(member.classes_of(table, name), Ok(Some(_)));
        self.all
            || self.stars.iter().any(|qualifier| ours(qualifier))
            || self.columns.iter().any(|(qualifier, name)| match qualifier {
                // `c.f` where `f` is no column calls the function `f` with the whole row.
                Some(qualifier) if ours(qualifier) => !matches!(member.classes_of(table, name), Ok(None)),
                Some(_) => false,
                None => classified(name) || (name == member.alias && !member.has(table, name)),
            })
    }

    /// The columns of the member that are named, by the names that the table has for them. `None`: not all can be told.
    pub(super) fn columns_of(&self, member: &Member<'_>, table: &Table) -> Option<BTreeSet<String>> {
        let ours = |qualifier: &str| qualifier == member.alias || member.also.contains(&qualifier);
        if self.all || self.stars.iter().any(|qualifier| ours(qualifier)) {
            return Some(table.columns.iter().cloned().collect());
        }
        let column = |name: &str| -> Option<&String> {
            let number = member.columns.iter().position(|alias| *alias == name);
            let number = number.or_else(|| table.columns.iter().position(|column| column == name));
            number.and_then(|number| table.columns.get(number))
        };
        let mut columns = BTreeSet::new();
        for (qualifier, name) in &self.columns {
            match (qualifier, column(name)) {
                (Some(qualifier), _) if !ours(qualifier) => {}
                (_, Some(column)) => drop(columns.insert(column.clone())),
                (_, None) if SYSTEM_COLUMNS.contains(&name.as_str()) => {}
                // A whole row, or a function of one.
                (Some(_), None) => return None,
                (None, None) if name == member.alias => return None,
                (None, None) => {}
            }
        }
        Some(columns)
    }

    /// Whether a column is named that no member of the block has: one of a block around it.
    pub(super) fn reaches_out<'k>(&self, block: &Block<'_>, peek: impl Fn(&RangeVar) -> Option<&'k Table>) -> bool {
        let aliases: Vec<&str> = block.members.iter().map(|member| member.alias).collect();
        let closed = !block.others.iter().any(|(_, from)| *from);
        self.columns.iter().any(|(qualifier, name)| match qualifier {
            Some(qualifier) => closed && !aliases.contains(&qualifier.as_str()),
            None => {
                let owned = |member: &Member<'_>| peek(member.name).is_none_or(|table| member.has(table, name));
                !block.members.iter().any(owned) && closed
            }
        })
    }
}

/// The parts of a select whose values go out.
fn lists_of<'a>(select: &'a SelectStmt) -> Vec<Node<'a>> {
    let mut lists: Vec<Node<'a>> = select.target_list().iter().map(Node::ResTarget).collect();
    lists.extend(select.values_lists().iter());
    lists.extend(select.from_clause().iter());
    lists.extend([select.larg(), select.rarg()].into_iter().flatten().map(Node::SelectStmt));
    lists.extend(select.with_clause().into_iter().flat_map(|with| with.ctes().iter()).map(|cte| cte.ctequery()));
    lists
}

/// What the block shows of its members: its own list, and what the other parts of its FROM are given.
pub(super) fn output_refs<'a>(select: &'a SelectStmt, block: &Block<'a>) -> Refs {
    let own = select.target_list().iter().map(Node::ResTarget).chain(select.values_lists().iter());
    Refs::of(own.chain(block.others.iter().filter(|(_, from)| *from).map(|(node, _)| *node)))
}

/// Every column that the block names outside its sub-selects.
pub(super) fn own_refs<'a>(select: &'a SelectStmt, block: &Block<'a>) -> Refs {
    let mut refs = Refs::default();
    let mut list: Vec<Node<'a>> = select.target_list().iter().map(Node::ResTarget).collect();
    list.extend([select.where_clause(), select.having_clause(), select.limit_offset()]);
    list.extend(select.sort_clause().iter().map(Node::SortBy));
    list.extend(select.group_clause().iter());
    list.extend(block.others.iter().map(|(node, _)| *node));
    while let Some(node) = list.pop() {
        refs.cost += 1;
        match node {
            Node::ColumnRef(column) => refs.add(column.fields().iter()),
            Node::SelectStmt(_) => refs.has_inner = true,
            other => children(other, |child| list.push(child)),
        }
    }
    refs
}

/// Whether the block makes one row of many, so that its LIMIT bounds nothing that it reads.
pub(super) fn aggregates(select: &SelectStmt) -> bool {
    if !select.group_clause().is_empty() || !matches!(select.having_clause(), Node::None) {
        return true;
    }
    let mut list: Vec<Node<'_>> = select.target_list().iter().map(Node::ResTarget).collect();
    list.extend(select.sort_clause().iter().map(Node::SortBy));
    while let Some(node) = list.pop() {
        match node {
            Node::FuncCall(call) => {
                let name = call.funcname().iter().filter_map(Node::as_str).next_back().unwrap_or("");
                let windowed = call.over().is_some() || call.agg_star || call.agg_distinct || call.agg_within_group;
                if windowed
                    || !matches!(call.agg_filter(), Node::None)
                    || !call.agg_order().is_empty()
                    || AGGREGATES.contains(&name)
                {
                    return true;
                }
                children(node, |child| list.push(child));
            }
            Node::JsonArrayAgg(_) | Node::JsonObjectAgg(_) => return true,
            Node::SelectStmt(_) => {}
            other => children(other, |child| list.push(child)),
        }
    }
    false
}

const SYSTEM_COLUMNS: [&str; 7] = ["cmax", "cmin", "ctid", "oid", "tableoid", "xmax", "xmin"];
/// Aggregates of `pg_catalog`; one that is not listed is an unlisted function, and a call.
const AGGREGATES: &[&str] = &[
    "any_value",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "cume_dist",
    "dense_rank",
    "every",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "max",
    "min",
    "mode",
    "percent_rank",
    "percentile_cont",
    "percentile_disc",
    "range_agg",
    "rank",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
    "xmlagg",
];
