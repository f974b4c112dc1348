//! Settings of the simulation do what they say.

mod support;

use cutline::ids::Nanos;
use cutline::sim::run::{Keep, run};
use cutline::sim::setup::{Latency, SimSetup};
use cutline::trace::event::{Event, Kind, TxnOp};
use std::sync::Arc;
use support::Job;

/// A run of the diamond without faults, in which the ledger is as slow as this.
fn events(ledger: Nanos) -> Vec<Event> {
    let (setup, plan) = Job::of("diamond", "engine").plan(3);
    let fixed = |delay| Latency::Uniform { min: delay, max: delay };
    let plan = SimSetup { ledger: fixed(ledger), store: fixed(Nanos(100_000)), faults: Vec::new(), ..(*plan).clone() };
    let run = run(&setup, &Arc::new(plan), 3, Keep { trace: true, ..Keep::default() });
    assert!(run.report.expect("a judged run").holds(), "a slow ledger is no excuse");
    run.trace.expect("a kept trace")
}

fn first(events: &[Event], wanted: impl Fn(&Kind) -> bool) -> Nanos {
    events.iter().find(|event| wanted(&event.kind)).expect("a job that commits").time
}

/// A two-phase sink asks its ledger three times before the first line is visible: to open, to stage, to commit. Two
/// answers have to come back in between.
#[test]
fn a_slower_ledger_commits_later() {
    let (fast, slow) = (events(Nanos(1_000)), events(Nanos(20_000_000)));
    let committed = |events: &[Event]| first(events, |kind| matches!(kind, Kind::Txn { op: TxnOp::Commit, .. }));
    let begun = |events: &[Event]| first(events, |kind| matches!(kind, Kind::Begin { .. }));
    assert_eq!(begun(&fast), begun(&slow), "the store is as fast as before");
    let later = committed(&slow).0 - committed(&fast).0;
    assert!(later >= 2 * 20_000_000, "{later} ns");
}

/// A sink that writes at once may not acknowledge what is still on its way: a restore refuses it as an older attempt's,
/// and the records that it came from are not read again. Before sinks flushed, one of fifty of these lost an update.
#[test]
fn writes_that_a_checkpoint_counts_on_are_written_before_it_completes() {
    let job = Job::of("slow_upsert", "engine");
    for seed in 0..400 {
        let seen = job.run(seed);
        assert!(seen.bad().next().is_none(), "{seed}: {:?}", seen.bad().next());
        assert_eq!(seen.run.ended, Some(true));
    }
}

/// Each question makes the answer to the one before it worthless, so the pause before asking again has to grow until an
/// answer fits into it. When it was fixed, this job asked for ever.
#[test]
fn answers_that_take_longer_than_the_pause_arrive() {
    let (setup, plan) = Job::of("diamond", "engine").plan(5);
    let mut config = (*setup.config).clone();
    (config.retry, config.timeout) = (Nanos(1_000_000), Nanos(10_000_000_000));
    let setup = Arc::new(cutline::world::setup::Setup { config: Arc::new(config), ..(*setup).clone() });
    let slow = Latency::Uniform { min: Nanos(15_000_000), max: Nanos(25_000_000) };
    let plan = SimSetup { ledger: slow, store: slow, faults: Vec::new(), ..(*plan).clone() };
    let run = run(&setup, &Arc::new(plan), 5, Keep { trace: true, ..Keep::default() });
    assert!(run.report.expect("a judged run").holds(), "a slow store is no excuse");
    let events = run.trace.expect("a kept trace");
    assert!(
        events.iter().any(|event| matches!(event.kind, Kind::Txn { op: TxnOp::Commit, .. })),
        "output is committed"
    );
    assert!(matches!(events.last().expect("events").kind, Kind::Quiesce), "and the job comes to its end");
}
