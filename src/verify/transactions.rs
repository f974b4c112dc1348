//! I11: transactions of two-phase sinks against the checkpoints that they belong to.

use super::verdict::{At, Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::{Mode, Role, SinkKind, Topology};
use crate::trace::event::{Event, Kind, Outcome, Shown, Spot, TxnOp};
use crate::trace::{StoreKey, Txn};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Prepared,
    Aborted,
}

#[derive(Clone, Debug)]
struct Known {
    state: State,
    records: u64,
    covered: Option<CheckpointId>,
}

/// Records of a committed transaction that must become visible next.
#[derive(Clone, Copy, Debug)]
struct Showing {
    txn: Txn,
    left: u64,
}

/// The fold.
#[derive(Clone, Debug)]
pub struct Transactions {
    /// A stored part may be one of a later checkpoint.
    lines: bool,
    topology: Arc<Topology>,
    two_phase: Vec<bool>,
    /// Those that are not committed. Aborted ones stay until their attempt can't complete a checkpoint any more.
    known: BTreeMap<Txn, Known>,
    /// The next number of each life: what is below and unknown was settled.
    next: BTreeMap<(TaskId, Attempt), u64>,
    listed: BTreeMap<StoreKey, Arc<[Txn]>>,
    showing: Vec<Option<Showing>>,
    failed: bool,
    job: Option<Attempt>,
}

impl Transactions {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>, mode: Mode) -> Self {
        let mut two_phase = vec![false; topology.processes()];
        for (v, vertex) in topology.graph.vertices.iter().enumerate() {
            two_phase[topology.ledger(VertexId(v as u32)).index()] = vertex.role == Role::Sink(SinkKind::TwoPhase);
        }
        Transactions {
            lines: mode == Mode::Alone,
            topology: topology.clone(),
            two_phase,
            known: BTreeMap::new(),
            next: BTreeMap::new(),
            listed: BTreeMap::new(),
            showing: vec![None; topology.processes()],
            failed: false,
            job: None,
        }
    }

    /// The next line.
    #[inline]
    pub fn observe(&mut self, event: &Event) -> Seen {
        match &event.kind {
            Kind::Txn { op, txn, records, outcome } => {
                self.whole(event)?;
                self.change(event, *op, *txn, *records, *outcome)
            }
            Kind::Fence { .. } => self.whole(event),
            Kind::Put { key, txns, outcome: Outcome::Ok, .. } if !txns.is_empty() => {
                self.listed.insert(*key, txns.clone());
                if self.listed.len() > 64 * self.topology.len() {
                    self.listed.pop_first();
                }
                Ok(())
            }
            Kind::Complete { checkpoint, job, parts, outcome: Outcome::Ok, .. } => {
                self.complete(event, *checkpoint, *job, parts)
            }
            Kind::Begin { job, outcome: Outcome::Ok, .. } => {
                self.job = self.job.max(Some(*job));
                Ok(())
            }
            Kind::Finish { complete: false } => {
                self.failed = true;
                Ok(())
            }
            Kind::Quiesce => self.quiesce(event),
            _ => Ok(()),
        }
    }

    /// (d): nothing comes between a commit and its records.
    fn whole(&mut self, event: &Event) -> Seen {
        match self.showing[event.process.index()].take() {
            Some(Showing { txn, left }) if left > 0 => {
                Err(wrong(event, 'd', txn, format!("is torn: {left} of its records are not visible")))
            }
            _ => Ok(()),
        }
    }

    /// A line of a ledger that shows a record.
    #[inline(always)]
    pub(super) fn visible(&mut self, at: Spot, shown: &Shown, record: RecordId) -> Seen {
        if !self.two_phase[at.process.index()] {
            return Ok(());
        }
        let Some(txn) = shown.txn else {
            let mut violation =
                Violation::new(Invariant::I11, at, format!("{record} is visible without a transaction"));
            violation.letter = Some('d');
            return Err(violation.record(record));
        };
        match &mut self.showing[at.process.index()] {
            Some(showing) if showing.txn == txn && showing.left > 0 && shown.from.task == txn.task => {
                showing.left -= 1;
                Ok(())
            }
            _ => {
                Err(wrong(at, 'd', txn, format!("shows {record}, which was not just committed with it")).record(record))
            }
        }
    }

    /// Are so many records of this transaction to be shown next?
    pub(super) fn expects(&self, at: Spot, shown: &Shown, count: u64) -> bool {
        let showing = &self.showing[at.process.index()];
        self.two_phase[at.process.index()]
            && showing.is_some_and(|showing| {
                shown.txn == Some(showing.txn) && showing.left >= count && shown.from.task == showing.txn.task
            })
    }

    /// Counts records that were expected.
    pub(super) fn pass(&mut self, ledger: TaskId, count: u64) {
        if let Some(showing) = &mut self.showing[ledger.index()] {
            showing.left -= count;
        }
    }

    fn change(&mut self, event: &Event, op: TxnOp, txn: Txn, records: u64, outcome: Outcome) -> Seen {
        let vertex = self.topology.subtasks[txn.task.index()].vertex;
        if outcome == Outcome::Ok && self.topology.ledger(vertex) != event.process {
            return Err(wrong(event, 'f', txn, "belongs to another ledger"));
        }
        let state = self.known.get(&txn).map(|known| known.state);
        if outcome == Outcome::Again && op == TxnOp::Commit && state.is_some() {
            return Err(wrong(event, 'e', txn, "is said to be committed already, and was not"));
        }
        if outcome != Outcome::Ok {
            return Ok(());
        }
        let next = self.next.entry((txn.task, txn.attempt)).or_insert(0);
        if op == TxnOp::Begin {
            if txn.number < *next {
                return Err(wrong(event, 'f', txn, "is opened a second time"));
            }
            *next = txn.number.saturating_add(1);
            self.known.insert(txn, Known { state: State::Open, records: 0, covered: None });
            return Ok(());
        }
        let Some(known) = self.known.get_mut(&txn) else {
            let letter = if op == TxnOp::Commit && txn.number < *next { 'e' } else { 'f' };
            let what =
                if txn.number < *next { "changes after it was committed" } else { "changes and was never opened" };
            return Err(wrong(event, letter, txn, what));
        };
        match (op, known.state) {
            (TxnOp::Prepare, State::Open) => {
                known.state = State::Prepared;
                known.records = records;
                Ok(())
            }
            (TxnOp::Commit, State::Prepared) => {
                let known = self.known.remove(&txn).expect("it is known");
                self.showing[event.process.index()] = Some(Showing { txn, left: known.records });
                if known.covered.is_none() {
                    return Err(wrong(event, 'a', txn, "is committed before a checkpoint that holds it is complete"));
                }
                if known.records != records {
                    let what = format!("is prepared with {} records and committed with {records}", known.records);
                    return Err(wrong(event, 'd', txn, what));
                }
                Ok(())
            }
            (TxnOp::Commit, _) => Err(wrong(event, 'a', txn, "is committed and was not prepared")),
            (TxnOp::Abort | TxnOp::Expire, State::Open | State::Prepared) => {
                known.state = State::Aborted;
                match known.covered {
                    Some(id) => Err(lost(event, txn, id)),
                    None => Ok(()),
                }
            }
            (_, State::Aborted) => Err(wrong(event, 'f', txn, "changes after it was aborted")),
            _ => Err(wrong(event, 'f', txn, "is prepared a second time")),
        }
    }

    fn complete(&mut self, event: &Event, id: CheckpointId, job: Attempt, parts: &[StoreKey]) -> Seen {
        let mut result = Ok(());
        for key in parts {
            for txn in self.listed.remove(key).iter().flat_map(|list| list.iter()) {
                match self.known.get_mut(txn) {
                    Some(known) if known.state == State::Aborted => result = result.and(Err(lost(event, *txn, id))),
                    Some(known) => known.covered = known.covered.or(Some(id)),
                    None => {}
                }
            }
        }
        let lines = self.lines;
        self.listed.retain(|key, _| key.attempt > job || (key.attempt == job && (lines || key.checkpoint > id)));
        // Listed nowhere any more: nothing can ask for an aborted one again.
        let listed: BTreeSet<Txn> = self.listed.values().flat_map(|list| list.iter().copied()).collect();
        self.known.retain(|txn, known| known.state != State::Aborted || txn.attempt >= job || listed.contains(txn));
        result
    }

    fn quiesce(&mut self, event: &Event) -> Seen {
        for (_, showing) in self.showing.iter().enumerate().filter_map(|(i, s)| s.map(|s| (i, s))) {
            if showing.left > 0 {
                return Err(wrong(
                    event,
                    'd',
                    showing.txn,
                    format!("is torn: {} records are not visible", showing.left),
                ));
            }
        }
        if self.failed {
            return Ok(());
        }
        if let Some((txn, known)) = self.known.iter().find(|(_, known)| known.state != State::Aborted) {
            let old = self.job.is_some_and(|job| txn.attempt < job);
            let (letter, what) = match (known.covered, known.state, old) {
                (Some(id), _, _) => ('b', format!("belongs to {id}, which is complete, and was never committed")),
                (None, State::Open, true) => ('g', "is open, and its attempt is over".to_string()),
                (None, State::Open, false) => ('h', "is open at the end and holds up readers".to_string()),
                (None, _, _) => ('c', "is in no completed checkpoint and was never aborted".to_string()),
            };
            return Err(wrong(event, letter, *txn, what));
        }
        Ok(())
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        vec![(Invariant::I11, Verdict::Holds)]
    }
}

fn lost(event: &Event, txn: Txn, id: CheckpointId) -> Box<Violation> {
    wrong(event, 'b', txn, format!("is given up, and {id}, which holds it, is complete")).checkpoint(id)
}

#[cold]
fn wrong(at: impl Into<At>, letter: char, txn: Txn, what: impl AsRef<str>) -> Box<Violation> {
    let Txn { attempt, task, number } = txn;
    let what = format!("({letter}) transaction {number} of {task} {attempt} {}", what.as_ref());
    let mut violation = Violation::new(Invariant::I11, at, what);
    violation.letter = Some(letter);
    violation.txn = Some(txn);
    violation
}
