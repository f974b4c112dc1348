//! What "consistent" asks for, counted: the cuts, and the pairs of events, of small executions of two processes.

use super::Figures;
use super::lab::{Lab, Seen};
use crate::ids::TaskId;
use crate::trace::event::Kind;
use std::collections::BTreeMap;

/// An execution: how many events each of two processes has, and which of them are joined by a message.
struct Execution {
    events: [usize; 2],
    /// Sent by the first as its n-th event, taken by the second as its m-th.
    messages: Vec<(usize, usize)>,
}

/// An event: of which process, and its place.
type At = (usize, usize);

impl Execution {
    fn of(seen: &Seen) -> Execution {
        let mut execution = Execution { events: [0, 0], messages: Vec::new() };
        let mut sent = BTreeMap::new();
        for event in &seen.trace {
            let at = match event.process {
                TaskId(0) => 0,
                TaskId(1) => 1,
                _ => continue,
            };
            match &event.kind {
                Kind::Send { m, .. } => drop(sent.insert(*m, execution.events[0])),
                Kind::Apply { m, .. } => execution.messages.extend(sent.get(m).map(|n| (*n, execution.events[1]))),
                Kind::Read { .. } => {}
                _ => continue,
            }
            execution.events[at] += 1;
        }
        execution
    }

    fn all(&self) -> impl Iterator<Item = At> + '_ {
        (0..2).flat_map(|process| (0..self.events[process]).map(move |place| (process, place)))
    }

    /// Happened before: program order, or a message, or both one after the other. Messages go one way.
    fn before(&self, one: At, other: At) -> bool {
        match (one.0, other.0) {
            (0, 1) => self.messages.iter().any(|(sent, taken)| one.1 <= *sent && *taken <= other.1),
            (1, 0) => false,
            _ => one.1 < other.1,
        }
    }

    /// The cuts that record a prefix of each process, by how many events.
    fn cuts(&self) -> impl Iterator<Item = [usize; 2]> + '_ {
        (0..=self.events[0]).flat_map(|first| (0..=self.events[1]).map(move |second| [first, second]))
    }

    /// Does no pair of a recorded and an unrecorded event have this relation?
    fn none(&self, cut: [usize; 2], related: impl Fn(At, At) -> bool) -> bool {
        let recorded = |event: &At| event.1 < cut[event.0];
        self.all().filter(recorded).all(|one| self.all().filter(|e| !recorded(e)).all(|other| !related(one, other)))
    }
}

fn executions(lab: &Lab) -> Result<Vec<Execution>, String> {
    let mut all = Vec::new();
    lab.each("engine", |seen| all.push(Execution::of(seen)))?;
    Ok(all)
}

/// X7: "recorded, and unrecorded after it: never" is the mirror image of what is meant.
pub(super) fn directions(lab: &Lab) -> Result<Figures, String> {
    let (mut cuts, mut right, mut mirrored, mut both) = (0u64, 0u64, 0u64, 0u64);
    for execution in executions(lab)? {
        for cut in execution.cuts() {
            let closed = execution.none(cut, |recorded, unrecorded| execution.before(unrecorded, recorded));
            let mirror = execution.none(cut, |recorded, unrecorded| execution.before(recorded, unrecorded));
            cuts += 1;
            right += closed as u64;
            mirrored += mirror as u64;
            both += (closed && mirror) as u64;
        }
    }
    let lines = vec![
        format!("{cuts} prefix cuts of {} executions of two processes", lab.seeds.len()),
        format!("{right} record with every event what it depends on: consistent"),
        format!("{mirrored} pass the condition as it is told; {} consistent ones don't", right - both),
    ];
    Ok(Figures { so: right > both && mirrored < right, lines })
}

/// X8: "if one event isn't before another, some consistent cut has the one and not the other".
pub(super) fn pairs(lab: &Lab) -> Result<Figures, String> {
    let (mut eligible, mut wrong, mut after) = (0u64, 0u64, 0u64);
    for execution in executions(lab)? {
        for one in execution.all() {
            for other in execution.all().filter(|other| *other != one && !execution.before(one, *other)) {
                eligible += 1;
                let parts = |cut: [usize; 2]| one.1 < cut[one.0] && other.1 >= cut[other.0];
                let consistent = |cut: &[usize; 2]| execution.none(*cut, |in_it, out| execution.before(out, in_it));
                let parted = execution.cuts().filter(|cut| parts(*cut)).any(|cut| consistent(&cut));
                wrong += !parted as u64;
                after += execution.before(other, one) as u64;
            }
        }
    }
    let lines = vec![
        format!("{eligible} pairs of which the one isn't before the other, of {} executions", lab.seeds.len()),
        format!("{wrong} of them are parted by no consistent cut: exactly those {after} whose other is before the one"),
    ];
    Ok(Figures { so: wrong > 0 && wrong == after, lines })
}
