//! A coordinator of our own: a whole process behind the trait. One checkpoint at a time, one way to restart, and nothing
//! is ever deleted.

use cutline::digest::Digest;
use cutline::engine::asks::Asks;
use cutline::engine::config::Config;
use cutline::engine::message::*;
use cutline::engine::process::Process;
use cutline::engine::snapshot::{Manifest, Part};
use cutline::ids::*;
use cutline::topology::{Role, Topology};
use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Lead,
    Begin,
    Open,
    Publish,
    End,
}

/// The checkpoint that is under way.
#[derive(Clone, Debug)]
struct Pending {
    id: CheckpointId,
    required: BTreeSet<TaskId>,
    missing: BTreeSet<TaskId>,
}

/// The coordinator. Everything in it is a plain value: a copy of it is another coordinator that would do the same.
#[derive(Clone)]
pub struct Boss {
    topology: Arc<Topology>,
    config: Arc<Config>,
    me: Incarnation,
    /// The attempt of the job that it runs.
    attempt: Attempt,
    /// Somebody newer leads, or the job has ended.
    over: bool,
    /// Subtasks are told to live.
    deployed: bool,
    running: BTreeSet<TaskId>,
    finished: BTreeSet<TaskId>,
    /// The next checkpoint's number.
    next: CheckpointId,
    pending: Option<Pending>,
    completed: Option<Arc<Manifest>>,
    /// Who has not said that it knows of the newest completion.
    unnoted: BTreeSet<TaskId>,
    asks: Asks<Purpose>,
    /// The planted mistake: see [`Boss::waits_for`].
    sinks_will_do: bool,
}

impl Boss {
    /// A coordinator before its start. `sinks_will_do`: with the mistake.
    pub fn new(topology: &Arc<Topology>, config: &Arc<Config>, me: Incarnation, sinks_will_do: bool) -> Self {
        Boss {
            topology: topology.clone(),
            config: config.clone(),
            me,
            attempt: Attempt(0),
            over: false,
            deployed: false,
            running: BTreeSet::new(),
            finished: BTreeSet::new(),
            next: CheckpointId(1),
            pending: None,
            completed: None,
            unnoted: BTreeSet::new(),
            asks: Asks::default(),
            sinks_will_do,
        }
    }

    /// Must the checkpoint wait for this subtask's acknowledgement? For everybody's. THE MISTAKE: barriers come to the
    /// sinks last, so if all sinks have acknowledged, everybody has. But a snapshot is uploaded behind the barrier's back.
    fn waits_for(&self, task: TaskId) -> bool {
        !self.sinks_will_do || matches!(self.topology.vertex(task).role, Role::Sink(_))
    }

    fn ask(&mut self, purpose: Purpose, request: Request, out: &mut Outbox) {
        let ticket = self.asks.add(purpose, request.clone(), self.config.retry, out);
        out.effects.push(Effect::Ask(ticket, FencingToken(self.me.attempt.0), request));
    }

    fn tasks(&self) -> impl Iterator<Item = TaskId> + use<> {
        (0..self.topology.len() as u32).map(TaskId)
    }

    fn tell(&self, task: TaskId, control: Control, out: &mut Outbox) {
        out.tell(Incarnation { task, attempt: self.attempt }, control);
    }

    fn stop(&self, attempt: Attempt, out: &mut Outbox) {
        self.tasks().for_each(|task| out.tell(Incarnation { task, attempt }, Control::Stop));
    }

    fn on_reply(&mut self, ticket: Ticket, reply: Reply, out: &mut Outbox) {
        if self.asks.get(ticket).is_none() || reply == Reply::Failed {
            return; // what failed stays open, and is asked again when the retry timer fires
        }
        if reply == Reply::Fenced {
            out.mark(Mark::Fenced);
            self.over = true;
            return;
        }
        let purpose = self.asks.take(ticket, out).expect("it is open").purpose;
        match (purpose, reply) {
            (Purpose::Lead, Reply::Led(newest)) => {
                self.attempt = newest;
                self.ask(Purpose::Begin, Request::BeginAttempt(newest.next()), out);
            }
            (Purpose::Lead, Reply::Ended { attempt, complete, .. }) => self.ended(attempt, complete, out),
            (Purpose::Begin, Reply::Began { completed, next, .. }) => self.deploy(completed.last(), next, out),
            (Purpose::Open, _) => self.opened(out),
            (Purpose::Publish, _) => self.published(out),
            (Purpose::End, _) => self.ended(self.attempt, true, out),
            (purpose, reply) => unreachable!("{purpose:?} is never answered {reply:?}"),
        }
    }

    /// The attempt is ours: everybody is to live, from the newest completed checkpoint on.
    fn deploy(&mut self, base: Option<&Arc<Manifest>>, next: CheckpointId, out: &mut Outbox) {
        self.attempt = self.attempt.next();
        (self.next, self.completed, self.deployed) = (next, base.cloned(), true);
        (self.running, self.finished, self.unnoted) = Default::default();
        out.mark(Mark::Restarting(self.attempt, base.map(|manifest| manifest.checkpoint)));
        self.remind(out);
    }

    /// Everybody runs, or has finished.
    fn all_live(&self) -> bool {
        self.running.len() + self.finished.len() == self.topology.len()
    }

    /// Says what has to be heard, again and again until it is answered: one lost message would hang the job.
    fn remind(&mut self, out: &mut Outbox) {
        if !self.all_live() {
            self.stop(Attempt(self.attempt.0 - 1), out);
        }
        let silent = |task: &TaskId| !self.running.contains(task) && !self.finished.contains(task);
        for task in self.tasks().filter(silent) {
            self.tell(task, Control::Deploy { restore: self.completed.clone() }, out);
        }
        if let Some(completed) = &self.completed {
            self.unnoted.iter().for_each(|task| self.tell(*task, Control::Complete(completed.checkpoint), out));
        }
        if !self.all_live() || !self.unnoted.is_empty() {
            out.arm(Timer::Remind, self.config.retry);
        }
    }

    /// The place of the checkpoint is prepared: it begins with the subtasks that have nobody above them who runs.
    fn opened(&mut self, out: &mut Outbox) {
        let Some(pending) = &mut self.pending else { return };
        (pending.required, pending.missing) = (self.running.clone(), BTreeSet::new());
        let (id, required) = (pending.id, self.running.clone());
        out.mark(Mark::Triggered(id, required.iter().copied().collect()));
        let missing = required.iter().copied().filter(|task| self.waits_for(*task)).collect();
        for task in &required {
            let inputs = &self.topology.subtasks[task.index()].inputs;
            let upstream = |channel: &ChannelId| self.topology.channels[channel.index()].from;
            if !inputs.iter().any(|channel| required.contains(&upstream(channel))) {
                self.tell(*task, Control::Trigger(id), out);
            }
        }
        out.arm(Timer::Timeout(id), self.config.timeout);
        self.pending = Some(Pending { id, required, missing });
    }

    fn acknowledged(&mut self, task: TaskId, id: CheckpointId, out: &mut Outbox) {
        let Some(pending) = self.pending.as_mut().filter(|pending| pending.id == id) else {
            return out.mark(Mark::LateAck(id));
        };
        if pending.missing.remove(&task) && pending.missing.is_empty() {
            out.disarm(Timer::Timeout(id)); // from here on only the store can say how it ends
            let manifest = self.manifest(&self.pending.clone().expect("it is there"));
            self.ask(Purpose::Publish, Request::Publish(manifest), out);
        }
    }

    /// The completion record: who was not required had finished.
    fn manifest(&self, pending: &Pending) -> Arc<Manifest> {
        let (attempt, checkpoint) = (self.attempt, pending.id);
        let part = |task| match pending.required.contains(&task) {
            true => Part::Stored(StoreKey { attempt, checkpoint, task }),
            false => Part::Finished,
        };
        Arc::new(Manifest { checkpoint, attempt, parts: self.tasks().map(part).collect() })
    }

    /// The record is durable, and only now does the checkpoint exist: everybody may hear of it.
    fn published(&mut self, out: &mut Outbox) {
        let Some(pending) = self.pending.take() else { return };
        self.completed = Some(self.manifest(&pending));
        self.unnoted = self.running.clone();
        self.remind(out);
    }

    fn give_up(&mut self, id: CheckpointId, reason: AbortReason, out: &mut Outbox) {
        let collecting = self.pending.as_ref().is_some_and(|p| p.id == id && !p.missing.is_empty());
        if collecting {
            self.pending = None;
            out.disarm(Timer::Timeout(id));
            out.mark(Mark::Aborted(id, reason));
            self.running.iter().for_each(|task| self.tell(*task, Control::Abort(id), out));
        }
    }

    fn on_told(&mut self, from: Incarnation, control: Control, out: &mut Outbox) {
        if from.attempt != self.attempt || !self.deployed {
            return; // of an earlier attempt
        }
        let live = self.all_live();
        match control {
            Control::Running => _ = self.running.insert(from.task),
            Control::Finished => {
                self.running.remove(&from.task);
                self.unnoted.remove(&from.task);
                self.finished.insert(from.task);
            }
            Control::Ack(id) => self.acknowledged(from.task, id, out),
            Control::Decline(id, reason) => self.give_up(id, AbortReason::Declined(reason), out),
            Control::Noted(id) if self.completed.as_ref().is_some_and(|newest| newest.checkpoint <= id) => {
                self.unnoted.remove(&from.task);
            }
            Control::Noted(_) => {} // an older one
            Control::Failed => self.restart(out),
            other => unreachable!("a coordinator is never told {other:?}"),
        }
        if self.finished.len() == self.topology.len() {
            self.forget(AbortReason::Shutdown, out);
            self.ask(Purpose::End, Request::EndJob(true), out);
        } else if self.all_live() && !live {
            out.arm(Timer::Interval, self.config.interval);
        }
    }

    /// Nothing that is under way outlives the attempt.
    fn forget(&mut self, reason: AbortReason, out: &mut Outbox) {
        if let Some(pending) = self.pending.take() {
            out.disarm(Timer::Timeout(pending.id));
            out.mark(Mark::Aborted(pending.id, reason));
        }
        self.asks.forget(out, |purpose| matches!(purpose, Purpose::Open | Purpose::Publish));
        out.disarm(Timer::Interval);
        out.disarm(Timer::Remind);
        self.deployed = false;
    }

    /// The whole job goes back to the newest completed checkpoint.
    fn restart(&mut self, out: &mut Outbox) {
        self.forget(AbortReason::Failover, out);
        self.stop(self.attempt, out);
        self.ask(Purpose::Begin, Request::BeginAttempt(self.attempt.next()), out);
    }

    fn ended(&mut self, attempt: Attempt, complete: bool, out: &mut Outbox) {
        self.attempt = attempt;
        out.mark(Mark::JobEnded(complete));
        self.stop(attempt, out);
    }

    fn on_timer(&mut self, timer: Timer, out: &mut Outbox) {
        match timer {
            Timer::Interval => {
                out.arm(Timer::Interval, self.config.interval);
                if self.pending.is_none() {
                    let id = self.next;
                    self.next = id.next();
                    let key = StoreKey { attempt: self.attempt, checkpoint: id, task: self.me.task };
                    self.pending = Some(Pending { id, required: BTreeSet::new(), missing: BTreeSet::new() });
                    self.ask(Purpose::Open, Request::Open(key), out);
                }
            }
            Timer::Timeout(id) => self.give_up(id, AbortReason::Expired, out),
            Timer::Remind => self.remind(out),
            Timer::Retry => {
                let token = FencingToken(self.me.attempt.0);
                let again = self.asks.repeat(self.config.retry, out).cloned().collect::<Vec<_>>();
                out.effects.extend(again.into_iter().map(|ask| Effect::Ask(ask.ticket, token, ask.request)));
            }
            other => unreachable!("it never arms {other:?}"),
        }
    }
}

impl Process for Boss {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        match input {
            Input::Start => self.ask(Purpose::Lead, Request::Lead, out),
            Input::Told { from, control } => self.on_told(from, control, out),
            Input::Reply(ticket, reply) => self.on_reply(ticket, reply, out),
            Input::Timer(timer) => self.on_timer(timer, out),
            Input::Lost(life) => {
                if self.deployed && life.attempt == self.attempt && !self.finished.contains(&life.task) {
                    self.restart(out);
                }
            }
            Input::Asked(_) => {} // it grants no wishes
            other => unreachable!("a coordinator is never handed {other:?}"),
        }
    }

    fn job(&self) -> Option<Attempt> {
        Some(self.attempt)
    }

    fn stopped(&self) -> bool {
        self.over
    }

    /// For searches: everything that can make a difference to what it does next, and nothing else.
    fn digest(&self, _cell: usize, d: &mut Digest) {
        let flags = (self.attempt, self.over, self.deployed, self.next);
        let sets = (&self.running, &self.finished, &self.unnoted);
        d.bytes(format!("{flags:?} {sets:?} {:?} {:?}", self.pending, self.completed).as_bytes());
        self.asks.digest(d);
    }

    fn fork(&self) -> Box<dyn Process> {
        Box::new(self.clone())
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
