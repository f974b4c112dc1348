//! Counts the records of each key.

use crate::engine::keyed::Keyed;
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};
use crate::engine::snapshot::OperatorState;

/// Emits, for each record, how many of its key have come.
#[derive(Clone, Default)]
pub struct Count(Keyed<i64>);

impl Operator for Count {
    fn alter(&mut self, record: &mut Record, _chosen: Chosen) -> bool {
        let count = self.0.entry(&record.key);
        *count += 1;
        record.value = Datum::Int(*count);
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
