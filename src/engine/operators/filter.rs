//! Drops records by their key.

use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};

/// Drops the records whose integer key is a multiple of this.
#[derive(Clone)]
pub struct Filter(pub i64);

impl Operator for Filter {
    fn alter(&mut self, record: &mut Record, _chosen: Chosen) -> bool {
        !matches!(record.key, Datum::Int(key) if self.0 != 0 && key.wrapping_rem(self.0) == 0)
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
