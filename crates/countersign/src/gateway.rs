//! Wiring: configuration to a running gateway. The routers of the doors and of the console are joined on one port.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use console::Console;
use enforcement::{Enforcement, Settings};
use model::TargetKind;
use proxy::door::native::NativeDoor;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::clock::WallClock;
use crate::config::{Config, Place};
use crate::{keys, openapi, server};

/// A running gateway: ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
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
    let files = config.targets.iter().filter(|target| target.target.kind == TargetKind::Sqlite);
    let files = files.map(|target| match &target.place {
        Place::File(path) => (target.target.name.clone(), Path::new(path)),
    });
    let native = NativeDoor::new(enforcement.clone(), files);
    let router = native.router().merge(Console::new(enforcement.clone()).router()).merge(openapi::router());
    let router = enforcement::refuse_the_rest(router, enforcement);
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}: is another gateway running?", config.listen))?;
    let address = listener.local_addr()?;
    tasks.spawn(server::serve(listener, router));
    Ok(Gateway { address, tasks })
}
