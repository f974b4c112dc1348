//! Barrier alignment of one input gate, generic in the record that it must not look into.

use super::message::{Barrier, DeclineReason};
use super::tracker::{Tracker, digest_inputs};
use crate::digest::Digest;
use crate::ids::*;
use crate::topology::Mode;
use std::collections::BTreeMap;

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

/// Barrier alignment in all four modes, as one value: what arrived is all that it knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gate<R> {
    mode: Mode,
    checkpoint_after_end: bool,
    /// Channels that have not ended.
    open: InputSet,
    /// The newest checkpoint seen. Whatever is not newer and not pending is over.
    newest: Option<CheckpointId>,
    /// Given up by the coordinator before anything of them was seen; ascending, all above `newest`.
    spurned: Vec<CheckpointId>,
    /// The one checkpoint under way, except in at-least-once.
    pending: Option<Alignment<R>>,
    /// At-least-once: the checkpoints under way.
    tracker: Tracker,
}

/// One checkpoint from its first barrier until it is complete or given up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Alignment<R> {
    id: CheckpointId,
    /// Of the channels that were open at the beginning, those with neither barrier nor end as yet.
    missing: InputSet,
    /// Channels whose barrier was taken and that wait for the others.
    blocked: InputSet,
    /// Has the snapshot been asked for? From then on what comes on a missing channel was in flight.
    cut: bool,
    /// Does the alignment clock run?
    clock: bool,
    /// Records in flight; no empty lists.
    captured: BTreeMap<InputIndex, Vec<R>>,
}

impl<R: Clone> Alignment<R> {
    #[inline(never)]
    fn capture(&mut self, input: InputIndex, record: &R) {
        if self.cut && self.missing.contains(input) {
            self.captured.entry(input).or_default().push(record.clone());
        }
    }

    fn stop_clock(&mut self, out: &mut Vec<GateEffect<R>>) {
        if self.clock {
            self.clock = false;
            out.push(GateEffect::StopClock(self.id));
        }
    }

    /// The moment of the snapshot, ahead of the barriers that are missing.
    fn switch(&mut self, out: &mut Vec<GateEffect<R>>) {
        assert!(!self.cut, "a checkpoint is cut once: {}", self.id);
        self.stop_clock(out);
        self.cut = true;
        out.push(GateEffect::Snapshot { checkpoint: self.id, overtakes: true });
    }
}

impl<R> Gate<R> {
    /// A gate of `inputs` channels, of which those in `ended` have ended in an earlier life.
    /// `checkpoint_after_end`: an end counts as the barrier that its channel did not deliver; otherwise it
    /// gives up what is pending.
    pub fn new(mode: Mode, inputs: usize, checkpoint_after_end: bool, ended: &InputSet) -> Self {
        let mut open = InputSet::all(inputs);
        for input in ended.iter() {
            assert!(open.remove(input), "an ended channel is one of the gate's: {input}");
        }
        let tracker = Tracker::default();
        Gate { mode, checkpoint_after_end, open, newest: None, spurned: Vec::new(), pending: None, tracker }
    }

    /// Adds the whole state in a canonical form; `record` adds one record.
    pub fn digest(&self, d: &mut Digest, record: &dyn Fn(&R, &mut Digest)) {
        d.word(self.mode as u64 | (self.checkpoint_after_end as u64) << 8);
        digest_inputs(&self.open, d);
        d.word(self.newest.is_some() as u64);
        d.word(self.newest.map_or(0, |id| id.0));
        d.word(self.spurned.len() as u64);
        self.spurned.iter().for_each(|id| d.word(id.0));
        d.word(self.pending.is_some() as u64);
        if let Some(pending) = &self.pending {
            d.word(pending.id.0);
            digest_inputs(&pending.missing, d);
            digest_inputs(&pending.blocked, d);
            d.word(pending.cut as u64 | (pending.clock as u64) << 1);
            d.word(pending.captured.len() as u64);
            for (input, records) in &pending.captured {
                d.word(input.0 as u64);
                d.word(records.len() as u64);
                records.iter().for_each(|one| record(one, d));
            }
        }
        self.tracker.digest(d);
    }

    fn is_pending(&self, checkpoint: CheckpointId) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.id == checkpoint) || self.tracker.counts(checkpoint)
    }

    /// Above everything seen, and not given up by the coordinator.
    fn is_news(&self, checkpoint: CheckpointId) -> bool {
        Some(checkpoint) > self.newest && self.spurned.binary_search(&checkpoint).is_err()
    }

    fn see(&mut self, checkpoint: CheckpointId) {
        assert!(Some(checkpoint) > self.newest, "ids that are seen rise: {checkpoint}");
        self.newest = Some(checkpoint);
        self.spurned.retain(|spurned| *spurned > checkpoint);
    }

    /// O(1), after every change.
    fn check(&self) {
        if let Some(pending) = &self.pending {
            assert!(Some(pending.id) == self.newest, "the pending checkpoint is the newest seen: {}", pending.id);
            assert!(!pending.missing.is_empty(), "a pending checkpoint misses a channel: {}", pending.id);
            assert!(!pending.clock || !pending.cut, "the clock runs up to the cut: {}", pending.id);
        }
    }
}

impl<R: Clone> Gate<R> {
    /// A barrier is taken. `passed`: it came ahead of these, which stay queued.
    fn take(&mut self, input: InputIndex, barrier: Barrier, passed: Option<Vec<R>>, out: &mut Vec<GateEffect<R>>) {
        // A barrier can outlive its checkpoint: completed without it, cancelled, subsumed or aborted.
        let news = self.is_news(barrier.id);
        if !news && !self.is_pending(barrier.id) {
            return out.push(GateEffect::Late(barrier.id));
        }
        assert!(self.open.contains(input), "a channel that delivers is open: {input}");

        if news {
            self.begin(barrier.id, out);
        }
        match self.mode {
            Mode::AtLeastOnce => self.tracker.barrier(input, barrier.id, out),
            _ => self.arrive(input, barrier, passed, out),
        }
        self.check();
    }

    /// A checkpoint becomes pending; its quorum is what is open now. Whoever calls completes it if that is nothing.
    fn begin(&mut self, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>) {
        self.see(checkpoint);
        if self.mode == Mode::AtLeastOnce {
            return self.tracker.begin(checkpoint, &self.open);
        }
        self.give_up(Some(DeclineReason::Subsumed), out);
        let mut pending = Alignment {
            id: checkpoint,
            missing: self.open.clone(),
            blocked: InputSet::new(),
            cut: false,
            clock: false,
            captured: BTreeMap::new(),
        };
        if self.mode == Mode::Unaligned {
            pending.switch(out);
        }
        self.pending = Some(pending);
    }

    /// The barrier of the pending checkpoint has come on one channel.
    fn arrive(&mut self, input: InputIndex, barrier: Barrier, passed: Option<Vec<R>>, out: &mut Vec<GateEffect<R>>) {
        let pending = self.pending.as_mut().expect("a barrier that is not late belongs to the pending checkpoint");
        // A channel counts once.
        if !pending.missing.remove(input) {
            return out.push(GateEffect::Late(barrier.id));
        }
        if self.mode == Mode::AlignedThenUnaligned && barrier.overtakes && !pending.cut {
            pending.switch(out);
        }
        // What an overtaken channel still holds needs no blocking: the cut is made, and the records are captured
        // here once and for all, since the channel is no longer missing when they are taken.
        let overtaken = pending.cut && (passed.is_some() || barrier.overtakes || self.mode == Mode::Unaligned);
        if let Some(passed) = passed.filter(|passed| pending.cut && !passed.is_empty()) {
            pending.captured.entry(input).or_default().extend(passed);
        }
        if pending.missing.is_empty() {
            return self.complete(out);
        }
        if !overtaken {
            pending.blocked.insert(input);
        }
        self.start_clock(out);
    }

    fn start_clock(&mut self, out: &mut Vec<GateEffect<R>>) {
        let Some(pending) = &mut self.pending else { return };
        if self.mode == Mode::AlignedThenUnaligned && !pending.cut && !pending.clock {
            pending.clock = true;
            out.push(GateEffect::StartClock(pending.id));
        }
    }

    fn complete(&mut self, out: &mut Vec<GateEffect<R>>) {
        let mut pending = self.pending.take().expect("what completes was pending");
        assert!(pending.missing.is_empty(), "a complete checkpoint misses nothing: {}", pending.id);
        pending.stop_clock(out);
        if !pending.cut {
            out.push(GateEffect::Snapshot { checkpoint: pending.id, overtakes: false });
        }
        let records = pending.captured.into_iter().collect();
        out.push(GateEffect::ChannelState { checkpoint: pending.id, records });
    }

    /// Gives up the pending checkpoint, if there is one, and with it releases everything; without a reason
    /// nobody is told.
    fn give_up(&mut self, reason: Option<DeclineReason>, out: &mut Vec<GateEffect<R>>) {
        let Some(mut pending) = self.pending.take() else { return };
        pending.stop_clock(out);
        if let Some(reason) = reason {
            out.push(GateEffect::Abort { checkpoint: pending.id, reason });
        }
    }
}

impl<R: Clone + Send + Sync + 'static> BarrierGate<R> for Gate<R> {
    #[inline]
    fn record(&mut self, input: InputIndex, record: &R) {
        if let Some(pending) = &mut self.pending {
            pending.capture(input, record);
        }
    }

    fn barrier(&mut self, input: InputIndex, barrier: Barrier, out: &mut Vec<GateEffect<R>>) {
        self.take(input, barrier, None, out);
    }

    fn overtook(&mut self, input: InputIndex, barrier: Barrier, passed: Vec<R>, out: &mut Vec<GateEffect<R>>) {
        self.take(input, barrier, Some(passed), out);
    }

    fn trigger(&mut self, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>) {
        // A trigger may be repeated, or come after the checkpoint was given up.
        if !self.is_news(checkpoint) {
            return out.push(GateEffect::Late(checkpoint));
        }
        self.begin(checkpoint, out);
        match (self.mode, self.open.is_empty()) {
            (Mode::AtLeastOnce, _) => self.tracker.settle(out),
            (_, true) => self.complete(out),
            (_, false) => self.start_clock(out),
        }
        self.check();
    }

    fn cancel(&mut self, _input: InputIndex, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>) {
        let news = self.is_news(checkpoint);
        let known = news || self.is_pending(checkpoint);
        if self.mode == Mode::AtLeastOnce {
            // The older ones go even if this one is over.
            self.tracker.cancel(checkpoint, out);
        }
        if !known {
            return out.push(GateEffect::Late(checkpoint));
        }
        if news {
            self.see(checkpoint);
        }
        // One at a time, only the cancelled id is told: downstream, its cancel drops what is older as it does here.
        self.give_up(None, out);
        out.push(GateEffect::Abort { checkpoint, reason: DeclineReason::Cancelled });
        self.check();
    }

    fn abort(&mut self, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>) {
        if self.is_pending(checkpoint) {
            self.tracker.forget(checkpoint);
            self.give_up(None, out);
        } else if self.is_news(checkpoint) {
            // Not `see`: an older checkpoint that is pending, or still to come, goes on undisturbed.
            let at = self.spurned.partition_point(|spurned| *spurned < checkpoint);
            self.spurned.insert(at, checkpoint);
        }
        self.check();
    }

    fn end(&mut self, input: InputIndex, out: &mut Vec<GateEffect<R>>) {
        assert!(self.open.remove(input), "a channel ends once: {input}");
        if !self.checkpoint_after_end {
            self.tracker.give_up(out);
            self.give_up(Some(DeclineReason::EndOfInput), out);
        } else if self.mode == Mode::AtLeastOnce {
            self.tracker.end(input, out);
        } else if let Some(pending) = &mut self.pending {
            pending.missing.remove(input);
            if pending.missing.is_empty() {
                self.complete(out);
            }
        }
        if self.open.is_empty() {
            out.push(GateEffect::EndOfInput);
        }
        self.check();
    }

    fn expire(&mut self, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>) {
        // A timer that was stopped may still have been under way.
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.id == checkpoint && pending.clock) else {
            return;
        };
        pending.clock = false; // it has run down; nothing to stop
        pending.switch(out);
        self.check();
    }

    #[inline]
    fn blocked(&self, input: InputIndex) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.blocked.contains(input))
    }

    #[inline]
    fn blocks(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| !pending.blocked.is_empty())
    }

    fn hastens(&self, checkpoint: CheckpointId) -> bool {
        self.mode == Mode::AlignedThenUnaligned
            && self.pending.as_ref().is_some_and(|pending| pending.id == checkpoint && pending.cut)
    }
}
