//! Wiring: configuration to a running gateway. The routers of the doors and of the console are joined on one port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use console::Console;
use enforcement::{Enforcement, Settings};
use proxy::door::native::NativeDoor;
use proxy::upstream::sqlite::SqliteUpstream;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::clock::WallClock;
use crate::config::{Config, Place};
use crate::{keys, openapi};

/// A running gateway: ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) tasks: JoinSet<()>,
}

/// Opens log and store.
pub(crate) async fn open(config: &Config, tasks: &mut JoinSet<()>) -> anyhow::Result<Enforcement> {
    for folder in [Some(config.log.as_path()), config.store.parent()].into_iter().flatten() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    }
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
        Place::Here => None,
        Place::File { path, longest_run } => {
            let longest_run = Duration::from_millis(longest_run.as_millis());
            Some((target.target.name.clone(), SqliteUpstream::new(path, longest_run)))
        }
    });
    let native = NativeDoor::new(enforcement.clone(), files);
    let router = native.router().merge(Console::new(enforcement).router()).merge(openapi::router());
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}: is another gateway running?", config.listen))?;
    let address = listener.local_addr()?;
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the HTTP server stopped");
        }
    });
    Ok(Gateway { address, tasks })
}
