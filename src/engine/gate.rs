//! Barrier alignment of one input gate, generic in the record that it must not look into.

use super::message::{Barrier, DeclineReason};
use crate::ids::*;

/// What a gate asks of its subtask, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateEffect<R> {
    /// Take the snapshot of this checkpoint now, and send its barrier on. `overtakes`: the barrier may pass
    /// queued records downstream.
    Snapshot {
        /// Which checkpoint.
        checkpoint: CheckpointId,
        /// May the barrier that is sent on overtake?
        overtakes: bool,
    },
    /// All barriers of the checkpoint have come; these records were in flight. Comes once for every
    /// snapshot that was not given up, also with an empty list (aligned: always empty).
    ChannelState {
        /// Which checkpoint.
        checkpoint: CheckpointId,
        /// In channel order, channels without records left out.
        records: Vec<(InputIndex, Vec<R>)>,
    },
    /// The checkpoint is given up here; tell it downstream.
    Abort {
        /// Which.
        checkpoint: CheckpointId,
        /// Cancelled, Subsumed or EndOfInput.
        reason: DeclineReason,
    },
    /// A barrier or cancel of a checkpoint that is over was ignored.
    Late(CheckpointId),
    /// Call `expire` with this checkpoint when the alignment timeout has passed.
    StartClock(CheckpointId),
    /// The alignment of this checkpoint is over one way or the other.
    StopClock(CheckpointId),
    /// Every channel has ended.
    EndOfInput,
}

/// What a subtask needs of a gate: so that a wrong gate is twenty lines that delegate to an honest one.
pub trait BarrierGate<R>: Send + Sync + 'static {
    /// A record has been taken off a channel and is about to be processed. It is always delivered: a driver
    /// never offers elements of a blocked channel.
    fn record(&mut self, input: InputIndex, record: &R);
    /// A barrier has been taken, after everything that was ahead of it.
    fn barrier(&mut self, input: InputIndex, barrier: Barrier, out: &mut Vec<GateEffect<R>>);
    /// A barrier has been taken ahead of `passed`, which stay queued and are in flight.
    fn overtook(&mut self, input: InputIndex, barrier: Barrier, passed: Vec<R>, out: &mut Vec<GateEffect<R>>);
    /// The coordinator triggers a subtask all of whose upstream has finished: the ends that are still under
    /// way stand for the barriers.
    fn trigger(&mut self, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>);
    /// A cancellation barrier has been taken.
    fn cancel(&mut self, input: InputIndex, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>);
    /// The coordinator says that the checkpoint was given up.
    fn abort(&mut self, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>);
    /// The channel has ended.
    fn end(&mut self, input: InputIndex, out: &mut Vec<GateEffect<R>>);
    /// The alignment timeout of this checkpoint has passed.
    fn expire(&mut self, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>);
    /// Must the driver leave this channel alone?
    fn blocked(&self, input: InputIndex) -> bool;
    /// Does anything block now? (fast path: false for nearly every record)
    fn blocks(&self) -> bool;
    /// Would a queued barrier of this checkpoint be taken ahead of records?
    fn hastens(&self, checkpoint: CheckpointId) -> bool;
}
