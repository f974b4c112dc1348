//! One run, or recorded traces, as a report: a sweep of one seed, so that every format of reports takes it.

use super::html::{of_trace, slowest};
use super::judge::{Entry, Facts, Terms, allowed, row, word};
use super::outcome::Outcome;
use super::parse::{Partition, Range, quoted};
use super::plan::Seeds;
use super::prepare::{headed, scenario};
use super::replay::Replay;
use super::seed::Planned;
use super::tally::{Allowed, Tally};
use crate::digest::Digest;
use crate::report::{Finding, Remark, Row, Sweep, Tail, html::Slow, seed as shown};
use crate::scenario::Loaded;
use crate::sim::run::{Run, meta};
use crate::trace::coverage::{Coverage, MET};
use crate::trace::event::{Event, Meta};
use crate::verify::Report;

/// A report of one run, which ends with this exit code.
pub fn of_run(args: &Replay, loaded: &Loaded, planned: &Planned, run: &Run, exit: u8) -> Sweep {
    let (path, seeds) = (args.scenario.display().to_string(), vec![args.seed]);
    let seeds = Seeds::These { name: loaded.name.clone(), seeds };
    let entry =
        Entry { path, label: loaded.name.clone(), loaded: loaded.clone(), seeds, allowed: allowed(&loaded.scenario) };
    let terms = Terms::whole(args.protocol.clone(), args.max_steps);
    // Goals are for many seeds.
    let facts = Facts { goals: Vec::new(), ..entry.facts() };
    let mut tally = Tally::default();
    tally.take(Outcome::of(planned, run, &entry.allowed), 0, args.seed);
    let (row, mut findings) = row(&facts, Some(1), &tally, &terms);
    let mut words = vec!["replay".to_string(), entry.path.clone(), "--seed".to_string(), shown(args.seed)];
    words.extend(terms.words());
    if let Some(schedule) = &args.schedule {
        let schedule = schedule.display().to_string();
        findings.iter_mut().for_each(|finding| finding.reproduce += &format!(" --schedule {}", quoted(&schedule)));
        words.extend(["--schedule".to_string(), schedule]);
    }
    let mut tail = Tail { exit, ..Tail::default() };
    tail.extras.slowest = Some(slowest(std::slice::from_ref(&row), &terms));
    if let Some(report) = &run.report {
        let (meta, events) = (meta(&planned.setup, Some(args.seed)), run.trace.as_deref().unwrap_or_default());
        let shown = |finding: &Finding| (finding.id(), of_trace(&meta, events, report, &finding.kind));
        tail.extras.findings = findings.iter().map(shown).collect();
    }
    let head = headed(words, format!("{:032x}", scenario(loaded)), Partition::WHOLE, None, 1);
    Sweep { head, scenarios: vec![row], findings, diagnostics: Vec::new(), tail }
}

/// A trace that was judged.
pub struct Judged<'a> {
    /// Its file, as it was named.
    pub path: String,
    /// The header.
    pub meta: &'a Meta,
    /// What is said of it.
    pub report: &'a Report,
    /// What was met in it.
    pub met: Coverage,
    /// Its lines, if something is to be shown.
    pub events: &'a [Event],
}

/// Adds a trace to a report.
pub fn add(sweep: &mut Sweep, trace: &Judged) {
    let claims = trace.report.verdicts.iter().zip(&trace.report.required);
    let facts = Facts {
        path: trace.path.clone(),
        // Traces may be of one scenario: their files tell them apart.
        name: trace.path.clone(),
        protocol: "unknown".to_string(),
        guarantee: word(&trace.meta.guarantee),
        digest: None,
        claims: claims.filter(|(_, required)| **required).map(|((invariant, _), _)| *invariant).collect(),
        allowed: Allowed::default(),
        goals: Vec::new(),
        expected: None,
        usual: 1,
        range: Range { from: 0, to: Some(1) },
        sequence: false,
    };
    let met = (0..MET.len()).filter(|at| trace.met.met(MET[*at].0)).collect();
    let mut outcome = Outcome { events: trace.report.events, met, ..Outcome::default() };
    outcome.verdicts(trace.report, &facts.allowed);
    let mut tally = Tally::default();
    tally.take(outcome, 0, trace.meta.seed.unwrap_or(0));
    let (mut row, mut findings): (Row, Vec<Finding>) = row(&facts, Some(1), &tally, &Terms::whole(None, None));
    let again = format!("cutline verify {}", quoted(&trace.path));
    row.verdicts.iter_mut().filter_map(|judged| judged.why.as_mut()).for_each(|why| why.1 = again.clone());
    for finding in &mut findings {
        finding.reproduce = again.clone();
        (finding.seed, finding.digest) = (trace.meta.seed, None);
        let shown = of_trace(trace.meta, trace.events, trace.report, &finding.kind);
        sweep.tail.extras.findings.insert(finding.id(), shown);
    }
    let slow = Slow { events: trace.report.events, scenario: trace.path.clone(), reproduce: again };
    sweep.tail.extras.slowest.get_or_insert_default().push(slow);
    sweep.scenarios.push(row);
    sweep.findings.extend(findings);
}

/// A report of traces in which there is nothing yet.
pub fn of_traces(paths: &[String]) -> Sweep {
    let words: Vec<String> = std::iter::once("verify".to_string()).chain(paths.iter().cloned()).collect();
    let mut digest = Digest::new();
    paths.iter().for_each(|path| digest.bytes(path.as_bytes()));
    let head = headed(words, format!("{:032x}", digest.finish128()), Partition::WHOLE, None, 1);
    let diagnostics: Vec<Remark> = Vec::new();
    Sweep { head, scenarios: Vec::new(), findings: Vec::new(), diagnostics, tail: Tail::default() }
}
