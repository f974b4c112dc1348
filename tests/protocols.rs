//! The table of planted defects: each is caught, by the invariant that its row names, in the scenario that its row
//! names; and the honest engine, over the same seeds, violates nothing.

mod support;

#[path = "protocols/regions.rs"]
mod regions;
#[path = "protocols/savepoints.rs"]
mod savepoints;

use cutline::protocols::PROTOCOLS;
use cutline::protocols::known::{KNOWN, Planted};
use cutline::sim::matrix::{Cell, FAULTS, possible};
use cutline::sim::run::{Keep, meta};
use cutline::trace::event::{Event, Kind};
use cutline::verify::{Invariant, Verdict, verify};
use std::collections::BTreeSet;
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

/// A defect, and a scenario in which nothing but one invariant tells of it.
const ALONE: [(&str, &str, &str); 13] = [
    ("I1", "no-hold", "choices"),
    ("I2", "never-stops-recording", "folklore/x02_recording_never_closed"),
    ("I3", "offset-early", "deep_chain"),
    ("I4", "quorum-of-one", "diamond"),
    ("I5", "notify-before-complete", "slow_upsert"),
    ("I6", "restore-older", "deep_chain"),
    ("I8", "applies-twice", "deep_chain"),
    ("I9", "ack-before-flush", "slow_upsert"),
    ("I11", "commit-on-prepare", "diamond"),
    ("I12", "finish-unsaid", "diamond"),
    ("I13", "discards-the-repeated", "store_trouble"),
    ("I14", "forged-token", "zombie"),
    ("I15", "ids-start-over", "deep_chain"),
];

/// Without any one of the verifiers some defect would go unseen. I10 has no defect that a process could have, see below;
/// I9n is violated together with I9 wherever choices are shown early.
#[test]
fn every_invariant_has_a_defect_that_only_it_catches() {
    for (invariant, protocol, scenario) in ALONE {
        let job = Job::of(scenario, protocol);
        let mut caught = 0;
        for seed in 0..SEEDS / 10 {
            let seen = job.run(seed);
            assert_eq!(seen.run.panic, None, "{protocol} in {scenario} {seed}");
            for other in seen.violated() {
                assert_eq!(format!("{other:?}"), invariant, "{protocol} in {scenario} {seed}");
                caught += 1;
            }
        }
        assert!(caught > 0, "{protocol} in {scenario} is never caught");
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

/// A sweep that never killed a sink between its ack and the completion says nothing about that. A fault that ends a life
/// strikes every role in every phase that it goes through.
#[test]
fn lives_end_in_every_phase_of_the_protocol() {
    let mut met: BTreeSet<Cell> = BTreeSet::new();
    for scenario in ["diamond", "unaligned", "join", "bounded_job", "upsert_sink", "concurrent_checkpoints"] {
        let job = Job::of(scenario, "engine");
        (0..2 * SEEDS).for_each(|seed| met.extend(job.run(seed).run.matrix.cells()));
    }
    let ends = |cell: &Cell| ["crash", "crash_host", "tear", "crash_coordinator"].contains(&FAULTS[cell.fault]);
    let place = |cell: &Cell| (cell.struck, cell.phase);
    let wanted: BTreeSet<_> = possible().filter(ends).map(|cell| place(&cell)).collect();
    let found: BTreeSet<_> = met.iter().filter(|cell| ends(cell)).map(place).collect();
    assert_eq!(wanted.len(), 32, "three roles of subtasks, and the coordinator");
    let missed: Vec<_> = wanted.difference(&found).collect();
    assert!(missed.is_empty(), "{missed:?}");
    assert!(met.iter().any(|cell| cell.other), "another checkpoint was in flight");
}

/// What became of the defects of real engines: each row is there, and each wrong gate is among those that the vectors
/// are tried on.
#[test]
fn every_known_defect_is_planted_or_said_to_be_left_out() {
    let twists = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gate/twists.rs")).unwrap();
    let numbers = (1..=48).map(|n| format!("B{n:02}"));
    assert!(numbers.eq(KNOWN[..48].iter().map(|known| known.id)), "all of the zoo, in order");
    for known in KNOWN {
        match known.planted {
            Planted::Row(name) => {
                let row = PROTOCOLS.iter().find(|row| row.name == name);
                assert!(row.is_some_and(|row| row.breaks.is_some()), "{}: {name}", known.id);
            }
            Planted::Gate => assert!(twists.contains(known.id), "{}", known.id),
            Planted::No(why) => assert!(why.len() > 20, "{}", known.id),
        }
    }
}

/// I10 is a promise of the ledger: it numbers the lines that it shows, and no request lets a process say otherwise. So no
/// protocol can break it, and the defects are planted in what the ledger tells of real runs. A plain sink that recovers
/// by writing over what it had written is the first of them.
#[test]
fn a_ledger_that_does_not_append_breaks_i10_and_nothing_else() {
    type Defect = fn(&mut [u64], usize);
    let defects: [(&str, Defect); 4] = [
        ("a restarted sink begins its file again", |at, n| at[n..].iter_mut().for_each(|p| *p -= n as u64)),
        ("a line is written over the last one", |at, n| at[n..].iter_mut().for_each(|p| *p -= 1)),
        ("a line is left empty", |at, n| at[n..].iter_mut().for_each(|p| *p += 1)),
        ("two lines change places", |at, n| at.swap(n - 1, n)),
    ];
    for scenario in ["diamond", "print_sink", "upsert_sink"] {
        let job = Job::of(scenario, "engine");
        for seed in 0..20 {
            let meta = meta(&job.plan(seed).0, Some(seed));
            let trace = job.run_keeping(seed, Keep { trace: true, ..Keep::default() }).run.trace.expect("it was kept");
            let shown = |trace: &[Event]| positions(&mut trace.to_vec()).map(|p| *p).collect::<Vec<u64>>();
            let (honest, before) = (verify(&meta, &trace), shown(&trace));
            assert_eq!((honest.violated(), honest.verdict(Invariant::I10)), (vec![], &Verdict::Holds));
            for (what, defect) in &defects {
                let (mut at, mut bad) = (before.clone(), trace.clone());
                defect(&mut at, before.len() / 2);
                positions(&mut bad).zip(at).for_each(|(position, planted)| *position = planted);
                let report = verify(&meta, &bad);
                assert_eq!(report.violated(), [Invariant::I10], "{scenario} {seed}: {what}");
            }
        }
    }
}

/// Where the lines of the one ledger stand.
fn positions(events: &mut [Event]) -> impl Iterator<Item = &mut u64> {
    events.iter_mut().filter_map(|event| match &mut event.kind {
        Kind::Visible { position, .. } => Some(position),
        _ => None,
    })
}
