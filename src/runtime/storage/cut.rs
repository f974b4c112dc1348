//! A snapshot as bytes: chunks of keyed state, and a head with everything else.
//!
//! A chunk holds the entries of one key group of one operator, or of a part of it where it is large, in key order. So
//! where few keys change between two checkpoints, most chunks are the same bytes again.

use super::format;
use super::mirror::{self, Atom, Data, Hash, Head};
use crate::engine::message::{Datum, Record, StoreKey};
use crate::engine::snapshot::{OperatorState, Snapshot};
use crate::ids::*;
use crate::topology::KEY_GROUPS;
use crate::trace::record::Shadow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A chunk has about so many keys at most.
const CHUNK_KEYS: u32 = 512;

/// A piece of keyed state.
pub struct Piece {
    /// The hash of the bytes.
    pub hash: Hash,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The chunks of one operator.
///
/// # Errors
/// In words, if a value can't be stored.
pub fn pieces(operator: &OperatorState) -> Result<Vec<Piece>, String> {
    let mut sizes = vec![0u32; KEY_GROUPS as usize];
    operator.keyed.keys().for_each(|key| sizes[key.key_group() as usize] += 1);
    let mut first = Vec::with_capacity(sizes.len());
    let mut parts = 0;
    for size in &sizes {
        first.push(parts);
        parts += size.div_ceil(CHUNK_KEYS).next_power_of_two() as usize;
    }
    first.push(parts);
    let mut chunks: Vec<Vec<Atom>> = vec![Vec::new(); parts];
    for (key, value) in &operator.keyed {
        let (hash, group) = (key.hash64(), key.key_group() as usize);
        let among = (first[group + 1] - first[group]) as u64; // a power of two; the low bits choose the group
        let chunk = &mut chunks[first[group] + ((hash >> 32) & (among - 1)) as usize];
        mirror::flatten(key, chunk)?;
        mirror::flatten(value, chunk)?;
    }
    let piece = |atoms: &Vec<Atom>| {
        let bytes = postcard::to_stdvec(atoms).map_err(|error| format!("cannot be written down: {error}"))?;
        Ok(Piece { hash: *blake3::hash(&bytes).as_bytes(), bytes })
    };
    chunks.iter().filter(|atoms| !atoms.is_empty()).map(piece).collect()
}

/// The head of a snapshot. `chunks`: where each operator's chunks are.
///
/// # Errors
/// In words, if a value can't be stored.
pub fn head<'a>(
    key: &StoreKey,
    snapshot: &'a Snapshot,
    shadow: &Shadow,
    packs: Vec<String>,
    chunks: Vec<Vec<mirror::Chunk>>,
) -> Result<Head<'a>, String> {
    let mut data = Vec::new();
    for operator in &snapshot.operators {
        let all = operator.split.iter().chain(&operator.union).chain(&operator.broadcast);
        all.into_iter().try_for_each(|datum| mirror::flatten(datum, &mut data))?;
    }
    for record in snapshot.channels.iter().flat_map(|(_, records)| records.iter()) {
        mirror::flatten(&record.key, &mut data)?;
        mirror::flatten(&record.value, &mut data)?;
    }
    let operator = |(operator, chunks): (&OperatorState, _)| mirror::Operator {
        split: operator.split.len() as u32,
        union: operator.union.len() as u32,
        broadcast: operator.broadcast.is_some(),
        chunks,
    };
    Ok(Head {
        key: mirror::key(key),
        digest: snapshot.digest(),
        operators: snapshot.operators.iter().zip(chunks).map(operator).collect(),
        offsets: snapshot.offsets.iter().map(|(partition, offset, ended)| (partition.0, offset.0, *ended)).collect(),
        channels: snapshot.channels.iter().map(|(i, all)| (i.0, all.iter().map(mirror::id).collect())).collect(),
        transactions: snapshot.transactions.iter().map(mirror::transaction).collect(),
        turns: snapshot.turns.clone(),
        finished: snapshot.finished,
        packs,
        sent: shadow.sent.clone(),
        taken: shadow.taken.clone(),
        data,
    })
}

/// The head of the snapshot under a key.
///
/// # Errors
/// What is wrong with the file, as the rest of a sentence.
pub fn parse<'a>(key: &StoreKey, body: &'a [u8]) -> Result<Head<'a>, String> {
    let head: Head = format::decode(body)?;
    if head.key != mirror::key(key) {
        let (attempt, checkpoint, task) = head.key;
        return Err(format!("is the snapshot of checkpoint {checkpoint} of task {task} of attempt {attempt}"));
    }
    let lost = head.operators.iter().flat_map(|o| &o.chunks).any(|chunk| chunk.pack as usize >= head.packs.len());
    if lost { Err("names a pack that it doesn't list".to_string()) } else { Ok(head) }
}

/// The snapshot of a head and its chunks: `chunk` has their bytes.
///
/// # Errors
/// What is wrong, as the rest of a sentence that begins with the head's name.
pub fn whole<'a>(head: Head, chunk: impl Fn(&mirror::Chunk) -> Result<&'a [u8], String>) -> Result<Snapshot, String> {
    let mut data = Data::new(head.data);
    let mut operators = Vec::new();
    for operator in &head.operators {
        operators.push(OperatorState {
            keyed: keyed(&operator.chunks, &chunk)?,
            split: take(&mut data, operator.split)?,
            union: take(&mut data, operator.union)?,
            broadcast: if operator.broadcast { Some(data.take()?) } else { None },
        });
    }
    let mut channels = Vec::new();
    for (input, ids) in &head.channels {
        let record = |id: &mirror::Id| -> Result<Record, String> {
            Ok(Record { id: mirror::record_id(*id), key: data.take()?, value: data.take()? })
        };
        let records: Vec<Record> = ids.iter().map(record).collect::<Result<_, String>>()?;
        channels.push((InputIndex(*input), records.into()));
    }
    let offset = |(partition, offset, ended): &(u32, u64, bool)| (PartitionId(*partition), Offset(*offset), *ended);
    let snapshot = Snapshot {
        operators,
        offsets: head.offsets.iter().map(offset).collect(),
        channels,
        transactions: head.transactions.iter().copied().map(mirror::txn).collect(),
        turns: head.turns,
        finished: head.finished,
    };
    if !data.is_empty() {
        return Err("has more values than it says".to_string());
    }
    if snapshot.digest() != head.digest {
        return Err("doesn't have the digest that was stored with it".to_string());
    }
    Ok(snapshot)
}

fn take(data: &mut Data, count: u32) -> Result<Vec<Datum>, String> {
    (0..count).map(|_| data.take()).collect()
}

fn keyed<'a>(
    chunks: &[mirror::Chunk],
    chunk: &impl Fn(&mirror::Chunk) -> Result<&'a [u8], String>,
) -> Result<BTreeMap<Datum, Datum>, String> {
    let mut pairs = Vec::new();
    for place in chunks {
        let mut data = Data::new(format::decode(chunk(place)?)?);
        while !data.is_empty() {
            pairs.push((data.take()?, data.take()?));
        }
    }
    let count = pairs.len();
    let keyed: BTreeMap<Datum, Datum> = pairs.into_iter().collect();
    if keyed.len() == count { Ok(keyed) } else { Err("has a key twice".to_string()) }
}

/// The counts beside a snapshot.
pub fn shadow(head: &Head) -> Arc<Shadow> {
    Arc::new(Shadow { sent: head.sent.clone(), taken: head.taken.clone(), ..Shadow::default() })
}
