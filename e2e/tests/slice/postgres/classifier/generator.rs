//! Makes statements of all kinds over one small schema, by chance that a seed repeats. Every query has two columns, a number
//! and a text, so that any may stand where another stands, and most of what is made runs.

use e2e::random::Random;

/// Makes statements.
pub(super) struct Generator {
    random: Random,
    /// Common table expressions that can be named, and names given so far.
    common: Vec<String>,
    names: usize,
}

/// A relation that may be named: how, and its two columns.
type Relation = (&'static str, &'static str, &'static str);

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), common: Vec::new(), names: 0 }
    }

    /// Texts to be run one after another in one transaction.
    pub(super) fn story(&mut self) -> Vec<String> {
        self.common.clear();
        let mut story = match self.random.below(20) {
            0 => self.prepared(),
            1 => self.cursor(),
            2 => self.under_setting(),
            3 | 4 => vec![self.definition()],
            5 => vec![self.setting()],
            6 => vec![self.privilege()],
            7 | 8 => vec![self.around_query()],
            9 => vec![self.call()],
            10 => vec![self.several()],
            11..=15 => vec![self.change(2)],
            _ => vec![self.query(3)],
        };
        story.iter_mut().for_each(|text| self.decorate(text));
        story
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.random.below(of.len() as u64)).expect("64 bits")]
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.random.below(100) < percent
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("made_{}", self.names)
    }

    /// Comments and spaces that mean nothing.
    fn decorate(&mut self, text: &mut String) {
        let before = self.one(&["", "", "", "/* a /* b; */ 'c */ ", "-- ; DROP TABLE notes\n", "\t\u{c}\n", "; ;"]);
        let after = self.one(&["", "", ";", " -- end", "/**/;;", "\n;"]);
        *text = format!("{before}{text}{after}");
    }

    fn number(&mut self, columns: &[String], depth: usize) -> String {
        match self.random.below(if depth == 0 { 7 } else { 11 }) {
            0..=2 if !columns.is_empty() => format!("{}.a", columns[self.random.below(columns.len() as u64) as usize]),
            3 => self.one(&["abs(-3)", "length('four')", "1 + 1", "$$3$$::int", "CAST('4' AS int4)", "-1"]).to_owned(),
            4 => "coalesce(NULL, CASE 1 WHEN 2 THEN 3 ELSE 4 END)".to_owned(),
            7 => format!("(SELECT max(q.a) FROM ({}) AS q(a, b))", self.query(depth - 1)),
            8 => format!("(SELECT q.a FROM ({}) AS q(a, b) LIMIT 1)", self.query(depth - 1)),
            9 if self.chance(20) => self.one(CALLS).to_owned(),
            10 => format!("(ARRAY(SELECT q.a FROM ({}) AS q(a, b)))[1]", self.query(depth - 1)),
            _ => (self.random.below(30) + 1).to_string(),
        }
    }

    fn text(&mut self, columns: &[String]) -> String {
        match self.random.below(5) {
            0 | 1 if !columns.is_empty() => format!("{}.b", columns[self.random.below(columns.len() as u64) as usize]),
            2 => self.one(&["upper('x')", "'a' || 'b'", "current_user::text", "to_char(now(), 'YYYY')"]).to_owned(),
            3 => self.one(&["E'it\\'s'", "$q$; DELETE FROM notes$q$", "U&'d\\0061t\\0061'", "'--'", "'/*'"]).to_owned(),
            _ => "'word'".to_owned(),
        }
    }

    fn condition(&mut self, columns: &[String], depth: usize) -> String {
        let number = self.number(columns, 0);
        match self.random.below(if depth == 0 { 6 } else { 9 }) {
            0 => format!("{number} = {}", self.random.below(20)),
            1 => format!("{number} IN (1, 2, 3)"),
            2 => format!("{number} > 2 AND {} LIKE 'w%'", self.text(columns)),
            3 => format!("NOT ({number} = ANY (ARRAY[4, 5])) OR true"),
            4 => format!("{number} BETWEEN 1 AND 9"),
            6 => format!("EXISTS ({})", self.query(depth - 1)),
            7 => format!("{number} IN (SELECT q.a FROM ({}) AS q(a, b))", self.query(depth - 1)),
            8 => format!("{number} <> ALL (SELECT q.a FROM ({}) AS q(a, b))", self.query(depth - 1)),
            _ => "true".to_owned(),
        }
    }

    /// A relation as it may be written.
    fn written(&mut self, name: &str) -> String {
        match (self.random.below(8), name) {
            (0, "notes") => "U&\"not\\0065s\"".to_owned(),
            (1, "notes") => "pg_catalog.pg_class, public.notes".replace("pg_catalog.pg_class, ", ""),
            (0, "people") => "\"people\"".to_owned(),
            (1, "people") => "PEOPLE".to_owned(),
            (2, "orders" | "people" | "notes") => format!("public.{name}"),
            (3, "orders" | "events") => format!("{name} /* , notes */"),
            _ => name.to_owned(),
        }
    }

    /// A part of FROM, whose columns are `a` and `b` under the alias.
    fn source(&mut self, alias: &str, depth: usize) -> String {
        if !self.common.is_empty() && self.chance(40) {
            let name = self.common[self.random.below(self.common.len() as u64) as usize].clone();
            return format!("{name} AS {alias}(a, b)");
        }
        match self.random.below(10) {
            0 | 1 if depth > 0 => format!("({}) AS {alias}(a, b)", self.query(depth - 1)),
            2 if depth > 0 => format!("LATERAL ({}) AS {alias}(a, b)", self.query(depth - 1)),
            3 => format!("(VALUES (1, 'one'), (2, 'two')) AS {alias}(a, b)"),
            4 => format!("ROWS FROM (generate_series(1, 3), unnest(ARRAY['x', 'y'])) AS {alias}(a, b)"),
            _ => {
                let (name, number, text) = self.one(RELATIONS);
                let name = self.written(name);
                format!("(SELECT {number}, {text}::text FROM {name}) AS {alias}(a, b)")
            }
        }
    }

    /// A query of a number and a text.
    fn query(&mut self, depth: usize) -> String {
        let outer = self.common.len();
        let with = if depth > 0 && self.chance(25) { self.with(depth - 1) } else { String::new() };
        let body = match self.random.below(12) {
            0 if depth > 0 => {
                let [one, other] = [self.query(depth - 1), self.query(depth - 1)];
                let operator = self.one(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]);
                format!("({one}) {operator} ({other})")
            }
            1 => "VALUES (1, 'one'), (2, 'two')".to_owned(),
            2 => "TABLE side.ledger".to_owned(),
            3..=5 => self.plain_block(depth),
            _ => self.block(depth),
        };
        self.common.truncate(outer);
        format!("{with}{body}")
    }

    /// One table without ado, perhaps locked.
    fn plain_block(&mut self, depth: usize) -> String {
        let (name, number, text) = self.one(RELATIONS);
        let lock =
            self.one(&["", "", " FOR UPDATE", " FOR SHARE OF r SKIP LOCKED", " FOR NO KEY UPDATE", " FOR KEY SHARE"]);
        let only = self.one(&["", "", "ONLY "]);
        let sample = if self.chance(10) { " TABLESAMPLE bernoulli (50)" } else { "" };
        let condition = self.condition(&[], depth);
        let name = self.written(name);
        format!("SELECT r.{number}, r.{text}::text FROM {only}{name} AS r{sample} WHERE {condition} LIMIT 5{lock}")
    }

    fn block(&mut self, depth: usize) -> String {
        let count = 1 + self.random.below(2);
        let aliases: Vec<String> = (0..count).map(|number| format!("t{number}")).collect();
        let sources: Vec<String> = aliases.iter().map(|alias| self.source(alias, depth)).collect();
        let join = self.one(&[", ", " CROSS JOIN ", " NATURAL JOIN ", " NATURAL LEFT JOIN "]);
        let (number, text) = (self.number(&aliases, depth), self.text(&aliases));
        let condition = self.condition(&aliases, depth);
        let rest = self.one(&["", " ORDER BY 1", " LIMIT 10", " ORDER BY 2 DESC OFFSET 1", " FETCH FIRST 3 ROWS ONLY"]);
        let distinct = self.one(&["", "", "", "DISTINCT "]);
        let sources = sources.join(join);
        format!("SELECT {distinct}{number}, {text}::text FROM {sources} WHERE {condition}{rest}")
    }

    /// WITH, whose expressions may write.
    fn with(&mut self, depth: usize) -> String {
        let mut parts = Vec::new();
        for _ in 0..=self.random.below(2) {
            let name = format!("c{}", self.common.len());
            let body = if self.chance(45) { self.change_returning(depth) } else { self.query(depth) };
            let kept = self.one(&["", "", "MATERIALIZED ", "NOT MATERIALIZED "]);
            parts.push(format!("{name}(a, b) AS {kept}({body})"));
            self.common.push(name);
        }
        format!("WITH {}", parts.join(", ")) + " "
    }

    fn change_returning(&mut self, depth: usize) -> String {
        let (name, number, text) = self.one(WRITABLE);
        let body = self.change_of((name, number, text), depth);
        format!("{body} RETURNING {number}, {text}::text")
    }

    /// A statement that changes rows, whole.
    fn change(&mut self, depth: usize) -> String {
        let with = if self.chance(40) { self.with(depth) } else { String::new() };
        let body = match self.random.below(4) {
            0 => self.merge(depth),
            1 => self.change_returning(depth),
            _ => {
                let relation = self.one(WRITABLE);
                self.change_of(relation, depth)
            }
        };
        format!("{with}{body}")
    }

    fn change_of(&mut self, (name, number, text): Relation, depth: usize) -> String {
        let written = self.written(name);
        match self.random.below(6) {
            0 => format!("INSERT INTO {written} ({number}, {text}) VALUES ({}, 'new')", 100 + self.random.below(400)),
            1 => {
                let query = self.query(depth);
                format!("INSERT INTO {written} ({number}, {text}) SELECT q.a + 500, q.b FROM ({query}) AS q(a, b)")
            }
            2 => {
                let set = self.text(&[]);
                let action = match self.random.below(3) {
                    0 => "DO NOTHING".to_owned(),
                    1 => format!("DO UPDATE SET {text} = {set}"),
                    _ => format!("DO UPDATE SET {text} = excluded.{text} WHERE excluded.{number} > 0"),
                };
                format!(
                    "INSERT INTO {written} ({number}, {text}) VALUES (1, 'one'), (2, 'two') ON CONFLICT ({number}) {action}"
                )
            }
            3 => {
                let (set, source) = (self.text(&["s".to_owned()]), self.source("s", depth));
                let condition = self.condition(&["s".to_owned()], depth);
                format!("UPDATE {written} AS w SET {text} = {set} FROM {source} WHERE w.{number} = s.a AND {condition}")
            }
            4 => {
                let (set, value) = (self.text(&[]), self.random.below(20));
                let condition = self.one(&["true", "NUMBER = VALUE", "NUMBER IN (1, VALUE)", "NUMBER > VALUE"]);
                let condition = condition.replace("NUMBER", number).replace("VALUE", &value.to_string());
                format!("UPDATE {written} SET {text} = {set} WHERE {condition}")
            }
            _ => {
                let (source, condition) = (self.source("s", depth), self.condition(&["s".to_owned()], depth));
                format!("DELETE FROM {written} AS w USING {source} WHERE w.{number} = s.a AND {condition}")
            }
        }
    }

    fn merge(&mut self, depth: usize) -> String {
        let (name, number, text) = self.one(TABLES);
        let (name, source) = (self.written(name), self.source("s", depth));
        let matched = self.one(&["UPDATE SET TEXT = s.b", "DELETE", "DO NOTHING"]).replace("TEXT", text);
        let other = self.one(&["INSERT (NUMBER, TEXT) VALUES (s.a + 700, s.b)", "DO NOTHING"]);
        let other = other.replace("NUMBER", number).replace("TEXT", text);
        let condition = self.condition(&["s".to_owned()], 0);
        format!(
            "MERGE INTO {name} AS w USING {source} ON w.{number} = s.a WHEN MATCHED AND {condition} THEN {matched} \
             WHEN NOT MATCHED THEN {other}"
        )
    }

    fn either(&mut self, depth: usize) -> String {
        if self.chance(50) { self.query(depth) } else { self.change(depth) }
    }

    fn prepared(&mut self) -> Vec<String> {
        let name = self.name();
        let value = self.number(&[], 1);
        let body = self.either(1);
        let run = match self.random.below(3) {
            0 => format!("EXPLAIN (ANALYZE) EXECUTE {name}({value})"),
            1 => format!("CREATE TABLE {name} AS EXECUTE {name}({value})"),
            _ => format!("EXECUTE {name}({value})"),
        };
        vec![format!("PREPARE {name}(int) AS {body}"), run, format!("DEALLOCATE {name}")]
    }

    fn cursor(&mut self) -> Vec<String> {
        let name = self.name();
        let kind = self.one(&["", "SCROLL ", "NO SCROLL ", "INSENSITIVE "]);
        let hold = self.one(&["", " WITH HOLD"]);
        let query = self.query(2);
        let declare = format!("DECLARE {name} {kind}CURSOR{hold} FOR {query}");
        vec![declare, format!("FETCH 2 FROM {name}"), format!("MOVE ALL IN {name}"), format!("CLOSE {name}")]
    }

    /// Something under another search path or role.
    fn under_setting(&mut self) -> Vec<String> {
        let setting = self.one(&[
            "SET search_path = side, public",
            "SET LOCAL search_path TO ''",
            "SELECT set_config('search_path', 'side', false)",
            "SET ROLE reader",
            "SET SESSION AUTHORIZATION reader",
            "SET TRANSACTION READ ONLY",
            "SET standard_conforming_strings = off",
        ]);
        vec![setting.to_owned(), self.either(2), "RESET ALL".to_owned()]
    }

    fn definition(&mut self) -> String {
        let (name, query) = (self.name(), self.query(1));
        let table = self.one(&["people", "orders", "notes", "events", "side.ledger", "\"Odd Name\""]);
        let text = self.one(DEFINITIONS);
        text.replace("NAME", &name).replace("QUERY", &query).replace("TABLE_", table)
    }

    fn setting(&mut self) -> String {
        self.one(SETTINGS).to_owned()
    }

    fn privilege(&mut self) -> String {
        let table = self.one(&["people", "TABLE orders", "SCHEMA side", "SEQUENCE counter", "FUNCTION writes(int)"]);
        self.one(PRIVILEGES).replace("THING", table)
    }

    fn around_query(&mut self) -> String {
        let (name, query, change) = (self.name(), self.query(2), self.change(1));
        let (table, number, text) = self.one(TABLES);
        let around = self.one(AROUND).replace("NAME", &name).replace("QUERY", &query).replace("CHANGE", &change);
        around.replace("COLUMNS", &format!("{number}, {text}")).replace("TABLE_", table)
    }

    fn call(&mut self) -> String {
        let call = self.one(CALLS);
        match self.random.below(4) {
            0 => format!("SELECT * FROM {call} AS f"),
            1 => format!("EXPLAIN SELECT {call}"),
            2 => format!("SELECT id FROM notes WHERE id = ({call})::text::int"),
            _ => format!("SELECT {call}"),
        }
    }

    /// Several statements in one text.
    fn several(&mut self) -> String {
        let count = 2 + self.random.below(2);
        let texts: Vec<String> = (0..count)
            .map(|_| match self.random.below(4) {
                0 => self.setting(),
                1 => self.change(1),
                2 => self.definition(),
                _ => self.query(1),
            })
            .collect();
        texts.join(self.one(&[";", " ; ", ";;\n"]))
    }
}

const RELATIONS: &[Relation] = &[
    ("people", "id", "name"),
    ("orders", "id", "note"),
    ("notes", "id", "body"),
    ("events", "id", "what"),
    ("events_1", "id", "what"),
    ("side.ledger", "id", "what"),
    ("\"Odd Name\"", "\"a \"\"b\"", "\"select\""),
    ("elders", "id", "name"),
    ("totals", "person", "words"),
    ("kept", "id", "body"),
    ("pg_catalog.pg_class", "relnatts", "relname"),
    ("pg_settings", "1", "name"),
];
const WRITABLE: &[Relation] = &[
    ("people", "id", "name"),
    ("orders", "id", "note"),
    ("notes", "id", "body"),
    ("events", "id", "what"),
    ("events_2", "id", "what"),
    ("side.ledger", "id", "what"),
    ("\"Odd Name\"", "\"a \"\"b\"", "\"select\""),
    ("elders", "id", "name"),
];
const TABLES: &[Relation] = &[
    ("people", "id", "name"),
    ("orders", "id", "note"),
    ("notes", "id", "body"),
    ("events", "id", "what"),
    ("side.ledger", "id", "what"),
];
const CALLS: &[&str] = &[
    "writes(1)",
    "public.writes(2)",
    "definer(3)",
    "quiet(4)",
    "nextval('counter')",
    "setval('counter', 7)",
    "currval('counter')",
    "lo_create(0)",
    "lo_unlink(1)",
    "lo_from_bytea(0, 'x')",
    "pg_advisory_lock(1)",
    "pg_try_advisory_xact_lock(2, 3)",
    "pg_advisory_unlock_all()",
    "set_config('application_name', 'other', false)",
    "pg_catalog.set_config('work_mem', '1MB', true)",
    "pg_notify('a', 'b')",
    "pg_current_xact_id()",
    "txid_current()",
    "pg_export_snapshot()",
    "pg_stat_reset()",
    "query_to_xml('DELETE FROM notes', true, true, '')",
    "pg_relation_size('notes')",
    "pg_get_viewdef('elders'::regclass)",
    "currval(pg_get_serial_sequence('people', 'id'))",
    "\"abs\"(-1)",
    "U&\"n\\0065xtval\"('counter')",
    "has_table_privilege('people', 'select')",
    "to_regclass('people')",
    "mood_of('glad')",
];
const DEFINITIONS: &[&str] = &[
    "CREATE TABLE NAME (id int PRIMARY KEY, other int REFERENCES people (id), check (id > 0))",
    "CREATE TEMP TABLE NAME (id serial, mood mood DEFAULT 'glad') ON COMMIT DROP",
    "CREATE TABLE IF NOT EXISTS notes (id int)",
    "CREATE TABLE NAME (LIKE TABLE_ INCLUDING ALL)",
    "CREATE TABLE NAME () INHERITS (notes)",
    "CREATE TABLE NAME PARTITION OF events FOR VALUES FROM (2000) TO (3000)",
    "CREATE VIEW NAME AS QUERY",
    "CREATE OR REPLACE TEMP VIEW NAME AS QUERY",
    "CREATE INDEX ON TABLE_ USING hash ((1))",
    "CREATE UNIQUE INDEX NAME ON orders (id, abs(person)) WHERE total > 0",
    "CREATE SEQUENCE NAME START 5",
    "CREATE TYPE NAME AS ENUM ('a', 'b')",
    "CREATE TYPE NAME AS (a int, b text)",
    "CREATE DOMAIN NAME AS int CHECK (value > 0)",
    "CREATE SCHEMA NAME CREATE TABLE inside (id int)",
    "CREATE STATISTICS NAME ON id, note FROM orders",
    "CREATE FUNCTION NAME() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION NAME() RETURNS int SECURITY DEFINER BEGIN ATOMIC SELECT 1; END",
    "CREATE RULE NAME AS ON INSERT TO TABLE_ DO ALSO DELETE FROM notes",
    "CREATE POLICY NAME ON TABLE_ USING (true)",
    "CREATE ROLE NAME",
    "CREATE PUBLICATION NAME FOR TABLE orders",
    "ALTER TABLE TABLE_ ADD COLUMN extra int DEFAULT 5",
    "ALTER TABLE orders ALTER COLUMN note TYPE varchar USING upper(note)",
    "ALTER TABLE orders DROP COLUMN note CASCADE",
    "ALTER TABLE TABLE_ RENAME TO NAME",
    "ALTER TABLE notes SET SCHEMA side",
    "ALTER TABLE TABLE_ ENABLE ROW LEVEL SECURITY, OWNER TO reader",
    "ALTER TABLE events DETACH PARTITION events_1",
    "ALTER SEQUENCE counter RESTART 9",
    "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'calm'",
    "ALTER DOMAIN positive DROP CONSTRAINT IF EXISTS other",
    "ALTER FUNCTION quiet(int) STABLE",
    "ALTER ROLE reader SET work_mem = '1MB'",
    "ALTER VIEW elders RENAME COLUMN name TO called",
    "DROP TABLE TABLE_ CASCADE",
    "DROP VIEW IF EXISTS elders, nobody",
    "DROP FUNCTION writes(int)",
    "DROP SCHEMA side CASCADE",
    "DROP TYPE mood CASCADE",
    "DROP OWNED BY reader",
    "TRUNCATE TABLE_ CASCADE",
    "TRUNCATE ONLY notes RESTART IDENTITY",
    "LOCK TABLE TABLE_ IN SHARE MODE",
    "COMMENT ON TABLE TABLE_ IS 'words; more words'",
    "COMMENT ON COLUMN people.name IS $$quoted$$",
    "ANALYZE TABLE_",
    "CLUSTER people USING people_pkey",
    "REINDEX TABLE TABLE_",
    "REFRESH MATERIALIZED VIEW kept",
];
const SETTINGS: &[&str] = &[
    "SET application_name = 'x'",
    "SET LOCAL work_mem TO '2MB'",
    "SET statement_timeout = 50000",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET TIME ZONE 'UTC'",
    "SET search_path TO side",
    "SET my.own = 'x'",
    "SET ROLE reader",
    "SET \"role\" = 'reader'",
    "SET U&\"r\\006fle\" TO reader",
    "SET XML OPTION DOCUMENT",
    "SET NAMES 'UTF8'",
    "SET SEED TO 0.5",
    "SET CONSTRAINTS ALL DEFERRED",
    "RESET work_mem",
    "RESET ALL",
    "RESET ROLE",
    "SHOW ALL",
    "SHOW work_mem",
    "DISCARD PLANS",
    "DISCARD SEQUENCES",
    "DISCARD TEMP",
    "UPDATE pg_settings SET setting = '3MB' WHERE name = 'work_mem'",
    "SELECT set_config('role', 'reader', false)",
    "DEALLOCATE ALL",
    "CLOSE ALL",
    "LISTEN ears",
    "UNLISTEN *",
    "NOTIFY ears, 'words'",
    "CHECKPOINT",
    "LOAD 'plpgsql'",
    "DO $$ BEGIN DELETE FROM notes; END $$",
    "CALL tidy_up()",
    "EXPLAIN (ANALYZE off, VERBOSE) DELETE FROM notes",
];
const PRIVILEGES: &[&str] = &[
    "GRANT ALL ON THING TO reader",
    "REVOKE ALL ON THING FROM PUBLIC",
    "GRANT SELECT (name) ON people TO reader WITH GRANT OPTION",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    "GRANT reader TO postgres",
    "REVOKE reader FROM postgres",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader",
    "ALTER ROLE reader CREATEDB PASSWORD NULL",
    "REASSIGN OWNED BY reader TO postgres",
    "ALTER SCHEMA side OWNER TO reader",
];
const AROUND: &[&str] = &[
    "EXPLAIN QUERY",
    "EXPLAIN CHANGE",
    "EXPLAIN (COSTS off, ANALYZE) CHANGE",
    "EXPLAIN ANALYZE VERBOSE QUERY",
    "EXPLAIN (ANALYZE 0) CHANGE",
    "EXPLAIN (ANALYZE false, ANALYZE true) CHANGE",
    "EXPLAIN ANALYZE CREATE TABLE NAME AS QUERY",
    "EXPLAIN ANALYZE DECLARE NAME CURSOR FOR QUERY",
    "CREATE TABLE NAME (a, b) AS QUERY",
    "CREATE TABLE NAME (a, b) AS QUERY WITH NO DATA",
    "CREATE TEMP TABLE NAME (a, b) AS QUERY",
    "CREATE UNLOGGED TABLE IF NOT EXISTS notes (a, b) AS QUERY",
    "CREATE MATERIALIZED VIEW NAME (a, b) AS QUERY",
    "SELECT q.a, q.b INTO NAME FROM (QUERY) AS q(a, b)",
    "SELECT q.a, q.b INTO TEMP NAME FROM (QUERY) AS q(a, b)",
    "COPY (QUERY) TO STDOUT",
    "COPY (CHANGE RETURNING 1) TO STDOUT",
    "COPY TABLE_ TO STDOUT WITH (FORMAT csv)",
    "COPY TABLE_ (COLUMNS) FROM STDIN",
    "COPY BINARY TABLE_ TO STDOUT",
    "COPY TABLE_ TO '/nonexistent/file'",
    "SELECT 1 WHERE EXISTS (QUERY) AND 1 OPERATOR(pg_catalog.=) 1",
    "SELECT count(*), string_agg(q.b, ',' ORDER BY q.a) FILTER (WHERE q.a > 1) FROM (QUERY) AS q(a, b)",
    "SELECT row_number() OVER (PARTITION BY q.b ORDER BY q.a) FROM (QUERY) AS q(a, b)",
    "WITH RECURSIVE r(a, b) AS ((QUERY) UNION ALL SELECT r.a + 1, r.b FROM r WHERE r.a < 3) SELECT * FROM r",
];

/// What is there before every story.
pub(super) const GROUND: &str = "
    CREATE ROLE reader; GRANT USAGE ON SCHEMA public TO reader;
    CREATE SCHEMA side; CREATE SEQUENCE counter;
    CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE DOMAIN positive AS int CHECK (value > 0);
    CREATE TABLE people (id serial PRIMARY KEY, name text, mood mood DEFAULT 'glad', age positive DEFAULT 30);
    CREATE TABLE orders (id int PRIMARY KEY, person int, total numeric DEFAULT 1, note text);
    CREATE TABLE notes (id int PRIMARY KEY, body text);
    CREATE TABLE side.ledger (id int PRIMARY KEY, what text);
    CREATE TABLE \"Odd Name\" (\"a \"\"b\" int PRIMARY KEY, \"select\" text);
    CREATE TABLE events (id int PRIMARY KEY, what text) PARTITION BY RANGE (id);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
    CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (2000);
    CREATE VIEW elders AS SELECT id, name FROM people WHERE age > 20;
    CREATE VIEW totals AS SELECT person, string_agg(note, ' ') AS words FROM orders GROUP BY person;
    CREATE FUNCTION writes(int) RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN DELETE FROM public.notes WHERE id = $1; RETURN $1; END $$;
    CREATE FUNCTION definer(int) RETURNS int SECURITY DEFINER LANGUAGE sql AS
        'DELETE FROM public.notes WHERE id = $1 RETURNING id';
    CREATE FUNCTION quiet(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1';
    CREATE FUNCTION mood_of(text) RETURNS mood LANGUAGE sql AS 'SELECT $1::mood';
    CREATE PROCEDURE tidy_up() LANGUAGE sql AS 'DELETE FROM public.notes';
    INSERT INTO people (name) SELECT 'n' || n FROM generate_series(1, 20) n;
    INSERT INTO orders SELECT n, n % 5, n, 'note ' || n FROM generate_series(1, 20) n;
    INSERT INTO notes SELECT n, 'word ' || n FROM generate_series(1, 20) n;
    INSERT INTO side.ledger SELECT n, 'entry ' || n FROM generate_series(1, 20) n;
    INSERT INTO events SELECT n, 'event ' || n FROM generate_series(1, 20) n;
    INSERT INTO \"Odd Name\" SELECT n, 'odd ' || n FROM generate_series(1, 20) n;
    CREATE MATERIALIZED VIEW kept AS SELECT id, body FROM notes";
