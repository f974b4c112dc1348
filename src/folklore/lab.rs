//! A scenario with which something is tried.

use crate::protocols;
use crate::scenario::{Loaded, build, draw};
use crate::sim::run::{Keep, Run, run};
use crate::trace::event::Event;
use crate::verify::{Invariant, Report, Verdict};
use crate::world::setup::Setup;
use std::sync::Arc;

/// A scenario and seeds.
pub struct Lab {
    /// The scenario.
    pub loaded: Loaded,
    /// The seeds that it is tried with.
    pub seeds: Vec<u64>,
}

/// A run that was judged, with its trace.
pub(super) struct Seen {
    pub setup: Arc<Setup>,
    pub trace: Vec<Event>,
    pub report: Report,
}

impl Seen {
    pub fn violated(&self) -> bool {
        !self.report.violated().is_empty()
    }
}

impl Lab {
    /// The same with another scenario.
    pub(super) fn with(&self, edit: impl FnOnce(&mut crate::scenario::Scenario)) -> Lab {
        let mut loaded = self.loaded.clone();
        edit(&mut loaded.scenario);
        Lab { loaded, seeds: self.seeds.clone() }
    }

    fn run(&self, protocol: &str, seed: u64, keep: Keep) -> Result<(Arc<Setup>, Run), String> {
        let spawn = protocols::find(protocol).ok_or_else(|| format!("no protocol is called {protocol}"))?;
        let built = build(&draw(&self.loaded.scenario, seed), &self.loaded, &|_| Some(spawn));
        let built = built.map_err(|error| error.to_string())?;
        let setup = Arc::new(built.setup);
        let run = run(&setup, &Arc::new(built.sim), seed, keep);
        Ok((setup, run))
    }

    /// The first seed that violates an invariant: its place, itself, and what happened.
    pub(super) fn first(&self, protocol: &str, invariant: Invariant) -> Result<Option<(usize, u64, String)>, String> {
        for (place, seed) in self.seeds.iter().enumerate() {
            let (_, run) = self.run(protocol, *seed, Keep::default())?;
            if let Some(Verdict::Violated(found)) = run.report.as_ref().map(|report| report.verdict(invariant)) {
                return Ok(Some((place, *seed, found.message.clone())));
            }
        }
        Ok(None)
    }

    /// The first of so many seeds that violates anything at all, in words.
    pub(super) fn bad(&self, protocol: &str, seeds: usize) -> Result<Option<String>, String> {
        for seed in &self.seeds[..seeds.min(self.seeds.len())] {
            let (_, run) = self.run(protocol, *seed, Keep::default())?;
            let violated = run.report.map(|report| report.violated()).unwrap_or_default();
            if let Some(panic) = run.panic {
                return Ok(Some(format!("seed {seed:#018x} panics: {panic}")));
            }
            if let Some(first) = violated.first() {
                return Ok(Some(format!("{} violated by seed {seed:#018x}", first.name())));
            }
        }
        Ok(None)
    }

    /// Runs all seeds with their traces.
    pub(super) fn each(&self, protocol: &str, mut look: impl FnMut(&Seen)) -> Result<(), String> {
        for seed in &self.seeds {
            let (setup, run) = self.run(protocol, *seed, Keep { trace: true, ..Keep::default() })?;
            match (run.panic, run.trace, run.report) {
                (None, Some(trace), Some(report)) => look(&Seen { setup, trace, report }),
                (panic, ..) => return Err(format!("seed {seed:#018x}: {}", panic.unwrap_or_default())),
            }
        }
        Ok(())
    }
}
