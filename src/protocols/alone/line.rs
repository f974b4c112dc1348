//! The coordinator's side: which local checkpoints go together.

use super::{LOCAL, Lacks};
use crate::engine::config::Config;
use crate::engine::message::*;
use crate::engine::snapshot::{Manifest, Part};
use crate::engine::subtask::NO_TICKET;
use crate::ids::*;
use crate::protocols::interpose::Mischief;
use crate::topology::{Channel, Topology};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The request to write a line down before the job begins again.
const LAST_LINE: Ticket = Ticket(1 << 30);

/// After so many intervals without a newer line everybody is asked for what may have been lost on the way.
const PATIENCE: u32 = 4;

/// What a local checkpoint has sent and taken.
#[derive(Clone, Debug)]
struct Counts {
    sent: Vec<u64>,
    taken: Vec<u64>,
    /// It is the subtask's last one.
    last: bool,
}

/// Stands around a coordinator. Its periodic checkpoint is the question whether there is a newer line: if there is one,
/// everybody has acknowledged it long ago.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    me: Incarnation,
    lacks: Lacks,
    interval: Nanos,
    channels: Arc<[Channel]>,
    /// By task: how many outputs it has.
    outputs: Vec<usize>,
    attempt: Attempt,
    /// Those of this attempt, by task.
    locals: Vec<BTreeMap<CheckpointId, Counts>>,
    /// Who says that it has finished, and whose last checkpoint wasn't heard of. Until then it counts as running: if it dies,
    /// nobody can be asked for what was lost on the way.
    early: Vec<TaskId>,
    /// Lines, and their members by task.
    lines: BTreeMap<CheckpointId, Vec<CheckpointId>>,
    /// The newest line that was begun, in whatever attempt.
    newest: CheckpointId,
    /// Intervals since there was a newer line, or since everybody was asked.
    fruitless: u32,
    /// The beginning of the next attempt, which waits for the last line of this one to be written down.
    held: Option<Effect>,
    to_give: Vec<Input>,
    to_send: Vec<Effect>,
}

impl Lines {
    pub(super) fn new(topology: &Topology, config: &Config, me: Incarnation, lacks: Lacks) -> Self {
        let tasks = topology.len();
        Lines {
            me,
            lacks,
            interval: config.interval,
            channels: topology.channels.clone(),
            outputs: topology.subtasks.iter().map(|subtask| subtask.outputs.len()).collect(),
            attempt: Attempt(0),
            locals: vec![BTreeMap::new(); tasks],
            early: Vec::new(),
            lines: BTreeMap::new(),
            newest: CheckpointId(0),
            fruitless: 0,
            held: None,
            to_give: Vec::new(),
            to_send: Vec::new(),
        }
    }

    fn life(&self, task: usize) -> Incarnation {
        Incarnation { task: TaskId(task as u32), attempt: self.attempt }
    }

    /// The newest line: none, if somebody has no checkpoint that can be on one.
    fn line(&self) -> Option<Vec<CheckpointId>> {
        let last = self.locals.iter().map(|own| own.keys().next_back().copied());
        let mut line: Vec<CheckpointId> = last.collect::<Option<_>>()?;
        if self.lacks == Lacks::Propagation {
            return Some(line);
        }
        loop {
            let orphan = self.channels.iter().find(|channel| {
                let counts = |task: TaskId| &self.locals[task.index()][&line[task.index()]];
                let sent = counts(channel.from).sent[channel.output as usize];
                counts(channel.to).taken[channel.input.index()] > sent
            });
            let Some(channel) = orphan else { return Some(line) };
            let task = channel.to.index();
            line[task] = *self.locals[task].range(..line[task]).next_back()?.0;
        }
    }

    /// A line that isn't written down.
    fn newer(&self) -> Option<Vec<CheckpointId>> {
        self.line().filter(|line| !self.lines.values().any(|known| known == line))
    }

    fn manifest(&self, id: CheckpointId, members: &[CheckpointId]) -> Arc<Manifest> {
        let part = |(task, member): (usize, &CheckpointId)| {
            let task = TaskId(task as u32);
            Part::Stored(StoreKey { attempt: self.attempt, checkpoint: *member, task })
        };
        let parts = members.iter().enumerate().map(part).collect();
        Arc::new(Manifest { checkpoint: id, attempt: self.attempt, parts })
    }

    fn everybody(&self) -> Arc<[TaskId]> {
        (0..self.locals.len() as u32).map(TaskId).collect()
    }

    /// What a member of a line has to know: which of its checkpoints it is, and how much of what it sent into each output
    /// the line's receivers have taken.
    fn member(&self, id: CheckpointId, to: Incarnation) -> Option<Effect> {
        let members = self.lines.get(&id)?;
        let mut words = vec![0; 1 + self.outputs[to.task.index()]];
        words[0] = members[to.task.index()].0;
        for channel in self.channels.iter().filter(|channel| channel.from == to.task) {
            let receiver = channel.to.index();
            let counts = self.locals[receiver].get(&members[receiver])?;
            words[1 + channel.output as usize] = counts.taken[channel.input.index()];
        }
        Some(Effect::Tell(to, Control::Counts(id, words.into())))
    }

    /// An interval without a newer line. Now and then everybody is asked for what wasn't heard, and the line there is is
    /// written down once more: whoever is still to be told of it is told again, and the store says if somebody else leads.
    fn fruitless(&mut self, interval: Input) -> Vec<Input> {
        // No larger than it has to be: a search would take every number for another state.
        self.fruitless = (self.fruitless + 1) % PATIENCE;
        if self.fruitless == 0 {
            for (task, known) in self.locals.iter().enumerate() {
                let heard = known.keys().next_back().copied().unwrap_or(LOCAL);
                self.to_send.push(Effect::Tell(self.life(task), Control::Trigger(heard)));
            }
            if self.line().is_some() {
                return vec![interval];
            }
        }
        self.to_send.push(Effect::Arm(Timer::Interval, self.interval));
        Vec::new()
    }

    /// What a subtask says of one of its checkpoints. It may have said before that it has finished.
    fn heard(&mut self, from: Incarnation, id: CheckpointId, words: &[u64]) -> Vec<Input> {
        if from.attempt != self.attempt {
            return Vec::new();
        }
        let (task, (last, counts)) =
            (from.task, words.split_last().expect("whoever counts says whether it is the last"));
        let (sent, taken) = counts.split_at(self.outputs[task.index()]);
        let counts = Counts { sent: sent.to_vec(), taken: taken.to_vec(), last: *last == 1 };
        self.locals[task.index()].insert(id, counts);
        let Some(at) = self.early.iter().position(|early| *early == task && self.whole(from)) else {
            return Vec::new();
        };
        self.early.remove(at);
        vec![Input::Told { from, control: Control::Finished }]
    }

    /// Was its last checkpoint heard of?
    fn whole(&self, from: Incarnation) -> bool {
        from.attempt != self.attempt || self.locals[from.task.index()].values().any(|counts| counts.last)
    }

    /// A line that is given up: with it what is older than all that are left.
    fn forget(&mut self, id: CheckpointId) {
        if self.lines.remove(&id).is_none() {
            return;
        }
        let Some(oldest) = self.lines.values().flatten().min().copied() else { return };
        let token = FencingToken(self.me.attempt.0);
        let known = self.locals.iter().filter_map(|own| own.keys().next()).min().copied().unwrap_or(LOCAL);
        for old in (known.0..oldest.0).map(CheckpointId) {
            self.to_send.push(Effect::Ask(NO_TICKET, token, Request::Discard(self.attempt, old)));
        }
        self.locals.iter_mut().for_each(|own| own.retain(|local, _| *local >= oldest));
    }

    /// The job begins again: not before the newest line is written down.
    fn begins(&mut self, effect: Effect, token: FencingToken, effects: &mut Vec<Effect>) {
        if self.held.is_none() {
            let Some(members) = self.newer() else { return effects.push(effect) };
            self.newest = self.newest.next();
            effects.push(Effect::Mark(Mark::Triggered(self.newest, self.everybody())));
            self.lines.insert(self.newest, members);
        }
        let manifest = self.manifest(self.newest, &self.lines[&self.newest]);
        effects.push(Effect::Ask(LAST_LINE, token, Request::Publish(manifest)));
        self.held = Some(effect);
    }

    fn effect(&mut self, effect: Effect, effects: &mut Vec<Effect>) {
        match effect {
            Effect::Tell(to, Control::Deploy { restore }) => {
                if to.attempt > self.attempt {
                    self.attempt = to.attempt;
                    self.locals.iter_mut().for_each(BTreeMap::clear);
                    self.early.clear();
                    self.lines.clear();
                    self.newest = restore.as_ref().map_or(CheckpointId(0), |manifest| manifest.checkpoint);
                }
                effects.push(Effect::Tell(to, Control::Deploy { restore }));
            }
            Effect::Mark(Mark::Triggered(id, required)) => {
                let Some(members) = self.line() else { unreachable!("there was a line before") };
                effects.push(Effect::Mark(Mark::Triggered(id, self.everybody())));
                self.lines.insert(id, members);
                self.newest = id;
                let ack = |task: &TaskId| Input::Told { from: self.life(task.index()), control: Control::Ack(id) };
                self.to_give = required.iter().map(ack).collect();
            }
            Effect::Tell(_, Control::Trigger(_) | Control::TriggerLast(_) | Control::Abort(_)) => {}
            Effect::Tell(to, Control::Complete(id)) => {
                effects.extend(self.member(id, to));
                effects.push(Effect::Tell(to, Control::Complete(id)));
            }
            Effect::Ask(ticket, token, Request::Publish(manifest)) => {
                let id = manifest.checkpoint;
                let members = self.lines.get(&id).map(|members| self.manifest(id, members));
                effects.push(Effect::Ask(ticket, token, Request::Publish(members.unwrap_or(manifest))));
            }
            Effect::Ask(_, token, Request::BeginAttempt(_)) if self.attempt > Attempt(0) => {
                self.begins(effect, token, effects);
            }
            Effect::Ask(ticket, token, Request::Discard(attempt, id)) => {
                effects.push(Effect::Ask(ticket, token, Request::Discard(attempt, id)));
                if attempt == self.attempt {
                    self.forget(id);
                }
            }
            other => effects.push(other),
        }
    }
}

impl Mischief for Lines {
    fn all(&mut self, input: Input) -> Vec<Input> {
        match &input {
            Input::Told { from, control: Control::Counts(id, counts) } => self.heard(*from, *id, counts),
            Input::Told { from, control: Control::Finished } if !self.whole(*from) => {
                self.early.retain(|task| *task != from.task);
                self.early.push(from.task);
                vec![Input::Told { from: *from, control: Control::Running }] // it may not have been heard, either
            }
            Input::Told { control: Control::Ack(_) | Control::Decline(..), .. } => Vec::new(),
            Input::Timer(Timer::Interval) if self.newer().is_none() => self.fruitless(input),
            Input::Timer(Timer::Interval) => {
                self.fruitless = 0;
                vec![input]
            }
            // An older question had the ticket of the one that is held back, and nobody waits for its answer any more.
            Input::Reply(ticket, _) if matches!(&self.held, Some(Effect::Ask(held, ..)) if held == ticket) => {
                Vec::new()
            }
            Input::Reply(LAST_LINE, _) => {
                self.to_send.extend(self.held.take());
                Vec::new()
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

    fn then(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.to_give)
    }
}
