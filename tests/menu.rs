//! The menu is the definition: what the simulator does is on it, what is on it can be done, and a schedule replays.

mod support;

use cutline::engine::message::Request;
use cutline::sim::follow::follow as replay;
use cutline::sim::run::{Keep, Run};
use cutline::sim::schedule::{self, Move};
use cutline::trace::digest::TraceDigest;
use cutline::trace::event::Event;
use cutline::world::World;
use cutline::world::choice::{Choice, Fault, Step};
use cutline::world::observer::Observer;
use support::Job;

fn steps(run: &Run) -> Vec<Step> {
    let moves = run.schedule.as_ref().expect("the schedule was kept");
    let step = |step: &Move| match step {
        Move::Step(step) => Some(*step),
        _ => None,
    };
    moves.iter().filter_map(step).collect()
}

/// A schedule, printed, read and followed, is the run that it was recorded from.
#[test]
fn a_schedule_replays_to_the_same_digest() {
    for scenario in ["diamond", "unaligned", "choices", "zombie", "store_trouble", "transaction_timeout"] {
        let job = Job::of(scenario, "engine");
        for seed in 0..10 {
            let run = job.run_keeping(seed, Keep { schedule: true, ..Keep::default() }).run;
            let (setup, _) = job.plan(seed);
            let moves = run.schedule.as_ref().expect("the schedule was kept");
            let text = schedule::print(&setup.topology, scenario, moves);
            let read = schedule::parse(&setup.topology, &text).expect("what was printed can be read");
            assert_eq!(&read, moves);
            let again = replay(&setup, seed, &read, Keep::default()).expect("every choice can be made");
            assert_eq!(again.digest, run.digest, "{scenario} {seed}");
            let verdicts = |run: &Run| format!("{:?}", run.report.as_ref().map(|report| &report.verdicts));
            assert_eq!(verdicts(&again), verdicts(&run));
        }
    }
}

#[test]
fn a_bad_schedule_is_refused_with_its_line() {
    let (setup, _) = Job::of("diamond", "engine").plan(0);
    let bad = |line: &str| schedule::parse(&setup.topology, &format!("cutline-schedule/1 x\n\n{line}\n")).unwrap_err();
    for line in [
        "fly",
        "deliver",
        "deliver a1 no>where",
        "tell coordinator coordinator:a1",
        "fire coordinator:a1 tea",
        "revive keep",
        "revive keep 1 2",
        "read src/0:b1 0",
        "choose src/0:a1 999",
        "note hm",
    ] {
        assert_eq!(bad(line).line, 3, "{line}");
    }
    assert_eq!(schedule::parse(&setup.topology, "").unwrap_err().line, 1);
}

struct Digests(TraceDigest);

impl Observer for Digests {
    fn event(&mut self, event: Event) {
        self.0.add(&event);
    }
}

/// Replays the schedule of a run in a world of its own, comparing every choice with the menu.
fn follow(scenario: &str, seed: u64, every: usize) -> usize {
    let job = Job::of(scenario, "engine");
    let run = job.run_keeping(seed, Keep { schedule: true, unjudged: true, ..Keep::default() }).run;
    let (setup, _) = job.plan(seed);
    let mut world = World::new(&setup);
    let mut digests = Digests(TraceDigest::new(setup.topology.processes()));
    let (mut menu, mut faults) = (Vec::new(), Vec::new());
    let schedule = steps(&run);
    for (i, step) in schedule.iter().enumerate() {
        if i % every == 0 {
            world.menu(&mut menu);
            assert!(menu.is_sorted() && menu.windows(2).all(|pair| pair[0] != pair[1]), "sorted, without repetition");
            world.faults(&mut faults);
            let listed = menu.binary_search(&step.choice).is_ok() || faults.contains(&step.choice);
            assert!(listed, "{scenario} {seed}: step {i}, {:?}, is on the menu", step.choice);
            assert!(menu.iter().chain(&faults).all(|choice| world.enabled(*choice)));
        }
        world.apply(*step, &mut digests).unwrap_or_else(|choice| panic!("{scenario} {seed}: step {i}: {choice:?}"));
    }
    schedule.len()
}

#[test]
fn what_the_simulator_does_is_on_the_menu() {
    for scenario in ["diamond", "unaligned", "choices", "zombie", "store_trouble", "transaction_timeout"] {
        for seed in 0..6 {
            assert!(follow(scenario, seed, 7) > 50);
        }
    }
}

/// A record that is written at once is lost with the answer to the flush behind it, and never alone: nobody would know.
#[test]
fn what_nobody_waits_for_does_not_fail_alone() {
    let job = Job::of("print_sink", "engine");
    let run = job.run_keeping(1, Keep { schedule: true, unjudged: true, ..Keep::default() }).run;
    let mut world = World::new(&job.plan(1).0);
    let mut digests = Digests(TraceDigest::new(world.setup().topology.processes()));
    let (mut faults, mut written, mut failing) = (Vec::new(), 0, 0);
    for step in steps(&run) {
        world.faults(&mut faults);
        for fault in &faults {
            let (Choice::Fault(Fault::FailRequest(ask)) | Choice::Fault(Fault::LoseReply(ask))) = fault else {
                continue;
            };
            let writes = matches!(world.in_flight(*ask).expect("it is listed").request, Request::Write(_));
            let fails = matches!(fault, Choice::Fault(Fault::FailRequest(_)));
            assert!(!(writes && fails), "{fault:?}");
            written += u32::from(writes);
            failing += u32::from(fails);
        }
        world.apply(step, &mut digests).expect("the schedule replays");
    }
    assert!(written > 0 && failing > 0, "{written} writes, {failing} that can fail");
}

#[test]
fn what_is_not_on_the_menu_is_refused_and_changes_nothing() {
    let job = Job::of("diamond", "engine");
    let (setup, _) = job.plan(3);
    let mut world = World::new(&setup);
    let mut digests = Digests(TraceDigest::new(setup.topology.processes()));
    let before = world.fingerprint();
    let nobody = cutline::ids::Incarnation { task: cutline::ids::TaskId(0), attempt: cutline::ids::Attempt(9) };
    for choice in [
        Choice::Deliver(cutline::ids::Attempt(1), cutline::ids::ChannelId(0)),
        Choice::Read(nobody, 0),
        Choice::Tell(nobody, nobody),
        Choice::Fault(Fault::Crash(nobody)),
        Choice::Fault(Fault::Failover),
    ] {
        assert!(world.apply(Step::from(choice), &mut digests).is_err());
    }
    assert_eq!((world.fingerprint(), digests.0.events()), (before, 0));
}

#[test]
fn a_fork_of_a_world_goes_its_own_way() {
    let job = Job::of("diamond", "engine");
    let run = job.run_keeping(5, Keep { schedule: true, unjudged: true, ..Keep::default() }).run;
    let (setup, _) = job.plan(5);
    let mut world = World::new(&setup);
    let mut digests = Digests(TraceDigest::new(setup.topology.processes()));
    let schedule = steps(&run);
    let half = schedule.len() / 2;
    for step in &schedule[..half] {
        world.apply(*step, &mut digests).expect("the schedule replays");
    }
    let fork = world.clone();
    let before = fork.fingerprint();
    assert_eq!(before, world.fingerprint(), "a fork is equal");
    for step in &schedule[half..] {
        world.apply(*step, &mut digests).expect("the schedule replays");
    }
    assert_eq!(fork.fingerprint(), before, "and stays as it was");
    assert_ne!(world.fingerprint(), before);
}
