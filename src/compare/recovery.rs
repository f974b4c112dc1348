//! What a failure costs: how long nobody works, and what is done a second time.

use super::measure::Measure;
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// One partition in one attempt.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    restored: u64,
    /// How far it had been read by anybody before.
    before: u64,
    end: u64,
}

/// The fold.
#[derive(Clone, Debug, Default)]
pub(super) struct Recovery {
    failed_at: Option<u64>,
    /// The attempt that is being deployed, when what it recovers from happened, and who is missing.
    deploying: Option<(Attempt, u64, BTreeSet<TaskId>)>,
    /// When what is being caught up with happened, and the partitions that haven't got there.
    behind: Option<(Attempt, u64, BTreeSet<PartitionId>)>,
    read: BTreeMap<PartitionId, u64>,
    stretches: BTreeMap<(Attempt, PartitionId), Stretch>,
    applied: BTreeMap<ChannelId, u64>,
    /// The same as of the last failure.
    applied_before: BTreeMap<ChannelId, u64>,
}

impl Recovery {
    pub(super) fn observe(&mut self, topology: &Topology, event: &Event, m: &mut Measure) {
        let now = event.time.0;
        match &event.kind {
            Kind::Crash => drop(self.failed_at.get_or_insert(now)),
            Kind::Begin { job, outcome: Outcome::Ok, .. } if job.0 > 1 => {
                let since = self.failed_at.take().unwrap_or(now);
                self.applied_before = self.applied.clone();
                let tasks = (0..topology.len() as u32).map(TaskId).collect();
                self.deploying = Some((*job, since, tasks));
                self.behind = Some((*job, since, BTreeSet::new()));
            }
            Kind::Restore { offsets, finished, .. } => {
                let known = |p: PartitionId| offsets.iter().find(|(partition, _)| *partition == p).map_or(0, |o| o.1.0);
                let own = topology.subtasks[event.process.index()].partitions.iter();
                let partitions = own.filter(|_| !finished).map(|p| (*p, known(*p))).collect::<Vec<_>>();
                self.restored(event, &partitions, m);
            }
            Kind::Read { partition, record } => self.reads(event, *partition, record.id.offset.0 + 1, m),
            Kind::Apply { channel, m: number } => {
                m.applied += 1;
                let next = self.applied.entry(*channel).or_default();
                // Where there is no order, a small number needn't be an old one.
                let fifo = topology.channels[channel.index()].fifo;
                let known = if fifo { *next } else { self.applied_before.get(channel).copied().unwrap_or(0) };
                m.applied_again += u64::from(*number < known);
                *next = (*next).max(number + 1);
            }
            _ => {}
        }
    }

    fn restored(&mut self, event: &Event, partitions: &[(PartitionId, u64)], m: &mut Measure) {
        for (partition, restored) in partitions {
            let before = self.read.get(partition).copied().unwrap_or(0);
            let stretch = Stretch { restored: *restored, before, end: *restored };
            self.stretches.insert((event.attempt, *partition), stretch);
            if let Some((attempt, _, missing)) = &mut self.behind
                && *attempt == event.attempt
                && *restored < before
            {
                missing.insert(*partition);
            }
        }
        let Some((attempt, since, missing)) = &mut self.deploying else { return };
        if *attempt == event.attempt {
            missing.remove(&event.process);
            if missing.is_empty() {
                m.recoveries += 1;
                m.down += event.time.0 - *since;
                self.deploying = None;
                self.settle(event.time.0, m);
            }
        }
    }

    fn settle(&mut self, now: u64, m: &mut Measure) {
        if let (None, Some((_, since, missing))) = (&self.deploying, &self.behind)
            && missing.is_empty()
        {
            m.behind += now - since;
            m.caught_up += 1;
            self.behind = None;
        }
    }

    fn reads(&mut self, event: &Event, partition: PartitionId, end: u64, m: &mut Measure) {
        let known = self.read.entry(partition).or_default();
        m.records += u64::from(end > *known);
        *known = (*known).max(end);
        if let Some(stretch) = self.stretches.get_mut(&(event.attempt, partition)) {
            m.again.measured += u64::from(end <= stretch.before);
            stretch.end = stretch.end.max(end);
        }
        if let Some((attempt, _, missing)) = &mut self.behind
            && *attempt == event.attempt
            && self.stretches.get(&(event.attempt, partition)).is_some_and(|stretch| end >= stretch.before)
        {
            missing.remove(&partition);
            self.settle(event.time.0, m);
        }
    }

    /// What should have been read again: from where an attempt was restored to where it got, as far as that had been
    /// read before.
    pub(super) fn finish(&self, m: &mut Measure) {
        let again = self.stretches.values().map(|s| s.end.min(s.before).saturating_sub(s.restored));
        m.again.form = again.sum();
    }
}
