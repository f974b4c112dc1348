//! The anchor's states and transitions, counted one by one and without any reduction: as many as other checkers
//! found in a model of the same protocol that shares no line with this one.

use cutline::explore::anchor::setup;
use cutline::explore::recovery::start;
use cutline::protocols::anchor::Instance;
use cutline::trace::event::Event;
use cutline::world::World;
use cutline::world::choice::{Choice, Step};
use cutline::world::observer::Observer;
use std::collections::BTreeSet;

struct Nobody;

impl Observer for Nobody {
    fn event(&mut self, _event: Event) {}
}

/// What a search found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    states: usize,
    transitions: usize,
    ends: usize,
}

/// The world after the start, with everything running and nothing sent.
fn started(instance: &Instance) -> World {
    let mut world = World::new(&setup(instance).expect("an instance of a size that there is"));
    start(&mut world, &mut Nobody, &mut Vec::new());
    world
}

/// Breadth-first, every choice of the menu from every state; `visit` sees each end.
fn count(instance: &Instance, mut visit: impl FnMut(&World)) -> Count {
    let first = started(instance);
    let mut seen = BTreeSet::from([first.fingerprint()]);
    let mut count = Count { states: 1, ..Count::default() };
    let (mut layer, mut menu) = (vec![first], Vec::<Choice>::new());
    while !layer.is_empty() {
        let mut next = Vec::new();
        for world in layer {
            world.menu(&mut menu);
            if menu.is_empty() {
                count.ends += 1;
                visit(&world);
            }
            for choice in &menu {
                count.transitions += 1;
                let mut child = world.clone();
                child.apply(Step::from(*choice), &mut Nobody).expect("it is on the menu");
                if seen.insert(child.fingerprint()) {
                    next.push(child);
                }
            }
        }
        count.states += next.len();
        layer = next;
    }
    count
}

fn check(instance: Instance, states: usize, transitions: usize) {
    let found = count(&instance, |world| assert_eq!(world.job_ended(), Some(true)));
    assert_eq!(found, Count { states, transitions, ends: 1 });
}

#[test]
fn two_records_and_one_checkpoint() {
    check(Instance::new(2, 2, 2, 1), 158_163, 799_001);
}
