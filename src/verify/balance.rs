//! How often each (key, value) is expected and not yet visible: the one table that changes with every record. Pairs
//! of integers, which are nearly all of them, have a flat table of their own.

use crate::trace::Datum;
use std::collections::BTreeMap;

/// Neighbouring values of a key share an entry, for values of a key tend to come one after another.
const NEIGHBOURS: usize = 16;

/// How often each of some neighbouring values of a key is owed. All of them 0 times: the place is free.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Entry {
    key: i64,
    /// The values, divided by their number.
    group: i64,
    /// How many of the numbers aren't 0.
    live: u32,
    times: [i16; NEIGHBOURS],
}

/// Pairs with a number that isn't 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Balance {
    /// Open addressing with linear probing; the length is a power of two, or 0. No run of taken places has a gap.
    entries: Vec<Entry>,
    taken: usize,
    /// Pairs of integers whose number was once too large for the table, which is small so that it stays near.
    large: BTreeMap<(i64, i64), i64>,
    others: BTreeMap<(Datum, Datum), i64>,
}

#[inline(always)]
fn place(key: i64, group: i64) -> usize {
    let word = (key as u64).wrapping_mul(0xd6e8_feb8_6659_fd93) ^ group as u64;
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
}

impl Balance {
    /// Adds to the number of a pair and gives what it is then.
    #[inline]
    pub fn add(&mut self, key: &Datum, value: &Datum, times: i32) -> i64 {
        match (key, value) {
            (Datum::Int(key), Datum::Int(value)) => self.integers(*key, *value, times),
            _ => self.other(key, value, times as i64),
        }
    }

    /// The same for integers. Nearly always an entry is at home, and isn't over after this.
    #[inline(always)]
    pub fn integers(&mut self, key: i64, value: i64, times: i32) -> i64 {
        let (group, member) = (value >> NEIGHBOURS.ilog2(), value as usize % NEIGHBOURS);
        let at = place(key, group) & self.entries.len().wrapping_sub(1);
        if let Some(entry) = self.entries.get_mut(at)
            && entry.key == key
            && entry.group == group
        {
            let before = entry.times[member];
            let left = before as i32 + times;
            let live = entry.live + (left != 0) as u32 - (before != 0) as u32;
            if entry.live > 0 && live > 0 && left as i16 as i32 == left && self.large.is_empty() {
                (entry.live, entry.times[member]) = (live, left as i16);
                return left as i64;
            }
        }
        self.probe(key, value, times)
    }

    #[inline(never)]
    fn probe(&mut self, key: i64, value: i64, times: i32) -> i64 {
        if !self.large.is_empty()
            && let Some(left) = self.add_large(key, value, times)
        {
            return left;
        }
        let (group, member) = (value >> NEIGHBOURS.ilog2(), value as usize % NEIGHBOURS);
        let (size, mut at) = (self.entries.len(), place(key, group));
        loop {
            at &= size.wrapping_sub(1);
            // Not there: the table has no place at all yet.
            let Some(entry) = self.entries.get_mut(at) else { return self.make_room(key, value, times) };
            let known = entry.key == key && entry.group == group && entry.live > 0;
            if !known && entry.live > 0 {
                at += 1;
                continue;
            }
            if !known {
                if self.taken * 2 >= size {
                    return self.make_room(key, value, times);
                }
                self.taken += 1;
                (entry.key, entry.group) = (key, group);
            }
            let number = &mut entry.times[member];
            let (before, left) = (*number, *number as i32 + times);
            let fits = left as i16 as i32 == left;
            *number = if fits { left as i16 } else { 0 };
            entry.live = entry.live + (*number != 0) as u32 - (before != 0) as u32;
            if entry.live == 0 {
                self.close(at);
            }
            if !fits {
                self.large.insert((key, value), left as i64);
            }
            return left as i64;
        }
    }

    /// Adds to the number of a pair that was once too large for the table; nothing: it wasn't, or isn't any more.
    #[cold]
    #[inline(never)]
    fn add_large(&mut self, key: i64, value: i64, times: i32) -> Option<i64> {
        let number = self.large.get_mut(&(key, value))?;
        *number += times as i64;
        let left = *number;
        if left == 0 {
            self.large.remove(&(key, value));
        }
        Some(left)
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, key: i64, value: i64, times: i32) -> i64 {
        self.grow();
        self.probe(key, value, times)
    }

    /// The place `gap` has become free: whoever can't be found past a gap moves into it.
    fn close(&mut self, mut gap: usize) {
        self.taken -= 1;
        let mask = self.entries.len() - 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let entry = self.entries[at];
            if entry.live == 0 {
                break;
            }
            let home = place(entry.key, entry.group) & mask;
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(gap) & mask {
                self.entries[gap] = entry;
                gap = at;
            }
        }
        self.entries[gap] = Entry::default();
    }

    fn grow(&mut self) {
        let size = (self.entries.len() * 2).max(16);
        let old = std::mem::replace(&mut self.entries, vec![Entry::default(); size]);
        for entry in old.into_iter().filter(|entry| entry.live != 0) {
            let mut at = place(entry.key, entry.group) & (size - 1);
            while self.entries[at].live != 0 {
                at = (at + 1) & (size - 1);
            }
            self.entries[at] = entry;
        }
    }

    #[cold]
    fn other(&mut self, key: &Datum, value: &Datum, times: i64) -> i64 {
        let pair = (key.clone(), value.clone());
        let entry = self.others.entry(pair.clone()).or_insert(0);
        *entry += times;
        let left = *entry;
        if left == 0 {
            self.others.remove(&pair);
        }
        left
    }

    /// The first pair, in order, whose number is wrong, and how many others are.
    pub fn first(&self, wrong: impl Fn(i64) -> bool) -> Option<((Datum, Datum), i64, usize)> {
        let mut found: Vec<((Datum, Datum), i64)> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.live != 0) {
            for (i, times) in entry.times.iter().enumerate().filter(|(_, times)| **times != 0) {
                let value = entry.group * NEIGHBOURS as i64 + i as i64;
                found.push(((Datum::Int(entry.key), Datum::Int(value)), *times as i64));
            }
        }
        let large = self.large.iter();
        found.extend(large.map(|((key, value), times)| ((Datum::Int(*key), Datum::Int(*value)), *times)));
        found.extend(self.others.iter().map(|(pair, times)| (pair.clone(), *times)));
        found.retain(|(_, times)| wrong(*times));
        found.sort();
        let more = found.len().checked_sub(1)?;
        let (pair, times) = found.swap_remove(0);
        Some((pair, times, more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::mix;

    #[test]
    fn agrees_with_an_ordered_map() {
        let (mut flat, mut map) = (Balance::default(), BTreeMap::new());
        for i in 0..200_000u64 {
            let word = mix(i);
            let (key, value, times) =
                (word as i64 % 40, (word >> 20) as i64 % 400 - 200, if word >> 63 == 1 { 1 } else { -1 });
            let key = if word >> 60 & 7 == 0 { Datum::Text("t".into()) } else { Datum::Int(key) };
            let entry = map.entry((key.clone(), Datum::Int(value))).or_insert(0i64);
            *entry += times;
            assert_eq!(flat.add(&key, &Datum::Int(value), times as i32), *entry);
            if i % 5_000 == 0 {
                map.retain(|_, times| *times != 0);
                let mut wrong = map.iter().filter(|(_, times)| **times > 0);
                let first = wrong.next().map(|(pair, times)| (pair.clone(), *times, wrong.count()));
                assert_eq!(flat.first(|times| times > 0), first);
            }
        }
        for ((key, value), times) in map {
            assert_eq!(flat.add(&key, &value, -times as i32), 0);
        }
        assert_eq!((flat.taken, flat.others.len()), (0, 0));
    }

    #[test]
    fn numbers_may_be_large() {
        let mut flat = Balance::default();
        let pairs = [(1, 7, 1), (1, 8, 1), (2, 7, -1)];
        for n in 1..=100_000 {
            for (key, value, sign) in pairs {
                assert_eq!(flat.integers(key, value, sign), n * sign as i64);
            }
        }
        let first = flat.first(|times| times > 0);
        assert_eq!(first, Some(((Datum::Int(1), Datum::Int(7)), 100_000, 1)));
        for (key, value, sign) in pairs {
            assert_eq!(flat.integers(key, value, -100_000 * sign), 0);
        }
        assert_eq!((flat.taken, flat.large.len()), (0, 0));
    }
}
