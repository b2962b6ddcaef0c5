//! `cargo xtask bench`: the release binary against the bars of the design, by the program in `bench/`.
//!
//! Prepares and hands over the binary in `COUNTERSIGN_BIN`; what is measured is its affair.

use anyhow::Result;

use crate::demo::without_dashes;
use crate::setup::{self, Purpose};
use crate::workspace::{self, Profile, cargo};

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup::ensure(Purpose::Test)?;
    let binary = workspace::build_countersign(Profile::Release)?;
    let mut bench = cargo(["run", "--release", "-p", "bench", "--"]);
    bench.args(without_dashes(arguments));
    workspace::run(bench.env("COUNTERSIGN_BIN", binary))
}
