//! Which part of a trace is shown, and how.

use super::cuts::Cut;
use super::past::Past;
use crate::verify::{Invariant, Report, Verdict, Violation};
use std::ops::Range;

/// Traces with at most so many lines are shown as a whole, where nobody says otherwise.
const WHOLE: usize = 60;
/// Where nothing says which lines matter, so many are shown, most of them before the place that does.
const AROUND: usize = 90;
/// Lines before a checkpoint's trigger and after its end that are shown with it.
const MARGIN: usize = 4;

/// Which lines are shown. A step is the place of a line in the trace, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// Around the violation where there is one; all of a short trace; one checkpoint of a long one.
    #[default]
    Usual,
    /// From one step up to another, without it.
    Steps(u64, u64),
    /// The checkpoint of this number.
    Checkpoint(u64),
    /// Some lines around this step.
    Around(u64),
}

/// May the subtasks of a vertex share a lane?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fold {
    /// If there are many.
    #[default]
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

/// What the vertical axis means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// The place in the trace: an order that happened-before allows.
    #[default]
    Order,
    /// The same order, with distances of virtual time.
    Time,
}

/// How a trace is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Which lines.
    pub window: Window,
    /// Lanes that are shared.
    pub fold: Fold,
    /// The vertical axis.
    pub scale: Scale,
    /// Every record, notice and request, however long it gets.
    pub all: bool,
}

/// The lines that are shown, and why these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Their rows.
    pub rows: Range<usize>,
    /// What the choice rests on, in words; none: it is the whole trace.
    pub why: Option<String>,
}

/// The violation that is shown: of a claimed invariant before others, and one about a checkpoint's cut first.
pub fn violation(report: &Report) -> Option<&Violation> {
    let claimed = report.verdicts.iter().zip(&report.required);
    let found = claimed.filter_map(|((_, verdict), claimed)| match verdict {
        Verdict::Violated(violation) => Some((&**violation, *claimed)),
        _ => None,
    });
    let cut = |violation: &Violation| matches!(violation.invariant, Invariant::I1 | Invariant::I2);
    found.min_by_key(|(violation, claimed)| (!claimed, !cut(violation))).map(|(violation, _)| violation)
}

/// The row that shows a violation.
pub fn row_of(past: &Past, violation: &Violation) -> Option<usize> {
    let at = violation.at?;
    past.events.iter().position(|e| e.process == at.process && e.attempt == at.attempt && e.n == at.n)
}

/// The cut of a violation: of its attempt, if there are several with the number.
pub fn cut_of<'a>(cuts: &'a [Cut], violation: &Violation) -> Option<&'a Cut> {
    let id = violation.checkpoint?;
    let attempt = violation.witness.map(|message| message.attempt);
    let mut of = cuts.iter().filter(|cut| cut.id == id);
    of.clone().find(|cut| Some(cut.job) == attempt).or_else(|| of.find(|cut| cut.complete.is_some()))
}

/// Chooses the lines.
///
/// # Errors
/// The trace has no such step or checkpoint, or no lines at all.
pub fn choose(past: &Past, cuts: &[Cut], report: &Report, window: Window) -> Result<Chosen, String> {
    let end = past.events.len();
    if end == 0 {
        return Err("the trace has a header and no events: there is nothing to draw".to_string());
    }
    let beyond = |step: u64| format!("there is no step {step}: the trace has steps 0 to {}", end - 1);
    let chosen = |rows: Range<usize>, why: String| {
        let rows = rows.start..rows.end.min(end);
        let why = if rows == (0..end) { None } else { Some(why) };
        Ok(Chosen { rows, why })
    };
    match window {
        Window::Steps(from, to) if from >= to => Err(format!("no step is at or after {from} and before {to}")),
        Window::Steps(from, _) if from >= end as u64 => Err(beyond(from)),
        Window::Steps(from, to) => chosen(from as usize..to.min(end as u64) as usize, "as asked for".to_string()),
        Window::Around(step) if step >= end as u64 => Err(beyond(step)),
        Window::Around(step) => chosen(around(step as usize, end), format!("around step {step}")),
        Window::Checkpoint(id) => {
            let of = cuts.iter().filter(|cut| cut.id.0 == id);
            let cut = of.max_by_key(|cut| (cut.complete.is_some(), cut.job)).ok_or_else(|| unknown(cuts, id))?;
            chosen(rows(cut, end), format!("checkpoint {}", cut.id))
        }
        Window::Usual => match violation(report) {
            _ if end <= WHOLE => chosen(0..end, String::new()),
            Some(violation) => {
                let why = format!("around the violation of {}", violation.invariant.name());
                chosen(failing(past, cuts, violation), why)
            }
            None => match fullest(cuts) {
                Some(cut) if end > 2 * AROUND => chosen(rows(cut, end), format!("checkpoint {}", cut.id)),
                _ => chosen(0..end, String::new()),
            },
        },
    }
}

/// The first of the completed checkpoints in which most subtasks take part.
fn fullest(cuts: &[Cut]) -> Option<&Cut> {
    cuts.iter().rev().max_by_key(|cut| (cut.complete.is_some(), cut.snaps.len()))
}

/// That there is no such checkpoint, and which there are.
pub fn unknown(cuts: &[Cut], id: u64) -> String {
    let mut ids: Vec<u64> = cuts.iter().map(|cut| cut.id.0).collect();
    ids.sort_unstable();
    match (ids.first(), ids.last()) {
        (Some(first), Some(last)) if first == last => format!("the trace has no checkpoint {id}, only {first}"),
        (Some(first), Some(last)) => format!("the trace has no checkpoint {id}; it has numbers from {first} to {last}"),
        _ => format!("the trace has no checkpoint {id}, nor any other"),
    }
}

fn around(row: usize, end: usize) -> Range<usize> {
    row.saturating_sub(AROUND * 2 / 3)..(row + AROUND / 3).min(end)
}

/// The lines of a checkpoint, from its trigger to its end.
fn rows(cut: &Cut, end: usize) -> Range<usize> {
    let over = cut.complete.into_iter().chain(cut.abort).chain(cut.snaps.values().copied()).max();
    let from = cut.trigger.unwrap_or(cut.rows.0);
    from.saturating_sub(MARGIN)..(over.unwrap_or(cut.rows.1).max(from) + 1 + MARGIN).min(end)
}

fn failing(past: &Past, cuts: &[Cut], violation: &Violation) -> Range<usize> {
    let end = past.events.len();
    let at = row_of(past, violation).unwrap_or(end - 1);
    match cut_of(cuts, violation) {
        None => around(at, end),
        Some(cut) => {
            let mut rows = rows(cut, end);
            // The ends of messages that cross the cut the wrong way belong to the picture.
            for flight in cut.crossings(past).into_keys().map(|flight| &past.flights[flight]) {
                let ends = flight.sent.into_iter().chain(flight.taken).filter(|row| row + 3 * AROUND > at);
                ends.for_each(|row| rows = rows.start.min(row.saturating_sub(1))..rows.end.max(row + 2).min(end));
            }
            rows.start..rows.end.max((at + 2).min(end))
        }
    }
}
