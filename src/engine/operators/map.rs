//! Adds a number to every integer value.

use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Emit, Operator};

/// Adds this, wrapping around.
#[derive(Clone)]
pub struct Map(pub i64);

impl Operator for Map {
    fn apply(&mut self, _side: u32, mut record: Record, _chosen: Chosen, emit: &mut Emit) {
        if let Datum::Int(value) = &mut record.value {
            *value = value.wrapping_add(self.0);
        }
        emit(record);
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
