//! The first record of each key.

use crate::engine::keyed::{Keyed, Stateful};
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};

/// Emits the first record of each key, with the value 1.
#[derive(Clone, Default)]
pub struct Distinct(Keyed<bool>);

impl Operator for Distinct {
    fn alter(&mut self, record: &mut Record, _chosen: Chosen) -> bool {
        let first = !std::mem::replace(self.0.entry(&record.key), true);
        record.value = Datum::Int(1);
        first
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
