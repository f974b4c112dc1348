//! What a checkpoint goes through at the coordinator: opened, triggered, acknowledged, published, announced; or
//! given up on the way.

use super::coordinator::{Coordinator, Lead, Purpose, TaskState, Wanted};
use super::message::*;
use super::snapshot::{Manifest, Part};
use super::wishes::Stopping;
use crate::digest::Digest;
use crate::ids::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How far a pending checkpoint has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stage {
    /// The store prepares its place; no task was told.
    Opening,
    /// Tasks were told; acks are missing.
    Collecting,
    /// All acks are in; an older checkpoint is being published.
    Acknowledged,
    /// The completion record is being written. From here the outcome is the store's to tell.
    Publishing,
}

/// A checkpoint that is begun and not settled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pending {
    pub(super) stage: Stage,
    pub(super) required: Arc<[TaskId]>,
    pub(super) missing: BTreeSet<TaskId>,
}

impl Coordinator {
    /// Periodic triggers begin.
    pub fn start_scheduler(&mut self, out: &mut Outbox) {
        self.scheduler_on = true;
        out.arm(Timer::Interval, self.config.interval);
    }

    /// Periodic triggers end. What is pending goes on, and so does the pause after the last completion.
    pub fn stop_scheduler(&mut self, out: &mut Outbox) {
        self.scheduler_on = false;
        if self.wanted == Wanted::Periodic {
            self.wanted = Wanted::Nothing;
        }
        out.disarm(Timer::Interval);
    }

    /// No trigger and no pause outlives an attempt of the job.
    pub(super) fn stop_triggers(&mut self, out: &mut Outbox) {
        self.stop_scheduler(out);
        self.wanted = Wanted::Nothing;
        self.pausing = false;
        out.disarm(Timer::Pause);
    }

    /// Begins a checkpoint, if nothing is against it. What can't be done for want of room is made up for as soon as
    /// it can be done, once.
    pub fn trigger(&mut self, periodic: bool, out: &mut Outbox) {
        if let Some((failure, later)) = self.obstacle(periodic) {
            if later {
                self.wanted = self.wanted.max(if periodic { Wanted::Periodic } else { Wanted::Manual });
            }
            return out.mark(Mark::TriggerFailed(failure));
        }
        let id = self.next;
        self.next = id.next();
        self.stopping.begun(id);
        self.pending.insert(id, Pending { stage: Stage::Opening, required: Arc::from([]), missing: BTreeSet::new() });
        let key = StoreKey { attempt: self.attempt, checkpoint: id, task: self.me.task };
        self.ask(Purpose::Open(id), Request::Open(key), out);
    }

    /// What is against a trigger now, and whether it is to be made up for later.
    fn obstacle(&self, periodic: bool) -> Option<(TriggerFailure, bool)> {
        if self.lead != Lead::Deployed {
            return Some((TriggerFailure::Shutdown, false));
        }
        if periodic && !self.scheduler_on {
            return Some((TriggerFailure::SchedulerStopped, false));
        }
        if matches!(self.stopping, Stopping::At(_) | Stopping::Settling(_)) {
            return Some((TriggerFailure::Shutdown, false));
        }
        if !self.all_live() {
            return Some((TriggerFailure::NotAllRunning, false));
        }
        let opening = self.pending.values().any(|pending| pending.stage == Stage::Opening);
        let most = if self.crowded { 1 } else { self.config.max_concurrent as usize };
        if opening || self.pending.len() >= most {
            return Some((TriggerFailure::TooManyPending, true));
        }
        (periodic && self.pausing).then_some((TriggerFailure::TooSoon, true))
    }

    /// There is room again: the trigger that came to nothing is made up for.
    pub(super) fn make_up(&mut self, out: &mut Outbox) {
        let periodic = self.wanted == Wanted::Periodic;
        if self.wanted != Wanted::Nothing && self.obstacle(periodic).is_none() {
            self.wanted = Wanted::Nothing;
            self.trigger(periodic, out);
        }
    }

    /// The place is prepared: the tasks that run now are required, those without running upstream are told.
    pub(super) fn opened(&mut self, id: CheckpointId, ok: bool, out: &mut Outbox) {
        if !self.pending.contains_key(&id) {
            return; // given up meanwhile
        }
        if !ok {
            self.pending.remove(&id);
            out.mark(Mark::TriggerFailed(TriggerFailure::StoreFailed));
            self.savepoint_failed(id, out);
            self.count_failure(out);
            return self.make_up(out);
        }
        let running = |task: &TaskId| self.tasks[task.index()] == TaskState::Running;
        let required: Arc<[TaskId]> = (0..self.tasks.len() as u32).map(TaskId).filter(running).collect();
        out.mark(Mark::Triggered(id, required.clone()));
        for task in required.iter() {
            let subtask = &self.topology.subtasks[task.index()];
            let mut upstream = subtask.inputs.iter().map(|c| self.topology.channels[c.index()].from);
            if !upstream.any(|from| running(&from)) {
                let last = self.stopping.is_at(id);
                let trigger = if last { Control::TriggerLast(id) } else { Control::Trigger(id) };
                out.tell(self.life(*task), trigger);
            }
        }
        out.arm(Timer::Timeout(id), self.config.timeout);
        let missing = required.iter().copied().collect();
        self.pending.insert(id, Pending { stage: Stage::Collecting, required, missing });
        self.make_up(out);
    }

    pub(super) fn on_ack(&mut self, from: TaskId, id: CheckpointId, out: &mut Outbox) {
        // An ack can outlive its checkpoint (timeout, abort, subsumption). That is no error.
        let Some(pending) = self.pending.get_mut(&id) else {
            out.mark(Mark::LateAck(id));
            return self.discard(self.attempt, id, out);
        };
        if !pending.missing.remove(&from) {
            return out.mark(Mark::DuplicateAck(id)); // its state is kept: it may be the same files
        }
        if pending.missing.is_empty() && pending.stage == Stage::Collecting {
            pending.stage = Stage::Acknowledged;
            out.disarm(Timer::Timeout(id)); // from here on only the store can say how it ends
            self.publish(out);
        }
    }

    /// Completion records are written one after another, in the order in which the acks came together.
    fn publish(&mut self, out: &mut Outbox) {
        if self.pending.values().any(|pending| pending.stage == Stage::Publishing) {
            return;
        }
        let ready = self.pending.iter_mut().find(|(_, pending)| pending.stage == Stage::Acknowledged);
        let Some((id, pending)) = ready else { return };
        pending.stage = Stage::Publishing;
        let (id, required) = (*id, pending.required.clone());
        let manifest = Arc::new(self.manifest(id, &required));
        self.ask(Purpose::Publish(id), Request::Publish(manifest), out);
    }

    /// The completion record: who was not required had finished.
    fn manifest(&self, checkpoint: CheckpointId, required: &[TaskId]) -> Manifest {
        let attempt = self.attempt;
        let mut parts = vec![Part::Finished; self.tasks.len()];
        for task in required {
            parts[task.index()] = Part::Stored(StoreKey { attempt, checkpoint, task: *task });
        }
        Manifest { checkpoint, attempt, parts }
    }

    pub(super) fn published(&mut self, id: CheckpointId, ok: bool, out: &mut Outbox) {
        let Some(pending) = self.pending.get(&id) else { return self.published_late(id, ok, out) };
        if !ok {
            self.abort(id, AbortReason::FinaliseFailed, out);
            self.count_failure(out);
            self.publish(out);
            return self.make_up(out);
        }
        let manifest = self.manifest(id, &pending.required.clone());
        self.completed.push(Arc::new(manifest));
        self.pending.remove(&id);
        let older: Vec<CheckpointId> = self.pending.range(..id).map(|(id, _)| *id).collect();
        older.into_iter().for_each(|old| self.abort(old, AbortReason::Subsumed, out));
        self.retain(out);
        self.healthy();
        self.announce(id, out);
        if self.stopping.is_at(id) {
            self.stopping = Stopping::Settling(id);
            return self.stop_if_settled(out);
        }
        if self.config.min_pause > Nanos(0) {
            self.pausing = true;
            out.arm(Timer::Pause, self.config.min_pause);
        }
        self.publish(out);
        self.make_up(out);
    }

    /// The job ended while the completion record was being written. Nobody will restore from it: it goes with the
    /// others, or after them.
    fn published_late(&mut self, id: CheckpointId, ok: bool, out: &mut Outbox) {
        match self.lead {
            Lead::Ending if ok => {
                let manifest = self.manifest(id, &[]);
                self.completed.push(Arc::new(manifest));
            }
            _ => self.discard(self.attempt, id, out),
        }
    }

    /// Older checkpoints go only now that a newer one is safely stored.
    fn retain(&mut self, out: &mut Outbox) {
        let keep = self.config.retain.max(1) as usize;
        while self.completed.len() > keep {
            let oldest = self.completed.remove(0);
            self.ask(Purpose::Discard, Request::Discard(oldest.attempt, oldest.checkpoint), out);
        }
    }

    fn announce(&mut self, id: CheckpointId, out: &mut Outbox) {
        self.unnoted.clear();
        for (i, state) in self.tasks.iter().enumerate() {
            if *state == TaskState::Running {
                let task = TaskId(i as u32);
                self.unnoted.insert(task);
                out.tell(self.life(task), Control::Complete(id));
            }
        }
        out.arm(Timer::Remind, self.config.retry);
    }

    pub(super) fn on_decline(&mut self, id: CheckpointId, reason: DeclineReason, out: &mut Outbox) {
        let Some(pending) = self.pending.get(&id) else { return };
        if pending.stage != Stage::Collecting {
            return; // everybody has acknowledged: too late
        }
        self.abort(id, AbortReason::Declined(reason), out);
        self.crowded |= reason == DeclineReason::Subsumed;
        // Only what is the job's own fault counts (Flink's CheckpointFailureManager).
        if reason == DeclineReason::StoreFailed {
            self.count_failure(out);
        }
        self.make_up(out);
    }

    pub(super) fn expired(&mut self, id: CheckpointId, out: &mut Outbox) {
        if self.pending.get(&id).is_some_and(|pending| pending.stage == Stage::Collecting) {
            self.abort(id, AbortReason::Expired, out);
            self.count_failure(out);
            self.make_up(out);
        }
    }

    /// Gives a checkpoint up: the tasks are told, what was acknowledged is discarded.
    pub(super) fn abort(&mut self, id: CheckpointId, reason: AbortReason, out: &mut Outbox) {
        let Some(pending) = self.pending.remove(&id) else { return };
        out.disarm(Timer::Timeout(id));
        if pending.stage == Stage::Opening {
            return self.savepoint_failed(id, out); // nobody has heard of it
        }
        out.mark(Mark::Aborted(id, reason));
        for (i, state) in self.tasks.iter().enumerate() {
            if *state == TaskState::Running {
                out.tell(self.life(TaskId(i as u32)), Control::Abort(id));
            }
        }
        // While the completion record is being written, nobody knows: the state may be referenced.
        if pending.stage != Stage::Publishing || reason == AbortReason::FinaliseFailed {
            self.ask(Purpose::Discard, Request::Discard(self.attempt, id), out);
        }
        self.savepoint_failed(id, out);
    }

    /// Nothing pending survives a restart or the end of the job.
    pub(super) fn drop_pending(&mut self, reason: AbortReason, out: &mut Outbox) {
        for id in self.pending() {
            self.abort(id, reason, out);
        }
    }

    /// Deletes what belongs to a checkpoint that isn't, and will never be, complete.
    pub(super) fn discard(&mut self, attempt: Attempt, id: CheckpointId, out: &mut Outbox) {
        let complete = self.completed.iter().any(|manifest| (manifest.attempt, manifest.checkpoint) == (attempt, id));
        let unknown = attempt == self.attempt && self.asks.iter().any(|ask| ask.purpose == Purpose::Publish(id));
        if !complete && !unknown {
            self.ask(Purpose::Discard, Request::Discard(attempt, id), out);
        }
    }

    fn count_failure(&mut self, out: &mut Outbox) {
        self.failures += 1;
        if self.failures > self.config.tolerable_failures {
            self.fail_job(out);
        }
    }

    pub(super) fn digest_checkpoints(&self, d: &mut Digest) {
        d.word(self.pending.len() as u64);
        for (id, pending) in &self.pending {
            d.word(id.0);
            d.word(pending.stage as u64);
            d.word(pending.missing.len() as u64);
            pending.required.iter().for_each(|task| d.word((task.0 as u64) << 1));
            pending.missing.iter().for_each(|task| d.word((task.0 as u64) << 1 | 1));
        }
        d.word(self.completed.len() as u64);
        self.completed.iter().for_each(|manifest| manifest.digest(d));
        self.asks.digest(d);
    }
}
