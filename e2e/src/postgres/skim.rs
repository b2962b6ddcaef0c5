//! Reading a result that is too large to be kept: rows are counted and dropped as they come, everything else stays.

use std::time::{Duration, Instant};

use super::{Answer, Message, Wire};

/// How far an answer was read.
#[derive(Debug)]
pub struct Skim {
    begun: Instant,
    /// Bytes of all messages so far.
    pub bytes: u64,
    /// Rows that have begun.
    pub rows: u64,
    /// From the beginning to the first byte behind the head of the first row.
    pub first_row: Option<Duration>,
    /// From the beginning to the end of the answer.
    pub whole: Option<Duration>,
    /// The longest row, without its type.
    pub longest: usize,
    /// All messages but the rows.
    pub rest: Answer,
    buffer: Vec<u8>,
    /// The message under way: its head as far as it came in, and how much of its body is still to come.
    head: Vec<u8>,
    to_come: usize,
}

impl Skim {
    /// Of an answer that is asked for now.
    #[expect(clippy::new_without_default, reason = "it begins to count time")]
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            bytes: 0,
            rows: 0,
            first_row: None,
            whole: None,
            longest: 0,
            rest: Answer::default(),
            buffer: vec![0; AT_ONCE],
            head: Vec::new(),
            to_come: 0,
        }
    }

    /// Takes what came in.
    fn take(&mut self, mut came: &[u8]) {
        self.bytes += came.len() as u64;
        while !came.is_empty() {
            if self.head.len() < HEAD {
                let (of_head, rest) = came.split_at(came.len().min(HEAD - self.head.len()));
                self.head.extend_from_slice(of_head);
                came = rest;
                if self.head.len() < HEAD {
                    return;
                }
                self.begin();
            }
            let (of_body, rest) = came.split_at(came.len().min(self.to_come));
            self.to_come -= of_body.len();
            came = rest;
            if let Some(message) = self.rest.messages.last_mut().filter(|_| self.head[0] != b'D') {
                message.body.extend_from_slice(of_body);
            }
            if self.to_come == 0 {
                if self.head[0] == b'Z' {
                    assert!(came.is_empty(), "something stands behind the end of the answer");
                    self.whole = Some(self.begun.elapsed());
                }
                self.head.clear();
            }
        }
    }

    /// The head of a message is there.
    fn begin(&mut self) {
        let length = u32::from_be_bytes([self.head[1], self.head[2], self.head[3], self.head[4]]);
        self.to_come = usize::try_from(length).expect("64 bits").checked_sub(4).expect("a length holds itself");
        match self.head[0] {
            b'D' => {
                self.rows += 1;
                self.longest = self.longest.max(self.to_come);
                self.first_row.get_or_insert_with(|| self.begun.elapsed());
            }
            kind => self.rest.messages.push(Message { kind, body: Vec::new() }),
        }
    }
}

impl Wire {
    /// Reads on in an answer, as much as there is; false when it is at its end, or the connection is.
    pub async fn skim(&mut self, skim: &mut Skim) -> bool {
        if skim.whole.is_some() {
            return false;
        }
        let mut buffer = std::mem::take(&mut skim.buffer);
        let count = self.read_some(&mut buffer).await;
        skim.take(&buffer[..count]);
        skim.buffer = buffer;
        skim.rest.closed = count == 0;
        count > 0 && skim.whole.is_none()
    }

    /// Sends frames, reads the whole answer and keeps no row of it. Fails if it ends in anything but success.
    pub async fn weigh(&mut self, frames: &[u8]) -> Skim {
        let mut skim = Skim::new();
        self.send(frames).await;
        while self.skim(&mut skim).await {}
        assert!(skim.rest.error().is_none() && !skim.rest.closed, "{}", skim.rest);
        skim
    }
}

/// Bytes of a message before its body.
const HEAD: usize = 5;
/// Bytes read at a time.
const AT_ONCE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::frame;

    #[test]
    fn rows_are_counted_however_the_bytes_come() {
        let answer = [
            frame::message(b'T', b"description"),
            frame::message(b'D', &[0; 300]),
            frame::message(b'D', &[]),
            frame::message(b'C', b"SELECT 2\0"),
            frame::message(b'Z', b"I"),
        ];
        for size in [1, 2, 7, 1_000] {
            let mut skim = Skim::new();
            answer.concat().chunks(size).for_each(|bytes| skim.take(bytes));
            assert_eq!((skim.rows, skim.longest, skim.bytes), (2, 300, answer.concat().len() as u64));
            assert_eq!((skim.rest.kinds().as_str(), skim.rest.status()), ("TCZ", Some('I')));
            assert_eq!(skim.rest.tags(), ["SELECT 2"]);
            assert!(skim.first_row <= skim.whole && skim.whole.is_some());
        }
    }
}
