//! JSON in the format of Chrome's trace viewer, which Perfetto opens.
//!
//! A track for each life. Slices of a track must nest, so what may overlap has tracks of its own: checkpoints are async
//! slices, blocked channels a track each. Every line is an instant slice on its life's track, so that a flow can begin
//! and end there. Times are virtual, in microseconds; where a trace has none, a step is a microsecond.

use super::super::cuts::cuts;
use super::super::past::{Load, Past};
use super::said;
use crate::ids::*;
use crate::trace::event::{Event, Meta};
use crate::trace::words;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Ends of life and lines have a width, or viewers would not show them: as little as there is.
const NANO: u64 = 1;

/// Places in time: nanoseconds from the first line on, strictly growing in each track.
struct Clock {
    at: Vec<u64>,
}

impl Clock {
    /// Lines at the same time come one nanosecond after another, so that the order of the trace is kept and slices of a
    /// track neither overlap nor lie upon one another.
    fn new(past: &Past) -> Self {
        let mut at: Vec<u64> = Vec::with_capacity(past.events.len());
        for row in 0..past.events.len() {
            let told = past.time(row).unwrap_or(if past.timed() { 0 } else { row as u64 * 1000 });
            let before = at.last().map_or(0, |last| last + 2 * NANO);
            at.push(told.max(before));
        }
        Clock { at }
    }

    fn micros(&self, row: usize) -> Value {
        micros(self.at[row])
    }
}

/// Microseconds with three digits behind the point: exact below 2^53 nanoseconds, which are a hundred days.
fn micros(ns: u64) -> Value {
    let text = format!("{}.{:03}", ns / 1000, ns % 1000);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// The document, one event a line.
pub fn document(meta: &Meta, events: &[Event]) -> String {
    let past = Past::new(meta, events);
    let clock = Clock::new(&past);
    let mut out: Vec<Value> = Vec::new();
    let threads: BTreeMap<Incarnation, usize> =
        past.lives.iter().enumerate().map(|(i, life)| (life.who, i + 1)).collect();
    names(&past, &threads, &mut out);
    for (row, event) in events.iter().enumerate() {
        let track = threads[&past.who(row)];
        out.push(json!({
            "ph": "X", "name": words::kind(&event.kind), "cat": "line", "pid": pid(event.process), "tid": track,
            "ts": clock.micros(row), "dur": micros(NANO), "args": { "step": row, "line": said(&past, row) },
        }));
    }
    flows(&past, &clock, &threads, &mut out);
    holds(&past, &clock, &mut out);
    checkpoints(&past, &clock, &mut out);
    let lines: Vec<String> = out.iter().map(Value::to_string).collect();
    format!("{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n{}\n]}}\n", lines.join(",\n"))
}

/// Viewers take 0 for what it isn't.
fn pid(task: TaskId) -> u32 {
    task.0 + 1
}

fn names(past: &Past, threads: &BTreeMap<Incarnation, usize>, out: &mut Vec<Value>) {
    let mut last = None;
    for (who, track) in threads {
        let name = past.topology.name(who.task);
        if last.replace(who.task) != Some(who.task) {
            out.push(json!({"ph": "M", "name": "process_name", "pid": pid(who.task), "args": {"name": name}}));
            let sort = json!({"sort_index": who.task.0});
            out.push(json!({"ph": "M", "name": "process_sort_index", "pid": pid(who.task), "args": sort}));
        }
        let name = format!("{name} {}", who.attempt);
        out.push(json!({"ph": "M", "name": "thread_name", "pid": pid(who.task), "tid": track, "args": {"name": name}}));
    }
}

fn flows(past: &Past, clock: &Clock, threads: &BTreeMap<Incarnation, usize>, out: &mut Vec<Value>) {
    for (id, flight) in past.flights.iter().enumerate() {
        let (Some(from), Some(to)) = (flight.sent, flight.taken) else { continue };
        let name = match flight.load {
            Load::Record(_) => "record",
            Load::Barrier(_) => "barrier",
            Load::Cancel(_) => "cancellation",
            Load::End => "end",
        };
        for (phase, row) in [("s", from), ("f", to)] {
            let (who, ts) = (past.who(row), clock.micros(row));
            let track = threads[&who];
            let mut event = json!({"ph": phase, "name": name, "cat": "flow", "id": id + 1, "pid": pid(who.task), "tid": track, "ts": ts});
            if phase == "f" {
                event["bp"] = "e".into(); // to the slice around it, not to the next one
            }
            out.push(event);
        }
    }
}

/// A blocked channel is a slice on a track of its own: holds of one channel never overlap.
fn holds(past: &Past, clock: &Clock, out: &mut Vec<Value>) {
    let mut tracks: BTreeMap<(Incarnation, ChannelId), usize> = BTreeMap::new();
    let mut over: BTreeMap<usize, usize> = BTreeMap::new();
    for hold in &past.holds {
        let next = past.lives.len() + 1 + tracks.len();
        let track = *tracks.entry((hold.who, hold.channel)).or_insert(next);
        // A trace from elsewhere may hold twice; the second one begins when the first is over.
        let from = over.get(&track).map_or(hold.from, |end| hold.from.max(*end));
        if from >= hold.to {
            continue;
        }
        over.insert(track, hold.to);
        let (channel, pid) = (past.topology.channel_name(hold.channel), pid(hold.who.task));
        let name = format!("blocked {channel}");
        out.push(json!({"ph": "M", "name": "thread_name", "pid": pid, "tid": track, "args": {"name": name}}));
        out.push(json!({
            "ph": "X", "name": "blocked", "cat": "blocked", "pid": pid, "tid": track, "ts": clock.micros(from),
            "dur": micros(clock.at[hold.to] - clock.at[from]), "args": {"channel": channel},
        }));
    }
}

/// Checkpoints overlap: they are async slices of the coordinator.
fn checkpoints(past: &Past, clock: &Clock, out: &mut Vec<Value>) {
    let pid = pid(past.topology.coordinator());
    for (number, cut) in cuts(past).iter().enumerate() {
        let from = cut.trigger.unwrap_or(cut.rows.0);
        let to = cut.complete.or(cut.abort).unwrap_or(cut.rows.1).max(from);
        let ended = match (cut.complete, cut.abort) {
            (Some(_), _) => "complete",
            (None, Some(_)) => "aborted",
            (None, None) => "not ended",
        };
        let name = format!("checkpoint {} of {}", cut.id, cut.job);
        for (phase, row) in [("b", from), ("e", to)] {
            out.push(json!({
                "ph": phase, "name": name, "cat": "checkpoint", "id": number + 1, "pid": pid, "tid": 0,
                "ts": clock.micros(row), "args": {"ended": ended},
            }));
        }
    }
}
