//! Traces for other viewers. Each module writes one format and says what it leaves out.

pub mod dot;
pub mod mermaid;
pub mod perfetto;
pub mod shiviz;

use super::past::Past;
use crate::trace::text;

/// A line of the trace in words: who, what, and the details.
fn said(past: &Past, row: usize) -> String {
    text::brief(&past.topology, &past.events[row]).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same without the name of the process.
fn what(past: &Past, row: usize) -> String {
    let name = past.topology.name(past.events[row].process);
    let said = said(past, row);
    said.strip_prefix(&name).map_or(said.clone(), |rest| rest.trim_start().to_string())
}
