//! What the environment may do next: the single source of nondeterminism.

use crate::engine::message::{Timer, Txn};
use crate::ids::*;

/// A request on its way, named by who asked and a number that is the smallest free one of that asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId {
    /// Who asked.
    pub asker: Incarnation,
    /// Which of its requests.
    pub serial: u32,
}

/// One thing that may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// The receiver takes the head of a channel of a job attempt.
    Deliver(Attempt, ChannelId),
    /// The receiver takes the first barrier of a channel, past the records ahead of it.
    Overtake(Attempt, ChannelId),
    /// A source takes the next record of its n-th partition.
    Read(Incarnation, u32),
    /// The outcome of a choice that an operator waits for.
    Choose(Incarnation, u8),
    /// The oldest control message from one to the other arrives.
    Tell(Incarnation, Incarnation),
    /// The store or a ledger does what it was asked.
    Apply(AskId),
    /// The reply arrives.
    Answer(AskId),
    /// An armed timer fires.
    Fire(Incarnation, Timer),
    /// The first learns that the second has died.
    Detect(Incarnation, Incarnation),
    /// A coordinator starts where none lives.
    Revive,
    /// A ledger gives up a transaction that was open for too long.
    Expire(VertexId, Txn),
    /// Something goes wrong.
    Fault(Fault),
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A life ends.
    Crash(Incarnation),
    /// Another coordinator starts while one lives.
    Failover,
    /// The first comes to believe that the second, which lives, has died.
    Suspect(Incarnation, Incarnation),
    /// The oldest control message from one to the other is lost.
    LoseControl(Incarnation, Incarnation),
    /// A request fails without effect.
    FailRequest(AskId),
    /// A request takes effect, its reply is lost.
    LoseReply(AskId),
}

/// A choice, and where the step it leads to is torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// What happens.
    pub choice: Choice,
    /// The first so many effects happen, then the process dies. None: the step is whole.
    pub keep: Option<u32>,
}

impl From<Choice> for Step {
    fn from(choice: Choice) -> Self {
        Step { choice, keep: None }
    }
}
