//! The PostgreSQL door: one listener a target. The client's password is its actor's token; the user it names is nobody's
//! proof. Every statement meets the gate before any of it is forwarded; a held one waits with a notice.

mod answers;
mod arrival;
mod cancel;
mod client;
mod conversation;
mod copying;
mod ending;
mod holding;
mod inquiry;
mod login;
mod newcomers;
mod reading;
mod relay;
mod screening;
mod seats;
mod told;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use enforcement::Enforcement;
use ipnet::IpNet;
use model::Name;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use cancel::Cancels;
use newcomers::{Newcomers, Place};
use seats::Seats;

use crate::upstream::postgres::PostgresUpstream;

/// How clients come to a door.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// Its own certificate: without one, only loopback may come in.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether clients must show a certificate, and so speak TLS wherever they come from.
    pub asks_for_certificates: bool,
    /// Proxies that say in front of each connection, by the PROXY protocol, whose it is.
    pub proxies: Vec<IpNet>,
    /// How they prove who they are.
    pub authentication: Authentication,
}

/// How clients prove who they are.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// By their token, in clear text.
    Password,
    /// By SCRAM-SHA-256.
    Scram {
        /// What they can be bound to, where they come by TLS.
        end_point: Option<Vec<u8>>,
    },
}

/// What a door allows its sessions.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Sessions at a time.
    pub sessions: usize,
    /// Sessions of one actor at a time.
    pub sessions_of_actor: usize,
    /// Whether what needs people may wait for them inside a transaction.
    pub in_transaction: HoldInTransaction,
    /// How long a statement may run, if there is a limit.
    pub longest_run: Option<Duration>,
    /// How long a session may do nothing, if there is a limit.
    pub longest_idle: Option<Duration>,
    /// How long a dry run may take, if what is held may be run and undone for its reviewers.
    pub dry_run: Option<Duration>,
}

/// Whether what needs people may wait for them inside a transaction, which keeps its locks meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldInTransaction {
    /// It is refused.
    Refuse,
    /// It waits, at most this long.
    Hold(Duration),
}

impl Default for Limits {
    /// A thousand sessions, half of them for one actor; nothing waits inside a transaction.
    fn default() -> Self {
        Self {
            sessions: 1_000,
            sessions_of_actor: 500,
            in_transaction: HoldInTransaction::Refuse,
            longest_run: None,
            longest_idle: None,
            dry_run: None,
        }
    }
}

/// The door to one PostgreSQL target.
#[derive(Debug, Clone)]
pub struct PostgresDoor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    enforcement: Enforcement,
    upstream: Arc<PostgresUpstream>,
    entrance: Entrance,
    /// Where reviews are looked at; an id follows.
    reviews: String,
    cancels: Arc<Cancels>,
    newcomers: Arc<Newcomers>,
    seats: Arc<Seats>,
    limits: Limits,
    /// Estimates for reviewers at a time: each has a connection of its own.
    estimates: Semaphore,
}

impl PostgresDoor {
    /// The door to `upstream`. `reviews` is the address that a review's id is put behind.
    #[must_use]
    pub fn new(
        enforcement: Enforcement,
        upstream: Arc<PostgresUpstream>,
        entrance: Entrance,
        (reviews, limits): (String, Limits),
    ) -> Self {
        let seats = Arc::new(Seats::new(&limits));
        let (cancels, newcomers) = (Arc::default(), Arc::default());
        let estimates = Semaphore::new(ESTIMATES);
        Self(Arc::new(Inner { enforcement, upstream, entrance, reviews, cancels, newcomers, seats, limits, estimates }))
    }

    /// Takes connections for ever. They end when this is dropped.
    pub async fn serve(self, listener: TcpListener) {
        let mut sessions = JoinSet::new();
        loop {
            while sessions.try_join_next().is_some() {}
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Too many open files, and their like: connections that end make room.
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let place = self.0.newcomers.admit();
            sessions.spawn(self.clone().session(stream, place));
        }
    }

    fn target(&self) -> &Name {
        &self.0.upstream.target
    }

    async fn session(self, stream: TcpStream, place: Place) {
        let entered = Box::pin(login::let_in(&self, stream, &place)).await;
        drop(place);
        if let Some((conversation, _seat)) = entered {
            conversation.run().await;
        }
    }
}

/// Estimates for reviewers at a time.
const ESTIMATES: usize = 4;
/// Before the next try to take a connection.
const PAUSE: Duration = Duration::from_millis(100);
