//! How long this thread has been at work.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Runs from when it is made.
pub struct Stopwatch(Duration);

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Stopwatch(cpu())
    }

    /// The processor time of this thread since then.
    pub fn elapsed(&self) -> Duration {
        cpu().saturating_sub(self.0)
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
