//! Random numbers whose values never change: raw words of ChaCha8, and samplers of our own on top of them.
//!
//! The generator's words are pinned by the cipher; `rand`'s samplers are not (they changed between minor
//! versions before), so none is used. What a seed means changes only with [`STREAM_VERSION`].

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Raised whenever a seed comes to mean something else: an added draw is enough.
pub const STREAM_VERSION: u32 = 2;

/// The streams of a seed. A draw that is added to one doesn't shift the others.
pub mod stream {
    /// Settings, latencies, pace, sizes.
    pub const SETTINGS: u64 = 1;
    /// Fault kinds, times and places.
    pub const FAULTS: u64 = 2;
    /// Which channels are slow.
    pub const LINKS: u64 = 3;
    /// Crashes at a rate.
    pub const RATE: u64 = 4;
    /// What comes after a fork of a run.
    pub const FORK: u64 = 5;
    /// The first one that is free for a simulator.
    pub const SIMULATOR: u64 = 16;
}

/// So many words are made at once: as many as the cipher's blocks that come together have.
const AT_ONCE: usize = 32;

/// A stream of random numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dice {
    cipher: ChaCha8Rng,
    words: [u64; AT_ONCE],
    /// The next word; past the end: none is left.
    at: usize,
}

impl Dice {
    /// The stream of this number that belongs to a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(b"cutline1");
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream);
        Dice { cipher: rng, words: [0; AT_ONCE], at: AT_ONCE }
    }

    /// The next word.
    #[inline(always)]
    pub fn word(&mut self) -> u64 {
        let Some(word) = self.words.get(self.at) else { return self.refill() };
        self.at += 1;
        *word
    }

    /// Makes more words, the same that the cipher would have given one by one, and takes the first.
    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> u64 {
        let mut bytes = [0; AT_ONCE * 8];
        self.cipher.fill_bytes(&mut bytes);
        for (word, bytes) in self.words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        self.at = 1;
        self.words[0]
    }

    /// A number below `n`, every one equally likely; 0 if `n` is 0. Lemire's multiplication with rejection.
    #[inline(always)]
    pub fn below(&mut self, n: u64) -> u64 {
        if n <= 1 {
            return 0;
        }
        loop {
            let wide = u128::from(self.word()) * u128::from(n);
            let low = wide as u64;
            // Of the 2^64 words, 2^64 mod n are too many: they are the ones with the smallest remainders.
            if low >= n || low >= n.wrapping_neg() % n {
                return (wide >> 64) as u64;
            }
        }
    }

    /// A number between `low` and `high`, both included; `low` if they are out of order.
    #[inline(always)]
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        match high.saturating_sub(low) {
            u64::MAX => self.word(),
            span => low + self.below(span + 1),
        }
    }

    /// True `numerator` times of `denominator`.
    #[inline]
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }

    /// A number below half of 2^`doublings`, small ones much likelier.
    pub fn skewed(&mut self, doublings: u64) -> u64 {
        let size = self.below(doublings).min(63);
        self.below(1 << size)
    }

    /// One of the items; none of none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    /// A position, each as likely as its weight says; none if all weights are 0.
    pub fn weighted(&mut self, weights: &[u64]) -> Option<usize> {
        let total = weights.iter().fold(0, |sum: u64, weight| sum.saturating_add(*weight));
        if total == 0 {
            return None;
        }
        let mut left = self.below(total);
        weights.iter().position(|weight| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        })
    }

    /// Fisher and Yates, from the end.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_of_a_stream_are_pinned() {
        let mut dice = Dice::new(0xdead_beef, 7);
        let words = [dice.word(), dice.word(), dice.word(), dice.word()];
        assert_eq!(words, [0x9d74_c956_0753_c6f3, 0x9b83_88ae_dc82_1aeb, 0x90bc_9b44_c4c1_ce4f, 0xf0fc_4c22_7cf3_d93b]);
    }

    #[test]
    fn words_are_those_of_the_cipher_one_by_one() {
        let mut dice = Dice::new(9, 4);
        let mut cipher = dice.cipher.clone();
        assert!((0..1_000).all(|_| dice.word() == cipher.next_u64()));
    }

    #[test]
    fn every_number_below_is_reached_and_none_above() {
        let mut dice = Dice::new(1, 1);
        let mut seen = [0; 6];
        for _ in 0..6_000 {
            seen[dice.below(6) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (850..1150).contains(count)), "{seen:?}");
        assert_eq!((dice.below(0), dice.between(9, 3), dice.between(4, 4)), (0, 9, 4));
        assert_eq!(dice.weighted(&[0, 0, 5, 0]), Some(2));
        assert_eq!(dice.weighted(&[0, 0]), None);
        assert_eq!(dice.pick::<u8>(&[]), None);
    }

    #[test]
    fn a_shuffle_is_pinned() {
        let mut items = [0, 1, 2, 3, 4, 5, 6, 7];
        Dice::new(42, 3).shuffle(&mut items);
        let mut sorted = items;
        sorted.sort();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_ne!(items, sorted);
    }
}
