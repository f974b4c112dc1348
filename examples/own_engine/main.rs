//! Somebody else's engine behind the seam: a gate and a coordinator of our own, each once as they should be and once with
//! a mistake, in a program that has all of cutline's commands. docs/your-engine.md goes through it.
//!
//! ```sh
//! cargo run --release --example own_engine -- run scenarios/diamond.json --protocol my-gate
//! ```

mod coordinator;
mod gate;

use coordinator::Boss;
use cutline::engine::config::{Config, Mode};
use cutline::engine::process::Process;
use cutline::engine::subtask::Subtask;
use cutline::ids::Incarnation;
use cutline::protocols::Protocol;
use cutline::topology::Topology;
use gate::TableGate;
use std::process::ExitCode;
use std::sync::Arc;

/// What `--protocol` may name, beside what there is already.
pub static MINE: [Protocol; 4] = [
    Protocol {
        name: "my-gate",
        about: "a gate of our own in the engine's subtasks",
        breaks: None,
        scenario: "diamond",
        spawn: |topology, config, who| with_my_gate(topology, config, who, false),
    },
    Protocol {
        name: "my-gate-broken",
        about: "the same; any barrier counts for the checkpoint that is pending",
        breaks: Some("I2"),
        scenario: "concurrent_checkpoints",
        spawn: |topology, config, who| with_my_gate(topology, config, who, true),
    },
    Protocol {
        name: "my-coordinator",
        about: "a coordinator of our own above the engine's subtasks",
        breaks: None,
        scenario: "diamond",
        spawn: |topology, config, who| with_my_coordinator(topology, config, who, false),
    },
    Protocol {
        name: "my-coordinator-broken",
        about: "the same; a checkpoint is complete when the sinks have acknowledged it",
        breaks: Some("I4"),
        scenario: "diamond",
        spawn: |topology, config, who| with_my_coordinator(topology, config, who, true),
    },
];

fn with_my_gate(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation, mistake: bool) -> Box<dyn Process> {
    if who.task == t.coordinator() {
        return cutline::engine::spawn(t, c, who);
    }
    assert!(c.mode == Mode::Aligned && c.checkpoint_after_end, "my gate aligns, and knows nothing else");
    let inputs = t.subtasks[who.task.index()].inputs.len();
    Box::new(Subtask::new(t, c, who, TableGate::new(inputs, mistake)))
}

fn with_my_coordinator(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation, mistake: bool) -> Box<dyn Process> {
    if who.task == t.coordinator() {
        return Box::new(Boss::new(t, c, who, mistake));
    }
    cutline::engine::spawn(t, c, who)
}

fn main() -> ExitCode {
    cutline::protocols::add(&MINE);
    cutline::cli::main()
}
