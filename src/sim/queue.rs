//! The event queue: a 4-ary heap of 128-bit keys, and a line for what is due at once. Ties are broken by the order
//! of insertion, so that the order of events is a function of what was pushed and nothing else.

use std::collections::VecDeque;

/// What is due when. The payload is below 2^32.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    heap: Vec<u128>, // due | sequence | payload
    sequence: u32,
    /// When the latest entry that was taken was due.
    now: u64,
    /// Payloads that are due now and were pushed when it was now already: younger than everything in the heap that
    /// is due by now, and earlier than everything else. A batch of a source is read without a climb.
    line: VecDeque<u32>,
    /// The top was taken and is still in its place: the next push goes there, which spares a climb.
    hole: bool,
    /// When the earliest entry of the heap is due that wasn't taken, if that is known.
    earliest: Option<u64>,
}

impl Queue {
    /// Adds an entry.
    #[inline(always)]
    pub fn push(&mut self, due: u64, payload: u32) {
        if due == self.now {
            self.line.push_back(payload);
        } else {
            self.climb(due, payload);
        }
    }

    #[inline(never)]
    fn climb(&mut self, due: u64, payload: u32) {
        let key = (due as u128) << 64 | (self.sequence as u128) << 32 | payload as u128;
        self.sequence = self.sequence.wrapping_add(1);
        self.earliest = None;
        if self.hole {
            self.hole = false;
            return self.sink(key);
        }
        let mut i = self.heap.len();
        self.heap.push(key);
        while i > 0 {
            let parent = (i - 1) / 4;
            if self.heap[parent] <= key {
                break;
            }
            self.heap[i] = self.heap[parent];
            i = parent;
        }
        self.heap[i] = key;
    }

    /// Takes the earliest entry: when, and what.
    #[inline]
    pub fn pop(&mut self) -> Option<(u64, u32)> {
        if !self.line.is_empty() && self.earliest() > self.now {
            return self.line.pop_front().map(|payload| (self.now, payload));
        }
        if self.hole {
            self.fill();
        }
        self.earliest = None;
        let top = *self.heap.first()?;
        self.hole = true;
        self.now = self.now.max((top >> 64) as u64);
        Some(((top >> 64) as u64, top as u32))
    }

    /// Is nothing due by the time that it is now?
    #[inline(always)]
    pub fn quiet(&mut self) -> bool {
        self.line.is_empty() && self.earliest() > self.now
    }

    /// When the earliest entry of the heap is due that wasn't taken; the end of time if there is none.
    #[inline(always)]
    fn earliest(&mut self) -> u64 {
        match self.earliest {
            Some(due) => due,
            None => self.look(),
        }
    }

    /// The same, found out. With a hole at the top it is one of the four below.
    #[inline(never)]
    fn look(&mut self) -> u64 {
        let first = self.hole as usize;
        let candidates = self.heap.iter().skip(first).take(1 + 3 * first);
        let due = candidates.map(|key| (key >> 64) as u64).min().unwrap_or(u64::MAX);
        self.earliest = Some(due);
        due
    }

    /// Closes the hole at the top.
    #[inline]
    fn fill(&mut self) {
        self.hole = false;
        let last = self.heap.pop().expect("a hole is in a heap with a top");
        if !self.heap.is_empty() {
            self.sink(last);
        }
    }

    /// Puts a key where the top is, and lets it sink.
    #[inline]
    fn sink(&mut self, key: u128) {
        let heap = self.heap.as_mut_slice();
        let mut i = 0;
        loop {
            let first = i * 4 + 1;
            let (at, least) = match heap.get(first..) {
                Some([a, b, c, d, ..]) => {
                    let left = if b < a { (first + 1, *b) } else { (first, *a) };
                    let right = if d < c { (first + 3, *d) } else { (first + 2, *c) };
                    if right.1 < left.1 { right } else { left }
                }
                Some([a, rest @ ..]) => {
                    let mut least = (first, *a);
                    for (n, child) in rest.iter().enumerate() {
                        if *child < least.1 {
                            least = (first + 1 + n, *child);
                        }
                    }
                    least
                }
                _ => break,
            };
            if least >= key {
                break;
            }
            heap[i] = least;
            i = at;
        }
        heap[i] = key;
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

    #[test]
    fn pops_by_time_and_then_by_age() {
        let mut queue = Queue::default();
        for i in 0..1000u32 {
            queue.push((i as u64 * 7919) % 101, i);
        }
        let mut popped: Vec<(u64, u32)> = Vec::new();
        while let Some(entry) = queue.pop() {
            popped.push(entry);
        }
        let mut sorted = popped.clone();
        sorted.sort();
        assert_eq!(popped, sorted);
        assert_eq!(popped.len(), 1000);
    }

    #[test]
    fn pushing_between_pops_keeps_the_order() {
        let (mut queue, mut model, mut now) = (Queue::default(), std::collections::BTreeSet::new(), 0);
        let mut dice = crate::dice::Dice::new(1, 1);
        for i in 0..20_000u32 {
            let word = dice.word();
            // At once, later, and now and then in the past.
            let due = (now + [0, 0, word >> 8 & 7, word >> 8 & 63][word as usize & 3]).saturating_sub(word >> 32 & 1);
            queue.push(due, i);
            model.insert((due, i));
            for _ in 0..(word >> 40) & 1 {
                if word >> 41 & 1 == 0 {
                    assert_eq!(queue.quiet(), model.first().is_none_or(|(due, _)| *due > now));
                }
                let popped = queue.pop();
                assert_eq!(popped, model.pop_first());
                now = popped.map_or(now, |(due, _)| due.max(now));
            }
        }
        while let Some(popped) = queue.pop() {
            assert_eq!(Some(popped), model.pop_first());
        }
        assert!(model.is_empty());
    }
}
