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
    /// Somebody's savepoint.
    pub(super) savepoint: bool,
    pub(super) required: Arc<[TaskId]>,
    pub(super) missing: BTreeSet<TaskId>,
    /// The regions that it does without.
    pub(super) fallen: BTreeSet<u32>,
}

/// The checkpoints whose parts completion records name.
fn named<'a>(manifests: impl IntoIterator<Item = &'a Arc<Manifest>>) -> BTreeSet<(Attempt, CheckpointId)> {
    let parts = manifests.into_iter().flat_map(|manifest| manifest.stored());
    parts.map(|key| (key.attempt, key.checkpoint)).collect()
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
        self.open(false, out);
    }

    pub(super) fn open(&mut self, savepoint: bool, out: &mut Outbox) {
        let id = self.next;
        self.next = id.next();
        if !savepoint {
            self.stopping.begun(id);
        }
        let (stage, missing, fallen) = (Stage::Opening, BTreeSet::new(), BTreeSet::new());
        self.pending.insert(id, Pending { stage, savepoint, required: Arc::from([]), missing, fallen });
        let key = StoreKey { attempt: self.attempt, checkpoint: id, task: self.me.task };
        self.ask(Purpose::Open(id), Request::Open(key), out);
    }

    /// What is against a trigger now, and whether it is to be made up for later.
    pub(super) fn obstacle(&self, periodic: bool) -> Option<(TriggerFailure, bool)> {
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
        if self.make_up_savepoint(out) {
            return;
        }
        let periodic = self.wanted == Wanted::Periodic;
        if self.wanted != Wanted::Nothing && self.obstacle(periodic).is_none() {
            self.wanted = Wanted::Nothing;
            self.trigger(periodic, out);
        }
    }

    /// The place is prepared: the tasks that run now are required, those without running upstream are told.
    pub(super) fn opened(&mut self, id: CheckpointId, ok: bool, out: &mut Outbox) {
        let Some(savepoint) = self.pending.get(&id).map(|pending| pending.savepoint) else { return }; // given up meanwhile
        if !ok {
            self.pending.remove(&id);
            out.mark(Mark::TriggerFailed(TriggerFailure::StoreFailed));
            self.savepoint_failed(id, savepoint, out);
            self.count_failure(savepoint, out);
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
        let (stage, fallen) = (Stage::Collecting, BTreeSet::new());
        self.pending.insert(id, Pending { stage, savepoint, required, missing, fallen });
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
        self.settle_acks(id, out);
    }

    /// Nobody's ack is missing any more: from here on only the store can say how it ends.
    pub(super) fn settle_acks(&mut self, id: CheckpointId, out: &mut Outbox) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        if pending.missing.is_empty() && pending.stage == Stage::Collecting {
            pending.stage = Stage::Acknowledged;
            out.disarm(Timer::Timeout(id));
            self.publish(out);
        }
    }

    /// Completion records are written one after another, in the order in which the acks came together.
    pub(super) fn publish(&mut self, out: &mut Outbox) {
        if self.pending.values().any(|pending| pending.stage == Stage::Publishing) {
            return;
        }
        let ready = self.pending.iter_mut().find(|(_, pending)| pending.stage == Stage::Acknowledged);
        let Some((id, pending)) = ready else { return };
        pending.stage = Stage::Publishing;
        let Pending { required, fallen, savepoint, .. } = pending.clone();
        let id = *id;
        let manifest = Arc::new(self.manifest(id, &required, &fallen));
        match savepoint {
            true => self.ask(Purpose::Save(id), Request::Save(manifest), out),
            false => self.ask(Purpose::Publish(id), Request::Publish(manifest), out),
        }
    }

    /// The completion record: who was not required had finished, and regions that it does without keep what they have.
    fn manifest(&self, checkpoint: CheckpointId, required: &[TaskId], fallen: &BTreeSet<u32>) -> Manifest {
        let attempt = self.attempt;
        let mut parts = vec![Part::Finished; self.tasks.len()];
        for task in required {
            parts[task.index()] = Part::Stored(StoreKey { attempt, checkpoint, task: *task });
        }
        self.each_task(|task| parts[task.index()] = self.older_part(task, fallen).unwrap_or(parts[task.index()]));
        Manifest { checkpoint, attempt, parts }
    }

    pub(super) fn published(&mut self, id: CheckpointId, ok: bool, out: &mut Outbox) {
        let Some(pending) = self.pending.get(&id) else { return self.published_late(id, ok, out) };
        if !ok {
            self.abort(id, AbortReason::FinaliseFailed, out);
            self.count_failure(false, out);
            self.publish(out);
            return self.make_up(out);
        }
        let (required, fallen) = (pending.required.clone(), pending.fallen.clone());
        let manifest = self.manifest(id, &required, &fallen);
        self.completed.push(Arc::new(manifest));
        self.pending.remove(&id);
        self.count_regions(&fallen);
        let older = self.pending.range(..id).filter(|(_, pending)| !pending.savepoint);
        let older: Vec<CheckpointId> = older.map(|(id, _)| *id).collect();
        older.into_iter().for_each(|old| self.abort(old, AbortReason::Subsumed, out));
        self.retain(out);
        self.healthy();
        self.announce(out);
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
                let manifest = self.manifest(id, &[], &BTreeSet::new());
                self.completed.push(Arc::new(manifest));
            }
            Lead::Ended => {
                self.discard(self.attempt, id, out);
                self.discard_completed(out);
            }
            _ => self.discard(self.attempt, id, out),
        }
    }

    /// The job is through, and nobody will restore anything. What a completion record names that may still be written
    /// stays until that is known.
    pub(super) fn discard_completed(&mut self, out: &mut Outbox) {
        let published = self.asks.iter().filter_map(|ask| match &ask.request {
            Request::Publish(manifest) => Some(manifest),
            _ => None,
        });
        let named = named(published);
        let completed = std::mem::take(&mut self.completed);
        for manifest in completed {
            let one = (manifest.attempt, manifest.checkpoint);
            if named.contains(&one) {
                self.completed.push(manifest);
            } else {
                self.ask(Purpose::Discard, Request::Discard(one.0, one.1), out);
            }
        }
    }

    /// Older checkpoints go only now that a newer one is safely stored, and none of those that stay has a part of them. A
    /// part is named by where it was stored first, so that there are no references to references.
    fn retain(&mut self, out: &mut Outbox) {
        let keep = self.config.retain.max(1) as usize;
        let (older, stay) = self.completed.split_at(self.completed.len().saturating_sub(keep));
        let named = named(stay);
        let gone = older.iter().map(|manifest| (manifest.attempt, manifest.checkpoint));
        let gone: Vec<_> = gone.filter(|one| !named.contains(one)).collect();
        self.completed.retain(|manifest| !gone.contains(&(manifest.attempt, manifest.checkpoint)));
        for (attempt, id) in gone {
            self.ask(Purpose::Discard, Request::Discard(attempt, id), out);
        }
    }

    fn announce(&mut self, out: &mut Outbox) {
        self.unnoted = self.running().collect();
        for (task, held) in self.running().filter_map(|task| Some((task, self.held(task)?))) {
            out.tell(self.life(task), Control::Complete(held));
        }
        out.arm(Timer::Remind, self.config.retry);
    }

    /// The tasks that run.
    pub(super) fn running(&self) -> impl Iterator<Item = TaskId> {
        let running = self.tasks.iter().enumerate().filter(|(_, state)| **state == TaskState::Running);
        running.map(|(i, _)| TaskId(i as u32))
    }

    pub(super) fn on_decline(&mut self, from: TaskId, id: CheckpointId, reason: DeclineReason, out: &mut Outbox) {
        let Some(&Pending { stage, savepoint, .. }) = self.pending.get(&id) else { return };
        if stage != Stage::Collecting {
            return; // everybody has acknowledged: too late
        }
        if self.has_fallen_back(id, from) {
            return; // its region does without it already
        }
        self.crowded |= reason == DeclineReason::Subsumed;
        if self.fall_back(id, &[from], out) {
            return self.make_up(out);
        }
        self.abort(id, AbortReason::Declined(reason), out);
        // Only what is the job's own fault counts (Flink's CheckpointFailureManager).
        if reason == DeclineReason::StoreFailed {
            self.count_failure(savepoint, out);
        }
        self.make_up(out);
    }

    pub(super) fn expired(&mut self, id: CheckpointId, out: &mut Outbox) {
        let Some(&Pending { stage, savepoint, ref missing, .. }) = self.pending.get(&id) else { return };
        let late: Vec<TaskId> = missing.iter().copied().collect();
        if stage == Stage::Collecting && !self.fall_back(id, &late, out) {
            self.abort(id, AbortReason::Expired, out);
            self.count_failure(savepoint, out);
            self.make_up(out);
        }
    }

    /// Gives a checkpoint up: the tasks are told, what was acknowledged is discarded.
    pub(super) fn abort(&mut self, id: CheckpointId, reason: AbortReason, out: &mut Outbox) {
        let Some(pending) = self.pending.remove(&id) else { return };
        out.disarm(Timer::Timeout(id));
        if pending.stage == Stage::Opening {
            return self.savepoint_failed(id, pending.savepoint, out); // nobody has heard of it
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
        self.savepoint_failed(id, pending.savepoint, out);
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
        let unknown = attempt == self.attempt
            && self.asks.iter().any(|ask| [Purpose::Publish(id), Purpose::Save(id)].contains(&ask.purpose));
        if !complete && !unknown {
            self.ask(Purpose::Discard, Request::Discard(attempt, id), out);
        }
    }

    /// The failure of a savepoint is told to who wanted it, and no fault of the job.
    fn count_failure(&mut self, savepoint: bool, out: &mut Outbox) {
        if savepoint {
            return;
        }
        self.failures += 1;
        if self.failures > self.config.tolerable_failures {
            self.fail_job(out);
        }
    }

    pub(super) fn digest_checkpoints(&self, d: &mut Digest) {
        d.word(self.pending.len() as u64);
        for (id, pending) in &self.pending {
            d.word(id.0);
            d.word(pending.stage as u64 | (pending.savepoint as u64) << 8);
            d.word(pending.missing.len() as u64);
            pending.required.iter().for_each(|task| d.word((task.0 as u64) << 1));
            pending.missing.iter().for_each(|task| d.word((task.0 as u64) << 1 | 1));
            pending.fallen.iter().for_each(|region| d.word(!u64::from(*region)));
        }
        d.word(self.completed.len() as u64);
        self.completed.iter().for_each(|manifest| manifest.digest(d));
        self.behind.digest(d);
        self.asks.digest(d);
    }
}
