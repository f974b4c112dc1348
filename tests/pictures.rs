//! Pictures, read by a real XML parser and held against the trace and its verdicts.

#[path = "pictures/diagrams.rs"]
mod diagrams;
#[path = "pictures/docs.rs"]
mod docs;
#[path = "pictures/exports.rs"]
mod exports;
#[path = "pictures/histories.rs"]
mod histories;
#[path = "pictures/pages.rs"]
mod pages;
#[path = "pictures/sheet.rs"]
mod sheet;
mod support;

use cutline::sim::run::{Keep, meta};
use cutline::trace::event::{Event, Meta};
use cutline::verify::{Report, verify};
use support::Job;

/// A trace with its verdicts.
#[derive(Clone)]
struct Told {
    meta: Meta,
    events: Vec<Event>,
    report: Report,
}

/// A seed of a shipped scenario.
fn told(scenario: &str, protocol: &'static str, seed: u64) -> Told {
    let job = Job::of(scenario, protocol);
    let (setup, _) = job.plan(seed);
    let run = job.run_keeping(seed, Keep { trace: true, unjudged: true, ..Keep::default() }).run;
    let (meta, events) = (meta(&setup, Some(seed)), run.trace.expect("it was kept"));
    let report = verify(&meta, &events);
    Told { meta, events, report }
}
