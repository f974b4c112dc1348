//! The way into a part of a space that has no end in it, and round in it: what a livelock looks like.

use super::judge::{Property, Wrong};
use super::recovery;
use super::refine::Base;
use super::rules::*;
use super::search::{Options, search};
use super::space::*;
use super::steps::{Steps, Went};
use super::table::Visited;
use super::terms::{Found, Violation};
use crate::world::World;
use crate::world::setup::Setup;
use std::collections::BTreeSet;
use std::sync::Arc;

/// States that are looked at for a way round, at most.
const ROUND_STATES_MAX: usize = 50_000;

/// Where the job can't end any more, though nothing is wrong with any step: the way to the nearest such state, and on
/// to a walk that comes back to where it was. None if the job can end from everywhere, or if that isn't decided.
pub fn livelock(setup: &Arc<Setup>, options: &Options, base: Option<&Arc<Base>>, found: &Found) -> Option<Violation> {
    if found.cut.is_some() || !found.violations.is_empty() || found.edges.too_many() {
        return None;
    }
    let ends: Vec<u64> = found.good_ends.iter().copied().collect();
    let trapped: BTreeSet<u64> = found.edges.trapped(&ends).into_iter().collect();
    if trapped.is_empty() || ends.is_empty() {
        return None;
    }
    let count = trapped.len();
    let until = Some(Arc::new(trapped));
    let options = Options { track: true, jobs: 1, until, keep_going: true, liveness: false, ..options.clone() };
    let (mut path, spent) = search(setup, options.clone(), base, &mut |_| true).way?;
    let depth = path.len() as u32;
    let (stem, round) = around(setup, &options.rules, &path).unwrap_or_default();
    let message = format!(
        "after {depth} steps the job can't end any more: {count} states lead to each other and to no end; {}",
        match (stem.len(), round.len()) {
            (_, 0) => "they are too many to find a way round".to_string(),
            (0, n) => format!("from there the same {n} steps can come round for ever"),
            (stem, n) => format!("{stem} steps later the same {n} steps can come round for ever"),
        }
    );
    let round_len = round.len();
    path.extend(stem.into_iter().chain(round));
    let wrong = Wrong::new(Property::NoLivelock, message);
    Some(Violation { wrong, depth, spent, path: Some(path), round: round_len })
}

/// From the end of a way on without any fault: steps to a state, and steps that lead back to it. The walk is found
/// breadth first.
fn around(setup: &Arc<Setup>, rules: &Rules, path: &[Move]) -> Option<(Vec<Move>, Vec<Move>)> {
    let (mut space, mut steps) = (Space::new(setup), Steps::default());
    let mut row = space.row(&match rules.recovery {
        Recovery::Atomic => recovery::started(setup),
        Recovery::Stepwise => World::new(setup),
    });
    let mut left = rules.budget;
    for what in path {
        let mut offers = Vec::new();
        space.offers(&row, rules, &left, &mut offers);
        let offer = offers.into_iter().find(|offer| offer.what == *what)?;
        if let Some(kind) = offer.cost {
            left.0[kind as usize] -= 1;
        }
        row = steps.make(&mut space, &row, &offer).2;
    }
    let mut known: Vec<(u64, usize, Option<Move>)> = vec![(Visited::key(fingerprint(&row)), 0, None)];
    let mut seen = BTreeSet::from([known[0].0]);
    let mut rows = std::collections::VecDeque::from([row]);
    let (mut offers, mut at) = (Vec::new(), 0);
    while let Some(row) = rows.pop_front() {
        space.offers(&row, rules, &Budget::default(), &mut offers);
        for offer in &offers {
            let (went, _, next) = steps.make(&mut space, &row, offer);
            let key = Visited::key(fingerprint(&next));
            let before = if seen.contains(&key) { ancestors(&known, at) } else { Vec::new() };
            if let Some(back) = before.iter().position(|place| known[*place].0 == key) {
                let moves = |places: &[usize]| places.iter().rev().filter_map(|place| known[*place].2).collect();
                let mut round: Vec<Move> = moves(&before[..back]);
                round.push(offer.what);
                return Some((moves(&before[back..]), round));
            }
            if went == Went::Fine && seen.insert(key) {
                known.push((key, at, Some(offer.what)));
                rows.push_back(next);
            }
        }
        at += 1;
        if known.len() > ROUND_STATES_MAX {
            return None;
        }
    }
    None
}

/// A place and all before it on the way to it, the last one first.
fn ancestors(known: &[(u64, usize, Option<Move>)], at: usize) -> Vec<usize> {
    let mut places = vec![at];
    while let Some(last) = places.last().copied()
        && last != 0
    {
        places.push(known[last].1);
    }
    places
}
