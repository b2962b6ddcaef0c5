//! Random choices that a seed repeats: splitmix64. Seeds come from `COUNTERSIGN_SEED` or the clock, and are printed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From `COUNTERSIGN_SEED`, else from the clock; tells which, so that a failure can be repeated.
    pub fn seeded(what: &str) -> Self {
        let given = std::env::var("COUNTERSIGN_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(clock);
        println!("{what}: COUNTERSIGN_SEED={seed}");
        Self::new(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// A time below `end`.
    pub fn moment(&mut self, end: Duration) -> Duration {
        let micros = u64::try_from(end.as_micros()).expect("a short time");
        Duration::from_micros(self.below(micros))
    }

    /// Sixteen hexadecimal digits.
    pub fn word(&mut self) -> String {
        format!("{:016x}", self.number())
    }
}

/// A number that is another one each time.
pub fn clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is behind 1970");
    u64::try_from(since.as_nanos() & u128::from(u64::MAX)).expect("64 bits")
        ^ u64::from(std::process::id()).rotate_left(40)
}
