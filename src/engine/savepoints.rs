//! Savepoints that belong to whoever asked for them.
//!
//! One goes through the same barriers, snapshots and acknowledgements as a checkpoint. What differs is what comes of it: its
//! record is written beside those of checkpoints, no restart goes back to it, no checkpoint gives way to it or replaces it,
//! nothing of it is ever deleted, and no task hears that it is complete, so that no sink commits anything. What a sink
//! prepared for it is part of the next checkpoint, as if it had been given up.

use super::coordinator::{Coordinator, Lead};
use super::message::*;
use crate::ids::*;

impl Coordinator {
    /// Somebody wants one. While one is wanted or under way, that is the one: there is one answer.
    pub(super) fn want_savepoint(&mut self, out: &mut Outbox) {
        if self.savepoint_wanted || self.pending.values().any(|pending| pending.savepoint) {
            return;
        }
        if self.lead != Lead::Deployed {
            return out.mark(Mark::SavepointFailed);
        }
        self.begin_savepoint(out);
    }

    /// Begins it, if nothing is against it. It waits for room like a checkpoint, and goes before all that wait; neither the
    /// interval nor the pause is heeded.
    fn begin_savepoint(&mut self, out: &mut Outbox) {
        match self.obstacle(false) {
            None => {
                self.savepoint_wanted = false;
                self.open(true, out);
            }
            Some((failure, later)) => {
                self.savepoint_wanted = later;
                out.mark(Mark::TriggerFailed(failure));
                if !later {
                    out.mark(Mark::SavepointFailed);
                }
            }
        }
    }

    /// There is room again; true: it was needed for a savepoint, or is.
    pub(super) fn make_up_savepoint(&mut self, out: &mut Outbox) -> bool {
        if self.savepoint_wanted && self.obstacle(false).is_none() {
            self.begin_savepoint(out);
            return true;
        }
        false
    }

    /// The one that was wanted or under way came to nothing, whatever the reason.
    pub(super) fn savepoint_lost(&mut self, out: &mut Outbox) {
        if std::mem::take(&mut self.savepoint_wanted) {
            out.mark(Mark::SavepointFailed);
        }
    }

    /// What the store says of its record.
    pub(super) fn saved(&mut self, id: CheckpointId, ok: bool, out: &mut Outbox) {
        if !self.pending.contains_key(&id) {
            // The job ended meanwhile. What is complete is complete.
            return if ok { out.mark(Mark::Saved(id)) } else { self.discard(self.attempt, id, out) };
        }
        if ok {
            self.pending.remove(&id);
            out.mark(Mark::Saved(id));
        } else {
            self.abort(id, AbortReason::FinaliseFailed, out);
        }
        self.publish(out);
        self.make_up(out);
    }
}
