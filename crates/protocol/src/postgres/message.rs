//! What clients say, read strictly and under limits, and what the gateway itself says to them. The form of the messages
//! is that of "Message Formats" in PostgreSQL's documentation; text is UTF-8.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::collections::BTreeMap;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::{Frame, HEAD, Reader, head};

/// What a client may say once it is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text of statements, to be run at once.
    Query(String),
    /// A statement to be prepared.
    Parse(Parse),
    /// Values for a prepared statement.
    Bind(Bind),
    /// What a statement takes and gives.
    Describe(Named),
    /// Run a portal, as far as so many rows; 0 is all.
    Execute {
        /// The portal.
        portal: String,
        /// The most rows.
        rows: i32,
    },
    /// Forget a statement or portal.
    Close(Named),
    /// The end of a pipeline.
    Sync,
    /// Send what there is.
    Flush,
    /// The client leaves.
    Terminate,
    /// Part of a copy: a late one is ignored, as the server does.
    Copy,
    /// A call of a function by its number, without a statement.
    FunctionCall,
}

/// A statement to be prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parse {
    /// Under which name; empty for the unnamed one.
    pub name: String,
    /// The statement.
    pub text: String,
    /// Types of its parameters, as far as the client says; 0 is unsaid.
    pub types: Vec<u32>,
}

/// Values for a prepared statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The portal it makes; empty for the unnamed one.
    pub portal: String,
    /// The statement it uses.
    pub statement: String,
    /// Formats of the values: none, one for all, or one each.
    pub formats: Vec<i16>,
    /// The values; absent is NULL.
    pub values: Vec<Option<Vec<u8>>>,
}

/// A statement or a portal, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A prepared statement.
    Statement(String),
    /// A portal.
    Portal(String),
}

/// The first thing on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// TLS is asked for.
    Tls,
    /// GSS encryption is asked for.
    Gss,
    /// A statement of another connection is to be stopped.
    Cancel {
        /// The session's number.
        process: i32,
        /// Its key.
        key: i32,
    },
    /// A session.
    Start(Start),
}

/// How a session is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Start {
    /// The minor version of the protocol.
    pub minor: u16,
    /// Parameters by name; no name twice.
    pub parameters: BTreeMap<String, String>,
}

/// The bytes are no message of a client. Whoever sent them is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Its length is less than a length's own.
    #[error("the length of a message is not one")]
    Length,
    /// It is over the limit for its kind.
    #[error("a message of {0} bytes is over the limit of {1}")]
    TooLong(usize, usize),
    /// The tag is not known.
    #[error("there is no message of type {0:#04x}")]
    Unknown(u8),
    /// The body ends early, or goes on.
    #[error("the body of message `{}` is not of its form", char::from(*.0))]
    Body(u8),
    /// Text is not UTF-8.
    #[error("the text is not valid UTF-8")]
    NotUtf8,
    /// The version of the protocol is not 3.
    #[error("protocol version {0}.{1} is not spoken here: use 3.0")]
    Version(u16, u16),
    /// A parameter stands twice.
    #[error("the start parameter `{0}` stands twice")]
    Twice(String),
}

impl Malformed {
    /// Whether the connection can go on: only where the end of the message is certain.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::NotUtf8 | Self::Body(_))
    }
}

/// Takes one whole message of a client from the front of `buffer`.
///
/// # Errors
/// If the length is not one, or over the limit.
pub fn take_frame(buffer: &mut BytesMut) -> Result<Option<Frame>, Malformed> {
    // A tag that is none says that the length behind it is none, too.
    if let Some(tag) = buffer.first().filter(|tag| !b"QPBDCESHXFdcfp".contains(tag)) {
        return Err(Malformed::Unknown(*tag));
    }
    // Longer texts than one statement may have are read to their end, and refused by what reads statements.
    let limit = |tag| if b"QPBd".contains(&tag) { LARGE } else { SMALL };
    take_frame_within(buffer, limit)
}

/// Takes one whole message from the front of `buffer`. A length over its limit is refused before its body arrives.
///
/// # Errors
/// If the length is not one, or over the limit.
pub fn take_frame_within(buffer: &mut BytesMut, limit: impl Fn(u8) -> usize) -> Result<Option<Frame>, Malformed> {
    let Some((tag, whole)) = head(buffer) else { return Ok(None) };
    let whole = whole.ok_or(Malformed::Length)?;
    let limit = limit(tag);
    if whole > limit {
        return Err(Malformed::TooLong(whole, limit));
    }
    if buffer.len() < whole {
        return Ok(None);
    }
    Ok(Some(Frame { tag, raw: buffer.split_to(whole).freeze() }))
}

/// Reads one message.
///
/// # Errors
/// If it is not one.
pub fn read(frame: &Frame) -> Result<Message, Malformed> {
    let mut body = Reader(frame.body());
    let message = match frame.tag {
        b'Q' => Some(Message::Query(last_text(&mut body)?)),
        b'P' => read_parse(&mut body)?.map(Message::Parse),
        b'B' => read_bind(&mut body)?.map(Message::Bind),
        b'D' => read_named(&mut body)?.map(Message::Describe),
        b'C' => read_named(&mut body)?.map(Message::Close),
        b'E' => match (text(&mut body)?, body.i32()) {
            (Some(portal), Some(rows)) => Some(Message::Execute { portal, rows }),
            _ => None,
        },
        b'S' => Some(Message::Sync),
        b'H' => Some(Message::Flush),
        b'X' => Some(Message::Terminate),
        b'F' => return Ok(Message::FunctionCall),
        b'd' | b'c' | b'f' => return Ok(Message::Copy),
        tag => return Err(Malformed::Unknown(tag)),
    };
    message.filter(|_| body.is_empty()).ok_or(Malformed::Body(frame.tag))
}

/// The text of a Query: up to the last byte, which is its only NUL.
fn last_text(body: &mut Reader<'_>) -> Result<String, Malformed> {
    match text(body)? {
        Some(text) if body.is_empty() => Ok(text),
        _ => Err(Malformed::Body(b'Q')),
    }
}

fn text(body: &mut Reader<'_>) -> Result<Option<String>, Malformed> {
    let Some(bytes) = body.until_nul() else { return Ok(None) };
    std::str::from_utf8(bytes).map(|text| Some(text.to_owned())).map_err(|_| Malformed::NotUtf8)
}

fn read_parse(body: &mut Reader<'_>) -> Result<Option<Parse>, Malformed> {
    let (Some(name), Some(text)) = (text(body)?, text(body)?) else { return Ok(None) };
    let types = body.count().and_then(|count| (0..count).map(|_| body.u32()).collect::<Option<Vec<_>>>());
    Ok(types.map(|types| Parse { name, text, types }))
}

fn read_bind(body: &mut Reader<'_>) -> Result<Option<Bind>, Malformed> {
    let (Some(portal), Some(statement)) = (text(body)?, text(body)?) else { return Ok(None) };
    let rest = |body: &mut Reader<'_>| {
        let formats = formats(body)?;
        let count = body.count()?;
        let values = (0..count).map(|_| Some(body.value()?.map(<[u8]>::to_vec))).collect::<Option<Vec<_>>>()?;
        // Formats of the results: the upstream's business, as long as they are well formed.
        self::formats(body)?;
        let matching = formats.len() <= 1 || formats.len() == values.len();
        matching.then_some((formats, values))
    };
    Ok(rest(body).map(|(formats, values)| Bind { portal, statement, formats, values }))
}

/// Format codes: 0 for text, 1 for binary, nothing else.
fn formats(body: &mut Reader<'_>) -> Option<Vec<i16>> {
    let count = body.count()?;
    (0..count).map(|_| body.i16().filter(|code| (0..=1).contains(code))).collect()
}

fn read_named(body: &mut Reader<'_>) -> Result<Option<Named>, Malformed> {
    let kind = body.u8();
    let Some(name) = text(body)? else { return Ok(None) };
    Ok(match kind {
        Some(b'S') => Some(Named::Statement(name)),
        Some(b'P') => Some(Named::Portal(name)),
        _ => None,
    })
}

/// Takes the first packet of a connection from the front of `buffer`.
///
/// # Errors
/// If it is none.
pub fn take_opening(buffer: &mut BytesMut) -> Result<Option<Opening>, Malformed> {
    let mut reader = Reader(buffer);
    let Some(length) = reader.i32() else { return Ok(None) };
    let whole = usize::try_from(length).ok().filter(|length| *length >= 8).ok_or(Malformed::Length)?;
    if whole > SMALL {
        return Err(Malformed::TooLong(whole, SMALL));
    }
    if buffer.len() < whole {
        return Ok(None);
    }
    let packet = buffer.split_to(whole).freeze();
    let mut body = Reader(packet.get(4..).unwrap_or_default());
    let code = body.u32().ok_or(Malformed::Length)?;
    let opening = match code {
        TLS_REQUEST => Opening::Tls,
        GSS_REQUEST => Opening::Gss,
        CANCEL_REQUEST => match (body.i32(), body.i32()) {
            (Some(process), Some(key)) => Opening::Cancel { process, key },
            _ => return Err(Malformed::Length),
        },
        version => Opening::Start(read_start(version, &mut body)?),
    };
    if body.is_empty() { Ok(Some(opening)) } else { Err(Malformed::Length) }
}

fn read_start(version: u32, body: &mut Reader<'_>) -> Result<Start, Malformed> {
    let [_, major, high, low] = version.to_be_bytes();
    let (major, minor) = (u16::from(major), u16::from_be_bytes([high, low]));
    if version >> 16 != 3 {
        return Err(Malformed::Version(major, minor));
    }
    let mut start = Start { minor, parameters: BTreeMap::new() };
    loop {
        let name = text(body)?.ok_or(Malformed::Length)?;
        if name.is_empty() {
            return Ok(start);
        }
        let value = text(body)?.ok_or(Malformed::Length)?;
        if start.parameters.insert(name.clone(), value).is_some() {
            return Err(Malformed::Twice(name));
        }
    }
}

/// Takes the password message from the front of `buffer`.
///
/// # Errors
/// If something else stands there.
pub fn take_password(buffer: &mut BytesMut) -> Result<Option<Bytes>, Malformed> {
    let Some(body) = take_proof(buffer)? else { return Ok(None) };
    match body.split_last() {
        Some((0, password)) if !password.contains(&0) => Ok(Some(body.slice_ref(password))),
        _ => Err(Malformed::Body(b'p')),
    }
}

/// Takes the way that a client chose to prove itself by, of those it was offered, and its first words of that.
///
/// # Errors
/// If something else stands there.
pub fn take_choice(buffer: &mut BytesMut) -> Result<Option<(String, Bytes)>, Malformed> {
    let Some(body) = take_proof(buffer)? else { return Ok(None) };
    let mut reader = Reader(&body);
    match (text(&mut reader)?, reader.i32()) {
        (Some(mechanism), Some(length)) if usize::try_from(length) == Ok(reader.0.len()) => {
            Ok(Some((mechanism, body.slice_ref(reader.0))))
        }
        _ => Err(Malformed::Body(b'p')),
    }
}

/// Takes what a client says to prove itself, once its first words were answered; an older client's password has an end of
/// its own.
///
/// # Errors
/// If something else stands there.
pub fn take_proof(buffer: &mut BytesMut) -> Result<Option<Bytes>, Malformed> {
    let Some(frame) = take_frame(buffer)? else { return Ok(None) };
    if frame.tag != b'p' {
        return Err(Malformed::Unknown(frame.tag));
    }
    let mut body = frame.raw;
    body.advance(HEAD.min(body.len()));
    Ok(Some(body))
}

/// How grave an error of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The connection ends.
    Fatal,
    /// Nothing failed: the client is told something.
    Notice,
}

impl Severity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Notice => "NOTICE",
        }
    }
}

/// What the gateway tells a client in PostgreSQL's own shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How grave it is.
    pub severity: Severity,
    /// The five characters of SQLSTATE.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    /// The deciding rule or review; empty for none.
    pub detail: String,
    /// What to do next; empty for none.
    pub hint: String,
    /// Where in the statement, in characters from 1; empty for nowhere.
    pub position: String,
}

impl Report {
    /// A report with a message alone.
    #[must_use]
    pub fn new(severity: Severity, code: &'static str, message: impl ToString) -> Self {
        let message = message.to_string();
        let (detail, hint, position) = (String::new(), String::new(), String::new());
        Self { severity, code, message, detail, hint, position }
    }

    /// With what to do next.
    #[must_use]
    pub fn hint(self, hint: impl ToString) -> Self {
        Self { hint: hint.to_string(), ..self }
    }

    /// With the rule or review.
    #[must_use]
    pub fn detail(self, detail: impl ToString) -> Self {
        Self { detail: detail.to_string(), ..self }
    }
}

/// What the gateway itself says to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<'a> {
    /// An error or a notice.
    Report(&'a Report),
    /// Send the password, as it is.
    PasswordWanted,
    /// Prove yourself by one of these ways.
    ProofWanted(&'a [&'a str]),
    /// What to prove it over.
    Challenge(&'a str),
    /// What proves the gateway to the client.
    ProvenTo(&'a str),
    /// The password was right.
    LoggedIn,
    /// A setting of the session.
    Setting(&'a str, &'a str),
    /// What to send to stop a statement.
    CancelKey {
        /// The session's number.
        process: i32,
        /// Its key.
        key: i32,
    },
    /// Ready, in this state of the transaction.
    Ready(u8),
    /// Protocol 3.0 is spoken, and none of these options.
    Negotiate(&'a [&'a str]),
}

impl Said<'_> {
    /// Appends the message. A NUL in a text, which would end it, is left out.
    pub fn write(&self, output: &mut BytesMut) {
        match self {
            Self::Report(report) => {
                let tag = if report.severity == Severity::Notice { b'N' } else { b'E' };
                framed(output, tag, |body| write_report(report, body));
            }
            Self::PasswordWanted => framed(output, b'R', |body| body.put_i32(3)),
            Self::ProofWanted(mechanisms) => framed(output, b'R', |body| {
                body.put_i32(10);
                mechanisms.iter().for_each(|mechanism| put_text(body, mechanism));
                body.put_u8(0);
            }),
            Self::Challenge(words) => framed(output, b'R', |body| {
                body.put_i32(11);
                body.put_slice(words.as_bytes());
            }),
            Self::ProvenTo(words) => framed(output, b'R', |body| {
                body.put_i32(12);
                body.put_slice(words.as_bytes());
            }),
            Self::LoggedIn => framed(output, b'R', |body| body.put_i32(0)),
            Self::Setting(name, value) => framed(output, b'S', |body| {
                put_text(body, name);
                put_text(body, value);
            }),
            Self::CancelKey { process, key } => framed(output, b'K', |body| {
                body.put_i32(*process);
                body.put_i32(*key);
            }),
            Self::Ready(status) => framed(output, b'Z', |body| body.put_u8(*status)),
            Self::Negotiate(options) => framed(output, b'v', |body| {
                body.put_i32(VERSION_3_0);
                body.put_i32(i32::try_from(options.len()).unwrap_or(i32::MAX));
                options.iter().for_each(|option| put_text(body, option));
            }),
        }
    }
}

/// The newest version that is spoken here, as a start packet names it.
const VERSION_3_0: i32 = 3 << 16;

fn write_report(report: &Report, body: &mut BytesMut) {
    let severity = report.severity.as_str();
    let fields = [
        (b'S', severity),
        (b'V', severity),
        (b'C', report.code),
        (b'M', report.message.as_str()),
        (b'D', report.detail.as_str()),
        (b'H', report.hint.as_str()),
        (b'P', report.position.as_str()),
    ];
    for (field, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        body.put_u8(field);
        put_text(body, value);
    }
    body.put_u8(0);
}

/// Appends a message: its tag, the length that `fill` makes it, and the body.
pub(crate) fn framed(output: &mut BytesMut, tag: u8, fill: impl FnOnce(&mut BytesMut)) {
    let mut body = output.split_off(output.len());
    body.put_slice(&[tag, 0, 0, 0, 0]);
    fill(&mut body);
    // Bodies of ours are bounded far below 2 GiB.
    let length = u32::try_from(body.len().saturating_sub(1)).unwrap_or(u32::MAX);
    if let Some(place) = body.get_mut(1..HEAD) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    output.unsplit(body);
}

fn put_text(body: &mut BytesMut, text: &str) {
    text.bytes().filter(|byte| *byte != 0).for_each(|byte| body.put_u8(byte));
    body.put_u8(0);
}

/// Asks for TLS, in place of a version.
const TLS_REQUEST: u32 = 80_877_103;
/// Asks for GSS encryption.
const GSS_REQUEST: u32 = 80_877_104;
/// Asks to stop a statement of another connection.
const CANCEL_REQUEST: u32 = 80_877_102;
/// Bytes of a message that holds names and numbers only, and of the first packet.
pub const SMALL: usize = 10_000;
/// Bytes of a message that holds a text or values.
pub const LARGE: usize = 16 << 20;

#[cfg(test)]
mod tests;
