//! All that the gateway says to a server of its own accord: protocol housekeeping, and questions of constant, fully
//! qualified text. What an actor said enters only as a bound value or a name in its own field.
//!
//! Questions go by the extended protocol under names of their own: a simple query would take the client's unnamed
//! statement away. What takes long to plan stays prepared; the server is asked along with it whether it is still ours.

use std::collections::VecDeque;
use std::io;

use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;
use protocol::postgres::action::{Housekeeping, RESERVED as NAME};
use protocol::postgres::message::Named;
use protocol::postgres::result::{self, Fault, Status};

use super::{Connection, Failed, Underway};

/// What the gateway says of its own accord.
#[derive(Debug)]
pub(crate) enum Courtesy<'a> {
    /// The end of a pipeline.
    Sync,
    /// Send what there is.
    Flush,
    /// Goodbye.
    Terminate,
    /// The rows of a COPY will not come.
    CopyFail,
    /// A transaction begins, of which nothing will stay.
    Begin,
    /// It is undone.
    Rollback,
    /// What no parser takes: the transaction, or the pipeline, fails.
    Fail,
    /// Where the columns of a portal come from.
    DescribePortal(&'a str),
    /// What the client describes or closes by name.
    Housekeeping(&'a Housekeeping),
    /// A question, with its values: a list each.
    Ask(Question, &'a [List]),
}

/// A value of a question: an array of text.
pub(super) type List = Vec<Option<String>>;
/// A row of an answer.
pub(super) type Row = Vec<Option<String>>;

/// The gateway's own questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// One setting of the session. SHOW takes no snapshot, so that SET TRANSACTION stays possible.
    Setting(&'static str),
    /// Settings of the session, in one breath: name, value. It takes a snapshot: not for a transaction of the client's.
    Settings,
    /// The session's own `statement_timeout` is not for the questions behind this one, up to the end of their transaction.
    Patience,
    /// Which of the questions are still the gateway's own: SQL, and code that runs, can only make others.
    Kept,
    /// Plans made under other meanings of names are forgotten.
    DiscardPlans,
    /// What names of relations mean, each row of one of these kinds. `relation`: number, place in the question, schema,
    /// name, kind, version, row policies or casts of its rows, rows, whether code of others' making lies under it. `column`: relation, number,
    /// name, type, version, whether it is generated. `code`, what runs when it is written, or the rule that a view is:
    /// relation, name, version. `kin`, what it inherits from and what inherits from it: relation, schema, name of each.
    Relations,
    /// Functions by name: name, whether one stands in the search path outside `pg_catalog`, all of them with versions.
    Functions,
    /// Prepared statements of the session by name: name, text, whether SQL made it.
    Prepared,
    /// Cursors of the session by name: name, text.
    Cursors,
    /// By what a change of these tables, or of tables that inherit from them, reaches further than their rows: triggers and
    /// rules, foreign keys that pass changes on; and what runs code of others: defaults, statistics, policies. What, name.
    PassesOn,
    /// Those of the operators and of the types named that stand in the search path outside `pg_catalog`: `operator` or
    /// `type`, name.
    Shadows,
}

impl Question {
    const fn text(self) -> &'static str {
        match self {
            Self::Setting(show) => show,
            Self::Settings => SETTINGS,
            Self::Patience => "SELECT pg_catalog.set_config('statement_timeout', '0', true)",
            Self::Kept => KEPT,
            Self::DiscardPlans => "DISCARD PLANS",
            Self::Relations => RELATIONS,
            Self::Functions => FUNCTIONS,
            Self::Prepared => PREPARED,
            Self::Cursors => CURSORS,
            Self::PassesOn => PASSES_ON,
            Self::Shadows => SHADOWS,
        }
    }

    /// Its statement's name. PostgreSQL keeps 63 bytes of one.
    fn name(self) -> String {
        let word = match self {
            Self::Setting(show) => show,
            Self::Settings => "settings",
            Self::Patience => "patience",
            Self::Kept => "kept",
            Self::DiscardPlans => "plans",
            Self::Relations => "relations",
            Self::Functions => "functions",
            Self::Prepared => "prepared",
            Self::Cursors => "cursors",
            Self::PassesOn => "passes on",
            Self::Shadows => "shadows",
        };
        format!("{NAME} {word}")
    }

    /// Whether planning it takes longer than answering. Others are parsed each time: SHOW takes no snapshot, as asking what
    /// is kept does.
    const fn is_planned(self) -> bool {
        matches!(self, Self::Settings | Self::Relations | Self::Functions | Self::Shadows)
    }
}

impl Connection {
    /// Says it, when next there is something to wait for.
    pub(crate) fn put(&mut self, courtesy: &Courtesy<'_>) -> Result<(), Failed> {
        if matches!(courtesy, Courtesy::Housekeeping(_)) {
            self.pipeline = Underway::Begun;
        }
        let output = &mut self.output;
        match courtesy {
            Courtesy::Sync => frontend::sync(output),
            Courtesy::Flush => frontend::flush(output),
            Courtesy::Terminate => frontend::terminate(output),
            Courtesy::CopyFail => frontend::copy_fail("the client of the gateway left", output)?,
            Courtesy::Begin => frontend::query("BEGIN", output)?,
            Courtesy::Rollback => frontend::query("ROLLBACK", output)?,
            Courtesy::Fail => frontend::parse(NAME, "countersign refuses", [], output)?,
            Courtesy::DescribePortal(name) => frontend::describe(b'P', name, output)?,
            Courtesy::Housekeeping(Housekeeping::Describe(named)) => {
                let (variant, name) = parts(named);
                frontend::describe(variant, name, output)?;
            }
            Courtesy::Housekeeping(Housekeeping::Close(named)) => {
                let (variant, name) = parts(named);
                frontend::close(variant, name, output)?;
            }
            Courtesy::Ask(question, values) => {
                let name = question.name();
                frontend::close(b'P', NAME, output)?;
                if !self.prepared.contains(question) {
                    frontend::close(b'S', &name, output)?;
                    frontend::parse(&name, question.text(), values.iter().map(|_| TEXT_ARRAY), output)?;
                }
                let put = |list: &List, buffer: &mut bytes::BytesMut| {
                    buffer.extend_from_slice(array(list).as_bytes());
                    Ok(IsNull::No)
                };
                frontend::bind(NAME, &name, [], values.iter(), put, [], output)
                    .map_err(|_| Failed::Misbehaved("a value of a question".to_owned()))?;
                frontend::execute(NAME, 0, output)?;
            }
        }
        Ok(())
    }

    /// A client drops prepared statements: the questions are prepared anew, lest one that is missing fail its transaction.
    pub(crate) fn forget_questions(&mut self) {
        self.prepared.clear();
    }

    /// Whether neither a transaction nor a pipeline is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.status == Status::Idle && self.pipeline == Underway::Nothing
    }

    /// Asks, all in one go, and returns the rows of each answer. What the session's own `statement_timeout`, or a late
    /// cancel, ended outside a transaction is asked once more without the timeout.
    pub(super) async fn ask(&mut self, questions: &[(Question, Vec<List>)]) -> Result<Vec<Vec<Row>>, Failed> {
        let asked = self.ask_kept(questions).await;
        let is_idle = self.is_idle();
        match asked {
            Err(Failed::Refused(code)) if code == CANCELLED && is_idle => {
                let patient: Vec<_> =
                    [(Question::Patience, Vec::new())].into_iter().chain(questions.iter().cloned()).collect();
                Ok(self.ask_once(&patient).await?.into_iter().skip(1).collect())
            }
            Err(Failed::Refused(code)) if code == DROPPED && is_idle => self.ask_once(questions).await,
            asked => asked,
        }
    }

    /// Asks by statements that are prepared already, if the server says in the same breath that they are still those. Else
    /// nothing of the answers is believed, and all is asked anew.
    async fn ask_kept(&mut self, questions: &[(Question, Vec<List>)]) -> Result<Vec<Vec<Row>>, Failed> {
        let relied: Vec<String> = questions
            .iter()
            .filter(|(question, _)| self.prepared.contains(question))
            .map(|(question, _)| question.name())
            .collect();
        if relied.is_empty() {
            return self.ask_once(questions).await;
        }
        let checked: Vec<_> = [(Question::Kept, Vec::new())].into_iter().chain(questions.iter().cloned()).collect();
        let mut answers = self.ask_once(&checked).await?.into_iter();
        let kept = answers.next().unwrap_or_default();
        let is_kept = |name: &String| kept.iter().flatten().flatten().any(|kept| kept == name);
        if relied.iter().all(is_kept) {
            return Ok(answers.collect());
        }
        self.prepared.clear();
        self.ask_once(questions).await
    }

    async fn ask_once(&mut self, questions: &[(Question, Vec<List>)]) -> Result<Vec<Vec<Row>>, Failed> {
        // In a pipeline under way, a Sync would commit what the client has not ended.
        let in_pipeline = self.pipeline != Underway::Nothing;
        let mut parsed: VecDeque<Question> = VecDeque::new();
        for (question, values) in questions {
            if !self.prepared.contains(question) {
                parsed.push_back(*question);
            }
            self.put(&Courtesy::Ask(*question, values))?;
        }
        self.put(if in_pipeline { &Courtesy::Flush } else { &Courtesy::Sync })?;
        let mut answers = vec![Vec::new()];
        let (mut rows, mut refused) = (0, None);
        loop {
            let frame = self.message().await?;
            match frame.tag {
                b'D' => {
                    rows += 1;
                    let row = result::cells(&frame).filter(|_| rows <= ROWS);
                    let row = row.ok_or_else(|| Failed::Misbehaved("an answer that is not one".to_owned()))?;
                    let row = row.into_iter().map(|cell| cell.map(str::to_owned)).collect();
                    if let Some(answer) = answers.last_mut() {
                        answer.push(row);
                    }
                }
                b'C' => {
                    answers.push(Vec::new());
                    if in_pipeline && answers.len() > questions.len() {
                        break;
                    }
                }
                b'E' => {
                    let fault = Fault::read(&frame);
                    if fault.is_fatal {
                        return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
                    }
                    tracing::warn!(code = %fault.code, message = %fault.message, "a question of the gateway's own failed");
                    refused = Some(fault.code);
                    self.prepared.clear();
                    if in_pipeline {
                        self.pipeline = Underway::Skipping;
                        break;
                    }
                }
                b'Z' => break,
                b'1' => self.prepared.extend(parsed.pop_front().filter(|question| question.is_planned())),
                b'2' | b'3' => {}
                _ => self.put_aside(frame),
            }
        }
        answers.pop();
        match refused {
            Some(code) => Err(Failed::Refused(code)),
            None if answers.len() == questions.len() => Ok(answers),
            None => Err(Failed::Misbehaved("fewer answers than questions".to_owned())),
        }
    }
}

fn parts(named: &Named) -> (u8, &str) {
    match named {
        Named::Statement(name) => (b'S', name),
        Named::Portal(name) => (b'P', name),
    }
}

/// The text form of an array of text.
fn array(list: &List) -> String {
    let mut text = String::from("{");
    for (number, item) in list.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        match item {
            None => text.push_str("NULL"),
            Some(item) => {
                text.push('"');
                for letter in item.chars() {
                    if matches!(letter, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(letter);
                }
                text.push('"');
            }
        }
    }
    text.push('}');
    text
}

/// `query_canceled`: by a client, or by a timeout.
const CANCELLED: &str = "57014";
/// `invalid_sql_statement_name`: somebody dropped a question.
const DROPPED: &str = "26000";
/// Rows of all answers of one asking.
const ROWS: usize = 100_000;
const TEXT_ARRAY: u32 = 1009;

const KEPT: &str = "
SELECT s.name FROM pg_catalog.pg_prepared_statement() AS s
WHERE NOT s.from_sql AND pg_catalog.starts_with(s.name, 'countersign courtesy ')";

const PREPARED: &str = "
SELECT s.name, s.statement, s.from_sql FROM pg_catalog.pg_prepared_statement() AS s
WHERE s.name OPERATOR(pg_catalog.=) ANY ($1)";

const CURSORS: &str = "
SELECT c.name, c.statement FROM pg_catalog.pg_cursor() AS c
WHERE c.name OPERATOR(pg_catalog.=) ANY ($1)";

const SETTINGS: &str = "
SELECT s, pg_catalog.current_setting(s) FROM pg_catalog.unnest($1) AS s";

// `(SELECT $1)` hides from the planner how many names there are: after five askings it plans no more. Arrays, which it
// takes for short, keep what it expects far from where it would compile the plan. So it is below.
const RELATIONS: &str = "
WITH named(place, one) AS MATERIALIZED (
    SELECT t.place, pg_catalog.to_regclass(CASE WHEN t.schema IS NULL THEN pg_catalog.format('%I', t.name)
        ELSE pg_catalog.format('%I.%I', t.schema, t.name) END)::pg_catalog.oid
    FROM ROWS FROM (pg_catalog.unnest((SELECT $1)), pg_catalog.unnest((SELECT $2)))
        WITH ORDINALITY AS t(schema, name, place)),
family(place, one, up, down) AS MATERIALIZED (
    SELECT n.place, n.one, ARRAY(
        WITH RECURSIVE up(one) AS (
            SELECT n.one
            UNION
            SELECT i.inhparent FROM up
            JOIN pg_catalog.pg_inherits AS i ON i.inhrelid OPERATOR(pg_catalog.=) up.one)
        SELECT up.one FROM up), ARRAY(
        WITH RECURSIVE down(one) AS (
            SELECT n.one
            UNION
            SELECT i.inhrelid FROM down
            JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) down.one)
        SELECT down.one FROM down)
    FROM named AS n)
SELECT x.* FROM family AS n CROSS JOIN LATERAL (
    SELECT 'relation'::pg_catalog.text, n.place, c.oid::pg_catalog.text, s.nspname::pg_catalog.text,
           c.relname::pg_catalog.text, c.relkind::pg_catalog.text, c.xmin::pg_catalog.text,
           (c.relrowsecurity OR EXISTS (SELECT FROM pg_catalog.pg_cast AS k
               WHERE k.castsource OPERATOR(pg_catalog.=) c.reltype))::pg_catalog.text, c.reltuples::pg_catalog.int8::pg_catalog.text,
           EXISTS (SELECT FROM pg_catalog.pg_depend AS d
               WHERE d.refobjid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
                 AND d.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY[
                     'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid,
                     'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid,
                     'pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid,
                     'pg_catalog.pg_opclass'::pg_catalog.regclass::pg_catalog.oid])
                 AND ((d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                       AND d.objid OPERATOR(pg_catalog.=) ANY (pg_catalog.array_cat(n.down, ARRAY(
                           SELECT i.indexrelid FROM pg_catalog.pg_index AS i
                           WHERE i.indrelid OPERATOR(pg_catalog.=) ANY (n.down)))))
                   OR (d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid
                       AND d.objid OPERATOR(pg_catalog.=) ANY (ARRAY(
                           SELECT k.oid FROM pg_catalog.pg_constraint AS k
                           WHERE k.conrelid OPERATOR(pg_catalog.=) ANY (n.down)))))
           )::pg_catalog.text
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) n.one
    UNION ALL
    SELECT 'kin', n.place, s.nspname::pg_catalog.text, c.relname::pg_catalog.text, NULL, NULL, NULL, NULL, NULL, NULL
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.oid OPERATOR(pg_catalog.=) ANY (pg_catalog.array_cat(n.up, n.down))
      AND c.oid OPERATOR(pg_catalog.<>) n.one
    UNION ALL
    SELECT 'column', n.place, a.attnum::pg_catalog.text, a.attname::pg_catalog.text, a.atttypid::pg_catalog.text,
           a.xmin::pg_catalog.text, (a.attgenerated OPERATOR(pg_catalog.<>) ''::pg_catalog.\"char\")::pg_catalog.text,
           NULL, NULL, NULL
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid OPERATOR(pg_catalog.=) n.one AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'code', n.place, t.tgname::pg_catalog.text, pg_catalog.concat_ws(' ', t.oid, t.xmin, p.oid, p.xmin),
           NULL, NULL, NULL, NULL, NULL, NULL
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_proc AS p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
    WHERE t.tgrelid OPERATOR(pg_catalog.=) n.one AND NOT t.tgisinternal
      AND t.tgenabled OPERATOR(pg_catalog.<>) 'D'::pg_catalog.\"char\"
    UNION ALL
    SELECT 'code', n.place, r.rulename::pg_catalog.text, pg_catalog.concat_ws(' ', r.oid, r.xmin),
           NULL, NULL, NULL, NULL, NULL, NULL
    FROM pg_catalog.pg_rewrite AS r
    WHERE r.ev_class OPERATOR(pg_catalog.=) n.one AND r.ev_enabled OPERATOR(pg_catalog.<>) 'D'::pg_catalog.\"char\"
    UNION ALL
    SELECT 'code', n.place, 'policy', pg_catalog.concat_ws(' ', p.oid, p.xmin), NULL, NULL, NULL, NULL, NULL, NULL
    FROM pg_catalog.pg_policy AS p
    WHERE p.polrelid OPERATOR(pg_catalog.=) n.one) AS x";

const PASSES_ON: &str = "
WITH RECURSIVE reached(one) AS (
    SELECT pg_catalog.to_regclass(pg_catalog.format('%I.%I', t.schema, t.name))::pg_catalog.oid
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS t(schema, name)
    UNION
    SELECT i.inhrelid FROM reached AS r
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) r.one)
SELECT 'trigger', t.tgname::pg_catalog.text FROM pg_catalog.pg_trigger AS t
WHERE t.tgrelid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT r.one FROM reached AS r)) AND NOT t.tgisinternal
UNION ALL
SELECT 'rule', w.rulename::pg_catalog.text FROM pg_catalog.pg_rewrite AS w
WHERE w.ev_class OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT r.one FROM reached AS r))
UNION ALL
SELECT 'foreign key', k.conname::pg_catalog.text FROM pg_catalog.pg_constraint AS k
WHERE k.confrelid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT r.one FROM reached AS r))
  AND (k.confdeltype OPERATOR(pg_catalog.=) ANY (ARRAY['c', 'n', 'd']::pg_catalog.\"char\"[])
       OR k.confupdtype OPERATOR(pg_catalog.=) ANY (ARRAY['c', 'n', 'd']::pg_catalog.\"char\"[]))
UNION ALL
SELECT 'default', pg_catalog.format('%s', a.adnum) FROM pg_catalog.pg_attrdef AS a
JOIN pg_catalog.pg_depend AS d ON d.objid OPERATOR(pg_catalog.=) a.oid
    AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid
WHERE a.adrelid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT r.one FROM reached AS r))
  AND d.refobjid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
  AND d.refclassid OPERATOR(pg_catalog.<>) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
UNION ALL
SELECT 'statistics', e.stxname::pg_catalog.text FROM pg_catalog.pg_statistic_ext AS e
JOIN pg_catalog.pg_depend AS d ON d.objid OPERATOR(pg_catalog.=) e.oid
    AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass::pg_catalog.oid
WHERE e.stxrelid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT r.one FROM reached AS r))
  AND d.refobjid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
  AND d.refclassid OPERATOR(pg_catalog.<>) ALL (ARRAY[
      'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid,
      'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid])
UNION ALL
SELECT 'policy', p.polname::pg_catalog.text FROM pg_catalog.pg_policy AS p
WHERE p.polrelid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT r.one FROM reached AS r))
UNION ALL
SELECT 'relation', c.relname::pg_catalog.text FROM pg_catalog.pg_class AS c
WHERE c.oid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT r.one FROM reached AS r))
  AND c.relkind OPERATOR(pg_catalog.<>) ALL (ARRAY['r', 'p']::pg_catalog.\"char\"[])";

const FUNCTIONS: &str = "
SELECT p.proname,
       pg_catalog.bool_or(n.nspname OPERATOR(pg_catalog.<>) 'pg_catalog'
           AND n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))),
       pg_catalog.string_agg(pg_catalog.concat_ws(' ', p.oid, p.xmin), ',' ORDER BY p.oid)
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
WHERE p.proname OPERATOR(pg_catalog.=) ANY ((SELECT $1)::pg_catalog.name[])
GROUP BY p.proname";

const SHADOWS: &str = "
SELECT DISTINCT 'operator', o.oprname::pg_catalog.text FROM pg_catalog.pg_operator AS o
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace
WHERE o.oprname OPERATOR(pg_catalog.=) ANY ((SELECT $1)::pg_catalog.name[])
  AND n.nspname OPERATOR(pg_catalog.<>) 'pg_catalog'
  AND n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false))
UNION ALL
SELECT DISTINCT 'type', t.typname::pg_catalog.text FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
WHERE t.typname OPERATOR(pg_catalog.=) ANY ((SELECT $2)::pg_catalog.name[])
  AND n.nspname OPERATOR(pg_catalog.<>) 'pg_catalog'
  AND (n.oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
       OR n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false)))";
