//! Wiring: configuration to a running gateway. The routers of the doors and of the console are joined on one port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use console::Console;
use enforcement::{Enforcement, Settings};
use model::Name;
use proxy::door::native::NativeDoor;
use proxy::door::postgres::PostgresDoor;
use proxy::upstream::sqlite::SqliteUpstream;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::clock::WallClock;
use crate::config::{Config, Place};
use crate::{keys, openapi, server};

/// A running gateway: ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    /// Where targets with a listener of their own are reached.
    pub(crate) doors: Vec<(Name, SocketAddr)>,
    pub(crate) tasks: JoinSet<()>,
}

/// Opens log and store.
pub(crate) async fn open(config: &Config, tasks: &mut JoinSet<()>) -> anyhow::Result<Enforcement> {
    let settings = Settings {
        log: config.log.clone(),
        store: config.store.clone(),
        search: config.store.with_extension("search.db"),
        key: keys::read(&config.keys)?,
        clock: Arc::new(WallClock),
        policy: config.load_policies()?,
        targets: config.targets.iter().map(|target| target.target.clone()).collect(),
    };
    Ok(Enforcement::open(settings, tasks).await?)
}

/// Starts the gateway.
pub(crate) async fn start(config: &Config) -> anyhow::Result<Gateway> {
    let mut tasks = JoinSet::new();
    let enforcement = open(config, &mut tasks).await?;
    let files = config.targets.iter().filter_map(|target| match &target.place {
        Place::Here | Place::Postgres(_) => None,
        Place::File { path, longest_run } => {
            let longest_run = Duration::from_millis(longest_run.as_millis());
            Some((target.target.name.clone(), SqliteUpstream::new(path, longest_run)))
        }
    });
    let native = NativeDoor::new(enforcement.clone(), files);
    let router = native.router().merge(Console::new(enforcement.clone()).router()).merge(openapi::router());
    let router = enforcement::refuse_the_rest(router, enforcement.clone());
    let listener = listen(config.listen).await?;
    let address = listener.local_addr()?;
    let url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let reviews = format!("{}/api/v1/reviews/", url.trim_end_matches('/'));
    let mut doors = Vec::new();
    for target in &config.targets {
        if let Place::Postgres(place) = &target.place {
            let listener = listen(place.listen).await?;
            doors.push((target.target.name.clone(), listener.local_addr()?));
            let upstream = Arc::clone(&place.upstream);
            let told = (reviews.clone(), place.limits.clone());
            let door = PostgresDoor::new(enforcement.clone(), upstream, place.entrance.clone(), told);
            tasks.spawn(door.serve(listener));
        }
    }
    tasks.spawn(server::serve(listener, router));
    Ok(Gateway { address, doors, tasks })
}

impl Gateway {
    /// Ends connections and what follows the log, and waits for what still runs by the API: its end is on the record then.
    /// A PostgreSQL connection is cut, and the server goes on with what it was sent. The log's
    /// syncer ends after the last of them, and holds the log's lock until everything is durable.
    pub(crate) async fn stop(mut self, config: &Config) {
        self.tasks.shutdown().await;
        let lock = config.log.join("lock");
        let unlocked = tokio::task::spawn_blocking(move || std::fs::File::open(lock)?.lock());
        match tokio::time::timeout(STOP, unlocked).await {
            Ok(Ok(Ok(()))) => {}
            Ok(ended) => tracing::warn!(?ended, "the end of the log's syncer cannot be waited for"),
            Err(_) => tracing::warn!("something still runs after {} seconds: it is cut off", STOP.as_secs()),
        }
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}: is another gateway running?"))
}

/// The longest that a stop waits for what still runs.
const STOP: Duration = Duration::from_secs(10);
