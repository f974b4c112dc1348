//! What lies outside a running job: a store for snapshots and the job's durable log, a ledger for each sink, and a
//! consumer that reads a sink as anybody would.
//!
//! All of these block until what was asked is durable, and none of them panics for trouble outside: a full disk, a torn
//! file or a server that is away is a [`Reply::Failed`] or [`Reply::Missing`] with a reason for people.

use crate::engine::message::{Record, Reply, Request, StoreKey, Txn};
use crate::ids::*;
use crate::trace::event::Kind;
use crate::trace::record::Shadow;
use std::sync::Arc;

/// What came of a request.
#[derive(Debug)]
pub struct Served {
    /// The answer.
    pub reply: Reply,
    /// What it did, as lines of the store or of the ledger, in the order in which it became durable.
    pub lines: Vec<Kind>,
    /// Bytes that were written for it.
    pub bytes: u64,
    /// Why it wasn't done, in words for a person. Names files and tables, never a password.
    pub trouble: Option<String>,
}

/// Where snapshots are kept, and who leads. Everything a [`Request`] for the store says is conditional on tokens and
/// attempts that are durable, so that two processes that use one store at a time can't both complete checkpoints.
pub trait Store: Send + Sync {
    /// Does one request. Requests of different subtasks come from different threads at the same time.
    /// `shadow`: the asker's counts as of the cut, kept beside a snapshot.
    fn serve(&self, token: FencingToken, request: &Request, shadow: Option<&Arc<Shadow>>) -> Served;

    /// The counts that were stored beside a snapshot; none if there is no such snapshot or it can't be read.
    fn shadow(&self, key: &StoreKey) -> Option<Arc<Shadow>>;

    /// The highest token that ever led; 0 if nobody did.
    ///
    /// # Errors
    /// In words, if the store can't be read.
    fn leader(&self) -> Result<FencingToken, String>;

    /// All that is durable, as the lines that told of it (`lead`, `begin`, `put`, `complete`; outcome `Ok`) in durable
    /// order, as far as it still shows: for a trace whose last lines were lost with the process that wrote it.
    ///
    /// # Errors
    /// In words, if the store can't be read.
    fn inventory(&self) -> Result<Vec<Kind>, String>;
}

/// One sink subtask's way into its sink: a thread's own, with its own files or connection.
pub trait Ledger: Send {
    /// Does one request of the subtask. What becomes visible is not among the lines: a [`Consumer`] tells that.
    fn serve(&mut self, asker: Incarnation, request: &Request) -> Served;

    /// Records of a transaction that is open, from the one of this number on: the next ones, or the first. They can be
    /// written before `Stage` asks for it, with all of them. Nothing is told of it, and it may come to nothing.
    fn ahead(&mut self, _asker: Incarnation, _txn: &Txn, _from: usize, _records: &[Record]) {}
}

/// Records that became visible together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The subtask that wrote them.
    pub from: Incarnation,
    /// The transaction that they were in, for two-phase sinks.
    pub txn: Option<Txn>,
    /// In order.
    pub records: Vec<Record>,
}

/// Reads a sink as a consumer would, and sees what is committed.
pub trait Consumer: Send {
    /// What became visible since the last look, oldest first. The first look sees everything.
    ///
    /// # Errors
    /// In words, if the sink can't be read or holds what can't be understood.
    fn look(&mut self) -> Result<Vec<Batch>, String>;
}
