//! What the upstream answers, passed on to the client: masked, checked against where its columns come from, and never
//! before the record of its action is written. The client may cancel or leave meanwhile.

use std::sync::atomic::Ordering;
use std::time::Duration;

use masking::Plan;
use protocol::postgres::Frame;
use protocol::postgres::action::Reply;
use protocol::postgres::message::{Named, Report, Said};
use protocol::postgres::result::{self, Fault, Field};
use tokio::time::Instant;

use super::conversation::Conversation;
use super::ending::End;
use super::holding::deadline;
use super::told;
use super::turn::{Copies, Expected, Fate, Mask, Progress, Running, Secrecy, Syncing, Until, WITHHELD};
use crate::upstream::postgres::{Failed, Piece};

impl Conversation {
    /// Passes answers on, until there is no more to wait for. The client may cancel meanwhile, or leave: then a plain read
    /// is stopped, and everything else goes on to its end, which is recorded.
    pub(super) async fn relay(&mut self, until: Until) -> Result<(), End> {
        loop {
            while let Some(piece) = self.upstream.take()? {
                let done = match piece {
                    Piece::Message(frame) => self.handle_message(&frame, until)?,
                    Piece::Part(_) if self.turn.fate.is_failed() => false,
                    Piece::Part(_) if !self.screen.is_open() => {
                        return Err(Failed::Misbehaved("a row too long to be searched".to_owned()).into());
                    }
                    Piece::Part(_) if self.turn.mask.as_ref().is_some_and(|mask| !mask.plan.keeps_all()) => {
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
            if self.hears_copy() {
                self.feed_copy()?;
            }
            let feeding = self.hears_copy() && !self.upstream.has_room();
            let hungry = self.client.input.len() < AHEAD || (self.hears_copy() && !feeding);
            let listening = hungry && !self.turn.client_gone;
            let upstream =
                async { if feeding { self.upstream.fill_or_send().await } else { self.upstream.fill().await } };
            tokio::select! {
                filled = upstream => filled.map_err(Failed::Lost)?,
                filled = self.client.fill(), if listening => {
                    if filled.is_err() {
                        self.leave().await?;
                    }
                }
                () = self.stoppable.stopped() => {
                    self.upstream.stop().await;
                    self.stoppable.handled();
                }
                () = deadline(self.turn.deadline), if self.turn.deadline.is_some() => self.stop_overrun().await?,
            }
        }
    }

    /// The client has gone in the middle of an answer.
    async fn leave(&mut self) -> Result<(), End> {
        self.turn.client_gone = true;
        self.give_up_copy()?;
        if self.turn.acts.iter().all(Running::is_plain) {
            self.upstream.stop().await;
        }
        Ok(())
    }

    /// Sends the client what there is, once the records of what it answers are written.
    pub(super) async fn pass_on(&mut self) -> Result<(), End> {
        if self.client.output.is_empty() {
            return Ok(());
        }
        for sealed in std::mem::take(&mut self.turn.seals) {
            if let Err(unrecorded) = self.session.open(sealed).await {
                // None of it leaves, now or later.
                self.client.output.clear();
                return Err(End::Unrecorded(unrecorded));
            }
        }
        while !self.turn.client_gone && !self.client.output.is_empty() {
            let at = self.turn.deadline;
            tokio::select! {
                flushed = self.client.flush() => {
                    if flushed.is_err() {
                        self.leave().await?;
                    }
                }
                () = deadline(at), if at.is_some() => self.stop_overrun().await?,
            }
        }
        if self.turn.client_gone {
            self.client.output.clear();
        }
        Ok(())
    }

    /// What runs does so for longer than it may: it is stopped, and what a client still brings of a COPY is not waited for.
    async fn stop_overrun(&mut self) -> Result<(), End> {
        self.turn.stops += 1;
        if self.turn.stops > STOPS {
            return Err(End::Overrun);
        }
        self.turn.deadline = Some(Instant::now() + AGAIN);
        // The client's own end of its copy, with the Sync that was owed, may still come: it is answered by this one.
        self.paid_ahead |= self.turn.syncing == Syncing::Owed;
        self.give_up_copy()?;
        self.upstream.stop().await;
        Ok(())
    }

    /// One message of the upstream. Returns whether there is no more to wait for.
    fn handle_message(&mut self, frame: &Frame, until: Until) -> Result<bool, End> {
        match frame.tag {
            b'S' => self.pass_aside(frame),
            b'Z' if self.turn.fate == Fate::Dropped && until != Until::Answered => return Ok(true),
            b'E' if Fault::read(frame).is_fatal && self.turn.fate == Fate::Dropped => return Err(End::UpstreamEnded),
            _ if self.turn.fate == Fate::Dropped => {}
            b'N' if !self.turn.withholds() => self.pass_words(frame),
            b'A' => self.pass_notification(frame),
            b'N' => {}
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
            b'G' | b'H' => self.handle_copy_begins(frame, until)?,
            b'd' | b'c' => self.handle_copied(frame)?,
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
        if self.turn.syncing == Syncing::Owed && self.turn.copies == Copies::In && fault.code != told::CANCELLED {
            // Of its rows the server has read none, nor the Sync that stood before them.
            self.turn.syncing = Syncing::Came;
        }
        self.turn.fate = Fate::Failed;
        if let (Some(mask), Some(running)) = (self.turn.mask.take(), self.turn.acts.get_mut(at)) {
            running.masked = mask.plan.into_masked();
        }
        self.turn.expected.clear();
        match self.turn.ours.take() {
            Some(report) => self.client.say(&Said::Report(&report)),
            None if withholds => self.client.say(&Said::Report(&fault.without_data())),
            None => self.pass_words(frame),
        }
        self.count_found(Some(at));
        if fault.is_fatal { Err(End::UpstreamEnded) } else { Ok(()) }
    }

    /// The columns of an action that is looked at in passing, as its portal or its Query describes them: each must be one of a
    /// table that it was judged by. Any other may be of what its names mean by now.
    fn check_columns(&mut self, act: Option<usize>, frame: &Frame) -> Result<(), End> {
        let Some(at) = act.filter(|_| self.turn.secrecy != Secrecy::Open) else { return Ok(()) };
        let hidden = self.session.hidden_classes();
        let Some(running) = self.turn.acts.get(at) else { return Ok(()) };
        let reading = &running.reading;
        let fields = result::fields(frame).ok_or_else(|| Failed::Misbehaved("its description of rows".to_owned()))?;
        let known = reading.origins.knows_all(&fields);
        let columns_alone = known && fields.iter().all(|field| field.table != 0);
        let as_judged = columns_alone || (known && !reading.shows_older_data());
        if running.is_looked_at_in_passing {
            reading.columns_alone.store(columns_alone && !fields.is_empty(), Ordering::Relaxed);
        }
        let (is_plain, several) = (reading.is_plain, reading.statements > 1);
        let plan = Plan::new(&reading.origins.of(&fields), &hidden, reading.may_show_classes).ok();
        match plan.filter(|_| as_judged) {
            Some(plan) => self.turn.mask = Some(Mask { fields, plan }),
            None if is_plain && !self.goes_on_behind(at) => self.refuse_moved(at, several),
            None if is_plain => return Err(Failed::Misbehaved("what its names mean changed".to_owned()).into()),
            // It ran: who is told that it failed would run it again.
            None => {
                return Err(
                    Failed::Misbehaved("what it shows is computed, or of other tables by now".to_owned()).into()
                );
            }
        }
        Ok(())
    }

    /// Whether the rest of the pipeline, which the server goes on with, runs other actions, or makes or closes statements or
    /// portals: what is dropped of its answers would leave them in doubt.
    fn goes_on_behind(&self, at: usize) -> bool {
        let moves = |reply: &Reply| matches!(reply, Reply::Parsed(..) | Reply::Bound(..) | Reply::Closed(_));
        let runs = |expected: &Expected| expected.reply == Reply::Executed && expected.act != Some(at);
        self.turn.expected.iter().any(|expected| moves(&expected.reply) || runs(expected))
    }

    /// An action is answered: what was masked of it is counted.
    fn handle_answered(&mut self, at: Option<usize>, frame: &Frame) {
        let Some(running) = at.and_then(|at| self.turn.acts.get_mut(at)) else { return };
        running.handle_answered(frame);
        if running.is_looked_at_in_passing
            && let Some(mask) = &self.turn.mask
        {
            running.masked = mask.plan.clone().into_masked();
            // What is suspended goes on by the same mask.
            if frame.tag != b's' {
                self.turn.mask = None;
            }
        }
    }

    /// A name means another table by now than when the statement was judged, or nothing shows that it does not: nothing of it
    /// is shown.
    fn refuse_moved(&mut self, at: usize, several: bool) {
        if let Some(running) = self.turn.acts.get_mut(at) {
            running.progress = Progress::Failed(WITHHELD.to_owned());
        }
        self.library.forget();
        self.turn.fate = Fate::Dropped;
        self.turn.expected.clear();
        let report = if several { in_several() } else { changed() };
        self.client.say(&Said::Report(&report));
    }

    /// An answer to a Query: its statements answer one after the other.
    fn handle_query_answer(&mut self, frame: &Frame) -> Result<(), End> {
        // It is the last: nothing of a pipeline comes behind it.
        let last = self.turn.acts.len().checked_sub(1);
        if frame.tag == b'T' {
            self.note_shapes(last, frame);
        }
        let running = last.and_then(|at| self.turn.acts.get(at));
        let shows_data = running.is_some_and(|running| running.reading.shows_data());
        if frame.tag == b'T' && !shows_data {
            self.turn.mask = None;
        }
        if frame.tag == b'T' && shows_data && !running.is_some_and(Running::is_described_first) {
            self.check_columns(last, frame)?;
            if self.turn.fate == Fate::Dropped {
                return Ok(());
            }
        } else if frame.tag == b'T'
            && let Some(mask) = &self.turn.mask
        {
            let again = result::fields(frame).unwrap_or_default();
            let same = |(a, b): (&Field, &Field)| (a.table, a.column, a.kind) == (b.table, b.column, b.kind);
            if again.len() != mask.fields.len() || !again.iter().zip(&mask.fields).all(same) {
                return Err(Failed::Misbehaved("other columns than it described".to_owned()).into());
            }
        }
        match frame.tag {
            b'D' => self.pass_row(last, frame),
            b'C' => {
                self.handle_answered(last, frame);
                self.pass(frame);
                Ok(())
            }
            b'I' => {
                if let Some(running) = self.turn.acts.last_mut() {
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
        let Some(expected) = self.turn.expected.front() else { return Err(unexpected()) };
        let is_ours = expected.is_ours;
        let in_passing = act.and_then(|act| self.turn.acts.get(act)).is_some_and(|act| act.is_looked_at_in_passing);
        if is_ours {
            // That of an action before, which was suspended.
            self.turn.mask = None;
        }
        // The portal that is executed next, described by our own asking: whatever a client describes shows no rows.
        if frame.tag == b'T' && is_ours && in_passing {
            self.check_columns(act, frame)?;
            if self.turn.fate == Fate::Dropped {
                return Ok(());
            }
        }
        let Some(expected) = self.turn.expected.front() else { return Err(unexpected()) };
        let mut is_description = false;
        let ends = match (frame.tag, &expected.reply) {
            (b'1', Reply::Parsed(..)) | (b'2', Reply::Bound(..)) | (b'3', Reply::Closed(_)) => true,
            (b't', Reply::StatementDescribed) => false,
            (b'T' | b'n', Reply::StatementDescribed | Reply::PortalDescribed) => {
                is_description = frame.tag == b'T';
                if is_ours {
                    let fields = if frame.tag == b'T' { result::fields(frame) } else { Some(Vec::new()) };
                    self.turn.described = fields.ok_or_else(unexpected)?;
                    self.turn.description = Some(frame.clone()).filter(|frame| frame.tag == b'T');
                }
                true
            }
            (b'D', Reply::Executed) => {
                return self.pass_row(act, frame);
            }
            (b'C' | b's' | b'I', Reply::Executed) => {
                self.handle_answered(act, frame);
                true
            }
            _ => return Err(unexpected()),
        };
        if is_description {
            self.note_shapes(act, frame);
        }
        if ends && let Some(expected) = self.turn.expected.pop_front() {
            if !is_ours {
                self.names.handle_reply(&expected.reply);
                if let Reply::Closed(Named::Portal(name)) = &expected.reply {
                    self.opened.close(name);
                }
                if let Reply::Parsed(name, _) = &expected.reply {
                    self.doubt.trust(name);
                }
                if let (Reply::Bound(name, _), Some(running)) =
                    (&expected.reply, act.and_then(|act| self.turn.acts.get(act)))
                {
                    self.opened.open(name, &running.reading);
                }
            }
            let last = !self.turn.expected.iter().any(|more| more.act == act && !more.is_ours);
            if let Some(running) = act.and_then(|act| self.turn.acts.get_mut(act))
                && last
                && running.execute.is_none()
                && !running.is_answered()
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

    fn pass_row(&mut self, act: Option<usize>, frame: &Frame) -> Result<(), End> {
        if self.turn.mask.is_none() {
            let running = act.and_then(|act| self.turn.acts.get(act));
            if self.turn.secrecy != Secrecy::Open && running.is_some_and(|running| running.is_looked_at_in_passing) {
                return Err(Failed::Misbehaved("a row that it did not describe".to_owned()).into());
            }
            if self.screen.is_open() {
                self.pass(frame);
                return Ok(());
            }
        }
        self.pass_masked_row(act, frame)?;
        self.count_found(act);
        Ok(())
    }
}

/// What the client of names that mean something else by now is told.
pub(super) fn changed() -> Report {
    let why = "what its names mean changed while it was read: nothing of it is shown";
    told::error(told::CHANGED, why).hint("run it again")
}

/// What the client of a text of several statements is told, where one of them shows what is computed.
fn in_several() -> Report {
    let why = "a text of several statements shows what is computed, which cannot be looked at before it runs: nothing of it is shown";
    told::error(told::WITHHELD, why).hint("send its statements one at a time")
}

/// How often what runs for too long is stopped before its session is ended.
const STOPS: usize = 3;
/// How long after a stop the next one.
const AGAIN: Duration = Duration::from_secs(2);
/// Bytes that are sent to the client at a time.
const CHUNK: usize = 64 << 10;
/// Bytes that a client may send while its statement runs.
const AHEAD: usize = 64 << 10;
