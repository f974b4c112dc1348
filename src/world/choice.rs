//! What the environment may do next: the single source of nondeterminism.

use crate::engine::message::{Timer, Txn, Wish};
use crate::ids::*;
use crate::topology::Topology;

/// The first line of a schedule file begins with this.
pub const FORMAT: &str = "cutline-schedule/1";

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
    /// The receiver takes what is at this place of a channel that isn't FIFO, past those ahead of it.
    Jump(Attempt, ChannelId, u32),
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
    /// Something comes from outside.
    Fault(Fault),
}

/// Something that comes from outside: it goes wrong, or somebody wants it.
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
    /// An operator wants something of a coordinator.
    Wish(Incarnation, Wish),
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

/// A choice in words.
pub fn words(topology: &Topology, choice: Choice) -> String {
    let life = |who: Incarnation| format!("{}:{}", topology.name(who.task), who.attempt);
    let ask = |ask: AskId| format!("{} {}", life(ask.asker), ask.serial);
    match choice {
        Choice::Deliver(job, channel) => format!("deliver {job} {}", topology.channel_name(channel)),
        Choice::Overtake(job, channel) => format!("overtake {job} {}", topology.channel_name(channel)),
        Choice::Jump(job, channel, at) => format!("jump {job} {} {at}", topology.channel_name(channel)),
        Choice::Read(who, slot) => format!("read {} {slot}", life(who)),
        Choice::Choose(who, value) => format!("choose {} {value}", life(who)),
        Choice::Tell(from, to) => format!("tell {} {}", life(from), life(to)),
        Choice::Apply(id) => format!("apply {}", ask(id)),
        Choice::Answer(id) => format!("answer {}", ask(id)),
        Choice::Fire(who, timer) => format!("fire {} {}", life(who), timer_words(timer)),
        Choice::Detect(by, lost) => format!("detect {} {}", life(by), life(lost)),
        Choice::Revive => "revive".to_string(),
        Choice::Expire(vertex, txn) => {
            let owner = Incarnation { task: txn.task, attempt: txn.attempt };
            format!("expire {} {} {}", topology.graph.vertices[vertex.index()].name, life(owner), txn.number)
        }
        Choice::Fault(Fault::Crash(who)) => format!("crash {}", life(who)),
        Choice::Fault(Fault::Failover) => "failover".to_string(),
        Choice::Fault(Fault::Suspect(by, lost)) => format!("suspect {} {}", life(by), life(lost)),
        Choice::Fault(Fault::LoseControl(from, to)) => format!("lose-control {} {}", life(from), life(to)),
        Choice::Fault(Fault::FailRequest(id)) => format!("fail-request {}", ask(id)),
        Choice::Fault(Fault::LoseReply(id)) => format!("lose-reply {}", ask(id)),
        Choice::Fault(Fault::Wish(who, wish)) => format!("wish {} {}", life(who), wish_words(wish)),
    }
}

/// What somebody wants, in a word.
pub fn wish_words(wish: Wish) -> &'static str {
    match wish {
        Wish::Checkpoint => "checkpoint",
        Wish::StopWithSavepoint => "stop",
        Wish::Savepoint => "savepoint",
    }
}

fn timer_words(timer: Timer) -> String {
    match timer {
        Timer::Interval => "interval".to_string(),
        Timer::Pause => "pause".to_string(),
        Timer::Timeout(id) => format!("timeout {id}"),
        Timer::Restart => "restart".to_string(),
        Timer::Retry => "retry".to_string(),
        Timer::Remind => "remind".to_string(),
        Timer::Alignment(id) => format!("align {id}"),
    }
}
