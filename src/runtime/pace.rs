//! How fast sources read: as fast as they can, unless a load is wanted that is the same each time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Who was told to wait looks again after so long.
pub const AGAIN: Duration = Duration::from_millis(2);

/// Records arrive at this rate, for all sources of a job together, from the first time that somebody asks. They pile up
/// while nobody reads, as in a log that is written by others.
#[derive(Debug)]
pub struct Pace {
    /// Records a second.
    rate: u64,
    begun: OnceLock<Instant>,
    read: AtomicU64,
}

impl Pace {
    /// `rate`: records a second.
    pub fn new(rate: u64) -> Self {
        Pace { rate, begun: OnceLock::new(), read: AtomicU64::new(0) }
    }

    /// So many records have arrived that nobody has read.
    pub fn waiting(&self) -> u64 {
        self.after(self.begun.get_or_init(Instant::now).elapsed())
    }

    /// The same, so long after the first time that somebody asked.
    fn after(&self, elapsed: Duration) -> u64 {
        let arrived = elapsed.as_nanos().saturating_mul(u128::from(self.rate)) / 1_000_000_000;
        u64::try_from(arrived).unwrap_or(u64::MAX).saturating_sub(self.read.load(Relaxed))
    }

    /// So many were read. Two sources that saw the same records wait for as many the longer.
    pub fn took(&self, read: u64) {
        self.read.fetch_add(read, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_piles_up_and_what_was_read_too_early_is_waited_for() {
        let pace = Pace::new(1000);
        assert_eq!(pace.after(Duration::ZERO), 0);
        assert_eq!(pace.after(Duration::from_millis(1500)), 1500);
        pace.took(2000);
        assert_eq!(pace.after(Duration::from_millis(1500)), 0);
        assert_eq!(pace.after(Duration::from_millis(2007)), 7);
        assert_eq!(Pace::new(u64::MAX).after(Duration::MAX), u64::MAX);
    }
}
