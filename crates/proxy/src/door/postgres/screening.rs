//! Values that the upstream shows, searched on their way to the client: cells of rows, what is copied out, and the words
//! of errors, notices and notifications. What a column is called, and its type, are remembered by the statement's text:
//! clients describe once and execute often.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use masking::{Carries, Context, Detectors, Masked, Screen, add_counts};
use protocol::postgres::Frame;
use protocol::postgres::result::{self, FIRST_OF_OTHERS, Field, Put};
use protocol::postgres::value;

use super::conversation::Conversation;
use super::ending::End;
use super::turn::{Copies, Mask};
use crate::upstream::postgres::Failed;

/// What is known of the columns of statements.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    by_text: HashMap<String, Described>,
    /// Bytes of its texts and messages.
    bytes: usize,
    /// The action that shows rows now, and its columns.
    current: Option<(Option<usize>, Arc<[Shape]>)>,
}

#[derive(Debug)]
struct Described {
    /// The message that said it.
    raw: Bytes,
    shapes: Arc<[Shape]>,
}

/// What is known of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    context: Context,
    kind: u32,
}

impl Shapes {
    /// An action's columns, as `frame` describes them.
    fn note(&mut self, act: Option<usize>, text: Option<&str>, frame: &Frame) {
        let known = text.and_then(|text| self.by_text.get(text)).filter(|known| known.raw == frame.raw);
        if let Some(known) = known {
            self.current = Some((act, Arc::clone(&known.shapes)));
            return;
        }
        let shapes = shapes(&result::fields(frame).unwrap_or_default());
        if let Some(text) = text {
            let size = text.len() + frame.raw.len() + ENTRY;
            if self.bytes + size > REMEMBERED {
                self.by_text.clear();
                self.bytes = 0;
            }
            if size <= REMEMBERED {
                self.bytes += size;
                // A copy: the frame's own bytes are part of what was read together.
                let described = Described { raw: Bytes::copy_from_slice(&frame.raw), shapes: Arc::clone(&shapes) };
                self.by_text.insert(text.to_owned(), described);
            }
        }
        self.current = Some((act, shapes));
    }

    /// The columns of the action that shows a row.
    fn of(&mut self, act: Option<usize>, text: Option<&str>) -> Arc<[Shape]> {
        match &self.current {
            Some((current, shapes)) if *current == act => Arc::clone(shapes),
            _ => {
                let known = text.and_then(|text| self.by_text.get(text)).map(|known| Arc::clone(&known.shapes));
                let shapes = known.unwrap_or_default();
                self.current = Some((act, Arc::clone(&shapes)));
                shapes
            }
        }
    }

    /// A pipeline has ended.
    pub(super) fn handle_end(&mut self) {
        self.current = None;
    }
}

fn shapes(fields: &[Field]) -> Arc<[Shape]> {
    let detectors = Detectors::built_in();
    fields.iter().map(|field| Shape { context: detectors.context(&field.name), kind: field.kind }).collect()
}

impl Shape {
    /// What the column's name says.
    fn context(shape: Option<&Self>) -> Context {
        shape.map_or_else(Context::default, |shape| shape.context)
    }

    /// What the value says, if it is to be searched.
    fn text<'c>(shape: Option<&Self>, cell: &'c [u8]) -> Option<std::borrow::Cow<'c, [u8]>> {
        shape.map_or(Some(cell.into()), |shape| value::in_text(shape.kind, cell))
    }

    /// What can stand in the place of a value. Of a type that nobody described, or of others' making, text that is no
    /// number can carry text.
    fn carries(shape: Option<&Self>, cell: &[u8]) -> Carries {
        let is_text = || !cell.iter().any(|byte| *byte < b' ' && !matches!(byte, b'\n' | b'\r' | b'\t'));
        let is_number = || cell.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b':' | b' '));
        match shape.map(|shape| shape.kind) {
            Some(kind) if result::carries_text(kind) => Carries::Text,
            Some(JSON | JSONB) => Carries::Json,
            Some(XML | NAME | TEXTS | VARCHARS | RECORD | FIRST_OF_OTHERS..) if is_text() => Carries::Text,
            None if is_text() && !is_number() => Carries::Text,
            Some(_) | None => Carries::OwnForm,
        }
    }
}

impl Conversation {
    /// The classes that are looked for may have changed.
    pub(super) fn renew_screen(&mut self) {
        let classes = self.session.detected_classes();
        if !Arc::ptr_eq(&classes, &self.screened) {
            self.screen = Screen::new(&classes);
            self.screened = classes;
        }
    }

    /// An action's columns are described.
    pub(super) fn note_shapes(&mut self, act: Option<usize>, frame: &Frame) {
        if !self.screen.is_open() {
            let running = act.and_then(|act| self.turn.acts.get(act));
            self.shapes.note(act, running.map(|running| running.reading.statement.text.as_str()), frame);
        }
    }

    /// A row goes to the client: cells of columns that it may not see are masked, and the others are searched.
    pub(super) fn pass_masked_row(&mut self, act: Option<usize>, frame: &Frame) -> Result<(), End> {
        let running = act.and_then(|act| self.turn.acts.get(act));
        let shapes = match self.screen.is_open() {
            true => Arc::default(),
            false => self.shapes.of(act, running.map(|running| running.reading.statement.text.as_str())),
        };
        let (screen, mask) = (&mut self.screen, &mut self.turn.mask);
        let count = if let Some(Mask { fields, .. }) = mask {
            Some(fields.len())
        } else {
            let mut is_clean = true;
            let count = result::each_cell(frame, |number, cell| {
                let shape = shapes.get(number);
                is_clean &= Shape::text(shape, cell).is_none_or(|text| !screen.finds(&text, Shape::context(shape)));
            });
            if is_clean && count.is_some() {
                self.client.output.extend_from_slice(&frame.raw);
                return Ok(());
            }
            count
        };
        let written = count.and_then(|count| {
            result::rewrite_row(frame, count, &mut self.client.output, |number, row, cell| {
                if let Some(Mask { fields, plan }) = mask {
                    let carries = if fields.get(number)?.carries_text() { Carries::Text } else { Carries::OwnForm };
                    match plan.mask(number, carries).ok()? {
                        Masked::Keep => {}
                        masked @ (Masked::Text(_) | Masked::Null) => return put(masked, cell, row),
                    }
                }
                let shape = shapes.get(number);
                let Some(text) = Shape::text(shape, cell).filter(|_| !screen.is_open()) else {
                    return put(Masked::Keep, cell, row);
                };
                put(screen.mask(&text, Shape::context(shape), Shape::carries(shape, cell)), cell, row)
            })
        });
        written.ok_or_else(|| Failed::Misbehaved("a row that is not as it was described".to_owned()).into())
    }

    /// What was found in values is counted with the action that shows them.
    pub(super) fn count_found(&mut self, act: Option<usize>) {
        if let Some(running) = act.and_then(|act| self.turn.acts.get_mut(act)) {
            add_counts(&mut running.found, self.screen.take_masked());
        }
    }

    /// A part of what is copied out: a line, or a row of the binary form behind its head.
    pub(super) fn pass_copied(&mut self, frame: &Frame) -> Result<(), End> {
        let screen = &mut self.screen;
        let is_searched = !screen.is_open() && frame.tag == b'd';
        if is_searched && self.turn.copies == Copies::Out {
            match screen.mask(frame.body(), Context::default(), Carries::Text) {
                Masked::Text(text) => result::put_copied(text, &mut self.client.output),
                Masked::Keep | Masked::Null => self.client.output.extend_from_slice(&frame.raw),
            }
            return Ok(());
        }
        if !is_searched || !screen.finds(frame.body(), Context::default()) {
            self.client.output.extend_from_slice(&frame.raw);
            return Ok(());
        }
        let written = result::rewrite_copied(frame, &mut self.client.output, |row, cell| {
            put(screen.mask(cell, Context::default(), Shape::carries(None, cell)), cell, row)
        });
        written.ok_or_else(|| Failed::Misbehaved("a copied row that is not of its form".to_owned()).into())
    }

    /// Words of the server's: an error, a notice or a notification.
    pub(super) fn pass_words(&mut self, frame: &Frame) {
        let screen = &mut self.screen;
        if screen.is_open() {
            self.client.output.extend_from_slice(&frame.raw);
            return;
        }
        result::rewrite_words(frame, &mut self.client.output, |words, to| {
            match screen.mask(words, Context::default(), Carries::Text) {
                Masked::Text(text) => to.extend_from_slice(text),
                Masked::Keep | Masked::Null => to.extend_from_slice(words),
            }
        });
    }
}

fn put(masked: Masked<'_>, cell: &[u8], row: &mut bytes::BytesMut) -> Option<()> {
    let put = match masked {
        Masked::Keep => Put::Keep,
        Masked::Text(text) => Put::Text(text),
        Masked::Null => Put::Null,
    };
    result::put_cell(put, cell, row);
    Some(())
}

/// Bytes of statements and their descriptions that a session remembers.
const REMEMBERED: usize = 64 << 10;
/// Bytes of an entry, beside those.
const ENTRY: usize = 128;
const NAME: u32 = 19;
const JSON: u32 = 114;
const XML: u32 = 142;
const TEXTS: u32 = 1009;
const VARCHARS: u32 = 1015;
const RECORD: u32 = 2249;
const JSONB: u32 = 3802;
