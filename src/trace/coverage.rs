//! What a run has met: a pass that never met a stale ack or a restored checkpoint says little.

use super::event::{Event, Kind, Outcome, TxnOp};
use crate::engine::message::{AbortReason, StoreKey};
use crate::ids::{CheckpointId, TaskId};

macro_rules! goals {
    ($($(#[$doc:meta])* $name:ident = $word:literal),* $(,)?) => {
        /// Something worth having met.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Met { $($(#[$doc])* $name),* }

        /// All of them, with their words.
        pub const MET: &[(Met, &str)] = &[$((Met::$name, $word)),*];
    };
}

goals! {
    /// A checkpoint completed.
    CheckpointCompleted = "checkpoint_completed",
    /// Two checkpoints were pending at once.
    Overlapped = "checkpoints_overlapped",
    /// A checkpoint was given up because it took too long.
    CheckpointExpired = "checkpoint_expired",
    /// The job was begun again from nothing.
    FromScratch = "restarted_from_scratch",
    /// A checkpoint was begun and completed while an operator stood still.
    WhileStalled = "completed_while_stalled",
    /// A checkpoint was given up.
    CheckpointAborted = "checkpoint_aborted",
    /// A subtask declined.
    Declined = "checkpoint_declined",
    /// A subtask was restored from a checkpoint.
    Restored = "restored_from_checkpoint",
    /// A subtask that had finished was restored as finished.
    RestoredFinished = "restored_finished",
    /// Records in flight were restored.
    InFlightRestored = "channel_state_restored",
    /// A second coordinator took the lead.
    Failover = "coordinator_failover",
    /// Somebody was refused because somebody newer is in charge.
    Fenced = "zombie_fenced",
    /// A completion record was asked for again.
    CompletionRepeated = "completion_repeated",
    /// A barrier overtook records.
    Overtook = "unaligned_overtook",
    /// A snapshot contained records in flight.
    InFlightStored = "in_flight_stored",
    /// A transaction was committed.
    Committed = "transaction_committed",
    /// A transaction was committed a second time.
    CommitRepeated = "commit_repeated",
    /// A transaction was aborted.
    TxnAborted = "transaction_aborted",
    /// A transaction expired.
    Expired = "transaction_expired",
    /// A write to the store failed.
    StoreFailed = "request_failed",
    /// A channel was held for a barrier.
    Held = "channel_held",
    /// A cancellation barrier was taken.
    Cancelled = "cancel_taken",
    /// A cancellation barrier was taken of a checkpoint that was over there, for instance by a newer barrier.
    CancelledLate = "cancel_too_late",
    /// A life ended by a fault.
    Crashed = "crashed",
    /// A checkpoint completed after some subtask had finished.
    FinalCheckpoint = "checkpoint_after_finish",
    /// A checkpoint completed in which a region keeps an older state.
    RegionFellBack = "region_fell_back",
    /// Such a checkpoint was restored.
    MixedRestored = "restored_from_mixed_epochs",
    /// The job stopped with a savepoint.
    Suspended = "stopped_with_savepoint",
    /// A savepoint of an operator was complete.
    Saved = "savepoint_completed",
    /// The job ended with everything processed.
    JobFinished = "job_finished",
    /// The job failed for good.
    JobFailed = "job_failed",
}

/// What was met, as bits; and what it takes to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    bits: u64,
    pending: u32,
    stalled_until: u64,
    triggered_stalled: Option<CheckpointId>,
    /// The newest completed checkpoint has parts of others.
    mixed: bool,
    /// The cancellation that was taken last, and by whom: what he does next tells whether it meant anything to him.
    cancelled: Option<(TaskId, CheckpointId)>,
}

impl Coverage {
    /// Was it met?
    pub fn met(&self, what: Met) -> bool {
        self.bits >> what as u8 & 1 == 1
    }

    /// The words of everything that was met.
    pub fn words(&self) -> impl Iterator<Item = &'static str> + '_ {
        MET.iter().filter(|(met, _)| self.met(*met)).map(|(_, word)| *word)
    }

    /// Adds what another run has met.
    pub fn add(&mut self, other: Coverage) {
        self.bits |= other.bits;
    }

    fn set(&mut self, what: Met) {
        self.bits |= 1 << what as u8;
    }

    /// An operator stands still until then.
    pub fn stalled(&mut self, until: u64) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// A checkpoint is pending no more.
    fn settled(&mut self) {
        self.pending = self.pending.saturating_sub(1);
    }

    /// Looks at an event that isn't a record's.
    pub fn event(&mut self, event: &Event) {
        self.cancellation(event);
        match &event.kind {
            Kind::Trigger { checkpoint, .. } => {
                self.pending += 1;
                if self.pending > 1 {
                    self.set(Met::Overlapped);
                }
                self.triggered_stalled = (event.time.0 < self.stalled_until).then_some(*checkpoint);
            }
            Kind::Complete { checkpoint, outcome, parts, .. } => match outcome {
                Outcome::Ok => self.completed(event, *checkpoint, parts),
                Outcome::Again => self.set(Met::CompletionRepeated),
                Outcome::Fenced => self.set(Met::Fenced),
                Outcome::Error => self.set(Met::StoreFailed),
            },
            Kind::Savepoint { outcome: Outcome::Ok, .. } => {
                self.settled();
                self.set(Met::Saved);
            }
            Kind::Abort { reason, .. } => {
                self.settled();
                self.set(Met::CheckpointAborted);
                if *reason == AbortReason::Expired {
                    self.set(Met::CheckpointExpired);
                }
            }
            Kind::Begin { job, base: None, outcome: Outcome::Ok, .. } if job.0 > 1 => {
                self.pending = 0;
                self.set(Met::FromScratch);
            }
            Kind::Begin { outcome: Outcome::Ok, .. } => self.pending = 0,
            Kind::Decline { .. } => self.set(Met::Declined),
            Kind::Restore { base: Some(_), kappa, finished, .. } => {
                self.set(if *finished { Met::RestoredFinished } else { Met::Restored });
                if !kappa.is_empty() {
                    self.set(Met::InFlightRestored);
                }
                if self.mixed {
                    self.set(Met::MixedRestored);
                }
            }
            Kind::Lead { token, outcome } => match outcome {
                Outcome::Fenced => self.set(Met::Fenced),
                _ if token.0 > 1 => self.set(Met::Failover),
                _ => {}
            },
            Kind::Begin { outcome: Outcome::Fenced, .. } => self.set(Met::Fenced),
            Kind::BarIn { passed, .. } if *passed > 0 => self.set(Met::Overtook),
            Kind::Put { outcome, kappa, .. } => {
                if *outcome == Outcome::Error {
                    self.set(Met::StoreFailed);
                }
                if !kappa.is_empty() {
                    self.set(Met::InFlightStored);
                }
            }
            Kind::Txn { op, outcome, .. } => self.transaction(*op, *outcome),
            Kind::Hold { .. } => self.set(Met::Held),
            Kind::CancelIn { checkpoint, .. } => {
                self.set(Met::Cancelled);
                self.cancelled = Some((event.process, *checkpoint));
            }
            Kind::Crash => self.set(Met::Crashed),
            Kind::Suspend { .. } => self.set(Met::Suspended),
            Kind::EndOut { .. } => self.bits |= 1 << 63, // some subtask has finished: not a goal by itself
            _ => {}
        }
    }

    /// Who takes a cancellation that means something says so next, perhaps after he has given up what is older.
    fn cancellation(&mut self, next: &Event) {
        let Some((_, cancelled)) = self.cancelled.filter(|(who, _)| *who == next.process) else { return };
        match &next.kind {
            Kind::Abandon { checkpoint, .. } if *checkpoint < cancelled => {}
            Kind::CancelOut { .. } | Kind::Decline { .. } => {}
            Kind::Abandon { checkpoint, .. } if *checkpoint == cancelled => self.cancelled = None,
            _ => self.late(),
        }
    }

    fn late(&mut self) {
        self.cancelled = None;
        self.set(Met::CancelledLate);
    }

    /// A step is over: nothing that comes now belongs to it.
    pub fn step_over(&mut self) {
        if self.cancelled.is_some() {
            self.late();
        }
    }

    fn completed(&mut self, event: &Event, checkpoint: CheckpointId, parts: &[StoreKey]) {
        self.settled();
        self.set(Met::CheckpointCompleted);
        if event.time.0 < self.stalled_until && self.triggered_stalled == Some(checkpoint) {
            self.set(Met::WhileStalled);
        }
        // Where everybody is alone, no part has the checkpoint's own number.
        let own = parts.iter().filter(|key| key.checkpoint == checkpoint).count();
        self.mixed = own > 0 && own < parts.len();
        if self.mixed {
            self.set(Met::RegionFellBack);
        }
        if self.bits >> 63 == 1 && !parts.is_empty() {
            self.set(Met::FinalCheckpoint);
        }
    }

    fn transaction(&mut self, op: TxnOp, outcome: Outcome) {
        match (op, outcome) {
            (_, Outcome::Fenced) => self.set(Met::Fenced),
            (TxnOp::Commit, Outcome::Ok) => self.set(Met::Committed),
            (TxnOp::Commit, Outcome::Again) => self.set(Met::CommitRepeated),
            (TxnOp::Abort, _) => self.set(Met::TxnAborted),
            (TxnOp::Expire, _) => self.set(Met::Expired),
            _ => {}
        }
    }

    /// How the job ended, as the world says.
    pub fn job(&mut self, ended: Option<bool>) {
        match ended {
            Some(true) => self.set(Met::JobFinished),
            Some(false) => self.set(Met::JobFailed),
            None => {}
        }
    }
}
