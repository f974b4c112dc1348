//! What protocols cost, and that the figures would say so if they were wrong.

use cutline::cli::plan::{BASE, seed_at};
use cutline::compare::zigzag::Zigzag;
use cutline::compare::{Column, FIGURES, Measure, WAYS, Weather, compare, find, measure};
use cutline::ids::*;
use cutline::protocols;
use cutline::scenario::{Loaded, build, draw, load};
use cutline::sim::run::{Keep, run};
use cutline::topology::Topology;
use cutline::trace::event::{Event, Kind};
use cutline::trace::{Datum, Record};
use serde_json::Value;
use std::process::Command;
use std::sync::Arc;

fn scenario(name: &str) -> Loaded {
    let path = format!("{}/scenarios/compare/{name}.json", env!("CARGO_MANIFEST_DIR"));
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
        assert!(measure.whole > 0 && measure.ended > 0, "{}: {measure:?}", column.way);
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
    for name in ["diamond", "skew", "shuffle"] {
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

/// A trace of an honest run.
fn honest(way: &str) -> (Arc<Topology>, Vec<Event>) {
    let loaded = scenario("diamond");
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
