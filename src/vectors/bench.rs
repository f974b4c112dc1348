//! A gate in its inbox, with the clock of a vector.

use super::Text;
use super::format::{Arrival, Element, Entry, Reason, True};
use crate::engine::gate::{BarrierGate, GateEffect};
use crate::engine::inbox::{Inbox, Taken};
use crate::engine::message::{self, Barrier, DeclineReason};
use crate::ids::*;
use std::collections::BTreeSet;

/// What a vector drives.
#[derive(Clone, Debug)]
pub struct Bench<G> {
    inbox: Inbox<Text, G>,
    timeout_ms: Option<u64>,
    now_ms: u64,
    /// The alignment clocks that run, with the time at which they have run down.
    clocks: BTreeSet<(u64, CheckpointId)>,
    taken: Vec<Taken<Text>>,
    done: Vec<Entry>,
}

impl<G: BarrierGate<Text>> Bench<G> {
    /// The gate with nothing arrived, at time 0. Without a timeout no clock ever runs down.
    pub fn new(gate: G, channels: usize, timeout_ms: Option<u64>) -> Self {
        let inbox = Inbox::new(gate, channels);
        Bench { inbox, timeout_ms, now_ms: 0, clocks: BTreeSet::new(), taken: Vec::new(), done: Vec::new() }
    }

    /// Something arrives.
    pub fn arrive(&mut self, arrival: &Arrival) {
        let element = match &arrival.element {
            Element::Record(record) => message::Element::Record(record.clone()),
            Element::Barrier { id, unaligned } => {
                message::Element::Barrier(Barrier { id: CheckpointId(*id), overtakes: *unaligned })
            }
            Element::Cancel(id) => message::Element::Cancel(CheckpointId(*id)),
            Element::End => message::Element::End,
        };
        self.inbox.arrive(InputIndex(arrival.channel), element, &mut self.taken);
        self.note();
    }

    /// Time passes. Clocks that run down on the way are told of at their own time.
    pub fn advance(&mut self, ms: u64) {
        let until = self.now_ms.saturating_add(ms);
        while let Some((due, checkpoint)) = self.clocks.first().copied().filter(|(due, _)| *due <= until) {
            self.clocks.pop_first();
            self.now_ms = self.now_ms.max(due);
            self.inbox.tell(|gate, out| gate.expire(checkpoint, out), &mut self.taken);
            self.note();
        }
        self.now_ms = until;
    }

    /// What the gate has done since this was last asked.
    pub fn done(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.done)
    }

    /// The channels that are blocked, ascending.
    pub fn blocked(&self) -> Vec<u32> {
        self.inbox.blocked().into_iter().map(|input| input.0).collect()
    }

    fn note(&mut self) {
        for taken in self.taken.drain(..) {
            match taken {
                Taken::Deliver(input, record) => self.done.push(Entry::Deliver { channel: input.0, record }),
                Taken::Gate(GateEffect::Snapshot { checkpoint, .. }) => {
                    self.done.push(Entry::Snapshot { checkpoint: checkpoint.0 })
                }
                Taken::Gate(GateEffect::ChannelState { checkpoint, records }) => {
                    let listed = records.into_iter().filter(|(_, records)| !records.is_empty());
                    self.done.extend(listed.map(|(input, records)| {
                        let (checkpoint, channel) = (checkpoint.0, input.0);
                        Entry::ChannelState { checkpoint, channel, records }
                    }));
                }
                Taken::Gate(GateEffect::Abort { checkpoint, reason }) => {
                    self.done.push(Entry::Abort { checkpoint: checkpoint.0, reason: told(reason) })
                }
                Taken::Gate(GateEffect::EndOfInput) => self.done.push(Entry::EndOfInput(True)),
                Taken::Gate(GateEffect::Late(_)) => {}
                Taken::Gate(GateEffect::StartClock(checkpoint)) => {
                    // Starting again replaces, as with any timer.
                    self.clocks.retain(|(_, id)| *id != checkpoint);
                    let due = self.timeout_ms.and_then(|timeout| self.now_ms.checked_add(timeout));
                    self.clocks.extend(due.map(|due| (due, checkpoint)));
                }
                Taken::Gate(GateEffect::StopClock(checkpoint)) => self.clocks.retain(|(_, id)| *id != checkpoint),
            }
        }
    }
}

fn told(reason: DeclineReason) -> Reason {
    match reason {
        DeclineReason::Cancelled => Reason::Cancelled,
        DeclineReason::Subsumed => Reason::Subsumed,
        DeclineReason::EndOfInput => Reason::EndOfInput,
        DeclineReason::NotReady | DeclineReason::StoreFailed => {
            panic!("a gate gives up for what arrived, not for {reason:?}")
        }
    }
}
