//! Worlds for snapshots of systems whose channels run in circles: see `protocols::chandy_lamport`.

use crate::protocols::chandy_lamport::Instance;
use crate::world::setup::Setup;
use std::sync::Arc;

/// What a world of this instance is made from; none if there is no such size.
pub fn setup(instance: &Instance) -> Option<Arc<Setup>> {
    let Instance { processes, shape, sends, initiators, recording } = instance;
    let name = format!("chandy-lamport P{processes} {shape:?} S{sends} {initiators:?} {recording:?}");
    Some(Setup::of_instance(name, instance.graph(), instance.config(), instance.spawn()?, Vec::new()))
}
