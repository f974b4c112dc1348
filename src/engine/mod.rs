//! The product: barrier alignment, snapshots, coordinator, recovery and two-phase sinks as pure state
//! machines. The room knows no driver, no clock, no file, no thread and no random number.

pub mod asks;
pub mod checkpoints;
pub mod chunks;
pub mod config;
pub mod coordinator;
mod encode;
pub mod gate;
pub mod inbox;
pub mod keyed;
pub mod message;
pub mod operator;
pub mod operators;
pub mod pairs;
pub mod process;
pub mod redistribute;
pub mod regions;
pub mod router;
mod savepoints;
pub mod shared;
pub mod sink;
pub mod snapshot;
pub mod source;
pub mod subtask;
pub mod subtask_control;
mod tracker;
mod wishes;

use config::Config;
use coordinator::Coordinator;
use gate::Gate;
use process::Process;
use std::sync::Arc;
use subtask::Subtask;

use crate::ids::{Incarnation, InputSet};
use crate::topology::Topology;

/// The honest engine: the process of any task of a job.
pub fn spawn(topology: &Arc<Topology>, config: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    if who.task == topology.coordinator() {
        return Box::new(Coordinator::new(topology, config, who));
    }
    let inputs = topology.subtasks[who.task.index()].inputs.len();
    let gate = Gate::new(config.mode, inputs, config.checkpoint_after_end, &InputSet::new());
    Box::new(Subtask::new(topology, config, who, gate))
}
