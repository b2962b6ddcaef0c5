//! Cleared actions of the gateway's own making, whose answers nobody waits for but the gateway.

use std::io;

use gate::{Clearance, Sealed};
use protocol::postgres::result::{self, Fault};

use super::courtesy::{Courtesy, Question, Row};
use super::{Connection, Failed, Underway};

/// What a cleared action was answered.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// Its rows, in text.
    pub(crate) rows: Vec<Row>,
    /// How many rows it concerned, by its command tag.
    pub(crate) count: u64,
    /// The server's SQLSTATE, if it failed.
    pub(crate) refused: Option<String>,
}

/// What becomes of the rows of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    Kept,
    Dropped,
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
        self.answer_into(&mut answered, Rows::Kept).await?;
        Ok(forwarded.seal(answered))
    }

    /// Sends what was cleared for a dry run, within a transaction that is undone in the same breath.
    ///
    /// # Errors
    /// If the connection ends, which undoes it, too.
    pub(crate) async fn answer_dry(&mut self, clearance: Clearance) -> Result<Sealed<Answered>, Failed> {
        self.pipeline = Underway::Begun;
        self.put(&Courtesy::Begin)?;
        let (payload, forwarded) = clearance.spend_dry();
        self.output.extend_from_slice(&payload.0);
        self.put(&Courtesy::Rollback)?;
        let (mut begun, mut answered, mut undone) = (Answered::default(), Answered::default(), Answered::default());
        for answer in [&mut begun, &mut answered, &mut undone] {
            self.answer_into(answer, Rows::Dropped).await?;
        }
        let refused = begun.refused.or(answered.refused).or(undone.refused);
        Ok(forwarded.seal(Answered { refused, ..answered }))
    }

    /// By what a change of these tables reaches further than their rows, and what they run: what, and its name.
    ///
    /// # Errors
    /// If the server does not answer.
    pub(crate) async fn passes_on(&mut self, tables: &[(String, String)]) -> Result<Vec<(String, String)>, Failed> {
        let schemas = tables.iter().map(|(schema, _)| Some(schema.clone())).collect();
        let names = tables.iter().map(|(_, name)| Some(name.clone())).collect();
        let rows = self.ask(&[(Question::PassesOn, vec![schemas, names])]).await?.concat();
        let cell = |row: &Row, at: usize| row.get(at).cloned().flatten().unwrap_or_default();
        Ok(rows.iter().map(|row| (cell(row, 0), cell(row, 1))).collect())
    }

    /// An answer, up to the end of what it answers.
    async fn answer_into(&mut self, answered: &mut Answered, rows: Rows) -> Result<(), Failed> {
        loop {
            let frame = self.message().await?;
            match frame.tag {
                b'D' if rows == Rows::Dropped => {}
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
                b'C' => answered.count = result::rows_of(result::tag(&frame).unwrap_or("")),
                b'Z' => return Ok(()),
                _ => {}
            }
        }
    }
}

/// Rows of such an answer.
const ROWS: usize = 1_000;
