//! Settings of the protocols that are sized by an instance. Only a clock looks at most of them.

use crate::engine::config::{Config, Mode, RegionLimits, RestartStrategy};
use crate::ids::Nanos;

/// One checkpoint at a time, every delay a millisecond, no failure tolerated.
pub fn plain(mode: Mode, restart: RestartStrategy) -> Config {
    let ms = Nanos::from_ms(1);
    Config {
        mode,
        alignment_timeout: ms,
        interval: ms,
        min_pause: Nanos(0),
        max_concurrent: 1,
        timeout: ms,
        tolerable_failures: 0,
        retain: 1,
        restart,
        retry: ms,
        checkpoint_after_end: true,
        regions: RegionLimits::default(),
        ignore_expired: false,
    }
}
