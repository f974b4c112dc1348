//! What a checkpoint consists of, as values. Nothing here knows bytes on a disk.

use super::keyed::Frozen;
use super::message::{Datum, Record, StoreKey, Txn};
use super::pairs::Pairs;
use crate::digest::{Digest, mix};
use crate::ids::*;
use std::sync::Arc;

/// The state of one operator of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OperatorState {
    /// Keyed state: belongs to the owner of the key's group.
    pub keyed: Pairs,
    /// More of it, which lies elsewhere. A key that is in both has the value that is in `keyed`.
    pub below: Option<Frozen>,
    /// Split list: every element to exactly one subtask of the next attempt.
    pub split: Vec<Datum>,
    /// Union list: every element to all subtasks.
    pub union: Vec<Datum>,
    /// Broadcast state: the same in all subtasks.
    pub broadcast: Option<Datum>,
}

impl OperatorState {
    /// How many keys there are.
    pub fn keys(&self) -> u64 {
        self.below.as_ref().map_or(self.keyed.len() as u64, Frozen::keys)
    }

    /// Visits all keyed state in the order of keys; that of one key group, or of all.
    pub fn each(&self, group: Option<u32>, visit: &mut dyn FnMut(&Datum, &Datum)) {
        let wanted = |key: &Datum| group.is_none_or(|group| key.key_group() == group);
        let mut above = self.keyed.iter().filter(|(key, _)| wanted(key)).peekable();
        if let Some(below) = &self.below {
            below.content.each(group, &mut |key, value| {
                while let Some((key, value)) = above.next_if(|(above, _)| **above < key) {
                    visit(key, value);
                }
                match above.next_if(|(above, _)| **above == key) {
                    Some((key, value)) => visit(key, value),
                    None => visit(&key, &value),
                }
            });
        }
        above.for_each(|(key, value)| visit(key, value));
    }
}

/// One subtask's part of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The operators of the chain, in order.
    pub operators: Vec<OperatorState>,
    /// Source positions: the next offset of each partition, and whether its end was reached.
    pub offsets: Vec<(PartitionId, Offset, bool)>,
    /// Records in flight at the cut, for each input in order.
    pub channels: Vec<(InputIndex, Arc<[Record]>)>,
    /// Transactions that are prepared and not known to be committed.
    pub transactions: Vec<Txn>,
    /// The round-robin position of each outgoing edge.
    pub turns: Vec<u32>,
    /// What a protocol in which everybody is alone keeps beside it.
    pub logs: Option<Arc<Logs>>,
    /// It had finished before the checkpoint: stands for a part that was never stored.
    pub finished: bool,
}

/// What was sent, and how much was taken, up to a cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Logs {
    /// By output: how many records went into it, and the last of them.
    pub sent: Vec<(u64, Arc<[Record]>)>,
    /// By input: how many records were taken.
    pub taken: Vec<u64>,
}

/// What a subtask holds of the job at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Operator states, offsets and turns. Of a subtask that has processed all its input, only that.
    pub state: Snapshot,
    /// Output that was not handed over yet.
    pub output: Vec<super::message::Record>,
}

/// One subtask's entry of a completion record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Its snapshot is stored here.
    Stored(StoreKey),
    /// It had finished before; this is the snapshot that it finished with, if it ever took one.
    Finished,
}

impl Part {
    /// Where it is stored.
    pub fn key(&self) -> Option<StoreKey> {
        match self {
            Part::Stored(key) => Some(*key),
            Part::Finished => None,
        }
    }
}

/// The completion record of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Manifest {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// The job attempt that took it.
    pub attempt: Attempt,
    /// An entry for each subtask, in order.
    pub parts: Vec<Part>,
}

impl Manifest {
    /// The parts that are stored, in the order of subtasks.
    pub fn stored(&self) -> impl Iterator<Item = StoreKey> + '_ {
        self.parts.iter().filter_map(Part::key)
    }
}

impl Datum {
    /// Adds the canonical encoding: a tag, then the content.
    pub fn digest(&self, d: &mut Digest) {
        match self {
            Datum::Int(i) => {
                d.word(1);
                d.word(*i as u64);
            }
            Datum::Text(text) => {
                d.word(2);
                d.bytes(text.as_bytes());
            }
            Datum::Bytes(bytes) => {
                d.word(3);
                d.bytes(bytes);
            }
            Datum::Pair(pair) => {
                d.word(4);
                pair.0.digest(d);
                pair.1.digest(d);
            }
        }
    }

    /// A hash that is the same everywhere.
    #[inline(always)]
    pub fn hash64(&self) -> u64 {
        if let Datum::Int(i) = self { mix(*i as u64) } else { self.long_hash() }
    }

    #[inline(never)]
    fn long_hash(&self) -> u64 {
        let mut d = Digest::new();
        self.digest(&mut d);
        d.finish64()
    }

    /// The key group it belongs to.
    #[inline(always)]
    pub fn key_group(&self) -> u32 {
        (self.hash64() % crate::topology::KEY_GROUPS as u64) as u32
    }
}

impl Record {
    /// Adds the canonical encoding: partition, offset, part, key, value.
    pub fn digest(&self, d: &mut Digest) {
        d.word(self.id.partition.0 as u64);
        d.word(self.id.offset.0);
        d.word(self.id.part as u64);
        self.key.digest(d);
        self.value.digest(d);
    }
}

impl Snapshot {
    /// The digest of the state at the cut: everything but the records in flight, which have an entry of
    /// their own in traces. Canonical encoding, in this order: operators (keyed pairs in key order, split,
    /// union, broadcast), offsets, transactions, turns, finished; every list with its length.
    pub fn digest(&self) -> u64 {
        let d = &mut Digest::new();
        d.word(self.operators.len() as u64);
        for operator in &self.operators {
            d.word(operator.keys());
            operator.each(None, &mut |key, value| {
                key.digest(d);
                value.digest(d);
            });
            for list in [&operator.split, &operator.union] {
                d.word(list.len() as u64);
                list.iter().for_each(|datum| datum.digest(d));
            }
            d.word(operator.broadcast.is_some() as u64);
            operator.broadcast.iter().for_each(|datum| datum.digest(d));
        }
        d.word(self.offsets.len() as u64);
        for (partition, offset, ended) in &self.offsets {
            d.word(partition.0 as u64);
            d.word(offset.0);
            d.word(*ended as u64);
        }
        d.word(self.transactions.len() as u64);
        for txn in &self.transactions {
            d.word(txn.attempt.0 as u64);
            d.word(txn.task.0 as u64);
            d.word(txn.number);
        }
        d.word(self.turns.len() as u64);
        self.turns.iter().for_each(|turn| d.word(*turn as u64));
        d.word(self.finished as u64);
        d.finish64()
    }
}
