//! What is expected of a scenario: that it holds, or what breaks, and what must be reached on the way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a scenario must end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The invariant that must be seen violated. Absent: everything holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violates: Option<Invariant>,
    /// Others that may be violated beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Invariant>,
    /// With `violates`: so many seeds must be enough to see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub within_seeds: Option<u64>,
    /// What at least one of the seeds must reach: a sweep that never got there has tested nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<Goal>,
    /// May the job end in failure, when its restarts are used up?
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed_job_ok: bool,
}

/// The invariants that can be expected to be violated; docs/invariants.md says what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "their names are all there is to say here")]
pub enum Invariant {
    I1,
    I2,
    I3,
    I4,
    I5,
    I6,
    I7,
    I8,
    I9,
    I9n,
    I10,
    I11,
    I12,
    I13,
    I14,
    I15,
    I16,
    I17,
    I18,
    I19,
    WellFormed,
}

/// What a run can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// A checkpoint was completed.
    CheckpointCompleted,
    /// Two checkpoints were pending at once.
    CheckpointsOverlapped,
    /// A checkpoint was given up.
    CheckpointAborted,
    /// A checkpoint was given up because it took too long.
    CheckpointExpired,
    /// A subtask declined a checkpoint.
    CheckpointDeclined,
    /// A checkpoint completed in which a region keeps an older state.
    RegionFellBack,
    /// Such a checkpoint was restored.
    RestoredFromMixedEpochs,
    /// The job stopped with a savepoint.
    StoppedWithSavepoint,
    /// A savepoint of an operator was complete.
    SavepointCompleted,
    /// A subtask came back from a completed checkpoint.
    RestoredFromCheckpoint,
    /// The job was begun again from nothing.
    RestartedFromScratch,
    /// Records in flight were restored into a channel.
    ChannelStateRestored,
    /// Another coordinator took the lead.
    CoordinatorFailover,
    /// Somebody outlived his attempt and was refused.
    ZombieFenced,
    /// A barrier overtook records.
    UnalignedOvertook,
    /// A checkpoint was begun and completed while an operator stood still.
    CompletedWhileStalled,
    /// A channel was held back for an alignment.
    ChannelHeld,
    /// A cancellation came when its checkpoint was over there, for instance by a newer barrier.
    CancelTooLate,
    /// A transaction was committed.
    TransactionCommitted,
    /// A transaction timed out.
    TransactionExpired,
    /// A request to the store or a ledger failed.
    RequestFailed,
    /// A checkpoint completed after a subtask had finished.
    CheckpointAfterFinish,
    /// All input was processed.
    JobFinished,
    /// The job failed for good.
    JobFailed,
}
