//! Protocols in which every process takes checkpoints by itself: on its own timer, and, where messages carry a word of the
//! sender's checkpoints, before a message that would make one useless.
//!
//! They hold nothing and wait for nothing, so that the messages of a run are the same with them as without. Therefore they
//! aren't run: [`induce`] goes through the messages of a run and says where they would have recorded states. What comes
//! out is a trace again, with those states as its only snapshots, and it is judged by folds that know nothing of this.

use crate::ids::*;
use crate::topology::Topology;
use crate::trace::event::{Event, Kind};
use std::collections::BTreeMap;

/// When is a checkpoint forced, and by what?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Never: uncoordinated.
    Never,
    /// By a larger index than the own one: Briatico, Ciuffoletti & Simoncini (1984).
    Index,
    /// By vectors that tell whether a message would close a zigzag: Helary, Mostefaoui, Netzer & Raynal (2000).
    Vectors,
    /// A defect: indices are handed on, and nobody acts upon them.
    IndexIgnored,
    /// A defect: half of the condition of `Vectors`.
    VectorsByHalf,
}

/// What a process knows, and what a message carries of it.
#[derive(Clone, Debug)]
struct Knowledge {
    index: u64,
    /// For each process how many checkpoints of it are known,
    checkpoints: Vec<u64>,
    /// whether a causal path from the last of those has a checkpoint on it,
    taken: Vec<bool>,
    /// and whether the own index is greater than its index.
    greater: Vec<bool>,
}

#[derive(Clone, Debug)]
struct Peer {
    knows: Knowledge,
    sent_to: Vec<bool>,
    /// When its timer goes off next.
    due: u64,
}

impl Peer {
    fn new(n: usize, due: u64) -> Self {
        let knows = Knowledge { index: 0, checkpoints: vec![0; n], taken: vec![false; n], greater: vec![false; n] };
        Peer { knows, sent_to: vec![false; n], due }
    }

    fn checkpoint(&mut self, me: usize) {
        self.sent_to.fill(false);
        self.knows.index += 1;
        self.knows.checkpoints[me] += 1;
        self.knows.taken.fill(true);
        self.knows.greater.fill(true);
        (self.knows.taken[me], self.knows.greater[me]) = (false, false);
    }

    fn forces(&self, me: usize, rule: Rule, message: &Knowledge) -> bool {
        let ahead = message.index > self.knows.index;
        let crosses = ahead && self.sent_to.iter().zip(&message.greater).any(|(sent, greater)| *sent && *greater);
        let returns = message.checkpoints[me] == self.knows.checkpoints[me] && message.taken[me];
        match rule {
            Rule::Never | Rule::IndexIgnored => false,
            Rule::Index => ahead,
            Rule::Vectors => crosses || returns,
            Rule::VectorsByHalf => returns,
        }
    }

    /// What is learnt from a message. A forced checkpoint comes before.
    fn learn(&mut self, me: usize, message: &Knowledge) {
        let mine = &mut self.knows;
        for k in (0..mine.checkpoints.len()).filter(|k| *k != me) {
            if message.index > mine.index {
                mine.greater[k] = message.greater[k];
            } else if message.index == mine.index {
                mine.greater[k] &= message.greater[k];
            }
            if message.checkpoints[k] > mine.checkpoints[k] {
                (mine.checkpoints[k], mine.taken[k]) = (message.checkpoints[k], message.taken[k]);
            } else if message.checkpoints[k] == mine.checkpoints[k] {
                mine.taken[k] |= message.taken[k];
            }
        }
        mine.index = mine.index.max(message.index);
    }
}

/// Bytes that a message carries beside its record: words for numbers, and bits in whole bytes.
fn carried(rule: Rule, knows: &Knowledge) -> u64 {
    let bits = |list: &[bool]| list.chunks(8).count() as u64;
    let index = size_of_val(&knows.index) as u64;
    match rule {
        Rule::Never => 0,
        Rule::Index | Rule::IndexIgnored => index,
        Rule::Vectors | Rule::VectorsByHalf => {
            index + size_of_val(&knows.checkpoints[..]) as u64 + bits(&knows.taken) + bits(&knows.greater)
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Induced {
    /// The messages of the run and what the environment says of it, with the states that are recorded.
    pub trace: Vec<Event>,
    /// Checkpoints of timers.
    pub basic: u64,
    /// Checkpoints that a message forced.
    pub forced: u64,
    /// Messages.
    pub messages: u64,
    /// Bytes that they carried beside their records.
    pub carried: u64,
}

/// Goes through a run. Timers go off every `interval`, one process after another.
pub fn induce(topology: &Topology, trace: &[Event], rule: Rule, interval: Nanos) -> Induced {
    let n = topology.len();
    let mut induced = Induced::default();
    let mut attempts: BTreeMap<Attempt, Vec<Peer>> = BTreeMap::new();
    let mut messages: BTreeMap<(Attempt, ChannelId, u64), Knowledge> = BTreeMap::new();
    for event in trace {
        let (me, now) = (event.process.index(), event.time.0);
        let lines = matches!(event.kind, Kind::Send { .. } | Kind::Apply { .. } | Kind::Read { .. });
        if !lines {
            if matches!(event.kind, Kind::Crash | Kind::Begin { .. } | Kind::Restore { .. }) {
                induced.trace.push(event.clone());
            }
            continue;
        }
        let interval = interval.0.max(1);
        let peers = attempts
            .entry(event.attempt)
            .or_insert_with(|| (0..n).map(|i| Peer::new(n, now + interval + interval * i as u64 / n as u64)).collect());
        let peer = &mut peers[me];
        let snap = |peer: &mut Peer, trace: &mut Vec<Event>| {
            peer.checkpoint(me);
            let checkpoint = CheckpointId(peer.knows.checkpoints[me]);
            trace.push(event.spot().event(Kind::Snap { checkpoint, digest: 0 }));
        };
        if now >= peer.due {
            snap(peer, &mut induced.trace);
            induced.basic += 1;
            peer.due += interval * (1 + (now - peer.due) / interval);
        }
        match event.kind {
            Kind::Send { channel, m, .. } => {
                peer.sent_to[topology.channels[channel.index()].to.index()] = true;
                messages.insert((event.attempt, channel, m), peer.knows.clone());
                induced.messages += 1;
                induced.carried += carried(rule, &peer.knows);
            }
            Kind::Apply { channel, m } => {
                if let Some(message) = messages.remove(&(event.attempt, channel, m)) {
                    if peer.forces(me, rule, &message) {
                        snap(peer, &mut induced.trace);
                        induced.forced += 1;
                    }
                    peer.learn(me, &message);
                }
            }
            _ => {}
        }
        induced.trace.push(event.clone());
    }
    induced
}
