//! A log for ShiViz, with vector clocks.
//!
//! Its first line is the expression that takes a line apart, with the groups that ShiViz asks for; its second one is the
//! expression between executions, which there is none of. A host is a life: a process that begins again is another host,
//! because its clock begins again.

use super::super::past::Past;
use super::what;
use crate::ids::*;
use crate::trace::event::{Event, Meta};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How a line is taken apart.
pub const EXPRESSION: &str = r"(?<host>\S+) (?<clock>\{[^}]*\}) (?<event>.*)";

type Clock = BTreeMap<Incarnation, u64>;

/// Host names have no spaces, and nothing that JSON would write otherwise.
fn host(past: &Past, who: Incarnation) -> String {
    let plain = |c: char| if c.is_whitespace() || c.is_control() || "\"\\{}".contains(c) { '_' } else { c };
    let name: String = past.topology.name(who.task).chars().map(plain).collect();
    match who.attempt.0 {
        1 => name,
        _ => format!("{name}@{}", who.attempt),
    }
}

/// The log. Clocks tell of messages between subtasks, of barriers, cancellations and ends: what has both its lines.
pub fn log(meta: &Meta, events: &[Event]) -> String {
    let past = Past::new(meta, events);
    let mut sent: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for flight in &past.flights {
        if let (Some(from), Some(to)) = (flight.sent, flight.taken) {
            sent.entry(to).or_default().push(from);
        }
    }
    // Only clocks of rows that somebody takes from are kept.
    let mut kept: BTreeMap<usize, Clock> = BTreeMap::new();
    let wanted: std::collections::BTreeSet<usize> = sent.values().flatten().copied().collect();
    let mut clocks: BTreeMap<Incarnation, Clock> = BTreeMap::new();
    let mut out = format!("{EXPRESSION}\n\n");
    for row in 0..events.len() {
        let who = past.who(row);
        let clock = clocks.entry(who).or_default();
        *clock.entry(who).or_insert(0) += 1;
        for from in sent.get(&row).into_iter().flatten().filter_map(|from| kept.get(from)) {
            for (other, known) in from {
                let own = clock.entry(*other).or_insert(0);
                *own = (*own).max(*known);
            }
        }
        if wanted.contains(&row) {
            kept.insert(row, clock.clone());
        }
        let entries: Vec<String> =
            clock.iter().map(|(who, ticks)| format!("\"{}\":{ticks}", host(&past, *who))).collect();
        let _ = writeln!(out, "{} {{{}}} {}", host(&past, who), entries.join(","), what(&past, row));
    }
    out
}
