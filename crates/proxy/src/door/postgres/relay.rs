//! From the gate to the upstream and back: cleared actions are sent in order, answers come back in the order of what was
//! sent, masked on the way. Nothing of an answer leaves before the record of its action is written; how each action
//! ended is recorded before its client hears of the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use gate::{Clearance, RunEnd, Sealed};
use masking::{Carries, Masked, Plan};
use model::{DataClass, Purpose, Run, RunId};
use protocol::postgres::Frame;
use protocol::postgres::action::{Act, Housekeeping, Reply};
use protocol::postgres::message::{Report, Said};
use protocol::postgres::result::{self, Fault, Field, Put, Status};

use super::conversation::{Conversation, End};
use super::reading::Reading;
use super::told;
use crate::upstream::postgres::{Courtesy, Failed, Piece, Rest};

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
        Self {
            reading,
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

    fn is_plain(&self) -> bool {
        self.reading.is_plain || matches!(self.purpose, Purpose::Prepare)
    }

    /// How it ended. `undone`: a later step of its implicit transaction failed.
    fn end(&mut self, undone: bool) -> RunEnd {
        let (run, detail) = match std::mem::replace(&mut self.progress, Progress::NotSent) {
            Progress::NotSent => (Run::Failed, "not forwarded: another step of its pipeline failed".to_owned()),
            Progress::Sent => (Run::Uncertain, "the connection to the upstream was lost".to_owned()),
            Progress::Answered(_) if undone && !self.is_plain() => {
                (Run::Failed, "undone: a later step of its pipeline failed".to_owned())
            }
            Progress::Answered(tag) => (Run::Succeeded, tag),
            Progress::Failed(code) => (Run::Failed, code),
        };
        RunEnd { run, rows: self.rows, masked: std::mem::take(&mut self.masked), detail }
    }
}

/// One pipeline on its way.
#[derive(Default)]
struct Turn {
    acts: Vec<Running>,
    expected: VecDeque<Expected>,
    seals: Vec<Sealed<()>>,
    /// Texts of the upstream may hold what this actor may not see.
    withhold: bool,
    mask: Option<Mask>,
    /// Where the columns of a portal come from, as the gateway asked.
    described: Vec<Field>,
    /// An error that the gateway provoked, and what the client is told instead.
    ours: Option<Report>,
    failed: bool,
    client_gone: bool,
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
                let end = running.end(false);
                let run = running.run;
                drop(running);
                self.session.ended(run, false, &end).await.map_err(End::Unrecorded)?;
            }
        }
        Ok(())
    }

    /// Sends what was cleared, passes the answers on, and records how each action ended.
    pub(super) async fn forward(&mut self, going: Vec<Going>) -> Result<(), End> {
        let hidden = self.session.hidden_classes();
        let shows = |step: &Going| matches!(step, Going::Act(running) if running.reading.may_show_classes);
        let mut turn = Turn { withhold: !hidden.is_empty() && going.iter().any(shows), ..Turn::default() };
        let went = self.send_all(going, &mut turn, &hidden).await;
        let recorded = self.record_ends(&mut turn).await;
        let passed = self.pass_on(&mut turn).await;
        if passed.is_err() {
            self.client.output.clear();
        }
        went?;
        recorded?;
        passed?;
        if turn.client_gone { Err(End::ClientGone(std::io::ErrorKind::BrokenPipe.into())) } else { Ok(()) }
    }

    async fn record_ends(&mut self, turn: &mut Turn) -> Result<(), End> {
        let status = self.upstream.status;
        let undone = turn.failed && status == Status::Idle;
        for running in &mut turn.acts {
            if running.purpose == Purpose::Run {
                self.state.handle_run(&running.reading, status);
            }
            if !running.is_plain() {
                self.library.forget();
            }
            let (run, plain, end) = (running.run, running.is_plain(), running.end(undone));
            self.session.ended(run, plain, &end).await.map_err(End::Unrecorded)?;
        }
        if status == Status::Idle {
            self.names.handle_idle();
        }
        Ok(())
    }

    async fn send_all(&mut self, going: Vec<Going>, turn: &mut Turn, hidden: &BTreeSet<DataClass>) -> Result<(), End> {
        for step in going {
            match step {
                Going::Housekeeping(housekeeping) if !turn.failed => {
                    self.upstream.put(&Courtesy::Housekeeping(&housekeeping))?;
                    turn.expected.push_back(Expected { act: None, reply: housekeeping.reply(), is_ours: false });
                }
                Going::Housekeeping(_) => {}
                Going::Act(running) => {
                    let masks = !hidden.is_empty() && running.reading.may_show_classes && running.shows_rows();
                    let is_query = running.is_query();
                    turn.acts.push(*running);
                    match (turn.failed, is_query, masks) {
                        (true, ..) => {}
                        (false, true, true) => return self.send_query_masked(turn, hidden).await,
                        (false, true, false) => {
                            self.send(turn)?;
                            return self.relay_query(turn).await;
                        }
                        (false, false, true) => self.send_masked(turn, hidden).await?,
                        (false, false, false) => self.send(turn)?,
                    }
                }
            }
        }
        self.upstream.put(&Courtesy::Sync)?;
        self.relay(turn, Until::Ready).await
    }

    /// Sends the last action, whole. Its answer passes as it is.
    fn send(&mut self, turn: &mut Turn) -> Result<(), End> {
        let number = turn.acts.len().saturating_sub(1);
        let Some(running) = turn.acts.last_mut() else { return Ok(()) };
        let Some(clearance) = running.clearance.take() else { return Ok(()) };
        running.progress = Progress::Sent;
        turn.seals.push(self.upstream.send(clearance));
        let replies = std::mem::take(&mut running.replies);
        let expected = replies.into_iter().map(|reply| Expected { act: Some(number), reply, is_ours: false });
        turn.expected.extend(expected);
        Ok(())
    }

    async fn relay_query(&mut self, turn: &mut Turn) -> Result<(), End> {
        self.names.handle_query();
        self.relay(turn, Until::Ready).await
    }

    /// A Query whose rows are masked: it is described first, so that nothing runs whose rows could not be shown.
    async fn send_query_masked(&mut self, turn: &mut Turn, hidden: &BTreeSet<DataClass>) -> Result<(), End> {
        let Some(running) = turn.acts.last_mut() else { return Ok(()) };
        if running.reading.statements > 1 {
            let why = "a text of several statements touches classified columns";
            return self.withhold(turn, withheld(&why).hint("send its statements one at a time")).await;
        }
        let Some(clearance) = running.clearance.take() else { return Ok(()) };
        running.progress = Progress::Sent;
        let rest = self.upstream.send_described(clearance)?;
        let rest: Rest = self.session.open(rest).await.map_err(End::Unrecorded)?;
        let described = [Reply::Parsed(String::new(), unnamed()), Reply::StatementDescribed];
        let ours = described.map(|reply| Expected { act: Some(0), reply, is_ours: true });
        turn.expected.extend(ours);
        self.names.handle_query();
        self.relay(turn, Until::Described).await?;
        if turn.failed {
            return Ok(());
        }
        match self.plan(turn, hidden) {
            Ok(mask) => turn.mask = Some(mask),
            Err(report) => return self.withhold(turn, report).await,
        }
        self.upstream.send_rest(rest);
        self.relay(turn, Until::Ready).await?;
        self.unmask(turn);
        Ok(())
    }

    /// The client of a Query is told why nothing ran.
    async fn withhold(&mut self, turn: &mut Turn, report: Report) -> Result<(), End> {
        if let Some(running) = turn.acts.last_mut() {
            running.progress = Progress::Failed("withheld".to_owned());
        }
        if self.upstream.status == Status::Open {
            self.upstream.fail().await?;
        }
        self.client.say(&Said::Report(&report));
        self.client.say(&Said::Ready(self.upstream.status.byte()));
        Ok(())
    }

    /// An action of a pipeline whose rows are masked: its portal is described before it is executed.
    async fn send_masked(&mut self, turn: &mut Turn, hidden: &BTreeSet<DataClass>) -> Result<(), End> {
        let number = turn.acts.len().saturating_sub(1);
        if !turn.expected.is_empty() {
            self.upstream.put(&Courtesy::Flush)?;
            self.relay(turn, Until::Answered).await?;
        }
        let Some(running) = turn.acts.last_mut() else { return Ok(()) };
        let (Some((place, portal)), Some(clearance)) = (running.execute.clone(), running.clearance.take()) else {
            return Ok(());
        };
        if turn.failed {
            return Ok(());
        }
        running.progress = Progress::Sent;
        let rest = self.upstream.send_until(clearance, place);
        let rest = self.session.open(rest).await.map_err(End::Unrecorded)?;
        let replies = std::mem::take(&mut running.replies);
        let executed = replies.iter().position(|reply| *reply == Reply::Executed).unwrap_or(replies.len());
        let expect = |reply: &Reply| Expected { act: Some(number), reply: reply.clone(), is_ours: false };
        turn.expected.extend(replies.iter().take(executed).map(expect));
        let ours = Expected { act: Some(number), reply: Reply::PortalDescribed, is_ours: true };
        turn.expected.push_back(ours);
        self.upstream.put(&Courtesy::DescribePortal(&portal))?;
        self.upstream.put(&Courtesy::Flush)?;
        self.relay(turn, Until::Answered).await?;
        if turn.failed {
            return Ok(());
        }
        match self.plan(turn, hidden) {
            Ok(mask) => turn.mask = Some(mask),
            Err(report) => {
                turn.ours = Some(report);
                self.upstream.put(&Courtesy::Fail)?;
                return self.relay(turn, Until::Answered).await;
            }
        }
        self.upstream.send_rest(rest);
        self.upstream.put(&Courtesy::Flush)?;
        turn.expected.extend(replies.iter().skip(executed).map(expect));
        self.relay(turn, Until::Answered).await?;
        self.unmask(turn);
        Ok(())
    }

    fn plan(&self, turn: &mut Turn, hidden: &BTreeSet<DataClass>) -> Result<Mask, Report> {
        let fields = std::mem::take(&mut turn.described);
        let origins = self.library.catalog().origins(&fields);
        let plan = Plan::new(&origins, hidden, true).map_err(|why| withheld(&why))?;
        Ok(Mask { fields, plan })
    }

    fn unmask(&self, turn: &mut Turn) {
        if let (Some(mask), Some(running)) = (turn.mask.take(), turn.acts.last_mut()) {
            running.masked = mask.plan.into_masked();
        }
    }

    /// Passes answers on, until there is no more to wait for. The client may cancel meanwhile, or leave: then a plain read
    /// is stopped, and everything else goes on to its end, which is recorded.
    async fn relay(&mut self, turn: &mut Turn, until: Until) -> Result<(), End> {
        loop {
            while let Some(piece) = self.upstream.take()? {
                let done = match piece {
                    Piece::Message(frame) => self.handle_message(turn, &frame, until)?,
                    Piece::Part(_) if turn.mask.is_some() => {
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
                    self.pass_on(turn).await?;
                }
            }
            // The first row is not held back.
            self.pass_on(turn).await?;
            let listening = !turn.client_gone && self.client.input.len() < AHEAD;
            tokio::select! {
                filled = self.upstream.fill() => filled.map_err(Failed::Lost)?,
                filled = self.client.fill(), if listening => {
                    if filled.is_err() {
                        self.leave(turn).await;
                    }
                }
                () = self.stoppable.stopped.notified() => self.upstream.stop().await,
            }
        }
    }

    /// The client has gone in the middle of an answer.
    async fn leave(&mut self, turn: &mut Turn) {
        turn.client_gone = true;
        if turn.acts.iter().all(Running::is_plain) {
            self.upstream.stop().await;
        }
    }

    /// Sends the client what there is, once the records of what it answers are written.
    async fn pass_on(&mut self, turn: &mut Turn) -> Result<(), End> {
        if self.client.output.is_empty() {
            return Ok(());
        }
        for sealed in turn.seals.drain(..) {
            self.session.open(sealed).await.map_err(End::Unrecorded)?;
        }
        if turn.client_gone {
            self.client.output.clear();
        } else if self.client.flush().await.is_err() {
            self.leave(turn).await;
        }
        Ok(())
    }

    /// One message of the upstream. Returns whether there is no more to wait for.
    fn handle_message(&mut self, turn: &mut Turn, frame: &Frame, until: Until) -> Result<bool, End> {
        match frame.tag {
            b'S' => self.pass_aside(frame),
            b'N' if !turn.withhold => self.pass(frame),
            b'N' | b'A' => {}
            b'E' => {
                self.handle_error(turn, frame)?;
                return Ok(until == Until::Answered);
            }
            b'Z' if until != Until::Answered => {
                if until == Until::Ready || turn.failed {
                    self.pass(frame);
                }
                return Ok(true);
            }
            b'T' | b'D' | b'C' | b'I' if turn.expected.is_empty() => self.handle_query_answer(turn, frame)?,
            _ => {
                self.handle_reply(turn, frame)?;
                return Ok(until == Until::Answered && turn.expected.is_empty());
            }
        }
        Ok(false)
    }

    fn pass(&mut self, frame: &Frame) {
        self.client.output.extend_from_slice(&frame.raw);
    }

    fn handle_error(&mut self, turn: &mut Turn, frame: &Frame) -> Result<(), End> {
        let fault = Fault::read(frame);
        let at = turn.expected.front().and_then(|expected| expected.act).unwrap_or(turn.acts.len().saturating_sub(1));
        if let Some(running) = turn.acts.get_mut(at) {
            let code = fault.condition().map_or("XX000", |(code, _)| code);
            running.progress =
                Progress::Failed(if turn.ours.is_some() { "withheld".to_owned() } else { code.to_owned() });
        }
        turn.failed = true;
        turn.expected.clear();
        match turn.ours.take() {
            Some(report) => self.client.say(&Said::Report(&report)),
            None if turn.withhold => self.client.say(&Said::Report(&fault.without_data())),
            None => self.pass(frame),
        }
        if fault.is_fatal { Err(End::UpstreamEnded) } else { Ok(()) }
    }

    /// An answer to a Query: its statements answer one after the other.
    fn handle_query_answer(&mut self, turn: &mut Turn, frame: &Frame) -> Result<(), End> {
        if frame.tag == b'T'
            && let Some(mask) = &turn.mask
        {
            let again = result::fields(frame).unwrap_or_default();
            let same = |(a, b): (&Field, &Field)| (a.table, a.column, a.kind) == (b.table, b.column, b.kind);
            if again.len() != mask.fields.len() || !again.iter().zip(&mask.fields).all(same) {
                return Err(Failed::Misbehaved("other columns than it described".to_owned()).into());
            }
        }
        match frame.tag {
            b'D' => self.pass_row(turn, frame),
            b'C' => {
                answered(turn.acts.get_mut(0), frame);
                self.pass(frame);
                Ok(())
            }
            b'I' => {
                if let Some(running) = turn.acts.get_mut(0) {
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
    fn handle_reply(&mut self, turn: &mut Turn, frame: &Frame) -> Result<(), End> {
        let unexpected = || End::from(Failed::Misbehaved(format!("message {:#04x}", frame.tag)));
        let Some(expected) = turn.expected.front() else { return Err(unexpected()) };
        let (act, is_ours) = (expected.act, expected.is_ours);
        let ends = match (frame.tag, &expected.reply) {
            (b'1', Reply::Parsed(..)) | (b'2', Reply::Bound(..)) | (b'3', Reply::Closed(_)) => true,
            (b't', Reply::StatementDescribed) => false,
            (b'T' | b'n', Reply::StatementDescribed | Reply::PortalDescribed) => {
                if is_ours {
                    let fields = if frame.tag == b'T' { result::fields(frame) } else { Some(Vec::new()) };
                    turn.described = fields.ok_or_else(unexpected)?;
                }
                true
            }
            (b'D', Reply::Executed) => {
                return self.pass_row(turn, frame);
            }
            (b'C' | b's' | b'I', Reply::Executed) => {
                answered(act.and_then(|act| turn.acts.get_mut(act)), frame);
                true
            }
            _ => return Err(unexpected()),
        };
        if ends && let Some(expected) = turn.expected.pop_front() {
            if !is_ours {
                self.names.handle_reply(&expected.reply);
            }
            let last = !turn.expected.iter().any(|more| more.act == act && !more.is_ours);
            if let Some(running) = act.and_then(|act| turn.acts.get_mut(act))
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

    fn pass_row(&mut self, turn: &mut Turn, frame: &Frame) -> Result<(), End> {
        let Some(Mask { fields, plan }) = &mut turn.mask else {
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

fn withheld(why: &impl std::fmt::Display) -> Report {
    told::error(told::INSUFFICIENT_PRIVILEGE, format!("the result would be withheld, and nothing ran: {why}"))
        .hint("select plain columns of tables: classified ones are shown masked")
}

fn unnamed() -> protocol::postgres::action::Prepared {
    protocol::postgres::action::Prepared { text: Arc::from(""), types: Arc::from([]) }
}

/// Bytes that are sent to the client at a time.
const CHUNK: usize = 64 << 10;
/// Bytes that a client may send while its statement runs.
const AHEAD: usize = 64 << 10;
