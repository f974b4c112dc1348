//! A snapshot as bytes: chunks of keyed state, and a head with everything else.
//!
//! A chunk holds the entries of one key group of one operator, or of a part of it where it is large, in key order. So
//! where few keys change between two checkpoints, most chunks are the same bytes again.

use super::format;
use super::mirror::{self, Atom, Data, Hash, Head};
use crate::engine::keyed::{Frozen, Table, Tables};
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

/// Visits the chunks of one operator. Of what lies elsewhere no more than one key group is in memory at a time.
///
/// # Errors
/// In words, if a value can't be stored; or what `visit` says.
pub fn pieces(operator: &OperatorState, visit: &mut dyn FnMut(Piece) -> Result<(), String>) -> Result<(), String> {
    let mut groups: Vec<Vec<(&Datum, &Datum)>> = vec![Vec::new(); KEY_GROUPS as usize];
    for pair in operator.keyed.iter() {
        groups[pair.0.key_group() as usize].push(pair);
    }
    for (n, group) in groups.into_iter().enumerate() {
        let Some(below) = &operator.below else {
            group_pieces(&group, visit)?;
            continue;
        };
        let mut all = Vec::new();
        below.content.each(Some(n as u32), &mut |key, value| all.push((key, value)));
        let mut merged: BTreeMap<&Datum, &Datum> = all.iter().map(|(key, value)| (key, value)).collect();
        merged.extend(group);
        group_pieces(&merged.into_iter().collect::<Vec<_>>(), visit)?;
    }
    Ok(())
}

/// The chunks of one key group, whose pairs are in the order of keys.
fn group_pieces(pairs: &[(&Datum, &Datum)], visit: &mut dyn FnMut(Piece) -> Result<(), String>) -> Result<(), String> {
    let parts = (pairs.len() as u32).div_ceil(CHUNK_KEYS).next_power_of_two();
    let mut chunks: Vec<Vec<Atom>> = vec![Vec::new(); parts as usize];
    for (key, value) in pairs {
        let part = (key.hash64() >> 32) & u64::from(parts - 1); // the low bits chose the group
        mirror::flatten(key, &mut chunks[part as usize])?;
        mirror::flatten(value, &mut chunks[part as usize])?;
    }
    for atoms in chunks.iter().filter(|atoms| !atoms.is_empty()) {
        let bytes = postcard::to_stdvec(atoms).map_err(|error| format!("cannot be written down: {error}"))?;
        visit(Piece { hash: *blake3::hash(&bytes).as_bytes(), bytes })?;
    }
    Ok(())
}

/// The head of a snapshot that has this digest. `chunks`: where each operator's chunks are.
///
/// # Errors
/// In words, if a value can't be stored.
pub fn head<'a>(
    key: &StoreKey,
    (snapshot, digest): (&'a Snapshot, u64),
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
        digest,
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

/// The snapshot of a head and the keyed state of each operator.
///
/// # Errors
/// What is wrong, as the rest of a sentence that begins with the head's name.
pub fn whole(head: Head, keyed: Vec<Gathered>) -> Result<Snapshot, String> {
    let mut data = Data::new(head.data);
    let mut operators = Vec::new();
    for (operator, keyed) in head.operators.iter().zip(keyed) {
        let (keyed, below) = keyed.done()?;
        operators.push(OperatorState {
            keyed: keyed.into(),
            below,
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
        logs: None,
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

/// Keyed state that is put together of chunks: in memory, or in a table.
pub struct Gathered {
    pairs: Vec<(Datum, Datum)>,
    table: Option<Box<dyn Table>>,
    stored: u64,
}

impl Gathered {
    /// Nothing yet. `tables`: where it is to lie; none: in memory.
    pub fn new(tables: Option<&dyn Tables>) -> Self {
        Gathered { pairs: Vec::new(), table: tables.map(Tables::table), stored: 0 }
    }

    /// Adds the pairs of a chunk.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence.
    pub fn add(&mut self, chunk: &[u8]) -> Result<(), String> {
        let mut data = Data::new(format::decode(chunk)?);
        while !data.is_empty() {
            self.pairs.push((data.take()?, data.take()?));
        }
        if let Some(table) = &mut self.table {
            self.stored += self.pairs.len() as u64;
            table.put(&mut self.pairs.drain(..));
        }
        Ok(())
    }

    /// A key that was there twice shows: here, or in the digest, which begins with how many there are.
    fn done(self) -> Result<(BTreeMap<Datum, Datum>, Option<Frozen>), String> {
        let frozen = |table: Box<dyn Table>| Frozen { content: table.freeze(), stored: self.stored, fresh: 0 };
        let below = self.table.map(frozen);
        let count = self.pairs.len();
        let keyed: BTreeMap<Datum, Datum> = self.pairs.into_iter().collect();
        if keyed.len() == count { Ok((keyed, below)) } else { Err("has a key twice".to_string()) }
    }
}

/// The counts beside a snapshot.
pub fn shadow(head: &Head) -> Arc<Shadow> {
    Arc::new(Shadow { sent: head.sent.clone(), taken: head.taken.clone(), ..Shadow::default() })
}
