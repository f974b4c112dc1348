//! Channels that aren't FIFO: who keeps his promises there, and that the verifiers would say so if nobody did.

use super::{clean, command, of, scenario, seeds};
use cutline::compare::{WAYS, Weather, compare};
use cutline::protocols::{self, NOTED};
use cutline::scenario::{Scenario, build, draw};
use cutline::sim::follow::follow;
use cutline::sim::run::{Keep, Run, meta, run};
use cutline::trace::event::{Event, Kind, Meta};
use cutline::verify::{Invariant, Verdict, verify};
use cutline::world::choice::Choice;
use cutline::world::setup::Setup;
use serde_json::Value;
use std::sync::Arc;

/// A run of the job in which everything may overtake everything.
fn pipeline(protocol: &str, seed: u64, change: impl Fn(&mut Scenario), keep: Keep) -> (Arc<Setup>, Run) {
    let loaded = scenario("reordered/pipeline");
    let mut closed = draw(&loaded.scenario, seeds(&loaded, seed + 1)[seed as usize]);
    closed.protocol = protocol.to_string();
    change(&mut closed);
    let built = build(&closed, &loaded, &protocols::find).unwrap();
    let setup = Arc::new(built.setup);
    (setup.clone(), run(&setup, &Arc::new(built.sim), seed, keep))
}

fn violated(protocol: &str, seed: u64) -> Vec<Invariant> {
    let (_, run) = pipeline(protocol, seed, |_| {}, Keep::default());
    assert_eq!(run.panic, None, "{protocol} {seed}");
    run.report.expect("it was judged").violated()
}

#[test]
fn colours_are_right_where_records_overtake_and_their_defects_are_caught() {
    for row in NOTED.iter().filter(|row| row.scenario.starts_with("reordered/")) {
        let all: Vec<Vec<Invariant>> = (0..30).map(|seed| violated(row.name, seed)).collect();
        match row.breaks {
            None => assert!(all.iter().all(Vec::is_empty), "{}: {all:?}", row.name),
            Some(invariant) => {
                assert!(all.iter().flatten().any(|found| found.name() == invariant), "{} {all:?}", row.name);
            }
        }
    }
}

/// Markers tell what was sent before them by where they are, and here they are anywhere.
#[test]
fn markers_lose_and_double_where_records_overtake() {
    let all: Vec<Invariant> = (0..20).flat_map(|seed| violated("chandy-lamport", seed)).collect();
    assert!(all.contains(&Invariant::I1) && all.contains(&Invariant::I2), "{all:?}");
}

/// `last_value` pairs each value with the one before: its output is judged by doing again what was done, record by
/// record, also over restores.
#[test]
fn what_depends_on_the_order_is_judged_too() {
    let change = |closed: &mut Scenario| {
        closed.job.vertices[1].operators = vec![serde_json::from_value(Value::from("last_value")).unwrap()];
    };
    let mut restored = 0;
    for seed in 0..60 {
        let (_, run) = pipeline("lai-yang", seed, change, Keep { trace: true, ..Keep::default() });
        let report = run.report.expect("it was judged");
        assert_eq!((report.violated(), run.ended), (vec![], Some(true)), "{seed}");
        assert_eq!(report.verdict(Invariant::I8), &Verdict::Holds, "{seed}");
        let puts_back = |event: &Event| matches!(&event.kind, Kind::Restore { kappa, .. } if !kappa.is_empty());
        restored += run.trace.expect("it was kept").iter().filter(|event| puts_back(event)).count();
    }
    assert!(restored > 0, "records in flight are put back somewhere");
}

#[test]
fn a_recorded_schedule_with_jumps_is_followed() {
    let (setup, run) = pipeline("lai-yang", 3, |_| {}, Keep { schedule: true, ..Keep::default() });
    let moves = run.schedule.expect("it was kept");
    let jump = |step: &cutline::sim::schedule::Move| matches!(step, cutline::sim::schedule::Move::Step(step) if matches!(step.choice, Choice::Jump(..)));
    assert!(moves.iter().filter(|step| jump(step)).count() > 20);
    let again = follow(&setup, 3, &moves, Keep::default()).expect("it can be followed");
    assert_eq!((again.digest, again.beside), (run.digest, run.beside));
    assert!(run.beside.noted > 0 && run.beside.bytes == 8 * run.beside.noted && run.beside.asides > 0);
}

fn trace() -> (Meta, Vec<Event>) {
    let (setup, run) = pipeline("lai-yang", 0, |_| {}, Keep { trace: true, ..Keep::default() });
    (meta(&setup, Some(0)), run.trace.expect("it was kept"))
}

/// The header says that the channels have no order. If it didn't, each overtaking would be one too many.
#[test]
fn order_is_asked_for_unless_the_header_says_that_there_is_none() {
    let (mut meta, events) = trace();
    assert_eq!(verify(&meta, &events).violated(), vec![]);
    meta.graph.edges.iter_mut().for_each(|edge| edge.fifo = true);
    assert!(verify(&meta, &events).violated().contains(&Invariant::WellFormed));
}

#[test]
fn without_order_each_message_is_still_taken_once_and_not_before_it_is_sent() {
    let (meta, events) = trace();
    let applies: Vec<usize> =
        (0..events.len()).filter(|at| matches!(events[*at].kind, Kind::Apply { .. })).take(40).collect();
    let renumbered = |at: usize, to: u64| {
        let mut events = events.clone();
        if let Kind::Apply { m, .. } = &mut events[at].kind {
            *m = to;
        }
        let report = verify(&meta, &events);
        let Verdict::Violated(violation) = report.verdict(Invariant::WellFormed) else { return String::new() };
        violation.message.clone()
    };
    assert!(renumbered(applies[5], 1_000_000).contains("never sent"));
    let twice = applies.iter().find_map(|at| {
        let Kind::Apply { channel, m } = events[*at].kind else { return None };
        let same = |other: &&usize| matches!(events[**other].kind, Kind::Apply { channel: c, .. } if c == channel);
        applies.iter().filter(same).find(|other| *other > at).map(|other| (*other, m))
    });
    let (later, m) = twice.expect("some channel delivers twice");
    assert!(renumbered(later, m).contains("applied twice"));
}

#[test]
fn small_jobs_without_order_are_exhausted_and_markers_are_refuted() {
    let check = |more: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().to_str().unwrap();
        let words = ["check", "scenarios/small/reordered.json", "--crashes", "0", "--format", "json", "--out", dir];
        let words: Vec<&str> = words.iter().chain(more).copied().chain(["--progress", "none"]).collect();
        let (code, told, said) = command(&words);
        let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told} {said}"));
        (code, told[0].clone())
    };
    let (_, found) = check(&[]);
    assert_eq!((found["verdict"].as_str(), found["states"].as_u64()), (Some("exhausted"), Some(57_033)), "{found}");
    assert_eq!(found["violations"], Value::Array(vec![]));
    for (protocol, property) in [("chandy-lamport", "I2"), ("colour-blind", "I1"), ("white-unawaited", "I2")] {
        let (code, found) = check(&["--protocol", protocol]);
        let seen = &found["violations"][0];
        assert_eq!((code, seen["property"].as_str()), (1, Some(property)), "{protocol}: {found}");
    }
}

/// Four protocols out of five tell by order what was sent before a cut. Colours cost what the closed forms say.
#[test]
fn a_job_without_order_costs_what_the_closed_forms_say_and_only_one_can() {
    let ways: Vec<_> = WAYS.iter().collect();
    let loaded = scenario("compare/reordered");
    for weather in [Weather::Calm, Weather::Faults] {
        let columns = compare(&loaded, &seeds(&loaded, 2), &ways, weather).unwrap();
        clean(&columns);
        let runs: Vec<_> = columns.iter().filter(|column| column.measure.is_ok()).map(|column| column.way).collect();
        assert_eq!(runs, ["lai-yang"]);
        let measure = of(&columns, "lai-yang");
        assert!(measure.noted > 0 && measure.written.measured == 8 * measure.noted && measure.barriers.measured == 0);
        assert!(measure.asides.measured > 0 && measure.flight.measured > 0 && measure.stall.measured == 0);
    }
}

#[test]
fn nobody_writes_on_records_for_real() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let (code, _, said) = command(&["exec", "scenarios/reordered/pipeline.json", "--dir", dir]);
    assert!(code == 2 && said.contains("writes on records"), "{said}");
}
