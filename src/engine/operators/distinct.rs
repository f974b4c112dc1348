//! The first record of each key.

use crate::engine::keyed::{Keyed, Tables};
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
