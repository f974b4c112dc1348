//! The sink: what came since the last alignment is one transaction, numbered like the checkpoint that covers it.

use super::inlet::Inlet;
use super::subtask::{Post, Role};
use super::{Bug, Plan};
use crate::digest::Digest;
use crate::engine::message::*;
use crate::engine::snapshot::Snapshot;
use crate::ids::*;
use crate::topology::Topology;

#[derive(Clone)]
pub(super) struct Sink {
    plan: Plan,
    inlet: Inlet,
    /// The open transaction, sorted: how its records were interleaved makes no difference to anybody.
    open: Vec<Record>,
    /// All that this life has prepared. Snapshots name them all, also those that are committed: whether a notice
    /// came before or after an alignment makes no difference either.
    prepared: Vec<Txn>,
    /// Everything up to this checkpoint is committed.
    committed: CheckpointId,
}

impl Sink {
    pub(super) fn new(topology: &Topology, plan: Plan, me: Incarnation) -> Self {
        let inlet = Inlet::new(topology, plan, me);
        Sink { plan, inlet, open: Vec::new(), prepared: Vec::new(), committed: CheckpointId(0) }
    }

    fn cut(&mut self, id: CheckpointId, post: &Post, out: &mut Outbox) {
        let txn = Txn { attempt: post.me.attempt, task: post.me.task, number: id.0 };
        let records = std::mem::take(&mut self.open);
        // Without records too: that the checkpoint has none must not show anywhere but in the content.
        post.ledger(Request::Begin(txn), out);
        post.ledger(Request::Stage(txn, records.into()), out);
        self.prepared.push(txn);
        self.inlet.capture(id, self.prepared.clone(), post, out);
        if self.plan.bug == Bug::CommitBeforeComplete {
            self.commit(id, post, out);
        }
    }

    fn commit(&mut self, id: CheckpointId, post: &Post, out: &mut Outbox) {
        let due = |txn: &&Txn| txn.number > self.committed.0 && txn.number <= id.0;
        self.prepared.iter().filter(due).for_each(|txn| post.ledger(Request::Commit(*txn), out));
        self.committed = self.committed.max(id);
    }
}

impl Role for Sink {
    fn restore(&mut self, base: CheckpointId, snapshot: &Snapshot, post: &Post, out: &mut Outbox) {
        self.inlet.restore(snapshot);
        let keep = snapshot.transactions.as_slice().into();
        post.ledger(Request::Fence { attempt: post.me.attempt, keep }, out);
        snapshot.transactions.iter().for_each(|txn| post.ledger(Request::Commit(*txn), out));
        self.committed = base;
    }

    fn step(&mut self, input: Input, post: &Post, out: &mut Outbox) {
        match input {
            Input::Element(input, Element::Record(record)) => {
                self.inlet.count(input);
                let at = self.open.partition_point(|known| *known <= record);
                self.open.insert(at, record);
            }
            Input::Element(input, Element::Barrier(barrier)) => {
                let aligned = self.inlet.barrier(input, barrier.id);
                if aligned {
                    self.cut(barrier.id, post, out);
                }
            }
            Input::Timer(_) => self.inlet.upload(post, out),
            Input::Told { control: Control::Complete(id), .. } => {
                self.commit(id, post, out);
                if id == self.plan.last {
                    post.tell(Control::Finished, out);
                }
            }
            _ => {}
        }
    }

    fn blocked(&self, input: InputIndex) -> bool {
        self.inlet.blocked(input)
    }

    fn digest(&self, d: &mut Digest) {
        self.inlet.digest(d);
        d.word(self.open.len() as u64);
        self.open.iter().for_each(|record| record.digest(d));
        d.word(self.prepared.len() as u64);
        for txn in &self.prepared {
            d.word((txn.attempt.0 as u64) << 32 | txn.number);
        }
        d.word(self.committed.0);
    }
}
