//! What a job must have done where nothing is left to happen.

use super::judge::{Property, Wrong};
use crate::ids::{RecordId, VertexId};
use crate::trace::event::{Event, Guarantee, Kind};
use crate::verify::Invariant;
use crate::world::World;
use crate::world::ledger::Seen;
use std::collections::{BTreeMap, BTreeSet};

/// What every sink shows at an end, by vertex.
pub type Output = BTreeMap<VertexId, Seen>;

/// The ends of the same job without checkpoints and faults.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Outputs that it can end with.
    outputs: BTreeSet<Output>,
    /// How often a sink shows a record at most.
    most: BTreeMap<(VertexId, RecordId), u32>,
}

impl Expected {
    /// These are the ends.
    pub fn new(outputs: BTreeSet<Output>) -> Self {
        let mut most = BTreeMap::new();
        for (vertex, shown) in outputs.iter().flatten() {
            let mut times: BTreeMap<RecordId, u32> = BTreeMap::new();
            shown.iter().for_each(|(record, n)| *times.entry(record.id).or_default() += n);
            for (id, n) in times {
                let known: &mut u32 = most.entry((*vertex, id)).or_default();
                *known = n.max(*known);
            }
        }
        Expected { outputs, most }
    }

    /// What is wrong with output that has just become visible: more of a record than any such end shows.
    pub fn shown_wrong(&self, world: &World, events: &[Event]) -> Option<Wrong> {
        let topology = &world.setup().topology;
        events.iter().find_map(|event| {
            let Kind::Visible { record, .. } = &event.kind else { return None };
            let vertex = VertexId(event.process.0 - topology.store().0 - 1);
            let shown = world.ledger(vertex)?.seen()?;
            let times: u32 = shown.iter().filter(|(other, _)| other.id == record.id).map(|(_, n)| n).sum();
            let most = self.most.get(&(vertex, record.id)).copied().unwrap_or(0);
            let message = format!(
                "{} shows output of record {} {times} times, and a run without faults {most} times at most",
                topology.name(event.process),
                record.id
            );
            (times > most).then(|| Wrong::new(Property::Invariant(Invariant::I9), message))
        })
    }

    /// What is wrong with a world in which nothing happens any more.
    pub fn ends_wrong(&self, world: &World) -> Option<Wrong> {
        if world.job_ended() != Some(true) {
            let message = format!(
                "nothing can happen any more, and the job has {}",
                match world.job_ended() {
                    None => "not ended",
                    _ => "failed",
                }
            );
            return Some(Wrong::new(Property::NoDeadlock, message));
        }
        if world.setup().guarantee != Guarantee::ExactlyOnce || self.outputs.is_empty() {
            return None;
        }
        let output = output(world);
        if self.outputs.contains(&output) {
            return None;
        }
        let count = |output: &Output| output.values().flat_map(|shown| shown.values()).map(|n| *n as u64).sum::<u64>();
        let usual = self.outputs.iter().map(count).max().unwrap_or(0);
        let message = format!(
            "the job has ended with {} records of output that no run without faults ends with ({usual} there)",
            count(&output)
        );
        Some(Wrong::new(Property::Invariant(Invariant::I9), message))
    }
}

/// What the sinks show.
pub fn output(world: &World) -> Output {
    let vertices = 0..world.setup().topology.graph.vertices.len() as u32;
    vertices.filter_map(|v| Some((VertexId(v), world.ledger(VertexId(v))?.seen()?.clone()))).collect()
}
