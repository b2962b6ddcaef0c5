//! PostgreSQL's wire: clients' messages up to the pipeline of acts, and servers' answers. Cutting a stream anywhere
//! changes nothing, an act holds the bytes of one statement and one portal, and no byte of a hidden cell comes through.

use bytes::BytesMut;
use protocol::postgres::Frame;
use protocol::postgres::action::{Act, Building, Names, Pipeline, Reply, Step, query};
use protocol::postgres::message::{
    LARGE, Message, Opening, Said, read, take_choice, take_frame, take_frame_within, take_opening, take_password,
};
use protocol::postgres::result::{Fault, Put, cells, fields, put_cell, rewrite_row, rows_of, setting, status, tag};

/// The first byte says whether a connection begins and how much the upstream confirms, the second where the rest is cut.
pub fn messages(bytes: &[u8]) {
    let [kind, cut, stream @ ..] = bytes else { return };
    let whole = heard(*kind, &[stream]);
    let (front, back) = stream.split_at(usize::from(*cut).min(stream.len()));
    assert_eq!(heard(*kind, &[front, back]), whole, "cut at {}", front.len());
    if stream.len() <= 256 {
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(heard(*kind, &single), whole, "byte by byte");
    }
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Opening,
    Password,
    Messages,
    Over,
}

/// A client's connection, with what it gave as text to be compared.
struct Heard {
    stage: Stage,
    confirms: bool,
    input: BytesMut,
    names: Names,
    pipeline: Vec<(Message, Frame)>,
    told: Vec<String>,
}

fn heard(kind: u8, parts: &[&[u8]]) -> Vec<String> {
    let stage = if kind & 1 == 1 { Stage::Opening } else { Stage::Messages };
    let (input, pipeline, told) = (BytesMut::new(), Vec::new(), Vec::new());
    let mut heard = Heard { stage, confirms: kind & 2 == 0, input, names: Names::default(), pipeline, told };
    for part in parts {
        heard.input.extend_from_slice(part);
        while heard.advance() {}
    }
    heard.told
}

impl Heard {
    /// One step further; whether there may be another.
    fn advance(&mut self) -> bool {
        let before = self.input.len();
        let goes_on = match self.stage {
            Stage::Opening => self.opening(),
            Stage::Password => self.password(),
            Stage::Messages => self.frame(),
            Stage::Over => false,
        };
        assert!(!goes_on || self.input.len() < before, "a step took nothing");
        goes_on
    }

    fn opening(&mut self) -> bool {
        match take_opening(&mut self.input) {
            Ok(None) => return false,
            Ok(Some(opening)) => {
                self.told.push(format!("{opening:?}"));
                self.stage = match opening {
                    Opening::Tls | Opening::Gss => Stage::Opening,
                    Opening::Start(_) => Stage::Password,
                    Opening::Cancel { .. } => Stage::Over,
                };
            }
            Err(malformed) => self.end(&malformed),
        }
        self.stage != Stage::Over
    }

    fn password(&mut self) -> bool {
        // The same bytes as a choice among ways, which is another reading of the same message.
        if let Ok(Some((mechanism, words))) = take_choice(&mut self.input.clone()) {
            assert!(mechanism.len() + words.len() < self.input.len());
        }
        match take_password(&mut self.input) {
            Ok(None) => return false,
            Ok(Some(password)) => {
                assert!(!password.contains(&0));
                self.told.push(format!("{password:?}"));
                self.stage = Stage::Messages;
            }
            Err(malformed) => self.end(&malformed),
        }
        self.stage != Stage::Over
    }

    fn frame(&mut self) -> bool {
        match take_frame(&mut self.input) {
            Ok(None) => return false,
            Ok(Some(frame)) => self.read(frame),
            Err(malformed) => self.end(&malformed),
        }
        self.stage != Stage::Over
    }

    fn end(&mut self, why: &impl std::fmt::Display) {
        self.told.push(why.to_string());
        self.stage = Stage::Over;
    }

    fn read(&mut self, frame: Frame) {
        let message = match read(&frame) {
            Ok(message) => message,
            Err(malformed) if malformed.is_fatal() => return self.end(&malformed),
            Err(malformed) => {
                self.told.push(malformed.to_string());
                return self.pipeline.clear();
            }
        };
        match message {
            Message::Query(text) => {
                self.names.handle_query();
                let pipeline = query(text, &frame);
                self.check(pipeline, &[frame]);
            }
            Message::Sync | Message::Flush => self.build(),
            Message::Terminate => self.end(&"goodbye"),
            Message::Copy | Message::FunctionCall => {}
            Message::Parse(_)
            | Message::Bind(_)
            | Message::Describe(_)
            | Message::Execute { .. }
            | Message::Close(_) => self.pipeline.push((message, frame)),
        }
    }

    fn build(&mut self) {
        let messages = std::mem::take(&mut self.pipeline);
        let frames: Vec<Frame> = messages.iter().map(|(_, frame)| frame.clone()).collect();
        let mut building = Building::new(&self.names);
        for (message, frame) in messages {
            if let Err(impossible) = building.add(message, &frame) {
                return self.told.push(impossible.to_string());
            }
        }
        let pipeline = building.finish();
        self.check(pipeline, &frames);
    }

    /// Everything a client sent is in exactly one step, in order, and each act is one statement with one portal.
    fn check(&mut self, pipeline: Pipeline, frames: &[Frame]) {
        let mut rest = frames.iter();
        let mut next = || rest.next().expect("no step holds more than was sent").clone();
        for step in &pipeline.steps {
            match step {
                Step::Housekeeping(_) => assert!(matches!(next().tag, b'D' | b'C')),
                Step::Act(act) => {
                    let count = frames_of(act).len();
                    let sent: Vec<Frame> = (0..count).map(|_| next()).collect();
                    assert_eq!(sent, frames_of(act));
                    check_act(act, &sent);
                }
            }
        }
        assert!(rest.next().is_none(), "a message is in no step");
        self.told.push(format!("{pipeline:?}"));
        for step in pipeline.steps {
            let replies = match step {
                Step::Act(act) => act.replies,
                Step::Housekeeping(housekeeping) => vec![housekeeping.reply()],
            };
            let count = if self.confirms { replies.len() } else { replies.len() / 2 };
            replies.iter().take(count).for_each(|reply| self.names.handle_reply(reply));
        }
    }
}

fn frames_of(act: &Act) -> Vec<Frame> {
    let mut input = BytesMut::from(&act.bytes[..]);
    let frames = std::iter::from_fn(|| take_frame(&mut input).expect("an act holds whole messages")).collect();
    assert!(input.is_empty());
    frames
}

/// What is shown of an act, its text and values, is what its messages say.
fn check_act(act: &Act, frames: &[Frame]) {
    let mut executed = None;
    let mut at = 0;
    for (number, frame) in frames.iter().enumerate() {
        match read(frame).expect("an act holds messages that were read") {
            Message::Query(text) => assert_eq!((text.as_str(), frames.len()), (&*act.statement.text, 1)),
            Message::Parse(parse) => {
                assert_eq!(number, 0, "a statement begins its act");
                assert_eq!((&*parse.text, &*parse.types), (&*act.statement.text, &*act.statement.types));
            }
            Message::Bind(bind) => {
                assert!(frames.iter().filter(|frame| frame.tag == b'B').count() == 1, "one act, one portal");
                let values: Vec<_> = act.parameters.iter().map(|parameter| parameter.value.clone()).collect();
                assert_eq!(values, bind.values);
            }
            Message::Execute { portal, .. } => {
                let (first, name) = executed.get_or_insert((at, portal.clone()));
                assert_eq!(*name, portal, "one act, one portal");
                assert_eq!(act.execute, Some((*first, portal)));
            }
            Message::Describe(_) | Message::Close(_) => {}
            other => panic!("{other:?} in an act"),
        }
        at += frame.raw.len();
    }
    assert_eq!(act.execute.is_some(), executed.is_some());
    let is_query = frames.iter().any(|frame| frame.tag == b'Q');
    assert_eq!(act.replies.len(), if is_query { 0 } else { frames.len() });
    for (reply, frame) in act.replies.iter().zip(frames) {
        let tag = match reply {
            Reply::Parsed(..) => b'P',
            Reply::Bound(..) => b'B',
            Reply::StatementDescribed | Reply::PortalDescribed => b'D',
            Reply::Executed => b'E',
            Reply::Closed(_) => b'C',
        };
        assert_eq!(tag, frame.tag);
    }
}

/// A server's stream of answers.
pub fn results(bytes: &[u8]) {
    let mut input = BytesMut::from(bytes);
    let mut taken = 0;
    while let Ok(Some(frame)) = take_frame_within(&mut input, |_| LARGE) {
        assert_eq!(frame.raw, bytes[taken..taken + frame.raw.len()]);
        taken += frame.raw.len();
        let described = fields(&frame);
        assert!(described.is_none_or(|fields| fields.len() * 19 + 2 <= frame.body().len()));
        row(&frame);
        fault(&frame);
        if let Some(tag) = tag(&frame) {
            assert!(!tag.contains('\0'));
            assert!(rows_of(tag) == 0 || tag.ends_with(|last: char| last.is_ascii_digit()));
        }
        if let Some(status) = status(&frame) {
            assert_eq!(frame.body(), [status.byte()]);
        }
        if let Some((name, value)) = setting(&frame) {
            let mut again = BytesMut::new();
            Said::Setting(name, value).write(&mut again);
            assert_eq!(again[5..], frame.body()[..again.len() - 5]);
        }
    }
    assert_eq!(input, bytes[taken..], "nothing is lost");
}

/// A row that is kept comes out as it was; of one that is hidden nothing but its shape does; one of other columns than
/// were described does not come out.
fn row(frame: &Frame) {
    let columns = frame.body().first_chunk().map_or(0, |count| usize::from(u16::from_be_bytes(*count)));
    let rewritten = |columns: usize, put: fn(usize) -> Option<Put<'static>>| {
        let mut output = BytesMut::new();
        let whole = rewrite_row(frame, columns, &mut output, |number, row, cell| {
            put_cell(put(number)?, cell, row);
            Some(())
        });
        assert!(whole.is_some() || output.is_empty(), "half a row is written");
        whole.map(|()| output)
    };
    assert_eq!(rewritten(columns + 1, |_| Some(Put::Keep)), None);
    let Some(kept) = rewritten(columns, |_| Some(Put::Keep)) else { return };
    assert_eq!(kept, frame.raw);
    let hide = |number: usize| Some(if number.is_multiple_of(2) { Put::Text(b"[hidden]") } else { Put::Null });
    let mut hidden = rewritten(columns, hide).expect("a row that can be kept can be hidden");
    let hidden = take_frame_within(&mut hidden, |_| 2 * LARGE).expect("a row of ours").expect("it is whole");
    let shown = cells(&hidden).expect("a hidden row is text");
    assert_eq!(shown.len(), columns);
    assert!(shown.iter().flatten().all(|cell| *cell == "[hidden]"));
    if let Some(before) = cells(frame) {
        let stays_null = before.iter().zip(&shown).all(|(before, shown)| before.is_some() || shown.is_none());
        assert!(stays_null, "a hidden NULL is no value");
        assert_eq!(rewritten(columns, |_| None).is_some(), before.iter().all(Option::is_none));
    }
}

/// An error without data holds nothing of the server's but a known code and digits.
fn fault(frame: &Frame) {
    let fault = Fault::read(frame);
    let report = fault.without_data();
    assert!(report.code == "XX000" || report.code == fault.code);
    assert!(report.position.bytes().all(|byte| byte.is_ascii_digit()));
    let mut written = BytesMut::new();
    Said::Report(&report).write(&mut written);
    let written = take_frame_within(&mut written, |_| 2 * LARGE).expect("a report of ours").expect("it is whole");
    let again = Fault::read(&written);
    assert_eq!((again.is_fatal, again.code, again.position), (fault.is_fatal, report.code.to_owned(), fault.position));
}
