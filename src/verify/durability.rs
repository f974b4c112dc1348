//! I4 and I5: persist before acknowledging, one durable completion.

use super::lives::{still_open, without_part};
use super::regions::Kept;
use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::{Mode, RegionLimits, Topology};
use crate::trace::StoreKey;
use crate::trace::event::{Event, Kind, Notice, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// So many completed ids are remembered. Of those before, as of all that a fold has forgotten, nothing is said.
const REMEMBERED: usize = 4096;

/// The first of a set goes, if it has more than `most`.
fn forget<K: Ord + Copy, V>(set: &mut BTreeMap<K, V>, most: usize, forgotten: &mut Option<K>) {
    if set.len() > most {
        *forgotten = (*forgotten).max(set.pop_first().map(|(key, _)| key));
    }
}

/// The fold.
#[derive(Clone, Debug)]
pub struct Durability {
    topology: Arc<Topology>,
    /// Parts may be of several checkpoints.
    lines: bool,
    /// Parts may be those of the checkpoint before.
    kept: Option<Kept>,
    /// Durable and not yet part of a completed checkpoint: acknowledged?
    stored: BTreeMap<StoreKey, bool>,
    required: BTreeMap<(Attempt, CheckpointId), Arc<[TaskId]>>,
    completed: BTreeSet<CheckpointId>,
    finished: BTreeSet<(TaskId, Attempt)>,
    without_part: BTreeMap<CheckpointId, Vec<TaskId>>,
    begun: BTreeMap<Attempt, Option<CheckpointId>>,
    /// The newest that was forgotten of `stored`, `completed`, `begun`.
    forgotten: (Option<StoreKey>, Option<CheckpointId>, Option<Attempt>),
    first: [Option<Box<Violation>>; 2],
    unknown: [Option<String>; 2],
}

impl Durability {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>, mode: Mode, regions: Option<RegionLimits>) -> Self {
        Durability {
            kept: regions.map(|limits| Kept::new(topology, limits)),
            lines: mode == Mode::Alone,
            topology: topology.clone(),
            stored: BTreeMap::new(),
            required: BTreeMap::new(),
            completed: BTreeSet::new(),
            finished: BTreeSet::new(),
            without_part: BTreeMap::new(),
            begun: BTreeMap::new(),
            forgotten: (None, None, None),
            first: [None, None],
            unknown: [None, None],
        }
    }

    /// The next line.
    pub fn observe(&mut self, event: &Event) -> Seen {
        let seen = match &event.kind {
            Kind::Put { key, outcome: Outcome::Ok, .. } => {
                self.stored.entry(*key).or_insert(false);
                forget(&mut self.stored, 64 * self.topology.len(), &mut self.forgotten.0);
                Ok(())
            }
            Kind::Ack { checkpoint } => self.ack(event, *checkpoint),
            Kind::Trigger { checkpoint, required, job } => self.trigger(event, *checkpoint, required, *job),
            Kind::Complete { checkpoint, job, parts, outcome: Outcome::Ok, .. } => {
                self.complete(event, *checkpoint, *job, parts)
            }
            Kind::Savepoint { checkpoint, job, parts, outcome: Outcome::Ok, .. } => {
                self.covered(event, *checkpoint, *job, parts)
            }
            Kind::Notify { checkpoint, what: Notice::Complete, .. } if !self.is_complete(*checkpoint) => {
                let what = format!("{checkpoint} is announced as complete without a completion record");
                Err(Violation::new(Invariant::I5, event, what).checkpoint(*checkpoint))
            }
            Kind::Begin { job, base, outcome: Outcome::Ok, .. } => {
                self.begun.insert(*job, *base);
                forget(&mut self.begun, 64, &mut self.forgotten.2);
                self.exists(event, *base)
            }
            Kind::Restore { base, finished, .. } => {
                if *finished {
                    self.finished.insert((event.process, event.attempt));
                }
                self.exists(event, *base)
            }
            Kind::Finish { .. } if event.process.index() < self.topology.len() => {
                self.finished.insert((event.process, event.attempt));
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(violation) = &seen {
            let i = (violation.invariant == Invariant::I5) as usize;
            self.first[i].get_or_insert_with(|| violation.clone());
        }
        seen
    }

    /// As far as is known.
    fn is_complete(&mut self, id: CheckpointId) -> bool {
        let known = self.completed.contains(&id);
        if !known && Some(id) <= self.forgotten.1 {
            self.unknown[1].get_or_insert_with(|| format!("whether {id} was completed is too long ago"));
            return true;
        }
        known
    }

    /// What isn't known to be stored may have been, long ago.
    fn too_long_ago(&mut self, key: &StoreKey) -> bool {
        let forgotten = Some(*key) <= self.forgotten.0;
        if forgotten {
            let StoreKey { attempt, checkpoint, task } = key;
            let name = self.topology.name(*task);
            let what = || format!("whether the part of {name} {attempt} of {checkpoint} was stored is too long ago");
            self.unknown[0].get_or_insert_with(what);
        }
        forgotten
    }

    fn exists(&mut self, event: &Event, base: Option<CheckpointId>) -> Seen {
        match base {
            Some(base) if !self.is_complete(base) => {
                let what = format!("{base} is restored without a completion record");
                Err(Violation::new(Invariant::I5, event, what).checkpoint(base))
            }
            _ => Ok(()),
        }
    }

    fn ack(&mut self, event: &Event, checkpoint: CheckpointId) -> Seen {
        let key = StoreKey { attempt: event.attempt, checkpoint, task: event.process };
        if let Some(acked) = self.stored.get_mut(&key) {
            *acked = true;
            return Ok(());
        }
        // Repeated after the completion, which took the entry away.
        let repeated = self.completed.last().is_some_and(|newest| *newest >= checkpoint);
        if repeated || self.too_long_ago(&key) {
            return Ok(());
        }
        let what =
            format!("{} acknowledges {checkpoint} and its snapshot is not durable", self.topology.name(event.process));
        Err(Violation::new(Invariant::I4, event, what).checkpoint(checkpoint))
    }

    fn has_finished(&self, task: TaskId, job: Attempt) -> bool {
        let base = self.begun.get(&job).copied().flatten();
        self.finished.contains(&(task, job))
            || base.and_then(|base| self.without_part.get(&base)).is_some_and(|tasks| tasks.contains(&task))
    }

    fn trigger(&mut self, event: &Event, id: CheckpointId, required: &Arc<[TaskId]>, job: Attempt) -> Seen {
        self.required.insert((job, id), required.clone());
        if self.required.len() > 256 {
            self.required.pop_first();
        }
        let asked: BTreeSet<TaskId> = required.iter().copied().collect();
        for task in (0..self.topology.len() as u32).map(TaskId).filter(|task| !asked.contains(task)) {
            if !self.has_finished(task, job) {
                if Some(job) <= self.forgotten.2 {
                    self.unknown[0].get_or_insert_with(|| format!("what job {job} began with is too long ago"));
                    continue;
                }
                let name = self.topology.name(task);
                let what = format!("{id} does not require {name}, which has not finished");
                return Err(Violation::new(Invariant::I4, event, what).checkpoint(id));
            }
        }
        Ok(())
    }

    fn complete(&mut self, event: &Event, id: CheckpointId, job: Attempt, parts: &Arc<[StoreKey]>) -> Seen {
        let again = !self.completed.insert(id);
        if self.completed.len() > REMEMBERED {
            self.forgotten.1 = self.forgotten.1.max(self.completed.pop_first());
        }
        let mut result = self.covered(event, id, job, parts);
        let topology = &self.topology;
        if let Some(problem) = self.kept.as_mut().and_then(|kept| kept.complete(topology, id, job, parts)) {
            let what = format!("{id} is complete, and {problem}");
            result = result.and(Err(Violation::new(Invariant::I4, event, what).checkpoint(id)));
        }
        self.without_part.insert(id, without_part(self.topology.len(), parts));
        if self.without_part.len() > 4 {
            self.without_part.pop_first();
        }
        self.required.retain(|(j, c), _| *j > job || (*j == job && still_open(*c, id)));
        // A zombie may still acknowledge what it stored, under an id that this attempt has yet to reach.
        if self.lines {
            // No line goes back behind an older one.
            let on_line: BTreeMap<TaskId, CheckpointId> = parts.iter().map(|key| (key.task, key.checkpoint)).collect();
            let before = |key: &StoreKey| on_line.get(&key.task).is_some_and(|member| key.checkpoint < *member);
            self.stored.retain(|key, acked| !(*acked && key.attempt == job && before(key)));
        } else {
            self.stored.retain(|key, _| key.attempt > job || still_open(key.checkpoint, id));
        }
        if again {
            let what = format!("{id} is completed a second time");
            return Err(Violation::new(Invariant::I5, event, what).checkpoint(id));
        }
        result
    }

    fn covered(&mut self, event: &Event, id: CheckpointId, job: Attempt, parts: &[StoreKey]) -> Seen {
        let wrong = |what: String| Err(Violation::new(Invariant::I4, event, what).checkpoint(id));
        let topology = self.topology.clone();
        let Some(required) = self.required.get(&(job, id)).cloned() else {
            self.unknown[0] = Some(format!("{id} is complete and no line says what it required"));
            return Ok(());
        };
        let listed: BTreeMap<TaskId, &StoreKey> = parts.iter().map(|key| (key.task, key)).collect();
        for task in required.iter() {
            let name = || topology.name(*task);
            let Some(key) = listed.get(task).copied() else {
                return wrong(format!("{id} is complete without the part of {}", name()));
            };
            if self.keeps(event, key) {
                continue; // it was acknowledged when it was new
            }
            match self.stored.get(key).copied() {
                None if self.too_long_ago(key) => {}
                None => return wrong(format!("{id} is complete and the part of {} is not durable", name())),
                Some(false) => return wrong(format!("{id} is complete and {} has not acknowledged it", name())),
                Some(true) if key.checkpoint != id && !self.lines => {
                    return wrong(format!("{id} is complete with a part of {} of {}", key.checkpoint, name()));
                }
                Some(true) => {}
            }
        }
        let asked: BTreeSet<TaskId> = required.iter().copied().collect();
        match parts.iter().find(|key| !asked.contains(&key.task) && !self.keeps(event, key)) {
            Some(key) => {
                wrong(format!("{id} has a part of {}, which it did not require", self.topology.name(key.task)))
            }
            None => Ok(()),
        }
    }

    /// May a checkpoint have this part from the one before? A savepoint may not.
    fn keeps(&self, event: &Event, key: &StoreKey) -> bool {
        matches!(event.kind, Kind::Complete { .. }) && self.kept.as_ref().is_some_and(|kept| kept.has(key))
    }

    /// Is nothing left to find?
    pub(crate) fn over(&self) -> bool {
        self.first.iter().all(|first| first.is_some())
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        let say = |i: usize, unknown: &Option<String>| match (&self.first[i], unknown) {
            (Some(violation), _) => Verdict::Violated(violation.clone()),
            (None, Some(why)) => Verdict::Undecided(why.clone()),
            (None, None) => Verdict::Holds,
        };
        vec![(Invariant::I4, say(0, &self.unknown[0])), (Invariant::I5, say(1, &self.unknown[1]))]
    }
}
