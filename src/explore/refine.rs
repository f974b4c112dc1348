//! Recovery refinement: what a recovery restores must be a state of the same job without checkpoints and faults.
//!
//! States are compared by what they mean for the job: operator states, source offsets, records in channels, and the
//! output, whether it is committed, prepared or still in a sink's hands. It is a stronger oracle than any invariant
//! of its own: whatever a checkpoint lost, doubled or mixed up, the restored state is none that the job could have
//! been in. It holds for exactly-once modes with two-phase sinks; for others it isn't claimed.

use super::expected::{Expected, Output};
use super::rules::{Budget, Rules};
use super::space::{Space, fingerprint};
use super::steps::{Steps, Went};
use super::{judge::Property, judge::Wrong, recovery};
use crate::digest::Digest;
use crate::engine::message::{Element, Record};
use crate::ids::*;
use crate::topology::{Role, SinkKind};
use crate::trace::event::Guarantee;
use crate::world::World;
use crate::world::setup::Setup;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Every state of the job without checkpoints and faults.
#[derive(Clone, Debug, Default)]
pub struct Base {
    /// Their meanings.
    meanings: BTreeSet<u128>,
    /// What it can end with.
    pub expected: Expected,
    /// States that were visited.
    pub states: usize,
}

/// Why there is nothing to hold a job against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBase {
    /// It doesn't claim exactly once.
    NotClaimed,
    /// It has a sink that overwrites what it has shown.
    Overwrites,
    /// Its processes don't show their states.
    Unseen,
    /// It has too many states, even without checkpoints.
    TooLarge,
}

impl Base {
    /// Visits every state of a job without checkpoints and faults, if there are at most so many.
    ///
    /// # Errors
    /// If there is nothing to hold the job against.
    pub fn new(setup: &Arc<Setup>, most: usize) -> Result<Self, NoBase> {
        let some = |kind: SinkKind| {
            let vertices = &setup.topology.graph.vertices;
            vertices.iter().any(|vertex| matches!(vertex.role, Role::Sink(other) if other == kind))
        };
        if setup.guarantee != Guarantee::ExactlyOnce {
            return Err(NoBase::NotClaimed);
        }
        if some(SinkKind::Upsert) {
            return Err(NoBase::Overwrites);
        }
        let transactional = !some(SinkKind::Print);
        let rules = Rules { untriggered: true, ..Rules::default() };
        let (mut space, mut steps, mut base) = (Space::new(setup), Steps::default(), Base::default());
        let first = space.row(&recovery::started(setup));
        let (mut seen, mut outputs) = (BTreeSet::from([fingerprint(&first)]), BTreeSet::new());
        let (mut work, mut offers) = (vec![first], Vec::new());
        while let Some(row) = work.pop() {
            base.states += 1;
            if base.states > most {
                return Err(NoBase::TooLarge);
            }
            let world = space.world(&row);
            if transactional {
                base.meanings.insert(meaning(&world).ok_or(NoBase::Unseen)?);
            }
            space.offers(&row, &rules, &Budget::default(), &mut offers);
            offers.retain(|offer| offer.fires().is_none());
            if offers.is_empty() {
                outputs.insert(written(&world));
            }
            for offer in &offers {
                let (went, _, next) = steps.make(&mut space, &row, offer);
                if went == Went::Fine && seen.insert(fingerprint(&next)) {
                    work.push(next);
                }
            }
        }
        base.expected = Expected::new(outputs);
        Ok(base)
    }

    /// Can what a recovery restores be held against it? Not with a sink without transactions: what that shows, a crash
    /// doesn't undo.
    pub fn refines(&self) -> bool {
        !self.meanings.is_empty()
    }

    /// Only what it can end with, for jobs whose processes don't show their states.
    pub fn of_ends(expected: Expected) -> Self {
        Base { expected, ..Base::default() }
    }

    /// What is wrong with a restored world.
    pub fn judge(&self, world: &World) -> Option<Wrong> {
        if world.job_ended().is_some() {
            return self.expected.ends_wrong(world); // it crashed after its end: nothing is restored
        }
        if self.meanings.is_empty() {
            return None; // only the ends are known
        }
        let known = meaning(world).is_some_and(|meaning| self.meanings.contains(&meaning));
        let message = "what was restored is no state of the same job without checkpoints and faults: its operator \
                       states, offsets, channels and output don't belong together";
        (!known).then(|| Wrong::new(Property::Refinement, message.to_string()))
    }
}

/// What a world means for the job; none if a process doesn't show its state.
fn meaning(world: &World) -> Option<u128> {
    let topology = &world.setup().topology;
    let mut sum = 0u128;
    for who in world.lives() {
        let view = world.life(who)?.process.view()?;
        let d = &mut Digest::new();
        d.word(who.task.0 as u64);
        view.state.digest_whole(d);
        sum = sum.wrapping_add(d.finish128());
        for channel in topology.subtasks[who.task.index()].outputs.iter() {
            let queue = world.channel(who.attempt, *channel)?;
            let mut records: Vec<&Record> = queue.iter().filter_map(Element::record).collect();
            if !topology.channels[channel.index()].fifo {
                records.sort(); // any of them may be next
            }
            let d = &mut Digest::new();
            d.word(1 << 32 | channel.0 as u64);
            records.into_iter().for_each(|record| record.digest(d));
            sum = sum.wrapping_add(d.finish128());
        }
    }
    for (vertex, shown) in written(world) {
        for (record, times) in shown {
            let d = &mut Digest::new();
            d.word(2 << 32 | vertex.0 as u64);
            record.digest(d);
            sum = sum.wrapping_add(d.finish128().wrapping_mul(times as u128));
        }
    }
    Some(sum)
}

/// The output of a world: what sinks show, and what those with transactions were given and don't show yet.
fn written(world: &World) -> Output {
    let mut output = super::expected::output(world);
    let mut add = |vertex: VertexId, record: Record| {
        *output.entry(vertex).or_default().entry(record).or_default() += 1;
    };
    for who in world.lives() {
        let vertex = world.setup().topology.subtasks[who.task.index()].vertex;
        if world.setup().topology.vertex(who.task).role != Role::Sink(SinkKind::TwoPhase) {
            continue;
        }
        let view = world.life(who).and_then(|life| life.process.view());
        view.into_iter().flat_map(|view| view.output).for_each(|record| add(vertex, record));
    }
    output
}
