//! A keyed join of two inputs.

use crate::engine::keyed::Keyed;
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Emit, Operator};
use crate::engine::snapshot::OperatorState;

use super::words::part_of;

/// Keeps every record of both sides and emits a pair for each match, when its later half arrives.
#[derive(Clone, Default)]
pub struct Join(Keyed<[Vec<Datum>; 2]>);

impl Operator for Join {
    fn splits(&self) -> bool {
        true
    }

    fn split(&mut self, side: u32, record: Record, emit: &mut Emit) {
        let sides = self.0.entry(&record.key);
        let (own, other) = (side as usize & 1, 1 - (side as usize & 1));
        sides[own].push(record.value.clone());
        for (i, match_) in sides[other].iter().enumerate() {
            let (left, right) = if own == 0 { (&record.value, match_) } else { (match_, &record.value) };
            let value = Datum::Pair((left.clone(), right.clone()).into());
            emit(Record { id: part_of(record.id, i), key: record.key.clone(), value });
        }
    }

    fn state(&self) -> OperatorState {
        // A list is pairs that nest to the right and end in 0.
        let list = |values: &[Datum]| {
            values.iter().rev().fold(Datum::Int(0), |rest, value| Datum::Pair((value.clone(), rest).into()))
        };
        let pair = |sides: &[Vec<Datum>; 2]| Datum::Pair((list(&sides[0]), list(&sides[1])).into());
        let keyed = self.0.iter().map(|(key, sides)| (key.clone(), pair(sides))).collect();
        OperatorState { keyed, ..OperatorState::default() }
    }

    fn restore(&mut self, state: &OperatorState) {
        self.0 = Keyed::default();
        for (key, value) in &state.keyed {
            if let Datum::Pair(pair) = value {
                *self.0.entry(key) = [values(&pair.0), values(&pair.1)];
            }
        }
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}

fn values(mut list: &Datum) -> Vec<Datum> {
    let mut values = Vec::new();
    while let Datum::Pair(pair) = list {
        values.push(pair.0.clone());
        list = &pair.1;
    }
    values
}
