//! I12: once faults have stopped, everything that was begun is settled, and if not, who waits for whom.

use super::verdict::{Invariant, Seen, Verdict, Violation, Wait};
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind, Outcome, TxnOp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Debug)]
struct Pending {
    coordinator: Attempt,
    required: Arc<[TaskId]>,
    acked: BTreeSet<TaskId>,
}

/// The fold.
#[derive(Clone, Debug)]
pub struct Progress {
    topology: Arc<Topology>,
    bound: u64,
    /// The number of the line `clear`.
    cleared: Option<u64>,
    quiet: bool,
    pending: BTreeMap<(Attempt, CheckpointId), Pending>,
    held: BTreeMap<(TaskId, Attempt), BTreeSet<ChannelId>>,
    prepared: BTreeSet<(TaskId, crate::trace::Txn)>,
    running: BTreeSet<(TaskId, Attempt)>,
    job: Option<Attempt>,
    ended: Option<bool>,
    violation: Option<Box<Violation>>,
}

impl Progress {
    /// A fold that has seen nothing; `bound`: events allowed after `clear`.
    pub fn new(topology: &Arc<Topology>, bound: u64) -> Self {
        Progress {
            topology: topology.clone(),
            bound,
            cleared: None,
            quiet: false,
            pending: BTreeMap::new(),
            held: BTreeMap::new(),
            prepared: BTreeSet::new(),
            running: BTreeSet::new(),
            job: None,
            ended: None,
            violation: None,
        }
    }

    /// The next line, which is the `line`th of all.
    pub fn observe(&mut self, event: &Event, line: u64) -> Seen {
        let life = (event.process, event.attempt);
        match &event.kind {
            Kind::Clear => self.cleared = Some(line),
            Kind::Trigger { checkpoint, required, job } => {
                let (coordinator, required) = (event.attempt, required.clone());
                self.pending.insert((*job, *checkpoint), Pending { coordinator, required, acked: BTreeSet::new() });
            }
            Kind::Ack { checkpoint } => {
                if let Some(pending) = self.pending.get_mut(&(event.attempt, *checkpoint)) {
                    pending.acked.insert(event.process);
                }
            }
            Kind::Complete { checkpoint, job, outcome: Outcome::Ok, .. }
            | Kind::Savepoint { checkpoint, job, outcome: Outcome::Ok, .. } => {
                self.pending.remove(&(*job, *checkpoint));
            }
            Kind::Abort { checkpoint, .. } => {
                self.pending.retain(|(_, id), p| id != checkpoint || p.coordinator != event.attempt);
            }
            Kind::Begin { job, outcome: Outcome::Ok, .. } => self.job = self.job.max(Some(*job)),
            Kind::Restore { .. } => {
                self.running.insert(life);
            }
            Kind::Crash | Kind::Stop => self.over(event),
            Kind::Hold { channel } => {
                self.held.entry(life).or_default().insert(*channel);
            }
            Kind::Release { channel } => {
                if let Some(held) = self.held.get_mut(&life) {
                    held.remove(channel);
                }
            }
            Kind::Txn { op, txn, outcome: Outcome::Ok, .. } => {
                match op {
                    TxnOp::Begin => {}
                    TxnOp::Prepare => drop(self.prepared.insert((event.process, *txn))),
                    _ => drop(self.prepared.remove(&(event.process, *txn))),
                };
            }
            Kind::Finish { complete } if event.process == self.topology.coordinator() => self.ended = Some(*complete),
            Kind::Finish { .. } => drop(self.running.remove(&life)),
            Kind::Quiesce => {
                self.quiet = true;
                return self.quiesce(event);
            }
            _ => {}
        }
        Ok(())
    }

    fn over(&mut self, event: &Event) {
        if event.process == self.topology.coordinator() {
            self.pending.retain(|_, pending| pending.coordinator != event.attempt);
        }
        self.held.remove(&(event.process, event.attempt));
        self.running.remove(&(event.process, event.attempt));
    }

    fn quiesce(&mut self, event: &Event) -> Seen {
        if self.ended == Some(false) {
            return Ok(());
        }
        let (waits, what) = self.unsettled();
        if what.is_empty() {
            return Ok(());
        }
        let mut violation =
            Violation::new(Invariant::I12, event, format!("nothing is left to do, and {}", what.join(", ")));
        violation.waits = waits;
        self.violation = Some(violation.clone());
        Err(violation)
    }

    /// Who waits for whom, and what is not settled.
    pub fn unsettled(&self) -> (Vec<Wait>, Vec<String>) {
        let (mut waits, mut what) = (Vec::new(), Vec::new());
        let coordinator = self.topology.coordinator();
        // Where a newer attempt was begun, nothing of an older one is waited for any more.
        let current = |job: Attempt| Some(job) >= self.job;
        for ((_, id), pending) in self.pending.iter().filter(|((job, _), _)| current(*job)) {
            let missing: Vec<TaskId> =
                pending.required.iter().filter(|t| !pending.acked.contains(t)).copied().collect();
            let names: Vec<String> = missing.iter().map(|t| self.topology.name(*t)).collect();
            what.push(match names.is_empty() {
                true => format!("{id} is acknowledged by all and neither complete nor given up"),
                false => format!("{id} waits for {}", names.join(" and ")),
            });
            let store = missing.is_empty().then(|| self.topology.store());
            for whom in missing.into_iter().chain(store) {
                let what =
                    if whom == self.topology.store() { "the completion record of" } else { "the acknowledgement of" };
                waits.push(Wait { who: coordinator, whom, what: format!("{what} {id}") });
            }
        }
        for ((task, _), channels) in self.held.iter().filter(|((_, job), _)| current(*job)) {
            for channel in channels {
                let name = self.topology.channel_name(*channel);
                what.push(format!("{name} is held"));
                waits.push(Wait {
                    who: self.topology.channels[channel.index()].from,
                    whom: *task,
                    what: format!("{name}, which is held"),
                });
                for other in self.topology.subtasks[task.index()].inputs.iter().filter(|c| !channels.contains(c)) {
                    let whom = self.topology.channels[other.index()].from;
                    let what = format!("a barrier on {}", self.topology.channel_name(*other));
                    waits.push(Wait { who: *task, whom, what });
                }
            }
        }
        for (ledger, txn) in &self.prepared {
            what.push(format!(
                "transaction {} of {} {} is prepared",
                txn.number,
                self.topology.name(txn.task),
                txn.attempt
            ));
            waits.push(Wait {
                who: *ledger,
                whom: txn.task,
                what: format!("commit or abort of transaction {}", txn.number),
            });
        }
        if self.ended.is_none() {
            what.push("the job has not ended".to_string());
            for (task, _) in self.running.iter().filter(|(_, attempt)| Some(*attempt) == self.job) {
                waits.push(Wait { who: coordinator, whom: *task, what: "its finish".to_string() });
            }
        }
        (waits, what)
    }

    /// What is said at the end, after so many lines.
    pub fn finish(&self, lines: u64) -> Vec<(Invariant, Verdict)> {
        let verdict = match (&self.violation, self.ended, self.quiet, self.cleared.map(|clear| lines - clear)) {
            (_, Some(false), _, _) => Verdict::Inconclusive("the job failed for good".to_string()),
            (Some(violation), ..) => Verdict::Violated(violation.clone()),
            (None, _, true, _) => Verdict::Holds,
            (None, _, false, Some(n)) if n > self.bound => {
                let (waits, mut what) = self.unsettled();
                what.insert(0, format!("{n} events after the last fault it is not quiet ({} are allowed)", self.bound));
                let mut violation = Violation::at_end(Invariant::I12, what.join(", "));
                violation.waits = waits;
                Verdict::Violated(violation)
            }
            (None, _, false, Some(_)) => Verdict::Undecided("the trace ends before it is quiet".to_string()),
            (None, _, false, None) => Verdict::Undecided("there is no `quiesce` and no `clear`".to_string()),
        };
        vec![(Invariant::I12, verdict)]
    }
}
