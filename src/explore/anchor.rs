//! Worlds for the anchor, whose states others have counted: see `protocols::anchor`.

use crate::protocols::anchor::Instance;
use crate::world::setup::{Log, Setup};
use std::sync::Arc;

/// What a world of this instance is made from; none if the instance is too large.
pub fn setup(instance: &Instance) -> Option<Arc<Setup>> {
    let Instance { sources, records, middles, checkpoints, .. } = *instance;
    let log = Log::Numbers { records, keys: 1, values: 1, skew_tenths: 0, salt: 0 };
    let name = format!("anchor S{sources} R{records} M{middles} K{checkpoints}");
    let logs = vec![log; sources as usize];
    Some(Setup::of_instance(name, instance.graph(), instance.config(), instance.spawn()?, logs))
}
