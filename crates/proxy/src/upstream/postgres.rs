//! A PostgreSQL server as an upstream: one connection a session, never shared. An actor's bytes go there by a clearance;
//! the gateway's own questions and housekeeping are a closed enum. It reads frames and knows nothing of the client.

mod catalog;
mod cleared;
mod courtesy;
mod dial;
mod login;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gate::{Clearance, Sealed};
use model::Name;
use postgres_protocol::message::frontend;
use protocol::postgres::Frame;
use protocol::postgres::message::{Malformed, take_frame_within};
use protocol::postgres::result::{self, Fault, Status};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

pub use catalog::{Catalog, Origins, SETTINGS, Setting, with_classes};
pub(crate) use cleared::Answered;
pub(crate) use courtesy::Courtesy;
use courtesy::Question;
use dial::Stop;

/// A PostgreSQL server, and how the gateway logs in there.
#[derive(Debug)]
pub struct PostgresUpstream {
    /// The target that it is.
    pub target: Name,
    /// Where it is: the servers that it may be, in the order in which they are tried.
    pub hosts: Vec<Host>,
    /// The gateway's role there.
    pub role: String,
    /// The database.
    pub database: String,
    /// The role's password.
    pub password: Option<SecretString>,
    /// How the connection is protected.
    pub protection: Protection,
    /// How the server may ask the gateway to prove itself.
    pub proofs: Vec<Proof>,
    /// Whether SCRAM is bound to the server's certificate.
    pub binding: Binding,
    /// Which of the servers will do.
    pub wanted: Wanted,
}

/// One server that an upstream may be.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name or address.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// Its name as its certificate has it.
    pub certified: ServerName<'static>,
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name.contains(':') {
            true => write!(f, "[{}]:{}", self.name, self.port),
            false => write!(f, "{}:{}", self.name, self.port),
        }
    }
}

/// How the connection to an upstream is protected.
#[derive(Debug, Clone)]
pub enum Protection {
    /// TLS. With `at_once` nothing is said before it, as servers from 17 on take it.
    Tls {
        /// Who is trusted.
        config: Arc<ClientConfig>,
        /// Whether TLS is begun without asking for it.
        at_once: bool,
    },
    /// None: for loopback alone.
    Plain,
}

/// How a server may ask the gateway to prove itself, once its TLS is what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Not at all, or by its certificate.
    None,
    /// By SCRAM-SHA-256, in which the server proves itself, too.
    Scram,
    /// By MD5.
    Md5,
    /// By the password as it is.
    Password,
}

/// Whether SCRAM is bound to the server's certificate, so that nobody can stand in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Never.
    Disabled,
    /// Where the server offers it.
    Preferred,
    /// Always: a server that does not offer it is left.
    Required,
}

/// Which of several servers will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Any.
    Any,
    /// One that takes writes.
    ReadWrite,
    /// One that takes none.
    ReadOnly,
    /// One that follows no other.
    Primary,
    /// One that follows another.
    Standby,
}

/// The upstream, or the way to it, failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// It could not be reached, or is not who it should be. Nothing was forwarded.
    #[error("the upstream could not be reached: {0}")]
    Unreachable(String),
    /// It does not let the gateway in.
    #[error("the upstream does not let the gateway in: {0}")]
    ShutOut(String),
    /// The connection ended.
    #[error("the connection to the upstream was lost")]
    Lost(#[from] io::Error),
    /// It does not speak as PostgreSQL does.
    #[error("the upstream violated the protocol: {0}")]
    Misbehaved(String),
    /// A class of the target stands on a column that is not there: what was meant would come back in the clear.
    #[error(
        "`{0}` has a class, and there is no such column: nothing runs on this target until its configuration is mended"
    )]
    Misconfigured(String),
    /// It refused a question of the gateway's own.
    #[error("the upstream refused a question of the gateway's own ({0})")]
    Refused(String),
}

impl From<Malformed> for Failed {
    fn from(malformed: Malformed) -> Self {
        Self::Misbehaved(malformed.to_string())
    }
}

/// One session's connection.
pub struct Connection {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    input: BytesMut,
    output: BytesMut,
    unflushed: bool,
    /// Bytes that are read next: few, where nothing was said for a while.
    next_read: usize,
    pub(crate) pipeline: Underway,
    /// Bytes of a message that is too long to be held whole, still to come.
    passing: usize,
    /// Questions of the gateway's own that the server has prepared.
    prepared: HashSet<Question>,
    /// Messages that came in between the answers to the gateway's own questions.
    aside: Vec<Frame>,
    /// Settings as the server last reported them.
    pub settings: BTreeMap<String, String>,
    /// The server takes the rows of a COPY.
    copies_in: bool,
    /// Whether a reported setting changed since this was last taken away.
    pub settings_moved: bool,
    /// The transaction as of the last ReadyForQuery.
    pub status: Status,
    stop: Stop,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Whether something was sent that no ReadyForQuery has answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Underway {
    Nothing,
    Begun,
    /// A question of the gateway's own failed it: up to Sync, the server looks at nothing.
    Skipping,
}

/// What comes from the upstream.
#[derive(Debug)]
pub enum Piece {
    /// A whole message.
    Message(Frame),
    /// The head or a further part of a row that is too long to be held whole.
    Part(Bytes),
}

/// The rest of a cleared action's bytes, after its first part was sent.
#[derive(Debug)]
#[must_use]
pub struct Rest(Vec<u8>);

impl Connection {
    /// Sends what was cleared.
    pub fn send(&mut self, clearance: Clearance) -> Sealed<()> {
        self.pipeline = Underway::Begun;
        let (payload, forwarded) = clearance.spend();
        self.output.extend_from_slice(&payload.0);
        forwarded.seal(())
    }

    /// Sends what was cleared up to `place`; the rest when it is known how its answer is masked.
    pub fn send_until(&mut self, clearance: Clearance, place: usize) -> Sealed<Rest> {
        self.pipeline = Underway::Begun;
        let (mut payload, forwarded) = clearance.spend();
        let rest = payload.0.split_off(place.min(payload.0.len()));
        self.output.extend_from_slice(&payload.0);
        forwarded.seal(Rest(rest))
    }

    /// Sends a cleared Query as a Parse that is only described; the Query itself when it is known how its answer is
    /// masked.
    ///
    /// # Errors
    /// If the payload is no Query.
    pub fn send_described(&mut self, clearance: Clearance) -> Result<Sealed<Rest>, Failed> {
        self.pipeline = Underway::Begun;
        let (payload, forwarded) = clearance.spend();
        let text = payload.0.get(protocol::postgres::HEAD..payload.0.len().saturating_sub(1)).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|error| Failed::Misbehaved(error.to_string()))?;
        frontend::parse("", text, [], &mut self.output)?;
        frontend::describe(b'S', "", &mut self.output)?;
        frontend::sync(&mut self.output);
        Ok(forwarded.seal(Rest(payload.0)))
    }

    /// Sends a cleared Query as a Parse, a Bind and a Describe; its Execute when it is known how its answer is masked.
    ///
    /// # Errors
    /// If the payload is no Query.
    pub fn send_in_messages(&mut self, clearance: Clearance) -> Result<Sealed<Rest>, Failed> {
        self.pipeline = Underway::Begun;
        let (payload, forwarded) = clearance.spend();
        let text = payload.0.get(protocol::postgres::HEAD..payload.0.len().saturating_sub(1)).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|error| Failed::Misbehaved(error.to_string()))?;
        frontend::parse("", text, [], &mut self.output)?;
        let none = |(): (), _: &mut BytesMut| Ok(postgres_protocol::IsNull::Yes);
        frontend::bind("", "", [], [], none, [], &mut self.output)
            .map_err(|_| Failed::Misbehaved("a Query without values".to_owned()))?;
        frontend::describe(b'P', "", &mut self.output)?;
        let mut rest = BytesMut::new();
        frontend::execute("", 0, &mut rest)?;
        Ok(forwarded.seal(Rest(rest.to_vec())))
    }

    /// Sends what was cleared, and in front of its first Execute asks where the portal's columns come from.
    ///
    /// # Errors
    /// If the portal's name cannot be said.
    pub fn send_described_portal(
        &mut self,
        clearance: Clearance,
        (place, portal): (usize, &str),
    ) -> Result<Sealed<()>, Failed> {
        self.pipeline = Underway::Begun;
        let (payload, forwarded) = clearance.spend();
        let (first, rest) = payload.0.split_at_checked(place).unwrap_or((&payload.0, &[]));
        self.output.extend_from_slice(first);
        self.put(&Courtesy::DescribePortal(portal))?;
        self.output.extend_from_slice(rest);
        Ok(forwarded.seal(()))
    }

    /// Sends the rest.
    pub fn send_rest(&mut self, rest: Rest) {
        self.output.extend_from_slice(&rest.0);
    }

    /// Whether the server takes the rows of a COPY now: it does behind a cleared one alone.
    #[must_use]
    pub const fn copies_in(&self) -> bool {
        self.copies_in
    }

    /// Sends rows of a COPY, or their end, if the server takes them; else they are dropped, as it would.
    pub fn send_copied(&mut self, frame: &Frame) {
        if self.copies_in {
            self.output.extend_from_slice(&frame.raw);
            self.copies_in = frame.tag == b'd';
        }
    }

    /// Ends a COPY whose rows will not come: nothing of it is kept.
    ///
    /// # Errors
    /// If it cannot be said.
    pub fn fail_copy(&mut self) -> Result<(), Failed> {
        if std::mem::take(&mut self.copies_in) {
            self.put(&Courtesy::CopyFail)?;
        }
        Ok(())
    }

    /// Lets go of empty buffers, until something is said.
    pub(crate) fn rest(&mut self) {
        self.next_read = FIRST;
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() {
            self.output = BytesMut::new();
        }
    }

    /// Whether more may be put behind what waits to be sent.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.output.len() < AHEAD
    }

    /// Waits for more bytes, or until what is to be sent has been. May be dropped and called again.
    ///
    /// # Errors
    /// If the connection ends.
    pub async fn fill_or_send(&mut self) -> io::Result<()> {
        self.input.reserve(READ);
        while !self.output.is_empty() || self.unflushed {
            tokio::select! {
                read = self.reader.read_buf(&mut self.input) => {
                    return if read? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) };
                }
                sent = send_some(&mut self.writer, &mut self.output) => self.unflushed = sent?,
            }
        }
        Ok(())
    }

    /// Waits for more bytes, and sends meanwhile what is to be sent. May be dropped and called again.
    ///
    /// # Errors
    /// If the connection ends.
    pub async fn fill(&mut self) -> io::Result<()> {
        self.input.reserve(self.next_read);
        loop {
            tokio::select! {
                read = self.reader.read_buf(&mut self.input) => {
                    self.next_read = READ;
                    return if read? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) };
                }
                sent = send_some(&mut self.writer, &mut self.output), if !self.output.is_empty() || self.unflushed => {
                    self.unflushed = sent?;
                }
            }
        }
    }

    /// The next piece of what has arrived, if one is whole. Rows longer than [`HELD`] come in parts.
    ///
    /// # Errors
    /// If it is no message.
    pub fn take(&mut self) -> Result<Option<Piece>, Failed> {
        if self.passing > 0 {
            let count = self.passing.min(self.input.len());
            self.passing -= count;
            return Ok((count > 0).then(|| Piece::Part(self.input.split_to(count).freeze())));
        }
        if let Some((b'D' | b'd', Some(whole))) = protocol::postgres::head(&self.input)
            && whole > HELD
        {
            let count = whole.min(self.input.len());
            self.passing = whole - count;
            return Ok(Some(Piece::Part(self.input.split_to(count).freeze())));
        }
        let Some(frame) = take_frame_within(&mut self.input, |_| HELD)? else { return Ok(None) };
        match frame.tag {
            b'S' => self.note_setting(&frame),
            b'G' => self.copies_in = true,
            b'E' | b'C' => self.copies_in = false,
            b'Z' => {
                self.copies_in = false;
                self.pipeline = Underway::Nothing;
                self.status = result::status(&frame).ok_or_else(|| Failed::Misbehaved("its state".to_owned()))?;
            }
            _ => {}
        }
        Ok(Some(Piece::Message(frame)))
    }

    fn note_setting(&mut self, frame: &Frame) {
        if let Some((name, value)) = result::setting(frame) {
            // A server names some twenty.
            if self.settings.len() < 256 || self.settings.contains_key(name) {
                let before = self.settings.insert(name.to_owned(), value.to_owned());
                self.settings_moved |= before.as_deref() != Some(value);
            }
        }
    }

    /// The next whole message, for the gateway's own questions.
    async fn message(&mut self) -> Result<Frame, Failed> {
        loop {
            match self.take()? {
                Some(Piece::Message(frame)) => return Ok(frame),
                Some(Piece::Part(_)) => return Err(Failed::Misbehaved("a row over the limit".to_owned())),
                None => self.fill().await?,
            }
        }
    }

    /// Messages that came between the answers to the gateway's own questions: settings and notices.
    pub fn take_aside(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.aside)
    }

    fn put_aside(&mut self, frame: Frame) {
        if self.aside.len() < ASIDE {
            self.aside.push(frame);
        }
    }

    /// Makes an open transaction fail, as its client believes it has: sends what no parser takes.
    ///
    /// # Errors
    /// If the connection ends.
    pub async fn fail(&mut self) -> Result<(), Failed> {
        self.put(&Courtesy::Fail)?;
        self.put(&Courtesy::Sync)?;
        loop {
            let frame = self.message().await?;
            match frame.tag {
                b'Z' => return Ok(()),
                b'E' if Fault::read(&frame).is_fatal => return Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
                b'E' => {}
                _ => self.put_aside(frame),
            }
        }
    }

    /// Asks the server to stop what runs on this connection: on another one, without an answer, as the protocol has it.
    pub fn stop(&self) -> impl Future<Output = ()> + Send + use<> {
        let stop = self.stop.clone();
        async move {
            if let Err(error) = tokio::time::timeout(CONNECT, stop.send()).await {
                tracing::warn!(%error, "a cancel request could not be sent in time");
            }
        }
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        if self.put(&Courtesy::Terminate).is_ok() {
            let goodbye = async {
                self.writer.write_all_buf(&mut self.output).await?;
                self.writer.shutdown().await
            };
            // The server notices a lost connection, too.
            let _ended: Result<_, _> = tokio::time::timeout(CONNECT, goodbye).await;
        }
    }
}

/// Sends some of `output`, or flushes when there is nothing; tells whether a flush is due. May be dropped.
async fn send_some(writer: &mut (impl AsyncWrite + Unpin), output: &mut BytesMut) -> io::Result<bool> {
    if output.is_empty() {
        writer.flush().await?;
        return Ok(false);
    }
    match writer.write_buf(output).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        _ => Ok(true),
    }
}

/// The longest that a connection, with its login, may take; several hosts share it.
pub const CONNECT: Duration = Duration::from_secs(10);
/// Bytes read at a time.
const READ: usize = 16 << 10;
/// Bytes read first after a rest.
const FIRST: usize = 512;
/// Bytes of one message that is held whole; longer rows pass in parts, where nothing masks them.
pub const HELD: usize = 16 << 20;
/// Bytes that wait to be sent, beyond which no rows of a COPY are put behind them.
const AHEAD: usize = 64 << 10;
/// Messages kept aside while the gateway asks.
const ASIDE: usize = 64;
