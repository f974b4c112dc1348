//! Four things that are widely told about snapshots and aren't so, each with a shortest counterexample; and what is so,
//! searched to the end. `docs/folklore.md` says them in words.
//!
//! The lengths were first found by a small search of its own, in a model in which a step is one send, one delivery or
//! one snapshot. Here a snapshot is also stored, acknowledged and completed; every length below is the model's plus
//! exactly those steps.

use cutline::cli::plan::{BASE, seed_at};
use cutline::engine::message::Datum;
use cutline::engine::snapshot::Part;
use cutline::explore::judge::Property;
use cutline::explore::path::legs;
use cutline::explore::rules::{Rules, Timers};
use cutline::explore::search::{Found, Options, search};
use cutline::explore::{anchor, chandy_lamport};
use cutline::folklore::{CLAIMS, Claim, Lab, decide};
use cutline::protocols::anchor::{self as joins, Bug};
use cutline::protocols::chandy_lamport::{Initiators, Instance, Recording, Shape};
use cutline::scenario::load;
use cutline::scenario::spec::{Data, Open};
use cutline::sim::run::meta;
use cutline::trace::event::Event;
use cutline::trace::text;
use cutline::verify::{Invariant, Report, Verdict, Verifier};
use cutline::world::World;
use cutline::world::choice::{Choice, Step};
use cutline::world::observer::Observer;
use cutline::world::setup::Setup;
use std::sync::Arc;

/// The claims of `cutline folklore`, and a lab for each.
fn catalogue() -> impl Iterator<Item = (&'static Claim, Lab)> {
    CLAIMS.iter().map(|claim| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/folklore/").to_string() + claim.scenario + ".json";
        let loaded = load(std::path::Path::new(&path)).unwrap_or_else(|found| panic!("{}", found[0].render(false)));
        let seeds = (0..loaded.scenario.seeds).map(|i| seed_at(BASE, &loaded.name, i)).collect();
        (claim, Lab { loaded, seeds })
    })
}

#[test]
fn every_claim_comes_out_as_its_row_says() {
    assert_eq!(CLAIMS.len(), 23);
    for (i, (claim, lab)) in catalogue().enumerate() {
        assert_eq!(claim.id, format!("X{}", i + 1));
        let outcome = decide(claim, &lab).unwrap();
        assert!(outcome.confirmed, "{}: {:#?}", claim.id, outcome.lines);
    }
}

/// Nothing is decided by itself: with a scenario in which it can't show, a claim isn't.
#[test]
fn a_claim_that_does_not_show_is_not_decided() {
    let mut undecided = Vec::new();
    for (claim, mut lab) in catalogue() {
        lab.seeds.truncate(3);
        // No record, no fault, no second input: nothing can be seen.
        for source in lab.loaded.scenario.job.vertices.iter_mut().filter_map(|vertex| vertex.source.as_mut()) {
            if let Data::Numbers { records, .. } = &mut source.data {
                *records = Open::Fixed(0);
            }
        }
        lab.loaded.scenario.faults.count = Open::Fixed(0);
        if !decide(claim, &lab).unwrap().confirmed {
            undecided.push(claim.id);
        }
    }
    // X14 is seen at the first snapshot, X17 at the first request, X16 is arithmetic where there is a checkpoint at all,
    // and X22 at the end.
    let exempt = ["X14", "X16", "X17", "X22"];
    let missing: Vec<&str> =
        CLAIMS.iter().map(|c| c.id).filter(|id| !undecided.contains(id) && !exempt.contains(id)).collect();
    assert!(missing.is_empty(), "decided by nothing: {missing:?}");
}

/// Anything at any time, nothing fails. The start of the job is no step.
fn rules() -> Rules {
    Rules { timers: Timers::Free, ..Rules::default() }
}

/// Watches everything.
#[derive(Default)]
struct Trace(Vec<Event>);

impl Observer for Trace {
    fn event(&mut self, event: Event) {
        self.0.push(event);
    }
}

fn offline(setup: &Setup, events: &[Event]) -> Report {
    let mut verifier = Verifier::new(&meta(setup, None));
    events.iter().for_each(|event| _ = verifier.observe(event));
    verifier.finish()
}

/// The tokens in the newest snapshot: those that processes held, and those in flight.
fn recorded(world: &World) -> (usize, usize) {
    let manifest = world.store().completed().last().expect("a snapshot was completed");
    let (mut held, mut flying) = (0, 0);
    for part in &manifest.parts {
        let Part::Stored(key) = part else { panic!("everybody has a part") };
        let snapshot = world.store().snapshot(key).expect("it is stored");
        held += snapshot.operators[0].split.iter().filter(|held| **held == Datum::Int(1)).count();
        flying += snapshot.channels.iter().map(|(_, records)| records.len()).sum::<usize>();
    }
    (held, flying)
}

/// A shortest way to a violation, without any reduction: what is violated, and after how many steps. The offline
/// verifiers must say the same of its trace, and that the other one of I1 and I2 holds there. The world at its end.
fn shortest(setup: &Arc<Setup>) -> (Invariant, u32, World) {
    let found = search(setup, Options { track: true, ..Options::new(rules()) }, None, &mut |_| true);
    let (property, violation) = found.violations.first_key_value().expect("it is wrong, and found to be");
    assert_eq!(found.violations.len(), 1, "{:?}", found.violations);
    let Property::Invariant(invariant) = *property else { panic!("{property} is no invariant") };
    let path = violation.path.as_ref().expect("ways are kept");
    assert_eq!(path.len(), violation.depth as usize);

    let legs = legs(setup, &rules(), path);
    let events: Vec<Event> = legs.iter().flat_map(|leg| leg.events.iter().cloned()).collect();
    println!("{}: {property} after {} steps, {} states", setup.name, violation.depth, found.states);
    legs.iter().skip(1).for_each(|leg| {
        let lines: Vec<String> = leg.events.iter().map(|event| text::brief(&setup.topology, event)).collect();
        println!("  {}", lines.join("; "));
    });
    let report = offline(setup, &events);
    assert_eq!(report.violated(), [invariant], "{:?}", report.verdicts);
    let other = if invariant == Invariant::I1 { Invariant::I2 } else { Invariant::I1 };
    assert!(report.verdicts.contains(&(other, Verdict::Holds)), "{:?}", report.verdicts);

    let mut world = World::new(setup);
    for step in legs.iter().flat_map(|leg| &leg.steps) {
        world.apply(*step, &mut Trace::default()).expect("the way can be followed");
    }
    (invariant, violation.depth, world)
}

/// Searches everything, also what comes after violations.
fn everything(setup: &Arc<Setup>) -> Found {
    let found = search(setup, Options { keep_going: true, ..Options::new(rules()) }, None, &mut |_| true);
    assert_eq!(found.cut, None, "{}", setup.name);
    println!("{}: {} states, {} snapshots", setup.name, found.states, found.completed.len());
    found
}

/// Nothing is wrong anywhere; and that is said of something: snapshots are completed, at least so many different ones,
/// and every way ends.
fn holds(setup: &Arc<Setup>, snapshots: usize) {
    let found = everything(setup);
    assert!(found.violations.is_empty(), "{}: {:?}", setup.name, found.violations);
    assert!(found.completed.len() >= snapshots, "{}: {} snapshots", setup.name, found.completed.len());
    assert!(!found.good_ends.is_empty(), "{}: the job ends", setup.name);
}

fn only(found: &Found, invariant: Invariant) {
    let properties: Vec<Property> = found.violations.keys().copied().collect();
    assert_eq!(properties, [Property::Invariant(invariant)]);
}

fn circle(instance: Instance) -> Arc<Setup> {
    chandy_lamport::setup(&instance).expect("there is such a size")
}

fn with(recording: Recording, processes: u32, sends: u64) -> Instance {
    Instance { recording, ..Instance::new(processes, sends) }
}

/// What a process does for its part beside recording it: it stores it, and its ack is taken.
const STORED: u32 = 2;

/// "A marker was seen before: ignore it", where channels have no state. What is in flight is in no part.
///
/// Two processes, the model's 3 steps: 0 sends the token, 1 initiates, 0 takes the marker. With three processes the
/// marker is taken by two of them: 4 steps. All parts are complete then, and remain to be stored.
#[test]
fn ignored_markers_lose_what_is_in_flight() {
    for (processes, model) in [(2, 3), (3, 4)] {
        let (violated, steps, world) = shortest(&circle(with(Recording::Never, processes, 1)));
        assert_eq!((violated, steps), (Invariant::I2, model + STORED * processes));
        assert_eq!(recorded(&world), (0, 0), "the token is gone");
    }
}

/// The same in a ring, where whoever takes the first marker sends the second. Only the initiator's input can be in
/// flight: everybody else takes the marker of its only input, behind the token. So if the initiator isn't the one that
/// the token is sent to first, the token is taken and sent once more.
#[test]
fn ignored_markers_lose_what_is_in_flight_in_a_ring() {
    for (initiators, model) in [(Initiators::Everybody, 4), (Initiators::Last, 4 + 2)] {
        let ring = Instance { shape: Shape::Ring, initiators, ..with(Recording::Never, 3, 1) };
        let (violated, steps, world) = shortest(&circle(ring));
        assert_eq!((violated, steps), (Invariant::I2, model + STORED * 3));
        assert_eq!(recorded(&world), (0, 0));
    }
}

/// No orphan anywhere, however long it is searched: whoever checks that no message was received and not sent, and
/// nothing else, lets this protocol pass.
#[test]
fn ignored_markers_make_no_orphan() {
    for initiators in [Initiators::Last, Initiators::Everybody] {
        only(&everything(&circle(Instance { initiators, ..with(Recording::Never, 2, 2) })), Invariant::I2);
        only(&everything(&circle(Instance { initiators, ..with(Recording::Never, 3, 1) })), Invariant::I2);
    }
}

/// "A marker was seen before: ignore it", where recording goes on. What comes after the marker is in two parts.
///
/// Two processes, the model's 5 steps: 1 initiates, 0 takes the marker, 0 sends the token, 1 takes the marker, 1 takes
/// the token. A snapshot that counts must have seen all markers: with three processes there are 6 instead of 2, and it
/// takes 9 steps, where everybody sends to everybody. In a ring of three there are 3, and the token goes to the initiator:
/// 6 steps, and 2 more if that is the last process.
#[test]
fn endless_recording_keeps_what_was_sent_after_the_cut() {
    let cases = [
        (2, Shape::Complete, Initiators::Last, 5),
        (2, Shape::Complete, Initiators::Everybody, 5),
        (3, Shape::Complete, Initiators::Last, 9),
        (3, Shape::Complete, Initiators::Everybody, 9),
        (3, Shape::Ring, Initiators::Everybody, 6),
        (3, Shape::Ring, Initiators::Last, 6 + 2),
    ];
    for (processes, shape, initiators, model) in cases {
        let instance = Instance { shape, initiators, ..with(Recording::Endless, processes, 1) };
        let (violated, steps, world) = shortest(&circle(instance));
        assert_eq!((violated, steps), (Invariant::I2, model + STORED * processes));
        assert_eq!(recorded(&world), (1, 1), "there are two tokens");
    }
}

#[test]
fn endless_recording_makes_no_orphan() {
    only(&everything(&circle(with(Recording::Endless, 2, 2))), Invariant::I2);
    only(&everything(&circle(with(Recording::Endless, 3, 1))), Invariant::I2);
}

/// Markers that close what they end, whoever initiates, and also if several do.
#[test]
fn markers_that_close_a_recording_are_right() {
    for initiators in [Initiators::Last, Initiators::Everybody] {
        let instance = |processes, sends| Instance { initiators, ..Instance::new(processes, sends) };
        // Snapshots differ in where the token is, and in how it came there.
        holds(&circle(instance(2, 1)), 3);
        holds(&circle(instance(2, 3)), 4);
        holds(&circle(instance(3, 1)), 6);
        holds(&circle(Instance { shape: Shape::Ring, ..instance(3, 2) }), 6);
    }
}

/// Whatever comes first: the snapshot has one token, and the offline verifiers say nothing against the trace.
#[test]
fn the_token_is_conserved() {
    let setup = circle(Instance { initiators: Initiators::Everybody, ..Instance::new(3, 2) });
    let mut flying = 0;
    for seed in 0..500u64 {
        let (mut world, mut trace, mut menu, mut state) = (World::new(&setup), Trace::default(), Vec::new(), seed);
        while world.job_ended().is_none() {
            world.menu(&mut menu);
            state = cutline::digest::mix(state + 1);
            let choice: Choice = menu[(state % menu.len() as u64) as usize];
            world.apply(Step::from(choice), &mut trace).expect("it is on the menu");
        }
        let tokens = recorded(&world);
        assert_eq!(tokens.0 + tokens.1, 1, "seed {seed}");
        flying += tokens.1;
        let violated = offline(&setup, &trace.0).violated();
        assert!(violated.is_empty(), "seed {seed}: {violated:?}");
    }
    assert!(flying > 50, "it is in flight in {flying} of 500 only");
}

/// Two sources with a record each and what joins them, followed by a sink; one checkpoint before the last.
fn join(bug: Bug) -> Arc<Setup> {
    anchor::setup(&joins::Instance { bug, ..joins::Instance::new(2, 1, 1, 1) }).expect("there is such a size")
}

/// What a checkpoint takes here that the model of a join doesn't have: the trigger; the upload of the join; the barrier
/// and the upload of the sink; the acks of two sources, the join and the sink. Sources store and acknowledge in the step
/// in which they inject.
const COMPLETED: u32 = 1 + 1 + 2 + 4;

/// The snapshot is taken at the first barrier, the others are ignored: what is queued on the other input is lost.
///
/// The model's 4 steps: a source emits, it injects, the other one injects, the join takes that one's barrier.
#[test]
fn the_first_barrier_loses_what_is_queued_elsewhere() {
    let (violated, steps, _) = shortest(&join(Bug::FirstBarrier));
    assert_eq!((violated, steps), (Invariant::I2, 4 + COMPLETED));
    only(&everything(&join(Bug::FirstBarrier)), Invariant::I2);
}

/// The snapshot is taken at the last barrier, and inputs whose barrier came are read on, as "at least once" does: what
/// was emitted after a barrier is in the state.
///
/// The model's 6 steps: a source injects, it emits, the join takes the barrier, the join takes the record, the other
/// source injects, the join takes the last barrier. One more: the join hands the record on, and the sink takes it
/// before its barrier.
#[test]
fn waiting_without_holding_makes_orphans() {
    let (violated, steps, _) = shortest(&join(Bug::NoAlignment));
    assert_eq!((violated, steps), (Invariant::I1, 6 + 1 + COMPLETED));
    only(&everything(&join(Bug::NoAlignment)), Invariant::I1);
}

#[test]
fn a_join_that_holds_is_right() {
    // Two checkpoints: what the first one covers depends on when it is injected, the last one covers everything.
    holds(&join(Bug::None), 5);
}
