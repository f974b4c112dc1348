//! An operator whose outcome nobody can foresee.

use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};

/// Adds what the environment chose.
#[derive(Clone)]
pub struct Choose;

impl Operator for Choose {
    fn alter(&mut self, record: &mut Record, chosen: Chosen) -> bool {
        if let Datum::Int(value) = &mut record.value {
            *value = value.wrapping_add(chosen);
        }
        true
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
