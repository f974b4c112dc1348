//! A run on real threads, done again by the simulated world: the same engine, the same events.

#[path = "exec/leaders.rs"]
mod leaders;
#[path = "support/real.rs"]
mod real;
#[path = "support/mod.rs"]
mod support;

use cutline::engine::message::Wish;
use cutline::ids::*;
use cutline::runtime::drive::End;
use cutline::runtime::frail::{Failing, Frail};
use cutline::runtime::hub::Make;
use cutline::sim::follow::follow;
use cutline::sim::run::Keep;
use cutline::sim::schedule::{Move, parse};
use cutline::trace::event::{Event, Kind, Outcome};
use cutline::verify::Verdict;
use cutline::world::setup::Setup;
use real::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use support::Job;

const SECOND: Duration = Duration::from_secs(1);

/// Source, two kinds of edges, a join of ways, a sink; so many records, barriers in this mode.
fn scenario(records: u64, mode: &str, capacity: u32) -> Arc<Setup> {
    let guarantee = if mode == "at-least-once" { mode } else { "exactly-once" };
    let text = format!(
        r#"{{"format": "cutline-scenario/1", "guarantee": "{guarantee}",
        "job": {{ "capacity": {capacity}, "vertices": [
            {{ "id": "src", "source": {{ "kind": "log", "data": {{ "records": {records}, "keys": 50, "salt": 1 }} }}, "parallelism": 2 }},
            {{ "id": "map", "operators": [{{ "map": {{ "add": 1 }} }}], "parallelism": 2, "inputs": [{{ "from": "src", "by": "rebalance" }}] }},
            {{ "id": "sum", "operators": ["keyed_sum"], "parallelism": 2,
               "inputs": [{{ "from": "src", "by": "hash" }}, {{ "from": "map", "by": "hash" }}] }},
            {{ "id": "out", "sink": "two_phase", "inputs": [{{ "from": "sum", "by": "hash" }}] }}] }},
        "checkpoints": {{ "mode": "{mode}", "interval_ms": 4, "timeout_ms": 2000, "min_pause_ms": 0, "max_concurrent": 1,
            "alignment_timeout_ms": 0, "retain": 2, "retry_ms": 300,
            "restart": {{ "fixed": {{ "attempts": 1000, "delay_ms": 1 }} }} }} }}"#
    );
    Job::written(&text, "engine").plan(1).0
}

type Lives = BTreeMap<(TaskId, Attempt), Vec<Kind>>;

fn by_life(events: &[Event]) -> Lives {
    let mut lives = Lives::new();
    for event in events {
        lives.entry((event.process, event.attempt)).or_default().push(event.kind.clone());
    }
    lives
}

/// What a simulated world does with the recorded choices.
fn again(setup: &Arc<Setup>, moves: &[Move]) -> Result<Vec<Event>, String> {
    let keep = Keep { trace: true, ..Keep::default() };
    let run = follow(setup, 0, moves, keep).map_err(|d| format!("move {}: {}", d.at, d.choice))?;
    Ok(run.trace.expect("it was kept"))
}

/// The first difference between what really happened and what the world does.
fn compare(setup: &Arc<Setup>, ran: &Ran, moves: &[Move]) -> Result<usize, String> {
    let (real, simulated) = (by_life(&ran.events()), by_life(&again(setup, moves)?));
    for ((process, attempt), kinds) in &real {
        let name = setup.topology.name(*process);
        let other = simulated.get(&(*process, *attempt)).ok_or(format!("{name} {attempt} doesn't live"))?;
        if let Some(at) = (0..kinds.len()).find(|at| other.get(*at) != Some(&kinds[*at])) {
            return Err(format!("{name} {attempt} event {at}: {:?}, not {:?}", other.get(at), kinds[at]));
        }
        if other.len() != kinds.len() {
            return Err(format!("{name} {attempt} has {} more events", other.len() - kinds.len()));
        }
    }
    if real.len() == simulated.len() { Ok(ran.events().len()) } else { Err("more lives".to_string()) }
}

fn run(setup: &Arc<Setup>, make: Make, silence: Duration) -> Ran {
    let memory = Memory::new(setup, Duration::from_micros(300));
    traced(setup, Arc::new(InMemory(memory)), make, silence, Notes::default())
}

fn check(setup: &Arc<Setup>, ran: &Ran) -> Vec<Move> {
    assert_eq!(ran.end, End::Ended { complete: true, before: false }, "{:?}", ran.notes);
    let moves = parse(&setup.topology, &ran.schedule).expect("a schedule");
    let events = compare(setup, ran, &moves).unwrap_or_else(|difference| panic!("{difference}"));
    assert!(events > 1000);
    // The world judges what it does again; it is what really happened.
    let report = follow(setup, 0, &moves, Keep::default()).expect("as before").report.expect("it was judged");
    for ((invariant, verdict), required) in report.verdicts.iter().zip(&report.required) {
        assert!(!required || !matches!(verdict, Verdict::Violated(_)), "{}: {verdict:?}", invariant.name());
    }
    moves
}

#[test]
fn a_run_on_threads_is_a_run_of_the_world() {
    for mode in ["aligned", "unaligned", "aligned-then-unaligned", "at-least-once"] {
        let setup = scenario(2000, mode, 16);
        let ran = run(&setup, honest(&setup), 30 * SECOND);
        check(&setup, &ran);
        let complete = ran.events().iter().filter(|e| matches!(e.kind, Kind::Complete { .. })).count();
        assert!(complete > 2, "{mode}: {complete} checkpoints");
    }
}

#[test]
fn a_stop_with_a_savepoint_is_a_choice_of_the_world() {
    let setup = scenario(20_000, "aligned", 16);
    let memory = Memory::new(&setup, Duration::from_micros(300));
    let watch = Notes { wish: Some((2, Wish::StopWithSavepoint)), ..Notes::default() };
    let ran = traced(&setup, Arc::new(InMemory(memory)), honest(&setup), 30 * SECOND, watch);
    let End::Suspended(checkpoint) = ran.end else { panic!("{:?} {:?}", ran.end, ran.notes) };
    assert!(ran.schedule.contains("\nwish coordinator:a1 stop\n"));
    let moves = parse(&setup.topology, &ran.schedule).expect("a schedule");
    compare(&setup, &ran, &moves).unwrap_or_else(|difference| panic!("{difference}"));
    let stopped = |event: &Event| event.kind == Kind::Suspend { checkpoint };
    assert!(again(&setup, &moves).unwrap().iter().any(stopped));
}

#[test]
fn a_savepoint_is_a_choice_of_the_world() {
    let setup = scenario(20_000, "aligned", 16);
    let memory = Memory::new(&setup, Duration::from_micros(300));
    let watch = Notes { wish: Some((2, Wish::Savepoint)), ..Notes::default() };
    let ran = traced(&setup, Arc::new(InMemory(memory)), honest(&setup), 30 * SECOND, watch);
    let moves = check(&setup, &ran);
    assert!(ran.schedule.contains("\nwish coordinator:a1 savepoint\n"));
    let saved = |event: &Event| matches!(event.kind, Kind::Savepoint { outcome: Outcome::Ok, .. });
    assert_eq!(again(&setup, &moves).unwrap().iter().filter(|event| saved(event)).count(), 1);
    assert_eq!(ran.events().iter().filter(|event| saved(event)).count(), 1);
}

/// The first life of a subtask fails so at some record.
fn frail(setup: &Arc<Setup>, task: u32, what: Failing) -> Make {
    wrapped(setup, move |who, honest| {
        let first = who.attempt == Attempt(1) && who.task == TaskId(task);
        if first { Frail::boxed(honest, 300, what) } else { honest }
    })
}

#[test]
fn a_thread_that_panics_is_a_crash_and_the_job_goes_back() {
    let setup = scenario(2000, "aligned", 16);
    let ran = run(&setup, frail(&setup, 4, Failing::Panic), 30 * SECOND);
    check(&setup, &ran);
    assert!(ran.attempts == 2 && ran.events().iter().any(|event| event.kind == Kind::Crash));
}

#[test]
fn a_thread_that_hangs_is_given_up_and_comes_back_as_a_zombie() {
    let setup = scenario(3000, "unaligned", 16);
    let hang = Failing::Hang(Duration::from_millis(700), 40);
    let ran = run(&setup, frail(&setup, 6, hang), Duration::from_millis(250));
    check(&setup, &ran);
    assert!(ran.attempts == 2 && ran.schedule.contains("\nsuspect "), "{}", ran.attempts);
}

#[test]
fn an_event_that_was_changed_or_a_choice_that_was_left_out_is_noticed() {
    let setup = scenario(500, "aligned", 16);
    let mut ran = run(&setup, honest(&setup), 30 * SECOND);
    let moves = check(&setup, &ran);
    let honest = ran.trace.clone();
    let put = honest.lines().position(|line| line.contains(r#""k":"put""#)).expect("something was stored");
    let tamper = |line: &str| line.replacen(r#""result":"ok""#, r#""result":"again""#, 1);
    let lines = honest.lines().enumerate().map(|(i, line)| if i == put { tamper(line) } else { line.to_string() });
    ran.trace = lines.collect::<Vec<_>>().join("\n");
    let noticed = compare(&setup, &ran, &moves).expect_err("a result was changed");
    assert!(noticed.starts_with("store a1 event"), "{noticed}");
    ran.trace = honest;
    for at in [0, moves.len() / 3, moves.len() / 2] {
        let left: Vec<Move> = moves.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, m)| m.clone()).collect();
        assert!(compare(&setup, &ran, &left).is_err(), "move {at} was left out");
    }
}
