//! History for people.

use super::{Checkpoint, History, Moment, Part, Recovery, Status, Value};
use crate::picture::words;
use std::fmt::Write as _;

fn number(value: Value) -> String {
    match value {
        Value::Known(number) => number.to_string(),
        Value::Unknown => "unknown".to_string(),
        Value::None => "-".to_string(),
    }
}

fn span(value: Value) -> String {
    match value {
        Value::Known(ns) => words::time(ns),
        other => number(other),
    }
}

fn at(moment: Option<Moment>) -> String {
    match moment {
        Some(Moment { time: Some(time), .. }) => words::time(time),
        Some(Moment { time: None, step }) => format!("step {step}"),
        None => "unknown".to_string(),
    }
}

/// Columns, as wide as they have to be; the first is on the left.
fn table(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, width))| match i {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(out, "  {}", line.trim_end());
    }
}

fn words_of(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

/// The history of the job; with `only`, the subtasks of the checkpoints of that number.
pub fn page(history: &History, only: Option<u64>) -> String {
    let mut out = format!("{}\n", history.title);
    if !history.timed {
        out.push_str("the trace has no times: places are steps, and durations are unknown\n");
    }
    match only {
        Some(id) => {
            history.checkpoints.iter().filter(|checkpoint| checkpoint.id.0 == id).for_each(|one| parts(&mut out, one))
        }
        None => {
            checkpoints(&mut out, history);
            history.recoveries.iter().for_each(|recovery| back(&mut out, recovery));
            if history.recoveries.is_empty() {
                out.push_str("\nthe job was never begun again\n");
            }
        }
    }
    out.push_str("\ntimes are virtual; unknown: the trace doesn't tell; -: there is none\n");
    out
}

fn checkpoints(out: &mut String, history: &History) {
    if history.checkpoints.is_empty() {
        return out.push_str("\nthe trace tells of no checkpoint\n");
    }
    let complete = history.checkpoints.iter().filter(|one| one.status == Status::Complete).count();
    let _ = writeln!(out, "\ncheckpoints: {}, {complete} of them complete", history.checkpoints.len());
    let head = ["id", "of", "status", "trigger", "duration", "start delay", "alignment", "sync", "async", "acks"];
    let mut rows = vec![words_of(&head)];
    rows[0].extend(words_of(&["in flight", "state", "why not"]));
    for one in &history.checkpoints {
        let why = match &one.status {
            Status::Aborted(why) => why.clone(),
            _ => String::new(),
        };
        rows.push(vec![
            one.id.to_string(),
            one.job.to_string(),
            one.status.word().to_string(),
            at(one.trigger),
            span(one.duration),
            span(one.most(|part| part.start_delay)),
            span(one.most(|part| part.alignment)),
            span(one.most(|part| part.sync)),
            span(one.most(|part| part.uploading)),
            format!("{}/{}", one.acks.0, number(one.acks.1)),
            number(one.sum(|part| part.in_flight)),
            number(one.sum(|part| part.state_bytes)),
            why,
        ]);
    }
    table(out, &rows);
    out.push_str("  durations of parts are those of the slowest subtask; in flight is in records, state in bytes\n");
}

fn parts(out: &mut String, one: &Checkpoint) {
    let why = match &one.status {
        Status::Aborted(why) => format!(" ({why})"),
        _ => String::new(),
    };
    let _ = writeln!(
        out,
        "\ncheckpoint {} of attempt {}: {}{why}, triggered at {}, ended at {}, took {}, {} of {} acknowledged",
        one.id,
        one.job,
        one.status.word(),
        at(one.trigger),
        if one.status == Status::Pending { "-".to_string() } else { at(one.end) },
        span(one.duration),
        one.acks.0,
        number(one.acks.1),
    );
    let head =
        ["subtask", "start delay", "alignment", "blocked", "sync", "async", "end to end", "in flight", "overtaken"];
    let mut rows = vec![words_of(&head)];
    rows[0].extend(words_of(&["bytes in flight", "state", "declined"]));
    rows.extend(one.parts.iter().map(row));
    table(out, &rows);
}

fn row(part: &Part) -> Vec<String> {
    vec![
        part.name.clone(),
        span(part.start_delay),
        span(part.alignment),
        span(part.blocked),
        span(part.sync),
        span(part.uploading),
        span(part.end_to_end),
        number(part.in_flight),
        number(part.overtaken),
        number(part.in_flight_bytes),
        number(part.state_bytes),
        part.declined.clone().unwrap_or_default(),
    ]
}

fn back(out: &mut String, recovery: &Recovery) {
    let base = recovery.base.map_or_else(|| "nothing".to_string(), |id| id.to_string());
    let _ = writeln!(out, "\nrecovery: attempt {}, from {base}", recovery.job);
    let first = recovery.failure.as_ref().map(|(moment, _)| *moment);
    let mut last = None;
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut line = |word: &str, moment: Option<Moment>, said: String| {
        let since = match (moment, last) {
            (Some(now), Some(then)) => span(Value::of(Moment::after(now, then))),
            _ => String::new(),
        };
        last = moment.or(last);
        let step = moment.map_or_else(String::new, |moment| format!("step {}", moment.step));
        let since = if since.is_empty() { since } else { format!("+{since}") };
        rows.push(vec![word.to_string(), at(moment), since, step, said]);
    };
    let told = |of: &Option<(Moment, String)>| of.clone().map_or_else(String::new, |(_, words)| words);
    line("failure", first, told(&recovery.failure));
    line("detected", recovery.detected.as_ref().map(|(moment, _)| *moment), told(&recovery.detected));
    line("restarted", Some(recovery.restarted), String::new());
    let (restored, some, all) = recovery.restored;
    line("restored", restored, format!("{some} of {all} subtasks"));
    line("first record", recovery.first_record, format!("{} read again", number(recovery.again)));
    table(out, &rows);
    if let (Some(first), Some(record)) = (first, recovery.first_record) {
        let _ = writeln!(out, "  from failure to first record: {}", span(Value::of(record.after(first))));
    }
}
