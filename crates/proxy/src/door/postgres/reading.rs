//! What a statement means on one connection, kept as long as the catalog it was read by; and the state of the session,
//! asked for again whenever something may have moved it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{DataClass, Digest, Operation, ResourceKind, SessionId, SessionState, Statement, Target, Verb};
use protocol::postgres::message::Report;
use protocol::postgres::result::Status;
use protocol::sql::postgres::{CatalogQuestion, Classified, classify, reason};
use protocol::sql::{Meaning, Prepared};

use super::told;
use crate::upstream::postgres::{Catalog, Connection, Failed, Origins, Setting, with_classes};

/// A statement, read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) statement: Arc<Statement>,
    pub(super) digest: Digest,
    /// A proven plain read.
    pub(super) is_plain: bool,
    /// It may read classified columns: a table that has some, or code that nobody looks into.
    pub(super) may_show_classes: bool,
    /// Whose words its errors and notices are.
    pub(super) words: Words,
    /// Classes whose values it may store where they have none.
    pub(super) copied: BTreeSet<DataClass>,
    /// What it says of why statements behind it are run.
    pub(super) reason: Option<String>,
    /// It begins a transaction with modes of its own.
    sets_modes: bool,
    /// What it does to prepared statements, by SQL.
    pub(super) prepared: Prepared,
    /// Prepared statements that it executes, by SQL.
    pub(super) executes: Vec<String>,
    /// Cursors that it declares.
    pub(super) declares: Vec<String>,
    /// Cursors that it goes on with: they were judged by what names meant when they were declared.
    pub(super) fetches: Vec<String>,
    /// Columns of the relations that it was read by.
    pub(super) origins: Arc<Origins>,
    /// Whose types it names, and those of its tables' columns are.
    pub(super) types: Types,
    /// How many rows its tables have, as the server estimates.
    pub(super) sizes: Vec<(String, u64)>,
    pub(super) statements: usize,
    /// Every column that it, or another text that differs in its constants alone, was last seen to show is one of a table,
    /// none computed.
    pub(super) columns_alone: Arc<AtomicBool>,
}

/// Who speaks when a statement fails, or while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// The server itself, of nothing that has classes.
    TheServers,
    /// Perhaps code that others wrote, or the server of values that have classes.
    Anybodys,
}

/// Who made the types that a statement has to do with: reading and planning them runs their code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Types {
    /// The server itself.
    TheServers,
    /// Others, at least one of them.
    Others,
}

/// Statements and the catalog they were read by.
#[derive(Debug, Default)]
pub(super) struct Library {
    catalog: Catalog,
    read: HashMap<Arc<str>, Arc<Reading>>,
    /// What was seen of texts, by [`shape`]. It says by which catalog a text is read, and is checked when its columns are
    /// described.
    shapes: HashMap<String, Arc<AtomicBool>>,
}

/// What the catalog must be asked.
type Questions = BTreeSet<CatalogQuestion>;

/// Why a statement was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// Its client is told.
    Told(Report),
    /// The upstream failed.
    Failed(Failed),
}

impl From<Failed> for Unread {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(code) if code == told::CANCELLED => Self::Told(
                told::error(
                    told::CANCELLED,
                    "the catalog could not be asked: the session's `statement_timeout`, or a cancel, ended the question",
                )
                .hint("set `statement_timeout` higher, or run it outside a transaction"),
            ),
            Failed::Refused(code) => Self::Told(
                told::error(
                    told::INSUFFICIENT_PRIVILEGE,
                    format!("the catalog could not be asked what it means ({code})"),
                )
                .hint("end the transaction, if one is open, and try again"),
            ),
            Failed::Misconfigured(_) => Self::Told(
                told::error(told::UNAVAILABLE, failed).hint("tell an administrator: `target.classify` needs mending"),
            ),
            Failed::Unreachable(_) | Failed::ShutOut(_) | Failed::Lost(_) | Failed::Misbehaved(_) => {
                Self::Failed(failed)
            },
        }
    }
}

impl Library {
    /// A library for a new session: every class of the target stands on a column.
    ///
    /// # Errors
    /// If one does not, or the server does not answer.
    pub(super) async fn open(connection: &mut Connection, target: &Target) -> Result<Self, Failed> {
        let mut library = Self::default();
        library.catalog.check(connection, target).await?;
        Ok(library)
    }

    /// The catalog may have changed: what was read is forgotten.
    pub(super) fn forget(&mut self) {
        self.catalog = Catalog::default();
        self.read.clear();
    }

    /// What `text` means. A plain read goes by a catalog a moment old, everything else by one asked for now; where
    /// something is hidden, only a read of plain columns, whose tables its answer names, goes by the older one.
    pub(super) async fn read(
        &mut self,
        connection: &mut Connection,
        target: &Target,
        (text, hides): (&Arc<str>, bool),
    ) -> Result<Arc<Reading>, Unread> {
        if !self.catalog.is_fresh() {
            self.forget();
        }
        if let Some(reading) = self.read.get(text).filter(|reading| reading.is_plain)
            && (!hides || reading.columns_alone.load(Ordering::Relaxed))
        {
            return Ok(Arc::clone(reading));
        }
        let reading = if hides {
            match self.read_by_known(connection, text)? {
                Some(reading) => reading,
                None => {
                    self.forget();
                    if connection.status != Status::Failed {
                        self.catalog.check(connection, target).await?;
                    }
                    self.classify(connection, target, text).await?
                }
            }
        } else {
            let by_what_was_known = self.catalog.knows_something();
            let mut reading = self.classify(connection, target, text).await?;
            if !reading.is_plain && by_what_was_known {
                self.forget();
                reading = self.classify(connection, target, text).await?;
            }
            reading
        };
        if self.read.len() >= READ {
            self.read.clear();
        }
        if text.len() <= KEPT_TEXT && reading.is_kept() {
            self.read.insert(Arc::clone(text), Arc::clone(&reading));
        }
        Ok(reading)
    }

    /// What a text that waited means now: all that was asked is asked anew, in one breath with the settings of the session,
    /// for the reviewers' answer waits on it.
    pub(super) async fn read_again(
        &mut self,
        connection: &mut Connection,
        target: &Target,
        (text, hides): (&Arc<str>, bool),
    ) -> Result<(Arc<Reading>, Vec<Setting>), Unread> {
        self.read.clear();
        let also = if hides { with_classes(target) } else { BTreeSet::new() };
        let settings = self.catalog.ask_again(connection, target, also).await?;
        if hides {
            self.catalog.check_known(target)?;
        }
        Ok((self.classify(connection, target, text).await?, settings))
    }

    /// What a plain read means by what was told up to a second ago, where something is hidden: if it is like one that showed
    /// plain columns of tables, and nothing must be asked beside what was told, for the answers would be of different times.
    fn read_by_known(&mut self, connection: &Connection, text: &Arc<str>) -> Result<Option<Arc<Reading>>, Unread> {
        if !self.catalog.knows_something() || !self.seen(text).load(Ordering::Relaxed) {
            return Ok(None);
        }
        self.catalog.begin(connection.status != Status::Idle);
        Ok(self.classify_by_known(text)?.ok().filter(|reading| reading.is_plain))
    }

    /// What a text means, or what must be asked to know it.
    fn classify_by_known(&mut self, text: &Arc<str>) -> Result<Result<Arc<Reading>, Questions>, Unread> {
        let classify = || classify(text, self.catalog.known());
        // A long text takes long: other sessions of this thread go on elsewhere meanwhile.
        let classified = if text.len() > LONG { tokio::task::block_in_place(classify) } else { classify() };
        match classified {
            Err(unreadable) => Err(Unread::Told(told::unreadable(&unreadable))),
            Ok(Classified::Needs(questions)) => Ok(Err(questions)),
            Ok(Classified::Meaning(meaning)) => {
                let (origins, sizes) = (self.catalog.origins(&meaning.bound), self.catalog.sizes(&meaning.operations));
                let mut reading = Reading::new(text, meaning, (origins, self.seen(text)));
                reading.sizes = sizes;
                Ok(Ok(Arc::new(reading)))
            }
        }
    }

    /// Whether a statement still means what it was judged by: asked within its own pipeline, once the server has looked its
    /// names up and keeps them.
    pub(super) async fn is_still(
        &mut self,
        connection: &mut Connection,
        target: &Target,
        reading: &Reading,
    ) -> Result<bool, Unread> {
        self.forget();
        self.catalog.check(connection, target).await?;
        let text: Arc<str> = reading.statement.text.as_str().into();
        let again = self.classify(connection, target, &text).await?;
        Ok(again.statement.bound == reading.statement.bound && again.may_show_classes == reading.may_show_classes)
    }

    /// What was seen of texts like this one.
    fn seen(&mut self, text: &str) -> Arc<AtomicBool> {
        if text.len() > KEPT_SHAPE {
            return Arc::default();
        }
        if self.shapes.len() >= READ {
            self.shapes.clear();
        }
        Arc::clone(self.shapes.entry(shape(text)).or_default())
    }

    async fn classify(
        &mut self,
        connection: &mut Connection,
        target: &Target,
        text: &Arc<str>,
    ) -> Result<Arc<Reading>, Unread> {
        self.catalog.begin(connection.status != Status::Idle);
        for _ in 0..ROUNDS {
            match self.classify_by_known(text)? {
                Ok(reading) => return Ok(reading),
                Err(_) if connection.status == Status::Failed => return Err(Unread::Told(failed_transaction())),
                Err(questions) => self.catalog.ask(connection, target, &questions).await?,
            }
        }
        Err(Unread::Told(told::error(told::TOO_COMPLEX, "the statement asks for more of the catalog than it may")))
    }
}

impl Reading {
    /// Whether a statement of it begins or ends a transaction, or keeps house otherwise.
    pub(super) fn controls_transaction(&self) -> bool {
        self.statement.operations.iter().any(|operation| operation.verb == Verb::SqlHousekeep)
    }

    /// Whether it may move settings, roles, or what names mean.
    pub(super) fn moves_state(&self) -> bool {
        self.statement.operations.iter().any(|operation| moves_state(operation.verb))
    }

    /// Whether it may be remembered by its text: what stands behind a name may be another text by the next time, and what
    /// several statements mean may depend on the transaction that they find.
    fn is_kept(&self) -> bool {
        self.executes.is_empty() && self.fetches.is_empty() && self.statements <= 1
    }

    /// Whether what it runs is no longer what it was read as, if something moved prepared statements in between.
    pub(super) fn moves_names(&self) -> bool {
        self.prepared != Prepared::Kept
    }

    /// Whether it listens to what others notify.
    pub(super) fn listens(&self) -> bool {
        self.statement.operations.iter().any(|operation| operation.verb == Verb::SqlListen)
    }

    /// Whether it takes rows from the client.
    pub(super) fn copies_in(&self) -> bool {
        self.statement.operations.iter().any(|operation| operation.verb == Verb::SqlCopyIn)
    }

    /// Whether it copies rows to the client.
    pub(super) fn copies_out(&self) -> bool {
        self.statement.operations.iter().any(|operation| operation.verb == Verb::SqlCopyOut)
    }

    /// Whether it may show what stands in tables.
    pub(super) fn shows_data(&self) -> bool {
        self.statement.operations.iter().any(|operation| !shows_none(operation))
    }

    /// Whether it may show what is computed from what stood in tables before.
    pub(super) fn shows_older_data(&self) -> bool {
        let is_older = |operation: &Operation| !shows_none(operation) && operation.verb != Verb::SqlInsert;
        self.statement.operations.iter().any(is_older)
    }

    /// Whether it only begins, ends or keeps house.
    pub(super) fn keeps_house(&self) -> bool {
        self.statement.operations.iter().all(|operation| operation.verb == Verb::SqlHousekeep)
    }

    fn new(text: &str, meaning: Meaning, (origins, columns_alone): (Origins, Arc<AtomicBool>)) -> Self {
        let verbs: Vec<Verb> = meaning.operations.iter().map(|operation| operation.verb).collect();
        let statement = Statement { text: text.to_owned(), operations: meaning.operations, bound: meaning.bound };
        let is_plain = verbs.iter().all(|verb| verb.is_plain_read());
        let may_show_classes = !meaning.classified.is_empty() || statement.operations.iter().any(is_opaque);
        let runs_nothing = verbs.iter().all(|verb| verb.is_plain_read() || *verb == Verb::SqlSet);
        let has_own_types = meaning.names_types || origins.has_own_types();
        let types = if has_own_types { Types::Others } else { Types::TheServers };
        let may_be_others = !runs_nothing || may_show_classes || has_own_types;
        let words = if may_be_others { Words::Anybodys } else { Words::TheServers };
        Self {
            digest: statement.digest(),
            is_plain,
            reason: meaning.reason,
            sets_modes: meaning.sets_modes,
            prepared: meaning.prepared,
            executes: meaning.executes,
            declares: meaning.declares,
            fetches: meaning.fetches,
            may_show_classes,
            words,
            statement: Arc::new(statement),
            copied: meaning.copied,
            origins: Arc::new(origins),
            types,
            sizes: Vec::new(),
            statements: meaning.statements,
            columns_alone,
        }
    }

    /// The statement for the gate and its digest, with what it takes along of classes that the actor may not see.
    pub(super) fn with(&self, copies: &[Operation]) -> (Arc<Statement>, Digest) {
        if copies.is_empty() {
            return (Arc::clone(&self.statement), self.digest);
        }
        let mut statement = (*self.statement).clone();
        statement.operations.extend_from_slice(copies);
        let digest = statement.digest();
        (Arc::new(statement), digest)
    }
}

/// A text without its numbers and strings, by which texts that differ in them alone are told to be alike. It need not be
/// right: who goes by it looks at what the server says. One with comments, or strings of other kinds, is like no other.
fn shape(text: &str) -> String {
    let is_odd = |(sign, next): (char, char)| sign == '$' && !next.is_ascii_digit();
    let pairs = || text.chars().zip(text.chars().skip(1).chain([' ']));
    if text.contains("--") || text.contains("/*") || text.contains('\\') || pairs().any(is_odd) {
        return text.to_owned();
    }
    let mut shape = String::with_capacity(text.len());
    let (mut letters, mut in_word) = (text.chars().peekable(), false);
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                while letters.next_if(|inside| *inside != '\'').is_some() {}
                letters.next();
                shape.push('?');
            }
            '"' => {
                shape.push('"');
                while let Some(inside) = letters.next_if(|inside| *inside != '"') {
                    shape.push(inside);
                }
                letters.next();
                shape.push('"');
            }
            '0'..='9' if !in_word => {
                while letters.next_if(|next| next.is_ascii_digit() || *next == '.').is_some() {}
                shape.push('?');
            }
            other => shape.push(other),
        }
        in_word = letter.is_alphanumeric() || matches!(letter, '_' | '$' | '"');
    }
    shape
}

/// Whether code runs, or text is shown, that the classifier did not look into. What the server's own views run is known.
fn is_opaque(operation: &Operation) -> bool {
    let is_the_servers = ["pg_catalog", "information_schema"].contains(&&*operation.resource.schema);
    let runs_code = [Verb::SqlCall, Verb::SqlDefineCode, Verb::SqlServerFile, Verb::Unknown];
    runs_code.contains(&operation.verb) || (operation.verb == Verb::SqlSelectView && !is_the_servers)
}

/// Whether it shows nothing of tables: what it computes is computed of constants.
fn shows_none(operation: &Operation) -> bool {
    let of_none = operation.verb == Verb::SqlSelect && operation.resource.kind == ResourceKind::Target;
    of_none || [Verb::SqlHousekeep, Verb::SqlShow, Verb::SqlSet].contains(&operation.verb)
}

/// Whether settings, roles or the meaning of names may be others afterwards, within one pipeline.
const fn moves_state(verb: Verb) -> bool {
    use Verb::{
        SqlDelete, SqlDeleteUnbounded, SqlHousekeep, SqlInsert, SqlMerge, SqlSelect, SqlSelectLocking,
        SqlSelectUnbounded, SqlShow, SqlTruncate, SqlUpdate, SqlUpdateUnbounded,
    };
    !matches!(
        verb,
        SqlHousekeep
            | SqlShow
            | SqlSelect
            | SqlSelectUnbounded
            | SqlSelectLocking
            | SqlInsert
            | SqlUpdate
            | SqlUpdateUnbounded
            | SqlDelete
            | SqlDeleteUnbounded
            | SqlMerge
            | SqlTruncate
    )
}

/// The server's own words for a statement in a failed transaction. There the catalog cannot be asked what stands behind a
/// ROLLBACK.
pub(super) fn failed_transaction() -> Report {
    told::error(told::FAILED, "current transaction is aborted, commands ignored until end of transaction block")
        .hint("end it with a ROLLBACK that is sent alone; what stands behind one in the same text is not looked at")
}

/// The state of the session, as it was asked for last.
#[derive(Debug, Default)]
pub(super) struct State {
    known: SessionState,
    age: Age,
    /// Something may have moved it since a transaction began: its end may move it back.
    moved_inside: bool,
    /// Why what comes is run, as the session said last.
    reason: String,
    /// How often something ran that may have moved settings which are not asked for, such as those of others' making.
    unlisted: u64,
    /// That since a transaction began.
    unlisted_inside: bool,
    /// As the gate has it, until anything of it changes.
    said: Option<(Status, Arc<SessionState>)>,
}

/// Whether the state is as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Age {
    #[default]
    Moved,
    Asked,
}

impl State {
    /// The state now: asked for if something may have moved it. In a failed transaction nothing can be asked, and nothing
    /// but its end is taken: there it is the one of before.
    pub(super) async fn now(
        &mut self,
        connection: &mut Connection,
        (database, session): (&str, SessionId),
    ) -> Result<Arc<SessionState>, Unread> {
        if std::mem::take(&mut connection.settings_moved) {
            self.age = Age::Moved;
        }
        if self.age == Age::Moved && connection.status != Status::Failed {
            self.learn(connection.settings_now().await?, database);
        }
        if let Some((status, said)) = &self.said
            && *status == connection.status
        {
            return Ok(Arc::clone(said));
        }
        let mut state = self.known.clone();
        state.0.insert("transaction".to_owned(), connection.status.as_str().to_owned());
        if self.unlisted > 0 {
            // Nobody else presents this action: what those settings are is known to this session alone.
            state.0.insert("unlisted settings".to_owned(), format!("{session}, change {}", self.unlisted));
        }
        let state = Arc::new(state);
        self.said = Some((connection.status, Arc::clone(&state)));
        Ok(state)
    }

    /// The settings as they were just told.
    pub(super) fn learn(&mut self, settings: Vec<Setting>, database: &str) {
        self.known = SessionState(settings.into_iter().collect());
        self.known.0.insert("database".to_owned(), database.to_owned());
        (self.age, self.said) = (Age::Asked, None);
    }

    /// Something ran. What is not a plain read may have moved it; the end of a transaction may move it back.
    pub(super) fn handle_run(&mut self, reading: &Reading, status: Status) {
        if !reading.is_plain {
            self.age = Age::Moved;
            self.moved_inside |= status != Status::Idle;
            let unlisted = [Verb::SqlConfigure, Verb::SqlCall, Verb::SqlDefineCode, Verb::Unknown];
            let may_move = |operation: &Operation| {
                // RESET ALL and DISCARD ALL put back what was moved.
                unlisted.contains(&operation.verb)
                    || (operation.verb == Verb::SqlSet && &*operation.resource.name == "all")
            };
            let moved = reading.statement.operations.iter().any(may_move);
            self.unlisted += u64::from(moved);
            self.unlisted_inside |= moved && status != Status::Idle;
        } else if reading.sets_modes {
            (self.age, self.moved_inside) = (Age::Moved, true);
        } else if reading.controls_transaction() && self.moved_inside {
            self.age = Age::Moved;
        }
        if self.unlisted_inside && reading.controls_transaction() {
            // The end of a transaction, or of a part of it, may put it back.
            self.unlisted += 1;
        }
        if status == Status::Idle {
            (self.moved_inside, self.unlisted_inside) = (false, false);
        }
    }

    /// What is known of it is asked for again.
    pub(super) const fn doubt(&mut self) {
        self.age = Age::Moved;
    }

    /// The session said why what comes is run.
    pub(super) fn handle_reason(&mut self, reason: &str) {
        reason.clone_into(&mut self.reason);
    }

    /// Why a text is run: as it says itself, as the session said, or else what its client calls itself.
    pub(super) fn reason_of(&self, text: &str, connection: &Connection) -> String {
        if let Some(said) = reason::in_comment(text) {
            return said.to_owned();
        }
        let called = connection.settings.get("application_name").filter(|name| !name.is_empty());
        match (self.reason.as_str(), called) {
            ("", Some(name)) => format!("none given; the client calls itself {name}"),
            (said, _) => said.to_owned(),
        }
    }

    /// Whether ending a transaction, or a part of it, may move the state back.
    pub(super) const fn may_move_back(&self) -> bool {
        self.moved_inside
    }
}

/// What gives rows of tables, or changes them, and does nothing else.
pub(super) const ON_ROWS: [Verb; 9] = [
    Verb::SqlSelect,
    Verb::SqlSelectUnbounded,
    Verb::SqlSelectLocking,
    Verb::SqlInsert,
    Verb::SqlUpdate,
    Verb::SqlUpdateUnbounded,
    Verb::SqlDelete,
    Verb::SqlDeleteUnbounded,
    Verb::SqlMerge,
];
/// Rounds of questions about one text: each asks for what the answers before made plain.
const ROUNDS: usize = 8;
/// Bytes of a text that is read off the threads that sessions share.
const LONG: usize = 64 << 10;
/// Statements that one session remembers.
const READ: usize = 256;
/// Bytes of a text whose shape is remembered.
const KEPT_SHAPE: usize = 4 << 10;
/// Bytes of a text that is remembered.
const KEPT_TEXT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn texts_are_alike_that_differ_in_constants_alone() {
        let alike = shape("SELECT a1, \"it's\" FROM t WHERE id = 12.5 AND note = 'x' AND n = $1");
        assert_eq!(alike, shape("SELECT a1, \"it's\" FROM t WHERE id = 7 AND note = 'another' AND n = $1"));
        for other in [
            "SELECT a2, \"it's\" FROM t WHERE id = 7 AND note = 'x' AND n = $1",
            "SELECT a1, \"is\" FROM t WHERE id = 7 AND note = 'x' AND n = $1",
        ] {
            assert_ne!(alike, shape(other), "{other}");
        }
        for (one, other) in [
            ("/*'*/ SELECT id FROM t /*'*/", "/*'*/ SELECT lower(x) FROM t /*'*/"),
            ("-- don't\nSELECT a FROM t", "-- don't\nSELECT count(*) FROM t"),
            ("SELECT $$it's$$, a FROM t", "SELECT $$it's$$, b FROM t"),
        ] {
            assert_ne!(shape(one), shape(other));
        }
    }
}
