//! Which output channels a record goes to.

use super::message::{Barrier, Element, Outbox, Record};
use crate::ids::*;
use crate::topology::{Partitioning, Route, Topology};

/// The outputs of one subtask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Router {
    outputs: Vec<ChannelId>,
    routes: Vec<(Partitioning, u32, u32)>, // first output, how many
    turns: Vec<u32>,
    ended: bool,
}

impl Router {
    /// The outputs of this subtask, nothing sent yet.
    pub fn new(topology: &Topology, task: TaskId) -> Self {
        let subtask = &topology.subtasks[task.index()];
        let routes = subtask.routes.iter().map(|Route { partitioning, first, count }| (*partitioning, *first, *count));
        Router {
            outputs: subtask.outputs.clone(),
            turns: vec![0; subtask.routes.len()],
            routes: routes.collect(),
            ended: false,
        }
    }

    /// Does every record go to one channel?
    pub fn single(&self) -> bool {
        matches!(self.routes[..], [(partitioning, ..)] if partitioning != Partitioning::Broadcast)
    }

    /// The channel that the next record goes to, if all go to one.
    #[inline(always)]
    pub fn next(&mut self, record: &Record) -> ChannelId {
        let (_, first, _) = self.routes[0];
        let turn = self.turn(0, record).expect("a broadcast isn't single");
        self.outputs[(first + turn) as usize]
    }

    /// Sends a record along every route.
    #[inline]
    pub fn record(&mut self, record: Record, out: &mut Outbox) {
        let last = self.routes.len().wrapping_sub(1);
        for route in 0..self.routes.len().saturating_sub(1) {
            self.along(route, record.clone(), out);
        }
        if last != usize::MAX {
            self.along(last, record, out);
        }
    }

    #[inline]
    fn along(&mut self, route: usize, record: Record, out: &mut Outbox) {
        let (_, first, count) = self.routes[route];
        match self.turn(route, &record) {
            Some(turn) => out.send(self.outputs[(first + turn) as usize], Element::Record(record)),
            None => {
                for i in 0..count {
                    out.send(self.outputs[(first + i) as usize], Element::Record(record.clone()));
                }
            }
        }
    }

    /// Whose turn it is on a route; nothing: everybody's.
    #[inline(always)]
    fn turn(&mut self, route: usize, record: &Record) -> Option<u32> {
        let (partitioning, _, count) = self.routes[route];
        match partitioning {
            Partitioning::Forward => Some(0),
            Partitioning::Hash => Some(Topology::owner(record.key.key_group(), count)),
            Partitioning::Rebalance => {
                let turn = self.turns[route];
                self.turns[route] = if turn + 1 == count { 0 } else { turn + 1 };
                Some(turn)
            }
            Partitioning::Broadcast => None,
        }
    }

    /// Sends a barrier to everybody, unless the output is over.
    pub fn barrier(&self, barrier: Barrier, out: &mut Outbox) {
        self.all(Element::Barrier(barrier), out);
    }

    /// Sends a cancellation to everybody, unless the output is over.
    pub fn cancel(&self, checkpoint: CheckpointId, out: &mut Outbox) {
        self.all(Element::Cancel(checkpoint), out);
    }

    /// Ends the output.
    pub fn end(&mut self, out: &mut Outbox) {
        self.all(Element::End, out);
        self.ended = true;
    }

    fn all(&self, element: Element<Record>, out: &mut Outbox) {
        if !self.ended {
            self.outputs.iter().for_each(|channel| out.send(*channel, element.clone()));
        }
    }

    /// The round-robin positions, for the snapshot.
    pub fn turns(&self) -> &[u32] {
        &self.turns
    }

    /// Puts round-robin positions into place.
    pub fn restore(&mut self, turns: &[u32]) {
        assert_eq!(turns.len(), self.turns.len(), "a snapshot is restored into the subtask that took it");
        self.turns.copy_from_slice(turns);
    }
}
