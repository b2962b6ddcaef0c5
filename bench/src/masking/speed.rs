//! How many bytes a second one thread scans, in its own CPU time: the best of some passes over whole values.

use std::hint::black_box;
use std::time::{Duration, Instant};

use corpora::Corpus;
use masking::{Context, Detectors};

pub fn measure(detectors: &Detectors) {
    println!("{:<48} {:>8} {:>9}   bar", "scanned by one thread, all classes", "MB/s", "found/MB");
    for corpus in corpora::speed(super::SEED, ORDINARY) {
        let figure = scan(detectors, &corpus, PASSES);
        let bar = match corpus.name {
            "dense" | "cells" => ">= 250",
            "uuid_rows" => ">= 250 (clean rows)",
            _ => "",
        };
        println!("{:<48} {:>8.1} {:>9.0}   {bar}", corpus.name, figure.megabytes, figure.found);
    }
    println!("\n{:<48} {:>8} {:>9}", "built to be slow", "MB/s", "found/MB");
    let mut worst: Option<(&str, f64)> = None;
    for corpus in corpora::adversarial(super::SEED, SLOW) {
        let figure = scan(detectors, &corpus, 2);
        let cells = corpus.values.len();
        if cells > 1 {
            // A call for nothing or one byte: what it costs says more than the bytes a second.
            let nanoseconds = corpus.values.iter().map(|(_, value)| value.len().max(1)).sum::<usize>() as f64 * 1e3
                / figure.megabytes
                / cells as f64;
            println!("  {:<46} {nanoseconds:>8.1} ns a cell", corpus.name);
            continue;
        }
        println!("  {:<46} {:>8.1} {:>9.0}", corpus.name, figure.megabytes, figure.found);
        if worst.is_none_or(|(_, least)| figure.megabytes < least) {
            worst = Some((corpus.name, figure.megabytes));
        }
    }
    if let Some((name, megabytes)) = worst {
        println!("{:<48} {megabytes:>8.1}             {name}", "the slowest of them");
    }
}

/// What a scan comes to.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Millions of bytes a second of CPU time.
    pub megabytes: f64,
    /// What was found in a million bytes.
    pub found: f64,
}

/// Scans a corpus again and again: the best of some passes, each at least so long that the clock tells.
pub fn scan(detectors: &Detectors, corpus: &Corpus, passes: usize) -> Figure {
    let context = |name: Option<&str>| name.map(|name| detectors.context(name)).unwrap_or_default();
    let values: Vec<(Context, &[u8])> =
        corpus.values.iter().map(|(name, value)| (context(*name), value.as_slice())).collect();
    // Empty cells count as one byte each: they cost a call.
    let size = corpus.values.iter().map(|(_, value)| value.len().max(1)).sum::<usize>() as f64 / 1e6;
    let watch = detectors.watch_all();
    let (mut best, mut count, mut found) = (f64::INFINITY, 0, Vec::new());
    for _ in 0..passes {
        let seconds = seconds_a_round(|| {
            count = 0;
            for (context, value) in &values {
                found.clear();
                detectors.find(black_box(value), *context, watch, &mut found);
                count += black_box(&found).len();
            }
        });
        best = best.min(seconds);
    }
    Figure { megabytes: size / best, found: count as f64 / size }
}

/// The CPU time of one round, of so many that the clock tells; the clock is asked ever more rarely, as that takes time too.
pub fn seconds_a_round(mut round: impl FnMut()) -> f64 {
    let (started, mut rounds) = (cpu_time(), 0_u32);
    loop {
        for _ in 0..rounds.max(1) {
            round();
        }
        rounds = (2 * rounds).max(1);
        let spent = cpu_time().saturating_sub(started);
        if spent >= PASS || rounds >= MOST_ROUNDS {
            return spent.as_secs_f64() / f64::from(rounds);
        }
    }
}

/// The CPU time of this thread so far; where the system does not tell, the time that passes.
fn cpu_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.as_deref().and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(passed, Duration::from_nanos)
}

fn passed() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

const ORDINARY: usize = 4 << 20;
const SLOW: usize = 256 << 10;
const PASSES: usize = 5;
const PASS: Duration = Duration::from_millis(200);
const MOST_ROUNDS: u32 = 1 << 30;
