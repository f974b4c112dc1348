//! What `cutline check` lets happen in a scenario: the `check` section of a file.

use super::expect::{Goal, Invariant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a search explores: every schedule, and everything that may go wrong so often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exhaust {
    /// Periodic checkpoints that may come at any time. Where nothing else can happen, one comes anyway.
    #[schemars(range(min = 0, max = 15))]
    pub triggers: u8,
    /// Crashes.
    #[schemars(range(min = 0, max = 15))]
    pub crashes: u8,
    /// What a crash is.
    pub recovery: RecoveryAs,
    /// Coordinators that start while one lives.
    #[schemars(range(min = 0, max = 15))]
    pub failovers: u8,
    /// Living subtasks that are taken for dead.
    #[schemars(range(min = 0, max = 15))]
    pub suspicions: u8,
    /// Requests that take effect and whose replies are lost.
    #[schemars(range(min = 0, max = 15))]
    pub lost_replies: u8,
    /// Requests that fail.
    #[schemars(range(min = 0, max = 15))]
    pub failed_requests: u8,
    /// Control messages that are lost.
    #[schemars(range(min = 0, max = 15))]
    pub lost_control: u8,
    /// Wishes of an operator that the job stop with a savepoint.
    #[schemars(range(min = 0, max = 15))]
    pub stops: u8,
    /// Transactions that a ledger gives up.
    #[schemars(range(min = 0, max = 15))]
    pub expiries: u8,
    /// When timers fire.
    pub timers: TimersFire,
    /// When the store and the ledgers do what they are asked, and answer.
    pub services: ServicesAre,
    /// What must be reached somewhere: a search that never got there has shown nothing. What it takes more than one step
    /// to see (`checkpoints_overlapped`, `completed_while_stalled`, `restored_from_mixed_epochs`) no search sees.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<Goal>,
    /// How many states there are, with everything that is said here and nothing else: a change of semantics shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub states: Option<u64>,
    /// The property that must be seen violated: an invariant, or one of the search's own. Absent: everything holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violates: Option<Broken>,
}

impl Default for Exhaust {
    fn default() -> Self {
        Exhaust {
            triggers: 1,
            crashes: 0,
            recovery: RecoveryAs::Atomic,
            failovers: 0,
            suspicions: 0,
            lost_replies: 0,
            failed_requests: 0,
            lost_control: 0,
            stops: 0,
            expiries: 0,
            timers: TimersFire::Patient,
            services: ServicesAre::Travelling,
            reached: Vec::new(),
            states: None,
            violates: None,
        }
    }
}

/// What a crash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryAs {
    /// One choice: everything dies and is restored at once.
    Atomic,
    /// One process dies; detection, restart and restore are choices like any other.
    Stepwise,
}

/// When timers fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimersFire {
    /// Only where nothing else can happen.
    Patient,
    /// At any time.
    Free,
}

/// When the store and the ledgers do what they are asked, and answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServicesAre {
    /// At any time.
    Travelling,
    /// Before anything else happens: nothing comes between a request and its reply. Far fewer states, and no reduction.
    AtOnce,
}

/// What a search can find violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Broken {
    /// A property that only a search decides.
    Search(SearchProperty),
    /// An invariant.
    Invariant(Invariant),
}

/// Properties that only a search decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SearchProperty {
    /// No step of the engine panics.
    NoPanic,
    /// Where nothing can happen any more, the job has ended.
    NoDeadlock,
    /// From everywhere the job can still end.
    NoLivelock,
    /// What a recovery restores is a state of the same job without checkpoints and faults.
    RecoveryRefinement,
}
