//! A way through a search as a schedule that any driver can follow: every move becomes the choices of the world that
//! it stands for, with the attempts that they have there.

use super::recovery::{power_failure, start};
use super::rules::{Move, Recovery, Rules};
use super::steps::Watch;
use crate::engine::message::Txn;
use crate::ids::*;
use crate::trace::event::Event;
use crate::world::World;
use crate::world::choice::{AskId, Choice, Fault, Step};
use crate::world::setup::Setup;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// One move of a way, as it happens in a world.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The choices that it consists of.
    pub steps: Vec<Step>,
    /// What was seen.
    pub events: Vec<Event>,
}

/// Follows a way from the beginning. The first leg is the start of the job, if that is one move. Ends early if the
/// engine panics.
pub fn legs(setup: &Arc<Setup>, rules: &Rules, path: &[Move]) -> Vec<Leg> {
    let mut world = World::new(setup);
    let mut legs = Vec::new();
    if rules.recovery == Recovery::Atomic {
        let (mut watch, mut steps) = (Watch::default(), Vec::new());
        start(&mut world, &mut watch, &mut steps);
        legs.push(Leg { steps, events: watch.0 });
    }
    for what in path {
        let (mut watch, mut steps) = (Watch::default(), Vec::new());
        let went = catch_unwind(AssertUnwindSafe(|| match what {
            Move::PowerFailure => power_failure(&mut world, &mut watch, &mut steps),
            Move::Choice(choice) => {
                let choice = match rules.recovery {
                    Recovery::Atomic => renamed(&world, *choice),
                    Recovery::Stepwise => *choice,
                };
                steps.push(Step::from(choice));
                world.apply(Step::from(choice), &mut watch).expect("a search offers what its world offers");
            }
        }));
        legs.push(Leg { steps, events: watch.0 });
        if went.is_err() {
            break;
        }
    }
    legs
}

/// The choice with the attempts that it has in this world: a search with atomic recovery starts counting over.
fn renamed(world: &World, choice: Choice) -> Choice {
    let coordinator = world.setup().topology.coordinator();
    let newest = world.coordinators().last().map_or(Attempt(1), |who| who.attempt);
    let job = world.newest_job();
    let life = |who: Incarnation| {
        let attempt = if who.task == coordinator { newest } else { job };
        Incarnation { attempt, ..who }
    };
    let ask = |ask: AskId| AskId { asker: life(ask.asker), ..ask };
    match choice {
        Choice::Deliver(_, channel) => Choice::Deliver(job, channel),
        Choice::Overtake(_, channel) => Choice::Overtake(job, channel),
        Choice::Jump(_, channel, at) => Choice::Jump(job, channel, at),
        Choice::Read(who, slot) => Choice::Read(life(who), slot),
        Choice::Choose(who, value) => Choice::Choose(life(who), value),
        Choice::Tell(from, to) => Choice::Tell(life(from), life(to)),
        Choice::Apply(id) => Choice::Apply(ask(id)),
        Choice::Answer(id) => Choice::Answer(ask(id)),
        Choice::Fire(who, timer) => Choice::Fire(life(who), timer),
        Choice::Detect(by, lost) => Choice::Detect(life(by), life(lost)),
        Choice::Revive => Choice::Revive,
        Choice::Expire(vertex, txn) => {
            let same = |other: &Txn| other.task == txn.task && other.number == txn.number;
            let mut open = world.ledger(vertex).into_iter().flat_map(|ledger| ledger.unsettled());
            Choice::Expire(vertex, open.find(same).unwrap_or(txn))
        }
        Choice::Fault(fault) => Choice::Fault(match fault {
            Fault::Crash(who) => Fault::Crash(life(who)),
            Fault::Failover => Fault::Failover,
            Fault::Suspect(by, lost) => Fault::Suspect(life(by), life(lost)),
            Fault::LoseControl(from, to) => Fault::LoseControl(life(from), life(to)),
            Fault::FailRequest(id) => Fault::FailRequest(ask(id)),
            Fault::LoseReply(id) => Fault::LoseReply(ask(id)),
            Fault::Wish(who, wish) => Fault::Wish(life(who), wish),
        }),
    }
}
