//! The same worlds, searched by a checker that isn't ours: as many states, and as many ways between them.

mod support;
use cutline::explore::anchor::setup;
use cutline::explore::recovery::{self, Nobody};
use cutline::explore::search::{Options, search};
use cutline::protocols::anchor::Instance;
use cutline::world::World;
use cutline::world::choice::{Choice, Step};
use stateright::{Checker, Model, Property};
use std::hash::{Hash, Hasher};
use support::lessons::anchor_rules;

/// A world, known by its fingerprint.
#[derive(Clone)]
struct State {
    world: World,
    fingerprint: u128,
}

impl State {
    fn new(world: World) -> Self {
        State { fingerprint: world.fingerprint(), world }
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.fingerprint)
    }
}

/// Every choice of the menu, from every state.
struct Menu(Instance);

impl Model for Menu {
    type State = State;
    type Action = Choice;

    fn init_states(&self) -> Vec<State> {
        let setup = setup(&self.0).expect("an instance of a size that there is");
        vec![State::new(recovery::started(&setup))]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Choice>) {
        state.world.menu(actions);
    }

    fn next_state(&self, last: &State, choice: Choice) -> Option<State> {
        let mut world = last.world.clone();
        world.apply(Step::from(choice), &mut Nobody).expect("it is on the menu");
        Some(State::new(world))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // Without any, it would stop at once.
        vec![Property::always("goes on", |_, _| true)]
    }
}

/// Counts both ways.
fn check(instance: Instance) {
    let theirs = Menu(instance).checker().spawn_dfs().join();
    let setup = setup(&instance).expect("an instance of a size that there is");
    let ours = search(&setup, Options::new(anchor_rules(0)), None, &mut |_| true);
    let states = theirs.unique_state_count() as u64;
    // It counts the first state as a way to it.
    let transitions = theirs.state_count() as u64 - 1;
    println!("{instance:?}: {states} states, {transitions} transitions");
    assert_eq!((ours.states, ours.transitions), (states, transitions), "{instance:?}");
}

#[test]
fn stateright_counts_as_many() {
    for (sources, records, middles, checkpoints) in [(1, 1, 1, 0), (1, 2, 2, 1), (2, 1, 1, 1), (2, 1, 2, 1)] {
        check(Instance::new(sources, records, middles, checkpoints));
    }
}

/// As many as other checkers found in their own models: 158,163.
#[test]
fn stateright_counts_as_many_with_two_records() {
    check(Instance::new(2, 2, 2, 1));
}
