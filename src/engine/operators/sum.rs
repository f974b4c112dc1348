//! Adds the values of each key.

use crate::engine::keyed::Keyed;
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};
use crate::engine::snapshot::OperatorState;

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

    fn state(&self) -> OperatorState {
        let keyed = self.0.iter().map(|(key, v)| (key.clone(), Datum::Int(*v))).collect();
        OperatorState { keyed, ..OperatorState::default() }
    }

    fn restore(&mut self, state: &OperatorState) {
        self.0 = Keyed::default();
        for (key, value) in &state.keyed {
            if let Datum::Int(v) = value {
                *self.0.entry(key) = *v;
            }
        }
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
