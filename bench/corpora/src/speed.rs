//! What detectors are timed on: ordinary text and rows by kind, as whole values. Most of it holds nothing sensitive.

use crate::dense::{dense_cells, dense_rows};
use crate::encode::{base64, hex};
use crate::negative::{CODE, SQL, clock, date};
use crate::prose::{foreign, sentence};
use crate::random::{HEX, LOWER, Random};
use crate::value::uuid;

/// Values of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    /// What kind.
    pub name: &'static str,
    /// The values, each with the name of its column if it has one.
    pub values: Vec<(Option<&'static str>, Vec<u8>)>,
}

impl Corpus {
    /// How many bytes all values have.
    pub fn bytes(&self) -> usize {
        self.values.iter().map(|(_, value)| value.len()).sum()
    }

    pub(crate) fn of(name: &'static str, values: impl IntoIterator<Item = String>) -> Self {
        Self { name, values: values.into_iter().map(|value| (None, value.into_bytes())).collect() }
    }
}

/// Every kind, of about so many bytes each.
pub fn speed(seed: u64, bytes: usize) -> Vec<Corpus> {
    let random = &mut Random::new(seed);
    let rows = bytes / DENSE_ROW;
    let cells = dense_cells(seed, rows).into_iter().map(|(name, text)| (Some(name), text.into_bytes()));
    vec![
        chunks("prose", bytes, random, |random| sentence(random) + " "),
        chunks("prose_utf8", bytes, random, |random| foreign(random) + "\n"),
        Corpus::of("uuid_rows", until(bytes, random, clean_row)),
        Corpus::of("dense", dense_rows(seed, rows).into_iter().map(|row| row.text)),
        Corpus { name: "cells", values: cells.collect() },
        chunks("logs", bytes, random, log_line),
        chunks("source_code", bytes, random, code_line),
        chunks("yaml", bytes, random, manifest),
        chunks("hex", bytes, random, coded_run),
    ]
}

/// Lines or sentences in values of 64 KiB.
fn chunks(name: &'static str, bytes: usize, random: &mut Random, piece: fn(&mut Random) -> String) -> Corpus {
    let mut values = Vec::new();
    for _ in 0..bytes.div_ceil(CHUNK) {
        values.push(until(CHUNK, random, piece).concat());
    }
    Corpus::of(name, values)
}

/// Pieces until they have so many bytes.
fn until(bytes: usize, random: &mut Random, piece: fn(&mut Random) -> String) -> Vec<String> {
    let (mut pieces, mut length) = (Vec::new(), 0);
    while length < bytes {
        let next = piece(random);
        length += next.len();
        pieces.push(next);
    }
    pieces
}

/// A row with everything that looks like a number of somebody and is none.
fn clean_row(random: &mut Random) -> String {
    let ulid = random.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24);
    let (id, commit, row) = (uuid(random), random.text(HEX, 40), random.figure(7));
    let (day, time, cents) = (date(random, "-"), clock(random), random.below(100));
    let (price, version) =
        (random.below(900), format!("{}.{}.{}", random.below(9), random.below(30), random.below(200)));
    let slug = random.text(LOWER, 8);
    format!(
        "{{\"id\":\"{id}\",\"event\":\"01{ulid}\",\"commit\":\"{commit}\",\"row\":{row},\"price\":{price}.{cents:02},\
         \"at\":\"{day}T{time}.{}Z\",\"version\":\"{version}\",\"url\":\"https://www.example.com/{slug}/{row}?page=2\",\
         \"parent\":\"{}\",\"epoch\":{},\"active\":true}}",
        random.digits(6),
        uuid(random),
        random.within(1_500_000_000_000..=1_800_000_000_000)
    )
}

fn log_line(random: &mut Random) -> String {
    let (day, time, thread) = (date(random, "-"), clock(random), random.below(64));
    let (level, millis) = (random.pick(&["INFO ", "DEBUG", "WARN "]), random.digits(3));
    match random.below(3) {
        0 => format!(
            "{day} {time},{millis} [worker-{thread}] {level} c.e.shop.Orders - order {} took {millis} ms\n",
            random.figure(8)
        ),
        1 => format!(
            "{day}T{time}.{millis}Z {level} span={} trace={} {}\n",
            random.text(HEX, 16),
            random.text(HEX, 32),
            sentence(random)
        ),
        _ => format!(
            "GET /v2/items/{}?page={} HTTP/1.1 {} {}\n",
            uuid(random),
            random.below(90),
            random.pick(&["200", "404"]),
            random.figure(5)
        ),
    }
}

fn code_line(random: &mut Random) -> String {
    let indent = "    ".repeat(random.below(4) as usize);
    let line = match random.below(5) {
        0 => format!("// {}", sentence(random)),
        1 => random.pick(SQL).replace('9', &random.figure(4)),
        2 => String::from("}\n"),
        _ => random.pick(CODE).replace('9', &random.below(900).to_string()),
    };
    format!("{indent}{line}\n")
}

fn manifest(random: &mut Random) -> String {
    let (name, tag) = (random.text(LOWER, 7), random.text(HEX, 64));
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  uid: {}\n  resourceVersion: \"{}\"\nspec:\n  \
         replicas: {}\n  template:\n    spec:\n      containers:\n      - name: {name}\n        image: registry.example/{name}@sha256:{tag}\n        \
         ports:\n        - containerPort: {}\n        env:\n        - name: TOKEN_FILE\n          value: /var/run/{name}/file\n---\n",
        uuid(random),
        random.figure(9),
        random.below(9),
        random.within(1024..=9999)
    )
}

fn coded_run(random: &mut Random) -> String {
    let length = random.within(300..=3000) as usize;
    let bytes = random.bytes(length);
    if random.chance(50) { hex(&bytes) + "\n" } else { base64(&bytes) + "\n" }
}

const CHUNK: usize = 64 << 10;
const DENSE_ROW: usize = 380;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_corpora_of_about_the_size_that_is_asked_for() {
        let corpora = speed(1, 256 << 10);
        assert_eq!(corpora, speed(1, 256 << 10));
        for corpus in corpora {
            let share = corpus.bytes() as f64 / f64::from(256 << 10);
            assert!((0.5..1.5).contains(&share), "{} {share}", corpus.name);
        }
    }
}
