//! A client of PostgreSQL's protocol with no opinion: it sends what it is given, byte for byte, and keeps all that comes
//! back, but what is skimmed. It logs in with a password in clear, by SCRAM without channel binding, or with none.

use std::collections::BTreeMap;
use std::time::Duration;

use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::{Authority, Login, Place, frame};

/// One connection.
pub struct Wire {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
    received: Vec<u8>,
    /// Process and secret of the session, for a cancel request.
    pub key: Vec<u8>,
    /// What the server said of its settings.
    pub parameters: BTreeMap<String, String>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// One message from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub kind: u8,
    pub body: Vec<u8>,
}

/// All messages up to the next ReadyForQuery, or to the end of the connection.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub messages: Vec<Message>,
    /// The connection ended before a ReadyForQuery.
    pub closed: bool,
}

/// The fields of an error or a notice, by their letter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<char, String>);

impl Wire {
    /// A connection on which nothing was said yet.
    ///
    /// # Errors
    /// If nobody listens.
    pub async fn connect(login: &Login) -> std::io::Result<Self> {
        let stream: Box<dyn Stream> = match &login.place {
            Place::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            Place::Socket(folder, port) => {
                Box::new(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?)
            }
        };
        Ok(Self { stream, unread: vec![], received: vec![], key: vec![], parameters: BTreeMap::new() })
    }

    /// The same with TLS over it from now on, under these names of what is spoken inside.
    ///
    /// # Errors
    /// If the other side does not come to terms.
    pub async fn over_tls(self, authority: &Authority, spoken: &[&[u8]]) -> std::io::Result<Self> {
        let name = "localhost".try_into().expect("a name");
        let stream = authority.connector(spoken).connect(name, self.stream).await?;
        Ok(Self { stream: Box::new(stream), ..self })
    }

    /// A session.
    ///
    /// # Errors
    /// What the server says when it refuses.
    pub async fn login(login: &Login) -> Result<Self, Fields> {
        let wire = Self::connect(login).await.map_err(|error| Fields::of("no connection", &error.to_string()))?;
        wire.start(login).await
    }

    /// A session on this connection.
    ///
    /// # Errors
    /// What the server says when it refuses.
    pub async fn start(mut self, login: &Login) -> Result<Self, Fields> {
        let start = frame::startup(&[("user", &login.user), ("database", &login.database)]);
        self.send(&start).await;
        self.authenticate(&login.password).await?;
        Ok(self)
    }

    /// A session that must come about.
    pub async fn open(login: &Login) -> Self {
        Self::login(login).await.unwrap_or_else(|refusal| panic!("the login was refused: {refusal}"))
    }

    /// Answers what the server asks after the start, up to the first ReadyForQuery.
    ///
    /// # Errors
    /// What the server says when it refuses.
    pub async fn authenticate(&mut self, password: &str) -> Result<(), Fields> {
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        while let Some(message) = self.receive().await {
            match (message.kind, message.body.as_slice()) {
                (b'R', [0, 0, 0, 3]) => self.send(&frame::password(password)).await,
                (b'R', [0, 0, 0, 10, ..]) => {
                    let said = scram.message();
                    let length = u32::try_from(said.len()).expect("it is short").to_be_bytes();
                    self.send(&frame::message(b'p', &[b"SCRAM-SHA-256\0", length.as_slice(), said].concat())).await;
                }
                (b'R', [0, 0, 0, 11, said @ ..]) => {
                    scram.update(said).expect("the server speaks SCRAM");
                    self.send(&frame::message(b'p', scram.message())).await;
                }
                (b'R', [0, 0, 0, 12, said @ ..]) => scram.finish(said).expect("the server knows the password"),
                (b'R', [0, 0, 0, 0]) | (b'N' | b'S', _) => {}
                (b'K', body) => body.clone_into(&mut self.key),
                (b'Z', _) => return Ok(()),
                (b'E', body) => return Err(Fields::read(body)),
                _ => panic!("unexpected at a login: {message:?}"),
            }
        }
        Err(Fields::of("closed", "the connection ended without a word"))
    }

    /// Sends bytes; that the other side hung up shows when it is read from.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap_or_default();
        self.stream.flush().await.unwrap_or_default();
    }

    /// The next message, or nothing if the connection ended.
    pub async fn receive(&mut self) -> Option<Message> {
        let message = tokio::time::timeout(LIMIT, self.next()).await.unwrap_or_else(|_| {
            let last = &self.received[self.received.len().saturating_sub(600)..];
            panic!("no message within {LIMIT:?} after {:?}", String::from_utf8_lossy(last))
        })?;
        if message.kind == b'S' {
            self.note_parameter(&message.body);
        }
        Some(message)
    }

    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(&[kind, a, b, c, d]) = self.unread.first_chunk() {
                let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).expect("64 bits");
                assert!((4..MOST).contains(&length), "a message of {length} bytes: {:?}", &self.unread[..5]);
                if self.unread.len() > length {
                    let rest = self.unread.split_off(length + 1);
                    let message = Message { kind, body: self.unread[5..].to_vec() };
                    self.unread = rest;
                    return Some(message);
                }
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Option<()> {
        let mut bytes = [0; 16 << 10];
        let count = self.stream.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
        self.unread.extend_from_slice(&bytes[..count]);
        self.received.extend_from_slice(&bytes[..count]);
        Some(())
    }

    /// What has come in, or comes next, into `buffer` and into no other place; 0 if the connection ended.
    pub(super) async fn read_some(&mut self, buffer: &mut [u8]) -> usize {
        if !self.unread.is_empty() {
            let count = self.unread.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.unread[..count]);
            self.unread.drain(..count);
            return count;
        }
        let read = tokio::time::timeout(LIMIT, self.stream.read(buffer)).await;
        read.unwrap_or_else(|_| panic!("nothing came within {LIMIT:?}")).unwrap_or(0)
    }

    /// One byte that is no message, such as the answer to a request for TLS; nothing if the connection ended.
    pub async fn byte(&mut self) -> Option<u8> {
        if self.unread.is_empty() {
            tokio::time::timeout(LIMIT, self.fill()).await.expect("an answer in time")?;
        }
        Some(self.unread.remove(0))
    }

    /// All messages up to the next ReadyForQuery.
    pub async fn answer(&mut self) -> Answer {
        let mut answer = Answer::default();
        loop {
            match self.receive().await {
                None => answer.closed = true,
                Some(message) => answer.messages.push(message),
            }
            if answer.closed || answer.messages.last().is_some_and(|message| message.kind == b'Z') {
                return answer;
            }
        }
    }

    /// Messages up to the first of this kind, which is the last of them. Fails if the answer ends without one.
    pub async fn until(&mut self, kind: u8) -> Answer {
        let mut answer = Answer::default();
        while let Some(message) = self.receive().await {
            let last = message.kind == kind || message.kind == b'Z';
            answer.messages.push(message);
            if last {
                break;
            }
        }
        let found = answer.messages.last().is_some_and(|message| message.kind == kind);
        assert!(found, "no `{}` came: {answer}", char::from(kind));
        answer
    }

    /// The first notice that comes.
    pub async fn notice(&mut self) -> Fields {
        let answer = self.until(b'N').await;
        Fields::read(&answer.messages.last().expect("it is the last").body)
    }

    /// Sends a simple query and waits for its answer.
    pub async fn query(&mut self, sql: &str) -> Answer {
        self.exchange(&frame::query(sql)).await
    }

    /// Sends frames and waits for the next ReadyForQuery.
    pub async fn exchange(&mut self, frames: &[u8]) -> Answer {
        self.send(frames).await;
        self.answer().await
    }

    /// Says that nothing more will be sent, and still listens.
    pub async fn hang_up(&mut self) {
        self.stream.shutdown().await.unwrap_or_default();
    }

    /// Reads until the other side hangs up. Fails if it does not.
    pub async fn closed(mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.receive().await {
            messages.push(message);
        }
        messages
    }

    /// Every byte that came in so far.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    fn note_parameter(&mut self, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        if let Some((name, value)) = text.trim_end_matches('\0').split_once('\0') {
            self.parameters.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wire({})", String::from_utf8_lossy(&self.received))
    }
}

impl Answer {
    /// The messages' types, such as `TDCZ`.
    pub fn kinds(&self) -> String {
        self.messages.iter().map(|message| char::from(message.kind)).collect()
    }

    fn of_kind(&self, kind: u8) -> impl Iterator<Item = &[u8]> {
        self.messages.iter().filter(move |message| message.kind == kind).map(|message| message.body.as_slice())
    }

    /// The rows' cells as text; NULL is `None`.
    pub fn rows(&self) -> Vec<Vec<Option<String>>> {
        self.cells().into_iter().map(|row| row.into_iter().map(|cell| cell.map(lossy)).collect()).collect()
    }

    /// The first cell of every row as text.
    pub fn texts(&self) -> Vec<String> {
        self.rows().into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
    }

    /// The rows' cells as they came.
    pub fn cells(&self) -> Vec<Vec<Option<Vec<u8>>>> {
        self.of_kind(b'D').map(|body| cells(body).unwrap_or_else(|| panic!("a bad row: {body:?}"))).collect()
    }

    /// Command tags, such as `INSERT 0 1`.
    pub fn tags(&self) -> Vec<String> {
        self.of_kind(b'C').map(|body| lossy(body.to_vec()).trim_end_matches('\0').to_owned()).collect()
    }

    /// The first error.
    pub fn error(&self) -> Option<Fields> {
        self.of_kind(b'E').next().map(Fields::read)
    }

    pub fn notices(&self) -> Vec<Fields> {
        self.of_kind(b'N').map(Fields::read).collect()
    }

    /// `I` outside a transaction, `T` inside, `E` inside one that failed.
    pub fn status(&self) -> Option<char> {
        self.of_kind(b'Z').last().and_then(|body| body.first()).map(|byte| char::from(*byte))
    }

    /// Fails if there is an error, or the connection ended.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.error().is_none() && !self.closed, "{self}");
        self
    }

    /// The error. Fails if there is none, if it says nothing, or if a row came.
    #[track_caller]
    pub fn refused(&self) -> Fields {
        let error = self.error().unwrap_or_else(|| panic!("it was not refused: {self}"));
        assert!(!error.message().is_empty() && error.sqlstate().len() == 5, "{error}");
        assert!(self.cells().is_empty(), "refused, and rows came: {self}");
        error
    }

    /// The error with this SQLSTATE.
    #[track_caller]
    pub fn refused_with(&self, sqlstate: &str) -> Fields {
        let error = self.refused();
        assert_eq!(error.sqlstate(), sqlstate, "{error}");
        error
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for message in &self.messages {
            write!(f, "{} {:?}; ", char::from(message.kind), String::from_utf8_lossy(&message.body))?;
        }
        f.write_str(if self.closed { "closed" } else { "" })
    }
}

impl Fields {
    fn read(body: &[u8]) -> Self {
        let parts = body.split(|byte| *byte == 0).filter_map(|part| part.split_first());
        Self(parts.map(|(letter, text)| (char::from(*letter), lossy(text.to_vec()))).collect())
    }

    fn of(severity: &str, message: &str) -> Self {
        Self([('S', severity.to_owned()), ('M', message.to_owned())].into())
    }

    /// One field, or nothing.
    pub fn field(&self, letter: char) -> &str {
        self.0.get(&letter).map_or("", String::as_str)
    }

    pub fn severity(&self) -> &str {
        self.field('S')
    }

    pub fn sqlstate(&self) -> &str {
        self.field('C')
    }

    pub fn message(&self) -> &str {
        self.field('M')
    }

    /// Everything that a person would read.
    pub fn words(&self) -> String {
        ['M', 'D', 'H'].map(|letter| self.field(letter)).join("\n")
    }
}

impl std::fmt::Display for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.severity(), self.sqlstate(), self.words())
    }
}

fn cells(body: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
    let (count, mut rest) = body.split_first_chunk()?;
    let mut cells = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        cells.push(match length {
            None => None,
            Some(length) => Some(after.get(..length)?.to_vec()),
        });
        rest = after.get(length.unwrap_or(0)..)?;
    }
    rest.is_empty().then_some(cells)
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// No answer takes longer, but one that waits for a person.
const LIMIT: Duration = Duration::from_secs(60);
/// No message from a server in these tests is longer.
const MOST: usize = 64 << 20;
