//! What a table's author tied to it: views and rules with what they read, partitions and heirs, foreign keys, the sequences
//! and code of defaults, checks, indexes and policies. Whoever names the table need not know of them.

use std::collections::{BTreeMap, BTreeSet};

use e2e::postgres::Answer;

use super::effects::cell;

/// How two relations are tied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tie {
    /// A view, a rule, a policy or a default reads the other.
    Reads,
    /// The other is its partition or inherits from it.
    Heir,
    /// It is the other's.
    Parent,
    /// A foreign key, either way.
    Key,
}

/// All ties of a database.
#[derive(Debug, Default)]
pub(super) struct Kin {
    ties: BTreeMap<String, BTreeSet<(String, Tie)>>,
    /// Relations on which code of others' making hangs that may run whatever is done with them.
    code: BTreeSet<String>,
    /// Relations with triggers or rules.
    triggers: BTreeSet<String>,
    /// Code runs at definitions.
    events: bool,
}

impl Kin {
    /// What the server answered to [`KIN`].
    pub(super) fn of(answer: &Answer) -> Self {
        let mut kin = Self::default();
        for row in answer.rows() {
            let tie = match cell(&row, 0).as_str() {
                "heir" => Tie::Heir,
                "parent" => Tie::Parent,
                "key" => Tie::Key,
                "reads" => Tie::Reads,
                other => {
                    let place = if other == "code" { &mut kin.code } else { &mut kin.triggers };
                    place.insert(cell(&row, 1));
                    kin.events |= other == "event";
                    continue;
                }
            };
            kin.ties.entry(cell(&row, 1)).or_default().insert((cell(&row, 2), tie));
        }
        kin
    }

    /// What is reached from the relations that `starts` takes, and how: by a key or a parent, once there is one on
    /// the way.
    pub(super) fn reach(&self, starts: impl Fn(&str) -> bool) -> BTreeSet<(String, Tie)> {
        let mut reached = BTreeSet::new();
        let starts = self.ties.keys().map(String::as_str).filter(|name| starts(name));
        let mut list: Vec<(&str, Tie)> = starts.map(|name| (name, Tie::Reads)).collect();
        while let Some((name, by_way)) = list.pop() {
            for (other, tie) in self.ties.get(name).into_iter().flatten() {
                let tie = if by_way == Tie::Reads { *tie } else { by_way };
                if reached.insert((other.clone(), tie)) {
                    list.push((other, if matches!(tie, Tie::Key | Tie::Parent) { tie } else { Tie::Reads }));
                }
            }
        }
        reached
    }

    /// Whether code of others' making hangs on the relation, triggers and rules aside.
    pub(super) fn has_code(&self, name: &str) -> bool {
        self.code.contains(name)
    }

    /// The relations on which it does.
    pub(super) fn code(&self) -> impl Iterator<Item = &str> {
        self.code.iter().map(String::as_str)
    }

    /// Whether writing the relation runs code.
    pub(super) fn has_triggers(&self, name: &str) -> bool {
        self.triggers.contains(name)
    }

    /// Whether definitions run code.
    pub(super) const fn has_events(&self) -> bool {
        self.events
    }
}

/// `reads`, `heir`, `parent`, `key`: relation, relation. `code`, `trigger`: relation. `event`: a trigger.
pub(super) const KIN: &str = "
    WITH names(oid, name) AS MATERIALIZED (
        SELECT c.oid, n.nspname || '.' || c.relname FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')),
    parts(class, part, relation) AS MATERIALIZED (
        SELECT 'pg_catalog.pg_rewrite'::regclass::oid, oid, ev_class FROM pg_catalog.pg_rewrite
        UNION ALL SELECT 'pg_catalog.pg_attrdef'::regclass, oid, adrelid FROM pg_catalog.pg_attrdef
        UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, oid, conrelid FROM pg_catalog.pg_constraint
        UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, a.attrelid FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_attribute a ON a.atttypid = k.contypid
        UNION ALL SELECT 'pg_catalog.pg_type'::regclass, a.atttypid, a.attrelid FROM pg_catalog.pg_attribute a
        UNION ALL SELECT 'pg_catalog.pg_policy'::regclass, oid, polrelid FROM pg_catalog.pg_policy
        UNION ALL SELECT 'pg_catalog.pg_class'::regclass, indexrelid, indrelid FROM pg_catalog.pg_index
        UNION ALL SELECT 'pg_catalog.pg_class'::regclass, oid, oid FROM pg_catalog.pg_class),
    ties(kind, one, other) AS (
        SELECT 'reads', p.relation, d.refobjid FROM parts p
        JOIN pg_catalog.pg_depend d ON d.classid = p.class AND d.objid = p.part
        WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> p.relation
        AND p.class NOT IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_type'::regclass) AND p.class <> 'pg_catalog.pg_constraint'::regclass
        UNION ALL SELECT 'reads', refobjid, objid FROM pg_catalog.pg_depend
        WHERE classid = 'pg_catalog.pg_class'::regclass AND refclassid = 'pg_catalog.pg_class'::regclass
        AND deptype IN ('a', 'i')
        UNION ALL SELECT 'reads', a.attrelid, d.refobjid FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = a.atttypid
        WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> a.attrelid
        UNION ALL SELECT 'heir', inhparent, inhrelid FROM pg_catalog.pg_inherits
        UNION ALL SELECT 'parent', inhrelid, inhparent FROM pg_catalog.pg_inherits
        UNION ALL SELECT 'key', conrelid, confrelid FROM pg_catalog.pg_constraint WHERE contype = 'f'
        UNION ALL SELECT 'key', confrelid, conrelid FROM pg_catalog.pg_constraint WHERE contype = 'f')
    SELECT t.kind, a.name, b.name FROM ties t JOIN names a ON a.oid = t.one JOIN names b ON b.oid = t.other
    UNION
    SELECT 'code', n.name, NULL FROM parts p JOIN names n ON n.oid = p.relation
    JOIN pg_catalog.pg_depend d ON d.classid = p.class AND d.objid = p.part AND d.refobjid >= 16384
    AND d.refclassid IN ('pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass,
                         'pg_catalog.pg_opclass'::regclass)
    UNION
    SELECT 'trigger', n.name, NULL FROM pg_catalog.pg_trigger t JOIN names n ON n.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION
    SELECT 'trigger', n.name, NULL FROM pg_catalog.pg_rewrite r JOIN names n ON n.oid = r.ev_class
    WHERE r.rulename <> '_RETURN'
    UNION
    SELECT 'event', evtname, NULL FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D'";
