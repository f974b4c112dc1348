//! The first record of each key.

use crate::engine::keyed::Keyed;
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};
use crate::engine::snapshot::OperatorState;

/// Emits the first record of each key, with the value 1.
#[derive(Clone, Default)]
pub struct Distinct(Keyed<bool>);

impl Operator for Distinct {
    fn alter(&mut self, record: &mut Record, _chosen: Chosen) -> bool {
        let first = !std::mem::replace(self.0.entry(&record.key), true);
        record.value = Datum::Int(1);
        first
    }

    fn state(&self) -> OperatorState {
        let keyed = self.0.iter().map(|(key, v)| (key.clone(), Datum::Int(*v as i64))).collect();
        OperatorState { keyed, ..OperatorState::default() }
    }

    fn restore(&mut self, state: &OperatorState) {
        self.0 = Keyed::default();
        for (key, value) in &state.keyed {
            *self.0.entry(key) = *value == Datum::Int(1);
        }
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
