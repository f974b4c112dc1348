//! The words of traces: one for each kind and each enum, the same in JSON and in text.

use super::event::{Kind, Notice, Outcome, TxnOp};
use super::{AbortReason, DeclineReason};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $list:ident, $kind:ty, $($value:path => $word:literal),+ $(,)?) => {
        $(#[$doc])*
        pub fn $name(value: $kind) -> &'static str {
            match value { $($value => $word),+ }
        }

        pub(crate) const $list: &[(&str, $kind)] = &[$(($word, $value)),+];
    };
}

words!(
    /// How a request went.
    outcome, OUTCOMES, Outcome,
    Outcome::Ok => "ok", Outcome::Again => "again", Outcome::Fenced => "fenced", Outcome::Error => "error",
);
words!(
    /// What is done to a transaction.
    txn_op, TXN_OPS, TxnOp,
    TxnOp::Begin => "begin", TxnOp::Prepare => "prepare", TxnOp::Commit => "commit", TxnOp::Abort => "abort",
    TxnOp::Expire => "expire",
);
words!(
    /// What a notice says.
    notice, NOTICES, Notice, Notice::Complete => "complete", Notice::Abort => "abort",
);
words!(
    /// Why a subtask declines.
    decline, DECLINES, DeclineReason,
    DeclineReason::NotReady => "not-ready", DeclineReason::StoreFailed => "store-failed",
    DeclineReason::Cancelled => "cancelled", DeclineReason::Subsumed => "subsumed",
    DeclineReason::EndOfInput => "end-of-input",
);
/// Why a checkpoint is given up.
pub fn abort(value: AbortReason) -> &'static str {
    ABORTS.iter().find(|(_, reason)| *reason == value).map_or("unknown", |(word, _)| word)
}

pub(crate) const ABORTS: &[(&str, AbortReason)] = &[
    ("declined-not-ready", AbortReason::Declined(DeclineReason::NotReady)),
    ("declined-store-failed", AbortReason::Declined(DeclineReason::StoreFailed)),
    ("declined-cancelled", AbortReason::Declined(DeclineReason::Cancelled)),
    ("declined-subsumed", AbortReason::Declined(DeclineReason::Subsumed)),
    ("declined-end-of-input", AbortReason::Declined(DeclineReason::EndOfInput)),
    ("expired", AbortReason::Expired),
    ("subsumed", AbortReason::Subsumed),
    ("failover", AbortReason::Failover),
    ("finalise-failed", AbortReason::FinaliseFailed),
    ("shutdown", AbortReason::Shutdown),
];

/// The word of each kind of line, in the order of the enum.
pub const KINDS: [&str; 38] = [
    "read",
    "visible",
    "quiesce",
    "trigger",
    "ack",
    "decline",
    "complete",
    "savepoint",
    "abort",
    "notify",
    "put",
    "get",
    "del",
    "lead",
    "begin",
    "start",
    "crash",
    "stop",
    "restore",
    "txn",
    "fence",
    "fault",
    "clear",
    "send",
    "apply",
    "bar_out",
    "bar_in",
    "cancel_out",
    "cancel_in",
    "end_out",
    "end_in",
    "hold",
    "release",
    "snap",
    "abandon",
    "choice",
    "finish",
    "suspend",
];

/// The word of a kind of line.
pub fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Read { .. } => "read",
        Kind::Visible { .. } => "visible",
        Kind::Quiesce => "quiesce",
        Kind::Trigger { .. } => "trigger",
        Kind::Ack { .. } => "ack",
        Kind::Decline { .. } => "decline",
        Kind::Complete { .. } => "complete",
        Kind::Savepoint { .. } => "savepoint",
        Kind::Abort { .. } => "abort",
        Kind::Notify { .. } => "notify",
        Kind::Put { .. } => "put",
        Kind::Get { .. } => "get",
        Kind::Delete { .. } => "del",
        Kind::Lead { .. } => "lead",
        Kind::Begin { .. } => "begin",
        Kind::Start => "start",
        Kind::Crash => "crash",
        Kind::Stop => "stop",
        Kind::Restore { .. } => "restore",
        Kind::Txn { .. } => "txn",
        Kind::Fence { .. } => "fence",
        Kind::Fault { .. } => "fault",
        Kind::Clear => "clear",
        Kind::Send { .. } => "send",
        Kind::Apply { .. } => "apply",
        Kind::BarOut { .. } => "bar_out",
        Kind::BarIn { .. } => "bar_in",
        Kind::CancelOut { .. } => "cancel_out",
        Kind::CancelIn { .. } => "cancel_in",
        Kind::EndOut { .. } => "end_out",
        Kind::EndIn { .. } => "end_in",
        Kind::Hold { .. } => "hold",
        Kind::Release { .. } => "release",
        Kind::Snap { .. } => "snap",
        Kind::Abandon { .. } => "abandon",
        Kind::Choice { .. } => "choice",
        Kind::Finish { .. } => "finish",
        Kind::Suspend { .. } => "suspend",
    }
}
