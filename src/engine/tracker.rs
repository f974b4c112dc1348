//! At-least-once: barriers are counted for several checkpoints side by side, and nothing is blocked. It knows
//! no record.

use super::gate::GateEffect;
use super::message::DeclineReason;
use crate::digest::Digest;
use crate::ids::*;

/// The checkpoints that are being counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Tracker {
    /// In ascending order of the id.
    counts: Vec<Count>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Count {
    id: CheckpointId,
    /// Of the channels that were open at the beginning, those with neither barrier nor end as yet.
    missing: InputSet,
}

impl Tracker {
    pub(super) fn counts(&self, checkpoint: CheckpointId) -> bool {
        self.position(checkpoint).is_some()
    }

    /// Begins to count the newest checkpoint.
    pub(super) fn begin(&mut self, checkpoint: CheckpointId, open: &InputSet) {
        assert!(self.counts.last().is_none_or(|last| last.id < checkpoint), "counts begin in order: {checkpoint}");
        self.counts.push(Count { id: checkpoint, missing: open.clone() });
    }

    pub(super) fn barrier<R>(&mut self, input: InputIndex, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>) {
        let at = self.position(checkpoint).expect("a barrier that is not late belongs to a count");
        if !self.counts[at].missing.remove(input) {
            return out.push(GateEffect::Late(checkpoint)); // a channel counts once
        }
        self.settle(out);
    }

    /// The channel stands for its barrier in every count, the newest first, until one is full: the older ones
    /// vanish with it.
    pub(super) fn end<R>(&mut self, input: InputIndex, out: &mut Vec<GateEffect<R>>) {
        for count in self.counts.iter_mut().rev() {
            count.missing.remove(input);
            if count.missing.is_empty() {
                break;
            }
        }
        self.settle(out);
    }

    /// Triggers what is full. Older counts vanish and nobody is told: their barriers will be late.
    pub(super) fn settle<R>(&mut self, out: &mut Vec<GateEffect<R>>) {
        let Some(at) = self.counts.iter().rposition(|count| count.missing.is_empty()) else { return };
        let checkpoint = self.counts[at].id;
        self.counts.drain(..=at);
        out.push(GateEffect::Snapshot { checkpoint, overtakes: false });
        out.push(GateEffect::ChannelState { checkpoint, records: Vec::new() });
    }

    /// Gives up everything older than `checkpoint`, and lets go of that one, which the gate itself reports.
    pub(super) fn cancel<R>(&mut self, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>) {
        let newer = self.counts.partition_point(|count| count.id <= checkpoint);
        for count in self.counts.drain(..newer).filter(|count| count.id < checkpoint) {
            out.push(GateEffect::Abort { checkpoint: count.id, reason: DeclineReason::Cancelled });
        }
    }

    /// An input has ended where that gives up a checkpoint.
    pub(super) fn give_up<R>(&mut self, out: &mut Vec<GateEffect<R>>) {
        for count in self.counts.drain(..) {
            out.push(GateEffect::Abort { checkpoint: count.id, reason: DeclineReason::EndOfInput });
        }
    }

    pub(super) fn forget(&mut self, checkpoint: CheckpointId) {
        self.counts.retain(|count| count.id != checkpoint);
    }

    pub(super) fn digest(&self, d: &mut Digest) {
        d.word(self.counts.len() as u64);
        for count in &self.counts {
            d.word(count.id.0);
            digest_inputs(&count.missing, d);
        }
    }

    fn position(&self, checkpoint: CheckpointId) -> Option<usize> {
        self.counts.binary_search_by_key(&checkpoint, |count| count.id).ok()
    }
}

/// A set of inputs as canonical words.
pub(super) fn digest_inputs(inputs: &InputSet, d: &mut Digest) {
    d.word(inputs.len() as u64);
    inputs.iter().for_each(|input| d.word(input.0 as u64));
}
