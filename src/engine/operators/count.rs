//! Counts the records of each key.

use crate::engine::keyed::{Keyed, Stateful};
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};

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
