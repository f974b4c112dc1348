//! An operator chain: record in, records out; state to a snapshot and back.
//!
//! To add an operator: one file in `operators/` and one row in [`make`].

use super::message::Record;
use super::operators::*;
use super::snapshot::OperatorState;
use crate::topology::OperatorKind;

/// Where an operator puts what it makes.
pub type Emit<'a> = dyn FnMut(Record) + 'a;

/// What the environment decided for the record at hand, where an operator asks for it.
pub type Chosen = i64;

/// One operator of a chain. Deterministic in its inputs; what isn't comes as `chosen`.
pub trait Operator: Send + Sync {
    /// Takes one record from input side `side` (0 but for operators with two inputs).
    fn apply(&mut self, side: u32, record: Record, chosen: Chosen, emit: &mut Emit);

    /// Its state, in the canonical form.
    fn state(&self) -> OperatorState {
        OperatorState::default()
    }

    /// Puts a state into place.
    fn restore(&mut self, _state: &OperatorState) {}

    /// A copy.
    fn fork(&self) -> Box<dyn Operator>;
}

/// The table of operators.
pub fn make(kind: &OperatorKind) -> Box<dyn Operator> {
    match kind {
        OperatorKind::Map { add } => Box::new(map::Map(*add)),
        OperatorKind::Words => Box::new(words::Words),
        OperatorKind::Filter { drop_multiples_of } => Box::new(filter::Filter(*drop_multiples_of)),
        OperatorKind::KeyedCount => Box::new(count::Count::default()),
        OperatorKind::KeyedSum => Box::new(sum::Sum::default()),
        OperatorKind::KeyedMax => Box::new(max::Max::default()),
        OperatorKind::Distinct => Box::new(distinct::Distinct::default()),
        OperatorKind::Window { size } => Box::new(window::Window::new(*size)),
        OperatorKind::Union => Box::new(union::Union),
        OperatorKind::Join => Box::new(join::Join::default()),
        OperatorKind::LastValue => Box::new(last_value::LastValue::default()),
        OperatorKind::Choose => Box::new(choose::Choose),
    }
}

/// The operators of one subtask, in order.
pub struct Chain {
    operators: Vec<Box<dyn Operator>>,
    chooses: bool,
}

impl Clone for Chain {
    fn clone(&self) -> Self {
        Chain { operators: self.operators.iter().map(|o| o.fork()).collect(), chooses: self.chooses }
    }
}

impl Chain {
    /// A chain without state.
    pub fn new(kinds: &[OperatorKind]) -> Self {
        Chain {
            operators: kinds.iter().map(make).collect(),
            chooses: kinds.iter().any(|kind| matches!(kind, OperatorKind::Choose)),
        }
    }

    /// Must the environment choose before a record can be applied?
    #[inline]
    pub fn chooses(&self) -> bool {
        self.chooses
    }

    /// Runs a record through all operators.
    #[inline]
    pub fn apply(&mut self, side: u32, record: Record, chosen: Chosen, emit: &mut Emit) {
        run(&mut self.operators, side, record, chosen, emit);
    }

    /// The states of all operators.
    pub fn state(&self) -> Vec<OperatorState> {
        self.operators.iter().map(|operator| operator.state()).collect()
    }

    /// Puts the states of a snapshot into place.
    ///
    /// # Panics
    /// If the chain has another length than the snapshot's.
    pub fn restore(&mut self, states: &[OperatorState]) {
        assert_eq!(states.len(), self.operators.len(), "a snapshot is restored into the chain that took it");
        for (operator, state) in self.operators.iter_mut().zip(states) {
            operator.restore(state);
        }
    }
}

fn run(operators: &mut [Box<dyn Operator>], side: u32, record: Record, chosen: Chosen, emit: &mut Emit) {
    match operators.split_first_mut() {
        None => emit(record),
        Some((first, [])) => first.apply(side, record, chosen, emit),
        Some((first, rest)) => first.apply(side, record, chosen, &mut |r| run(rest, 0, r, chosen, emit)),
    }
}
