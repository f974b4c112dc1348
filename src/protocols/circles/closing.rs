//! When does nothing go round any more? Rounds of markers through the back edges: as soon as the other inputs have ended,
//! everybody sends a marker into each of its own, and another one when it has all markers of a round, with a word on
//! whether a record came round meanwhile. A round in which nobody took any shows that there is none left: who took
//! none sent none, and channels are FIFO.

use crate::engine::message::{Effect, Element, Input};
use crate::ids::*;
use crate::protocols::interpose::Mischief;
use crate::topology::Topology;
use std::collections::BTreeMap;

/// Markers travel as cancellations of checkpoints that nobody will ever take: twice the number of the round from here on,
/// and one more if it was quiet.
const ROUNDS: u64 = 1 << 62;

/// The markers of a round that have come.
#[derive(Clone, Debug, Default)]
struct Round {
    from: InputSet,
    loud: bool,
}

/// Stands around a subtask in a circle.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    back: InputSet,
    outputs: Vec<ChannelId>,
    /// Other inputs that haven't ended.
    open: InputSet,
    /// Back edges that have ended: their senders know that nothing goes round.
    gone: InputSet,
    /// The round whose markers are awaited.
    round: Option<u64>,
    rounds: BTreeMap<u64, Round>,
    quiet: bool,
    closed: bool,
    to_send: Vec<CheckpointId>,
}

impl Closing {
    pub(super) fn new(topology: &Topology, task: TaskId, back: InputSet) -> Self {
        let subtask = &topology.subtasks[task.index()];
        let own = |channel: &&ChannelId| {
            let to = topology.channels[channel.index()].to;
            topology.subtasks[to.index()].vertex == subtask.vertex
        };
        let mut open = InputSet::all(subtask.inputs.len());
        back.iter().for_each(|input| _ = open.remove(input));
        Closing {
            outputs: subtask.outputs.iter().filter(own).copied().collect(),
            open,
            back,
            gone: InputSet::new(),
            round: None,
            rounds: BTreeMap::new(),
            quiet: false,
            closed: false,
            to_send: Vec::new(),
        }
    }

    fn begin(&mut self, round: u64) {
        self.round = Some(round);
        self.to_send.push(CheckpointId(ROUNDS + 2 * round + self.quiet as u64));
        self.quiet = true;
    }

    /// Goes on with the next round, if this one's markers are all here. True: nothing goes round any more.
    fn go_on(&mut self) -> bool {
        let Some(number) = self.round.filter(|_| !self.closed) else { return false };
        let round = self.rounds.entry(number).or_default();
        if !self.back.iter().all(|input| round.from.contains(input) || self.gone.contains(input)) {
            return false;
        }
        if round.loud {
            self.begin(number + 1);
            return false;
        }
        self.closed = true;
        true
    }

    /// The process is told that its back edges have ended.
    fn ends(&self) -> Vec<Input> {
        self.back.iter().map(|input| Input::Element(input, Element::End)).collect()
    }
}

impl Mischief for Closing {
    fn all(&mut self, input: Input) -> Vec<Input> {
        let (mut inputs, looks) = match &input {
            Input::Element(at, Element::Cancel(id)) if id.0 >= ROUNDS => {
                let round = self.rounds.entry((id.0 - ROUNDS) / 2).or_default();
                round.from.insert(*at);
                round.loud |= id.0 % 2 == 0;
                (Vec::new(), true)
            }
            Input::Element(at, Element::End) if self.back.contains(*at) => {
                self.gone.insert(*at);
                (Vec::new(), true)
            }
            Input::Element(at, Element::End) => {
                self.open.remove(*at);
                if self.open.is_empty() {
                    self.begin(0);
                }
                (vec![input], true)
            }
            Input::Element(at, Element::Record(_)) => {
                self.quiet &= !self.back.contains(*at);
                (vec![input], false)
            }
            _ => (vec![input], false),
        };
        if looks && self.go_on() {
            inputs.extend(self.ends());
        }
        inputs
    }

    fn effects(&mut self, effects: &mut Vec<Effect>) {
        for id in std::mem::take(&mut self.to_send) {
            effects.extend(self.outputs.iter().map(|channel| Effect::Send(*channel, Element::Cancel(id))));
        }
    }

    fn gates(&self) -> bool {
        true
    }
}
