//! From the gate to the upstream and back: cleared actions are sent in order, answers come back in the order of what was
//! sent, masked on the way. Nothing of an answer leaves before the record of its action is written; how each action
//! ended is recorded before its client hears of the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gate::{Clearance, RunEnd, Sealed};
use masking::{Carries, Masked, Plan};
use model::{DataClass, Purpose, Run, RunId};
use protocol::postgres::Frame;
use protocol::postgres::action::{Act, Housekeeping, Reply};
use protocol::postgres::message::{Report, Said};
use protocol::postgres::result::{self, Fault, Field, Put, Status};

use super::conversation::{Conversation, End};
use super::reading::{Reading, Words};
use super::told;
use crate::upstream::postgres::{Courtesy, Failed, Piece, Rest, Underway};

/// A step of a pipeline that nothing stands in the way of any more.
pub(super) enum Going {
    /// A cleared action.
    Act(Box<Running>),
    /// Describing or closing by name.
    Housekeeping(Housekeeping),
}

/// A cleared action on its way.
pub(super) struct Running {
    reading: Arc<Reading>,
    purpose: Purpose,
    /// Where the first Execute stands, and of which portal.
    execute: Option<(usize, String)>,
    replies: Vec<Reply>,
    /// It only goes on with a portal of before, which was judged by what names meant then.
    goes_on: bool,
    /// Whose words its errors and notices are.
    words: Words,
    /// Until it is sent.
    clearance: Option<Clearance>,
    run: Option<RunId>,
    progress: Progress,
    rows: u64,
    masked: BTreeMap<DataClass, u64>,
}

/// How far an action came.
enum Progress {
    NotSent,
    Sent,
    Answered(String),
    Failed(String),
}

impl Running {
    pub(super) fn new(act: Act, reading: Arc<Reading>, clearance: Clearance) -> Self {
        let may_be_others = act.goes_on() || act.statement.takes_own_types();
        Self {
            words: if may_be_others { Words::Anybodys } else { reading.words },
            reading,
            goes_on: act.goes_on(),
            purpose: act.purpose,
            execute: act.execute,
            replies: act.replies,
            run: clearance.run(),
            clearance: Some(clearance),
            progress: Progress::NotSent,
            rows: 0,
            masked: BTreeMap::new(),
        }
    }

    /// A Query has no replies of the extended protocol.
    const fn is_query(&self) -> bool {
        self.replies.is_empty()
    }

    const fn shows_rows(&self) -> bool {
        self.is_query() || self.execute.is_some()
    }

    /// Where something is hidden, columns are looked at before it runs: those of a plain read of unclassified tables can be
    /// looked at as they come.
    fn is_described_first(&self) -> bool {
        // A text of several statements cannot be described.
        let can_be = !(self.is_query() && self.reading.statements > 1);
        self.reading.may_show_classes || self.goes_on || (can_be && !self.reading.is_plain)
    }

    fn is_plain(&self) -> bool {
        self.reading.is_plain || matches!(self.purpose, Purpose::Prepare)
    }

    const fn is_answered(&self) -> bool {
        matches!(self.progress, Progress::Answered(_))
    }

    /// How it ended, in a pipeline that failed or did not.
    fn end(&mut self, implicit: Implicit, failed: bool) -> RunEnd {
        let (run, detail) = match std::mem::replace(&mut self.progress, Progress::NotSent) {
            Progress::NotSent => (Run::Failed, "not forwarded: another step of its pipeline failed".to_owned()),
            Progress::Sent if failed => (Run::Failed, "not run: an earlier step of its pipeline failed".to_owned()),
            Progress::Sent => (Run::Uncertain, "the connection to the upstream was lost".to_owned()),
            Progress::Answered(_) if implicit == Implicit::Undone && !self.is_plain() => {
                (Run::Failed, "undone: its pipeline failed, or was never ended".to_owned())
            }
            Progress::Answered(tag) => (Run::Succeeded, tag),
            Progress::Failed(code) if self.reading.statements > 1 && self.reading.controls_transaction() => {
                (Run::Uncertain, format!("{code}; what stood before a COMMIT in the text may have been kept"))
            }
            Progress::Failed(code) => (Run::Failed, code),
        };
        RunEnd { run, rows: self.rows, masked: std::mem::take(&mut self.masked), detail }
    }
}

/// What became of what was answered, when its pipeline ended outside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Implicit {
    Stands,
    Undone,
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
    acts: Vec<Running>,
    expected: VecDeque<Expected>,
    seals: Vec<Sealed<()>>,
    secrecy: Secrecy,
    mask: Option<Mask>,
    /// Where the columns of a portal come from, as the gateway asked.
    described: Vec<Field>,
    /// An error that the gateway provoked, and what the client is told instead.
    ours: Option<Report>,
    pub(super) fate: Fate,
    /// Settings, or what names mean, may have moved in the pipeline.
    pub(super) moved: bool,
    /// Some of the pipeline was sent.
    pub(super) is_begun: bool,
    client_gone: bool,
}

impl Turn {
    /// Whether the upstream's words are not for this actor now. What is described by a name of before was not read for this
    /// pipeline.
    fn withholds(&self) -> bool {
        match self.secrecy {
            Secrecy::Open => false,
            Secrecy::Checks => self.expected.front().is_some_and(|expected| expected.act.is_none()),
            Secrecy::Withholds => true,
        }
    }
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
enum Secrecy {
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

struct Expected {
    /// The action it belongs to, if any.
    act: Option<usize>,
    reply: Reply,
    /// Asked by the gateway: the client does not hear of it.
    is_ours: bool,
}

struct Mask {
    fields: Vec<Field>,
    plan: Plan,
}

/// What a relay waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Everything expected, or an error.
    Answered,
    /// ReadyForQuery, which the client hears of only if something failed.
    Described,
    /// ReadyForQuery.
    Ready,
}

impl Conversation {
    /// Actions that were cleared and are not sent after all.
    pub(super) async fn drop_cleared(&mut self, going: Vec<Going>) -> Result<(), End> {
        for step in going {
            if let Going::Act(mut running) = step {
                let end = running.end(Implicit::Stands, false);
                let run = running.run;
                drop(running);
                self.session.ended(run, false, &end).await.map_err(End::Unrecorded)?;
            }
        }
        Ok(())
    }

    /// Sends what was cleared, passes the answers on, and records how each action ended when its pipeline has.
    pub(super) async fn forward(&mut self, going: Vec<Going>, closing: Closing) -> Result<(), End> {
        let hidden = self.session.hidden_classes();
        let may_tell = |step: &Going| matches!(step, Going::Act(running) if running.words == Words::Anybodys);
        if hidden.is_empty() {
            self.turn.secrecy = Secrecy::Open;
        } else if going.iter().any(may_tell) || self.upstream.status != Status::Idle {
            self.turn.secrecy = Secrecy::Withholds;
        } else {
            // What an earlier part of the pipeline may show, a later error may.
            self.turn.secrecy = self.turn.secrecy.max(Secrecy::Checks);
        }
        let went = self.send_all(going, &hidden, closing).await;
        let ended = went.is_err() || closing != Closing::Flush;
        let went = match went {
            Ok(()) if ended && self.turn.fate == Fate::Dropped => self.make_failed().await,
            went => went,
        };
        let ending = if went.is_ok() { Ending::Ready } else { Ending::Broken };
        let recorded = if ended { self.end_pipeline(ending).await } else { Ok(()) };
        let passed = self.pass_on().await;
        if passed.is_err() {
            self.client.output.clear();
        }
        let gone = self.turn.client_gone;
        if ended {
            self.turn = Turn::default();
        }
        went?;
        recorded?;
        passed?;
        if gone { Err(End::ClientGone) } else { Ok(()) }
    }

    /// The client believes that its transaction has failed: it is made so.
    async fn make_failed(&mut self) -> Result<(), End> {
        if self.upstream.status == Status::Open {
            self.upstream.fail().await?;
        }
        self.client.say(&Said::Ready(self.upstream.status.byte()));
        Ok(())
    }

    /// Records how the actions of the pipeline ended.
    pub(super) async fn end_pipeline(&mut self, ending: Ending) -> Result<(), End> {
        let status = self.upstream.status;
        let acts = std::mem::take(&mut self.turn.acts);
        let failed = self.turn.fate.is_failed();
        // A COMMIT among them keeps what came before it.
        let kept = acts.iter().rposition(|act| act.reading.keeps_house() && act.is_answered()).unwrap_or(0);
        for (at, mut running) in acts.into_iter().enumerate() {
            let undone = at >= kept && status == Status::Idle && (failed || ending == Ending::Broken);
            let implicit = if undone { Implicit::Undone } else { Implicit::Stands };
            if running.purpose == Purpose::Run {
                if !running.reading.is_plain || (running.reading.keeps_house() && self.state.may_move_back()) {
                    self.library.forget();
                }
                self.state.handle_run(&running.reading, status);
            }
            let (run, plain, end) = (running.run, running.is_plain(), running.end(implicit, failed));
            self.session.ended(run, plain, &end).await.map_err(End::Unrecorded)?;
        }
        if status == Status::Idle {
            self.names.handle_idle();
        }
        Ok(())
    }

    async fn send_all(&mut self, going: Vec<Going>, hidden: &BTreeSet<DataClass>, closing: Closing) -> Result<(), End> {
        for step in going {
            match step {
                Going::Housekeeping(housekeeping) if !self.turn.fate.is_failed() => {
                    self.upstream.put(&Courtesy::Housekeeping(&housekeeping))?;
                    self.turn.is_begun = true;
                    let reply = housekeeping.reply();
                    self.turn.expected.push_back(Expected { act: None, reply, is_ours: false });
                }
                Going::Housekeeping(_) => {}
                Going::Act(running) => {
                    let masks =
                        self.turn.secrecy != Secrecy::Open && running.shows_rows() && running.is_described_first();
                    self.turn.acts.push(*running);
                    match (self.turn.fate.is_failed(), closing, masks) {
                        (true, ..) => {}
                        (false, Closing::Query, true) => return self.send_query_masked(hidden).await,
                        (false, Closing::Query, false) => {
                            self.send()?;
                            self.names.handle_query();
                            return self.relay(Until::Ready).await;
                        }
                        (false, Closing::Sync | Closing::Flush, true) => self.send_masked(hidden).await?,
                        (false, Closing::Sync | Closing::Flush, false) => self.send()?,
                    }
                }
            }
        }
        if closing == Closing::Flush {
            if self.turn.fate.is_failed() || self.turn.expected.is_empty() {
                return Ok(());
            }
            self.upstream.put(&Courtesy::Flush)?;
            return self.relay(Until::Answered).await;
        }
        if self.turn.fate.is_failed() && !self.turn.is_begun && self.upstream.status == Status::Open {
            // Its client was told of an error that the server knows nothing of.
            self.upstream.fail().await?;
        }
        self.upstream.put(&Courtesy::Sync)?;
        self.relay(Until::Ready).await
    }

    /// Makes the pipeline fail, of which some was sent: the client is told `report`, and the rest up to Sync is ignored.
    pub(super) async fn fail_pipeline(&mut self, report: Report) -> Result<(), End> {
        if self.upstream.pipeline == Underway::Skipping {
            self.client.say(&Said::Report(&report));
            self.turn.fate = Fate::Failed;
            return self.pass_on().await;
        }
        self.turn.ours = Some(report);
        self.upstream.put(&Courtesy::Fail)?;
        self.upstream.put(&Courtesy::Flush)?;
        self.relay(Until::Answered).await?;
        self.pass_on().await
    }

    /// Sends the last action, whole. Its answer passes as it is.
    fn send(&mut self) -> Result<(), End> {
        let number = self.turn.acts.len().saturating_sub(1);
        let Some(running) = self.turn.acts.last_mut() else { return Ok(()) };
        let Some(clearance) = running.clearance.take() else { return Ok(()) };
        running.progress = Progress::Sent;
        self.turn.is_begun = true;
        let mut replies = std::mem::take(&mut running.replies);
        let executed = replies.iter().position(|reply| *reply == Reply::Executed);
        let described = replies.iter().take(executed.unwrap_or(0)).any(|reply| *reply == Reply::PortalDescribed);
        let sealed = match (&running.execute, executed) {
            // Rows without a description could be those of another table by now.
            (Some((place, portal)), Some(executed)) if self.turn.secrecy != Secrecy::Open && !described => {
                replies.insert(executed, Reply::PortalDescribed);
                self.upstream.send_described_portal(clearance, (*place, portal))?
            }
            _ => self.upstream.send(clearance),
        };
        self.turn.seals.push(sealed);
        let ours = executed.filter(|_| self.turn.secrecy != Secrecy::Open && !described);
        let expect = |(at, reply)| Expected { act: Some(number), reply, is_ours: Some(at) == ours };
        self.turn.expected.extend(replies.into_iter().enumerate().map(expect));
        Ok(())
    }

    /// A Query whose rows are masked: it is described first, so that nothing runs whose rows could not be shown.
    async fn send_query_masked(&mut self, hidden: &BTreeSet<DataClass>) -> Result<(), End> {
        let Some(running) = self.turn.acts.last_mut() else { return Ok(()) };
        if running.reading.statements > 1 {
            let why = "a text of several statements touches classified columns";
            return self.withhold(withheld(&why).hint("send its statements one at a time")).await;
        }
        let Some(clearance) = running.clearance.take() else { return Ok(()) };
        running.progress = Progress::Sent;
        let rest = self.upstream.send_described(clearance)?;
        let rest: Rest = self.session.open(rest).await.map_err(End::Unrecorded)?;
        let described = [Reply::Parsed(String::new(), unnamed()), Reply::StatementDescribed];
        let ours = described.map(|reply| Expected { act: Some(0), reply, is_ours: true });
        self.turn.expected.extend(ours);
        self.names.handle_query();
        self.relay(Until::Described).await?;
        if self.turn.fate.is_failed() {
            return Ok(());
        }
        match self.plan(hidden) {
            Ok(mask) => self.turn.mask = Some(mask),
            Err(report) => return self.withhold(report).await,
        }
        self.upstream.send_rest(rest);
        self.relay(Until::Ready).await?;
        self.unmask();
        Ok(())
    }

    /// The client of a Query is told why nothing ran.
    async fn withhold(&mut self, report: Report) -> Result<(), End> {
        if let Some(running) = self.turn.acts.last_mut() {
            running.progress = Progress::Failed(WITHHELD.to_owned());
        }
        if self.upstream.status == Status::Open {
            self.upstream.fail().await?;
        }
        self.client.say(&Said::Report(&report));
        self.client.say(&Said::Ready(self.upstream.status.byte()));
        Ok(())
    }

    /// An action of a pipeline whose rows are masked: its portal is described before it is executed.
    async fn send_masked(&mut self, hidden: &BTreeSet<DataClass>) -> Result<(), End> {
        let number = self.turn.acts.len().saturating_sub(1);
        if !self.turn.expected.is_empty() {
            self.upstream.put(&Courtesy::Flush)?;
            self.relay(Until::Answered).await?;
        }
        let Some(running) = self.turn.acts.last_mut() else { return Ok(()) };
        let (Some((place, portal)), Some(clearance)) = (running.execute.clone(), running.clearance.take()) else {
            return Ok(());
        };
        if self.turn.fate.is_failed() {
            return Ok(());
        }
        running.progress = Progress::Sent;
        self.turn.is_begun = true;
        let rest = self.upstream.send_until(clearance, place);
        let rest = self.session.open(rest).await.map_err(End::Unrecorded)?;
        let replies = std::mem::take(&mut running.replies);
        let executed = replies.iter().position(|reply| *reply == Reply::Executed).unwrap_or(replies.len());
        let expect = |reply: &Reply| Expected { act: Some(number), reply: reply.clone(), is_ours: false };
        self.turn.expected.extend(replies.iter().take(executed).map(expect));
        let ours = Expected { act: Some(number), reply: Reply::PortalDescribed, is_ours: true };
        self.turn.expected.push_back(ours);
        self.upstream.put(&Courtesy::DescribePortal(&portal))?;
        self.upstream.put(&Courtesy::Flush)?;
        self.relay(Until::Answered).await?;
        if self.turn.fate.is_failed() {
            return Ok(());
        }
        match self.plan(hidden) {
            Ok(mask) => self.turn.mask = Some(mask),
            Err(report) => {
                return self.fail_pipeline(report).await;
            }
        }
        self.upstream.send_rest(rest);
        self.upstream.put(&Courtesy::Flush)?;
        self.turn.expected.extend(replies.iter().skip(executed).map(expect));
        self.relay(Until::Answered).await?;
        self.unmask();
        Ok(())
    }

    /// How the rows of the last action are masked, by where the server says that their columns come from.
    fn plan(&mut self, hidden: &BTreeSet<DataClass>) -> Result<Mask, Report> {
        let fields = std::mem::take(&mut self.turn.described);
        let Some(running) = self.turn.acts.last() else { return Err(withheld(&"no action is under way")) };
        let origins = &running.reading.origins;
        if !origins.knows_all(&fields) && !running.reading.may_show_classes {
            return Err(changed());
        }
        // A portal of before may show what its statement, by today's names, would not.
        let may_show = running.reading.may_show_classes || running.goes_on;
        let plan = Plan::new(&origins.of(&fields), hidden, may_show).map_err(|why| withheld(&why))?;
        Ok(Mask { fields, plan })
    }

    fn unmask(&mut self) {
        if let (Some(mask), Some(running)) = (self.turn.mask.take(), self.turn.acts.last_mut()) {
            running.masked = mask.plan.into_masked();
        }
    }

    /// Passes answers on, until there is no more to wait for. The client may cancel meanwhile, or leave: then a plain read
    /// is stopped, and everything else goes on to its end, which is recorded.
    async fn relay(&mut self, until: Until) -> Result<(), End> {
        loop {
            while let Some(piece) = self.upstream.take()? {
                let done = match piece {
                    Piece::Message(frame) => self.handle_message(&frame, until)?,
                    Piece::Part(_) if self.turn.fate.is_failed() => false,
                    Piece::Part(_) if self.turn.mask.is_some() => {
                        return Err(Failed::Misbehaved("a row too long to be masked".to_owned()).into());
                    }
                    Piece::Part(part) => {
                        self.client.output.extend_from_slice(&part);
                        false
                    }
                };
                if done {
                    return Ok(());
                }
                if self.client.output.len() >= CHUNK {
                    self.pass_on().await?;
                }
            }
            // The first row is not held back.
            self.pass_on().await?;
            let listening = !self.turn.client_gone && self.client.input.len() < AHEAD;
            tokio::select! {
                filled = self.upstream.fill() => filled.map_err(Failed::Lost)?,
                filled = self.client.fill(), if listening => {
                    if filled.is_err() {
                        self.leave().await;
                    }
                }
                () = self.stoppable.stopped() => {
                    self.upstream.stop().await;
                    self.stoppable.handled();
                }
            }
        }
    }

    /// The client has gone in the middle of an answer.
    async fn leave(&mut self) {
        self.turn.client_gone = true;
        if self.turn.acts.iter().all(Running::is_plain) {
            self.upstream.stop().await;
        }
    }

    /// Sends the client what there is, once the records of what it answers are written.
    async fn pass_on(&mut self) -> Result<(), End> {
        if self.client.output.is_empty() {
            return Ok(());
        }
        for sealed in self.turn.seals.drain(..) {
            self.session.open(sealed).await.map_err(End::Unrecorded)?;
        }
        if self.turn.client_gone {
            self.client.output.clear();
        } else if self.client.flush().await.is_err() {
            self.leave().await;
        }
        Ok(())
    }

    /// One message of the upstream. Returns whether there is no more to wait for.
    fn handle_message(&mut self, frame: &Frame, until: Until) -> Result<bool, End> {
        match frame.tag {
            b'S' => self.pass_aside(frame),
            b'Z' if self.turn.fate == Fate::Dropped && until != Until::Answered => return Ok(true),
            b'E' if Fault::read(frame).is_fatal && self.turn.fate == Fate::Dropped => return Err(End::UpstreamEnded),
            _ if self.turn.fate == Fate::Dropped => {}
            b'N' if !self.turn.withholds() => self.pass(frame),
            b'N' | b'A' => {}
            b'E' => {
                self.handle_error(frame)?;
                return Ok(until == Until::Answered);
            }
            b'Z' if until != Until::Answered => {
                if until == Until::Ready || self.turn.fate.is_failed() {
                    self.pass(frame);
                }
                return Ok(true);
            }
            b'T' | b'D' | b'C' | b'I' if self.turn.expected.is_empty() => self.handle_query_answer(frame)?,
            _ => {
                self.handle_reply(frame)?;
                return Ok(until == Until::Answered && self.turn.expected.is_empty());
            }
        }
        Ok(false)
    }

    fn pass(&mut self, frame: &Frame) {
        self.client.output.extend_from_slice(&frame.raw);
    }

    fn handle_error(&mut self, frame: &Frame) -> Result<(), End> {
        let fault = Fault::read(frame);
        let at = self
            .turn
            .expected
            .front()
            .and_then(|expected| expected.act)
            .unwrap_or(self.turn.acts.len().saturating_sub(1));
        if let Some(running) = self.turn.acts.get_mut(at) {
            let code = fault.condition().map_or("XX000", |(code, _)| code);
            running.progress =
                Progress::Failed(if self.turn.ours.is_some() { WITHHELD.to_owned() } else { code.to_owned() });
        }
        let withholds = self.turn.withholds();
        self.turn.fate = Fate::Failed;
        self.turn.expected.clear();
        match self.turn.ours.take() {
            Some(report) => self.client.say(&Said::Report(&report)),
            None if withholds => self.client.say(&Said::Report(&fault.without_data())),
            None => self.pass(frame),
        }
        if fault.is_fatal { Err(End::UpstreamEnded) } else { Ok(()) }
    }

    /// Whether every column is one of a table that the statement was judged by. Expressions have no table: statements
    /// with one are judged by a catalog asked for each time.
    fn check_columns(&mut self, act: Option<usize>, frame: &Frame) -> Result<(), End> {
        let Some(at) = act.filter(|_| self.turn.secrecy != Secrecy::Open) else { return Ok(()) };
        let Some(running) = self.turn.acts.get(at) else { return Ok(()) };
        if frame.tag != b'T' || running.reading.may_show_classes {
            return Ok(());
        }
        let fields = result::fields(frame).ok_or_else(|| Failed::Misbehaved("its description of rows".to_owned()))?;
        let of_tables = fields.iter().all(|field| field.table != 0);
        let known = running.reading.origins.knows_all(&fields);
        let is_plain = running.reading.is_plain;
        running.reading.columns_alone.store(of_tables && known, Ordering::Relaxed);
        match known {
            true => {}
            false if is_plain => self.refuse_moved(at),
            // It ran: who is told that it failed would run it again.
            false => return Err(Failed::Misbehaved("what its names mean changed while it ran".to_owned()).into()),
        }
        Ok(())
    }

    /// A name means another table by now than when the statement was judged: nothing of it is shown.
    fn refuse_moved(&mut self, at: usize) {
        if let Some(running) = self.turn.acts.get_mut(at) {
            running.progress = Progress::Failed(WITHHELD.to_owned());
        }
        self.library.forget();
        self.turn.fate = Fate::Dropped;
        self.turn.expected.clear();
        self.client.say(&Said::Report(&changed()));
    }

    /// An answer to a Query: its statements answer one after the other.
    fn handle_query_answer(&mut self, frame: &Frame) -> Result<(), End> {
        self.check_columns(Some(0), frame)?;
        if self.turn.fate == Fate::Dropped {
            return Ok(());
        }
        if frame.tag == b'T'
            && let Some(mask) = &self.turn.mask
        {
            let again = result::fields(frame).unwrap_or_default();
            let same = |(a, b): (&Field, &Field)| (a.table, a.column, a.kind) == (b.table, b.column, b.kind);
            if again.len() != mask.fields.len() || !again.iter().zip(&mask.fields).all(same) {
                return Err(Failed::Misbehaved("other columns than it described".to_owned()).into());
            }
        }
        match frame.tag {
            b'D' => self.pass_row(frame),
            b'C' => {
                answered(self.turn.acts.get_mut(0), frame);
                self.pass(frame);
                Ok(())
            }
            b'I' => {
                if let Some(running) = self.turn.acts.get_mut(0) {
                    running.progress = Progress::Answered(String::new());
                }
                self.pass(frame);
                Ok(())
            }
            _ => {
                self.pass(frame);
                Ok(())
            }
        }
    }

    /// An answer to a message of the extended protocol: to the first that is not answered yet.
    fn handle_reply(&mut self, frame: &Frame) -> Result<(), End> {
        let unexpected = || End::from(Failed::Misbehaved(format!("message {:#04x}", frame.tag)));
        let act = self.turn.expected.front().and_then(|expected| expected.act);
        self.check_columns(act, frame)?;
        if self.turn.fate == Fate::Dropped {
            return Ok(());
        }
        let Some(expected) = self.turn.expected.front() else { return Err(unexpected()) };
        let is_ours = expected.is_ours;
        let ends = match (frame.tag, &expected.reply) {
            (b'1', Reply::Parsed(..)) | (b'2', Reply::Bound(..)) | (b'3', Reply::Closed(_)) => true,
            (b't', Reply::StatementDescribed) => false,
            (b'T' | b'n', Reply::StatementDescribed | Reply::PortalDescribed) => {
                if is_ours {
                    let fields = if frame.tag == b'T' { result::fields(frame) } else { Some(Vec::new()) };
                    self.turn.described = fields.ok_or_else(unexpected)?;
                }
                true
            }
            (b'D', Reply::Executed) => {
                return self.pass_row(frame);
            }
            (b'C' | b's' | b'I', Reply::Executed) => {
                answered(act.and_then(|act| self.turn.acts.get_mut(act)), frame);
                true
            }
            _ => return Err(unexpected()),
        };
        if ends && let Some(expected) = self.turn.expected.pop_front() {
            if !is_ours {
                self.names.handle_reply(&expected.reply);
            }
            let last = !self.turn.expected.iter().any(|more| more.act == act && !more.is_ours);
            if let Some(running) = act.and_then(|act| self.turn.acts.get_mut(act))
                && last
                && running.execute.is_none()
                && !is_ours
            {
                running.progress = Progress::Answered(String::new());
            }
        }
        if !is_ours {
            self.pass(frame);
        }
        Ok(())
    }

    fn pass_row(&mut self, frame: &Frame) -> Result<(), End> {
        let Some(Mask { fields, plan }) = &mut self.turn.mask else {
            self.pass(frame);
            return Ok(());
        };
        let written = result::rewrite_row(frame, &mut self.client.output, |number, row, cell| {
            let carries = if fields.get(number)?.carries_text() { Carries::Text } else { Carries::OwnForm };
            let put = match plan.mask(number, carries).ok()? {
                Masked::Keep => Put::Keep,
                Masked::Text(text) => Put::Text(text),
                Masked::Null => Put::Null,
            };
            result::put_cell(put, cell, row);
            Some(())
        });
        written.ok_or_else(|| Failed::Misbehaved("a row that is not as it was described".to_owned()).into())
    }
}

/// A statement, or a portal as far as it was asked for, is answered.
fn answered(running: Option<&mut Running>, frame: &Frame) {
    if let Some(running) = running {
        let tag = result::tag(frame).filter(|_| frame.tag == b'C').unwrap_or("");
        running.rows = running.rows.saturating_add(result::rows_of(tag));
        running.progress = Progress::Answered(tag.to_owned());
    }
}

fn changed() -> Report {
    let why = "what its names mean changed while it was read: nothing of it is shown";
    told::error(told::CHANGED, why).hint("run it again")
}

fn withheld(why: &impl std::fmt::Display) -> Report {
    told::error(told::INSUFFICIENT_PRIVILEGE, format!("the result would be withheld, and nothing ran: {why}"))
        .hint("select plain columns of tables: classified ones are shown masked")
}

fn unnamed() -> protocol::postgres::action::Prepared {
    protocol::postgres::action::Prepared { text: Arc::from(""), types: Arc::from([]) }
}

/// How a run ended whose answer was not shown.
const WITHHELD: &str = "withheld";
/// Bytes that are sent to the client at a time.
const CHUNK: usize = 64 << 10;
/// Bytes that a client may send while its statement runs.
const AHEAD: usize = 64 << 10;
