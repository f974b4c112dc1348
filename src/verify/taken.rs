//! What was taken off a channel, by number, where what was sent later may be taken earlier.

use std::collections::BTreeSet;

/// A set of numbers that is nearly a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// All before this one.
    upto: u64,
    /// Others.
    ahead: BTreeSet<u64>,
}

impl Taken {
    /// Everything before this number.
    pub fn before(upto: u64) -> Self {
        Taken { upto, ahead: BTreeSet::new() }
    }

    /// One more. False: it was there already.
    pub fn take(&mut self, m: u64) -> bool {
        if m < self.upto || !self.ahead.insert(m) {
            return false;
        }
        while self.ahead.remove(&self.upto) {
            self.upto += 1;
        }
        true
    }

    /// The first number that isn't in it.
    pub fn first_missing(&self) -> u64 {
        self.upto
    }

    /// The first number in it that isn't before `end`.
    pub fn beyond(&self, end: u64) -> Option<u64> {
        if self.upto > end { Some(end) } else { self.ahead.range(end..).next().copied() }
    }

    /// Those before `end` that aren't in it, ascending.
    pub fn missing(&self, end: u64) -> impl Iterator<Item = u64> + '_ {
        (self.upto..end).filter(|m| !self.ahead.contains(m))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_plain_set() {
        let (mut taken, mut plain) = (Taken::before(3), (0..3).collect::<BTreeSet<u64>>());
        for m in [5, 3, 9, 5, 4, 6, 20, 0, 8, 7, 10] {
            assert_eq!(taken.take(m), plain.insert(m), "{m}");
            assert_eq!(Some(taken.first_missing()), (0..).find(|m| !plain.contains(m)));
            for end in 0..25 {
                let missing: Vec<u64> = (0..end).filter(|m| !plain.contains(m)).collect();
                assert_eq!(taken.missing(end).collect::<Vec<_>>(), missing);
                assert_eq!(taken.beyond(end), plain.range(end..).next().copied());
            }
        }
    }
}
