//! What an operator may want of a coordinator: a checkpoint now, or a last one and then an end.
//!
//! To stop, periodic triggers end and one more checkpoint is taken, behind which sources read nothing. It completes like
//! any other one: sinks commit. When everybody has said that it acted upon the completion, the tasks are told to stop
//! and the coordinator is done. The job has not ended: whoever leads next goes on from that checkpoint.

use super::coordinator::{Coordinator, Lead, Wanted};
use super::message::*;
use crate::digest::Digest;
use crate::ids::CheckpointId;

/// How far the wish to stop with a savepoint has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stopping {
    /// Nobody wants that.
    No,
    /// Wanted; its checkpoint has not begun.
    Wanted,
    /// This is the last checkpoint.
    At(CheckpointId),
    /// It is complete; not everybody has acted upon that.
    Settling(CheckpointId),
}

impl Stopping {
    /// A checkpoint begins: the last one, if that is wanted.
    pub(super) fn begun(&mut self, id: CheckpointId) {
        if *self == Stopping::Wanted {
            *self = Stopping::At(id);
        }
    }

    /// Is this the last checkpoint, and not complete?
    pub(super) fn is_at(self, id: CheckpointId) -> bool {
        self == Stopping::At(id)
    }

    /// Adds the canonical encoding.
    pub(super) fn digest(self, d: &mut Digest) {
        let (tag, id) = match self {
            Stopping::No => (0, 0),
            Stopping::Wanted => (1, 0),
            Stopping::At(id) => (2, id.0),
            Stopping::Settling(id) => (3, id.0),
        };
        d.word(tag);
        d.word(id);
    }
}

impl Coordinator {
    pub(super) fn on_asked(&mut self, wish: Wish, out: &mut Outbox) {
        match wish {
            Wish::Checkpoint => return self.trigger(false, out),
            Wish::Savepoint => return self.want_savepoint(out),
            Wish::StopWithSavepoint => {}
        }
        if self.stopping != Stopping::No {
            return; // asked before: there is one answer
        }
        if self.lead != Lead::Deployed || !self.all_live() {
            return out.mark(Mark::StopFailed(None));
        }
        self.stopping = Stopping::Wanted;
        self.stop_scheduler(out);
        self.trigger(false, out); // if there is no room yet, it is made up for
    }

    /// The last checkpoint came to nothing: it was not the stop that failed the job, so the job goes on as before. Or
    /// somebody's `savepoint` did, who is told.
    pub(super) fn savepoint_failed(&mut self, id: CheckpointId, savepoint: bool, out: &mut Outbox) {
        if savepoint {
            out.mark(Mark::SavepointFailed);
        }
        if self.stopping.is_at(id) {
            self.stop_failed(out);
            if self.lead == Lead::Deployed && self.all_live() {
                self.start_scheduler(out);
            }
        }
    }

    /// Something else came first: a failure, or the regular end.
    pub(super) fn stop_failed(&mut self, out: &mut Outbox) {
        let savepoint = match std::mem::replace(&mut self.stopping, Stopping::No) {
            Stopping::No => return,
            Stopping::Wanted | Stopping::At(_) => None,
            Stopping::Settling(id) => Some(id),
        };
        self.wanted = Wanted::Nothing;
        out.mark(Mark::StopFailed(savepoint));
    }

    /// The savepoint is complete and everybody has acted upon it: the tasks stop, and so does the coordinator.
    pub(super) fn stop_if_settled(&mut self, out: &mut Outbox) {
        let Stopping::Settling(id) = self.stopping else { return };
        if self.unnoted.is_empty() {
            self.stop_attempt(self.attempt, out);
            out.mark(Mark::Suspended(id));
            self.shutdown(out);
        }
    }
}
