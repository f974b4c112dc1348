//! I3: stored source positions.

use super::counts::{ANY, Lane};
use super::lives::Slots;
use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::{Role, SourceKind, Topology};
use crate::trace::StoreKey;
use crate::trace::event::{Event, Kind, Outcome, Spot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The fold.
#[derive(Clone, Debug)]
pub struct Offsets {
    topology: Arc<Topology>,
    /// For each attempt the next offset of every partition, or `ANY`. A partition has one reader.
    next: Slots<Box<[u64]>>,
    /// The same as of a cut, for the partitions of one subtask.
    open: BTreeMap<StoreKey, Box<[u64]>>,
    unknown: Option<String>,
}

impl Offsets {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>) -> Self {
        Offsets { topology: topology.clone(), next: Slots::new(), open: BTreeMap::new(), unknown: None }
    }

    fn next(&mut self, attempt: Attempt) -> Option<&mut [u64]> {
        let partitions = self.topology.partitions as usize;
        self.next.get(attempt, || vec![ANY; partitions].into()).map(|next| &mut next[..])
    }

    fn log(&self, task: TaskId) -> bool {
        matches!(self.topology.vertex(task).role, Role::Source { kind: SourceKind::Log, .. })
    }

    /// The next line, unless it is one of a record.
    pub fn observe(&mut self, event: &Event) -> Seen {
        match &event.kind {
            Kind::Restore { offsets, .. } => {
                let topology = self.topology.clone();
                let own = &topology.subtasks[event.process.index()].partitions;
                let Some(next) = self.next(event.attempt) else { return Ok(()) };
                for partition in own {
                    // What is not listed is at 0.
                    next[partition.index()] = offsets.iter().find(|(p, _)| p == partition).map_or(0, |(_, o)| o.0);
                }
                Ok(())
            }
            Kind::Snap { checkpoint, .. } if self.log(event.process) => {
                let key = StoreKey { attempt: event.attempt, checkpoint: *checkpoint, task: event.process };
                let topology = self.topology.clone();
                let own = &topology.subtasks[event.process.index()].partitions;
                if let Some(next) = self.next(event.attempt) {
                    let next = own.iter().map(|partition| next[partition.index()]).collect();
                    self.open.insert(key, next);
                }
                if self.open.len() > 64 * self.topology.len() {
                    self.open.pop_first();
                }
                Ok(())
            }
            Kind::Put { key, offsets, outcome: Outcome::Ok, .. } if self.log(key.task) => self.put(event, key, offsets),
            _ => Ok(()),
        }
    }

    /// Is this the record that is expected next, in the newest attempt? Then it is counted.
    #[inline(always)]
    pub(super) fn follows(&mut self, attempt: Attempt, partition: PartitionId, offset: Offset) -> bool {
        match self.next.newest(attempt).and_then(|next| next.get_mut(partition.index())) {
            Some(next) if *next == offset.0 && offset.0 < ANY - 1 => {
                *next += 1;
                true
            }
            _ => false,
        }
    }

    /// A line that reads.
    pub(super) fn read(&mut self, at: Spot, partition: PartitionId, id: RecordId) -> Seen {
        let Some(next) = self.next(at.attempt) else { return Ok(()) };
        let expected = std::mem::replace(&mut next[partition.index()], Lane::after(id.offset.0));
        let skips = !self.log(at.process) && id.offset.0 > expected;
        if expected == id.offset.0 || expected == ANY || skips { Ok(()) } else { Err(self.jump(at, id, expected)) }
    }

    #[cold]
    fn jump(&self, at: Spot, id: RecordId, expected: u64) -> Box<Violation> {
        let what = format!("{} reads {id} where offset {expected} is next", self.topology.name(at.process));
        Violation::new(Invariant::I3, at, what).record(id)
    }

    fn put(&mut self, event: &Event, key: &StoreKey, offsets: &[(PartitionId, Offset)]) -> Seen {
        // Kept: a write that is asked again can land again after its key was deleted.
        let Some(positions) = self.open.get(key).cloned() else {
            let name = self.topology.name(key.task);
            self.unknown = Some(format!("{name} stored {} and no line says where its cut was", key.checkpoint));
            return Ok(());
        };
        for (partition, read) in self.topology.subtasks[key.task.index()].partitions.iter().zip(positions) {
            let stored = offsets.iter().find(|(p, _)| p == partition).map_or(0, |(_, o)| o.0);
            if read != stored && read != ANY {
                let name = self.topology.name(key.task);
                let what =
                    format!("{name} had read {read} records of {partition} at its cut and stored offset {stored}");
                return Err(Violation::new(Invariant::I3, event, what).checkpoint(key.checkpoint));
            }
        }
        Ok(())
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        let verdict = self.unknown.clone().map_or(Verdict::Holds, Verdict::Undecided);
        vec![(Invariant::I3, verdict)]
    }
}
