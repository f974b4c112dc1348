//! A bounded channel, FIFO unless its receiver may pick.

use crate::engine::message::{Element, Record};
use std::collections::VecDeque;

/// An element on its way. The element comes first, so that moving an entry moves an element the way it was written,
/// in the same pieces: other pieces would make the processor wait for its own writes.
#[derive(Clone, Debug)]
#[repr(C)]
struct Entry {
    element: Element<Record>,
    stamp: u64,
}

/// A channel of one job attempt. The stamps are the driver's: due times in the simulation, nothing in a search.
#[derive(Clone, Debug, Default)]
pub struct Channel {
    queue: VecDeque<Entry>,
    barriers: u32,
}

impl Channel {
    /// Puts an element at the tail.
    #[inline]
    pub fn push(&mut self, stamp: u64, element: Element<Record>) {
        self.barriers += matches!(element, Element::Barrier(_)) as u32;
        self.queue.push_back(Entry { element, stamp });
    }

    /// Puts a record at the tail.
    #[inline(always)]
    pub fn push_record(&mut self, stamp: u64, record: Record) {
        self.queue.push_back(Entry { element: Element::Record(record), stamp });
    }

    /// Puts records back at the head, in order.
    pub fn refill(&mut self, stamp: u64, records: &[Record]) {
        for record in records.iter().rev() {
            self.queue.push_front(Entry { element: Element::Record(record.clone()), stamp });
        }
    }

    /// Takes the head.
    #[inline]
    pub fn pop(&mut self) -> Option<Element<Record>> {
        let element = self.queue.pop_front()?.element;
        self.barriers -= matches!(element, Element::Barrier(_)) as u32;
        Some(element)
    }

    /// Could the element at this place, from 0, be taken ahead of those before it, if order doesn't matter? The end
    /// can't: it comes last.
    pub fn can_jump(&self, at: usize) -> bool {
        at > 0 && self.queue.get(at).is_some_and(|entry| !matches!(entry.element, Element::End))
    }

    /// Takes the element at this place, and how many records are ahead of it.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick(&mut self, at: usize) -> (Element<Record>, usize) {
        let record = |entry: &&Entry| entry.element.record().is_some();
        let passed = self.queue.iter().take(at).filter(record).count();
        let element = self.queue.remove(at).expect("there is such a place").element;
        self.barriers -= matches!(element, Element::Barrier(_)) as u32;
        (element, passed)
    }

    /// Takes the head, which is a record.
    #[inline(always)]
    pub fn pop_record(&mut self) -> Record {
        match self.queue.pop_front() {
            Some(Entry { element: Element::Record(record), .. }) => record,
            _ => unreachable!("the head is a record"),
        }
    }

    /// The stamp of the head.
    #[inline]
    pub fn due(&self) -> Option<u64> {
        self.queue.front().map(|entry| entry.stamp)
    }

    /// Is the head a record?
    #[inline]
    pub fn record_first(&self) -> bool {
        matches!(self.queue.front(), Some(Entry { element: Element::Record(_), .. }))
    }

    /// How many elements it holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Does it hold nothing?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The barrier that has nothing but records ahead of it, and at least one.
    pub fn jumper(&self) -> Option<(usize, crate::engine::message::Barrier)> {
        if self.barriers == 0 {
            return None;
        }
        let at = self.queue.iter().position(|entry| !matches!(entry.element, Element::Record(_)))?;
        match self.queue[at].element {
            Element::Barrier(barrier) if at > 0 => Some((at, barrier)),
            _ => None,
        }
    }

    /// Takes the barrier at this position out; the records that it passes.
    pub fn overtake(&mut self, at: usize) -> Vec<Record> {
        self.queue.remove(at);
        self.barriers -= 1;
        let record = |entry: &Entry| match &entry.element {
            Element::Record(record) => record.clone(),
            other => unreachable!("a barrier passes records only, not {other:?}"),
        };
        self.queue.iter().take(at).map(record).collect()
    }

    /// What it holds, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Element<Record>> {
        self.queue.iter().map(|entry| &entry.element)
    }
}
