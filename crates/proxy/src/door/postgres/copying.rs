//! COPY between the client and the server: rows go through as they come, with back-pressure either way. Which table, and
//! whether at all, was judged with the statement; what the client brings is not looked at, what it gets is searched.

use protocol::postgres::Frame;
use protocol::postgres::message::take_frame;

use super::conversation::Conversation;
use super::ending::End;
use super::turn::{Copies, Secrecy, Syncing, Until};
use crate::upstream::postgres::{Courtesy, Failed};

impl Conversation {
    /// The server begins to take rows, or to give them. It may do so only for a statement that was judged as such.
    pub(super) fn handle_copy_begins(&mut self, frame: &Frame, until: Until) -> Result<(), End> {
        let last = self.turn.acts.len().checked_sub(1);
        let at = self.turn.expected.front().map_or(last, |expected| expected.act);
        let reading = at.and_then(|at| self.turn.acts.get(at)).map(|running| &running.reading);
        let may_tell = self.turn.secrecy == Secrecy::Open;
        self.turn.copies = match frame.tag {
            b'G' if reading.is_some_and(|reading| reading.copies_in()) => Copies::In,
            b'H' if may_tell && reading.is_some_and(|reading| reading.copies_out()) => match frame.body().first() {
                Some(0) => Copies::Out,
                _ => Copies::OutInBinary,
            },
            _ => return Err(Failed::Misbehaved("a copy that nobody asked for".to_owned()).into()),
        };
        // As the server does: of a pipeline it ignores the Sync that stands before the rows.
        if self.turn.copies == Copies::In && until == Until::Answered && self.turn.syncing == Syncing::Came {
            self.turn.syncing = Syncing::Owed;
        }
        self.client.output.extend_from_slice(&frame.raw);
        Ok(())
    }

    /// A part of what is copied to the client, or its end.
    pub(super) fn handle_copied(&mut self, frame: &Frame) -> Result<(), End> {
        if !matches!(self.turn.copies, Copies::Out | Copies::OutInBinary) {
            return Err(Failed::Misbehaved("rows that nobody copies".to_owned()).into());
        }
        self.pass_copied(frame)?;
        let last = self.turn.acts.len().checked_sub(1);
        let act = self.turn.expected.front().map_or(last, |expected| expected.act);
        self.count_found(act);
        Ok(())
    }

    /// Whether what the client sends is for the copy under way, or for its end.
    pub(super) fn hears_copy(&self) -> bool {
        self.upstream.copies_in() || self.turn.syncing == Syncing::Owed
    }

    /// Hands on what the client has sent of its copy, as far as there is room.
    pub(super) fn feed_copy(&mut self) -> Result<(), End> {
        while self.hears_copy() && self.upstream.has_room() {
            let Some(frame) = take_frame(&mut self.client.input).map_err(End::Malformed)? else { break };
            match frame.tag {
                b'd' => {
                    self.turn.copies = Copies::Fed;
                    self.upstream.send_copied(&frame);
                }
                b'c' | b'f' => {
                    self.turn.copies = Copies::Fed;
                    self.upstream.send_copied(&frame);
                    // What was begun by a Flush is not answered before one.
                    self.upstream.put(&Courtesy::Flush)?;
                }
                b'S' if self.turn.syncing == Syncing::Owed && !self.upstream.copies_in() => self.pay_sync()?,
                // Within a copy they say nothing.
                b'S' | b'H' => {}
                b'X' => {
                    self.turn.client_gone = true;
                    self.give_up_copy()?;
                }
                tag => {
                    self.give_up_copy()?;
                    return Err(End::OutOfPlace(tag));
                }
            }
        }
        Ok(())
    }

    /// The client will send no more of its copy: the server keeps nothing of it.
    pub(super) fn give_up_copy(&mut self) -> Result<(), End> {
        self.upstream.fail_copy()?;
        if self.turn.syncing == Syncing::Owed {
            self.pay_sync()?;
        }
        Ok(())
    }

    fn pay_sync(&mut self) -> Result<(), End> {
        self.turn.syncing = Syncing::Paid;
        Ok(self.upstream.put(&Courtesy::Sync)?)
    }
}
