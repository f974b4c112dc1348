//! Worlds for the anchor, whose states others have counted: see `protocols::anchor`.

use crate::ids::*;
use crate::protocols::anchor::Instance;
use crate::topology::Topology;
use crate::trace::event::Guarantee;
use crate::world::setup::{Log, Setup};
use std::sync::Arc;

/// What a world of this instance is made from; none if the instance is too large.
pub fn setup(instance: &Instance) -> Option<Arc<Setup>> {
    let topology = Arc::new(Topology::build(instance.graph()));
    let log = Log::Numbers { records: instance.records, keys: 1, values: 1, skew_tenths: 0, salt: 0 };
    let Instance { sources, records, middles, checkpoints, .. } = instance;
    Some(Arc::new(Setup {
        name: format!("anchor S{sources} R{records} M{middles} K{checkpoints}"),
        hosts: vec![HostId(0); topology.len()],
        topology,
        config: Arc::new(instance.config()),
        spawn: instance.spawn()?,
        guarantee: Guarantee::ExactlyOnce,
        logs: vec![log; instance.sources as usize],
        transaction_timeout: None,
        remember: true,
        instant: true,
        healed_events_max: 1_000_000,
    }))
}
