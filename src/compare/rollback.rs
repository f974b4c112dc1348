//! How far a failure reaches where everybody takes checkpoints alone: rollback propagation (Randell 1975; Wang 1997).
//!
//! Whoever fails goes back to its last checkpoint. What it had sent since was never sent: whoever took that is an orphan
//! and goes back before it. Without logs, what it had taken since is lost unless its sender goes back before sending
//! it. And so on, perhaps to the beginning: the domino effect.

use crate::ids::*;
use crate::trace::event::{Event, Kind};
use std::collections::BTreeMap;

/// What can be taken again that was taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logs {
    /// Nothing: a message is gone when it was taken.
    None,
    /// What was sent: channels can be played again.
    Channels,
}

/// The intervals between checkpoints of one attempt, up to a moment, and the messages between them.
#[derive(Clone, Debug, Default)]
pub struct History {
    at: BTreeMap<TaskId, u32>,
    under_way: BTreeMap<(ChannelId, u64), (TaskId, u32)>,
    messages: Vec<((TaskId, u32), (TaskId, u32))>,
    work: BTreeMap<(TaskId, u32), u64>,
}

/// For each process that goes back the first of its intervals that is undone: it restores its checkpoint of that number,
/// 0 being its beginning.
pub type Line = BTreeMap<TaskId, u32>;

impl History {
    /// The next line of the attempt.
    pub fn observe(&mut self, event: &Event) {
        let task = event.process;
        let interval = self.at.get(&task).copied().unwrap_or(0);
        match event.kind {
            Kind::Snap { .. } => drop(self.at.insert(task, interval + 1)),
            Kind::Send { channel, m, .. } => drop(self.under_way.insert((channel, m), (task, interval))),
            Kind::Apply { channel, m } => {
                *self.work.entry((task, interval)).or_default() += 1;
                if let Some(from) = self.under_way.remove(&(channel, m)) {
                    self.messages.push((from, (task, interval)));
                }
            }
            Kind::Read { .. } => *self.work.entry((task, interval)).or_default() += 1,
            _ => {}
        }
    }

    /// Those who failed at their last checkpoints, and nobody else.
    pub fn own(&self, failed: &[TaskId]) -> Line {
        failed.iter().map(|task| (*task, self.at.get(task).copied().unwrap_or(0))).collect()
    }

    /// Where everybody is after these have failed. `to`: who receives on a channel; what is under way to somebody who
    /// goes back is lost with his connections.
    pub fn line(&self, failed: &[TaskId], logs: Logs, to: impl Fn(ChannelId) -> TaskId) -> Line {
        let mut line = self.own(failed);
        let under_way = self.under_way.iter().map(|((channel, _), from)| (*from, (to(*channel), u32::MAX)));
        let messages: Vec<_> = self.messages.iter().copied().chain(under_way).collect();
        loop {
            let before = line.clone();
            for (from, to) in &messages {
                let undone = |line: &Line, (task, interval): (TaskId, u32)| {
                    line.get(&task).is_some_and(|first| *first <= interval)
                };
                let mut undo = |(task, interval): (TaskId, u32)| {
                    let first = line.entry(task).or_insert(interval);
                    *first = (*first).min(interval);
                };
                match (undone(&before, *from), undone(&before, *to)) {
                    (true, false) if to.1 != u32::MAX => undo(*to),
                    (false, true) if logs == Logs::None => undo(*from),
                    _ => {}
                }
            }
            if line == before {
                return line;
            }
        }
    }

    /// Messages that are taken in what is left and sent in what is undone, and those of which it is the other way round:
    /// orphans and losses of a line, counted without a look at how it came about.
    pub fn flaws(&self, line: &Line) -> (u64, u64) {
        let left = |(task, interval): &(TaskId, u32)| line.get(task).is_none_or(|first| interval < first);
        let orphans = self.messages.iter().filter(|(from, to)| left(to) && !left(from)).count();
        let lost = self.messages.iter().filter(|(from, to)| left(from) && !left(to)).count();
        (orphans as u64, lost as u64)
    }

    /// Records that were taken or read in what is undone.
    pub fn undone(&self, line: &Line) -> u64 {
        let undone = |(task, interval): &(TaskId, u32)| line.get(task).is_some_and(|first| first <= interval);
        self.work.iter().filter(|(place, _)| undone(place)).map(|(_, work)| work).sum()
    }

    /// Checkpoints that are thrown away.
    pub fn discarded(&self, line: &Line) -> u64 {
        line.iter().map(|(task, first)| u64::from(self.at.get(task).copied().unwrap_or(0) - first)).sum()
    }

    /// How many are back at the beginning though they had taken checkpoints.
    pub fn at_the_beginning(&self, line: &Line) -> u64 {
        line.iter().filter(|(task, first)| **first == 0 && self.at.get(task).copied().unwrap_or(0) > 0).count() as u64
    }
}
