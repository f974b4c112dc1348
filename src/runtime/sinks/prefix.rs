//! The first records of a transaction that is open, which are written already.

use crate::engine::message::{Record, Txn};
use crate::ids::RecordId;

/// How many they are, of which transaction.
#[derive(Clone, Copy, Debug)]
pub struct Prefix {
    /// The transaction.
    pub txn: Txn,
    /// How many.
    pub records: usize,
    last: Option<RecordId>,
}

impl Prefix {
    /// None yet.
    pub fn new(txn: Txn) -> Self {
        Prefix { txn, records: 0, last: None }
    }

    /// These follow.
    pub fn grow(&mut self, records: &[Record]) {
        self.records += records.len();
        self.last = records.last().map(|record| record.id).or(self.last);
    }

    /// Are they those of this transaction up to this one, and no more?
    pub fn continues(&self, txn: &Txn, from: usize) -> bool {
        self.txn == *txn && self.records == from
    }

    /// Are they the first of these, of this transaction?
    pub fn begins(&self, txn: &Txn, records: &[Record]) -> bool {
        let last = self.records.checked_sub(1).map(|last| records.get(last).map(|record| record.id));
        self.txn == *txn && last.is_none_or(|id| id == self.last)
    }
}
