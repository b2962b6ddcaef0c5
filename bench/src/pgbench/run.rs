//! One turn: `pgbench` once to its end, what it says of itself, and what the proxy's process used meanwhile.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use e2e::postgres::pgbench;

use super::contestants::Contestant;

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

/// Waits until a process has nothing left to do, so that it takes nothing from the next contestant.
async fn at_rest(process: u32) -> anyhow::Result<()> {
    for _ in 0..REST_TRIES {
        let before = ticks(process)?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        if ticks(process)? - before <= 1 {
            return Ok(());
        }
    }
    anyhow::bail!("process {process} does not come to rest")
}

/// User and system time that a process used so far.
fn ticks(process: u32) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).context("the proxy is gone")?;
    // The second field, a name in parentheses, may hold anything; fields 14 and 15 are the times.
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let times: Vec<u64> = behind.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    ensure!(times.len() == 2, "`/proc/{process}/stat` is not as it is known: {stat}");
    Ok(times.iter().sum())
}

/// Threads of pgbench.
const THREADS: usize = 2;
/// Linux tells times in hundredths of a second, whatever its clock.
const TICK_US: f64 = 10_000.0;
/// Looks at a process that should come to rest, ten a second.
const REST_TRIES: usize = 300;
