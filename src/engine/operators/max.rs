//! Keeps the greatest value of each key.

use crate::engine::keyed::Keyed;
use crate::engine::message::{Datum, Record};
use crate::engine::operator::{Chosen, Emit, Operator};
use crate::engine::snapshot::OperatorState;

/// Emits a record when it raises the maximum of its key. A maximum has no inverse: what was counted twice or
/// lost can't be mended later.
#[derive(Clone, Default)]
pub struct Max(Keyed<Option<Datum>>);

impl Operator for Max {
    fn apply(&mut self, _side: u32, record: Record, _chosen: Chosen, emit: &mut Emit) {
        let max = self.0.entry(&record.key);
        if max.as_ref().is_none_or(|max| record.value > *max) {
            *max = Some(record.value.clone());
            emit(record);
        }
    }

    fn state(&self) -> OperatorState {
        let keyed =
            self.0.iter().map(|(key, v)| (key.clone(), v.clone().expect("an entry is made with a value"))).collect();
        OperatorState { keyed, ..OperatorState::default() }
    }

    fn restore(&mut self, state: &OperatorState) {
        self.0 = Keyed::default();
        for (key, value) in &state.keyed {
            *self.0.entry(key) = Some(value.clone());
        }
    }

    fn fork(&self) -> Box<dyn Operator> {
        Box::new(self.clone())
    }
}
