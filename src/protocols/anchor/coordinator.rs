//! The coordinator: one checkpoint at a time, and the whole job again when anything was lost.

use super::Plan;
use crate::digest::Digest;
use crate::engine::config::Config;
use crate::engine::message::*;
use crate::engine::process::Process;
use crate::engine::snapshot::{Manifest, Part};
use crate::engine::subtask::NO_TICKET;
use crate::ids::*;
use crate::topology::Topology;
use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The one request at a time that it waits for.
const LEADING: Ticket = Ticket(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Asking,
    Beginning,
    Deployed,
    Ended,
    Deposed,
}

#[derive(Clone)]
pub(super) struct Coordinator {
    topology: Arc<Topology>,
    interval: Nanos,
    plan: Plan,
    me: Incarnation,
    phase: Phase,
    attempt: Attempt,
    /// Tasks that don't run yet.
    absent: BTreeSet<TaskId>,
    /// The newest complete checkpoint.
    newest: Option<Arc<Manifest>>,
    /// The running checkpoint, and whose ack is missing.
    running: Option<(CheckpointId, BTreeSet<TaskId>)>,
}

impl Coordinator {
    pub(super) fn new(topology: &Arc<Topology>, config: &Config, plan: Plan, me: Incarnation) -> Self {
        Coordinator {
            topology: topology.clone(),
            interval: config.interval,
            plan,
            me,
            phase: Phase::Asking,
            attempt: Attempt(0),
            absent: BTreeSet::new(),
            newest: None,
            running: None,
        }
    }

    fn ask(&self, ticket: Ticket, request: Request, out: &mut Outbox) {
        out.effects.push(Effect::Ask(ticket, FencingToken(self.me.attempt.0), request));
    }

    fn ask_now(&mut self, out: &mut Outbox) {
        let request = match self.phase {
            Phase::Asking => Request::Lead,
            _ => Request::BeginAttempt(self.attempt.next()),
        };
        self.ask(LEADING, request, out);
    }

    fn tasks(&self) -> impl Iterator<Item = TaskId> + use<> {
        (0..self.topology.len() as u32).map(TaskId)
    }

    fn life(&self, task: TaskId) -> Incarnation {
        Incarnation { task, attempt: self.attempt }
    }

    fn newest_id(&self) -> CheckpointId {
        self.newest.as_ref().map_or(CheckpointId(0), |manifest| manifest.checkpoint)
    }

    fn on_reply(&mut self, reply: Reply, out: &mut Outbox) {
        match (self.phase, reply) {
            (_, Reply::Fenced) => {
                out.mark(Mark::Fenced);
                self.phase = Phase::Deposed;
            }
            (Phase::Asking, Reply::Led(attempt)) => {
                self.attempt = attempt;
                self.begin(out);
            }
            (Phase::Asking, Reply::Ended { attempt, .. }) => {
                self.attempt = attempt;
                self.phase = Phase::Ended;
                out.mark(Mark::JobEnded(true));
            }
            (Phase::Beginning, Reply::Began { completed, next, .. }) => self.began(&completed, next, out),
            (Phase::Asking | Phase::Beginning, _) => self.ask_now(out),
            _ => {}
        }
    }

    fn begin(&mut self, out: &mut Outbox) {
        self.phase = Phase::Beginning;
        self.ask_now(out);
    }

    fn began(&mut self, completed: &[Arc<Manifest>], next: CheckpointId, out: &mut Outbox) {
        let old = self.attempt;
        self.attempt = old.next();
        self.phase = Phase::Deployed;
        self.newest = completed.last().cloned();
        self.absent = self.tasks().collect();
        out.mark(Mark::Restarting(self.attempt, self.newest.as_ref().map(|manifest| manifest.checkpoint)));
        for attempt in (1..=old.0).map(Attempt) {
            // What was stored for a checkpoint that never came about is of no use, and must not show.
            self.ask(NO_TICKET, Request::Discard(attempt, next), out);
        }
        if old > Attempt(0) {
            self.tasks().for_each(|task| out.tell(Incarnation { task, attempt: old }, Control::Stop));
        }
        for task in self.tasks() {
            out.tell(self.life(task), Control::Deploy { restore: self.newest.clone() });
        }
    }

    fn on_told(&mut self, from: Incarnation, control: Control, out: &mut Outbox) {
        if from.attempt != self.attempt || !matches!(self.phase, Phase::Deployed | Phase::Ended) {
            return;
        }
        match control {
            Control::Running => {
                self.absent.remove(&from.task);
                if self.absent.is_empty() {
                    out.arm(Timer::Interval, self.interval);
                }
            }
            Control::Ack(id) => self.on_ack(from.task, id, out),
            Control::Finished => self.end(out),
            _ => {}
        }
    }

    fn trigger(&mut self, out: &mut Outbox) {
        let id = self.newest_id().next();
        if id > self.plan.last {
            return self.end(out); // restored from the last one: there was nothing left to say
        }
        self.running = Some((id, self.tasks().collect()));
        out.mark(Mark::Triggered(id, self.tasks().collect()));
        let sources = self.tasks().filter(|task| self.topology.subtasks[task.index()].inputs.is_empty());
        sources.for_each(|task| out.tell(self.life(task), Control::Trigger(id)));
    }

    fn on_ack(&mut self, from: TaskId, id: CheckpointId, out: &mut Outbox) {
        let Some((running, missing)) = &mut self.running else { return };
        if *running != id {
            return;
        }
        missing.remove(&from);
        if missing.is_empty() {
            self.complete(id, out);
        }
    }

    fn complete(&mut self, checkpoint: CheckpointId, out: &mut Outbox) {
        let attempt = self.attempt;
        let parts = self.tasks().map(|task| Part::Stored(StoreKey { attempt, checkpoint, task })).collect();
        let manifest = Arc::new(Manifest { checkpoint, attempt, parts });
        self.running = None;
        self.ask(NO_TICKET, Request::Publish(manifest.clone()), out);
        if let Some(old) = self.newest.replace(manifest) {
            self.ask(NO_TICKET, Request::Discard(old.attempt, old.checkpoint), out);
        }
        let sinks = self.tasks().filter(|task| self.topology.subtasks[task.index()].outputs.is_empty());
        sinks.for_each(|task| out.tell(self.life(task), Control::Complete(checkpoint)));
        if checkpoint < self.plan.last {
            out.arm(Timer::Interval, self.interval);
        }
    }

    fn end(&mut self, out: &mut Outbox) {
        self.phase = Phase::Ended;
        self.ask(NO_TICKET, Request::EndJob(true), out);
        out.mark(Mark::JobEnded(true));
    }

    fn on_lost(&mut self, lost: Incarnation, out: &mut Outbox) {
        if self.phase == Phase::Deployed && lost.attempt == self.attempt {
            self.running = None;
            self.absent.clear();
            out.disarm(Timer::Interval);
            self.tasks().for_each(|task| out.tell(self.life(task), Control::Stop));
            self.begin(out);
        }
    }
}

impl Process for Coordinator {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        match input {
            Input::Start => self.ask_now(out),
            Input::Reply(LEADING, reply) => self.on_reply(reply, out),
            Input::Told { from, control } => self.on_told(from, control, out),
            Input::Timer(Timer::Interval) if self.phase == Phase::Deployed => self.trigger(out),
            Input::Lost(lost) => self.on_lost(lost, out),
            _ => {}
        }
    }

    fn job(&self) -> Option<Attempt> {
        Some(self.attempt)
    }

    fn stopped(&self) -> bool {
        self.phase == Phase::Deposed
    }

    fn digest(&self, _cell: usize, d: &mut Digest) {
        d.word(self.phase as u64 | (self.attempt.0 as u64) << 8);
        d.word(self.absent.len() as u64);
        self.absent.iter().for_each(|task| d.word(task.0 as u64));
        d.word(self.newest_id().0);
        d.word(self.newest.as_ref().map_or(0, |manifest| manifest.attempt.0 as u64));
        let Some((id, missing)) = &self.running else { return d.word(0) };
        d.word(id.0);
        d.word(missing.len() as u64);
        missing.iter().for_each(|task| d.word(task.0 as u64));
    }

    fn fork(&self) -> Box<dyn Process> {
        Box::new(self.clone())
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
