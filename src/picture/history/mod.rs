//! What an operator of a job wants to know: its checkpoints, and how it came back after failures.
//!
//! Times are virtual. What a trace doesn't tell is [`Value::Unknown`], never 0; what can't be is [`Value::None`].

pub mod chart;
mod gather;
pub mod json;
pub mod text;

pub use gather::history;

use crate::ids::*;

/// A number that may not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// It is so much.
    Known(u64),
    /// The trace doesn't tell.
    Unknown,
    /// There is no such thing: a source aligns nothing.
    None,
}

impl Value {
    /// Known if there is a number, unknown otherwise.
    pub fn of(number: Option<u64>) -> Value {
        number.map_or(Value::Unknown, Value::Known)
    }

    /// The number.
    pub fn known(self) -> Option<u64> {
        match self {
            Value::Known(number) => Some(number),
            _ => None,
        }
    }

    /// The largest of several; unknown if one of them is, none if there is none.
    fn most(values: impl Iterator<Item = Value>) -> Value {
        values.fold(Value::None, |all, value| match (all, value) {
            (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
            (Value::None, other) | (other, Value::None) => other,
            (Value::Known(one), Value::Known(other)) => Value::Known(one.max(other)),
        })
    }

    /// All of several together, in the same way.
    fn sum(values: impl Iterator<Item = Value>) -> Value {
        values.fold(Value::None, |all, value| match (all, value) {
            (Value::Unknown, _) | (_, Value::Unknown) => Value::Unknown,
            (Value::None, other) | (other, Value::None) => other,
            (Value::Known(one), Value::Known(other)) => Value::Known(one + other),
        })
    }
}

/// A line of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Its place, from 0.
    pub step: usize,
    /// Its virtual time in nanoseconds, if it has one.
    pub time: Option<u64>,
}

impl Moment {
    /// How long after another.
    pub fn after(self, other: Moment) -> Option<u64> {
        self.time.zip(other.time).map(|(now, then)| now.saturating_sub(then))
    }
}

/// How a checkpoint ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its completion record was written.
    Complete,
    /// It was given up, for this reason.
    Aborted(String),
    /// The job went on from elsewhere, and nobody says that it was given up.
    Abandoned,
    /// The trace ends before it does.
    Pending,
}

impl Status {
    /// The word.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Complete => "complete",
            Status::Aborted(_) => "aborted",
            Status::Abandoned => "left behind",
            Status::Pending => "pending",
        }
    }
}

/// A checkpoint of a job attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which.
    pub id: CheckpointId,
    /// Of which attempt.
    pub job: Attempt,
    /// How it ended.
    pub status: Status,
    /// Where it was begun.
    pub trigger: Option<Moment>,
    /// Where it ended.
    pub end: Option<Moment>,
    /// From trigger to completion, in nanoseconds.
    pub duration: Value,
    /// Acknowledgements, and how many are wanted.
    pub acks: (usize, Value),
    /// The subtasks that take part.
    pub parts: Vec<Part>,
}

/// A subtask's part of a checkpoint. Durations are in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Where its state was taken.
    pub snapshot: Option<Moment>,
    /// Where it acknowledged.
    pub ack: Option<Moment>,
    /// Why it declined, if it did.
    pub declined: Option<String>,
    /// From the trigger to its first barrier, or its snapshot if it has no inputs.
    pub start_delay: Value,
    /// From its first barrier to its last.
    pub alignment: Value,
    /// How long it read nothing of a channel whose barrier had come, over all channels.
    pub blocked: Value,
    /// Taking the state.
    pub sync: Value,
    /// From the snapshot to when it was stored.
    pub uploading: Value,
    /// From the trigger to the acknowledgement.
    pub end_to_end: Value,
    /// Records in flight that were stored.
    pub in_flight: Value,
    /// Bytes of them.
    pub in_flight_bytes: Value,
    /// Records that barriers passed.
    pub overtaken: Value,
    /// Bytes of its state.
    pub state_bytes: Value,
}

impl Checkpoint {
    /// The largest of a duration over all subtasks.
    pub fn most(&self, of: impl Fn(&Part) -> Value) -> Value {
        Value::most(self.parts.iter().map(of))
    }

    /// A number over all subtasks.
    pub fn sum(&self, of: impl Fn(&Part) -> Value) -> Value {
        Value::sum(self.parts.iter().map(of))
    }
}

/// How the job came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The attempt that went on.
    pub job: Attempt,
    /// From which checkpoint; none: from the beginning.
    pub base: Option<CheckpointId>,
    /// What failed first, in words.
    pub failure: Option<(Moment, String)>,
    /// The first line of a coordinator that shows that it knows.
    pub detected: Option<(Moment, String)>,
    /// Where the attempt was begun.
    pub restarted: Moment,
    /// Where the last subtask was restored; and how many were, of how many.
    pub restored: (Option<Moment>, usize, usize),
    /// Where the first record was read or applied.
    pub first_record: Option<Moment>,
    /// Records that were read again.
    pub again: Value,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Whose: the name, and how it is said to run.
    pub title: String,
    /// Checkpoints, in the order in which they are first heard of.
    pub checkpoints: Vec<Checkpoint>,
    /// Recoveries, in order.
    pub recoveries: Vec<Recovery>,
    /// The trace has times.
    pub timed: bool,
    /// The time of the last line that has one.
    pub end: Option<u64>,
}
