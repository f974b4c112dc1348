//! Jobs in which records go round: a vertex has its own output among its inputs, the back edges.
//!
//! The engine is made for jobs without circles. In one, a subtask would wait for a barrier that comes round only after
//! its own snapshot, and for an end that comes round only after its own. What is here stands around honest processes
//! and gives them what is missing: [`closing`] finds out that nothing goes round any more, [`back_log`] takes the back
//! edges out of the alignment and keeps their records instead.
//!
//! Every subtask of the vertex must be able to take whatever comes round: the back edges need room for it, as a full
//! circle waits for itself, checkpoints or not.

mod back_log;
mod closing;

use super::interpose::{Interposed, Mischief};
use super::plant::Effects;
use super::processes::BarrierLate;
use super::retold::NeverStopsRecording;
use crate::engine;
use crate::engine::config::{Config, Mode};
use crate::engine::gate::Gate;
use crate::engine::message::{Control, Effect, Element, Input, Mark, Request};
use crate::engine::process::Process;
use crate::engine::subtask::Subtask;
use crate::ids::*;
use crate::topology::Topology;
use back_log::BackLog;
use closing::Closing;
use std::sync::Arc;

/// The inputs of a subtask that come from its own vertex.
fn back_edges(topology: &Topology, task: TaskId) -> InputSet {
    let mut back = InputSet::new();
    let subtask = &topology.subtasks[task.index()];
    for (i, channel) in subtask.inputs.iter().enumerate() {
        let from = topology.channels[channel.index()].from;
        if topology.subtasks[from.index()].vertex == subtask.vertex {
            back.insert(InputIndex(i as u32));
        }
    }
    back
}

/// The settings, in this mode.
fn in_mode(config: &Arc<Config>, mode: Mode) -> Arc<Config> {
    if config.mode == mode { config.clone() } else { Arc::new(Config { mode, ..Config::clone(config) }) }
}

/// Aligned on all inputs but back edges, which are logged.
pub(super) fn logged(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    log(t, c, who, |process, _| process)
}

fn log(
    t: &Arc<Topology>,
    c: &Arc<Config>,
    who: Incarnation,
    plant: fn(Box<dyn Process>, &InputSet) -> Box<dyn Process>,
) -> Box<dyn Process> {
    let c = &in_mode(c, Mode::Aligned);
    circle(t, c, who, |back| {
        let Some(open) = back.iter().next() else { return plant(engine::spawn(t, c, who), back) };
        let mut ended = back.clone();
        ended.remove(open);
        let inputs = t.subtasks[who.task.index()].inputs.len();
        let gate = Gate::new(c.mode, inputs, c.checkpoint_after_end, &ended);
        let honest = Box::new(Subtask::new(t, c, who, gate));
        plant(Interposed::boxed(honest, BackLog::new(back, open)), back)
    })
}

/// Barriers overtake nothing, and are markers: the first one is for a snapshot.
pub(super) fn marked(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    mark(t, c, who, |process, _| process)
}

fn mark(
    t: &Arc<Topology>,
    c: &Arc<Config>,
    who: Incarnation,
    plant: fn(Box<dyn Process>, &InputSet) -> Box<dyn Process>,
) -> Box<dyn Process> {
    let in_turn = Effects(|effects| {
        for effect in effects {
            if let Effect::Send(_, Element::Barrier(barrier)) = effect {
                barrier.overtakes = false;
            }
        }
    });
    let c = &in_mode(c, Mode::Unaligned);
    circle(t, c, who, |back| plant(Interposed::boxed(engine::spawn(t, c, who), in_turn), back))
}

/// The engine's own barriers that overtake.
pub(super) fn overtaking(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    let c = &in_mode(c, Mode::Unaligned);
    circle(t, c, who, |_| engine::spawn(t, c, who))
}

fn circle(
    t: &Arc<Topology>,
    c: &Arc<Config>,
    who: Incarnation,
    subtask: impl FnOnce(&InputSet) -> Box<dyn Process>,
) -> Box<dyn Process> {
    if who.task == t.coordinator() {
        return Interposed::boxed(engine::spawn(t, c, who), Starts::new(t));
    }
    closing(t, who.task, subtask(&back_edges(t, who.task)))
}

/// Around a subtask: finds out when nothing goes round any more, if anything goes round at all.
pub(super) fn closing(t: &Arc<Topology>, task: TaskId, inner: Box<dyn Process>) -> Box<dyn Process> {
    let back = back_edges(t, task);
    if back.is_empty() { inner } else { Interposed::boxed(inner, Closing::new(t, task, back)) }
}

/// Subtasks whose upstream is nobody but themselves are told to begin a checkpoint. The engine takes them for subtasks
/// whose barriers are still to come.
#[derive(Clone, Debug)]
struct Starts {
    attempt: Attempt,
    /// For each subtask in a circle those who send to it from outside.
    outside: Vec<(TaskId, Vec<TaskId>)>,
}

impl Starts {
    fn new(topology: &Topology) -> Self {
        let tasks = (0..topology.len() as u32).map(TaskId);
        let outside = tasks.filter_map(|task| {
            let back = back_edges(topology, task);
            let inputs = topology.subtasks[task.index()].inputs.iter().enumerate();
            let regular = inputs.filter(|(i, _)| !back.contains(InputIndex(*i as u32)));
            (!back.is_empty()).then(|| (task, regular.map(|(_, c)| topology.channels[c.index()].from).collect()))
        });
        Starts { attempt: Attempt(0), outside: outside.collect() }
    }
}

impl Mischief for Starts {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        let mut triggers = Vec::new();
        for effect in effects.iter() {
            match effect {
                Effect::Tell(to, Control::Deploy { .. }) => self.attempt = to.attempt,
                Effect::Mark(Mark::Triggered(id, required)) => {
                    let alone = |from: &Vec<TaskId>| !from.iter().any(|task| required.contains(task));
                    let tasks = self.outside.iter().filter(|(task, from)| required.contains(task) && alone(from));
                    triggers.extend(tasks.map(|(task, _)| (*task, *id)));
                }
                _ => {}
            }
        }
        let attempt = self.attempt;
        let tell = |(task, id)| Effect::Tell(Incarnation { task, attempt }, Control::Trigger(id));
        effects.extend(triggers.into_iter().map(tell));
    }
}

// Defects. What is stored has no record in flight.
fn without_flight(process: Box<dyn Process>, _: &InputSet) -> Box<dyn Process> {
    let forget = Effects(|effects| {
        for effect in effects {
            if let Effect::Ask(_, _, Request::Put(_, snapshot)) = effect {
                Arc::make_mut(snapshot).channels.clear();
            }
        }
    });
    Interposed::boxed(process, forget)
}

pub(super) fn forgetful(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    log(t, c, who, without_flight)
}

pub(super) fn stateless(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    mark(t, c, who, without_flight)
}

// Back edges are read as soon as it runs.
#[derive(Clone, Debug)]
struct Hasty {
    back: InputSet,
    running: bool,
}

impl Mischief for Hasty {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        self.running |= effects.iter().any(|effect| matches!(effect, Effect::Tell(_, Control::Running)));
    }

    fn blocks(&self, input: InputIndex, blocked: bool) -> bool {
        blocked && !(self.running && self.back.contains(input))
    }
}

pub(super) fn hasty(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    log(t, c, who, |process, back| Interposed::boxed(process, Hasty { back: back.clone(), running: false }))
}

pub(super) fn endless(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    log(t, c, who, |process, _| Interposed::boxed(process, NeverStopsRecording::default()))
}

// What channels that aren't FIFO would do: a marker arrives before records that were sent ahead of it.
#[derive(Clone, Debug)]
struct Jumps;

impl Mischief for Jumps {
    fn input(&mut self, input: Input) -> Option<Input> {
        Some(match input {
            Input::Overtook { input, barrier, .. } => Input::Element(input, Element::Barrier(barrier)),
            other => other,
        })
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects {
            if let Effect::Send(_, Element::Barrier(barrier)) = effect {
                barrier.overtakes = true;
            }
        }
    }
}

pub(super) fn jumping(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    mark(t, c, who, |process, _| Interposed::boxed(process, Jumps))
}

pub(super) fn late(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    mark(t, c, who, |process, _| Interposed::boxed(process, BarrierLate::default()))
}
