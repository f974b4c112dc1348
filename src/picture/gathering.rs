//! Marks of lanes that several subtasks share: what all of them do is said once, with a count.

use super::cuts;
use super::lanes::Lanes;
use super::layout::Placed;
use super::marks::merged;
use super::past::{Load, Past};
use crate::ids::*;
use crate::trace::event::{Kind, Outcome};
use crate::trace::words;
use std::collections::BTreeMap;

/// A lane, an attempt, what happens, and to which checkpoint or transaction.
type Group = (usize, Attempt, &'static str, Option<CheckpointId>);

/// What the store and the ledgers do for many subtasks.
fn outside(kind: &Kind) -> bool {
    matches!(kind, Kind::Put { outcome: Outcome::Ok, .. } | Kind::Txn { outcome: Outcome::Ok, .. } | Kind::Fence { .. })
}

/// Takes marks of one kind on a shared lane together, at the row of the first; of snapshots the last has a mark, too,
/// for that is where a cut is through. `focus` and crashes stay as they are.
pub fn gathered(past: &Past, lanes: &Lanes, marks: Vec<Placed>, focus: Option<usize>) -> Vec<Placed> {
    let folded = lanes.list.iter().any(|lane| lane.tasks.len() > 1);
    let mut groups: BTreeMap<Group, (usize, usize)> = BTreeMap::new();
    let mut out: Vec<Placed> = Vec::new();
    for placed in marks {
        let event = &past.events[placed.row];
        let alone = !(lanes.shared(placed.who.task) || folded && outside(&event.kind))
            || Some(placed.row) == focus
            || event.kind == Kind::Crash;
        let (word, id) = match &event.kind {
            Kind::Txn { op, txn, .. } => (words::txn_op(*op), Some(CheckpointId(txn.number))),
            kind => (words::kind(kind), cuts::about(event).map(|(_, id)| id)),
        };
        let group = (placed.lane, placed.who.attempt, word, id);
        match groups.get_mut(&group).filter(|_| !alone) {
            Some((at, last)) => {
                out[*at].count += placed.count;
                *last = placed.row;
            }
            None => {
                if !alone {
                    groups.insert(group, (out.len(), placed.row));
                }
                out.push(placed);
            }
        }
    }
    for (at, last) in groups.into_values() {
        let first = out[at].row;
        if last == first {
            continue;
        }
        let count = out[at].count;
        let plain = match &past.events[first].kind {
            Kind::Put { key, .. } => format!("put {}", key.checkpoint),
            Kind::Txn { op, txn, .. } => format!("{} x{}", words::txn_op(*op), txn.number),
            Kind::Fence { .. } => "fence".to_string(),
            // Without the number of the subtask.
            _ => out[at].mark.label.split_once(' ').map_or(String::new(), |(_, rest)| rest.to_string()),
        };
        let mut end = Placed { row: last, who: past.who(last), ..out[at].clone() };
        out[at].mark.label = merged(past, first, count, &plain);
        if let Kind::Snap { checkpoint, .. } = &past.events[last].kind {
            (end.count, end.mark.label) = (1, format!("the last snapshot {checkpoint}"));
            out.push(end);
        }
    }
    out.sort_by_key(|placed| placed.row);
    out
}

/// From which lane to which, in which attempt, and what.
type Ways = (usize, usize, Attempt, Load);

/// Of what goes between two lanes that are shared, only the first and the last are drawn; with the first, how many there
/// are. `others` are places in `past.flights`.
pub fn thinned(past: &Past, lanes: &Lanes, others: Vec<usize>) -> (Vec<usize>, BTreeMap<usize, usize>) {
    let mut groups: BTreeMap<Ways, (usize, usize, usize)> = BTreeMap::new();
    let mut kept = Vec::new();
    for at in others {
        let flight = &past.flights[at];
        let Some((from, to)) = past.ends(flight.channel) else { continue };
        let (Some(a), Some(b)) = (lanes.lane(from), lanes.lane(to)) else { continue };
        if !lanes.shared(from) && !lanes.shared(to) {
            kept.push(at);
            continue;
        }
        let group = groups.entry((a, b, flight.attempt, flight.load)).or_insert((at, at, 0));
        group.2 += 1;
        if flight.taken.unwrap_or(usize::MAX) > past.flights[group.1].taken.unwrap_or(usize::MAX) {
            group.1 = at;
        }
    }
    let mut counts = BTreeMap::new();
    for (first, last, count) in groups.into_values() {
        counts.insert(first, count);
        kept.extend([first, last]);
    }
    kept.sort_unstable();
    kept.dedup();
    (kept, counts)
}
