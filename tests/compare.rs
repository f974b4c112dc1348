//! What protocols cost, and that the figures would say so if they were wrong.

#[path = "compare/alone.rs"]
mod alone;
#[path = "compare/lines.rs"]
mod lines_of;
#[path = "compare/reordered.rs"]
mod reordered;

use cutline::cli::plan::{BASE, seed_at};
use cutline::compare::zigzag::Zigzag;
use cutline::compare::{Column, FIGURES, Measure, WAYS, Weather, compare, find, measure};
use cutline::ids::*;
use cutline::protocols::{self, CIRCLES};
use cutline::scenario::{Loaded, Scenario, build, draw, load};
use cutline::sim::run::{Keep, Run, run};
use cutline::topology::Topology;
use cutline::trace::event::{Event, Kind, Outcome};
use cutline::trace::{Datum, Record, StoreKey};
use cutline::verify::Invariant;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

fn scenario(name: &str) -> Loaded {
    let path = format!("{}/scenarios/{name}.json", env!("CARGO_MANIFEST_DIR"));
    load(std::path::Path::new(&path)).unwrap_or_else(|found| panic!("{}", found[0].render(false)))
}

fn seeds(loaded: &Loaded, count: u64) -> Vec<u64> {
    (0..count).map(|i| seed_at(BASE, &loaded.name, i)).collect()
}

/// Nothing is broken and every closed form holds.
fn clean(columns: &[Column]) {
    for column in columns {
        assert_eq!(column.broken, vec![], "{}", column.way);
        let Ok(measure) = &column.measure else { continue };
        let ran = measure.whole > 0 && measure.ended > 0 || measure.alone > 0;
        assert!(ran, "{}: {measure:?}", column.way);
        for figure in FIGURES {
            let shown = figure.of(measure);
            assert!(!shown.differs, "{}, {}: {shown:?}", column.way, figure.key);
        }
    }
}

fn of<'a>(columns: &'a [Column], way: &str) -> &'a Measure {
    let column = columns.iter().find(|column| column.way == way);
    column.and_then(|column| column.measure.as_ref().ok()).unwrap_or_else(|| panic!("{way} runs"))
}

#[test]
fn jobs_without_circles_cost_what_the_closed_forms_say() {
    let ways: Vec<_> = WAYS.iter().collect();
    for name in ["compare/diamond", "compare/skew", "compare/shuffle"] {
        let loaded = scenario(name);
        for weather in [Weather::Calm, Weather::Faults] {
            let columns = compare(&loaded, &seeds(&loaded, 2), &ways, weather).unwrap();
            clean(&columns);
            assert!(of(&columns, "aligned").stall.measured > 0 && of(&columns, "aligned").flight_bytes == 0);
            assert!(of(&columns, "unaligned").stall.measured == 0 && of(&columns, "unaligned").flight_bytes > 0);
            assert!(of(&columns, "at-least-once").stall.measured == 0);
            let pause = |way| of(&columns, way).pause / of(&columns, way).pauses;
            assert!(pause("stop-the-world") > 2 * pause("aligned"), "{name}");
            assert_eq!(of(&columns, "aligned").recoveries > 0, weather == Weather::Faults);
        }
    }
}

/// Where nothing goes wrong it is `aligned`; where something does, it completes what others give up. A job of one region
/// is none for it.
#[test]
fn what_nothing_connects_is_left_out_instead_of_failing_everybody() {
    let ways = [find("aligned").unwrap(), find("regional").unwrap()];
    let loaded = scenario("compare/chains");
    for weather in [Weather::Calm, Weather::Faults] {
        let columns = compare(&loaded, &seeds(&loaded, 10), &ways, weather).unwrap();
        clean(&columns);
        let (aligned, regional) = (of(&columns, "aligned"), of(&columns, "regional"));
        assert_eq!((aligned.mixed, aligned == regional), (0, weather == Weather::Calm));
        let given_up = |m: &Measure| (m.begun - m.completed) * aligned.completed;
        let fewer = given_up(regional) < given_up(aligned) && regional.mixed > 0;
        assert_eq!(fewer, weather == Weather::Faults, "{regional:?}");
    }
    let loaded = scenario("compare/diamond");
    let columns = compare(&loaded, &[1], &ways[1..], Weather::Calm).unwrap();
    assert!(columns[0].measure.as_ref().is_err_and(|why| why.contains("connect the whole job")));
}

#[test]
fn what_goes_round_costs_what_the_closed_forms_say_and_not_everybody_can() {
    let ways: Vec<_> = WAYS.iter().collect();
    let loaded = scenario("compare/circle");
    for weather in [Weather::Calm, Weather::Faults] {
        let columns = compare(&loaded, &seeds(&loaded, 3), &ways, weather).unwrap();
        clean(&columns);
        let runs = columns.iter().filter(|column| column.measure.is_ok()).map(|column| column.way);
        assert_eq!(
            runs.collect::<Vec<_>>(),
            ["unaligned", "chandy-lamport", "back-edge-log", "uncoordinated", "bcs", "hmnr"]
        );
        let [marked, logged] = ["chandy-lamport", "back-edge-log"].map(|way| of(&columns, way));
        assert!(marked.flight.measured > logged.flight.measured && logged.flight.measured > 0);
        assert!(marked.stall.measured == 0 && logged.stall.measured > 0);
    }
}

/// A run of a job in which records go round.
fn bank(protocol: &str, seed: u64) -> (Arc<Topology>, Run) {
    let loaded = scenario("circles/bank");
    let closed =
        Scenario { protocol: protocol.to_string(), ..draw(&loaded.scenario, seeds(&loaded, seed + 1)[seed as usize]) };
    let built = build(&closed, &loaded, &protocols::find).unwrap();
    let keep = Keep { trace: true, ..Keep::default() };
    (built.setup.topology.clone(), run(&Arc::new(built.setup), &Arc::new(built.sim), seed, keep))
}

#[test]
fn rows_for_circles_keep_their_promise_and_their_defects_are_caught() {
    for row in CIRCLES {
        let mut caught = false;
        for seed in 0..if row.breaks.is_some() { 60 } else { 25 } {
            let (_, run) = bank(row.name, seed);
            let violated = run.report.expect("it was judged").violated();
            match row.breaks {
                None => assert_eq!((violated, run.panic, run.ended), (vec![], None, Some(true)), "{} {seed}", row.name),
                Some(invariant) => caught |= violated.iter().any(|found| found.name() == invariant),
            }
            if caught {
                break;
            }
        }
        assert_eq!(caught, row.breaks.is_some(), "{}", row.name);
    }
}

/// What the honest engine would do: everybody waits for a barrier that nobody sends, and for an end.
#[test]
fn aligned_barriers_wait_for_themselves_in_a_circle() {
    let (_, run) = bank("engine", 0);
    let report = run.report.expect("it was judged");
    assert!(report.violated().contains(&Invariant::I12), "{:?}", report.violated());
}

#[test]
fn no_real_job_waits_for_itself() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let (code, _, said) = command(&["exec", "scenarios/circles/bank.json", "--protocol", "engine", "--dir", dir]);
    assert!(code == 2 && said.contains("for itself"), "{said}");
}

/// Sums of values: what was read, what is kept, what is on its way.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    read: i64,
    kept: i64,
    passing: i64,
}

/// For each completed checkpoint what was brought into the bank before the cut, and what is in its accounts and in the
/// stored channels.
fn cuts(topology: &Topology, trace: &[Event]) -> Vec<(i64, i64)> {
    let mut at: BTreeMap<(TaskId, Attempt), Sums> = BTreeMap::new();
    let mut parts: BTreeMap<StoreKey, Sums> = BTreeMap::new();
    let mut values: BTreeMap<(ChannelId, RecordId), i64> = BTreeMap::new();
    let mut sent: BTreeMap<(Attempt, ChannelId, u64), i64> = BTreeMap::new();
    let mut completed: BTreeMap<CheckpointId, Vec<StoreKey>> = BTreeMap::new();
    let mut found = Vec::new();
    let value = |record: &Record| if let Datum::Int(value) = record.value { value } else { 0 };
    for event in trace {
        let life = (event.process, event.attempt);
        let bank = event.process.index() < topology.len() && topology.vertex(event.process).name == "bank";
        match &event.kind {
            Kind::Read { record, .. } => at.entry(life).or_default().read += value(record),
            Kind::Send { channel, m, record } => {
                values.insert((*channel, record.id), value(record));
                sent.insert((event.attempt, *channel, *m), value(record));
            }
            Kind::Apply { channel, m } if bank => {
                // Put back after a restore: numbered as in the attempt that sent it.
                let known = (1..=event.attempt.0).rev().find_map(|a| sent.get(&(Attempt(a), *channel, *m)));
                let brought = *known.expect("what is applied was sent");
                at.entry(life).or_default().kept += brought - brought / 2;
            }
            Kind::Snap { checkpoint, .. } => {
                let key = StoreKey { attempt: event.attempt, checkpoint: *checkpoint, task: event.process };
                parts.insert(key, at.get(&life).copied().unwrap_or_default());
            }
            Kind::Put { key, kappa, .. } => {
                let ids = kappa.iter().flat_map(|(channel, ids)| ids.iter().map(move |id| (*channel, *id)));
                let inside = |c: &ChannelId| topology.vertex(topology.channels[c.index()].to).name == "bank";
                let passing = ids.filter(|(c, _)| inside(c)).map(|place| values[&place]).sum();
                parts.get_mut(key).expect("a cut comes first").passing = passing;
            }
            Kind::Complete { checkpoint, parts: stored, outcome: Outcome::Ok, .. } => {
                // Sources and accounts that had finished have no part, and nothing is told of them here.
                if stored.len() == topology.len() {
                    let all = stored.iter().map(|key| parts[key]);
                    found.push(all.fold((0, 0), |(read, held), s| (read + s.read, held + s.kept + s.passing)));
                }
                completed.insert(*checkpoint, stored.to_vec());
            }
            Kind::Restore { base: Some(base), .. } => {
                let part = completed[base].iter().find(|key| key.task == event.process);
                let sums = part.map_or(Sums::default(), |key| Sums { passing: 0, ..parts[key] });
                at.insert(life, sums);
            }
            _ => {}
        }
    }
    found
}

/// The oldest invariant of snapshots: money is in accounts or on its way, in every cut, and nowhere twice.
#[test]
fn the_total_of_a_bank_is_the_same_over_every_cut() {
    for (protocol, right) in [("back-edge-log", true), ("chandy-lamport", true), ("back-edge-forgotten", false)] {
        let (mut all, mut same) = (0, 0);
        for seed in 0..12 {
            let (topology, run) = bank(protocol, seed);
            let found = cuts(&topology, &run.trace.expect("it was kept"));
            all += found.len();
            same += found.iter().filter(|(read, held)| read == held).count();
        }
        assert!(all > 20, "{protocol}: {all}");
        assert_eq!(all == same, right, "{protocol}: {same} of {all}");
    }
}

/// A trace of an honest run.
fn honest(way: &str) -> (Arc<Topology>, Vec<Event>) {
    let loaded = scenario("compare/diamond");
    let ran = seeds(&loaded, 20).into_iter().map(|seed| {
        let closed = find(way).unwrap().of(&draw(&loaded.scenario, seed));
        let built = build(&closed, &loaded, &protocols::find).unwrap();
        let keep = Keep { trace: true, ..Keep::default() };
        let run = run(&Arc::new(built.setup.clone()), &Arc::new(built.sim), seed, keep);
        (built.setup.topology, run.trace.unwrap())
    });
    ran.into_iter().find(|(_, trace)| again(trace).is_some()).expect("some seed reads again")
}

/// The first line that reads a record a second time, and isn't the last of its partition.
fn again(trace: &[Event]) -> Option<usize> {
    let of = |event: &Event| match &event.kind {
        Kind::Read { record, .. } => Some(record.id),
        _ => None,
    };
    let twice = |at: usize| {
        let id = of(&trace[at]);
        let next = RecordId { offset: id?.offset.next(), ..id? };
        let before = trace[..at].iter().any(|event| of(event) == id) && trace[..at].iter().any(|e| of(e) == Some(next));
        before.then_some(at)
    };
    (0..trace.len()).find_map(twice)
}

/// The keys of the rows that are marked.
fn marked(topology: &Topology, trace: &[Event]) -> Vec<&'static str> {
    let measure = measure(topology, true, trace);
    FIGURES.iter().filter(|figure| figure.of(&measure).differs).map(|figure| figure.key).collect()
}

#[test]
fn a_trace_that_is_not_so_is_marked() {
    let (topology, trace) = honest("aligned");
    assert_eq!(marked(&topology, &trace), Vec::<&str>::new());
    let without = |nth: usize, unwanted: &dyn Fn(&Kind) -> bool| {
        let mut trace = trace.clone();
        let at = trace.iter().enumerate().filter(|(_, event)| unwanted(&event.kind)).nth(nth).map(|(at, _)| at);
        trace.remove(at.expect("there is such a line"));
        marked(&topology, &trace)
    };
    assert_eq!(without(45, &|kind| matches!(kind, Kind::BarOut { .. })), ["control", "barriers"]);
    assert_eq!(without(45, &|kind| matches!(kind, Kind::Ack { .. })), ["control", "acks"]);
    assert_eq!(without(20, &|kind| matches!(kind, Kind::Hold { .. })), ["stall_us"]);
    assert!(without(45, &|kind| matches!(kind, Kind::Notify { .. })).contains(&"notices"));
    // A restored source that passes a record over.
    let mut trace = trace.clone();
    trace.remove(again(&trace).unwrap());
    assert_eq!(marked(&topology, &trace), ["read_again"]);
    // Channel state that isn't stored.
    let (topology, mut trace) = honest("unaligned");
    assert_eq!(marked(&topology, &trace), Vec::<&str>::new());
    let stored = trace.iter_mut().rev().find_map(|event| match &mut event.kind {
        Kind::Put { kappa, .. } if !kappa.is_empty() => Some(kappa),
        _ => None,
    });
    *stored.expect("something is in flight") = [].into();
    assert_eq!(marked(&topology, &trace), ["in_flight"]);
}

/// Lines of a made-up run: `snap p`, `send p c m`, `take p c m`.
fn lines(words: &str) -> Vec<Event> {
    let record = Record { id: RecordId::default(), key: Datum::Int(0), value: Datum::Int(0) };
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |i: usize| words[i].parse::<u32>().unwrap();
        let kind = match words[0] {
            "snap" => Kind::Snap { checkpoint: CheckpointId(1), digest: 0 },
            "send" => Kind::Send { channel: ChannelId(number(2)), m: number(3).into(), record: record.clone() },
            _ => Kind::Apply { channel: ChannelId(number(2)), m: number(3).into() },
        };
        Event { process: TaskId(number(1)), attempt: Attempt(1), n: 0, time: Nanos(0), kind }
    };
    words.split(',').map(line).collect()
}

fn useless(words: &str) -> u64 {
    let mut zigzag = Zigzag::default();
    lines(words).iter().for_each(|event| zigzag.observe(event));
    zigzag.useless()
}

/// The first figure that everybody draws: process 0 sends m0 after its checkpoint; 1 sends m1 before it takes m0, in the
/// same interval; 0 took m1 before its checkpoint. No cut has that checkpoint: m1 would be an orphan, or m0 would.
#[test]
fn zigzag_cycles_are_found_and_nothing_else() {
    assert_eq!(useless("send 1 1 0, take 0 1 0, snap 0, send 0 0 0, take 1 0 0"), 1);
    // A checkpoint in between breaks it, whichever of the two it is between.
    assert_eq!(useless("send 1 1 0, snap 1, take 0 1 0, snap 0, send 0 0 0, take 1 0 0"), 0);
    // What is sent before and taken after is in flight, and no harm.
    assert_eq!(useless("send 0 0 0, snap 0, take 1 0 0, send 1 1 0, take 0 1 0"), 0);
    // A chain of causes from a checkpoint leads away from it.
    assert_eq!(useless("snap 0, send 0 0 0, take 1 0 0, send 1 1 0, snap 1, take 0 1 0, snap 0"), 0);
    // Over three processes, through two zigzags.
    assert_eq!(
        useless("send 2 1 0, send 1 2 0, take 0 2 0, snap 0, send 0 0 0, take 2 0 0, take 1 1 0"),
        1,
        "0 sends to 2, which had sent to 1, which had sent to 0 before that"
    );
}

fn command(words: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cutline"))
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cutline starts");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_says_the_same_twice_and_refuses_what_it_does_not_know() {
    let words = ["compare", "scenarios/compare/diamond.json", "--seeds", "2", "--protocols", "aligned,unaligned"];
    let json: Vec<&str> = words.iter().copied().chain(["--format", "json"]).collect();
    let (code, told, _) = command(&json);
    assert_eq!((code, &told), (0, &command(&json).1));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["schema"], "cutline.compare/1");
    assert_eq!(told["comparisons"].as_array().map(Vec::len), Some(2));
    let barriers = &told["comparisons"][0]["protocols"][1]["figures"]["barriers"];
    assert_eq!(barriers["tenths"], 100);
    assert_eq!(barriers["closed_form"]["agrees"], true);
    let (code, human, _) = command(&words);
    assert!(code == 0 && human.contains("28.0 (28.0)") && !human.contains('!'), "{human}");

    let (code, _, said) = command(&["compare", "--protocols", "alligned"]);
    assert!(code == 2 && said.contains("did you mean `aligned`"), "{said}");
    assert_eq!(command(&["compare", "nowhere.json"]).0, 2);
    assert_eq!(command(&["compare", "--seeds", "0"]).0, 2);
}

mod tuning {
    use cutline::compare::find;
    use cutline::scenario::load;
    use cutline::tune::flink::Flink;
    use cutline::tune::{Load, Setting};
    use std::path::Path;

    /// A longer interval means later output and more to be read again, as much as theory says; and what is recommended
    /// keeps the limit.
    #[test]
    fn intervals_cost_what_theory_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/tune.json");
        let loaded = load(&path).unwrap_or_else(|found| panic!("{}", found[0].render(false)));
        let way = find("aligned").unwrap();
        let settings = [20, 40, 80, 160].map(|interval_ms| Setting { way, interval_ms, alignment_timeout_ms: None });
        let seeds: Vec<u64> = (0..6).collect();
        let fixed = Flink::default();
        let sweep =
            Load { loaded: &loaded, seeds: &seeds, mtbf_ms: Some(400), fixed: &fixed }.sweep(&settings).unwrap();
        let figures: Vec<_> = sweep.points.iter().map(|point| sweep.figures(point)).collect();
        for (point, at) in sweep.points.iter().zip(&figures) {
            let ms = point.setting.interval_ms;
            assert!(point.calm.broken.is_empty() && point.rough.broken.is_empty(), "{ms}");
            let (latency, form) = (at.latency.measured.unwrap(), at.latency.form.unwrap());
            assert!((latency / form - 1.0).abs() < 0.15, "{ms}: {latency} is not {form}");
            let (recovery, form) = (at.recovery.measured.unwrap(), at.recovery.form.unwrap());
            assert!((recovery / form - 1.0).abs() < 0.35, "{ms}: {recovery} is not {form}");
            let useful = at.useful.measured.unwrap();
            assert!(useful > 5e5 && useful <= 1e6, "{ms}: {useful}");
        }
        for pair in figures.windows(2) {
            assert!(pair[0].latency.measured < pair[1].latency.measured);
            assert!(pair[0].replayed.form < pair[1].replayed.form);
        }
        assert!(figures[0].replayed.measured < figures[3].replayed.measured);
        let best = |limit| sweep.best(limit).map(|point| point.setting.interval_ms);
        assert!(best(Some(figures[1].latency.measured.unwrap())).is_some_and(|ms| ms <= 40));
        assert_eq!(best(Some(1.0)), None, "nothing is that fast");
        assert!(best(None).is_some());
    }
}
