//! What is wrong with a step: properties of the parts that it touched, decided when they are decided for good.
//!
//! The offline verifiers read whole traces; a search merges states, so what it remembers must be in the state. The
//! environment's shadows are (records sent and taken at each cut, stored beside the snapshots), and so is what a
//! ledger shows. I1, I2 and I4 are decided when a completion record is written, I3 when a snapshot of a source is
//! stored, I5 when a notice is given, I6 when a state is put into place, I11 and the "twice" of I9 when output becomes
//! visible, I14 when the store does what a coordinator asks, I15 when a checkpoint is begun or completed. What is missing
//! from the output is decided where nothing is left to happen. Every counterexample is judged again
//! by the offline verifiers.

use crate::engine::message::StoreKey;
use crate::engine::snapshot::Part;
use crate::ids::*;
use crate::topology::{Edge, Partitioning, Role, SourceKind};
use crate::trace::event::{Event, Guarantee, Kind, Notice, Outcome};
use crate::verify::Invariant;
use crate::world::World;
use std::any::Any;
use std::fmt;

/// What a search holds a job to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// An invariant of `docs/invariants.md`.
    Invariant(Invariant),
    /// No step of the engine panics.
    NoPanic,
    /// Where nothing can happen any more, the job has ended.
    NoDeadlock,
    /// From everywhere the job can still end, and no fair cycle keeps it from that.
    NoLivelock,
    /// What a recovery restores is a state of the same job without checkpoints and faults.
    Refinement,
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Property::Invariant(invariant) => f.write_str(invariant.name()),
            Property::NoPanic => f.write_str("no-panic"),
            Property::NoDeadlock => f.write_str("no-deadlock"),
            Property::NoLivelock => f.write_str("no-livelock"),
            Property::Refinement => f.write_str("recovery-refinement"),
        }
    }
}

/// A property that doesn't hold, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wrong {
    /// Which.
    pub property: Property,
    /// What was seen.
    pub message: String,
    /// Was it a panic, after which there is no world to go on from?
    pub panic: bool,
}

impl Wrong {
    /// A property doesn't hold.
    pub fn new(property: Property, message: String) -> Self {
        Wrong { property, message, panic: false }
    }

    fn invariant(invariant: Invariant, message: String) -> Option<Self> {
        Some(Wrong::new(Property::Invariant(invariant), message))
    }

    /// The engine panicked.
    pub fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Wrong { property: Property::NoPanic, message: text.unwrap_or_default(), panic: true }
    }
}

/// What is wrong with a step that led here, if anything is.
pub fn judge(world: &World, events: &[Event]) -> Option<Wrong> {
    events.iter().find_map(|event| judge_one(world, event))
}

fn judge_one(world: &World, event: &Event) -> Option<Wrong> {
    let topology = &world.setup().topology;
    match &event.kind {
        Kind::Complete { checkpoint, job, token, outcome: Outcome::Ok, .. } => {
            foreign(world, *token, *job).or_else(|| completed(world, *checkpoint))
        }
        Kind::Begin { job, token, outcome: Outcome::Ok, .. } => foreign(world, *token, *job),
        Kind::Put { key, outcome: Outcome::Ok, .. } => positions(world, key),
        Kind::Trigger { checkpoint, .. } if *checkpoint <= world.store().newest() => {
            let message = format!("{checkpoint} is begun, and {} was completed", world.store().newest());
            Wrong::invariant(Invariant::I15, message)
        }
        Kind::Notify { checkpoint, what: Notice::Complete, .. } => {
            let said = *checkpoint > world.store().newest();
            let message = || format!("{checkpoint} is announced before its completion record is durable");
            if said { Wrong::invariant(Invariant::I5, message()) } else { None }
        }
        Kind::Restore { base, .. } if *base != world.store().base() => {
            let message = format!(
                "{} restores {}, but its attempt was begun from {}",
                topology.name(event.process),
                named(*base),
                named(world.store().base())
            );
            Wrong::invariant(Invariant::I6, message)
        }
        Kind::Visible { txn: Some(txn), .. } => visible(world, event.process, *txn),
        _ => None,
    }
}

/// The store did what a coordinator asked: was it the one that leads, and is the attempt that it speaks for the newest?
fn foreign(world: &World, token: FencingToken, job: Attempt) -> Option<Wrong> {
    let store = world.store();
    if store.leader() != FencingToken(0) && store.leader() != token {
        let message = format!("the store does what {token} asks, and {} leads", store.leader());
        return Wrong::invariant(Invariant::I14, message);
    }
    let message = || format!("{job} takes effect, and {} has begun", store.attempt());
    if job < store.attempt() { Wrong::invariant(Invariant::I14, message()) } else { None }
}

/// The snapshot of a source was stored: as many records as its positions say have left it along every edge that takes
/// each record once. Of a source with operators nobody can say that.
fn positions(world: &World, key: &StoreKey) -> Option<Wrong> {
    let (store, topology) = (world.store(), &world.setup().topology);
    let vertex = topology.vertex(key.task);
    let log = matches!(vertex.role, Role::Source { kind: SourceKind::Log, .. });
    let claimed = matches!(world.setup().guarantee, Guarantee::ExactlyOnce | Guarantee::AtLeastOnce);
    if !log || !claimed || !vertex.chain.is_empty() {
        return None;
    }
    let read: u64 = store.snapshot(key)?.offsets.iter().map(|(_, offset, _)| offset.0).sum();
    let sent = &store.shadow(key)?.sent;
    let subtask = &topology.subtasks[key.task.index()];
    let own = |edge: &&Edge| edge.from == subtask.vertex;
    topology.graph.edges.iter().filter(own).find_map(|edge| {
        let same = |other: &&Edge| (other.from, other.to) == (edge.from, edge.to);
        let edges: Vec<&Edge> = topology.graph.edges.iter().filter(same).collect();
        if edges.iter().any(|edge| edge.partitioning == Partitioning::Broadcast) {
            return None;
        }
        let edges = edges.len() as u64;
        let ours = subtask.outputs.iter().map(|channel| &topology.channels[channel.index()]);
        let ours = ours.filter(|channel| topology.subtasks[channel.to.index()].vertex == edge.to);
        let sent: u64 = ours.filter_map(|channel| sent.get(channel.output as usize)).sum();
        let name = topology.name(key.task);
        let message = || format!("{name} stores position {read}, and had sent {} records at its cut", sent / edges);
        if sent != read * edges { Wrong::invariant(Invariant::I3, message()) } else { None }
    })
}

fn named(base: Option<CheckpointId>) -> String {
    base.map_or("nothing".into(), |id| id.to_string())
}

/// A completion record was written: is every part stored, and is the cut consistent and its channel state exact?
/// Chandy & Lamport 1985; Mattern 1989.
fn completed(world: &World, checkpoint: CheckpointId) -> Option<Wrong> {
    let (store, topology) = (world.store(), &world.setup().topology);
    let manifest = store.completed().find(|manifest| manifest.checkpoint == checkpoint)?;
    let later = store.completed().any(|other| other.checkpoint > checkpoint);
    if later || store.newest() > checkpoint {
        return Wrong::invariant(Invariant::I15, format!("{checkpoint} is completed after {}", store.newest()));
    }
    for part in &manifest.parts {
        if let Part::Stored(key) = part
            && store.snapshot(key).is_none()
        {
            let message =
                format!("{checkpoint} is complete, but the part of {} is not stored", topology.name(key.task));
            return Wrong::invariant(Invariant::I4, message);
        }
    }
    if world.setup().guarantee != Guarantee::ExactlyOnce {
        return None;
    }
    topology.channels.iter().find_map(|channel| {
        let stored = |task: TaskId| match manifest.parts[task.index()] {
            Part::Stored(key) => Some(key),
            Part::Finished => None,
        };
        let (from, to) = (stored(channel.from)?, stored(channel.to)?);
        let sent = store.shadow(&from)?.sent.get(channel.output as usize).copied()?;
        let shadow = store.shadow(&to)?;
        let ahead = shadow.ahead(channel.input).count() as u64;
        let taken = shadow.taken.get(channel.input.index()).copied()? + ahead;
        let last = shadow.ahead(channel.input).last().map_or(taken, |m| m + 1);
        let kept = match &store.snapshot(&from)?.logs {
            // A log may go back further.
            Some(logs) => (logs.sent[channel.output as usize].1.len() as u64).min(sent.saturating_sub(taken)),
            None => {
                let kept = store.snapshot(&to)?.channels.iter().find(|(input, _)| *input == channel.input);
                kept.map_or(0, |(_, records)| records.len() as u64)
            }
        };
        let names = (topology.name(channel.from), topology.name(channel.to));
        if last > sent {
            let message = format!(
                "{checkpoint}: {} had taken {last} records from {} at its cut, of which only {sent} were sent at the sender's",
                names.1, names.0
            );
            return Wrong::invariant(Invariant::I1, message);
        }
        let flying = sent - taken;
        let message = || {
            format!(
                "{checkpoint}: {flying} records were in flight from {} to {} at the cut, {kept} are in the channel state",
                names.0, names.1
            )
        };
        if flying != kept { Wrong::invariant(Invariant::I2, message()) } else { None }
    })
}

/// A record became visible: was it in a completed checkpoint?
fn visible(world: &World, ledger: TaskId, txn: crate::engine::message::Txn) -> Option<Wrong> {
    let store = world.store();
    let named = |part: &Part| match part {
        Part::Stored(key) => store.snapshot(key).is_some_and(|snapshot| snapshot.transactions.contains(&txn)),
        Part::Finished => false,
    };
    let shows = store.completed().any(|manifest| manifest.parts.iter().any(named));
    let name = world.setup().topology.name(ledger);
    let message = || format!("{name} shows a transaction that no completed checkpoint contains");
    if shows { None } else { Wrong::invariant(Invariant::I11, message()) }
}
