//! `cutline verify`: judges traces, wherever they come from.

use super::args;
use super::exit::{Ending, Why};
use super::judge::word;
use super::output::{self, complain};
use crate::report::grouped;
use crate::trace::event::{Event, Meta};
use crate::trace::json;
use crate::verify::{Invariant, Report, Verdict, Verifier, story::story};
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Judges.
pub fn verify(args: args::Verify) -> Ending {
    let mut ending = Ending::good();
    for path in &args.traces {
        let mut out = String::new();
        match one(path, &mut out) {
            Ok(verdict) => {
                if verdict.violated {
                    ending.add(Why::Violated);
                }
                if verdict.undecided {
                    ending.add(Why::Incomplete);
                }
            }
            Err(problem) => {
                complain(&problem);
                ending.add(Why::BadInput);
            }
        }
        if let Err(error) = output::print(&out) {
            complain(&format!("cannot write to stdout: {error}"));
            return Ending::bad(Why::Internal);
        }
    }
    ending
}

/// What is claimed and isn't so, and what is claimed and can't be said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// A claimed invariant is violated.
    pub violated: bool,
    /// A claimed invariant is undecided.
    pub undecided: bool,
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, String> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let file = std::fs::File::open(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(format!("cannot read `{}`: it is a directory", path.display()));
    }
    Ok(Box::new(BufReader::new(file)))
}

fn one(path: &Path, out: &mut String) -> Result<Outcome, String> {
    let place = |error: json::Error| format!("{}:{error}", path.display());
    let mut trace = json::read(open(path)?).map_err(place)?;
    let meta = trace.meta.clone();
    let mut verifier = Verifier::new(&meta);
    for event in &mut trace {
        verifier.observe(&event.map_err(place)?);
    }
    let report = verifier.finish();
    let events = if report.violated().is_empty() { Vec::new() } else { again(path) };
    let _ = writeln!(
        out,
        "{}: {} events of {}, {}, {}",
        path.display(),
        grouped(report.events),
        meta.scenario,
        word(&meta.guarantee),
        word(&meta.mode),
    );
    for (kind, lines) in &trace.unknown {
        let _ = writeln!(out, "note: {} lines of the unknown kind `{kind}` were passed over", grouped(*lines));
    }
    let outcome = verdicts(out, &meta, &events, &report, &|_| false);
    let text = match outcome {
        Outcome { violated: true, .. } => "not accepted: a claimed invariant is violated",
        Outcome { undecided: true, .. } => "undecided: the trace lacks lines that a claimed invariant needs",
        _ => "accepted: everything that is claimed holds",
    };
    let _ = writeln!(out, "{text}\n");
    Ok(outcome)
}

/// A whole trace and what is to be said of it.
pub fn read(path: &Path) -> Result<(Meta, Vec<Event>, Report), String> {
    let place = |error: json::Error| format!("{}:{error}", path.display());
    let trace = json::read(open(path)?).map_err(place)?;
    let meta = trace.meta.clone();
    let events: Vec<Event> = trace.collect::<Result<_, _>>().map_err(place)?;
    let mut verifier = Verifier::new(&meta);
    for event in &events {
        verifier.observe(event);
    }
    Ok((meta, events, verifier.finish()))
}

/// The events of a file that was read before: only a story needs all of them. A pipe can't be read again.
fn again(path: &Path) -> Vec<Event> {
    if !std::fs::metadata(path).is_ok_and(|meta| meta.is_file()) {
        return Vec::new();
    }
    let Ok(trace) = open(path).and_then(|input| json::read(input).map_err(|error| error.to_string())) else {
        return Vec::new();
    };
    trace.map_while(Result::ok).collect()
}

/// Prints the verdict on every invariant, and what there is to tell about those that are violated.
pub fn verdicts(
    out: &mut String,
    meta: &Meta,
    events: &[Event],
    report: &Report,
    excused: &dyn Fn(&Invariant) -> bool,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut stories = String::new();
    for ((invariant, verdict), required) in report.verdicts.iter().zip(&report.required) {
        let claimed = *required && !excused(invariant);
        let (said, why) = match verdict {
            Verdict::Holds => ("holds", invariant.statement().to_string()),
            Verdict::Violated(violation) => {
                outcome.violated |= claimed;
                let _ = writeln!(stories, "{}", story(meta, events, violation).trim_end());
                ("violated", violation.message.clone())
            }
            Verdict::Undecided(why) => {
                outcome.undecided |= claimed;
                ("undecided", why.clone())
            }
            Verdict::Inconclusive(why) => ("inconclusive", why.clone()),
        };
        let note = match (required, excused(invariant)) {
            (_, true) => "  (may be violated)",
            (false, _) => "  (not claimed)",
            (true, false) => "",
        };
        let _ = writeln!(out, "{:>12}  {:<11}  {why}{note}", said, invariant.name());
    }
    for note in &report.notes {
        let _ = writeln!(out, "note: {note}");
    }
    if !stories.is_empty() {
        let _ = writeln!(out, "\n{stories}");
    }
    outcome
}
