//! Cleared actions of the gateway's own making, whose answers nobody waits for but the gateway.

use std::io;

use gate::{Clearance, Sealed};
use protocol::postgres::result::{self, Fault};

use super::courtesy::Row;
use super::{Connection, Failed, Underway};

/// What a cleared action was answered.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// Its rows, in text.
    pub(crate) rows: Vec<Row>,
    /// The server's SQLSTATE, if it failed.
    pub(crate) refused: Option<String>,
}

impl Connection {
    /// Sends what was cleared, and waits for all of its answer.
    ///
    /// # Errors
    /// If the connection ends, or the answer is not one, or a long one.
    pub(crate) async fn answer(&mut self, clearance: Clearance) -> Result<Sealed<Answered>, Failed> {
        self.pipeline = Underway::Begun;
        let (payload, forwarded) = clearance.spend();
        self.output.extend_from_slice(&payload.0);
        let mut answered = Answered::default();
        loop {
            let frame = self.message().await?;
            match frame.tag {
                b'D' => {
                    let row = result::cells(&frame).filter(|_| answered.rows.len() < ROWS);
                    let row = row.ok_or_else(|| Failed::Misbehaved("an answer that is not one".to_owned()))?;
                    answered.rows.push(row.into_iter().map(|cell| cell.map(str::to_owned)).collect());
                }
                b'E' => {
                    let fault = Fault::read(&frame);
                    if fault.is_fatal {
                        return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
                    }
                    answered.refused = Some(fault.code.to_string());
                }
                b'Z' => return Ok(forwarded.seal(answered)),
                _ => {}
            }
        }
    }
}

/// Rows of such an answer.
const ROWS: usize = 1_000;
