//! Two inputs become one.

use crate::engine::message::Record;
use crate::engine::operator::{Chosen, Emit, Operator};

/// Hands every record on.
#[derive(Clone)]
pub struct Union;

impl Operator for Union {
    fn apply(&mut self, _side: u32, record: Record, _chosen: Chosen, emit: &mut Emit) {
        emit(record);
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
