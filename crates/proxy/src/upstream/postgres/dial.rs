//! The way to a server, before anything is said there: TCP, then TLS as the configuration has it. And the way back to the
//! very same server, for a cancel request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio_rustls::TlsConnector;

use super::{Failed, Host, PostgresUpstream, Protection};
use crate::tls::{POSTGRESQL, end_point, keep_alive};

/// A protected connection, before anything is said on it.
pub(super) struct Dialled {
    pub(super) reader: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// The server's very address: names may stand for several.
    pub(super) address: SocketAddr,
    /// What SCRAM is bound to, if there is TLS and its certificate has it.
    pub(super) end_point: Option<Vec<u8>>,
}

impl Host {
    /// Connects to it.
    pub(super) async fn dial(&self, protection: &Protection) -> Result<Dialled, Failed> {
        dial((self.name.as_str(), self.port), &self.certified, protection).await
    }
}

async fn dial(
    place: impl ToSocketAddrs,
    certified: &ServerName<'static>,
    protection: &Protection,
) -> Result<Dialled, Failed> {
    let unreachable = |error: io::Error| Failed::Unreachable(error.to_string());
    let mut stream = TcpStream::connect(place).await.map_err(unreachable)?;
    keep_alive(&stream).map_err(unreachable)?;
    let address = stream.peer_addr().map_err(unreachable)?;
    let Protection::Tls { config, at_once } = protection else {
        let (reader, writer) = stream.into_split();
        return Ok(Dialled { reader: Box::new(reader), writer: Box::new(writer), address, end_point: None });
    };
    if !at_once {
        let mut request = BytesMut::new();
        frontend::ssl_request(&mut request);
        stream.write_all(&request).await.map_err(unreachable)?;
        // One byte and no more: whatever stands behind it was not said by TLS.
        match stream.read_u8().await.map_err(unreachable)? {
            b'S' => {}
            _ => return Err(Failed::Unreachable("it does not speak TLS".to_owned())),
        }
    }
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(certified.clone(), stream).await.map_err(unreachable)?;
    let (_, session) = stream.get_ref();
    if *at_once && session.alpn_protocol() != Some(POSTGRESQL) {
        return Err(Failed::Unreachable("its TLS is not PostgreSQL's: `sslnegotiation=direct` needs 17".to_owned()));
    }
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    let end_point = certificate.and_then(|certificate| end_point(certificate));
    let (reader, writer) = tokio::io::split(stream);
    Ok(Dialled { reader: Box::new(reader), writer: Box::new(writer), address, end_point })
}

/// How a running statement of a connection is stopped.
#[derive(Clone)]
pub(super) struct Stop {
    pub(super) upstream: Arc<PostgresUpstream>,
    pub(super) address: SocketAddr,
    pub(super) certified: ServerName<'static>,
    pub(super) process: i32,
    pub(super) key: i32,
}

impl Stop {
    /// Asks for it on a connection of its own, and waits until the server has passed it on.
    pub(super) async fn send(&self) {
        let mut request = BytesMut::new();
        frontend::cancel_request(self.process, self.key, &mut request);
        let sent = async {
            let mut dialled = dial(self.address, &self.certified, &self.upstream.protection).await?;
            dialled.writer.write_all(&request).await?;
            dialled.writer.flush().await?;
            // The server closes when it has passed the request on: until then it could hit what comes next.
            let mut end = [0];
            while dialled.reader.read(&mut end).await? > 0 {}
            Ok::<_, Failed>(())
        };
        if let Err(error) = sent.await {
            tracing::warn!(%error, "a cancel request could not be sent");
        }
    }
}
