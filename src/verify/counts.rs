//! What every channel and every life has counted in a job attempt.
//!
//! Three folds count the same lines: that channels keep their order, where cuts are, and what was sent in the
//! surviving history. Each has numbers of its own, and says itself what they mean; they lie side by side, because
//! nearly every line of a trace touches them.

use super::taken::Taken;
use crate::ids::*;
use crate::topology::Topology;
use crate::trace::Datum;
use std::collections::BTreeMap;

/// As the number of the next message: not known, anything goes.
pub(crate) const ANY: u64 = u64::MAX;

/// A multiset of (key, value), as a count and a commutative sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub count: u64,
    sum: u64,
}

impl Tally {
    /// One more.
    pub fn add(&mut self, key: &Datum, value: &Datum) {
        match (key, value) {
            (Datum::Int(key), Datum::Int(value)) => self.integers(*key, *value),
            (key, value) => self.word(key.hash64().rotate_left(25) ^ value.hash64()),
        }
    }

    /// One more pair of integers: they come together before anything is mixed, and one round is enough.
    #[inline(always)]
    pub fn integers(&mut self, key: i64, value: i64) {
        self.word((key as u64).wrapping_mul(0xd6e8_feb8_6659_fd93) ^ value as u64);
    }

    #[inline(always)]
    fn word(&mut self, word: u64) {
        // The shift after the multiplication is what keeps sums of hashes from being hashes of sums.
        let word = (word ^ word >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.count += 1;
        self.sum = self.sum.wrapping_add(word ^ word >> 29);
    }

    /// All of another, so many times.
    pub fn plus(&mut self, other: Tally, times: u64) {
        self.count = self.count.wrapping_add(other.count.wrapping_mul(times));
        self.sum = self.sum.wrapping_add(other.sum.wrapping_mul(times));
    }
}

/// A channel in one attempt.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Lane {
    /// Who sends.
    pub from: TaskId,
    /// Who applies.
    pub to: TaskId,
    /// Order: the number of the next message to be sent, or `ANY`.
    pub next_sent: u64,
    /// Order: the number of the next message to be applied, or `ANY`.
    pub next_rcvd: u64,
    /// Cuts: messages that were sent.
    pub sent: u64,
    /// Cuts: messages that were received.
    pub rcvd: u64,
    /// Effects: what was sent in this life.
    pub tally: Tally,
    /// First in, first out? Otherwise `next_rcvd` is `ANY`, and what was received is a set: see [`Board::loose`].
    pub fifo: bool,
}

impl Lane {
    /// The next number, which may be anything but `ANY`.
    #[inline(always)]
    pub fn after(m: u64) -> u64 {
        m.saturating_add(1).min(ANY - 1)
    }
}

/// A subtask in one attempt.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    /// Was it heard of?
    pub known: bool,
    /// What was sent in the surviving history before this life.
    pub tally: Tally,
}

/// One attempt of the job.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    /// By channel.
    pub lanes: Box<[Lane]>,
    /// By subtask.
    pub before: Box<[Before]>,
    /// What was received on channels that aren't FIFO.
    pub loose: BTreeMap<ChannelId, Taken>,
}

impl Board {
    /// An attempt in which nothing has happened; `next`: the first number of every channel.
    pub fn new(topology: &Topology, next: u64) -> Self {
        let lane = |c: &crate::topology::Channel| Lane {
            from: c.from,
            to: c.to,
            next_sent: next,
            next_rcvd: if c.fifo { next } else { ANY },
            sent: 0,
            rcvd: 0,
            tally: Tally::default(),
            fifo: c.fifo,
        };
        Board {
            lanes: topology.channels.iter().map(lane).collect(),
            before: vec![Before::default(); topology.len()].into(),
            loose: BTreeMap::new(),
        }
    }

    /// What a subtask has sent along the surviving history; nothing if it was never heard of.
    pub fn tally(&self, topology: &Topology, task: TaskId) -> Option<Tally> {
        let Before { known, mut tally } = self.before[task.index()];
        let mut own = Tally::default();
        topology.subtasks[task.index()].outputs.iter().for_each(|c| own.plus(self.lanes[c.index()].tally, 1));
        tally.plus(own, 1);
        (known || own.count > 0).then_some(tally)
    }

    /// A subtask begins from here.
    pub fn begin(&mut self, topology: &Topology, task: TaskId, tally: Tally) {
        self.before[task.index()] = Before { known: true, tally };
        for channel in &topology.subtasks[task.index()].outputs {
            self.lanes[channel.index()].tally = Tally::default();
        }
    }
}
