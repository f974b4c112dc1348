//! I3: stored source positions.

use super::lives::Lives;
use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::{Role, SourceKind, Topology};
use crate::trace::StoreKey;
use crate::trace::event::{Event, Kind, Outcome};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The next offset of each of a subtask's partitions.
#[derive(Clone, Debug, Default)]
struct Positions {
    next: Vec<(PartitionId, u64)>,
    /// Its `restore` line was seen: what is not listed is at 0.
    known: bool,
}

impl Positions {
    #[inline]
    fn of(&mut self, partition: PartitionId, otherwise: u64) -> &mut u64 {
        let i = self.next.iter().position(|(p, _)| *p == partition).unwrap_or_else(|| {
            self.next.push((partition, if self.known { 0 } else { otherwise }));
            self.next.len() - 1
        });
        &mut self.next[i].1
    }
}

/// The fold.
#[derive(Clone, Debug)]
pub struct Offsets {
    topology: Arc<Topology>,
    lives: Lives<Positions>,
    open: BTreeMap<StoreKey, Positions>,
    unknown: Option<String>,
}

impl Offsets {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>) -> Self {
        Offsets { topology: topology.clone(), lives: Lives::new(topology.len()), open: BTreeMap::new(), unknown: None }
    }

    fn log(&self, task: TaskId) -> bool {
        matches!(self.topology.vertex(task).role, Role::Source { kind: SourceKind::Log, .. })
    }

    /// The next line.
    #[inline]
    pub fn observe(&mut self, event: &Event) -> Seen {
        match &event.kind {
            Kind::Read { partition, record } => self.read(event, *partition, record.id),
            Kind::Restore { offsets, .. } => {
                if let Some(positions) = self.lives.get(event.process, event.attempt) {
                    positions.known = true;
                    positions.next = offsets.iter().map(|(p, o)| (*p, o.0)).collect();
                }
                Ok(())
            }
            Kind::Snap { checkpoint, .. } if self.log(event.process) => {
                let key = StoreKey { attempt: event.attempt, checkpoint: *checkpoint, task: event.process };
                if let Some(positions) = self.lives.get(event.process, event.attempt) {
                    self.open.insert(key, positions.clone());
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

    /// A line that reads.
    #[inline]
    pub(super) fn read(&mut self, event: &Event, partition: PartitionId, id: RecordId) -> Seen {
        let Some(positions) = self.lives.get(event.process, event.attempt) else { return Ok(()) };
        let next = positions.of(partition, id.offset.0);
        let expected = std::mem::replace(next, id.offset.0.saturating_add(1));
        if expected == id.offset.0 || (!self.log(event.process) && id.offset.0 > expected) {
            return Ok(());
        }
        Err(self.jump(event, id, expected))
    }

    #[cold]
    fn jump(&self, event: &Event, id: RecordId, expected: u64) -> Box<Violation> {
        let what = format!("{} reads {id} where offset {expected} is next", self.topology.name(event.process));
        Violation::new(Invariant::I3, event, what).record(id)
    }

    fn put(&mut self, event: &Event, key: &StoreKey, offsets: &[(PartitionId, Offset)]) -> Seen {
        let Some(mut positions) = self.open.remove(key) else {
            let name = self.topology.name(key.task);
            self.unknown = Some(format!("{name} stored {} and no line says where its cut was", key.checkpoint));
            return Ok(());
        };
        for partition in &self.topology.subtasks[key.task.index()].partitions {
            let stored = offsets.iter().find(|(p, _)| p == partition).map_or(0, |(_, o)| o.0);
            let read = *positions.of(*partition, stored);
            if read != stored {
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
