//! One subtask: gate, operator chain, uploads, transactions. It acknowledges a checkpoint only after the store
//! said that its part is durable.

use super::asks::Asks;
use super::config::{Config, Mode};
use super::gate::{BarrierGate, GateEffect};
use super::message::*;
use super::operator::Chain;
use super::process::{Passed, Way};
use super::router::Router;
use super::sink::Committer;
use super::snapshot::{Manifest, Part, Snapshot};
use super::source::Reader;
use crate::ids::*;
use crate::topology::{Role, SinkKind, Topology};
use std::sync::Arc;

/// Where a subtask stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Not deployed yet.
    Created,
    /// Fetching its snapshot, settling old transactions.
    Restoring,
    /// Processing.
    Running,
    /// All input processed; output waits for a last checkpoint.
    Draining,
    /// Nothing left to do.
    Finished,
    /// Given up or replaced; takes nothing any more.
    Stopped,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// Under the name of this checkpoint.
    Restore(CheckpointId),
    Put(CheckpointId),
    Fence,
    Begin,
    Stage(Txn),
    Commit(Txn),
    /// What was written before the cut of this checkpoint.
    Flush(CheckpointId),
}

/// A snapshot on its way to the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Upload {
    pub(super) checkpoint: CheckpointId,
    pub(super) snapshot: Arc<Snapshot>,
    /// Are the records in flight known?
    pub(super) complete: bool,
    pub(super) asked: bool,
}

/// What a subtask does with what leaves its chain.
#[derive(Clone)]
pub(super) enum Output {
    Channels,
    TwoPhase,
    Direct,
}

/// A subtask of the job, with a gate of type `G`.
pub struct Subtask<G> {
    pub(super) me: Incarnation,
    pub(super) config: Arc<Config>,
    pub(super) phase: Phase,
    pub(super) coordinator: Option<Incarnation>,
    pub(super) gate: G,
    pub(super) chain: Chain,
    pub(super) undecided: Option<(u32, Record)>,
    pub(super) router: Router,
    pub(super) reader: Option<Reader>,
    pub(super) output: Output,
    pub(super) committer: Committer,
    /// Records were written at once, and no flush was asked for since.
    pub(super) written: bool,
    pub(super) uploads: Vec<Upload>,
    pub(super) asks: Asks<Purpose>,
    /// The newest checkpoint that a source was told of.
    pub(super) newest: CheckpointId,
    /// A source that reads nothing behind the cut of this checkpoint, unless that is given up.
    pub(super) halted: Option<CheckpointId>,
    pub(super) ended: InputSet,
    sides: Vec<u32>,
    /// At most one record comes out of one, without a choice, and it goes one way.
    plain: bool,
    scratch: Vec<GateEffect<Record>>,
}

impl<G: BarrierGate<Record>> Subtask<G> {
    /// A subtask that waits for its deployment.
    pub fn new(topology: &Topology, config: &Arc<Config>, me: Incarnation, gate: G) -> Self {
        let vertex = topology.vertex(me.task);
        let subtask = &topology.subtasks[me.task.index()];
        let reader = match vertex.role {
            Role::Source { kind, .. } => Some(Reader::new(kind, &subtask.partitions)),
            _ => None,
        };
        let output = match vertex.role {
            Role::Sink(SinkKind::TwoPhase) => Output::TwoPhase,
            Role::Sink(_) => Output::Direct,
            _ => Output::Channels,
        };
        let (chain, router) = (Chain::new(&vertex.chain), Router::new(topology, me.task));
        let one_way = match output {
            Output::Channels => router.single(),
            Output::TwoPhase => true,
            Output::Direct => false,
        };
        Subtask {
            me,
            config: config.clone(),
            phase: Phase::Created,
            coordinator: None,
            gate,
            plain: one_way && !chain.chooses() && !chain.splits(),
            chain,
            undecided: None,
            router,
            reader,
            output,
            committer: Committer::new(me),
            written: false,
            uploads: Vec::new(),
            asks: Asks::default(),
            newest: CheckpointId(0),
            halted: None,
            ended: InputSet::new(),
            sides: subtask.inputs.iter().map(|c| topology.channels[c.index()].side).collect(),
            scratch: Vec::new(),
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Takes the next input.
    #[inline]
    pub(super) fn take(&mut self, input: Input, out: &mut Outbox) {
        match input {
            Input::Element(channel, Element::Record(record)) => self.on_record(channel, record, out),
            Input::Read { partition, offset, record } => self.on_read(partition, offset, record, out),
            other => {
                out.gate_changed = true;
                self.on_rare(other, out);
            }
        }
    }

    /// The way of nearly all records: see `Process::pass`.
    #[inline(always)]
    pub(super) fn take_plain(&mut self, way: Way, record: &mut Record) -> Passed {
        let transactional = matches!(self.output, Output::TwoPhase);
        if !self.plain || transactional && !self.committer.open() {
            return Passed::Not; // the first record of a transaction asks for it
        }
        match way {
            Way::Input(input) => {
                assert!(self.phase == Phase::Running, "records are only offered to a running subtask");
                self.gate.record(input, record);
            }
            Way::Partition => {
                let reader = self.reader.as_mut().expect("only sources are given records of partitions");
                reader.read(record.id.partition, record.id.offset);
            }
        }
        if !self.chain.alter(record, 0) {
            return Passed::Kept;
        }
        if transactional {
            self.committer.add(record);
            return Passed::Kept;
        }
        Passed::Into(self.router.next(record))
    }

    #[inline]
    fn on_record(&mut self, input: InputIndex, record: Record, out: &mut Outbox) {
        assert!(self.phase == Phase::Running, "records are only offered to a running subtask");
        self.gate.record(input, &record);
        self.process(self.sides[input.index()], record, out);
    }

    #[inline]
    fn on_read(&mut self, partition: PartitionId, offset: Offset, record: Option<Record>, out: &mut Outbox) {
        let reader = self.reader.as_mut().expect("only sources are given records of partitions");
        match record {
            Some(record) => {
                reader.read(partition, offset);
                self.process(0, record, out);
            }
            None => {
                out.gate_changed = true;
                if reader.end(partition) {
                    self.end_of_input(out);
                }
            }
        }
    }

    #[inline]
    fn process(&mut self, side: u32, record: Record, out: &mut Outbox) {
        if self.chain.chooses() {
            out.gate_changed = true;
            self.undecided = Some((side, record));
        } else {
            self.run_chain(side, record, 0, out);
        }
    }

    #[inline]
    fn run_chain(&mut self, side: u32, record: Record, chosen: i64, out: &mut Outbox) {
        let Subtask { chain, router, committer, asks, output, config, me, .. } = self;
        chain.apply(side, record, chosen, &mut |record| match output {
            Output::Channels => router.record(record, out),
            Output::TwoPhase => {
                if let Some(txn) = committer.write(record) {
                    let request = Request::Begin(txn);
                    let ticket = asks.add(Purpose::Begin, request.clone(), config.retry, out);
                    out.effects.push(Effect::AskLedger(ticket, me.attempt, request));
                }
            }
            Output::Direct => {
                self.written = true;
                out.effects.push(Effect::AskLedger(NO_TICKET, me.attempt, Request::Write(record)));
            }
        });
    }

    fn on_rare(&mut self, input: Input, out: &mut Outbox) {
        if self.phase == Phase::Stopped {
            return;
        }
        match input {
            Input::Element(channel, Element::Barrier(barrier)) => {
                self.through_gate(out, |gate, effects| gate.barrier(channel, barrier, effects))
            }
            Input::Element(channel, Element::Cancel(id)) => {
                self.through_gate(out, |gate, effects| gate.cancel(channel, id, effects))
            }
            Input::Element(channel, Element::End) => {
                assert!(self.ended.insert(channel), "a channel ends once");
                self.through_gate(out, |gate, effects| gate.end(channel, effects))
            }
            Input::Overtook { input, barrier, passed } => {
                self.through_gate(out, |gate, effects| gate.overtook(input, barrier, passed, effects))
            }
            Input::Timer(Timer::Alignment(id)) => self.through_gate(out, |gate, effects| gate.expire(id, effects)),
            Input::Timer(Timer::Retry) => self.on_retry(out),
            Input::Timer(timer) => unreachable!("a subtask never arms {timer:?}"),
            Input::Told { from, control } => self.on_told(from, control, out),
            Input::Reply(ticket, reply) => self.on_reply(ticket, reply, out),
            Input::Chosen(value) => {
                let (side, record) = self.undecided.take().expect("a choice answers a waiting record");
                out.mark(Mark::Chose(value));
                self.run_chain(side, record, value, out);
            }
            Input::Lost(_) | Input::Start | Input::Asked(_) => {} // only a coordinator acts on suspicions, wishes, or by itself
            Input::Element(..) | Input::Read { .. } => unreachable!("records take the fast path"),
            Input::Noted(..) => unreachable!("whoever writes on records reads it himself"),
        }
    }

    fn through_gate(&mut self, out: &mut Outbox, step: impl FnOnce(&mut G, &mut Vec<GateEffect<Record>>)) {
        let mut effects = std::mem::take(&mut self.scratch);
        step(&mut self.gate, &mut effects);
        for effect in effects.drain(..) {
            self.on_gate(effect, out);
        }
        self.scratch = effects;
    }

    fn on_gate(&mut self, effect: GateEffect<Record>, out: &mut Outbox) {
        match effect {
            GateEffect::Snapshot { checkpoint, overtakes } => self.cut(checkpoint, overtakes, out),
            GateEffect::ChannelState { checkpoint, records } => self.captured(checkpoint, records, out),
            GateEffect::Abort { checkpoint, reason } => {
                self.uploads.retain(|upload| upload.checkpoint != checkpoint);
                out.mark(Mark::Abandoned(checkpoint, reason));
                self.router.cancel(checkpoint, out);
                self.tell(Control::Decline(checkpoint, reason), out);
            }
            GateEffect::Late(checkpoint) => out.mark(Mark::Late(checkpoint)),
            GateEffect::StartClock(id) => out.arm(Timer::Alignment(id), self.config.alignment_timeout),
            GateEffect::StopClock(id) => out.disarm(Timer::Alignment(id)),
            GateEffect::EndOfInput => self.end_of_input(out),
        }
    }

    /// The synchronous part of a snapshot, and the barrier behind everything that was sent before it.
    fn cut(&mut self, checkpoint: CheckpointId, overtakes: bool, out: &mut Outbox) {
        if let Some((txn, records)) = self.committer.close(checkpoint) {
            self.ask_ledger(Purpose::Stage(txn), Request::Stage(txn, records), out);
        }
        self.flush(checkpoint, out);
        let snapshot = Arc::new(Snapshot {
            operators: self.chain.cut(),
            offsets: self.reader.as_ref().map_or(Vec::new(), |reader| reader.positions().to_vec()),
            channels: Vec::new(),
            transactions: self.committer.transactions(),
            turns: self.router.turns().to_vec(),
            logs: None,
            finished: false,
        });
        out.mark(Mark::Cut(checkpoint, snapshot.clone()));
        self.router.barrier(Barrier { id: checkpoint, overtakes }, out);
        // A snapshot that never got its channel state was given up without a word (a newer cancel).
        self.uploads.retain(|upload| upload.complete);
        self.uploads.push(Upload { checkpoint, snapshot, complete: false, asked: false });
    }

    /// A record counts as processed in the snapshot: what was written of it must not be on its way any more when that
    /// is stored. A restore would refuse it as an older attempt's, and nobody would write it again.
    fn flush(&mut self, checkpoint: CheckpointId, out: &mut Outbox) {
        if std::mem::take(&mut self.written) {
            self.ask_ledger(Purpose::Flush(checkpoint), Request::Flush, out);
        }
    }

    /// Is everything written that was to be written up to this cut? What was written before the end of the input is part of
    /// every cut behind it.
    fn flushed(&self, checkpoint: CheckpointId) -> bool {
        let waits = |purpose| matches!(purpose, Purpose::Flush(cut) if cut <= checkpoint);
        !self.asks.iter().any(|ask| waits(ask.purpose))
    }

    fn captured(&mut self, checkpoint: CheckpointId, records: Vec<(InputIndex, Vec<Record>)>, out: &mut Outbox) {
        let upload = self.uploads.iter_mut().find(|upload| upload.checkpoint == checkpoint);
        let upload = upload.expect("channel state follows its snapshot");
        upload.complete = true;
        if !records.is_empty() {
            let channels = records.into_iter().map(|(input, records)| (input, records.into())).collect();
            Arc::make_mut(&mut upload.snapshot).channels = channels;
        }
        self.upload(out);
    }

    /// Stores what is complete, whose transactions are prepared and whose output is written.
    pub(super) fn upload(&mut self, out: &mut Outbox) {
        for i in 0..self.uploads.len() {
            let upload = &self.uploads[i];
            let durable = self.committer.all_staged(upload.checkpoint) && self.flushed(upload.checkpoint);
            if upload.asked || !upload.complete || !durable {
                continue;
            }
            let checkpoint = upload.checkpoint;
            let key = StoreKey { attempt: self.me.attempt, checkpoint, task: self.me.task };
            let request = Request::Put(key, upload.snapshot.clone());
            self.uploads[i].asked = true;
            self.ask_store(Purpose::Put(checkpoint), request, out);
        }
    }

    pub(super) fn end_of_input(&mut self, out: &mut Outbox) {
        out.mark(Mark::Finished);
        self.router.end(out);
        self.phase = Phase::Draining;
        self.flush(LAST_FLUSH, out);
        self.finish_if_settled(out);
    }

    /// A sink that has uncommitted output waits for one more checkpoint; one that writes at once, until it is written.
    pub(super) fn finish_if_settled(&mut self, out: &mut Outbox) {
        if self.phase == Phase::Draining && self.committer.settled() && self.flushed(CheckpointId(u64::MAX)) {
            self.phase = Phase::Finished;
            self.tell(Control::Finished, out);
        }
    }

    /// The last checkpoint before the job is to stop: a source that took its cut reads nothing behind it.
    pub(super) fn trigger_last(&mut self, checkpoint: CheckpointId, out: &mut Outbox) {
        let newest = self.newest;
        self.trigger(checkpoint, out);
        if self.newest > newest {
            self.halted = Some(checkpoint);
        }
    }

    pub(super) fn trigger(&mut self, checkpoint: CheckpointId, out: &mut Outbox) {
        match self.phase {
            Phase::Running | Phase::Draining => {}
            Phase::Finished => {
                self.tell(Control::Decline(checkpoint, DeclineReason::NotReady), out);
                return self.tell(Control::Finished, out); // the first one may have been lost
            }
            _ => return self.tell(Control::Decline(checkpoint, DeclineReason::NotReady), out),
        }
        if self.reader.is_none() {
            return self.through_gate(out, |gate, effects| gate.trigger(checkpoint, effects));
        }
        if checkpoint <= self.newest {
            return out.mark(Mark::Late(checkpoint));
        }
        self.newest = checkpoint;
        self.halted = None; // the job takes checkpoints again: it has not stopped
        self.cut(checkpoint, self.config.mode == Mode::Unaligned, out);
        self.captured(checkpoint, Vec::new(), out);
    }

    pub(super) fn deploy(&mut self, from: Incarnation, restore: Option<Arc<Manifest>>, out: &mut Outbox) {
        self.coordinator = Some(from);
        match self.phase {
            Phase::Created => {}
            Phase::Running | Phase::Draining => return self.tell(Control::Running, out), // lost the first time
            Phase::Finished => return self.tell(Control::Finished, out),
            Phase::Restoring | Phase::Stopped => return,
        }
        self.phase = Phase::Restoring;
        let base = restore.as_ref().map(|manifest| manifest.checkpoint);
        match restore.map(|manifest| manifest.parts[self.me.task.index()]) {
            Some(Part::Stored(key)) => {
                // What a region kept from before is restored as part of the checkpoint that says so.
                let own = base.filter(|_| self.config.mode == Mode::Regional).unwrap_or(key.checkpoint);
                self.ask_store(Purpose::Restore(own), Request::Get(key), out);
            }
            Some(Part::Finished) => {
                let finished = Snapshot { finished: true, ..Snapshot::default() };
                out.mark(Mark::Restored(base, Arc::new(finished)));
                self.router.end(out);
                self.phase = Phase::Finished;
                self.tell(Control::Finished, out);
            }
            None => {
                out.mark(Mark::Restored(None, Arc::default()));
                self.fence(&[], out);
            }
        }
    }

    pub(super) fn restore(&mut self, checkpoint: CheckpointId, snapshot: &Arc<Snapshot>, out: &mut Outbox) {
        self.chain.restore(&snapshot.operators);
        self.router.restore(&snapshot.turns);
        if let Some(reader) = &mut self.reader {
            reader.restore(&snapshot.offsets);
        }
        self.newest = checkpoint;
        out.mark(Mark::Restored(Some(checkpoint), snapshot.clone()));
        for (input, records) in &snapshot.channels {
            out.effects.push(Effect::Refill(*input, records.clone()));
        }
        self.committer.restore(checkpoint, &snapshot.transactions);
        self.fence(&snapshot.transactions, out);
    }

    /// Nothing of an earlier attempt may become visible any more, but what the restored checkpoint contains.
    fn fence(&mut self, keep: &[Txn], out: &mut Outbox) {
        if matches!(self.output, Output::Channels) {
            return self.run(out);
        }
        let request = Request::Fence { attempt: self.me.attempt, keep: keep.into() };
        self.ask_ledger(Purpose::Fence, request, out);
    }

    pub(super) fn run(&mut self, out: &mut Outbox) {
        self.phase = Phase::Running;
        self.tell(Control::Running, out);
        if self.reader.as_ref().is_some_and(|reader| reader.ended()) {
            self.end_of_input(out);
        }
    }

    pub(super) fn ask_store(&mut self, purpose: Purpose, request: Request, out: &mut Outbox) {
        let ticket = self.asks.add(purpose, request.clone(), self.config.retry, out);
        let token = FencingToken(self.coordinator.map_or(0, |coordinator| coordinator.attempt.0));
        out.effects.push(Effect::Ask(ticket, token, request));
    }

    pub(super) fn ask_ledger(&mut self, purpose: Purpose, request: Request, out: &mut Outbox) {
        let ticket = self.asks.add(purpose, request.clone(), self.config.retry, out);
        out.effects.push(Effect::AskLedger(ticket, self.me.attempt, request));
    }

    pub(super) fn tell(&mut self, control: Control, out: &mut Outbox) {
        if let Some(coordinator) = self.coordinator {
            out.tell(coordinator, control);
        }
    }
}

/// The flush at the end of the input counts as one of a checkpoint before all others: every cut behind it waits for it.
const LAST_FLUSH: CheckpointId = CheckpointId(0);

/// The ticket of requests that are never answered.
pub const NO_TICKET: Ticket = Ticket(u32::MAX);

impl<G: BarrierGate<Record> + Clone> Subtask<G> {
    /// A copy, for searches.
    pub(super) fn copy(&self) -> Self {
        Subtask {
            me: self.me,
            config: self.config.clone(),
            phase: self.phase,
            coordinator: self.coordinator,
            gate: self.gate.clone(),
            chain: self.chain.clone(),
            undecided: self.undecided.clone(),
            router: self.router.clone(),
            reader: self.reader.clone(),
            output: self.output.clone(),
            committer: self.committer.clone(),
            written: self.written,
            uploads: self.uploads.clone(),
            asks: self.asks.clone(),
            newest: self.newest,
            halted: self.halted,
            ended: self.ended.clone(),
            sides: self.sides.clone(),
            plain: self.plain,
            scratch: Vec::new(),
        }
    }
}

impl<G: BarrierGate<Record>> Subtask<G> {
    pub(super) fn through_abort(&mut self, id: CheckpointId, out: &mut Outbox) {
        self.through_gate(out, |gate, effects| gate.abort(id, effects));
    }
}
