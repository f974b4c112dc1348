//! I1 and I2: consistent cuts and exact channel state, by counting.
//!
//! Channels are FIFO and messages are numbered without gaps, so that "received is a subset of sent" is a
//! comparison of two numbers for each channel (Chandy & Lamport 1985; Mattern 1989). Where the header says that a channel
//! isn't FIFO, what was received is a set, and channel state has no order. Which records are in flight is remembered
//! only in modes that have channel state.

use super::counts::{ANY, Board, Lane, Tally};
use super::lives::{Begun, Done, Rings, Saved, Slots, without_part};
use super::taken::Taken;
use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::{Mode, Topology};
use crate::trace::StoreKey;
use crate::trace::event::{Event, Kappa, Kind, Outcome};
use std::sync::Arc;

/// One subtask's side of a cut.
#[derive(Clone, Debug, Default)]
struct Part {
    sent: Box<[u64]>,
    rcvd: Box<[Taken]>,
    kappa: Option<Kappa>,
}

/// The fold.
#[derive(Clone, Debug)]
pub struct Cut {
    topology: Arc<Topology>,
    boards: Slots<Board>,
    /// What is in flight is in the senders' logs.
    lines: bool,
    rings: Option<Slots<Rings<RecordId>>>,
    saved: Saved<Part>,
    begun: Begun,
    orphan: Option<Box<Violation>>,
    state: Option<Box<Violation>>,
    unknown: Option<String>,
}

impl Cut {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>, mode: Mode) -> Self {
        let logs = matches!(mode, Mode::Unaligned | Mode::AlignedThenUnaligned | Mode::Alone);
        Cut {
            topology: topology.clone(),
            boards: Slots::new(),
            lines: mode == Mode::Alone,
            rings: logs.then(Slots::new),
            saved: Saved::new(topology.len(), mode),
            begun: Begun::default(),
            orphan: None,
            state: None,
            unknown: None,
        }
    }

    /// Must it see every message?
    pub(super) fn logs(&self) -> bool {
        self.rings.is_some()
    }

    /// A message was sent; it is counted already.
    pub(super) fn send(&mut self, attempt: Attempt, channel: ChannelId, m: u64, id: RecordId) {
        if let Some(rings) = self.rings(attempt) {
            rings.send(channel, m, id);
        }
    }

    /// A message was applied; it is counted already.
    pub(super) fn apply(&mut self, attempt: Attempt, channel: ChannelId, m: u64) {
        if self.rings.is_none() {
            return;
        }
        // What was passed over may still be needed.
        let loose = self.board(attempt).and_then(|board| board.loose.get(&channel).map(Taken::first_missing));
        let Some(gone) = loose.map_or(Some(m), |first| first.checked_sub(1)) else { return };
        if let Some(rings) = self.rings(attempt) {
            rings.apply(channel, gone);
        }
    }

    /// The channel, if this attempt is the newest that was heard of.
    #[inline(always)]
    pub(super) fn newest(&mut self, attempt: Attempt, channel: ChannelId) -> Option<&mut Lane> {
        self.boards.newest(attempt)?.lanes.get_mut(channel.index())
    }

    /// Everything that is counted in an attempt; nothing if it is too old.
    pub(super) fn board(&mut self, attempt: Attempt) -> Option<&mut Board> {
        let (topology, saved, begun) = (&self.topology, &self.saved, &self.begun);
        self.boards.get(attempt, || base_board(topology, saved, begun, attempt))
    }

    /// What a subtask has sent along the surviving history, if it was heard of in this attempt.
    pub(super) fn tally(&self, task: TaskId, attempt: Attempt) -> Option<Tally> {
        self.boards.known(attempt)?.tally(&self.topology, task)
    }

    fn at(&mut self, attempt: Attempt, channel: ChannelId, set: impl FnOnce(&mut Lane)) {
        if let Some(board) = self.board(attempt) {
            set(&mut board.lanes[channel.index()]);
        }
    }

    #[inline]
    fn rings(&mut self, attempt: Attempt) -> Option<&mut Rings<RecordId>> {
        let channels = self.topology.channels.len();
        self.rings.as_mut()?.get(attempt, || Rings::new(channels))
    }

    /// The next line, unless it is one of a message.
    pub fn observe(&mut self, event: &Event) -> Seen {
        match &event.kind {
            Kind::Begin { job, base, outcome: Outcome::Ok, .. } => {
                self.begun.add(*job, *base);
                Ok(())
            }
            Kind::Restore { base, kappa, .. } => {
                self.restore(event, *base, kappa);
                Ok(())
            }
            Kind::Snap { checkpoint, .. } => {
                self.snap(event, *checkpoint);
                Ok(())
            }
            Kind::Put { key, kappa, outcome: Outcome::Ok, .. } => {
                if let Some(part) = self.saved.open.get_mut(key) {
                    part.kappa = Some(kappa.clone());
                }
                Ok(())
            }
            Kind::Complete { checkpoint, job, parts, outcome: Outcome::Ok, .. } => {
                self.complete(event, *checkpoint, *job, parts)
            }
            Kind::Savepoint { checkpoint, job, parts, outcome: Outcome::Ok, .. } => {
                self.save(event, *checkpoint, *job, parts)
            }
            _ => Ok(()),
        }
    }

    fn restore(&mut self, event: &Event, base: Option<CheckpointId>, kappa: &Kappa) {
        let topology = self.topology.clone();
        let subtask = &topology.subtasks[event.process.index()];
        let Some(base) = base else { return };
        let Some(done) = self.saved.done(base) else {
            self.unknown = Some(format!("{base} is restored and no line says how it was completed"));
            return;
        };
        let sent = |c: ChannelId| sent_at(&topology, done, c).unwrap_or(0);
        let own: Vec<u64> = subtask.outputs.iter().map(|c| sent(*c)).collect();
        let ins: Vec<u64> = subtask.inputs.iter().map(|c| sent(*c)).collect();
        let held = |c: ChannelId| kappa.iter().find(|(k, _)| *k == c).map_or(&[][..], |(_, ids)| &ids[..]);
        for (channel, next) in subtask.inputs.iter().zip(ins) {
            let ids = held(*channel);
            let rcvd = next.saturating_sub(ids.len() as u64);
            self.at(event.attempt, *channel, |c| c.rcvd = rcvd);
            if !topology.channels[channel.index()].fifo
                && let Some(board) = self.board(event.attempt)
            {
                board.loose.insert(*channel, Taken::before(rcvd));
            }
            if let Some(rings) = self.rings(event.attempt) {
                rings.put_back(*channel, next, ids);
            }
        }
        for (channel, next) in subtask.outputs.iter().zip(own) {
            self.at(event.attempt, *channel, |c| c.sent = next);
        }
    }

    fn part(&mut self, task: TaskId, attempt: Attempt) -> Option<Part> {
        let topology = self.topology.clone();
        let subtask = &topology.subtasks[task.index()];
        let board = self.board(attempt)?;
        let taken = |c: &ChannelId| match board.lanes[c.index()] {
            Lane { fifo: true, rcvd, .. } => Taken::before(rcvd),
            _ => board.loose.get(c).cloned().unwrap_or_default(),
        };
        Some(Part {
            sent: subtask.outputs.iter().map(|c| board.lanes[c.index()].sent).collect(),
            rcvd: subtask.inputs.iter().map(taken).collect(),
            kappa: None,
        })
    }

    fn snap(&mut self, event: &Event, checkpoint: CheckpointId) {
        let key = StoreKey { attempt: event.attempt, checkpoint, task: event.process };
        let Some(part) = self.part(event.process, event.attempt) else { return };
        let topology = self.topology.clone();
        if let Some(rings) = self.rings(event.attempt) {
            for (channel, from) in topology.subtasks[event.process.index()].inputs.iter().zip(&part.rcvd) {
                rings.hold(*channel, from.first_missing());
            }
        }
        self.saved.save(key, part);
    }

    /// The parts of those who had finished.
    fn finished(&mut self, job: Attempt, parts: &[StoreKey]) -> Vec<Option<Part>> {
        let mut finished: Vec<Option<Part>> = vec![None; self.topology.len()];
        for task in without_part(self.topology.len(), parts) {
            finished[task.index()] = self.part(task, job);
        }
        finished
    }

    /// The cut of a savepoint is judged like any other. It ends nothing that is open.
    fn save(&mut self, event: &Event, id: CheckpointId, job: Attempt, parts: &[StoreKey]) -> Seen {
        let mut values = self.finished(job, parts);
        for key in parts {
            if let Some(value) = values.get_mut(key.task.index()) {
                *value = self.saved.open.get(key).cloned();
            }
        }
        self.judge(event, id, job, &Done { checkpoint: id, keys: Vec::new(), parts: values })
    }

    fn complete(&mut self, event: &Event, id: CheckpointId, job: Attempt, parts: &[StoreKey]) -> Seen {
        let mut finished = self.finished(job, parts);
        let done = self.saved.complete(id, job, parts, |task| finished[task.index()].take()).clone();
        let result = self.judge(event, id, job, &done);
        if let Some(rings) = self.rings(job) {
            rings.release();
        }
        let topology = self.topology.clone();
        let holds: Vec<(ChannelId, u64)> = self
            .saved
            .open
            .iter()
            .filter(|(key, _)| key.attempt == job)
            .flat_map(|(key, part)| {
                let inputs = topology.subtasks[key.task.index()].inputs.iter().copied();
                inputs.zip(part.rcvd.iter().map(Taken::first_missing))
            })
            .collect();
        if let Some(rings) = self.rings(job) {
            holds.iter().for_each(|(channel, from)| rings.hold(*channel, *from));
        }
        result
    }

    fn judge(&mut self, event: &Event, id: CheckpointId, job: Attempt, done: &Done<Part>) -> Seen {
        let mut first: Option<Box<Violation>> = None;
        for channel in (0..self.topology.channels.len()).map(|c| ChannelId(c as u32)) {
            let ends = self.topology.channels[channel.index()];
            let (Some(from), Some(to)) = (&done.parts[ends.from.index()], &done.parts[ends.to.index()]) else {
                self.unknown = Some(format!("{id} is complete, but not all of its cuts are in the trace"));
                continue;
            };
            let (sent, rcvd) = (from.sent[ends.output as usize], &to.rcvd[ends.input.index()]);
            let expected: Vec<u64> = rcvd.missing(sent).collect();
            let keeper = if self.lines { from } else { to };
            let kappa = keeper.kappa.as_ref().and_then(|k| k.iter().find(|(c, _)| *c == channel));
            let mut kappa = kappa.map_or(&[][..], |(_, ids)| &ids[..]);
            if self.lines {
                kappa = &kappa[kappa.len().saturating_sub(expected.len())..]; // older ones were taken
            }
            let name = || self.topology.channel_name(channel);
            if let (Some(m), None) = (rcvd.beyond(sent), &self.orphan) {
                let received = if ends.fifo { format!(" ({} are)", rcvd.first_missing()) } else { String::new() };
                let what =
                    format!("{id} has message {m} of {} as received{received}, and not as sent ({sent} are)", name());
                self.orphan = Some(Violation::new(Invariant::I1, event, what).checkpoint(id).witness(channel, job, m));
                first = first.or(self.orphan.clone());
            }
            let start = rcvd.first_missing();
            let ring = match self.rings.as_ref().and_then(|r| r.known(job)) {
                Some(rings) if !expected.is_empty() || !kappa.is_empty() => {
                    let all = rings.slice(channel, start, sent.max(start));
                    all.map(|all| expected.iter().map(|m| all[(m - start) as usize]).collect::<Vec<_>>())
                }
                _ => None,
            };
            let problem = compare(expected.len() as u64, kappa, ring.as_deref(), ends.fifo);
            if let (Some(problem), None) = (problem, &self.state) {
                let what = format!("{id}, {}: {problem}", name());
                self.state =
                    Some(Violation::new(Invariant::I2, event, what).checkpoint(id).witness(channel, job, start));
                first = first.or(self.state.clone());
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// How many records were in flight on a channel at the cut of a completed checkpoint.
    pub(super) fn in_flight(&self, id: CheckpointId, channel: ChannelId) -> Option<usize> {
        let (done, ends) = (self.saved.done(id)?, self.topology.channels[channel.index()]);
        let (from, to) = (done.parts[ends.from.index()].as_ref()?, done.parts[ends.to.index()].as_ref()?);
        Some(to.rcvd[ends.input.index()].missing(from.sent[ends.output as usize]).count())
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        let say = |found: &Option<Box<Violation>>| match (found, &self.unknown) {
            (Some(violation), _) => Verdict::Violated(violation.clone()),
            (None, Some(why)) => Verdict::Undecided(why.clone()),
            (None, None) => Verdict::Holds,
        };
        vec![(Invariant::I1, say(&self.orphan)), (Invariant::I2, say(&self.state))]
    }
}

/// What is wrong with the stored channel state, if anything. `fifo`: it has an order.
fn compare(expected: u64, kappa: &[RecordId], sent: Option<&[RecordId]>, fifo: bool) -> Option<String> {
    let n = kappa.len() as u64;
    if n < expected {
        return Some(format!("loss: {expected} messages were in flight, {n} are in the channel state"));
    }
    if n > expected {
        return Some(format!("ghost: {expected} messages were in flight, {n} are in the channel state"));
    }
    let sent = sent?;
    if sent == kappa {
        return None;
    }
    let (mut a, mut b) = (sent.to_vec(), kappa.to_vec());
    a.sort();
    b.sort();
    if a == b && !fifo {
        return None;
    }
    let kind = if a == b { "order" } else { "ghost" };
    let i = sent.iter().zip(kappa).position(|(x, y)| x != y).unwrap_or(0);
    Some(format!("{kind}: {} was in flight where the channel state has {}", sent[i], kappa[i]))
}

fn sent_at(topology: &Topology, done: &Done<Part>, channel: ChannelId) -> Option<u64> {
    let ends = topology.channels[channel.index()];
    Some(done.parts[ends.from.index()].as_ref()?.sent[ends.output as usize])
}

/// Where the channels of an attempt stand before anything has happened in it.
#[cold]
fn base_board(topology: &Topology, saved: &Saved<Part>, begun: &Begun, attempt: Attempt) -> Board {
    let base = begun.base(attempt);
    // Without a base both sides count from 0; after one they go on from wherever its cut was.
    let mut board = Board::new(topology, if base == Some(None) { 0 } else { ANY });
    if let Some(done) = base.flatten().and_then(|base| saved.done(base)) {
        for (i, lane) in board.lanes.iter_mut().enumerate() {
            lane.sent = sent_at(topology, done, ChannelId(i as u32)).unwrap_or(0);
            let ends = topology.channels[i];
            let part = done.parts[ends.to.index()].as_ref();
            let rcvd = part.map_or(0, |part| part.rcvd[ends.input.index()].first_missing());
            lane.rcvd = rcvd.min(lane.sent);
        }
    }
    board
}
