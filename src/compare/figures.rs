//! The rows of the table: what is shown of the sums, and in which unit.

use super::measure::{Formed, Measure};

/// One row.
pub struct Figure {
    /// What programs call it.
    pub key: &'static str,
    /// What people read.
    pub title: &'static str,
    /// A headline that the row stands under.
    pub group: &'static str,
    of: fn(&Measure) -> Shown,
}

/// What a row says of one protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The sum.
    pub sum: u64,
    /// Of so many; 0: there were none.
    pub of: u64,
    /// The same by the closed form, if there is one.
    pub form: Option<u64>,
    /// The closed form, less what the trace excuses, isn't what was counted.
    pub differs: bool,
}

impl Figure {
    /// The row's value for these sums.
    pub fn of(&self, measure: &Measure) -> Shown {
        (self.of)(measure)
    }
}

impl Shown {
    /// The average in tenths.
    pub fn tenths(&self) -> Option<u64> {
        average(self.sum, self.of)
    }

    /// The closed form in tenths.
    pub fn form_tenths(&self) -> Option<u64> {
        average(self.form?, self.of)
    }
}

fn average(sum: u64, of: u64) -> Option<u64> {
    let tenths = (sum as u128 * 10).checked_div(of as u128)?;
    u64::try_from(tenths).ok()
}

fn ratio(sum: u64, of: u64) -> Shown {
    Shown { sum, of, ..Shown::default() }
}

/// Microseconds.
fn us(nanos: u64, of: u64) -> Shown {
    ratio(nanos / 1000, of)
}

fn formed(formed: Formed, of: u64, unit: u64) -> Shown {
    Shown { sum: formed.measured / unit, of, form: Some(formed.form / unit), differs: !formed.agrees() }
}

const fn row(group: &'static str, key: &'static str, title: &'static str, of: fn(&Measure) -> Shown) -> Figure {
    Figure { key, title, group, of }
}

const RUN: &str = "a run";
const MESSAGES: &str = "a checkpoint of everybody";
const CHECKPOINT: &str = "a completed checkpoint";
const FAILURE: &str = "a recovery";
const ALONE: &str = "local checkpoints of everybody alone";
const LINE: &str = "a failure where everybody is alone";

/// All rows, in the order in which they are shown.
pub static FIGURES: &[Figure] = &[
    row(RUN, "completed", "checkpoints completed", |m| ratio(m.completed, m.coordinated)),
    row(RUN, "mixed", "  without some regions", |m| ratio(m.mixed, m.coordinated)),
    row(RUN, "given_up", "checkpoints given up", |m| ratio(m.begun - m.completed, m.coordinated)),
    row(RUN, "local", "local checkpoints", |m| ratio(m.local, m.runs)),
    row(RUN, "useless", "  useless ones", |m| ratio(m.useless, m.runs)),
    row(RUN, "time_us", "time to the end, us", |m| us(m.time, m.ended)),
    row(RUN, "throughput", "records a second", |m| ratio(m.records * 1_000_000, m.time / 1000)),
    row(RUN, "written", "bytes written on a record", |m| formed(m.written, m.noted, 1)),
    row(RUN, "asides", "counts that subtasks are told", |m| formed(m.asides, if m.noted > 0 { m.runs } else { 0 }, 1)),
    row(MESSAGES, "control", "control messages", |m| {
        let all = [m.told, m.barriers, m.acks, m.notices];
        let form = all.iter().map(|part| part.form).sum();
        let sum = all.iter().map(|part| part.measured).sum::<u64>() + m.reminders;
        Shown { sum, of: m.whole, form: Some(form), differs: all.iter().any(|part| !part.agrees()) }
    }),
    row(MESSAGES, "told", "  told to begin", |m| formed(m.told, m.whole, 1)),
    row(MESSAGES, "barriers", "  barriers", |m| formed(m.barriers, m.whole, 1)),
    row(MESSAGES, "acks", "  acknowledgements", |m| formed(m.acks, m.whole, 1)),
    row(MESSAGES, "notices", "  completion notices", |m| formed(m.notices, m.whole, 1)),
    row(MESSAGES, "reminders", "  notices repeated", |m| ratio(m.reminders, m.whole)),
    row(CHECKPOINT, "duration_us", "duration, us", |m| us(m.duration, m.completed)),
    row(CHECKPOINT, "stall_us", "channels held, us", |m| formed(m.stall, m.completed, 1000)),
    row(CHECKPOINT, "pause_us", "a source's pause, us", |m| us(m.pause, m.pauses)),
    row(CHECKPOINT, "in_flight", "records stored in flight", |m| formed(m.flight, m.completed, 1)),
    row(CHECKPOINT, "in_flight_bytes", "  their bytes", |m| ratio(m.flight_bytes, m.completed)),
    row(FAILURE, "recoveries", "recoveries a run", |m| ratio(m.recoveries, m.runs)),
    row(FAILURE, "down_us", "until restored, us", |m| us(m.down, m.recoveries)),
    row(FAILURE, "behind_us", "until caught up, us", |m| us(m.behind, m.caught_up)),
    row(FAILURE, "read_again", "records read again", |m| formed(m.again, m.recoveries, 1)),
    row(FAILURE, "applied_again", "records applied again", |m| ratio(m.applied_again, m.recoveries)),
    row(ALONE, "lines", "lines written down", |m| ratio(m.lines, m.alone)),
    row(ALONE, "basic", "by a timer, or at the end", |m| ratio(m.basic, m.alone)),
    row(ALONE, "forced", "forced by a message", |m| ratio(m.forced, m.alone)),
    row(ALONE, "carried", "bytes carried by a message", |m| formed(m.carried, m.messages, 1)),
    row(LINE, "failures", "failures a run", |m| ratio(m.failures, m.alone)),
    row(LINE, "back", "processes that go back", |m| ratio(m.back[0], m.failures)),
    row(LINE, "back_logged", "  with logs of channels", |m| ratio(m.back[1], m.failures)),
    row(LINE, "undone", "records undone", |m| ratio(m.undone[0], m.failures)),
    row(LINE, "undone_logged", "  with logs of channels", |m| ratio(m.undone[1], m.failures)),
    row(LINE, "since", "  with logs of receipts", |m| ratio(m.since, m.failures)),
    row(LINE, "discarded", "checkpoints thrown away", |m| ratio(m.discarded[0], m.failures)),
    row(LINE, "discarded_logged", "  with logs of channels", |m| ratio(m.discarded[1], m.failures)),
    row(LINE, "beginnings", "back at the beginning", |m| ratio(m.beginnings[0], m.failures)),
    row(LINE, "beginnings_logged", "  with logs of channels", |m| ratio(m.beginnings[1], m.failures)),
];
