//! Counts the records of each key.

use crate::engine::keyed::{Keyed, Tables};
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
