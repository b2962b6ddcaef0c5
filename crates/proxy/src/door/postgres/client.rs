//! The client's connection: bytes in, bytes out, both bounded. It decides nothing.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use protocol::postgres::message::Said;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A client's connection.
pub(super) struct Client {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// What it said and nobody read yet.
    pub(super) input: BytesMut,
    /// What it is told next.
    pub(super) output: BytesMut,
    /// Bytes that are read next: few, where nothing was said for a while.
    next_read: usize,
}

impl Client {
    pub(super) fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
            input: BytesMut::new(),
            output: BytesMut::new(),
            next_read: READ,
        }
    }

    /// Waits for more bytes. May be dropped and called again.
    ///
    /// # Errors
    /// If the client is gone.
    pub(super) async fn fill(&mut self) -> io::Result<()> {
        self.input.reserve(self.next_read);
        match self.reader.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => {
                self.next_read = READ;
                Ok(())
            }
        }
    }

    /// Whether it let go of its buffers, and nothing was said since.
    pub(super) const fn rests(&self) -> bool {
        self.next_read == FIRST
    }

    /// Lets go of empty buffers, until something is said.
    pub(super) fn rest(&mut self) {
        self.next_read = FIRST;
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() {
            self.output = BytesMut::new();
        }
    }

    pub(super) fn say(&mut self, said: &Said<'_>) {
        said.write(&mut self.output);
    }

    /// Sends what it is told.
    ///
    /// # Errors
    /// If the client is gone, or takes nothing for [`STALL`].
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let sending = async {
            while !self.output.is_empty() {
                tokio::time::timeout(STALL, self.writer.write_buf(&mut self.output)).await??;
            }
            self.writer.flush().await
        };
        sending.await
    }

    /// Ends the connection. What the client is still sending is read and dropped for a moment: a socket that is closed
    /// with bytes unread takes back what the client was told last.
    pub(super) async fn shutdown(&mut self) {
        let ending = async {
            self.writer.shutdown().await?;
            self.input.clear();
            while self.fill().await.is_ok() {
                self.input.clear();
            }
            io::Result::Ok(())
        };
        // It may be gone already.
        let _ended: Result<_, _> = tokio::time::timeout(LINGER, ending).await;
    }
}

/// Bytes read at a time.
const READ: usize = 16 << 10;
/// Bytes read first after a rest.
const FIRST: usize = 512;
/// The longest that a client may take nothing of what it is sent.
const STALL: Duration = Duration::from_secs(600);
/// The longest that a connection stays at its end, for the client to take what it was told.
const LINGER: Duration = Duration::from_secs(1);
