//! I15: checkpoint ids strictly increase, also across restores.

use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::trace::event::{Event, Kind, Outcome};
use std::collections::BTreeMap;

/// The fold.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    completed: Option<CheckpointId>,
    saved: Option<CheckpointId>,
    /// For each job attempt, the newest id that it may not use again.
    taken: BTreeMap<Attempt, CheckpointId>,
}

impl Identity {
    /// The next line.
    pub fn observe(&mut self, event: &Event) -> Seen {
        match &event.kind {
            Kind::Begin { job, outcome: Outcome::Ok, .. } => {
                if let Some(used) = self.completed.max(self.saved) {
                    self.taken.insert(*job, used);
                }
                if self.taken.len() > 64 {
                    self.taken.pop_first();
                }
                Ok(())
            }
            Kind::Trigger { checkpoint, job, .. } => match self.taken.insert(*job, *checkpoint) {
                Some(before) if *checkpoint <= before => {
                    let what = format!("{checkpoint} is triggered by {job}, which is past {before}");
                    Err(Violation::new(Invariant::I15, event, what).checkpoint(*checkpoint))
                }
                _ => Ok(()),
            },
            Kind::Complete { checkpoint, outcome: Outcome::Ok, .. } => {
                let before = self.completed;
                self.completed = before.max(Some(*checkpoint));
                match before {
                    // The very same id twice is I5's.
                    Some(before) if *checkpoint < before => {
                        let what = format!("{checkpoint} is completed after {before}");
                        Err(Violation::new(Invariant::I15, event, what).checkpoint(*checkpoint))
                    }
                    _ => Ok(()),
                }
            }
            // One may be complete long after newer checkpoints.
            Kind::Savepoint { checkpoint, outcome: Outcome::Ok, .. } => {
                self.saved = self.saved.max(Some(*checkpoint));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        vec![(Invariant::I15, Verdict::Holds)]
    }
}
