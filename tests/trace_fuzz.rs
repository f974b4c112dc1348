//! Mutated traces: the reader and the verifiers take any bytes without a panic. A short form for every test run; for
//! long ones `CUTLINE_FUZZ=10000000 cargo test --release --test trace_fuzz`.

mod support;

use cutline::dice::Dice;
use cutline::picture::export::{dot, mermaid, perfetto, shiviz};
use cutline::picture::{Fold, Scale, View, Window, diagram, history};
use cutline::sim::run::{Keep, meta};
use cutline::trace::event::{Event, Kind, Meta};
use cutline::trace::json;
use cutline::trace::words::KINDS;
use cutline::verify::{Report, Verdict, Verifier, story::story};
use cutline::world::setup::Setup;
use std::ops::Range;
use support::Job;

/// Lines of a trace, about: what breaks a reader breaks it anywhere, and many short tries see more than few long ones.
const LINES: usize = 90;
/// One of so many violations is told as a story: that takes longer than finding it.
const STORIES: u64 = 32;

/// A job of three subtasks, two of them fed by hash; few records, checkpoints all the time.
const TINY: &str = r#"{
  "format": "cutline-scenario/1",
  "guarantee": "GUARANTEE",
  "job": {
    "vertices": [
      { "id": "src", "source": { "kind": "log", "data": { "records": 3, "keys": 2 } }, "parallelism": PARALLELISM },
      { "id": "work", "operators": ["OPERATOR"], "inputs": [{ "from": "src", "by": "hash" }] },
      { "id": "out", "sink": "SINK", "inputs": [{ "from": "work", "by": "rebalance" }] }
    ]
  },
  "checkpoints": { "mode": "MODE", "interval_ms": 3 },
  "sim": { "pace": { "batch": 1, "pause_us": 3000 } },
  "faults": { "count": FAULTS }
}"#;

/// What stands for the words in capitals.
const KINDS_OF_JOB: [[&str; 6]; 8] = [
    ["exactly-once", "1", "keyed_count", "two_phase", "aligned", "0"],
    ["exactly-once", "2", "keyed_sum", "two_phase", "aligned", "1"],
    ["exactly-once", "2", "keyed_count", "two_phase", "unaligned", "1"],
    ["exactly-once", "1", "choose", "two_phase", "aligned-then-unaligned", "1"],
    ["exactly-once", "1", "distinct", "upsert", "aligned", "1"],
    ["at-least-once", "1", "keyed_count", "print", "aligned", "1"],
    ["at-least-once", "2", "last_value", "two_phase", "at-least-once", "1"],
    ["exactly-once", "2", "join", "two_phase", "unaligned", "2"],
];

/// Short traces of several kinds of job, as files. The tiny ones are whole, from the first lead to quiescence, with a
/// checkpoint and mostly with a restart; of the others there is the beginning.
fn traces() -> Vec<Vec<u8>> {
    let mut traces: Vec<Vec<u8>> = KINDS_OF_JOB.iter().flat_map(whole).collect();
    let scenarios = ["diamond", "unaligned", "choices", "transaction_timeout", "print_sink", "join", "bounded_job"];
    traces.extend(scenarios.iter().map(|scenario| {
        let job = Job::of(scenario, "engine");
        let events = job.run_keeping(2, Keep { trace: true, ..Keep::default() }).run.trace.expect("it was kept");
        written(&job.plan(2).0, &events[..LINES])
    }));
    traces
}

/// Of many seeds of a tiny job the shortest runs with a completed checkpoint, and with a restart where there are faults.
fn whole(words: &[&str; 6]) -> Vec<Vec<u8>> {
    let names = ["GUARANTEE", "PARALLELISM", "OPERATOR", "SINK", "MODE", "FAULTS"];
    let text = names.iter().zip(words).fold(TINY.to_string(), |text, (name, word)| text.replace(name, word));
    let job = Job::written(&text, "engine");
    let mut found: Vec<(usize, u64)> = Vec::new();
    let kept = |seed| job.run_keeping(seed, Keep { trace: true, ..Keep::default() }).run.trace.expect("it was kept");
    for seed in 0..200 {
        let events = kept(seed);
        let complete = events.iter().any(|event| matches!(event.kind, Kind::Complete { .. }));
        let attempts = events.iter().filter(|event| matches!(event.kind, Kind::Begin { .. })).count();
        if complete && (words[5] == "0" || attempts > 1) {
            found.push((events.len(), seed));
        }
    }
    found.sort();
    assert!(found.len() >= 3, "{words:?}: few runs are worth much: {found:?}");
    found.iter().take(3).map(|(_, seed)| written(&job.plan(*seed).0, &kept(*seed))).collect()
}

fn written(setup: &Setup, events: &[Event]) -> Vec<u8> {
    let mut writer = json::Writer::new(Vec::new(), &meta(setup, Some(2))).expect("memory takes it");
    events.iter().for_each(|event| writer.event(event).expect("memory takes it"));
    writer.finish().expect("memory takes it")
}

/// The line that this byte belongs to, with its end.
fn line(bytes: &[u8], at: usize) -> Range<usize> {
    let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| at + end + 1);
    start..end
}

/// The first number or text from here on.
fn token(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at + bytes[at..].iter().position(|byte| byte.is_ascii_digit() || *byte == b'"')?;
    let rest = &bytes[start + 1..];
    let length = match bytes[start] {
        b'"' => rest.iter().position(|byte| *byte == b'"')? + 2,
        _ => rest.iter().position(|byte| !byte.is_ascii_digit())? + 1,
    };
    Some(start..start + length)
}

/// The field that begins next, with the comma before it.
fn field(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let begins = |from: usize| bytes[from..].windows(2).position(|pair| pair == b",\"").map(|found| from + found);
    let start = begins(at)?;
    Some(start..begins(start + 1)?)
}

const EXTREME: [&str; 14] = [
    "0",
    "1",
    "-1",
    "127",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "18446744073709551615",
    "1e9",
    "0.5",
    "null",
    "\"\"",
    "[]",
    "{}",
];
const NAMES: [&str; 12] = [
    "\"coordinator\"",
    "\"store\"",
    "\"environment\"",
    "\"ledger/out\"",
    "\"src/0\"",
    "\"work/0\"",
    "\"out/0\"",
    "\"src/0>work/0\"",
    "\"work/0>out/0\"",
    "\"#0\"",
    "\"#7\"",
    "\"#4294967295\"",
];

/// One change of a few bytes, of a word, of a field or of lines.
fn mutate(bytes: &mut Vec<u8>, traces: &[Vec<u8>], dice: &mut Dice) {
    if bytes.is_empty() {
        return;
    }
    let place = |dice: &mut Dice, of: &[u8]| dice.below(of.len() as u64) as usize;
    let at = place(dice, bytes);
    let here = line(bytes, at);
    match dice.below(16) {
        0 => bytes[at] = dice.below(256) as u8,
        1 => drop(bytes.remove(at)),
        2 => bytes.insert(at, b"0123456789\"{}[],:-e"[dice.below(19) as usize]),
        3 => {
            // A digit becomes another: ids, counts and attempts that don't fit.
            if let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit) {
                bytes[at + digit] = b'0' + dice.below(10) as u8;
            }
        }
        4 => bytes.truncate(at),
        5 => drop(bytes.drain(at..(at + dice.below(40) as usize).min(bytes.len()))),
        6..=8 => {
            let Some(old) = token(bytes, at) else { return };
            let other = place(dice, bytes);
            let new = match dice.below(4) {
                0 => EXTREME[dice.below(EXTREME.len() as u64) as usize].as_bytes().to_vec(),
                1 => NAMES[dice.below(NAMES.len() as u64) as usize].as_bytes().to_vec(),
                2 => format!("\"{}\"", KINDS[dice.below(KINDS.len() as u64) as usize]).into_bytes(),
                _ => token(bytes, other).map_or(Vec::new(), |range| bytes[range].to_vec()),
            };
            bytes.splice(old, new);
        }
        9 => drop(field(bytes, at).map(|range| bytes.drain(range))),
        10..=11 => drop(bytes.drain(here)),
        12..=13 => {
            // A line comes twice, or somewhere else.
            let other = line(bytes, place(dice, bytes)).start;
            let again = bytes[here.clone()].to_vec();
            if dice.chance(1, 2) && !here.contains(&other) {
                bytes.drain(here.clone());
                let other = if other > here.start { other - again.len() } else { other };
                bytes.splice(other..other, again);
            } else {
                bytes.splice(other..other, again);
            }
        }
        14 => {
            let other = dice.pick(traces).expect("there are traces");
            let taken = other[line(other, place(dice, other))].to_vec();
            bytes.splice(here.start..here.start, taken);
        }
        _ => {
            // The head of another job: its processes and channels are others.
            let other = dice.pick(traces).expect("there are traces");
            let (head, own) = (line(other, 0), line(bytes, 0));
            bytes.splice(own, other[head].iter().copied());
        }
    }
}

/// One mutated trace, read and judged as far as it goes. True if it was read to the end.
fn one_try(traces: &[Vec<u8>], n: u64) -> bool {
    let mut dice = Dice::new(n, 98);
    let mut bytes = dice.pick(traces).expect("there are traces").clone();
    for _ in 0..=dice.below(3) {
        mutate(&mut bytes, traces, &mut dice);
    }
    let Ok(mut read) = json::read(bytes.as_slice()) else { return false };
    let mut verifier = Verifier::new(&read.meta);
    let mut told = dice.chance(1, STORIES).then(Vec::new);
    for event in read.by_ref() {
        match event {
            Ok(event) => {
                verifier.observe(&event);
                told.iter_mut().for_each(|told| told.push(event.clone()));
            }
            Err(error) => {
                assert!(error.line > 0 && error.column > 0, "an error has a place");
                return false;
            }
        }
    }
    let report = verifier.finish();
    for (_, verdict) in &report.verdicts {
        if let (Some(told), Verdict::Violated(violation)) = (&told, verdict) {
            assert!(!story(&read.meta, told, violation).is_empty());
        }
    }
    told.iter().filter(|told| !told.is_empty()).for_each(|told| pictures(&read.meta, told, &report));
    true
}

/// Everything that is drawn or exported, of a trace that has been read.
fn pictures(meta: &Meta, events: &[Event], report: &Report) {
    let last = events.len() as u64;
    let views = [
        View::default(),
        View { window: Window::Steps(0, last), ..View::default() },
        View { window: Window::Around(last / 2), fold: Fold::Always, scale: Scale::Time, all: true },
    ];
    for view in views {
        assert!(diagram(meta, events, report, view).expect("these steps are there").ends_with("</svg>\n"));
    }
    let history = history::history(meta, events);
    assert!(!history::text::page(&history, None).is_empty() && !history::json::document(&history, None).is_empty());
    let charts = history.checkpoints.iter().map(|one| Some(one.id.0)).chain([None]);
    charts.for_each(|only| drop(history::chart::chart(&history, only)));
    assert!(shiviz::log(meta, events).lines().count() == events.len() + 2);
    assert!(!perfetto::document(meta, events).is_empty() && !dot::graph(meta, events).is_empty());
    drop(mermaid::sequence(meta, events));
}

#[test]
fn mutated_traces_never_panic() {
    let tries: u64 = std::env::var("CUTLINE_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(6_000);
    let traces = traces();
    let bytes: usize = traces.iter().map(Vec::len).sum();
    let accepted = (0..tries).filter(|n| one_try(&traces, *n)).count();
    println!("{tries} mutations of {} traces of {bytes} bytes, {accepted} read to the end, no panic", traces.len());
    assert!(accepted > 0 && (accepted as u64) < tries, "both ways are taken");
}
