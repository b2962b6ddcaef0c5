//! Large results: how fast 1 GiB passes each contestant and what memory its process takes meanwhile, how soon the first
//! row of 100,000 is there, and what masking a column of every row costs. The client counts and keeps nothing. Contestants
//! are interleaved, ratios are within a round.

use std::time::Duration;

use anyhow::ensure;
use e2e::Memory;
use e2e::postgres::{Skim, Wire, frame};

use crate::contestants::{CLASSES_BESIDE, CLASSES_READ, Contestant, DIRECT, Ground, NO_CLASSES, PGBOUNCER, Stage};
use crate::spread::Spread;

/// One reading of a whole result.
#[derive(Debug, Clone, Copy)]
struct Figures {
    whole: Duration,
    first_row: Duration,
    /// By how much the proxy's process outgrew what it had before, in KiB.
    grown: Option<u64>,
}

/// A table that is read whole.
struct Table {
    name: &'static str,
    rows: u64,
    /// Bytes of its text columns together.
    width: usize,
}

pub async fn measure(rounds: usize) -> anyhow::Result<()> {
    let ground = Ground::lay(SESSIONS).await?;
    for table in [&WIDE, &NARROW] {
        eprintln!("streams: {} rows of {} bytes are made", table.rows, table.width);
        table.make(&ground).await;
    }
    let stage = ground.stage(CLASSES).await?;
    // All rows are read whole here: what stands beside them changes nothing.
    let contestants: Vec<Contestant> =
        stage.contestants().into_iter().filter(|contestant| contestant.name != CLASSES_BESIDE).collect();
    whole(&contestants, &stage, rounds).await?;
    first_rows(&contestants).await
}

/// The large result.
async fn whole(contestants: &[Contestant], stage: &Stage, rounds: usize) -> anyhow::Result<()> {
    let mut figures = vec![Vec::new(); contestants.len()];
    let mut bytes = 0;
    for round in 1..=rounds {
        eprintln!("streams: round {round} of {rounds}");
        for (contestant, rounds) in contestants.iter().zip(&mut figures) {
            let mut wire = Wire::open(&contestant.login).await;
            let (read, skim) = WIDE.read(contestant, &mut wire).await?;
            // What is masked is shorter: its speed, too, is told of what the server sent.
            if contestant.name == DIRECT {
                bytes = skim.bytes;
            }
            rounds.push(read);
        }
    }
    println!("\n{} rows, {bytes} bytes, {rounds} rounds; {}\n", WIDE.rows, stage.what_was_on());
    println!(
        "| result of 1 GiB through | MB/s (lowest to highest) | to direct | to PgBouncer | memory of it at most |"
    );
    println!("|---|---|---|---|---|");
    for (contestant, rounds) in contestants.iter().zip(&figures) {
        let speed = Spread::of(rounds.iter().map(|read| bytes as f64 / 1e6 / read.whole.as_secs_f64()));
        let grown = rounds.iter().filter_map(|read| read.grown).max();
        println!(
            "| {} | {:.0} ({:.0} to {:.0}) | {:.2} | {:.2} | {} |",
            contestant.name,
            speed.median,
            speed.lowest,
            speed.highest,
            ratio(of(DIRECT, contestants, &figures), rounds),
            ratio(of(PGBOUNCER, contestants, &figures), rounds),
            grown.map_or("-".to_owned(), |grown| format!("+{:.1} MiB", grown as f64 / 1024.0)),
        );
    }
    let masked = ratio(of(NO_CLASSES, contestants, &figures), of(CLASSES_READ, contestants, &figures));
    println!("\nthe same result with a column of it masked, to without: {masked:.2}; bar >= 0.7");
    Ok(())
}

/// The first row of the smaller result, and all of it.
async fn first_rows(contestants: &[Contestant]) -> anyhow::Result<()> {
    let mut wires = Vec::new();
    for contestant in contestants {
        let mut wire = Wire::open(&contestant.login).await;
        // What a session asks once, and the caches of the server: nobody counts it.
        NARROW.read(contestant, &mut wire).await?;
        wires.push(wire);
    }
    let mut figures = vec![Vec::new(); contestants.len()];
    for _ in 0..FIRST_ROWS {
        for ((contestant, wire), reads) in contestants.iter().zip(&mut wires).zip(&mut figures) {
            reads.push(NARROW.read(contestant, wire).await?.0);
        }
    }
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let first = |reads: &[Figures]| Spread::of(reads.iter().map(|read| ms(read.first_row)));
    let direct = first(of(DIRECT, contestants, &figures)).median;
    println!("\n{} rows of {} bytes, {FIRST_ROWS} runs in an open session\n", NARROW.rows, NARROW.width);
    println!("| through | first row, p50 (lowest to highest) | behind direct, bar < 2 ms | whole result, p50 |");
    println!("|---|---|---|---|");
    for (contestant, reads) in contestants.iter().zip(&figures) {
        let row = first(reads);
        println!(
            "| {} | {:.2} ms ({:.2} to {:.2}) | {:+.2} ms | {:.1} ms |",
            contestant.name,
            row.median,
            row.lowest,
            row.highest,
            row.median - direct,
            Spread::of(reads.iter().map(|read| ms(read.whole))).median,
        );
    }
    let masked = ratio(of(NO_CLASSES, contestants, &figures), of(CLASSES_READ, contestants, &figures));
    println!("\nthe same result with a column of it masked, to without: {masked:.2}; bar >= 0.7");
    Ok(())
}

impl Table {
    /// A row has a number, a short text that may have a class, and a long one.
    async fn make(&self, ground: &Ground) {
        let (name, rows, body) = (self.name, self.rows, self.width - NOTE);
        let texts = format!("md5(i::text) AS note, left(repeat(md5(i::text), {}), {body}) AS body", body / NOTE + 1);
        let from = format!("FROM generate_series(1, {rows}) AS i");
        ground.execute(&format!("CREATE UNLOGGED TABLE {name} AS SELECT 1 AS part, i AS id, {texts} {from}")).await;
        ground.execute(&format!("VACUUM ANALYZE {name}")).await;
    }

    async fn read(&self, contestant: &Contestant, wire: &mut Wire) -> anyhow::Result<(Figures, Skim)> {
        let before = contestant.process.map(Memory::of_now);
        // A condition that every row meets bounds it: an unbounded read of a class would be an export, and held.
        let skim = wire.weigh(&frame::query(&format!("SELECT id, note, body FROM {} WHERE part = 1", self.name))).await;
        let after = contestant.process.map(Memory::of);
        let grown = before.zip(after).map(|(before, after)| after.peak.saturating_sub(before.resident));
        ensure!(skim.rows == self.rows, "{} rows came through {}, not {}", skim.rows, contestant.name, self.rows);
        let is_whole = skim.longest >= self.width;
        ensure!(is_whole != (contestant.name == CLASSES_READ), "{} does not do as it should", contestant.name);
        let figures =
            Figures { whole: skim.whole.unwrap_or_default(), first_row: skim.first_row.unwrap_or_default(), grown };
        Ok((figures, skim))
    }
}

/// The figures of the contestant with this name.
fn of<'a>(name: &str, contestants: &[Contestant], figures: &'a [Vec<Figures>]) -> &'a [Figures] {
    let found = contestants.iter().zip(figures).find(|(contestant, _)| contestant.name == name);
    found.map_or(&[], |(_, figures)| figures)
}

/// How fast it was, to another in the same rounds.
fn ratio(other: &[Figures], ours: &[Figures]) -> f64 {
    let within = |(other, ours): (&Figures, &Figures)| other.whole.as_secs_f64() / ours.whole.as_secs_f64();
    Spread::of(other.iter().zip(ours).map(within)).median
}

/// Its rows together are 1 GiB of text.
const WIDE: Table = Table { name: "wide", rows: 1 << 20, width: 1 << 10 };
/// With a number and the lengths, 150 bytes a row.
const NARROW: Table = Table { name: "narrow", rows: 100_000, width: 125 };

/// Bytes of the text that has a class.
const NOTE: usize = 32;
const CLASSES: &str = "\"public.wide.note\" = \"note\"\n\"public.narrow.note\" = \"note\"";

/// Runs of the smaller result.
const FIRST_ROWS: usize = 50;
/// More than are ever open at a time.
const SESSIONS: usize = 20;
