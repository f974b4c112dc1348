//! Drops records by their key.

use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Emit, Operator};

/// Drops the records whose integer key is a multiple of this.
#[derive(Clone)]
pub struct Filter(pub i64);

impl Operator for Filter {
    fn apply(&mut self, _side: u32, record: Record, _chosen: Chosen, emit: &mut Emit) {
        let dropped = matches!(record.key, Datum::Int(key) if self.0 != 0 && key.wrapping_rem(self.0) == 0);
        if !dropped {
            emit(record);
        }
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
