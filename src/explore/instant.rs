//! Worlds for protocols that are sized by an instance: requests that nobody waits for are done at once.

use crate::engine::config::Config;
use crate::engine::process::Spawn;
use crate::ids::HostId;
use crate::topology::{JobGraph, Topology};
use crate::trace::event::Guarantee;
use crate::world::setup::{Log, Setup};
use std::sync::Arc;

/// What such a world is made from.
pub fn setup(name: String, graph: JobGraph, config: Config, spawn: Spawn, logs: Vec<Log>) -> Arc<Setup> {
    let topology = Arc::new(Topology::build(graph));
    Arc::new(Setup {
        name,
        hosts: vec![HostId(0); topology.len()],
        topology,
        config: Arc::new(config),
        spawn,
        guarantee: Guarantee::ExactlyOnce,
        logs,
        transaction_timeout: None,
        remember: true,
        instant: true,
        healed_events_max: 1_000_000,
    })
}
