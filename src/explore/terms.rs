//! What a search is asked, and what it answers.

use super::judge::{Property, Wrong};
use super::liveness::Edges;
use super::reduce::Reducer;
use super::rules::*;
use super::steps::AUDIT;
use crate::trace::coverage::Coverage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// When to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// States.
    pub states: u64,
    /// Layers.
    pub depth: u32,
    /// Bytes of tables and layers.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { states: u64::MAX, depth: u32::MAX, bytes: u64::MAX }
    }
}

/// Walks without leaving anything out that go with a search that does.
pub const WALKS: u64 = 32;

/// How to search.
#[derive(Clone)]
pub struct Options {
    /// What may happen.
    pub rules: Rules,
    /// Leave out what only reorders independent steps.
    pub reduce: Option<Arc<Reducer>>,
    /// Pass over states that were seen with no more spent.
    pub dominance: bool,
    /// Go on from a state once.
    pub merge: bool,
    /// Threads.
    pub jobs: usize,
    /// When to give up.
    pub limits: Limits,
    /// Compare one remembered step in so many with the engine; 0: none.
    pub audit: u64,
    /// Where moves are left out: walks without leaving any out, on which every two steps are executed in both orders
    /// and held against what was learned; 0: none.
    pub walks: u64,
    /// Where what was learned proves not to be about this space, search all of it.
    pub or_in_full: bool,
    /// Go on after a violation, and find every property that can be violated.
    pub keep_going: bool,
    /// Keep the way to every state.
    pub track: bool,
    /// Keep the edges, and see whether the job can still end from everywhere.
    pub liveness: bool,
    /// Stop at the first of these states, given by 64 bits of their fingerprints.
    pub until: Option<Arc<BTreeSet<u64>>>,
}

impl Options {
    /// Everything within these rules, one thread.
    pub fn new(rules: Rules) -> Self {
        Options {
            rules,
            reduce: None,
            dominance: true,
            merge: true,
            jobs: 1,
            limits: Limits::default(),
            audit: AUDIT,
            walks: WALKS,
            or_in_full: false,
            keep_going: false,
            track: false,
            liveness: false,
            until: None,
        }
    }
}

/// Why a search was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Too many states.
    States,
    /// Too deep.
    Depth,
    /// Too much memory.
    Memory,
    /// Whoever asked wanted no more.
    Stopped,
}

/// A violation that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What is wrong.
    pub wrong: Wrong,
    /// Steps to it.
    pub depth: u32,
    /// What was spent on the way.
    pub spent: Budget,
    /// The way, if it was kept.
    pub path: Option<Vec<Move>>,
    /// So many steps at the end of the way can be made over and over again.
    pub round: usize,
}

/// What came of a search.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Different states.
    pub states: u64,
    /// Moves that were made.
    pub transitions: u64,
    /// The longest of the shortest ways to a state.
    pub depth: u32,
    /// States of each wave.
    pub waves: Vec<(Budget, u64)>,
    /// States in which nothing is left to do.
    pub quiescent: BTreeSet<u128>,
    /// Digests of the contents of completed checkpoints.
    pub completed: BTreeSet<u128>,
    /// The first violation of each property.
    pub violations: BTreeMap<Property, Violation>,
    /// Why it was cut short; none: the whole space was searched.
    pub cut: Option<Cut>,
    /// Steps for which the engine ran.
    pub misses: u64,
    /// Steps that were run in the whole world.
    pub whole: u64,
    /// Remembered steps that were compared with the engine.
    pub audits: u64,
    /// Pairs of steps that were executed in both orders on walks.
    pub walked: u64,
    /// The first thing seen there that denies what was learned. If nothing was `strange` after all, nothing was left out because of it.
    pub denied: Option<String>,
    /// That was two steps of different processes that reach no common service, and whose order makes a difference: the
    /// checker itself is wrong.
    pub broken: bool,
    /// Something was denied, or steps were met of which nothing was learned: those states were gone on from in full, but what was left out
    /// before may have counted on their not existing.
    pub strange: bool,
    /// The edges, if they were kept.
    pub edges: Edges,
    /// Ends at which nothing is wrong, ascending.
    pub good_ends: BTreeSet<u64>,
    /// The way to the first state at which it was to stop, and what is spent on it.
    pub way: Option<(Vec<Move>, Budget)>,
    /// What was met on the way.
    pub met: Coverage,
    /// Different parts of states.
    pub parts: usize,
    /// Bytes of tables and layers at their largest.
    pub bytes: u64,
}

/// How far a search is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Different states.
    pub states: u64,
    /// Moves that were made.
    pub transitions: u64,
    /// States of this layer that are still to be gone on from.
    pub queue: usize,
    /// The layer.
    pub depth: u32,
    /// Bytes of tables and layers.
    pub bytes: u64,
}
