//! One client's conversation: a pipeline comes in whole, each of its actions is put to the gate, and only then is any of
//! it forwarded. A held action waits here, on the connection that would run it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use enforcement::{Session, Settlement};
use futures_util::FutureExt as _;
use gate::{Clearance, Obstacle, Payload, Presented, Refusal};
use masking::Screen;
use model::{Bound, DataClass, Digest, Operation, Purpose, SessionState, Statement};
use protocol::postgres::action::{Act, Building, Names, Pipeline, Reply, Step, query};
use protocol::postgres::message::{Malformed, Message, Named, Report, Said, Severity, read, take_frame};
use protocol::postgres::result::{Fault, Status, setting};
use protocol::postgres::{Frame, action::Impossible};
use tokio::time::Instant;

use super::cancel::Stoppable;
use super::client::Client;
use super::ending::End;
use super::holding::{Woken, deadline};
use super::reading::{Library, Reading, State, Unread, failed_transaction};
use super::screening::Shapes;
use super::turn::{Closing, Doubt, Ending, Fate, Going, Opened, Running, Turn};
use super::{HoldInTransaction, PostgresDoor, told};
use crate::door::copies;
use crate::upstream::postgres::{Connection, Failed, Piece};

/// One client's conversation with one upstream connection.
pub(super) struct Conversation {
    pub(super) door: PostgresDoor,
    pub(super) client: Client,
    pub(super) upstream: Connection,
    pub(super) session: Session,
    pub(super) stoppable: Stoppable,
    pub(super) names: Names,
    /// What names meant when each prepared statement was last planned.
    planned: HashMap<Planned, Vec<Bound>>,
    pub(super) opened: Opened,
    pub(super) doubt: Doubt,
    pub(super) library: Library,
    pub(super) state: State,
    /// What values go through on their way to the client, and the classes it was made for.
    pub(super) screen: Screen,
    pub(super) screened: Arc<BTreeSet<DataClass>>,
    pub(super) shapes: Shapes,
    /// A Query that ended what came in before it.
    next: Option<Frame>,
    /// The client's next Sync, if it comes behind nothing but what is left of a COPY, was answered already.
    pub(super) paid_ahead: bool,
    /// The pipeline under way.
    pub(super) turn: Turn,
}

/// A pipeline as far as it came in, or why it is refused; and what ended it.
type Heard = (Result<Pipeline, Report>, Closing);

/// What became of an action at the gate.
enum Cleared {
    Forward(Clearance, Arc<Reading>),
    Refused(Report),
}

impl Conversation {
    pub(super) fn new(
        door: PostgresDoor,
        client: Client,
        (upstream, stoppable): (Connection, Stoppable),
        (session, library): (Session, Library),
    ) -> Self {
        let (names, state) = (Names::default(), State::default());
        let (planned, turn) = (HashMap::new(), Turn::default());
        let screened = Arc::new(BTreeSet::new());
        let (screen, shapes) = (Screen::new(&screened), Shapes::default());
        let (opened, doubt, next) = (Opened::default(), Doubt::default(), None);
        Self {
            door,
            client,
            upstream,
            session,
            stoppable,
            names,
            planned,
            opened,
            doubt,
            library,
            state,
            screen,
            screened,
            shapes,
            next,
            paid_ahead: false,
            turn,
        }
    }

    /// Until either side ends it.
    pub(super) async fn run(mut self: Box<Self>) {
        let end = loop {
            let turn = match self.listen().await {
                Ok((Ok(pipeline), closing)) => Box::pin(self.carry(pipeline, closing)).await,
                Ok((Err(report), closing)) => Box::pin(self.refuse(report, closing)).await,
                Err(end) => Err(end),
            };
            if let Err(end) = turn {
                break end;
            }
        };
        self.session.let_go().await;
        if let Err(unrecorded) = Box::pin(self.end_pipeline(Ending::Broken)).await {
            tracing::warn!(?unrecorded, "the end of what ran could not be recorded");
        }
        if let Some(report) = end.report() {
            self.client.say(&Said::Report(&report));
        }
        // It may be gone already, or not listen; the server is not to wait for it.
        let _told: Result<_, _> = tokio::time::timeout(FAREWELL, self.client.flush()).await;
        tracing::debug!(?end, target_name = %self.door.target(), "a conversation ended");
        self.client.shutdown().await;
        self.upstream.close().await;
    }

    /// Waits for a pipeline: a Query, or everything up to Sync or Flush.
    async fn listen(&mut self) -> Result<Heard, End> {
        let (mut messages, mut bytes): (Vec<(Message, Frame)>, usize) = (Vec::new(), 0);
        let mut rests_until = self.door.0.limits.longest_idle.map(|limit| Instant::now() + limit);
        let mut is_heard = false;
        loop {
            let frame = match self.next.take() {
                Some(frame) => Some(frame),
                None => take_frame(&mut self.client.input).map_err(End::Malformed)?,
            };
            let Some(frame) = frame else {
                self.idle(rests_until).await?;
                if !is_heard && !self.client.input.is_empty() {
                    // Who has begun to speak may end the sentence, once.
                    is_heard = true;
                    rests_until = rests_until.map(|at| at.max(Instant::now() + SENTENCE));
                }
                continue;
            };
            if self.turn.fate.is_failed() && !matches!(frame.tag, b'S' | b'X') {
                continue;
            }
            bytes += frame.raw.len();
            if bytes > PIPELINE_BYTES || messages.len() >= PIPELINE_MESSAGES {
                let why = format!("a pipeline is over {PIPELINE_BYTES} bytes or {PIPELINE_MESSAGES} messages");
                let report = told::error(told::TOO_COMPLEX, why).hint("send Sync more often");
                return Ok((Err(report), Closing::Flush));
            }
            let message = match read(&frame) {
                Ok(message) => message,
                Err(malformed) if malformed.is_fatal() => return Err(End::Malformed(malformed)),
                Err(malformed) => {
                    let code = if malformed == Malformed::NotUtf8 { "22021" } else { told::VIOLATION };
                    let closing = if frame.tag == b'Q' { Closing::Query } else { Closing::Flush };
                    return Ok((Err(told::error(code, malformed)), closing));
                }
            };
            match message {
                Message::Terminate => return Err(End::Goodbye),
                // Late, or about no copy that was let through: ignored, as the server does.
                Message::Copy => continue,
                Message::Query(text) if messages.is_empty() => return Ok((Ok(query(text, &frame)), Closing::Query)),
                // Where no Sync stands before it, it comes behind what does, and ends that with itself.
                Message::Query(_) => {
                    self.next = Some(frame);
                    return Ok((self.build(messages), Closing::Flush));
                }
                Message::FunctionCall => {
                    let what = "a function call by number; call the function in a statement";
                    let refusal = self.session.refuse_unsupported(what).await.map_err(End::Unrecorded)?;
                    return Ok((Err(told::refusal(&refusal, &self.door.0.reviews)), Closing::Query));
                }
                Message::Sync if messages.is_empty() && std::mem::take(&mut self.paid_ahead) => {}
                Message::Sync => return Ok((self.build(messages), Closing::Sync)),
                Message::Flush => return Ok((self.build(messages), Closing::Flush)),
                Message::Parse(_)
                | Message::Bind(_)
                | Message::Describe(_)
                | Message::Execute { .. }
                | Message::Close(_) => messages.push((message, frame)),
            }
        }
    }

    fn build(&self, messages: Vec<(Message, Frame)>) -> Result<Pipeline, Report> {
        let mut building = Building::new(&self.names);
        for (message, frame) in messages {
            building.add(message, &frame).map_err(|impossible| {
                let code = match impossible {
                    Impossible::NoStatement(_) => "26000",
                    Impossible::NoPortal(_) => "34000",
                    Impossible::Reserved => "42939",
                    Impossible::LongName => "42622",
                    Impossible::TooMany => told::TOO_MANY,
                };
                told::error(code, impossible)
            })?;
        }
        Ok(building.finish())
    }

    /// Waits for the client while nothing runs; passes on what the upstream says in between.
    async fn idle(&mut self, rests_until: Option<Instant>) -> Result<(), End> {
        tokio::select! {
            filled = self.client.fill() => filled.map_err(|_| End::ClientGone),
            filled = self.upstream.fill() => {
                filled.map_err(Failed::Lost)?;
                self.hear_aside()?;
                self.client.flush().await.map_err(|_| End::ClientGone)
            }
            // Nothing runs: a late cancel must not hit the next statement.
            () = self.stoppable.stopped() => {
                self.stoppable.handled();
                Ok(())
            }
            () = deadline(rests_until), if rests_until.is_some() => Err(End::Idle),
            () = tokio::time::sleep(REST), if !self.client.rests() => {
                self.client.rest();
                self.upstream.rest();
                self.library.forget();
                Ok(())
            }
        }
    }

    /// What an upstream says while nothing runs: settings, notices, or that it ends.
    pub(super) fn hear_aside(&mut self) -> Result<(), End> {
        while let Some(piece) = self.upstream.take()? {
            let Piece::Message(frame) = piece else {
                return Err(Failed::Misbehaved("a row that nobody asked for".to_owned()).into());
            };
            match frame.tag {
                b'S' | b'N' => self.pass_aside(&frame),
                b'A' => self.pass_notification(&frame),
                b'E' => {
                    let fault = Fault::read(&frame);
                    let report = Report { severity: Severity::Fatal, ..fault.without_data() };
                    self.client.say(&Said::Report(&report));
                    return Err(End::UpstreamEnded);
                }
                tag => return Err(Failed::Misbehaved(format!("message {tag:#04x} while nothing runs")).into()),
            }
        }
        Ok(())
    }

    /// A setting goes on to the client; what code of the server's can fill with data only where nothing is hidden.
    pub(super) fn pass_aside(&mut self, frame: &Frame) {
        let free_text = frame.tag == b'N' || setting(frame).is_none_or(|(name, value)| !is_listed(name, value));
        if !free_text {
            self.client.output.extend_from_slice(&frame.raw);
        } else if !self.hides_something() {
            self.pass_words(frame);
        }
    }

    /// What others notify may hold anything: it goes on only where nothing is hidden.
    pub(super) fn pass_notification(&mut self, frame: &Frame) {
        if !self.hides_something() {
            self.pass_words(frame);
        }
    }

    /// Whether the target has classes that this actor may not see.
    pub(super) fn hides_something(&mut self) -> bool {
        !self.session.hidden_classes().is_empty()
    }

    /// Puts every action of a pipeline to the gate, then forwards them, or none.
    async fn carry(&mut self, pipeline: Pipeline, closing: Closing) -> Result<(), End> {
        // A cancel of before this pipeline is no cancel of it.
        if self.stoppable.stopped().now_or_never().is_some() {
            self.stoppable.handled();
        }
        let is_run = |step: &&Step| matches!(step, Step::Act(act) if act.purpose == Purpose::Run);
        if self.turn.has_only_prepared() && pipeline.steps.iter().any(|step| is_run(&step)) {
            self.end_prepared().await?;
        }
        let alone = pipeline.steps.iter().filter(is_run).count() <= 1 && !self.turn.is_begun;
        let mut going = Vec::with_capacity(pipeline.steps.len());
        let (parsed, renamed) = (HashSet::new(), HashSet::new());
        let mut before = Before { alone, renamed, parsed, moved: self.turn.moved };
        for step in pipeline.steps {
            let renames: Vec<String> = step.renames().map(str::to_owned).collect();
            match step {
                Step::Housekeeping(housekeeping) => going.push(Going::Housekeeping(housekeeping)),
                Step::Act(act) => match self.clear(&act, &mut before).await {
                    Ok(Cleared::Forward(clearance, reading)) => {
                        going.push(Going::Act(Box::new(Running::new(act, reading, clearance, &self.opened))));
                    }
                    Ok(Cleared::Refused(report)) => {
                        self.drop_cleared(going).await?;
                        return self.refuse(report, closing).await;
                    }
                    Err(end) => {
                        self.drop_cleared(going).await?;
                        return Err(end);
                    }
                },
            }
            before.renamed.extend(renames);
        }
        self.turn.moved = before.moved;
        self.forward(going, closing).await
    }

    /// One action, to the gate and, if it is held, through the wait.
    async fn clear(&mut self, act: &Act, before: &mut Before) -> Result<Cleared, End> {
        let (mut reading, state) = match self.look(&act.statement.text, Occasion::Presented).await {
            Ok(found) => found,
            Err(Unread::Told(report)) => return Ok(Cleared::Refused(report)),
            Err(Unread::Failed(failed)) => return Err(failed.into()),
        };
        if self.upstream.status == Status::Failed && !reading.keeps_house() {
            return Ok(Cleared::Refused(failed_transaction()));
        }
        match self.is_still(act, before).await {
            Ok(true) => {}
            Ok(false) => {
                let gone = Impossible::NoStatement(act.uses.clone().unwrap_or_default());
                return Ok(Cleared::Refused(told::error("26000", gone)));
            }
            Err(failed) => match Unread::from(failed) {
                Unread::Told(report) => return Ok(Cleared::Refused(report)),
                Unread::Failed(failed) => return Err(failed.into()),
            },
        }
        if let Err(unread) = self.replan(act, &reading).await {
            return match unread {
                Unread::Told(report) => Ok(Cleared::Refused(report)),
                Unread::Failed(failed) => Err(failed.into()),
            };
        }
        let obstacle = self.obstacle(&reading, &state, before);
        before.moved |= act.purpose == Purpose::Run
            && (reading.moves_state()
                || reading.moves_names()
                || (reading.controls_transaction() && self.state.may_move_back()));
        let mut copies = match self.copies_of(act, &reading).await {
            Ok(copies) => copies,
            Err(refusal) => return Ok(self.refused(&refusal)),
        };
        let reason = self.state.reason_of(&act.statement.text, &self.upstream);
        let there = Arc::clone(&state);
        let mut settled = self.session.present(presented(act, reading.with(&copies), (state, obstacle, &reason))).await;
        let limit = self.limit_of_hold();
        loop {
            match settled {
                Settlement::Forward(clearance) => return Ok(Cleared::Forward(clearance, reading)),
                Settlement::Refused(refusal) => return Ok(self.refused(&refusal)),
                Settlement::Held(held) => match self.hold(&held, (act, &reading, &there), limit).await? {
                    Woken::Moved(again, state) => {
                        let now = match self.copies_of(act, &again).await {
                            Ok(now) => now,
                            Err(refusal) => {
                                self.session.let_go().await;
                                return Ok(self.refused(&refusal));
                            }
                        };
                        // What its names mean has changed: the gate tells that by itself.
                        let moved = again.statement.bound != reading.statement.bound;
                        settled = if moved || now == copies {
                            self.session.resume(state, Some(again.statement.bound.clone())).await
                        } else {
                            (reading, copies) = (again, now);
                            self.session.present(presented(act, reading.with(&copies), (state, None, &reason))).await
                        };
                    }
                    Woken::Told(report) => {
                        self.session.let_go().await;
                        return Ok(Cleared::Refused(report));
                    }
                },
            }
        }
    }

    /// What an action takes along of classes that the actor may not see.
    async fn copies_of(&mut self, act: &Act, reading: &Reading) -> Result<Vec<Operation>, Refusal> {
        copies::hidden(&mut self.session, &reading.copied, (&reading.statement, &act.parameters)).await
    }

    /// Whether the prepared statement that an action binds is still the one that was prepared by its name: SQL, and code that
    /// runs, may drop it and make another. The server is asked once after anything but plain reads ran.
    async fn is_still(&mut self, act: &Act, before: &mut Before) -> Result<bool, Failed> {
        if let Some(Reply::Parsed(name, _)) = act.replies.first() {
            before.parsed.insert(name.clone());
        }
        let Some(name) = act.uses.as_ref().filter(|name| !name.is_empty()) else { return Ok(true) };
        if before.parsed.contains(name) || !self.doubt.is_doubtful(name) || self.upstream.status == Status::Failed {
            return Ok(true);
        }
        let is_still = self.upstream.prepared_by_protocol(name).await?.as_deref() == Some(&*act.statement.text);
        if is_still {
            self.doubt.trust(name);
        } else {
            self.names.handle_reply(&Reply::Closed(Named::Statement(name.clone())));
        }
        Ok(is_still)
    }

    /// A prepared statement keeps its plan, with the tables that its names meant then: if they mean others now, it is planned
    /// anew before it is bound.
    async fn replan(&mut self, act: &Act, reading: &Reading) -> Result<(), Unread> {
        if let Some(Reply::Parsed(name, _)) = act.replies.first() {
            if self.planned.len() >= PLANNED {
                self.planned.clear();
            }
            self.planned.insert(Planned::ByProtocol(name.clone()), reading.statement.bound.clone());
        }
        let by_protocol = act.uses.iter().cloned().map(Planned::ByProtocol);
        let by_sql = reading.executes.iter().cloned().map(Planned::BySql);
        let names: Vec<Planned> = by_protocol.chain(by_sql).collect();
        if names.iter().any(|name| self.planned.get(name) != Some(&reading.statement.bound)) {
            self.upstream.discard_plans().await?;
            self.planned.clear();
            self.planned.extend(names.into_iter().map(|name| (name, reading.statement.bound.clone())));
        }
        Ok(())
    }

    fn refused(&self, refusal: &Refusal) -> Cleared {
        Cleared::Refused(told::refusal(refusal, &self.door.0.reviews))
    }

    /// What a text means here and now, and the state it would run in.
    pub(super) async fn look(
        &mut self,
        text: &Arc<str>,
        occasion: Occasion,
    ) -> Result<(Arc<Reading>, Arc<SessionState>), Unread> {
        for (setting, expected) in [("client_encoding", "UTF8"), ("standard_conforming_strings", "on")] {
            if self.upstream.settings.get(setting).is_some_and(|value| value != expected) {
                let why = format!("`{setting}` is not `{expected}`: statements would be read otherwise than they run");
                return Err(Unread::Failed(Failed::Misbehaved(why)));
            }
        }
        let target = Arc::clone(self.session.target());
        let hides = self.hides_something();
        let whose = (self.door.0.upstream.database.as_str(), self.session.id());
        let reading = match occasion {
            Occasion::Presented => self.library.read(&mut self.upstream, &target, (text, hides)).await?,
            // There the settings are shown one by one, which disturbs no transaction.
            Occasion::Woken if self.upstream.status != Status::Idle => {
                self.library.forget();
                self.state.doubt();
                self.library.read(&mut self.upstream, &target, (text, hides)).await?
            }
            Occasion::Woken => {
                // What moves from here on is asked for again.
                self.upstream.settings_moved = false;
                let (reading, settings) = self.library.read_again(&mut self.upstream, &target, (text, hides)).await?;
                self.state.learn(settings, whose.0);
                reading
            }
        };
        let state = self.state.now(&mut self.upstream, whose).await?;
        for frame in self.upstream.take_aside() {
            self.pass_aside(&frame);
        }
        Ok((reading, state))
    }

    fn obstacle(&mut self, reading: &Reading, state: &SessionState, before: &Before) -> Option<Obstacle> {
        if reading.listens() && self.hides_something() {
            return Some(Obstacle::Unsupported(
                "LISTEN on a target with classes: what others notify may hold anything",
            ));
        }
        // Nothing in its answer says which table the rows are of.
        if reading.copies_out() && self.hides_something() {
            let what =
                "COPY to the client on a target with classes that this actor may not see; SELECT shows them masked";
            return Some(Obstacle::Unsupported(what));
        }
        if reading.executes.iter().chain(&reading.fetches).any(|name| before.renamed.contains(name)) {
            let what =
                "EXECUTE or FETCH behind messages that make or close names, in one pipeline; send Sync in between";
            return Some(Obstacle::Unsupported(what));
        }
        if reading.copies_in() && !before.alone {
            return Some(Obstacle::Unsupported("COPY from the client beside other statements in one pipeline"));
        }
        if before.moved {
            let what = "a statement behind one that may change settings, in one pipeline; send Sync in between";
            return Some(Obstacle::Unsupported(what));
        }
        // Under any other isolation the catalog that is asked before a release would be that of the transaction's begin.
        let sees_changes = state.0.get("transaction_isolation").is_some_and(|level| level == "read committed");
        match (self.upstream.status, self.door.0.limits.in_transaction) {
            (Status::Failed, _) | (Status::Open, HoldInTransaction::Refuse) => {
                Some(Obstacle::CannotWait("inside a transaction"))
            }
            (Status::Open, HoldInTransaction::Hold(_)) if !sees_changes => {
                Some(Obstacle::CannotWait("inside a transaction that is not `READ COMMITTED`"))
            }
            _ if !before.alone => Some(Obstacle::CannotWait("in a pipeline with other statements")),
            (Status::Open | Status::Idle, _) => None,
        }
    }

    /// Tells why not. In an open transaction the client believes that it has failed now: it is made so.
    async fn refuse(&mut self, report: Report, closing: Closing) -> Result<(), End> {
        if self.turn.is_begun {
            self.fail_pipeline(report).await?;
        } else if closing == Closing::Flush {
            self.client.say(&Said::Report(&report));
            self.turn.fate = Fate::Failed;
        } else {
            if self.upstream.status == Status::Open {
                self.upstream.fail().await?;
            }
            self.client.say(&Said::Report(&report));
            self.client.say(&Said::Ready(self.upstream.status.byte()));
        }
        if self.turn.is_begun && closing != Closing::Flush {
            return self.forward(Vec::new(), Closing::Sync).await;
        }
        self.client.flush().await.map_err(|_| End::ClientGone)
    }
}

/// A prepared statement, by how it is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Planned {
    /// By a Bind.
    ByProtocol(String),
    /// By EXECUTE.
    BySql(String),
}

/// What of a pipeline went before an action.
struct Before {
    /// It is the only one that runs.
    alone: bool,
    /// Names of statements and portals that the pipeline has made or closed so far.
    renamed: HashSet<String>,
    /// Statements that the pipeline itself has prepared so far.
    parsed: HashSet<String>,
    /// Settings, or what names mean, may have moved.
    moved: bool,
}

/// When a text is looked at.
pub(super) enum Occasion {
    /// It came in.
    Presented,
    /// The review that it waits for moved.
    Woken,
}

/// An action for the gate.
fn presented(
    act: &Act,
    (statement, statement_digest): (Arc<Statement>, Digest),
    (state, obstacle, reason): (Arc<SessionState>, Option<Obstacle>, &str),
) -> Presented {
    Presented {
        statement,
        statement_digest,
        parameters: act.parameters.to_vec(),
        state,
        purpose: act.purpose,
        obstacle,
        reveal: BTreeSet::new(),
        reason: reason.to_owned(),
        payload: Payload(act.bytes.clone()),
    }
}

/// How long a client may take to hear why its session ends.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(5);
/// How long nothing is said before a session lets go of what it can make again.
const REST: std::time::Duration = std::time::Duration::from_secs(1);
/// How long a message may take to come in whole, where its session would have ended by then.
const SENTENCE: std::time::Duration = std::time::Duration::from_secs(60);
/// Statements whose plans are remembered.
const PLANNED: usize = 10_000;
/// Bytes of one pipeline.
const PIPELINE_BYTES: usize = 32 << 20;
/// Messages of one pipeline.
const PIPELINE_MESSAGES: usize = 20_000;
/// Whether a reported setting is one that cannot be filled with free text. A time zone without a digit is its own name only
/// where there is a file of that name; with one, it may be any word and an offset.
fn is_listed(name: &str, value: &str) -> bool {
    let is_plain = |value: &str| value.bytes().all(|byte| byte.is_ascii_alphabetic() || b"/_-".contains(&byte));
    match name {
        "TimeZone" => ["UTC", "GMT"].contains(&value) || (value.contains('/') && is_plain(value)),
        name => REPORTED.contains(&name),
    }
}

/// Settings that the server reports and that no statement fills with free text.
const REPORTED: [&str; 12] = [
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "scram_iterations",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
];

#[cfg(test)]
mod tests {
    use super::is_listed;

    #[test]
    fn a_time_zone_is_told_only_where_it_has_the_form_of_a_region() {
        for told in ["UTC", "GMT", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
            assert!(is_listed("TimeZone", told), "{told}");
        }
        for kept in ["x/secret5", "a/b5c", "secret5", "<a/b>0", "Etc/GMT+5", "a/b c"] {
            assert!(!is_listed("TimeZone", kept), "{kept}");
        }
        assert!(is_listed("DateStyle", "ISO, MDY") && !is_listed("application_name", "x"));
    }
}
