//! Keeps the greatest value of each key.

use crate::engine::keyed::{Keyed, Stateful};
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Operator};

/// Emits a record when it raises the maximum of its key. A maximum has no inverse: what was counted twice or
/// lost can't be mended later.
#[derive(Clone, Default)]
pub struct Max(Keyed<Option<Datum>>);

impl Operator for Max {
    fn alter(&mut self, record: &mut Record, _chosen: Chosen) -> bool {
        let max = self.0.entry(&record.key);
        let raised = max.as_ref().is_none_or(|max| record.value > *max);
        if raised {
            *max = Some(record.value.clone());
        }
        raised
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
