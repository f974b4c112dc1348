//! What is compared: checkpoint protocols, and which jobs each can run.

use crate::protocols::alone::rule::Rule;
use crate::scenario::Scenario;
use crate::scenario::build::regions;
use crate::scenario::spec::{Guarantee, Job, Mode, Open, Pick};

/// A protocol with its settings.
pub struct Way {
    /// What the command line calls it.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    mode: Mode,
    /// What it claims, of a job that claims to be exactly once.
    guarantee: Guarantee,
    /// Are channels held whose barrier came?
    pub holds: bool,
    /// Do records tell by themselves where a cut is? Then there are no barriers, and no channel has to be FIFO.
    pub written: bool,
    straight: Runs,
    circles: Runs,
    /// Where everybody takes checkpoints alone: when one is forced.
    pub rule: Option<Rule>,
}

/// Can it run jobs of a kind?
enum Runs {
    /// As this row of the tables of protocols.
    As(&'static str),
    /// Not, for this reason.
    Not(&'static str),
}

const ITSELF: &str = "records go round, and an alignment would wait for a barrier that comes round behind its own end";
const IN_TURN: &str = "what was sent before a cut is told by order, and a channel here isn't FIFO";
const ONE_REGION: &str = "channels connect the whole job, so that there is nothing that could be left out";
const NO_BACK_EDGE: &str = "nothing goes round, and without back edges it is `aligned`";

const fn way(name: &'static str, mode: Mode, about: &'static str) -> Way {
    let (straight, circles) = (Runs::As("engine"), Runs::Not(ITSELF));
    let guarantee = Guarantee::ExactlyOnce;
    Way { name, about, mode, guarantee, holds: true, written: false, straight, circles, rule: None }
}

const fn alone(name: &'static str, rule: Rule, about: &'static str) -> Way {
    let (straight, circles) = (Runs::As(name), Runs::As(name));
    Way { straight, circles, rule: Some(rule), ..way(name, Mode::Alone, about) }
}

/// All of them.
pub static WAYS: &[Way] = &[
    way("aligned", Mode::Aligned, "a channel whose barrier came is held until all have come"),
    Way {
        guarantee: Guarantee::AtLeastOnce,
        holds: false,
        ..way("at-least-once", Mode::AtLeastOnce, "barriers are counted, nothing is held")
    },
    Way {
        circles: Runs::As("unaligned-circle"),
        ..way("unaligned", Mode::Unaligned, "barriers overtake records, which are stored as in flight")
    },
    Way {
        circles: Runs::Not("no protocol of the tables changes over in a circle"),
        ..way("aligned-timeout", Mode::AlignedThenUnaligned, "aligned, and unaligned where that takes too long")
    },
    Way {
        straight: Runs::As("stop-the-world"),
        ..way("stop-the-world", Mode::Aligned, "sources read nothing from a barrier on until its checkpoint has ended")
    },
    Way {
        straight: Runs::As("regional"),
        ..way("regional", Mode::Regional, "aligned; what nothing connects with the rest may keep an older state")
    },
    Way {
        straight: Runs::As("chandy-lamport"),
        circles: Runs::As("chandy-lamport"),
        holds: false,
        ..way("chandy-lamport", Mode::Unaligned, "a snapshot at the first marker, which overtakes nothing")
    },
    Way {
        straight: Runs::Not(NO_BACK_EDGE),
        circles: Runs::As("back-edge-log"),
        ..way(
            "back-edge-log",
            Mode::Aligned,
            "aligned but for back edges, whose records are logged until the barrier returns",
        )
    },
    Way {
        straight: Runs::As("lai-yang"),
        circles: Runs::Not("how a circle comes to its end is found out by markers, which it doesn't have"),
        holds: false,
        written: true,
        ..way("lai-yang", Mode::Unaligned, "records say by themselves whether they were sent before the cut")
    },
    alone("uncoordinated", Rule::Never, "everybody records a state whenever the own timer says so"),
    alone("bcs", Rule::Index, "the same, and before a message with a larger index (communication-induced)"),
    alone("hmnr", Rule::Vectors, "the same, and before a message that could close a zigzag (communication-induced)"),
];

/// The way of this name.
pub fn find(name: &str) -> Option<&'static Way> {
    WAYS.iter().find(|way| way.name == name)
}

/// Does a vertex have its own output among its inputs?
fn goes_round(job: &Job) -> bool {
    job.vertices.iter().any(|vertex| vertex.inputs.iter().any(|input| input.from == vertex.id))
}

impl Way {
    fn runs(&self, scenario: &Scenario) -> &Runs {
        if goes_round(&scenario.job) { &self.circles } else { &self.straight }
    }

    /// The mode of the engine's own gate that it is; none: it is another protocol.
    pub fn setting(&self) -> Option<Mode> {
        matches!(self.straight, Runs::As("engine")).then_some(self.mode)
    }

    /// Why it can't run the job of this scenario; nothing: it can.
    pub fn refuses(&self, scenario: &Scenario) -> Option<&'static str> {
        let fifo = |job: &Job| job.vertices.iter().flat_map(|vertex| &vertex.inputs).all(|input| input.fifo);
        match self.runs(scenario) {
            Runs::As(_) if !self.written && !fifo(&scenario.job) => Some(IN_TURN),
            Runs::As(_) if self.mode == Mode::Regional && regions(scenario) == Some(1) => Some(ONE_REGION),
            Runs::As(_) => None,
            Runs::Not(why) => Some(why),
        }
    }

    /// The same job, the same weather and the same faults under this protocol. One checkpoint at a time, as where
    /// barriers overtake: the number would be another one for each protocol otherwise.
    pub fn of(&self, closed: &Scenario) -> Scenario {
        let mut plan = closed.clone();
        if let Runs::As(protocol) = self.runs(closed) {
            plan.protocol = protocol.to_string();
        }
        plan.checkpoints.mode = Pick::Fixed(self.mode);
        plan.checkpoints.max_concurrent = Some(Open::Fixed(1));
        if plan.guarantee == Guarantee::ExactlyOnce {
            plan.guarantee = self.guarantee;
        }
        plan
    }
}
