//! How long this thread has been at work.

use std::time::{Duration, Instant};

/// Runs from when it is made.
pub struct Stopwatch {
    cpu: Option<Duration>,
    wall: Instant,
}

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Stopwatch { cpu: cpu(), wall: Instant::now() }
    }

    /// The processor time of this thread since then; where the system doesn't tell that (it is no Linux), the time that
    /// has passed.
    pub fn elapsed(&self) -> Duration {
        match (self.cpu, cpu()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => self.wall.elapsed(),
        }
    }
}

/// What Linux has counted for this thread: nanoseconds on a processor are the first number of the line.
fn cpu() -> Option<Duration> {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    line.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
