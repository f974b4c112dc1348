//! The table of planted defects: each is caught, by the invariant that its row names, in the scenario that its row
//! names; and the honest engine, over the same seeds, violates nothing.

mod support;

use cutline::protocols::PROTOCOLS;
use cutline::verify::{Invariant, Verdict};
use support::{Job, Seen};

const SEEDS: u64 = 400;

fn breaks(seen: &Seen, invariant: &str) -> bool {
    seen.violated().any(|found: Invariant| format!("{found:?}") == invariant)
}

#[test]
fn every_planted_defect_is_caught_by_the_invariant_of_its_row() {
    let mut missed = Vec::new();
    for row in PROTOCOLS {
        let Some(invariant) = row.breaks else { continue };
        let job = Job::of(row.scenario, row.name);
        let caught = (0..SEEDS * 8).find(|seed| breaks(&job.run(*seed), invariant));
        match caught {
            Some(seed) => println!("{:<24} {invariant:<4} seed {seed}", row.name),
            None => missed.push(format!("{} is not caught by {invariant} in {}", row.name, row.scenario)),
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn over_the_same_seeds_the_honest_engine_violates_nothing() {
    let mut scenarios: Vec<&str> = PROTOCOLS.iter().map(|row| row.scenario).collect();
    scenarios.sort_unstable();
    scenarios.dedup();
    for scenario in scenarios {
        let job = Job::of(scenario, "engine");
        for seed in 0..SEEDS {
            let seen = job.run(seed);
            let bad: Vec<&(Invariant, Verdict)> = seen.bad().collect();
            assert!(bad.is_empty(), "{scenario} {seed:#x}: {bad:?} {:?}", seen.run.panic);
            assert_eq!(seen.run.ended, Some(true), "{scenario} {seed:#x}");
        }
    }
}

#[test]
fn names_are_unique_and_found() {
    for (i, row) in PROTOCOLS.iter().enumerate() {
        assert!(cutline::protocols::find(row.name).is_some());
        assert!(PROTOCOLS[..i].iter().all(|other| other.name != row.name), "{}", row.name);
        assert!(!row.about.is_empty());
    }
}
