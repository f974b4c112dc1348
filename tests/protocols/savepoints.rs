//! Savepoints that a later checkpoint overtakes: nobody gives them up, so they are judged like any other when they are saved.
//! The traces are those of the simulator, and then tampered with.

use crate::support::Job;
use cutline::ids::*;
use cutline::sim::run::{Keep, meta};
use cutline::trace::event::{Event, Kind, Meta, Outcome};
use cutline::verify::{Invariant, Verdict, verify};

const SEEDS: u64 = 2_000;

/// A run in which a checkpoint was complete before an older savepoint was saved.
struct Overtaken {
    meta: Meta,
    events: Vec<Event>,
    savepoint: CheckpointId,
    /// Where it is saved.
    at: usize,
}

fn overtaken(events: &[Event]) -> Option<(CheckpointId, usize)> {
    let mut newest = CheckpointId(0);
    for (at, event) in events.iter().enumerate() {
        match &event.kind {
            Kind::Complete { checkpoint, outcome: Outcome::Ok, .. } => newest = *checkpoint,
            Kind::Savepoint { checkpoint, outcome: Outcome::Ok, .. } if *checkpoint < newest => {
                return Some((*checkpoint, at));
            }
            _ => {}
        }
    }
    None
}

fn runs() -> impl Iterator<Item = Overtaken> {
    let job = Job::of("savepoints", "engine");
    (0..SEEDS).filter_map(move |seed| {
        let seen = job.run_keeping(seed, Keep { trace: true, ..Keep::default() });
        let events = seen.run.trace?;
        let (savepoint, at) = overtaken(&events)?;
        Some(Overtaken { meta: meta(&job.plan(seed).0, Some(seed)), events, savepoint, at })
    })
}

#[test]
fn a_savepoint_that_is_overtaken_is_judged() {
    let found: Vec<Overtaken> = runs().take(3).collect();
    assert!(!found.is_empty(), "some are overtaken");
    for run in found {
        let report = verify(&run.meta, &run.events);
        for invariant in [Invariant::I1, Invariant::I2, Invariant::I3, Invariant::I4] {
            assert_eq!(*report.verdict(invariant), Verdict::Holds, "{invariant:?} of seed {:?}", run.meta.seed);
        }
    }
}

/// The first of these lines becomes the last, and those of its process are numbered as they stand then.
fn moved_behind(events: &mut [Event]) {
    events.rotate_left(1);
    let process = events[events.len() - 1].process;
    let mut own: Vec<&mut Event> = events.iter_mut().filter(|event| event.process == process).collect();
    let mut numbers: Vec<u32> = own.iter().map(|event| event.n).collect();
    numbers.sort_unstable();
    own.iter_mut().zip(numbers).for_each(|(event, n)| event.n = n);
}

/// The cut of a sink moves behind a record that came after its barrier: it depends on what the others' cuts don't have.
#[test]
fn what_is_wrong_with_it_is_seen() {
    let mut seen = 0;
    for mut run in runs().take(5) {
        let snap = |event: &Event| matches!(event.kind, Kind::Snap { checkpoint, .. } if checkpoint == run.savepoint);
        let moved = run.events[..run.at].iter().enumerate().filter(|(_, event)| snap(event)).find_map(|(at, event)| {
            let behind = run.events[at..run.at]
                .iter()
                .position(|later| later.process == event.process && matches!(later.kind, Kind::Apply { .. }))?;
            Some((at, at + behind))
        });
        let Some((from, to)) = moved else { continue };
        moved_behind(&mut run.events[from..=to]);
        let violated = verify(&run.meta, &run.events).violated();
        let cut = [Invariant::I1, Invariant::I2];
        assert!(violated.iter().any(|found| cut.contains(found)), "{violated:?} of seed {:?}", run.meta.seed);
        seen += 1;
    }
    assert!(seen > 0, "somebody takes a record between its part and the record of the savepoint");
}
