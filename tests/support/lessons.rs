//! On what instances commutation is learned.

use cutline::explore::anchor::setup;
use cutline::explore::rules::*;
use cutline::protocols::anchor::{Bug, Instance};
use cutline::world::setup::Setup;
use std::sync::Arc;

/// Something to learn from.
pub struct Subject {
    pub name: String,
    pub setup: Arc<Setup>,
    pub protocol: &'static str,
    pub mode: String,
    pub rules: Rules,
}

/// The rules of the anchor, with so many power failures.
pub fn anchor_rules(crashes: u8) -> Rules {
    let budget = Budget::default().with(Scarce::Crash, crashes);
    Rules { budget, timers: Timers::Free, ..Rules::default() }
}

/// An instance of the anchor, as it is to be learned from: through one power failure.
fn anchor(instance: Instance) -> Subject {
    let setup = setup(&instance).expect("an instance of a size that there is");
    let protocol = instance.bug.protocol();
    let name = setup.name.replacen("anchor", protocol, 1);
    Subject { name, setup, protocol, mode: "aligned".into(), rules: anchor_rules(1) }
}

/// What the table is learned from: every class is met, with every other that it can meet.
pub fn subjects() -> Vec<Subject> {
    let sizes = [(2, 1, 1, 1), (2, 1, 2, 1), (1, 2, 2, 1), (1, 1, 1, 2)];
    let mut subjects = Vec::new();
    for bug in Bug::ALL {
        for (sources, records, middles, checkpoints) in sizes {
            subjects.push(anchor(Instance { bug, ..Instance::new(sources, records, middles, checkpoints) }));
        }
    }
    subjects
}

/// The small scenarios in whose searches moves are left out, as the engine that ships runs them.
pub fn engines() -> Vec<Subject> {
    super::SMALL.iter().filter_map(|(name, _)| engine(name)).collect()
}

fn engine(name: &str) -> Option<Subject> {
    let job = super::Job::as_it_says(&format!("small/{name}"));
    let rules = job.check_rules();
    let setup = job.searched();
    let mode = cutline::cli::judge::word(&setup.config.mode);
    let name = format!("{name} under engine");
    let fifo = setup.topology.channels.iter().all(|channel| channel.fifo); // elsewhere nothing is left out
    (fifo && job.protocol() == "engine" && rules.reducible()).then_some(Subject {
        name,
        setup,
        protocol: "engine",
        mode,
        rules,
    })
}

/// What must not teach anything new.
pub fn larger() -> Vec<Subject> {
    let sizes = [(2, 2, 2, 1), (3, 1, 1, 1), (1, 2, 2, 2)];
    let sizes = sizes.map(|(s, r, m, k)| Instance::new(s, r, m, k));
    sizes.iter().flat_map(|size| Bug::ALL.map(|bug| anchor(Instance { bug, ..*size }))).collect()
}
