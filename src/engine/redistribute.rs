//! Operator state over a new parallelism: what each subtask of the next attempt gets of what the subtasks of the
//! last one stored. Pure functions of the states; the order of the old subtasks is the order of their lists.

use super::message::Datum;
use super::snapshot::OperatorState;
use crate::topology::Topology;
use std::collections::BTreeMap;

/// The state of one operator for each of `parallelism` subtasks, from the states of its old subtasks in order.
///
/// # Panics
/// If `parallelism` is 0.
pub fn redistribute(old: &[OperatorState], parallelism: u32) -> Vec<OperatorState> {
    let lists: Vec<&[Datum]> = old.iter().map(|state| state.split.as_slice()).collect();
    let (keyed, split) = (keyed(old, parallelism), split(&lists, parallelism));
    let (union, broadcast) = (union(old), broadcast(old));
    let whole = |(keyed, split)| OperatorState {
        keyed: BTreeMap::into(keyed),
        below: None,
        split,
        union: union.clone(),
        broadcast: broadcast.clone(),
    };
    keyed.into_iter().zip(split).map(whole).collect()
}

/// Keyed state: every entry to the subtask to which records of its key are sent.
///
/// # Panics
/// If `parallelism` is 0, or if two old subtasks hold the same key: then one of them was never its owner.
pub fn keyed(old: &[OperatorState], parallelism: u32) -> Vec<BTreeMap<Datum, Datum>> {
    assert!(parallelism > 0, "state is given to somebody");
    let mut new = vec![BTreeMap::new(); parallelism as usize];
    let mut give = |key: &Datum, value: &Datum| {
        let owner = Topology::owner(key.key_group(), parallelism) as usize;
        let twice = new[owner].insert(key.clone(), value.clone());
        assert!(twice.is_none(), "a key has one owner: {key:?}");
    };
    old.iter().for_each(|state| state.each(None, &mut give));
    new
}

/// Split lists: every element to exactly one subtask, no two subtasks more than one element apart. At the same
/// parallelism nothing moves, however uneven the lists are: there was no need to.
///
/// # Panics
/// If `parallelism` is 0.
pub fn split(old: &[&[Datum]], parallelism: u32) -> Vec<Vec<Datum>> {
    assert!(parallelism > 0, "state is given to somebody");
    if old.len() == parallelism as usize {
        return old.iter().map(|list| list.to_vec()).collect();
    }
    let all = old.concat();
    // Contiguous runs: elements of one old subtask stay together as far as can be.
    let bound = |i: u32| (i as u64 * all.len() as u64 / parallelism as u64) as usize;
    (0..parallelism).map(|i| all[bound(i)..bound(i + 1)].to_vec()).collect()
}

/// Union lists: all elements of all old subtasks. Everybody gets this same list.
pub fn union(old: &[OperatorState]) -> Vec<Datum> {
    old.iter().flat_map(|state| &state.union).cloned().collect()
}

/// Broadcast state: it was the same in all old subtasks that had any, so everybody gets one copy of the first.
pub fn broadcast(old: &[OperatorState]) -> Option<Datum> {
    old.iter().find_map(|state| state.broadcast.clone())
}
