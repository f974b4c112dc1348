//! How long a record takes from the moment it is read to the moment its output can be seen.

use crate::ids::*;
use crate::trace::event::{Event, Kind, Outcome};
use std::collections::BTreeMap;

/// Sums over records that became visible. Times are nanoseconds of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many.
    pub seen: u64,
    /// From the first time that the record was read.
    pub total: u64,
    /// The longest of these.
    pub worst: u64,
    /// From the completion record that let it be committed.
    pub commit: u64,
    /// How many were committed after one.
    pub committed: u64,
    /// From the beginning until the last record was read: what comes after that is no work.
    pub work: u64,
}

impl Latency {
    /// Adds the sums of other runs.
    pub fn add(&mut self, other: &Latency) {
        self.seen += other.seen;
        self.total += other.total;
        self.worst = self.worst.max(other.worst);
        self.commit += other.commit;
        self.committed += other.committed;
        self.work += other.work;
    }
}

/// What a trace tells of one run.
pub fn latency(trace: &[Event]) -> Latency {
    let mut sums = Latency::default();
    let mut read: BTreeMap<(PartitionId, Offset), u64> = BTreeMap::new();
    let mut completed = None;
    for event in trace {
        let now = event.time.0;
        match &event.kind {
            Kind::Read { partition, record } => {
                read.entry((*partition, record.id.offset)).or_insert(now);
                sums.work = now;
            }
            Kind::Complete { outcome: Outcome::Ok, .. } => completed = Some(now),
            Kind::Visible { record, txn, .. } => {
                if let Some(since) = read.get(&(record.id.partition, record.id.offset)) {
                    sums.seen += 1;
                    sums.total += now - since;
                    sums.worst = sums.worst.max(now - since);
                }
                if let (Some(_), Some(at)) = (txn, completed) {
                    sums.committed += 1;
                    sums.commit += now - at;
                }
            }
            _ => {}
        }
    }
    sums
}
