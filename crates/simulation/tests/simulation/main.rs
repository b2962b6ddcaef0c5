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
fn each_flaw_is_caught_under_some_seed() {
    let missed = Mutex::new(Vec::new());
    each_seed(Flaw::ALL.len() as u64, |number| {
        let flaw = Flaw::ALL[usize::try_from(number).unwrap()];
        let caught = (0..3 * SEEDS).find_map(|seed| {
            let broken = simulate(seed, STEPS, Some(flaw), false).broken;
            broken.map(|(step, broken)| (seed, step, broken)).filter(|(.., broken)| broken.law == flaw.breaks())
        });
        println!("{flaw:?}: {caught:?}");
        if caught.is_none() {
            missed.lock().unwrap().push(flaw);
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not caught under {SEEDS} seeds: {missed:?}");
}

fn given() -> Option<u64> {
    std::env::var("COUNTERSIGN_SEED").ok().map(|seed| seed.parse().expect("COUNTERSIGN_SEED is a whole number"))
}

/// Plays the seeds on two threads.
fn each_seed(seeds: u64, play: impl Fn(u64) + Sync) {
    std::thread::scope(|scope| {
        for first in 0..2 {
            let play = &play;
            scope.spawn(move || (first..seeds).step_by(2).for_each(play));
        }
    });
}

const SEEDS: u64 = 60;
const STEPS: usize = 1200;
const HAPPENS: [&str; 0] = [];
