//! The same job, the same records, the same delays and the same faults under one protocol after another, and what
//! that costs. Everything is taken from traces, by folds that know no process; times are virtual, so that the figures
//! are the same on every machine.

mod alone;
mod figures;
mod fold;
pub mod induced;
mod measure;
mod recovery;
pub mod rollback;
mod ways;
pub mod zigzag;

pub use figures::{FIGURES, Figure, Shown};
pub use measure::{Formed, Measure};
pub use ways::{WAYS, Way, find};

use crate::ids::Nanos;
use crate::protocols;
use crate::scenario::{Loaded, Scenario, build, draw};
use crate::sim::run::{Beside, Keep, run};
use crate::topology::Topology;
use crate::trace::event::{Event, Kind};
use fold::Fold;
use std::sync::Arc;

/// What goes wrong while protocols are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Nothing.
    Calm,
    /// What the scenario says.
    Faults,
}

/// What came of one protocol.
#[derive(Clone, Debug)]
pub struct Column {
    /// The protocol.
    pub way: &'static str,
    /// The sums, or why it can't run the job.
    pub measure: Result<Measure, String>,
    /// What it claims and didn't keep, with the first seed that shows it.
    pub broken: Vec<(u64, String)>,
}

/// Runs a scenario under these protocols, with these seeds. An error is one of ours.
pub fn compare(loaded: &Loaded, seeds: &[u64], ways: &[&'static Way], weather: Weather) -> Result<Vec<Column>, String> {
    let plans: Vec<(u64, Scenario)> =
        seeds.iter().map(|seed| (*seed, planned(&loaded.scenario, *seed, weather))).collect();
    ways.iter().map(|way| column(loaded, &plans, way)).collect()
}

fn planned(scenario: &Scenario, seed: u64, weather: Weather) -> Scenario {
    let mut closed = draw(scenario, seed);
    if weather == Weather::Calm {
        closed.faults.script.clear();
    }
    closed
}

fn column(loaded: &Loaded, plans: &[(u64, Scenario)], way: &'static Way) -> Result<Column, String> {
    let mut column = Column { way: way.name, measure: Ok(Measure::default()), broken: Vec::new() };
    let mut sum = Measure::default();
    if let Some(why) = way.refuses(&loaded.scenario) {
        column.measure = Err(why.to_string());
        return Ok(column);
    }
    for (seed, closed) in plans {
        let ran = ran(loaded, &way.of(closed), *seed).map_err(|problem| format!("{}: {problem}", way.name))?;
        let (measure, problems) = match way.rule {
            None if way.written => (written(&ran), Vec::new()),
            None => (measure(&ran.topology, way.holds, &ran.trace), Vec::new()),
            Some(rule) => alone::alone(&ran, rule),
        };
        sum.add(&measure);
        column.broken.extend(ran.broken.into_iter().chain(problems).map(|problem| (*seed, problem)));
    }
    column.measure = Ok(sum);
    Ok(column)
}

/// What came of one run.
pub struct Ran {
    /// The tables of its job.
    pub topology: Arc<Topology>,
    /// Between two triggers.
    pub interval: Nanos,
    /// Its lines; none, if the engine panicked.
    pub trace: Vec<Event>,
    /// What was said beside.
    pub beside: Beside,
    /// What was claimed and not kept.
    pub broken: Vec<String>,
}

/// Runs a plan under a seed, and judges it.
///
/// # Errors
/// The plan can't be built.
pub fn ran(loaded: &Loaded, plan: &Scenario, seed: u64) -> Result<Ran, String> {
    let built = build(plan, loaded, &protocols::find).map_err(|error| error.to_string())?;
    let setup = Arc::new(built.setup);
    let run = run(&setup, &Arc::new(built.sim), seed, Keep { trace: true, ..Keep::default() });
    let (topology, interval, beside) = (setup.topology.clone(), setup.config.interval, run.beside);
    if let Some(panic) = run.panic {
        return Ok(Ran { topology, interval, trace: Vec::new(), beside, broken: vec![format!("panic: {panic}")] });
    }
    let failures = run.report.iter().flat_map(|report| report.failures());
    let broken = failures.map(|violation| format!("{}: {}", violation.invariant.name(), violation.message)).collect();
    Ok(Ran { topology, interval, trace: run.trace.unwrap_or_default(), beside, broken })
}

/// The same where records tell where a cut is: everybody is told to begin, there are no barriers, and every record has
/// a number on it; whoever takes a cut tells the receiver of each of his channels what went into it.
fn written(ran: &Ran) -> Measure {
    let mut fold = Fold::unmarked(&ran.topology);
    ran.trace.iter().for_each(|event| fold.observe(event));
    let outputs = |event: &Event| ran.topology.subtasks[event.process.index()].outputs.len() as u64;
    let snaps = ran.trace.iter().filter(|event| matches!(event.kind, Kind::Snap { .. }));
    let sent = ran.trace.iter().filter(|event| matches!(event.kind, Kind::Send { .. })).count() as u64;
    let Beside { noted, bytes, asides, .. } = ran.beside;
    let formed = |measured, form| Formed { measured, form, excused: 0 };
    Measure {
        noted,
        written: formed(bytes, 8 * sent),
        asides: formed(asides, snaps.map(outputs).sum()),
        ..fold.finish()
    }
}

/// What a trace tells of one run. `holds`: the protocol holds channels whose barrier came.
pub fn measure(topology: &Topology, holds: bool, trace: &[Event]) -> Measure {
    let mut fold = Fold::new(topology, holds);
    trace.iter().for_each(|event| fold.observe(event));
    fold.finish()
}
