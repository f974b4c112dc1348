//! Invariants, verdicts and what a violation says.

use crate::ids::*;
use crate::topology::Mode;
use crate::trace::Txn;
use crate::trace::event::{Event, Guarantee, Spot};

/// What is judged. Numbers as in `docs/trace.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// The trace itself and the environment's contract.
    WellFormed,
    /// No orphan.
    I1,
    /// Channel state exact.
    I2,
    /// Source position exact.
    I3,
    /// Persist before acknowledge.
    I4,
    /// Atomic completion.
    I5,
    /// Restore equivalence.
    I6,
    /// State effects exactly once.
    I8,
    /// Committed output exactly once.
    I9,
    /// The same for non-deterministic operators.
    I9n,
    /// Visible output is append-only.
    I10,
    /// Transactions.
    I11,
    /// Bounded progress.
    I12,
    /// Retention.
    I13,
    /// Fencing.
    I14,
    /// Identity.
    I15,
}

impl Invariant {
    /// All of them, in order.
    pub const ALL: [Invariant; 16] = {
        use Invariant::*;
        [WellFormed, I1, I2, I3, I4, I5, I6, I8, I9, I9n, I10, I11, I12, I13, I14, I15]
    };

    /// The short name.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What it states, in one line.
    pub fn statement(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Invariant::WellFormed => {
                ("well-formed", "every life's lines are dense, every id is defined, channels are FIFO")
            }
            Invariant::I1 => ("I1", "no recorded event depends on an unrecorded one"),
            Invariant::I2 => ("I2", "channel state is what was sent and not received inside the cut"),
            Invariant::I3 => ("I3", "the stored source position is the number of records read inside the cut"),
            Invariant::I4 => {
                ("I4", "what is acknowledged is durable, what is complete is acknowledged by all required")
            }
            Invariant::I5 => ("I5", "a checkpoint is completed by one durable write, and exists from there on only"),
            Invariant::I6 => ("I6", "what is restored is what was stored in the newest completed checkpoint"),
            Invariant::I8 => ("I8", "every record takes effect on state exactly once in the surviving history"),
            Invariant::I9 => ("I9", "visible output is that of a failure-free run"),
            Invariant::I9n => ("I9n", "visible output agrees on one outcome of every choice"),
            Invariant::I10 => ("I10", "visible output is append-only"),
            Invariant::I11 => ("I11", "transactions are prepared, committed and aborted with their checkpoints"),
            Invariant::I12 => ("I12", "everything that was begun is settled once faults have stopped"),
            Invariant::I13 => ("I13", "the newest completed checkpoint can be restored until the job has ended"),
            Invariant::I14 => ("I14", "nobody who was replaced takes effect"),
            Invariant::I15 => ("I15", "checkpoint ids strictly increase, also across restores"),
        }
    }
}

/// Must this invariant hold for a job that claims this guarantee? The others are judged too, as information.
pub fn required(invariant: Invariant, guarantee: Guarantee, mode: Mode) -> bool {
    use Invariant::*;
    match (guarantee, invariant) {
        (Guarantee::ExactlyOnce, _) => true,
        // Counting barriers without blocking lets records of the next epoch into the cut: that is the bargain.
        (Guarantee::AtLeastOnce, I1) => mode != Mode::AtLeastOnce,
        (Guarantee::AtLeastOnce, I9n) => false,
        (Guarantee::AtLeastOnce, _) => true,
        (Guarantee::AtMostOnce, I1 | I2 | I3 | I9n) => false,
        (Guarantee::AtMostOnce, _) => true,
        (Guarantee::None, I1 | I2 | I3 | I8 | I9 | I9n) => false,
        (Guarantee::None, _) => true,
    }
}

/// The place of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Whose line.
    pub process: TaskId,
    /// In which life.
    pub attempt: Attempt,
    /// Its number there.
    pub n: u32,
}

impl From<Spot> for At {
    fn from(Spot { process, attempt, n, .. }: Spot) -> At {
        At { process, attempt, n }
    }
}

impl From<&Event> for At {
    fn from(event: &Event) -> At {
        event.spot().into()
    }
}

/// One message of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The channel.
    pub channel: ChannelId,
    /// The job attempt.
    pub attempt: Attempt,
    /// Its number.
    pub m: u64,
}

/// Who waits for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Who.
    pub who: TaskId,
    /// For whom.
    pub whom: TaskId,
    /// For what.
    pub what: String,
}

/// What went wrong, with its witnesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant.
    pub invariant: Invariant,
    /// The letter of I11.
    pub letter: Option<char>,
    /// One sentence.
    pub message: String,
    /// The line at which it was seen.
    pub at: Option<At>,
    /// The checkpoint.
    pub checkpoint: Option<CheckpointId>,
    /// The message.
    pub witness: Option<Message>,
    /// The record.
    pub record: Option<RecordId>,
    /// The transaction.
    pub txn: Option<Txn>,
    /// I12: who waits for whom.
    pub waits: Vec<Wait>,
}

impl Violation {
    /// A violation seen at this line.
    pub fn new(invariant: Invariant, at: impl Into<At>, message: impl Into<String>) -> Box<Self> {
        let mut v = Self::at_end(invariant, message);
        v.at = Some(at.into());
        v
    }

    /// A violation that no single line shows.
    pub fn at_end(invariant: Invariant, message: impl Into<String>) -> Box<Self> {
        let message = message.into();
        Box::new(Violation {
            invariant,
            letter: None,
            message,
            at: None,
            checkpoint: None,
            witness: None,
            record: None,
            txn: None,
            waits: Vec::new(),
        })
    }

    pub(crate) fn checkpoint(mut self: Box<Self>, checkpoint: CheckpointId) -> Box<Self> {
        self.checkpoint = Some(checkpoint);
        self
    }

    pub(crate) fn witness(mut self: Box<Self>, channel: ChannelId, attempt: Attempt, m: u64) -> Box<Self> {
        self.witness = Some(Message { channel, attempt, m });
        self
    }

    pub(crate) fn record(mut self: Box<Self>, record: RecordId) -> Box<Self> {
        self.record = Some(record);
        self
    }
}

/// What a fold says about one line.
pub type Seen = Result<(), Box<Violation>>;

/// What is said about an invariant at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It held in the whole trace.
    Holds,
    /// It did not.
    Violated(Box<Violation>),
    /// The trace doesn't say enough.
    Undecided(String),
    /// The run ended in a way that makes the question moot.
    Inconclusive(String),
}

/// The verdicts of one trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One for each invariant, in order.
    pub verdicts: Vec<(Invariant, Verdict)>,
    /// Which of them the claimed guarantee needs, in the same order.
    pub required: Vec<bool>,
    /// Weaker findings: stale values of upsert sinks.
    pub notes: Vec<String>,
    /// Lines that were read.
    pub events: u64,
}

impl Report {
    /// The verdict on an invariant.
    pub fn verdict(&self, invariant: Invariant) -> &Verdict {
        &self.verdicts.iter().find(|(i, _)| *i == invariant).expect("a report has all invariants").1
    }

    /// The violations of required invariants.
    pub fn failures(&self) -> impl Iterator<Item = &Violation> {
        self.verdicts.iter().zip(&self.required).filter(|(_, r)| **r).filter_map(|((_, v), _)| match v {
            Verdict::Violated(violation) => Some(&**violation),
            _ => None,
        })
    }

    /// All violated invariants, required or not.
    pub fn violated(&self) -> Vec<Invariant> {
        self.verdicts.iter().filter(|(_, v)| matches!(v, Verdict::Violated(_))).map(|(i, _)| *i).collect()
    }

    /// Does every required invariant hold?
    pub fn holds(&self) -> bool {
        self.verdicts.iter().zip(&self.required).all(|((_, v), r)| !r || *v == Verdict::Holds)
    }
}
