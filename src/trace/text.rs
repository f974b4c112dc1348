//! The trace as aligned text, one event a line: for eyes and for tests. No addresses, hashes or floats.

use super::event::{Event, Kind};
use super::words;
use super::{Datum, Record, StoreKey, Txn};
use crate::ids::*;
use crate::topology::Topology;
use std::fmt::Write as _;

/// The head of the columns.
pub const HEAD: &str = "  step      vtime  process       at  event";

/// All events, one a line, with the head.
pub fn page(topology: &Topology, events: &[Event]) -> String {
    let mut out = format!("{HEAD}\n");
    for (step, event) in events.iter().enumerate() {
        out.push_str(&line(topology, step as u64, event));
        out.push('\n');
    }
    out
}

/// One event.
pub fn line(topology: &Topology, step: u64, event: &Event) -> String {
    format!("{step:>6} {}", timed(topology, event))
}

/// One event without its place: when, who, and what.
pub fn timed(topology: &Topology, event: &Event) -> String {
    let micros = event.time.0 / 1000;
    let time = format!("{}.{:03}ms", micros / 1000, micros % 1000);
    let (name, attempt, kind) = (topology.name(event.process), event.attempt.to_string(), words::kind(&event.kind));
    let line = format!("{time:>10}  {name:<12} {attempt:>3}  {kind:<10} {}", details(topology, &event.kind));
    line.trim_end().to_string()
}

/// One event without its place and time: who, and what.
pub fn brief(topology: &Topology, event: &Event) -> String {
    let (name, kind) = (topology.name(event.process), words::kind(&event.kind));
    format!("{name:<12} {kind:<10} {}", details(topology, &event.kind)).trim_end().to_string()
}

fn datum(value: &Datum) -> String {
    match value {
        Datum::Int(i) => i.to_string(),
        Datum::Text(text) => format!("{text:?}"),
        Datum::Bytes(bytes) => format!("<{} bytes>", bytes.len()),
        Datum::Pair(pair) => format!("({}, {})", datum(&pair.0), datum(&pair.1)),
    }
}

fn record(record: &Record) -> String {
    format!("{} k={} v={}", record.id, datum(&record.key), datum(&record.value))
}

fn life(topology: &Topology, life: Incarnation) -> String {
    format!("{} {}", topology.name(life.task), life.attempt)
}

fn key(topology: &Topology, key: &StoreKey) -> String {
    format!("{} of {} {}", key.checkpoint, topology.name(key.task), key.attempt)
}

fn txn(topology: &Topology, txn: &Txn) -> String {
    format!("x{} of {} {}", txn.number, topology.name(txn.task), txn.attempt)
}

fn base(base: Option<CheckpointId>) -> String {
    base.map_or("nothing".to_string(), |id| id.to_string())
}

fn content(topology: &Topology, offsets: &[(PartitionId, Offset)], kappa: &super::event::Kappa) -> String {
    let mut out = String::new();
    for (partition, offset) in offsets {
        let _ = write!(out, "  {partition}@{offset}");
    }
    for (channel, ids) in kappa.iter() {
        let ids: Vec<String> = ids.iter().map(|id| id.to_string()).collect();
        let _ = write!(out, "  {} [{}]", topology.channel_name(*channel), ids.join(" "));
    }
    out
}

fn details(topology: &Topology, kind: &Kind) -> String {
    let ch = |channel: &ChannelId| topology.channel_name(*channel);
    let names = |tasks: &[TaskId]| tasks.iter().map(|t| topology.name(*t)).collect::<Vec<_>>().join(" ");
    match kind {
        Kind::Read { record: r, .. } => record(r),
        Kind::Visible { position, from, record: r, txn: x } => {
            let x = x.map(|x| format!("  {}", txn(topology, &x))).unwrap_or_default();
            format!("@{position} {}  from {}{x}", record(r), life(topology, *from))
        }
        Kind::Quiesce | Kind::Start | Kind::Crash | Kind::Stop | Kind::Clear => String::new(),
        Kind::Trigger { checkpoint, required, job } => format!("{checkpoint} of job {job}  {}", names(required)),
        Kind::Ack { checkpoint } => checkpoint.to_string(),
        Kind::Decline { checkpoint, reason } | Kind::Abandon { checkpoint, reason } => {
            format!("{checkpoint} {}", words::decline(*reason))
        }
        Kind::Complete { checkpoint, job, token, parts, outcome }
        | Kind::Savepoint { checkpoint, job, token, parts, outcome } => {
            // Where everybody is alone, no part has the checkpoint's own number.
            let (own, older): (Vec<_>, Vec<_>) = parts.iter().partition(|key| key.checkpoint == *checkpoint);
            let older = if own.is_empty() { Vec::new() } else { older };
            let of = |key: &&StoreKey| format!(", {} of {}", topology.name(key.task), key.checkpoint);
            let older: String = older.iter().map(of).collect();
            format!("{checkpoint} of job {job} by {token}, {} parts{older}: {}", parts.len(), words::outcome(*outcome))
        }
        Kind::Abort { checkpoint, reason } => format!("{checkpoint} {}", words::abort(*reason)),
        Kind::Notify { checkpoint, to, what } => {
            format!("{checkpoint} {} to {}", words::notice(*what), life(topology, *to))
        }
        Kind::Put { key: k, offsets, kappa, txns, outcome, .. } => {
            let txns: String = txns.iter().map(|x| format!("  {}", txn(topology, x))).collect();
            format!("{}{}{txns}: {}", key(topology, k), content(topology, offsets, kappa), words::outcome(*outcome))
        }
        Kind::Get { key: k, outcome } => format!("{}: {}", key(topology, k), words::outcome(*outcome)),
        Kind::Delete { key: k } => key(topology, k),
        Kind::Lead { token, outcome } => format!("{token}: {}", words::outcome(*outcome)),
        Kind::Begin { job, token, base: b, outcome } => {
            format!("job {job} from {} by {token}: {}", base(*b), words::outcome(*outcome))
        }
        Kind::Restore { base: b, offsets, kappa, finished, .. } => {
            let finished = if *finished { "  finished" } else { "" };
            format!("{}{}{finished}", base(*b), content(topology, offsets, kappa))
        }
        Kind::Txn { op, txn: x, records, outcome } => {
            format!("{} {}, {records} records: {}", words::txn_op(*op), txn(topology, x), words::outcome(*outcome))
        }
        Kind::Fence { by } => life(topology, *by),
        Kind::Fault { what } => what.to_string(),
        Kind::Send { channel, m, record: r } => format!("{} #{m}  {}", ch(channel), record(r)),
        Kind::Apply { channel, m } => format!("{} #{m}", ch(channel)),
        Kind::BarOut { channel, checkpoint, overtakes } => {
            format!("{} {checkpoint}{}", ch(channel), if *overtakes { "  overtakes" } else { "" })
        }
        Kind::BarIn { channel, checkpoint, passed: 0 } => format!("{} {checkpoint}", ch(channel)),
        Kind::BarIn { channel, checkpoint, passed } => format!("{} {checkpoint}  passed {passed}", ch(channel)),
        Kind::CancelOut { channel, checkpoint } | Kind::CancelIn { channel, checkpoint } => {
            format!("{} {checkpoint}", ch(channel))
        }
        Kind::EndOut { channel } | Kind::EndIn { channel } | Kind::Hold { channel } | Kind::Release { channel } => {
            ch(channel)
        }
        Kind::Snap { checkpoint, .. } => checkpoint.to_string(),
        Kind::Suspend { checkpoint } => checkpoint.to_string(),
        Kind::Choice { value } => value.to_string(),
        Kind::Finish { complete } => if *complete { "complete" } else { "for good" }.to_string(),
    }
}
