//! From lines to history.

use super::{Checkpoint, History, Moment, Part, Recovery, Status, Value};
use crate::ids::*;
use crate::picture::cuts::{Cut, cuts};
use crate::picture::past::{Load, Past};
use crate::trace::event::{Event, Kind, Meta, Outcome};
use crate::trace::{AbortReason, words};
use std::collections::BTreeMap;

/// Gathers what a trace tells of checkpoints and recoveries.
pub fn history(meta: &Meta, events: &[Event]) -> History {
    let past = Past::new(meta, events);
    let cuts = cuts(&past);
    let seed = meta.seed.map_or_else(String::new, |seed| format!(", seed 0x{seed:016x}"));
    let gather = Gather::new(&past);
    History {
        title: format!("{}{seed}", meta.scenario),
        checkpoints: cuts.iter().map(|cut| gather.checkpoint(cut)).collect(),
        recoveries: recoveries(&past),
        timed: past.timed(),
        end: (0..events.len()).rev().find_map(|row| past.time(row)),
    }
}

/// What goes into channels and what is held, by who takes it.
struct Gather<'a, 'b> {
    past: &'a Past<'b>,
    /// First and last barrier that was taken, and records that barriers passed.
    barriers: BTreeMap<(Attempt, CheckpointId, TaskId), (usize, usize, u64)>,
    /// Kinds of lines that the trace has.
    has_barriers: bool,
    has_holds: bool,
    /// Rows in which attempts were begun.
    begins: Vec<(Attempt, usize)>,
}

impl<'a, 'b> Gather<'a, 'b> {
    fn new(past: &'a Past<'b>) -> Self {
        let mut barriers = BTreeMap::new();
        for flight in &past.flights {
            let (Load::Barrier(id), Some(row)) = (flight.load, flight.taken) else { continue };
            let Some((_, to)) = past.ends(flight.channel) else { continue };
            let seen = barriers.entry((flight.attempt, id, to)).or_insert((row, row, 0));
            *seen = (seen.0.min(row), seen.1.max(row), seen.2 + u64::from(flight.passed));
        }
        let begins = past.events.iter().enumerate().filter_map(|(row, event)| match event.kind {
            Kind::Begin { job, outcome: Outcome::Ok, .. } => Some((job, row)),
            _ => None,
        });
        Gather {
            past,
            has_barriers: !barriers.is_empty(),
            has_holds: !past.holds.is_empty(),
            barriers,
            begins: begins.collect(),
        }
    }

    fn moment(&self, row: usize) -> Moment {
        moment(self.past, row)
    }

    fn span(&self, from: Option<usize>, to: Option<usize>) -> Value {
        Value::of(from.zip(to).and_then(|(from, to)| self.moment(to).after(self.moment(from))))
    }

    fn checkpoint(&self, cut: &Cut) -> Checkpoint {
        let subtasks = (0..self.past.topology.len() as u32).map(TaskId);
        let part = |task: &TaskId| {
            cut.required.contains(task)
                || cut.snaps.contains_key(task)
                || cut.acks.contains_key(task)
                || cut.puts.contains_key(task)
                || cut.declines.contains_key(task)
        };
        let later = self.begins.iter().any(|(job, _)| *job > cut.job);
        let status = match (cut.complete, cut.abort) {
            (Some(_), _) => Status::Complete,
            (None, Some(row)) => Status::Aborted(reason(&self.past.events[row])),
            (None, None) if later => Status::Abandoned,
            (None, None) => Status::Pending,
        };
        let duration = match status {
            Status::Complete => self.span(cut.trigger, cut.complete),
            _ => Value::None,
        };
        let wanted = if cut.trigger.is_some() { Value::Known(cut.required.len() as u64) } else { Value::Unknown };
        Checkpoint {
            id: cut.id,
            job: cut.job,
            status,
            trigger: cut.trigger.map(|row| self.moment(row)),
            end: cut.complete.or(cut.abort).map(|row| self.moment(row)),
            duration,
            acks: (cut.acks.len(), wanted),
            parts: subtasks.filter(part).map(|task| self.part(cut, task)).collect(),
        }
    }

    fn part(&self, cut: &Cut, task: TaskId) -> Part {
        let inputs = !self.past.topology.subtasks[task.index()].inputs.is_empty();
        let barrier = self.barriers.get(&(cut.job, cut.id, task));
        let (snap, ack) = (cut.snaps.get(&task).copied(), cut.acks.get(&task).copied());
        let put = cut.puts.get(&task);
        // Where a trace has barriers, who took none had nothing to wait for: its inputs were over.
        let missing = |there: bool| if inputs && !there { Value::Unknown } else { Value::None };
        let started = barrier.map(|(first, ..)| *first).or(snap.filter(|_| !inputs || self.has_barriers));
        let blocked = match (snap.is_some(), self.has_holds || self.has_barriers) {
            (true, true) if inputs => self.blocked(cut, task),
            (true, false) if inputs => Value::Unknown,
            _ => Value::None,
        };
        Part {
            name: self.past.topology.name(task),
            snapshot: snap.map(|row| self.moment(row)),
            ack: ack.map(|row| self.moment(row)),
            declined: cut.declines.get(&task).map(|row| reason(&self.past.events[*row])),
            start_delay: if started.is_none() { missing(false) } else { self.span(cut.trigger, started) },
            alignment: match barrier {
                Some((first, last, _)) => self.span(Some(*first), Some(*last)),
                None => missing(self.has_barriers),
            },
            blocked,
            sync: Value::Unknown,
            uploading: match (snap, put) {
                (Some(snap), Some((put, _))) => self.span(Some(snap), Some(*put)),
                (None, None) => Value::None,
                _ => Value::Unknown,
            },
            end_to_end: if ack.is_some() { self.span(cut.trigger, ack) } else { Value::None },
            in_flight: match put {
                Some((_, kappa)) => Value::Known(kappa.iter().map(|(_, ids)| ids.len() as u64).sum()),
                None => Value::Unknown,
            },
            in_flight_bytes: match put {
                Some((_, kappa)) if kappa.is_empty() => Value::Known(0),
                _ => Value::Unknown,
            },
            overtaken: match barrier {
                Some((_, _, passed)) => Value::Known(*passed),
                None => missing(self.has_barriers),
            },
            state_bytes: Value::Unknown,
        }
    }

    /// How long its channels were blocked between its first barrier and its snapshot.
    fn blocked(&self, cut: &Cut, task: TaskId) -> Value {
        let who = Incarnation { task, attempt: cut.job };
        let first = self.barriers.get(&(cut.job, cut.id, task)).map(|(first, ..)| *first);
        let (Some(first), Some(snap)) = (first, cut.snaps.get(&task).copied()) else { return Value::None };
        let own = self.past.holds.iter().filter(|hold| hold.who == who && hold.from >= first && hold.from <= snap);
        Value::sum(own.map(|hold| match hold.released {
            true => self.span(Some(hold.from), Some(hold.to)),
            false => Value::Unknown,
        }))
    }
}

fn moment(past: &Past, row: usize) -> Moment {
    Moment { step: row, time: past.time(row) }
}

fn reason(event: &Event) -> String {
    match &event.kind {
        Kind::Abort { reason, .. } => words::abort(*reason).to_string(),
        Kind::Decline { reason, .. } | Kind::Abandon { reason, .. } => words::decline(*reason).to_string(),
        _ => String::new(),
    }
}

fn recoveries(past: &Past) -> Vec<Recovery> {
    let mut found: Vec<Recovery> = Vec::new();
    let mut begun: Option<(Attempt, usize)> = None;
    for (row, event) in past.events.iter().enumerate() {
        let Kind::Begin { job, base, outcome: Outcome::Ok, .. } = &event.kind else { continue };
        // A trace may begin with a job that goes on from a savepoint: no failure comes before that.
        if let Some((before, since)) = begun.replace((*job, row))
            && *job > before
        {
            found.push(recovery(past, *job, *base, since, row));
        }
    }
    found
}

fn recovery(past: &Past, job: Attempt, base: Option<CheckpointId>, since: usize, begin: usize) -> Recovery {
    let topology = &past.topology;
    let before = || (since..begin).map(|row| (row, &past.events[row]));
    let said = |row: usize, words: String| (moment(past, row), words);
    let crash = before().find(|(_, event)| event.kind == Kind::Crash);
    let crash = crash.map(|(row, e)| said(row, format!("{} {} ends by a fault", topology.name(e.process), e.attempt)));
    let suspect = || {
        before().filter_map(|(row, event)| match &event.kind {
            Kind::Fault { what } if ["suspect", "replace"].iter().any(|word| what.starts_with(word)) => {
                Some(said(row, what.to_string()))
            }
            _ => None,
        })
    };
    let failure = crash.or_else(|| suspect().next_back());
    let from = failure.as_ref().map_or(since, |(moment, _)| moment.step);
    let detected = before().filter(|(row, _)| *row >= from).find_map(|(row, event)| match &event.kind {
        Kind::Abort { checkpoint, reason: AbortReason::Failover } => {
            Some(said(row, format!("{checkpoint} is given up")))
        }
        Kind::Lead { token, outcome: Outcome::Ok } => Some(said(row, format!("a new coordinator leads, {token}"))),
        _ => None,
    });
    let own = |event: &&(usize, &Event)| event.1.attempt == job && event.1.process.index() < topology.len();
    let after: Vec<(usize, &Event)> = past.events.iter().enumerate().skip(begin).filter(|line| own(&line)).collect();
    let restored: Vec<usize> =
        after.iter().filter(|(_, e)| matches!(e.kind, Kind::Restore { .. })).map(|(row, _)| *row).collect();
    let record = |kind: &Kind| matches!(kind, Kind::Read { .. } | Kind::Apply { .. });
    Recovery {
        job,
        base,
        failure,
        detected,
        restarted: moment(past, begin),
        restored: (restored.last().map(|row| moment(past, *row)), restored.len(), topology.len()),
        first_record: after.iter().find(|(_, event)| record(&event.kind)).map(|(row, _)| moment(past, *row)),
        again: again(past, job, begin),
    }
}

/// Records that an attempt read although an earlier one had.
fn again(past: &Past, job: Attempt, begin: usize) -> Value {
    let mut furthest: BTreeMap<PartitionId, u64> = BTreeMap::new();
    let (mut again, mut reads) = (0, false);
    for (row, event) in past.events.iter().enumerate() {
        let Kind::Read { partition, record } = &event.kind else { continue };
        reads = true;
        let offset = record.id.offset.0;
        if event.attempt == job && row > begin {
            again += u64::from(furthest.get(partition).is_some_and(|known| offset <= *known));
        } else if event.attempt < job {
            let known = furthest.entry(*partition).or_insert(offset);
            *known = offset.max(*known);
        }
    }
    if reads { Value::Known(again) } else { Value::Unknown }
}
