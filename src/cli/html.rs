//! What the HTML page shows beside numbers: pictures and stories of findings, the slowest seeds, the machine.

use super::args;
use super::judge::{Entry, Terms, reproduce};
use super::recorded;
use super::seed;
use super::verify;
use crate::picture::export::mermaid;
use crate::picture::{View, Window, diagram};
use crate::report::html::{Extras, Shown, Slow};
use crate::report::{Finding, Kind, Row};
use crate::scenario::Loaded;
use crate::sim::run::{Keep, meta};
use crate::trace::event::{Event, Meta};
use crate::verify::Report;
use std::path::Path;

/// The name of a finding's picture in its folder.
pub const PICTURE: &str = "diagram.svg";
/// Where no line shows what is wrong, the last of the run are shown.
const LAST: u64 = 90;
/// So many of the slowest seeds are named.
pub const SLOWEST: usize = 10;

/// The picture of a failing run: of what this finding is about, and of nothing else that may be wrong with it.
pub fn picture(meta: &Meta, events: &[Event], report: &Report, kind: &Kind) -> Option<String> {
    let about = |invariant| matches!(kind, Kind::Violation(wanted, _) if *wanted == invariant);
    let (verdicts, required) =
        report.verdicts.iter().cloned().zip(&report.required).filter(|((invariant, _), _)| about(*invariant)).unzip();
    let only = Report { verdicts, required, notes: Vec::new(), events: report.events };
    let window = match kind {
        Kind::Violation(..) => Window::Usual,
        _ => Window::Steps((events.len() as u64).saturating_sub(LAST), u64::MAX),
    };
    diagram(meta, events, &only, View { window, ..View::default() }).ok()
}

/// What there is to see of the findings of a sweep. Those that were made small are in folders under `dir`; of the others
/// the smallest seed is run again.
pub fn shown(extras: &mut Extras, dir: &Path, entries: &[Entry], findings: &[Finding]) {
    for finding in findings {
        let folder = dir.join(finding.id());
        let shown = match &finding.shrunk {
            Some(_) => kept(&folder),
            None => {
                let entry = entries.iter().find(|entry| entry.path == finding.path);
                entry.and_then(|entry| again(&entry.loaded, finding)).unwrap_or_default()
            }
        };
        extras.findings.insert(finding.id(), shown);
    }
}

/// What there is in the folder of a finding that was made small.
pub fn kept(folder: &Path) -> Shown {
    Shown {
        picture: std::fs::read_to_string(folder.join(PICTURE)).ok(),
        story: std::fs::read_to_string(folder.join("explanation.txt")).ok().map(|text| timeless(&text)),
        folder: Some(folder.display().to_string()),
        missing: None,
    }
}

/// An explanation without how long it took to make it small, which differs from run to run.
fn timeless(text: &str) -> String {
    let line = |line: &str| match line.split_once(" (") {
        Some((kept, rest)) if line.starts_with("shrunk ") && rest.ends_with(" s)") => format!("{kept}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// The smallest seed of a finding, run again.
pub fn again(loaded: &Loaded, finding: &Finding) -> Option<Shown> {
    let seed = finding.digest.and(finding.seed)?;
    let keep = Keep { trace: true, unjudged: true, ..Keep::default() };
    let (planned, run) = seed::aside(|| seed::simulate(loaded, seed, keep)).ok()?.ok()?;
    let (meta, events) = (meta(&planned.setup, Some(seed)), run.trace.unwrap_or_default());
    let report = crate::verify::verify(&meta, &events);
    Some(of_trace(&meta, &events, &report, &finding.kind))
}

/// What there is to see of a finding in a trace.
pub fn of_trace(meta: &Meta, events: &[Event], report: &Report, kind: &Kind) -> Shown {
    let mut story = String::new();
    if let Kind::Violation(..) = kind {
        verify::verdicts(&mut story, meta, events, report, &|_| false);
    }
    let picture = picture(meta, events, report, kind);
    Shown { picture, story: Some(story).filter(|story| !story.is_empty()), ..Shown::default() }
}

/// Of the findings that were made small, the smallest run as a Mermaid diagram, with the finding's id. Folders of other
/// sweeps aren't taken for this one's.
pub fn mermaid(dir: &Path, findings: &[Finding]) -> Option<(String, String)> {
    let drawn = |finding: &Finding| {
        let folder = dir.join(finding.id());
        recorded::read(&folder).ok().filter(|found| Some(found.seed) == finding.seed)?;
        let (meta, events, _) = verify::read(&folder.join("trace.jsonl")).ok()?;
        let (text, _) = mermaid::sequence(&meta, &events).ok()?;
        Some((events.len(), finding.id(), text))
    };
    let all = findings.iter().filter(|finding| finding.shrunk.is_some()).filter_map(drawn);
    all.min_by_key(|(lines, ..)| *lines).map(|(_, id, text)| (id, text))
}

/// The seeds whose traces have most lines.
pub fn slowest(rows: &[Row], terms: &Terms) -> Vec<Slow> {
    let mut all: Vec<Slow> = Vec::new();
    for row in rows {
        all.extend(row.slowest.iter().map(|slow| Slow {
            events: slow.events,
            scenario: row.name.clone(),
            reproduce: reproduce(&row.path, slow.seed, terms),
        }));
    }
    all.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.cmp(b)));
    all.truncate(SLOWEST);
    all
}

/// With the versions and the machine, which differs from place to place.
pub fn complete(extras: &Extras) -> Extras {
    Extras {
        versions: vec![
            ("cutline", env!("CARGO_PKG_VERSION").to_string()),
            ("stream version", args::STREAM.to_string()),
            ("trace format", args::TRACE.to_string()),
        ],
        machine: vec![
            ("system", std::env::consts::OS.to_string()),
            ("architecture", std::env::consts::ARCH.to_string()),
        ],
        ..extras.clone()
    }
}
