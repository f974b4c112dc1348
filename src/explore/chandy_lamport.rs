//! Worlds for snapshots of systems whose channels run in circles: see `protocols::chandy_lamport`.

use crate::ids::*;
use crate::protocols::chandy_lamport::Instance;
use crate::topology::Topology;
use crate::trace::event::Guarantee;
use crate::world::setup::Setup;
use std::sync::Arc;

/// What a world of this instance is made from; none if there is no such size.
pub fn setup(instance: &Instance) -> Option<Arc<Setup>> {
    let topology = Arc::new(Topology::build(instance.graph()));
    let Instance { processes, shape, sends, initiators, recording } = instance;
    Some(Arc::new(Setup {
        name: format!("chandy-lamport P{processes} {shape:?} S{sends} {initiators:?} {recording:?}"),
        hosts: vec![HostId(0); topology.len()],
        topology,
        config: Arc::new(instance.config()),
        spawn: instance.spawn()?,
        guarantee: Guarantee::ExactlyOnce,
        logs: Vec::new(),
        transaction_timeout: None,
        remember: true,
        instant: true,
        healed_events_max: 1_000_000,
    }))
}
