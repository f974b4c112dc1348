//! The canonical encoding of a snapshot's state, and its digest, a second time: docs/trace.md says it byte for byte, and
//! this is written from there. Golden vectors and random snapshots hold both implementations together.
//!
//! Bytes first and then one pass over them, where the engine feeds words; its own order of keys; its own arithmetic.

use crate::ids::*;
use crate::trace::{Datum, Txn};
use std::cmp::Ordering;

/// What one operator of a chain keeps.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    /// Keyed state, in any order.
    pub keyed: Vec<(Datum, Datum)>,
    /// The split list.
    pub split: Vec<Datum>,
    /// The union list.
    pub union: Vec<Datum>,
    /// Broadcast state.
    pub broadcast: Option<Datum>,
}

/// The state of a subtask at a cut. Records in flight are not part of it: a trace has them line by line.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The operators of the chain, in order.
    pub operators: Vec<Operator>,
    /// Source positions, and whether the end was reached.
    pub positions: Vec<(PartitionId, Offset, bool)>,
    /// Transactions that are prepared and not known to be committed.
    pub transactions: Vec<Txn>,
    /// The round-robin position of each outgoing edge.
    pub turns: Vec<u32>,
    /// It had finished.
    pub finished: bool,
}

impl State {
    /// The encoding.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        list(&mut out, &self.operators, operator);
        list(&mut out, &self.positions, |out, (partition, offset, ended)| {
            number(out, partition.0.into());
            number(out, offset.0);
            number(out, (*ended).into());
        });
        list(&mut out, &self.transactions, |out, txn| {
            number(out, txn.attempt.0.into());
            number(out, txn.task.0.into());
            number(out, txn.number);
        });
        list(&mut out, &self.turns, |out, turn| number(out, (*turn).into()));
        number(&mut out, self.finished.into());
        out
    }

    /// The digest that `snap`, `put` and `restore` name.
    pub fn digest(&self) -> u64 {
        digest(&self.bytes())
    }
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn list<T>(out: &mut Vec<u8>, items: &[T], item: impl Fn(&mut Vec<u8>, &T)) {
    number(out, items.len() as u64);
    for one in items {
        item(out, one);
    }
}

fn operator(out: &mut Vec<u8>, state: &Operator) {
    let mut keyed: Vec<&(Datum, Datum)> = state.keyed.iter().collect();
    keyed.sort_by(|one, other| order(&one.0, &other.0));
    list(out, &keyed, |out, (key, value)| {
        datum(out, key);
        datum(out, value);
    });
    list(out, &state.split, datum);
    list(out, &state.union, datum);
    list(out, state.broadcast.as_slice(), datum);
}

fn datum(out: &mut Vec<u8>, value: &Datum) {
    number(out, kind(value));
    match value {
        Datum::Int(int) => out.extend_from_slice(&int.to_le_bytes()),
        Datum::Text(text) => padded(out, text.as_bytes()),
        Datum::Bytes(bytes) => padded(out, bytes),
        Datum::Pair(pair) => {
            datum(out, &pair.0);
            datum(out, &pair.1);
        }
    }
}

/// The length, the bytes, and zeros up to a whole number.
fn padded(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(8), 0);
}

fn kind(value: &Datum) -> u64 {
    match value {
        Datum::Int(_) => 1,
        Datum::Text(_) => 2,
        Datum::Bytes(_) => 3,
        Datum::Pair(_) => 4,
    }
}

/// Numbers by value, texts and bytes by their bytes, pairs by the left and then by the right; kinds in that order.
fn order(one: &Datum, other: &Datum) -> Ordering {
    match (one, other) {
        (Datum::Int(one), Datum::Int(other)) => one.cmp(other),
        (Datum::Text(one), Datum::Text(other)) => one.as_bytes().cmp(other.as_bytes()),
        (Datum::Bytes(one), Datum::Bytes(other)) => one.cmp(other),
        (Datum::Pair(one), Datum::Pair(other)) => order(&one.0, &other.0).then_with(|| order(&one.1, &other.1)),
        _ => kind(one).cmp(&kind(other)),
    }
}

/// The digest of an encoding, whose length is a multiple of 8.
pub fn digest(bytes: &[u8]) -> u64 {
    let times = |one: u64, other: u64| (u128::from(one) * u128::from(other)) as u64;
    let turned = |word: u64, by: u32| word.rotate_left(by);
    let (mut left, mut right) = (0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344);
    for chunk in bytes.chunks_exact(8) {
        let word = chunk.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        left = turned(times(left ^ word, 0x9e37_79b9_7f4a_7c15), 29);
        right = times(turned(right, 23) ^ word, 0xd6e8_feb8_6659_fd93);
    }
    let mut end = left ^ turned(right, 32);
    end = times(end ^ (end >> 30), 0xbf58_476d_1ce4_e5b9);
    end = times(end ^ (end >> 27), 0x94d0_49bb_1331_11eb);
    end ^ (end >> 31)
}
