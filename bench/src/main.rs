//! `cargo xtask bench [NAME…]`: what the design's bars ask of decisions, of the log, of approvals, of the wire and of the detectors,
//! measured in one run. Each figure is printed with what was on; the same text goes to `docs/benchmarks.md` by hand, with the
//! machine.

mod approvals;
mod contestants;
mod decisions;
mod idle;
mod masking;
mod pgbench;
mod process;
mod records;
mod spread;
mod streams;

use std::time::Duration;

use anyhow::{Context as _, bail};

/// What the command line asks for.
#[derive(Debug)]
struct Request {
    names: Vec<String>,
    effort: pgbench::Effort,
    beside: masking::Beside,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let request = Request::read(std::env::args().skip(1))?;
    let asked = |name: &str| request.names.is_empty() || request.names.iter().any(|asked| asked == name);
    if NAMES[..3].iter().any(|name| asked(name)) {
        println!("figure                                             p50          p99          bar");
    }
    if asked("decisions") {
        decisions::measure()?;
    }
    if asked("records") {
        records::measure().await?;
    }
    if asked("approvals") {
        approvals::measure().await?;
    }
    if asked("pgbench") {
        pgbench::measure(&request.effort).await?;
    }
    if asked("streams") {
        streams::measure(request.effort.rounds).await?;
    }
    if asked("idle") {
        idle::measure().await?;
    }
    if asked("masking") {
        masking::measure(request.beside)?;
    }
    Ok(())
}

impl Request {
    fn read(words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut request =
            Self { names: Vec::new(), effort: pgbench::Effort::default(), beside: masking::Beside::default() };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut number = || {
                let number =
                    words.next().and_then(|number| number.parse().ok()).filter(|number| (1..50).contains(number));
                number.with_context(|| format!("`{word}` wants a number from 1 to 49"))
            };
            match word.as_str() {
                "--rounds" => request.effort.rounds = number()?,
                "--seconds" => request.effort.seconds = number()?,
                "--clients" => {
                    let clients = words.next().and_then(|list| list.split(',').map(clients).collect());
                    request.effort.clients = clients
                        .with_context(|| format!("`{word}` wants numbers from 1 to {MOST_CLIENTS}: 1,32,100"))?;
                }
                "--examples" => request.beside.examples = true,
                "--presidio" => request.beside.presidio = true,
                name if NAMES.contains(&name) => request.names.push(word),
                _ => bail!(
                    "no benchmark `{word}`: there are {}, and --rounds N --seconds N --clients N,N… for pgbench, --examples --presidio for masking",
                    NAMES.join(", ")
                ),
            }
        }
        Ok(request)
    }
}

fn clients(word: &str) -> Option<usize> {
    word.parse().ok().filter(|number| (1..=MOST_CLIENTS).contains(number))
}

/// Prints one figure from its samples.
fn tell(name: &str, samples: &mut [Duration], bar: &str) {
    samples.sort_unstable();
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize];
    println!("{name:<48} {:>10.2?} {:>12.2?}   {bar}", at(0.5), at(0.99));
}

const NAMES: [&str; 7] = ["decisions", "records", "approvals", "pgbench", "streams", "idle", "masking"];
/// Clients of one `pgbench`, which opens one file for each.
const MOST_CLIENTS: usize = 500;
