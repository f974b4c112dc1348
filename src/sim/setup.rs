//! What the random simulation adds to a world: how long things take, and which faults come when. All of it is
//! drawn before the run (`scenario::draw`), so that a plan says everything.

use crate::engine::message::Wish;
use crate::ids::*;
use crate::world::Service;

/// A delay law. Integer arithmetic only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Uniform between `min` and `max`, both included.
    Uniform {
        /// The shortest.
        min: Nanos,
        /// The longest.
        max: Nanos,
    },
    /// `min` mostly; one of `one_in` is up to `max`.
    Tail {
        /// The usual.
        min: Nanos,
        /// The longest.
        max: Nanos,
        /// How rare the long ones are; at least 1.
        one_in: u32,
    },
}

/// The n-th occurrence (from 0) of a protocol event, at one process or anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// What happens.
    pub what: PointKind,
    /// Where; none: anywhere.
    pub process: Option<TaskId>,
    /// For this checkpoint only.
    pub checkpoint: Option<CheckpointId>,
    /// Which occurrence, from 0.
    pub nth: u32,
}

/// The protocol events that a fault can be tied to: the trace's kinds of the same names.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    /// The coordinator begins a checkpoint.
    Trigger,
    /// A subtask takes a barrier.
    BarIn,
    /// A subtask takes its snapshot.
    Snap,
    /// A snapshot becomes durable.
    Put,
    /// A subtask acknowledges.
    Ack,
    /// A subtask declines.
    Decline,
    /// The completion record is written.
    Complete,
    /// A subtask is told that a checkpoint is complete.
    Notify,
    /// The coordinator gives a checkpoint up.
    Abort,
    /// A transaction is opened, prepared, committed or aborted.
    Txn,
    /// A subtask has restored.
    Restore,
    /// A job attempt is begun in the store.
    Begin,
    /// A coordinator takes the lead.
    Lead,
    /// A subtask ends its output.
    EndOut,
    /// Everything has been read, or a subtask is through.
    Finish,
}

/// When a fault comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this virtual time.
    At(Nanos),
    /// Right after a protocol event.
    After(Point),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A subtask dies.
    CrashTask(TaskId),
    /// All subtasks of a host die.
    CrashHost(HostId),
    /// The next step of a process is cut off after so many effects, and the process dies.
    Tear {
        /// Which process; the coordinator too.
        task: TaskId,
        /// Effects that still happen.
        keep: u32,
    },
    /// The coordinator dies; another one starts after a while.
    CrashCoordinator,
    /// Another coordinator starts while the old one lives on.
    Failover,
    /// The failure detector suspects a living subtask, which lives on as a zombie until it is stopped.
    Suspect(TaskId),
    /// A host stands still.
    PauseHost {
        /// Which.
        host: HostId,
        /// How long.
        lasting: Nanos,
    },
    /// A subtask's operator stands still: it takes no record. Barriers that overtake, control messages and replies
    /// get through to it.
    Stall {
        /// Which.
        task: TaskId,
        /// How long.
        lasting: Nanos,
    },
    /// A channel carries nothing.
    PauseLink {
        /// Which.
        channel: ChannelId,
        /// How long.
        lasting: Nanos,
    },
    /// A channel is slower by a factor.
    SlowLink {
        /// Which.
        channel: ChannelId,
        /// Delays are multiplied by this.
        factor: u32,
        /// How long.
        lasting: Nanos,
    },
    /// Control messages between the coordinator and a subtask, both ways, stand still.
    DelayControl {
        /// Which subtask.
        task: TaskId,
        /// How long.
        lasting: Nanos,
    },
    /// The next control messages to or from a subtask are lost.
    LoseControl {
        /// Which subtask.
        task: TaskId,
        /// How many.
        count: u32,
    },
    /// The next requests to the store fail without effect.
    FailRequests {
        /// How many.
        count: u32,
    },
    /// The next requests to store or ledgers take effect, but their replies are lost.
    LoseReplies {
        /// How many.
        count: u32,
    },
    /// Requests to the store stand still.
    PauseStore {
        /// How long.
        lasting: Nanos,
    },
    /// Snapshots don't fit any more.
    StoreFull {
        /// How long.
        lasting: Nanos,
    },
    /// Nothing is wrong: an operator wants something of the coordinator.
    Wish(Wish),
}

/// A fault and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When.
    pub when: When,
    /// What.
    pub what: FaultKind,
}

/// How sources read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So many records at one instant,
    pub batch: u32,
    /// then this pause.
    pub pause: Nanos,
}

/// Everything that the random simulation needs beside the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimSetup {
    /// Data channels.
    pub link: Latency,
    /// Factor on the latency of single channels, by `ChannelId`; empty: 1 everywhere. Priorities in PCT's sense.
    pub link_factors: Vec<u32>,
    /// Control messages.
    pub control: Latency,
    /// Requests and replies of the store, each way.
    pub store: Latency,
    /// Requests and replies of the ledgers, each way.
    pub ledger: Latency,
    /// From a crash to its detection.
    pub detect: Latency,
    /// From a coordinator's crash to the next one's start.
    pub revive: Latency,
    /// How fast each partition is read, by `PartitionId`.
    pub pace: Vec<Pace>,
    /// The faults.
    pub faults: Vec<Planned>,
    /// No fault begins after this time, and lasting ones end.
    pub heal_at: Nanos,
    /// A run that comes to so many steps is cut off there; none: it has plenty.
    pub max_steps: Option<u64>,
}

impl SimSetup {
    /// How long a request takes to get there, and its reply to come back.
    pub fn law_of(&self, there: Service) -> Latency {
        match there {
            Service::Store => self.store,
            Service::Ledger(_) => self.ledger,
        }
    }
}
