//! `.cutline/findings/<id>/`: everything about a finding in one folder, so that it can be looked at after the sweep.

use super::exit::{Ending, Why};
use super::judge::{Entry, small as again};
use super::shrink::{Bounds, Small, small, summary};
use super::signals::Signals;
use super::state::State;
use super::{mistake, output, prepare, recorded, seed, verify};
use crate::report::{Finding, Kind, seed as shown};
use crate::scenario::{Loaded, print, token};
use crate::sim::run::{Keep, meta};
use crate::sim::schedule;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind as Line, Meta};
use crate::trace::{json, text};
use crate::verify::{Invariant, Report};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// At the end of a sweep, so many findings are made small,
pub const FINDINGS: usize = 8;
/// each with so many runs at most,
const RUNS: u64 = 4000;
/// which have so many events at most, all of them together. Time is no bound: reports would say what the machine made of
/// it.
const EVENTS: u64 = 8_000_000;
/// A story with more lines leaves out what happens to single records.
const LONG: usize = 80;

/// Makes the findings of a sweep small, as far as that is cheap, and keeps them in folders under `dir`. What can't be
/// written is only warned of: the sweep has its verdict already. With `saved`, the small scenarios are put there too.
pub fn keep(dir: &Path, saved: Option<&Path>, entries: &[Entry], findings: &mut [Finding], signals: &Signals) {
    let fails = |kind: &Kind| matches!(kind, Kind::Violation(..) | Kind::Panic | Kind::Stuck | Kind::JobFailed);
    for finding in findings.iter_mut().filter(|finding| fails(&finding.kind)).take(FINDINGS) {
        let entry = entries.iter().find(|entry| entry.path == finding.path);
        // What was given up is never done: nothing is made of it.
        let (Some(entry), Some(seed), Some(_)) = (entry, finding.seed, finding.digest) else { continue };
        let bounds = Bounds { runs: RUNS, events: EVENTS, deadline: None, signals: signals.clone(), any: false };
        let small = match seed::aside(|| small(&entry.loaded, seed, Some(&finding.kind), bounds)) {
            Ok(Ok(Some(small))) => small,
            Ok(Ok(None)) => continue, // it doesn't fail again: that is a finding of its own
            Ok(Err(problem)) | Err(problem) => {
                output::warn(&problem);
                continue;
            }
        };
        let folder = dir.join(finding.id());
        let also = saved.map_or(Ok(()), |saved| {
            let name = format!("{}-{}.json", entry.loaded.name, finding.id());
            output::file(&saved.join(name), small.text.as_bytes())
        });
        match folder_of(&folder, &entry.loaded, seed, finding, &small).and(also) {
            Ok(()) => {
                let path = folder.join("shrunk.json").display().to_string();
                (finding.shrunk, finding.smaller) = (Some(said(&folder, &small)), Some(again(&path, small.needs)));
                // What a replay compares with: nothing is lost but a note if it can't be written.
                let digest = prepare::scenario(&entry.loaded);
                let written = recorded::write(&folder, finding, &entry.loaded.scenario, digest);
                written.unwrap_or_else(|problem| output::warn(&problem));
            }
            Err(problem) => output::warn(&problem),
        }
    }
}

fn said(folder: &Path, small: &Small) -> String {
    let some = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let (steps, (faults, orderings)) = (some(small.to.0, "step"), small.depth);
    let path = folder.join("shrunk.json");
    let cut = if small.minimal { "" } else { " (cut short)" };
    format!("{steps}, {}, {}{cut}: {}", some(faults, "fault"), some(orderings, "ordering"), path.display())
}

fn folder_of(folder: &Path, loaded: &Loaded, seed: u64, finding: &Finding, small: &Small) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let file = |name: &str, text: &str| output::file(&folder.join(name), text.as_bytes());
    let plan = seed::plan(loaded, seed)?.plan;
    let plan = serde_json::to_value(loaded.inlined(&plan)).map_err(|error| error.to_string())?;
    file("scenario.json", &print::print(&plan))?;
    file("shrunk.json", &small.text)?;
    let needed = small.needs.unwrap_or(0);
    let keep = Keep { trace: true, schedule: true, ..Keep::default() };
    let (planned, run) = seed::aside(|| seed::simulate(&small.loaded, needed, keep)).and_then(|result| result)?;
    let topology = &planned.setup.topology;
    let about = format!("{} seed {}", small.loaded.name, shown(needed));
    file("schedule.txt", &schedule::print(topology, &about, run.schedule.as_deref().unwrap_or_default()))?;
    let events = run.trace.as_deref().unwrap_or_default();
    let meta = meta(&planned.setup, Some(needed));
    let problem = |error: std::io::Error| format!("cannot make the trace: {error}");
    let mut writer = json::Writer::new(Vec::new(), &meta).map_err(problem)?;
    events.iter().try_for_each(|event| writer.event(event)).map_err(problem)?;
    output::file(&folder.join("trace.jsonl"), &writer.finish().map_err(problem)?)?;
    let again = again(&folder.join("shrunk.json").display().to_string(), small.needs);
    file("repro.txt", &format!("{}\n{again}\n", finding.reproduce))?;
    let token = token::of(&small.text).map_err(|error| error.to_string())?;
    file("token.txt", &format!("{}\n", super::judge::small(&token, small.needs)))?;
    let judged = run.report.clone().unwrap_or_else(|| crate::verify::verify(&meta, events));
    if let Some(picture) = super::html::picture(&meta, events, &judged, &finding.kind) {
        file(super::html::PICTURE, &picture)?;
    }
    let mut told = format!("{}: {}\n{}\n\n", finding.scenario, finding.kind.title(), finding.message);
    told.push_str(&summary(small));
    if let Some(report) = &run.report {
        told.push_str(&story(topology, &meta, events, report, false));
    }
    let _ = write!(told, "\nreproduce: {again}\n");
    file("explanation.txt", &told)
}

/// What happens, step by step, and what is wrong with it.
pub fn story(topology: &Topology, meta: &Meta, events: &[Event], report: &Report, full: bool) -> String {
    let mut proof = String::new();
    verify::verdicts(&mut proof, meta, events, report, &|_: &Invariant| false);
    // What is said below of single records stays.
    let named: BTreeSet<usize> =
        proof.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
    let mut out = String::from("\nstep by step");
    let record = |event: &Event| {
        matches!(event.kind, Line::Send { .. } | Line::Apply { .. } | Line::Read { .. } | Line::Visible { .. })
    };
    let all = full || events.len() <= LONG;
    out.push_str(if all { ":\n" } else { ", without the lines of most records (--full shows them):\n" });
    // Steps keep their numbers, whatever is left out: what is said below speaks of them.
    out.push_str(&text::page(topology, &[]));
    let (mut state, mut shown, mut left) = (State::default(), 0, 0);
    for (step, event) in events.iter().enumerate() {
        let changes = state.take(topology, event);
        if !all && record(event) && !named.contains(&step) {
            continue;
        }
        if shown >= 4 * LONG && !full && !named.contains(&step) {
            left += 1;
            continue;
        }
        shown += 1;
        let _ = writeln!(out, "{}", text::line(topology, step as u64, event));
        changes.iter().for_each(|change| _ = writeln!(out, "{:>19}| {change}", ""));
    }
    if left > 0 {
        let _ = writeln!(out, "... and {left} more: --full shows all");
    }
    out.push('\n');
    out + &proof
}

/// `cutline explain` of a folder of a finding, or of a trace.
pub fn explain(path: &Path, full: bool) -> Result<Ending, String> {
    let file: PathBuf = match (path.is_dir(), full) {
        (true, false) => path.join("explanation.txt"),
        (true, true) => path.join("trace.jsonl"),
        (false, _) => path.to_path_buf(),
    };
    let shown = file.display();
    if path.is_dir() && !full {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("cannot read {shown}: {error}"))?;
        return Ok(super::printed(output::print(&text), Ending::good()));
    }
    let (meta, events, report) = match verify::read(&file) {
        Ok(read) => read,
        Err(found) => {
            mistake::say(&found);
            return Ok(Ending::bad(Why::BadInput));
        }
    };
    let topology = Topology::build(meta.graph.clone());
    let text = story(&topology, &meta, &events, &report, full);
    Ok(super::printed(output::print(text.trim_start()), Ending::good()))
}
