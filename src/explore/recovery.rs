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
    loop {
        world.menu(&mut menu);
        let brings_up = |choice: &&Choice| {
            matches!(
                choice,
                Choice::Revive | Choice::Tell(..) | Choice::Apply(_) | Choice::Answer(_) | Choice::Detect(..)
            )
        };
        let Some(choice) = menu.iter().find(brings_up) else { return };
        make(world, *choice, observer, path);
    }
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
