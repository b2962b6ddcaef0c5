//! `pgbench -S` straight to a PostgreSQL, through PgBouncer, through HAProxy where it is installed, and through the
//! gateway: one run, contestants interleaved round by round, medians with their spread, ratios within a round.

mod contestants;
mod run;

use contestants::Contestant;
use run::{Figures, Load};

/// How long it is measured.
#[derive(Debug)]
pub struct Effort {
    /// Rounds; in each, every contestant has its turn under every load.
    pub rounds: usize,
    /// Seconds of a turn.
    pub seconds: usize,
}

impl Default for Effort {
    /// Under six minutes; one more where HAProxy is installed.
    fn default() -> Self {
        Self { rounds: 5, seconds: 2 }
    }
}

/// All rounds of one contestant under one load.
type Rounds = Vec<Figures>;

pub async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let stage = contestants::Stage::set().await?;
    let contestants = stage.contestants();
    for contestant in &contestants {
        // Fills caches of the server and of the disk; nobody counts it.
        run::turn(contestant, &LOADS[LOADS.len() - 1], 1).await?;
    }
    let mut figures: Vec<Vec<Rounds>> = vec![vec![Rounds::new(); contestants.len()]; LOADS.len()];
    for round in 1..=effort.rounds {
        eprintln!("pgbench: round {round} of {}", effort.rounds);
        for (load, of_load) in LOADS.iter().zip(&mut figures) {
            for (contestant, rounds) in contestants.iter().zip(of_load) {
                rounds.push(run::turn(contestant, load, effort.seconds).await?);
            }
        }
    }
    println!("\npgbench -n -S -T {}, {} rounds; {}\n", effort.seconds, effort.rounds, stage.what_was_on());
    println!("| load | through | transactions a second (lowest to highest) | to PgBouncer | latency | CPU each |");
    println!("|---|---|---|---|---|---|");
    for (load, of_load) in LOADS.iter().zip(&figures) {
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

/// The middle of some figures, and how far apart they are.
struct Spread {
    lowest: f64,
    median: f64,
    highest: f64,
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        Self { lowest: at(0), median: at(sorted.len() / 2), highest: at(sorted.len().saturating_sub(1)) }
    }
}

const LOADS: [Load; 6] = [
    Load { mode: "simple", clients: 1 },
    Load { mode: "extended", clients: 1 },
    Load { mode: "prepared", clients: 1 },
    Load { mode: "simple", clients: 32 },
    Load { mode: "extended", clients: 32 },
    Load { mode: "prepared", clients: 32 },
];
