//! The wait for people: what is held stays here, on the connection that would run it, until its review is settled, its client
//! cancels or leaves, or the time is up. What its release needs to know is asked while the verdict is written.

use std::sync::Arc;

use enforcement::{HeldNotice, News};
use model::SessionState;
use protocol::postgres::action::Act;
use protocol::postgres::message::{Report, Said};
use protocol::postgres::result::Status;
use tokio::time::Instant;

use super::conversation::{Conversation, Occasion};
use super::ending::End;
use super::inquiry::Inquiry;
use super::reading::{Reading, Unread};
use super::{HoldInTransaction, told};
use crate::upstream::postgres::Failed;

/// How a wait ended.
pub(super) enum Woken {
    /// The review moved: what the statement means, and the state, as they are now.
    Moved(Arc<Reading>, Arc<SessionState>),
    /// The client is told this.
    Told(Report),
}

impl Conversation {
    /// How long what is held now may wait: inside a transaction it keeps locks.
    pub(super) fn limit_of_hold(&self) -> Option<Wait> {
        match (self.upstream.status, self.door.0.limits.in_transaction) {
            (Status::Open, HoldInTransaction::Hold(limit)) => Some(Wait { limit, until: Instant::now() + limit }),
            (Status::Open | Status::Failed | Status::Idle, _) => None,
        }
    }

    /// Waits for people. The client is told at once and every minute; it may leave or cancel, and the upstream may end.
    pub(super) async fn hold(
        &mut self,
        held: &HeldNotice,
        (act, reading, state): (&Act, &Arc<Reading>, &Arc<SessionState>),
        limit: Option<Wait>,
    ) -> Result<Woken, End> {
        let text = &act.statement.text;
        let whose = (self.session.standing(), self.session.target());
        let inquiry = Inquiry::new(&self.door, whose, held.review, (act, reading, state));
        self.door.0.enforcement.work_aside(inquiry.run());
        // What a release needs to know, asked while the verdict is written.
        let mut looked: Option<(Woken, Instant)> = None;
        loop {
            self.client.say(&Said::Report(&told::held(held, &self.door.0.reviews, limit.map(|wait| wait.limit))));
            self.client.flush().await.map_err(|_| End::ClientGone)?;
            let again = tokio::time::sleep(REMIND);
            tokio::pin!(again);
            loop {
                tokio::select! {
                    news = self.session.wait_for_news(held.review) => match news {
                        News::Stirs => {
                            let asked_at = Instant::now();
                            looked = Some((self.woken(text).await?, asked_at));
                        }
                        News::Settled => return self.settled(looked.take(), text).await,
                    },
                    filled = self.client.fill() => {
                        filled.map_err(|_| End::ClientGone)?;
                        if self.client.input.first() == Some(&b'X') {
                            return Err(End::Goodbye);
                        }
                        // Whoever is not read from any more could leave unnoticed.
                        if self.client.input.len() > WAITING_BYTES {
                            return Err(End::Flooded);
                        }
                    }
                    filled = self.upstream.fill() => {
                        filled.map_err(Failed::Lost)?;
                        self.hear_aside()?;
                    }
                    () = self.stoppable.stopped() => {
                        self.stoppable.handled();
                        return Ok(Woken::Told(cancelled(held, &self.door.0.reviews)));
                    }
                    () = deadline(limit.map(|wait| wait.until)), if limit.is_some() => {
                        return Ok(Woken::Told(waited(held, &self.door.0.reviews)));
                    }
                    () = &mut again => break,
                }
            }
        }
    }

    /// The review is settled: what was asked just before will do, if nothing has moved since.
    async fn settled(&mut self, looked: Option<(Woken, Instant)>, text: &Arc<str>) -> Result<Woken, End> {
        match looked {
            Some((woken @ Woken::Moved(..), at)) if at.elapsed() < LOOKED && !self.upstream.settings_moved => Ok(woken),
            _ => self.woken(text).await,
        }
    }

    /// The review moved: what the statement means, and in which state, is asked for afresh on this connection.
    async fn woken(&mut self, text: &Arc<str>) -> Result<Woken, End> {
        match self.look(text, Occasion::Woken).await {
            Ok((reading, state)) => Ok(Woken::Moved(reading, state)),
            Err(Unread::Told(report)) => Ok(Woken::Told(report)),
            Err(Unread::Failed(failed)) => Err(failed.into()),
        }
    }
}

/// How long something may wait, and until when.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    limit: std::time::Duration,
    until: Instant,
}

/// Sleeps until then; for ever, where there is no such time.
pub(super) async fn deadline(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The wait inside a transaction was as long as it may be.
fn waited(held: &HeldNotice, reviews: &str) -> Report {
    told::error(told::CANCELLED, "nobody answered in the time that a transaction may be kept open for it")
        .detail(format!("review {} ({}) stays open: {reviews}{}", held.code, held.review, held.review))
        .hint("roll back, and run the whole transaction again when it is approved")
}

fn cancelled(held: &HeldNotice, reviews: &str) -> Report {
    told::error(told::CANCELLED, "canceling statement due to user request")
        .detail(format!("review {} ({}) stays open: {reviews}{}", held.code, held.review, held.review))
        .hint("run the same statement again to wait for it")
}

/// Bytes that a client may send while its statement is held.
pub(super) const WAITING_BYTES: usize = 1 << 20;
/// How long before a release what it needs to know may have been asked.
const LOOKED: std::time::Duration = std::time::Duration::from_millis(20);
/// Between two notices of a held statement.
const REMIND: std::time::Duration = std::time::Duration::from_secs(60);
