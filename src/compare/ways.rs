//! What is compared: checkpoint protocols, and which jobs each can run.

use crate::scenario::Scenario;
use crate::scenario::spec::{Guarantee, Mode, Open, Pick};

/// A protocol with its settings.
pub struct Way {
    /// What the command line calls it.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// The row of `PROTOCOLS`.
    pub protocol: &'static str,
    mode: Mode,
    /// What it claims, of a job that claims to be exactly once.
    guarantee: Guarantee,
    /// Are channels held whose barrier came?
    pub holds: bool,
}

const fn way(name: &'static str, mode: Mode, about: &'static str) -> Way {
    Way { name, about, protocol: "engine", mode, guarantee: Guarantee::ExactlyOnce, holds: true }
}

/// All of them.
pub static WAYS: &[Way] = &[
    way("aligned", Mode::Aligned, "a channel whose barrier came is held until all have come"),
    Way {
        guarantee: Guarantee::AtLeastOnce,
        holds: false,
        ..way("at-least-once", Mode::AtLeastOnce, "barriers are counted, nothing is held")
    },
    way("unaligned", Mode::Unaligned, "barriers overtake records, which are stored as in flight"),
    way("aligned-timeout", Mode::AlignedThenUnaligned, "aligned, and unaligned where that takes too long"),
    Way {
        protocol: "stop-the-world",
        ..way("stop-the-world", Mode::Aligned, "sources read nothing from a barrier on until its checkpoint has ended")
    },
];

/// The way of this name.
pub fn find(name: &str) -> Option<&'static Way> {
    WAYS.iter().find(|way| way.name == name)
}

impl Way {
    /// The same job, the same weather and the same faults under this protocol. One checkpoint at a time, as where
    /// barriers overtake: the number would be another one for each protocol otherwise.
    pub fn of(&self, closed: &Scenario) -> Scenario {
        let mut plan = closed.clone();
        plan.protocol = self.protocol.to_string();
        plan.checkpoints.mode = Pick::Fixed(self.mode);
        plan.checkpoints.max_concurrent = Some(Open::Fixed(1));
        if plan.guarantee == Guarantee::ExactlyOnce {
            plan.guarantee = self.guarantee;
        }
        plan
    }
}
