//! `cargo xtask bench`: what the design's bars ask of decisions, of the log and of approvals, measured in one run.
//! Each figure is printed with what was on; the same text goes to `docs/benchmarks.md` by hand, with the machine.

mod approvals;
mod decisions;
mod records;

use std::time::Duration;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!("figure                                             p50          p99          bar");
    decisions::measure()?;
    records::measure().await?;
    approvals::measure().await?;
    println!("\npgbench against the gateway is not measured: there is no PostgreSQL door yet");
    Ok(())
}

/// Prints one figure from its samples.
fn tell(name: &str, samples: &mut [Duration], bar: &str) {
    samples.sort_unstable();
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize];
    println!("{name:<48} {:>10.2?} {:>12.2?}   {bar}", at(0.5), at(0.99));
}
