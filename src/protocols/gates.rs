//! Wrong gates: each delegates to an honest one.

use crate::digest::Digest;
use crate::engine;
use crate::engine::config::Config;
use crate::engine::gate::{BarrierGate, Gate, GateEffect};
use crate::engine::message::{Barrier, Record};
use crate::engine::process::Process;
use crate::engine::subtask::Subtask;
use crate::engine::subtask_control::GateState;
use crate::ids::*;
use crate::topology::Topology;
use std::sync::Arc;

/// Which defect a gate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    NoHold,
    FirstBarrier,
    NoChannelState,
    LateCounts,
    OneCopy,
    NeedsEnded,
}

/// An honest gate with a defect in front of it.
#[derive(Clone)]
struct Wrong {
    honest: Gate<Record>,
    defect: Defect,
    /// Inputs that haven't ended.
    open: InputSet,
    newest: CheckpointId,
}

type Effects = Vec<GateEffect<Record>>;

impl BarrierGate<Record> for Wrong {
    fn record(&mut self, input: InputIndex, record: &Record) {
        self.honest.record(input, record);
    }

    fn barrier(&mut self, input: InputIndex, mut barrier: Barrier, out: &mut Effects) {
        match self.defect {
            Defect::FirstBarrier if barrier.id > self.newest => {
                // As if the barrier had come on every channel.
                self.open.iter().for_each(|input| self.honest.barrier(input, barrier, out));
            }
            Defect::LateCounts if barrier.id < self.newest => {
                barrier.id = self.newest;
                self.honest.barrier(input, barrier, out);
            }
            _ => self.honest.barrier(input, barrier, out),
        }
        self.newest = self.newest.max(barrier.id);
        self.forget(out);
    }

    fn overtook(&mut self, input: InputIndex, mut barrier: Barrier, passed: Vec<Record>, out: &mut Effects) {
        if self.defect == Defect::LateCounts && barrier.id < self.newest {
            barrier.id = self.newest;
        }
        self.newest = self.newest.max(barrier.id);
        self.honest.overtook(input, barrier, passed, out);
        self.forget(out);
    }

    fn trigger(&mut self, checkpoint: CheckpointId, out: &mut Effects) {
        self.honest.trigger(checkpoint, out);
    }

    fn cancel(&mut self, input: InputIndex, checkpoint: CheckpointId, out: &mut Effects) {
        self.honest.cancel(input, checkpoint, out);
    }

    fn abort(&mut self, checkpoint: CheckpointId, out: &mut Effects) {
        self.honest.abort(checkpoint, out);
    }

    fn end(&mut self, input: InputIndex, out: &mut Effects) {
        self.open.remove(input);
        if self.defect != Defect::NeedsEnded || self.open.is_empty() {
            self.honest.end(input, out);
        }
    }

    fn expire(&mut self, checkpoint: CheckpointId, out: &mut Effects) {
        self.honest.expire(checkpoint, out);
    }

    fn blocked(&self, input: InputIndex) -> bool {
        self.defect != Defect::NoHold && self.honest.blocked(input)
    }

    fn blocks(&self) -> bool {
        self.honest.blocks()
    }

    fn hastens(&self, checkpoint: CheckpointId) -> bool {
        self.honest.hastens(checkpoint)
    }
}

impl Wrong {
    fn forget(&self, out: &mut Effects) {
        for effect in out {
            if let GateEffect::ChannelState { records, .. } = effect {
                match self.defect {
                    Defect::NoChannelState => records.clear(),
                    Defect::OneCopy => records.truncate(1),
                    _ => {}
                }
            }
        }
    }
}

impl GateState for Wrong {
    fn digest_into(&self, d: &mut Digest) {
        self.honest.digest_into(d);
        d.word(self.newest.0);
        self.open.iter().for_each(|input| d.word(u64::from(input.0)));
        d.word(u64::MAX);
    }
}

fn spawn(defect: Defect, topology: &Arc<Topology>, config: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    if who.task == topology.coordinator() {
        return engine::spawn(topology, config, who);
    }
    let inputs = topology.subtasks[who.task.index()].inputs.len();
    let honest = Gate::new(config.mode, inputs, config.checkpoint_after_end, &InputSet::new());
    let gate = Wrong { honest, defect, open: InputSet::all(inputs), newest: CheckpointId(0) };
    Box::new(Subtask::new(topology, config, who, gate))
}

macro_rules! spawns {
    ($($name:ident = $defect:ident),*) => {
        $(pub(super) fn $name(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
            spawn(Defect::$defect, t, c, who)
        })*
    };
}

spawns!(
    no_hold = NoHold,
    first_barrier = FirstBarrier,
    no_channel_state = NoChannelState,
    late_counts = LateCounts,
    one_copy = OneCopy,
    needs_ended = NeedsEnded
);
