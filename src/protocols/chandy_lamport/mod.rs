//! Snapshots of a system whose channels run in circles: Chandy & Lamport, "Distributed Snapshots" (1985).
//!
//! A few processes hand one token around, and take one snapshot of it. Whoever initiates records its state and sends
//! a marker into each of its channels; whoever sees its first marker does the same. A channel's state is what comes
//! on it between the receiver's recording and the channel's marker. The algorithm is often retold with the last rule
//! left out ("a marker was seen before: ignore it"). That can be read in two ways, and both are here, as the two
//! wrong values of [`Recording`].
//!
//! The steps are those of the article, so that lengths of ways can be compared: the token is sent, somebody
//! initiates, a marker or the token is taken. To these come, for a snapshot that is stored and not only recorded,
//! two steps for each process: it stores its part and acknowledges it, and the coordinator takes the acknowledgement
//! and completes the snapshot with the last one. The world must be one whose `instant` is set.
//!
//! A search has no clock, so that a timer is something a process may do at any time. That is what timers are used
//! for here, whatever they are called. The job ends with its one snapshot: nobody restores it, and nothing is
//! recovered from. Like the anchor, it is sized by an [`Instance`], not by a scenario file, and is no row of
//! `PROTOCOLS`.

mod coordinator;
mod peer;

use crate::engine::config::{Config, Mode, RestartStrategy};
use crate::engine::process::{Process, Spawn};
use crate::ids::*;
use crate::protocols::settings::plain;
use crate::topology::*;
use std::sync::Arc;

/// The one snapshot.
const SNAPSHOT: CheckpointId = CheckpointId(1);

/// How a process that has recorded its state keeps what was in flight to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recording {
    /// What comes on a channel until its marker comes: as published.
    UntilMarker,
    /// Not at all. A later marker is ignored, as there is nothing for it to end.
    Never,
    /// What comes on a channel, also after its marker, which is ignored: until the part is stored.
    Endless,
}

impl Recording {
    /// All of them, the right one first.
    pub const ALL: [Recording; 3] = [Recording::UntilMarker, Recording::Never, Recording::Endless];
}

/// Who may initiate the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Initiators {
    /// The last process. The token starts with the first one.
    Last,
    /// Everybody, also several at once.
    Everybody,
}

/// Who can send to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// Everybody to everybody else.
    Complete,
    /// Everybody to the next one.
    Ring,
}

/// What the processes know about the job beside its topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    /// How often each process may send the token on.
    sends: u64,
    initiators: Initiators,
    recording: Recording,
}

/// A size of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// Processes, 2 to 4.
    pub processes: u32,
    /// Their channels.
    pub shape: Shape,
    /// How often each process may send the token on, 1 to 3.
    pub sends: u64,
    /// Who may initiate.
    pub initiators: Initiators,
    /// How channels are recorded.
    pub recording: Recording,
}

impl Instance {
    /// An instance with nothing wrong: everybody sends to everybody, the last process initiates.
    pub const fn new(processes: u32, sends: u64) -> Self {
        let (shape, initiators, recording) = (Shape::Complete, Initiators::Last, Recording::UntilMarker);
        Instance { processes, shape, sends, initiators, recording }
    }

    /// A vertex for each process. Channels never fill up: there is one marker and one token.
    pub fn graph(&self) -> JobGraph {
        let vertex = |i| Vertex { name: format!("p{i}"), role: Role::Inner, chain: Vec::new(), parallelism: 1 };
        let edge = |(from, to)| Edge {
            from: VertexId(from),
            to: VertexId(to),
            partitioning: Partitioning::Forward,
            capacity: 4,
            fifo: true,
        };
        let n = self.processes;
        let joined = |from: u32, to: u32| match self.shape {
            Shape::Complete => from != to,
            Shape::Ring => to == (from + 1) % n,
        };
        let pairs = (0..n).flat_map(|from| (0..n).filter(move |to| joined(from, *to)).map(move |to| (from, to)));
        JobGraph { vertices: (0..n).map(vertex).collect(), edges: pairs.map(edge).collect() }
    }

    /// Settings. There is channel state, so that the mode is one that has it; the rest is looked at by a clock alone.
    pub fn config(&self) -> Config {
        plain(Mode::Unaligned, RestartStrategy::None)
    }

    /// Makes its processes; none if there is no such size.
    pub fn spawn(&self) -> Option<Spawn> {
        fn initiators<const SENDS: u64>(instance: &Instance) -> Spawn {
            match instance.initiators {
                Initiators::Last => recording::<SENDS, false>(instance.recording),
                Initiators::Everybody => recording::<SENDS, true>(instance.recording),
            }
        }
        fn recording<const SENDS: u64, const EVERYBODY: bool>(recording: Recording) -> Spawn {
            match recording {
                Recording::UntilMarker => spawn::<SENDS, EVERYBODY, 0>,
                Recording::Never => spawn::<SENDS, EVERYBODY, 1>,
                Recording::Endless => spawn::<SENDS, EVERYBODY, 2>,
            }
        }
        if !(2..=4).contains(&self.processes) {
            return None;
        }
        match self.sends {
            1 => Some(initiators::<1>(self)),
            2 => Some(initiators::<2>(self)),
            3 => Some(initiators::<3>(self)),
            _ => None,
        }
    }
}

/// The process of a task, where everybody sends the token on `SENDS` times at most, the last process or `EVERYBODY`
/// initiates, and channels are recorded in the `RECORDING`th way. A spawn function captures nothing: what the
/// processes know is in its type.
pub fn spawn<const SENDS: u64, const EVERYBODY: bool, const RECORDING: usize>(
    topology: &Arc<Topology>,
    config: &Arc<Config>,
    who: Incarnation,
) -> Box<dyn Process> {
    let initiators = if EVERYBODY { Initiators::Everybody } else { Initiators::Last };
    let plan = Plan { sends: SENDS, initiators, recording: Recording::ALL[RECORDING] };
    if who.task == topology.coordinator() {
        return Box::new(coordinator::Coordinator::new(topology, who));
    }
    Box::new(peer::Peer::new(topology, config, plan, who))
}
