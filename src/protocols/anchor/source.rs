//! A source: emits its records in turn, injects barriers.

use super::Plan;
use super::subtask::{Post, Role};
use crate::digest::Digest;
use crate::engine::message::*;
use crate::engine::snapshot::Snapshot;
use crate::ids::*;
use crate::topology::Topology;
use std::sync::Arc;

#[derive(Clone)]
pub(super) struct Source {
    plan: Plan,
    outputs: Arc<[ChannelId]>,
    partition: PartitionId,
    next: Offset,
}

impl Source {
    pub(super) fn new(topology: &Topology, plan: Plan, me: Incarnation) -> Self {
        let subtask = &topology.subtasks[me.task.index()];
        let (outputs, partition) = (subtask.outputs.as_slice().into(), subtask.partitions[0]);
        Source { plan, outputs, partition, next: Offset(0) }
    }

    fn inject(&self, id: CheckpointId, post: &Post, out: &mut Outbox) {
        let snapshot = Snapshot { offsets: vec![(self.partition, self.next, false)], ..Snapshot::default() };
        let snapshot = Arc::new(snapshot);
        out.mark(Mark::Cut(id, snapshot.clone()));
        let barrier = Barrier { id, overtakes: false };
        self.outputs.iter().for_each(|channel| out.send(*channel, Element::Barrier(barrier)));
        post.store(id, snapshot, out);
        post.tell(Control::Ack(id), out);
    }
}

impl Role for Source {
    fn restore(&mut self, _base: CheckpointId, snapshot: &Snapshot, _post: &Post, _out: &mut Outbox) {
        self.next = snapshot.offsets.first().map_or(Offset(0), |(_, offset, _)| *offset);
    }

    fn step(&mut self, input: Input, post: &Post, out: &mut Outbox) {
        match input {
            Input::Read { offset, record: Some(record), .. } => {
                let output = offset.0 % self.outputs.len() as u64;
                out.send(self.outputs[output as usize], Element::Record(record));
                self.next = offset.next();
                out.gate_changed |= self.next.0 == self.plan.records;
            }
            Input::Told { control: Control::Trigger(id), .. } => self.inject(id, post, out),
            _ => {}
        }
    }

    fn wants(&self) -> Option<(PartitionId, Offset)> {
        (self.next.0 < self.plan.records).then_some((self.partition, self.next))
    }

    /// The last checkpoint is to cover everything.
    fn deaf(&self, control: &Control) -> bool {
        *control == Control::Trigger(self.plan.last) && self.next.0 < self.plan.records
    }

    fn digest(&self, d: &mut Digest) {
        d.word(self.next.0);
    }
}
