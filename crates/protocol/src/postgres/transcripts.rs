//! Transcripts of the wire: each file of `testdata/postgres` is a script of what a client and a server send, and the
//! snapshot beside it what came of every line. `testdata/postgres/README.md` tells how a script is written. Every
//! script is also fed byte by byte, which must change nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bytes::{BufMut as _, BytesMut};

use super::action::{Act, Building, Housekeeping, Names, Pipeline, Reply, Step, query};
use super::message::{
    Bind, LARGE, Malformed, Message, Named, Opening, Said, framed, read, take_frame, take_frame_within, take_opening,
    take_password,
};
use super::result::{self, Fault, Field, Put, Status};
use super::{Frame, HEAD};

#[test]
fn every_transcript_reads_as_its_snapshot_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/postgres");
    let mut scripts: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    assert!(scripts.len() >= 10, "{scripts:?}");
    scripts.sort();
    for script in scripts {
        check(&script, &folder);
    }
}

fn check(script: &Path, folder: &Path) {
    let text = fs::read_to_string(script).unwrap();
    let name = script.file_stem().unwrap().to_str().unwrap();
    let whole = told(&text, usize::MAX);
    assert_eq!(told(&text, 1), whole, "{name}: the same bytes one by one");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, whole));
}

/// The script with what came of each line beneath it; bytes go in by so many at a time.
fn told(script: &str, at_a_time: usize) -> String {
    let mut session = Session::default();
    for line in script.lines() {
        session.told.push(line.to_owned());
        match line.split_once(' ').unwrap_or((line, "")) {
            (">", said) => said_bytes(said).chunks(at_a_time).for_each(|part| session.handle_client(part)),
            ("<", said) => session.handle_upstream(&said_bytes(said)),
            ("opening", "") => session.stage = Stage::Opening,
            ("confirmed", count) => session.handle_confirmed(count.parse().unwrap_or(usize::MAX)),
            ("hidden", columns) => session.hidden = columns.split(' ').map(|column| column.parse().unwrap()).collect(),
            ("" | "#", _) => {}
            (other, _) => panic!("no line of a script begins with `{other}`"),
        }
    }
    session.told.join("\n")
}

/// Where a connection stands.
#[derive(Debug, Default, PartialEq)]
enum Stage {
    Opening,
    Password,
    #[default]
    Messages,
    /// Messages up to the Sync are passed over: their pipeline was refused.
    Skipping,
    Over,
}

/// What stands of a connection, with the same steps that the door takes.
#[derive(Debug, Default)]
struct Session {
    stage: Stage,
    input: BytesMut,
    names: Names,
    pipeline: Vec<(Message, Frame)>,
    /// Replies that the upstream owes, in order.
    owed: Vec<Reply>,
    fields: Vec<Field>,
    hidden: BTreeSet<usize>,
    told: Vec<String>,
}

impl Session {
    fn tell(&mut self, what: impl Into<String>) {
        self.told.push(format!("    {}", what.into()));
    }

    fn handle_client(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while self.stage != Stage::Over {
            let taken = match self.stage {
                Stage::Opening => self.handle_opening(),
                Stage::Password => self.handle_password(),
                Stage::Messages | Stage::Skipping | Stage::Over => self.handle_frame(),
            };
            match taken {
                Ok(Some(())) => {}
                Ok(None) => return,
                Err(malformed) => {
                    assert!(malformed.is_fatal() || self.stage != Stage::Messages);
                    self.tell(format!("ends: {malformed}"));
                    self.stage = Stage::Over;
                }
            }
        }
    }

    fn handle_opening(&mut self) -> Result<Option<()>, Malformed> {
        let Some(opening) = take_opening(&mut self.input)? else { return Ok(None) };
        self.tell(format!("{opening:?}"));
        match opening {
            Opening::Tls | Opening::Gss => {}
            Opening::Cancel { .. } => self.stage = Stage::Over,
            Opening::Start(_) => self.stage = Stage::Password,
        }
        Ok(Some(()))
    }

    fn handle_password(&mut self) -> Result<Option<()>, Malformed> {
        let Some(password) = take_password(&mut self.input)? else { return Ok(None) };
        self.tell(format!("password {}", quoted(&password)));
        self.stage = Stage::Messages;
        Ok(Some(()))
    }

    fn handle_frame(&mut self) -> Result<Option<()>, Malformed> {
        let Some(frame) = take_frame(&mut self.input)? else { return Ok(None) };
        if self.stage == Stage::Skipping && !matches!(frame.tag, b'S' | b'X') {
            self.tell(format!("passed over {}", char::from(frame.tag)));
            return Ok(Some(()));
        }
        match read(&frame) {
            Ok(message) => self.handle_message(message, frame),
            Err(malformed) if malformed.is_fatal() => return Err(malformed),
            Err(malformed) => {
                self.pipeline.clear();
                self.tell(format!("refused: {malformed}"));
                self.stage = if frame.tag == b'Q' { Stage::Messages } else { Stage::Skipping };
            }
        }
        Ok(Some(()))
    }

    fn handle_message(&mut self, message: Message, frame: Frame) {
        self.tell(shown_message(&message));
        match message {
            Message::Query(text) => {
                self.names.handle_query();
                self.tell_pipeline(query(text, &frame));
            }
            Message::Sync => self.finish(Stage::Messages),
            Message::Flush => self.finish(Stage::Skipping),
            Message::Terminate => self.stage = Stage::Over,
            Message::Copy | Message::FunctionCall => {}
            Message::Parse(_)
            | Message::Bind(_)
            | Message::Describe(_)
            | Message::Execute { .. }
            | Message::Close(_) => self.pipeline.push((message, frame)),
        }
    }

    fn finish(&mut self, if_refused: Stage) {
        self.stage = Stage::Messages;
        let messages = std::mem::take(&mut self.pipeline);
        let mut building = Building::new(&self.names);
        let refused = messages.into_iter().find_map(|(message, frame)| building.add(message, &frame).err());
        let pipeline = building.finish();
        match refused {
            None => self.tell_pipeline(pipeline),
            Some(impossible) => {
                self.tell(format!("refused: {impossible}"));
                self.stage = if_refused;
            }
        }
    }

    fn tell_pipeline(&mut self, pipeline: Pipeline) {
        self.owed.clear();
        for step in pipeline.steps {
            match step {
                Step::Act(act) => {
                    shown_act(&act).into_iter().for_each(|line| self.tell(line));
                    self.owed.extend(act.replies);
                }
                Step::Housekeeping(housekeeping) => {
                    self.tell(format!("housekeeping: {}", shown_housekeeping(&housekeeping)));
                    self.owed.push(housekeeping.reply());
                }
            }
        }
    }

    /// The upstream has given the first `count` of the replies that it owes.
    fn handle_confirmed(&mut self, count: usize) {
        let count = count.min(self.owed.len());
        for reply in self.owed.drain(..count) {
            self.names.handle_reply(&reply);
        }
        self.owed.clear();
    }

    fn handle_upstream(&mut self, bytes: &[u8]) {
        let mut input = BytesMut::from(bytes);
        let frame = match take_frame_within(&mut input, |_| LARGE) {
            Ok(Some(frame)) => frame,
            Ok(None) => return self.tell("not whole"),
            Err(malformed) => return self.tell(format!("ends: {malformed}")),
        };
        match frame.tag {
            b'T' => self.handle_description(&frame),
            b'D' => self.handle_row(&frame),
            b'C' => {
                let tag = result::tag(&frame).map(str::to_owned);
                let rows = tag.as_deref().map_or(0, result::rows_of);
                self.tell(format!("tag {tag:?}, rows {rows}"));
            }
            b'E' | b'N' => self.handle_fault(&frame),
            b'S' => self.tell(format!("setting {:?}", result::setting(&frame))),
            b'Z' => {
                let status = result::status(&frame);
                self.tell(format!("status {status:?}"));
                if status == Some(Status::Idle) {
                    self.names.handle_idle();
                }
            }
            other => self.tell(format!("frame {} of {} bytes", char::from(other), frame.raw.len())),
        }
    }

    fn handle_description(&mut self, frame: &Frame) {
        let Some(fields) = result::fields(frame) else { return self.tell("no description") };
        for field in &fields {
            let text = if field.carries_text() { "carries text" } else { "a form of its own" };
            self.tell(format!("{:?} is {}.{}, type {}: {text}", field.name, field.table, field.column, field.kind));
        }
        self.fields = fields;
    }

    /// As the relay rewrites a row: hidden columns are redacted, or NULL where no text can stand.
    fn handle_row(&mut self, frame: &Frame) {
        let mut output = BytesMut::from(&b"before"[..]);
        let put = |number: usize, row: &mut BytesMut, cell: &[u8]| {
            let field = self.fields.get(number)?;
            let put = match (self.hidden.contains(&number), field.carries_text()) {
                (false, _) => Put::Keep,
                (true, true) => Put::Text(b"[hidden]"),
                (true, false) => Put::Null,
            };
            result::put_cell(put, cell, row);
            Some(())
        };
        let written = result::rewrite_row(frame, self.fields.len(), &mut output, put);
        let row = output.strip_prefix(b"before").unwrap().escape_ascii().to_string();
        match written {
            Some(()) => self.tell(format!("row {row}")),
            None => self.tell(format!("no row of this description; written: {row:?}")),
        }
        self.tell(format!("as text {:?}", result::cells(frame)));
    }

    fn handle_fault(&mut self, frame: &Frame) {
        let fault = Fault::read(frame);
        self.tell(format!("{fault:?}"));
        let mut output = BytesMut::new();
        Said::Report(&fault.without_data()).write(&mut output);
        self.tell(format!("without data {}", output.escape_ascii()));
    }
}

fn shown_message(message: &Message) -> String {
    let Message::Bind(Bind { portal, statement, formats, values }) = message else { return format!("{message:?}") };
    let values: Vec<_> = values.iter().map(|value| value.as_deref().map_or("NULL".to_owned(), quoted)).collect();
    format!("Bind {portal:?} to {statement:?}, formats {formats:?}, values [{}]", values.join(", "))
}

fn shown_act(act: &Act) -> Vec<String> {
    let mut lines = vec![format!("{:?}: {:?}, types {:?}", act.purpose, act.statement.text, act.statement.types)];
    for parameter in act.parameters.iter() {
        let value = parameter.value.as_deref().map_or("NULL".to_owned(), quoted);
        lines.push(format!("  value {:?} {:?} {value}", parameter.kind, parameter.format));
    }
    let tags = tags(&act.bytes);
    match &act.execute {
        Some((at, portal)) => {
            let before = self::tags(act.bytes.get(..*at).unwrap());
            lines.push(format!("  sends {tags}, executes {portal:?} after {before:?}, goes on: {}", act.goes_on()));
        }
        None => lines.push(format!("  sends {tags}")),
    }
    lines.extend(act.uses.iter().map(|name| format!("  uses {name:?}")));
    lines.extend(act.replies.iter().map(|reply| format!("  owes {}", shown_reply(reply))));
    lines
}

fn shown_housekeeping(housekeeping: &Housekeeping) -> String {
    format!("{housekeeping:?}, owes {}", shown_reply(&housekeeping.reply()))
}

fn shown_reply(reply: &Reply) -> String {
    match reply {
        Reply::Parsed(name, prepared) => format!("{name:?} parsed as {:?}", prepared.text),
        Reply::Bound(name, portal) => format!("{name:?} bound to {:?}", portal.statement.text),
        Reply::Closed(Named::Statement(name)) => format!("statement {name:?} closed"),
        Reply::Closed(Named::Portal(name)) => format!("portal {name:?} closed"),
        Reply::StatementDescribed | Reply::PortalDescribed | Reply::Executed => format!("{reply:?}"),
    }
}

/// The tags of the messages, one letter each.
fn tags(bytes: &[u8]) -> String {
    let mut input = BytesMut::from(bytes);
    let frames = std::iter::from_fn(|| take_frame(&mut input).unwrap());
    frames.map(|frame| char::from(frame.tag)).collect()
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

/// The bytes of one line: `raw` as they stand, `packet` with their length in front, otherwise a message by its tag.
fn said_bytes(line: &str) -> Vec<u8> {
    let (form, rest) = line.split_once(' ').unwrap_or((line, ""));
    let body = body_bytes(rest);
    let mut output = BytesMut::new();
    match form.as_bytes() {
        b"raw" => return body,
        b"packet" => {
            output.put_u32(u32::try_from(body.len() + HEAD - 1).unwrap());
            output.put_slice(&body);
        }
        [tag] => framed(&mut output, *tag, |to| to.put_slice(&body)),
        _ => panic!("`{form}` is no tag, `raw` or `packet`"),
    }
    output.to_vec()
}

fn body_bytes(mut rest: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return bytes;
        }
        if let Some(behind) = rest.strip_prefix("value:") {
            let mut value = Vec::new();
            rest = literal(behind, &mut value);
            bytes.extend_from_slice(&u32::try_from(value.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(&value);
        } else {
            rest = literal(rest, &mut bytes);
        }
    }
}

/// Appends the first literal and returns what stands behind it.
fn literal<'a>(text: &'a str, bytes: &mut Vec<u8>) -> &'a str {
    let mut letters = text.chars();
    if let Some(quote @ ('"' | '\'')) = letters.next() {
        let (inside, behind) = letters.as_str().split_once(quote).expect("a quoted text ends");
        bytes.extend_from_slice(inside.as_bytes());
        bytes.extend((quote == '"').then_some(0));
        return behind;
    }
    let (word, behind) = text.split_once(' ').unwrap_or((text, ""));
    match word.split_once(':') {
        Some(("i16", number)) => bytes.extend_from_slice(&number.parse::<i16>().unwrap().to_be_bytes()),
        Some(("i32", number)) => bytes.extend_from_slice(&number.parse::<i32>().unwrap().to_be_bytes()),
        Some(("u32", number)) => bytes.extend_from_slice(&number.parse::<u32>().unwrap().to_be_bytes()),
        Some((other, _)) => panic!("`{other}` is no number's form"),
        None if word == "null" => bytes.extend_from_slice(&(-1_i32).to_be_bytes()),
        None => {
            let digits = word.strip_prefix('x').expect("a word is `null`, a number or hexadecimal digits");
            let pairs = digits.as_bytes().chunks_exact(2).map(|pair| std::str::from_utf8(pair).unwrap());
            bytes.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
        }
    }
    behind
}
