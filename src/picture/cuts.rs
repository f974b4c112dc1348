//! Checkpoints as cuts: where they go through each process, and which messages cross them how.

use super::past::{Flight, Load, Past};
use crate::ids::*;
use crate::trace::event::{Event, Kappa, Kind, Outcome};
use std::collections::{BTreeMap, BTreeSet};

/// A checkpoint of one job attempt, with the rows that tell of it.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    /// The job attempt.
    pub job: Attempt,
    /// Which checkpoint.
    pub id: CheckpointId,
    /// Where it was begun.
    pub trigger: Option<usize>,
    /// Who had to take part.
    pub required: Vec<TaskId>,
    /// Where each process's state was taken.
    pub snaps: BTreeMap<TaskId, usize>,
    /// What was stored of it, and where the line is.
    pub puts: BTreeMap<TaskId, (usize, Kappa)>,
    /// Who said that its part is durable.
    pub acks: BTreeMap<TaskId, usize>,
    /// Who said that it can't take part, or gave up.
    pub declines: BTreeMap<TaskId, usize>,
    /// Where its completion record was written.
    pub complete: Option<usize>,
    /// The subtasks that have a part in that record.
    pub parts: BTreeSet<TaskId>,
    /// Where it was given up.
    pub abort: Option<usize>,
    /// The first and the last row that name it.
    pub rows: (usize, usize),
}

/// How a message crosses a completed cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crossing {
    /// Received before the cut, sent after it.
    Orphan,
    /// In flight at the cut, and not in its channel state.
    Lost,
    /// In flight at the cut, and in its channel state.
    Captured,
}

impl Cut {
    fn line(&mut self, row: usize, event: &Event) {
        let task = event.process;
        match &event.kind {
            Kind::Trigger { required, .. } => {
                self.trigger.get_or_insert(row);
                self.required = required.to_vec();
            }
            Kind::Snap { .. } => drop(self.snaps.insert(task, row)),
            Kind::Ack { .. } => drop(self.acks.entry(task).or_insert(row)),
            Kind::Decline { .. } | Kind::Abandon { .. } => drop(self.declines.entry(task).or_insert(row)),
            Kind::Put { key, kappa, outcome: Outcome::Ok, .. } => {
                self.puts.insert(key.task, (row, kappa.clone()));
            }
            Kind::Complete { parts, outcome: Outcome::Ok, .. }
            | Kind::Savepoint { parts, outcome: Outcome::Ok, .. } => {
                self.complete.get_or_insert(row);
                self.parts = parts.iter().map(|key| key.task).collect();
            }
            Kind::Abort { .. } => drop(self.abort.get_or_insert(row)),
            _ => {}
        }
    }

    /// The row in which it goes through a subtask: what comes before is inside. A subtask that has no part in a completed
    /// checkpoint had finished, and is inside with all that it did.
    pub fn through(&self, task: TaskId) -> Option<usize> {
        match self.snaps.get(&task) {
            Some(row) => Some(*row),
            None if self.complete.is_some() && !self.parts.contains(&task) => Some(usize::MAX),
            None => None,
        }
    }

    /// How a flight crosses it; nothing if it doesn't, or if the lines that would tell are missing.
    fn crossing(&self, past: &Past, flight: &Flight, stored: &mut Stored) -> Option<Crossing> {
        let (from, to) = past.ends(flight.channel)?;
        let (sender, receiver) = (self.through(from)?, self.through(to)?);
        let inside = flight.taken.is_some_and(|row| row < receiver);
        match flight.sent {
            Some(row) if row >= sender && inside => Some(Crossing::Orphan),
            Some(row) if row < sender && !inside => {
                let (_, kappa) = self.puts.get(&to)?;
                let mine = || kappa.iter().filter(|(c, _)| *c == flight.channel).flat_map(|(_, ids)| ids).copied();
                let left = stored.entry((to, flight.channel)).or_insert_with(|| mine().collect());
                match left.iter().position(|id| Some(*id) == flight.record) {
                    Some(at) => {
                        left.remove(at);
                        Some(Crossing::Captured)
                    }
                    None => Some(Crossing::Lost),
                }
            }
            _ => None,
        }
    }

    /// The flights (by their place in `past.flights`) that cross this cut, if it was completed.
    pub fn crossings(&self, past: &Past) -> BTreeMap<usize, Crossing> {
        let mut stored = Stored::new();
        let mut found = BTreeMap::new();
        if self.complete.is_none() {
            return found;
        }
        for (i, flight) in past.flights.iter().enumerate() {
            if flight.attempt == self.job
                && matches!(flight.load, Load::Record(_))
                && let Some(crossing) = self.crossing(past, flight, &mut stored)
            {
                found.insert(i, crossing);
            }
        }
        found
    }
}

/// Records of channel state that no flight was found for yet.
type Stored = BTreeMap<(TaskId, ChannelId), Vec<RecordId>>;

/// The job attempt (if the line says) and the checkpoint that a line is about.
pub(super) fn about(event: &Event) -> Option<(Option<Attempt>, CheckpointId)> {
    Some(match &event.kind {
        Kind::Trigger { checkpoint, job, .. }
        | Kind::Complete { checkpoint, job, .. }
        | Kind::Savepoint { checkpoint, job, .. } => (Some(*job), *checkpoint),
        Kind::Ack { checkpoint }
        | Kind::Decline { checkpoint, .. }
        | Kind::Abandon { checkpoint, .. }
        | Kind::Snap { checkpoint, .. }
        | Kind::BarOut { checkpoint, .. }
        | Kind::BarIn { checkpoint, .. }
        | Kind::CancelOut { checkpoint, .. }
        | Kind::CancelIn { checkpoint, .. } => (Some(event.attempt), *checkpoint),
        Kind::Put { key, .. } => (Some(key.attempt), key.checkpoint),
        Kind::Notify { checkpoint, to, .. } => (Some(to.attempt), *checkpoint),
        Kind::Abort { checkpoint, .. } => (None, *checkpoint),
        _ => return None,
    })
}

/// All checkpoints that the trace names, in the order in which it does.
pub fn cuts(past: &Past) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = Vec::new();
    let mut known: BTreeMap<(CheckpointId, Attempt), usize> = BTreeMap::new();
    for (row, event) in past.events.iter().enumerate() {
        let Some((job, id)) = about(event) else { continue };
        // A coordinator's line doesn't say which job it means: the newest that has such a checkpoint.
        let newest = || known.range((id, Attempt(0))..=(id, Attempt(u32::MAX))).next_back().map(|((_, job), _)| *job);
        let Some(job) = job.or_else(newest) else { continue };
        let at = *known.entry((id, job)).or_insert_with(|| {
            cuts.push(Cut { job, id, rows: (row, row), ..Cut::default() });
            cuts.len() - 1
        });
        cuts[at].rows.1 = row;
        cuts[at].line(row, event);
    }
    cuts
}
