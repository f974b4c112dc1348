//! What a line looks like on its lane: a shape, a few words, and how much it matters.

use super::past::Past;
use crate::ids::*;
use crate::trace::event::{Event, Kind, Notice, Outcome, TxnOp};
use crate::trace::words;

/// How much a line matters: what matters least is left out first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// What a reader looks for: snapshots, checkpoints that end, crashes, restores, commits.
    Key,
    /// How the protocol came to it: barriers, acknowledgements, blocked channels.
    Protocol,
    /// Requests, notices, starts.
    Detail,
    /// Single records.
    Record,
}

/// The shape of a mark. Shapes and words say everything that colours do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// A dot: anything.
    Dot,
    /// A square: a snapshot.
    Snapshot,
    /// A triangle: a checkpoint begins.
    Trigger,
    /// A ring with a dot: a checkpoint is complete.
    Complete,
    /// A crossed ring: a checkpoint is given up.
    Abort,
    /// A cross: a life ends by a fault.
    Crash,
    /// A bar: a life begins or stops.
    Bar,
    /// An arrow pointing up: state goes back to a checkpoint.
    Restore,
    /// A diamond: output becomes visible.
    Commit,
    /// A flash: something goes wrong outside.
    Fault,
    /// A shield: somebody is refused.
    Fenced,
}

/// A line on its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The shape.
    pub shape: Shape,
    /// A few words; none: the shape or an arrow says it.
    pub label: String,
    /// How much it matters.
    pub weight: Weight,
    /// Lines of this kind that follow each other on a lane become one mark with a count.
    pub merges: bool,
}

/// The mark of a row. `folded`: the lane has several processes, so labels name theirs.
pub fn mark(past: &Past, row: usize, folded: bool) -> Mark {
    let event = &past.events[row];
    let (shape, weight, label) = control(past, event).or_else(|| outside(past, event)).unwrap_or_else(|| record(event));
    let merges = matches!(
        event.kind,
        Kind::Read { .. }
            | Kind::Visible { .. }
            | Kind::Notify { .. }
            | Kind::Get { .. }
            | Kind::Delete { .. }
            | Kind::Choice { .. }
            | Kind::Hold { .. }
            | Kind::Release { .. }
            | Kind::Start
    );
    let subtask = past.topology.subtasks.get(event.process.index());
    let label = match subtask {
        // The shaded stretch says it.
        Some(_) if folded && matches!(event.kind, Kind::Hold { .. } | Kind::Release { .. }) => String::new(),
        Some(subtask) if folded && !label.is_empty() => format!("/{} {label}", subtask.index),
        _ => label,
    };
    Mark { shape, label, weight, merges }
}

type Said = (Shape, Weight, String);

/// Whose lines these are: subtasks and coordinators.
fn control(past: &Past, event: &Event) -> Option<Said> {
    let said = |shape, weight, label: String| Some((shape, weight, label));
    let subtask = event.process.index() < past.topology.len();
    match &event.kind {
        Kind::Trigger { checkpoint, .. } => said(Shape::Trigger, Weight::Key, format!("trigger {checkpoint}")),
        Kind::Ack { checkpoint } => said(Shape::Dot, Weight::Protocol, format!("ack {checkpoint}")),
        Kind::Decline { checkpoint, reason } => {
            said(Shape::Abort, Weight::Protocol, format!("declines {checkpoint}: {}", words::decline(*reason)))
        }
        Kind::Abandon { checkpoint, reason } => {
            said(Shape::Abort, Weight::Protocol, format!("gives {checkpoint} up: {}", words::decline(*reason)))
        }
        Kind::Abort { checkpoint, reason } => {
            said(Shape::Abort, Weight::Key, format!("abort {checkpoint}: {}", words::abort(*reason)))
        }
        Kind::Notify { checkpoint, what, .. } => {
            let what = if *what == Notice::Complete { "complete" } else { "aborted" };
            said(Shape::Dot, Weight::Detail, format!("tells {checkpoint} {what}"))
        }
        Kind::Snap { checkpoint, .. } => said(Shape::Snapshot, Weight::Key, format!("snapshot {checkpoint}")),
        Kind::Start => said(Shape::Bar, Weight::Detail, format!("start {}", event.attempt)),
        Kind::Crash => said(Shape::Crash, Weight::Key, format!("{} crashes", event.attempt)),
        Kind::Stop => said(Shape::Bar, Weight::Detail, format!("{} stops", event.attempt)),
        Kind::Restore { base: Some(id), .. } => {
            said(Shape::Restore, Weight::Key, format!("{} restores {id}", event.attempt))
        }
        // It comes right after the start, which says it.
        Kind::Restore { base: None, .. } => said(Shape::Dot, Weight::Record, String::new()),
        Kind::Hold { .. } => said(Shape::Dot, Weight::Protocol, "blocks".to_string()),
        Kind::Release { .. } => said(Shape::Dot, Weight::Protocol, "reads on".to_string()),
        Kind::BarIn { passed, .. } if *passed > 0 => {
            said(Shape::Dot, Weight::Protocol, format!("passed {passed} record{}", if *passed == 1 { "" } else { "s" }))
        }
        Kind::BarOut { .. } | Kind::BarIn { .. } | Kind::CancelOut { .. } | Kind::CancelIn { .. } => {
            said(Shape::Dot, Weight::Protocol, String::new())
        }
        Kind::EndOut { .. } | Kind::EndIn { .. } => said(Shape::Dot, Weight::Detail, String::new()),
        Kind::Finish { complete: true } if subtask => said(Shape::Bar, Weight::Detail, "input is over".to_string()),
        Kind::Finish { complete: true } => said(Shape::Bar, Weight::Key, "job has ended".to_string()),
        Kind::Suspend { checkpoint } => said(Shape::Bar, Weight::Key, format!("stopped at {checkpoint}")),
        Kind::Finish { complete: false } => said(Shape::Crash, Weight::Key, "job has failed".to_string()),
        _ => None,
    }
}

/// Whose lines these are: the store, ledgers, the environment.
fn outside(past: &Past, event: &Event) -> Option<Said> {
    let name = |task: TaskId| past.topology.name(task);
    let (shape, weight, label, outcome) = match &event.kind {
        Kind::Put { key, outcome, .. } => {
            (Shape::Dot, Weight::Detail, format!("put {} {}", key.checkpoint, name(key.task)), *outcome)
        }
        Kind::Get { key, outcome } => {
            (Shape::Dot, Weight::Detail, format!("get {} {}", key.checkpoint, name(key.task)), *outcome)
        }
        Kind::Delete { key } => (Shape::Dot, Weight::Detail, format!("delete {}", key.checkpoint), Outcome::Ok),
        Kind::Complete { checkpoint, outcome, .. } => {
            (Shape::Complete, Weight::Key, format!("{checkpoint} complete"), *outcome)
        }
        Kind::Savepoint { checkpoint, outcome, .. } => {
            (Shape::Complete, Weight::Key, format!("savepoint {checkpoint}"), *outcome)
        }
        Kind::Lead { token, outcome } => (Shape::Dot, Weight::Protocol, format!("leader {token}"), *outcome),
        Kind::Begin { job, base, outcome, .. } => {
            let from = base.map_or_else(|| "nothing".to_string(), |id| id.to_string());
            (Shape::Bar, Weight::Key, format!("begin {job} from {from}"), *outcome)
        }
        Kind::Txn { op, txn, records, outcome } => {
            let of = format!("{} x{} {}", words::txn_op(*op), txn.number, name(txn.task));
            match op {
                TxnOp::Begin => (Shape::Dot, Weight::Detail, of, *outcome),
                TxnOp::Prepare => (Shape::Dot, Weight::Protocol, format!("{of} ({records})"), *outcome),
                TxnOp::Commit => (Shape::Commit, Weight::Key, format!("{of} ({records})"), *outcome),
                TxnOp::Abort => (Shape::Abort, Weight::Protocol, of, *outcome),
                TxnOp::Expire => (Shape::Abort, Weight::Key, of, *outcome),
            }
        }
        Kind::Fence { by } => {
            (Shape::Fenced, Weight::Protocol, format!("fence {} {}", name(by.task), by.attempt), Outcome::Ok)
        }
        Kind::Fault { what } => (Shape::Fault, Weight::Key, what.to_string(), Outcome::Ok),
        Kind::Clear => (Shape::Bar, Weight::Protocol, "faults are over".to_string(), Outcome::Ok),
        Kind::Quiesce => (Shape::Bar, Weight::Detail, "all is quiet".to_string(), Outcome::Ok),
        _ => return None,
    };
    Some(match outcome {
        Outcome::Ok => (shape, weight, label),
        Outcome::Again => (shape, weight.min(Weight::Protocol), format!("{label}: again")),
        Outcome::Fenced => (Shape::Fenced, Weight::Key, format!("{label}: refused")),
        Outcome::Error => (Shape::Abort, weight.min(Weight::Protocol), format!("{label}: error")),
    })
}

/// Lines of single records.
fn record(event: &Event) -> Said {
    let label = match &event.kind {
        Kind::Read { record, .. } => format!("reads {}", record.id),
        Kind::Visible { record, .. } => format!("shows {}", record.id),
        Kind::Choice { value } => format!("chooses {value}"),
        _ => String::new(),
    };
    (Shape::Dot, Weight::Record, label)
}

/// What a mark that stands for several lines says.
pub fn merged(past: &Past, row: usize, count: usize, label: &str) -> String {
    match &past.events[row].kind {
        _ if count == 1 => label.to_string(),
        Kind::Read { .. } => format!("reads {count} records"),
        Kind::Visible { .. } => format!("shows {count} records"),
        Kind::Choice { .. } => format!("{count} choices"),
        Kind::Get { key, .. } => format!("get {} ({count} parts)", key.checkpoint),
        Kind::Delete { key } => format!("delete {} ({count} parts)", key.checkpoint),
        _ => format!("{label} ({count})"),
    }
}
