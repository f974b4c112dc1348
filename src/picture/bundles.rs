//! Records thinned and counted: messages between two lanes become one broad arrow, as long as nothing else happens on
//! either lane between them; where subtasks share a lane, as long as none of the two subtasks takes a snapshot or dies. So no
//! bundle hides on which side of a cut a message is.

use super::cuts::{Crossing, Cut};
use super::lanes::Lanes;
use super::marks::Weight;
use super::past::{Load, Past};
use crate::ids::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// Messages that are drawn as one arrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The sender's life, by one of its messages.
    pub from: Incarnation,
    /// The receiver's.
    pub to: Incarnation,
    /// The messages, as places in `past.flights`.
    pub flights: Vec<usize>,
    /// How they cross a cut that is shown, and which.
    pub crossing: Option<(Crossing, CheckpointId)>,
    /// The first and the last row in which they were sent, if known.
    pub sent: Option<(usize, usize)>,
    /// The same of being taken.
    pub taken: Option<(usize, usize)>,
}

impl Bundle {
    /// The rows that must have a place of their own.
    pub fn rows(&self) -> impl Iterator<Item = usize> {
        self.sent.into_iter().chain(self.taken).flat_map(|(first, last)| [first, last])
    }

    /// Is something wrong with them?
    pub fn wrong(&self) -> bool {
        matches!(self.crossing, Some((Crossing::Orphan | Crossing::Lost, _)))
    }
}

/// How often something that matters has happened up to a row: on the lane, or where several share it, to the process.
struct Epochs {
    rows: BTreeMap<(usize, Option<TaskId>), Vec<usize>>,
}

fn of(lanes: &Lanes, task: TaskId) -> Option<(usize, Option<TaskId>)> {
    Some((lanes.lane(task)?, lanes.shared(task).then_some(task)))
}

impl Epochs {
    fn new(past: &Past, lanes: &Lanes, weights: &[Weight]) -> Self {
        let mut rows: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (row, event) in past.events.iter().enumerate() {
            let most = if lanes.shared(event.process) { Weight::Key } else { Weight::Protocol };
            if let Some(key) = of(lanes, event.process)
                && weights[row] <= most
            {
                rows.entry(key).or_default().push(row);
            }
        }
        Epochs { rows }
    }

    fn at(&self, lanes: &Lanes, task: TaskId, row: usize) -> usize {
        let rows = of(lanes, task).and_then(|key| self.rows.get(&key));
        rows.map_or(0, |rows| rows.partition_point(|other| *other < row))
    }
}

type Group = (Incarnation, Incarnation, Option<(Crossing, CheckpointId)>, Option<usize>, Option<usize>);

/// The messages of the rows, in bundles; with `each`, every one is alone. Two lines of the same lane are as good as one
/// another, so subtasks that share a lane share bundles. `weights` has the weight of every row's mark.
pub fn bundles(
    past: &Past,
    lanes: &Lanes,
    cuts: &[&Cut],
    rows: &Range<usize>,
    weights: &[Weight],
    each: bool,
) -> Vec<Bundle> {
    let mut crossing: BTreeMap<usize, (Crossing, CheckpointId)> = BTreeMap::new();
    for cut in cuts {
        for (flight, how) in cut.crossings(past) {
            let known = crossing.entry(flight).or_insert((how, cut.id));
            *known = (*known).min((how, cut.id));
        }
    }
    let epochs = Epochs::new(past, lanes, weights);
    let mut open: BTreeMap<Group, usize> = BTreeMap::new();
    let mut found: Vec<Bundle> = Vec::new();
    for (i, flight) in past.flights.iter().enumerate() {
        let shown = |row: Option<usize>| row.is_some_and(|row| rows.contains(&row));
        let Some((from, to)) = past.ends(flight.channel) else { continue };
        if !matches!(flight.load, Load::Record(_)) || !(shown(flight.sent) || shown(flight.taken)) {
            continue;
        }
        let (Some(a), Some(b)) = (lanes.lane(from), lanes.lane(to)) else { continue };
        // A shared lane stands for its first process.
        let first = |lane: usize| Incarnation { task: lanes.list[lane].tasks[0], attempt: flight.attempt };
        let sent = flight.sent.map(|row| epochs.at(lanes, from, row));
        let taken = flight.taken.map(|row| epochs.at(lanes, to, row));
        let group = (first(a), first(b), crossing.get(&i).copied(), sent, taken);
        let both = |row: Option<usize>| row.map(|row| (row, row));
        let wide = |one: Option<(usize, usize)>, row: Option<usize>| {
            one.zip(row).map(|((first, last), row)| (first.min(row), last.max(row)))
        };
        match open.get(&group).filter(|_| !each).map(|at| &mut found[*at]) {
            Some(bundle) => {
                bundle.flights.push(i);
                (bundle.sent, bundle.taken) = (wide(bundle.sent, flight.sent), wide(bundle.taken, flight.taken));
            }
            None => {
                open.insert(group, found.len());
                found.push(Bundle {
                    from: group.0,
                    to: group.1,
                    flights: vec![i],
                    crossing: group.2,
                    sent: both(flight.sent),
                    taken: both(flight.taken),
                });
            }
        }
    }
    found
}
