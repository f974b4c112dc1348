//! Output: two-phase commit by checkpoint, idempotent upsert, plain print.
//!
//! Two-phase: the records between two snapshots are one transaction. It is prepared ("staged") at the snapshot,
//! committed when a checkpoint that contains it is complete, and a restore commits what the checkpoint contains
//! and aborts everything else (Carbone et al. 2017, section 4; Flink's `TwoPhaseCommitSinkFunction`).

use super::message::{Datum, Record, Txn};
use crate::ids::*;
use std::sync::Arc;

/// A transaction begins with room for so many records at most.
const ROOM: usize = 1024;

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Asked the ledger to write and prepare it.
    Staging,
    /// Prepared: survives, invisible.
    Staged,
    /// Asked the ledger to commit it.
    Committing,
}

/// A transaction that is closed and not known to be committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pending {
    /// Which.
    pub txn: Txn,
    /// The first checkpoint whose snapshot contains it; none: a restored one, to be committed at once.
    pub checkpoint: Option<CheckpointId>,
    /// How far it is.
    pub stage: Stage,
}

/// The transactions of one sink subtask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Committer {
    me: Incarnation,
    number: u64, // the checkpoint that the open transaction, or the next one, comes after
    buffer: Vec<Record>,
    pending: Vec<Pending>,
    note: Option<CheckpointId>,
}

impl Committer {
    /// No transaction yet.
    pub fn new(me: Incarnation) -> Self {
        Committer { me, number: 0, buffer: Vec::new(), pending: Vec::new(), note: None }
    }

    /// The transaction that is open, or the next one.
    fn current(&self) -> Txn {
        Txn { attempt: self.me.attempt, task: self.me.task, number: self.number }
    }

    /// Is a transaction open, so that the next record only adds to it?
    #[inline]
    pub fn open(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Takes one more record of the open transaction, and leaves nothing in its place: a move, where a clone would
    /// write the record a second time before it is copied.
    #[inline]
    pub fn add(&mut self, record: &mut Record) {
        const NOTHING: Record = Record {
            id: RecordId { partition: PartitionId(0), part: 0, offset: Offset(0) },
            key: Datum::Int(0),
            value: Datum::Int(0),
        };
        self.buffer.push(std::mem::replace(record, NOTHING));
    }

    /// Takes a record; the transaction to begin, if it is the first of one.
    #[inline]
    pub fn write(&mut self, record: Record) -> Option<Txn> {
        self.buffer.push(record);
        (self.buffer.len() == 1).then(|| self.current())
    }

    /// The snapshot of a checkpoint is taken: closes the open transaction. What to stage, if anything was
    /// written; a transaction without records is never made.
    pub fn close(&mut self, checkpoint: CheckpointId) -> Option<(Txn, Arc<Vec<Record>>)> {
        let txn = self.current();
        self.number = checkpoint.0;
        if self.buffer.is_empty() {
            return None;
        }
        self.pending.push(Pending { txn, checkpoint: Some(checkpoint), stage: Stage::Staging });
        // The records stay where they are: there may be millions of them. The next transaction begins with room for as many,
        // unless that is much.
        let next = Vec::with_capacity(self.buffer.len().min(ROOM));
        Some((txn, Arc::new(std::mem::replace(&mut self.buffer, next))))
    }

    /// What was written since the last snapshot.
    pub fn buffer(&self) -> &[Record] {
        &self.buffer
    }

    /// The transaction that is open, with its records.
    pub fn writing(&self) -> Option<(Txn, &[Record])> {
        self.open().then(|| (self.current(), self.buffer()))
    }

    /// The transactions that a snapshot taken now contains.
    pub fn transactions(&self) -> Vec<Txn> {
        self.pending.iter().map(|pending| pending.txn).collect()
    }

    /// The ledger has prepared a transaction.
    pub fn staged(&mut self, txn: Txn) {
        if let Some(pending) = self.pending.iter_mut().find(|p| p.txn == txn && p.stage == Stage::Staging) {
            pending.stage = Stage::Staged;
        }
    }

    /// Are all transactions up to this checkpoint prepared?
    pub fn all_staged(&self, checkpoint: CheckpointId) -> bool {
        !self.pending.iter().any(|p| p.stage == Stage::Staging && p.checkpoint <= Some(checkpoint))
    }

    /// A checkpoint is complete: what to commit now. It and everything before it, for an aborted checkpoint
    /// rolls nothing back: its transactions are part of the next one that completes.
    pub fn complete(&mut self, checkpoint: CheckpointId) -> Vec<Txn> {
        self.note = self.note.max(Some(checkpoint));
        let mut commits = Vec::new();
        for pending in &mut self.pending {
            if pending.checkpoint <= Some(checkpoint) && pending.stage == Stage::Staged {
                pending.stage = Stage::Committing;
                commits.push(pending.txn);
            }
        }
        commits
    }

    /// A transaction is committed, or known to be lost.
    pub fn committed(&mut self, txn: Txn) {
        self.pending.retain(|pending| pending.txn != txn);
    }

    /// The completion notice that can be acknowledged, once nothing is being committed.
    pub fn take_note(&mut self) -> Option<CheckpointId> {
        let busy = self.pending.iter().any(|pending| pending.stage == Stage::Committing);
        if busy { None } else { self.note.take() }
    }

    /// The transactions of a restored snapshot: prepared, in a complete checkpoint, so to be committed.
    pub fn restore(&mut self, checkpoint: CheckpointId, transactions: &[Txn]) {
        self.number = checkpoint.0;
        let restored = |txn: &Txn| Pending { txn: *txn, checkpoint: None, stage: Stage::Committing };
        self.pending = transactions.iter().map(restored).collect();
    }

    /// Has nothing been written that isn't committed?
    pub fn settled(&self) -> bool {
        self.buffer.is_empty() && self.pending.is_empty()
    }

    /// Adds the canonical encoding.
    pub fn digest(&self, d: &mut crate::digest::Digest) {
        d.word(self.number);
        d.word(self.buffer.len() as u64);
        self.buffer.iter().for_each(|record| record.digest(d));
        d.word(self.pending.len() as u64);
        for pending in &self.pending {
            d.word(pending.txn.attempt.0 as u64);
            d.word(pending.txn.number);
            d.word(pending.checkpoint.map_or(0, |c| c.0));
            d.word(pending.stage as u64);
        }
        d.word(self.note.map_or(0, |c| c.0));
    }
}
