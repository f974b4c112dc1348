//! I10: visible output is append-only; and, as a weaker note, upsert sinks that show an older value again.

use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::{Role, SinkKind, Topology};
use crate::trace::event::Spot;
use crate::trace::{Datum, Record};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The fold.
#[derive(Clone, Debug)]
pub struct Visible {
    next: Vec<u64>,
    upsert: Vec<bool>,
    newest: BTreeMap<(TaskId, Datum), RecordId>,
    stale: u64,
    first_stale: Option<String>,
}

impl Visible {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>) -> Self {
        let mut upsert = vec![false; topology.processes()];
        for (v, vertex) in topology.graph.vertices.iter().enumerate() {
            upsert[topology.ledger(VertexId(v as u32)).index()] = vertex.role == Role::Sink(SinkKind::Upsert);
        }
        Visible { next: vec![0; topology.processes()], upsert, newest: BTreeMap::new(), stale: 0, first_stale: None }
    }

    /// A record becomes visible.
    #[inline(always)]
    pub(super) fn show(&mut self, at: Spot, position: u64, record: &Record) -> Seen {
        let expected = std::mem::replace(&mut self.next[at.process.index()], position.saturating_add(1));
        if expected != position {
            return Err(jump(at, position, expected, record.id));
        }
        if self.upsert[at.process.index()] {
            self.upsert(at.process, &record.key, record.id);
        }
        Ok(())
    }

    /// Is this the next position, with room for so many, where nothing but positions is looked at?
    pub(super) fn expects(&self, at: Spot, position: u64, count: u64) -> bool {
        let process = at.process.index();
        self.next[process] == position && position.checked_add(count).is_some() && !self.upsert[process]
    }

    /// Counts positions that were expected.
    pub(super) fn pass(&mut self, ledger: TaskId, count: u64) {
        self.next[ledger.index()] += count;
    }

    fn upsert(&mut self, ledger: TaskId, key: &Datum, id: RecordId) {
        match self.newest.get_mut(&(ledger, key.clone())) {
            Some(last) => {
                if last.partition == id.partition && id.offset < last.offset {
                    self.stale += 1;
                    if self.first_stale.is_none() {
                        self.first_stale = Some(format!("first {id} over {last}"));
                    }
                }
                *last = id;
            }
            None => {
                self.newest.insert((ledger, key.clone()), id);
            }
        }
    }

    /// The weaker findings.
    pub fn notes(&self) -> Vec<String> {
        let note =
            |first: &String| format!("stale: upsert sinks showed an older value again {} times, {first}", self.stale);
        self.first_stale.iter().map(note).collect()
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        vec![(Invariant::I10, Verdict::Holds)]
    }
}

#[cold]
fn jump(at: Spot, position: u64, expected: u64, id: RecordId) -> Box<Violation> {
    let what = format!("{id} appears at position {position} where {expected} is next");
    Violation::new(Invariant::I10, at, what).record(id)
}
