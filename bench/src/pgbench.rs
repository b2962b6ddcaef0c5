//! `pgbench -S` straight to a PostgreSQL, through PgBouncer, through HAProxy where it is installed, and through the
//! gateway: one run, contestants interleaved round by round, medians with their spread, ratios within a round.

mod run;

use e2e::postgres::pgbench;
use run::{Figures, Load};

use crate::contestants::{Contestant, Ground};
use crate::spread::Spread;

/// How long it is measured.
#[derive(Debug)]
pub struct Effort {
    /// Rounds; in each, every contestant has its turn under every load.
    pub rounds: usize,
    /// Seconds of a turn.
    pub seconds: usize,
    /// How many clients come at a time, one load of each protocol for each of these.
    pub clients: Vec<usize>,
}

impl Default for Effort {
    /// Under six minutes; one more where HAProxy is installed.
    fn default() -> Self {
        Self { rounds: 5, seconds: 2, clients: vec![1, 32] }
    }
}

/// All rounds of one contestant under one load.
type Rounds = Vec<Figures>;

pub async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let most = effort.clients.iter().copied().max().unwrap_or_default();
    let ground = Ground::lay(most.max(LEAST_SESSIONS)).await?;
    pgbench::run(&ground.direct, &["-i", "-q", "-s", SCALE]).await.ok();
    let stage = ground.stage(r#""public.pgbench_accounts.filler" = "note""#).await?;
    let loads = effort.loads();
    let contestants = stage.contestants();
    for contestant in &contestants {
        // Fills caches of the server and of the disk; nobody counts it.
        run::turn(contestant, &Load { mode: MODES[MODES.len() - 1], clients: most }, effort.seconds).await?;
    }
    let mut figures: Vec<Vec<Rounds>> = vec![vec![Rounds::new(); contestants.len()]; loads.len()];
    for round in 1..=effort.rounds {
        eprintln!("pgbench: round {round} of {}", effort.rounds);
        for (load, of_load) in loads.iter().zip(&mut figures) {
            for (contestant, rounds) in contestants.iter().zip(of_load) {
                rounds.push(run::turn(contestant, load, effort.seconds).await?);
            }
        }
    }
    println!(
        "\npgbench -n -S -T {}, {} rounds; scale {SCALE}, {}\n",
        effort.seconds,
        effort.rounds,
        stage.what_was_on()
    );
    println!("| load | through | transactions a second (lowest to highest) | to PgBouncer | latency | CPU each |");
    println!("|---|---|---|---|---|---|");
    for (load, of_load) in loads.iter().zip(&figures) {
        tell(load, &contestants, of_load);
    }
    Ok(())
}

/// Prints the rows of one load.
fn tell(load: &Load, contestants: &[Contestant], of_load: &[Rounds]) {
    let peer = contestants.iter().zip(of_load).find(|(contestant, _)| contestant.is_the_peer());
    for (contestant, rounds) in contestants.iter().zip(of_load) {
        let tps = Spread::of(rounds.iter().map(|round| round.tps));
        let latency = Spread::of(rounds.iter().map(|round| round.latency_ms));
        let cpu = Spread::of(rounds.iter().filter_map(|round| round.cpu_us));
        let ratios = peer.map(|(_, its)| rounds.iter().zip(its).map(|(ours, its)| ours.tps / its.tps));
        println!(
            "| {load} | {} | {:.0} ({:.0} to {:.0}) | {:.2} | {:.3} ms | {} |",
            contestant.name,
            tps.median,
            tps.lowest,
            tps.highest,
            ratios.map_or(f64::NAN, |ratios| Spread::of(ratios).median),
            latency.median,
            if cpu.median.is_nan() { "-".to_owned() } else { format!("{:.1} us", cpu.median) },
        );
    }
}

impl Effort {
    /// Every protocol under every number of clients.
    fn loads(&self) -> Vec<Load> {
        let clients = self.clients.iter();
        clients.flat_map(|clients| MODES.map(|mode| Load { mode, clients: *clients })).collect()
    }
}

const MODES: [&str; 3] = ["simple", "extended", "prepared"];

/// Half a million rows: they fit the server's own cache.
const SCALE: &str = "5";
/// What the server and all in front of it take at least, whoever comes.
const LEAST_SESSIONS: usize = 100;
