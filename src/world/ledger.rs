//! The outside of one sink: transactions, and what a reader sees.

use crate::engine::message::{Record, Reply, Request, Txn};
use crate::ids::*;
use crate::topology::SinkKind;
use crate::trace::event::{Kind, Outcome, Shown, TxnOp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a reader of a sink sees, whatever order it came in: each record and how often, or the newest record of each
/// key where writes replace each other.
pub type Seen = BTreeMap<Record, u32>;

/// How far a transaction is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Open,
    Prepared(Arc<Vec<Record>>),
    Committed,
    Aborted,
}

/// Records that become visible at once, one position after another: `first` is the first one's.
pub struct Showing {
    /// What is said of the first.
    pub first: Shown,
    /// In order.
    pub records: Arc<Vec<Record>>,
}

/// The ledger of one sink vertex.
#[derive(Clone, Debug)]
pub struct Ledger {
    kind: SinkKind,
    txns: BTreeMap<Txn, State>,
    fenced: BTreeMap<TaskId, Attempt>,
    position: u64,
    seen: Option<Seen>,
}

impl Ledger {
    /// Nothing written yet. `remember`: what is visible is kept, for searches; a long simulation can't afford that.
    pub fn new(kind: SinkKind, remember: bool) -> Self {
        let seen = remember.then(Seen::new);
        Ledger { kind, txns: BTreeMap::new(), fenced: BTreeMap::new(), position: 0, seen }
    }

    /// What is visible, if the ledger remembers it.
    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// What is visible and what was committed; attempts start over.
    pub fn renumbered(&self) -> Self {
        let committed = self.txns.iter().filter(|(_, state)| **state != State::Aborted);
        Ledger {
            txns: committed.map(|(txn, state)| (*txn, state.clone())).collect(),
            fenced: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// Transactions that are neither committed nor aborted.
    pub fn unsettled(&self) -> impl Iterator<Item = Txn> + '_ {
        let open = |(txn, state): (&Txn, &State)| matches!(state, State::Open | State::Prepared(_)).then_some(*txn);
        self.txns.iter().filter_map(open)
    }

    /// Does what was asked; what to write into the trace, what becomes visible after that, and the reply (none to
    /// `Write`).
    pub fn apply(
        &mut self,
        asker: Incarnation,
        request: &Request,
        failed: bool,
        lines: &mut Vec<Kind>,
        showing: &mut Option<Showing>,
    ) -> Reply {
        let fenced = self.fenced.get(&asker.task).is_some_and(|attempt| asker.attempt < *attempt);
        match request {
            Request::Write(record) => {
                // A plain print listens to nobody's epoch; an upsert is refused by the newer writer's.
                if !failed && !fenced {
                    lines.push(Kind::Visible {
                        position: self.position,
                        from: asker,
                        record: record.clone(),
                        txn: None,
                    });
                    self.position += 1;
                    self.remember(record);
                }
                Reply::Done
            }
            _ if failed => Reply::Failed,
            Request::Flush if fenced => Reply::Fenced,
            Request::Flush => Reply::Done, // the requests of an asker are done in order
            Request::Fence { attempt, keep } => self.fence(asker, *attempt, keep, lines),
            Request::Begin(txn) => self.change(TxnOp::Begin, *txn, fenced, lines, |state| match state {
                None => (Some(State::Open), Outcome::Ok, Reply::Done),
                Some(State::Aborted) => (None, Outcome::Error, Reply::Expired),
                Some(_) => (None, Outcome::Again, Reply::Done),
            }),
            Request::Stage(txn, records) => {
                let prepared = State::Prepared(records.clone());
                self.change(TxnOp::Prepare, *txn, fenced, lines, |state| match state {
                    None | Some(State::Open) => (Some(prepared), Outcome::Ok, Reply::Done),
                    Some(State::Aborted) => (None, Outcome::Error, Reply::Expired),
                    Some(_) => (None, Outcome::Again, Reply::Done),
                })
            }
            Request::Commit(txn) => {
                if let Some(State::Prepared(records)) = self.txns.get(txn)
                    && !fenced
                {
                    let records = records.clone();
                    *showing = Some(self.show(asker, Some(*txn), records));
                }
                self.change(TxnOp::Commit, *txn, fenced, lines, |state| match state {
                    Some(State::Prepared(_)) => (Some(State::Committed), Outcome::Ok, Reply::Done),
                    Some(State::Committed) => (None, Outcome::Again, Reply::Done),
                    _ => (None, Outcome::Error, Reply::Expired),
                })
            }
            other => unreachable!("a ledger is never asked {other:?}"),
        }
    }

    fn change(
        &mut self,
        op: TxnOp,
        txn: Txn,
        fenced: bool,
        lines: &mut Vec<Kind>,
        rule: impl FnOnce(Option<&State>) -> (Option<State>, Outcome, Reply),
    ) -> Reply {
        let records = match self.txns.get(&txn) {
            Some(State::Prepared(records)) => records.len() as u64,
            _ => 0,
        };
        if fenced {
            lines.push(Kind::Txn { op, txn, records, outcome: Outcome::Fenced });
            return Reply::Fenced;
        }
        let (next, outcome, reply) = rule(self.txns.get(&txn));
        let records = match &next {
            Some(State::Prepared(staged)) => staged.len() as u64,
            _ => records,
        };
        lines.push(Kind::Txn { op, txn, records, outcome });
        if let Some(state) = next {
            self.txns.insert(txn, state);
        }
        reply
    }

    fn fence(&mut self, asker: Incarnation, attempt: Attempt, keep: &[Txn], lines: &mut Vec<Kind>) -> Reply {
        if self.kind == SinkKind::Print {
            return Reply::Done; // it has no notion of writers
        }
        let known = self.fenced.entry(asker.task).or_default();
        if attempt < *known {
            return Reply::Fenced;
        }
        *known = attempt;
        lines.push(Kind::Fence { by: asker });
        let old: Vec<Txn> = self.unsettled().filter(|txn| txn.task == asker.task && txn.attempt < attempt).collect();
        for txn in old {
            if !keep.contains(&txn) {
                self.give_up(TxnOp::Abort, txn, lines);
            }
        }
        Reply::Done
    }

    /// Gives a transaction up: aborted by its writer, or expired by the ledger itself.
    pub fn give_up(&mut self, op: TxnOp, txn: Txn, lines: &mut Vec<Kind>) {
        let records = match self.txns.insert(txn, State::Aborted) {
            Some(State::Prepared(records)) => records.len() as u64,
            _ => 0,
        };
        lines.push(Kind::Txn { op, txn, records, outcome: Outcome::Ok });
    }

    fn show(&mut self, from: Incarnation, txn: Option<Txn>, records: Arc<Vec<Record>>) -> Showing {
        let first = Shown { position: self.position, from, txn };
        self.position += records.len() as u64;
        records.iter().for_each(|record| self.remember(record));
        Showing { first, records }
    }

    fn remember(&mut self, record: &Record) {
        let Some(seen) = &mut self.seen else { return };
        if self.kind == SinkKind::Upsert {
            seen.retain(|old, _| old.key != record.key);
        }
        *seen.entry(record.clone()).or_default() += 1;
    }

    /// How many records a reader sees.
    pub fn visible(&self) -> u64 {
        self.position
    }

    /// Adds the canonical encoding. What a fenced attempt has aborted is left out: none but that attempt could open
    /// or stage it again, and to commit it is refused as if it had never been.
    pub fn digest(&self, d: &mut crate::digest::Digest) {
        d.word(if self.kind == SinkKind::Upsert { 0 } else { self.position });
        for (record, times) in self.seen.iter().flatten() {
            record.digest(d);
            d.word(*times as u64);
        }
        for (txn, state) in &self.txns {
            let fenced = self.fenced.get(&txn.task).is_some_and(|attempt| txn.attempt < *attempt);
            if fenced && *state == State::Aborted {
                continue;
            }
            d.word(txn.attempt.0 as u64);
            d.word(txn.task.0 as u64);
            d.word(txn.number);
            match state {
                State::Open => d.word(1),
                State::Prepared(records) => {
                    d.word(2);
                    records.iter().for_each(|record| record.digest(d));
                }
                State::Committed => d.word(3),
                State::Aborted => d.word(4),
            }
        }
        for (task, attempt) in &self.fenced {
            d.word(task.0 as u64);
            d.word(attempt.0 as u64);
        }
    }
}
