//! Everybody takes checkpoints alone, whenever the own timer says so, and nobody waits for anybody.
//!
//! What is restored is a line through them: one checkpoint of everybody, such that nothing was taken before it that was sent
//! behind it. It is found by rollback propagation (Randell 1975; Wang 1997): from everybody's newest checkpoint on, whoever
//! has taken what isn't sent goes back by one, until nobody has to. Senders log what they send, and keep it with their
//! checkpoints: what was in flight at the line is put back from there.
//!
//! Nothing says that there is such a line but the one of the beginning: that is the domino effect. Communication-induced
//! checkpointing keeps it away: records carry what is known of checkpoints, and some are taken before a message that would
//! make others useless ([`rule`]).
//!
//! [`line`] stands around the engine's coordinator, and turns its checkpoints into lines; [`member`] stands around its
//! subtasks. Local checkpoints count from [`LOCAL`] on, lines from 1.

mod line;
mod member;
pub mod rule;

use super::circles;
use super::interpose::Interposed;
use crate::engine;
use crate::engine::config::{Config, Mode};
use crate::engine::gate::Gate;
use crate::engine::process::Process;
use crate::engine::subtask::Subtask;
use crate::ids::*;
use crate::topology::Topology;
use line::Lines;
use member::Member;
use rule::Rule;
use std::sync::Arc;

/// The number before the first local checkpoint: far above those of lines, so that nobody takes one for the other.
const LOCAL: CheckpointId = CheckpointId(1_000_000);

/// What is left out: the defects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lacks {
    Nothing,
    /// The line is made of everybody's newest checkpoints.
    Propagation,
    /// What was in flight isn't put back.
    Replay,
}

pub(super) fn uncoordinated(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    alone(t, c, who, Rule::Never, Lacks::Nothing)
}

pub(super) fn bcs(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    alone(t, c, who, Rule::Index, Lacks::Nothing)
}

pub(super) fn hmnr(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    alone(t, c, who, Rule::Vectors, Lacks::Nothing)
}

pub(super) fn newest(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    alone(t, c, who, Rule::Never, Lacks::Propagation)
}

pub(super) fn unplayed(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
    alone(t, c, who, Rule::Never, Lacks::Replay)
}

fn alone(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation, rule: Rule, lacks: Lacks) -> Box<dyn Process> {
    if who.task == t.coordinator() {
        return Interposed::boxed(engine::spawn(t, c, who), Lines::new(t, c, who, lacks));
    }
    let interval = c.interval;
    let c = &Arc::new(Config { mode: Mode::Aligned, ..Config::clone(c) });
    let inputs = t.subtasks[who.task.index()].inputs.len();
    // One input is enough for a gate that is told when to cut.
    let mut ended = InputSet::all(inputs);
    ended.remove(InputIndex(0));
    let gate = Gate::new(c.mode, inputs, c.checkpoint_after_end, &ended);
    let member = Member::new(t, who, interval, rule, lacks);
    circles::closing(t, who.task, Interposed::boxed(Box::new(Subtask::new(t, c, who, gate)), member))
}
