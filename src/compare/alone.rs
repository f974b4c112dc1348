//! What is measured of protocols in which everybody takes checkpoints by himself: see [`super::induced`].

use super::induced::induce;
use super::measure::{Formed, Measure};
use super::rollback::{History, Logs};
use super::zigzag::Zigzag;
use crate::ids::*;
use crate::protocols::alone::rule::Rule;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// The sums of one run, and what isn't as it should be.
pub(super) fn alone(topology: &Topology, trace: &[Event], rule: Rule, interval: Nanos) -> (Measure, Vec<String>) {
    let induced = induce(topology, trace, rule, interval);
    let (mut zigzag, mut problems) = (Zigzag::default(), Vec::new());
    induced.trace.iter().for_each(|event| zigzag.observe(event));
    let n = topology.len() as u64;
    let closed = match rule {
        Rule::Never => 0,
        Rule::Index | Rule::IndexIgnored => 8,
        Rule::Vectors | Rule::VectorsByHalf => 8 + 8 * n + 2 * n.div_ceil(8),
    };
    let carried = Formed { measured: induced.carried, form: induced.messages * closed, excused: 0 };
    let mut measure = Measure {
        runs: 1,
        alone: 1,
        local: induced.basic + induced.forced,
        basic: induced.basic,
        forced: induced.forced,
        useless: zigzag.useless(),
        messages: induced.messages,
        carried,
        ..Measure::default()
    };
    if rule != Rule::Never && measure.useless > 0 {
        problems.push(format!("{} local checkpoints are on a zigzag cycle", measure.useless));
    }
    for (attempt, failed) in failures(topology, &induced.trace) {
        problems.extend(failure(topology, &induced.trace, attempt, &failed, &mut measure));
    }
    (measure, problems)
}

/// Who fails first in each attempt, all at once.
fn failures(topology: &Topology, trace: &[Event]) -> BTreeMap<Attempt, Vec<TaskId>> {
    let mut first: BTreeMap<Attempt, (u64, BTreeSet<TaskId>)> = BTreeMap::new();
    let subtask = |event: &&Event| event.process.index() < topology.len();
    for event in trace.iter().filter(|event| event.kind == Kind::Crash).filter(subtask) {
        let (at, failed) = first.entry(event.attempt).or_insert_with(|| (event.time.0, BTreeSet::new()));
        if *at == event.time.0 {
            failed.insert(event.process);
        }
    }
    first.into_iter().map(|(attempt, (_, failed))| (attempt, failed.into_iter().collect())).collect()
}

fn failure(
    topology: &Topology,
    trace: &[Event],
    attempt: Attempt,
    failed: &[TaskId],
    m: &mut Measure,
) -> Option<String> {
    let mut history = History::default();
    let lines = trace.iter().filter(|event| event.attempt == attempt && event.process.index() < topology.len());
    lines.take_while(|event| event.kind != Kind::Crash).for_each(|event| history.observe(event));
    let to = |channel: ChannelId| topology.channels[channel.index()].to;
    let [none, channels] = [Logs::None, Logs::Channels].map(|logs| history.line(failed, logs, to));
    m.failures += 1;
    m.since += history.undone(&history.own(failed));
    m.back[0] += none.len() as u64;
    m.back[1] += channels.len() as u64;
    m.undone[0] += history.undone(&none);
    m.undone[1] += history.undone(&channels);
    m.beginnings[0] += history.at_the_beginning(&none);
    m.beginnings[1] += history.at_the_beginning(&channels);
    m.discarded[0] += history.discarded(&none);
    m.discarded[1] += history.discarded(&channels);
    match (history.flaws(&none), history.flaws(&channels)) {
        ((0, 0), (0, _)) => None,
        flaws => Some(format!("a recovery line has orphans or loses messages: {flaws:?}")),
    }
}
