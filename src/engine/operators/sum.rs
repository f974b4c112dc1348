//! Adds the values of each key.

use crate::engine::keyed::{Keyed, Stateful};
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};

/// Emits, for each record, the sum of its key so far, wrapping around.
#[derive(Clone, Default)]
pub struct Sum(Keyed<i64>);

impl Operator for Sum {
    fn alter(&mut self, record: &mut Record, _chosen: Chosen) -> bool {
        let sum = self.0.entry(&record.key);
        if let Datum::Int(value) = record.value {
            *sum = sum.wrapping_add(value);
        }
        record.value = Datum::Int(*sum);
        true
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
