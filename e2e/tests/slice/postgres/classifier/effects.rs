//! What a statement did, by the server's own account: transaction ids, changed rows, catalogs too, locks, and what became
//! of the session. It is asked before and after, in the transaction in which the statement runs.

use std::collections::{BTreeMap, BTreeSet};

use e2e::postgres::Answer;

/// What the server says that a text did.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// A transaction id was given out: something was, or might have been, written.
    pub(super) wrote: bool,
    /// Rows inserted, updated and deleted, by table, catalogs too.
    pub(super) rows: BTreeMap<String, [i64; 3]>,
    /// Tables that were locked, and how.
    pub(super) locks: BTreeSet<(String, String)>,
    /// Role and settings of its own of the session, before and after.
    pub(super) session: [Vec<String>; 2],
    /// Advisory locks that it took and kept.
    pub(super) advisory: i64,
    /// Tables of which rows were looked for.
    pub(super) scanned: BTreeSet<String>,
}

/// How things stand in a transaction at one moment.
#[derive(Debug, Default)]
pub(super) struct State {
    ids: usize,
    advisory: i64,
    /// By a table's number: its name, and rows inserted, updated and deleted.
    rows: BTreeMap<String, (String, [i64; 3])>,
    /// By a table's or index's number: the table's name, and how often rows were looked for.
    scans: BTreeMap<String, (String, i64)>,
    locks: BTreeSet<(String, String)>,
    session: Vec<String>,
}

impl State {
    /// What the server answered to [`STATE`].
    pub(super) fn of(answer: &Answer) -> Self {
        let mut state = Self::default();
        for row in answer.rows() {
            let number = |at| cell(&row, at).parse().expect("a count");
            match cell(&row, 0).as_str() {
                "id" => state.ids += 1,
                "row" => drop(state.rows.insert(cell(&row, 1), (cell(&row, 2), [3, 4, 5].map(number)))),
                "scan" => drop(state.scans.insert(cell(&row, 1), (cell(&row, 2), number(3)))),
                "advisory" => state.advisory = number(1),
                "lock" => drop(state.locks.insert((cell(&row, 1), cell(&row, 2)))),
                _ => state.session.push(cell(&row, 1)),
            }
        }
        state.session.sort();
        state
    }

    /// What was done since an earlier moment of the same transaction.
    pub(super) fn since(self, earlier: Self) -> Effects {
        let mut rows = BTreeMap::new();
        for (number, (table, counts)) in self.rows {
            let former = earlier.rows.get(&number).map_or([0; 3], |(_, counts)| *counts);
            let new = [0, 1, 2].map(|at| counts[at] - former[at]);
            if new.iter().any(|count| *count > 0) {
                rows.insert(table, new);
            }
        }
        let more = |number: &String, scans: i64| scans > earlier.scans.get(number).map_or(0, |(_, scans)| *scans);
        let scanned = self.scans.into_iter().filter(|(number, (_, scans))| more(number, *scans));
        let scanned = scanned.map(|(_, (table, _))| table).collect();
        Effects {
            wrote: self.ids > earlier.ids,
            rows,
            locks: self.locks.difference(&earlier.locks).cloned().collect(),
            session: [earlier.session, self.session],
            advisory: self.advisory - earlier.advisory,
            scanned,
        }
    }
}

pub(super) fn cell(row: &[Option<String>], at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

/// The next transaction id that anybody is given.
pub(super) const NEXT: &str = "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())";

/// How things stand, by [`WATCH`].
pub(super) const STATE: &str = "SELECT * FROM watch.state()";

/// Makes what tells how things stand, as a function that is planned once a session. `id`: each transaction's id, those of
/// its savepoints too. `row`: number and name of a table, rows inserted, updated and deleted. `scan`: number of a
/// table or index, the table's name, scans. `lock`: locks on tables, views and sequences
/// outside the catalogs. `session`: what a session is beside its transaction; `advisory`:
/// how many locks of that kind it has.
pub(super) const WATCH: &str = "
    CREATE SCHEMA watch; GRANT USAGE ON SCHEMA watch TO public;
    CREATE FUNCTION watch.state() RETURNS TABLE (kind text, what text, a text, b text, c text, d text, e text) LANGUAGE plpgsql AS $$
    BEGIN RETURN QUERY
    WITH locks AS MATERIALIZED (
        SELECT * FROM pg_catalog.pg_lock_status() l WHERE l.pid = pg_catalog.pg_backend_pid())
    SELECT 'id', '', '', '', '', '', '' FROM locks l
    WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock'
    UNION ALL
    SELECT 'row', c.oid::text, n.nspname || '.' || c.relname, x.i::text, x.u::text, x.d::text, '' FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND pg_catalog.left(n.nspname, 8) <> 'pg_toast'
    CROSS JOIN LATERAL (SELECT pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid) i,
        pg_catalog.pg_stat_get_xact_tuples_updated(c.oid) u, pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid) d) x
    WHERE c.relkind IN ('r', 'p', 'm', 'f') AND x.i + x.u + x.d > 0
    UNION ALL
    SELECT 'scan', c.oid::text, n.nspname || '.' || t.relname, x.s::text, '', '', '' FROM pg_catalog.pg_class c
    CROSS JOIN LATERAL (SELECT pg_catalog.pg_stat_get_xact_numscans(c.oid) s) x
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    JOIN pg_catalog.pg_class t ON t.oid = coalesce(i.indrelid, c.oid)
    JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
    WHERE c.relkind IN ('r', 'm', 'i') AND c.oid >= 16384 AND x.s > 0
    UNION ALL
    SELECT 'lock', n.nspname || '.' || r.relname, l.mode, '', '', '', '' FROM locks l
    JOIN pg_catalog.pg_class r ON r.oid = l.relation AND r.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    WHERE l.locktype = 'relation' AND l.mode <> 'SIReadLock' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND pg_catalog.left(n.nspname, 8) <> 'pg_toast'
    UNION ALL
    SELECT 'session', s.name || '=' || s.setting, '', '', '', '', '' FROM pg_catalog.pg_show_all_settings() s
    WHERE s.source = 'session' AND pg_catalog.left(s.name, 12) <> 'transaction_'
    UNION ALL SELECT 'session', 'role=' || current_user || ' ' || session_user, '', '', '', '', ''
    UNION ALL SELECT 'advisory', pg_catalog.count(*)::text, '', '', '', '', '' FROM locks l WHERE l.locktype = 'advisory';
    END $$";
