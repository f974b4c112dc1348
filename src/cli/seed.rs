//! One scenario, one seed.

use crate::protocols;
use crate::scenario::{Loaded, Scenario, build, draw};
use crate::sim::run::{Keep, Run, run};
use crate::sim::setup::SimSetup;
use crate::world::setup::Setup;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The threads that simulations run in; see [`hush`].
pub const THREAD: &str = "simulation";

thread_local! {
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics of engines under simulation are findings: nothing of them is printed, but their place is kept.
pub fn hush() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() != Some(THREAD) {
            return usual(info);
        }
        let place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
        PLACE.with_borrow_mut(|kept| *kept = place);
    }));
}

/// What a seed makes of a scenario.
pub struct Planned {
    /// The closed scenario.
    pub plan: Scenario,
    /// For the world.
    pub setup: Arc<Setup>,
    /// For the simulation.
    pub sim: Arc<SimSetup>,
}

/// Draws and builds. An error is one of ours: the scenario was checked when it was loaded.
pub fn plan(loaded: &Loaded, seed: u64) -> Result<Planned, String> {
    let plan = draw(&loaded.scenario, seed);
    let built = build(&plan, loaded, &protocols::find).map_err(|error| error.to_string())?;
    Ok(Planned { plan, setup: Arc::new(built.setup), sim: Arc::new(built.sim) })
}

/// Runs a seed. An error is one of ours, not of the engine.
pub fn simulate(loaded: &Loaded, seed: u64, keep: Keep) -> Result<(Planned, Run), String> {
    let all = || {
        let planned = plan(loaded, seed)?;
        let mut run = run(&planned.setup, &planned.sim, seed, keep);
        if let Some(panic) = &mut run.panic {
            let place = PLACE.with_borrow(|place| place.clone());
            *panic = if place.is_empty() { panic.clone() } else { format!("{place}: {panic}") };
        }
        Ok((planned, run))
    };
    caught(all)?
}

/// Does something in a thread whose panics are silent. An error: it panicked.
pub fn caught<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    let place = |_| format!("a panic outside of the engine at {}", PLACE.with_borrow(|place| place.clone()));
    catch_unwind(AssertUnwindSafe(what)).map_err(place)
}

/// Does something in a thread of its own whose panics are silent.
pub fn aside<T: Send>(what: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(THREAD.to_string()).spawn_scoped(scope, || caught(what));
        let thread = thread.map_err(|error| format!("cannot start a thread: {error}"))?;
        thread.join().unwrap_or_else(|_| Err("a thread panicked".to_string()))
    })
}

/// Runs a seed again, and says what the first event is that differs; none: nothing does, or it was stopped.
pub fn differs(loaded: &Loaded, seed: u64, digest: u64, stop: &AtomicBool) -> Result<Option<String>, String> {
    let (_, again) = simulate(loaded, seed, Keep { unjudged: true, stop: Some(stop), ..Keep::default() })?;
    if again.digest == digest || again.stopped {
        return Ok(None);
    }
    let keep = Keep { trace: true, unjudged: true, ..Keep::default() };
    let ((planned, one), (_, other)) = (simulate(loaded, seed, keep)?, simulate(loaded, seed, keep)?);
    let (one, other) = (one.trace.unwrap_or_default(), other.trace.unwrap_or_default());
    let at = one.iter().zip(&other).position(|(a, b)| a != b).unwrap_or(one.len().min(other.len()));
    let name = |event: Option<&crate::trace::event::Event>| match event {
        Some(event) => format!("{} {:?}", planned.setup.topology.name(event.process), event.kind),
        None => "nothing".to_string(),
    };
    Ok(Some(format!("event {at} differs: {} or {}", name(one.get(at)), name(other.get(at)))))
}
