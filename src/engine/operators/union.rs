//! Two inputs become one.

use crate::engine::message::Record;
use crate::engine::operator::{Chosen, Operator};

/// Hands every record on.
#[derive(Clone)]
pub struct Union;

impl Operator for Union {
    fn alter(&mut self, _record: &mut Record, _chosen: Chosen) -> bool {
        true
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
