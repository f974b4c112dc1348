//! The coordinator: who leads, which attempt of the job runs, what it is restored from. What a checkpoint goes
//! through is in `checkpoints.rs`.
//!
//! Its attempt is its fencing token. It knows nothing but what the store tells it when it takes the lead, so
//! that it can crash and be replaced at any time, even while an older one lives on.

use super::asks::Asks;
use super::checkpoints::{Pending, Stage};
use super::config::{Config, Mode, RestartStrategy};
use super::message::*;
use super::process::Process;
use super::regions::{Behind, Regions};
use super::snapshot::Manifest;
use super::wishes::Stopping;
use crate::digest::Digest;
use crate::ids::*;
use crate::topology::Topology;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a coordinator is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lead {
    /// Asking for the lead.
    Asking,
    /// Waiting for the delay before a restart.
    Waiting,
    /// Asking the store for the next attempt.
    Beginning,
    /// Tasks are being deployed, or run.
    Deployed,
    /// Everything has finished; writing that down.
    Ending,
    /// The job has ended.
    Ended,
    /// The job has failed, and may not restart; writing that down.
    GivingUp,
    /// The job has failed for good.
    Failed,
    /// Somebody newer leads, or it was shut down.
    Deposed,
}

/// How a subtask of the current attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskState {
    /// Told to deploy, not heard of.
    Deploying,
    /// Running.
    Running,
    /// Finished.
    Finished,
}

/// A trigger that could not be done and is to be made up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Wanted {
    /// None.
    Nothing,
    /// A periodic one: it keeps to the scheduler and to the minimum pause.
    Periodic,
    /// One that was asked for: it doesn't.
    Manual,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    Lead,
    Begin,
    Open(CheckpointId),
    Publish(CheckpointId),
    Save(CheckpointId),
    Discard,
    End(bool),
}

/// The coordinator of a job.
#[derive(Clone)]
pub struct Coordinator {
    pub(super) topology: Arc<Topology>,
    pub(super) config: Arc<Config>,
    pub(super) me: Incarnation,
    pub(super) lead: Lead,
    pub(super) attempt: Attempt,
    pub(super) tasks: Vec<TaskState>,
    pub(super) scheduler_on: bool,
    /// The trigger that came to nothing and is to be made up for when there is room.
    pub(super) wanted: Wanted,
    pub(super) pausing: bool,
    /// A checkpoint gave way to a newer one: until one completes, they come one at a time. Otherwise triggers
    /// that come faster than barriers align would keep every checkpoint from completing.
    pub(super) crowded: bool,
    pub(super) pending: BTreeMap<CheckpointId, Pending>,
    pub(super) completed: Vec<Arc<Manifest>>,
    pub(super) next: CheckpointId,
    /// Who has not said yet that it heard of the newest completion.
    pub(super) unnoted: BTreeSet<TaskId>,
    pub(super) failures: u32,
    restarts: u32,
    delays: u32,
    pub(super) stopping: Stopping,
    /// Somebody wants a savepoint, and there was no room for it yet.
    pub(super) savepoint_wanted: bool,
    pub(super) behind: Behind,
    pub(super) asks: Asks<Purpose>,
}

impl Coordinator {
    /// A coordinator that has not begun to do anything.
    pub fn new(topology: &Arc<Topology>, config: &Arc<Config>, me: Incarnation) -> Self {
        let regional = config.mode == Mode::Regional;
        let regions = if regional { Regions::connected(topology) } else { Regions::default() };
        Self::with_regions(topology, config, me, regions)
    }

    /// The same, where somebody else says what the regions are. Without the mode that has regions, there must be none.
    pub fn with_regions(topology: &Arc<Topology>, config: &Arc<Config>, me: Incarnation, regions: Regions) -> Self {
        Coordinator {
            topology: topology.clone(),
            config: config.clone(),
            me,
            lead: Lead::Asking,
            attempt: Attempt(0),
            tasks: Vec::new(),
            scheduler_on: false,
            wanted: Wanted::Nothing,
            pausing: false,
            crowded: false,
            pending: BTreeMap::new(),
            completed: Vec::new(),
            next: CheckpointId(1),
            unnoted: BTreeSet::new(),
            failures: 0,
            restarts: 0,
            delays: 0,
            stopping: Stopping::No,
            savepoint_wanted: false,
            behind: Behind::none(regions),
            asks: Asks::default(),
        }
    }

    /// What it is doing.
    pub fn lead(&self) -> Lead {
        self.lead
    }

    /// Checkpoints that are begun and not settled, ascending.
    pub fn pending(&self) -> Vec<CheckpointId> {
        self.pending.keys().copied().collect()
    }

    /// Completed checkpoints that are retained, ascending.
    pub fn completed(&self) -> Vec<CheckpointId> {
        self.completed.iter().map(|manifest| manifest.checkpoint).collect()
    }

    /// Stops for good, for instance because somebody newer leads: nothing pending goes on, no task is told.
    pub fn shutdown(&mut self, out: &mut Outbox) {
        self.stop_triggers(out);
        for (id, pending) in std::mem::take(&mut self.pending) {
            out.disarm(Timer::Timeout(id));
            out.mark(match pending.stage {
                Stage::Opening => Mark::TriggerFailed(TriggerFailure::Shutdown), // it never began
                _ => Mark::Aborted(id, AbortReason::Shutdown),
            });
            if pending.savepoint {
                out.mark(Mark::SavepointFailed);
            }
        }
        out.disarm(Timer::Restart);
        out.disarm(Timer::Remind);
        out.disarm(Timer::Retry);
        self.asks.clear();
        self.lead = Lead::Deposed;
    }

    fn on_start(&mut self, out: &mut Outbox) {
        self.ask(Purpose::Lead, Request::Lead, out);
    }

    pub(super) fn ask(&mut self, purpose: Purpose, request: Request, out: &mut Outbox) {
        let ticket = self.asks.add(purpose, request.clone(), self.config.retry, out);
        out.effects.push(Effect::Ask(ticket, FencingToken(self.me.attempt.0), request));
    }

    fn begin(&mut self, out: &mut Outbox) {
        self.lead = Lead::Beginning;
        self.ask(Purpose::Begin, Request::BeginAttempt(self.attempt.next()), out);
    }

    fn began(&mut self, completed: &[Arc<Manifest>], next: CheckpointId, orphans: &Orphans, out: &mut Outbox) {
        self.attempt = self.attempt.next();
        self.completed = completed.to_vec();
        self.next = next;
        self.regions_restored();
        self.bury(orphans, out);
        self.unnoted.clear();
        self.lead = Lead::Deployed;
        self.tasks = vec![TaskState::Deploying; self.topology.len()];
        let base = self.completed.last().map(|manifest| manifest.checkpoint);
        out.mark(Mark::Restarting(self.attempt, base));
        self.stop_attempt(Attempt(self.attempt.0 - 1), out);
        self.deploy(out);
        out.arm(Timer::Remind, self.config.retry);
    }

    /// Whoever led before may have died before he could discard what he gave up.
    fn bury(&mut self, orphans: &Orphans, out: &mut Outbox) {
        for (attempt, id) in orphans.iter() {
            self.ask(Purpose::Discard, Request::Discard(*attempt, *id), out);
        }
    }

    /// The previous attempt may live on in tasks that were only suspected, or known to an older coordinator.
    pub(super) fn stop_attempt(&self, attempt: Attempt, out: &mut Outbox) {
        if attempt > Attempt(0) {
            self.each_task(|task| out.tell(Incarnation { task, attempt }, Control::Stop));
        }
    }

    fn deploy(&self, out: &mut Outbox) {
        let restore = self.completed.last().cloned();
        for (i, state) in self.tasks.iter().enumerate() {
            if *state == TaskState::Deploying {
                out.tell(self.life(TaskId(i as u32)), Control::Deploy { restore: restore.clone() });
            }
        }
    }

    /// The life of a subtask in the current attempt.
    pub(super) fn life(&self, task: TaskId) -> Incarnation {
        Incarnation { task, attempt: self.attempt }
    }

    pub(super) fn each_task(&self, visit: impl FnMut(TaskId)) {
        (0..self.topology.len() as u32).map(TaskId).for_each(visit);
    }

    fn on_told(&mut self, from: Incarnation, control: Control, out: &mut Outbox) {
        if from.attempt != self.attempt || self.lead != Lead::Deployed {
            return self.on_stale(from, control, out);
        }
        match control {
            Control::Running => {
                if self.tasks[from.task.index()] == TaskState::Deploying {
                    self.set(from.task, TaskState::Running, out);
                }
            }
            Control::Finished => self.set(from.task, TaskState::Finished, out),
            Control::Ack(id) => self.on_ack(from.task, id, out),
            Control::Decline(id, reason) => self.on_decline(from.task, id, reason, out),
            Control::Noted(id) => {
                if self.held(from.task).is_some_and(|held| id >= held) {
                    self.unnoted.remove(&from.task);
                    self.stop_if_settled(out);
                }
            }
            Control::Failed => self.fail_job(out),
            other => unreachable!("a coordinator is never told {other:?}"),
        }
    }

    /// An ack can outlive its attempt. What it names can never be part of a checkpoint any more, unless it is.
    /// Between two attempts the store alone knows whether it is.
    fn on_stale(&mut self, from: Incarnation, control: Control, out: &mut Outbox) {
        let Control::Ack(id) = control else { return };
        out.mark(Mark::StaleAck(id));
        let over = match self.lead {
            // A completion record that was forgotten when the job failed may still be written.
            Lead::Deployed | Lead::GivingUp | Lead::Failed => from.attempt < self.attempt,
            Lead::Ending | Lead::Ended => from.attempt <= self.attempt,
            _ => false,
        };
        if over {
            self.discard(from.attempt, id, out);
        }
    }

    fn set(&mut self, task: TaskId, state: TaskState, out: &mut Outbox) {
        let complete = self.all_live();
        self.tasks[task.index()] = state;
        if state == TaskState::Finished {
            self.unnoted.remove(&task);
        }
        if self.tasks.iter().all(|state| *state == TaskState::Finished) {
            return self.end(out);
        }
        self.stop_if_settled(out);
        // Only the last one to arrive starts the scheduler: one that was stopped later on stays so.
        if !complete && self.all_live() {
            self.start_scheduler(out);
        }
    }

    /// Is every task running or finished?
    pub(super) fn all_live(&self) -> bool {
        self.tasks.iter().all(|state| *state != TaskState::Deploying)
    }

    fn end(&mut self, out: &mut Outbox) {
        self.stop_triggers(out);
        self.stop_failed(out);
        self.savepoint_lost(out);
        self.drop_pending(AbortReason::Shutdown, out);
        out.disarm(Timer::Remind);
        self.lead = Lead::Ending;
        self.ask(Purpose::End(true), Request::EndJob(true), out);
    }

    /// The end is durable: nobody will start the job again. Checkpoints of a job that failed are kept for whoever
    /// wants to see what can be saved.
    fn ended(&mut self, complete: bool, out: &mut Outbox) {
        self.lead = if complete { Lead::Ended } else { Lead::Failed };
        out.mark(Mark::JobEnded(complete));
        self.stop_attempt(self.attempt, out);
        if !complete {
            return;
        }
        self.discard_completed(out);
    }

    /// The whole job goes back to the newest completed checkpoint, or fails for good.
    pub(super) fn fail_job(&mut self, out: &mut Outbox) {
        self.stop_triggers(out);
        self.stop_failed(out);
        self.savepoint_lost(out);
        self.drop_pending(AbortReason::Failover, out);
        out.disarm(Timer::Remind);
        // The next attempt may use the same checkpoint ids: no late answer may be taken for one of its own.
        self.asks.forget(out, |purpose| matches!(purpose, Purpose::Open(_) | Purpose::Publish(_) | Purpose::Save(_)));
        self.failures = 0;
        self.stop_attempt(self.attempt, out);
        match self.next_delay() {
            Some(delay) => {
                self.lead = Lead::Waiting;
                out.arm(Timer::Restart, delay);
            }
            None => {
                self.lead = Lead::GivingUp;
                self.ask(Purpose::End(false), Request::EndJob(false), out);
            }
        }
    }

    fn next_delay(&mut self) -> Option<Nanos> {
        self.restarts += 1;
        match self.config.restart {
            RestartStrategy::None => None,
            RestartStrategy::Fixed { attempts, delay } => (self.restarts <= attempts).then_some(delay),
            RestartStrategy::Exponential { first, max } => {
                let delay = first.0.saturating_mul(1 << self.delays.min(20));
                self.delays += 1;
                Some(Nanos(delay.min(max.0)))
            }
        }
    }

    /// A completed checkpoint shows that the job is healthy.
    pub(super) fn healthy(&mut self) {
        self.failures = 0;
        self.delays = 0;
        self.crowded = false;
    }

    fn on_reply(&mut self, ticket: Ticket, reply: Reply, out: &mut Outbox) {
        let Some((purpose, again)) = self.asks.get(ticket).map(|ask| (ask.purpose, ask.again)) else { return };
        if reply == Reply::Fenced {
            out.mark(Mark::Fenced);
            return self.shutdown(out);
        }
        // A completion record that was asked for twice may still be written by the first question: whoever took the
        // refusal of the second one for the end would discard what that record names.
        let definite = match purpose {
            Purpose::Open(_) => true,
            Purpose::Publish(_) | Purpose::Save(_) => !again,
            _ => false,
        };
        if reply == Reply::Failed && !definite {
            return; // stays open: the retry timer asks again
        }
        self.asks.take(ticket, out);
        match (purpose, reply) {
            (Purpose::Lead, Reply::Led(attempt)) => {
                self.attempt = attempt;
                self.begin(out);
            }
            // Whoever wrote that down may have died before it could say so.
            (Purpose::Lead, Reply::Ended { attempt, complete, completed, orphans }) => {
                self.attempt = attempt;
                self.completed = completed.to_vec();
                self.bury(&orphans, out);
                self.ended(complete, out);
            }
            (Purpose::Begin, Reply::Began { completed, next, orphans }) => {
                self.began(&completed, next, &orphans, out);
            }
            (Purpose::Open(id), reply) => self.opened(id, reply == Reply::Done, out),
            (Purpose::Publish(id), reply) => self.published(id, reply == Reply::Done, out),
            (Purpose::Save(id), reply) => self.saved(id, reply == Reply::Done, out),
            (Purpose::Discard, _) => {}
            (Purpose::End(complete), _) => self.ended(complete, out),
            (purpose, reply) => unreachable!("{purpose:?} is never answered {reply:?}"),
        }
    }

    fn on_timer(&mut self, timer: Timer, out: &mut Outbox) {
        match timer {
            Timer::Interval if !self.scheduler_on => {} // it was under way when the scheduler stopped
            Timer::Interval => {
                out.arm(Timer::Interval, self.config.interval);
                self.trigger(true, out);
            }
            Timer::Pause => {
                self.pausing = false;
                self.make_up(out);
            }
            Timer::Timeout(id) => self.expired(id, out),
            Timer::Restart => self.begin(out),
            Timer::Retry => self.ask_again(out),
            Timer::Remind => self.remind(out),
            Timer::Alignment(_) => unreachable!("a coordinator aligns nothing"),
        }
    }

    fn ask_again(&mut self, out: &mut Outbox) {
        let token = FencingToken(self.me.attempt.0);
        for ask in self.asks.repeat(self.config.retry, out) {
            out.effects.push(Effect::Ask(ask.ticket, token, ask.request.clone()));
        }
    }

    /// Every notice is repeated until it was acknowledged: one lost notice would hang the tail of the job.
    fn remind(&mut self, out: &mut Outbox) {
        if !self.all_live() {
            self.stop_attempt(Attempt(self.attempt.0 - 1), out);
            self.deploy(out);
        }
        for (task, held) in self.unnoted.iter().filter_map(|task| Some((*task, self.held(*task)?))) {
            out.tell(self.life(task), Control::Complete(held));
        }
        if !self.all_live() || !self.unnoted.is_empty() {
            out.arm(Timer::Remind, self.config.retry);
        }
    }

    fn on_lost(&mut self, lost: Incarnation, out: &mut Outbox) {
        let ours = self.lead == Lead::Deployed && lost.attempt == self.attempt;
        if ours && self.tasks[lost.task.index()] != TaskState::Finished {
            self.fail_job(out);
        }
    }
}

impl Process for Coordinator {
    fn step(&mut self, input: Input, out: &mut Outbox) {
        if self.lead == Lead::Deposed {
            return;
        }
        match input {
            Input::Start => self.on_start(out),
            Input::Told { from, control } => self.on_told(from, control, out),
            Input::Reply(ticket, reply) => self.on_reply(ticket, reply, out),
            Input::Timer(timer) => self.on_timer(timer, out),
            Input::Lost(lost) => self.on_lost(lost, out),
            Input::Asked(wish) => self.on_asked(wish, out),
            other => unreachable!("a coordinator is never handed {other:?}"),
        }
    }

    fn job(&self) -> Option<Attempt> {
        Some(self.attempt)
    }

    fn stopped(&self) -> bool {
        self.lead == Lead::Deposed
    }

    fn cells(&self) -> usize {
        2 // lead, checkpoints
    }

    fn digest(&self, cell: usize, d: &mut Digest) {
        if cell == 1 {
            return self.digest_checkpoints(d);
        }
        for word in [self.lead as u64, self.attempt.0 as u64, self.restarts as u64, self.delays as u64] {
            d.word(word);
        }
        for word in [
            self.scheduler_on as u64,
            self.wanted as u64 | (self.crowded as u64) << 8,
            self.pausing as u64 | (self.savepoint_wanted as u64) << 8,
            self.failures as u64,
        ] {
            d.word(word);
        }
        self.stopping.digest(d);
        self.tasks.iter().for_each(|state| d.word(*state as u64));
        d.word(self.next.0);
        d.word(self.unnoted.len() as u64);
        self.unnoted.iter().for_each(|task| d.word(task.0 as u64));
    }

    fn fork(&self) -> Box<dyn Process> {
        Box::new(self.clone())
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
