//! Tumbling count windows.

use crate::engine::keyed::{Keyed, Stateful};
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};

/// Emits the sum of the values of a key for every `size` records of it. A window that isn't full at the end is
/// dropped.
#[derive(Clone)]
pub struct Window {
    size: i64,
    open: Keyed<(i64, i64)>, // records, sum
}

impl Window {
    /// Windows of so many records.
    pub fn new(size: u32) -> Self {
        Window { size: size as i64, open: Keyed::default() }
    }
}

impl Operator for Window {
    fn alter(&mut self, record: &mut Record, _chosen: Chosen) -> bool {
        let (count, sum) = self.open.entry(&record.key);
        *count += 1;
        if let Datum::Int(value) = record.value {
            *sum = sum.wrapping_add(value);
        }
        let full = *count >= self.size;
        if full {
            record.value = Datum::Int(*sum);
            (*count, *sum) = (0, 0);
        }
        full
    }

    fn stateful(&self) -> Option<&dyn Stateful> {
        Some(&self.open)
    }

    fn stateful_mut(&mut self) -> Option<&mut dyn Stateful> {
        Some(&mut self.open)
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
