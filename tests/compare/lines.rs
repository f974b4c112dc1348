//! Everybody takes checkpoints alone, for real: a failure goes back to a line, and what was in flight comes out of logs.

use super::{scenario, seeds};
use cutline::compare::zigzag::Zigzag;
use cutline::ids::*;
use cutline::protocols::{self, NOTED};
use cutline::scenario::{build, draw};
use cutline::sim::run::{Keep, Run, meta, run};
use cutline::topology::Mode;
use cutline::trace::event::{Event, Kind, Meta, Outcome};
use cutline::verify::{Invariant, verify};
use std::collections::BTreeSet;
use std::sync::Arc;

const SEEDS: u64 = 12;

fn alone(name: &str, protocol: &str, seed: u64) -> (Meta, Run) {
    let loaded = scenario(name);
    let mut closed = draw(&loaded.scenario, seeds(&loaded, seed + 1)[seed as usize]);
    closed.protocol = protocol.to_string();
    let built = build(&closed, &loaded, &protocols::find).unwrap();
    let setup = Arc::new(built.setup);
    let run = run(&setup, &Arc::new(built.sim), seed, Keep { trace: true, ..Keep::default() });
    (meta(&setup, Some(seed)), run)
}

#[test]
fn lines_are_right_and_their_defects_are_caught() {
    for row in NOTED.iter().filter(|row| row.scenario.starts_with("alone/")) {
        let mut found = BTreeSet::new();
        for seed in 0..SEEDS {
            for name in ["alone/bank", "alone/pipeline"] {
                let (_, run) = alone(name, row.name, seed);
                assert_eq!(run.panic, None, "{} {name} {seed}", row.name);
                let violated = run.report.expect("it was judged").violated();
                if row.breaks.is_none() {
                    assert_eq!((&violated, run.ended), (&vec![], Some(true)), "{} {name} {seed}", row.name);
                }
                found.extend(violated);
            }
        }
        let caught = row.breaks.is_none_or(|breaks| found.iter().any(|invariant| invariant.name() == breaks));
        assert!(caught, "{}: {found:?}", row.name);
    }
}

/// What the lines of some runs leave behind, and what was restored from them.
#[derive(Debug, Default)]
struct Seen {
    lines: u64,
    /// Lines whose members have different numbers.
    mixed: u64,
    useless: u64,
    /// Records that were put back out of logs.
    replayed: usize,
}

fn seen(name: &str, protocol: &str) -> Seen {
    let mut seen = Seen::default();
    for seed in 0..SEEDS {
        let trace = alone(name, protocol, seed).1.trace.expect("it was kept");
        let mut zigzag = Zigzag::default();
        for event in &trace {
            zigzag.observe(event);
            match &event.kind {
                Kind::Complete { parts, outcome: Outcome::Ok, .. } => {
                    seen.lines += 1;
                    let numbers: BTreeSet<CheckpointId> = parts.iter().map(|key| key.checkpoint).collect();
                    seen.mixed += u64::from(numbers.len() > 1);
                }
                Kind::Restore { kappa, .. } => seen.replayed += kappa.iter().map(|(_, ids)| ids.len()).sum::<usize>(),
                _ => {}
            }
        }
        seen.useless += zigzag.useless();
    }
    seen
}

/// The domino effect, in numbers: where records go round and nobody is forced, many checkpoints are on no line ever, and
/// fewer lines come about.
#[test]
fn without_forced_checkpoints_what_goes_round_has_fewer_lines() {
    let [never, index, vectors] = ["uncoordinated", "bcs", "hmnr"].map(|protocol| seen("alone/bank", protocol));
    println!("{never:?}\n{index:?}\n{vectors:?}");
    assert!(never.useless > 100 && index.useless == 0 && vectors.useless == 0);
    for one in [&index, &vectors] {
        assert!(one.lines > never.lines && one.mixed > 0 && one.replayed > 0, "{never:?} {one:?}");
    }
}

/// Where nothing goes round, nobody has to be forced.
#[test]
fn without_circles_lines_come_about_by_themselves() {
    let never = seen("alone/pipeline", "uncoordinated");
    assert!(never.useless == 0 && never.lines > 2 * SEEDS && never.mixed > 0 && never.replayed > 0, "{never:?}");
}

/// That parts may be of several checkpoints is said by the header. Without that it is what it always was: a defect.
#[test]
fn parts_of_several_checkpoints_are_a_defect_elsewhere() {
    let (mut meta, run) = alone("alone/bank", "hmnr", 0);
    let trace: Vec<Event> = run.trace.expect("it was kept");
    assert_eq!(verify(&meta, &trace).violated(), vec![]);
    meta.mode = Mode::Unaligned;
    let violated = verify(&meta, &trace).violated();
    assert!(violated.contains(&Invariant::I4) && violated.contains(&Invariant::I2), "{violated:?}");
}
