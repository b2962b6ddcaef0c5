//! Up to the start packet: whose connection it is, and TLS, by whichever of its two beginnings. What is said before TLS
//! is nobody's word.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use ppp::{HeaderResult, PartialResult as _, v1, v2};
use protocol::postgres::message::{Opening, Report, Start, take_opening};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::PostgresDoor;
use super::client::Client;
use super::login::violation;
use crate::tls::{POSTGRESQL, keep_alive};

/// A client that said how it means to begin.
pub(super) struct Opened {
    pub(super) client: Client,
    pub(super) start: Result<Start, Report>,
    pub(super) peer: Peer,
}

/// Where a client comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    /// Its own address, or what a proxy that is trusted says of it.
    pub(super) address: SocketAddr,
    pub(super) protection: Protection,
}

/// How the client's connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    Tls,
    /// It does not leave the machine.
    Loopback,
    None,
}

/// Up to the start packet. TLS and GSS may be asked for once each; a cancel request ends here.
pub(super) async fn open(door: &PostgresDoor, mut stream: TcpStream) -> io::Result<Option<Opened>> {
    keep_alive(&stream)?;
    let mut input = BytesMut::new();
    let Some(peer) = whose(door, &mut stream, &mut input).await? else { return Ok(None) };
    let (mut reader, mut writer) = stream.into_split();
    let mut asked_gss = false;
    loop {
        if input.is_empty() && reader.read_buf(&mut input).await? == 0 {
            return Ok(None);
        }
        if let (Some(&HANDSHAKE), false, Some(tls)) = (input.first(), asked_gss, &door.0.entrance.tls) {
            // What was read of the handshake goes in front of what comes.
            let stream = tokio::io::join(io::Cursor::new(input).chain(reader), writer);
            return at_once(door, stream, (tls, peer)).await;
        }
        let opening = match take_opening(&mut input) {
            Ok(None) => {
                if reader.read_buf(&mut input).await? == 0 {
                    return Ok(None);
                }
                continue;
            }
            Ok(Some(opening)) => opening,
            Err(malformed) => return Ok(Some(opened((reader, writer), input, Err(violation(malformed)), peer))),
        };
        match opening {
            Opening::Gss if !asked_gss => {
                asked_gss = true;
                writer.write_all(b"N").await?;
            }
            // What stands behind the request was said before TLS: nobody knows by whom.
            Opening::Tls | Opening::Gss if !input.is_empty() => {
                let why = "something stands behind the request for encryption, in plain text";
                return Ok(Some(opened((reader, writer), input, Err(violation(why)), peer)));
            }
            Opening::Gss => return Ok(Some(opened((reader, writer), input, Err(violation(ASKED_TWICE)), peer))),
            Opening::Tls => {
                let Some(tls) = &door.0.entrance.tls else {
                    writer.write_all(b"N").await?;
                    return start_after(door, (reader, writer), peer).await;
                };
                writer.write_all(b"S").await?;
                let stream = TlsAcceptor::from(Arc::clone(tls)).accept(tokio::io::join(reader, writer)).await?;
                return start_after(door, tokio::io::split(stream), Peer { protection: Protection::Tls, ..peer }).await;
            }
            Opening::Cancel { process, key } => {
                door.0.cancels.cancel(process, key).await;
                return Ok(None);
            }
            Opening::Start(start) => return Ok(Some(opened((reader, writer), input, Ok(start), peer))),
        }
    }
}

/// Whose connection it is: by its address, or by what stands in front of all else where a proxy is trusted to say it.
/// `None`: it ended, or the proxy said nothing that can be understood.
async fn whose(door: &PostgresDoor, stream: &mut TcpStream, input: &mut BytesMut) -> io::Result<Option<Peer>> {
    let socket = stream.peer_addr()?;
    let socket = SocketAddr::new(socket.ip().to_canonical(), socket.port());
    let of = |address: SocketAddr| {
        let is_here = socket.ip().is_loopback() && address.ip().is_loopback();
        Peer { address, protection: if is_here { Protection::Loopback } else { Protection::None } }
    };
    if !door.0.entrance.proxies.iter().any(|proxies| proxies.contains(&socket.ip())) {
        return Ok(Some(of(socket)));
    }
    loop {
        let header = HeaderResult::parse(input);
        // A line of version 1 is judged when all of it is there.
        let is_open_line = input.starts_with(b"PROXY") && input.len() < LONGEST_LINE && !input.contains(&b'\n');
        if header.is_complete() && !is_open_line {
            return Ok(match said(&header) {
                Ok((length, address)) => {
                    drop(input.split_to(length));
                    Some(of(address.unwrap_or(socket)))
                }
                Err(why) => {
                    tracing::warn!(%socket, why, "a proxy does not say whose connection it is");
                    None
                }
            });
        }
        if stream.read_buf(input).await? == 0 || input.len() > LONGEST_HEADER {
            return Ok(None);
        }
    }
}

/// The length of a header, and the address in it. There is none where the proxy connects for itself.
fn said(header: &HeaderResult<'_>) -> Result<(usize, Option<SocketAddr>), String> {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    match header {
        HeaderResult::V1(Ok(header)) => {
            let address = match header.addresses {
                v1::Addresses::Tcp4(tcp) => (tcp.source_address, tcp.source_port).into(),
                v1::Addresses::Tcp6(tcp) => (tcp.source_address, tcp.source_port).into(),
                v1::Addresses::Unknown => return Err("it says that it does not know".to_owned()),
            };
            Ok((header.header.len(), Some(canonical(address))))
        }
        HeaderResult::V2(Ok(header)) => {
            let address = match (header.command, header.addresses) {
                (v2::Command::Local, _) => None,
                (v2::Command::Proxy, _) if header.protocol != v2::Protocol::Stream => {
                    return Err("it is not about a stream".to_owned());
                }
                (v2::Command::Proxy, v2::Addresses::IPv4(ip)) => Some((ip.source_address, ip.source_port).into()),
                (v2::Command::Proxy, v2::Addresses::IPv6(ip)) => Some((ip.source_address, ip.source_port).into()),
                (v2::Command::Proxy, _) => return Err("it names no internet address".to_owned()),
            };
            Ok((header.len(), address.map(canonical)))
        }
        HeaderResult::V1(Err(error)) => Err(error.to_string()),
        HeaderResult::V2(Err(error)) => Err(error.to_string()),
    }
}

/// TLS without being asked for: what is spoken inside must be said in it.
async fn at_once(
    door: &PostgresDoor,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    (tls, peer): (&Arc<ServerConfig>, Peer),
) -> io::Result<Option<Opened>> {
    let stream = TlsAcceptor::from(Arc::clone(tls)).accept(stream).await?;
    let speaks = stream.get_ref().1.alpn_protocol() == Some(POSTGRESQL);
    let peer = Peer { protection: Protection::Tls, ..peer };
    if !speaks {
        let why = "TLS that is not asked for names what is spoken inside: ALPN `postgresql`";
        return Ok(Some(opened(tokio::io::split(stream), BytesMut::new(), Err(violation(why)), peer)));
    }
    start_after(door, tokio::io::split(stream), peer).await
}

/// After the answer about TLS, there is a start packet or a cancel request and nothing else, but one GSS request.
async fn start_after(
    door: &PostgresDoor,
    (mut reader, mut writer): (impl AsyncRead + Send + Unpin + 'static, impl AsyncWrite + Send + Unpin + 'static),
    peer: Peer,
) -> io::Result<Option<Opened>> {
    let (mut input, mut asked_gss) = (BytesMut::new(), false);
    loop {
        let start = match take_opening(&mut input) {
            Ok(None) => {
                if reader.read_buf(&mut input).await? == 0 {
                    return Ok(None);
                }
                continue;
            }
            Ok(Some(Opening::Start(start))) => Ok(start),
            Ok(Some(Opening::Cancel { process, key })) => {
                door.0.cancels.cancel(process, key).await;
                return Ok(None);
            }
            Ok(Some(Opening::Gss)) if !asked_gss && input.is_empty() && peer.protection != Protection::Tls => {
                asked_gss = true;
                writer.write_all(b"N").await?;
                continue;
            }
            Ok(Some(Opening::Tls | Opening::Gss)) => Err(violation(ASKED_TWICE)),
            Err(malformed) => Err(violation(malformed)),
        };
        return Ok(Some(opened((reader, writer), input, start, peer)));
    }
}

fn opened(
    (reader, writer): (impl AsyncRead + Send + Unpin + 'static, impl AsyncWrite + Send + Unpin + 'static),
    input: BytesMut,
    start: Result<Start, Report>,
    peer: Peer,
) -> Opened {
    let mut client = Client::new(reader, writer);
    client.input = input;
    Opened { client, start, peer }
}

/// The first byte of TLS.
const HANDSHAKE: u8 = 0x16;
/// Bytes of a PROXY header of version 1.
const LONGEST_LINE: usize = 107;
/// Bytes of a PROXY header, with all that may be attached to it.
const LONGEST_HEADER: usize = 4_096;
const ASKED_TWICE: &str = "encryption was asked for once already";
