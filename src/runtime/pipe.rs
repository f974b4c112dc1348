//! A bounded FIFO channel between two threads, filled and emptied a batch at a time.
//!
//! It holds what the sender has put in and the receiver has not *taken a step* with, wherever that lies: in the sender's
//! batch, between the two, or in the receiver's. So it is never fuller than the same channel of a simulated world. Until
//! the receiver has put its snapshot into place the channel counts as full, for records may be put back into it.

use super::bell::{Bell, lock};
use crate::engine::message::{Barrier, Element, Record};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::*};
use std::sync::{Arc, Mutex};

/// So many elements are handed over at once, at most.
const BATCH_MAX: usize = 512;
/// Nobody waits.
const NOBODY: i64 = i64::MAX;

/// What sender and receiver share.
#[derive(Debug)]
pub struct Pipe {
    between: Mutex<VecDeque<Element<Record>>>,
    some: AtomicBool,
    urgent: AtomicBool,   // something other than records is between
    processed: AtomicI64, // elements taken, less those that were put back
    wake_at: AtomicI64,   // the sender sleeps until so many are
    capacity: i64,
    sender: Arc<Bell>,
    receiver: Arc<Bell>,
}

impl Pipe {
    /// A channel without elements whose receiver isn't ready.
    pub fn new(capacity: u32, sender: Arc<Bell>, receiver: Arc<Bell>) -> Arc<Pipe> {
        Arc::new(Pipe {
            between: Mutex::default(),
            some: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            processed: AtomicI64::new(-i64::from(capacity)),
            wake_at: AtomicI64::new(NOBODY),
            capacity: i64::from(capacity),
            sender,
            receiver,
        })
    }
}

/// The sender's end.
#[derive(Debug)]
pub struct Outlet {
    pipe: Arc<Pipe>,
    batch: VecDeque<Element<Record>>,
    batch_max: usize,
    urgent: bool,
    sent: i64,
    processed: i64, // as last seen
}

impl Outlet {
    /// The sender's end of a channel into which nothing was sent.
    pub fn new(pipe: Arc<Pipe>) -> Self {
        let batch_max = (pipe.capacity as usize / 4).clamp(1, BATCH_MAX);
        let processed = pipe.processed.load(Acquire);
        let batch = VecDeque::with_capacity(batch_max);
        Outlet { pipe, batch, batch_max, urgent: false, sent: 0, processed }
    }

    /// Puts a record at the tail. True: there was no room for another one when the sender last looked.
    #[inline(always)]
    pub fn push_record(&mut self, record: Record) -> bool {
        self.batch.push_back(Element::Record(record));
        self.sent += 1;
        if self.batch.len() >= self.batch_max {
            self.flush();
        }
        self.sent - self.processed >= self.pipe.capacity
    }

    /// Puts an element at the tail, whether there is room or not.
    pub fn push(&mut self, element: Element<Record>) -> bool {
        self.urgent |= !matches!(element, Element::Record(_));
        self.batch.push_back(element);
        self.sent += 1;
        if self.urgent || self.batch.len() >= self.batch_max {
            self.flush();
        }
        self.sent - self.processed >= self.pipe.capacity
    }

    /// Is there no room?
    pub fn full(&mut self) -> bool {
        self.processed = self.pipe.processed.load(Acquire);
        self.sent - self.processed >= self.pipe.capacity
    }

    /// Hands over what was put in.
    pub fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        {
            let mut between = lock(&self.pipe.between);
            if between.is_empty() {
                std::mem::swap(&mut *between, &mut self.batch);
            } else {
                between.append(&mut self.batch);
            }
            self.pipe.some.store(true, SeqCst);
            if std::mem::take(&mut self.urgent) {
                self.pipe.urgent.store(true, SeqCst);
            }
        }
        self.pipe.receiver.ring();
    }

    /// The sender is about to sleep for want of room: it is woken when half of it is free. False: there is room.
    pub fn wait(&mut self) -> bool {
        self.pipe.wake_at.store(self.sent - self.pipe.capacity / 2, SeqCst);
        if self.pipe.processed.load(SeqCst) >= self.sent - self.pipe.capacity / 2 {
            self.pipe.wake_at.store(NOBODY, SeqCst);
            return false;
        }
        true
    }
}

/// The receiver's end.
#[derive(Debug)]
pub struct Inlet {
    pipe: Arc<Pipe>,
    queue: VecDeque<Element<Record>>,
    specials: usize, // elements in the queue that aren't records
    taken: i64,      // not yet told
    ready: bool,
}

impl Inlet {
    /// The receiver's end of a channel from which nothing was taken.
    pub fn new(pipe: Arc<Pipe>) -> Self {
        Inlet { pipe, queue: VecDeque::new(), specials: 0, taken: 0, ready: false }
    }

    /// Fetches what has arrived, if nothing is left, or something among it may not wait.
    #[inline]
    pub fn fetch(&mut self) {
        let wanted = self.queue.is_empty() && self.pipe.some.load(Acquire);
        if wanted || self.pipe.urgent.load(Acquire) {
            self.fetch_now();
        }
    }

    fn fetch_now(&mut self) {
        let mut between = lock(&self.pipe.between);
        let urgent = self.pipe.urgent.swap(false, SeqCst);
        self.pipe.some.store(false, SeqCst);
        if urgent {
            self.specials += between.iter().filter(|element| !matches!(element, Element::Record(_))).count();
        }
        if self.queue.is_empty() {
            std::mem::swap(&mut *between, &mut self.queue);
        } else {
            self.queue.append(&mut between);
        }
    }

    /// Is the head a record? None: nothing has been fetched.
    #[inline(always)]
    pub fn record_first(&self) -> Option<bool> {
        self.queue.front().map(|element| matches!(element, Element::Record(_)))
    }

    /// What is at the head and lies together.
    #[inline(always)]
    pub fn next(&self) -> &[Element<Record>] {
        self.queue.as_slices().0
    }

    /// Takes the head.
    #[inline(always)]
    pub fn pop(&mut self) -> Option<Element<Record>> {
        let element = self.queue.pop_front()?;
        self.specials -= !matches!(element, Element::Record(_)) as usize;
        self.taken += 1;
        Some(element)
    }

    /// The barrier that has nothing but records ahead of it, and at least one.
    pub fn jumper(&self) -> Option<(usize, Barrier)> {
        if self.specials == 0 {
            return None;
        }
        let at = self.queue.iter().position(|element| !matches!(element, Element::Record(_)))?;
        match self.queue[at] {
            Element::Barrier(barrier) if at > 0 => Some((at, barrier)),
            _ => None,
        }
    }

    /// Takes the barrier at this position out; the records that it passes, which stay.
    pub fn overtake(&mut self, at: usize) -> Vec<Record> {
        self.queue.remove(at);
        self.specials -= 1;
        self.taken += 1;
        let record = |element: &Element<Record>| match element {
            Element::Record(record) => record.clone(),
            other => unreachable!("a barrier passes records only, not {other:?}"),
        };
        self.queue.iter().take(at).map(record).collect()
    }

    /// Puts records back at the head, in order.
    pub fn refill(&mut self, records: &[Record]) {
        for record in records.iter().rev() {
            self.queue.push_front(Element::Record(record.clone()));
        }
        self.taken -= records.len() as i64;
    }

    /// The snapshot is in place: records may come.
    pub fn open(&mut self) {
        if !std::mem::replace(&mut self.ready, true) {
            self.taken += self.pipe.capacity;
            self.tell();
        }
    }

    /// Tells the sender how many were taken.
    #[inline]
    pub fn tell(&mut self) {
        if self.taken == 0 || !self.ready {
            return;
        }
        let taken = std::mem::take(&mut self.taken);
        let processed = self.pipe.processed.fetch_add(taken, SeqCst) + taken;
        if processed >= self.pipe.wake_at.load(SeqCst) {
            self.pipe.wake_at.store(NOBODY, SeqCst);
            self.pipe.sender.ring();
        }
    }

    /// Is nothing there, fetched or not?
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.pipe.some.load(Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::message::Datum;
    use crate::ids::{CheckpointId, Offset, RecordId};

    fn record(offset: u64) -> Record {
        let id = RecordId { offset: Offset(offset), ..RecordId::default() };
        Record { id, key: Datum::Int(0), value: Datum::Int(0) }
    }

    fn ends(capacity: u32) -> (Outlet, Inlet) {
        let pipe = Pipe::new(capacity, Arc::default(), Arc::default());
        (Outlet::new(pipe.clone()), Inlet::new(pipe))
    }

    fn offset(element: Option<Element<Record>>) -> Option<u64> {
        match element {
            Some(Element::Record(record)) => Some(record.id.offset.0),
            _ => None,
        }
    }

    #[test]
    fn it_is_full_until_the_receiver_is_ready_and_again_until_a_step_is_over() {
        let (mut sender, mut receiver) = ends(2);
        assert!(sender.full());
        receiver.refill(&[record(7)]);
        receiver.open();
        assert!(!sender.full(), "one was put back, there is room for another");
        assert!(sender.push_record(record(8)));
        sender.flush();
        receiver.fetch();
        assert_eq!(offset(receiver.pop()), Some(7));
        assert!(sender.full(), "the receiver hasn't told of it");
        receiver.tell();
        assert!(!sender.full());
        receiver.fetch();
        assert_eq!(offset(receiver.pop()), Some(8));
        assert!(receiver.is_empty());
    }

    #[test]
    fn a_barrier_arrives_at_once_and_can_pass_what_is_ahead_of_it() {
        let (mut sender, mut receiver) = ends(100);
        receiver.open();
        (0..30).for_each(|n| _ = sender.push_record(record(n)));
        receiver.fetch();
        assert_eq!(offset(receiver.pop()), Some(0));
        let barrier = Barrier { id: CheckpointId(1), overtakes: true };
        sender.push(Element::Barrier(barrier));
        receiver.fetch();
        assert_eq!(receiver.jumper(), Some((29, barrier)));
        let passed = receiver.overtake(29);
        assert_eq!((passed.len(), passed[0].id.offset.0), (29, 1));
        assert!(receiver.jumper().is_none());
        let left: Vec<_> = std::iter::from_fn(|| offset(receiver.pop())).collect();
        assert_eq!(left, (1..30).collect::<Vec<_>>(), "they stay in order");
    }

    #[test]
    fn whoever_waits_for_room_is_told_when_there_is_some() {
        let (mut sender, mut receiver) = ends(8);
        receiver.open();
        (0..8).for_each(|n| _ = sender.push_record(record(n)));
        sender.flush();
        assert!(sender.full() && sender.wait());
        receiver.fetch();
        (0..4).for_each(|_| drop(receiver.pop()));
        receiver.tell();
        assert!(!sender.wait(), "half of it is free");
    }
}
