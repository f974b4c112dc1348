//! I14: tokens and attempts only grow in the durable order.

use super::verdict::{Invariant, Seen, Verdict, Violation};
use crate::ids::*;
use crate::topology::{Mode, Topology};
use crate::trace::StoreKey;
use crate::trace::event::{Event, Kind, Outcome, TxnOp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The fold. It reads lines of the store and of the ledgers only, whose order is durable.
#[derive(Clone, Debug)]
pub struct Fencing {
    topology: Arc<Topology>,
    token: FencingToken,
    job: Option<Attempt>,
    /// Where regions may keep an older state: the parts of the newest completed checkpoint.
    newest: Option<Arc<[StoreKey]>>,
    fences: BTreeMap<(TaskId, TaskId), Attempt>,
}

impl Fencing {
    /// A fold that has seen nothing.
    pub fn new(topology: &Arc<Topology>, mode: Mode) -> Self {
        let newest = (mode == Mode::Regional).then(|| Arc::from([]));
        Fencing { topology: topology.clone(), token: FencingToken(0), job: None, newest, fences: BTreeMap::new() }
    }

    /// Is anything fenced off?
    #[inline]
    pub(super) fn fences(&self) -> bool {
        !self.fences.is_empty()
    }

    /// The next line.
    #[inline]
    pub fn observe(&mut self, event: &Event) -> Seen {
        let wrong = |what: String| Err(Violation::new(Invariant::I14, event, what));
        match &event.kind {
            Kind::Lead { token, outcome: Outcome::Ok } => {
                let before = std::mem::replace(&mut self.token, *token);
                if *token <= before {
                    return wrong(format!("{token} takes the lead after {before}"));
                }
            }
            Kind::Begin { job, token, outcome: Outcome::Ok, .. } => {
                if self.foreign(*token) {
                    return wrong(format!("{token} begins {job}, and {} leads", self.token));
                }
                let before = self.job.replace(*job);
                if Some(*job) <= before {
                    return wrong(format!("{job} is begun a second time, or after a newer one"));
                }
            }
            Kind::Complete { checkpoint, job, token, parts, outcome: Outcome::Ok }
            | Kind::Savepoint { checkpoint, job, token, parts, outcome: Outcome::Ok } => {
                if self.foreign(*token) {
                    let what = format!("{token} completes {checkpoint}, and {} leads", self.token);
                    return Err(Violation::new(Invariant::I14, event, what).checkpoint(*checkpoint));
                }
                if self.job.is_some_and(|newest| *job < newest) {
                    let what = format!("{job} completes {checkpoint}, and a newer attempt has begun");
                    return Err(Violation::new(Invariant::I14, event, what).checkpoint(*checkpoint));
                }
                // A savepoint keeps nothing from before.
                let completed = self.newest.as_mut().filter(|_| matches!(event.kind, Kind::Complete { .. }));
                let before = completed.map(|newest| std::mem::replace(newest, parts.clone()));
                let kept = |key: &StoreKey| before.as_ref().is_some_and(|before| before.contains(key));
                if let Some(key) = parts.iter().find(|key| key.attempt != *job && !kept(key)) {
                    let name = self.topology.name(key.task);
                    return wrong(format!("{checkpoint} of {job} has a part that {name} wrote in {}", key.attempt));
                }
            }
            Kind::Fence { by } => {
                let fence = self.fences.entry((event.process, by.task)).or_insert(by.attempt);
                *fence = by.attempt.max(*fence);
            }
            Kind::Txn { op: op @ (TxnOp::Begin | TxnOp::Prepare), txn, outcome: Outcome::Ok, .. }
                if self.fenced(event, txn.task, txn.attempt) =>
            {
                let what = format!("{:?} of a transaction of {} takes effect after its fence", op, txn.attempt);
                return wrong(what.to_lowercase());
            }
            Kind::Visible { from, txn: None, record, .. } if self.fenced(event, from.task, from.attempt) => {
                let name = self.topology.name(from.task);
                return wrong(format!("{name} of {} writes {} after its fence", from.attempt, record.id));
            }
            _ => {}
        }
        Ok(())
    }

    /// Is this not the token that leads? An older one was replaced, a newer one never took the lead.
    fn foreign(&self, token: FencingToken) -> bool {
        self.token != FencingToken(0) && token != self.token
    }

    #[inline]
    fn fenced(&self, event: &Event, task: TaskId, attempt: Attempt) -> bool {
        self.fences.get(&(event.process, task)).is_some_and(|fence| attempt < *fence)
    }

    /// What is said at the end.
    pub fn finish(&self) -> Vec<(Invariant, Verdict)> {
        vec![(Invariant::I14, Verdict::Holds)]
    }
}
