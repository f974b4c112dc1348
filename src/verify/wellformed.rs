//! The trace itself: lives are numbered densely, ids are defined, and channels keep the order.

use super::lives::{Begun, Slots};
use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::{StoreKey, Txn};
use crate::trace::event::{Event, Kind, Outcome};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    /// The number of the next message to be sent; none: anything goes.
    sent: Option<u64>,
    /// The number of the next message to be applied; none: anything that was sent.
    rcvd: Option<u64>,
}

/// The fold.
#[derive(Clone, Debug)]
pub struct WellFormed {
    topology: Arc<Topology>,
    next: Vec<Vec<(Attempt, u32)>>,
    counters: Slots<Box<[Counter]>>,
    begun: Begun,
}

impl WellFormed {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>) -> Self {
        WellFormed {
            next: vec![Vec::new(); topology.processes()],
            topology: topology.clone(),
            counters: Slots::new(),
            begun: Begun::default(),
        }
    }

    /// Does every id in the line name something? The other folds rely on it.
    #[inline]
    pub fn defined(&self, event: &Event) -> bool {
        event.process.index() < self.next.len()
            && match &event.kind {
                Kind::Send { channel, .. } => self.owns(event.process, *channel, true),
                Kind::Apply { channel, .. } => self.owns(event.process, *channel, false),
                Kind::Read { partition, record } => self.reads(event.process, *partition, record.id),
                Kind::Visible { from, txn, .. } => self.shows(event.process, *from, txn),
                _ => self.defined_rare(event),
            }
    }

    #[inline]
    fn owns(&self, task: TaskId, channel: ChannelId, sends: bool) -> bool {
        self.topology.channels.get(channel.index()).is_some_and(|c| if sends { c.from == task } else { c.to == task })
    }

    #[inline]
    fn reads(&self, task: TaskId, partition: PartitionId, id: RecordId) -> bool {
        id.partition == partition
            && self.topology.subtasks.get(task.index()).is_some_and(|subtask| subtask.partitions.contains(&partition))
    }

    #[inline]
    fn ledger(&self, process: TaskId) -> bool {
        process.index() >= self.topology.len() + 2 && process < self.topology.environment()
    }

    #[inline]
    fn shows(&self, ledger: TaskId, from: Incarnation, txn: &Option<Txn>) -> bool {
        let tasks = self.topology.len();
        self.ledger(ledger) && from.task.index() < tasks && txn.as_ref().is_none_or(|txn| txn.task.index() < tasks)
    }

    fn defined_rare(&self, event: &Event) -> bool {
        let (tasks, partitions) = (self.topology.len(), self.topology.partitions);
        let p = event.process;
        let task = |t: &TaskId| t.index() < tasks;
        let key = |k: &StoreKey| task(&k.task);
        let ledger = |p: TaskId| self.ledger(p);
        match &event.kind {
            Kind::Trigger { required, .. } => required.iter().all(task),
            Kind::Ack { .. }
            | Kind::Decline { .. }
            | Kind::Snap { .. }
            | Kind::Abandon { .. }
            | Kind::Choice { .. } => task(&p),
            Kind::Complete { parts, .. } => p == self.topology.store() && parts.iter().all(key),
            Kind::Put { key: k, offsets, kappa, txns, .. } => {
                p == self.topology.store()
                    && key(k)
                    && offsets.iter().all(|(q, _)| q.0 < partitions)
                    && kappa.iter().all(|(c, _)| self.owns(k.task, *c, false))
                    && txns.iter().all(|t| task(&t.task))
            }
            Kind::Get { key: k, .. } | Kind::Delete { key: k } => p == self.topology.store() && key(k),
            Kind::Lead { .. } | Kind::Begin { .. } => p == self.topology.store(),
            Kind::Restore { offsets, kappa, .. } => {
                task(&p)
                    && offsets.iter().all(|(q, _)| q.0 < partitions)
                    && kappa.iter().all(|(c, _)| self.owns(p, *c, false))
            }
            Kind::Notify { to, .. } => task(&to.task),
            Kind::Txn { txn, .. } => ledger(p) && task(&txn.task),
            Kind::Fence { by } => ledger(p) && task(&by.task),
            Kind::BarOut { channel, .. } | Kind::CancelOut { channel, .. } | Kind::EndOut { channel } => {
                self.owns(p, *channel, true)
            }
            Kind::BarIn { channel, .. }
            | Kind::CancelIn { channel, .. }
            | Kind::EndIn { channel }
            | Kind::Hold { channel }
            | Kind::Release { channel } => self.owns(p, *channel, false),
            Kind::Finish { .. } => task(&p) || p == self.topology.coordinator(),
            _ => true,
        }
    }

    /// The next line.
    #[inline]
    pub fn observe(&mut self, event: &Event) -> Seen {
        match event.kind {
            Kind::Send { channel, m, .. } => self.send(event, channel, m),
            Kind::Apply { channel, m } => self.apply(event, channel, m),
            _ => {
                if !self.defined(event) {
                    return Err(self.undefined(event));
                }
                self.line(event)?;
                if let Kind::Begin { job, base, outcome: Outcome::Ok, .. } = event.kind {
                    self.begun.add(job, base);
                }
                Ok(())
            }
        }
    }

    /// Is the line the next one of its life?
    #[inline]
    fn line(&mut self, event: &Event) -> Seen {
        match self.next[event.process.index()].last_mut() {
            Some((attempt, next)) if *attempt == event.attempt && *next == event.n => {
                *next += 1;
                Ok(())
            }
            _ => self.number(event),
        }
    }

    #[cold]
    fn undefined(&self, event: &Event) -> Box<Violation> {
        self.wrong(event, "the line names something that the job doesn't have")
    }

    #[cold]
    fn wrong(&self, event: &Event, what: &str) -> Box<Violation> {
        Violation::new(Invariant::WellFormed, event, what.to_string())
    }

    #[cold]
    fn number(&mut self, event: &Event) -> Seen {
        let lives = &mut self.next[event.process.index()];
        let i = match lives.binary_search_by_key(&event.attempt, |(attempt, _)| *attempt) {
            Ok(i) => i,
            Err(i) => {
                lives.insert(i, (event.attempt, 0));
                i
            }
        };
        let expected = lives[i].1;
        lives[i].1 = event.n.saturating_add(1);
        if event.n != expected {
            return Err(self.wrong(event, &format!("line {} of a life follows line {expected}: not dense", event.n)));
        }
        Ok(())
    }

    #[inline]
    fn counter(&mut self, attempt: Attempt, channel: ChannelId) -> Option<&mut Counter> {
        let (channels, begun) = (self.topology.channels.len(), &self.begun);
        // Without a base both sides count from 0; after one they go on from wherever its cut was.
        let make = || {
            let zero = if begun.base(attempt) == Some(None) { Some(0) } else { None };
            vec![Counter { sent: zero, rcvd: zero }; channels].into()
        };
        self.counters.get(attempt, make).map(|list| &mut list[channel.index()])
    }

    /// A line that reads.
    #[inline]
    pub(super) fn read(&mut self, event: &Event, partition: PartitionId, id: RecordId) -> Seen {
        if self.reads(event.process, partition, id) { self.line(event) } else { Err(self.undefined(event)) }
    }

    /// A line of a ledger that shows a record.
    #[inline]
    pub(super) fn visible(&mut self, event: &Event, from: Incarnation, txn: &Option<Txn>) -> Seen {
        if self.shows(event.process, from, txn) { self.line(event) } else { Err(self.undefined(event)) }
    }

    /// A line that sends.
    #[inline]
    pub(super) fn send(&mut self, event: &Event, channel: ChannelId, m: u64) -> Seen {
        if !self.owns(event.process, channel, true) {
            return Err(self.undefined(event));
        }
        self.line(event)?;
        let Some(counter) = self.counter(event.attempt, channel) else { return Ok(()) };
        let expected = counter.sent.unwrap_or(m);
        counter.sent = Some(m.saturating_add(1));
        if expected == m { Ok(()) } else { Err(self.gap(event, channel, m, expected)) }
    }

    #[cold]
    fn gap(&self, event: &Event, channel: ChannelId, m: u64, expected: u64) -> Box<Violation> {
        let what = format!("message {m} is sent where {expected} is next");
        self.wrong(event, &what).witness(channel, event.attempt, m)
    }

    /// A line that applies.
    #[inline]
    pub(super) fn apply(&mut self, event: &Event, channel: ChannelId, m: u64) -> Seen {
        if !self.owns(event.process, channel, false) {
            return Err(self.undefined(event));
        }
        self.line(event)?;
        let Some(counter) = self.counter(event.attempt, channel) else { return Ok(()) };
        let (expected, sent) = (counter.rcvd.unwrap_or(m), counter.sent.unwrap_or(u64::MAX));
        counter.rcvd = Some(m.saturating_add(1));
        if expected == m && m < sent {
            return Ok(());
        }
        Err(self.stray(event, channel, m, expected))
    }

    #[cold]
    fn stray(&self, event: &Event, channel: ChannelId, m: u64, expected: u64) -> Box<Violation> {
        let what = if expected != m {
            format!("message {m} is applied where {expected} is next: not first in, first out")
        } else {
            format!("message {m} is applied and was never sent")
        };
        self.wrong(event, &what).witness(channel, event.attempt, m)
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        vec![(Invariant::WellFormed, Verdict::Holds)]
    }
}
