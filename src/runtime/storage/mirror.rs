//! What is stored, as types that serde knows. The engine's own types stay free of it.
//!
//! Data of any shape are one flat list of [`Atom`]s: a pair is the mark [`Atom::Pair`] and the atoms of its two halves.
//! So a file can't make the reader recurse deeper than [`DEPTH_MAX`].

use crate::engine::message::{Datum, Record, StoreKey, Txn};
use crate::engine::snapshot::{Manifest, Part};
use crate::ids::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Pairs of pairs of pairs: so deep at most.
pub const DEPTH_MAX: u32 = 64;

/// A piece of a datum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Atom<'a> {
    /// A whole number.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// The next two data are the halves of a pair.
    Pair,
}

/// Adds the atoms of a datum.
///
/// # Errors
/// If it is deeper than [`DEPTH_MAX`].
pub fn flatten<'a>(datum: &'a Datum, atoms: &mut Vec<Atom<'a>>) -> Result<(), String> {
    match datum {
        Datum::Int(i) => atoms.push(Atom::Int(*i)),
        Datum::Text(text) => atoms.push(Atom::Text(text)),
        Datum::Bytes(bytes) => atoms.push(Atom::Bytes(bytes)),
        Datum::Pair(_) => return flatten_pair(datum, atoms, 0),
    }
    Ok(())
}

fn flatten_pair<'a>(datum: &'a Datum, atoms: &mut Vec<Atom<'a>>, depth: u32) -> Result<(), String> {
    let Datum::Pair(pair) = datum else { return flatten(datum, atoms) };
    if depth == DEPTH_MAX {
        return Err(format!("a value has pairs inside of pairs, more than {DEPTH_MAX} deep"));
    }
    atoms.push(Atom::Pair);
    flatten_pair(&pair.0, atoms, depth + 1)?;
    flatten_pair(&pair.1, atoms, depth + 1)
}

/// Data, one after another, out of their atoms.
pub struct Data<'a>(std::vec::IntoIter<Atom<'a>>);

impl<'a> Data<'a> {
    /// From the first atom on.
    pub fn new(atoms: Vec<Atom<'a>>) -> Self {
        Data(atoms.into_iter())
    }

    /// Is nothing left?
    pub fn is_empty(&self) -> bool {
        self.0.as_slice().is_empty()
    }

    /// The next datum.
    ///
    /// # Errors
    /// If there is none, or it is too deep.
    pub fn take(&mut self) -> Result<Datum, String> {
        self.at(0)
    }

    fn at(&mut self, depth: u32) -> Result<Datum, String> {
        Ok(match self.0.next() {
            None => return Err("has fewer values than it says".to_string()),
            Some(Atom::Int(i)) => Datum::Int(i),
            Some(Atom::Text(text)) => Datum::Text(text.into()),
            Some(Atom::Bytes(bytes)) => Datum::Bytes(bytes.to_vec().into()),
            Some(Atom::Pair) if depth == DEPTH_MAX => return Err("has pairs that are too deep".to_string()),
            Some(Atom::Pair) => Datum::Pair(Arc::new((self.at(depth + 1)?, self.at(depth + 1)?))),
        })
    }
}

/// (attempt, checkpoint, task).
pub type Key = (u32, u64, u32);
/// (attempt, task, number).
pub type Transaction = (u32, u32, u64);
/// (partition, offset, part).
pub type Id = (u32, u64, u32);
/// BLAKE3.
pub type Hash = [u8; 32];

/// A [`FileKind::Marker`](super::format::FileKind::Marker).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The digest of the job that the store belongs to.
    pub job: u64,
    /// The job in words.
    pub about: String,
}

/// A [`FileKind::State`](super::format::FileKind::State).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRecord {
    /// Its place in the log.
    pub seq: u64,
    /// The hash of the bytes of the record before; zeros for the first one.
    pub before: Hash,
    /// Who wrote it.
    pub writer: u64,
    /// The highest token that ever led.
    pub leader: u32,
    /// Whose token that is.
    pub led_by: u64,
    /// The newest attempt.
    pub attempt: u32,
    /// The token that began it.
    pub begun_by: u32,
    /// What it was begun from.
    pub base: Option<u64>,
    /// Has the job ended, and with all of it processed?
    pub ended: Option<bool>,
    /// The newest checkpoint that was ever completed.
    pub newest: u64,
    /// Files of attempts up to this one belong to somebody else.
    pub unclaimed: Option<u32>,
    /// Retained completion records, oldest first.
    pub completed: Vec<Completed>,
    /// Records of savepoints, oldest first.
    pub saved: Vec<Completed>,
}

/// A completion record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// The checkpoint.
    pub checkpoint: u64,
    /// The job attempt that took it.
    pub attempt: u32,
    /// The token that completed it.
    pub token: u32,
    /// An entry for each subtask; none: finished before.
    pub parts: Vec<Option<Key>>,
}

/// A [`FileKind::Snapshot`](super::format::FileKind::Snapshot): all of a subtask's part but its keyed state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head<'a> {
    /// Where it belongs.
    pub key: Key,
    /// The digest of the snapshot: what is put together of head and chunks must have it.
    pub digest: u64,
    /// The operators of the chain, in order.
    pub operators: Vec<Operator>,
    /// Source positions: partition, offset, ended.
    pub offsets: Vec<(u32, u64, bool)>,
    /// Records in flight, for each input: their ids.
    pub channels: Vec<(u32, Vec<Id>)>,
    /// Transactions that are prepared.
    pub transactions: Vec<Transaction>,
    /// Round-robin positions.
    pub turns: Vec<u32>,
    /// It had finished before.
    pub finished: bool,
    /// The names of the packs that chunks are in.
    pub packs: Vec<String>,
    /// Counts as of the cut: records sent.
    pub sent: Vec<u64>,
    /// Records taken.
    pub taken: Vec<u64>,
    /// Split, union and broadcast data of all operators, then keys and values of the records in flight.
    #[serde(borrow)]
    pub data: Vec<Atom<'a>>,
}

/// The state of one operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// How many split data.
    pub split: u32,
    /// How many union data.
    pub union: u32,
    /// Is there broadcast state?
    pub broadcast: bool,
    /// Its keyed state.
    pub chunks: Vec<Chunk>,
}

/// Where a chunk of keyed state is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The hash of its content: its name.
    pub hash: Hash,
    /// The pack, an index into [`Head::packs`].
    pub pack: u32,
    /// Its place in the pack.
    pub index: u32,
    /// Its length in bytes.
    pub bytes: u32,
}

/// A [`FileKind::Pack`](super::format::FileKind::Pack).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack<'a> {
    /// Chunks: each the postcard of a list of [`Atom`]s, keys and values in turn.
    #[serde(borrow)]
    pub chunks: Vec<&'a [u8]>,
}

/// To the mirror.
pub fn key(key: &StoreKey) -> Key {
    (key.attempt.0, key.checkpoint.0, key.task.0)
}

/// And back.
pub fn store_key((attempt, checkpoint, task): Key) -> StoreKey {
    StoreKey { attempt: Attempt(attempt), checkpoint: CheckpointId(checkpoint), task: TaskId(task) }
}

/// To the mirror.
pub fn transaction(txn: &Txn) -> Transaction {
    (txn.attempt.0, txn.task.0, txn.number)
}

/// And back.
pub fn txn((attempt, task, number): Transaction) -> Txn {
    Txn { attempt: Attempt(attempt), task: TaskId(task), number }
}

/// To the mirror.
pub fn id(record: &Record) -> Id {
    (record.id.partition.0, record.id.offset.0, record.id.part)
}

/// And back.
pub fn record_id((partition, offset, part): Id) -> RecordId {
    RecordId { partition: PartitionId(partition), part, offset: Offset(offset) }
}

/// To the mirror.
pub fn completed(manifest: &Manifest, token: FencingToken) -> Completed {
    let part = |part: &Part| match part {
        Part::Stored(stored) => Some(key(stored)),
        Part::Finished => None,
    };
    let parts = manifest.parts.iter().map(part).collect();
    Completed { checkpoint: manifest.checkpoint.0, attempt: manifest.attempt.0, token: token.0, parts }
}

/// And back.
pub fn manifest(completed: &Completed) -> Manifest {
    let part = |part: &Option<Key>| part.map_or(Part::Finished, |stored| Part::Stored(store_key(stored)));
    Manifest {
        checkpoint: CheckpointId(completed.checkpoint),
        attempt: Attempt(completed.attempt),
        parts: completed.parts.iter().map(part).collect(),
    }
}
