//! An operator chain: record in, records out; state to a snapshot and back.
//!
//! To add an operator: one file in `operators/` and one row in [`make`].

use super::keyed::{Stateful, Tables};
use super::message::{Element, Record};
use super::operators::*;
use super::snapshot::OperatorState;
use crate::topology::OperatorKind;

/// Where an operator puts what it makes.
pub type Emit<'a> = dyn FnMut(Record) + 'a;

/// What the environment decided for the record at hand, where an operator asks for it.
pub type Chosen = i64;

/// One operator of a chain. Deterministic in its inputs; what isn't comes as `chosen`. It makes at most one record
/// out of one (`alter`), or any number (`split`).
pub trait Operator: Send + Sync {
    /// Takes a record and changes it in place into what it emits; false: it emits nothing.
    fn alter(&mut self, _record: &mut Record, _chosen: Chosen) -> bool {
        unreachable!("an operator that splits isn't asked to alter")
    }

    /// Does it make several records out of one, or look at which side a record comes from?
    fn splits(&self) -> bool {
        false
    }

    /// If it splits: takes one record from input side `side` (0 but for operators with two inputs).
    fn split(&mut self, _side: u32, _record: Record, _emit: &mut Emit) {
        unreachable!("an operator that alters isn't asked to split")
    }

    /// Where its state is, if it has any.
    fn stateful(&self) -> Option<&dyn Stateful> {
        None
    }

    /// The same, to change it.
    fn stateful_mut(&mut self) -> Option<&mut dyn Stateful> {
        None
    }

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
        OperatorKind::PassOn { keys } => Box::new(pass_on::PassOn::new(*keys)),
        OperatorKind::LastValue => Box::new(last_value::LastValue::default()),
        OperatorKind::Choose => Box::new(choose::Choose),
    }
}

/// The operators of one subtask, in order.
pub struct Chain {
    operators: Vec<Box<dyn Operator>>,
    chooses: bool,
    splits: bool,
}

impl Clone for Chain {
    fn clone(&self) -> Self {
        Chain { operators: self.operators.iter().map(|o| o.fork()).collect(), ..*self }
    }
}

impl Chain {
    /// A chain without state.
    pub fn new(kinds: &[OperatorKind]) -> Self {
        let operators: Vec<_> = kinds.iter().map(make).collect();
        Chain {
            chooses: kinds.iter().any(|kind| matches!(kind, OperatorKind::Choose)),
            splits: operators.iter().any(|operator| operator.splits()),
            operators,
        }
    }

    /// Must the environment choose before a record can be applied?
    #[inline]
    pub fn chooses(&self) -> bool {
        self.chooses
    }

    /// Can it make several records out of one?
    #[inline]
    pub fn splits(&self) -> bool {
        self.splits
    }

    /// Runs a record through all operators, none of which splits; false: nothing comes out.
    #[inline(always)]
    pub fn alter(&mut self, record: &mut Record, chosen: Chosen) -> bool {
        self.operators.iter_mut().all(|operator| operator.alter(record, chosen))
    }

    /// Runs a record through all operators.
    #[inline]
    pub fn apply(&mut self, side: u32, record: Record, chosen: Chosen, emit: &mut Emit) {
        run(&mut self.operators, side, record, chosen, emit);
    }

    /// From here on keyed state that doesn't fit into memory lies in tables of these. Called before anything else, if at
    /// all.
    pub fn lend(&mut self, tables: &dyn Tables) {
        self.operators.iter_mut().filter_map(|operator| operator.stateful_mut()).for_each(|state| state.lend(tables));
    }

    /// These records come next: see [`Stateful::soon`].
    #[inline]
    pub fn soon(&self, next: &[Element<Record>]) {
        self.operators.first().and_then(|first| first.stateful()).into_iter().for_each(|state| state.soon(next));
    }

    /// The states of all operators, in the canonical form.
    pub fn state(&self) -> Vec<OperatorState> {
        self.operators.iter().map(|operator| operator.stateful().map(Stateful::state).unwrap_or_default()).collect()
    }

    /// The same, for a snapshot: nothing large is copied.
    pub fn cut(&mut self) -> Vec<OperatorState> {
        self.operators
            .iter_mut()
            .map(|operator| operator.stateful_mut().map(Stateful::cut).unwrap_or_default())
            .collect()
    }

    /// Puts the states of a snapshot into place.
    ///
    /// # Panics
    /// If the chain has another length than the snapshot's.
    pub fn restore(&mut self, states: &[OperatorState]) {
        assert_eq!(states.len(), self.operators.len(), "a snapshot is restored into the chain that took it");
        for (operator, state) in self.operators.iter_mut().zip(states) {
            operator.stateful_mut().into_iter().for_each(|own| own.restore(state));
        }
    }
}

fn run(operators: &mut [Box<dyn Operator>], side: u32, mut record: Record, chosen: Chosen, emit: &mut Emit) {
    match operators.split_first_mut() {
        None => emit(record),
        Some((first, rest)) if first.splits() => {
            first.split(side, record, &mut |record| run(rest, 0, record, chosen, emit));
        }
        Some((first, rest)) => {
            if first.alter(&mut record, chosen) {
                run(rest, 0, record, chosen, emit);
            }
        }
    }
}
