//! The vocabulary of traces: one variant for each row of `docs/trace.md`.
//!
//! A trace is what happened, told by who could see it: what the environment sees comes from the
//! environment, and only `Snap`, `Choice`, `Finish` and the contents of `Restore` rest on a process's word.

use crate::engine::message::{AbortReason, DeclineReason, Record, StoreKey, Txn};
use crate::ids::*;
use crate::topology::{JobGraph, Mode, RegionLimits};
use std::sync::Arc;

/// What a job promises about its output.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// Every record takes effect exactly once.
    ExactlyOnce,
    /// Every record takes effect, some perhaps more than once.
    AtLeastOnce,
    /// No record takes effect more than once.
    AtMostOnce,
    /// Nothing is promised.
    None,
}

/// The first line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Who wrote the trace.
    pub tool: String,
    /// The scenario's name, or whatever the writer calls the job.
    pub scenario: String,
    /// The seed, where there is one.
    pub seed: Option<u64>,
    /// What is promised.
    pub guarantee: Guarantee,
    /// How barriers are aligned.
    pub mode: Mode,
    /// Mode `Regional`: how much of a checkpoint may be older than itself.
    pub regions: Option<RegionLimits>,
    /// The job.
    pub graph: JobGraph,
    /// I12: after `clear`, everything is settled within so many events.
    pub healed_events_max: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where: a process of the topology.
    pub process: TaskId,
    /// In which of its lives. For the store, the ledgers and the environment: 1.
    pub attempt: Attempt,
    /// The number of the event in this life, from 0, dense.
    pub n: u32,
    /// Virtual time; 0 where there is none. No verifier reads it.
    pub time: Nanos,
    /// What.
    pub kind: Kind,
}

/// All of an event but what happened: whose line it is, and when. The lines of records, which are nearly all there
/// are, are told as a spot and what it takes to make the event, so that nobody copies a record to look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Where.
    pub process: TaskId,
    /// In which of its lives.
    pub attempt: Attempt,
    /// The number of the event in this life.
    pub n: u32,
    /// Virtual time.
    pub time: Nanos,
}

impl Spot {
    /// The event that happened here.
    #[inline]
    pub fn event(self, kind: Kind) -> Event {
        let Spot { process, attempt, n, time } = self;
        Event { process, attempt, n, time, kind }
    }

    /// A record went into a channel.
    pub fn send(self, channel: ChannelId, m: u64, record: &Record) -> Event {
        self.event(Kind::Send { channel, m, record: record.clone() })
    }

    /// A record was taken off a channel.
    pub fn apply(self, channel: ChannelId, m: u64) -> Event {
        self.event(Kind::Apply { channel, m })
    }

    /// A record was taken from a partition.
    pub fn read(self, partition: PartitionId, record: &Record) -> Event {
        self.event(Kind::Read { partition, record: record.clone() })
    }

    /// A record became visible.
    pub fn visible(self, shown: &Shown, record: &Record) -> Event {
        let Shown { position, from, txn } = *shown;
        self.event(Kind::Visible { position, from, record: record.clone(), txn })
    }
}

impl Event {
    /// Where it is.
    #[inline]
    pub fn spot(&self) -> Spot {
        Spot { process: self.process, attempt: self.attempt, n: self.n, time: self.time }
    }
}

/// What a line says of a record that became visible, beside the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// 0, 1, 2, ... in one ledger.
    pub position: u64,
    /// The sink subtask that wrote it.
    pub from: Incarnation,
    /// The transaction it was in, for two-phase sinks.
    pub txn: Option<Txn>,
}

impl Shown {
    /// Lines of records that became visible one after another: `at` and `shown` are the first one's.
    #[inline(always)]
    pub fn lines<'a>(
        at: Spot,
        shown: &Shown,
        records: &'a [Record],
    ) -> impl Iterator<Item = (Spot, Shown, &'a Record)> + use<'a> {
        let first = *shown;
        let line = move |(i, record)| {
            let shown = Shown { position: first.position + i as u64, ..first };
            (Spot { n: at.n + i as u32, ..at }, shown, record)
        };
        records.iter().enumerate().map(line)
    }
}

/// How a request to the store or a ledger went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It took effect now.
    Ok,
    /// It had taken effect before: nothing changed.
    Again,
    /// Refused: a newer token or attempt is known.
    Fenced,
    /// Not done.
    Error,
}

/// What is done to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TxnOp {
    /// Opened.
    Begin,
    /// Written and prepared.
    Prepare,
    /// Made visible.
    Commit,
    /// Given up.
    Abort,
    /// Given up by the ledger, for it was open too long.
    Expire,
}

/// What a notice says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// The checkpoint is complete.
    Complete,
    /// The checkpoint was given up.
    Abort,
}

/// Records in flight, by channel: the ids in order. Channels without any are left out.
pub type Kappa = Arc<[(ChannelId, Vec<RecordId>)]>;

/// What happened. Comments say whose line it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Source subtask: took a record from a partition.
    Read {
        /// Which partition.
        partition: PartitionId,
        /// The record; its id is (partition, offset).
        record: Record,
    },
    /// Ledger: a record became visible at the next position.
    Visible {
        /// 0, 1, 2, ... in one ledger.
        position: u64,
        /// The sink subtask that wrote it.
        from: Incarnation,
        /// The record.
        record: Record,
        /// The transaction it was in, for two-phase sinks.
        txn: Option<Txn>,
    },
    /// Environment: nothing is left to do.
    Quiesce,
    /// Coordinator: checkpoint begun.
    Trigger {
        /// Which.
        checkpoint: CheckpointId,
        /// The subtasks that must acknowledge; all others had finished.
        required: Arc<[TaskId]>,
        /// The job attempt.
        job: Attempt,
    },
    /// Subtask: says that its part is durable.
    Ack {
        /// Which checkpoint.
        checkpoint: CheckpointId,
    },
    /// Subtask: says that it can't take part.
    Decline {
        /// Which checkpoint.
        checkpoint: CheckpointId,
        /// Why.
        reason: DeclineReason,
    },
    /// Store: the completion record was written (`Ok`) or asked for in vain.
    Complete {
        /// Which checkpoint.
        checkpoint: CheckpointId,
        /// The job attempt that took it.
        job: Attempt,
        /// The writer's token.
        token: FencingToken,
        /// The stored parts; subtasks without one had finished.
        parts: Arc<[StoreKey]>,
        /// How it went.
        outcome: Outcome,
    },
    /// Store: the record of a savepoint was written (`Ok`) or asked for in vain. Nobody restores from it or deletes it.
    Savepoint {
        /// Which checkpoint it was taken as.
        checkpoint: CheckpointId,
        /// The job attempt that took it.
        job: Attempt,
        /// The writer's token.
        token: FencingToken,
        /// The stored parts; subtasks without one had finished.
        parts: Arc<[StoreKey]>,
        /// How it went.
        outcome: Outcome,
    },
    /// Coordinator: gave a checkpoint up.
    Abort {
        /// Which.
        checkpoint: CheckpointId,
        /// Why.
        reason: AbortReason,
    },
    /// Coordinator: tells a subtask how a checkpoint ended.
    Notify {
        /// Which checkpoint.
        checkpoint: CheckpointId,
        /// Whom.
        to: Incarnation,
        /// What.
        what: Notice,
    },
    /// Store: a snapshot was written.
    Put {
        /// Where.
        key: StoreKey,
        /// The digest of the state, from the stored bytes.
        digest: u64,
        /// The stored source positions.
        offsets: Arc<[(PartitionId, Offset)]>,
        /// The stored records in flight.
        kappa: Kappa,
        /// The stored transactions: prepared, not known to be committed.
        txns: Arc<[Txn]>,
        /// How it went.
        outcome: Outcome,
    },
    /// Store: a snapshot was read.
    Get {
        /// Where.
        key: StoreKey,
        /// `Ok`: found.
        outcome: Outcome,
    },
    /// Store: a snapshot was deleted.
    Delete {
        /// Where.
        key: StoreKey,
    },
    /// Store: a coordinator took the lead, or tried to.
    Lead {
        /// Its token.
        token: FencingToken,
        /// How it went.
        outcome: Outcome,
    },
    /// Store: a job attempt was begun, or tried to be; from here on older attempts complete nothing.
    Begin {
        /// Which.
        job: Attempt,
        /// The writer's token.
        token: FencingToken,
        /// What it is to restore.
        base: Option<CheckpointId>,
        /// How it went.
        outcome: Outcome,
    },
    /// Any process: a life begins.
    Start,
    /// Any process: a life ends by a fault.
    Crash,
    /// Any process: a life ends because it stops.
    Stop,
    /// Subtask: put a snapshot into place and runs from here.
    Restore {
        /// The checkpoint; none: from the beginning.
        base: Option<CheckpointId>,
        /// The digest of the restored state (0 without a base).
        digest: u64,
        /// The source positions.
        offsets: Arc<[(PartitionId, Offset)]>,
        /// The records put back into the channels.
        kappa: Kappa,
        /// It had finished before the checkpoint.
        finished: bool,
    },
    /// Ledger: a transaction changed.
    Txn {
        /// What was done.
        op: TxnOp,
        /// To which.
        txn: Txn,
        /// How many records it holds.
        records: u64,
        /// How it went.
        outcome: Outcome,
    },
    /// Ledger: refuses transactions of this subtask before this attempt from here on.
    Fence {
        /// The subtask and the attempt that speaks.
        by: Incarnation,
    },
    /// Environment: a fault begins. The text is the choice's words.
    Fault {
        /// Which.
        what: Arc<str>,
    },
    /// Environment: no fault is left, everything heals.
    Clear,
    /// Subtask: a record went into a channel.
    Send {
        /// Which channel.
        channel: ChannelId,
        /// Its number in the channel, from 0; goes on from the restored cut.
        m: u64,
        /// The record.
        record: Record,
    },
    /// Subtask: a record was taken off a channel and applied.
    Apply {
        /// Which channel.
        channel: ChannelId,
        /// Its number.
        m: u64,
    },
    /// Subtask: a barrier went into a channel.
    BarOut {
        /// Which channel.
        channel: ChannelId,
        /// Which checkpoint.
        checkpoint: CheckpointId,
        /// May it overtake?
        overtakes: bool,
    },
    /// Subtask: took a barrier.
    BarIn {
        /// Which channel.
        channel: ChannelId,
        /// Which checkpoint.
        checkpoint: CheckpointId,
        /// How many queued records it passed.
        passed: u32,
    },
    /// Subtask: a cancellation went into a channel.
    CancelOut {
        /// Which channel.
        channel: ChannelId,
        /// Which checkpoint.
        checkpoint: CheckpointId,
    },
    /// Subtask: took a cancellation.
    CancelIn {
        /// Which channel.
        channel: ChannelId,
        /// Which checkpoint.
        checkpoint: CheckpointId,
    },
    /// Subtask: its output on a channel is over.
    EndOut {
        /// Which channel.
        channel: ChannelId,
    },
    /// Subtask: took the end of a channel.
    EndIn {
        /// Which channel.
        channel: ChannelId,
    },
    /// Subtask: stopped reading a channel until its checkpoint is over.
    Hold {
        /// Which channel.
        channel: ChannelId,
    },
    /// Subtask: reads a channel again.
    Release {
        /// Which channel.
        channel: ChannelId,
    },
    /// Subtask: the state as of now is this checkpoint's.
    Snap {
        /// Which checkpoint.
        checkpoint: CheckpointId,
        /// The digest of the state.
        digest: u64,
    },
    /// Subtask: gave up a checkpoint.
    Abandon {
        /// Which.
        checkpoint: CheckpointId,
        /// Why.
        reason: DeclineReason,
    },
    /// Subtask: the last applied record was processed with this outcome of a choice.
    Choice {
        /// The outcome.
        value: i64,
    },
    /// Subtask: all its input is processed. Coordinator: the job has ended; false: for good, without success.
    Finish {
        /// Did it get to the end?
        complete: bool,
    },
    /// Coordinator: the job has stopped, and goes on from this checkpoint when somebody leads it again.
    Suspend {
        /// Which.
        checkpoint: CheckpointId,
    },
}
