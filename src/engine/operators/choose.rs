//! An operator whose outcome nobody can foresee.

use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Emit, Operator};

/// Adds what the environment chose.
#[derive(Clone)]
pub struct Choose;

impl Operator for Choose {
    fn apply(&mut self, _side: u32, mut record: Record, chosen: Chosen, emit: &mut Emit) {
        if let Datum::Int(value) = &mut record.value {
            *value = value.wrapping_add(chosen);
        }
        emit(record);
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
