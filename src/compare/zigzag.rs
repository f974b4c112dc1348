//! Checkpoints that no consistent cut contains: those on a zigzag cycle (Netzer & Xu 1995).
//!
//! It reads who recorded a state, sent and took a message, and nothing of any protocol: a judge of those that promise
//! that there are none.

use crate::ids::*;
use crate::trace::event::{Event, Kind};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};

/// A fold over the lines of all attempts of a job. What one attempt restores is where it begins: no path leads through
/// the failure.
#[derive(Clone, Debug, Default)]
pub struct Zigzag {
    attempts: BTreeMap<Attempt, Pattern>,
}

/// An interval of a process: its states between two local checkpoints, from 0.
type Interval = (TaskId, u32);

#[derive(Clone, Debug, Default)]
struct Pattern {
    at: BTreeMap<TaskId, u32>,
    sent: BTreeMap<(ChannelId, u64), Interval>,
    messages: BTreeSet<(Interval, Interval)>,
}

impl Pattern {
    fn interval(&self, task: TaskId) -> Interval {
        (task, self.at.get(&task).copied().unwrap_or(0))
    }

    /// A zigzag path goes on with a message that is sent in the interval in which the one before it arrives, or later,
    /// perhaps before that arrives. So paths are those of the graph of intervals, and a checkpoint is on a cycle if
    /// the interval after it leads back to the one before it.
    fn useless(&self) -> u64 {
        let mut graph: DiGraph<Interval, ()> = DiGraph::new();
        let mut nodes: BTreeMap<Interval, NodeIndex> = BTreeMap::new();
        let ends = self.messages.iter().flat_map(|(from, to)| [*from, *to]);
        let own = self.at.iter().flat_map(|(task, last)| (0..=*last).map(|interval| (*task, interval)));
        for interval in ends.chain(own) {
            nodes.entry(interval).or_insert_with(|| graph.add_node(interval));
        }
        for (from, to) in &self.messages {
            graph.add_edge(nodes[from], nodes[to], ());
        }
        for (task, last) in &self.at {
            for interval in 0..*last {
                graph.add_edge(nodes[&(*task, interval)], nodes[&(*task, interval + 1)], ());
            }
        }
        let circle = |circle: Vec<NodeIndex>| {
            let within: BTreeSet<Interval> = circle.into_iter().map(|node| graph[node]).collect();
            within.iter().filter(|(task, interval)| within.contains(&(*task, interval + 1))).count() as u64
        };
        kosaraju_scc(&graph).into_iter().map(circle).sum()
    }
}

impl Zigzag {
    /// The next line.
    pub fn observe(&mut self, event: &Event) {
        match event.kind {
            Kind::Snap { .. } => {
                *self.attempts.entry(event.attempt).or_default().at.entry(event.process).or_default() += 1;
            }
            Kind::Send { channel, m, .. } => {
                let pattern = self.attempts.entry(event.attempt).or_default();
                let interval = pattern.interval(event.process);
                pattern.sent.insert((channel, m), interval);
            }
            Kind::Apply { channel, m } => {
                let pattern = self.attempts.entry(event.attempt).or_default();
                // What was put back at a restore was sent before it.
                if let Some(from) = pattern.sent.remove(&(channel, m)) {
                    pattern.messages.insert((from, pattern.interval(event.process)));
                }
            }
            _ => {}
        }
    }

    /// How many local checkpoints are on a zigzag cycle.
    pub fn useless(&self) -> u64 {
        self.attempts.values().map(Pattern::useless).sum()
    }
}
