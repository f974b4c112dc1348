//! The twists of the wrong gates, one fault each.

use super::wrong::{Honest, Out, Twist};
use cutline::engine::gate::{BarrierGate, GateEffect};
use cutline::engine::message::{Barrier, DeclineReason};
use cutline::ids::*;
use cutline::vectors::Text;
use std::collections::{BTreeMap, BTreeSet};

fn is_over(effect: &GateEffect<Text>) -> bool {
    matches!(effect, GateEffect::ChannelState { .. } | GateEffect::Abort { .. })
}

/// A late barrier counts as the pending checkpoint's (B02).
#[derive(Default)]
pub struct LateCounts(CheckpointId);
impl Twist for LateCounts {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, mut barrier: Barrier, out: &mut Out) {
        self.0 = self.0.max(barrier.id);
        barrier.id = self.0;
        honest.barrier(input, barrier, out);
    }
}

/// A late barrier blocks its channel until something is over.
#[derive(Default)]
pub struct LateBlocks(InputSet);
impl Twist for LateBlocks {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        honest.barrier(input, barrier, out);
        if out.iter().any(|effect| matches!(effect, GateEffect::Late(_))) {
            self.0.insert(input);
        }
    }
    fn blocked(&self, honest: &Honest, input: InputIndex) -> bool {
        honest.blocked(input) || self.0.contains(input)
    }
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        if out.iter().any(is_over) {
            self.0.clear();
        }
    }
}

/// A late barrier stops the capture on its channel.
#[derive(Default)]
pub struct LateStopsCapture(InputSet);
impl Twist for LateStopsCapture {
    fn record(&mut self, honest: &mut Honest, input: InputIndex, record: &Text) {
        if !self.0.contains(input) {
            honest.record(input, record);
        }
    }
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        honest.barrier(input, barrier, out);
        if out.iter().any(|effect| matches!(effect, GateEffect::Late(_))) {
            self.0.insert(input);
        }
    }
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        if out.iter().any(is_over) {
            self.0.clear();
        }
    }
}

/// A cancel counts only on a channel whose own barrier was taken (B03).
#[derive(Default)]
pub struct CancelAfterOwn(BTreeSet<(InputIndex, CheckpointId)>);
impl Twist for CancelAfterOwn {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        self.0.insert((input, barrier.id));
        honest.barrier(input, barrier, out);
    }
    fn cancel(&mut self, honest: &mut Honest, input: InputIndex, checkpoint: CheckpointId, out: &mut Out) {
        if self.0.contains(&(input, checkpoint)) {
            honest.cancel(input, checkpoint, out);
        }
    }
}

/// A cancel of a checkpoint without any barrier is not noted.
#[derive(Default)]
pub struct CancelNeedsBarrier(BTreeSet<CheckpointId>);
impl Twist for CancelNeedsBarrier {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        self.0.insert(barrier.id);
        honest.barrier(input, barrier, out);
    }
    fn cancel(&mut self, honest: &mut Honest, input: InputIndex, checkpoint: CheckpointId, out: &mut Out) {
        if self.0.contains(&checkpoint) {
            honest.cancel(input, checkpoint, out);
        }
    }
}

/// A given-up checkpoint never releases what it blocked.
#[derive(Default)]
pub struct NeverReleases(InputSet);
impl Twist for NeverReleases {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        honest.barrier(input, barrier, out);
        if honest.blocked(input) {
            self.0.insert(input);
        }
    }
    fn blocked(&self, honest: &Honest, input: InputIndex) -> bool {
        honest.blocked(input) || self.0.contains(input)
    }
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        if out.iter().any(|effect| matches!(effect, GateEffect::ChannelState { .. })) {
            self.0.clear();
        }
    }
}

/// A cancelled id is forgotten: its barriers begin it again.
#[derive(Default)]
pub struct CancelForgets(CheckpointId);
impl Twist for CancelForgets {
    fn cancel(&mut self, honest: &mut Honest, input: InputIndex, checkpoint: CheckpointId, out: &mut Out) {
        if checkpoint < CheckpointId(1000) {
            self.0 = self.0.max(CheckpointId(1000));
            honest.cancel(input, checkpoint, out);
        }
    }
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        let id = CheckpointId(barrier.id.0 + self.0.0);
        honest.barrier(input, Barrier { id, ..barrier }, out);
    }
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        for effect in out {
            if let GateEffect::Snapshot { checkpoint, .. } | GateEffect::ChannelState { checkpoint, .. } = effect {
                checkpoint.0 %= 1000;
            }
        }
    }
}

/// An older cancel gives up the pending checkpoint.
#[derive(Default)]
pub struct OlderCancelCounts(CheckpointId);
impl Twist for OlderCancelCounts {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        self.0 = self.0.max(barrier.id);
        honest.barrier(input, barrier, out);
    }
    fn cancel(&mut self, honest: &mut Honest, input: InputIndex, checkpoint: CheckpointId, out: &mut Out) {
        honest.cancel(input, checkpoint.max(self.0), out);
    }
}

/// A newer cancel reports the pending checkpoint too.
#[derive(Default)]
pub struct CancelReportsBoth(CheckpointId);
impl Twist for CancelReportsBoth {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        self.0 = self.0.max(barrier.id);
        honest.barrier(input, barrier, out);
    }
    fn cancel(&mut self, honest: &mut Honest, input: InputIndex, checkpoint: CheckpointId, out: &mut Out) {
        if checkpoint > self.0 {
            honest.cancel(input, self.0, out);
        }
        honest.cancel(input, checkpoint, out);
    }
}

/// At-least-once: a cancel leaves the older ones alone.
pub struct CancelAlone;
impl Twist for CancelAlone {
    fn cancel(&mut self, honest: &mut Honest, input: InputIndex, checkpoint: CheckpointId, out: &mut Out) {
        honest.cancel(input, checkpoint, out);
        out.retain(|effect| !matches!(effect, GateEffect::Abort { checkpoint: id, .. } if *id != checkpoint));
    }
}

/// At-least-once: the older ones are aborted, the newest first.
pub struct CancelDescending;
impl Twist for CancelDescending {
    fn cancel(&mut self, honest: &mut Honest, input: InputIndex, checkpoint: CheckpointId, out: &mut Out) {
        honest.cancel(input, checkpoint, out);
        out.reverse();
    }
}

/// A newer barrier is ignored while an older checkpoint is pending.
#[derive(Default)]
pub struct NewerIgnored(Option<CheckpointId>);
impl Twist for NewerIgnored {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        if self.0.is_none_or(|pending| barrier.id <= pending) {
            self.0 = self.0.or(Some(barrier.id));
            honest.barrier(input, barrier, out);
        }
    }
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        if out.iter().any(is_over) {
            self.0 = None;
        }
    }
}

/// Nobody is told of a subsumed checkpoint.
pub struct SubsumesInSilence;
impl Twist for SubsumesInSilence {
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        out.retain(|effect| !matches!(effect, GateEffect::Abort { reason: DeclineReason::Subsumed, .. }));
    }
}

/// The end of a channel does not count.
#[derive(Default)]
pub struct EndNotCounted(pub Vec<InputIndex>, pub usize);
impl Twist for EndNotCounted {
    fn end(&mut self, honest: &mut Honest, input: InputIndex, out: &mut Out) {
        self.0.push(input);
        if self.0.len() == self.1 {
            self.0.iter().for_each(|input| honest.end(*input, &mut Vec::new()));
            out.push(GateEffect::EndOfInput);
        }
    }
}

/// Ended channels stay in the quorum of the checkpoints that begin later.
#[derive(Default)]
pub struct QuorumOfAll(pub usize, pub usize);
impl Twist for QuorumOfAll {
    fn end(&mut self, honest: &mut Honest, input: InputIndex, out: &mut Out) {
        self.0 += 1;
        let mut tried = honest.clone();
        let mut effects = Vec::new();
        tried.end(input, &mut effects);
        if !effects.is_empty() {
            *honest = tried;
            out.append(&mut effects);
        } else if self.0 == self.1 {
            out.push(GateEffect::EndOfInput);
        }
    }
}

/// `end_of_input` is told before what the last end causes.
pub struct EndOfInputFirst;
impl Twist for EndOfInputFirst {
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        out.sort_by_key(|effect| *effect != GateEffect::EndOfInput);
    }
}

/// Blocks nothing (what B06 does after a terminal barrier).
pub struct BlocksNothing;
impl Twist for BlocksNothing {
    fn blocked(&self, _: &Honest, _: InputIndex) -> bool {
        false
    }
}

/// Lets go of every channel at the switch.
#[derive(Default)]
pub struct SwitchReleases(bool);
impl Twist for SwitchReleases {
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        for effect in out.iter() {
            self.0 = match effect {
                GateEffect::Snapshot { overtakes, .. } => *overtakes,
                effect if is_over(effect) => false,
                _ => self.0,
            };
        }
    }
    fn blocked(&self, honest: &Honest, input: InputIndex) -> bool {
        honest.blocked(input) && !self.0
    }
}

/// A barrier that has switched upstream is taken for an aligned one.
pub struct SwitchedUpstreamIgnored;
impl Twist for SwitchedUpstreamIgnored {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        honest.barrier(input, Barrier { overtakes: false, ..barrier }, out);
    }
}

/// Once switched, always unaligned.
#[derive(Default)]
pub struct StaysSwitched(bool);
impl Twist for StaysSwitched {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        honest.barrier(input, Barrier { overtakes: barrier.overtakes || self.0, ..barrier }, out);
    }
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        let switched = |effect: &GateEffect<Text>| matches!(effect, GateEffect::Snapshot { overtakes: true, .. });
        self.0 |= out.iter().any(switched);
    }
}

/// The clock of a checkpoint that is over runs on, and switches whatever is pending (B08 the other way round).
#[derive(Default)]
pub struct ClockNotStopped(CheckpointId);
impl Twist for ClockNotStopped {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        self.0 = self.0.max(barrier.id);
        honest.barrier(input, barrier, out);
    }
    fn expire(&mut self, honest: &mut Honest, _: CheckpointId, out: &mut Out) {
        honest.expire(self.0, out);
    }
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        out.retain(|effect| !matches!(effect, GateEffect::StopClock(_)));
    }
}

/// Every barrier starts the clock anew.
pub struct ClockAnew;
impl Twist for ClockAnew {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        honest.barrier(input, barrier, out);
        if out.is_empty() {
            out.push(GateEffect::StartClock(barrier.id));
        }
    }
}

/// When an older checkpoint ends, the clock of the newest is stopped (B08).
pub struct StopsNewestClock;
impl Twist for StopsNewestClock {
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        let started = out.iter().find_map(|effect| match effect {
            GateEffect::StartClock(id) => Some(*id),
            _ => None,
        });
        if let Some(id) = started.filter(|_| out.iter().any(|effect| matches!(effect, GateEffect::StopClock(_)))) {
            out.push(GateEffect::StopClock(id));
        }
    }
}

/// Records behind a channel's own barrier are captured too.
#[derive(Default)]
pub struct CapturesOn(BTreeMap<InputIndex, Vec<Text>>, bool);
impl Twist for CapturesOn {
    fn record(&mut self, honest: &mut Honest, input: InputIndex, record: &Text) {
        honest.record(input, record);
        if self.1 {
            self.0.entry(input).or_default().push(record.clone());
        }
    }
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        for effect in out {
            match effect {
                GateEffect::Snapshot { overtakes, .. } => self.1 = *overtakes,
                GateEffect::ChannelState { records, .. } if self.1 => {
                    *records = std::mem::take(&mut self.0).into_iter().collect();
                    self.1 = false;
                }
                GateEffect::Abort { .. } => *self = Self::default(),
                _ => {}
            }
        }
    }
}

/// Captures nothing.
pub struct CapturesNothing;
impl Twist for CapturesNothing {
    fn record(&mut self, _: &mut Honest, _: InputIndex, _: &Text) {}
}

/// Unaligned: the snapshot is taken when the last barrier has come (B01 at its worst).
pub struct SnapshotAtLast;
impl Twist for SnapshotAtLast {
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        let late = std::mem::take(out);
        for effect in late {
            match effect {
                GateEffect::Snapshot { .. } => {}
                GateEffect::ChannelState { checkpoint, .. } => {
                    out.push(GateEffect::Snapshot { checkpoint, overtakes: true });
                    out.push(effect);
                }
                _ => out.push(effect),
            }
        }
    }
}

/// Channel state is listed for a checkpoint that is given up.
#[derive(Default)]
pub struct ListsGivenUp(BTreeMap<InputIndex, Vec<Text>>);
impl Twist for ListsGivenUp {
    fn record(&mut self, honest: &mut Honest, input: InputIndex, record: &Text) {
        honest.record(input, record);
        self.0.entry(input).or_default().push(record.clone());
    }
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        let abort = out.iter().find_map(|effect| match effect {
            GateEffect::Abort { checkpoint, .. } => Some(*checkpoint),
            _ => None,
        });
        if let Some(checkpoint) = abort {
            let records = std::mem::take(&mut self.0).into_iter().collect();
            out.push(GateEffect::ChannelState { checkpoint, records });
        }
    }
}

/// Channels are listed in descending order.
pub struct ListsDescending;
impl Twist for ListsDescending {
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        for effect in out {
            if let GateEffect::ChannelState { records, .. } = effect {
                records.reverse();
            }
        }
    }
}

/// After a switch the operator is told to take its snapshot again at the last barrier.
pub struct SnapshotTwice;
impl Twist for SnapshotTwice {
    fn after(&mut self, _: &mut Honest, out: &mut Out) {
        if let [GateEffect::ChannelState { checkpoint, .. }] = out[..] {
            out.insert(0, GateEffect::Snapshot { checkpoint, overtakes: false });
        }
    }
}

/// A channel counts as often as its barrier comes.
#[derive(Default)]
pub struct CountsTwice(BTreeSet<(InputIndex, CheckpointId)>);
impl Twist for CountsTwice {
    fn barrier(&mut self, honest: &mut Honest, input: InputIndex, barrier: Barrier, out: &mut Out) {
        let other = (0..8).map(InputIndex).find(|other| !self.0.contains(&(*other, barrier.id)));
        let again = self.0.contains(&(input, barrier.id));
        let input = other.filter(|_| again).unwrap_or(input);
        self.0.insert((input, barrier.id));
        honest.barrier(input, barrier, out);
    }
}
