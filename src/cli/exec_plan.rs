//! From a scenario to a job that is run for real: what it leaves open gets values that suit a real machine.

use super::args;
use crate::protocols;
use crate::runtime::feed;
use crate::scenario::spec::{Checkpoints, Data, Open, Restart, VertexSpec};
use crate::scenario::{Loaded, Scenario, build, draw, load_unread, render};
use crate::topology::{Role, SourceKind};
use crate::world::setup::Setup;
use std::path::Path;
use std::sync::Arc;

/// A job, ready to be run.
pub struct Planned {
    /// Its tables and settings.
    pub setup: Arc<Setup>,
    /// The scenario with nothing open, standing alone.
    pub plan: Scenario,
    /// What looks odd.
    pub warnings: Vec<String>,
}

/// Reads a scenario and closes it.
///
/// # Errors
/// In words, for a person.
pub fn plan(args: &args::Exec) -> Result<Planned, String> {
    let known: Vec<&str> = protocols::names().collect();
    if let Some(name) = args.protocol.as_ref().filter(|name| !known.contains(&name.as_str())) {
        return Err(super::unknown_protocol(name));
    }
    let mut loaded = load_unread(&args.scenario, &known).map_err(|found| render(&found, true))?;
    if let Some(protocol) = &args.protocol {
        loaded.scenario.protocol = protocol.clone();
    }
    let mut warnings = simulated(&loaded.scenario);
    for_real(&mut loaded.scenario, args.interval_ms);
    let closed = draw(&loaded.scenario, 0);
    let built = build(&closed, &loaded, &protocols::find).map_err(|error| error.to_string())?;
    let sockets = built
        .setup
        .topology
        .graph
        .vertices
        .iter()
        .filter(|vertex| matches!(vertex.role, Role::Source { kind: SourceKind::Socket, .. }));
    if let Some(socket) = sockets.into_iter().next() {
        return Err(format!("`{}` reads a socket, which only the simulator has: make it a `log`", socket.name));
    }
    let around = |v: &VertexSpec| v.inputs.iter().any(|input| input.from == v.id);
    let able = protocols::CIRCLES.iter().any(|row| row.name == closed.protocol);
    if let Some(vertex) = closed.job.vertices.iter().find(|v| around(v) && !able) {
        let (id, protocol) = (&vertex.id, &closed.protocol);
        return Err(format!("`{id}` is among its own inputs, and `{protocol}` would wait there for itself for ever"));
    }
    if protocols::NOTED.iter().any(|row| row.name == closed.protocol) {
        return Err(format!("`{}` writes on records or logs them, which is for the simulator alone", closed.protocol));
    }
    feed::probe(&built.setup.logs)?;
    if closed.transaction_timeout_ms.is_some() {
        warnings.push("`transaction_timeout_ms` is for the simulator: no file expires".to_string());
    }
    let plan = alone(&loaded, &closed, &args.scenario);
    Ok(Planned { setup: Arc::new(built.setup), plan, warnings })
}

/// What a scenario says that a real run can't heed.
fn simulated(scenario: &Scenario) -> Vec<String> {
    let mut said = Vec::new();
    if scenario.faults != Default::default() {
        said.push("faults");
    }
    if scenario.sim != Default::default() {
        said.push("latencies");
    }
    if scenario.job.vertices.iter().filter_map(|v| v.source.as_ref()).any(|s| s.pace.is_some() || s.slow.is_some()) {
        said.push("pace");
    }
    if said.is_empty() { Vec::new() } else { vec![format!("{} are for the simulator, and ignored", said.join(", "))] }
}

/// Gives what is left open a value for real runs. Only how many of something there are is drawn as by seed 0.
fn for_real(scenario: &mut Scenario, interval_ms: Option<u64>) {
    fn close<const A: u64, const B: u64>(open: &mut Open<A, B>, value: u64) {
        if open.fixed().is_none() {
            *open = Open::Fixed(value);
        }
    }
    let Checkpoints { interval_ms: interval, timeout_ms, alignment_timeout_ms, min_pause_ms, .. } =
        &mut scenario.checkpoints;
    close(interval, 1000);
    if let Some(wanted) = interval_ms {
        *interval = Open::Fixed(wanted);
    }
    close(timeout_ms, 600_000);
    close(alignment_timeout_ms, 100);
    close(min_pause_ms, 0);
    let Checkpoints { max_concurrent, tolerable_failures, retain, restart, retry_ms, .. } = &mut scenario.checkpoints;
    close(max_concurrent.get_or_insert(Open::Fixed(1)), 1);
    close(tolerable_failures, 3);
    close(retain, 2);
    close(retry_ms, 2000);
    match restart {
        Restart::None => {}
        Restart::Fixed { attempts, delay_ms } => {
            close(attempts, 10);
            close(delay_ms, 100);
        }
        Restart::Exponential { first_ms, max_ms } => {
            close(first_ms, 20);
            close(max_ms, 10_000);
        }
    }
    close(&mut scenario.job.capacity, 4096);
    for input in scenario.job.vertices.iter_mut().flat_map(|vertex| &mut vertex.inputs) {
        input.capacity.iter_mut().for_each(|capacity| close(capacity, 4096));
    }
}

/// The closed scenario with texts in it and whole paths, so that it can be replayed from anywhere.
fn alone(loaded: &Loaded, closed: &Scenario, path: &Path) -> Scenario {
    let mut alone = loaded.inlined(closed);
    let dir = path.parent().unwrap_or(Path::new(""));
    let dir = std::path::absolute(dir).unwrap_or(dir.to_path_buf());
    for source in alone.job.vertices.iter_mut().filter_map(|vertex| vertex.source.as_mut()) {
        if let Data::Files { files, .. } = &mut source.data {
            files.iter_mut().for_each(|file| *file = dir.join(&*file).display().to_string());
        }
    }
    alone
}
