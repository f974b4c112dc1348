//! What goes wrong: how much of what kind may be drawn, and what is written down explicitly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::open::Open;
use crate::sim::setup::PointKind;

/// What goes wrong in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// How many faults every seed draws, beside those in `script`.
    pub count: Open<0, 1000>,
    /// How likely each kind is. Absent: all of them are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Weights>,
    /// How long a fault lasts that lasts.
    pub lasting_ms: Open<1, 3_600_000>,
    /// Faults that come in every run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub script: Vec<Entry>,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            count: Open::Between { min: 0, max: 6 },
            kinds: None,
            lasting_ms: Open::Between { min: 1, max: 80 },
            script: Vec::new(),
        }
    }
}

macro_rules! weights {
    ($($(#[$doc:meta])* $name:ident: $usual:literal,)*) => {
        /// How likely each kind of fault is, beside the others. A kind that isn't named never comes; what operators
        /// want comes only where it is named.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Weights {
            $($(#[$doc])*
            #[serde(skip_serializing_if = "Weights::none")]
            #[schemars(range(max = 1000000))]
            pub $name: u64,)*
        }

        impl Weights {
            /// The weights in the order of the fields.
            pub fn list(&self) -> [u64; KINDS] {
                [$(self.$name),*]
            }

            /// All kinds.
            pub fn all() -> Self {
                Weights { $($name: $usual),* }
            }
        }
    };
}

weights! {
    /// A subtask dies.
    crash: 6,
    /// All subtasks of a host die.
    crash_host: 2,
    /// A process dies in the middle of a step.
    tear: 6,
    /// The coordinator dies.
    crash_coordinator: 3,
    /// A second coordinator starts while the first one lives.
    failover: 3,
    /// A living subtask is taken for dead and lives on as a zombie.
    suspect: 3,
    /// A host stands still.
    pause_host: 3,
    /// A channel carries nothing.
    pause_link: 3,
    /// A channel is slow.
    slow_link: 3,
    /// Control messages of a subtask stand still.
    delay_control: 3,
    /// Control messages of a subtask are lost.
    lose_control: 3,
    /// Requests to the store fail.
    fail_requests: 3,
    /// Requests take effect, but nobody is told.
    lose_replies: 3,
    /// The store stands still.
    pause_store: 2,
    /// The store takes no snapshots.
    store_full: 2,
    /// Nothing is wrong: an operator wants a checkpoint now.
    checkpoint: 0,
    /// Nothing is wrong: an operator wants the job to stop with a savepoint. It goes on from there after a while.
    stop: 0,
    /// Nothing is wrong: an operator wants a savepoint of his own. The job goes on as if there were none.
    savepoint: 0,
}

/// How many kinds there are.
pub const KINDS: usize = 18;

impl Weights {
    fn none(weight: &u64) -> bool {
        *weight == 0
    }
}

/// One fault of a script: exactly one of `at_ms`, `at_us` and `after` says when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// At this virtual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<Open<0, 36_000_000>>,
    /// At this virtual time, more finely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_us: Option<Open<0, 36_000_000_000>>,
    /// Right after a protocol event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// What goes wrong.
    #[serde(rename = "do")]
    pub what: Do,
}

/// A protocol event: the n-th of its kind at one process, or anywhere, of one checkpoint, or of any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// What happens.
    pub event: PointKind,
    /// Where: `map/1`, `coordinator`, `store`, `ledger/out`. Anywhere, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Of which checkpoint, from 1. Any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Open<1, 1_000_000>>,
    /// Which occurrence, from 0.
    #[serde(default = "After::first")]
    pub nth: Open<0, 1_000_000>,
}

impl After {
    fn first() -> Open<0, 1_000_000> {
        Open::Fixed(0)
    }
}

/// How long a lasting fault lasts.
pub type Lasting = Open<1, 3_600_000>;
/// How many times something fails.
pub type Times = Open<1, 100_000>;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Do {
    /// A subtask dies.
    Crash(String),
    /// All subtasks of a host die.
    CrashHost(u32),
    /// The next step of a process is cut off, and the process dies.
    Tear {
        /// A subtask, or `coordinator`.
        process: String,
        /// So many of the step's effects still happen.
        keep: Open<0, 1000>,
    },
    /// The coordinator dies; another one starts after a while.
    CrashCoordinator,
    /// Another coordinator starts while the old one lives on.
    Failover,
    /// A living subtask is taken for dead and lives on as a zombie.
    Suspect(String),
    /// A host stands still.
    PauseHost {
        /// Which.
        host: u32,
        /// How long.
        for_ms: Lasting,
    },
    /// A subtask's operator takes no record; barriers that overtake, control messages and replies get through.
    Stall {
        /// Which subtask.
        process: String,
        /// How long.
        for_ms: Lasting,
    },
    /// A channel carries nothing.
    PauseLink {
        /// Which: `src/0>map/1`.
        link: String,
        /// How long.
        for_ms: Lasting,
    },
    /// A channel is slower.
    SlowLink {
        /// Which: `src/0>map/1`.
        link: String,
        /// So many times.
        factor: Open<1, 100_000>,
        /// How long.
        for_ms: Lasting,
    },
    /// Control messages between the coordinator and a subtask stand still, both ways.
    DelayControl {
        /// Which subtask.
        process: String,
        /// How long.
        for_ms: Lasting,
    },
    /// The next control messages to or from a subtask are lost.
    LoseControl {
        /// Which subtask.
        process: String,
        /// How many.
        count: Times,
    },
    /// The next requests to the store fail without effect.
    FailRequests {
        /// How many.
        count: Times,
    },
    /// The next requests to the store or a ledger take effect, but their replies are lost.
    LoseReplies {
        /// How many.
        count: Times,
    },
    /// Requests to the store stand still.
    PauseStore {
        /// How long.
        for_ms: Lasting,
    },
    /// Snapshots don't fit any more.
    StoreFull {
        /// How long.
        for_ms: Lasting,
    },
    /// Nothing is wrong: an operator wants a checkpoint now.
    Checkpoint,
    /// Nothing is wrong: an operator wants the job to stop with a savepoint. It goes on from there after a while.
    Stop,
    /// Nothing is wrong: an operator wants a savepoint of his own. The job goes on as if there were none.
    Savepoint,
}
