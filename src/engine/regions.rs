//! Checkpoints that do without some regions (FLIP-600).
//!
//! A region is what channels connect: nothing flows between two of them, so that a cut of one goes with any cut of the
//! other. Where one can't take part in a checkpoint, the completion record names, for all of its subtasks, the parts that
//! the newest completed one has of them. For them nothing has completed: their sinks commit nothing, and they are told
//! once more of the checkpoint that they were last part of.

use super::checkpoints::{Pending, Stage};
use super::config::Mode;
use super::coordinator::Coordinator;
use super::message::*;
use super::snapshot::{Manifest, Part};
use crate::digest::Digest;
use crate::ids::*;
use crate::topology::{Role, Topology};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which subtask is in which region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    of: Arc<[u32]>,
    count: u32,
}

impl Regions {
    /// What channels connect.
    pub fn connected(topology: &Topology) -> Self {
        Self::new(topology.regions())
    }

    /// By subtask, the number of its region. Whatever is connected must be in one: a checkpoint is no consistent cut
    /// otherwise.
    pub fn new(of: Vec<u32>) -> Self {
        let count = of.iter().max().map_or(0, |last| last + 1);
        Regions { of: of.into(), count }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The region of a subtask.
    pub fn of(&self, task: TaskId) -> u32 {
        self.of[task.index()]
    }
}

/// What a coordinator knows of regions. Without the mode: nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Behind {
    regions: Regions,
    /// By region, how often in a row it kept an older state in the newest completed checkpoints.
    times: Vec<u32>,
}

impl Behind {
    /// Nobody is behind.
    pub(super) fn none(regions: Regions) -> Self {
        Behind { times: vec![0; regions.count() as usize], regions }
    }

    /// Adds the canonical encoding.
    pub(super) fn digest(&self, d: &mut Digest) {
        self.times.iter().for_each(|times| d.word(*times as u64));
    }

    /// What another coordinator, or an earlier attempt, has counted is not known: at most one time for each number
    /// between the checkpoint and the one that it takes the region's state from.
    fn restored(&mut self, newest: Option<&Arc<Manifest>>, most: u32) {
        self.times.fill(0);
        let Some(newest) = newest else { return };
        for (part, region) in newest.parts.iter().zip(self.regions.of.iter()) {
            if let Part::Stored(key) = part {
                let between = newest.checkpoint.0.saturating_sub(key.checkpoint.0).min(most as u64);
                let times = &mut self.times[*region as usize];
                *times = between.max(*times as u64) as u32;
            }
        }
    }
}

impl Coordinator {
    /// A new attempt goes on from the newest completed checkpoint.
    pub(super) fn regions_restored(&mut self) {
        if self.config.mode == Mode::Regional {
            self.behind.restored(self.completed.last(), self.config.regions.max_in_a_row);
        }
    }

    /// These subtasks can't take part in a pending checkpoint: it goes on without their regions. False, and nothing
    /// happens: it can't.
    pub(super) fn fall_back(&mut self, id: CheckpointId, tasks: &[TaskId], out: &mut Outbox) -> bool {
        let Some(pending) = self.pending.get(&id) else { return false };
        let more = self.regions_of(tasks, &pending.fallen);
        if !self.may_fall_back(id, pending, &more) {
            return false;
        }
        let regions = &self.behind.regions;
        let pending = self.pending.get_mut(&id).expect("it is pending");
        pending.missing.retain(|task| !more.contains(&regions.of(*task)));
        pending.fallen.extend(&more);
        for task in self.running().filter(|task| more.contains(&self.behind.regions.of(*task))) {
            out.tell(self.life(task), Control::Abort(id));
        }
        self.settle_acks(id, out);
        true
    }

    /// Does this subtask's region do without a pending checkpoint?
    pub(super) fn has_fallen_back(&self, id: CheckpointId, task: TaskId) -> bool {
        let fallen = self.pending.get(&id).map(|pending| &pending.fallen);
        fallen.is_some_and(|fallen| !fallen.is_empty() && fallen.contains(&self.behind.regions.of(task)))
    }

    fn regions_of(&self, tasks: &[TaskId], known: &BTreeSet<u32>) -> BTreeSet<u32> {
        if self.config.mode != Mode::Regional {
            return BTreeSet::new();
        }
        let regions = tasks.iter().map(|task| self.behind.regions.of(*task));
        regions.filter(|region| !known.contains(region)).collect()
    }

    /// Savepoints are of everybody, whoever wants them, and so is what may be the last checkpoint: one behind the end of all input.
    fn may_fall_back(&self, id: CheckpointId, pending: &Pending, more: &BTreeSet<u32>) -> bool {
        let (limits, regions) = (self.config.regions, &self.behind.regions);
        let savepoint = pending.savepoint || self.stopping.is_at(id);
        if more.is_empty() || self.completed.is_empty() || savepoint || pending.stage != Stage::Collecting {
            return false;
        }
        let reads = |task: &TaskId| matches!(self.topology.vertex(*task).role, Role::Source { .. });
        if !pending.required.iter().any(reads) {
            return false;
        }
        // Others that are pending may complete before this one.
        let times = |region: &u32| {
            let others = self.pending.iter().filter(|(other, p)| **other != id && p.fallen.contains(region));
            u64::from(self.behind.times[*region as usize]) + others.count() as u64
        };
        let fallen = |region: u32| pending.fallen.contains(&region) || more.contains(&region);
        let count = (pending.fallen.len() + more.len()) as u64;
        more.iter().all(|region| times(region) < u64::from(limits.max_in_a_row))
            && count * 100 <= u64::from(limits.max_failed_percent) * u64::from(regions.count())
            && pending.required.iter().any(|task| !fallen(regions.of(*task)))
    }

    /// What a completion record says of a subtask whose region does without the checkpoint.
    pub(super) fn older_part(&self, task: TaskId, fallen: &BTreeSet<u32>) -> Option<Part> {
        if fallen.is_empty() || !fallen.contains(&self.behind.regions.of(task)) {
            return None;
        }
        self.completed.last().map(|newest| newest.parts[task.index()])
    }

    /// A checkpoint is complete without these regions.
    pub(super) fn count_regions(&mut self, fallen: &BTreeSet<u32>) {
        for (region, times) in self.behind.times.iter_mut().enumerate() {
            *times = if fallen.contains(&(region as u32)) { *times + 1 } else { 0 };
        }
    }

    /// The checkpoint that the newest completed one has a subtask's state from: of that it may act upon the completion.
    pub(super) fn held(&self, task: TaskId) -> Option<CheckpointId> {
        let newest = self.completed.last()?;
        match newest.parts[task.index()] {
            Part::Stored(key) if self.config.mode == Mode::Regional => Some(key.checkpoint),
            _ => Some(newest.checkpoint),
        }
    }
}
