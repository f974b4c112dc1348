//! I13: until the job has ended, what the newest completed checkpoint is made of is there to be restored; and what a
//! savepoint is made of, for ever.

use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::{Mode, Topology};
use crate::trace::StoreKey;
use crate::trace::event::{Event, Kind, Outcome};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The fold.
#[derive(Clone, Debug)]
pub struct Retention {
    topology: Arc<Topology>,
    /// Parts have numbers of their own.
    lines: bool,
    /// The newest completed checkpoint, and its parts.
    newest: Option<(CheckpointId, Arc<[StoreKey]>)>,
    /// Deleted, of checkpoints that may still complete.
    deleted: BTreeSet<StoreKey>,
    /// Parts of savepoints, as many as are remembered.
    saved: BTreeSet<StoreKey>,
    /// The job has ended: nobody will restore anything.
    ended: bool,
}

impl Retention {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>, mode: Mode) -> Self {
        Retention {
            lines: mode == Mode::Alone,
            topology: topology.clone(),
            newest: None,
            deleted: BTreeSet::new(),
            saved: BTreeSet::new(),
            ended: false,
        }
    }

    /// The next line.
    pub fn observe(&mut self, event: &Event) -> Seen {
        match &event.kind {
            Kind::Put { key, outcome: Outcome::Ok, .. } => {
                self.deleted.remove(key);
                Ok(())
            }
            Kind::Delete { key } => self.delete(event, *key),
            Kind::Complete { checkpoint, parts, outcome: Outcome::Ok, .. } => self.complete(event, *checkpoint, parts),
            Kind::Savepoint { checkpoint, parts, outcome: Outcome::Ok, .. } => self.save(event, *checkpoint, parts),
            Kind::Finish { .. } if event.process == self.topology.coordinator() => {
                self.ended = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn save(&mut self, event: &Event, id: CheckpointId, parts: &[StoreKey]) -> Seen {
        self.saved.extend(parts);
        while self.saved.len() > 64 * self.topology.len() {
            self.saved.pop_first();
        }
        match parts.iter().find(|key| self.deleted.contains(key)) {
            Some(key) => {
                let name = self.topology.name(key.task);
                let what = format!("savepoint {id} is complete, and the part of {name} was deleted before");
                Err(Violation::new(Invariant::I13, event, what).checkpoint(id))
            }
            None => Ok(()),
        }
    }

    fn delete(&mut self, event: &Event, key: StoreKey) -> Seen {
        if self.saved.contains(&key) {
            let name = self.topology.name(key.task);
            let what = format!("the part of {name} of savepoint {} is deleted, which isn't the job's", key.checkpoint);
            return Err(Violation::new(Invariant::I13, event, what).checkpoint(key.checkpoint));
        }
        let newest = self.newest.as_ref();
        if let Some((id, parts)) = newest
            && parts.contains(&key)
            && !self.ended
        {
            let name = self.topology.name(key.task);
            let what = format!("the part of {name} of {id} is deleted, and nothing newer is complete");
            return Err(Violation::new(Invariant::I13, event, what).checkpoint(*id));
        }
        if self.lines || newest.is_none_or(|(id, _)| key.checkpoint > *id) {
            self.deleted.insert(key);
            if self.deleted.len() > 64 * self.topology.len() {
                self.deleted.pop_first();
            }
        }
        Ok(())
    }

    fn complete(&mut self, event: &Event, id: CheckpointId, parts: &Arc<[StoreKey]>) -> Seen {
        let gone = parts.iter().find(|key| self.deleted.contains(key)).copied();
        if self.newest.as_ref().is_none_or(|(newest, _)| id >= *newest) {
            let lines = self.lines;
            self.deleted.retain(|key| lines || key.checkpoint > id);
            self.newest = Some((id, parts.clone()));
        }
        match gone {
            Some(key) if !self.ended => {
                let name = self.topology.name(key.task);
                let what = format!("{id} is complete, and the part of {name} was deleted before");
                Err(Violation::new(Invariant::I13, event, what).checkpoint(id))
            }
            _ => Ok(()),
        }
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        vec![(Invariant::I13, Verdict::Holds)]
    }
}
