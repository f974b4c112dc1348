//! The coordinator: brings the processes up, collects the parts of the snapshot, ends the job with it.

use super::SNAPSHOT;
use crate::digest::Digest;
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
    Collecting,
    Ended,
}

#[derive(Clone)]
pub(super) struct Coordinator {
    tasks: Arc<[TaskId]>,
    me: Incarnation,
    phase: Phase,
    attempt: Attempt,
    /// Whose part isn't acknowledged.
    missing: BTreeSet<TaskId>,
}

impl Coordinator {
    pub(super) fn new(topology: &Topology, me: Incarnation) -> Self {
        let tasks = (0..topology.len() as u32).map(TaskId).collect();
        Coordinator { tasks, me, phase: Phase::Asking, attempt: Attempt(0), missing: BTreeSet::new() }
    }

    fn ask(&self, ticket: Ticket, request: Request, out: &mut Outbox) {
        out.effects.push(Effect::Ask(ticket, FencingToken(self.me.attempt.0), request));
    }

    fn on_reply(&mut self, reply: Reply, out: &mut Outbox) {
        match (self.phase, reply) {
            (Phase::Asking, Reply::Led(attempt)) => {
                self.attempt = attempt.next();
                self.phase = Phase::Beginning;
                self.ask(LEADING, Request::BeginAttempt(self.attempt), out);
            }
            (Phase::Asking, Reply::Ended { .. }) => {
                self.phase = Phase::Ended;
                out.mark(Mark::JobEnded(true));
            }
            (Phase::Beginning, Reply::Began { .. }) => self.began(out),
            _ => {}
        }
    }

    /// It triggers nothing: the processes do. But from now on it waits for all parts.
    fn began(&mut self, out: &mut Outbox) {
        self.phase = Phase::Collecting;
        self.missing = self.tasks.iter().copied().collect();
        out.mark(Mark::Restarting(self.attempt, None));
        out.mark(Mark::Triggered(SNAPSHOT, self.tasks.clone()));
        let life = |task: &TaskId| Incarnation { task: *task, attempt: self.attempt };
        self.tasks.iter().for_each(|task| out.tell(life(task), Control::Deploy { restore: None }));
    }

    fn on_ack(&mut self, from: TaskId, out: &mut Outbox) {
        self.missing.remove(&from);
        if self.missing.is_empty() {
            let (attempt, checkpoint) = (self.attempt, SNAPSHOT);
            let part = |task: &TaskId| Part::Stored(StoreKey { attempt, checkpoint, task: *task });
            let parts = self.tasks.iter().map(part).collect();
            self.phase = Phase::Ended;
            self.ask(NO_TICKET, Request::Publish(Arc::new(Manifest { checkpoint, attempt, parts })), out);
            self.ask(NO_TICKET, Request::EndJob(true), out);
            out.mark(Mark::JobEnded(true));
        }
    }
}

impl Process for Coordinator {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        match input {
            Input::Start => self.ask(LEADING, Request::Lead, out),
            Input::Reply(LEADING, reply) => self.on_reply(reply, out),
            Input::Told { from, control: Control::Ack(SNAPSHOT) }
                if self.phase == Phase::Collecting && from.attempt == self.attempt =>
            {
                self.on_ack(from.task, out);
            }
            _ => {}
        }
    }

    fn job(&self) -> Option<Attempt> {
        Some(self.attempt)
    }

    fn digest(&self, _cell: usize, d: &mut Digest) {
        d.word(self.phase as u64 | (self.attempt.0 as u64) << 8);
        d.word(self.missing.len() as u64);
        self.missing.iter().for_each(|task| d.word(task.0 as u64));
    }

    fn fork(&self) -> Box<dyn Process> {
        Box::new(self.clone())
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
