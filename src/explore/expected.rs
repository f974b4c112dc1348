//! What a job must have done where nothing is left to happen.

use super::judge::{Property, Wrong};
use crate::ids::VertexId;
use crate::trace::event::Guarantee;
use crate::verify::Invariant;
use crate::world::World;
use crate::world::ledger::Shown;
use std::collections::{BTreeMap, BTreeSet};

/// What every sink shows at an end, by vertex.
pub type Output = BTreeMap<VertexId, Shown>;

/// The ends of the same job without checkpoints and faults.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Outputs that it can end with.
    pub outputs: BTreeSet<Output>,
}

impl Expected {
    /// What is wrong with a world in which nothing happens any more.
    pub fn ends_wrong(&self, world: &World) -> Option<Wrong> {
        if world.job_ended() != Some(true) {
            let message = format!("nothing can happen any more, and the job has {}", match world.job_ended() {
                None => "not ended",
                _ => "failed",
            });
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
    vertices.filter_map(|v| Some((VertexId(v), world.ledger(VertexId(v))?.shown()?.clone()))).collect()
}
