//! A run on real threads, done again by the simulated world: the same engine, the same events.

#[path = "support/real.rs"]
mod real;
#[path = "support/mod.rs"]
mod support;

use cutline::digest::Digest;
use cutline::engine::message::{Input, Outbox, Wish};
use cutline::engine::process::Process;
use cutline::ids::*;
use cutline::runtime::book::Book;
use cutline::runtime::drive::{End, drive};
use cutline::runtime::frail::{Failing, Frail};
use cutline::runtime::hub::{Hub, Make};
use cutline::runtime::tally::Note;
use cutline::sim::follow::follow;
use cutline::sim::run::Keep;
use cutline::sim::schedule::{Move, parse};
use cutline::trace::event::{Event, Kind};
use cutline::verify::Verdict;
use cutline::world::setup::Setup;
use real::*;
use std::any::Any;
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

/// A coordinator that was silent for too long is replaced by one of the same process. When it comes back it is fenced off,
/// and the job goes on: nobody else leads it.
#[test]
fn a_coordinator_that_was_replaced_does_not_end_the_job() {
    let setup = scenario(60_000, "aligned", 16);
    let coordinator = setup.topology.coordinator();
    let hung = std::sync::atomic::AtomicBool::new(false);
    let make = wrapped(&setup, move |who, honest| {
        let first = who.task == coordinator && !hung.swap(true, std::sync::atomic::Ordering::Relaxed);
        if first { Box::new(Sleeper { inner: honest, steps: 0 }) } else { honest }
    });
    let outside = Arc::new(InMemory(Memory::new(&setup, Duration::ZERO)));
    let hub = Hub::new(job(&setup, outside, make), Book::new(&setup.topology, None), vec![]);
    let mut notes = Notes::default();
    let end = drive(&hub, Duration::from_millis(250), &mut notes);
    assert_eq!(end, End::Ended { complete: true, before: false }, "{:?}", notes.notes);
    let lost = |note: &Note| matches!(note, Note::Lost(what) if what.starts_with("coordinator"));
    assert!(notes.notes.iter().any(lost), "{:?}", notes.notes);
}

/// A process that sleeps at one of its steps.
struct Sleeper {
    inner: Box<dyn Process>,
    steps: u32,
}

impl Process for Sleeper {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        self.steps += 1;
        if self.steps == 30 {
            std::thread::sleep(Duration::from_millis(900));
        }
        self.inner.step(input, out);
    }

    fn job(&self) -> Option<Attempt> {
        self.inner.job()
    }

    fn stopped(&self) -> bool {
        self.inner.stopped()
    }

    fn digest(&self, cell: usize, d: &mut Digest) {
        self.inner.digest(cell, d);
    }

    fn fork(&self) -> Box<dyn Process> {
        self.inner.fork()
    }

    fn any(&self) -> &dyn Any {
        self.inner.any()
    }
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
