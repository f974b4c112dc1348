//! The inputs of a middle or a sink: counts, alignment, and what was captured and isn't uploaded.

use super::subtask::Post;
use super::{Bug, Plan};
use crate::digest::Digest;
use crate::engine::message::*;
use crate::engine::snapshot::{OperatorState, Snapshot};
use crate::ids::*;
use crate::topology::Topology;
use std::sync::Arc;

#[derive(Clone)]
pub(super) struct Inlet {
    bug: Bug,
    counts: Vec<i64>,
    arrived: InputSet,
    /// The newest checkpoint that a barrier came of; only looked at, and kept, by `Bug::FirstBarrier`.
    newest: CheckpointId,
    captured: Option<(CheckpointId, Arc<Snapshot>)>,
}

impl Inlet {
    pub(super) fn new(topology: &Topology, plan: Plan, me: Incarnation) -> Self {
        let inputs = topology.subtasks[me.task.index()].inputs.len();
        let (arrived, newest) = (InputSet::new(), CheckpointId(0));
        Inlet { bug: plan.bug, counts: vec![0; inputs], arrived, newest, captured: None }
    }

    pub(super) fn restore(&mut self, snapshot: &Snapshot) {
        let Some(state) = snapshot.operators.first() else { return };
        for (count, stored) in self.counts.iter_mut().zip(&state.split) {
            if let Datum::Int(stored) = stored {
                *count = *stored;
            }
        }
    }

    pub(super) fn count(&mut self, input: InputIndex) {
        self.counts[input.index()] += 1;
    }

    pub(super) fn blocked(&self, input: InputIndex) -> bool {
        self.bug != Bug::NoAlignment && self.arrived.contains(input)
    }

    /// A barrier has come; true if it is the one at which the snapshot is taken: the last one.
    pub(super) fn barrier(&mut self, input: InputIndex, id: CheckpointId) -> bool {
        if self.bug == Bug::FirstBarrier {
            let first = id > self.newest;
            self.newest = self.newest.max(id);
            return first;
        }
        self.arrived.insert(input);
        let aligned = self.arrived.len() == self.counts.len();
        if aligned {
            self.arrived.clear();
        }
        aligned
    }

    /// The synchronous half of a snapshot.
    pub(super) fn capture(&mut self, id: CheckpointId, transactions: Vec<Txn>, post: &Post, out: &mut Outbox) {
        let split = self.counts.iter().map(|count| Datum::Int(*count)).collect();
        let operators = vec![OperatorState { split, ..OperatorState::default() }];
        let snapshot = Arc::new(Snapshot { operators, transactions, ..Snapshot::default() });
        out.mark(Mark::Cut(id, snapshot.clone()));
        self.captured = Some((id, snapshot));
        post.upload_later(out);
        if self.bug == Bug::AckBeforeSnapshot {
            post.tell(Control::Ack(id), out);
        }
    }

    /// The asynchronous half.
    pub(super) fn upload(&mut self, post: &Post, out: &mut Outbox) {
        let Some((id, snapshot)) = self.captured.take() else { return };
        post.store(id, snapshot, out);
        if self.bug != Bug::AckBeforeSnapshot {
            post.tell(Control::Ack(id), out);
        }
    }

    pub(super) fn digest(&self, d: &mut Digest) {
        self.counts.iter().for_each(|count| d.word(*count as u64));
        d.word(self.arrived.len() as u64);
        self.arrived.iter().for_each(|input| d.word(input.0 as u64));
        d.word(self.newest.0);
        d.word(self.captured.as_ref().map_or(0, |(id, _)| id.0));
        d.word(self.captured.as_ref().map_or(0, |(_, snapshot)| snapshot.digest()));
    }
}
