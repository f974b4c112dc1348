//! A gate of our own: the rule of alignment, written down as a table of who has delivered what.
//!
//! It is generic in the record, which it never looks into, so that the same gate runs in the engine and against gate
//! vectors. It knows one mode, aligned.

use cutline::digest::Digest;
use cutline::engine::gate::{BarrierGate, GateEffect};
use cutline::engine::message::{Barrier, DeclineReason};
use cutline::engine::subtask_control::GateState;
use cutline::ids::{CheckpointId, InputIndex, InputSet};
use std::collections::BTreeSet;

/// The gate.
#[derive(Clone, Debug)]
pub struct TableGate {
    /// Inputs that have not ended.
    open: InputSet,
    /// The newest checkpoint that was seen. Whatever is not newer, and not pending, is over.
    newest: CheckpointId,
    /// Given up by the coordinator before anything was seen of them.
    given_up: BTreeSet<CheckpointId>,
    pending: Option<Pending>,
    /// The planted mistake: see [`TableGate::counts`].
    any_will_do: bool,
}

/// A checkpoint from its first barrier to its snapshot.
#[derive(Clone, Debug)]
struct Pending {
    id: CheckpointId,
    /// Inputs whose barrier has come: they are blocked.
    here: InputSet,
    /// Inputs whose barrier, or end, is to come.
    missing: InputSet,
}

impl TableGate {
    /// A gate of so many inputs. `any_will_do`: with the mistake.
    pub fn new(inputs: usize, any_will_do: bool) -> Self {
        let (open, newest) = (InputSet::all(inputs), CheckpointId(0));
        TableGate { open, newest, given_up: BTreeSet::new(), pending: None, any_will_do }
    }

    /// Does a barrier count for the pending checkpoint? If it is that checkpoint's. THE MISTAKE: any barrier does. While
    /// one checkpoint is under way at a time that seems to be the same; but of one that was given up a barrier may still
    /// be queued, and come when the next one is pending.
    fn counts(&self, barrier: CheckpointId) -> bool {
        self.pending.as_ref().is_some_and(|pending| self.any_will_do || pending.id == barrier)
    }

    fn is_pending(&self, id: CheckpointId) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.id == id)
    }

    fn is_news(&self, id: CheckpointId) -> bool {
        id > self.newest && !self.given_up.contains(&id)
    }

    fn see(&mut self, id: CheckpointId) {
        self.newest = id;
        self.given_up.retain(|older| *older > id);
    }

    /// A checkpoint becomes pending, in place of an older one. Its quorum is what is open now.
    fn begin<R>(&mut self, id: CheckpointId, out: &mut Vec<GateEffect<R>>) {
        self.see(id);
        let pending = Pending { id, here: InputSet::new(), missing: self.open.clone() };
        if let Some(older) = self.pending.replace(pending) {
            out.push(GateEffect::Abort { checkpoint: older.id, reason: DeclineReason::Subsumed });
        }
    }

    /// Takes the snapshot if nothing is missing any more.
    fn settle<R>(&mut self, out: &mut Vec<GateEffect<R>>) {
        if let Some(pending) = self.pending.take_if(|pending| pending.missing.is_empty()) {
            out.push(GateEffect::Snapshot { checkpoint: pending.id, overtakes: false });
            out.push(GateEffect::ChannelState { checkpoint: pending.id, records: Vec::new() });
        }
    }
}

impl<R: Send + Sync + 'static> BarrierGate<R> for TableGate {
    fn record(&mut self, _input: InputIndex, _record: &R) {} // nothing is in flight at an aligned cut

    fn barrier(&mut self, input: InputIndex, barrier: Barrier, out: &mut Vec<GateEffect<R>>) {
        if self.is_news(barrier.id) {
            self.begin(barrier.id, out);
        }
        let counts = self.counts(barrier.id);
        match &mut self.pending {
            Some(pending) if counts && pending.missing.contains(input) => {
                pending.missing.remove(input);
                pending.here.insert(input);
                self.settle(out);
            }
            _ => out.push(GateEffect::Late(barrier.id)), // over, or the input has counted before
        }
    }

    fn overtook(&mut self, _: InputIndex, _: Barrier, _: Vec<R>, _: &mut Vec<GateEffect<R>>) {
        unreachable!("no barrier overtakes where all of them are aligned");
    }

    fn trigger(&mut self, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>) {
        if !self.is_news(checkpoint) {
            return out.push(GateEffect::Late(checkpoint));
        }
        self.begin(checkpoint, out);
        self.settle(out);
    }

    fn cancel(&mut self, _input: InputIndex, checkpoint: CheckpointId, out: &mut Vec<GateEffect<R>>) {
        let news = self.is_news(checkpoint);
        if !news && !self.is_pending(checkpoint) {
            return out.push(GateEffect::Late(checkpoint));
        }
        if news {
            self.see(checkpoint);
        }
        self.pending = None;
        out.push(GateEffect::Abort { checkpoint, reason: DeclineReason::Cancelled });
    }

    fn abort(&mut self, checkpoint: CheckpointId, _out: &mut Vec<GateEffect<R>>) {
        if self.is_pending(checkpoint) {
            self.pending = None;
        } else if self.is_news(checkpoint) {
            self.given_up.insert(checkpoint);
        }
    }

    fn end(&mut self, input: InputIndex, out: &mut Vec<GateEffect<R>>) {
        self.open.remove(input);
        if let Some(pending) = &mut self.pending {
            pending.missing.remove(input); // the end stands for the barrier that didn't come
        }
        self.settle(out);
        if self.open.is_empty() {
            out.push(GateEffect::EndOfInput);
        }
    }

    fn expire(&mut self, _: CheckpointId, _: &mut Vec<GateEffect<R>>) {} // no clock was started

    fn blocked(&self, input: InputIndex) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.here.contains(input))
    }

    fn blocks(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| !pending.here.is_empty())
    }

    fn hastens(&self, _: CheckpointId) -> bool {
        false
    }
}

/// For searches: everything that can make a difference to what the gate does next.
impl GateState for TableGate {
    fn digest_into(&self, d: &mut Digest) {
        d.bytes(format!("{self:?}").as_bytes()); // plain values: nothing of it is an address
    }
}
