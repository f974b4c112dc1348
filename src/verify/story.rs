//! A violation in words: the causal path that must not be, or who waits for whom. A second pass over the events,
//! made only after something was found.

use super::verdict::{Invariant, Message, Violation};
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind, Meta};
use crate::trace::text;
use petgraph::algo::astar;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines before the violation that are shown where there is nothing better to tell.
const CONTEXT: usize = 8;

/// Tells how it came to this violation. The events are those that the verifier saw.
pub fn story(meta: &Meta, events: &[Event], violation: &Violation) -> String {
    let topology = Topology::build(meta.graph.clone());
    let mut out = format!("{}: {}\n", violation.invariant.name(), violation.message);
    match (violation.invariant, violation.witness, violation.checkpoint) {
        (Invariant::I1, Some(message), Some(id)) => orphan(&topology, events, message, id, &mut out),
        (Invariant::I12, ..) => waits(&topology, violation, &mut out),
        _ => context(&topology, events, violation, &mut out),
    }
    out
}

/// Happened-before: program order, and each send before its application.
fn happened_before(events: &[Event]) -> DiGraph<usize, ()> {
    let mut graph = DiGraph::new();
    let mut last: BTreeMap<(TaskId, Attempt), NodeIndex> = BTreeMap::new();
    let mut sent: BTreeMap<(Attempt, ChannelId, u64), NodeIndex> = BTreeMap::new();
    for (i, event) in events.iter().enumerate() {
        let node = graph.add_node(i);
        if let Some(before) = last.insert((event.process, event.attempt), node) {
            graph.add_edge(before, node, ());
        }
        match event.kind {
            Kind::Send { channel, m, .. } => {
                sent.insert((event.attempt, channel, m), node);
            }
            Kind::Apply { channel, m } => {
                if let Some(send) = sent.get(&(event.attempt, channel, m)) {
                    graph.add_edge(*send, node, ());
                }
            }
            _ => {}
        }
    }
    graph
}

fn orphan(topology: &Topology, events: &[Event], message: Message, id: CheckpointId, out: &mut String) {
    let ends = topology.channels[message.channel.index()];
    let find = |what: &dyn Fn(&Event) -> bool| events.iter().position(|e| e.attempt == message.attempt && what(e));
    let snap = |task: TaskId| move |e: &Event| matches!(e.kind, Kind::Snap { checkpoint, .. } if e.process == task && checkpoint == id);
    let send =
        |e: &Event| matches!(e.kind, Kind::Send { channel, m, .. } if channel == message.channel && m == message.m);
    let places = (find(&snap(ends.from)), find(&send), find(&snap(ends.to)));
    let (Some(cut), Some(send), Some(goal)) = places else {
        let _ = writeln!(out, "the lines that would tell more are not in the trace");
        return;
    };
    let graph = happened_before(events);
    let goal_node = NodeIndex::new(goal);
    let path = astar(&graph, NodeIndex::new(send), |node| node == goal_node, |_| 1, |_| 0).map(|(_, path)| path);
    let (from, to) = (topology.name(ends.from), topology.name(ends.to));
    let _ = writeln!(out, "{from} takes its snapshot of {id}:");
    let _ = writeln!(out, "{}", text::line(topology, cut as u64, &events[cut]));
    let _ = writeln!(out, "after it, and so not in {id}, it sends:");
    let _ = writeln!(out, "{}", text::line(topology, send as u64, &events[send]));
    let _ = writeln!(out, "and from there it goes into the snapshot of {to}, where it is recorded:");
    for node in path.into_iter().flatten().skip(1) {
        let i = graph[node];
        let step = matches!(events[i].kind, Kind::Send { .. } | Kind::Apply { .. } | Kind::Snap { .. });
        if step || i == goal {
            let _ = writeln!(out, "{}", text::line(topology, i as u64, &events[i]));
        }
    }
}

fn waits(topology: &Topology, violation: &Violation, out: &mut String) {
    for wait in &violation.waits {
        let _ = writeln!(out, "{} waits for {}: {}", topology.name(wait.who), topology.name(wait.whom), wait.what);
    }
    if violation.waits.is_empty() {
        let _ = writeln!(out, "nobody waits for anybody: somebody has forgotten");
    }
}

fn context(topology: &Topology, events: &[Event], violation: &Violation, out: &mut String) {
    let Some(at) = violation.at else { return };
    let same = |e: &Event| e.process == at.process && e.attempt == at.attempt;
    let end = events.iter().position(|e| same(e) && e.n == at.n).unwrap_or(events.len().saturating_sub(1));
    let upto = events.iter().enumerate().take(end + 1);
    let own: Vec<_> = match violation.checkpoint {
        Some(id) => upto.filter(|(i, e)| *i == end || names(e, id)).collect(),
        None => upto.filter(|(_, e)| same(e)).collect(),
    };
    for (i, event) in own.iter().skip(own.len().saturating_sub(CONTEXT)) {
        let _ = writeln!(out, "{}", text::line(topology, *i as u64, event));
    }
}

/// Is this line about the checkpoint?
fn names(event: &Event, id: CheckpointId) -> bool {
    match &event.kind {
        Kind::Trigger { checkpoint, .. }
        | Kind::Ack { checkpoint }
        | Kind::Decline { checkpoint, .. }
        | Kind::Complete { checkpoint, .. }
        | Kind::Savepoint { checkpoint, .. }
        | Kind::Abort { checkpoint, .. }
        | Kind::Snap { checkpoint, .. } => *checkpoint == id,
        Kind::Put { key, .. } => key.checkpoint == id,
        Kind::Begin { base, .. } | Kind::Restore { base, .. } => *base == Some(id),
        _ => false,
    }
}
