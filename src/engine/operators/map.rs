//! Adds a number to every integer value.

use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};

/// Adds this, wrapping around.
#[derive(Clone)]
pub struct Map(pub i64);

impl Operator for Map {
    fn alter(&mut self, record: &mut Record, _chosen: Chosen) -> bool {
        if let Datum::Int(value) = &mut record.value {
            *value = value.wrapping_add(self.0);
        }
        true
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
