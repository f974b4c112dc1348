//! A gate with one FIFO for each channel, for drivers that can't stop reading: what arrives on a blocked channel
//! waits here, and is taken in the order of arrival once the gate lets go of it. It knows no time.
//!
//! Nothing overtakes in an inbox: what can be taken is taken at once, so that a barrier finds records ahead of
//! it only on a channel that is blocked, where it waits as they do.

use super::gate::{BarrierGate, GateEffect};
use super::message::Element;
use crate::ids::*;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// What comes out of an inbox, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken<R> {
    /// A record is handed to the operator.
    Deliver(InputIndex, R),
    /// The gate asks for something.
    Gate(GateEffect<R>),
}

/// The number of an arrival, over all channels.
type Arrival = u64;

/// A gate and what waits in front of it.
#[derive(Clone, Debug)]
pub struct Inbox<R, G> {
    gate: G,
    /// What waits on each channel, oldest first.
    waiting: Vec<VecDeque<(Arrival, Element<R>)>>,
    /// How many elements have arrived.
    arrivals: Arrival,
    /// Reused; empty between calls.
    effects: Vec<GateEffect<R>>,
}

impl<R, G: BarrierGate<R>> Inbox<R, G> {
    /// An empty inbox of so many channels in front of this gate.
    pub fn new(gate: G, inputs: usize) -> Self {
        let waiting = (0..inputs).map(|_| VecDeque::new()).collect();
        Inbox { gate, waiting, arrivals: 0, effects: Vec::new() }
    }

    /// The gate behind the inbox.
    pub fn gate(&self) -> &G {
        &self.gate
    }

    /// The channels that are blocked now, ascending.
    pub fn blocked(&self) -> Vec<InputIndex> {
        let inputs = (0..self.waiting.len()).map(|input| InputIndex(input as u32));
        inputs.filter(|input| self.gate.blocked(*input)).collect()
    }

    /// How many elements wait on this channel.
    pub fn waiting(&self, input: InputIndex) -> usize {
        self.waiting[input.index()].len()
    }

    /// Something arrives: it is taken, with everything that this releases, or it waits.
    pub fn arrive(&mut self, input: InputIndex, element: Element<R>, out: &mut Vec<Taken<R>>) {
        self.arrivals += 1;
        let waiting = &mut self.waiting[input.index()];
        if self.gate.blocked(input) {
            waiting.push_back((self.arrivals, element));
        } else if !waiting.is_empty() {
            // Our gate lets go of nothing in silence, but another may.
            waiting.push_back((self.arrivals, element));
            self.release(out);
        } else if self.take(input, element, out) {
            self.release(out);
        }
    }

    /// Tells the gate something that did not arrive on a channel (a trigger, an abort, an expired clock), and
    /// takes what that releases.
    pub fn tell(&mut self, what: impl FnOnce(&mut G, &mut Vec<GateEffect<R>>), out: &mut Vec<Taken<R>>) {
        what(&mut self.gate, &mut self.effects);
        out.extend(self.effects.drain(..).map(Taken::Gate));
        self.release(out);
    }

    /// Takes one element; true if the gate may have let go of a channel, which no record brings about.
    fn take(&mut self, input: InputIndex, element: Element<R>, out: &mut Vec<Taken<R>>) -> bool {
        match element {
            Element::Record(record) => {
                self.gate.record(input, &record);
                out.push(Taken::Deliver(input, record));
                return false;
            }
            Element::Barrier(barrier) => self.gate.barrier(input, barrier, &mut self.effects),
            Element::Cancel(checkpoint) => self.gate.cancel(input, checkpoint, &mut self.effects),
            Element::End => self.gate.end(input, &mut self.effects),
            Element::Noted(_) => unreachable!("what is written on a record is taken off before"),
        }
        out.extend(self.effects.drain(..).map(Taken::Gate));
        true
    }

    /// Takes what waits in order of arrival, each with all its consequences, until all that is left is blocked.
    fn release(&mut self, out: &mut Vec<Taken<R>>) {
        let mut heads = self.heads();
        while let Some(Reverse((_, input))) = heads.pop() {
            let (_, element) = self.waiting[input.index()].pop_front().expect("a head has its element");
            if self.take(input, element, out) {
                heads = self.heads(); // blocking may be another now
            } else if let Some((arrival, _)) = self.waiting[input.index()].front() {
                heads.push(Reverse((*arrival, input)));
            }
        }
    }

    /// The oldest element of each channel that may be read, the oldest of all on top.
    fn heads(&self) -> BinaryHeap<Reverse<(Arrival, InputIndex)>> {
        let heads = self.waiting.iter().enumerate().filter_map(|(input, waiting)| {
            let input = InputIndex(input as u32);
            let (arrival, _) = waiting.front()?;
            (!self.gate.blocked(input)).then_some(Reverse((*arrival, input)))
        });
        heads.collect()
    }
}
