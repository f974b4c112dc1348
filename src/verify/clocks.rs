//! I1 once more, by vector clocks: slow, simple and independent of the counting fold. An oracle for tests.
//!
//! A cut is consistent iff for all p and q of it, what q's cut knows of p is inside p's cut (Mattern 1989).

use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind, Meta, Outcome};
use std::collections::BTreeMap;

type Clock = BTreeMap<(TaskId, Attempt), u64>;

/// The completed checkpoints whose cut is not consistent, in the order of their completion.
pub fn inconsistent(meta: &Meta, events: &[Event]) -> Vec<CheckpointId> {
    let tasks = Topology::build(meta.graph.clone()).len();
    let mut clocks: BTreeMap<(TaskId, Attempt), Clock> = BTreeMap::new();
    let mut messages: BTreeMap<(Attempt, ChannelId, u64), Clock> = BTreeMap::new();
    let mut cuts: BTreeMap<(Attempt, CheckpointId, TaskId), Clock> = BTreeMap::new();
    let mut found = Vec::new();
    for event in events.iter().filter(|event| event.process.index() < tasks || is_complete(event)) {
        let life = (event.process, event.attempt);
        let clock = clocks.entry(life).or_default();
        *clock.entry(life).or_insert(0) += 1;
        match &event.kind {
            Kind::Send { channel, m, .. } => {
                messages.insert((event.attempt, *channel, *m), clock.clone());
            }
            // What was put back at a restore was sent in an earlier attempt, inside the restored cut.
            Kind::Apply { channel, m } => {
                for (other, known) in messages.get(&(event.attempt, *channel, *m)).into_iter().flatten() {
                    let own = clock.entry(*other).or_insert(0);
                    *own = (*own).max(*known);
                }
            }
            Kind::Snap { checkpoint, .. } => {
                cuts.insert((event.attempt, *checkpoint, event.process), clock.clone());
            }
            Kind::Complete { checkpoint, parts, .. } => {
                let members: Vec<_> = parts
                    .iter()
                    .filter_map(|key| {
                        Some(((key.task, key.attempt), cuts.get(&(key.attempt, key.checkpoint, key.task))?))
                    })
                    .collect();
                let ahead = |(p, own): &((TaskId, Attempt), &Clock)| members.iter().any(|(_, q)| q.get(p) > own.get(p));
                if members.iter().any(ahead) {
                    found.push(*checkpoint);
                }
            }
            _ => {}
        }
    }
    found
}

fn is_complete(event: &Event) -> bool {
    matches!(event.kind, Kind::Complete { outcome: Outcome::Ok, .. })
}
