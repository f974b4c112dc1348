//! What is wanted of a run, beside its verdicts.

use std::sync::atomic::AtomicBool;

/// What to keep of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep<'a> {
    /// All events.
    pub trace: bool,
    /// All choices.
    pub schedule: bool,
    /// No verdicts, only the digest.
    pub unjudged: bool,
    /// Stop after so many events.
    pub until: Option<u64>,
    /// Go on with other dice after so many events: another future of the same past. The faults stay as they are planned.
    pub fork: Option<Fork>,
    /// Give up as soon as this is set: what comes out is worth nothing then.
    pub stop: Option<&'a AtomicBool>,
}

/// Where a run takes another way, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// After so many events.
    pub at: u64,
    /// The seed of the dice from there on.
    pub seed: u64,
}
