//! What is measured of protocols in which everybody takes checkpoints alone.

use super::Ran;
use super::fold::Fold;
use super::measure::{Formed, Measure};
use super::rollback::{History, Logs};
use super::zigzag::Zigzag;
use crate::ids::*;
use crate::protocols::alone::rule::Rule;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// The sums of one run, and what isn't as it should be.
pub(super) fn alone(ran: &Ran, rule: Rule) -> (Measure, Vec<String>) {
    let (topology, trace, beside) = (&ran.topology, &ran.trace, ran.beside);
    let (mut zigzag, mut fold) = (Zigzag::default(), Fold::unmarked(topology));
    trace.iter().for_each(|event| zigzag.observe(event));
    trace.iter().for_each(|event| fold.observe(event));
    let count = |what: fn(&Kind) -> bool| trace.iter().filter(|event| what(&event.kind)).count() as u64;
    let (local, messages) =
        (count(|kind| matches!(kind, Kind::Snap { .. })), count(|kind| matches!(kind, Kind::Send { .. })));
    let n = topology.len() as u64;
    let closed = match rule {
        Rule::Never => 0,
        Rule::Index | Rule::IndexIgnored => 8,
        Rule::Vectors | Rule::VectorsByHalf => 8 + 8 * n + 16 * n.div_ceil(64),
    };
    let whole = fold.finish();
    let mut measure = Measure {
        runs: 1,
        alone: 1,
        lines: whole.completed,
        local,
        basic: local - beside.forced,
        forced: beside.forced,
        useless: zigzag.useless(),
        messages,
        carried: Formed { measured: beside.bytes, form: messages * closed, excused: 0 },
        // Of the rest, what doesn't speak of a checkpoint of everybody.
        ended: whole.ended,
        time: whole.time,
        records: whole.records,
        recoveries: whole.recoveries,
        down: whole.down,
        behind: whole.behind,
        caught_up: whole.caught_up,
        again: whole.again,
        applied: whole.applied,
        applied_again: whole.applied_again,
        ..Measure::default()
    };
    let mut problems = Vec::new();
    if rule != Rule::Never && measure.useless > 0 {
        problems.push(format!("{} local checkpoints are on a zigzag cycle", measure.useless));
    }
    for (attempt, failed) in failures(topology, trace) {
        problems.extend(failure(topology, trace, attempt, &failed, &mut measure));
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
