//! Adds the values of each key.

use crate::engine::keyed::{Keyed, Tables};
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
        self.0.state()
    }

    fn restore(&mut self, state: &OperatorState) {
        self.0.restore(state);
    }

    fn lend(&mut self, tables: &dyn Tables) {
        self.0.lend(tables);
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
