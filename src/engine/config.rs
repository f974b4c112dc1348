//! What the processes of a job are configured with. Every duration is a delay, never an instant.

use crate::ids::Nanos;
pub use crate::topology::{Mode, RegionLimits};

/// What the coordinator does when the job has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestartStrategy {
    /// The job stays down.
    None,
    /// Again after `delay`, at most `attempts` times.
    Fixed {
        /// Restarts allowed.
        attempts: u32,
        /// Before each.
        delay: Nanos,
    },
    /// The delay doubles from `first` to `max`; a completed checkpoint sets it back.
    Exponential {
        /// The first delay.
        first: Nanos,
        /// The longest delay.
        max: Nanos,
    },
}

/// The settings of one job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How barriers are aligned.
    pub mode: Mode,
    /// `AlignedThenUnaligned`: how long an alignment may take.
    pub alignment_timeout: Nanos,
    /// Between two periodic triggers.
    pub interval: Nanos,
    /// At least so long after a completion.
    pub min_pause: Nanos,
    /// How many checkpoints may be pending; at least 1.
    pub max_concurrent: u32,
    /// A checkpoint that takes longer is given up.
    pub timeout: Nanos,
    /// So many failed checkpoints in a row are borne.
    pub tolerable_failures: u32,
    /// Completed checkpoints that are kept; at least 1.
    pub retain: u32,
    /// What to do after a failure.
    pub restart: RestartStrategy,
    /// How long to wait for an answer before asking again; twice as long each time, until an answer comes.
    pub retry: Nanos,
    /// Does the end of a channel count as the barrier that it didn't deliver?
    pub checkpoint_after_end: bool,
    /// `Regional`: how much of a checkpoint may be older than itself.
    pub regions: RegionLimits,
    /// A transaction that is found expired at restore: pass over it (true) or fail the job (false).
    pub ignore_expired: bool,
}
