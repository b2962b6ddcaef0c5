//! One turn: `pgbench` once to its end, what it says of itself, and what the proxy's process used meanwhile.

use std::fmt;

use anyhow::{Context as _, ensure};
use e2e::postgres::pgbench;

use crate::contestants::Contestant;
use crate::process::{TICK_US, at_rest, ticks};

/// What the clients of a turn do.
#[derive(Debug)]
pub struct Load {
    /// The protocol, as `pgbench -M` calls it.
    pub mode: &'static str,
    pub clients: usize,
}

/// The figures of one turn.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Transactions a second, without the time it took to connect.
    pub tps: f64,
    /// The average.
    pub latency_ms: f64,
    /// CPU time of the proxy's process, logins and what it did behind its clients' backs among it.
    pub cpu_us: Option<f64>,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} client{}", self.mode, self.clients, if self.clients == 1 { "" } else { "s" })
    }
}

pub async fn turn(contestant: &Contestant, load: &Load, seconds: usize) -> anyhow::Result<Figures> {
    let before = contestant.process.map(ticks).transpose()?;
    let (clients, threads) = (load.clients.to_string(), load.clients.min(THREADS).to_string());
    let seconds = seconds.to_string();
    let arguments = ["-n", "-S", "-M", load.mode, "-c", &clients, "-j", &threads, "-T", &seconds];
    let ran = pgbench::run(&contestant.login, &arguments).await.ok();
    let (done, failed) = pgbench::transactions(&ran);
    ensure!(failed == 0, "{failed} of {done} transactions failed through {}: {ran:?}", contestant.name);
    let cpu_us = match contestant.process.zip(before) {
        Some((process, before)) => {
            at_rest(process).await?;
            Some((ticks(process)? - before) as f64 * TICK_US / done as f64)
        }
        None => None,
    };
    let number = |start: &str| -> anyhow::Result<f64> {
        let line = ran.stdout.lines().find_map(|line| line.strip_prefix(start));
        let word = line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse().ok());
        word.with_context(|| format!("pgbench does not tell `{start}`: {ran:?}"))
    };
    Ok(Figures { tps: number("tps = ")?, latency_ms: number("latency average = ")?, cpu_us })
}

/// Threads of pgbench.
const THREADS: usize = 2;
