//! A keyed join of two inputs.

use crate::engine::keyed::{Cell, Keyed, Stateful};
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Emit, Operator};

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

    fn stateful(&self) -> Option<&dyn Stateful> {
        Some(&self.0)
    }

    fn stateful_mut(&mut self) -> Option<&mut dyn Stateful> {
        Some(&mut self.0)
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}

/// A list is pairs that nest to the right and end in 0.
impl Cell for [Vec<Datum>; 2] {
    fn datum(&self) -> Datum {
        let list = |values: &[Datum]| {
            values.iter().rev().fold(Datum::Int(0), |rest, value| Datum::Pair((value.clone(), rest).into()))
        };
        Datum::Pair((list(&self[0]), list(&self[1])).into())
    }

    fn of(datum: &Datum) -> Option<Self> {
        if let Datum::Pair(pair) = datum { Some([values(&pair.0), values(&pair.1)]) } else { None }
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
