//! Whether a statement did more than was said of it. What the author of a table tied to it counts as said with the table;
//! nothing else does.

use model::{Category, Operation, Verb};
use protocol::sql::Meaning;

use super::effects::Effects;
use super::kin::{Kin, Tie};

/// Whether there is nothing that could be exceeded: it is denied, or said to do anything at all.
pub(super) fn may_do_anything(meaning: &Meaning) -> bool {
    holds(meaning, |verb| verb == Verb::Unknown || verb.categories().contains(&Category::Execute))
}

/// What the server did that the classifier did not say.
pub(super) fn judge((text, meaning): (&str, &Meaning), effects: &Effects, kin: &Kin) -> Vec<String> {
    use Category::{Configure, Destroy, Escalate, Write};
    let mut told = Vec::new();
    if runs_hung_code(meaning, kin) {
        return told;
    }
    // What a view calls is its author's business: a function of the server's own may take an id and write nothing.
    let through_view = effects.rows.is_empty() && holds(meaning, |verb| verb == Verb::SqlSelectView);
    if effects.wrote && !through_view && !holds_any(meaning, &[Write, Destroy, Configure, Escalate]) {
        told.push("it was given a transaction id".to_owned());
    }
    for (table, counts) in &effects.rows {
        told.extend(judge_rows(meaning, (table, *counts), kin));
    }
    // What is configured is said by the name of what is made or changed, not by all that this touches.
    if !holds_any(meaning, &[Configure, Escalate]) {
        let of_sequences = meaning.operations.iter().any(|operation| &*operation.resource.name == "pg_sequences");
        let looks_up = text.contains("pg_") || text.contains("information_schema");
        // Functions that tell what a definition is look at it, and at no row.
        let only_tells = |table: &str, mode: &str| {
            looks_up && (mode == "AccessShareLock" || of_sequences) && !effects.scanned.contains(table)
        };
        let locks = effects.locks.iter().filter(|(table, mode)| !only_tells(table, mode));
        told.extend(locks.filter_map(|(table, mode)| judge_lock(meaning, (table, mode), kin)));
    }
    let [before, after] = &effects.session;
    if before != after && !holds(meaning, |verb| verb == Verb::SqlSet) && !holds_any(meaning, &[Configure, Escalate]) {
        let changed: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        told.push(format!("it changed the session: {changed:?}"));
    }
    if effects.advisory > 0 {
        told.push(format!("it took {} advisory locks", effects.advisory));
    }
    told
}

/// What is said of a text, for people.
pub(super) fn said(meaning: &Meaning) -> Vec<String> {
    let each = meaning.operations.iter();
    each.map(|operation| format!("{} {}", operation.verb, operation.resource)).collect()
}

fn holds(meaning: &Meaning, test: impl Fn(Verb) -> bool) -> bool {
    meaning.operations.iter().any(|operation| test(operation.verb))
}

fn holds_any(meaning: &Meaning, categories: &[Category]) -> bool {
    holds(meaning, |verb| verb.categories().iter().any(|category| categories.contains(category)))
}

/// Whether code that nobody calls by name hangs on what is named: it may do anything (`docs/targets/postgres.md`).
fn runs_hung_code(meaning: &Meaning, kin: &Kin) -> bool {
    let defines = holds_any(meaning, &[Category::Configure, Category::Escalate]);
    let mut operations = meaning.operations.iter();
    (kin.has_events() && defines)
        || operations.any(|operation| {
            let writes = !operation.verb.only_reads();
            let runs = |table: &str| kin.has_code(table) || (writes && kin.has_triggers(table));
            kin.code().any(|table| names(operation, table))
                || kin.reach(|table| names(operation, table)).iter().any(|(table, _)| runs(table))
        })
}

fn judge_rows(meaning: &Meaning, (table, counts): (&str, [i64; 3]), kin: &Kin) -> Vec<String> {
    let said = |verbs: &[Verb], ties: &[Tie]| {
        let mut operations = meaning.operations.iter().filter(|operation| verbs.contains(&operation.verb));
        operations.any(|operation| concerns(operation, table, ties, kin))
    };
    let own = [Tie::Reads, Tie::Heir];
    // An update moves rows between partitions; a foreign key changes and removes what refers to what is changed.
    let moved = said(UPDATES, &[Tie::Heir]);
    let referred = said(UPDATES, &[Tie::Key]) || said(DELETES, &[Tie::Key]);
    let [inserted, updated, deleted] = counts;
    let changes = [
        ("inserted", inserted, said(INSERTS, &own) || moved || referred),
        ("updated", updated, said(UPDATES, &own) || referred),
        ("deleted", deleted, said(DELETES, &own) || moved || referred),
    ];
    let silent = changes.into_iter().filter(|(_, count, said)| *count > 0 && !said);
    let silent: Vec<_> = silent.map(|(how, count, _)| format!("{count} rows {how} in {table}")).collect();
    if !table.starts_with("pg_catalog.") {
        return silent;
    }
    use Category::{Configure, Destroy, Escalate};
    // What is dropped takes its privileges with it.
    let only_drops = inserted + updated == 0 && holds_any(meaning, &[Destroy]);
    let is_of_privileges = PRIVILEGES.contains(&table) && !only_drops;
    let needed = if is_of_privileges { &[Escalate][..] } else { &[Configure, Destroy, Escalate] };
    if holds_any(meaning, needed) { Vec::new() } else { silent }
}

fn judge_lock(meaning: &Meaning, (table, mode): (&str, &str), kin: &Kin) -> Option<String> {
    use Category::{Destroy, Write};
    let all = [Tie::Reads, Tie::Heir, Tie::Parent, Tie::Key];
    if !meaning.operations.iter().any(|operation| concerns(operation, table, &all, kin)) {
        return Some(format!("it touched {table}"));
    }
    // Planning a write locks its table as the write would, and changes nothing.
    let writes = holds_any(meaning, &[Write, Destroy]) || holds(meaning, |verb| verb == Verb::SqlExplain);
    (mode != "AccessShareLock" && !writes).then(|| format!("it locked {table} ({mode})"))
}

/// Whether an operation names the table, or one to which it is tied so.
fn concerns(operation: &Operation, table: &str, ties: &[Tie], kin: &Kin) -> bool {
    names(operation, table) || {
        let reached = kin.reach(|start| names(operation, start));
        reached.iter().any(|(name, tie)| name == table && ties.contains(tie))
    }
}

/// Whether an operation names the table, by its name in full or as it is written.
fn names(operation: &Operation, table: &str) -> bool {
    let (schema, name) = table.split_once('.').unwrap_or(("", table));
    let resource = &operation.resource;
    let full = resource.to_string();
    let of_session = schema.starts_with("pg_temp_") && full.strip_prefix("pg_temp.") == Some(name);
    full == table || of_session || (resource.schema.is_empty() && &*resource.name == name)
}

const INSERTS: &[Verb] =
    &[Verb::SqlInsert, Verb::SqlMerge, Verb::SqlCopyIn, Verb::SqlCreateAs, Verb::SqlAlter, Verb::SqlMaintain];
const UPDATES: &[Verb] = &[Verb::SqlUpdate, Verb::SqlUpdateUnbounded, Verb::SqlMerge, Verb::SqlAlter];
const DELETES: &[Verb] =
    &[Verb::SqlDelete, Verb::SqlDeleteUnbounded, Verb::SqlMerge, Verb::SqlTruncate, Verb::SqlDrop, Verb::SqlMaintain];

/// Catalogs in which nothing but privileges stands.
const PRIVILEGES: &[&str] =
    &["pg_catalog.pg_authid", "pg_catalog.pg_auth_members", "pg_catalog.pg_default_acl", "pg_catalog.pg_policy"];
