//! What a checkpoint may have from the one before: for I4 and I14, where the header says that regions may keep an older
//! state. That such a checkpoint is a consistent cut is for I1 and I2 to say, channel by channel.

use crate::ids::*;
use crate::topology::{RegionLimits, Topology};
use crate::trace::StoreKey;
use std::collections::BTreeMap;

/// What is remembered of completed checkpoints.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    limits: RegionLimits,
    /// By subtask, the first subtask that it is connected with.
    region: Vec<u32>,
    /// The parts of the newest one.
    newest: BTreeMap<TaskId, StoreKey>,
    /// By region, how often in a row it kept an older state.
    times: BTreeMap<u32, u32>,
}

impl Kept {
    /// Nothing is complete.
    pub fn new(topology: &Topology, limits: RegionLimits) -> Self {
        let mut region: Vec<u32> = (0..topology.len() as u32).collect();
        // Everybody takes the smaller name of the two ends of a channel, until nobody has a smaller one to give.
        let mut changed = true;
        while changed {
            changed = false;
            for channel in topology.channels.iter() {
                let (from, to) = (channel.from.index(), channel.to.index());
                let least = region[from].min(region[to]);
                changed |= region[from] != region[to];
                (region[from], region[to]) = (least, least);
            }
        }
        Kept { limits, region, newest: BTreeMap::new(), times: BTreeMap::new() }
    }

    /// Is this a part of the newest completed checkpoint?
    pub fn has(&self, key: &StoreKey) -> bool {
        self.newest.get(&key.task) == Some(key)
    }

    /// A checkpoint is complete. What is wrong with how much of it is older.
    pub fn complete(
        &mut self,
        topology: &Topology,
        id: CheckpointId,
        job: Attempt,
        parts: &[StoreKey],
    ) -> Option<String> {
        let parts = || parts.iter().filter(|key| key.task.index() < self.region.len());
        let older = |key: &&StoreKey| (key.checkpoint, key.attempt) != (id, job);
        let times: BTreeMap<u32, u32> = parts()
            .filter(older)
            .map(|key| self.region[key.task.index()])
            .map(|region| (region, self.times.get(&region).map_or(1, |times| times + 1)))
            .collect();
        self.newest = parts().map(|key| (key.task, *key)).collect();
        self.times = times;
        let regions = self.region.iter().enumerate().filter(|(task, region)| *task as u32 == **region).count();
        let RegionLimits { max_failed_percent, max_in_a_row } = self.limits;
        let kept = self.times.len();
        if kept as u64 * 100 > u64::from(max_failed_percent) * regions as u64 {
            return Some(format!(
                "{kept} of {regions} regions keep an older state, and {max_failed_percent} of 100 may"
            ));
        }
        let (region, times) = self.times.iter().find(|(_, times)| **times > max_in_a_row)?;
        let name = topology.name(TaskId(*region));
        Some(format!("the region of {name} keeps an older state {times} times in a row, and {max_in_a_row} may"))
    }
}
