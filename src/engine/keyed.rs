//! Keyed state: a table from keys to values with a fixed hash, whose order never shows.

use super::message::Datum;

/// A map from keys to `V`. Lookup by a fixed hash; iteration is in order of insertion and only used to
/// build canonical snapshots.
#[derive(Clone, Debug)]
pub struct Keyed<V> {
    entries: Vec<(Datum, V)>,
    slots: Vec<u32>, // power of two; 0: empty, else entry index + 1
}

impl<V> Default for Keyed<V> {
    fn default() -> Self {
        Keyed { entries: Vec::new(), slots: vec![0; 16] }
    }
}

/// Equality, with integers looked at first and in place.
#[inline(always)]
fn same(a: &Datum, b: &Datum) -> bool {
    match (a, b) {
        (Datum::Int(a), Datum::Int(b)) => a == b,
        _ => a == b,
    }
}

impl<V: Default> Keyed<V> {
    /// The value of a key, made by default at first.
    #[inline(always)]
    pub fn entry(&mut self, key: &Datum) -> &mut V {
        let mask = self.slots.len() - 1;
        let mut slot = (key.hash64() >> 7) as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return self.insert(slot, key),
                n if same(&self.entries[n as usize - 1].0, key) => return &mut self.entries[n as usize - 1].1,
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    #[cold]
    fn insert(&mut self, slot: usize, key: &Datum) -> &mut V {
        self.entries.push((key.clone(), V::default()));
        self.slots[slot] = self.entries.len() as u32;
        if self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
        &mut self.entries.last_mut().expect("an entry was just added").1
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        self.slots = vec![0; size];
        for (i, (key, _)) in self.entries.iter().enumerate() {
            let mut slot = (key.hash64() >> 7) as usize & (size - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = i as u32 + 1;
        }
    }

    /// All pairs, in no order that anything may depend on.
    pub fn iter(&self) -> impl Iterator<Item = &(Datum, V)> {
        self.entries.iter()
    }
}
