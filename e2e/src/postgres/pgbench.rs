//! `pgbench`, the real one: what its drivers see of a gateway under load.

use super::Login;
use crate::binary::{self, Ran};

/// Runs pgbench to its end with these arguments.
pub async fn run(login: &Login, arguments: &[&str]) -> Ran {
    let mut command = login.client("pgbench");
    command.args(arguments);
    binary::run(command, "").await
}

/// How many transactions it says were carried out, and how many failed.
#[track_caller]
pub fn transactions(ran: &Ran) -> (u64, u64) {
    let number = |start: &str| {
        let line = ran.stdout.lines().find_map(|line| line.strip_prefix(start));
        let digits = line?.trim_start().split(|letter: char| !letter.is_ascii_digit()).next();
        digits?.parse::<u64>().ok()
    };
    let done = number("number of transactions actually processed:");
    let failed = number("number of failed transactions:").unwrap_or(0);
    (done.unwrap_or_else(|| panic!("it tells no number: {ran:?}")), failed)
}
