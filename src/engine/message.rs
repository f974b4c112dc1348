//! The vocabulary of the engine: everything that can happen to a process and everything it can ask for.
//!
//! No logic here. The room knows no clock, no file, no thread and no random number: time passes only as
//! [`Input::Timer`], storage answers only as [`Input::Reply`].

use crate::ids::*;
use std::sync::Arc;

use super::shared::Shared;
use super::snapshot::{Manifest, Snapshot};

/// A key or a value of a record. Integers in the simulator, text and bytes in real runs: the same code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Datum {
    /// A whole number.
    Int(i64),
    /// Text.
    Text(Shared<str>),
    /// Bytes.
    Bytes(Shared<[u8]>),
    /// Two data, as a join emits them.
    Pair(Arc<(Datum, Datum)>),
}

/// One record of the stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// Where it comes from.
    pub id: RecordId,
    /// What it is partitioned by.
    pub key: Datum,
    /// What it carries.
    pub value: Datum,
}

impl Record {
    /// Drops it. That of integers is nothing, which is seen in place.
    #[inline(always)]
    pub fn discard(self) {
        match (&self.key, &self.value) {
            (Datum::Int(_), Datum::Int(_)) => std::mem::forget(self),
            _ => drop(self),
        }
    }
}

/// A checkpoint barrier. Carbone et al. 2015.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Barrier {
    /// The checkpoint it belongs to.
    pub id: CheckpointId,
    /// May it be taken before records that are queued ahead of it?
    pub overtakes: bool,
}

/// What travels on a data channel, in FIFO order. A gate never looks into `R`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Element<R> {
    /// A record.
    Record(R),
    /// A checkpoint barrier.
    Barrier(Barrier),
    /// The checkpoint was given up upstream.
    Cancel(CheckpointId),
    /// Nothing more comes on this channel.
    End,
    /// A record with something written on it. The engine sends none and is given none: what is written comes as
    /// [`Input::Noted`], and the record right behind it.
    Noted(Box<Noted<R>>),
}

impl<R> Element<R> {
    /// The record, if it is one.
    pub fn record(&self) -> Option<&R> {
        match self {
            Element::Record(record) => Some(record),
            Element::Noted(noted) => Some(&noted.record),
            _ => None,
        }
    }
}

/// A record, and what a protocol writes on it beside what the job means by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Noted<R> {
    /// The record.
    pub record: R,
    /// What is written.
    pub note: Arc<[u64]>,
}

/// What a coordinator and a subtask tell each other, FIFO for each pair. Every notice names the attempt
/// and the checkpoint it means, and may be lost, repeated or late.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// To a subtask: live, from this checkpoint on (none: from the beginning).
    Deploy {
        /// The completed checkpoint to restore.
        restore: Option<Arc<Manifest>>,
    },
    /// To a subtask: stop, a newer attempt replaces you.
    Stop,
    /// To a subtask without running upstream: begin this checkpoint.
    Trigger(CheckpointId),
    /// To a subtask without running upstream: begin this checkpoint, and read nothing behind it until it is given up.
    TriggerLast(CheckpointId),
    /// To a subtask: this checkpoint is complete and durable.
    Complete(CheckpointId),
    /// To a subtask: this checkpoint was given up.
    Abort(CheckpointId),
    /// To the coordinator: restored and running.
    Running,
    /// To the coordinator: the snapshot is durable under its key.
    Ack(CheckpointId),
    /// To the coordinator: this subtask can't take part in the checkpoint.
    Decline(CheckpointId, DeclineReason),
    /// To the coordinator: a completion notice has been acted upon.
    Noted(CheckpointId),
    /// To the coordinator: all input is processed, all output delivered, nothing left to commit.
    Finished,
    /// To the coordinator: this subtask can't go on.
    Failed,
    /// Numbers that a protocol tells of a checkpoint, between any two processes. The engine tells and hears none.
    Counts(CheckpointId, Arc<[u64]>),
}

/// Why a subtask declines a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeclineReason {
    /// It is not running yet, or no more.
    NotReady,
    /// Its snapshot could not be stored.
    StoreFailed,
    /// A cancellation barrier arrived.
    Cancelled,
    /// A barrier of a newer checkpoint arrived first.
    Subsumed,
    /// An input ended where that gives up a checkpoint.
    EndOfInput,
}

/// Where a snapshot is stored. A later attempt can never overwrite an earlier one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreKey {
    /// The job attempt that wrote it.
    pub attempt: Attempt,
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// The subtask.
    pub task: TaskId,
}

/// A transaction of one sink subtask: the output between two checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Txn {
    /// The attempt that opened it.
    pub attempt: Attempt,
    /// The sink subtask.
    pub task: TaskId,
    /// The checkpoint after which it was begun; 0 for the start of the job.
    pub number: u64,
}

/// What a process can ask the store or a ledger for. All requests are idempotent, so that an unanswered
/// one can be asked again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Store: take the lead with this token, unless a higher one has been seen.
    Lead,
    /// Store: begin this job attempt, if it is the one after the newest. Answers with what to restore.
    BeginAttempt(Attempt),
    /// Store: prepare the place of a checkpoint.
    Open(StoreKey),
    /// Store: keep a snapshot.
    Put(StoreKey, Arc<Snapshot>),
    /// Store: fetch a snapshot.
    Get(StoreKey),
    /// Store: the one durable completion record of a checkpoint, written once, by the attempt that owns
    /// the job.
    Publish(Arc<Manifest>),
    /// Store: the one durable record of a savepoint, as `Publish` of a checkpoint. No restart goes back to it, and nothing of
    /// it is discarded any more, whoever asks.
    Save(Arc<Manifest>),
    /// Store: the job has ended; nobody may begin another attempt. True: all of it was processed; false: it failed for
    /// good.
    EndJob(bool),
    /// Store: forget what belongs to this checkpoint of this attempt.
    Discard(Attempt, CheckpointId),
    /// Ledger: open a transaction.
    Begin(Txn),
    /// Ledger: write and prepare the whole transaction.
    Stage(Txn, Arc<Vec<Record>>),
    /// Ledger: make a prepared transaction visible.
    Commit(Txn),
    /// Ledger: abort every transaction of this subtask and of attempts before `attempt` that isn't
    /// committed, except those in `keep`, and accept nothing from those attempts any more.
    Fence {
        /// The attempt that speaks.
        attempt: Attempt,
        /// Prepared transactions that belong to the restored checkpoint.
        keep: Arc<[Txn]>,
    },
    /// Ledger: write one record at once. Never answered.
    Write(Record),
    /// Ledger: answered when everything that this subtask wrote before is written.
    Flush,
}

/// What is stored of checkpoints that never came to be, or were given up while nobody led who could discard it.
pub type Orphans = Arc<[(Attempt, CheckpointId)]>;

/// What the store or a ledger answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// Done, and durable.
    Done,
    /// Not done: try again or give up.
    Failed,
    /// Not done: a newer token or attempt owns this.
    Fenced,
    /// To `Lead`: the newest job attempt that was ever begun.
    Led(Attempt),
    /// To `BeginAttempt`: what to restore, oldest first, and the id of the first checkpoint to come.
    Began {
        /// Completed checkpoints that are retained, oldest first. Restore the last.
        completed: Arc<[Arc<Manifest>]>,
        /// The id after the newest one that was ever completed.
        next: CheckpointId,
        /// Snapshots that no completion record names, and none ever will.
        orphans: Orphans,
    },
    /// To `Lead`: the job had ended.
    Ended {
        /// In this attempt.
        attempt: Attempt,
        /// With all of it processed, or for good without success.
        complete: bool,
        /// Completed checkpoints that are still retained, oldest first.
        completed: Arc<[Arc<Manifest>]>,
        /// As above.
        orphans: Orphans,
    },
    /// To `Get`.
    Found(Arc<Snapshot>),
    /// To `Get`: there is no such snapshot, or it can't be read.
    Missing,
    /// To `Commit`: the transaction timed out and is gone.
    Expired,
}

/// What a process waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Coordinator: the next periodic checkpoint.
    Interval,
    /// Coordinator: the minimum pause after a checkpoint is over.
    Pause,
    /// Coordinator: this checkpoint took too long.
    Timeout(CheckpointId),
    /// Coordinator: restart the job.
    Restart,
    /// Any: ask again what was not answered.
    Retry,
    /// Coordinator: tell again what was not acknowledged.
    Remind,
    /// Subtask: the alignment of this checkpoint took too long.
    Alignment(CheckpointId),
}

/// Everything that can happen to a process. Closed: a new cause is a new variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The driver has taken this off the head of an input channel.
    Element(InputIndex, Element<Record>),
    /// What is written on the record that comes next, on this input. It hasn't been taken yet.
    Noted(InputIndex, Arc<[u64]>),
    /// A barrier has jumped the queue; `passed` stay queued and are channel state.
    Overtook {
        /// The input it came on.
        input: InputIndex,
        /// The barrier.
        barrier: Barrier,
        /// The records it passed, oldest first.
        passed: Vec<Record>,
    },
    /// A control message.
    Told {
        /// Who says it.
        from: Incarnation,
        /// What.
        control: Control,
    },
    /// The answer to an earlier `Ask`; may never come.
    Reply(Ticket, Reply),
    /// A timer that was armed and not disarmed.
    Timer(Timer),
    /// What `wants` asked for; no record: the bounded end of the partition.
    Read {
        /// The partition.
        partition: PartitionId,
        /// The offset of the record.
        offset: Offset,
        /// The record.
        record: Option<Record>,
    },
    /// The outcome of a choice that the operator left to the environment.
    Chosen(i64),
    /// A coordinator's life begins.
    Start,
    /// The failure detector suspects this life; it may be wrong.
    Lost(Incarnation),
    /// Coordinators: an operator wants something.
    Asked(Wish),
}

/// What an operator may want of a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wish {
    /// A checkpoint now, whatever interval and pause say.
    Checkpoint,
    /// A last checkpoint. When it is complete and everybody has acted upon that, the job stops, to go on from there
    /// whenever somebody takes the lead again.
    StopWithSavepoint,
    /// A savepoint that is the operator's: the job goes on, and neither restores nor deletes it.
    Savepoint,
}

/// All of them.
pub const WISHES: [Wish; 3] = [Wish::Checkpoint, Wish::StopWithSavepoint, Wish::Savepoint];

/// Everything a process can ask for. The order matters: a crash keeps a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Put this on an output channel.
    Send(ChannelId, Element<Record>),
    /// Put records that were in flight at the cut back at the head of an input channel.
    Refill(InputIndex, Arc<[Record]>),
    /// Send a control message.
    Tell(Incarnation, Control),
    /// Ask the store.
    Ask(Ticket, FencingToken, Request),
    /// Ask the ledger of this sink.
    AskLedger(Ticket, Attempt, Request),
    /// Fire this timer after so long, or never, if it is disarmed; arming again replaces.
    Arm(Timer, Nanos),
    /// Do not fire it.
    Disarm(Timer),
    /// An observation without any effect on the environment.
    Mark(Mark),
}

/// What a process says about itself. Verifiers believe it only where the environment can't see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// The state as of now is this checkpoint's.
    Cut(CheckpointId, Arc<Snapshot>),
    /// The checkpoint was given up here.
    Abandoned(CheckpointId, DeclineReason),
    /// The snapshot has been put into place; none: started from nothing.
    Restored(Option<CheckpointId>, Arc<Snapshot>),
    /// All input is processed.
    Finished,
    /// The record at hand was processed with this non-deterministic outcome.
    Chose(i64),
    /// Coordinator: checkpoint begun; these subtasks are required.
    Triggered(CheckpointId, Arc<[TaskId]>),
    /// Coordinator: checkpoint given up.
    Aborted(CheckpointId, AbortReason),
    /// Coordinator: a trigger came to nothing before anything was pending.
    TriggerFailed(TriggerFailure),
    /// Coordinator: a new attempt of the whole job begins.
    Restarting(Attempt, Option<CheckpointId>),
    /// Coordinator: the job has ended; true: all of it was processed, false: it failed for good.
    JobEnded(bool),
    /// Coordinator: the job has stopped with this savepoint, as an operator wished.
    Suspended(CheckpointId),
    /// Coordinator: the wish to stop came to nothing, and the job goes on. The savepoint, if it was complete when
    /// something else failed.
    StopFailed(Option<CheckpointId>),
    /// Coordinator: the savepoint that somebody wanted is complete.
    Saved(CheckpointId),
    /// Coordinator: the savepoint that somebody wanted came to nothing.
    SavepointFailed,
    /// An ack of another attempt was ignored.
    StaleAck(CheckpointId),
    /// An ack of a checkpoint that isn't pending was ignored.
    LateAck(CheckpointId),
    /// An ack that had been given before was ignored.
    DuplicateAck(CheckpointId),
    /// The store or a ledger refused: somebody newer is in charge.
    Fenced,
    /// A transaction timed out before it was committed: its output is lost.
    CommitLost(Txn),
    /// A barrier, cancel or notice of a checkpoint that is over was ignored.
    Late(CheckpointId),
}

/// Why a pending checkpoint is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AbortReason {
    /// A subtask declined.
    Declined(DeclineReason),
    /// It took too long.
    Expired,
    /// A newer one is complete.
    Subsumed,
    /// The job restarts.
    Failover,
    /// The completion record could not be written.
    FinaliseFailed,
    /// The coordinator stops.
    Shutdown,
}

/// Why a trigger comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TriggerFailure {
    /// Some task isn't running yet.
    NotAllRunning,
    /// The place of the checkpoint could not be prepared.
    StoreFailed,
    /// As many as allowed are pending.
    TooManyPending,
    /// The minimum pause is not over.
    TooSoon,
    /// The periodic scheduler is stopped.
    SchedulerStopped,
    /// The coordinator stops.
    Shutdown,
}

/// The list of effects of one step; reused, empty before every step.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// In the order in which they happen.
    pub effects: Vec<Effect>,
    /// Set when the answers of `blocked`, `hastens`, `wants`, `chooses` or `deaf` may have changed, so that a driver
    /// needn't ask after every record.
    pub gate_changed: bool,
}

impl Outbox {
    /// Sends an element.
    #[inline]
    pub fn send(&mut self, channel: ChannelId, element: Element<Record>) {
        self.effects.push(Effect::Send(channel, element));
    }

    /// Tells a control message.
    pub fn tell(&mut self, to: Incarnation, control: Control) {
        self.effects.push(Effect::Tell(to, control));
    }

    /// Arms a timer.
    pub fn arm(&mut self, timer: Timer, after: Nanos) {
        self.effects.push(Effect::Arm(timer, after));
    }

    /// Disarms a timer.
    pub fn disarm(&mut self, timer: Timer) {
        self.effects.push(Effect::Disarm(timer));
    }

    /// Says something about itself.
    pub fn mark(&mut self, mark: Mark) {
        self.effects.push(Effect::Mark(mark));
    }
}
