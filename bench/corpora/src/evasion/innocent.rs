//! Texts that hold the signs of disguises and nothing else: marks between letters, other scripts' digits, encoded runs.

use crate::encode::{base64, hex};
use crate::negative::{Negative, date};
use crate::prose::{foreign, sentence};
use crate::random::{HEX, LOWER, Random};

/// So many clean texts, spread over the families.
pub fn innocents(seed: u64, count: usize) -> Vec<Negative> {
    let mut random = Random::new(seed);
    let makers = MAKERS.iter().cycle().take(count);
    makers.map(|(family, make)| Negative { family, column: "text", text: make(&mut random) }).collect()
}

type Maker = (&'static str, fn(&mut Random) -> String);

const MAKERS: &[Maker] = &[
    ("joined emoji", |random| format!("{} 👩\u{200D}💻👨\u{200D}👩\u{200D}👧 {}", sentence(random), random.below(90))),
    ("soft hyphens", |random| {
        format!("Donau\u{AD}dampf\u{AD}schiff {} Seiten\u{AD}zahl {}", sentence(random), random.below(900))
    }),
    ("byte order mark", |random| {
        format!("\u{FEFF}id,name,amount\n{},item,{}.50", random.below(9000), random.below(90))
    }),
    ("foreign prose", |random| foreign(random)),
    ("arabic digits", |random| format!("الصفحة {} من {}", eastern(random, 3), eastern(random, 3))),
    ("fullwidth text", |random| format!("価格は{}円です。{}", wide(random, 4), wide(random, 2))),
    ("long dashes", |random| format!("pages {}–{} — {}", random.below(90), random.within(90..=300), sentence(random))),
    ("hard spaces", |random| {
        format!("{}\u{A0}{}\u{A0}km, {}\u{202F}%", random.within(1..=9), random.digits(3), random.below(100))
    }),
    ("spaced digits", |random| (0..6).map(|_| random.below(10).to_string()).collect::<Vec<_>>().join(" ")),
    ("base64 of prose", |random| base64(sentence(random).as_bytes())),
    ("base64 of bytes", |random| base64(&random.bytes(90))),
    ("base64 of JSON", |random| base64(format!("{{\"page\":{},\"sort\":\"asc\"}}", random.below(900)).as_bytes())),
    ("base64 twice", |random| base64(base64(sentence(random).as_bytes()).as_bytes())),
    ("hex digest", |random| random.text(HEX, 64)),
    ("hex of prose", |random| hex(sentence(random).as_bytes())),
    ("JSON escapes", |random| {
        format!("{{\"text\":\"caf\\u00e9 \\u2013 {}\\u20ac\\n{}\"}}", random.below(90), random.text(LOWER, 8))
    }),
    ("percent escapes", |random| {
        format!("/search?q=caf%C3%A9%20{}%2F{}&page={}", random.text(LOWER, 5), random.text(LOWER, 5), random.below(90))
    }),
    ("percentages", |random| {
        format!("up {}%, down {}%, {}%2 is odd", random.below(90), random.below(90), random.below(9))
    }),
    ("entities", |random| {
        format!("<p>Fish &amp; chips &#8364;{} &ndash; {}&nbsp;km</p>", random.below(90), random.below(900))
    }),
    ("terminal colours", |random| {
        format!("\u{1B}[32mok\u{1B}[0m {} tests in {}.{}s", random.below(900), random.below(90), random.digits(2))
    }),
    ("snake case", |random| {
        format!("test_{}_returns_{}_rows_v{}", random.text(LOWER, 6), random.below(900), random.below(9))
    }),
    ("stamped name", |random| format!("backup_{}_{}.tar.gz", date(random, ""), random.digits(6))),
    ("escaped path", |random| format!("C:\\\\users\\\\x{}\\\\u{}\\\\file", random.below(90), random.below(90))),
    ("regular expression", |random| format!("^\\d{{3}}-\\d{{2}}-\\d{{4}}$ or [\\w.]+@[\\w.]+ ({})", random.below(90))),
];

fn eastern(random: &mut Random, length: usize) -> String {
    super::digits(&random.figure(length), 0x660)
}

fn wide(random: &mut Random, length: usize) -> String {
    super::digits(&random.figure(length), 0xFF10)
}
