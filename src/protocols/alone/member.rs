//! A subtask's side: checkpoints of its own, a log of what it sent, and what records carry.

use super::rule::{Knowledge, Peer, Rule};
use super::{LOCAL, Lacks};
use crate::engine::message::*;
use crate::engine::snapshot::{Logs, Manifest, Part, Snapshot};
use crate::ids::*;
use crate::protocols::interpose::Mischief;
use crate::topology::{Channel, Topology};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The first ticket of requests for what the senders have logged.
const FETCH: u32 = 1 << 30;

/// What went into an output: how much, and the last of it.
#[derive(Clone, Debug, Default)]
struct Log {
    sent: u64,
    kept: VecDeque<Record>,
}

/// Restoring: the senders' parts are fetched first.
#[derive(Clone, Debug)]
struct Restoring {
    manifest: Arc<Manifest>,
    deploy: Input,
    parts: BTreeMap<TaskId, Option<Arc<Snapshot>>>,
}

/// Stands around a subtask whose gate has one input, and takes a cut whenever a barrier is made up on it.
#[derive(Clone, Debug)]
pub(super) struct Member {
    me: Incarnation,
    lacks: Lacks,
    rule: Rule,
    interval: Nanos,
    coordinator: Option<Incarnation>,
    inputs: Vec<Channel>,
    /// By output: the channel, and who takes from it.
    outputs: Vec<(ChannelId, TaskId)>,
    logs: Vec<Log>,
    taken: Vec<u64>,
    ended: InputSet,
    running: bool,
    /// Has anything been taken, read or sent since the newest checkpoint? Another one would be the same: nobody takes it, and
    /// the timer rests. So also those rest that a failed coordinator has left behind.
    stirred: bool,
    armed: bool,
    newest: CheckpointId,
    peer: Peer,
    /// Logs as of cuts that aren't acknowledged.
    cuts: BTreeMap<CheckpointId, Arc<Logs>>,
    /// What the coordinator was told of checkpoints behind its newest line: it may have been lost.
    told: BTreeMap<CheckpointId, Arc<[u64]>>,
    /// The newest line, and which checkpoint of this subtask is on it.
    line: Option<(CheckpointId, CheckpointId)>,
    restoring: Option<Restoring>,
    /// Its last checkpoint, once that is taken: the coordinator is told that it is.
    last: Option<CheckpointId>,
    /// That it has finished, which it says when its last checkpoint is stored: who has finished isn't missed.
    finished: Option<Effect>,
    to_send: Vec<Effect>,
}

fn bits(list: &[bool]) -> impl Iterator<Item = u64> + '_ {
    list.chunks(64).map(|chunk| chunk.iter().rev().fold(0, |word, bit| word << 1 | u64::from(*bit)))
}

fn unbits(words: &[u64], n: usize) -> Vec<bool> {
    (0..n).map(|i| words[i / 64] >> (i % 64) & 1 == 1).collect()
}

impl Member {
    pub(super) fn new(topology: &Topology, me: Incarnation, interval: Nanos, rule: Rule, lacks: Lacks) -> Self {
        let (subtask, n) = (&topology.subtasks[me.task.index()], topology.len());
        let channel = |id: &ChannelId| topology.channels[id.index()];
        // Nobody's timer goes with anybody else's.
        let own = Nanos(interval.0 + interval.0 * me.task.0 as u64 / (4 * n as u64));
        Member {
            me,
            lacks,
            rule,
            interval: own,
            coordinator: None,
            inputs: subtask.inputs.iter().map(channel).collect(),
            outputs: subtask.outputs.iter().map(|id| (*id, channel(id).to)).collect(),
            logs: vec![Log::default(); subtask.outputs.len()],
            taken: vec![0; subtask.inputs.len()],
            ended: InputSet::new(),
            running: false,
            stirred: false,
            armed: false,
            newest: LOCAL,
            peer: Peer::new(n),
            cuts: BTreeMap::new(),
            told: BTreeMap::new(),
            line: None,
            restoring: None,
            last: None,
            finished: None,
            to_send: Vec::new(),
        }
    }

    /// What makes the process take a checkpoint now.
    fn checkpoint(&mut self) -> Option<Input> {
        let coordinator = self.coordinator.filter(|_| self.running)?;
        let id = self.newest.next();
        self.newest = id;
        self.stirred = false;
        self.peer.checkpoint(self.me.task.index());
        let ended = self.ended.len() == self.inputs.len(); // as it is where there are none
        Some(match ended {
            true => Input::Told { from: coordinator, control: Control::Trigger(id) },
            false => Input::Element(InputIndex(0), Element::Barrier(Barrier { id, overtakes: false })),
        })
    }

    /// The last checkpoint, and then what made it due.
    fn before(&mut self, input: Input) -> Vec<Input> {
        let checkpoint = self.checkpoint();
        self.last = checkpoint.as_ref().map(|_| self.newest);
        checkpoint.into_iter().chain([input]).collect()
    }

    /// There is something that the newest checkpoint doesn't have.
    fn stir(&mut self) {
        self.stirred = true;
        if self.running && !self.armed {
            self.arm();
        }
    }

    fn arm(&mut self) {
        self.armed = true;
        self.to_send.push(Effect::Arm(Timer::Interval, self.interval));
    }

    /// The coordinator has heard of nothing newer than `heard` for a while, and asks.
    fn tell_again(&mut self, coordinator: Incarnation, heard: CheckpointId) {
        let again = self.told.range(heard.next()..);
        let again = again.map(|(id, counts)| Effect::Tell(coordinator, Control::Counts(*id, counts.clone())));
        self.to_send.extend(again);
    }

    /// What is written on a record.
    fn note(&self) -> Option<Arc<[u64]>> {
        let Knowledge { index, checkpoints, taken, greater } = &self.peer.knows;
        match self.rule {
            Rule::Never => None,
            Rule::Index | Rule::IndexIgnored => Some(Arc::from([*index])),
            Rule::Vectors | Rule::VectorsByHalf => {
                let words = [*index].into_iter().chain(checkpoints.iter().copied());
                Some(words.chain(bits(taken)).chain(bits(greater)).collect())
            }
        }
    }

    /// What a record says: perhaps that a checkpoint has to be taken before it.
    fn read(&mut self, note: &[u64]) -> Option<Input> {
        let (me, n) = (self.me.task.index(), self.peer.sent_to.len());
        let (index, vectors) = (note[0], &note[1..]);
        let knows = match self.rule {
            Rule::Vectors | Rule::VectorsByHalf => {
                let (checkpoints, flags) = vectors.split_at(n);
                let (taken, greater) = flags.split_at(flags.len() / 2);
                let (taken, greater) = (unbits(taken, n), unbits(greater, n));
                Knowledge { index, checkpoints: checkpoints.to_vec(), taken, greater }
            }
            _ => Knowledge { index, checkpoints: vec![0; n], taken: vec![false; n], greater: vec![false; n] },
        };
        let forced = if self.peer.forces(me, self.rule, &knows) { self.checkpoint() } else { None };
        self.peer.learn(me, &knows);
        forced
    }

    /// The parts of everybody who sends to this subtask.
    fn fetch(&mut self, from: Incarnation, deploy: Input, manifest: &Arc<Manifest>) -> Vec<Input> {
        self.coordinator = Some(from);
        let restoring = self.restoring.get_or_insert_with(|| Restoring {
            manifest: manifest.clone(),
            deploy,
            parts: self.inputs.iter().map(|channel| (channel.from, None)).collect(),
        });
        let token = FencingToken(from.attempt.0);
        for (task, _) in restoring.parts.iter().filter(|(_, part)| part.is_none()) {
            if let Part::Stored(key) = restoring.manifest.parts[task.index()] {
                self.to_send.push(Effect::Ask(Ticket(FETCH + task.0), token, Request::Get(key)));
            }
        }
        self.fetched()
    }

    fn fetched(&self) -> Vec<Input> {
        let all = |restoring: &&Restoring| restoring.parts.values().all(Option::is_some);
        self.restoring.as_ref().filter(all).map(|restoring| restoring.deploy.clone()).into_iter().collect()
    }

    /// The own part, as the process is to find it: with what was in flight, out of the senders' logs.
    fn found(&mut self, snapshot: Arc<Snapshot>) -> Arc<Snapshot> {
        let (Some(logs), Some(restoring)) = (snapshot.logs.clone(), &self.restoring) else { return snapshot };
        self.taken = logs.taken.clone();
        let log = |(sent, kept): &(u64, Arc<[Record]>)| Log { sent: *sent, kept: kept.iter().cloned().collect() };
        self.logs = logs.sent.iter().map(log).collect();
        let mut channels: Vec<(InputIndex, Arc<[Record]>)> = Vec::new();
        for (channel, taken) in self.inputs.iter().zip(&mut self.taken) {
            let part = restoring.parts.get(&channel.from).and_then(Option::as_ref);
            let Some(theirs) = part.and_then(|part| part.logs.as_ref()) else { continue };
            let (sent, kept) = &theirs.sent[channel.output as usize];
            let flying = (sent.saturating_sub(*taken) as usize).min(kept.len());
            if flying > 0 && self.lacks != Lacks::Replay {
                channels.push((channel.input, kept[kept.len() - flying..].into()));
            }
        }
        Arc::new(Snapshot { channels, ..Snapshot::clone(&snapshot) })
    }

    /// So much of what it sent will never be asked for again.
    fn truncate(&mut self, taken: &[u64]) {
        for (log, taken) in self.logs.iter_mut().zip(taken) {
            let first = log.sent - log.kept.len() as u64;
            log.kept.drain(..(taken.saturating_sub(first) as usize).min(log.kept.len()));
        }
    }

    fn cut(&mut self, id: CheckpointId) {
        let sent = self.logs.iter().map(|log| (log.sent, log.kept.iter().cloned().collect())).collect();
        self.cuts.insert(id, Arc::new(Logs { sent, taken: self.taken.clone() }));
    }

    fn send(&mut self, channel: ChannelId, record: Record) -> Effect {
        let output = self.outputs.iter().position(|(own, _)| *own == channel).expect("a process has its own outputs");
        let log = &mut self.logs[output];
        log.sent += 1;
        log.kept.push_back(record.clone());
        self.peer.sent_to[self.outputs[output].1.index()] = true;
        Effect::Send(
            channel,
            match self.note() {
                Some(note) => Element::Noted(Box::new(Noted { record, note })),
                None => Element::Record(record),
            },
        )
    }

    fn effect(&mut self, effect: Effect, effects: &mut Vec<Effect>) {
        match effect {
            Effect::Send(channel, Element::Record(record)) => effects.push(self.send(channel, record)),
            Effect::Send(_, Element::Barrier(_)) => {}
            Effect::Mark(Mark::Cut(id, snapshot)) => {
                self.cut(id);
                effects.push(Effect::Mark(Mark::Cut(id, snapshot)));
            }
            Effect::Mark(Mark::Restored(Some(local), snapshot)) => {
                self.newest = local;
                let line = self.restoring.take().map(|restoring| restoring.manifest.checkpoint);
                effects.push(Effect::Mark(Mark::Restored(line, snapshot)));
            }
            Effect::Ask(ticket, token, Request::Put(key, mut snapshot)) => {
                Arc::make_mut(&mut snapshot).logs = self.cuts.get(&key.checkpoint).cloned();
                effects.push(Effect::Ask(ticket, token, Request::Put(key, snapshot)));
            }
            Effect::Tell(to, Control::Ack(id)) => {
                effects.push(Effect::Tell(to, Control::Ack(id)));
                // Behind it: a line must not have what a life that ended between the two has not acknowledged.
                if let Some(logs) = self.cuts.remove(&id) {
                    let counts = logs.sent.iter().map(|(sent, _)| *sent).chain(logs.taken.iter().copied());
                    let counts: Arc<[u64]> = counts.chain([(self.last == Some(id)) as u64]).collect();
                    self.told.insert(id, counts.clone());
                    effects.push(Effect::Tell(to, Control::Counts(id, counts)));
                }
                effects.extend(self.finished.take_if(|_| self.cuts.is_empty()));
            }
            Effect::Tell(to, Control::Noted(local)) => {
                let line = self.line.filter(|(_, member)| *member == local).map_or(local, |(line, _)| line);
                effects.push(Effect::Tell(to, Control::Noted(line)));
            }
            Effect::Tell(_, Control::Decline(..)) => {} // nobody waits for one checkpoint
            Effect::Tell(to, Control::Running) => {
                if !self.running {
                    self.running = true;
                    self.arm();
                }
                effects.push(Effect::Tell(to, Control::Running));
            }
            Effect::Tell(to, Control::Finished) => {
                self.running = false;
                if std::mem::take(&mut self.armed) {
                    effects.push(Effect::Disarm(Timer::Interval));
                }
                let said = Effect::Tell(to, Control::Finished);
                if self.cuts.is_empty() {
                    effects.push(said);
                } else {
                    self.finished = Some(said);
                }
            }
            other => effects.push(other),
        }
    }
}

impl Mischief for Member {
    fn all(&mut self, input: Input) -> Vec<Input> {
        match &input {
            Input::Noted(_, note) => self.read(&note.clone()).into_iter().collect(),
            Input::Element(at, Element::Record(_)) => {
                self.taken[at.index()] += 1;
                self.stir();
                vec![input]
            }
            Input::Read { record: Some(_), .. } | Input::Chosen(_) => {
                self.stir();
                vec![input]
            }
            // The last checkpoint has everything that was ever sent: it stays on every later line.
            Input::Element(at, Element::End) => {
                let last = self.ended.len() + 1 == self.inputs.len();
                let inputs = if last { self.before(Input::Element(InputIndex(0), Element::End)) } else { Vec::new() };
                self.ended.insert(*at);
                inputs
            }
            Input::Read { record: None, .. } => self.before(input),
            Input::Timer(Timer::Interval) => {
                self.armed = false;
                if !self.stirred {
                    return Vec::new();
                }
                self.arm();
                self.checkpoint().into_iter().collect()
            }
            Input::Told { from, control: Control::Deploy { restore } } => {
                self.coordinator = Some(*from);
                match restore.clone() {
                    Some(manifest) if !self.running => self.fetch(*from, input, &manifest),
                    _ => vec![input],
                }
            }
            Input::Told { control: Control::Counts(line, words), .. } => {
                self.line = Some((*line, CheckpointId(words[0])));
                self.truncate(&words.clone()[1..]);
                self.told.retain(|id, _| id.0 > words[0]);
                Vec::new()
            }
            Input::Told { from, control: Control::Complete(id) } => {
                let member = self.line.filter(|(line, _)| line == id).map(|(_, member)| member);
                let complete = |member| Input::Told { from: *from, control: Control::Complete(member) };
                member.map(complete).into_iter().collect()
            }
            Input::Told { from, control: Control::Trigger(heard) } => {
                self.tell_again(*from, *heard);
                // Who has finished says it again.
                if self.running { Vec::new() } else { vec![input] }
            }
            Input::Told { control: Control::TriggerLast(_) | Control::Abort(_), .. } => Vec::new(),
            Input::Reply(Ticket(ticket), reply) if *ticket >= FETCH && *ticket != u32::MAX => {
                let task = TaskId(ticket - FETCH);
                if let (Some(restoring), Reply::Found(part)) = (&mut self.restoring, reply) {
                    let before = restoring.parts.insert(task, Some(part.clone())).flatten();
                    return if before.is_none() { self.fetched() } else { Vec::new() };
                }
                Vec::new()
            }
            // Nobody waits for a checkpoint, so it isn't given up; and the last one must be there.
            Input::Reply(_, Reply::Failed) => Vec::new(),
            Input::Reply(ticket, Reply::Found(snapshot)) => {
                vec![Input::Reply(*ticket, Reply::Found(self.found(snapshot.clone())))]
            }
            _ => vec![input],
        }
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for effect in std::mem::take(effects) {
            self.effect(effect, effects);
        }
        effects.append(&mut self.to_send);
    }
}
