//! Happened-before as a graph for Graphviz: lives as columns, messages between them, checkpoints' snapshots marked.

use super::super::past::{Load, Past};
use super::what;
use crate::ids::*;
use crate::trace::event::{Event, Kind, Meta};
use std::collections::BTreeMap;
use std::fmt::Write as _;

fn quoted(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The graph.
pub fn graph(meta: &Meta, events: &[Event]) -> String {
    let past = Past::new(meta, events);
    let mut rows: BTreeMap<Incarnation, Vec<usize>> = BTreeMap::new();
    (0..events.len()).for_each(|row| rows.entry(past.who(row)).or_default().push(row));
    let mut out = format!("digraph {} {{\n", quoted(&meta.scenario));
    out.push_str("  node [shape=box, fontname=\"monospace\", fontsize=10];\n  edge [arrowsize=0.6];\n");
    for (number, (who, rows)) in rows.iter().enumerate() {
        let name = format!("{} {}", past.topology.name(who.task), who.attempt);
        let _ = writeln!(out, "  subgraph cluster_{number} {{\n    label={};", quoted(&name));
        for row in rows {
            let style = match events[*row].kind {
                Kind::Snap { .. } => ", style=filled, fillcolor=\"#d8b9ff\"",
                Kind::Crash => ", style=filled, fillcolor=\"#ffb3ad\"",
                Kind::Complete { .. } | Kind::Savepoint { .. } => ", style=filled, fillcolor=\"#aceebb\"",
                _ => "",
            };
            let label = format!("{row} {}", what(&past, *row));
            let _ = writeln!(out, "    e{row} [label={}{style}];", quoted(&label));
        }
        let chain: Vec<String> = rows.iter().map(|row| format!("e{row}")).collect();
        if chain.len() > 1 {
            let _ = writeln!(out, "    {} [weight=8];", chain.join(" -> "));
        }
        out.push_str("  }\n");
    }
    for flight in &past.flights {
        if let (Some(from), Some(to)) = (flight.sent, flight.taken) {
            let style = match flight.load {
                Load::Record(_) => "",
                Load::Barrier(_) | Load::Cancel(_) => " [style=dashed, color=\"#0969da\"]",
                Load::End => " [style=dotted]",
            };
            let _ = writeln!(out, "  e{from} -> e{to}{style};");
        }
    }
    out.push_str("}\n");
    out
}
