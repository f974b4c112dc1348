//! The event queue: a 4-ary heap of 128-bit keys. Ties are broken by the order of insertion, so that the order of
//! events is a function of what was pushed and nothing else.

/// What is due when. The payload is below 2^32.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    heap: Vec<u128>, // due | sequence | payload
    sequence: u32,
}

impl Queue {
    /// Adds an entry.
    #[inline]
    pub fn push(&mut self, due: u64, payload: u32) {
        let key = (due as u128) << 64 | (self.sequence as u128) << 32 | payload as u128;
        self.sequence = self.sequence.wrapping_add(1);
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
        let top = *self.heap.first()?;
        let last = self.heap.pop().expect("the heap has a first entry");
        if !self.heap.is_empty() {
            self.sink(last);
        }
        Some(((top >> 64) as u64, top as u32))
    }

    #[inline]
    fn sink(&mut self, key: u128) {
        let len = self.heap.len();
        let mut i = 0;
        loop {
            let first = i * 4 + 1;
            if first >= len {
                break;
            }
            let mut least = first;
            for child in first + 1..(first + 4).min(len) {
                if self.heap[child] < self.heap[least] {
                    least = child;
                }
            }
            if self.heap[least] >= key {
                break;
            }
            self.heap[i] = self.heap[least];
            i = least;
        }
        self.heap[i] = key;
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
}
