//! A proxy's process from outside: the time it used, and when it comes to rest.

use std::time::Duration;

use anyhow::{Context as _, ensure};

/// Waits until a process has nothing left to do, so that it takes nothing from the next contestant.
pub async fn at_rest(process: u32) -> anyhow::Result<()> {
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
pub fn ticks(process: u32) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).context("the proxy is gone")?;
    // The second field, a name in parentheses, may hold anything; fields 14 and 15 are the times.
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let times: Vec<u64> = behind.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    ensure!(times.len() == 2, "`/proc/{process}/stat` is not as it is known: {stat}");
    Ok(times.iter().sum())
}

/// Linux tells times in hundredths of a second, whatever its clock.
pub const TICK_US: f64 = 10_000.0;
/// Looks at a process that should come to rest, ten a second.
const REST_TRIES: usize = 300;
