//! A sequence diagram for Mermaid, which GitHub and GitLab draw in Markdown.
//!
//! Viewers stop at 50,000 characters and 500 arrows, and nobody reads half of that: it is meant for short traces, and
//! leaves records out where there are many.

use super::super::past::{Flight, Load, Past};
use super::super::svg::clipped;
use crate::ids::*;
use crate::trace::event::{Event, Kind, Meta, Outcome, TxnOp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// More messages than this, and single records are left out.
const MESSAGES: usize = 150;
/// What viewers take.
const CHARACTERS: usize = 48_000;

/// Text that means nothing to Mermaid: what does is written as an entity.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in clipped(text, 80).chars() {
        match c {
            '#' | ';' | '<' | '>' | '"' | '%' | '{' | '}' | '`' | '\\' | '&' => {
                let _ = write!(out, "#{};", c as u32);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    // A label that ends the diagram isn't one.
    if out.eq_ignore_ascii_case("end") { format!("{out}.") } else { out }
}

/// The diagram, and what was left out of it in words.
///
/// # Errors
/// It would be longer than viewers take even without records.
pub fn sequence(meta: &Meta, events: &[Event]) -> Result<(String, Option<String>), String> {
    let past = Past::new(meta, events);
    let records = past.flights.iter().filter(|flight| matches!(flight.load, Load::Record(_))).count();
    let whole = written(&past, true);
    if past.flights.len() <= MESSAGES && whole.len() <= CHARACTERS {
        return Ok((whole, None));
    }
    let short = written(&past, false);
    let arrows = past.flights.len() - records;
    if short.len() > CHARACTERS || arrows > 500 {
        return Err(format!(
            "a Mermaid diagram of {} lines is more than viewers take ({arrows} arrows even without records); shrink the run, or draw it with `cutline diagram`",
            events.len()
        ));
    }
    Ok((short, Some(format!("{records} records are left out: viewers of Mermaid take short diagrams only"))))
}

fn written(past: &Past, records: bool) -> String {
    let mut out = String::from("sequenceDiagram\n");
    let lives: BTreeSet<TaskId> = past.events.iter().map(|event| event.process).collect();
    for task in lives {
        let _ = writeln!(out, "    participant p{} as {}", task.0, plain(&past.topology.name(task)));
    }
    let mut arrows: BTreeMap<usize, Vec<&Flight>> = BTreeMap::new();
    for flight in &past.flights {
        if let Some(row) = flight.taken.or(flight.sent).filter(|_| records || !matches!(flight.load, Load::Record(_))) {
            arrows.entry(row).or_default().push(flight);
        }
    }
    for row in 0..past.events.len() {
        arrows.get(&row).into_iter().flatten().for_each(|flight| arrow(&mut out, past, flight));
        if let Some(note) = note(past, row) {
            let _ = writeln!(out, "    Note over p{}: {}", past.events[row].process.0, plain(&note));
        }
    }
    out
}

fn arrow(out: &mut String, past: &Past, flight: &Flight) {
    let Some((from, to)) = past.ends(flight.channel) else { return };
    let (line, what) = match flight.load {
        Load::Record(m) => ("->>", flight.record.map_or_else(|| format!("no {m}"), |id| id.to_string())),
        Load::Barrier(id) => ("-->>", format!("barrier {id}")),
        Load::Cancel(id) => ("-->>", format!("cancel {id}")),
        Load::End => ("-->>", "end of input".to_string()),
    };
    // A cross: it is lost, or still on its way.
    let (line, note) = match flight.taken {
        Some(_) => (line, ""),
        None if line == "->>" => ("-x", " (never taken)"),
        None => ("--x", " (never taken)"),
    };
    let _ = writeln!(out, "    p{}{line}p{}: {}{note}", from.0, to.0, plain(&what));
}

/// What is worth a note.
fn note(past: &Past, row: usize) -> Option<String> {
    let ok = |outcome: &Outcome, said: String| match outcome {
        Outcome::Ok => said,
        Outcome::Again => format!("{said}, again"),
        Outcome::Fenced => format!("{said}, refused"),
        Outcome::Error => format!("{said}, failed"),
    };
    Some(match &past.events[row].kind {
        Kind::Snap { checkpoint, .. } => format!("snapshot {checkpoint}"),
        Kind::Trigger { checkpoint, .. } => format!("trigger {checkpoint}"),
        Kind::Ack { checkpoint } => format!("ack {checkpoint}"),
        Kind::Complete { checkpoint, outcome, .. } => ok(outcome, format!("{checkpoint} complete")),
        Kind::Savepoint { checkpoint, outcome, .. } => ok(outcome, format!("savepoint {checkpoint}")),
        Kind::Abort { checkpoint, .. } => format!("abort {checkpoint}"),
        Kind::Crash => format!("{} crashes", past.events[row].attempt),
        Kind::Begin { job, base, outcome, .. } => {
            let from = base.map_or_else(|| "nothing".to_string(), |id| id.to_string());
            ok(outcome, format!("begin {job} from {from}"))
        }
        Kind::Restore { base: Some(id), .. } => format!("{} restores {id}", past.events[row].attempt),
        Kind::Hold { channel } => format!("blocks {}", past.topology.channel_name(*channel)),
        Kind::Release { channel } => format!("reads {} on", past.topology.channel_name(*channel)),
        Kind::Txn { op: TxnOp::Commit, txn, records, outcome } => {
            ok(outcome, format!("commit x{} ({records} records)", txn.number))
        }
        Kind::Fault { what } => what.to_string(),
        _ => return None,
    })
}
