//! The trace itself: lives are numbered densely, ids are defined, and channels keep the order, unless the header says
//! that they don't: then each message is applied once.

use super::counts::{ANY, Lane};
use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind, Spot};
use crate::trace::{StoreKey, Txn};
use std::sync::Arc;

/// A life and the number of its next line.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    attempt: Attempt,
    next: u32,
}

/// The fold.
#[derive(Clone, Debug)]
pub struct WellFormed {
    topology: Arc<Topology>,
    /// The life of each process that was heard of last.
    last: Vec<Cursor>,
    /// All other lives of each process.
    others: Vec<Vec<(Attempt, u32)>>,
    /// Who reads each partition.
    readers: Vec<TaskId>,
}

impl WellFormed {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>) -> Self {
        let mut readers = vec![TaskId(0); topology.partitions as usize];
        for (task, subtask) in topology.subtasks.iter().enumerate() {
            subtask.partitions.iter().for_each(|p| readers[p.index()] = TaskId(task as u32));
        }
        WellFormed {
            last: vec![Cursor { attempt: Attempt(0), next: 0 }; topology.processes()],
            others: vec![Vec::new(); topology.processes()],
            readers,
            topology: topology.clone(),
        }
    }

    /// Does every id in the line name something? The other folds rely on it.
    #[inline]
    pub fn defined(&self, event: &Event) -> bool {
        event.process.index() < self.last.len()
            && match &event.kind {
                Kind::Send { channel, .. } => self.owns(event.process, *channel, true),
                Kind::Apply { channel, .. } => self.owns(event.process, *channel, false),
                Kind::Read { partition, record } => self.reads(event.process, *partition, &record.id),
                Kind::Visible { from, txn, .. } => self.shows(event.process, *from, txn),
                _ => self.defined_rare(event),
            }
    }

    #[inline]
    fn owns(&self, task: TaskId, channel: ChannelId, sends: bool) -> bool {
        self.topology.channels.get(channel.index()).is_some_and(|c| if sends { c.from == task } else { c.to == task })
    }

    /// Does this subtask read this partition, and is the record one of it?
    #[inline(always)]
    pub(super) fn reads(&self, task: TaskId, partition: PartitionId, id: &RecordId) -> bool {
        id.partition == partition && self.readers.get(partition.index()) == Some(&task)
    }

    #[inline(always)]
    fn ledger(&self, process: TaskId) -> bool {
        process.index() >= self.topology.len() + 2 && process < self.topology.environment()
    }

    /// Is this a ledger, and are these subtasks?
    #[inline(always)]
    pub(super) fn shows(&self, ledger: TaskId, from: Incarnation, txn: &Option<Txn>) -> bool {
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
            Kind::Complete { parts, .. } | Kind::Savepoint { parts, .. } => {
                p == self.topology.store() && parts.iter().all(key)
            }
            Kind::Put { key: k, offsets, kappa, txns, .. } => {
                p == self.topology.store()
                    && key(k)
                    && offsets.iter().all(|(q, _)| q.0 < partitions)
                    && kappa.iter().all(|(c, _)| self.owns(k.task, *c, false) || self.owns(k.task, *c, true))
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
            Kind::Suspend { .. } => p == self.topology.coordinator(),
            Kind::Finish { .. } => task(&p) || p == self.topology.coordinator(),
            _ => true,
        }
    }

    /// The next line, unless it is one of a message.
    pub fn observe(&mut self, event: &Event) -> Seen {
        if !self.defined(event) {
            return Err(self.undefined(event.spot()));
        }
        self.line(event.spot())
    }

    /// Is the line the next one of the life that was heard of last? Then it is counted.
    #[inline(always)]
    pub(super) fn follows(&mut self, at: Spot) -> bool {
        let cursor = &mut self.last[at.process.index()];
        let next = cursor.attempt == at.attempt && cursor.next == at.n;
        cursor.next = cursor.next.wrapping_add(next as u32);
        next
    }

    /// Is the line the next one of the life that was heard of last, with room for so many?
    pub(super) fn expects(&self, at: Spot, count: u64) -> bool {
        let cursor = self.last[at.process.index()];
        cursor.attempt == at.attempt && cursor.next == at.n && (at.n as u64 + count) < u32::MAX as u64
    }

    /// Counts lines that were expected.
    pub(super) fn pass(&mut self, process: TaskId, count: u64) {
        self.last[process.index()].next += count as u32;
    }

    /// Is the line the next one of its life?
    pub(super) fn line(&mut self, at: Spot) -> Seen {
        if self.follows(at) {
            return Ok(());
        }
        let (cursor, others) = (&mut self.last[at.process.index()], &mut self.others[at.process.index()]);
        if cursor.attempt != at.attempt {
            let find = |others: &[(Attempt, u32)], attempt| others.binary_search_by_key(&attempt, |(a, _)| *a);
            let next = find(others, at.attempt).map_or(0, |i| others.remove(i).1);
            let left = std::mem::replace(cursor, Cursor { attempt: at.attempt, next });
            if left.next > 0
                && let Err(i) = find(others, left.attempt)
            {
                others.insert(i, (left.attempt, left.next));
            }
        }
        let expected = cursor.next;
        cursor.next = at.n.saturating_add(1);
        if at.n == expected {
            return Ok(());
        }
        Err(self.wrong(at, &format!("line {} of a life follows line {expected}: not dense", at.n)))
    }

    /// The line names something that there isn't.
    #[cold]
    pub(super) fn undefined(&self, at: Spot) -> Box<Violation> {
        self.wrong(at, "the line names something that the job doesn't have")
    }

    #[cold]
    fn wrong(&self, at: Spot, what: &str) -> Box<Violation> {
        Violation::new(Invariant::WellFormed, at, what.to_string())
    }

    /// Is this the sender of the channel, or its receiver?
    pub(super) fn ends(&self, at: Spot, channel: ChannelId, sends: bool) -> Seen {
        if self.owns(at.process, channel, sends) { Ok(()) } else { Err(self.undefined(at)) }
    }

    /// A line that sends.
    pub(super) fn send(&self, at: Spot, channel: ChannelId, m: u64, lane: &mut Lane) -> Seen {
        let expected = std::mem::replace(&mut lane.next_sent, Lane::after(m));
        if expected == m || expected == ANY {
            return Ok(());
        }
        let what = format!("message {m} is sent where {expected} is next");
        Err(self.wrong(at, &what).witness(channel, at.attempt, m))
    }

    /// A line that applies.
    pub(super) fn apply(&self, at: Spot, channel: ChannelId, m: u64, lane: &mut Lane) -> Seen {
        let expected = std::mem::replace(&mut lane.next_rcvd, Lane::after(m));
        let next = expected == m || expected == ANY;
        if next && m < lane.next_sent {
            return Ok(());
        }
        let what = if next {
            format!("message {m} is applied and was never sent")
        } else {
            format!("message {m} is applied where {expected} is next: not first in, first out")
        };
        Err(self.wrong(at, &what).witness(channel, at.attempt, m))
    }

    /// A line that applies, on a channel that isn't FIFO. `new`: nobody has applied it before.
    pub(super) fn apply_any(&self, at: Spot, channel: ChannelId, m: u64, new: bool, lane: &Lane) -> Seen {
        let what = match (new, m < lane.next_sent) {
            (true, true) => return Ok(()),
            (true, false) => format!("message {m} is applied and was never sent"),
            (false, _) => format!("message {m} is applied twice"),
        };
        Err(self.wrong(at, &what).witness(channel, at.attempt, m))
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        vec![(Invariant::WellFormed, Verdict::Holds)]
    }
}
