//! Sessions that do nothing: what memory each takes in the proxy's process, after a login and one small read. Each contestant
//! is started anew, so that none fills what another freed.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use e2e::Memory;
use e2e::binary;
use e2e::postgres::{Login, Wire};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::contestants::{CLASSES_READ, Ground, HAPROXY, NO_CLASSES, PGBOUNCER};
use crate::process::at_rest;

/// What a proxy's process had in memory, in KiB.
#[derive(Debug)]
struct Figures {
    /// After one session came and went.
    before: u64,
    /// While all are open.
    open: u64,
    /// When all have left.
    left: u64,
}

pub async fn measure() -> anyhow::Result<()> {
    let sessions = WANTED.min(as_files_allow().await?).min(as_memory_allows()?);
    eprintln!("idle: {sessions} sessions, of {WANTED} that are wanted");
    let ground = Ground::lay(sessions).await?;
    ground.execute("INSERT INTO people VALUES (1, 'ann@example.com')").await;
    let mut told_what_was_on = false;
    for name in [PGBOUNCER, HAPROXY, NO_CLASSES, CLASSES_READ] {
        let stage = ground.stage(r#""public.people.email" = "email""#).await?;
        if !told_what_was_on {
            println!("\n{sessions} idle sessions, each after one small read; {}\n", stage.what_was_on());
            println!("| through | memory before | with all open | a session, bar <= 24 KiB | when all left |");
            println!("|---|---|---|---|---|");
            told_what_was_on = true;
        }
        let contestants = stage.contestants();
        let Some(contestant) = contestants.iter().find(|contestant| contestant.name == name) else { continue };
        let process = contestant.process.context("it is a proxy")?;
        let figures = fill(&contestant.login, process, (&ground, sessions)).await?;
        let mib = |kib: u64| kib as f64 / 1024.0;
        println!(
            "| {name} | {:.1} MiB | {:.1} MiB | {:.1} KiB | {:.1} MiB |",
            mib(figures.before),
            mib(figures.open),
            figures.open.saturating_sub(figures.before) as f64 / sessions as f64,
            mib(figures.left),
        );
        drop(stage);
        ground.until_left().await;
    }
    Ok(())
}

/// Opens so many sessions, and ends them.
async fn fill(login: &Login, process: u32, (ground, sessions): (&Ground, usize)) -> anyhow::Result<Figures> {
    drop(session(login).await?);
    at_rest(process).await?;
    let before = Memory::of(process).resident;
    let (at_a_time, mut opening) = (Arc::new(Semaphore::new(AT_A_TIME)), JoinSet::new());
    for _ in 0..sessions {
        let (login, at_a_time) = (login.clone(), Arc::clone(&at_a_time));
        opening.spawn(async move {
            let _turn = at_a_time.acquire().await?;
            session(&login).await
        });
    }
    let mut wires = Vec::with_capacity(sessions);
    while let Some(opened) = opening.join_next().await {
        wires.push(opened??);
    }
    at_rest(process).await?;
    let open = Memory::of(process).resident;
    drop(wires);
    // PgBouncer keeps its own to the server.
    if login.user != ground.direct.user {
        ground.until_left().await;
    }
    at_rest(process).await?;
    Ok(Figures { before, open, left: Memory::of(process).resident })
}

/// One session, which has read something.
async fn session(login: &Login) -> anyhow::Result<Wire> {
    let opened = Wire::login(login).await;
    let mut wire = opened.map_err(|refusal| anyhow::anyhow!("a session did not come about: {refusal}"))?;
    let answer = wire.query("SELECT id, email FROM people WHERE id = 1").await.ok();
    ensure!(answer.texts() == ["1"], "it does not read: {answer}");
    Ok(wire)
}

/// Has the files of this process, and of all that it starts, limited only by the hard limit, which is raised if it is too
/// low and we may. Returns for how many sessions they do: a proxy has two files for each.
async fn as_files_allow() -> anyhow::Result<usize> {
    let ours = std::process::id();
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).context("a limit of files")?;
    let hard: usize = line.split_whitespace().nth(4).and_then(|word| word.parse().ok()).unwrap_or(usize::MAX);
    let needed = 2 * WANTED + SPARE_FILES;
    for limit in [hard.max(needed), hard] {
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &ours.to_string(), &format!("--nofile={limit}:{limit}")]);
        if binary::run(prlimit, "").await.code == 0 {
            return Ok(limit.saturating_sub(SPARE_FILES) / 2);
        }
    }
    anyhow::bail!("the limit of open files cannot be set to {hard}")
}

/// For how many sessions the machine's free memory does: the server has a process for each.
fn as_memory_allows() -> anyhow::Result<usize> {
    let meminfo = std::fs::read_to_string("/proc/meminfo")?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:")).context("free memory")?;
    let kib: usize = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok((kib.saturating_sub(SPARE_KIB) / BACKEND_KIB).max(1))
}

/// Sessions, where the machine has room for them.
const WANTED: usize = 5_000;
/// That log in at a time.
const AT_A_TIME: usize = 32;
/// Open files of a process beside those of sessions.
const SPARE_FILES: usize = 500;
/// What a process of the server takes for itself.
const BACKEND_KIB: usize = 4 << 10;
/// What is left to the rest of the machine.
const SPARE_KIB: usize = 2 << 20;
