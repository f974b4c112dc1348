//! What the benchmarks share: settings of a job that nothing happens to, arguments, CPU time.

use cutline::engine::config::{Config, RestartStrategy};
use cutline::ids::Nanos;
use cutline::sim::setup::{Latency, Pace, SimSetup};
use cutline::topology::{Mode, RegionLimits};
use rustix::time::{ClockId, clock_gettime};

/// Aligned checkpoints, one at a time; a failure would end the job. Times are the caller's to set.
pub fn config() -> Config {
    let ms = Nanos::from_ms;
    Config {
        mode: Mode::Aligned,
        alignment_timeout: ms(100),
        interval: ms(100),
        min_pause: ms(0),
        max_concurrent: 1,
        timeout: ms(10_000),
        tolerable_failures: 0,
        retain: 1,
        restart: RestartStrategy::None,
        retry: ms(1_000),
        checkpoint_after_end: true,
        regions: RegionLimits::default(),
        ignore_expired: false,
    }
}

/// Everything takes as long as a link does, and nothing goes wrong.
pub fn weather(link: Latency, pace: Vec<Pace>) -> SimSetup {
    SimSetup {
        link,
        link_factors: vec![],
        control: link,
        store: link,
        ledger: link,
        detect: link,
        revive: link,
        pace,
        faults: vec![],
        heal_at: Nanos(0),
        max_steps: None,
    }
}

/// The number after this argument.
pub fn argument(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args();
    while let Some(argument) = arguments.next() {
        if argument == name {
            return arguments.next().and_then(|value| value.parse().ok()).expect("a number follows");
        }
    }
    default
}

/// CPU seconds of this process, those that the system spent on it included.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
