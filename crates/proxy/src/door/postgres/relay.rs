//! From the gate to the upstream: cleared actions are sent in order. Where something is hidden, what would be shown is
//! looked at before it runs. How each action ended is recorded before its client hears of the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use masking::Plan;
use model::{DataClass, Purpose};
use protocol::postgres::action::{Portal, Reply};
use protocol::postgres::message::{Named, Report, Said};
use protocol::postgres::result::Status;
use tokio::time::Instant;

use super::answers::changed;
use super::conversation::Conversation;
use super::ending::End;
use super::reading::{Unread, Words};
use super::told;
use super::turn::{
    Closing, Ending, Expected, Fate, Going, Implicit, Mask, Progress, Running, Secrecy, Syncing, Turn, Until, WITHHELD,
};
use crate::upstream::postgres::{Courtesy, Rest, Underway};

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
        self.renew_screen();
        let may_tell = |step: &Going| matches!(step, Going::Act(running) if running.words == Words::Anybodys);
        if hidden.is_empty() {
            self.turn.secrecy = Secrecy::Open;
        } else if going.iter().any(may_tell) || self.upstream.status != Status::Idle {
            self.turn.secrecy = Secrecy::Withholds;
        } else {
            // What an earlier part of the pipeline may show, a later error may.
            self.turn.secrecy = self.turn.secrecy.max(Secrecy::Checks);
        }
        self.turn.deadline = self.door.0.limits.longest_run.map(|limit| Instant::now() + limit);
        self.turn.syncing = if closing == Closing::Sync { Syncing::Came } else { Syncing::NotYet };
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
            self.shapes.handle_end();
            drop(self.screen.take_masked());
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

    /// What was only prepared under a Flush is a pipeline of its own: what runs behind it may wait for people, and keeps no
    /// locks meanwhile. The client's own Sync is still to come.
    pub(super) async fn end_prepared(&mut self) -> Result<(), End> {
        self.upstream.put(&Courtesy::Sync)?;
        self.relay(Until::Described).await?;
        self.end_pipeline(Ending::Ready).await?;
        self.turn = Turn::default();
        self.shapes.handle_end();
        Ok(())
    }

    /// Records how the actions of the pipeline ended.
    pub(super) async fn end_pipeline(&mut self, ending: Ending) -> Result<(), End> {
        let status = self.upstream.status;
        let acts = std::mem::take(&mut self.turn.acts);
        let failed = self.turn.fate.is_failed();
        // A COMMIT among them keeps what came before it, and so does the end of the pipeline.
        let kept = acts.iter().rposition(|act| act.reading.keeps_house() && act.is_answered()).unwrap_or(0);
        let may_be_kept = self.turn.syncing != Syncing::NotYet || acts.iter().any(Running::may_have_kept);
        for (at, mut running) in acts.into_iter().enumerate() {
            let implicit = match ending {
                _ if at < kept || status != Status::Idle => Implicit::Stands,
                Ending::Ready | Ending::Broken if failed => Implicit::Undone,
                Ending::Ready => Implicit::Stands,
                Ending::Broken if may_be_kept => Implicit::Unknown,
                Ending::Broken => Implicit::Undone,
            };
            if running.purpose == Purpose::Run {
                let reading = &running.reading;
                let moves_back = reading.controls_transaction() && self.state.may_move_back();
                // The end of a transaction runs what was deferred to it.
                if !reading.is_plain || reading.moves_names() || moves_back {
                    self.doubt.arise();
                    self.library.forget();
                }
                self.state.handle_run(&running.reading, status);
                for name in running.reading.declares.iter().filter(|_| running.is_answered()) {
                    self.opened.open(name, &running.reading);
                    // A portal of the protocol that had this name is gone.
                    self.names.handle_reply(&Reply::Closed(Named::Portal(name.clone())));
                }
                if let Some(reason) = running.reading.reason.as_ref().filter(|_| running.is_answered()) {
                    self.state.handle_reason(reason);
                }
            }
            let (run, plain, end) = (running.run, running.is_plain(), running.end(implicit, failed));
            self.session.ended(run, plain, &end).await.map_err(End::Unrecorded)?;
        }
        if status == Status::Idle {
            self.names.handle_idle();
            self.opened.handle_idle();
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
                    if running.reading.moves_names() {
                        self.upstream.forget_questions();
                    }
                    self.turn.acts.push(*running);
                    match (self.turn.fate.is_failed(), closing, masks) {
                        (true, ..) => {}
                        (false, Closing::Query, true) => {
                            let in_messages = self.turn.acts.last().is_some_and(Running::can_go_in_messages);
                            return match in_messages {
                                true => self.send_query_in_messages(hidden).await,
                                false => self.send_query_masked(hidden).await,
                            };
                        }
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
        let copies_in = self.turn.acts.iter().any(|running| !running.is_query() && running.reading.copies_in());
        if closing == Closing::Sync && copies_in && !self.turn.fate.is_failed() && !self.turn.expected.is_empty() {
            // The Sync that counts may be another.
            self.upstream.put(&Courtesy::Flush)?;
            self.relay(Until::Answered).await?;
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
        if self.turn.syncing == Syncing::Came {
            self.upstream.put(&Courtesy::Sync)?;
        }
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
        let executed = executed.filter(|_| self.turn.secrecy != Secrecy::Open);
        let sealed = match (&running.execute, executed) {
            // Rows without a description could be those of another table by now. What the client describes may be another
            // portal.
            (Some((place, portal)), Some(executed)) => {
                replies.insert(executed, Reply::PortalDescribed);
                self.upstream.send_described_portal(clearance, (*place, portal))?
            }
            _ => self.upstream.send(clearance),
        };
        self.turn.seals.push(sealed);
        let expect = |(at, reply)| Expected { act: Some(number), reply, is_ours: Some(at) == executed };
        self.turn.expected.extend(replies.into_iter().enumerate().map(expect));
        Ok(())
    }

    /// A Query whose rows may be of what its names mean by now: it goes as messages, with the same answer. So it is looked at
    /// when the server has looked its names up and keeps them, and before it runs.
    async fn send_query_in_messages(&mut self, hidden: &BTreeSet<DataClass>) -> Result<(), End> {
        let number = self.turn.acts.len().saturating_sub(1);
        if !self.turn.expected.is_empty() {
            self.upstream.put(&Courtesy::Flush)?;
            self.relay(Until::Answered).await?;
        }
        self.names.handle_query();
        let clearance = self.turn.acts.last_mut().and_then(|running| {
            running.progress = Progress::Sent;
            running.clearance.take()
        });
        if let Some(clearance) = clearance.filter(|_| !self.turn.fate.is_failed()) {
            self.turn.is_begun = true;
            let rest = self.upstream.send_in_messages(clearance)?;
            let rest: Rest = self.session.open(rest).await.map_err(End::Unrecorded)?;
            let bound = Portal { statement: unnamed(), parameters: Arc::from([]) };
            let replies =
                [Reply::Parsed(String::new(), unnamed()), Reply::Bound(String::new(), bound), Reply::PortalDescribed];
            let ours = replies.map(|reply| Expected { act: Some(number), reply, is_ours: true });
            self.turn.expected.extend(ours);
            self.upstream.put(&Courtesy::Flush)?;
            self.relay(Until::Answered).await?;
            if !self.turn.fate.is_failed() {
                match self.looked_at(hidden).await? {
                    Err(report) => self.fail_pipeline(report).await?,
                    Ok(mask) => {
                        self.turn.mask = Some(mask);
                        if let Some(description) = self.turn.description.take() {
                            self.client.output.extend_from_slice(&description.raw);
                        }
                        self.upstream.send_rest(rest);
                        let executed = Expected { act: Some(number), reply: Reply::Executed, is_ours: false };
                        self.turn.expected.push_back(executed);
                    }
                }
            }
        }
        self.upstream.put(&Courtesy::Sync)?;
        self.relay(Until::Ready).await?;
        self.unmask();
        Ok(())
    }

    /// How the rows of the last action are masked. What is computed has no table to be known by: there the server is asked
    /// once more what the names mean, which it has looked up by now.
    async fn looked_at(&mut self, hidden: &BTreeSet<DataClass>) -> Result<Result<Mask, Report>, End> {
        let mask = match self.plan(hidden) {
            Ok(mask) => mask,
            Err(report) => return Ok(Err(report)),
        };
        let Some(running) = self.turn.acts.last() else { return Ok(Ok(mask)) };
        let is_computed = mask.fields.iter().any(|field| field.table == 0);
        if !is_computed || running.reading.may_show_classes || running.goes_on {
            return Ok(Ok(mask));
        }
        let (reading, target) = (Arc::clone(&running.reading), Arc::clone(self.session.target()));
        match self.library.is_still(&mut self.upstream, &target, &reading).await {
            Ok(true) => Ok(Ok(mask)),
            Ok(false) => Ok(Err(changed())),
            Err(Unread::Told(report)) => Ok(Err(report)),
            Err(Unread::Failed(failed)) => Err(failed.into()),
        }
    }

    /// A Query whose rows are masked: it is described first, so that nothing runs whose rows could not be shown.
    async fn send_query_masked(&mut self, hidden: &BTreeSet<DataClass>) -> Result<(), End> {
        let number = self.turn.acts.len().saturating_sub(1);
        if self.turn.is_begun {
            // To describe it first would end what stands before it.
            let why = "a Query whose rows are masked stands behind messages that no Sync ended";
            self.fail_pipeline(told::error(told::UNSUPPORTED, why).hint("send Sync in between")).await?;
            self.upstream.put(&Courtesy::Sync)?;
            return self.relay(Until::Ready).await;
        }
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
        let ours = described.map(|reply| Expected { act: Some(number), reply, is_ours: true });
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
        match self.looked_at(hidden).await? {
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
        let columns_alone = fields.iter().all(|field| field.table != 0) && origins.knows_all(&fields);
        running.reading.columns_alone.store(columns_alone && !fields.is_empty(), Ordering::Relaxed);
        Ok(Mask { fields, plan })
    }

    fn unmask(&mut self) {
        if let (Some(mask), Some(running)) = (self.turn.mask.take(), self.turn.acts.last_mut()) {
            running.masked = mask.plan.into_masked();
        }
    }
}

fn withheld(why: &impl std::fmt::Display) -> Report {
    told::error(told::WITHHELD, format!("the result would be withheld, and nothing ran: {why}"))
        .hint("select plain columns of tables: classified ones are shown masked")
}

fn unnamed() -> protocol::postgres::action::Prepared {
    protocol::postgres::action::Prepared { text: Arc::from(""), types: Arc::from([]) }
}
