//! The one producer of events: what a driver saw, as lines. Simulated and real runs share it.
//!
//! A [`Recorder`] belongs to one life of one subtask. It is also the shadow of that life: how many records went
//! into and came out of every channel. Shadows are stored beside snapshots, by the environment, so that counting
//! goes on from the restored cut and a process can't lie about it.

use super::event::{Event, Kappa, Kind, Spot};
use crate::digest::Digest;
use crate::engine::message::Record;
use crate::engine::snapshot::Snapshot;
use crate::ids::*;
use crate::topology::Topology;
use std::sync::Arc;

/// Records sent and taken by one subtask, for each output and input, up to a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shadow {
    /// By output index.
    pub sent: Vec<u64>,
    /// By input index. Where records can overtake each other: those before the first one that isn't taken.
    pub taken: Vec<u64>,
    /// What was taken ahead of others: ascending.
    pub ahead: Vec<(InputIndex, u64)>,
}

impl Shadow {
    /// Adds the canonical encoding.
    pub fn digest(&self, d: &mut Digest) {
        self.sent.iter().chain(&self.taken).for_each(|count| d.word(*count));
        if !self.ahead.is_empty() {
            d.word(u64::MAX - self.ahead.len() as u64);
            self.ahead.iter().for_each(|(input, m)| [input.0 as u64, *m].iter().for_each(|word| d.word(*word)));
        }
    }

    /// The numbers of records of an input that were taken ahead of others.
    pub fn ahead(&self, input: InputIndex) -> impl Iterator<Item = u64> + '_ {
        self.ahead.iter().filter(move |(at, _)| *at == input).map(|(_, m)| *m)
    }

    /// How many records of an input were taken, in whatever order.
    pub fn taken_in_all(&self, input: InputIndex) -> u64 {
        self.taken[input.index()] + self.ahead(input).count() as u64
    }

    /// Counting goes on behind so many records of an input.
    pub fn go_on(&mut self, input: InputIndex, taken: u64) {
        self.taken[input.index()] = taken;
        self.ahead.retain(|(at, _)| *at != input);
    }
}

/// Stamps the events of one life.
#[derive(Clone, Debug)]
pub struct Recorder {
    life: Incarnation,
    n: u32,
    /// The counts as of now.
    pub shadow: Shadow,
}

impl Recorder {
    /// A life without events.
    pub fn new(topology: &Topology, life: Incarnation) -> Self {
        let subtask = topology.subtasks.get(life.task.index());
        let (outputs, inputs) = subtask.map_or((0, 0), |s| (s.outputs.len(), s.inputs.len()));
        Recorder { life, n: 0, shadow: Shadow { sent: vec![0; outputs], taken: vec![0; inputs], ahead: Vec::new() } }
    }

    /// A life of which so many events were recorded before, by a process that is gone.
    pub fn after(topology: &Topology, life: Incarnation, n: u32) -> Self {
        Recorder { n, ..Recorder::new(topology, life) }
    }

    /// The next event of this life.
    #[inline]
    pub fn event(&mut self, time: Nanos, kind: Kind) -> Event {
        self.spot(time).event(kind)
    }

    /// Where the next event of this life is.
    #[inline]
    pub fn spot(&mut self, time: Nanos) -> Spot {
        let n = self.n;
        self.n += 1;
        Spot { process: self.life.task, attempt: self.life.attempt, n, time }
    }

    /// A record goes into a channel: its number there.
    #[inline]
    pub fn send(&mut self, output: u32) -> u64 {
        let next = &mut self.shadow.sent[output as usize];
        *next += 1;
        *next - 1
    }

    /// A record is taken off a channel: its number there.
    #[inline]
    pub fn apply(&mut self, input: InputIndex) -> u64 {
        let next = &mut self.shadow.taken[input.index()];
        *next += 1;
        let m = *next - 1;
        if !self.shadow.ahead.is_empty() {
            self.catch_up(input);
        }
        m
    }

    /// A record is taken off a channel ahead of so many others: its number there.
    pub fn apply_ahead(&mut self, input: InputIndex, of: usize) -> u64 {
        let first = self.shadow.taken[input.index()];
        let left = |m: &u64| !self.shadow.ahead.contains(&(input, *m));
        let m = (first..).filter(left).nth(of).expect("numbers don't come to an end");
        self.shadow.ahead.push((input, m));
        self.shadow.ahead.sort_unstable();
        self.catch_up(input);
        m
    }

    #[cold]
    fn catch_up(&mut self, input: InputIndex) {
        let Shadow { taken, ahead, .. } = &mut self.shadow;
        let next = &mut taken[input.index()];
        while let Some(at) = ahead.iter().position(|one| *one == (input, *next)) {
            ahead.remove(at);
            *next += 1;
        }
    }

    /// The life goes on from a stored cut.
    pub fn restore(&mut self, shadow: &Shadow) {
        self.shadow = shadow.clone();
    }
}

/// Where the next events are of a process that has one life only: the store, a ledger, the environment. The first of
/// so many; `n` counts its events.
#[inline]
pub fn service(process: TaskId, n: &mut u32, events: u32, time: Nanos) -> Spot {
    let spot = Spot { process, attempt: Attempt(1), n: *n, time };
    *n += events;
    spot
}

/// The records in flight of a snapshot, by channel.
pub fn kappa(topology: &Topology, task: TaskId, snapshot: &Snapshot) -> Kappa {
    let inputs = &topology.subtasks[task.index()].inputs;
    let entry = |(input, records): &(InputIndex, Arc<[Record]>)| {
        (inputs[input.index()], records.iter().map(|record| record.id).collect())
    };
    snapshot.channels.iter().map(entry).collect()
}

/// The same, and behind it, by the channels into which it sends, what it logs of them.
pub fn stored_kappa(topology: &Topology, task: TaskId, snapshot: &Snapshot) -> Kappa {
    let kept = kappa(topology, task, snapshot);
    let Some(logs) = &snapshot.logs else { return kept };
    let outputs = topology.subtasks[task.index()].outputs.iter().zip(&logs.sent);
    let logged = outputs.map(|(channel, (_, records))| (*channel, records.iter().map(|record| record.id).collect()));
    kept.iter().cloned().chain(logged).collect()
}

/// The source positions of a snapshot.
pub fn offsets(snapshot: &Snapshot) -> Arc<[(PartitionId, Offset)]> {
    snapshot.offsets.iter().map(|(partition, offset, _)| (*partition, *offset)).collect()
}
