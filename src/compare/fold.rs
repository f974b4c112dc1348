//! From the lines of one run to what is measured of it.

use super::measure::{Formed, Measure};
use super::recovery::Recovery;
use super::zigzag::Zigzag;
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::{Event, Kappa, Kind, Notice, Outcome};
use crate::trace::{Datum, Record, StoreKey};
use std::collections::{BTreeMap, BTreeSet};

/// A checkpoint of a job attempt: an id that was given up may come again in the next attempt.
type Name = (Attempt, CheckpointId);

/// A checkpoint that was begun.
#[derive(Clone, Debug, Default)]
struct Round {
    began: u64,
    required: Vec<TaskId>,
    barriers: u64,
    /// Ends of channels that were over at the cut.
    over: u64,
    /// Subtasks that took it without a barrier.
    told: u64,
    acks: u64,
    sent: BTreeMap<ChannelId, u64>,
    taken: BTreeMap<ChannelId, u64>,
    flight: u64,
    flight_bytes: u64,
    told_of: BTreeSet<TaskId>,
    /// Who was through with everything when the first one was told.
    through: Option<BTreeSet<TaskId>>,
    completed: bool,
    /// Some of it is of an older one.
    mixed: bool,
    reminders: u64,
}

/// What one attempt counts.
#[derive(Clone, Debug, Default)]
struct Counts {
    sent: BTreeMap<ChannelId, u64>,
    taken: BTreeMap<ChannelId, u64>,
    /// Channels that their sender has closed, and those of which the receiver has seen that.
    ended: BTreeSet<ChannelId>,
    closed: BTreeSet<ChannelId>,
    finished: BTreeSet<TaskId>,
}

/// The fold.
pub struct Fold<'a> {
    topology: &'a Topology,
    /// Are channels held whose barrier came?
    holds: bool,
    /// Are there barriers?
    marks: bool,
    measure: Measure,
    rounds: BTreeMap<Name, Round>,
    attempts: BTreeMap<Attempt, Counts>,
    /// The barriers of an alignment: when they came, of those whose channel waits for the last one.
    waiting: BTreeMap<(Incarnation, CheckpointId), BTreeMap<ChannelId, Option<u64>>>,
    /// Barriers that may overtake.
    overtaking: BTreeSet<(Attempt, ChannelId, CheckpointId)>,
    held: BTreeMap<(Attempt, ChannelId), u64>,
    /// The checkpoint of the last barrier of a channel, and those that a subtask has taken its snapshot of.
    barrier: BTreeMap<(Attempt, ChannelId), CheckpointId>,
    snapped: BTreeSet<(Incarnation, CheckpointId)>,
    /// How long the channels of an alignment were held.
    stalls: BTreeMap<(Incarnation, CheckpointId), u64>,
    /// The same by the closed form, of alignments that got to their end.
    aligned: BTreeMap<(Incarnation, CheckpointId), u64>,
    paused: BTreeMap<Incarnation, u64>,
    sizes: BTreeMap<(ChannelId, RecordId), u64>,
    recovery: Recovery,
    zigzag: Zigzag,
}

fn size(datum: &Datum) -> u64 {
    match datum {
        Datum::Int(_) => 16,
        Datum::Text(text) => 16 + (text.len() as u64).next_multiple_of(8),
        Datum::Bytes(bytes) => 16 + (bytes.len() as u64).next_multiple_of(8),
        Datum::Pair(pair) => 8 + size(&pair.0) + size(&pair.1),
    }
}

/// The bytes of a record in the encoding of docs/trace.md.
pub(super) fn bytes(record: &Record) -> u64 {
    24 + size(&record.key) + size(&record.value)
}

impl<'a> Fold<'a> {
    /// A fold that has seen nothing.
    pub fn new(topology: &'a Topology, holds: bool) -> Self {
        Fold {
            topology,
            holds,
            marks: true,
            measure: Measure { runs: 1, coordinated: 1, ..Measure::default() },
            rounds: BTreeMap::new(),
            attempts: BTreeMap::new(),
            waiting: BTreeMap::new(),
            overtaking: BTreeSet::new(),
            held: BTreeMap::new(),
            barrier: BTreeMap::new(),
            snapped: BTreeSet::new(),
            stalls: BTreeMap::new(),
            aligned: BTreeMap::new(),
            paused: BTreeMap::new(),
            sizes: BTreeMap::new(),
            recovery: Recovery::default(),
            zigzag: Zigzag::default(),
        }
    }

    /// The same where there are no barriers, and everybody is told to begin.
    pub fn unmarked(topology: &'a Topology) -> Self {
        Fold { marks: false, ..Fold::new(topology, false) }
    }

    /// The next line.
    pub fn observe(&mut self, event: &Event) {
        self.zigzag.observe(event);
        self.recovery.observe(self.topology, event, &mut self.measure);
        let who = Incarnation { task: event.process, attempt: event.attempt };
        match &event.kind {
            Kind::Send { channel, m, record } => {
                self.counts(event.attempt).sent.insert(*channel, m + 1);
                self.sizes.insert((*channel, record.id), bytes(record));
            }
            Kind::Apply { channel, m } => {
                let fifo = self.topology.channels[channel.index()].fifo;
                let taken = self.counts(event.attempt).taken.entry(*channel).or_default();
                *taken = if fifo { m + 1 } else { *taken + 1 };
            }
            Kind::Read { .. } => {
                if let Some(since) = self.paused.remove(&who) {
                    self.measure.pause += event.time.0 - since;
                    self.measure.pauses += 1;
                }
            }
            Kind::EndOut { channel } => _ = self.counts(event.attempt).ended.insert(*channel),
            Kind::EndIn { channel } => {
                self.counts(event.attempt).closed.insert(*channel);
                self.align(who, event.time.0, false);
            }
            Kind::Finish { complete: true } if event.process == self.topology.coordinator() => {
                self.measure.ended = 1;
                self.measure.time = event.time.0;
            }
            Kind::Finish { .. } => _ = self.counts(event.attempt).finished.insert(event.process),
            Kind::Hold { channel } => drop(self.held.insert((event.attempt, *channel), event.time.0)),
            Kind::Release { channel } => self.released(event, who, *channel),
            _ => self.checkpoint(event, who),
        }
    }

    fn counts(&mut self, attempt: Attempt) -> &mut Counts {
        self.attempts.entry(attempt).or_default()
    }

    fn released(&mut self, event: &Event, who: Incarnation, channel: ChannelId) {
        let (since, of) = (self.held.remove(&(event.attempt, channel)), self.barrier.get(&(event.attempt, channel)));
        if let (Some(since), Some(of)) = (since, of) {
            *self.stalls.entry((who, *of)).or_default() += event.time.0 - since;
        }
    }

    fn checkpoint(&mut self, event: &Event, who: Incarnation) {
        let now = event.time.0;
        match &event.kind {
            Kind::Trigger { checkpoint, required, job } => {
                self.measure.begun += 1;
                let round = Round { began: now, required: required.to_vec(), ..Round::default() };
                self.rounds.insert((*job, *checkpoint), round);
            }
            Kind::BarOut { channel, checkpoint, overtakes } => {
                self.round(event, *checkpoint, |round| round.barriers += 1);
                if *overtakes {
                    self.overtaking.insert((event.attempt, *channel, *checkpoint));
                }
            }
            Kind::BarIn { channel, checkpoint, passed } => {
                let overtakes = *passed > 0 || self.overtaking.contains(&(event.attempt, *channel, *checkpoint));
                let over = self.aligned.contains_key(&(who, *checkpoint));
                let waits = (self.holds && !overtakes && !over).then_some(now);
                self.waiting.entry((who, *checkpoint)).or_default().insert(*channel, waits);
                self.barrier.insert((event.attempt, *channel), *checkpoint);
                self.align(who, now, false);
            }
            Kind::Snap { checkpoint, .. } => self.snap(event, who, *checkpoint),
            Kind::Restore { base: Some(base), kappa, .. } => self.restored(event, *base, kappa),
            Kind::Ack { checkpoint } => self.round(event, *checkpoint, |round| round.acks += 1),
            Kind::Put { key, kappa, outcome: Outcome::Ok, .. } => {
                let Some(round) = self.rounds.get_mut(&(key.attempt, key.checkpoint)) else { return };
                for (channel, ids) in kappa.iter() {
                    round.flight += ids.len() as u64;
                    let sizes = ids.iter().filter_map(|id| self.sizes.get(&(*channel, *id)));
                    round.flight_bytes += sizes.sum::<u64>();
                }
            }
            Kind::Complete { checkpoint, job, parts, outcome: Outcome::Ok, .. } => {
                self.older((*job, *checkpoint), parts);
                self.complete((*job, *checkpoint), now);
            }
            Kind::Notify { checkpoint, to, what: Notice::Complete } => {
                let finished = &self.attempts.entry(to.attempt).or_default().finished;
                let Some(round) = self.rounds.get_mut(&(to.attempt, *checkpoint)) else { return };
                round.through.get_or_insert_with(|| finished.clone());
                round.reminders += u64::from(!round.told_of.insert(to.task));
            }
            _ => {}
        }
    }

    fn round(&mut self, event: &Event, checkpoint: CheckpointId, change: impl FnOnce(&mut Round)) {
        if let Some(round) = self.rounds.get_mut(&(event.attempt, checkpoint)) {
            change(round);
        }
    }

    /// The stall of an input is the time from its barrier to the last one's. An end stands for a barrier. Nobody waits for
    /// what a vertex sends to itself; whoever is told to begin has nobody else to wait for.
    fn align(&mut self, who: Incarnation, now: u64, told: bool) {
        let topology = self.topology;
        let vertex = |task: TaskId| topology.subtasks[task.index()].vertex;
        let regular = |channel: &&ChannelId| vertex(topology.channels[channel.index()].from) != vertex(who.task);
        let inputs: Vec<ChannelId> =
            topology.subtasks[who.task.index()].inputs.iter().filter(regular).copied().collect();
        let closed = &self.attempts.entry(who.attempt).or_default().closed;
        let alignments = self.waiting.range((who, CheckpointId(0))..=(who, CheckpointId(u64::MAX)));
        for (name, barriers) in alignments {
            let here = |channel: &ChannelId| closed.contains(channel) || barriers.contains_key(channel);
            let begun = told || inputs.iter().any(|channel| barriers.contains_key(channel));
            if begun && inputs.iter().all(here) {
                let since = barriers.values().flatten();
                self.aligned.entry(*name).or_insert_with(|| since.map(|at| now - at).sum());
            }
        }
    }

    fn snap(&mut self, event: &Event, who: Incarnation, checkpoint: CheckpointId) {
        self.measure.local += 1;
        let subtask = &self.topology.subtasks[event.process.index()];
        if subtask.inputs.is_empty() {
            self.paused.insert(who, event.time.0);
        }
        self.align(who, event.time.0, true);
        self.snapped.insert((who, checkpoint));
        let told = !self.waiting.contains_key(&(who, checkpoint));
        let counts = self.attempts.entry(event.attempt).or_default();
        let Some(round) = self.rounds.get_mut(&(event.attempt, checkpoint)) else { return };
        let of = |counted: &BTreeMap<ChannelId, u64>, channels: &[ChannelId]| {
            channels.iter().map(|c| (*c, counted.get(c).copied().unwrap_or(0))).collect::<Vec<_>>()
        };
        round.sent.extend(of(&counts.sent, &subtask.outputs));
        round.taken.extend(of(&counts.taken, &subtask.inputs));
        round.over += subtask.outputs.iter().filter(|c| counts.ended.contains(c)).count() as u64;
        round.over += subtask.inputs.iter().filter(|c| counts.ended.contains(c)).count() as u64;
        round.told += told as u64;
    }

    /// Counting goes on from the restored cut.
    fn restored(&mut self, event: &Event, base: CheckpointId, kappa: &Kappa) {
        let mut rounds = self.rounds.iter().rev().filter(|((_, id), round)| *id == base && round.completed);
        let Some((_, round)) = rounds.next() else { return };
        let subtask = &self.topology.subtasks[event.process.index()];
        let counts = self.attempts.entry(event.attempt).or_default();
        let sent = |channel: &ChannelId| round.sent.get(channel).copied().unwrap_or(0);
        let put_back = |channel: &ChannelId| kappa.iter().find(|(c, _)| c == channel).map_or(0, |(_, ids)| ids.len());
        counts.sent.extend(subtask.outputs.iter().map(|channel| (*channel, sent(channel))));
        let taken = |channel: &ChannelId| sent(channel).saturating_sub(put_back(channel) as u64);
        counts.taken.extend(subtask.inputs.iter().map(|channel| (*channel, taken(channel))));
    }

    /// Where a region does without a checkpoint, its cut is that of an older one; and it isn't one of everybody.
    fn older(&mut self, name: Name, parts: &[StoreKey]) {
        let Some(mut round) = self.rounds.remove(&name) else { return };
        let older = parts.iter().filter(|key| (key.attempt, key.checkpoint) != name);
        for (key, cut) in older.filter_map(|key| Some((key, self.rounds.get(&(key.attempt, key.checkpoint))?))) {
            let subtask = &self.topology.subtasks[key.task.index()];
            let of = |counted: &BTreeMap<ChannelId, u64>, c: &ChannelId| (*c, counted.get(c).copied().unwrap_or(0));
            round.sent.extend(subtask.outputs.iter().map(|c| of(&cut.sent, c)));
            round.taken.extend(subtask.inputs.iter().map(|c| of(&cut.taken, c)));
            self.measure.mixed += u64::from(!round.mixed);
            round.mixed = true;
        }
        self.rounds.insert(name, round);
    }

    fn complete(&mut self, name: Name, now: u64) {
        let topology = self.topology;
        let counts = self.attempts.entry(name.0).or_default();
        let Some(round) = self.rounds.get_mut(&name) else { return };
        round.completed = true;
        self.measure.completed += 1;
        self.measure.duration += now - round.began;
        // Chandy and Lamport's definition: sent before the sender's cut, and not taken before the receiver's.
        for channel in (0..topology.channels.len() as u32).map(ChannelId) {
            let all = || counts.sent.get(&channel).copied().unwrap_or(0);
            let sent = round.sent.get(&channel).copied().unwrap_or_else(all);
            let taken = round.taken.get(&channel).copied().unwrap_or(sent);
            round.sent.insert(channel, sent);
            self.measure.flight.form += sent.saturating_sub(taken);
        }
        self.measure.flight.measured += round.flight;
        self.measure.flight_bytes += round.flight_bytes;
    }

    /// What was measured.
    pub fn finish(mut self) -> Measure {
        let (tasks, channels) = (self.topology.len() as u64, self.topology.channels.len() as u64);
        let sources = self.topology.subtasks.iter().filter(|subtask| subtask.inputs.is_empty()).count() as u64;
        let completed = self.rounds.iter().filter(|(_, round)| round.completed);
        let last: BTreeMap<Attempt, CheckpointId> = completed.map(|(name, _)| *name).collect();
        let m = &mut self.measure;
        let whole =
            |round: &&Round| round.completed && !round.mixed && round.over == 0 && round.required.len() as u64 == tasks;
        for ((attempt, id), round) in self.rounds.iter().filter(|(_, round)| whole(round)) {
            let heard = round.told_of.len() as u64;
            let unheard = match &round.through {
                Some(through) => through.difference(&round.told_of).count() as u64,
                // The coordinator may never have learnt of the last one of an attempt.
                None => {
                    if last.get(attempt) == Some(id) {
                        tasks
                    } else {
                        0
                    }
                }
            };
            m.whole += 1;
            let (told, barriers) = if self.marks { (sources, channels) } else { (tasks, 0) };
            m.told.add(Formed { measured: round.told, form: told, excused: 0 });
            m.barriers.add(Formed { measured: round.barriers, form: barriers, excused: 0 });
            m.acks.add(Formed { measured: round.acks, form: tasks, excused: 0 });
            m.notices.add(Formed { measured: heard, form: tasks, excused: unheard });
            m.reminders += round.reminders;
        }
        // Alignments that came to nothing are nobody's stall.
        for (name, form) in self.aligned.iter().filter(|(name, _)| self.snapped.contains(name)) {
            m.stall.form += form;
            m.stall.measured += self.stalls.get(name).copied().unwrap_or(0);
        }
        m.useless = self.zigzag.useless();
        self.recovery.finish(m);
        self.measure
    }
}
