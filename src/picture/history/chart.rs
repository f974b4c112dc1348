//! History as a picture: a bar for each checkpoint along virtual time, recoveries between them; or a bar for each
//! subtask of one checkpoint.

use super::{Checkpoint, History, Moment, Part, Recovery, Status};
use crate::picture::svg::{self, FONT};
use crate::picture::{style, words};
use std::fmt::Write as _;

/// Where time begins, and how wide it is.
const LEFT: i32 = 190;
const WIDE: i32 = 620;
/// Right of it there is room for words.
const RIGHT: i32 = 300;
/// The height of a row.
const ROW: i32 = 22;

struct Chart {
    out: String,
    from: u64,
    to: u64,
    y: i32,
}

impl Chart {
    fn x(&self, time: u64) -> i32 {
        let span = u128::from(self.to - self.from).max(1);
        LEFT + (u128::from(time.clamp(self.from, self.to) - self.from) * WIDE as u128 / span) as i32
    }

    /// A row's name, and words after its end.
    fn row(&mut self, name: &str, said: &str, end: i32, class: &str) {
        self.row_at(16, name, said, end, class);
    }

    fn row_at(&mut self, x: i32, name: &str, said: &str, end: i32, class: &str) {
        svg::text(&mut self.out, "", x, self.y + 4, &svg::clipped(name, 24));
        svg::text(&mut self.out, class, end + 8, self.y + 4, &svg::clipped(said, 42));
        self.y += ROW;
    }

    fn bar(&mut self, class: &str, from: u64, to: u64, title: &str) -> i32 {
        let (left, right) = (self.x(from), self.x(to).max(self.x(from) + 2));
        let (y, wide) = (self.y - 7, right - left);
        self.out.push_str("<g>");
        svg::title(&mut self.out, title);
        let _ =
            writeln!(self.out, "<rect class=\"{class}\" x=\"{left}\" y=\"{y}\" width=\"{wide}\" height=\"14\"/></g>");
        right
    }

    /// Lines that everything else lies upon.
    fn axis(&self) -> String {
        let mut out = String::new();
        let step = round((self.to - self.from) / 6);
        let times = (self.from.div_ceil(step)..).map_while(|n| step.checked_mul(n));
        for time in times.take_while(|time| *time <= self.to) {
            let (x, said) = (self.x(time), words::short(time));
            svg::line(&mut out, "rule", (x, 58), (x, self.y - 6));
            svg::text(&mut out, "dim", x - svg::width(&said, FONT) / 2, 52, &said);
        }
        out.push('\n');
        out
    }

    /// What the bars are.
    fn key(&mut self, bars: &[(&str, &str)]) {
        let (mut x, y) = (16, self.y + 14);
        for (class, meaning) in bars {
            let top = y - 10;
            let _ = write!(self.out, "<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"18\" height=\"12\"/>");
            svg::text(&mut self.out, "dim", x + 26, y, meaning);
            x += 26 + svg::width(meaning, FONT) + 22;
        }
    }

    fn page(self, title: &str) -> String {
        let mut out = String::new();
        let size = (LEFT + WIDE + RIGHT, self.y + 26);
        style::open(&mut out, size, title);
        svg::text(&mut out, "h1", 16, 24, &svg::clipped(title, 110));
        out.push_str(&self.axis());
        out.push_str(&self.out);
        out.push_str("</svg>\n");
        style::plain(&out)
    }
}

/// The next of 1, 2, 5, 10, 20, and so on.
fn round(least: u64) -> u64 {
    let mut power = 1;
    loop {
        match [1, 2, 5].into_iter().map(|digit| digit * power).find(|step| *step >= least) {
            Some(step) => return step,
            None => power *= 10,
        }
    }
}

fn end_of(one: &Checkpoint, last: u64) -> u64 {
    one.end.and_then(|end| end.time).unwrap_or(last)
}

/// Draws it; with `only`, the subtasks of the checkpoints of that number.
///
/// # Errors
/// The trace has no times, or no checkpoint with a time.
pub fn chart(history: &History, only: Option<u64>) -> Result<String, String> {
    let Some(last) = history.end.filter(|_| history.timed) else {
        return Err("the trace has no times, so there is no picture along time".to_string());
    };
    let wanted: Vec<&Checkpoint> =
        history.checkpoints.iter().filter(|one| only.is_none_or(|id| one.id.0 == id)).collect();
    let starts = wanted.iter().filter_map(|one| one.trigger?.time);
    let (from, to) = match only {
        None => (0, last),
        Some(_) => {
            let from = starts.min().ok_or("no line tells when the checkpoint began")?;
            (from, wanted.iter().map(|one| end_of(one, last)).max().unwrap_or(last).max(from + 1))
        }
    };
    let mut chart = Chart { out: String::new(), from, to, y: 76 };
    match only {
        None => overview(&mut chart, history, last),
        Some(_) => wanted.iter().for_each(|one| subtasks(&mut chart, one, last)),
    }
    let complete = ("duration", "trigger to completion");
    match only {
        None => chart.key(&[complete, ("aborted", "aborted"), ("snapshot", "a snapshot"), ("blocked", "recovery")]),
        Some(_) => chart.key(&[("unfinished", "start delay"), ("blocked", "alignment"), ("duration", "async part")]),
    }
    let about = only.map_or_else(|| "checkpoints".to_string(), |id| format!("checkpoint c{id}"));
    Ok(chart.page(&format!("{}: {about}, virtual time", history.title)))
}

fn overview(chart: &mut Chart, history: &History, last: u64) {
    // In the order in which things began.
    enum Row<'a> {
        Checkpoint(&'a Checkpoint),
        Recovery(&'a Recovery),
    }
    let mut rows: Vec<(usize, Row)> = Vec::new();
    for one in &history.checkpoints {
        rows.push((one.trigger.map_or(0, |trigger| trigger.step), Row::Checkpoint(one)));
    }
    for one in &history.recoveries {
        rows.push((one.failure.as_ref().map_or(one.restarted.step, |(moment, _)| moment.step), Row::Recovery(one)));
    }
    rows.sort_by_key(|(step, _)| *step);
    for (_, row) in rows {
        match row {
            Row::Checkpoint(one) => checkpoint(chart, one, last),
            Row::Recovery(one) => recovery(chart, one),
        }
    }
}

fn checkpoint(chart: &mut Chart, one: &Checkpoint, last: u64) {
    let name = format!("{} of {}", one.id, one.job);
    let Some(from) = one.trigger.and_then(|trigger| trigger.time) else {
        return chart.row(&name, "no line tells when it began", LEFT, "dim");
    };
    let (class, said, text) = match &one.status {
        Status::Complete => {
            let took = one.duration.known().map_or_else(|| "unknown".to_string(), words::short);
            ("duration", format!("complete, {took}"), "")
        }
        Status::Aborted(why) => ("aborted", format!("aborted: {why}"), "wrong"),
        other => ("unfinished", other.word().to_string(), "dim"),
    };
    let right = chart.bar(class, from, end_of(one, last), &format!("{name}: {said}"));
    for part in &one.parts {
        if let Some(time) = part.snapshot.and_then(|snapshot| snapshot.time) {
            let (x, y) = (chart.x(time), chart.y);
            chart.out.push_str("<g>");
            svg::title(&mut chart.out, &format!("{}: snapshot at {}", part.name, words::short(time)));
            let _ = writeln!(
                chart.out,
                "<rect class=\"snapshot\" x=\"{}\" y=\"{}\" width=\"3\" height=\"8\"/></g>",
                x - 1,
                y - 4
            );
        }
    }
    chart.row(&name, &said, right, text);
}

fn recovery(chart: &mut Chart, one: &Recovery) {
    let base = one.base.map_or_else(|| "nothing".to_string(), |id| id.to_string());
    let name = format!("recovery {} from {base}", one.job);
    let failure = one.failure.as_ref().map(|(moment, _)| *moment);
    let from = failure.unwrap_or(one.restarted).time;
    let to = one.first_record.or(one.restored.0).unwrap_or(one.restarted).time;
    let (Some(from), Some(to)) = (from, to) else { return chart.row(&name, "when is unknown", LEFT, "dim") };
    let said = match &one.failure {
        Some((_, words)) => format!("{}: {words}", self::words::short(to.saturating_sub(from))),
        None => "what failed is unknown".to_string(),
    };
    let right = chart.bar("blocked", from, to, &format!("{name}: {said}"));
    chart.row(&name, &said, right, "");
}

fn subtasks(chart: &mut Chart, one: &Checkpoint, last: u64) {
    checkpoint(chart, one, last);
    let Some(begin) = one.trigger.and_then(|trigger| trigger.time) else { return };
    for part in &one.parts {
        let right = stages(chart, one, part, begin);
        let said = match (&part.declined, part.ack.and_then(|ack| ack.time)) {
            (Some(why), _) => format!("declined: {why}"),
            (None, Some(time)) => format!("acknowledged after {}", words::short(time.saturating_sub(begin))),
            (None, None) => "not acknowledged".to_string(),
        };
        chart.row_at(28, &part.name, &said, right, "dim");
    }
}

/// Start delay, alignment, upload and the way of the acknowledgement, one after another.
fn stages(chart: &mut Chart, one: &Checkpoint, part: &Part, begin: u64) -> i32 {
    let time = |moment: Option<Moment>| moment.and_then(|moment| moment.time);
    let mut right = chart.x(begin);
    let mut stage = |class: &str, from: Option<u64>, span: Option<u64>, word: &str| {
        if let (Some(from), Some(span)) = (from, span) {
            let title = format!("{} of {}: {word} {}", part.name, one.id, words::short(span));
            right = right.max(chart.bar(class, from, from + span, &title));
        }
    };
    let barrier = part.start_delay.known().map(|delay| begin + delay);
    stage("unfinished", Some(begin), part.start_delay.known(), "start delay");
    stage("blocked", barrier, part.alignment.known(), "alignment");
    let snapshot = time(part.snapshot);
    stage("duration", snapshot, part.uploading.known(), "async");
    right
}
