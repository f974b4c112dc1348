//! The two sequences of choices that a search takes for one step: the start of a job, and a power failure with the
//! start that follows. Each is made of choices that a world offers, and writes them down, so that a path with such
//! steps in it is a schedule like any other.

use crate::ids::Incarnation;
use crate::world::World;
use crate::world::choice::{Choice, Fault, Step};
use crate::world::observer::Observer;

/// Brings a job up: a coordinator starts if there is none, and then always the lowest choice among messages,
/// requests, replies and deaths, until none of those is left. No record is read or delivered and no timer fires.
pub fn start(world: &mut World, observer: &mut impl Observer, path: &mut Vec<Step>) {
    let mut menu = Vec::new();
    while let Some(choice) = lowest(world, &mut menu) {
        make(world, choice, observer, path);
    }
}

/// The lowest choice that brings a job up. The whole menu is only asked where the common ones are missing.
fn lowest(world: &World, menu: &mut Vec<Choice>) -> Option<Choice> {
    let enabled = |choice: &Choice| world.enabled(*choice);
    let told = || world.control().map(|((from, to), _)| Choice::Tell(*from, *to)).find(enabled);
    let applied = || world.asks().map(|(ask, _)| Choice::Apply(*ask)).find(enabled);
    let answered = || world.asks().map(|(ask, _)| Choice::Answer(*ask)).find(enabled);
    told().or_else(applied).or_else(answered).or_else(|| {
        world.menu(menu);
        menu.iter().copied().find(|choice| matches!(choice, Choice::Detect(..) | Choice::Revive))
    })
}

/// Everything dies at once, the lowest first, and all that was under way is lost; then the job is brought up again.
pub fn power_failure(world: &mut World, observer: &mut impl Observer, path: &mut Vec<Step>) {
    let mut lives: Vec<Incarnation> = world.lives().chain(world.coordinators()).collect();
    lives.sort_unstable();
    for who in lives {
        make(world, Choice::Fault(Fault::Crash(who)), observer, path);
    }
    // Requests of the dead could still be done, and messages of the dead could still bring others to life.
    let mut faults = Vec::new();
    loop {
        world.faults(&mut faults);
        let lost = |choice: &&Choice| matches!(choice, Choice::Fault(Fault::FailRequest(_) | Fault::LoseControl(..)));
        let Some(choice) = faults.iter().find(lost) else { break };
        make(world, *choice, observer, path);
    }
    start(world, observer, path);
}

fn make(world: &mut World, choice: Choice, observer: &mut impl Observer, path: &mut Vec<Step>) {
    let step = Step::from(choice);
    path.push(step);
    world.apply(step, observer).expect("a choice that a world lists can be made");
}

/// A job that was brought up after a power failure, with attempts numbered anew: the world that it would be, had it
/// been restored by the first attempt. That is an abstraction of atomic recovery: nothing of an earlier attempt is
/// left that could tell the numbers apart.
pub fn renumbered(world: &World) -> World {
    let mut world = world.renumbered();
    start(&mut world, &mut Nobody, &mut Vec::new());
    world.forget_base();
    world
}

/// The state in which a job has just been brought up.
pub fn started(setup: &std::sync::Arc<crate::world::setup::Setup>) -> World {
    let mut world = World::new(setup);
    start(&mut world, &mut Nobody, &mut Vec::new());
    world
}

/// Watches nothing.
pub struct Nobody;

impl Observer for Nobody {
    fn event(&mut self, _event: crate::trace::event::Event) {}
}
