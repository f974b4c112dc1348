//! The anchor: the same protocol in its smallest form, whose states have been counted by other checkers.
//!
//! The engine that ships asks, is answered, asks again and reminds: every notice is a message of its own, so that
//! its smallest instances have more states than anybody has counted. These processes take exactly the atomic steps
//! of a model that was written independently for five checkers, which agree on how many states it has. They run in
//! the same world as the engine, so that a search over worlds can be held against numbers that aren't its own:
//!
//! - a source emits, or injects a barrier: it stores its offset and acknowledges in the same step;
//! - a middle or the sink takes a record or a barrier; the last barrier of a checkpoint captures its counts;
//! - it uploads what it captured and acknowledges, in one later step;
//! - the coordinator triggers; takes an ack, and with the last one completes the checkpoint and tells the sink;
//! - the sink commits what a complete checkpoint covers; after the last one, the coordinator ends the job.
//!
//! Checkpoints come one at a time. The last one is injected only when a source has sent all its records, so that it
//! covers everything; whoever is told of it earlier is deaf to it. A snapshot is stored, a record published and a
//! transaction committed inside the step that wants it: the world must be one whose `instant` is set.
//!
//! Nobody asks again here, so a request that fails or a lost message can hang the job; and since nobody listens for
//! a refusal, a coordinator that was replaced while it lives isn't stopped. Crashes of anything, at any time, are
//! recovered from. What runs is sized by an [`Instance`], not by a scenario file: operators are ignored, and how
//! many records and checkpoints there are is built into the processes. So it is no row of `PROTOCOLS`.

mod coordinator;
mod inlet;
mod middle;
mod sink;
mod source;
mod subtask;

use crate::engine::config::{Config, Mode, RestartStrategy};
use crate::engine::process::{Process, Spawn};
use crate::ids::*;
use crate::protocols::settings::plain;
use crate::topology::*;
use std::sync::Arc;

/// What may be wrong with an anchor: the planted bugs of the model, and one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bug {
    /// Nothing.
    None,
    /// An input whose barrier came is read on; the snapshot is taken at the last barrier.
    NoAlignment,
    /// The ack is given at the alignment, the snapshot stored later.
    AckBeforeSnapshot,
    /// The sink commits at the alignment.
    CommitBeforeComplete,
    /// The snapshot is taken at the first barrier, the others are ignored. Not one of the model's bugs.
    FirstBarrier,
}

impl Bug {
    /// What a protocol with it is called.
    pub fn protocol(self) -> &'static str {
        match self {
            Bug::None => "anchor",
            Bug::NoAlignment => "anchor-no-alignment",
            Bug::AckBeforeSnapshot => "anchor-ack-before-snapshot",
            Bug::CommitBeforeComplete => "anchor-commit-before-complete",
            Bug::FirstBarrier => "anchor-first-barrier",
        }
    }

    /// All that the model has, the absence of any first. Of these it has been learned what commutes.
    pub const ALL: [Bug; 4] = [Bug::None, Bug::NoAlignment, Bug::AckBeforeSnapshot, Bug::CommitBeforeComplete];

    /// The bug that a spawn function has in its type.
    const fn numbered(number: usize) -> Self {
        if number < Self::ALL.len() { Self::ALL[number] } else { Bug::FirstBarrier }
    }
}

/// What the processes know about the job beside its topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    /// Records of each source.
    records: u64,
    /// The checkpoint that covers everything.
    last: CheckpointId,
    bug: Bug,
}

/// A size of the anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// Sources, at least 1.
    pub sources: u32,
    /// Records of each source: 0 to 8.
    pub records: u64,
    /// Middles, at least 1.
    pub middles: u32,
    /// Checkpoints in mid-stream, 0 to 4; one more follows at the end.
    pub checkpoints: u64,
    /// What is wrong with it.
    pub bug: Bug,
}

impl Instance {
    /// An instance with nothing wrong.
    pub const fn new(sources: u32, records: u64, middles: u32, checkpoints: u64) -> Self {
        Instance { sources, records, middles, checkpoints, bug: Bug::None }
    }

    /// Sources, middles, one sink; everybody sends to everybody in the next row. Channels never fill up.
    pub fn graph(&self) -> JobGraph {
        let vertex = |name: &str, role, parallelism| Vertex { name: name.into(), role, chain: Vec::new(), parallelism };
        let edge = |from, to| {
            let capacity = (self.sources as u64 * self.records + self.checkpoints + 2) as u32;
            Edge { from: VertexId(from), to: VertexId(to), partitioning: Partitioning::Rebalance, capacity, fifo: true }
        };
        let source = Role::Source { kind: SourceKind::Log, partitions: self.sources };
        let vertices = vec![
            vertex("src", source, self.sources),
            vertex("mid", Role::Inner, self.middles),
            vertex("sink", Role::Sink(SinkKind::TwoPhase), 1),
        ];
        JobGraph { vertices, edges: vec![edge(0, 1), edge(1, 2)] }
    }

    /// Settings. Only the delays of timers are looked at, and those by a clock alone.
    pub fn config(&self) -> Config {
        plain(Mode::Aligned, RestartStrategy::Fixed { attempts: u32::MAX, delay: Nanos::from_ms(1) })
    }

    /// Makes its processes; none if it is too large.
    pub fn spawn(&self) -> Option<Spawn> {
        fn checkpoints<const R: u64>(instance: &Instance) -> Option<Spawn> {
            Some(match instance.checkpoints {
                0 => bug::<R, 1>(instance.bug),
                1 => bug::<R, 2>(instance.bug),
                2 => bug::<R, 3>(instance.bug),
                3 => bug::<R, 4>(instance.bug),
                4 => bug::<R, 5>(instance.bug),
                _ => return None,
            })
        }
        fn bug<const R: u64, const LAST: u64>(bug: Bug) -> Spawn {
            match bug {
                Bug::None => spawn::<R, LAST, 0>,
                Bug::NoAlignment => spawn::<R, LAST, 1>,
                Bug::AckBeforeSnapshot => spawn::<R, LAST, 2>,
                Bug::CommitBeforeComplete => spawn::<R, LAST, 3>,
                Bug::FirstBarrier => spawn::<R, LAST, 4>,
            }
        }
        match self.records {
            0 => checkpoints::<0>(self),
            1 => checkpoints::<1>(self),
            2 => checkpoints::<2>(self),
            3 => checkpoints::<3>(self),
            4 => checkpoints::<4>(self),
            5 => checkpoints::<5>(self),
            6 => checkpoints::<6>(self),
            7 => checkpoints::<7>(self),
            8 => checkpoints::<8>(self),
            _ => None,
        }
    }
}

/// The process of a task, where every source has `R` records, `LAST` is the checkpoint that covers them all, and
/// `BUG` is planted. A spawn function captures nothing: what the processes know is in its type.
pub fn spawn<const R: u64, const LAST: u64, const BUG: usize>(
    topology: &Arc<Topology>,
    config: &Arc<Config>,
    who: Incarnation,
) -> Box<dyn Process> {
    let plan = Plan { records: R, last: CheckpointId(LAST), bug: Bug::numbered(BUG) };
    if who.task == topology.coordinator() {
        return Box::new(coordinator::Coordinator::new(topology, config, plan, who));
    }
    match topology.vertex(who.task).role {
        Role::Source { .. } => subtask::boxed(topology, config, who, source::Source::new(topology, plan, who)),
        Role::Inner => subtask::boxed(topology, config, who, middle::Middle::new(topology, plan, who)),
        Role::Sink(_) => subtask::boxed(topology, config, who, sink::Sink::new(topology, plan, who)),
    }
}
