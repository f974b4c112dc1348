//! `cutline verify`: judges traces, wherever they come from.

use super::args::ReportTo;
use super::exit::{Ending, Why};
use super::judge::word;
use super::output::{self, complain};
use super::{alone, mistake, reports};
use crate::report::{Remark, Sweep, grouped};
use crate::scenario::Diagnostic;
use crate::trace::coverage::Coverage;
use crate::trace::event::{Event, Meta};
use crate::trace::json;
use crate::verify::{Invariant, Report, Verdict, Verifier, story::story};
use clap::Args;
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// `cutline verify`.
#[derive(Args, Debug)]
#[command(after_long_help = "A trace is JSON lines, as docs/trace.md says; it may come from anywhere. `-` is stdin.

Examples:
  cutline verify trace.jsonl
  cutline verify trace.jsonl --report html=trace.html
  cutline replay scenarios/diamond.json --seed 7 --trace t.jsonl && cutline verify t.jsonl
  cutline schema trace")]
pub struct Verify {
    /// Traces
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
    /// Write a report too: html=PATH, junit=, json= and so on (may be given several times)
    #[arg(long, value_name = "FORMAT=PATH", value_parser = super::args::report)]
    pub report: Vec<ReportTo>,
}

/// Judges.
pub fn verify(args: Verify) -> Ending {
    let mut ending = Ending::good();
    let paths: Vec<String> = args.traces.iter().map(|path| path.display().to_string()).collect();
    let mut sweep = alone::of_traces(&paths);
    // A report that goes to stdout is all that goes there.
    let taken = args.report.iter().any(|report| report.path.as_os_str() == "-");
    for path in &args.traces {
        let mut out = String::new();
        match one(path, &mut out, (!args.report.is_empty()).then_some(&mut sweep)) {
            Ok(verdict) => {
                if verdict.violated {
                    ending.add(Why::Violated);
                }
                if verdict.undecided {
                    ending.add(Why::Incomplete);
                }
            }
            Err(found) => {
                mistake::say(&found);
                sweep.diagnostics.push(Remark::from(&*found));
                ending.add(Why::BadInput);
            }
        }
        if let Err(error) = if taken { Ok(true) } else { output::print(&out) } {
            complain(&format!("cannot write to stdout: {error}"));
            return Ending::bad(Why::Internal);
        }
    }
    sweep.tail.exit = ending.code();
    if let Err(problem) = reports::write(&args.report, &sweep) {
        complain(&problem);
        ending.add(Why::Internal);
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

fn open(path: &Path) -> Result<Box<dyn BufRead>, Box<Diagnostic>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    let refused = |problem: String| mistake::unreadable(path, &format!("cannot read `{}`: {problem}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| refused(error.to_string()))?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(refused("it is a directory".to_string()));
    }
    Ok(Box::new(BufReader::new(file)))
}

fn one(path: &Path, out: &mut String, sweep: Option<&mut Sweep>) -> Result<Outcome, Box<Diagnostic>> {
    let place = |error: json::Error| mistake::in_line(path, &error);
    let mut trace = json::read(open(path)?).map_err(place)?;
    let meta = trace.meta.clone();
    let (mut verifier, mut met) = (Verifier::new(&meta), Coverage::default());
    for event in &mut trace {
        let event = event.map_err(place)?;
        verifier.observe(&event);
        met.event(&event);
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
    if let Some(sweep) = sweep {
        let (path, report) = (path.display().to_string(), &report);
        alone::add(sweep, &alone::Judged { path, meta: &meta, report, met, events: &events });
    }
    Ok(outcome)
}

/// A whole trace and what is to be said of it.
pub fn read(path: &Path) -> Result<(Meta, Vec<Event>, Report), Box<Diagnostic>> {
    let place = |error: json::Error| mistake::in_line(path, &error);
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
    let read = open(path).ok().and_then(|input| json::read(input).ok());
    read.into_iter().flatten().map_while(Result::ok).collect()
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
