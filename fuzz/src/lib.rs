//! One function a parser: it takes any bytes and panics where a promise of that parser is broken. libFuzzer drives
//! them (`cargo xtask fuzz`); the test replays the committed inputs (`fuzz/corpus`) on every toolchain.

#![forbid(unsafe_code)]

pub mod audit;
pub mod masking;
pub mod postgres;
pub mod proposal;
pub mod scram;
pub mod sql;

/// A function that may be fuzzed.
pub type Target = fn(&[u8]);

/// Every target by its name: that of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("audit_log", audit::log),
    ("audit_note", audit::note),
    ("detectors", masking::detectors),
    ("postgres_messages", postgres::messages),
    ("postgres_results", postgres::results),
    ("proposal", proposal::body),
    ("scram", scram::exchange),
    ("sql_postgres", sql::postgres),
    ("sql_sqlite", sql::sqlite),
];
