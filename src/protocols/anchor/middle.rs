//! A middle: counts what comes on each input and hands it on.

use super::Plan;
use super::inlet::Inlet;
use super::subtask::{Post, Role};
use crate::digest::Digest;
use crate::engine::message::*;
use crate::engine::snapshot::Snapshot;
use crate::ids::*;
use crate::topology::Topology;

#[derive(Clone)]
pub(super) struct Middle {
    inlet: Inlet,
    output: ChannelId,
}

impl Middle {
    pub(super) fn new(topology: &Topology, plan: Plan, me: Incarnation) -> Self {
        let output = topology.subtasks[me.task.index()].outputs[0];
        Middle { inlet: Inlet::new(topology, plan, me), output }
    }
}

impl Role for Middle {
    fn restore(&mut self, _base: CheckpointId, snapshot: &Snapshot, _post: &Post, _out: &mut Outbox) {
        self.inlet.restore(snapshot);
    }

    fn step(&mut self, input: Input, post: &Post, out: &mut Outbox) {
        match input {
            Input::Element(input, Element::Record(record)) => {
                self.inlet.count(input);
                out.send(self.output, Element::Record(record));
            }
            Input::Element(input, Element::Barrier(barrier)) => {
                let aligned = self.inlet.barrier(input, barrier.id);
                if aligned {
                    self.inlet.capture(barrier.id, Vec::new(), post, out);
                    out.send(self.output, Element::Barrier(barrier));
                }
            }
            Input::Timer(_) => self.inlet.upload(post, out),
            _ => {}
        }
    }

    fn blocked(&self, input: InputIndex) -> bool {
        self.inlet.blocked(input)
    }

    fn digest(&self, d: &mut Digest) {
        self.inlet.digest(d);
    }
}
