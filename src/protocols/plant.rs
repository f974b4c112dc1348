//! How a defect is planted in some of the processes of an honest job.

use super::interpose::Mischief;
use crate::engine::message::{Effect, Input};
use crate::ids::TaskId;
use crate::topology::{Role, SinkKind, Topology};

/// Whom a defect is planted in.
pub(super) enum Whom {
    Coordinator,
    Sources,
    Inner,
    Sinks,
    Writers,
    Subtasks,
}

pub(super) fn is(whom: &Whom, topology: &Topology, task: TaskId) -> bool {
    if task == topology.coordinator() {
        return matches!(whom, Whom::Coordinator);
    }
    let role = &topology.vertex(task).role;
    match whom {
        Whom::Coordinator => false,
        Whom::Sources => matches!(role, Role::Source { .. }),
        Whom::Inner => matches!(role, Role::Inner),
        Whom::Sinks => matches!(role, Role::Sink(SinkKind::TwoPhase)),
        Whom::Writers => matches!(role, Role::Sink(SinkKind::Upsert | SinkKind::Print)),
        Whom::Subtasks => true,
    }
}

/// A spawn function that plants `mischief` in some processes of an honest job.
macro_rules! plant {
    ($name:ident, $whom:ident, $mischief:expr) => {
        pub(super) fn $name(t: &Arc<Topology>, c: &Arc<Config>, who: Incarnation) -> Box<dyn Process> {
            let honest = $crate::engine::spawn(t, c, who);
            if $crate::protocols::plant::is(&$crate::protocols::plant::Whom::$whom, t, who.task) {
                let _config: &Config = c;
                let make: fn(&Topology, Incarnation) -> _ = $mischief;
                return $crate::protocols::interpose::Interposed::boxed(honest, make(t, who));
            }
            honest
        }
    };
}

pub(super) use plant;

/// Tampers with effects, by a function without memory.
#[derive(Clone)]
pub(super) struct Effects(pub(super) fn(&mut Vec<Effect>));

impl std::fmt::Debug for Effects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Effects") // a function's address is nobody's state
    }
}

impl Mischief for Effects {
    fn effects(&mut self, effects: &mut Vec<Effect>) {
        (self.0)(effects);
    }
}

/// Tampers with inputs, by a function without memory.
#[derive(Clone)]
pub(super) struct Inputs(pub(super) fn(&mut Input));

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inputs") // a function's address is nobody's state
    }
}

impl Mischief for Inputs {
    fn input(&mut self, mut input: Input) -> Option<Input> {
        (self.0)(&mut input);
        Some(input)
    }
}
