//! Protocols in which every process takes checkpoints by itself: on its own timer, and, where messages carry a word of the
//! sender's checkpoints, before a message that would make one useless.
//!
//! They hold nothing and wait for nothing, so that the messages of a run are the same with them as without. Therefore they
//! aren't run: [`induce`] goes through the messages of a run and says where they would have recorded states. What comes
//! out is a trace again, with those states as its only snapshots, and it is judged by folds that know nothing of this.

use crate::ids::*;
use crate::protocols::alone::rule::{Knowledge, Peer, Rule};
use crate::topology::Topology;
use crate::trace::event::{Event, Kind};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
struct Timed {
    peer: Peer,
    /// When its timer goes off next.
    due: u64,
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
    let mut attempts: BTreeMap<Attempt, Vec<Timed>> = BTreeMap::new();
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
        let peers = attempts.entry(event.attempt).or_insert_with(|| {
            (0..n).map(|i| Timed { peer: Peer::new(n), due: now + interval + interval * i as u64 / n as u64 }).collect()
        });
        let Timed { peer, due } = &mut peers[me];
        let snap = |peer: &mut Peer, trace: &mut Vec<Event>| {
            peer.checkpoint(me);
            let checkpoint = CheckpointId(peer.knows.checkpoints[me]);
            trace.push(event.spot().event(Kind::Snap { checkpoint, digest: 0 }));
        };
        if now >= *due {
            snap(peer, &mut induced.trace);
            induced.basic += 1;
            *due += interval * (1 + (now - *due) / interval);
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
