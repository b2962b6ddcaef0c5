//! Somebody in between a gateway and its server, who ends the TLS of the one and begins that of the other, or none.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Authority, Server, frame};

/// A relay in front of a server, until it is dropped.
#[derive(Debug)]
pub struct Relay {
    pub address: SocketAddr,
    _connections: JoinSet<()>,
}

/// How a relay meets the two sides.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Who vouches for what it shows.
    pub shows: Authority,
    /// It expects TLS at once, as servers from 17 on do.
    pub at_once: bool,
    /// It goes on to the server by TLS.
    pub by_tls: bool,
}

impl Relay {
    /// Begins to listen.
    pub async fn start(server: &Server, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it listens");
        let (to, trusts) = (SocketAddr::from(([127, 0, 0, 1], server.port)), server.authority.clone());
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut inside = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (manner, trusts) = (manner.clone(), trusts.clone());
                // How it ends shows on both sides.
                inside.spawn(async move { pass(stream, to, (&manner, &trusts)).await.unwrap_or_default() });
            }
        });
        Self { address, _connections: connections }
    }
}

async fn pass(mut client: TcpStream, to: SocketAddr, (manner, trusts): (&Manner, &Authority)) -> std::io::Result<()> {
    if !manner.at_once {
        let mut request = [0; 8];
        client.read_exact(&mut request).await?;
        client.write_all(b"S").await?;
    }
    let client = manner.shows.acceptor().accept(client).await?;
    let mut server = TcpStream::connect(to).await?;
    if !manner.by_tls {
        return join(client, server).await;
    }
    server.write_all(&frame::ssl_request()).await?;
    server.read_u8().await?;
    let name = "localhost".try_into().expect("a name");
    join(client, trusts.connector(&[]).connect(name, server).await?).await
}

async fn join(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
) -> std::io::Result<()> {
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
