//! `countersign serve`: the gateway, until it is told to stop.

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::WithConfig;
use crate::{classes, config, gateway, terminal};

/// Run the gateway.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    config: WithConfig,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let coloured = terminal::is_coloured(&std::io::stderr());
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(coloured).with_writer(std::io::stderr).init();
        // Before anybody can know that it runs: a signal that is not heard ends the process without a word.
        let mut hangup = signal(SignalKind::hangup())?;
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let config = config::read(&self.config.config)?;
        for mistake in classes::misplaced(&config, &self.config.config).await? {
            tracing::error!("{mistake}");
        }
        let running = gateway::start(&config).await?;
        for (target, address) in &running.doors {
            println!("target {target} listening on {address}");
        }
        println!("listening on http://{}", running.address);
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = hangup.recv() => tracing::warn!("reload is not there yet: restart to take up changes"),
            }
        }
        tracing::info!("stopping");
        tokio::select! {
            () = running.stop(&config) => {}
            _ = interrupt.recv() => tracing::warn!("stopped at once: what still ran is told by the next start"),
        }
        Ok(())
    }
}
