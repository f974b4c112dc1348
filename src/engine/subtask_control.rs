//! The control side of a subtask: notices, replies, retries; and what its driver may ask it.

use super::gate::BarrierGate;
use super::keyed::Tables;
use super::message::*;
use super::process::{Passed, Process, Way};
use super::snapshot::{Snapshot, View};
use super::subtask::{Output, Phase, Purpose, Subtask};
use crate::digest::Digest;
use crate::ids::*;
use std::any::Any;

impl<G: BarrierGate<Record>> Subtask<G> {
    pub(super) fn on_told(&mut self, from: Incarnation, control: Control, out: &mut Outbox) {
        // A coordinator that was replaced may still talk. Whoever deployed us last is ours; what an older one
        // says is ignored, for its checkpoints are not the job's any more.
        if self.coordinator.is_some_and(|known| from.attempt < known.attempt) {
            return;
        }
        match control {
            Control::Deploy { restore } => self.deploy(from, restore, out),
            Control::Stop => self.phase = Phase::Stopped,
            Control::Trigger(id) => self.trigger(id, out),
            Control::TriggerLast(id) => self.trigger_last(id, out),
            Control::Complete(id) => self.on_complete(id, out),
            Control::Abort(id) => {
                self.newest = self.newest.max(id);
                self.halted = self.halted.filter(|halted| *halted > id);
                self.uploads.retain(|upload| upload.checkpoint != id);
                self.through_abort(id, out);
            }
            other => unreachable!("a subtask is never told {other:?}"),
        }
    }

    fn on_complete(&mut self, id: CheckpointId, out: &mut Outbox) {
        if self.phase < Phase::Running {
            return; // of an earlier attempt; the restore commits what it has to
        }
        self.uploads.retain(|upload| upload.checkpoint > id || upload.asked);
        for txn in self.committer.complete(id) {
            self.ask_ledger(Purpose::Commit(txn), Request::Commit(txn), out);
        }
        self.note_if_done(out);
    }

    fn note_if_done(&mut self, out: &mut Outbox) {
        if let Some(id) = self.committer.take_note() {
            self.tell(Control::Noted(id), out);
        }
        self.finish_if_settled(out);
    }

    pub(super) fn on_reply(&mut self, ticket: Ticket, reply: Reply, out: &mut Outbox) {
        let Some(purpose) = self.asks.get(ticket).map(|ask| ask.purpose) else { return };
        match (purpose, reply) {
            (_, Reply::Fenced) => {
                out.mark(Mark::Fenced);
                self.fail(out);
            }
            (Purpose::Put(id), Reply::Failed) => {
                self.asks.take(ticket, out);
                self.uploads.retain(|upload| upload.checkpoint != id);
                out.mark(Mark::Abandoned(id, DeclineReason::StoreFailed));
                self.tell(Control::Decline(id, DeclineReason::StoreFailed), out);
            }
            (_, Reply::Failed) => {} // stays open: the retry timer asks again
            (purpose, reply) => {
                self.asks.take(ticket, out);
                self.on_answer(purpose, reply, out);
            }
        }
    }

    fn on_answer(&mut self, purpose: Purpose, reply: Reply, out: &mut Outbox) {
        match (purpose, reply) {
            (Purpose::Put(id), Reply::Done) => {
                // Also if it was given up meanwhile: the coordinator learns only from the ack that there is
                // something to discard.
                self.uploads.retain(|upload| upload.checkpoint != id);
                self.tell(Control::Ack(id), out);
            }
            (Purpose::Restore(checkpoint), Reply::Found(snapshot)) => self.restore(checkpoint, &snapshot, out),
            (Purpose::Restore(_), Reply::Missing) => self.fail(out),
            (Purpose::Fence, Reply::Done) => {
                let commits = self.committer.transactions();
                if commits.is_empty() {
                    return self.run(out);
                }
                for txn in commits {
                    self.ask_ledger(Purpose::Commit(txn), Request::Commit(txn), out);
                }
            }
            (Purpose::Begin, Reply::Done) => {}
            (Purpose::Stage(txn), Reply::Done) => {
                self.committer.staged(txn);
                self.upload(out);
            }
            (Purpose::Flush(_), Reply::Done) => {
                self.upload(out);
                self.finish_if_settled(out);
            }
            (Purpose::Commit(txn), Reply::Done) => self.on_committed(txn, out),
            (Purpose::Commit(txn), Reply::Expired) => {
                out.mark(Mark::CommitLost(txn));
                if self.config.ignore_expired { self.on_committed(txn, out) } else { self.fail(out) }
            }
            (Purpose::Stage(_) | Purpose::Begin, Reply::Expired) => self.fail(out),
            (purpose, reply) => unreachable!("{purpose:?} is never answered {reply:?}"),
        }
    }

    fn on_committed(&mut self, txn: Txn, out: &mut Outbox) {
        self.committer.committed(txn);
        if self.phase == Phase::Restoring {
            if self.committer.settled() {
                self.run(out);
            }
        } else {
            self.note_if_done(out);
        }
    }

    pub(super) fn fail(&mut self, out: &mut Outbox) {
        self.tell(Control::Failed, out);
        self.phase = Phase::Stopped;
    }

    pub(super) fn on_retry(&mut self, out: &mut Outbox) {
        let token = FencingToken(self.coordinator.map_or(0, |coordinator| coordinator.attempt.0));
        for ask in self.asks.repeat(self.config.retry, out) {
            let effect = match ask.purpose {
                Purpose::Restore(_) | Purpose::Put(_) => Effect::Ask(ask.ticket, token, ask.request.clone()),
                _ => Effect::AskLedger(ask.ticket, self.me.attempt, ask.request.clone()),
            };
            out.effects.push(effect);
        }
    }
}

impl<G: BarrierGate<Record> + GateState> Process for Subtask<G> {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        self.take(input, out);
    }

    fn lend(&mut self, tables: &dyn Tables) {
        self.chain.lend(tables);
    }

    fn pass(&mut self, way: Way, record: &mut Record) -> Passed {
        self.take_plain(way, record)
    }

    fn soon(&self, next: &[Element<Record>]) {
        self.chain.soon(next);
    }

    fn blocked(&self, input: InputIndex) -> bool {
        self.phase != Phase::Running || self.undecided.is_some() || self.gate.blocked(input)
    }

    fn flowing(&self) -> bool {
        self.phase == Phase::Running && self.undecided.is_none() && !self.gate.blocks()
    }

    fn holds(&self, input: InputIndex) -> bool {
        self.gate.blocked(input)
    }

    fn hastens(&self, checkpoint: CheckpointId) -> bool {
        self.gate.hastens(checkpoint)
    }

    fn wants(&self, slot: usize) -> Option<(PartitionId, Offset)> {
        let free = self.phase == Phase::Running && self.undecided.is_none() && self.halted.is_none();
        if free { self.reader.as_ref()?.wants(slot) } else { None }
    }

    fn chooses(&self) -> bool {
        self.undecided.is_some() && self.phase != Phase::Stopped
    }

    fn writing(&self) -> Option<(Txn, &[Record])> {
        self.committer.writing()
    }

    fn stopped(&self) -> bool {
        self.phase == Phase::Stopped
    }

    fn view(&self) -> Option<View> {
        let state =
            if self.phase > Phase::Running { Snapshot { finished: true, ..Snapshot::default() } } else { self.state() };
        Some(View { state, output: self.committer.buffer().to_vec() })
    }

    fn cells(&self) -> usize {
        3 // gate and chain, uploads, transactions
    }

    fn digest(&self, cell: usize, d: &mut Digest) {
        match cell {
            0 => self.digest_core(d),
            1 => self.digest_uploads(d),
            _ => self.committer.digest(d),
        }
    }

    fn fork(&self) -> Box<dyn Process> {
        Box::new(self.copy())
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

/// What a gate must offer beside its steps, for searches: a copy, an encoding, its ids.
pub trait GateState: Clone {
    /// Adds the canonical encoding.
    fn digest_into(&self, d: &mut Digest);
}

impl<G: BarrierGate<Record> + GateState> Subtask<G> {
    /// Operator states, offsets and turns.
    fn state(&self) -> Snapshot {
        Snapshot {
            operators: self.chain.state(),
            offsets: self.reader.as_ref().map_or(Vec::new(), |reader| reader.positions().to_vec()),
            turns: self.router.turns().to_vec(),
            ..Snapshot::default()
        }
    }

    fn digest_core(&self, d: &mut Digest) {
        d.word(self.phase as u64);
        d.word(self.coordinator.map_or(0, |c| c.attempt.0 as u64));
        d.word(self.newest.0);
        d.word(self.halted.map_or(0, |id| id.0));
        d.word(matches!(self.output, Output::Channels) as u64 | (self.written as u64) << 1);
        self.gate.digest_into(d);
        d.word(self.state().digest());
        d.word(self.undecided.is_some() as u64);
        if let Some((side, record)) = &self.undecided {
            d.word(*side as u64);
            record.digest(d);
        }
    }

    fn digest_uploads(&self, d: &mut Digest) {
        d.word(self.uploads.len() as u64);
        for upload in &self.uploads {
            d.word(upload.checkpoint.0);
            d.word(upload.complete as u64 | (upload.asked as u64) << 1);
            upload.snapshot.digest_whole(d);
        }
        self.asks.digest(d);
    }
}

impl GateState for super::gate::Gate<Record> {
    fn digest_into(&self, d: &mut Digest) {
        self.digest(d, &|record: &Record, d: &mut Digest| record.digest(d));
    }
}
