//! One pipeline on its way: what of it was cleared and sent, which answers are still to come, how far each action came,
//! and what of the answers may be shown.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gate::{Clearance, RunEnd, Sealed};
use masking::{Plan, add_counts};
use model::{DataClass, Purpose, Run, RunId, Verb};
use protocol::postgres::Frame;
use protocol::postgres::action::{Act, Housekeeping, Reply};
use protocol::postgres::message::Report;
use protocol::postgres::result::{self, Field};
use tokio::time::Instant;

use super::reading::{ON_ROWS, Reading, Words};

/// A step of a pipeline that nothing stands in the way of any more.
pub(super) enum Going {
    /// A cleared action.
    Act(Box<Running>),
    /// Describing or closing by name.
    Housekeeping(Housekeeping),
}

/// A cleared action on its way.
pub(super) struct Running {
    pub(super) reading: Arc<Reading>,
    pub(super) purpose: Purpose,
    /// Where the first Execute stands, and of which portal.
    pub(super) execute: Option<(usize, String)>,
    sent_as: SentAs,
    /// One for each message; taken when they are sent.
    pub(super) replies: Vec<Reply>,
    /// It only goes on with a portal of before that may show classes, by what names meant then.
    pub(super) goes_on: bool,
    /// It reads columns of tables alone, as was seen of its like: they are looked at as they come.
    pub(super) is_looked_at_in_passing: bool,
    /// Whose words its errors and notices are.
    pub(super) words: Words,
    /// Until it is sent.
    pub(super) clearance: Option<Clearance>,
    pub(super) run: Option<RunId>,
    pub(super) progress: Progress,
    pub(super) rows: u64,
    pub(super) masked: BTreeMap<DataClass, u64>,
    /// What was found in values and masked.
    pub(super) found: BTreeMap<DataClass, u64>,
}

/// Portals, those that SQL calls cursors among them, and whether each may show classes, as it was judged when it was made.
#[derive(Debug, Default)]
pub(super) struct Opened(HashMap<String, bool>);

impl Opened {
    pub(super) fn open(&mut self, name: &str, reading: &Reading) {
        if self.0.len() < OPENED || self.0.contains_key(name) {
            self.0.insert(name.to_owned(), reading.may_show_classes);
        }
    }

    /// It is closed: another of its name is not known.
    pub(super) fn close(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// No transaction is open any more. Of what outlives it nothing is known from here on.
    pub(super) fn handle_idle(&mut self) {
        self.0.clear();
    }

    fn may_show(&self, name: &str) -> bool {
        self.0.get(name).copied().unwrap_or(true)
    }
}

/// Prepared statements that may be others by now than those that the protocol prepared under their names.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    arose: bool,
    trusted: HashSet<String>,
}

impl Doubt {
    /// Something ran that may have dropped them and made others.
    pub(super) fn arise(&mut self) {
        self.arose = true;
        self.trusted.clear();
    }

    /// This one is as it was prepared.
    pub(super) fn trust(&mut self, name: &str) {
        if self.arose && self.trusted.len() < OPENED {
            self.trusted.insert(name.to_owned());
        }
    }

    pub(super) fn is_doubtful(&self, name: &str) -> bool {
        self.arose && !self.trusted.contains(name)
    }
}

/// How an action came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SentAs {
    Query,
    /// Messages of the extended protocol.
    Messages,
}

/// How far an action came.
pub(super) enum Progress {
    NotSent,
    Sent,
    Answered(String),
    Failed(String),
}

impl Running {
    pub(super) fn new(act: Act, reading: Arc<Reading>, clearance: Clearance, opened: &Opened) -> Self {
        let portal = act.execute.as_ref().filter(|_| act.goes_on()).map(|(_, portal)| portal);
        let goes_on = reading.fetches.iter().chain(portal).any(|name| opened.may_show(name));
        let may_be_others = goes_on || act.statement.takes_own_types();
        let is_alone = reading.is_plain && reading.statements <= 1 && !goes_on && !act.goes_on();
        let is_like_one_seen = reading.columns_alone.load(Ordering::Relaxed);
        Self {
            words: if may_be_others { Words::Anybodys } else { reading.words },
            is_looked_at_in_passing: is_alone && is_like_one_seen,
            reading,
            goes_on,
            purpose: act.purpose,
            execute: act.execute,
            sent_as: if act.replies.is_empty() { SentAs::Query } else { SentAs::Messages },
            replies: act.replies,
            run: clearance.run(),
            clearance: Some(clearance),
            progress: Progress::NotSent,
            rows: 0,
            masked: BTreeMap::new(),
            found: BTreeMap::new(),
        }
    }

    /// A Query has no replies of the extended protocol.
    pub(super) fn is_query(&self) -> bool {
        self.sent_as == SentAs::Query
    }

    pub(super) fn shows_rows(&self) -> bool {
        self.is_query() || self.execute.is_some()
    }

    /// Where something is hidden, columns are looked at before it runs, or as they come.
    pub(super) fn is_described_first(&self) -> bool {
        // A text of several statements cannot be described.
        let can_be = !(self.is_query() && self.reading.statements > 1);
        let is_looked_at = self.reading.shows_data() && !self.is_looked_at_in_passing;
        (can_be || self.reading.may_show_classes || self.goes_on) && (is_looked_at || self.goes_on)
    }

    /// Whether a Query can go as messages of the extended protocol, so that what its names mean stays as it is from its
    /// description to its end.
    pub(super) fn can_go_in_messages(&self) -> bool {
        let operations = &self.reading.statement.operations;
        let is_one = self.reading.statements == 1 && !self.reading.may_show_classes && !operations.is_empty();
        is_one
            && operations
                .iter()
                .all(|operation| ON_ROWS.contains(&operation.verb) || operation.verb == Verb::SqlExplain)
    }

    pub(super) fn is_plain(&self) -> bool {
        self.reading.is_plain || matches!(self.purpose, Purpose::Prepare)
    }

    pub(super) const fn is_answered(&self) -> bool {
        matches!(self.progress, Progress::Answered(_))
    }

    /// Whether it may have ended a transaction without having said so: a Query ends its own.
    pub(super) fn may_have_kept(&self) -> bool {
        self.is_query() || (matches!(self.progress, Progress::Sent) && self.reading.controls_transaction())
    }

    /// A statement, or a portal as far as it was asked for, is answered.
    pub(super) fn handle_answered(&mut self, frame: &Frame) {
        let tag = result::tag(frame).filter(|_| frame.tag == b'C').unwrap_or("");
        self.rows = self.rows.saturating_add(result::rows_of(tag));
        self.progress = Progress::Answered(tag.to_owned());
    }

    /// How it ended, in a pipeline that failed or did not.
    pub(super) fn end(&mut self, implicit: Implicit, failed: bool) -> RunEnd {
        let (run, detail) = match std::mem::replace(&mut self.progress, Progress::NotSent) {
            Progress::NotSent => (Run::Failed, "not forwarded: another step of its pipeline failed".to_owned()),
            Progress::Sent if failed => (Run::Failed, "not run: an earlier step of its pipeline failed".to_owned()),
            Progress::Sent => (Run::Uncertain, "the connection to the upstream was lost".to_owned()),
            Progress::Answered(_) if implicit == Implicit::Undone && !self.is_plain() => {
                (Run::Failed, "undone: its pipeline failed, or was never ended".to_owned())
            }
            Progress::Answered(_) if implicit == Implicit::Unknown && !self.is_plain() => {
                (Run::Uncertain, "the connection to the upstream was lost before it said what is kept".to_owned())
            }
            Progress::Answered(tag) => (Run::Succeeded, tag),
            Progress::Failed(code) if self.reading.statements > 1 && self.reading.controls_transaction() => {
                (Run::Uncertain, format!("{code}; what stood before a COMMIT in the text may have been kept"))
            }
            Progress::Failed(code) => (Run::Failed, code),
        };
        let mut masked = std::mem::take(&mut self.masked);
        add_counts(&mut masked, std::mem::take(&mut self.found));
        RunEnd { run, rows: self.rows, masked, detail }
    }
}

/// What became of what was answered, when its pipeline ended outside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Implicit {
    Stands,
    Undone,
    /// What would have kept it was sent, and not answered.
    Unknown,
}

/// How a pipeline ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The server said that it is ready.
    Ready,
    /// It did not: what was not committed is undone when the connection closes.
    Broken,
}

/// One pipeline on its way.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) acts: Vec<Running>,
    pub(super) expected: VecDeque<Expected>,
    pub(super) seals: Vec<Sealed<()>>,
    pub(super) secrecy: Secrecy,
    pub(super) mask: Option<Mask>,
    /// Where the columns of a portal come from, as the gateway asked.
    pub(super) described: Vec<Field>,
    /// The message that said it.
    pub(super) description: Option<Frame>,
    /// An error that the gateway provoked, and what the client is told instead.
    pub(super) ours: Option<Report>,
    pub(super) fate: Fate,
    /// Settings, or what names mean, may have moved in the pipeline.
    pub(super) moved: bool,
    /// What the server copies now.
    pub(super) copies: Copies,
    pub(super) syncing: Syncing,
    /// When what runs is stopped.
    pub(super) deadline: Option<Instant>,
    /// How often it was.
    pub(super) stops: usize,
    /// Some of the pipeline was sent.
    pub(super) is_begun: bool,
    pub(super) client_gone: bool,
}

impl Turn {
    /// Whether what was sent of the pipeline only prepares and describes, and all of it is answered.
    pub(super) fn has_only_prepared(&self) -> bool {
        let prepares = |running: &Running| running.purpose == Purpose::Prepare;
        self.is_begun && !self.fate.is_failed() && self.expected.is_empty() && self.acts.iter().all(prepares)
    }

    /// Whether the upstream's words are not for this actor now. What is described by a name of before was not read for this
    /// pipeline.
    pub(super) fn withholds(&self) -> bool {
        match self.secrecy {
            Secrecy::Open => false,
            Secrecy::Checks => self.expected.front().is_some_and(|expected| expected.act.is_none()),
            Secrecy::Withholds => true,
        }
    }
}

/// What the server copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Copies {
    #[default]
    Nothing,
    /// Rows of the client, none of which has been sent.
    In,
    /// Rows of the client, some of which have been, or their end.
    Fed,
    /// Rows for the client.
    Out,
    /// The same, in the binary form.
    OutInBinary,
}

/// Which Sync of the client ends the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Syncing {
    /// None has come.
    #[default]
    NotYet,
    /// The one that came.
    Came,
    /// The one that came counts for nothing, for rows of a COPY come behind it, and then another.
    Owed,
    /// That one came, and was sent.
    Paid,
}

/// How a pipeline goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Fate {
    #[default]
    Sound,
    /// The client was told of an error: up to Sync, nothing more of it is looked at.
    Failed,
    /// So it was, and the server knows nothing of it: the rest of its answers, up to Ready, is dropped.
    Dropped,
}

impl Fate {
    pub(super) const fn is_failed(self) -> bool {
        matches!(self, Self::Failed | Self::Dropped)
    }
}

/// What of the upstream's answers goes on as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Secrecy {
    /// Everything: this actor may see all of the target.
    #[default]
    Open,
    /// Rows whose columns are checked, and texts: no code runs that others wrote.
    Checks,
    /// Rows that are masked; no texts, for they may hold what this actor may not see.
    Withholds,
}

/// What ends the part of a pipeline that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// It is a Query.
    Query,
    /// Sync: the pipeline ends with it.
    Sync,
    /// Flush, or an error before its end: the pipeline goes on.
    Flush,
}

pub(super) struct Expected {
    /// The action it belongs to, if any.
    pub(super) act: Option<usize>,
    pub(super) reply: Reply,
    /// Asked by the gateway: the client does not hear of it.
    pub(super) is_ours: bool,
}

pub(super) struct Mask {
    pub(super) fields: Vec<Field>,
    pub(super) plan: Plan,
}

/// What a relay waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Everything expected, or an error.
    Answered,
    /// ReadyForQuery, which the client hears of only if something failed.
    Described,
    /// ReadyForQuery.
    Ready,
}

/// Portals that are remembered.
const OPENED: usize = 10_000;
/// How a run ended whose answer was not shown.
pub(super) const WITHHELD: &str = "withheld";
