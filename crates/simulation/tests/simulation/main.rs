//! The simulation's tests: no seed breaks a law, and each flaw that is put in on purpose is caught under some seed.
//! `COUNTERSIGN_SEED` plays one seed alone and tells its story.

use std::collections::BTreeMap;
use std::sync::Mutex;

use simulation::{Broken, Ending, Flaw, simulate};

#[test]
fn no_seed_breaks_a_law() {
    if let Some(seed) = given() {
        let ending = simulate(seed, STEPS, None, true);
        assert!(ending.broken.is_none(), "seed {seed}: {:#?}", ending.broken);
        return;
    }
    let (tally, failed) = (Mutex::new(BTreeMap::<String, u64>::new()), Mutex::new(Vec::new()));
    each_seed(SEEDS, |seed| {
        let Ending { broken, tally: of_seed } = simulate(seed, STEPS, None, false);
        if let Some((step, Broken { law, what })) = broken {
            let again = format!("cargo xtask simulate --seed {seed}");
            failed.lock().unwrap().push(format!("{again} (step {step}): {law:?}: {what}"));
        }
        let mut tally = tally.lock().unwrap();
        of_seed.into_iter().for_each(|(what, count)| *tally.entry(what).or_default() += count);
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} seeds break a law:\n{}", failed.len(), failed.join("\n"));
    let tally = tally.into_inner().unwrap();
    println!("{tally:#?}");
    let missing: Vec<&&str> = HAPPENS.iter().filter(|what| !tally.contains_key(**what)).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}

#[test]
fn a_seed_is_the_whole_story() {
    let play = || simulate(1, STEPS, None, false).tally;
    assert_eq!(play(), play());
}

#[test]
fn each_flaw_is_caught_under_some_seed() {
    let missed = Mutex::new(Vec::new());
    each_seed(Flaw::ALL.len() as u64, |number| {
        let flaw = Flaw::ALL[usize::try_from(number).unwrap()];
        let caught = (first(flaw)..first(flaw) + 3 * SEEDS).find_map(|seed| {
            let broken = simulate(seed, STEPS, Some(flaw), false).broken;
            broken.map(|(step, broken)| (seed, step, broken)).filter(|(.., broken)| broken.law == flaw.breaks())
        });
        println!("{flaw:?}: {caught:?}");
        if caught.is_none() {
            missed.lock().unwrap().push(flaw);
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not caught under {} seeds: {missed:?}", 3 * SEEDS);
}

/// Where to begin, to be done soon: the seed that caught it last.
fn first(flaw: Flaw) -> u64 {
    match flaw {
        Flaw::ForgetUnapplied => 35,
        Flaw::TrustUnsynced => 23,
        Flaw::BlindDoor => 9,
        Flaw::CursorRunsAhead => 8,
        Flaw::LyingDisk => 7,
        Flaw::ApplyTwice | Flaw::ForgetRevocation => 5,
        _ => 0,
    }
}

fn given() -> Option<u64> {
    std::env::var("COUNTERSIGN_SEED").ok().map(|seed| seed.parse().expect("COUNTERSIGN_SEED is a whole number"))
}

/// Plays the seeds on two threads.
fn each_seed(seeds: u64, play: impl Fn(u64) + Sync) {
    std::thread::scope(|scope| {
        for first in 0..2_u64 {
            let play = &play;
            scope.spawn(move || (first..seeds).step_by(2).for_each(play));
        }
    });
}

const SEEDS: u64 = 60;
const STEPS: usize = 1200;
/// A simulation in which these never happen proves little.
const HAPPENS: [&str; 20] = [
    "came too late",
    "claim without run",
    "ended expired",
    "ended lapsed",
    "ended withdrawn",
    "failed",
    "killed",
    "older store",
    "power lost",
    "presenter",
    "ran",
    "ran after review",
    "refused Denied",
    "refused Drifted",
    "refused Expired",
    "refused Lapsed",
    "refused Rejected",
    "refused Withdrawn",
    "succeeded",
    "uncertain",
];
