//! Flat open-addressing tables: the memo's keys and the states that were seen. Neither is ever iterated, so their
//! layout can reach no result.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A map from a few small numbers to one.
pub struct Table<const N: usize> {
    keys: Vec<[u32; N]>,
    values: Vec<u32>, // NONE: free
    len: usize,
}

/// No value.
pub const NONE: u32 = u32::MAX;

impl<const N: usize> Default for Table<N> {
    fn default() -> Self {
        Table { keys: vec![[0; N]; 1024], values: vec![NONE; 1024], len: 0 }
    }
}

impl<const N: usize> Table<N> {
    #[inline]
    fn home(&self, key: &[u32; N]) -> usize {
        let mut h = 0x9e37_79b9_7f4a_7c15_u64;
        for word in key {
            h = (h ^ *word as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
            h ^= h >> 32;
        }
        h as usize & (self.keys.len() - 1)
    }

    /// The value of a key, or [`NONE`].
    #[inline]
    pub fn get(&self, key: &[u32; N]) -> u32 {
        let mut at = self.home(key);
        loop {
            let value = self.values[at];
            if value == NONE || self.keys[at] == *key {
                return value;
            }
            at = (at + 1) & (self.keys.len() - 1);
        }
    }

    /// Sets the value of a key.
    pub fn insert(&mut self, key: [u32; N], value: u32) {
        if (self.len + 1) * 2 > self.keys.len() {
            self.grow();
        }
        let mut at = self.home(&key);
        while self.values[at] != NONE && self.keys[at] != key {
            at = (at + 1) & (self.keys.len() - 1);
        }
        self.len += usize::from(self.values[at] == NONE);
        self.keys[at] = key;
        self.values[at] = value;
    }

    /// How many keys have a value.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Has no key a value?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn grow(&mut self) {
        let size = self.keys.len() * 2;
        let keys = std::mem::replace(&mut self.keys, vec![[0; N]; size]);
        let values = std::mem::replace(&mut self.values, vec![NONE; size]);
        self.len = 0;
        for (key, value) in keys.into_iter().zip(values).filter(|(_, value)| *value != NONE) {
            self.insert(key, value);
        }
    }
}

/// The states that were seen, by 64 bits of their fingerprints. Several threads may insert at once.
pub struct Visited {
    slots: Vec<AtomicU64>, // 0: free
    len: AtomicUsize,
}

impl Default for Visited {
    fn default() -> Self {
        Visited { slots: free(1 << 12), len: AtomicUsize::new(0) }
    }
}

fn free(size: usize) -> Vec<AtomicU64> {
    (0..size).map(|_| AtomicU64::new(0)).collect()
}

impl Visited {
    /// The 64 bits that are kept of a fingerprint: never zero.
    #[inline]
    pub fn key(fingerprint: u128) -> u64 {
        (fingerprint as u64).max(1)
    }

    /// Makes room for so many more, so that `insert` never has to.
    pub fn reserve(&mut self, more: usize) {
        let wanted = (self.len() + more) * 4 / 3;
        if wanted <= self.slots.len() {
            return;
        }
        let old = std::mem::replace(&mut self.slots, free(wanted.next_power_of_two()));
        *self.len.get_mut() = 0;
        for slot in old {
            let key = slot.into_inner();
            if key != 0 {
                self.insert(key);
            }
        }
    }

    /// Is it there?
    #[inline]
    pub fn contains(&self, key: u64) -> bool {
        let mut at = key as usize & (self.slots.len() - 1);
        loop {
            match self.slots[at].load(Ordering::Relaxed) {
                0 => return false,
                known if known == key => return true,
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }

    /// Fetches the line of the table where a key would be; what it returns is of no use but to be used.
    #[inline]
    pub fn touch(&self, key: u64) -> u64 {
        self.slots[key as usize & (self.slots.len() - 1)].load(Ordering::Relaxed)
    }

    /// Adds it; true if it is new. There must be room.
    #[inline]
    pub fn insert(&self, key: u64) -> bool {
        let mut at = key as usize & (self.slots.len() - 1);
        loop {
            match self.slots[at].compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    self.len.fetch_add(1, Ordering::Relaxed);
                    return true;
                }
                Err(known) if known == key => return false,
                Err(_) => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.slots.len() * 8
    }
}
