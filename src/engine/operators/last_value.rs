//! The last value wins: sensitive to the order of its input.

use crate::engine::keyed::{Keyed, Stateful};
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};

/// Emits, for each record, the pair of the last value of its key (0 at first) and its own.
#[derive(Clone, Default)]
pub struct LastValue(Keyed<Option<Datum>>);

impl Operator for LastValue {
    fn alter(&mut self, record: &mut Record, _chosen: Chosen) -> bool {
        let last = self.0.entry(&record.key);
        let before = last.replace(record.value.clone()).unwrap_or(Datum::Int(0));
        record.value = Datum::Pair((before, record.value.clone()).into());
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
